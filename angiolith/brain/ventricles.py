"""Ventricles by the networks' probabilities and the image's own grey levels, on the image's own grid.

The networks work at 2 mm; slices may be thinner. Whatever the contrast, fluid and the tissue around the ventricles
differ in grey level: where they do so clearly, each voxel's odds are moved by the side on which its level lies. Thick
axial slices of a FLAIR have a network of their own (`angiolith.brain.slices`).
"""

from __future__ import annotations

import numpy as np
import onnxruntime
from scipy import ndimage
from skimage.filters import threshold_otsu

from angiolith.brain.network import CLASSES
from angiolith.brain.slices import has_thick_slices, slice_ventricles
from angiolith.core.distance import dilate_mm
from angiolith.core.images import Image, bounding_box, moved
from angiolith.core.robust import sd_about
from angiolith.registration.head import largest_component

GREY, WHITE, CSF, VENTRICLES, DEEP_GREY, INFRATENTORIAL = (
    CLASSES.index(name) for name in ("grey", "white", "csf", "ventricles", "deep_grey", "infratentorial")
)
# [mm] Tissue within this distance whose grey level is compared. Source: anatomy.
AROUND_MM = 12.0
# [1] Probability below which nothing becomes ventricle, and nothing is taken for it in the tissue around. Source:
# choice.
SEEN = 0.05
# [1] Probability of white or deep grey matter of what counts as tissue around. Source: choice.
TISSUE = 0.6
# [1] The networks are never surer than this, either way. Source: choice.
SURE = 0.02
# [log odds] Weight of a voxel as dark (or bright) as fluid. Source: real scans: ms_thick_slices 01 to 03.
PULL = 3.0
# [1] A ventricle is at least so likely as the fluid around the brain times this. Source: choice.
CSF_FRACTION = 0.5
# [SD] Fluid and tissue differ by so many of tissue's SDs, or grey levels say nothing. Source: choice.
CONTRAST_SDS = 2.0
# [mm] The fourth ventricle lies deeper than this within cerebellum and brainstem. Source: development scans
# (older_adults' T1w 01 to 08).
FOURTH_DEPTH_MM = 10.0
# [1] From tissue (-1) to fluid (1), its grey levels lie above this. Source: as FOURTH_DEPTH_MM.
FOURTH_PULL = 0.2
# [cm3] What is larger is no fourth ventricle. Source: anatomy.
FOURTH_CM3_MAX = 10.0
# [1] Cortex on a FLAIR, of the way from fluid (0) to the tissue around the ventricles (1), is at least this. Source:
# real scans: 9 FLAIRs 0.83 to 1.26, 6 T1w 0.66 to 0.75 (older_adults, ms_thick_slices, ms_longitudinal01, low_load).
FLAIR_CORTEX_MIN = 0.8
# [voxels] Around the brain, what the network of slices sees with it. Source: numerics.
MARGIN = 8
# [voxels] Fewer voxels tell no grey level. Source: numerics.
VOXELS_MIN = 50


def refined_tissues(
    image: Image,
    working: Image,
    tissues: np.ndarray,
    is_ct: bool = False,
    slices: onnxruntime.InferenceSession | None = None,
) -> np.ndarray:
    """The tissue map with ventricles by probability and grey level together, the fourth among them.

    Where fluid and tissue do not differ, the networks' word stands.

    Parameters
    ----------
    image : Image
        MRI, or CT in HU.
    working : Image
        Probabilities (7, x, y, z) on their own grid.
    tissues : np.ndarray
        Tissue map (i, j, k), uint8, 0 outside the brain.
    is_ct : bool
        True for a CT.
    slices : onnxruntime.InferenceSession | None
        The network of thick slices; None: they are treated as all others.

    Returns
    -------
    np.ndarray
        Tissue map (i, j, k), uint8.
    """
    rough = tissues == VENTRICLES
    if rough.sum() < VOXELS_MIN:
        return tissues
    thick = slices is not None and not is_ct and has_thick_slices(image)
    reach = MARGIN if thick else np.ceil(AROUND_MM / image.voxel_mm).astype(int)
    box = bounding_box(tissues > 0 if thick else rough, reach)
    likely = probabilities_in(image, working, box)
    values, brain = image.data[box].astype(np.float32), tissues[box] > 0
    levels = fluid_and_tissue(values, likely, brain, image.voxel_mm)
    found = tissues.copy()
    if levels is not None:
        fluid, level = levels
        if slices is not None and thick and _is_flair(values, likely, levels):
            grey = (values - level) / (level - fluid)
            _put(found[box], likely, brain & slice_ventricles(grey, likely, image.affine, image.voxel_mm, slices))
            return found
        kept = np.clip(likely[VENTRICLES], SURE, 1 - SURE)
        wet = np.log(kept / (1 - kept)) + PULL * _pull(values, levels) > 0
        wet &= brain & (likely[VENTRICLES] > SEEN) & (likely[VENTRICLES] > CSF_FRACTION * likely[CSF])
        _put(found[box], likely, wet)
    found[fourth_ventricle(image, found)] = VENTRICLES
    return found


