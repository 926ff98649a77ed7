"""Readers' decisions on the marks: a table of the user's own, read and checked row by row when a run is planned.

A row is what one reader says of one mark of one session: keep, reject, move (to `artery`), redraw or add (`file`: the
drawn mask on the grid of the kind's label map, as seen from the table's folder). `kind` is calcification where it is
empty. `mark` is the cell of that name in the kind's table of marks. It ends with a digest of the mark's voxels: after
another segmentation it names nothing, and is never taken for another mark. `role` is adjudicator for a row that
settles what readers disagree on.

Imports are light, since all of it runs for each job when a run is planned.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from angiolith.core.bids.dates import DateError, iso_date
from angiolith.core.delimited import DelimitedError, read_cells, uneven_rows
from angiolith.core.names import nearest
from angiolith.marks.kinds import ADD, CALCIFICATION, KINDS

REQUIRED = ("subject", "session", "mark", "decision", "artery", "reader", "date", "note")
COLUMNS = (*REQUIRED, "file", "role", "kind")
READER, ADJUDICATOR = ROLES = ("reader", "adjudicator")
MARK = re.compile(r"\d+-[0-9a-f]{8}")
EMPTY = ("", "n/a")
UNUSED = ("seconds",)  # how long the reader looked at the mark: for the reader, no part of the decision
MARK_COLUMN = "mark"  # of a table of marks
Decision = dict[str, str]
"""A row of the table: its cells by column (empty text where missing), `file` as seen from the working folder."""


class DecisionError(ValueError):
    """Decisions cannot be used; one line per problem: file, row, value, remedy."""


def digest_of(mark: str) -> str:
    """The part of a mark's name that its voxels decide.

    Parameters
    ----------
    mark : str
        Name of the mark, `number-digest`.

    Returns
    -------
    str
        The digest.
    """
    return mark.rpartition("-")[2]


def read_decisions(
    paths: Iterable[str | Path], sessions: Collection[tuple[str, str]]
) -> dict[tuple[str, str], list[Decision]]:
    """The decisions of all tables by (subject, session), in an order that does not depend on that of the rows.

    Parameters
    ----------
    paths : Iterable[str | Path]
        Paths of tables of decisions.
    sessions : Collection[tuple[str, str]]
        (subject, session) pairs that exist.

    Returns
    -------
    dict[tuple[str, str], list[Decision]]
        (subject, session) -> decisions.

    Raises
    ------
    DecisionError
        With one line per problem.
    """
    problems: list[str] = []
    found: dict[tuple[str, str], list[Decision]] = {}
    seen: dict[tuple[str, ...], str] = {}
    for path in paths:
        for where, row in _rows(path, problems):
            problems += [f"{where}{problem}" for problem in _problems(row, sessions)]
            what = row["file"] if row["decision"] == ADD else row["mark"]
            key = (*(row[name] for name in ("subject", "session", "kind", "reader", "role")), what)
            if key in seen:
                problems.append(f"{where}: {row['reader']} decided on this mark in {seen[key]} already; keep one row")
            seen.setdefault(key, where)
            found.setdefault((row["subject"], row["session"]), []).append(row)
    if problems:
        raise DecisionError("\n".join(problems))
    return {key: sorted(rows, key=lambda row: [row[name] for name in COLUMNS]) for key, rows in found.items()}


def _rows(path: str | Path, problems: list[str]) -> Iterable[tuple[str, Decision]]:
    """Place (file and row) and cells of every row; what is wrong with the table as a whole goes to `problems`."""
    try:
        cells = read_cells(path)
    except (OSError, DelimitedError) as error:
        problems.append(f"{path}: no such file" if isinstance(error, FileNotFoundError) else str(error))
        return
    header = [name.strip() for name in cells[0]] if cells else []
    unknown = [name for name in header if name not in (*COLUMNS, *UNUSED)]
    missing = [name for name in REQUIRED if name not in header]
    problems += [f"{path}, row 1: unknown column {name!r}; {nearest(name, COLUMNS)}" for name in unknown]
    if missing:
        problems.append(f"{path}, row 1: lacks the column(s) {', '.join(missing)}")
    if len(set(header)) < len(header):
        problems.append(f"{path}, row 1: a column stands twice; delete one")
    uneven = uneven_rows(path, cells, len(header)) if cells else []
    problems += uneven
    if unknown or missing or uneven or len(set(header)) < len(header):
        return
    for number, line in enumerate(cells[1:], start=2):
        given = dict(zip(header, (cell.strip() for cell in line), strict=False))
        if not any(given.values()):
            continue
        row = {name: "" if given.get(name, "") in EMPTY else given[name] for name in COLUMNS}
        row["subject"] = row["subject"].removeprefix("sub-")
        row["session"] = row["session"].removeprefix("ses-")
        row["role"] = row["role"] or READER
        row["kind"] = row["kind"] or CALCIFICATION.name
        if row["file"]:
            row["file"] = os.path.normpath(os.path.join(os.path.dirname(path), row["file"]))
        yield f"{path}, row {number}", row


def _problems(row: Mapping[str, str], sessions: Collection[tuple[str, str]]) -> Iterable[str]:
    """What is wrong with one row, each to be put behind its place."""
    subject, session = row["subject"], row["session"]
    if (subject, session) not in sessions:
        subjects = {each for each, _ in sessions}
        known, kind = ([each for of, each in sessions if of == subject], "session") if subject in subjects else (
            sorted(subjects), "subject")  # fmt: skip
        yield f", {kind}: there is no sub-{subject} ses-{session}; {nearest(row[kind], known)}"
    if row["kind"] not in KINDS:
        yield f", kind: {row['kind']!r} is none; {nearest(row['kind'], list(KINDS))}"
        return
    of = KINDS[row["kind"]]
    if row["decision"] not in of.decisions:
        yield f", decision: {row['decision']!r}; write one of {', '.join(of.decisions)}"
    for name in (*(of.needs(row["decision"]) if row["decision"] in of.decisions else ()), "reader", "date"):
        if not row[name]:
            yield f", {name}: is empty; {row['decision']} needs it"
    if row["mark"] and row["decision"] != ADD and not MARK.fullmatch(row["mark"]):
        yield f", mark: {row['mark']!r} is no mark; copy the column `mark` of {of.file}, as 3-1a2b3c4d"
    if row["artery"] and not of.has_artery:
        yield f", artery: {row['artery']!r}; a {of.name} has none, write n/a"
    elif row["artery"]:
        from angiolith.arteries.names import INDEX, artery_names, parse_name  # not light: only where it is needed

        if parse_name(row["artery"]) not in INDEX:
            yield f", artery: {row['artery']!r} is none; {nearest(row['artery'], artery_names())}"
    if row["role"] not in ROLES:
        yield f", role: {row['role']!r}; write one of {', '.join(ROLES)}"
    if row["date"]:
        try:
            iso_date(row["date"])
        except DateError as error:
            yield f", date: {error}"
    if row["file"] and not Path(row["file"]).is_file():
        yield f", file: {row['file']}: no such file (looked for beside the table)"


def unknown_marks(paths: Iterable[str | Path], marks: Mapping[tuple[str, str, str], Sequence[str]]) -> list[str]:
    """One line per row that names no mark of its session; marks: by (subject, session, kind), where they are known.

    Parameters
    ----------
    paths : Iterable[str | Path]
        Paths of tables of decisions.
    marks : Mapping[tuple[str, str, str], Sequence[str]]
        (subject, session, kind) -> names of the marks.

    Returns
    -------
    list[str]
        Messages.
    """
    problems: list[str] = []
    for path in paths:
        for where, row in _rows(path, []):
            known = marks.get((row["subject"], row["session"], row["kind"]))
            if known is None or row["decision"] == ADD or not row["mark"]:
                continue
            if digest_of(row["mark"]) not in map(digest_of, known):
                problems.append(f"{where}, mark: {stale(row['mark'], known)}")
    return problems


def stale(mark: str, known: Sequence[str]) -> str:
    """The message about a mark that the segmentation does not have.

    Parameters
    ----------
    mark : str
        Name in the decision.
    known : Sequence[str]
        Names of today's marks.

    Returns
    -------
    str
        The message.
    """
    number = mark.partition("-")[0]
    same = next((name for name in known if name.partition("-")[0] == number), None)
    hint = f"its mark {number} is {same} now" if same else nearest(mark, known)
    return f"the segmentation has no mark {mark} ({hint}): look again and decide anew, or delete the row"
