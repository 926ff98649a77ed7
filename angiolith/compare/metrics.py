"""One mask beside its truth on one grid: overlap, volumes, lesions and the distance of surfaces."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from angiolith.core.distance import NEIGHBOURS_26, distance_mm
from angiolith.core.images import bounding_box

# [%] The surface distance that this percentage of the surface does not exceed. Source: Kuijf, IEEE Trans Med Imaging
# 2019;38:2556 (WMH challenge).
HAUSDORFF_PERCENTILE = 95
# [voxels] Margin of the box about both masks. Source: numerics.
MARGIN = 1
OVERLAP = ("true_mm3", "found_mm3", "dice", "volume_ratio", "hausdorff95_mm", "mean_surface_mm")
LESIONS = ("n_true", "n_found", "n_true_met", "n_found_met", "lesion_sensitivity", "lesion_ppv", "lesion_f1")


def overlap(truth: np.ndarray, mask: np.ndarray, voxel_mm: np.ndarray, voxel_mm3: float) -> dict[str, float]:
    """Overlap and volumes of two masks (i, j, k) on one grid; keys `OVERLAP`.

    Dice = 2 |A and B| / (|A| + |B|) (Dice 1945), NaN where both are empty; volume_ratio: found over true, NaN where
    nothing is true; hausdorff95_mm: the larger of both directions' 95th percentiles, and mean_surface_mm: the mean of
    both directions' means, of the distance from each surface voxel to the other's surface, NaN where one is empty.

    Parameters
    ----------
    truth : np.ndarray
        Masks of one grid, bool (i, j, k).
    mask : np.ndarray
        Masks of one grid, bool (i, j, k).
    voxel_mm : np.ndarray
        Voxel edges (3,), mm.
    voxel_mm3 : float
        Volume of a voxel, mm3.

    Returns
    -------
    dict[str, float]
        Measure -> value.
    """
    sizes = float(truth.sum()), float(mask.sum())
    row = {"true_mm3": sizes[0] * voxel_mm3, "found_mm3": sizes[1] * voxel_mm3}
    row["dice"] = 2 * float((truth & mask).sum()) / sum(sizes) if sum(sizes) else np.nan
    row["volume_ratio"] = sizes[1] / sizes[0] if sizes[0] else np.nan
    return row | surface_distances(truth, mask, voxel_mm)


def surface_distances(truth: np.ndarray, mask: np.ndarray, voxel_mm: np.ndarray) -> dict[str, float]:
    """See `overlap`; voxel_mm: (3,) voxel edges. A surface voxel has a neighbour by face outside of its mask.

    Parameters
    ----------
    truth : np.ndarray
        Masks of one grid, bool (i, j, k).
    mask : np.ndarray
        Masks of one grid, bool (i, j, k).
    voxel_mm : np.ndarray
        Voxel edges (3,), mm.

    Returns
    -------
    dict[str, float]
        Measure -> mm.
    """
    if not truth.any() or not mask.any():
        return {"hausdorff95_mm": np.nan, "mean_surface_mm": np.nan}
    box = bounding_box(truth | mask, MARGIN)
    first, second = (part & ~ndimage.binary_erosion(part) for part in (truth[box], mask[box]))
    there, back = distance_mm(second, voxel_mm)[first], distance_mm(first, voxel_mm)[second]
    far = max(float(np.percentile(part, HAUSDORFF_PERCENTILE)) for part in (there, back))
    return {"hausdorff95_mm": far, "mean_surface_mm": float(there.mean() + back.mean()) / 2}


def lesions(truth: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """Detection of lesions: 26-connected pieces, met where the other mask has a voxel of them; keys `LESIONS`.

    Sensitivity: true lesions met / true lesions; PPV: found lesions met / found lesions; F1 is their harmonic mean
    (Kuijf 2019). NaN where the denominator is 0; F1 is 0 where one side alone has lesions.

    Parameters
    ----------
    truth : np.ndarray
        Masks of one grid, bool (i, j, k).
    mask : np.ndarray
        Masks of one grid, bool (i, j, k).

    Returns
    -------
    dict[str, float]
        Measure -> value.
    """
    n_true, true_met = pieces_met(truth, mask)
    n_found, found_met = pieces_met(mask, truth)
    sensitivity = true_met / n_true if n_true else np.nan
    ppv = found_met / n_found if n_found else np.nan
    both = np.nansum([sensitivity, ppv])
    f1 = 2 * sensitivity * ppv / both if n_true and n_found and both else np.nan if n_true + n_found == 0 else 0.0
    return dict(zip(LESIONS, (n_true, n_found, true_met, found_met, sensitivity, ppv, f1), strict=True))


def pieces_met(pieces: np.ndarray, other: np.ndarray) -> tuple[int, int]:
    """How many 26-connected pieces a mask has, and how many of them the other mask overlaps.

    Parameters
    ----------
    pieces : np.ndarray
        Mask whose pieces are counted, bool (i, j, k).
    other : np.ndarray
        The other mask, bool (i, j, k).

    Returns
    -------
    tuple[int, int]
        Number of pieces, and of those that are met.
    """
    labels, count = ndimage.label(pieces, NEIGHBOURS_26)
    return count, len(np.setdiff1d(np.unique(labels[other]), [0]))
