"""A suspected infarct among hyperintensities: a large one, on one side alone, with tissue lost beside it.

WMH of small-vessel disease lie on both sides and leave the tissue about them. An old territorial infarct has no
counterpart on the other side, and where it ends in the cortex the sulci are wide or a cavity is left. The sides are
compared about the plane that the brain is most alike about.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, optimize

from angiolith.core.distance import NEIGHBOURS_26, dilate_mm, distance_mm
from angiolith.small_vessel.grid import window
from angiolith.small_vessel.wmh.shown import MAPS, OUTSIDE, PLANE_MM
from angiolith.small_vessel.wmh.working import Working

# [mm] Grid on which the mirror is sought. Source: numerics.
MIRROR_VOXEL_MM = 4.0
# [mm] The mirror lies no further from the brain's centre. Source: anatomy.
MIRROR_SHIFT_MM = 10.0
# [1] Its normal's parts to the front and upwards, beside 1 to the right, are no larger. Source: anatomy.
MIRROR_TILT = 0.3
# [contrast of white matter to fluid] Grey values beyond say nothing of the sides: lesions. Source: numerics.
MIRROR_RANGE = (-1.0, 0.5)
# [1] Where the search for the mirror ends: steps, and change of the sum of squares. Source: numerics.
MIRROR_TOLERANCES = {"xtol": 1e-2, "ftol": 1e-4}
# [1] Less brain under the smoothing says nothing. Source: numerics.
BRAIN_FRACTION_MIN = 0.05
# [contrast of white matter to fluid] Darker is fluid. Source: choice.
FLUID_MAX = -0.35
# [mm] Smoothing (SD) of the grey values in which fluid is sought. Source: numerics.
FLUID_SIGMA_MM = 1.0
# [mm] The two sides of a brain are alike to this much, in fluid and in grey values. Source: choice.
SIDES_DIFFER_MM = 3.0
# [mm] WMH so near to a mirrored place are its counterpart. Source: 22 real scans (docs/small_vessel_accuracy.md).
COUNTERPART_MM = 6.0
# [1] Of a suspected infarct a smaller fraction has a counterpart. Source: 22 real scans: 0.26 to 0.56 in the infarct,
# 0.67 and more elsewhere but for two small lesions.
COUNTERPART_MAX = 0.6
# [mm] Tissue is lost beside a lesion within this distance. Source: choice.
LOSS_WITHIN_MM = 10.0
# [1] It is at least this fraction of the lesion's volume. Source: 22 real scans: 0.18 to 0.63 in the infarct, at most
# 0.05 elsewhere.
LOSS_MIN = 0.15
# [mm] Smoothing (SD) of the grey values whose difference of the sides shows the rest of an infarct. Source: numerics.
ASYMMETRY_SIGMA_MM = 2.5
# [contrast of white matter to fluid] What is brighter by this than the other side belongs to the infarct it touches.
# Source: choice.
ASYMMETRY_MIN = 0.15


@dataclass(frozen=True)
class Mirror:
    """A plane of symmetry, in mm of the working slices' axes: x -> turn x + shift."""

    turn: np.ndarray
    shift: np.ndarray
    voxel_mm: np.ndarray

    def of(self, values: np.ndarray, order: int = 1) -> np.ndarray:
        """What lies at the mirrored place of every voxel.

        Parameters
        ----------
        values : np.ndarray
            Values (x, y, z).
        order : int
            Order of the interpolating spline.

        Returns
        -------
        np.ndarray
            Values (x, y, z), float32.
        """
        turn = self.turn * self.voxel_mm[None, :] / self.voxel_mm[:, None]
        return np.asarray(
            ndimage.affine_transform(values.astype(np.float32), turn, self.shift / self.voxel_mm, order=order)
        )


def suspected_infarct(working: Working, wmh: np.ndarray, volume_mm3_min: float) -> np.ndarray:
    """Mask of suspected infarcts on the working slices: the lesions that fit, what is bright about them, and cavities.

    Parameters
    ----------
    working : Working
    wmh : mask (x, y, z) of hyperintensities
    volume_mm3_min : smaller lesions are none

    Returns
    -------
    np.ndarray
        Mask (x, y, z), bool.
    """
    voxel_mm = np.array([PLANE_MM, PLANE_MM, working.step_mm])
    voxel_mm3 = float(voxel_mm.prod())
    nothing = np.zeros(wmh.shape, bool)
    lesions, count = ndimage.label(wmh, NEIGHBOURS_26)
    sizes = np.bincount(lesions.ravel(), minlength=count + 1) * voxel_mm3
    large = np.flatnonzero(sizes[1:] >= volume_mm3_min) + 1
    if not large.size:
        return nothing
    mirror = find_mirror(working)
    counterpart = mirror.of(dilate_mm(wmh, COUNTERPART_MM, voxel_mm), 0) > 0.5
    alone = [k for k in large if counterpart[lesions == k].mean() < COUNTERPART_MAX]
    if not alone:
        return nothing
    lost = tissue_loss(working, mirror, voxel_mm)
    found = nothing
    for k in alone:
        lesion = lesions == k
        beside = lost & (distance_mm(lesion, voxel_mm) <= LOSS_WITHIN_MM)
        if beside.sum() * voxel_mm3 > LOSS_MIN * sizes[k]:
            found = found | lesion | beside
    if not found.any():
        return nothing
    pieces, _ = ndimage.label(found | wmh | (asymmetry(working, mirror, voxel_mm) >= ASYMMETRY_MIN), NEIGHBOURS_26)
    here = np.isin(pieces, np.unique(pieces[found])) & working.brain
    return found | (here & ~counterpart)


