"""Ventricles by the networks' probabilities and the image's own grey levels, on the image's own grid.

The networks work at 2 mm; slices may be thinner, and of thick ones the networks say too much (a corpus callosum between
two horns). Whatever the contrast, fluid and the tissue around the ventricles differ in grey level: where they do so
clearly, each voxel's odds are moved by the side on which its level lies. In thick slices of an MRI with dark fluid each
piece of it is judged as a whole.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage.filters import threshold_otsu

from angiolith.brain.network import CLASSES
from angiolith.core.distance import dilate_mm
from angiolith.core.images import Image, bounding_box, moved
from angiolith.core.robust import sd_about
from angiolith.registration.head import largest_component

WHITE, CSF, VENTRICLES, DEEP_GREY, INFRATENTORIAL = (
    CLASSES.index(name) for name in ("white", "csf", "ventricles", "deep_grey", "infratentorial")
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
# [mm] Slices at least so thick are looked at one by one. Source: choice.
THICK_MM = 3.5
# [mm] In coarser pixels a fissure and a horn are no pieces of their own. Source: older_adults' FLAIRs 03, 06, 09 and 12
# in slices of 6 mm.
FINE_MM = 1.5
# [mm] Pieces of fluid are followed so far from the ventricles. Source: anatomy.
PIECE_MM = 40.0
# [1] Of a piece's probability of any fluid, ventricles have at least this part. Source: real scans: ms_thick_slices 01
# to 03.
PIECE_OF_FLUID_MIN = 0.65
# [1] A piece's mean probability of ventricle is at least this. Source: as PIECE_OF_FLUID_MIN.
PIECE_MIN = 0.3
# [mm] The rim of the ventricles that is partly fluid. Source: physics (one pixel).
RIM_MM = 1.0
# [1] From tissue (-1) to fluid (1), the rim's grey levels lie above this. Source: as PIECE_OF_FLUID_MIN.
RIM_PULL = -0.6
# [voxels] Fewer voxels tell no grey level. Source: numerics.
VOXELS_MIN = 50


def refined_tissues(image: Image, working: Image, tissues: np.ndarray, is_ct: bool = False) -> np.ndarray:
    """The tissue map with ventricles by probability and grey level together.

    Where fluid and tissue do not differ, the map is returned as it is.

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

    Returns
    -------
    np.ndarray
        Tissue map (i, j, k), uint8.
    """
    rough = tissues == VENTRICLES
    if rough.sum() < VOXELS_MIN:
        return tissues
    slow = None if is_ct else _slice_axis(image)
    reach_mm = AROUND_MM if slow is None else PIECE_MM
    box = bounding_box(rough, np.ceil(reach_mm / image.voxel_mm).astype(int))
    likely = _probabilities_in(image, working, box)
    values, brain = image.data[box].astype(np.float32), tissues[box] > 0
    near = dilate_mm(likely[VENTRICLES] > 0.5, AROUND_MM, image.voxel_mm)
    tissue = brain & near & (likely[VENTRICLES] < SEEN) & (likely[WHITE] + likely[DEEP_GREY] > TISSUE)
    pull = _pull(values, values[brain & (likely[VENTRICLES] > 0.5)], values[tissue])
    if pull is None:
        return tissues
    kept = np.clip(likely[VENTRICLES], SURE, 1 - SURE)
    fluid = np.log(kept / (1 - kept)) + PULL * pull > 0
    fluid &= brain & (likely[VENTRICLES] > SEEN) & (likely[VENTRICLES] > CSF_FRACTION * likely[CSF])
    # measured where fluid is dark; where it is bright, horns and cisterns run into one piece
    if slow is not None and fluid.any() and np.median(values[fluid]) < np.median(values[tissue]):
        fluid = _by_slices(fluid, pull, likely, brain, slow, image.voxel_mm)
    likely[[0, VENTRICLES]] = -1
    found = tissues.copy()
    part = found[box]
    part[part == VENTRICLES] = likely.argmax(axis=0)[part == VENTRICLES]
    part[fluid] = VENTRICLES
    return found


def _slice_axis(image: Image) -> int | None:
    """The axis across thick slices of fine pixels; None if there is none."""
    slow = int(image.voxel_mm.argmax())
    pixel_mm = np.delete(image.voxel_mm, slow).max()
    return slow if image.voxel_mm[slow] >= THICK_MM and pixel_mm <= FINE_MM else None


def _by_slices(
    fluid: np.ndarray, pull: np.ndarray, likely: np.ndarray, brain: np.ndarray, slow: int, voxel_mm: np.ndarray
) -> np.ndarray:
    """Ventricles of thick slices: pieces of fluid in a slice are ventricle or not as a whole, and reach to their rim.

    Between thick slices the networks see a blur of both; within one, a fissure and a horn are pieces of their own. A
    piece whose probability of ventricle is small beside that of the fluid around the brain, or small at all, is none.
    What is kept takes the voxels at its rim that are partly fluid.
    """
    kept = np.moveaxis(fluid.copy(), slow, 0)
    where = np.moveaxis(brain & (pull > 0), slow, 0)
    ventricle, outer = (np.moveaxis(likely[name], slow, 0) for name in (VENTRICLES, CSF))
    for number, plane in enumerate(where):
        pieces, count = ndimage.label(plane)
        sums = [np.bincount(pieces.ravel(), p[number].ravel(), count + 1) for p in (ventricle, outer)]
        sizes = np.bincount(pieces.ravel(), minlength=count + 1)
        refused = (sums[0] < PIECE_OF_FLUID_MIN * (sums[0] + sums[1])) | (sums[0] < PIECE_MIN * sizes)
        refused[0] = False
        gone = ndimage.binary_dilation(refused[pieces]) & ~(plane & ~refused[pieces])
        gone &= ventricle[number] < 1 - SURE
        kept[number] &= ~gone
    kept = np.moveaxis(kept, 0, slow)
    near = dilate_mm(kept, RIM_MM, voxel_mm)  # within the slices: the next one is THICK_MM away or more
    return kept | (near & brain & (pull > RIM_PULL) & (likely[INFRATENTORIAL] < 0.5))


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
    pull = _pull(values, image.data[tissues == VENTRICLES].astype(np.float32), values[deep])
    if pull is None:
        return found
    piece = largest_component(deep & (pull > FOURTH_PULL))
    if piece.sum() * image.voxel_volume_mm3 <= 1000 * FOURTH_CM3_MAX:
        found[box] = piece
    return found


def _pull(values: np.ndarray, core: np.ndarray, tissue: np.ndarray) -> np.ndarray | None:
    """From -1 (as the tissue) to 1 (as the fluid) for each voxel; None if the two do not differ.

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
    if abs(fluid - level) < CONTRAST_SDS * spread or fluid == level:
        return None
    return np.asarray(np.clip((values - (fluid + level) / 2) / ((fluid - level) / 2), -1, 1), np.float32)


def _probabilities_in(image: Image, working: Image, box: tuple[slice, ...]) -> np.ndarray:
    """The probabilities (7, x, y, z) at the voxels of a box of the image."""
    to_working = np.linalg.inv(working.affine) @ image.affine
    turn, offset = to_working[:3, :3], moved(to_working, np.array([float(s.start) for s in box]))
    shape = tuple(s.stop - s.start for s in box)
    return np.stack(
        [ndimage.affine_transform(p, turn, offset, shape, np.float32, order=1, mode="nearest") for p in working.data]
    )
