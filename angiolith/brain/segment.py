"""Brain mask, intracranial volume and tissue classes of any head image: MRI of any contrast, or CT."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from angiolith.brain.network import CLASSES, BrainModel, NoBrainError, probabilities
from angiolith.brain.plausible import (
    CUT_AREA_MM2,
    cut_area_mm2,
    problem,
    shallow_fraction,
    side_ratio,
    skin_fraction,
)
from angiolith.brain.ventricles import refined_tissues
from angiolith.core.images import Image, bounding_box, moved
from angiolith.core.settings.brain import BrainSettings
from angiolith.core.tables import FAILED, OK
from angiolith.registration.head import HEAD_HU_MIN, fill_slices, largest_component, shrink

TISSUES = {name: value for value, name in enumerate(CLASSES) if value}
"""Values of the tissue map: grey 1, white 2, csf 3, ventricles 4, deep_grey 5, infratentorial 6."""
PARENCHYMA = ("grey", "white", "deep_grey", "infratentorial")
# [1] Probabilities between which the network is undecided. Source: definition.
DOUBT = (0.25, 0.75)
# [mm] Around the brain: a head fills some of it, an extracted brain nothing. Source: anatomy.
SHELL_MM = (12.0, 20.0)
# [1] An extracted brain fills less of that shell. Source: choice.
SHELL_FILLED_MAX = 0.15
# [mm] Grid on which the shell is looked at. Source: numerics.
SHELL_VOXEL_MM = 4.0
# [1] Tissues are separated on a grid so much finer than the working one. Source: numerics.
FINER = 2


@dataclass(frozen=True)
class BrainSegmentation:
    """A segmented brain on the image's own grid.

    brain: mask of the brain with its ventricles and the fluid within the dura. tissues: uint8 map (TISSUES; 0 outside).
    volumes_cm3: brain and every tissue. complete: the field of view does not cut the brain. doubtful_fraction: part of
    the brain where the network is undecided. status: ok, or failed with the reason; masks of a failed one are kept for
    pictures and must not be measured.
    """

    brain: np.ndarray
    tissues: np.ndarray
    volumes_cm3: dict[str, float]
    complete: bool
    doubtful_fraction: float
    status: str
    reason: str | None

    @property
    def parenchyma(self) -> np.ndarray:
        """Brain tissue: neither ventricles nor the fluid around the brain."""
        return (self.tissues > 0) & (self.tissues != TISSUES["csf"]) & (self.tissues != TISSUES["ventricles"])

    @property
    def ventricles(self) -> np.ndarray:
        """Mask of the ventricles, bool (i, j, k)."""
        return np.asarray(self.tissues == TISSUES["ventricles"])


def segment_brain(
    image: Image, is_ct: bool, model: BrainModel, settings: BrainSettings, given: np.ndarray | None = None
) -> BrainSegmentation:
    """Segment the brain of an MRI of any contrast or of a CT (HU).

    An image without a brain, or one whose result is not plausible (`settings`), gives status failed and the reason.

    Parameters
    ----------
    image : Image
        MRI of any contrast, or CT in HU.
    is_ct : bool
        True for a CT.
    model : BrainModel
        The three networks.
    settings : BrainSettings
        Section `brain`.
    given : np.ndarray | None
        A mask of the brain made elsewhere, on the image's grid; the networks then tell the tissues
        within it alone, and neither their doubt of its outline nor its nearness to the skin is judged.

    Returns
    -------
    BrainSegmentation
        Mask, tissue map, volumes (cm3), whether the brain is complete, doubtful fraction, status and reason.
    """
    if given is not None and given.dtype != bool:
        return _of_tissues(image, given, settings)
    try:
        working = probabilities(image, is_ct, model)
    except NoBrainError as error:
        nothing = np.zeros(image.data.shape, np.uint8)
        return BrainSegmentation(nothing > 0, nothing, {}, False, 1.0, FAILED, str(error))
    working_brain = fill_slices(largest_component(working.data[0] < 0.5))
    brain = _brain_on(image, working, working_brain)
    kept = None if is_ct or given is not None else extracted_brain(image, brain)
    if given is not None:
        brain = given
    elif is_ct:  # where a face was cut away, or a scanner padded
        brain = largest_component(brain & (image.data > HEAD_HU_MIN))
    elif kept is not None:
        brain = kept
    tissues = refined_tissues(image, working, _tissues_on(image, working, brain), is_ct, model.slices)
    volumes = {name: _cm3(tissues == value, image) for name, value in TISSUES.items()}
    volumes["brain"] = _cm3(brain, image)
    outside = working.data[0][working_brain]
    doubtful = np.abs(working.data[0] - 0.5) < (DOUBT[1] - DOUBT[0]) / 2
    fraction = float(doubtful.sum() / max(outside.size, 1))
    complete = cut_area_mm2(brain, image) <= CUT_AREA_MM2
    ventricles, upper = tissues == TISSUES["ventricles"], (tissues > 0) & (tissues != TISSUES["infratentorial"])
    sides = side_ratio(upper, ventricles | (tissues == TISSUES["deep_grey"]), image)
    fractions = {"doubtful": fraction, "shallow": shallow_fraction(image, brain, ventricles)}
    fractions["skin"] = skin_fraction(image, brain, is_ct) if kept is None else 0.0
    if given is not None:
        fractions |= {"doubtful": 0.0, "skin": 0.0}
    reason = problem(volumes, complete, fractions, sides, settings)
    return BrainSegmentation(brain, tissues, volumes, complete, fraction, FAILED if reason else OK, reason)


def _of_tissues(image: Image, tissues: np.ndarray, settings: BrainSettings) -> BrainSegmentation:
    """The brain of a given map of tissues, which is neither segmented nor refined anew."""
    brain = tissues > 0
    volumes = {name: _cm3(tissues == value, image) for name, value in TISSUES.items()} | {"brain": _cm3(brain, image)}
    complete = cut_area_mm2(brain, image) <= CUT_AREA_MM2
    ventricles, upper = tissues == TISSUES["ventricles"], brain & (tissues != TISSUES["infratentorial"])
    sides = side_ratio(upper, ventricles | (tissues == TISSUES["deep_grey"]), image)
    fractions = {"doubtful": 0.0, "skin": 0.0, "shallow": shallow_fraction(image, brain, ventricles)}
    reason = problem(volumes, complete, fractions, sides, settings)
    return BrainSegmentation(brain, tissues, volumes, complete, 0.0, FAILED if reason else OK, reason)


def extracted_brain(image: Image, brain: np.ndarray) -> np.ndarray | None:
    """The brain that an earlier brain extraction left in an MRI, filled; None if the head is still around it.

    The image is an extracted brain if next to nothing but one exact value lies in a shell of 12 to 20 mm around it,
    where a head has scalp, face and neck.

    Parameters
    ----------
    image : Image
        An MRI.
    brain : np.ndarray
        Mask that the networks found, bool (i, j, k).

    Returns
    -------
    np.ndarray | None
        Mask (i, j, k), bool, or None.
    """
    kept = image.data != np.median(image.data[np.ix_(*[(0, -1)] * 3)])  # the corners
    small_kept, small_brain = (
        shrink(image.with_data(mask.astype(np.float32)), SHELL_VOXEL_MM) for mask in (kept, brain)
    )
    inside = small_brain.data > 0.5
    if not inside.any():
        return None
    away = ndimage.distance_transform_edt(~inside, sampling=small_brain.voxel_mm)
    shell = (away > SHELL_MM[0]) & (away <= SHELL_MM[1])
    if not shell.any() or small_kept.data[shell].mean() > SHELL_FILLED_MAX:
        return None
    return fill_slices(largest_component(kept))


def _brain_on(image: Image, working: Image, working_brain: np.ndarray) -> np.ndarray:
    """The brain on the image's grid: where probabilities near the working grid's brain are high; one piece."""
    box, turn, offset, shape = _box_on(image, working)
    near = ndimage.binary_dilation(working_brain, iterations=2)
    inside = np.where(near, 1 - working.data[0], np.float32(0))
    brain = np.zeros(image.data.shape, bool)
    if min(shape) > 0:
        there = ndimage.affine_transform(inside, turn, offset, shape, np.float32, order=1) > 0.5
        brain[box] = largest_component(there)
    return brain


def _tissues_on(image: Image, working: Image, brain: np.ndarray) -> np.ndarray:
    """The likeliest tissue of every voxel of the brain, on the image's grid."""
    tissues = np.zeros(image.data.shape, np.uint8)
    if brain.any():
        box = bounding_box(brain, 0)
        low = np.array([s.start for s in box])
        to_working = np.linalg.inv(working.affine) @ image.affine
        turn, offset = FINER * to_working[:3, :3], FINER * (to_working[:3, :3] @ low + to_working[:3, 3])
        found = ndimage.affine_transform(
            _likeliest(working), turn, offset + (FINER - 1) / 2, brain[box].shape, np.uint8, order=0, mode="nearest"
        )
        tissues[box] = np.where(brain[box], found, 0)
    return tissues


