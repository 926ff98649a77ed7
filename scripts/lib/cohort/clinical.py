"""participants.tsv and readers' ratings as they are given: checked by file, row and column, and freed of names.

Columns that by their name identify a person never reach the cohort's tables; they are told in the job's log.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from scripts.lib.cohort.external import StudyTableError, check_columns, check_keys, read_study_table
from scripts.lib.identifiers import is_identifying_column

LABELS = ("participant_id", "session_id", "subject", "session", "reader")


def read_clinical(path: str | Path, subjects: Iterable[str], one_each: bool = False) -> pd.DataFrame:
    """A clinical table by `participant_id`; columns whose cells are all numbers are numbers, labels stay text.

    subjects: labels of the manifest (without `sub-`); one_each: a subject may stand once only (participants.tsv), else
    once per `session_id` and `reader`, where the table has these. Raises StudyTableError, naming file, row and column.
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
    check_keys(table, keys, path)
    _check_labels(table["participant_id"], set(subjects), path)
    for name in [name for name in table.columns if name not in LABELS]:
        table[name] = _as_numbers(table[name], path)
    return table.reset_index(drop=True)


def _check_labels(given: pd.Series, subjects: set[str], path: str | Path) -> None:
    """Raise StudyTableError for a label that is a subject's but for leading zeros: its values would be lost."""
    plain = {label.lstrip("0"): label for label in subjects - set(given)}
    for row, label in given.items():
        meant = plain.get(label.lstrip("0"))
        if label not in subjects and meant:
            raise StudyTableError(
                f"{path}, row {row}, participant_id: {label!r} is no subject of the images; write {meant!r}"
            )


def _as_numbers(values: pd.Series, path: str | Path) -> pd.Series:
    """Numbers where all cells are; raises StudyTableError where they would be with points for commas."""
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.notna().equals(values.notna()):
        return numbers if values.notna().any() else values
    commas = values.notna() & numbers.isna()
    mended = pd.to_numeric(values[commas].str.replace(",", ".", regex=False), errors="coerce")
    if mended.notna().all():
        row, text = next(iter(values[commas].items()))
        raise StudyTableError(
            f"{path}, row {row}, {values.name}: {text!r} is not a number; write {text.replace(',', '.')}"
        )
    return values
