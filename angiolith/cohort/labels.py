"""Subjects and sessions of a clinical table beside those of the images: which are found, what others may mean.

A label that is another one's but for leading zeros or case is never joined: it is refused, and the other one is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from angiolith.core.names import nearest

Visit = tuple[str, str]  # subject and session, without `sub-` and `ses-`
SUBJECT = "participant_id"
SESSIONS = ("session_id", "session")


def session_column(table: pd.DataFrame) -> str | None:
    """The column of a clinical table that holds its sessions.

    Parameters
    ----------
    table : pd.DataFrame
        A clinical table.

    Returns
    -------
    str | None
        Name of the column, or None.
    """
    return next((name for name in SESSIONS if name in table), None)


def found_rows(table: pd.DataFrame, visits: set[Visit]) -> tuple[int, int | None]:
    """Number of rows whose subject is one of the images', and whose session is; None without a column of sessions.

    Parameters
    ----------
    table : pd.DataFrame
        A clinical table.
    visits : set[Visit]
        (subject, session) of the images.

    Returns
    -------
    tuple[int, int | None]
        Number of rows by subject, and by subject and session.
    """
    name = session_column(table)
    subjects = table[SUBJECT].isin({subject for subject, _ in visits})
    if name is None:
        return int(subjects.sum()), None
    sessions = table[name].astype(str).str.removeprefix("ses-")
    return int(subjects.sum()), sum(visit in visits for visit in zip(table[SUBJECT], sessions, strict=True))


def wrong_labels(table: pd.DataFrame, visits: set[Visit], path: str | Path) -> list[str]:
    """One line per label that is written otherwise than the images', or one where no row at all is found.

    Parameters
    ----------
    table : pd.DataFrame
        With `participant_id` without `sub-`, its index the row in the file.
    visits : set[Visit]
        (subject, session) of the images.
    path : str | Path
        Path of the table, for messages.

    Returns
    -------
    list[str]
        Messages.
    """
    subjects = {subject for subject, _ in visits}
    problems = _written_otherwise(table[SUBJECT], subjects, "subject", path)
    n_subjects, n_sessions = found_rows(table, visits)
    if not n_subjects and not problems and len(table) and subjects:
        return [_none_found(table[SUBJECT], subjects, "subject", path)]
    name = session_column(table)
    if name is None or problems:
        return problems
    given = table[name].str.removeprefix("ses-")
    for subject, part in given.groupby(table[SUBJECT]):
        sessions = {session for one, session in visits if one == subject}
        problems += _written_otherwise(part, sessions, f"session of sub-{subject}", path)
    if not n_sessions and n_subjects and not problems:
        return [_none_found(given[table[SUBJECT].isin(subjects)], {session for _, session in visits}, "session", path)]
    return problems


def _written_otherwise(given: pd.Series, known: set[str], what: str, path: str | Path) -> list[str]:
    """Labels that are none of the known ones, but for zeros or case; a known one that is given itself is not meant."""
    plain = {_plain(label): label for label in known - set(given)}
    return [
        f"{path}, row {row}, {given.name}: {label!r} is no {what} of the images; write {plain[_plain(label)]!r}"
        for row, label in given.dropna().items()
        if label not in known and _plain(label) in plain
    ]


def _none_found(given: pd.Series, known: set[str], what: str, path: str | Path) -> str:
    """The line of a table whose labels are all unknown, with the label that the first may stand for."""
    first = str(given.dropna().iloc[0]) if given.notna().any() else "n/a"
    alike = _likeliest(first, known)
    hint = f"is {alike!r} meant by {first!r}?" if alike else nearest(first, sorted(known)[:5])
    return (
        f"{path}: none of its {len(given)} rows has a {what} of the images ({first!r} is none); {hint} Write the "
        "labels as in the images' names"
    )


def _likeliest(label: str, known: Iterable[str]) -> str | None:
    """The only known label with the same number in it, whatever stands before."""
    number = re.search(r"\d+$", label)
    alike = [one for one in known if number and re.sub(r"^\D*0*", "", one) == number[0].lstrip("0")]
    return alike[0] if len(alike) == 1 else None


def _plain(label: str) -> str:
    """A label without `sub-`, `ses-`, case, and zeros before its numbers."""
    return re.sub(r"0+(?=\d)", "", re.sub("^(sub|ses)-", "", label.strip().lower()))
