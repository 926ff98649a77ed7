"""What goes back to a PACS: the masks of a session, the tables of their measures, and the codes that both bear.

Codes of SNOMED CT and UCUM are those of DICOM's own context groups, as pydicom lists them. What these do not hold
(white matter hyperintensity, microbleed, lacune, the columns of tables) has a code of the project's own scheme, whose
meaning says what it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from angiolith.core.manifest_checks import table_rows
from angiolith.core.tables import USABLE, was_made

SCHEME = "99ANGIOLITH"
RESEARCH_USE = "Research use only"
ABNORMAL: Code = codes.SCT.MorphologicallyAbnormalStructure
STRUCTURE: Code = codes.SCT.AnatomicalStructure
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


def own(name: str) -> Code:
    """A code of the project's own scheme: a column's or mask's name, and the same in words."""
    return Code(name, SCHEME, name.replace("_", " "))


@dataclass(frozen=True)
class Kind:
    """A mask that a session may have: end of its name, the table of its labels and the column of the label there."""

    name: str
    mask: str
    table: str
    label: str
    category: Code
    type: Code


CALCIFICATION: Code = codes.SCT.PathologicCalcification
KINDS = (
    Kind(
        "calcification",
        "ct/{stem}_space-ct_desc-calcification_dseg.nii.gz",
        "ct/{stem}_desc-calcification_lesions.tsv",
        "lesion",
        ABNORMAL,
        CALCIFICATION,
    ),
    Kind(
        "arteries",
        "ct/{stem}_space-ct_desc-arteries_dseg.nii.gz",
        "ct/{stem}_space-ct_desc-arteries_dseg.tsv",
        "index",
        STRUCTURE,
        codes.SCT.Artery,
    ),
    Kind(
        "white matter hyperintensity",
        "anat/{stem}_space-FLAIR_desc-wmh_mask.nii.gz",
        "anat/{stem}_desc-smallvessel_metrics.tsv",
        "",
        ABNORMAL,
        own("white_matter_hyperintensity"),
    ),
    Kind(
        "microbleed",
        "anat/{stem}_desc-microbleeds_dseg.nii.gz",
        "anat/{stem}_desc-microbleeds.tsv",
        "microbleed",
        ABNORMAL,
        own("cerebral_microbleed"),
    ),
    Kind(
        "lacune",
        "anat/{stem}_desc-lacunes_dseg.nii.gz",
        "anat/{stem}_desc-lacunes.tsv",
        "lacune",
        ABNORMAL,
        own("lacune"),
    ),
)
ABOUT_LABELS = {"subject", "session", "lesion", "microbleed", "lacune", "index", "x_mm", "y_mm", "z_mm"}


@dataclass(frozen=True)
class Segment:
    """One label of a mask, and its row of measures as the table has it (without `n/a`)."""

    label: int
    name: str
    row: Mapping[str, str]


@dataclass(frozen=True)
class Mask:
    """A mask with its grid, RAS, and its segments; voxels hold the labels."""

    kind: Kind
    data: np.ndarray
    affine: np.ndarray
    segments: tuple[Segment, ...]


def masks_of(output_dir: Path, subject: str, session: str) -> list[Mask]:
    """Every mask of a session that was made and is not empty."""
    folder, stem = output_dir / f"sub-{subject}/ses-{session}", f"sub-{subject}_ses-{session}"
    found = []
    for kind in KINDS:
        path = folder / kind.mask.format(stem=stem)
        if not was_made(path):
            continue
        image = nib.load(path)
        data = np.asarray(image.dataobj).astype(np.int32)  # type: ignore[attr-defined]
        segments = _segments(kind, data, folder / kind.table.format(stem=stem))
        if segments:
            found.append(Mask(kind, data, np.asarray(image.affine), segments))  # type: ignore[attr-defined]
    return found


def _segments(kind: Kind, data: np.ndarray, table: Path) -> tuple[Segment, ...]:
    rows = [{name: cell for name, cell in row.items() if cell not in ("", "n/a")} for _, row in _table(table)]
    by_label = {row.get(kind.label, "") if kind.label else "1": row for row in rows}
    labels = [int(label) for label in np.unique(data) if label > 0]
    return tuple(
        Segment(label, _name(kind, label, by_label.get(str(label), {})), by_label.get(str(label), {}))
        for label in labels
    )


def _table(path: Path) -> Sequence[tuple[int, dict[str, str]]]:
    return table_rows(str(path), "status" if "metrics" in path.name else _key(path)) if was_made(path) else []


def _key(path: Path) -> str:
    return "index" if path.name.endswith("_dseg.tsv") else "subject"


def _name(kind: Kind, label: int, row: Mapping[str, str]) -> str:
    artery = f" {row['artery']}" if "artery" in row else ""
    side = f" {row['side']}" if row.get("side") in SIDES else ""
    return f"{kind.name} {label}{artery}{side}" if kind.label else kind.name


def measures_of(row: Mapping[str, str]) -> dict[str, tuple[str, Code]]:
    """Column -> its number as the table writes it, and its unit; of a row that was measured."""
    if row.get("status", USABLE[0]) not in USABLE:
        return {}
    return {name: (cell, unit_of(name)) for name, cell in row.items() if name not in ABOUT_LABELS and _is_number(cell)}


def unit_of(column: str) -> Code:
    """The unit that a column's name says."""
    return next((unit for ending, unit in UNITS.items() if column.endswith(ending)), NO_UNIT)


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False
