"""The files behind a cell: from its table back through the jobs' records, along what made that number alone.

A table of an analysis leads to the analysed rows and to those columns of the cohort's table that its row is about; a
column of a cohort's table to the kind of measure, or the clinical table, that holds it; a measure to its job, and from
there each job to all that it read. Where it is not known what a number is about, all is followed.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from angiolith.audit.columns import analysed_columns, before_changes, holders
from angiolith.cohort.ratings import MARKS
from angiolith.core.bids.sidecars import applies
from angiolith.core.cells import PERSON
from angiolith.core.settings.analyses import Analysis
from angiolith.core.tables import read_tsv, was_made
from angiolith.marks.kinds import CALCIFICATION, KINDS
from angiolith.runtime.records import Record, name_in, path_of, record_of_run
from angiolith.steps import MEASURES, behind, made_from

DECISION_COLUMNS = {"mark", "decision"}  # of readers' decisions on marks
REVIEW_COLUMNS = {"picture", "verdict"}  # of the reader's verdicts, which any measure may be taken out by
CHECKS_RULE = "check_images"  # one job for all images of a session


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
        """Label of the cell's subject, None where its row has none."""
        return self.row.get("subject")

    @property
    def session(self) -> str | None:
        """Label of the cell's session, None where its row has none."""
        return self.row.get("session")


@dataclass(frozen=True)
class Step:
    """A file on the way to the cell; `record` is None for a file that no job made, `read`: those of its job's inputs
    that are on the way."""

    name: str
    sha256: str
    depth: int
    record: Record | None
    read: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lineage:
    """The files behind a cell, nearest first, each once, at its smallest distance in jobs; the subjects (and sessions)
    of the rows behind it, None where it is about no one's."""

    cell: Cell
    people: Sequence[tuple[str, ...]] | None
    steps: Sequence[Step]


def lineage(root: Path, records: Iterable[Record], cell: Cell) -> Lineage:
    """The files behind the cell.

    Parameters
    ----------
    root : Path
        The output folder.
    records : Iterable[Record]
        Records of all jobs.
    cell : Cell
        The cell.

    Returns
    -------
    Lineage
        The files by their distance from the cell, with the jobs that made them.

    Raises
    ------
    TraceError
        If no job's record says that it made the table.
    """
    maker = {name: record for record in records for name in record.outputs}
    if cell.file not in maker:
        raise TraceError(f"{cell.file}: no job says that it made this file; run the workflow again")
    walk = Walk(root, cell, maker)
    steps: dict[str, Step] = {}
    waiting = deque([(cell.file, maker[cell.file].outputs[cell.file], 0)])
    checks: deque[tuple[str, str, int]] = deque()  # come last, when it is known which images are on the way
    bundled: set[str] = set()
    while waiting or checks:
        name, digest, depth = waiting.popleft() if waiting else checks.popleft()
        if name in steps:
            continue
        record = maker.get(name)
        if record and record.rule == CHECKS_RULE and waiting:
            checks.append((name, digest, depth))
            continue
        read = tuple(walk.read_by(record, name)) if record else ()
        if record and record.rule == CHECKS_RULE:
            read = tuple(record.inputs if name in bundled else _checked(record, steps))
        if record and record.rule == "seal_subject":
            bundled |= {*read}
        steps[name] = Step(name, digest, depth, record, read)
        waiting += [(source, record.inputs[source], depth + 1) for source in read] if record else []
    return Lineage(cell, walk.people, list(steps.values()))


def _checked(record: Record, steps: Mapping[str, Step]) -> list[str]:
    """The images that a session's checks were read for, with the JSON that describes them: those on the way anyway
    (where it is the checks that were collected, all are)."""
    images = [image for image in record.inputs if image in steps]
    sidecars = [path for path in record.inputs if any(applies(path, image) for image in images)]
    return [*images, *sidecars]


