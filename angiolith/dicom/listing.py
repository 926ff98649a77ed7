"""The table of all series: what was decided of each and why, and what the user answers.

It lies beside the key file, outside of the BIDS folder: descriptions and days of studies may identify a person.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from angiolith.core.bids.dates import DateError, iso_date
from angiolith.core.delimited import tsv_line
from angiolith.core.manifest_checks import LABEL, table_rows
from angiolith.core.names import nearest
from angiolith.core.tables import OWNER_ALONE, write_text_if_changed
from angiolith.dicom.classify import Decision
from angiolith.dicom.people import study_day, without_names
from angiolith.dicom.targets import TARGETS, Candidate

COLUMNS = (
    *("subject", "session", "study_day", "series", "part", "description", "modality", "plane", "files", "slices"),
    *("step_mm", "thickness_mm", "kernel", "echo_ms", "decision", "target", "reason", "image"),
    *("answer", "answer_session", "study_uid", "series_uid"),
)
ANSWERS = (Decision.LEAVE.value, *TARGETS)


class ListingProblem(ValueError):
    """An answer in the table cannot be used; the message says which and what to write."""


@dataclass(frozen=True)
class Listed:
    """A row of the table that an earlier import left: all its cells by column."""

    cells: Mapping[str, str]

    @property
    def key(self) -> tuple[str, int]:
        """UID and part of the series."""
        return self.cells["series_uid"], int(self.cells["part"])

    def get(self, column: str) -> str:
        """A cell of the row; empty for n/a.

        Parameters
        ----------
        column : str
            Name of the column.

        Returns
        -------
        str
            The cell.
        """
        cell = self.cells.get(column, "")
        return "" if cell == "n/a" else cell


def read_listing(path: Path) -> dict[tuple[str, int], Listed]:
    """The rows of the table by series and part; none without a table.

    Parameters
    ----------
    path : Path
        Path of the table.

    Returns
    -------
    dict[tuple[str, int], Listed]
        (series UID, part) -> row.

    Raises
    ------
    ListingProblem
        For an answer, session or part that is not known; the message names the row.
    """
    rows: dict[tuple[str, int], Listed] = {}
    for number, row in table_rows(str(path), "series_uid"):
        one = Listed(row)
        answer, session = one.get("answer"), one.get("answer_session").removeprefix("ses-")
        if answer and answer not in ANSWERS:
            hint = nearest(answer, ANSWERS)
            raise ListingProblem(f"{path}, row {number}: answer {answer!r} is not known; {hint}")
        if session and not LABEL.fullmatch(session):
            raise ListingProblem(f"{path}, row {number}: answer_session {session!r} may hold letters and digits only")
        if not row.get("part", "").isdigit():
            raise ListingProblem(
                f"{path}, row {number}: part {row.get('part')!r} is no number; do not change this column"
            )
        rows[one.key] = one
    return rows


def restored(rows: Mapping[tuple[str, int], Listed], labels: Collection[str]) -> dict[tuple[str, int], Listed]:
    """The rows as they were before a spreadsheet program took zeros off the labels (001) and rewrote the days.

    Parameters
    ----------
    rows : Mapping[tuple[str, int], Listed]
        (series UID, part) -> row.
    labels : Collection[str]
        The subjects of the key file, which is not edited.

    Returns
    -------
    dict[tuple[str, int], Listed]
        (series UID, part) -> row.
    """
    found = {}
    for key, row in rows.items():
        cells = dict(row.cells)
        subject = row.get("subject")
        meant = [label for label in labels if subject and label.lstrip("0") == subject.lstrip("0")]
        if subject not in labels and meant:
            cells["subject"] = meant[0]
            cells["session"] = row.get("session").zfill(2) if row.get("session").isdigit() else row.get("session")
        try:
            cells["study_day"] = iso_date(row.get("study_day"))[:10]
        except DateError:
            cells["study_day"] = "n/a"  # the header says it again
        found[key] = Listed(cells)
    return found


def listed(candidate: Candidate, subject: str, session: str, image: str, earlier: Listed | None) -> Listed:
    """The row of one volume; the answers of an earlier table stay.

    Parameters
    ----------
    candidate : Candidate
        The volume with its verdict.
    subject, session : str
        Labels.
    image : str
        Path of the image, or empty.
    earlier : Listed | None
        The row of an earlier import, or None.

    Returns
    -------
    Listed
        The row.
    """
    volume, verdict = candidate.volume, candidate.verdict
    geometry = volume.geometry
    cells = {
        "subject": subject,
        "session": session,
        "study_day": study_day(volume) or "",
        "series": _number(volume.number("SeriesNumber"), 0),
        "part": str(volume.part),
        "description": without_names(volume.text("SeriesDescription") or volume.text("ProtocolName"), volume),
        "modality": volume.text("Modality"),
        "plane": geometry.plane,
        "files": str(volume.n_files),
        "slices": str(geometry.n_places) if volume.is_image else "",
        "step_mm": _number(geometry.step_mm or None, 2),
        "thickness_mm": _number(volume.number("SliceThickness"), 2),
        "kernel": without_names(volume.text("ConvolutionKernel"), volume),
        "echo_ms": _number(volume.number("EchoTime"), 2),
        "decision": verdict.decision.value,
        "target": verdict.target,
        "reason": verdict.reason,
        "image": image,
        "answer": earlier.get("answer") if earlier else "",
        "answer_session": earlier.get("answer_session") if earlier else "",
        "study_uid": volume.text("StudyInstanceUID"),
        "series_uid": volume.text("SeriesInstanceUID"),
    }
    return Listed({name: cells[name] or ("" if name.startswith("answer") else "n/a") for name in COLUMNS})


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def write_listing(path: Path, rows: Iterable[Listed]) -> None:
    """Write the table, sorted by subject, session and series, atomically, readable by its owner alone.

    Parameters
    ----------
    path : Path
        Path of the table.
    rows : Iterable[Listed]
        Rows in any order.
    """
    ordered = sorted(
        rows,
        key=lambda row: (
            row.get("subject"),
            row.get("session"),
            row.get("study_uid"),
            int(row.get("series") or -1),
            *row.key,
        ),
    )
    text = tsv_line(COLUMNS) + "".join(tsv_line(row.cells[name] for name in COLUMNS) for row in ordered)
    write_text_if_changed(text, path, OWNER_ALONE)
