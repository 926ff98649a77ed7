"""Change between two visits, measured half-way between them so that neither visit is favoured.

Half-way space (Reuter 2012): the rigid transform M from the first visit to the second is split by its square root, both
visits are resampled once, by M^(1/2) and M^(-1/2), and the same method is run on both. Exchanging the visits changes
the sign of every change and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
from scipy.linalg import polar
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation

from angiolith.brain.segment import TISSUES
from angiolith.core.bids.dates import DAYS_PER_YEAR
from angiolith.core.images import Image, volume_of_voxel_mm3
from angiolith.core.settings.wmh import WmhMeasureSettings, WmhSegmentSettings
from angiolith.core.tables import OK, REVIEW, join_reasons
from angiolith.small_vessel.tissues import INFARCT, VENTRICLES
from angiolith.small_vessel.wmh.fazekas import FAZEKAS, MEASURES, wmh_volumes
from angiolith.small_vessel.wmh.network import WmhModel
from angiolith.small_vessel.wmh.segment import segment_wmh

# [mm] Two motions are compared at this distance from the origin, along the axes. Source: anatomy.
HEAD_RADIUS_MM = 80.0
# [mm] Cost of a pair that is none: more than all others together. Source: numerics.
NO_PAIR = 1e6
HALF_WAY_MEASURES = tuple(name for name in MEASURES if name not in ("wmh_percent_icv", *FAZEKAS))


def half_of(matrix: np.ndarray) -> np.ndarray:
    """Square root of a rigid 4 x 4 matrix: half of the turn, about the same axis, applied twice gives the whole.

    The turn must be under 180 degrees.

    Parameters
    ----------
    matrix : np.ndarray
        Rigid matrix (4, 4), RAS mm.

    Returns
    -------
    np.ndarray
        Its square root (4, 4).

    Raises
    ------
    ValueError
        If the matrix scales, shears or mirrors.
    """
    matrix = np.asarray(matrix, float)
    turn, _ = polar(matrix[:3, :3])
    if not np.allclose(turn, matrix[:3, :3], atol=1e-3) or np.linalg.det(turn) < 0:
        raise ValueError("not a rigid transform: it scales, shears or mirrors")
    half = np.eye(4)
    half[:3, :3] = Rotation.from_rotvec(Rotation.from_matrix(turn).as_rotvec() / 2).as_matrix()
    # H(Hx + t) + t = Mx + T  =>  (H + 1) t = T
    half[:3, 3] = np.linalg.solve(half[:3, :3] + np.eye(3), matrix[:3, 3])
    return half


def middle_of(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The rigid matrix halfway between two.

    Parameters
    ----------
    first, second : np.ndarray
        Rigid matrices (4, 4), RAS mm.

    Returns
    -------
    np.ndarray
        Rigid matrix (4, 4).
    """
    return np.asarray(first, float) @ half_of(np.linalg.inv(first) @ second)


def symmetric_motion(forward: np.ndarray, backward: np.ndarray) -> tuple[np.ndarray, float]:
    """One motion from the two registrations of a pair (first -> second, second -> first).

    Returns the matrix first -> second that lies midway between `forward` and the inverse of `backward`, and how far
    those two disagree: the largest distance (mm) at 80 mm from the origin's place along the axes.

    Parameters
    ----------
    forward : np.ndarray
        Matrix (4, 4), first to second visit, RAS mm.
    backward : np.ndarray
        Matrix (4, 4), second to first visit, RAS mm.

    Returns
    -------
    tuple[np.ndarray, float]
        Matrix (4, 4), first to second, and the disagreement in mm.
    """
    other = np.linalg.inv(backward)
    corners = np.vstack([np.eye(3), -np.eye(3)]) * HEAD_RADIUS_MM
    points = np.column_stack([corners, np.ones(6)])
    gap_mm = float(np.linalg.norm((points @ (forward - other).T)[:, :3], axis=1).max())
    return middle_of(forward, other), gap_mm