def fluid_and_tissue(
    values: np.ndarray, likely: np.ndarray, brain: np.ndarray, voxel_mm: np.ndarray
) -> tuple[float, float] | None:
    """Grey levels of the ventricles' fluid and of the tissue around them.

    Parameters
    ----------
    values : np.ndarray
        Grey values (i, j, k).
    likely : np.ndarray
        Probabilities (7, i, j, k) of CLASSES.
    brain : np.ndarray
        Mask (i, j, k), bool.
    voxel_mm : np.ndarray
        Voxel edges (3,), mm.

    Returns
    -------
    tuple[float, float] | None
        Level of the fluid and of the tissue; None where they do not differ clearly.
    """
    near = dilate_mm(likely[VENTRICLES] > 0.5, AROUND_MM, voxel_mm)
    tissue = brain & near & (likely[VENTRICLES] < SEEN) & (likely[WHITE] + likely[DEEP_GREY] > TISSUE)
    return _levels(values[brain & (likely[VENTRICLES] > 0.5)], values[tissue])


def _is_flair(values: np.ndarray, likely: np.ndarray, levels: tuple[float, float]) -> bool:
    """Whether fluid is dark and cortex is not: the network of slices knows FLAIRs alone."""
    fluid, level = levels
    cortex = values[likely[GREY] > TISSUE]
    dark = fluid < level and cortex.size >= VOXELS_MIN
    return bool(dark and np.median(cortex) >= fluid + FLAIR_CORTEX_MIN * (level - fluid))


def _put(tissues: np.ndarray, likely: np.ndarray, ventricles: np.ndarray) -> None:
    """Write ventricles into a tissue map; what was ventricle and is none becomes the next likeliest tissue."""
    gone = (tissues == VENTRICLES) & ~ventricles
    others = likely[:, gone]
    others[[0, VENTRICLES]] = -1
    tissues[gone] = others.argmax(axis=0)
    tissues[ventricles] = VENTRICLES


def fourth_ventricle(image: Image, tissues: np.ndarray) -> np.ndarray:
    """The fourth ventricle (mask): the largest piece of fluid deep within cerebellum and brainstem.

    The networks take it for what lies around it. Empty where the ventricles' fluid and the tissue there do not differ.

    Parameters
    ----------
    image : Image
        MRI, or CT in HU.
    tissues : np.ndarray
        Tissue map (i, j, k), uint8.

    Returns
    -------
    np.ndarray
        Mask (i, j, k), bool.
    """
    found = np.zeros(tissues.shape, bool)
    if (tissues == INFRATENTORIAL).sum() < VOXELS_MIN:
        return found
    box = bounding_box(tissues == INFRATENTORIAL, 1)
    depth = ndimage.distance_transform_edt(tissues[box] == INFRATENTORIAL, sampling=image.voxel_mm)
    values = image.data[box].astype(np.float32)
    deep = depth > FOURTH_DEPTH_MM
    levels = _levels(image.data[tissues == VENTRICLES].astype(np.float32), values[deep])
    if levels is None:
        return found
    piece = largest_component(deep & (_pull(values, levels) > FOURTH_PULL))
    if piece.sum() * image.voxel_volume_mm3 <= 1000 * FOURTH_CM3_MAX:
        found[box] = piece
    return found


def _levels(core: np.ndarray, tissue: np.ndarray) -> tuple[float, float] | None:
    """Grey levels of fluid and tissue; None if the two do not differ.

    The core holds fluid and, where the networks marked too much, tissue: it is split in two, and fluid is the part
    whose level lies farther from the tissue's.
    """
    if min(core.size, tissue.size) < VOXELS_MIN or core.min() == core.max():
        return None
    level = float(np.median(tissue))
    spread = sd_about(tissue, level)
    cut = threshold_otsu(core)
    fluid = max(
        (float(np.median(side)) for side in (core[core <= cut], core[core > cut])), key=lambda v: abs(v - level)
    )
    return None if abs(fluid - level) < CONTRAST_SDS * spread or fluid == level else (fluid, level)


def _pull(values: np.ndarray, levels: tuple[float, float]) -> np.ndarray:
    """From -1 (as the tissue) to 1 (as the fluid) for each voxel."""
    fluid, level = levels
    return np.asarray(np.clip((values - (fluid + level) / 2) / ((fluid - level) / 2), -1, 1), np.float32)


def probabilities_in(image: Image, working: Image, box: tuple[slice, ...]) -> np.ndarray:
    """The networks' probabilities at the voxels of a box of the image.

    Parameters
    ----------
    image : Image
        The image.
    working : Image
        Probabilities (7, x, y, z) on their own grid.
    box : tuple[slice, ...]
        One slice per axis of the image.

    Returns
    -------
    np.ndarray
        Probabilities (7, i, j, k), float32.
    """
    to_working = np.linalg.inv(working.affine) @ image.affine
    turn, offset = to_working[:3, :3], moved(to_working, np.array([float(s.start) for s in box]))
    shape = tuple(s.stop - s.start for s in box)
    return np.stack(
        [ndimage.affine_transform(p, turn, offset, shape, np.float32, order=1, mode="nearest") for p in working.data]
    )