class Walk:
    """Which inputs of each job lead to the cell."""

    def __init__(self, root: Path, cell: Cell, maker: Mapping[str, Record]) -> None:
        self.root, self.cell, self.maker = root, cell, maker
        self.held: dict[str, set[str]] | None = None  # kind of measure -> its columns; None: everything

    @cached_property
    def analysis(self) -> tuple[str, Analysis] | None:
        """Name and settings of the analysis that the cell belongs to."""
        record = self.maker[self.cell.file]
        settings = record.params.get("settings") or {}
        if analysis := settings.get("analysis"):
            return record.wildcards["analysis"], Analysis.model_validate(analysis)
        analyses = settings.get("analyses") or {} if record.rule in ("build_attrition", "assess_agreement") else {}
        names = {self.cell.row.get("analysis"), self.cell.row.get("source")}
        names |= {name for name in analyses if self.cell.file == data_of(name)}
        return next(((name, Analysis.model_validate(analyses[name])) for name in analyses if name in names), None)

    @cached_property
    def people(self) -> list[tuple[str, ...]] | None:
        """Subject, or subject and session, of the rows behind the cell; None where it says nothing of them."""
        if self.cell.subject:
            return [(self.cell.subject, self.cell.session) if self.cell.session else (self.cell.subject,)]
        if self.analysis is None or self.cell.file.endswith("attrition.tsv"):
            return None
        path = self.root / data_of(self.analysis[0])
        if not was_made(path):
            return None
        table = read_tsv(path, dtype=str)
        return list(dict.fromkeys(map(tuple, table[[name for name in PERSON if name in table]].to_numpy())))

    def concerns(self, name: str) -> bool:
        """False for the file of a subject, or of a session, that is not behind the cell.

        Parameters
        ----------
        name : str
            Name of the file, as seen from the output folder.

        Returns
        -------
        bool
            True where it may be behind the cell.
        """
        if self.people is None:
            return True
        parts = name.split("/")
        person = {part[:4]: part[4:] for part in parts[:-1] if part.startswith(("sub-", "ses-"))}
        return "sub-" not in person or any(
            person["sub-"] == keys[0] and (len(keys) < 2 or person.get("ses-", keys[1]) == keys[1])
            for keys in self._by_subject.get(person["sub-"], ())
        )

    @cached_property
    def _by_subject(self) -> dict[str, list[tuple[str, ...]]]:
        found: dict[str, list[tuple[str, ...]]] = {}
        for keys in self.people or ():
            found.setdefault(keys[0], []).append(keys)
        return found

    def read_by(self, record: Record, file: str) -> Iterable[str]:
        """The inputs of a job that are on the path from `file`, one of its outputs, to the cell.

        Parameters
        ----------
        record : Record
            Record of the job.
        file : str
            One of its outputs.

        Returns
        -------
        Iterable[str]
            Names of files.
        """
        inputs = [*record.inputs]
        if record.rule == "build_attrition" and self.analysis:
            return self._given_table(record) or inputs
        if record.rule == "assess_agreement":
            wanted = data_of(self.analysis[0]) if self.analysis else "cohort/ratings.tsv"
            return [name for name in inputs if name == wanted] or inputs
        if record.rule == "collect_metrics":
            return self._collected(record, file)
        if record.rule == "seal_subject" and self.held is not None:
            endings = tuple(f"_{MEASURES[kind]}" for kind in self.held)
            return [name for name in inputs if name.endswith(endings) and self.concerns(name)]
        if (kept := made_from(record.rule, file)) != ".":
            return [name for name in inputs if re.search(kept, name)]
        if (parts := behind(record.rule)) and self.held is not None:
            kind = next(
                kind for kind, ending in MEASURES.items() if any(name.endswith(ending) for name in record.outputs)
            )
            columns = self.held.get(kind) or set().union(*self.held.values())  # a change: its measures have its names
            return [name for name in inputs if _is_part(parts, name, columns)]
        own = "subject" in record.wildcards  # all that a subject's own job read is the subject's: both visits, too
        return inputs if own else [name for name in inputs if self.concerns(name)]

    def _given_table(self, record: Record) -> list[str]:
        """The table that the analysis starts from."""
        assert self.analysis
        name, analysis = self.analysis
        given = record.params["files"][name]["table"]
        own = record_of_run(self.root)  # says in which folder the configuration's paths begin
        workdir = path_of(self.root, own.params["workdir"] if own else ".")
        wanted = {f"cohort/{analysis.table}.tsv", name_in(self.root, workdir / given)}
        return [source for source in record.inputs if source in wanted]

    def _columns(self, file: str) -> set[str]:
        """Columns of `cohort/patients.tsv` or `cohort/lesions.tsv` that the cell is made from."""
        if file == self.cell.file:
            return {self.cell.column}
        assert self.analysis
        name, analysis = self.analysis
        path, found = self.root / data_of(name), {self.cell.column}
        if self.cell.file != data_of(name):
            header = list(read_tsv(path, nrows=0).columns) if was_made(path) else []
            found = analysed_columns(self.cell.row, analysis, header)
        return {source for column in found for source in before_changes(column, analysis)}

    def _collected(self, record: Record, file: str) -> list[str]:
        """What a table of the cohort was collected from, as far as the cell goes."""
        bundles = [name for name in record.inputs if name.endswith("/measures.json") and self.concerns(name)]
        others = [name for name in record.inputs if not name.endswith("/measures.json") and name != "manifest.tsv"]
        paths = {name: path_of(self.root, name) for name in others}
        headers = {name: {*read_tsv(path, nrows=0).columns} for name, path in paths.items()}
        reviews = {name for name, header in headers.items() if header >= REVIEW_COLUMNS}
        decisions = {name for name, header in headers.items() if header >= DECISION_COLUMNS}
        clinical = {name: path for name, path in paths.items() if name not in reviews | decisions}
        row, every = self.cell.row, [path_of(self.root, name) for name in self._all_bundles(record)]
        held: dict[str, set[str]] = {}
        used: set[Path] = set()
        if file == "cohort/change.tsv":
            held = {"change": {row.get("measure", self.cell.column)}}
        elif file == "cohort/ratings.tsv" and row.get("source") == "plaque":
            held = {"plaque": {row["measure"]}}
        elif file == "cohort/marks.tsv":
            held = {KINDS[row.get("kind", CALCIFICATION.name)].measure: {self.cell.column}}
        elif file == "cohort/ratings.tsv" and row.get("source") in MARKS.values():
            return sorted(decisions)
        elif file == "cohort/ratings.tsv":
            used = {path for path in clinical.values() if path.stem == row.get("source")}
            if "tool" in f"{row.get('rater')} {row.get('raters')}":
                held = holders({row["measure"]}, "patients", (), every)[0]
        elif file == "cohort/clinical_tables.tsv":
            used = {path for path in clinical.values() if path.name == Path(row["table"]).name}
        else:
            held, used = holders(self._columns(file), Path(file).stem, clinical.values(), every)
        self.held = held
        found = ["manifest.tsv", *(name for name, path in clinical.items() if path in used)]
        return [
            name for name in [*found, *(reviews if held else ()), *(bundles if held else ())] if name in record.inputs
        ]

    def _all_bundles(self, record: Record) -> list[str]:
        """Every subject's measures, those behind the cell first: a column may be missing in some."""
        bundles = [name for name in record.inputs if name.endswith("/measures.json") and (self.root / name).is_file()]
        return sorted(bundles, key=lambda name: not self.concerns(name))


def data_of(analysis: str) -> str:
    """The analysed rows of an analysis.

    Parameters
    ----------
    analysis : str
        Name of the analysis.

    Returns
    -------
    str
        Path below the output folder.
    """
    return f"cohort/{analysis}_data.tsv"


def _is_part(parts: Mapping[str, str], name: str, columns: Sequence[str] | set[str] | None) -> bool:
    """Whether an input of a job that gathers markers is behind these columns of its table; yes where unknown."""
    kept = [next((keep for of, keep in parts.items() if re.search(of, column)), ".") for column in columns or [""]]
    return any(re.search(keep, name) for keep in kept)