def half_way_grid(images: Sequence[Image], to_half: Sequence[np.ndarray], voxel_mm: float) -> Image:
    """Empty image (uint8) on a cubic grid that covers what both images show in half-way space.

    The grid is no finer than `voxel_mm` and than a cube of the volume of the finer image's voxel: thick slices hold no
    more. It depends on the pair, not its order.

    Parameters
    ----------
    images : Sequence[Image]
        The two visits' images.
    to_half : Sequence[np.ndarray]
        Per image a matrix (4, 4) to half-way points, RAS mm.
    voxel_mm : float
        Smallest voxel edge of the grid, mm.

    Returns
    -------
    Image
        Empty image, uint8, axes of the world.

    Raises
    ------
    ValueError
        Where the visits show no common part of the head.
    """
    voxel_mm = max(voxel_mm, min(image.voxel_volume_mm3 for image in images) ** (1 / 3))
    lows, highs = [], []
    for image, matrix in zip(images, to_half, strict=True):
        ends = np.array(np.meshgrid(*[(0, n - 1) for n in image.data.shape], indexing="ij")).reshape(3, -1)
        points = (matrix @ image.affine @ np.vstack([ends, np.ones(8)]))[:3]
        lows.append(points.min(axis=1))
        highs.append(points.max(axis=1))
    low = np.floor(np.max(lows, axis=0) / voxel_mm) * voxel_mm
    high = np.minimum(*highs)
    shape = np.ceil((high - low) / voxel_mm).astype(int) + 1
    if (shape < 2).any():
        raise ValueError("the two visits show no common part of the head")
    affine = np.diag([voxel_mm, voxel_mm, voxel_mm, 1.0])
    affine[:3, 3] = low
    return Image(np.zeros(tuple(shape), np.uint8), affine)


def settle(
    masks: Sequence[np.ndarray],
    scores: Sequence[np.ndarray],
    thresholds: Sequence[float],
    difference_min: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Let the two visits' masks differ only where the images do.

    Where one mask has a voxel and the other has not, and the scores differ by less than `difference_min`, both get the
    same answer: lesion if the mean score lies above the mean threshold. Symmetric in the visits.

    Parameters
    ----------
    masks : Sequence[np.ndarray]
        Per visit a mask (i, j, k), bool.
    scores : Sequence[np.ndarray]
        Per visit the score (i, j, k) that its mask was thresholded from.
    thresholds : Sequence[float]
        Per visit the threshold.
    difference_min : float
        Smallest difference of the scores that counts as change.

    Returns
    -------
    tuple[np.ndarray, np.ndarray]
        The two masks.
    """
    first, second = masks
    low, high = (np.minimum(*scores), np.maximum(*scores))
    unlike = (first != second) & (high < low + difference_min)
    both = (scores[0] + scores[1]) / 2 >= sum(thresholds) / 2
    return np.where(unlike, both, first), np.where(unlike, both, second)


def growth_and_shrinkage_cm3(first: np.ndarray, second: np.ndarray, voxel_mm3: float) -> tuple[float, float]:
    """Volume (cm3) that is lesion at the second visit only, and at the first only; net is their difference.

    Parameters
    ----------
    first, second : np.ndarray
        Masks of the visits, bool (i, j, k).
    voxel_mm3 : float
        Volume of a voxel, mm3.

    Returns
    -------
    tuple[float, float]
        Growth and shrinkage, cm3.
    """
    return float((second & ~first).sum() * voxel_mm3 / 1000), float((first & ~second).sum() * voxel_mm3 / 1000)


# [label] Labels of a map of change. Source: definition.
STABLE, GREW, SHRANK = 1, 2, 3


def change_labels(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Label map (uint8) of two masks: lesion at both visits, at the second only, at the first only.

    Parameters
    ----------
    first, second : np.ndarray
        Masks of the visits, bool (i, j, k).

    Returns
    -------
    np.ndarray
        Labels (i, j, k), uint8: STABLE, GREW, SHRANK.
    """
    return (STABLE * (first & second) + GREW * (second & ~first) + SHRANK * (first & ~second)).astype(np.uint8)


def match_points(first: np.ndarray, second: np.ndarray, tolerance_mm: float) -> list[tuple[int, int]]:
    """Pairs (index in first, index in second) of points at most `tolerance_mm` apart, as many and as near as possible.

    Points are (n, 3), mm, in one space; each is in one pair at most.

    Parameters
    ----------
    first : np.ndarray
        Points (n, 3), mm.
    second : np.ndarray
        Points (m, 3), mm, in the same space.
    tolerance_mm : float
        Largest distance of a pair, mm.

    Returns
    -------
    list[tuple[int, int]]
        Pairs of indices.
    """
    first, second = np.reshape(first, (-1, 3)), np.reshape(second, (-1, 3))
    if not len(first) or not len(second):
        return []
    gaps = cdist(first, second)
    cost = np.where(gaps <= tolerance_mm, gaps, NO_PAIR)
    rows, columns = linear_sum_assignment(cost)
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if gaps[i, j] <= tolerance_mm]


