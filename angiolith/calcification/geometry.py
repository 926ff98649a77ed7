"""How a calcification lies on its artery: arc, coverage, length and thickness, from cross-sections of the CT.

Cross-sections stand orthogonal to the centreline every 0.5 mm and are sampled along rays from the lumen's centre,
linearly between voxels, so that slices of 0.5 and of 5 mm are treated alike. Edges are put at half maximum: at 130 HU
dense calcium looks wider than it is (blooming). Bone beside the lesion is left out of the sampling, or its flanks and
ends would be bone's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage
from scipy.optimize import least_squares
from scipy.spatial import cKDTree

from angiolith.arteries.centrelines import STEP_MM, Centreline
from angiolith.calcification.blur import FWHM_SDS, WALL_FRACTION, deblurred_arc_deg, deblurred_width_mm
from angiolith.calcification.rays import (
    N_ANGLES,
    RAY_STEP_MM,
    blur_along_rays_mm,
    linear,
    nearest_voxel,
    on_rays,
    radius_in_voxels,
)
from angiolith.core.distance import NEIGHBOURS_26
from angiolith.core.images import moved
from angiolith.core.settings.calcification import CalcificationMeasureSettings

# [1] Calcium within this fraction of the radius covers the lumen's centre. Source: digital tubes, 160 plaques
# (methods.md).
CENTRE_FRACTION = 0.35
# [HU] Half maximum is sought no nearer to the background than this: there it is noise. Source: digital tubes, 160
# plaques (methods.md).
LEAST_HU_ABOVE = 50.0
# [mm] Rays go on so far beyond a lesion's furthest voxel. Source: numerics.
ROOM_MM = 1.5
# [%] Of the rays' highest HU: the peak whose half is the edge, free of single noisy rays. Source: digital tubes, 160
# plaques (methods.md).
PEAK_PERCENTILE = 90
# [1] Rays blurred by more than this times the sharpest one (along thick slices) do not tell thickness. Source: digital
# tubes, 160 plaques (methods.md).
SHARPEST = 1.25
# [mm] Calcium of an artery's wall lies no further outside the lumen than this: wall and blur. Source: digital tubes,
# 160 plaques (methods.md).
OUTWARD_MM = 0.8
# [1] ... and no nearer to its centre than this fraction of the radius. Source: digital tubes, 160 plaques (methods.md).
INWARD_FRACTION = 0.4
# [mm] How sharp these bounds of where calcium lies are: wall and blur vary. Source: digital tubes, 160 plaques
# (methods.md).
WALL_SD_MM = 0.4


@dataclass(frozen=True)
class LesionGeometry:
    """Geometry of one lesion on its artery; NaN where it has no cross-section.

    arc_deg: largest arc over the cross-sections, 360 minus the largest gap, freed of the scanner's blur (NaN: the
    blur alone would show as much); arc_coverage: calcified fraction of the arc that is seen;
    arc_at_hu_min_deg: the arc at the calcium threshold instead of half maximum; length_mm: along the centreline;
    thickness_mm: radial thickness, freed of the scanner's blur (NaN likewise); thickness_fwhm_mm: the width at half
    maximum that is seen; filled_share: calcified fraction of angle x length; volume_half_max_mm3: volume above half
    maximum, which blooms less than that above the threshold; half_max_hu: the level used; centre_covered: calcium lies
    over the lumen's centre; radius_voxels: lumen radius in voxels of the cross-section.
    """

    arc_deg: float = np.nan
    arc_coverage: float = np.nan
    arc_at_hu_min_deg: float = np.nan
    length_mm: float = np.nan
    thickness_mm: float = np.nan
    thickness_fwhm_mm: float = np.nan
    filled_share: float = np.nan
    volume_half_max_mm3: float = np.nan
    half_max_hu: float = np.nan
    centre_covered: bool = False
    radius_voxels: float = np.nan
    width_mm: float = np.nan


def arc_extent(covered: np.ndarray) -> tuple[float, float]:
    """(extent, covered) in degrees of equal angular bins around a circle: extent = 360 minus the largest gap.

    Nothing covered: (0, 0).

    Parameters
    ----------
    covered : np.ndarray
        (n,) boolean; the circle closes, so an arc across 0 degrees is one arc.

    Returns
    -------
    tuple[float, float]
        Extent and covered arc, degrees.
    """
    count = len(covered)
    at = np.flatnonzero(covered)
    if len(at) == 0:
        return 0.0, 0.0
    gaps = np.diff(np.append(at, at[0] + count)) - 1
    return 360.0 * (count - gaps.max()) / count, 360.0 * len(at) / count


def measure_geometry(
    ct: np.ndarray,
    affine: np.ndarray,
    lesion: np.ndarray,
    line: Centreline,
    hu_min: float,
    settings: CalcificationMeasureSettings,
    slice_mm: float | None = None,
) -> LesionGeometry:
    """Measure one lesion on its artery.

    Works on a crop that holds the lesion with a margin of some voxels.

    Parameters
    ----------
    ct : np.ndarray
        HU (i, j, k).
    affine : np.ndarray
        Voxel -> mm (4, 4), RAS.
    lesion : np.ndarray
        Voxels of the lesion, bool (i, j, k).
    line : Centreline
        The artery's centreline.
    hu_min : float
        Threshold of calcium, HU.
    settings : CalcificationMeasureSettings
        Section `calcification.measure`.
    slice_mm : float | None
        Thickness of the slices, mm; None for their step.

    Returns
    -------
    LesionGeometry
        Arc (degrees), length and thickness (mm); NaN where not measured.
    """
    at_index = np.argwhere(lesion)
    if len(at_index) == 0:
        return LesionGeometry()
    at = moved(affine, at_index)
    background = settings.background_hu
    line = settled(line, at, np.maximum(ct[lesion] - background, 0))
    distance, nearest = cKDTree(line.points).query(at)
    reach_mm = float(distance.max()) + ROOM_MM
    planes = np.arange(max(0, nearest.min() - 6), min(len(line.points), nearest.max() + 7))
    other = ~lesion & (ct >= hu_min)  # bone, or a neighbour: none of its HU is interpolated into the lesion
    allowed = ndimage.binary_dilation(lesion, NEIGHBOURS_26) & ~other
    where, own_rays = on_rays(allowed, affine, line, planes, reach_mm)
    hu = linear(np.where(other, background, ct), where)
    others = nearest_voxel(other, where)

    # An angle counts by what lies towards the wall: near the centre, thick calcium blurs over all angles.
    radii = np.arange(hu.shape[2]) * RAY_STEP_MM
    at_wall = own_rays & (radii >= WALL_FRACTION * line.radius_mm[planes][:, None, None])
    on_wall = np.where(at_wall, hu, -np.inf)
    ray_peak = on_wall.max(axis=2)
    calcified = ray_peak >= hu_min
    if not calcified.any():  # smaller than the sampling sees: one cross-section at the lesion's middle
        return LesionGeometry(length_mm=STEP_MM, radius_voxels=radius_in_voxels(line, planes, affine))
    peak = float(np.percentile(ray_peak[calcified], PEAK_PERCENTILE))
    half = max((peak + background) / 2, background + LEAST_HU_ABOVE)
    dense = ray_peak >= half
    with_any = np.flatnonzero(dense.any(axis=1))
    arcs = [(*arc_extent(dense[plane]), arc_extent(calcified[plane])[0]) for plane in range(len(planes))]
    widest = int(np.argmax([arc[0] for arc in arcs]))
    extent, covered, _ = arcs[widest]
    blur = blur_along_rays_mm(line, planes, affine, settings.psf_mm, slice_mm)
    widths = _radial_widths(hu, own_rays, others, ray_peak, dense, background, blur)
    peak_mm = radii[on_wall.argmax(axis=2)][widest][dense[widest]].mean()
    across = np.roll(blur, -N_ANGLES // 4, axis=1)[widest][dense[widest]].mean()  # along the wall
    arc_deg = _beyond_blur(deblurred_arc_deg(extent, float(peak_mm / across)))
    sharp = np.where(blur <= SHARPEST * blur[dense].min(), widths, np.nan)
    radius = float(line.radius_mm[planes[with_any]].mean())
    inner = hu[:, :, : max(1, int(CENTRE_FRACTION * radius / RAY_STEP_MM))]
    return LesionGeometry(
        arc_deg=arc_deg,
        arc_coverage=covered / extent if extent else np.nan,
        arc_at_hu_min_deg=max(arc[2] for arc in arcs),
        length_mm=float(line.arc_mm[planes[with_any[-1]]] - line.arc_mm[planes[with_any[0]]] + STEP_MM),
        thickness_mm=_beyond_blur(_typical(deblurred_width_mm(sharp, blur))),
        thickness_fwhm_mm=_typical(widths),
        filled_share=float(dense[with_any[0] : with_any[-1] + 1][:, dense.any(axis=0)].mean()),
        volume_half_max_mm3=float((ct[allowed] >= half).sum() * abs(np.linalg.det(affine[:3, :3]))),
        half_max_hu=half,
        centre_covered=bool((inner >= half).mean() > 0.5) if inner.size else False,
        radius_voxels=radius_in_voxels(line, planes[with_any], affine),
        width_mm=float(np.radians(arc_deg)) * radius,
    )


def settled(line: Centreline, calcium: np.ndarray, weight: np.ndarray) -> Centreline:
    """The line moved sideways, as a whole, to where a lesion lies in the wall of its artery.

    Two lengths are known, each with its uncertainty: how far the line may be off (its `sd_mm`), and between which
    distances from it calcium of the wall lies (give or take WALL_SD_MM, seen anew in every millimetre of the lesion's
    length). The most likely shift is taken: none where the lesion lies within these bounds. An arc seen from a centre
    that lies off is too small or too large.

    Parameters
    ----------
    line : Centreline
        The artery's centreline.
    calcium : np.ndarray
        Points of the lesion (n, 3), RAS mm.
    weight : np.ndarray
        Weights of the points (n,).

    Returns
    -------
    Centreline
        The centreline, moved sideways.
    """
    nearest = cKDTree(line.points).query(calcium)[1]
    first, second = (normals[nearest] for normals in line.frames())
    away = calcium - line.points[nearest]
    across = np.stack([np.einsum("ij,ij->i", away, first), np.einsum("ij,ij->i", away, second)], axis=1)
    radius, sd_mm = line.radius_mm[nearest], float(line.sd_mm[nearest].mean())
    seen_times = max(1.0, float(np.ptp(nearest)) * STEP_MM)
    scale = np.sqrt(weight / max(float(weight.sum()), 1e-9) * seen_times) / WALL_SD_MM

    def unlikely(shift: np.ndarray) -> np.ndarray:
        distance = np.linalg.norm(across - shift, axis=1)
        out = np.maximum(distance - radius - OUTWARD_MM, 0) + np.maximum(radius * INWARD_FRACTION - distance, 0)
        return np.append(out * scale, shift / sd_mm)

    shift = least_squares(unlikely, np.zeros(2)).x
    middle = int(np.median(nearest))
    sideways = [normals[middle] for normals in line.frames()]
    return replace(line, points=line.points + shift[0] * sideways[0] + shift[1] * sideways[1])


def _radial_widths(
    hu: np.ndarray,
    own_rays: np.ndarray,
    others: np.ndarray,
    ray_peak: np.ndarray,
    dense: np.ndarray,
    background: float,
    blur: np.ndarray,
) -> np.ndarray:
    """Width at half maximum along every dense ray, mm; NaN where a side never falls below.

    Where bone or a neighbour follows (`others`), the lesion's own voxels end it: a bound, taken only where no other
    ray tells; one narrower than the blur alone would show (`blur`: its standard deviation) was cut short, and does not
    tell. Calcium that reaches over the lumen's centre is followed beyond it, on the opposite ray. Where its arc is over
    180 degrees (a ring without a valley in it), the centre is a bound too.
    """
    is_ring = max(arc_extent(plane)[0] for plane in dense) > 180
    widths, bounds = np.full(dense.shape, np.nan), np.full(dense.shape, np.nan)
    middle = hu.shape[2] - 1
    for plane, angle in np.argwhere(dense):
        opposite = (angle + N_ANGLES // 2) % N_ANGLES
        profile = np.concatenate([hu[plane, opposite, :0:-1], hu[plane, angle]])
        own = own_rays[plane, angle]
        top = middle + int(np.where(own, hu[plane, angle], -np.inf).argmax())
        level = (ray_peak[plane, angle] + background) / 2
        below = profile < level
        outer = np.flatnonzero(below[top:] | ~own[top - middle :])
        inner = np.flatnonzero(below[: top + 1])
        if len(outer) == 0 or len(inner) == 0:
            continue
        right, left = top + outer[0], inner[-1]
        end = right - 0.5
        if below[right]:
            end = right - (level - profile[right]) / (profile[right - 1] - profile[right])
        start = left + (level - profile[left]) / (profile[left + 1] - profile[left])
        cut = not below[right] or others[plane, angle, right - middle - 1 : right - middle + 2].any()
        if cut and (end - start) * RAY_STEP_MM < FWHM_SDS * blur[plane, angle]:
            continue
        over_centre = start < middle and is_ring
        is_bound = over_centre or cut
        (bounds if is_bound else widths)[plane, angle] = (end - (middle if over_centre else start)) * RAY_STEP_MM
    return widths if np.isfinite(widths).any() else bounds


def _typical(widths: np.ndarray) -> float:
    """The median over the rays that tell: a line that is off, or a neighbour, makes some of them longer than it is."""
    known = widths[np.isfinite(widths)]
    return float(np.median(known)) if len(known) else np.nan


def _beyond_blur(size: float) -> float:
    """A size freed of the blur; NaN for 0: the blur alone would show as much, so nothing is known of it."""
    return size if size > 0 else np.nan
