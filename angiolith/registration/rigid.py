"""Rigid registration of CT to MRI and of MRI to MRI: mutual information, several starts, one finish, a self-check.

Viola & Wells 1997 and Maes et al. 1997 for mutual information, Mattes et al. 2003 for the estimate that ITK has.
Everything runs on shrunken copies; the images themselves are never resampled here.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, TypeVar

import numpy as np
import SimpleITK as sitk

from angiolith.core.images import Image, map_points, mask_points, matrix_ras, rigid_transform, to_sitk
from angiolith.core.settings.registration import RigidSettings
from angiolith.core.tables import FAILED, OK
from angiolith.registration.prepared import Prepared, is_part_of, prepare, prepare_ct_brain, sharper

# [degrees] Turns of the starts about each axis. Source: digital heads.
START_ANGLES_DEG = (-20.0, 0.0, 20.0)
# [number] Samples within the head in which a start is tried. Source: numerics.
START_SAMPLES = 2000
# [number] Samples of a slab's second search. Source: 8 slabs of random poses; 48 and 46 others looked at (methods.md).
SLAB_START_SAMPLES = 4000
# [number] Best starts that are followed with more samples. Source: numerics.
STARTS_KEPT = 4
# [number] Samples of the coarse level. Source: numerics.
COARSE_SAMPLES = 8000
# [number] Samples of the level that restarts must agree on. Source: numerics.
FINE_SAMPLES = 28000
# [number] Samples of a CT's last level. Source: numerics.
LAST_SAMPLES = 80000
# [mm] Ends of a CT's restarts that lie farther apart before the last level are not followed to it. Source: choice.
LAST_MM_MAX = 5.0
# [number] Samples of the second search that judges a CT's registration. Source: numerics.
SECOND_SAMPLES = 40000
# [number] Its samples are drawn by a seed of their own, so far from the first search's. Source: choice.
SECOND_SEED = 100
# [number] Samples of two MRIs: as exact as with twice as many (0.2 mm) in half the time. Source: digital heads,
# 14,000 and 28,000 compared.
MRI_SAMPLES = 14000
# [number] Points of the head over which two transforms are compared. Source: numerics.
SHOWN_SAMPLES = 500
# [mm] Rough ends, on few samples, that lie this close together are one end. Source: digital heads.
NEAR_MM = 4.0
# [degrees] Turns by which restarts are disturbed. Source: digital heads.
RESTART_TURNS_DEG = (4.0, -3.0, 2.0)
# [mm] Shift by which restarts are disturbed. Source: digital heads.
RESTART_SHIFT_MM = 4.0
# [number] Bins of the joint histogram. Source: numerics.
BINS = 32
# [number] Bins of the joint histogram at the last level. Source: 15 of 199 random poses of digital heads; looked at on
# 46 others (methods.md).
LAST_BINS = 64
# [mm] Levels along the head at which a slab starts. Source: digital heads.
SLAB_HEIGHTS_MM = (-45.0, -15.0, 15.0, 45.0)
# [mm] Levels of a slab's second search: the skull base too, which many slabs end above. Source: 8 slabs of random
# poses; 48 and 46 others looked at (methods.md).
SLAB_MORE_HEIGHTS_MM = (-75.0, *SLAB_HEIGHTS_MM)
# [1] Powell's lines end at this fraction of their length. Source: numerics.
LINE_TOLERANCE = 0.1
# [1] Rounds of the search from the scanner's own frame end where they gain less than this fraction of the metric.
# Source: numerics.
FRAME_TOLERANCE = 0.05
# [1] The same of a rough search. Source: numerics.
START_TOLERANCE = 0.01
# [1] The same of a last search: coordinates are coupled (a cap of the skull may tilt as it slides), and a round that
# gains 1 % may be one of many. Source: digital heads.
END_TOLERANCE = 0.001
# [number] Most rounds of Powell's search. Source: numerics.
ROUNDS_MAX = 20
# [number] Most steps along one of its lines. Source: numerics.
LINE_STEPS_MAX = 50
# [mm] A turn is searched in steps that move a surface at this distance by about 1 mm. Source: anatomy.
HEAD_RADIUS_MM = 80.0
# [mm] Background around the head that is compared too, so that its outline counts. Source: digital heads.
BACKGROUND_MM = 10.0


Start = TypeVar("Start", sitk.Euler3DTransform, sitk.AffineTransform)


@dataclass(frozen=True)
class RigidResult:
    """A rigid registration: `transform` maps points of the fixed image to points of the moving one (ITK, LPS)."""

    transform: sitk.Transform
    restart_spread_mm: float
    metric: float
    status: str
    reason: str | None

    @property
    def matrix_ras(self) -> np.ndarray:
        """4 x 4, maps fixed points to moving points, RAS mm."""
        return matrix_ras(self.transform)


def register_rigid(
    fixed: Image,
    moving: Image,
    settings: RigidSettings,
    fixed_is_ct: bool = False,
    moving_is_ct: bool = False,
) -> RigidResult:
    """Find the rigid transform that maps points of `fixed` to points of `moving`.

    Many starts (head centres aligned, turns of +-20 degrees about each axis, the scanner's own frame, shifts along a
    slab; of two MRIs fewer do where they meet, `near_end`) run on a coarse grid; the best of them, and a disturbed copy
    of it with other samples, go on to the fine one. The result is the middle between the best end and the end nearest
    to it, whose mean distance over the head is `restart_spread_mm`; above the setting the status is failed, after two
    further restarts, and for a slab after a second search from more starts. With a CT it goes on from there at
    `last_mm`, where a 2 mm copy of thin bone no longer pulls, in a grey scale that tells brain from fluid; ends that
    lie up to 5 mm apart are followed there, and must agree there. Deterministic for one thread and a seed.

    Parameters
    ----------
    fixed : Image
        Image whose points are mapped; CT in HU.
    moving : Image
        Image that they are mapped to.
    settings : RigidSettings
        Section `registration.rigid`.
    fixed_is_ct, moving_is_ct : bool
        True for a CT.

    Returns
    -------
    RigidResult
        The transform, the spread of the restarts (mm), the metric, status and reason.
    """
    first, second, last, turned = _made_ready(fixed, moving, settings, fixed_is_ct, moving_is_ct)
    result = _search(first, second, settings, last)
    return replace(result, transform=result.transform.GetInverse()) if turned else result


def second_search_mm(mri: Image, ct: Image, transform: sitk.Transform, settings: RigidSettings) -> float:
    """Mean distance (mm) over the head between a transform and where a search from it ends, on samples of its own.

    A transform that lies off is drawn back by about as much as it does. An error that mutual information itself makes
    is not seen.

    Parameters
    ----------
    mri : Image
        The MRI.
    ct : Image
        The CT, HU.
    transform : sitk.Transform
        Maps points of the MRI to points of the CT.
    settings : RigidSettings
        Section `registration.rigid`.

    Returns
    -------
    float
        Distance, mm.

    Raises
    ------
    ValueError
        Where one of the two holds no head.
    """
    first, second, last, turned = _made_ready(mri, ct, settings, False, True)
    to_ct = matrix_ras(transform)
    start = rigid_transform(np.linalg.inv(to_ct) if turned else to_ct, first.centre)
    matcher = Matcher(first.finish or first, second.finish or second, settings.fine_mm).finer(*last)
    end = matcher.optimise(start, SECOND_SAMPLES, settings.seed + SECOND_SEED, END_TOLERANCE)[1]
    return displacement_mm(start, end, first)


def _made_ready(
    fixed: Image, moving: Image, settings: RigidSettings, fixed_is_ct: bool, moving_is_ct: bool
) -> tuple[Prepared, Prepared, tuple[Image, ...], bool]:
    """Both images made ready; both at the last level's voxel size (none for two MRIs); whether they changed places.

    Samples come from the first: of a slab's, or of half a head's, all count.
    """
    first = prepare(fixed, fixed_is_ct, settings.fine_mm)
    second = prepare(moving, moving_is_ct, settings.fine_mm)
    if first.is_brain and moving_is_ct:
        second = prepare_ct_brain(moving)
    elif second.is_brain and fixed_is_ct:
        first = prepare_ct_brain(fixed)
    last: tuple[Image, ...] = ()
    if fixed_is_ct or moving_is_ct:
        last = (
            sharper(fixed, first, fixed_is_ct, settings.last_mm),
            sharper(moving, second, moving_is_ct, settings.last_mm),
        )
    if is_part_of(second, first):
        return second, first, last[::-1], True
    return first, second, last, False


def _search(
    fixed_ready: Prepared, moving_ready: Prepared, settings: RigidSettings, last: tuple[Image, ...]
) -> RigidResult:
    """The search of `register_rigid` on images made ready.

    last: the two at the last level's voxel size; none for two MRIs, of which the scanner's own frame may do as the only
    start and which need no such level.
    """
    seed, near = settings.seed, not last
    coarse = Matcher(fixed_ready, moving_ready, settings.coarse_mm)
    fine = Matcher(fixed_ready.finish or fixed_ready, moving_ready.finish or moving_ready, settings.fine_mm)
    best = (near and near_end(coarse, fixed_ready, seed)) or best_end(
        coarse, head_starts(fixed_ready, moving_ready), seed
    )
    limit = settings.restart_spread_mm_max
    samples = MRI_SAMPLES if near else FINE_SAMPLES
    first, partner, spread, metric = _ends(coarse, fine, best, fixed_ready, samples, seed, limit)
    if spread > limit and fixed_ready.is_slab and not moving_ready.is_slab:
        best = best_end(coarse, slab_starts(fixed_ready, moving_ready), seed, SLAB_START_SAMPLES)
        first, partner, spread, metric = _ends(coarse, fine, best, fixed_ready, samples, seed, limit)
    transform = _mean(first, partner) if spread <= limit else first
    # bone in voxels of 2 mm may pull ends apart: the last level decides
    if last and limit < spread <= LAST_MM_MAX:
        finest = fine.finer(*last)
        one, other = (
            finest.optimise(end, LAST_SAMPLES, seed + number, END_TOLERANCE)[1]
            for number, end in enumerate((first, partner))
        )
        spread = displacement_mm(one, other, fixed_ready)
        if spread <= limit:
            transform = _mean(one, other)
    status, reason = OK, None
    if spread > limit:
        status = FAILED
        reason = f"registration is not stable: two starts end {spread:.1f} mm apart"
    elif not np.isfinite(metric):
        status, reason = FAILED, "the images do not overlap from any start"
    elif last:
        transform = fine.finer(*last).optimise(transform, LAST_SAMPLES, seed, END_TOLERANCE)[1]
    return RigidResult(transform, spread, metric, status, reason)


def _ends(
    coarse: Matcher,
    fine: Matcher,
    best: sitk.Euler3DTransform,
    fixed: Prepared,
    samples: int,
    seed: int,
    limit_mm: float,
) -> tuple[sitk.Euler3DTransform, sitk.Euler3DTransform, float, float]:
    """Where the best start and disturbed copies of it end at the finest level, until two ends agree.

    Returns the best end, the one nearest to it, their distance (mm) over the fixed head, and the best metric.
    """
    ends = [fine.optimise(best, samples, seed, END_TOLERANCE)]
    for number, turn in enumerate(RESTART_TURNS_DEG, start=1):
        again = coarse.optimise(_disturbed(best, turn), COARSE_SAMPLES, seed + number, END_TOLERANCE)[1]
        ends.append(fine.optimise(again, samples, seed + number, END_TOLERANCE))
        first, *others = (end[1] for end in sorted(ends, key=lambda end: end[0]))
        spread, partner = min(((displacement_mm(first, other, fixed), other) for other in others), key=lambda p: p[0])
        if spread <= limit_mm:
            break
    return first, partner, spread, min(end[0] for end in ends)


def near_end(matcher: Matcher, fixed: Prepared, seed: int) -> sitk.Euler3DTransform | None:
    """Where the scanner's own frame leads, if a start turned far out of it leads there too; else None.

    Images of one session mostly share the frame. That a start from 20 degrees away ends in the same place says that
    no other start would end elsewhere.

    Parameters
    ----------
    matcher : Matcher
        The pair at the coarse level.
    fixed : Prepared
        The prepared fixed image.
    seed : int
        Seed of the metric's samples.

    Returns
    -------
    sitk.Euler3DTransform | None
        The transform reached, or None where two starts end apart.
    """
    no_shift = np.zeros(3)
    angles = ((0, 0, 0), (START_ANGLES_DEG[0], START_ANGLES_DEG[2], 0))
    rough, other = (
        matcher.optimise(_euler(fixed.centre, turn, no_shift), START_SAMPLES, seed, FRAME_TOLERANCE)[1]
        for turn in angles
    )
    end = matcher.optimise(rough, COARSE_SAMPLES, seed, START_TOLERANCE)[1]
    if displacement_mm(rough, other, fixed) > NEAR_MM:
        other = matcher.optimise(other, COARSE_SAMPLES, seed, START_TOLERANCE)[1]
        if displacement_mm(end, other, fixed) > NEAR_MM:
            return None
    return end


def register_both_ways(first: Image, second: Image, settings: RigidSettings) -> tuple[np.ndarray, np.ndarray]:
    """Two MRIs of one head, there and back: 4 x 4 from points of the first to the second's, and the other way, RAS mm.

    One search each, without restarts, on samples of its own: that the two agree is the check of both.

    Parameters
    ----------
    first, second : Image
        MRIs of one head.
    settings : RigidSettings
        Section `registration.rigid`.

    Returns
    -------
    tuple[np.ndarray, np.ndarray]
        Two matrices (4, 4), RAS mm.
    """
    seed = settings.seed
    ready = prepare(first, False, settings.fine_mm), prepare(second, False, settings.fine_mm)
    found = []
    for fixed, moving in (ready, ready[::-1]):
        coarse, fine = (Matcher(fixed, moving, size) for size in (settings.coarse_mm, settings.fine_mm))
        best = near_end(coarse, fixed, seed) or best_end(coarse, head_starts(fixed, moving), seed)
        found.append(matrix_ras(fine.optimise(best, MRI_SAMPLES, seed, START_TOLERANCE)[1]))
    return found[0], found[1]


def best_end(matcher: Matcher, starts: Sequence[Start], seed: int, samples: int = START_SAMPLES) -> Start:
    """The best transform reached from several starts: all of them with few samples, the best of those with more.

    Parameters
    ----------
    matcher : Matcher
        The pair at one level.
    starts : Sequence[Start]
        Transforms to begin from.
    seed : int
        Seed of the metric's samples.
    samples : int
        Number of samples for the first, rough search.

    Returns
    -------
    Start
        The transform with the lowest metric.
    """
    rough = sorted(
        (matcher.optimise(start, samples, seed, START_TOLERANCE) for start in starts), key=lambda end: end[0]
    )
    ends = [matcher.optimise(end[1], COARSE_SAMPLES, seed, END_TOLERANCE) for end in rough[:STARTS_KEPT]]
    return min(ends, key=lambda end: end[0])[1]


class Matcher:
    """Mutual information between two prepared images at one voxel size, and its optimisation from a start."""

    bins = BINS

    def __init__(self, fixed: Prepared, moving: Prepared, voxel_mm: float) -> None:
        # Some background around the head lets its outline count. Where one image is brain-extracted and the other is
        # not, the outline of the first is no anatomy: only what lies inside it is compared.
        mixed = fixed.is_brain != moving.is_brain
        self.fixed, self.fixed_mask = fixed.level(voxel_mm, 0.0 if mixed and fixed.is_brain else BACKGROUND_MM)
        self.moving, moving_mask = moving.level(voxel_mm, 0.0)
        self.moving_mask = moving_mask if moving.is_brain and mixed else None
        # ITK draws from the whole grid and drops what lies outside the mask: a brain fills an eighth of it, a slab all
        self.voxels = np.count_nonzero(sitk.GetArrayViewFromImage(self.fixed_mask))
        self.voxel_mm = voxel_mm

    def finer(self, fixed: Image, moving: Image) -> Matcher:
        """The same masks over other copies of the images, of smaller voxels, matched in `LAST_BINS`.

        Parameters
        ----------
        fixed, moving : Image
            The images at a smaller voxel size.

        Returns
        -------
        Matcher
            A matcher of the finer images.
        """
        other = copy(self)
        other.fixed, other.moving = to_sitk(fixed), to_sitk(moving)
        other.bins = LAST_BINS
        shrunken = np.prod(other.fixed.GetSpacing()) / np.prod(self.fixed.GetSpacing())
        other.voxels, other.voxel_mm = round(self.voxels / shrunken), self.voxel_mm * float(np.cbrt(shrunken))
        return other

    def optimise(self, start: Start, samples: int, seed: int, tolerance: float) -> tuple[float, Start]:
        """Metric (lower is better; infinite where the images do not overlap) and the transform reached.

        Parameters
        ----------
        start : Start
            Transform to begin from; it is not changed.
        samples : int
            Number of samples within the mask.
        seed : int
            Seed of the metric's samples.
        tolerance : float
            Rounds end where they gain less than this fraction of the metric.

        Returns
        -------
        tuple[float, Start]
            Metric (negative mutual information) and transform.
        """
        method = sitk.ImageRegistrationMethod()
        method.SetMetricAsMattesMutualInformation(self.bins)
        method.SetMetricFixedMask(self.fixed_mask)
        if self.moving_mask is not None:
            method.SetMetricMovingMask(self.moving_mask)
        method.SetMetricSamplingStrategy(method.RANDOM)
        method.SetMetricSamplingPercentage(min(1.0, samples / float(self.voxels)), seed)
        method.SetInterpolator(sitk.sitkLinear)
        method.SetMetricUseFixedImageGradientFilter(False)  # not asked for by line searches, a third of their time
        method.SetMetricUseMovingImageGradientFilter(False)
        # Line searches along each parameter: mutual information of CT and MRI has ridges on which ITK's gradient
        # descents shorten their step and stop millimetres away.
        method.SetOptimizerAsPowell(ROUNDS_MAX, LINE_STEPS_MAX, self.voxel_mm / 4, LINE_TOLERANCE, tolerance)
        transform = type(start)(start)
        # A step of 1 moves the head's surface by about 1 mm, whether it turns or shifts it. ITK's own scales from
        # physical shift are the squares of these, for gradients: lines along turns were searched in steps 80 times
        # too short, within the metric's noise.
        method.SetOptimizerScales([HEAD_RADIUS_MM] * (len(transform.GetParameters()) - 3) + [1.0] * 3)
        method.SetInitialTransform(transform, inPlace=True)
        try:
            method.Execute(self.fixed, self.moving)
        except RuntimeError:  # all samples fell outside the moving image
            return float("inf"), type(start)(start)
        return float(method.GetMetricValue()), transform


def head_starts(fixed: Prepared, moving: Prepared) -> list[sitk.Euler3DTransform]:
    """Where to begin: head centres aligned and turned, the scanner's frame, shifts along z where one is a slab.

    Where the fixed image shows a part of the head, its centre is aligned with those of the moving head's halves too.

    Parameters
    ----------
    fixed, moving : Prepared
        Prepared images.

    Returns
    -------
    list[sitk.Euler3DTransform]
        Transforms from fixed to moving points.
    """
    shift = moving.centre - fixed.centre
    shifts = [shift]
    if fixed.is_slab != moving.is_slab:
        shifts = [shift + np.array([0, 0, height]) for height in SLAB_HEIGHTS_MM]
    elif not fixed.is_slab and is_part_of(fixed, moving):
        shifts += [centre - fixed.centre for centre in moving.centres_of_halves]
    starts = [_euler(fixed.centre, (0, 0, 0), each) for each in (np.zeros(3), *shifts)]
    return starts + [_euler(fixed.centre, angles, each) for angles, each in product(_turns(), shifts)]


def slab_starts(slab: Prepared, head: Prepared) -> list[sitk.Euler3DTransform]:
    """More starts of a slab in a whole head: down to the skull base, and along the head's axis as it is turned.

    Parameters
    ----------
    slab : Prepared
        Prepared image of a slab.
    head : Prepared
        Prepared image of a whole head.

    Returns
    -------
    list[sitk.Euler3DTransform]
        Transforms from the slab's to the head's points.
    """
    shift = head.centre - slab.centre
    return [
        _euler(slab.centre, angles, shift, height)
        for angles, height in product([np.zeros(3), *_turns()], SLAB_MORE_HEIGHTS_MM)
    ]


def _turns() -> list[np.ndarray]:
    """Turns about one axis each, degrees."""
    return [angle * unit for unit, angle in product(np.eye(3), START_ANGLES_DEG) if angle]


def _euler(
    centre_ras: np.ndarray, angles_deg: Any, shift_ras: np.ndarray, height_mm: float = 0.0
) -> sitk.Euler3DTransform:
    """Turned about the centre, shifted, and moved along the turned z axis."""
    flip = np.array([-1.0, -1.0, 1.0])
    transform = sitk.Euler3DTransform()
    transform.SetCenter((centre_ras * flip).tolist())
    transform.SetRotation(*(float(np.radians(angle)) for angle in angles_deg))
    upwards = np.reshape(transform.GetMatrix(), (3, 3))[:, 2]
    transform.SetTranslation((shift_ras * flip + height_mm * upwards).tolist())
    return transform


def _disturbed(transform: sitk.Euler3DTransform, turn_deg: float) -> sitk.Euler3DTransform:
    turned = sitk.Euler3DTransform(transform)
    angles = (transform.GetAngleX(), transform.GetAngleY(), transform.GetAngleZ())
    turned.SetRotation(*(angle + sign * np.radians(turn_deg) for angle, sign in zip(angles, (1, -1, 1), strict=True)))
    turned.SetTranslation(
        [t + sign * RESTART_SHIFT_MM for t, sign in zip(transform.GetTranslation(), (-1, 1, 1), strict=True)]
    )
    return turned


def _mean(first: sitk.Euler3DTransform, second: sitk.Euler3DTransform) -> sitk.Euler3DTransform:
    """The middle of two nearby transforms with one centre: their sampling errors are independent and partly cancel."""
    mean = sitk.Euler3DTransform(first)
    mean.SetParameters([(a + b) / 2 for a, b in zip(first.GetParameters(), second.GetParameters(), strict=True)])
    return mean


def displacement_mm(first: sitk.Transform, second: sitk.Transform, fixed: Prepared) -> float:
    """Mean distance (mm), over the head of the fixed image, between where two transforms take it.

    Parameters
    ----------
    first, second : sitk.Transform
        Transforms from points of the fixed image.
    fixed : Prepared
        The prepared fixed image.

    Returns
    -------
    float
        Distance, mm.
    """
    points = mask_points(fixed.image.affine, fixed.mask)
    sample = points[:: max(1, len(points) // SHOWN_SAMPLES)]
    return float(np.linalg.norm(map_points(first, sample) - map_points(second, sample), axis=1).mean())
