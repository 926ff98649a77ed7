"""What a table of the report hands over when it is copied or downloaded: the files' own cells, never the page's text.

Numbers have all the digits of the file, and what the page prints as a footnote is a column. Tables that the report sums
up itself (the overview, the summary of change) give the numbers that they print, each in a column of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from angiolith.core.cells import PERSON
from angiolith.core.delimited import read_cells
from angiolith.core.manifest_table import FileNote
from angiolith.report.sessions import (
    LESION_MEASURES,
    LOGS,
    PER_ARTERY,
    Session,
    Stage,
    advice,
    counts_of,
    measured,
    unit_of,
)
from angiolith.report.subjects import Subject

NA = "n/a"
DIGITS = 9  # of numbers, as in the files
QUARTILES = {"median": 0.5, "q1": 0.25, "q3": 0.75}
OF_PLAQUES = ("lesion", "artery", "side", "reader", *(measure.column for measure in LESION_MEASURES))


@dataclass(frozen=True)
class Export:
    """A table as it is handed over: text in every cell."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    @property
    def plain(self) -> dict[str, Any]:
        """For a script of the page."""
        return {"header": list(self.header), "rows": [list(row) for row in self.rows]}


def texts_of(path: str | Path) -> pd.DataFrame:
    """The cells of a table as they stand in the file.

    Parameters
    ----------
    path : str | Path
        Path of the table.

    Returns
    -------
    pd.DataFrame
        The table, all text.
    """
    header, *rows = read_cells(path)
    return pd.DataFrame(rows, columns=header, dtype=str)


def of_frame(texts: pd.DataFrame) -> Export:
    """A table of texts with all its columns.

    Parameters
    ----------
    texts : pd.DataFrame
        A table of texts.

    Returns
    -------
    Export
        The export.
    """
    return Export(list(map(str, texts.columns)), texts.to_numpy(str).tolist())


def text(value: Any) -> str:
    """A value as the files write it.

    Parameters
    ----------
    value : Any
        A number, text, or missing value.

    Returns
    -------
    str
        The text.
    """
    if value is None or pd.isna(value):
        return NA
    return f"{value:.{DIGITS}g}" if isinstance(value, float) else str(value)


def of_overview(patients: pd.DataFrame) -> Export:
    """Every measure over the subjects that have it, at the first visit: median and quartiles, or counts.

    Parameters
    ----------
    patients : pd.DataFrame
        The patients' table.

    Returns
    -------
    Export
        The export.
    """
    rows = []
    for measure, values in measured(patients):
        if pd.api.types.is_numeric_dtype(values):
            cells = [*(text(float(values.quantile(at))) for at in QUARTILES.values()), NA]
        else:
            cells = [*[NA] * len(QUARTILES), counts_of(values)]
        rows.append([measure.column, measure.unit or NA, *cells, str(len(values))])
    return Export(["measure", "unit", *QUARTILES, "counts", "n_subjects"], rows)


def of_changes(change: pd.DataFrame) -> Export:
    """Change between visits by measure: number of subjects, median and quartiles.

    Parameters
    ----------
    change : pd.DataFrame
        Long table of changes.

    Returns
    -------
    Export
        The export.
    """
    parts = ("baseline", "followup", "change", "change_per_year")
    rows = [
        [
            str(measure),
            str(of_measure["subject"].nunique()),
            *(text(float(of_measure[part].quantile(at))) for part in parts for at in QUARTILES.values()),
        ]
        for measure, of_measure in change[change["change"].notna()].groupby("measure", sort=False)
    ]
    return Export(["measure", "n_subjects", *(f"{part}_{name}" for part in parts for name in QUARTILES)], rows)


def of_sessions(sessions: Iterable[Session]) -> Export:
    """Every session: date, status and reason of each stage.

    Parameters
    ----------
    sessions : Iterable[Session]
        Sessions of the report.

    Returns
    -------
    Export
        The export.
    """
    sessions = list(sessions)
    stages = [stage.name.replace(" ", "_") for stage in sessions[0].stages] if sessions else []
    header = ["subject", "session", "acq_time", *(f"{name}_{part}" for name in stages for part in ("status", "reason"))]
    header += ["n_waiting"]
    rows = [
        [one.subject, one.session, one.acq_time.replace("–", NA)]
        + [cell or NA for stage in one.stages for cell in (stage.status, stage.reason)]
        + [str(one.n_waiting)]
        for one in sessions
    ]
    return Export(header, rows)


