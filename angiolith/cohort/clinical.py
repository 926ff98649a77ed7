"""participants.tsv and readers' ratings as they are given: checked by file, row and column, and freed of names.

Columns that by their name identify a person never reach the cohort's tables; the job's log names them. A table
with a mistake in it is left out whole, since nobody knows what else is wrong with it; the others are used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import pandas as pd

from angiolith.cohort.collect import PARTICIPANTS, ClinicalError, as_measured
from angiolith.cohort.dictionaries import dictionary_beside, in_named_units, unknown_levels
from angiolith.cohort.external import StudyTableError, check_columns, check_keys, read_study_table, to_numbers
from angiolith.cohort.labels import Visit, found_rows, wrong_labels
from angiolith.cohort.readings import number_readings
from angiolith.core.identifiers import is_identifying_column
from angiolith.core.tables import FAILED, OK

ACCOUNT = ["table", "rows", "columns", "found_subject", "found_session", "status", "reason"]
Made = TypeVar("Made")
# [number] Problems of a table that are named. Source: layout.
SHOWN = 5
LABELS = ("participant_id", "session_id", "subject", "session", "reader")


class ClinicalTables:
    """The clinical tables that can be used: `participants` (or None) and `ratings` by name; `account` has all given."""

    def __init__(self, participants: str | Path | None, ratings: Iterable[str | Path], visits: Iterable[Visit]) -> None:
        self._visits = set(visits)
        self._paths = {PARTICIPANTS: participants} if participants else {}
        self._paths |= {Path(path).stem: path for path in ratings}
        self._tables: dict[str, pd.DataFrame] = {}
        self._reasons: dict[str, str] = {}
        for name, path in self._paths.items():
            try:
                table = read_clinical(path, self._visits, one_each=name == PARTICIPANTS)
                self._tables[name] = as_measured(table) if name == PARTICIPANTS else table
            except StudyTableError as error:
                self.leave_out(name, one_line(path, error.problems))

    @property
    def participants(self) -> pd.DataFrame | None:
        """Table of participants; None where there is none or it was left out."""
        return self._tables.get(PARTICIPANTS)

    @property
    def ratings(self) -> dict[str, pd.DataFrame]:
        """Tables of ratings by name."""
        return {name: table for name, table in self._tables.items() if name != PARTICIPANTS}

    def leave_out(self, name: str, reason: str) -> None:
        """Use the table no longer.

        Parameters
        ----------
        name : str
            Name of the table.
        reason : str
            Why it is left out.
        """
        self._tables.pop(name, None)
        self._reasons[name] = reason

    def fit(self, make: Callable[[], Made]) -> Made:
        """What `make` makes of the tables; one that it finds not to fit (ClinicalError) is left out first.

        Parameters
        ----------
        make : Callable[[], Made]
            Makes something of the tables.

        Returns
        -------
        Made
            What it made.
        """
        while True:
            try:
                return make()
            except ClinicalError as error:
                self.leave_out(error.table, f"{self._paths[error.table]}: {error.problem}")

    def account(self) -> pd.DataFrame:
        """One row per table that was given, with the columns `ACCOUNT`: how much of it is used, or why it is not.

        found_subject, found_session: rows whose subject, and whose session, has images; missing without sessions.
        """
        rows = []
        for name, path in self._paths.items():
            used, reason = self._tables.get(name), self._reasons.get(name)
            size = (pd.NA,) * 4 if used is None else (len(used), used.shape[1], *found_rows(used, self._visits))
            rows.append((str(path), *size, FAILED if reason else OK, reason))
        return pd.DataFrame(rows, columns=ACCOUNT)


def one_line(path: str | Path, problems: Sequence[str]) -> str:
    """The first problems of a table on one line, the file named once, and how many more there are.

    Parameters
    ----------
    path : str | Path
        Path of the table.
    problems : Sequence[str]
        Messages, at least one.

    Returns
    -------
    str
        One line.
    """
    shown = [problems[0], *(problem.removeprefix(f"{path}, ") for problem in problems[1:SHOWN])]
    return "; ".join([*shown, *([f"and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else [])])


def read_clinical(path: str | Path, visits: Iterable[Visit], one_each: bool = False) -> pd.DataFrame:
    """A clinical table by `participant_id`; columns whose cells are all numbers are numbers, labels stay text.

    Labels that are one of the images' but for zeros or case are wrong, and so is a table of which no row finds a
    subject or a session.

    Parameters
    ----------
    path : str | Path
        Path of the table.
    visits : Iterable[Visit]
        Subject and session of each row of the manifest.
    one_each : bool
        A subject may stand once only (participants.tsv), else once per `session_id` and `reader`, where
        the table has these.

    Returns
    -------
    pd.DataFrame
        One row per row of the file.

    Raises
    ------
    StudyTableError
        For labels, keys or cells that are wrong; the message names file, row and column.
    """
    table = read_study_table(path)
    if "participant_id" not in table and "subject" in table:
        table = table.rename(columns={"subject": "participant_id"})
    check_columns(table, ["participant_id"], path)
    personal = [name for name in table.columns if is_identifying_column(name)]
    if personal:
        print(f"{path}: left out, since they name persons: {', '.join(personal)}")
        table = table.drop(columns=personal)
    table["participant_id"] = table["participant_id"].str.removeprefix("sub-")
    keys = ["participant_id", *(name for name in ("session_id", "reader") if name in table and not one_each)]
    problems: list[str] = []
    try:
        check_keys(table, keys, path)
    except StudyTableError as error:
        problems += error.problems
    problems += wrong_labels(table, set(visits), path)
    for name in [name for name in table.columns if name not in LABELS]:
        table[name], wrong = _as_numbers(table[name], path)
        problems += wrong
    try:
        dictionary = dictionary_beside(path)
    except ValueError as error:
        problems.append(str(error))
        dictionary = {}
    values = {name: entry for name, entry in dictionary.items() if name not in LABELS}
    problems += unknown_levels(table, values, path)
    if problems:
        raise StudyTableError(*problems)
    table, converted = in_named_units(table, values)
    for line in converted:
        print(f"{path}, {line}")
    return table.reset_index(drop=True)


def _as_numbers(values: pd.Series, path: str | Path) -> tuple[pd.Series, list[str]]:
    """Numbers where all cells are; and what is wrong where they would be with another way to write them."""
    try:
        return to_numbers(values, path) if values.notna().any() else values, []
    except StudyTableError as error:
        numbers = pd.to_numeric(values, errors="coerce")
        others = values[values.notna() & numbers.isna()].astype(str)
        return values, [*error.problems] if all(map(number_readings, others)) else []
