"""What a manifest, and the tables and file names of a BIDS folder, may hold: the columns, and refusals by file and row.

Imports are light, since this runs whenever the workflow is planned.
"""

from __future__ import annotations

import csv
import io
import os
import re
from datetime import date
from pathlib import Path

IMAGE_COLUMNS = ("ct", "T1w", "T2w", "FLAIR", "swi", "T2starw", "vwi", "vwi_ce", "angio")
WALL_READERS = ("reader1", "reader2", "reader3", "reader4")
MASK_COLUMNS = ("arteries", "wmh", *(f"wall_{reader}" for reader in WALL_READERS), "wall_points")
DATE_COLUMNS = ("acq_time", "ct_acq_time")
COLUMNS = ("subject", "session", *DATE_COLUMNS, *IMAGE_COLUMNS, *MASK_COLUMNS, "arteries_space")
REFERENCES = ("T1w", "FLAIR", "T2w", "T2starw", "swi")  # the session's MRI hub: the first of these that it has
LABEL = re.compile(r"[A-Za-z0-9]+")
ENTITY = re.compile(r"([a-z]+)-([A-Za-z0-9]+)")
NIFTI = (".nii.gz", ".nii")
DRAWINGS = (".nrrd", ".mha", ".dcm", ".csv", ".json", ".xml")  # how else readers export what they drew
DRAWING_SUFFIXES = ("dseg", "seg", "contours", "rois")
NO_SESSION = "1"  # label given to the only visit of a subject whose folder has no ses- level


class ManifestError(ValueError):
    """The manifest or the BIDS folder cannot be used; the message names file, row and column."""


def entities_of(name: str) -> dict[str, str]:
    return dict(ENTITY.findall(name.split(".")[0]))


def check_place(path: str, subject: str, session: str) -> None:
    """Raise ManifestError for a link that leads nowhere, and for a file whose name is of another subject-session."""
    if not os.path.isfile(path):  # also false for a circular link
        raise ManifestError(
            f"{path}: is no file, or a link that leads nowhere or to itself; fetch it (git annex get, datalad get), "
            "or delete it"
        )
    named = entities_of(os.path.basename(path))
    for entity, label in (("sub", subject), ("ses", session)):
        if named.get(entity, label) != label and (entity == "sub" or session != NO_SESSION):
            raise ManifestError(
                f"{path}: the name says {entity}-{named[entity]}, the folder {entity}-{label}; find out which is right "
                "and rename the other"
            )


def checked_date(text: str, where: str) -> str:
    """The date as it was given; raises ManifestError unless it begins with YYYY-MM-DD: visits are ordered by it."""
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        raise ManifestError(f"{where}: {text!r} is not a date; write YYYY-MM-DD or n/a") from None
    return text


def table_rows(path: str | Path, key: str) -> list[tuple[int, dict[str, str]]]:
    """Row numbers (the header is row 1) and cells of a BIDS table that may not exist; `key` is a column it must have.

    Raises ManifestError for what is no such table.
    """
    if not os.path.isfile(path):
        return []
    reader = open_table(path)
    header = list(reader.fieldnames or [])
    if key not in header:
        raise ManifestError(f"{path}: the column {key!r} is missing{separator_hint(header)}")
    return [
        (number, {name: (cell or "").strip() for name, cell in row.items() if name})
        for number, row in enumerate(reader, start=2)
    ]


def open_table(path: str | Path) -> csv.DictReader[str]:
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ManifestError(f"{path}: is not UTF-8; save it with that encoding") from None
    return csv.DictReader(io.StringIO(text, newline=""), delimiter="\t")


def separator_hint(header: list[str]) -> str:
    return "; save the table tab-separated" if len(header) == 1 and re.search("[,;]", header[0]) else ""


def check_value(column: str, value: str, where: str, images: str | Path | None) -> None:
    """Raise ManifestError for a date, a space or a file that is none."""
    if column in DATE_COLUMNS:
        checked_date(value, where)
    elif column == "arteries_space":
        check_space(value, where)
    elif not value.endswith(NIFTI if column in IMAGE_COLUMNS else (*NIFTI, *DRAWINGS)):
        raise ManifestError(f"{where}: {value!r} is no image; give a .nii.gz file")
    elif images is not None and not os.path.isfile(Path(images, value)):
        raise ManifestError(f"{where}: {value!r} does not exist below {images}; mend the path, or write n/a")


def check_space(space: str, where: str) -> None:
    if space not in IMAGE_COLUMNS:
        raise ManifestError(
            f"{where}: the artery mask lies in the space {space!r}; give it on one of the session's images "
            f"({', '.join(IMAGE_COLUMNS)})"
        )
