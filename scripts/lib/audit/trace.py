"""From a cell of a table to the rows, files, images, settings and code that it came from.

    python -m scripts.lib.audit.trace OUTPUT_DIR CELL [--picture FILE.svg]

CELL is `file:value:...:column`: the file under OUTPUT_DIR, values that pick its row, and the column, as in
`cohort/vba_associations.tsv:model2:intimal:complete cases:odds_ratio` or, `cohort/` and `.tsv` left out,
`patients:sub-001:ses-01:age`. A value may stand in any column of the row, or be given as `column=value`; a colon within
is written `\\:`. Where the row names a subject (and session), files of other subjects (and sessions) are left out
further up. The report tells the line for each of its numbers.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from scripts.lib.audit.cell import PERSON, address_parts
from scripts.lib.audit.inventory import flat
from scripts.lib.audit.records import Record, read_records
from scripts.lib.names import nearest
from scripts.lib.tables import read_tsv

SEAL_RULE = "seal_subject"  # bundles all sessions of a subject
EXAMPLE = "CELL='patients:sub-001:ses-01:wmh_volume_cm3'"
SHORT = 12  # hex digits of a hash that are printed


class TraceError(ValueError):
    """The cell cannot be found; the message names the nearest known name."""


@dataclass(frozen=True)
class Cell:
    """A cell of a table: its value, and what its row says of subject and session (None where it says nothing)."""

    file: str
    column: str
    value: str
    row: Mapping[str, str]

    @property
    def subject(self) -> str | None:
        return self.row.get("subject")

    @property
    def session(self) -> str | None:
        return self.row.get("session")


@dataclass(frozen=True)
class Step:
    """A file on the way to the cell; `record` is None for a file that no job made."""

    name: str
    sha256: str
    depth: int
    record: Record | None


def find_cell(root: Path, text: str) -> Cell:
    """The one cell that `file:value:...:column` names. Raises TraceError."""
    file, *rest = address_parts(text)
    if not rest:
        raise TraceError(f"{text!r} is no cell; give table, row and column, as in {EXAMPLE}")
    *values, column = rest
    file = next((name for name in (file, f"cohort/{file}", f"cohort/{file}.tsv") if (root / name).is_file()), file)
    path = root / file
    if not path.is_file() or path.suffix != ".tsv":
        known = [found.relative_to(root).as_posix() for found in root.glob("cohort/*.tsv")]
        raise TraceError(f"{file}: no such table under {root}; {nearest(file, known)}")
    table = read_tsv(path, dtype=str).fillna("n/a")
    if column not in table.columns:
        raise TraceError(f"{file}: no column {column!r}; {nearest(column, table.columns)}")
    rows = table
    for value in values:
        matches = rows[_fits(rows, value)]
        if matches.empty:
            raise TraceError(f"{file}: no row with {value!r} among the {len(rows)} that the values before it leave")
        rows = matches
    if len(rows) != 1:
        apart = [name for name in rows.columns if rows[name].nunique() > 1][:3]
        examples = "; ".join(" ".join(f"{name}={row[name]}" for name in apart) for _, row in rows.head(3).iterrows())
        raise TraceError(f"{file}: {len(rows)} rows fit; give one more value, of these: {examples}")
    row = {str(name): str(value) for name, value in rows.iloc[0].items() if value != "n/a"}
    return Cell(file, column, str(rows.iloc[0][column]), row)


def _fits(rows: pd.DataFrame, value: str) -> pd.Series:
    """Whether each row has the value: `sub-X`, `ses-X` and `column=value` in that column, others in any.

    A part of a cell will do where no cell is just this: `intimal` for `calcification_pattern[intimal]`.
    """
    name, separator, wanted = value.partition("=")
    for prefix, column in (("sub-", "subject"), ("ses-", "session")):
        if value.startswith(prefix):
            name, separator, wanted = column, "=", value.removeprefix(prefix)
    if separator and name in rows.columns:
        return rows[name] == wanted
    equal = (rows == value).any(axis=1)
    return equal if equal.any() else rows.apply(lambda cells: cells.str.contains(value, regex=False)).any(axis=1)


def lineage(records: Sequence[Record], cell: Cell) -> list[Step]:
    """The files behind the cell, nearest first, each once, at its smallest distance in jobs.

    Raises TraceError if no job's record says that it made the table.
    """
    maker = {name: record for record in records for name in record.outputs}
    if cell.file not in maker:
        raise TraceError(f"{cell.file}: no job says that it made this file; run the workflow again")
    steps: dict[str, Step] = {}
    waiting = [(cell.file, maker[cell.file].outputs[cell.file], 0)]
    while waiting:
        name, digest, depth = waiting.pop(0)
        if name in steps:
            continue
        record = maker.get(name)
        steps[name] = Step(name, digest, depth, record)
        if record:  # what a subject's own job read all concerns the subject: both visits, for a change between them
            own = "subject" in record.wildcards and record.rule != SEAL_RULE
            read = ((source, sha) for source, sha in record.inputs.items() if own or concerns(source, cell))
            waiting += [(source, sha, depth + 1) for source, sha in read]
    return list(steps.values())


def concerns(name: str, cell: Cell) -> bool:
    """False for the file of another subject, or of another session where the cell has one."""
    parts = name.split("/")
    person = {part[:4]: part[4:] for part in parts[:-1] if part.startswith(("sub-", "ses-"))}
    if cell.subject and person.get("sub-", cell.subject) != cell.subject:
        return False
    return not (cell.session and person.get("ses-", cell.session) != cell.session)


def rows_behind(root: Path, cell: Cell, steps: Sequence[Step]) -> pd.DataFrame | None:
    """The rows of the analysis that the table was made from, or None where it was not made from an analysis."""
    data = next((step.name for step in steps if step.name.endswith("_data.tsv")), None)
    return read_tsv(root / data) if data else None


def trace_text(root: Path, cell: Cell, steps: Sequence[Step]) -> str:
    """The way to the cell as indented text: jobs with digests, settings and versions, files with hashes."""
    return "\n".join(_lines(root, cell, steps)) + "\n"


def _lines(root: Path, cell: Cell, steps: Sequence[Step]) -> Iterator[str]:
    yield f"{cell.file}: {cell.column} = {cell.value}"
    yield "row: " + ", ".join(f"{name} {value}" for name, value in cell.row.items() if name != cell.column)
    rows = rows_behind(root, cell, steps)
    if rows is not None:
        people = [name for name in PERSON if name in rows.columns]
        shown = [" ".join(map(str, row)) for row in rows[people].drop_duplicates().to_numpy()] if people else []
        names = f": {', '.join(shown[:20])}{', ...' if len(shown) > 20 else ''}" if shown else ""
        yield f"analysed rows: {len(rows)}{names}"
    jobs: dict[str, tuple[Record, int]] = {}
    for step in steps:
        if step.record:
            jobs.setdefault(step.record.name, (step.record, step.depth))
    yield ""
    for record, depth in jobs.values():
        inside = "  " * (depth + 1)
        wildcards = " ".join(f"{key}={value}" for key, value in record.wildcards.items())
        yield f"{'  ' * depth}{record.rule} {wildcards}".rstrip() + f"  code {record.code}"
        yield from (f"{inside}made {step.name}  {step.sha256[:SHORT]}" for step in steps if step.record is record)
        if settings := _settings(record.params.get("settings")):
            yield f"{inside}with {settings}"
        yield f"{inside}by {', '.join(f'{name} {version}' for name, version in record.versions.items())}"
    yield ""
    yield "from files that no job made:"
    yield from (f"  {step.name}  {step.sha256[:SHORT]}" for step in steps if step.record is None)


def _settings(settings: Any) -> str:
    """Settings on one line; those of a whole analysis or configuration are counted, since the record has them."""
    if not isinstance(settings, Mapping):
        return ""
    values = list(flat(settings))
    if len(values) > 40:
        return f"{len(values)} settings (see its record)"
    return ", ".join(f"{name}={value}" for name, value in values if json.loads(value) not in (None, [], {}))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output_dir", type=Path)
    parser.add_argument("cell", metavar="CELL")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the way too (.svg, .png or .pdf)")
    given = parser.parse_args()
    try:
        cell = find_cell(given.output_dir, given.cell)
        steps = lineage(list(read_records(given.output_dir)), cell)
    except ValueError as problem:
        print(problem, file=sys.stderr)
        return 2
    print(trace_text(given.output_dir, cell, steps), end="")
    if given.picture:
        from scripts.lib.audit.trace_picture import draw_trace

        draw_trace(cell, steps, given.picture)
        print(f"picture: {given.picture}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