def _box_on(image: Image, working: Image) -> tuple[tuple[slice, ...], np.ndarray, np.ndarray, tuple[int, ...]]:
    """The box of the image that holds the working grid; how its indices map there (matrix, offset); its shape."""
    to_working = np.linalg.inv(working.affine) @ image.affine
    to_image = np.linalg.inv(to_working)
    corners = np.argwhere(np.ones((2, 2, 2))) * (np.array(working.data.shape[1:]) - 1)
    at = moved(to_image, corners)
    low = np.clip(np.floor(at.min(axis=0)).astype(int), 0, image.data.shape)
    high = np.clip(np.ceil(at.max(axis=0)).astype(int) + 1, 0, image.data.shape)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    shape = tuple(int(b - a) for a, b in zip(low, high, strict=True))
    return box, to_working[:3, :3], to_working[:3, :3] @ low + to_working[:3, 3], shape


def _likeliest(working: Image) -> np.ndarray:
    """The likeliest tissue (never outside), on a grid with FINER times as many voxels that fills the same box."""
    shape = tuple(FINER * n for n in working.data.shape[1:])
    best = np.zeros(shape, np.float32)
    found = np.ones(shape, np.uint8)
    for value in range(1, len(CLASSES)):
        finer = ndimage.zoom(working.data[value], FINER, np.float32, order=1, mode="nearest", grid_mode=True)
        found[finer > best] = value
        np.maximum(best, finer, out=best)
    return found


def _cm3(mask: np.ndarray, image: Image) -> float:
    return float(np.count_nonzero(mask) * image.voxel_volume_mm3 / 1000)
