"""A suspected infarct: bright on one side alone, in grey matter or with tissue lost beside it.

WMH of small-vessel disease lie on both sides, in white matter, and leave the tissue about them. A territorial infarct
has no counterpart on the other side. A recent one is bright in the cortex or the deep grey matter, too, and needs no
cavity; beside an old one the sulci are wide or a cavity is left. The sides are compared about the plane that the brain
is most alike about.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, optimize

from angiolith.core.distance import NEIGHBOURS_26, dilate_mm, distance_mm
from angiolith.small_vessel.grid import drop_small, window
from angiolith.small_vessel.wmh.shown import MAPS, OUTSIDE
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
# [mm] Smoothing (SD) of the grey values whose difference of the sides shows an infarct. Source: numerics.
BRIGHTER_SIGMA_MM = 2.5
# [mm] A place is compared with the brightest so near to its mirrored place. Source: 21 real scans without an infarct.
BRIGHTER_REACH_MM = 5.0
# [contrast of white matter to fluid] What is brighter by this than the other side may be an infarct. Source: 21 real
# scans without an infarct, as they are and in slices of 6 mm; drawn infarcts of development.
BRIGHTER_MIN = 0.15
# [contrast of white matter to fluid] About such a place, what is brighter by this belongs to it. Source: choice.
BRIGHTER_EDGE_MIN = 0.08
# [mm3] Of a bright place on one side, at least this much lies in grey matter, on either side, where no WMH lie.
# Source: 21 real scans without an infarct: at most 120 in a place of `infarct_mm3_min`.
GREY_MM3_MIN = 300.0
# [mm3] Fluid of one side, within the brain and no sulcus, is an old infarct's cavity from this volume on. Source: 21
# real scans without an infarct: at most 1300 as they are, 3200 in slices of 6 mm.
CAVITY_MM3_MIN = 4000.0
# [1] Fraction of a pixel from which it belongs to a tissue. Source: definition.
HALF = 0.5
# [pixels] A sulcus is narrower than this. Source: choice.
SULCUS_PIXELS = 7
# [mm] What belongs to a recent infarct, or to an old one, lies so near to its surest part. Source: choice; an old one's
# gliosis is patchy.
RECENT_WITHIN_MM, OLD_WITHIN_MM = 10.0, 40.0
# [mask] A place is three pixels wide in its slice, at least. Source: numerics.
WIDE = np.ones((3, 3, 1), bool)


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
    """Mask of suspected infarcts on the working slices: what fits, what is bright about it, and cavities.

    Parameters
    ----------
    working : Working
        The FLAIR on working slices.
    wmh : np.ndarray
        Mask (x, y, z) of hyperintensities.
    volume_mm3_min : float
        Smaller places are none, mm3.

    Returns
    -------
    np.ndarray
        Mask (x, y, z), bool.
    """
    voxel_mm = working.voxel_mm
    mirror = find_mirror(working)
    brighter = brighter_than_other_side(working, mirror, voxel_mm)
    lost = tissue_loss(working, mirror, voxel_mm)
    counterpart = mirror.of(dilate_mm(wmh, COUNTERPART_MM, voxel_mm), 0) > 0.5
    recent = bright_in_grey(working, mirror, brighter, volume_mm3_min)
    old = beside_loss(wmh, lost, counterpart, voxel_mm, volume_mm3_min) | cavities(working, lost)
    edge = (brighter >= BRIGHTER_EDGE_MIN) & (working.maps[MAPS.index("from_ventricles")] > 0)
    about = ((wmh & ~counterpart) | edge) & working.brain
    whole = np.zeros_like(about)
    for found, within_mm in ((recent, RECENT_WITHIN_MM), (old, OLD_WITHIN_MM)):
        if found.any():
            near = found | (about & (distance_mm(found, voxel_mm) <= within_mm))
            pieces, _ = ndimage.label(near, NEIGHBOURS_26)
            whole |= near & np.isin(pieces, np.unique(pieces[found]))
    return whole


def bright_in_grey(working: Working, mirror: Mirror, brighter: np.ndarray, volume_mm3_min: float) -> np.ndarray:
    """Places that are bright on one side alone and lie in grey matter, too: infarcts with or without a cavity.

    Parameters
    ----------
    working : Working
        The FLAIR on working slices.
    mirror : Mirror
        The plane of symmetry.
    brighter : np.ndarray
        How much brighter a place is than the other side (x, y, z).
    volume_mm3_min : float
        Smaller places are none, mm3.

    Returns
    -------
    np.ndarray
        Mask (x, y, z), bool.
    """
    own = working.maps[MAPS.index("grey")]
    grey = np.maximum(own, mirror.of(own))  # the infarct's own tissue may be taken for another
    bright = (brighter >= BRIGHTER_MIN) & cerebrum(working) & (working.maps[MAPS.index("from_ventricles")] > 0)
    places, count = ndimage.label(ndimage.binary_opening(bright, WIDE), NEIGHBOURS_26)
    volumes = np.bincount(places.ravel(), minlength=count + 1) * working.voxel_mm3
    in_grey = np.bincount(places.ravel(), grey.ravel(), minlength=count + 1) * working.voxel_mm3
    fits = (volumes >= volume_mm3_min) & (in_grey >= GREY_MM3_MIN)
    fits[0] = False
    return np.asarray(fits[places])


def beside_loss(
    wmh: np.ndarray, lost: np.ndarray, counterpart: np.ndarray, voxel_mm: np.ndarray, volume_mm3_min: float
) -> np.ndarray:
    """Large hyperintensities of one side with tissue lost beside them, and what was lost there.

    Parameters
    ----------
    wmh : np.ndarray
        Mask (x, y, z) of hyperintensities.
    lost : np.ndarray
        Mask (x, y, z) of lost tissue (`tissue_loss`).
    counterpart : np.ndarray
        Mask (x, y, z): WMH of the other side lie about the mirrored place.
    voxel_mm : np.ndarray
        Voxel edges (3,) of the working slices, mm.
    volume_mm3_min : float
        Smaller lesions are none, mm3.

    Returns
    -------
    np.ndarray
        Mask (x, y, z), bool.
    """
    voxel_mm3 = float(voxel_mm.prod())
    found = np.zeros(wmh.shape, bool)
    lesions, count = ndimage.label(wmh, NEIGHBOURS_26)
    sizes = np.bincount(lesions.ravel(), minlength=count + 1) * voxel_mm3
    for k in np.flatnonzero(sizes[1:] >= volume_mm3_min) + 1:
        lesion = lesions == k
        if counterpart[lesion].mean() >= COUNTERPART_MAX:
            continue
        beside = lost & (distance_mm(lesion, voxel_mm) <= LOSS_WITHIN_MM)
        if beside.sum() * voxel_mm3 > LOSS_MIN * sizes[k]:
            found |= lesion | beside
    return found


def cavities(working: Working, lost: np.ndarray) -> np.ndarray:
    """Large cavities of one side: lost tissue within the brain that is wider than a sulcus.

    Parameters
    ----------
    working : Working
        The FLAIR on working slices.
    lost : np.ndarray
        Mask (x, y, z) of lost tissue (`tissue_loss`).

    Returns
    -------
    np.ndarray
        Mask (x, y, z), bool.
    """
    wide = ndimage.binary_opening(lost & cerebrum(working), np.ones((SULCUS_PIXELS, SULCUS_PIXELS, 1)))
    return drop_small(wide, CAVITY_MM3_MIN / working.voxel_mm3)


def cerebrum(working: Working) -> np.ndarray:
    """The brain without what lies under the tentorium.

    Parameters
    ----------
    working : Working
        The FLAIR on working slices.

    Returns
    -------
    np.ndarray
        Mask (x, y, z), bool.
    """
    return np.asarray(working.brain & (working.maps[MAPS.index("infratentorial")] < HALF))


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
    voxel_mm = working.voxel_mm
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


def brighter_than_other_side(working: Working, mirror: Mirror, voxel_mm: np.ndarray) -> np.ndarray:
    """How much brighter a place of the brain is than white matter, and than the brightest about its mirrored place.

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
    sigma = BRIGHTER_SIGMA_MM / voxel_mm
    brain_fraction = np.maximum(ndimage.gaussian_filter(working.brain.astype(np.float32), sigma), BRAIN_FRACTION_MIN)
    grey = np.where(working.brain, np.clip(working.flair, -1.0, 1.0), 0).astype(np.float32)
    grey = np.where(working.brain, ndimage.gaussian_filter(grey, sigma) / brain_fraction, OUTSIDE)
    other = mirror.of(ndimage.maximum_filter(grey, size=window(BRIGHTER_REACH_MM, voxel_mm)))
    return np.where(working.brain, grey - np.maximum(other, 0), 0)  # white matter is 0
