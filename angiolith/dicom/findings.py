"""The masks of a session that go back to a PACS, each with its segments and their rows of measures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import nibabel as nib
import numpy as np
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from angiolith.core.tables import was_made
from angiolith.dicom.measures import SIDES, cells_of, made_at, own

ABNORMAL: Code = codes.SCT.MorphologicallyAbnormalStructure
STRUCTURE: Code = codes.SCT.AnatomicalStructure


@dataclass(frozen=True)
class Kind:
    """A mask that a session may have: end of its name, the table of its labels and the column of the label there.

    parts: what labels are called that have no row.
    """

    name: str
    mask: str
    table: str
    label: str
    category: Code
    type: Code
    parts: Mapping[int, str] = field(default_factory=dict)


WALL_PARTS = {1: "lumen", 2: "vessel wall", 3: "lumen of the reference", 4: "vessel wall of the reference"}
KINDS = (  # marks after their readers' decisions, as they are counted
    Kind(
        "calcification",
        "ct/{stem}_space-ct_desc-marks_dseg.nii.gz",
        "ct/{stem}_desc-calcification_lesions.tsv",
        "lesion",
        ABNORMAL,
        codes.SCT.PathologicCalcification,
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
        "anat/{stem}_desc-wmhmarks_dseg.nii.gz",
        "anat/{stem}_desc-wmhmarks.tsv",
        "wmh",
        ABNORMAL,
        codes.DCM.WhiteMatterT2Hyperintensity,
    ),
    Kind(
        "suspected infarct",
        "anat/{stem}_desc-infarctmarks_dseg.nii.gz",
        "anat/{stem}_desc-infarctmarks.tsv",
        "infarct",
        ABNORMAL,
        own("suspected_infarct"),
    ),
    Kind(
        "microbleed",
        "anat/{stem}_desc-microbleedmarks_dseg.nii.gz",
        "anat/{stem}_desc-microbleedmarks.tsv",
        "microbleed",
        ABNORMAL,
        own("cerebral_microbleed"),
    ),
    Kind(
        "lacune",
        "anat/{stem}_desc-lacunemarks_dseg.nii.gz",
        "anat/{stem}_desc-lacunemarks.tsv",
        "lacune",
        ABNORMAL,
        own("lacune"),
    ),
    Kind(
        "perivascular space",
        "anat/{stem}_desc-perivascular_dseg.nii.gz",
        "anat/{stem}_desc-perivascular.tsv",
        "pvs",
        ABNORMAL,
        own("perivascular_space"),
    ),
    Kind(
        "vessel wall",
        "vwi/{stem}_desc-tool_dseg.nii.gz",
        "",
        "",
        STRUCTURE,
        codes.SCT.Artery,
        parts=WALL_PARTS,
    ),
)


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
    made: datetime

    @property
    def order(self) -> int:
        """The place of its kind among all, from 1."""
        return 1 + KINDS.index(self.kind)


def masks_of(output_dir: Path, subject: str, session: str) -> list[Mask]:
    """Every mask of a session that was made and is not empty.

    Parameters
    ----------
    output_dir : Path
        The output folder.
    subject, session : str
        Labels.

    Returns
    -------
    list[Mask]
        The masks.
    """
    folder, stem = output_dir / f"sub-{subject}/ses-{session}", f"sub-{subject}_ses-{session}"
    found = []
    for kind in KINDS:
        path = folder / kind.mask.format(stem=stem)
        if not was_made(path):
            continue
        image = nib.load(path)
        data = np.asarray(image.dataobj).astype(np.int32)  # type: ignore[attr-defined]
        rows = cells_of(folder / kind.table.format(stem=stem)) if kind.table else []
        segments = _segments(kind, data, rows)
        if segments:
            affine = np.asarray(image.affine)  # type: ignore[attr-defined]
            found.append(Mask(kind, data, affine, segments, made_at(path)))
    return found


def _segments(kind: Kind, data: np.ndarray, rows: list[dict[str, str]]) -> tuple[Segment, ...]:
    by_label = {row.get(kind.label, ""): row for row in rows}
    labels = [int(label) for label in np.unique(data) if label > 0]
    return tuple(
        Segment(label, _name(kind, label, by_label.get(str(label), {})), by_label.get(str(label), {}))
        for label in labels
    )


def _name(kind: Kind, label: int, row: Mapping[str, str]) -> str:
    artery = f" {row['artery']}" if "artery" in row else ""
    side = f" {row['side']}" if row.get("side") in SIDES else ""
    certainty = f" ({row['certainty']})" if row.get("certainty", "sure") != "sure" else ""
    return f"{kind.name} {label}{artery}{side}{certainty}" if kind.label else kind.parts.get(label, kind.name)
