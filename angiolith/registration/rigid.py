"""Rigid registration of CT to MRI and of MRI to MRI: mutual information, several starts, one finish, a self-check.

Viola & Wells 1997 and Maes et al. 1997 for mutual information, Mattes et al. 2003 for the estimate that ITK has.
Everything runs on shrunken copies; the images themselves are never resampled here.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any, TypeVar

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from angiolith.core.distance import dilate_mm, erode_mm
from angiolith.core.image_checks import is_brain_extracted
from angiolith.core.images import Image, map_points, mask_points, matrix_ras, resample, to_sitk
from angiolith.core.settings.registration import RigidSettings
from angiolith.core.tables import FAILED, OK
from angiolith.registration.head import (
    fill_slices,
    head_mask,
    head_points,
    largest_component,
    shrink,
    without_surroundings,
)

# [HU] What a CT is cut to before it is matched: air to dense bone. Source: physics.
MATCHED_HU = (-200.0, 900.0)
# [HU] Corners of the last level's grey scale: fluid, brain and blood lie within 100 HU, three bins of a histogram over
# the window. Source: 15 of 199 random poses of digital heads; looked at on 46 others (methods.md).
LAST_HU = (MATCHED_HU[0], -20.0, 80.0, MATCHED_HU[1])
# [1] Greys at the corners of `LAST_HU`: brain takes 70 % of them. Source: 15 of 199 random poses of digital heads;
# looked at on 46 others (methods.md).
LAST_GREY = (0.0, 0.15, 0.85, 1.0)
# [HU] Fluid to blood: the brain's own range on CT. Source: physics.
BRAIN_HU = (0.0, 80.0)
# [HU] Noise lets the brain's values lie so far outside `BRAIN_HU`. Source: digital heads.
BRAIN_MARGIN_HU = 20.0
# [HU] What is denser on a 2 mm copy is skull. Source: digital heads.
BONE_HU_MIN = 200.0
# [mm] Voxel of the copy on which a CT's brain is found. Source: numerics.
BRAIN_COPY_MM = 2.0
# [voxels of 2 mm] Smoothing before the brain's values are looked at. Source: digital heads.
BRAIN_SIGMA_MM = 1.0
# [mm] Partial volume of bone reaches so far. Source: digital heads.
BONE_EDGE_MM = 2.0
# [mm] The brain is cut loose from what hangs on it by narrower bridges (foramina). Source: digital heads.
FORAMEN_MM = 5.0
# [mm] What was eroded is grown back by this. Source: digital heads.
FORAMEN_BACK_MM = 6.0
# [1] A head of less than this share of the other one's volume is a part of it: its centre is no guide. Source: digital
# heads.
PARTIAL_SHARE = 0.75
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
# [mm] An image less high than this is a slab, not a whole head. Source: anatomy.
SLAB_MM = 100.0
# [mm] Heights along the head at which a slab starts. Source: digital heads.
SLAB_HEIGHTS_MM = (-45.0, -15.0, 15.0, 45.0)
# [mm] Heights of a slab's second search: the skull base too, which many slabs end above. Source: 8 slabs of random
# poses; 48 and 46 others looked at (methods.md).
SLAB_MORE_HEIGHTS_MM = (-75.0, *SLAB_HEIGHTS_MM)
# [1] Powell's lines end at this share of their length. Source: numerics.
LINE_TOLERANCE = 0.1
# [1] Rounds of the search from the scanner's own frame end where they gain less than this share of the metric. Source:
# numerics.
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
# [mm] Farther out a CT is cleared of couch and holder. Source: digital heads.
AROUND_HEAD_MM = 4.0
# [mm] Background around the head that is compared too, so that its outline counts. Source: digital heads.
BACKGROUND_MM = 10.0
# [mm3] Less tissue is no head. Source: anatomy.
HEAD_MM3_MIN = 2e5
# [%] An MRI is cut off at this percentile of its head: vessels and fat shine. Source: digital heads.
MRI_HIGH_PERCENTILE = 99.5
# [mm] Voxel of the MRI's copy on which an alignment is judged. Source: numerics.
JUDGED_MRI_MM = 2.0
# [mm] The same of the CT's copy: thin bone stays bone. Source: numerics.
JUDGED_CT_MM = 1.5
# [HU] What is denser is bone where an alignment is judged. Source: digital heads.
JUDGED_BONE_HU_MIN = 300
# [HU] What is denser is soft tissue where an alignment is judged: fat is not. Source: physics.
JUDGED_SOFT_HU_MIN = -50
# [HU] What lies outside the CT is taken for air. Source: physics.
OUTSIDE_HU = -1000.0


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


@dataclass(frozen=True)
class Prepared:
    """An image ready for matching: window clipped, couch removed, with its head mask, on one shrunken grid.

    finish: what the finest level compares in its place.
    """

    image: Image
    mask: np.ndarray
    is_slab: bool
    is_brain: bool
    finish: Prepared | None = None

    @cached_property
    def head_points(self) -> np.ndarray:
        """Points (n, 3) of the uppermost 160 mm of the head, RAS mm."""
        return head_points(self.mask, self.image.affine)

    @cached_property
    def volume_mm3(self) -> float:
        """Volume of the uppermost 160 mm of the head, mm3."""
        return len(self.head_points) * self.image.voxel_volume_mm3

    @cached_property
    def centre(self) -> np.ndarray:
        """Centre of the head (3,), RAS mm."""
        return self.head_points.mean(axis=0)

    @cached_property
    def centres_of_halves(self) -> list[np.ndarray]:
        """Centres (3,) of the upper, lower and both side halves of the head, RAS mm."""
        points = mask_points(self.image.affine, self.mask)
        beyond = points - self.centre
        return [points[sign * beyond[:, axis] > 0].mean(axis=0) for axis in (2, 0) for sign in (1, -1)]

    def level(self, voxel_mm: float, margin_mm: float) -> tuple[sitk.Image, sitk.Image]:
        """Image and dilated metric mask at about this voxel size, as SimpleITK images."""
        image = shrink(self.image, voxel_mm)
        mask = shrink(self.image.with_data(self.mask.astype(np.float32)), voxel_mm)
        wide = dilate_mm(mask.data > 0.5, margin_mm, mask.voxel_mm)
        return to_sitk(image), to_sitk(image.with_data(wide.astype(np.uint8)))


def prepare(image: Image, is_ct: bool, fine_mm: float) -> Prepared:
    """Make an image ready: shrink to the finest level needed, find the head, window a CT and clear its surroundings.

    Raises ValueError if there is no head in it.
    """
    brain = not is_ct and is_brain_extracted(image)
    small = shrink(image, fine_mm)
    mask = head_mask(small, is_ct)
    if mask.sum() * small.voxel_volume_mm3 < HEAD_MM3_MIN:
        raise ValueError("no head found in the image (less than 200 cm3 of tissue)")
    if is_ct:
        clean = without_surroundings(small, dilate_mm(mask, AROUND_HEAD_MM, small.voxel_mm))
        small = clean.with_data(np.clip(clean.data, *MATCHED_HU))
    else:
        high = float(np.percentile(small.data[mask], MRI_HIGH_PERCENTILE))
        small = small.with_data(np.clip(small.data, 0, high))
    extent = np.abs(small.affine[:3, :3]) @ np.array(small.data.shape)
    return Prepared(small, mask, bool(extent.min() < SLAB_MM), brain)


def prepare_ct_brain(ct: Image) -> Prepared:
    """The brain of a CT, windowed, as if extracted: soft tissue inside the skull, cut loose at the foramina.

    What a brain-extracted MRI is matched with: the skull has no counterpart in it, and in a window that shows bone,
    brain and fluid look the same. That brain's outline is good to some millimetres only: at the finest level, the CT
    in this window is compared within the outline of the MRI.
    """
    low, high = BRAIN_HU[0] - BRAIN_MARGIN_HU, BRAIN_HU[1] + BRAIN_MARGIN_HU
    small = shrink(ct, BRAIN_COPY_MM)
    smooth = ndimage.gaussian_filter(small.data, BRAIN_SIGMA_MM / (small.voxel_mm / 2.0))
    bone = dilate_mm(small.data > BONE_HU_MIN, BONE_EDGE_MM, small.voxel_mm)
    soft = (smooth > BRAIN_HU[0]) & (smooth < high) & ~bone
    core = largest_component(erode_mm(soft, FORAMEN_MM, small.voxel_mm))
    mask = fill_slices(dilate_mm(core, FORAMEN_BACK_MM, small.voxel_mm) & ~(small.data > BONE_HU_MIN))
    uncut = Prepared(small.with_data(np.clip(small.data, low, high)), mask, False, False)
    return Prepared(small.with_data(np.where(mask, np.clip(smooth, *BRAIN_HU), 0)), mask, False, True, uncut)


def register_rigid(
    fixed: Image,
    moving: Image,
    settings: RigidSettings,
    fixed_is_ct: bool = False,
    moving_is_ct: bool = False,
) -> RigidResult:
    """Find the rigid transform that maps points of `fixed` to points of `moving`.

    settings: section `registration.rigid`. Many starts (head centres aligned, turns of +-20 degrees about each axis,
    the scanner's own frame, shifts along a slab; of two MRIs fewer do where they meet, `near_end`) run on a coarse
    grid; the best of them, and a disturbed copy of it with other samples, go on to the fine one. The result is the
    middle between the best end and the end nearest to it, whose mean distance over the head is `restart_spread_mm`;
    above the setting the status is failed, after two further restarts, and for a slab after a second search from more
    starts. With a CT it goes on from there at `last_mm`, where a 2 mm copy of thin bone no longer pulls, in a grey
    scale that tells brain from fluid. Deterministic for one thread and a seed.
    """
    fixed_ready = prepare(fixed, fixed_is_ct, settings.fine_mm)
    moving_ready = prepare(moving, moving_is_ct, settings.fine_mm)
    if fixed_ready.is_brain and moving_is_ct:
        moving_ready = prepare_ct_brain(moving)
    elif moving_ready.is_brain and fixed_is_ct:
        fixed_ready = prepare_ct_brain(fixed)
    last = None
    if fixed_is_ct or moving_is_ct:
        last = (
            sharper(fixed, fixed_ready, fixed_is_ct, settings.last_mm),
            sharper(moving, moving_ready, moving_is_ct, settings.last_mm),
        )
    # samples come from the fixed image: of a slab's, or of half a head's, all count
    if is_part_of(moving_ready, fixed_ready):
        result = _search(moving_ready, fixed_ready, settings, last and last[::-1])
        return replace(result, transform=result.transform.GetInverse())
    return _search(fixed_ready, moving_ready, settings, last)


def sharper(image: Image, ready: Prepared, is_ct: bool, voxel_mm: float) -> Image:
    """An image as `prepare` made it ready for its finest level, at a smaller voxel size; a whole CT in `LAST_GREY`."""
    grey = (ready.finish or ready).image.data
    small = shrink(image, voxel_mm)
    if is_ct and not ready.finish:
        near = dilate_mm(ready.mask, AROUND_HEAD_MM, ready.image.voxel_mm)
        near_here = resample(ready.image.with_data(near.astype(np.float32)), small, interpolation="nearest")
        small = without_surroundings(small, near_here.data > 0.5)
        return small.with_data(np.interp(small.data, LAST_HU, LAST_GREY).astype(np.float32))
    return small.with_data(np.clip(small.data, grey.min(), grey.max()))


def is_part_of(first: Prepared, second: Prepared) -> bool:
    """Whether the first image shows a slab or a part of the head that the second one shows whole."""
    if first.is_slab or second.is_slab:
        return first.is_slab and not second.is_slab
    return first.is_brain == second.is_brain and first.volume_mm3 < PARTIAL_SHARE * second.volume_mm3


def _search(
    fixed_ready: Prepared, moving_ready: Prepared, settings: RigidSettings, last: tuple[Image, Image] | None
) -> RigidResult:
    """The search of `register_rigid` on images made ready.

    last: the two at the last level's voxel size; None for two MRIs, of which the scanner's own frame may do as the only
    start and which need no such level.
    """
    seed, near = settings.seed, last is None
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
    """The best transform reached from several starts: all of them with few samples, the best of those with more."""
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
        """The same masks over other copies of the images, of smaller voxels, matched in `LAST_BINS`."""
        other = copy(self)
        other.fixed, other.moving = to_sitk(fixed), to_sitk(moving)
        other.bins = LAST_BINS
        shrunken = np.prod(other.fixed.GetSpacing()) / np.prod(self.fixed.GetSpacing())
        other.voxels, other.voxel_mm = round(self.voxels / shrunken), self.voxel_mm * float(np.cbrt(shrunken))
        return other

    def optimise(self, start: Start, samples: int, seed: int, tolerance: float) -> tuple[float, Start]:
        """Metric (lower is better; infinite where the images do not overlap) and the transform reached."""
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
    """More starts of a slab in a whole head: down to the skull base, and along the head's axis as it is turned."""
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
    """Mean distance (mm), over the head of the fixed image, between where two transforms take it."""
    points = mask_points(fixed.image.affine, fixed.mask)
    sample = points[:: max(1, len(points) // SHOWN_SAMPLES)]
    return float(np.linalg.norm(map_points(first, sample) - map_points(second, sample), axis=1).mean())


def alignment_measures(ct: Image, mri: Image, transform: sitk.Transform) -> dict[str, float]:
    """How well a CT lies on an MRI, judged without the metric that found the transform.

    transform maps MRI points to CT points. Returns `head_overlap`: share of the smaller head mask, within the common
    field of view, that lies in the other (of a brain-extracted MRI: share of its brain outside the CT's bone and within
    the CT's brain); `bone_contrast`: mean MRI signal where the CT has bone (over 300 HU) divided
    by that in the rest of the CT's head. Bone is dark on MRI, so a good alignment lies far below 1.
    """
    grid = shrink(mri, JUDGED_MRI_MM)
    small_ct = shrink(ct, JUDGED_CT_MM)
    head = head_mask(small_ct, is_ct=True)
    brain_alone = is_brain_extracted(mri)
    placed = resample(without_surroundings(small_ct, head), grid, transform, fill=np.nan).data
    ct_head = resample(small_ct.with_data(head.astype(np.float32)), grid, transform).data > 0.5
    mri_head = head_mask(grid, is_ct=False)
    seen = np.isfinite(placed)
    smaller = min(int((ct_head & seen).sum()), int((mri_head & seen).sum()))
    hu = np.nan_to_num(placed, nan=OUTSIDE_HU)
    bone = ct_head & (hu > JUDGED_BONE_HU_MIN)
    soft = ct_head & (hu > JUDGED_SOFT_HU_MIN) & ~dilate_mm(bone, BONE_EDGE_MM, grid.voxel_mm)
    if not smaller or not bone.any() or not soft.any():
        return {"head_overlap": 0.0, "bone_contrast": float("inf")}
    overlap = float((ct_head & mri_head).sum() / smaller)
    if brain_alone:
        brain = prepare_ct_brain(ct)
        in_brain = resample(brain.image.with_data(brain.mask.astype(np.float32)), grid, transform).data > 0.5
        overlap = float((in_brain & mri_head & seen).sum() / max(1, int((mri_head & seen).sum())))
    return {
        "head_overlap": overlap,
        "bone_contrast": float(grid.data[bone].mean() / max(float(grid.data[soft].mean()), 1e-6)),
    }