def of_problems(problems: Iterable[tuple[Session, Stage]], texts: Mapping[str, Any]) -> Export:
    """What failed or needs review, with what to do.

    Parameters
    ----------
    problems : Iterable[tuple[Session, Stage]]
        Pairs of session and stage.
    texts : Mapping[str, Any]
        Texts of the report.

    Returns
    -------
    Export
        The export.
    """
    rows = [
        [stage.status, session.subject, session.session, stage.name, stage.reason or NA, advice(stage, texts)]
        + [f"logs/{LOGS[stage.name]}/{session.subject}_{session.session}.log"]
        for session, stage in problems
    ]
    return Export(["status", "subject", "session", "stage", "reason", "what_to_do", "log"], rows)


def of_notes(notes: Iterable[FileNote]) -> Export:
    """The notes on files that were not used, or chosen among several.

    Parameters
    ----------
    notes : Iterable[FileNote]
        Notes on files.

    Returns
    -------
    Export
        The export.
    """
    rows = [[note.status, note.path, str(note.n_files), note.column, note.reason] for note in notes]
    return Export(["status", "path", "n_files", "column", "reason"], rows)


class Tables:
    """The cohort's tables as text, for the subjects' pages."""

    def __init__(self, patients: str | Path, lesions: str | Path, change: str | Path, marks: str | Path) -> None:
        self.marks = dict(list(texts_of(marks).groupby(list(PERSON), sort=False)))
        self.patients = {(row["subject"], row["session"]): row for row in texts_of(patients).to_dict("records")}
        self.change = {(row["subject"], row["measure"]): row for row in texts_of(change).to_dict("records")}
        self.lesions: dict[tuple[str, str], list[dict[str, str]]] = {}
        for row in texts_of(lesions).to_dict("records"):
            self.lesions.setdefault((row["subject"], row["session"]), []).append(row)

    def of_subject(self, subject: Subject) -> dict[str, Export]:
        """The exports of a subject's page by the name of the table.

        Parameters
        ----------
        subject : Subject
            The subject.

        Returns
        -------
        dict[str, Export]
            Name of the table -> its export.
        """
        found = {f"sub-{subject.name}_numbers": self._numbers(subject)}
        found[f"sub-{subject.name}_reasons"] = Export(
            ["visit", "what", "status", "reason"], [[cell or NA for cell in row] for row in subject.reasons]
        )
        for session in subject.sessions:
            key = (session.subject, session.session)
            row = self.patients[key]
            found[f"{session.anchor}_arteries"] = Export(
                ["artery", *PER_ARTERY],
                [[cells[0], *(row.get(f"{name}_{cells[0]}", NA) for name in PER_ARTERY)] for cells in session.arteries],
            )
            if key in self.marks:
                for kind, part in self.marks[key].groupby("kind", sort=False):
                    found[f"{session.anchor}_{kind}_marks"] = of_frame(part)
            drawn = [lesion for lesion in self.lesions.get(key, ()) if lesion["lesion"] != NA]
            columns = [*OF_PLAQUES, "plaque_status", "plaque_reason"]
            found[f"{session.anchor}_plaques"] = Export(
                columns, [[lesion.get(name, NA) for name in columns] for lesion in drawn]
            )
        return found

    def _numbers(self, subject: Subject) -> Export:
        """Every measure at every visit, and its change, where there are two."""
        sessions, with_change = subject.sessions, bool(subject.interval_days)
        parts = ("change", "change_per_year") if with_change else ()
        rows = []
        for number in subject.numbers:
            values = [
                self.patients[one.subject, one.session].get(number.column, NA) if number.column in one.values else NA
                for one in sessions
            ]
            change = self.change.get((subject.name, number.column), {})
            unit = number.unit or unit_of(number.column) or NA
            rows.append([number.column, unit, *values, *(change.get(part, NA) for part in parts)])
        return Export(["measure", "unit", *(f"ses-{one.session}" for one in sessions), *parts], rows)