def find_mirror(working: Working) -> Mirror:
    """The plane about which the brain is most alike (least squares on a coarse grid, Powell 1964).

    Parameters
    ----------
    working : Working
        The FLAIR on working slices.

    Returns
    -------
    Mirror
        The reflection about the plane.
    """
    voxel_mm = np.array([PLANE_MM, PLANE_MM, working.step_mm])
    values = np.where(working.brain, np.clip(working.flair, *MIRROR_RANGE) - OUTSIDE, 0).astype(np.float32)
    every = np.maximum(1, np.round(MIRROR_VOXEL_MM / voxel_mm).astype(int))
    coarse = ndimage.uniform_filter(values, tuple(every))[:: every[0], :: every[1], :: every[2]]
    coarse_mm = voxel_mm * every
    centre = np.array(ndimage.center_of_mass(working.brain)) * voxel_mm

    def mirror(plane: np.ndarray, step_mm: np.ndarray) -> Mirror:
        normal = np.array([1.0, *plane[1:]]) / np.linalg.norm([1.0, *plane[1:]])
        turn = np.eye(3) - 2 * np.outer(normal, normal)
        through = centre + plane[0] * normal
        return Mirror(turn, through - turn @ through, step_mm)

    def unlike(plane: np.ndarray) -> float:
        return float(((mirror(plane, coarse_mm).of(coarse) - coarse) ** 2).mean())

    bounds = [(-MIRROR_SHIFT_MM, MIRROR_SHIFT_MM), (-MIRROR_TILT, MIRROR_TILT), (-MIRROR_TILT, MIRROR_TILT)]
    best = optimize.minimize(unlike, np.zeros(3), method="Powell", bounds=bounds, options=MIRROR_TOLERANCES)
    return mirror(best.x, voxel_mm)


def tissue_loss(working: Working, mirror: Mirror, voxel_mm: np.ndarray) -> np.ndarray:
    """Where there is fluid, or no brain any more, and tissue all about the mirrored place; ventricles are left out.

    Parameters
    ----------
    working : Working
        The FLAIR on working slices.
    mirror : Mirror
        The plane of symmetry.
    voxel_mm : np.ndarray
        Voxel edges (3,) of the working slices, mm.

    Returns
    -------
    np.ndarray
        Mask (x, y, z), bool.
    """
    grey = np.where(working.brain, np.clip(working.flair, *MIRROR_RANGE), MIRROR_RANGE[0]).astype(np.float32)
    grey = ndimage.gaussian_filter(grey, FLUID_SIGMA_MM / voxel_mm)
    solid = mirror.of(ndimage.minimum_filter(grey, size=window(SIDES_DIFFER_MM, voxel_mm))) > FLUID_MAX
    return (grey < FLUID_MAX) & solid & (working.maps[MAPS.index("from_ventricles")] > 0)


def asymmetry(working: Working, mirror: Mirror, voxel_mm: np.ndarray) -> np.ndarray:
    """How much brighter a place of the brain is than the brightest about its mirrored place.

    Parameters
    ----------
    working : Working
        The FLAIR on working slices.
    mirror : Mirror
        The plane of symmetry.
    voxel_mm : np.ndarray
        Voxel edges (3,) of the working slices, mm.

    Returns
    -------
    np.ndarray
        Difference (x, y, z) in units of the FLAIR's contrast; 0 outside the brain.
    """
    sigma = ASYMMETRY_SIGMA_MM / voxel_mm
    brain_fraction = np.maximum(ndimage.gaussian_filter(working.brain.astype(np.float32), sigma), BRAIN_FRACTION_MIN)
    grey = np.where(working.brain, np.clip(working.flair, -1.0, 1.0), 0).astype(np.float32)
    grey = np.where(working.brain, ndimage.gaussian_filter(grey, sigma) / brain_fraction, OUTSIDE)
    other = mirror.of(ndimage.maximum_filter(grey, size=window(SIDES_DIFFER_MM, voxel_mm)))
    return np.where(working.brain, grey - other, 0)
