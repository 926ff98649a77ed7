"""What the tables of a session say, as DICOM reports have it: measures with units, classes, and the codes of both.

Codes of SNOMED CT, DCM and UCUM are those of DICOM's own context groups, as pydicom lists them. What these do not hold
(microbleed, lacune, the columns of tables) has a code of the project's own scheme, whose meaning says what it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from angiolith.core.manifest_checks import table_rows
from angiolith.core.tables import FOUND, USABLE, was_made

SCHEME = "99ANGIOLITH"
RESEARCH_USE = "Research use only"
SIDES: Mapping[str, Code] = {"L": codes.SCT.Left, "R": codes.SCT.Right}
ARTERIES: Mapping[str, Code] = {
    "ICA": codes.SCT.InternalCarotidArtery,
    "MCA": codes.SCT.MiddleCerebralArtery,
    "ACA": codes.SCT.AnteriorCerebralArtery,
    "PCA": codes.SCT.PosteriorCerebralArtery,
    "BA": codes.SCT.BasilarArtery,
    "VA": codes.SCT.VertebralArtery,
}
UNITS: Mapping[str, Code] = {
    "_mm3": codes.UCUM.CubicMillimeter,
    "_cm3": codes.UCUM.CubicCentimeter,
    "_mm2": codes.UCUM.SquareMillimeter,
    "_mm": codes.UCUM.Millimeter,
    "_hu": codes.UCUM.HounsfieldUnit,
    "_deg": codes.UCUM.Degree,
    "_percent": codes.UCUM.Percent,
    "_icv": codes.UCUM.Percent,
}
NO_UNIT: Code = codes.UCUM.NoUnits
ABOUT_ROWS = {
    "subject",
    "session",
    "lesion",
    "microbleed",
    "lacune",
    "wmh",
    "infarct",
    "pvs",
    "index",
    "segment",
    "section",
    "readers",
}
PLACES = ("x_mm", "y_mm", "z_mm")  # in the NIfTI world; the segment shows where a mark lies
CLASSES = ("status", "certainty", "counted", "pattern", "spotty", "severity_group", "plaque_class", "kind", "location")
"""Columns of words that a report has as classes; others that end in `_status` too."""


def own(name: str) -> Code:
    """A code of the project's own scheme.

    Parameters
    ----------
    name : str
        Name of a column, mask or class.

    Returns
    -------
    Code
        The name as value, and the same in words as meaning.
    """
    return Code(name, SCHEME, name.replace("_", " "))


@dataclass(frozen=True)
class SessionTable:
    """A table of a session whose rows are of no single mark: name, file, the images it is of, and what a row is."""

    name: str
    file: str
    images: tuple[str, ...]
    """Targets of an import; the report belongs to the study of the first that the session has."""
    finding: Code


TABLES = (
    SessionTable(
        "calcification of arteries",
        "ct/{stem}_desc-calcification_arteries.tsv",
        ("ct",),
        codes.SCT.PathologicCalcification,
    ),
    SessionTable(
        "calcification of the session",
        "ct/{stem}_desc-calcification_patient.tsv",
        ("ct",),
        codes.SCT.PathologicCalcification,
    ),
    SessionTable(
        "small vessel disease",
        "anat/{stem}_desc-smallvessel_metrics.tsv",
        ("FLAIR", "T1w", "swi", "swi_mag", "T2starw"),
        own("cerebral_small_vessel_disease"),
    ),
    SessionTable("plaque", "vwi/{stem}_desc-plaque_metrics.tsv", ("vwi", "vwi_ce"), own("atherosclerotic_plaque")),
)


@dataclass(frozen=True)
class SessionRow:
    """A row of a session's table, without `n/a`: `name` tells it from the others of the session."""

    table: SessionTable
    name: str
    row: Mapping[str, str]
    made: datetime


def made_at(path: Path) -> datetime:
    """When a result was made.

    Parameters
    ----------
    path : Path
        Its file.

    Returns
    -------
    datetime
        Local time of the last change, to the second.
    """
    return datetime.fromtimestamp(int(path.stat().st_mtime))


def rows_of(output_dir: Path, subject: str, session: str) -> list[SessionRow]:
    """Every row of a session's tables.

    Parameters
    ----------
    output_dir : Path
        Output folder of a run.
    subject, session : str
        Labels, without `sub-` and `ses-`.

    Returns
    -------
    list of SessionRow
        In the order of TABLES; none of a table that was not made.
    """
    folder, stem = output_dir / f"sub-{subject}/ses-{session}", f"sub-{subject}_ses-{session}"
    found = []
    for table in TABLES:
        path = folder / table.file.format(stem=stem)
        for row in cells_of(path):
            parts = [row[name] for name in ("lesion", "artery", "side", "reader") if name in row]
            found.append(SessionRow(table, " ".join([table.name, *parts]), row, made_at(path)))
    return found


def cells_of(path: Path) -> list[dict[str, str]]:
    """The rows of a table without their missing cells.

    Parameters
    ----------
    path : Path
        A table of the output folder (TSV).

    Returns
    -------
    list of dict
        Column to cell; empty where the table was not made.
    """
    if not was_made(path):
        return []
    key = "index" if path.name.endswith("_dseg.tsv") else "status" if "metrics" in path.name else "subject"
    return [
        {name: cell for name, cell in row.items() if cell not in ("", "n/a")} for _, row in table_rows(str(path), key)
    ]


def measures_of(row: Mapping[str, str]) -> dict[str, tuple[str, Code]]:
    """The numbers of a row that was measured.

    Parameters
    ----------
    row : mapping of str to str
        Column to cell. Where a row has several markers with a status each, a cell of a marker that was not measured is
        not there.

    Returns
    -------
    dict
        Column to its number as the table writes it, and its unit; empty for a row whose status is not usable.
    """
    several = any(name.endswith("_status") for name in row)
    if not several and row.get("status", USABLE[0]) not in USABLE:
        return {}
    return {name: (cell, unit_of(name)) for name, cell in row.items() if _is_measure(name) and _is_number(cell)}


def _is_measure(column: str) -> bool:
    return column not in ABOUT_ROWS and not column.endswith(PLACES) and not column.startswith(FOUND)


def classes_of(row: Mapping[str, str]) -> dict[str, str]:
    """The classes and statuses of a row.

    Parameters
    ----------
    row : mapping of str to str
        Column to cell.

    Returns
    -------
    dict of str to str
        Column to its word.
    """
    return {
        name: cell
        for name, cell in row.items()
        if (name in CLASSES or name.endswith("_status")) and not _is_number(cell)
    }


def unit_of(column: str) -> Code:
    """The unit that a column's name says.

    Parameters
    ----------
    column : str
        Name of the column.

    Returns
    -------
    Code
        The code of the unit.
    """
    if column.startswith("hu_"):
        return codes.UCUM.HounsfieldUnit
    return next((unit for ending, unit in UNITS.items() if column.endswith(ending)), NO_UNIT)


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False
