"""The marks of a session: what may be calcium, with the evidence for it, sorted into sure ones and candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.segmentation import watershed

from angiolith.arteries.centrelines import Centreline
from angiolith.arteries.density import NOISY_HU
from angiolith.arteries.names import BESIDE_SMOOTH_BONE, INDEX, LABELS
from angiolith.calcification.certainty import (
    ATTACHED,
    BESIDE_LIGAMENTS,
    CONFIRMED_SD_MM,
    FREE,
    PARTED,
    Evidence,
    doubts_of,
    is_plausible,
)
from angiolith.calcification.mirror import THICK_MM, TISSUE_HU, Alone, Piece, plane_between, with_rim
from angiolith.calcification.outline import drawn_on_bone, without_paired
from angiolith.core.distance import NEIGHBOURS_26, surroundings
from angiolith.core.images import Image, mask_points, moved
from angiolith.core.robust import sd_about

# [HU] What is less dense is air. Source: physics; fat ends at -150 HU.
AIR_HU = -200.0
# [mm] Air is looked for so far around a mark. Source: physics, the blur of a head CT (FWHM 1.2 mm).
AIR_MM = 1.0
# [mm] A step over to the next slice counts for no more. Source: physics, a thick slice holds what lies beside it.
SLICE_GAP_MM = 0.75
# [HU] Levels at which a mark may part from bone. Source: physics, from the noise of a head CT to cortical bone.
PARTED_LEVELS_HU = np.array([150, 170, 190, 210, 230, 250, 275, 300, 325, 350, 375, 400, 450, 500, 550, 600, 700.0])
# [1] Fraction of a mark's peak at which it lies free. Source: physics, two peaks that are just resolved (Rayleigh)
# leave 0.74 of their peak between them.
PARTED_FRACTION = 0.7
# [mm3] Size of a mark where it lies free. Source: the smallest lesion; the plaques of the implants end at 300 mm3.
PARTED_MM3_MIN, PARTED_MM3_MAX = 1.0, 300.0
# [mm] A mark's flank reaches so far out from where it lies free. Source: physics, the blur of a head CT (FWHM).
GROWTH_MM = 1.2
# [voxels] Window of the mean that is subtracted to measure noise. Source: physics, wider than a soft kernel's grain.
NOISE_WINDOW = 5
# [mm] Something dense so near to a mark's mirrored place is its twin. Source: anatomy, the two sides of a skull base
# differ by 1 to 2 mm.
TWIN_MM = 2.5
# [1] A mark of which something one-sided holds this much is the same. Source: definition, half.
MET_FRACTION = 0.5
# [SD] A mark that touches bone is the carotid's so far from its uncertain line. Source: statistics, 95 % of a Gaussian.
TOUCHING_SDS = 2.0
# [HU] Noise of an image that has none, as drawn ones. Source: rounding to whole HU.
LEAST_NOISE_HU = 0.3
# [HU] Soft tissue, fluid to muscle. Source: physics.
SOFT_HU = (0.0, 80.0)
# [voxels] Fewer tell no noise. Source: the error of a median of so many is 12 %.
NOISE_VOXELS_MIN = 100


@dataclass(frozen=True)
class Marks:
    """Sorted marks.

    labels: (i, j, k), one number per mark from 1; touches_bone: {label: fraction of its voxels beside bone, 0 if none};
    doubts: {label: why the image does not decide}, of candidates only; evidence: {label: what the image says};
    left_out: marks that cannot be calcium.
    """

    labels: np.ndarray
    touches_bone: dict[int, float] = field(default_factory=dict)
    doubts: dict[int, str] = field(default_factory=dict)
    evidence: dict[int, Evidence] = field(default_factory=dict)
    left_out: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Parted:
    """A mark that parts from bone as the threshold rises.

    index: its voxels (n, 3); fraction: the level at which it lies free, as a fraction of its peak above tissue.
    """

    index: np.ndarray
    fraction: float


def sort_marks(
    ct: Image,
    labels: np.ndarray,
    parted: Sequence[Parted],
    touches_bone: Mapping[int, float],
    of_bone: np.ndarray,
    region: np.ndarray,
    lines: Sequence[Centreline],
    wall_margin_mm: float,
    by_valley: np.ndarray,
    pieces: Sequence[Piece] = (),
    alone: Alone | None = None,
    is_sharp: bool = False,
) -> Marks:
    """Tell for each mark whether it counts, waits for a reader, or is left out.

    What only one side has in an artery's wall takes the place of the marks beside bone that it holds half of. What only
    one side has and may lie there is a mark of its own where no other one is.

    Parameters
    ----------
    ct : Image
        The CT about the arteries, HU.
    labels : np.ndarray
        Lesions (i, j, k).
    parted : Sequence[Parted]
        Marks of `parted_marks`.
    touches_bone : Mapping[int, float]
        Lesion -> fraction of its voxels beside bone, 0 to 1.
    of_bone : np.ndarray
        Dense voxels that are connected with bone, bool (i, j, k).
    region : np.ndarray
        Artery labels (i, j, k).
    lines : Sequence[Centreline]
        Centrelines of the arteries.
    wall_margin_mm : float
        Reach of calcium beyond the lumen, mm.
    by_valley : np.ndarray
        Voxels of lesions that a valley parts from bone, bool (i, j, k).
    pieces : Sequence[Piece]
        What only one side has at an artery (`mirror.pieces_at_arteries`).
    alone : Alone | None
        All that only one side has; None where the sides were not compared.
    is_sharp : bool
        The CT was made with a sharp kernel.

    Returns
    -------
    Marks
        The marks with evidence, sorted.
    """
    by_label = {INDEX[line.name]: line for line in lines}
    noise_sd = noise_sd_hu(ct.data)
    gap = bone_gap_mm(of_bone & (labels == 0), ct.voxel_mm)
    dense_at = cKDTree(mask_points(ct.affine, of_bone | (labels > 0)))
    found = []
    for label, fraction in touches_bone.items():
        index = np.argwhere(labels == label)
        kind = FREE if fraction == 0 else PARTED if by_valley[tuple(index.T)].mean() > 0.5 else ATTACHED
        found.append((index, kind, fraction, float(kind != FREE)))
    for mark in parted:
        met = set(labels[tuple(mark.index.T)].tolist()) - {0}
        for n, (voxels, kind, contact, valley) in enumerate(found):
            if n + 1 in met:
                found[n] = (voxels, PARTED if kind == ATTACHED else kind, contact, min(valley, mark.fraction))
        if not met:
            found.append((mark.index, PARTED, 1.0, mark.fraction))
    drawn: dict[int, np.ndarray] = {}
    in_wall = [piece.index for piece in pieces if piece.in_wall]
    if alone and in_wall:
        found, drawn = _with_one_sided(ct, found, in_wall, alone)
    first_maybe = len(found)
    if alone:
        maybe = [piece.index for piece in pieces if not piece.in_wall]
        found += [(with_rim(ct, index, alone.there), ATTACHED, 1.0, 1.0) for index in maybe]
    sorted_marks = Marks(np.zeros(labels.shape, np.uint16))
    free = of_bone.copy()
    for index, *_ in found:
        free[tuple(index.T)] = False
    for n, (index, bone, fraction, valley) in enumerate(found):
        at = tuple(index.T)
        if n >= first_maybe and sorted_marks.labels[at].any():
            continue
        artery = artery_beside(moved(ct.affine, index), region[at], lines, wall_margin_mm, bone)
        line = by_label.get(artery)
        # a mask's artery that is too short for a line is where the mask says
        outside_lumen_mm, sd_mm, segment = beside_line(moved(ct.affine, index), line) if line else (np.nan, 0.0, "")
        evidence = Evidence(
            artery=LABELS[artery][0],
            side=LABELS[artery][1],
            segment=segment,
            bone=bone,
            bone_gap_mm=float(gap[at].min()) if bone == FREE else 0.0,
            valley_share=valley,
            outside_lumen_mm=outside_lumen_mm,
            line_sd_mm=sd_mm,
            air_share=air_share(ct, index),
            peak_sds=(float(ct.data[at].max()) - TISSUE_HU) / max(noise_sd, LEAST_NOISE_HU),
            volume_mm3=len(index) * ct.voxel_volume_mm3,
            has_twin=has_twin(moved(ct.affine, index).mean(axis=0), dense_at, by_label, artery),
            is_alone=n in drawn,
            one_sided_mm3=float(alone.surely[at].sum()) * ct.voxel_volume_mm3 if alone else 0.0,
            may_be_alone=n >= first_maybe,
            is_noisy=is_sharp or noise_sd > NOISY_HU,
            image_ends=bool((index == 0).any() or (index == np.array(labels.shape) - 1).any()),
        )
        doubts = doubts_of(evidence, wall_margin_mm)
        if doubts and not is_plausible(evidence, wall_margin_mm):
            sorted_marks.left_out.append(_left_out(ct, index, artery, evidence))
            continue
        label = len(sorted_marks.evidence) + 1
        if n in drawn:
            index = drawn[n]
        elif n < first_maybe and doubts and line and bone != FREE:
            index = drawn_on_bone(ct, index, free, line, wall_margin_mm)
        if alone and bone != FREE:
            index = without_paired(index, alone)
        free[tuple(index.T)] = False
        sorted_marks.labels[tuple(index.T)] = label
        sorted_marks.touches_bone[label] = fraction
        sorted_marks.evidence[label] = evidence
        if doubts:
            sorted_marks.doubts[label] = "; ".join(doubts)
    return sorted_marks


Mark = tuple[np.ndarray, str, float, float]  # voxels (n, 3), kind, fraction beside bone, level of its valley


def _with_one_sided(
    ct: Image, found: list[Mark], in_wall: Sequence[np.ndarray], alone: Alone
) -> tuple[list[Mark], dict[int, np.ndarray]]:
    """The marks with the one-sided ones, and the voxels (n, 3) that are drawn of these, by number.

    in_wall, alone: as `sort_marks` has them. A one-sided mark is drawn with its rim. It takes the place of a mark
    beside bone that it holds half of, and with it the voxels of one that parts from bone. From other marks beside bone
    what it holds is taken off.
    """
    owner = np.zeros(ct.data.shape, int)
    for number, index in enumerate(in_wall, start=1):
        owner[tuple(with_rim(ct, index, alone.there).T)] = number
    kept: list[Mark] = []
    for index, kind, contact, valley in found:
        owners = owner[tuple(index.T)]
        number = int(np.bincount(owners).argmax())
        if kind != FREE and owners.any():
            if number and (owners > 0).mean() >= MET_FRACTION:
                if valley < 1:
                    owner[tuple(index[owners == 0].T)] = number
                continue
            index = index[owners == 0]
        kept.append((index, kind, contact, valley))
    drawn = {len(kept) + n: np.argwhere(owner == n + 1) for n in range(len(in_wall))}
    return kept + [(index, ATTACHED, 1.0, 1.0) for index in in_wall], drawn


def artery_beside(
    points: np.ndarray, labels: np.ndarray, lines: Sequence[Centreline], margin_mm: float, bone: str
) -> int:
    """Number of the artery that a mark belongs to: of the region most of its voxels lie in, or of a carotid beside it.

    The regions of anterior and posterior cerebral artery reach over the siphon, whose calcium is the common one: a mark
    there is the carotid's where it lies no further from its wall than that line is uncertain (one that touches bone and
    cannot count: twice as far), or in the wall of a confirmed line. Not a free one beside the posterior cerebral
    artery, where ligaments of the clinoids ossify. Where basilar and vertebral arteries meet, the wide region of an
    uncertain line reaches over a confirmed one: a mark in the wall of that one is its own.

    Parameters
    ----------
    points : np.ndarray
        Points of the mark (n, 3), RAS mm.
    labels : np.ndarray
        Artery labels at the points (n,).
    lines : Sequence[Centreline]
        Centrelines of the arteries.
    margin_mm : float
        Reach of calcium beyond the lumen, mm.
    bone : str
        How the mark lies to bone: free, parted or attached.

    Returns
    -------
    int
        Number of the artery.
    """
    first = int(np.bincount(labels[labels > 0]).argmax())
    if LABELS[first][0] in BESIDE_SMOOTH_BONE:
        return _of_confirmed(points, lines, margin_mm, first)
    if LABELS[first][0] not in BESIDE_LIGAMENTS or (LABELS[first][0] == "PCA" and bone == FREE):
        return first
    sds = 1.0 if bone == FREE else TOUCHING_SDS
    beyond_mm = {}
    for line in lines:
        if line.artery == "ICA":
            outside_mm, sd_mm, _ = beside_line(points, line)
            unsure_mm = sds * sd_mm if sd_mm > CONFIRMED_SD_MM else 0.0
            beyond_mm[INDEX[line.name]] = outside_mm - margin_mm - unsure_mm
    nearest = min(beyond_mm, key=lambda label: beyond_mm[label], default=first)
    return nearest if beyond_mm.get(nearest, np.inf) <= 0 else first


def _of_confirmed(points: np.ndarray, lines: Sequence[Centreline], margin_mm: float, first: int) -> int:
    """Of basilar and vertebral arteries with a confirmed line the one whose wall the points (n, 3) lie in, else
    `first`, which a confirmed line of its own keeps."""
    beside = {INDEX[line.name]: beside_line(points, line) for line in lines if line.artery in BESIDE_SMOOTH_BONE}
    if first in beside and beside[first][1] <= CONFIRMED_SD_MM:
        return first
    outside_mm = {label: outside for label, (outside, sd_mm, _) in beside.items() if sd_mm <= CONFIRMED_SD_MM}
    nearest = min(outside_mm, key=lambda label: outside_mm[label], default=first)
    return nearest if outside_mm.get(nearest, np.inf) <= margin_mm else first


def has_twin(point: np.ndarray, dense: cKDTree, lines: Mapping[int, Centreline], artery: int) -> bool:
    """Whether something dense lies within `TWIN_MM` of a point (RAS mm) mirrored to the other side.

    The mirror is the plane midway between the artery and its fellow of the other side; without that one there is no
    twin.

    Parameters
    ----------
    point : np.ndarray
        A point (3,), RAS mm.
    dense : cKDTree
        Places of dense voxels, RAS mm.
    lines : Mapping[int, Centreline]
        Number of the artery -> centreline.
    artery : int
        Number of the artery.

    Returns
    -------
    bool
        True where it does.
    """
    pair = [line for each in "LR" if (line := lines.get(INDEX.get((LABELS[artery][0], each), 0)))]
    if len(pair) < 2:
        return False
    mirrored = plane_between(pair[0], pair[1])(point)
    return bool(dense.query(mirrored)[0] <= TWIN_MM)


def _left_out(ct: Image, index: np.ndarray, artery: int, evidence: Evidence) -> dict[str, Any]:
    centre_mm = moved(ct.affine, index.mean(axis=0)[None])[0]
    return {
        "volume_mm3": round(evidence.volume_mm3, 3),
        "centre_mm": [round(float(value), 2) for value in centre_mm],
        "artery": artery,
        "bone": evidence.bone,
        "line_sd_mm": round(evidence.line_sd_mm, 2),
    }


def noise_sd_hu(ct: np.ndarray) -> float:
    """Standard deviation of the noise in soft tissue, HU: of what an average over 5 voxels each way leaves (MAD).

    Parameters
    ----------
    ct : np.ndarray
        HU (i, j, k).

    Returns
    -------
    float
        Standard deviation, HU; 0 where there is too little soft tissue.
    """
    smooth = ndimage.uniform_filter(ct, NOISE_WINDOW, mode="nearest")
    rest = (ct - smooth)[(smooth > SOFT_HU[0]) & (smooth < SOFT_HU[1])]
    return sd_about(rest, 0.0) if rest.size >= NOISE_VOXELS_MIN else 0.0


def bone_gap_mm(bone: np.ndarray, voxel_mm: np.ndarray) -> np.ndarray:
    """Distance (mm) of every voxel from bone, a step over to another slice taken for `SLICE_GAP_MM` at most.

    Parameters
    ----------
    bone : np.ndarray
        Mask of bone, bool (i, j, k).
    voxel_mm : np.ndarray
        Voxel edges (3,), mm.

    Returns
    -------
    np.ndarray
        Distances (i, j, k), mm; inf without bone.
    """
    if not bone.any():
        return np.full(bone.shape, np.inf)
    return np.asarray(ndimage.distance_transform_edt(~bone, sampling=np.minimum(voxel_mm, SLICE_GAP_MM)))


def air_share(ct: Image, index: np.ndarray) -> float:
    """Fraction of air among the voxels within `AIR_MM` of a mark.

    Parameters
    ----------
    ct : Image
        The CT about the arteries, HU.
    index : np.ndarray
        Voxels of the mark (n, 3).

    Returns
    -------
    float
        Fraction, 0 to 1.
    """
    box, inner, reach = surroundings(index, ct.data.shape, AIR_MM, ct.voxel_mm)
    around = ndimage.binary_dilation(inner, reach) & ~inner
    return float((ct.data[box][around] < AIR_HU).mean())


def beside_line(points: np.ndarray, line: Centreline) -> tuple[float, float, str]:
    """Median distance (mm) of points (n, 3) outside the lumen, the line's standard deviation (mm) and its segment.

    Parameters
    ----------
    points : np.ndarray
        Points (n, 3), RAS mm.
    line : Centreline
        The artery's centreline.

    Returns
    -------
    tuple[float, float, str]
        Distance (mm), standard deviation (mm) and segment.
    """
    distance, nearest = cKDTree(line.points).query(points)
    names, counts = np.unique(line.segment[nearest], return_counts=True)
    outside_mm, sd_mm = np.median(distance - line.radius_mm[nearest]), np.median(line.sd_mm[nearest])
    return float(outside_mm), float(sd_mm), str(names[counts.argmax()])


def parted_marks(ct: Image, of_bone: np.ndarray, near: np.ndarray, hu_min: float) -> list[Parted]:
    """Marks that hang together with bone at `hu_min` and part from it as the threshold rises.

    A mark is a component of at most `PARTED_MM3_MAX` that lies free at a level below `PARTED_FRACTION` of its own peak
    above tissue. Its voxels are those that lie downhill from it, not from bone, at `hu_min` or above (watershed). Where
    slices are thick, bone of the next slice shines through: there a mark may part within its slices alone, and its
    fraction is 1.

    Parameters
    ----------
    ct : Image
        The CT about the arteries, HU.
    of_bone : np.ndarray
        Dense voxels that are connected with bone, bool (i, j, k).
    near : np.ndarray
        Where marks are looked for, bool (i, j, k).
    hu_min : float
        Threshold of calcium, HU.

    Returns
    -------
    list[Parted]
        The marks.
    """
    taken = np.zeros(near.shape, bool)
    found = _parting(ct, of_bone, near, hu_min, NEIGHBOURS_26, taken)
    thick = int(ct.voxel_mm.argmax())
    if ct.voxel_mm[thick] < THICK_MM:
        return found
    in_slice = NEIGHBOURS_26 & (np.moveaxis(np.indices((3, 3, 3)), 0, -1)[..., thick] == 1)
    islands = np.zeros(near.shape, bool)
    for mark in _parting(ct, of_bone, near, hu_min, in_slice, taken):
        islands[tuple(mark.index.T)] = True
    pieces, count = ndimage.label(islands, NEIGHBOURS_26)
    return found + [Parted(np.argwhere(pieces == number), 1.0) for number in range(1, count + 1)]


def _parting(
    ct: Image, of_bone: np.ndarray, near: np.ndarray, hu_min: float, neighbours: np.ndarray, taken: np.ndarray
) -> list[Parted]:
    """The marks of `parted_marks` by one rule of who is a neighbour, (3, 3, 3); those found are added to `taken`."""
    found: list[Parted] = []
    for level in PARTED_LEVELS_HU[hu_min < PARTED_LEVELS_HU]:
        above = of_bone & (ct.data >= level)
        pieces, count = ndimage.label(above, neighbours)
        volume_mm3 = np.bincount(pieces.ravel(), minlength=count + 1) * ct.voxel_volume_mm3
        for number, box in enumerate(ndimage.find_objects(pieces, count), start=1):
            if not PARTED_MM3_MIN <= volume_mm3[number] <= PARTED_MM3_MAX:
                continue
            piece = pieces[box] == number
            peak = float(ct.data[box][piece].max()) - TISSUE_HU
            if level - TISSUE_HU > PARTED_FRACTION * peak or taken[box][piece].any() or near[box][piece].mean() < 0.5:
                continue
            steps = np.maximum(np.round(GROWTH_MM / ct.voxel_mm), 1).astype(int)
            wide = tuple(slice(max(0, s.start - n), s.stop + n) for s, n in zip(box, steps, strict=True))
            seeds = np.where(pieces[wide] == number, 1, np.where(above[wide], 2, 0))
            reach = ndimage.binary_dilation(seeds == 1, np.ones(2 * steps + 1)) & of_bone[wide]
            basins = watershed(-ct.data[wide], seeds, connectivity=neighbours, mask=of_bone[wide])
            mark = (basins == 1) & reach
            taken[wide] |= mark
            index = np.argwhere(mark) + [s.start for s in wide]
            found.append(Parted(index, (float(level) - TISSUE_HU) / peak))
    return found