def settle_points(
    points: Sequence[np.ndarray],
    darkness: Sequence[Callable[[np.ndarray], np.ndarray]],
    tolerance_mm: float,
    rejected: Sequence[np.ndarray] = (),
) -> list[np.ndarray]:
    """Let the two visits' dark spots differ only where the images do, as `settle` does for masks.

    A spot that is counted at one visit alone is counted at both if the other's image is at least half as dark there: it
    was there too, and missed a limit of form, size or depth. Symmetric in the visits.

    Parameters
    ----------
    points : Sequence[np.ndarray]
        Per visit (n, 3), half-way mm.
    darkness : Sequence[Callable[[np.ndarray], np.ndarray]]
        Per visit a function of points (n, 3) that gives (n,).
    tolerance_mm : float
        Largest distance of a pair, mm.
    rejected : Sequence[np.ndarray]
        Per visit, points (n, 3) that a reader rejected, where the other visit's spots do not count
        either.

    Returns
    -------
    list[np.ndarray]
        Per visit the points that count.
    """
    pairs = match_points(points[0], points[1], tolerance_mm)
    settled = list(points)
    for own, other in ((0, 1), (1, 0)):
        alone = np.delete(points[own], [pair[own] for pair in pairs], axis=0)
        there = darkness[other](alone) >= 0.5 * darkness[own](alone)
        if len(rejected):
            there[[i for i, _ in match_points(alone, rejected[other], tolerance_mm)]] = False
        settled[other] = np.vstack([settled[other], alone[there]])
    return settled


def interval_days(first: str | None, second: str | None) -> float:
    """Days from one acquisition time (ISO text) to the other; NaN where either is missing or is no date.

    Parameters
    ----------
    first, second : str | None
        Acquisition times, ISO text, or None.

    Returns
    -------
    float
        Days; NaN where unknown.
    """
    try:
        days = [_day(text) for text in (first, second)]
    except (TypeError, ValueError):
        return float("nan")
    return float((days[1] - days[0]).days)


def _day(text: str | None) -> date:
    return datetime.fromisoformat(str(text)).date()


@dataclass(frozen=True)
class Visit:
    """What one visit brings to the comparison of WMH, all on the half-way grid (or its part that holds the brain)."""

    flair: Image
    brain: np.ndarray
    brain_tissues: np.ndarray
    user_mask: np.ndarray | None = None
    lesion: np.ndarray | None = None


@dataclass(frozen=True)
class WmhPair:
    """WMH masks of two visits on the half-way grid, their ventricles, and what a person should look at."""

    masks: Sequence[np.ndarray]
    ventricles: Sequence[np.ndarray]
    reason: str


def wmh_pair(
    visits: Sequence[Visit], model: WmhModel, settings: WmhSegmentSettings, difference_probability_min: float
) -> WmhPair:
    """Segment both visits by the same method within the brain that they share.

    A lesion that a reader drew at either visit, else an infarct suspected at either, is WMH at neither: no infarct is
    growth of WMH.
    Masks made elsewhere, where both visits have them, are taken as they are; where the tissues beside them cannot be
    known, the ventricles are empty. Raises TissueError where a FLAIR cannot be segmented.

    Parameters
    ----------
    visits : Sequence[Visit]
        The two visits on the half-way grid.
    model : WmhModel
        The WMH network.
    settings : WmhSegmentSettings
        Section `wmh.segment`.
    difference_probability_min : float
        Smallest difference of probability that counts as change.

    Returns
    -------
    WmhPair
        Masks and ventricles of both visits, and a remark.
    """
    lesion = either([visit.lesion for visit in visits])
    given = [visit.user_mask for visit in visits if visit.user_mask is not None]
    if len(given) == 2:
        given = [mask if lesion is None else mask & ~lesion for mask in given]
        ventricles = [visit.brain_tissues == TISSUES["ventricles"] for visit in visits]
        if all(part.any() for part in ventricles):
            return WmhPair(given, ventricles, "")
        nowhere = [np.zeros_like(part) for part in ventricles]
        return WmhPair(given, nowhere, "the given masks were taken, tissues are not labelled")
    brain = visits[0].brain & visits[1].brain
    found = [
        segment_wmh(visit.flair, brain, np.where(brain, visit.brain_tissues, 0), model, settings, lesion)
        for visit in visits
    ]
    ventricles = [one.tissues == VENTRICLES for one in found]
    masks = settle(
        [one.mask for one in found],
        [one.probability for one in found],
        [settings.probability_min] * 2,
        difference_probability_min,
    )
    infarct = (found[0].tissues == INFARCT) | (found[1].tissues == INFARCT)
    masks = (masks[0] & ~infarct, masks[1] & ~infarct)
    reason = join_reasons(
        "suspected infarct, not counted as WMH" if lesion is None and infarct.any() else None,
        "a given mask is not used: the other visit has none" if given else None,
    )
    return WmhPair(masks, ventricles, reason)


