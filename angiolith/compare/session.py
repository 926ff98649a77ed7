"""One pair: both files read, brought onto the truth's grid, and measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from angiolith.compare.kinds import KINDS
from angiolith.compare.metrics import LESIONS, OVERLAP, lesions, overlap
from angiolith.compare.pairs import MaskFile, Pair, same_grid
from angiolith.core.images import Image, ImageError, moved, read_image, resample
from angiolith.core.tables import FAILED, OK, REVIEW, join_reasons, read_tsv, was_made
from angiolith.marks.kinds import CALCIFICATION, LACUNE, MICROBLEED

# [1] A mask on another grid of the truth's space is refused if more of the truth lies outside of it. Source: choice.
OUTSIDE_MAX = 0.01
# [1] Voxels of a mask, which may hold 0 and 1 as fractions, above this belong to it. Source: definition.
MASK_MIN = 0.5
COLUMNS = (
    *("tool", "kind", "subject", "session", "status", "reason", "slice_mm", "voxel_mm3"),
    *(*OVERLAP, *LESIONS, "truth_file", "mask_file"),
)
COUNTED = {"calcification": CALCIFICATION, "microbleeds": MICROBLEED, "lacunes": LACUNE}  # of a run: maps of marks


def measured(pair: Pair) -> dict[str, Any]:
    """The row of a pair, keys `COLUMNS`; what cannot be measured is missing, with status and reason.

    Parameters
    ----------
    pair : Pair
        The pair of files.

    Returns
    -------
    dict[str, Any]
        Column -> value.
    """
    row: dict[str, Any] = dict.fromkeys(COLUMNS, np.nan)
    row |= {"tool": pair.tool, "kind": pair.kind, "subject": pair.subject, "session": pair.session}
    row |= {"truth_file": str(pair.truth.path), "status": pair.status, "reason": pair.reason}
    try:
        row |= _geometry(pair.truth.path)
        if pair.mask is None:
            return row
        row["mask_file"] = str(pair.mask.path)
        truth, mask, remark = on_one_grid(pair.truth, pair.mask)
    except ImageError as problem:
        return row | {"status": FAILED, "reason": str(problem)}
    row |= overlap(truth.data, mask.data, truth.voxel_mm, truth.voxel_volume_mm3)
    if KINDS[pair.kind].lesions:
        row |= lesions(truth.data, mask.data)
    empty = "both masks are empty" if not truth.data.any() and not mask.data.any() else ""
    reason = join_reasons(pair.reason, remark, empty)
    return row | {"status": REVIEW if remark else OK, "reason": reason}


def _geometry(path: Path) -> dict[str, float]:
    truth = read_image(path)
    return {"slice_mm": float(truth.voxel_mm.max()), "voxel_mm3": truth.voxel_volume_mm3}


def on_one_grid(truth: MaskFile, mask: MaskFile) -> tuple[Image, Image, str]:
    """Truth and mask (booleans) on the truth's grid, and what should be known of it.

    A mask of another grid in the truth's space is resampled, each voxel from the nearest.

    Parameters
    ----------
    truth : MaskFile
        File of the truth.
    mask : MaskFile
        File of the tool.

    Returns
    -------
    tuple[Image, Image, str]
        Truth and mask, and a remark.

    Raises
    ------
    ImageError
        For files that cannot be read, and where the truth reaches beyond the mask's grid.
    """
    first, remark = read_mask(truth)
    second, other = read_mask(mask)
    if same_grid(truth.path, mask.path):
        return first, second, join_reasons(remark, other)
    points = moved(np.linalg.inv(second.affine) @ first.affine, np.argwhere(first.data))
    inside = ((points > -MASK_MIN) & (points < np.array(second.data.shape) - MASK_MIN)).all(axis=1)
    if len(points) and (~inside).mean() > OUTSIDE_MAX:
        raise ImageError(f"{mask.path}: {(~inside).mean():.0%} of the truth lies outside of its grid")
    carried = resample(second, first, interpolation="nearest")
    sizes = " and ".join("x".join(f"{edge:.2g}" for edge in image.voxel_mm) for image in (first, second))
    remark = join_reasons(remark, other, f"resampled (nearest) onto the truth's grid: voxels of {sizes} mm")
    return first, Image(carried.data > 0, first.affine), remark


def read_mask(file: MaskFile) -> tuple[Image, str]:
    """A mask or label map as booleans, and a remark where it holds several labels that were taken together.

    Of a run's calcifications, microbleeds and lacunes only those are taken that count in its tables.

    Parameters
    ----------
    file : MaskFile
        The file.

    Returns
    -------
    tuple[Image, str]
        The mask, and a remark.

    Raises
    ------
    ImageError
        For a file that is empty or cannot be read.
    """
    if not was_made(file.path):
        raise ImageError(f"{file.path}: the file is empty: no mask was made")
    image = read_image(file.path)
    if file.own and file.kind in COUNTED:
        return Image(np.isin(image.data, _counted(file)), image.affine), ""
    data = image.data > MASK_MIN
    values = np.unique(image.data[data])
    several = "mask" in file.path.name and len(values) > 1 and bool((values == np.round(values)).all())
    return Image(data, image.affine), f"{file.path.name}: {len(values)} labels taken as one" if several else ""


def _counted(file: MaskFile) -> Sequence[int]:
    """The labels that count, by the table beside the run's label map."""
    kind = COUNTED[file.kind]
    stem = file.path.name.split("_space-")[0].split("_desc-")[0]
    path = file.path.with_name(stem + kind.file.removeprefix("*"))
    if not path.is_file():
        raise ImageError(f"{path}: the file does not exist; it says which of {file.path.name} count")
    table = read_tsv(path)
    return table.loc[table["counted"].astype(str) == str(True), kind.number].dropna().astype(int).tolist()
