"""A subject's page: every number at every visit beside each other, and what changed between the first and the last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from angiolith.core.tables import MISSING, OK
from angiolith.report.plots import addresses_of
from angiolith.report.sessions import MEASURES, Picture, Session, cell, unit_of


@dataclass(frozen=True)
class NumberRow:
    """One measure: its values by visit, and its change where there are two visits."""

    label: str
    unit: str
    values: list[str]
    change: str
    change_per_year: str
    column: str = ""
    change_address: str = ""  # of the row of change.tsv


@dataclass(frozen=True)
class Subject:
    """What a subject's page shows."""

    name: str
    sessions: list[Session]
    numbers: list[NumberRow]
    interval_days: str
    reasons: list[tuple[str, str, str, str]]  # visit, stage or measure, status, reason
    change_picture: Picture | None
    previous: str | None
    next: str | None

    @property
    def page(self) -> str:
        """File name of the subject's page."""
        return f"sub-{self.name}.html"


def collect_subjects(
    sessions: Sequence[Session],
    change: pd.DataFrame,
    change_pictures: Mapping[str, Picture],
    labels: Mapping[str, str],
) -> list[Subject]:
    """The subjects in the order of their sessions; change: the cohort's long table of changes, whose index may be the
    rows' addresses.

    Parameters
    ----------
    sessions : Sequence[Session]
        Sessions of the report.
    change : pd.DataFrame
        Long table of changes.
    change_pictures : Mapping[str, Picture]
        Subject -> picture of the two visits.
    labels : Mapping[str, str]
        Column -> label.

    Returns
    -------
    list[Subject]
        Subjects.
    """
    by_subject: dict[str, list[Session]] = {}
    for session in sessions:
        by_subject.setdefault(session.subject, []).append(session)
    changes = {str(name): part for name, part in change[change["measure"].notna()].groupby("subject")}
    names = list(by_subject)
    around = zip([None, *names], [*names[1:], None], strict=False)
    return [
        _subject(name, by_subject[name], changes.get(name), change_pictures.get(name), labels, *neighbours)
        for name, neighbours in zip(names, around, strict=True)
    ]


def _subject(
    name: str,
    sessions: list[Session],
    change: pd.DataFrame | None,
    picture: Picture | None,
    labels: Mapping[str, str],
    previous: str | None,
    following: str | None,
) -> Subject:
    rows = {} if change is None else {row["measure"]: row for row in change.to_dict("records")}
    addresses = {} if change is None else dict(zip(change["measure"], addresses_of(change), strict=True))
    columns = [measure.column for measure in MEASURES]
    listed = [column for column in columns if any(column in session.values for session in sessions)]
    listed += [measure for measure in rows if measure not in listed]
    days = next((cell(row["interval_days"]) for row in rows.values()), "")
    return Subject(
        name,
        sessions,
        [_number_row(column, sessions, rows.get(column), labels, addresses.get(column, "")) for column in listed],
        days,
        [*_stage_reasons(sessions), *_change_reasons(rows.values(), labels)],
        picture,
        previous,
        following,
    )


def _number_row(
    column: str, sessions: Sequence[Session], row: Mapping[str, Any] | None, labels: Mapping[str, str], address: str
) -> NumberRow:
    values = [session.values.get(column, cell(None)) for session in sessions]
    change, per_year = ("", "") if row is None else (signed(row["change"]), signed(row["change_per_year"]))
    return NumberRow(labels.get(column, column), unit_of(column), values, change, per_year, column, address)


def signed(value: Any) -> str:
    """A change for print, with its sign.

    Parameters
    ----------
    value : Any
        A change.

    Returns
    -------
    str
        The text.
    """
    text = cell(value)
    return f"+{text}" if pd.notna(value) and float(value) > 0 else text


def _stage_reasons(sessions: Sequence[Session]) -> list[tuple[str, str, str, str]]:
    return [
        (session.session, stage.name, stage.status, stage.reason)
        for session in sessions
        for stage in session.stages
        if stage.status != OK
    ]


def _change_reasons(rows: Any, labels: Mapping[str, str]) -> list[tuple[str, str, str, str]]:
    """Reasons of changes that are not ok, the measures of one reason together."""
    together: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        if row["status"] != OK and pd.notna(row["reason"]):
            visits = f"{row['from_session']} → {row['to_session']}"
            status = row["status"] if pd.notna(row["status"]) else MISSING
            together.setdefault((visits, status, row["reason"]), []).append(labels.get(row["measure"], row["measure"]))
    return [(visits, ", ".join(measures), status, reason) for (visits, status, reason), measures in together.items()]