def either(masks: Sequence[np.ndarray | None]) -> np.ndarray | None:
    """What any of the masks holds; None where there is no mask.

    Parameters
    ----------
    masks : Sequence[np.ndarray | None]
        Masks of one grid, bool (i, j, k), or None.

    Returns
    -------
    np.ndarray | None
        Mask (i, j, k), bool, or None.
    """
    there = [mask for mask in masks if mask is not None]
    return np.any(there, axis=0) if there else None


def change_row(
    measure: str,
    baseline: float | None,
    followup: float | None,
    days: float,
    status: str = OK,
    reason: str = "",
    change: float | None = None,
) -> dict[str, Any]:
    """One row of the change table: baseline, follow-up, their difference and that per year of 365.25 days.

    `change` is given for what is a change by itself (growth). Missing stays missing (NaN); per year is NaN where the
    interval is unknown or zero.

    Parameters
    ----------
    measure : str
        Name of the measure.
    baseline, followup : float | None
        Values at the visits; None where missing.
    days : float
        Days between the visits; NaN where unknown.
    status : str
        Status of the row.
    reason : str
        Reason for the status.
    change : float | None
        The change itself where it is no difference of the two values.

    Returns
    -------
    dict[str, Any]
        Column -> value.
    """
    start, end = (float("nan") if value is None else float(value) for value in (baseline, followup))
    change = end - start if change is None else float(change)
    return {
        "interval_days": days,
        "measure": measure,
        "baseline": start,
        "followup": end,
        "change": change,
        "change_per_year": change * DAYS_PER_YEAR / days if days == days and days != 0 else float("nan"),
        "status": status,
        "reason": reason,
    }


def wmh_rows(pair: WmhPair, affine: np.ndarray, days: float, settings: WmhMeasureSettings) -> list[dict[str, Any]]:
    """Rows of the WMH measures from the half-way masks: volumes with growth and shrinkage, count.

    Without the Fazekas grades: a width just below a cut-point in one space lies just above it in another, so that the
    change of a grade is that of the visits' own grades, which stand in their tables.

    Parameters
    ----------
    pair : WmhPair
        The visits' masks on the half-way grid.
    affine : np.ndarray
        Voxel -> mm (4, 4) of that grid.
    days : float
        Days between the visits; NaN where unknown.
    settings : WmhMeasureSettings
        Section `wmh.measure`.

    Returns
    -------
    list[dict[str, Any]]
        Rows of the change table.
    """
    voxel_mm3 = volume_of_voxel_mm3(affine)
    both = pair.ventricles[0] | pair.ventricles[1]
    measures = [wmh_volumes(mask, both, affine, float("nan"), settings) for mask in pair.masks]
    status = REVIEW if pair.reason else OK
    rows = [
        change_row(name, measures[0][name], measures[1][name], days, status, pair.reason) for name in HALF_WAY_MEASURES
    ]
    growth, shrinkage = growth_and_shrinkage_cm3(pair.masks[0], pair.masks[1], voxel_mm3)
    for name, value in (("wmh_growth_cm3", growth), ("wmh_shrinkage_cm3", shrinkage)):
        rows.append(change_row(name, None, None, days, status, pair.reason, change=value))
    return rows


def lesion_rows(
    measure: str, first: np.ndarray, second: np.ndarray, tolerance_mm: float, days: float, n_waiting: int = 0
) -> list[dict[str, Any]]:
    """Rows of counted lesions (points in half-way space, mm): the count, and how many are new and resolved.

    Parameters
    ----------
    measure : str
        Name of the count.
    first, second : np.ndarray
        Counted lesions of the visits (n, 3), half-way mm.
    tolerance_mm : float
        Largest distance at which two are one lesion, mm.
    days : float
        Days between the visits; NaN where unknown.
    n_waiting : int
        Candidates at both visits together.

    Returns
    -------
    list[dict[str, Any]]
        Three rows of the change table.
    """
    matched = len(match_points(first, second, tolerance_mm))
    state = waiting_status(n_waiting)
    return [
        change_row(measure, len(first), len(second), days, *state),
        change_row(f"{measure}_new", None, None, days, *state, change=len(second) - matched),
        change_row(f"{measure}_resolved", None, None, days, *state, change=len(first) - matched),
    ]


def waiting_status(n_waiting: int) -> tuple[str, str]:
    """Status and reason of a change of marks of which so many, at both visits together, wait for a reader.

    Parameters
    ----------
    n_waiting : int
        Number of candidates.

    Returns
    -------
    tuple[str, str]
        Status and reason.
    """
    if not n_waiting:
        return OK, ""
    return REVIEW, f"candidates at both visits together that wait for a reader: {n_waiting}"
