"""What a manifest, and the tables and file names of a BIDS folder, may hold: the columns, and refusals by file and row.

Imports are light, since this runs whenever the workflow is planned.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from angiolith.core.bids.dates import DateError, iso_date
from angiolith.core.delimited import DelimitedError, table_text

DIFFUSION_COLUMNS = ("dwi", "adc")  # the series with its .bval beside it, or a trace image; the scanner's ADC map
MASK_SPACES = ("ct", "T1w", "T2w", "FLAIR", "swi", "T2starw", "vwi", "vwi_ce", "angio")  # in which arteries may lie
IMAGE_COLUMNS = (*MASK_SPACES, *DIFFUSION_COLUMNS)
WALL_READERS = ("reader1", "reader2", "reader3", "reader4")
REFERENCES = ("T1w", "FLAIR", "T2w", "T2starw", "swi")  # the session's MRI hub: the first of these that it has
BRAIN_COLUMNS = tuple(f"brain_{image}" for image in (*REFERENCES, "ct"))  # masks of the brain on these images' grids
MASK_COLUMNS = (
    *("arteries", "wmh", "lesion", *BRAIN_COLUMNS),
    *(f"wall_{reader}" for reader in WALL_READERS),
    "wall_points",
)
DATE_COLUMNS = ("acq_time", "ct_acq_time")
VISIT_COLUMNS = ("visit_number", "visit_order")  # 1 for the first; how the order is known, or why it is not
COLUMNS = ("subject", "session", *VISIT_COLUMNS, *DATE_COLUMNS, *IMAGE_COLUMNS, *MASK_COLUMNS, "arteries_space")
LABEL = re.compile(r"[A-Za-z0-9]+")
NIFTI = (".nii.gz", ".nii")
DRAWINGS = (".nrrd", ".mha", ".dcm", ".csv", ".json", ".xml")  # how else readers export what they drew
DRAWING_SUFFIXES = ("dseg", "seg", "contours", "rois")
NO_SESSION = "1"  # label given to the only visit of a subject whose folder has no ses- level


class ManifestError(ValueError):
    """The manifest or the BIDS folder cannot be used; the message names file, row and column."""


@dataclass(frozen=True)
class Row:
    """One subject-session: its labels, dates and files (absent columns are missing)."""

    subject: str
    session: str
    values: Mapping[str, str] = field(default_factory=dict)

    def get(self, column: str) -> str | None:
        """The row's value of a column, None where it is missing.

        Parameters
        ----------
        column : str
            Column of the manifest.

        Returns
        -------
        str | None
            The cell's text.
        """
        return self.values.get(column)

    @property
    def key(self) -> tuple[str, str]:
        """Subject and session."""
        return self.subject, self.session

    @property
    def reference(self) -> str | None:
        """The image that all others of the session are registered to: T1w, else FLAIR, ...; a lone CT serves itself."""
        return next((name for name in (*REFERENCES, "ct") if name in self.values), None)


def check_exists(path: str) -> None:
    """Raise ManifestError for a link that leads nowhere.

    Parameters
    ----------
    path : str
        Path of the file.

    Raises
    ------
    ManifestError
        Where there is no such file.
    """
    if not os.path.isfile(path):  # also false for a circular link
        raise ManifestError(
            f"{path}: is no file, or a link that leads nowhere or to itself; fetch it (git annex get, datalad get), "
            "or delete it"
        )


def check_name(path: str, subject: str, session: str) -> None:
    """Raise ManifestError for a file whose name is of another subject-session than its folder.

    Parameters
    ----------
    path : str
        Path of the file.
    subject, session : str
        Labels of the folder.

    Raises
    ------
    ManifestError
        Where the name has other labels.
    """
    named = dict(re.findall(r"(?:^|_)(sub|ses)-([A-Za-z0-9]+)", os.path.basename(path).split(".")[0]))
    for entity, label in (("sub", subject), ("ses", session)):
        if named.get(entity, label) != label and (entity == "sub" or session != NO_SESSION):
            raise ManifestError(
                f"{path}: the name says {entity}-{named[entity]}, the folder {entity}-{label}; find out which is right "
                "and rename the other"
            )


def checked_date(text: str, where: str) -> str:
    """The date in ISO form; raises ManifestError for what is none or could be read as two: visits are ordered by it.

    Parameters
    ----------
    text : str
        The cell's text.
    where : str
        File, row and column, for the message.

    Returns
    -------
    str
        The date in ISO 8601.

    Raises
    ------
    ManifestError
        For text that is no date or could be read as two.
    """
    try:
        return iso_date(text)
    except DateError as error:
        raise ManifestError(f"{where}: {error}") from None


def table_header(path: str | Path) -> list[str]:
    """The columns of a BIDS table; none where it does not exist.

    Parameters
    ----------
    path : str | Path
        Path of the table.

    Returns
    -------
    list[str]
        Names of the columns; empty without a file.
    """
    return list(open_table(path).fieldnames or []) if os.path.isfile(path) else []


def table_rows(path: str | Path, key: str) -> list[tuple[int, dict[str, str]]]:
    """Row numbers (the header is row 1) and cells of a BIDS table that may not exist; `key` is a column it must have.

    Parameters
    ----------
    path : str | Path
        Path of the table.
    key : str
        Column that the table must have.

    Returns
    -------
    list[tuple[int, dict[str, str]]]
        Pairs of the row's number and its cells by column; empty without a file.

    Raises
    ------
    ManifestError
        For a table without the column, with a column twice, or with rows of another length.
    """
    if not os.path.isfile(path):
        return []
    reader = open_table(path)
    header = list(reader.fieldnames or [])
    if key not in header:
        raise ManifestError(f"{path}: the column {key!r} is missing{separator_hint(header)}")
    twice = [name for name in header if header.count(name) > 1]
    if twice:
        raise ManifestError(f"{path}: the column {twice[0]!r} stands twice; delete one")
    rows = []
    for row in reader:
        check_cells(row, f"{path}, row {reader.line_num}")
        rows.append((reader.line_num, {name: cell.strip() for name, cell in row.items() if name}))
    return rows


def check_cells(row: Mapping[str | None, str | list[str] | None], where: str) -> None:
    """Raise ManifestError for a row of csv.DictReader with more cells than columns (key None), or fewer (None).

    Parameters
    ----------
    row : Mapping[str | None, str | list[str] | None]
        A row of csv.DictReader.
    where : str
        File and row, for the message.

    Raises
    ------
    ManifestError
        For a row with more or fewer cells than the header.
    """
    if any(cell.strip() for cell in row.get(None) or []):
        raise ManifestError(f"{where}: more cells than the header has columns; correct its tabs")
    if None in row.values():
        raise ManifestError(f"{where}: fewer cells than the header has columns; write n/a where a value is missing")


def open_table(path: str | Path) -> csv.DictReader[str]:
    """The rows of a BIDS table, which knows no quoting; raises ManifestError for what is no text table.

    Parameters
    ----------
    path : str | Path
        Path of the table.

    Returns
    -------
    csv.DictReader[str]
        A reader of its rows.

    Raises
    ------
    ManifestError
        For a file that is no text table.
    """
    try:
        text = table_text(path)
    except DelimitedError as error:
        raise ManifestError(str(error)) from None
    return csv.DictReader(io.StringIO(text, newline=""), delimiter="\t", quoting=csv.QUOTE_NONE)


def separator_hint(header: list[str]) -> str:
    """A hint for a table that was not saved with tabs.

    Parameters
    ----------
    header : list[str]
        Columns as read with tabs.

    Returns
    -------
    str
        The remedy, or an empty string.
    """
    return "; save the table tab-separated" if len(header) == 1 and re.search("[,;]", header[0]) else ""


def check_value(column: str, value: str, where: str, images: str | Path | None) -> None:
    """Raise ManifestError for a date, a visit, a space or a file that is none.

    Parameters
    ----------
    column : str
        Column of the manifest.
    value : str
        The cell's text.
    where : str
        File, row and column, for the message.
    images : str | Path | None
        Folder that the images' paths start from; None where files are not looked for.

    Raises
    ------
    ManifestError
        For a date, visit, space or file that is none.
    """
    if column in DATE_COLUMNS:
        checked_date(value, where)
    elif column == "visit_number":
        if not re.fullmatch("[1-9][0-9]*", value):
            raise ManifestError(f"{where}: {value!r} is no number of a visit; write 1, 2, ... or n/a")
    elif column == "visit_order":
        return
    elif column == "arteries_space":
        check_space(value, where)
    elif not value.endswith(NIFTI if column in IMAGE_COLUMNS else (*NIFTI, *DRAWINGS)):
        raise ManifestError(f"{where}: {value!r} is no image; give a .nii.gz file")
    elif images is not None and not os.path.isfile(Path(images, value)):
        raise ManifestError(f"{where}: {value!r} does not exist below {images}; correct the path, or write n/a")


def check_space(space: str, where: str) -> None:
    """Raise ManifestError for a space in which no mask of arteries can lie.

    Parameters
    ----------
    space : str
        The space that is given for the mask.
    where : str
        File, row and column, for the message.

    Raises
    ------
    ManifestError
        Where no image of the manifest has this name.
    """
    if space not in MASK_SPACES:
        raise ManifestError(
            f"{where}: the artery mask lies in the space {space!r}; give it on one of the session's images "
            f"({', '.join(MASK_SPACES)})"
        )
