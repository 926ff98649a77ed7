"""Which voxels are drawn of a mark on bone, so that a reader who keeps it keeps a volume near that of the calcium."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from angiolith.arteries.centrelines import Centreline, box_affine
from angiolith.arteries.names import BESIDE_SMOOTH_BONE, FLUID_SDS
from angiolith.calcification.certainty import CANDIDATE_MM3
from angiolith.calcification.mirror import TISSUE_HU, Alone
from angiolith.core.distance import NEIGHBOURS_26, surroundings
from angiolith.core.images import Image, mask_points

# [mm] From a candidate on bone, calcium is followed so far along the wall. Source: implants in two heads of
# development, on which 1 mm draws too little.
BEHIND_MM = 2.0
# [1] A mark of which this much is one-sided is no bone of both sides. Source: definition, half.
ONE_SIDED_FRACTION = 0.5


def drawn_on_bone(ct: Image, index: np.ndarray, free: np.ndarray, line: Centreline, margin_mm: float) -> np.ndarray:
    """Voxels (m, 3) that are drawn of a candidate on bone: calcium of the artery's wall, as far as the image tells.

    Of its own voxels those that the wall may reach, where the line is off by one SD (`FLUID_SDS` in fluid): what lies
    beyond is bone. All of them where fewer are left than the smallest candidate has. To them is added what hangs
    together with them within `BEHIND_MM`, in lumen and wall, at half of the peak or above.

    Parameters
    ----------
    ct : Image
        The CT about the arteries, HU.
    index : np.ndarray
        Voxels of the mark (n, 3).
    free : np.ndarray
        Dense voxels of no mark, bool (i, j, k).
    line : Centreline
        The artery's centreline.
    margin_mm : float
        Reach of calcium beyond the lumen, mm.

    Returns
    -------
    np.ndarray
        Voxels (m, 3).
    """
    box, mark, reach = surroundings(index, ct.data.shape, BEHIND_MM, ct.voxel_mm)
    hu = ct.data[box]
    distance, nearest = cKDTree(line.points).query(mask_points(box_affine(ct.affine, box), np.ones(hu.shape, bool)))
    outside_mm = (distance - line.radius_mm[nearest] - margin_mm).reshape(hu.shape)
    sds = FLUID_SDS if line.artery in BESIDE_SMOOTH_BONE else 1.0
    near = mark & (outside_mm <= sds * line.sd_mm[nearest].reshape(hu.shape))
    if near.sum() * ct.voxel_volume_mm3 < CANDIDATE_MM3[0]:
        return index
    half = (float(hu[near].max()) + TISSUE_HU) / 2
    may = free[box] & (hu >= half) & (outside_mm <= 0) & ndimage.binary_dilation(near, reach)
    drawn = ndimage.binary_propagation(near, NEIGHBOURS_26, near | may)
    return np.asarray(np.argwhere(drawn) + [part.start for part in box])


def without_paired(index: np.ndarray, alone: Alone) -> np.ndarray:
    """The voxels (m, 3) of a mark beside bone less those whose mirrored place is no less dense: bone of both sides.

    All of them where less than half of the mark is one-sided: the calcium of both siphons may be alike.

    Parameters
    ----------
    index : np.ndarray
        Voxels of the mark (n, 3).
    alone : Alone
        What one side has alone.

    Returns
    -------
    np.ndarray
        Voxels (m, 3).
    """
    at = tuple(index.T)
    return index[~alone.paired[at]] if alone.there[at].mean() >= ONE_SIDED_FRACTION else index
