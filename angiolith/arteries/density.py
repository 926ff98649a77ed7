"""How dense is the blood? Tells a contrast-enhanced CT from a plain one."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from angiolith.arteries.centrelines import Centreline
from angiolith.core.images import Image, moved
from angiolith.core.settings.calcification import CalciumThresholdSettings

CLEAR_OF_BONE = ("ACA", "MCA", "PCA")
# [mm] Radius about the centreline, besides the uncertainty of its position, in which blood is looked for. Source:
# digital heads.
BALL_MM = 1.0
# [%] Of the ball's voxels: the brightest, without single noisy ones. Source: digital heads.
BRIGHTEST_PERCENTILE = 95
# [%] Of these along the artery: calcium and bone brighten a part of it, contrast the whole. Source: digital heads.
ALONG_PERCENTILE = 25


def lumen_density(ct: Image, lines: Iterable[Centreline]) -> float:
    """HU of the arteries' lumen; NaN without an anterior, middle or posterior cerebral artery in the field of view.

    Those three run clear of bone for most of their length. At each point of a centreline: the brightest voxels of a
    ball that allows for the uncertainty of position; of these values the lower quartile along the artery (calcium and
    bone brighten a part, contrast the whole); of these the median over the arteries.
    """
    inverse = np.linalg.inv(ct.affine)
    values = []
    for line in lines:
        if line.artery not in CLEAR_OF_BONE:
            continue
        offsets = _ball(BALL_MM + float(np.median(line.sd_mm)))
        index = moved(inverse, line.points[::2, None] + offsets[None])
        nearest = np.rint(index).astype(int)
        inside = ((nearest >= 0) & (nearest < ct.data.shape)).all(axis=(1, 2))
        if inside.sum() >= 5:
            hu = ct.data[tuple(np.moveaxis(nearest[inside], -1, 0))]
            values.append(float(np.percentile(np.percentile(hu, BRIGHTEST_PERCENTILE, axis=1), ALONG_PERCENTILE)))
    return float(np.median(values)) if values else np.nan


def is_enhanced(lumen_hu: float, threshold: CalciumThresholdSettings) -> bool:
    """Whether the CT is contrast-enhanced; False where the lumen's density (HU) is unknown (NaN)."""
    return bool(lumen_hu >= threshold.contrast_hu_min)


def calcium_hu_min(lumen_hu: float, threshold: CalciumThresholdSettings) -> float:
    """Density (HU) from which a voxel is calcium: on a contrast-enhanced CT raised above the lumen's (HU)."""
    if not is_enhanced(lumen_hu, threshold):
        return threshold.hu_min
    return max(threshold.hu_min, lumen_hu + threshold.adaptive_hu_above_lumen)


def _ball(radius_mm: float) -> np.ndarray:
    axis = np.arange(-np.ceil(radius_mm), np.ceil(radius_mm) + 0.5, 0.5)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    return grid[np.linalg.norm(grid, axis=1) <= radius_mm]
