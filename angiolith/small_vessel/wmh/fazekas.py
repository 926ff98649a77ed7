"""Measures of a WMH mask: volumes near to and far from the ventricles, lesions, and Fazekas grades by cut-points.

Fazekas 1987 grades what a reader sees; the grades here follow from distances and diameters, with the cut-points in the
settings, and stand beside a reader's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist

from angiolith.core.distance import NEIGHBOURS_26, distance_mm
from angiolith.core.settings.wmh import WmhGradeSettings, WmhMeasureSettings

FAZEKAS = ("fazekas_periventricular", "fazekas_deep", "fazekas_total")
MEASURES = (
    *("wmh_volume_cm3", "wmh_percent_icv", "wmh_periventricular_cm3", "wmh_deep_cm3", "n_wmh_lesions"),
    *FAZEKAS,
)


def measure_wmh(
    mask: np.ndarray,
    ventricles: np.ndarray | None,
    affine: np.ndarray,
    icv_cm3: float,
    settings: WmhMeasureSettings,
    cut_points: WmhGradeSettings,
) -> dict[str, float]:
    """Volumes (cm3), count and Fazekas grades of a WMH mask; ventricles on the same grid, None or empty if unknown.

    What cannot be told without ventricles, or without an intracranial volume (NaN), is NaN.
    """
    measures = dict.fromkeys(MEASURES, float("nan")) | wmh_volumes(mask, ventricles, affine, icv_cm3, settings)
    if ventricles is None or not ventricles.any():
        return measures
    lesions, _ = ndimage.label(mask, NEIGHBOURS_26)
    away_mm = distance_mm(ventricles, np.linalg.norm(affine[:3, :3], axis=0))
    width_mm, diameter_mm = fazekas_extents_mm(
        lesions, away_mm, affine, settings.periventricular_mm, cut_points.contact_mm
    )
    periventricular = grade(width_mm, cut_points.fazekas_periventricular_mm)
    deep = grade(diameter_mm, cut_points.fazekas_deep_mm, strict=True)
    grades = map(float, (periventricular, deep, periventricular + deep))
    return measures | dict(zip(FAZEKAS, grades, strict=True))


def wmh_volumes(
    mask: np.ndarray,
    ventricles: np.ndarray | None,
    affine: np.ndarray,
    icv_cm3: float,
    settings: WmhMeasureSettings,
) -> dict[str, float]:
    """Volumes (cm3, and % of the intracranial volume) and count of a WMH mask; arguments as in `measure_wmh`.

    A voxel is periventricular if its centre lies within `periventricular_mm` of the centre of a ventricle's voxel, else
    deep; both are NaN where no ventricles are known.
    """
    voxel_cm3 = abs(float(np.linalg.det(affine[:3, :3]))) / 1000
    volume_cm3 = float(mask.sum() * voxel_cm3)
    measures = {
        "wmh_volume_cm3": volume_cm3,
        "wmh_percent_icv": 100 * volume_cm3 / icv_cm3 if icv_cm3 > 0 else np.nan,
        "wmh_periventricular_cm3": np.nan,
        "wmh_deep_cm3": np.nan,
        "n_wmh_lesions": float(ndimage.label(mask, NEIGHBOURS_26)[1]),
    }
    if ventricles is None or not ventricles.any():
        return measures
    away_mm = distance_mm(ventricles, np.linalg.norm(affine[:3, :3], axis=0))
    near = mask & (away_mm <= settings.periventricular_mm)
    return measures | {
        "wmh_periventricular_cm3": float(near.sum() * voxel_cm3),
        "wmh_deep_cm3": float((mask & ~near).sum() * voxel_cm3),
    }


def grade(extent_mm: float, cut_points_mm: Sequence[float], strict: bool = False) -> int:
    """0 for no lesion (extent 0), 1 below the first cut-point, 2 from it to the second, 3 from the second.

    `strict`: 3 only above the second cut-point.
    """
    if extent_mm <= 0:
        return 0
    low, high = cut_points_mm
    beyond = extent_mm > high if strict else extent_mm >= high
    return 3 if beyond else 2 if extent_mm >= low else 1


def fazekas_extents_mm(
    lesions: np.ndarray, away_mm: np.ndarray, affine: np.ndarray, periventricular_mm: float, contact_mm: float
) -> tuple[float, float]:
    """What the two Fazekas grades rest on (mm; 0 where there is no such lesion).

    First: the radial width of the lesions that touch the ventricles (come within `contact_mm`): the 95th percentile of
    their voxels' distance to them, so that a few voxels of a spur do not raise the grade. Second: the largest in-plane
    diameter among the other lesions and the parts of the touching ones beyond `periventricular_mm`.
    """
    touching = np.setdiff1d(np.unique(lesions[(lesions > 0) & (away_mm <= contact_mm)]), [0])
    halo = np.isin(lesions, touching)
    width_mm = float(np.percentile(away_mm[halo], 95)) if halo.any() else 0.0
    deep, _ = ndimage.label((lesions > 0) & ~(halo & (away_mm <= periventricular_mm)), NEIGHBOURS_26)
    return width_mm, largest_diameter_mm(deep, affine)


def largest_diameter_mm(lesions: np.ndarray, affine: np.ndarray) -> float:
    """Largest diameter (mm) of any labelled lesion within one slice, between outer edges of voxels; 0 without lesions.

    Slices are those of the grid axis nearest to the body's long axis (readers grade axial slices).
    """
    axis = int(np.abs(affine[2, :3]).argmax())
    plane = np.delete(np.linalg.norm(affine[:3, :3], axis=0), axis)
    largest = 0.0
    for lesion, box in enumerate(ndimage.find_objects(lesions), start=1):
        part = np.moveaxis(lesions[box] == lesion, axis, 0)
        for section in part[part.any(axis=(1, 2))]:
            largest = max(largest, _feret_mm(section, plane))
    return largest


def _feret_mm(section: np.ndarray, pixel_mm: np.ndarray) -> float:
    """Largest distance between points of a 2D mask, voxel edges included (mean edge added to the centres' distance)."""
    points = np.argwhere(section) * pixel_mm
    if len(points) > 20:
        try:
            points = points[ConvexHull(points).vertices]
        except QhullError:  # all on one line
            points = points[[0, -1]]
    return float(pdist(points).max(initial=0.0) + pixel_mm.mean())
