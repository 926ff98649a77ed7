"""Measures of a WMH mask: volumes near to and far from the ventricles, lesions, and Fazekas grades.

Fazekas 1987 grades what a reader sees in axial slices: about the ventricles caps or a thin line (1), a smooth halo (2),
what reaches irregularly into the deep white matter (3); deep foci that are points (1), begin to merge (2), are large
areas (3). Each grade is decided in the plane; its cut-points are settings, and it stands beside a reader's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from angiolith.core.distance import NEIGHBOURS_26, distance_mm
from angiolith.core.settings.wmh import WmhGradeSettings, WmhMeasureSettings

# [voxels] Neighbours by edge or corner within a slice. Source: definition.
NEIGHBOURS_IN_PLANE = np.pad(np.ones((3, 3, 1), bool), ((0, 0), (0, 0), (1, 1)))
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

    What cannot be graded without ventricles, or without an intracranial volume (NaN), is NaN.

    Parameters
    ----------
    mask : np.ndarray
        Mask of WMH, bool (i, j, k).
    ventricles : np.ndarray | None
        Mask of the ventricles, bool (i, j, k), or None.
    affine : np.ndarray
        Voxel -> mm (4, 4).
    icv_cm3 : float
        Intracranial volume, cm3; NaN where unknown.
    settings : WmhMeasureSettings
        Section `wmh.measure`.
    cut_points : WmhGradeSettings
        Section `wmh.grade`.

    Returns
    -------
    dict[str, float]
        Measure -> value; NaN where it cannot be measured.
    """
    measures = dict.fromkeys(MEASURES, float("nan")) | wmh_volumes(mask, ventricles, affine, icv_cm3, settings)
    if ventricles is None or not ventricles.any():
        return measures
    extents = fazekas_extents(mask, ventricles, affine, settings.periventricular_mm, cut_points.contact_mm)
    periventricular = periventricular_grade(extents, cut_points)
    deep = max(grade(extents.deep_mm, cut_points.fazekas_deep_mm), int(extents.apart))
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

    Parameters
    ----------
    mask : np.ndarray
        Mask of WMH, bool (i, j, k).
    ventricles : np.ndarray | None
        Mask of the ventricles, bool (i, j, k), or None.
    affine : np.ndarray
        Voxel -> mm (4, 4).
    icv_cm3 : float
        Intracranial volume, cm3; NaN where unknown.
    settings : WmhMeasureSettings
        Section `wmh.measure`.

    Returns
    -------
    dict[str, float]
        Measure -> value; NaN where it cannot be measured.
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


@dataclass(frozen=True)
class Extents:
    """What the Fazekas grades rest on.

    touches: any WMH lies beside the ventricles. halo_mm: mean thickness of the WMH about them, over the whole border
    of the ventricles in the plane. reach_cm3: volume beyond the periventricular zone of what hangs together, in the
    plane, with WMH beside the ventricles. deep_mm: diameter of a circle as large as the largest deep area in a slice.
    apart: any piece in a slice does not lie beside the ventricles.
    """

    touches: bool
    halo_mm: float
    reach_cm3: float
    deep_mm: float
    apart: bool = False


def periventricular_grade(extents: Extents, cut_points: WmhGradeSettings) -> int:
    """0 without WMH beside the ventricles, 3 if they reach into deep white matter, 2 for a halo, else 1.

    Parameters
    ----------
    extents : Extents
        Extents of WMH beside the ventricles.
    cut_points : WmhGradeSettings
        Section `wmh.grade`.

    Returns
    -------
    int
        Grade, 0 to 3.
    """
    if not extents.touches:
        return 0
    if extents.reach_cm3 >= cut_points.fazekas_reach_cm3:
        return 3
    return 2 if extents.halo_mm >= cut_points.fazekas_halo_mm else 1


def grade(extent_mm: float, cut_points_mm: Sequence[float]) -> int:
    """0 for no lesion (extent 0), 1 below the first cut-point, 2 from it to the second, 3 from the second.

    Parameters
    ----------
    extent_mm : float
        Largest extent of a lesion, mm.
    cut_points_mm : Sequence[float]
        Two cut-points, mm.

    Returns
    -------
    int
        Grade, 0 to 3.
    """
    low, high = cut_points_mm
    return 0 if extent_mm <= 0 else 1 + (extent_mm >= low) + (extent_mm >= high)


def fazekas_extents(
    mask: np.ndarray, ventricles: np.ndarray, affine: np.ndarray, periventricular_mm: float, contact_mm: float
) -> Extents:
    """What the Fazekas grades of a mask rest on, in axial slices of the grid.

    Parameters
    ----------
    mask, ventricles : ndarray of bool
        On one grid.
    affine : ndarray, shape (4, 4)
        Voxels to RAS mm.
    periventricular_mm : float
        The zone about the ventricles; what lies beyond is deep.
    contact_mm : float
        A piece that comes this near to them lies beside them.

    Returns
    -------
    Extents
        Thickness (mm), reach (cm3) and areas that the grades compare with their cut-points.
    """
    axis = int(np.abs(affine[2, :3]).argmax())
    edges = np.linalg.norm(affine[:3, :3], axis=0)
    away_mm = np.moveaxis(distance_mm(ventricles, edges), axis, 2)
    mask, ventricles = np.moveaxis(mask, axis, 2), np.moveaxis(ventricles, axis, 2)
    pixel_mm, step_mm = float(np.sqrt(np.delete(edges, axis).prod())), float(edges[axis])
    voxel_cm3 = pixel_mm**2 * step_mm / 1000
    border = ndimage.binary_dilation(ventricles, NEIGHBOURS_IN_PLANE) & ~ventricles
    near, beyond = mask & (away_mm <= periventricular_mm), mask & (away_mm > periventricular_mm)
    pieces, _ = ndimage.label(mask, NEIGHBOURS_IN_PLANE)
    beside = np.setdiff1d(np.unique(pieces[mask & (away_mm <= contact_mm)]), [0])
    deep, count = ndimage.label(beyond, NEIGHBOURS_IN_PLANE)
    largest = np.bincount(deep.ravel(), minlength=2)[1:].max() if count else 0
    return Extents(
        touches=bool(beside.size),
        halo_mm=float(near.sum() * pixel_mm / max(border.sum(), 1)),
        reach_cm3=float((beyond & np.isin(pieces, beside)).sum() * voxel_cm3),
        deep_mm=float(2 * np.sqrt(largest * pixel_mm**2 / np.pi)),
        apart=bool((mask & ~np.isin(pieces, beside)).any()),
    )
