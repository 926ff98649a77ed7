"""What one side of the skull base has and the other has not.

The skull base is nearly its own mirror image; calcium of an artery is not. Each place beside carotid and basilar
arteries is matched with its place on the other side: by a plane midway between the carotid arteries, then by the rigid
transform that the matched blocks agree on, then by a shift of each block. What is dense and finds nothing as dense
within 1 mm of its mirrored place is one-sided. A process of bone can be one-sided, too, but it does not lie within the
lumen of an artery.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.signal import fftconvolve
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from angiolith.arteries.centrelines import STEP_MM, Centreline
from angiolith.core.distance import NEIGHBOURS_26, label_voxels, surroundings
from angiolith.core.images import Image, mask_points, moved

# Arteries beside which the two sides are compared. The vertebral arteries lie beside C1, which turns against the skull.
COMPARED = ("ICA", "BA")
# [mm] Distance between the blocks that are matched, and step of their grids. Source: numerics.
BLOCK_STEP_MM, GRID_MM = 5.0, 0.75
# [mm] Half edge of a block and furthest shift, before and after the rigid transform. Source: anatomy, half of the
# sella's width, and its depth.
BLOCK_MM, SHIFT_MM = (9.0, 7.0), (6.0, 3.0)
# [1] Standard deviation of a block's weights as a fraction of its half edge. Source: numerics, two SD at the edge.
WEIGHT_SD = 0.6
# [mm] A shift this long costs half a correlation. Source: numerics, the nearer of two equal matches is taken.
FAR_MM = 20.0
# [HU] Air, soft tissue and bone, beyond which densities do not differ in a match. Source: physics.
MATCHED_HU = (-100.0, 600.0)
# [1] Least weight of a match; a correlation lies below only by chance. Source: numerics.
LEAST_WEIGHT = 0.05
# [mm] A block that lies so far off the rigid transform weighs half. Source: anatomy, the two sides of a skull base
# differ by 1 to 2 mm.
RIGID_MM = 2.0
# [number] Rounds of weighing. Source: numerics.
ROUNDS = 5
# [mm] Standard deviation of the Gaussian over which the shifts of blocks are averaged. Source: their distance.
FIELD_SD_MM = 4.0
# [mm] A twin lies so near to the mirrored place. Source: physics, the blur of a head CT (FWHM 1.2 mm).
TWIN_REACH_MM = 1.0
# [1] Something is as dense where it has at least this fraction of the density above tissue. Source: definition, half of
# the peak.
TWIN_FRACTION = 0.5
# [mm] Slices from this thickness on show bone of the next slice beside calcium. Source: physics, the size of most
# plaques; looked at on one real head.
THICK_MM = 2.0
# [HU] Blood and brain. Source: physics.
TISSUE_HU = 40.0
# [HU] Beyond the image anything may lie. Source: physics, no less than the densest bone.
UNSEEN_HU = 3000.0
# [number] Points of a pair of arteries from which their mirror is taken. Source: numerics.
MIRROR_POINTS = 20
# [mm3] Size of what one side has alone, from which it tells of calcium: a smaller piece may be a rim that the match
# leaves, or a tip of bone. Source: digital skull bases, on which a piece of under 20 mm3 counted beside the dorsum.
ONE_SIDED_MM3_MIN = 20.0
# [mm; 1] ... at least this fraction of its voxels lies so far within the carotid's lumen, where no bone is, and at most
# the second one outside its wall, where bone goes on. Source: half a voxel; implants in two real heads of development.
WITHIN_MM, LUMEN_FRACTION_MIN, OUTSIDE_FRACTION_MAX = 0.3, 0.25, 0.2
# [mm3; 1] A piece of this size may be calcium where as much of it lies within the lumen, and one of the size above
# where at most this fraction lies outside the wall. Source: the smallest candidate; definition, half.
MAYBE_MM3_MIN, MAYBE_OUTSIDE_MAX = 4.0, 0.5
# [voxels] Voxels whose twins are looked for at once. Source: numerics.
AT_ONCE = 20000

Mirror = Callable[[np.ndarray], np.ndarray]


def plane_between(left: Centreline, right: Centreline) -> Mirror:
    """The mirror whose plane lies midway between an artery and its fellow.

    Parameters
    ----------
    left, right : Centreline
        The artery of either side, RAS mm.

    Returns
    -------
    Mirror
        Maps points (..., 3), RAS mm, to their mirrored places.
    """
    first, second = (
        line.points[np.linspace(0, len(line.points) - 1, MIRROR_POINTS).astype(int)] for line in (left, right)
    )
    normal = (second - first).mean(axis=0)
    normal /= np.linalg.norm(normal)
    middle = (first + second).mean(axis=0) / 2
    return lambda points: points - 2 * ((points - middle) @ normal)[..., None] * normal


@dataclass(frozen=True)
class Alone:
    """What one side has alone, masks (i, j, k): `surely` finds nothing as dense within 1 mm of its mirrored place,
    `there` nothing right there. What is `paired` finds something there that is no less dense than itself."""

    surely: np.ndarray
    there: np.ndarray
    paired: np.ndarray


def one_sided(ct: Image, dense: np.ndarray, lines: Sequence[Centreline]) -> Alone:
    """The `dense` voxels beside carotid and basilar arteries that have no twin on the other side.

    Nothing is one-sided without both carotid arteries.

    Parameters
    ----------
    ct : Image
        HU about the arteries.
    dense : np.ndarray
        Mask (i, j, k) of the voxels that are compared.
    lines : Sequence[Centreline]
        Centrelines in the CT's space, RAS mm.

    Returns
    -------
    Alone
        Two masks (i, j, k) of what has no twin.
    """
    found = Alone(*(np.zeros(dense.shape, bool) for _ in range(3)))
    compared = [line for line in lines if line.artery in COMPARED]
    pair = {line.side: line for line in compared if line.artery == "ICA"}
    if len(pair) < 2 or not dense.any():
        return found
    step = round(BLOCK_STEP_MM / STEP_MM)
    centres = np.concatenate([line.points[::step] for line in compared])
    mirror = plane_between(pair["L"], pair["R"])
    shift, weight = _matches(ct, centres, mirror, 0)
    mirror = _rigid(centres, centres + shift, weight, mirror)
    shift, weight = _matches(ct, centres, mirror, 1)
    index, points = np.argwhere(dense), mask_points(ct.affine, dense)
    reach = np.arange(-TWIN_REACH_MM, TWIN_REACH_MM + GRID_MM / 2, TWIN_REACH_MM / 2)
    ball = np.stack(np.meshgrid(reach, reach, reach, indexing="ij"), axis=-1).reshape(-1, 3)
    ball = ball[np.linalg.norm(ball, axis=1) <= TWIN_REACH_MM]
    for start in range(0, len(points), AT_ONCE):
        some = points[start : start + AT_ONCE]
        squared = ((some[:, None] - centres[None]) ** 2).sum(axis=-1)
        near = np.exp((squared.min(axis=1, keepdims=True) - squared) / (2 * FIELD_SD_MM**2)) * weight
        at = some + near @ shift / near.sum(axis=1, keepdims=True)
        other = np.stack([_sampled(ct, mirror(at + offset), UNSEEN_HU) for offset in ball]) - TISSUE_HU
        voxels = tuple(index[start : start + AT_ONCE].T)
        own, right_there = ct.data[voxels] - TISSUE_HU, other[len(ball) // 2]  # the ball's middle
        found.surely[voxels] = other.max(axis=0) < TWIN_FRACTION * own
        found.there[voxels] = right_there < TWIN_FRACTION * own
        found.paired[voxels] = right_there >= own
    return found


@dataclass(frozen=True)
class Piece:
    """A one-sided piece at an artery: its voxels (n, 3); in_wall: it lies in the artery's wall and is calcium, or it
    only may be."""

    index: np.ndarray
    in_wall: bool


def pieces_at_arteries(
    ct: Image, alone: Alone, lines: Sequence[Centreline], margin_mm: float, peak_hu_min: float
) -> list[Piece]:
    """The one-sided pieces in lumen and wall of a carotid, or about a basilar artery.

    No canal of bone holds the basilar artery and the clivus has no processes: beside it a piece may lie as far as the
    line is uncertain (one SD). In slices of `THICK_MM` and more, bone of the next slice lies in a carotid's lumen, and
    there no piece is known to be in its wall. A piece that is smaller, or half of which lies there, may be in the wall.

    Parameters
    ----------
    ct : Image
        HU about the arteries.
    alone : Alone
        What one side has alone.
    lines : Sequence[Centreline]
        Centrelines of uncertain place, RAS mm.
    margin_mm : float
        How far calcium reaches beyond the lumen, mm.
    peak_hu_min : float
        What is fainter (HU) may be bone's partial volume.

    Returns
    -------
    list[Piece]
        The pieces.
    """
    found = []
    compared = [line for line in lines if line.artery in COMPARED]
    for _, index in label_voxels(ndimage.label(alone.surely, NEIGHBOURS_26)[0]):
        volume_mm3 = len(index) * ct.voxel_volume_mm3
        if volume_mm3 < MAYBE_MM3_MIN or ct.data[tuple(index.T)].max() < peak_hu_min:
            continue
        points, is_large = moved(ct.affine, index), volume_mm3 >= ONE_SIDED_MM3_MIN
        in_wall, may_be = False, False
        for line in compared:
            distance, nearest = cKDTree(line.points).query(points)
            outside_mm = distance - line.radius_mm[nearest]
            if line.artery == "BA":
                is_near = np.median(outside_mm - line.sd_mm[nearest]) <= margin_mm
                in_wall |= is_near and is_large
                may_be |= is_near and volume_mm3 >= ONE_SIDED_MM3_MIN / 2
            else:
                within, outside = (outside_mm <= -WITHIN_MM).mean(), (outside_mm > margin_mm).mean()
                is_inside = within >= LUMEN_FRACTION_MIN and outside <= OUTSIDE_FRACTION_MAX
                in_wall |= is_inside and is_large and float(ct.voxel_mm.max()) < THICK_MM
                may_be |= within >= LUMEN_FRACTION_MIN or (is_large and outside <= MAYBE_OUTSIDE_MAX)
        if in_wall or may_be:
            found.append(Piece(index, bool(in_wall)))
    return found


def with_rim(ct: Image, index: np.ndarray, may: np.ndarray) -> np.ndarray:
    """A piece with the rim that the twins' reach takes from it beside bone: what hangs together with it within that.

    Parameters
    ----------
    ct : Image
        HU about the arteries.
    index : np.ndarray
        Voxel indices (n, 3) of the piece.
    may : np.ndarray
        Mask (i, j, k) of what has nothing as dense right at its mirrored place (`Alone.there`).

    Returns
    -------
    np.ndarray
        Voxel indices (m, 3).
    """
    box, piece, reach = surroundings(index, may.shape, TWIN_REACH_MM, ct.voxel_mm)
    near = ndimage.binary_dilation(piece, reach) & may[box]
    grown = ndimage.binary_propagation(piece, NEIGHBOURS_26, piece | near)
    return np.asarray(np.argwhere(grown) + [part.start for part in box])


def _sampled(ct: Image, points: np.ndarray, beyond: float | None = None) -> np.ndarray:
    """HU at points (..., 3), RAS mm, linearly; beyond the image its edge goes on, or it has this HU."""
    index = np.moveaxis(moved(np.linalg.inv(ct.affine), points.reshape(-1, 3)), -1, 0)
    mode = "nearest" if beyond is None else "constant"
    return ndimage.map_coordinates(ct.data, index, order=1, mode=mode, cval=beyond or 0.0).reshape(points.shape[:-1])


def _matches(ct: Image, centres: np.ndarray, mirror: Mirror, stage: int) -> tuple[np.ndarray, np.ndarray]:
    """Shift (n, 3) in mm after which the mirrored image resembles the block at each centre, and its weight (n,).

    The shift with the highest weighted correlation of the clipped densities, less its squared length.
    """
    block, wide = (_grid(half_mm) for half_mm in (BLOCK_MM[stage], BLOCK_MM[stage] + SHIFT_MM[stage]))
    weights = np.exp(-(block**2).sum(axis=-1) / (2 * (WEIGHT_SD * BLOCK_MM[stage]) ** 2))
    weights /= weights.sum()
    turned = weights[::-1, ::-1, ::-1]
    shifts, found = np.zeros((len(centres), 3)), np.zeros(len(centres))
    for n, centre in enumerate(centres):
        own = np.clip(_sampled(ct, centre + block), *MATCHED_HU)
        other = np.clip(_sampled(ct, mirror(centre + wide)), *MATCHED_HU)
        own -= (weights * own).sum()
        mean, square = (fftconvolve(values, turned, "valid") for values in (other, other**2))
        both = fftconvolve(other, (weights * own)[::-1, ::-1, ::-1], "valid")
        variance = np.maximum(square - mean**2, 1.0) * max(float((weights * own**2).sum()), 1.0)
        offsets = (np.indices(both.shape) - both.shape[0] // 2) * GRID_MM
        likeness = both / np.sqrt(variance)
        best = np.unravel_index((likeness - (offsets**2).sum(axis=0) / (2 * FAR_MM**2)).argmax(), both.shape)
        shifts[n], found[n] = offsets[(slice(None), *best)], likeness[best]
    return shifts, np.maximum(found, LEAST_WEIGHT)


def _grid(half_mm: float) -> np.ndarray:
    """Offsets (n, n, n, 3) of a cube's points from its middle, mm."""
    steps = int(half_mm / GRID_MM)
    axis = np.arange(-steps, steps + 1) * GRID_MM
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)


def _rigid(start: np.ndarray, end: np.ndarray, weight: np.ndarray, mirror: Mirror) -> Mirror:
    """The mirror after the rigid transform that leads from start to end (n, 3), robustly weighted (Kabsch 1976)."""
    weights = weight**2
    for _ in range(ROUNDS):
        from_mm, to_mm = (np.average(points, axis=0, weights=weights) for points in (start, end))
        rotation, _ = Rotation.align_vectors(end - to_mm, start - from_mm, weights=weights)
        off_mm = np.linalg.norm(rotation.apply(start - from_mm) + to_mm - end, axis=1)
        weights = weight**2 / (1 + (off_mm / RIGID_MM) ** 2)
    matrix = rotation.as_matrix()
    return lambda points: mirror((points - from_mm) @ matrix.T + to_mm)
