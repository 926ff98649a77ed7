"""Where bone ends and calcium begins, for an artery that runs beside or through bone.

The wall of a bony canal follows the artery: seen from the centreline, its distance changes slowly along the vessel.
Calcium stands out from it inwards, over a short length. So the distance to the first dense voxel, taken over a window
along the artery and around it, is where the bone begins; what is dense nearer than that is calcium. Calcium that lines
the artery for longer than the window is known by another sign: what is left open is too small for the artery. Where the
centreline itself runs in what is dense, it is first led through the opening beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.morphology import h_maxima
from skimage.segmentation import watershed

from angiolith.arteries.centrelines import STEP_MM, Centreline, box_affine, box_around_line
from angiolith.core.distance import NEIGHBOURS_26
from angiolith.core.images import mask_points, moved, voxel_edges_mm

# [number] Directions in which bone is looked for around a cross-section. Source: numerics.
N_SECTORS = 48
# [mm] Step outward. Source: numerics.
RADIUS_STEP_MM = 0.25
# [mm] Bone further than this from the lumen is not looked for. Source: digital heads.
BEYOND_MM = 3.0
# [mm] Length along the artery over which the canal's wall is averaged: calcium that stands out over less than half of
# it is seen. Source: digital heads.
WINDOW_MM = 20.0
# [directions] Directions over which it is averaged. Source: digital heads.
WINDOW_ANGLES = 5
# [1] Fraction of the radius: an opening with less room than this is no lumen. Source: digital heads.
OPEN_FRACTION = 0.25
# [mm] Calcium behind what stands out is followed so far. Source: digital heads.
HIDDEN_MM = 2.0
# [1] Fraction of the radius: a line of no larger standard deviation does not leave its lumen. Source: digital heads.
SURE_FRACTION = 0.25
# [mm] Pixel of the cross-sections in which an opening is looked for. Source: numerics.
ROOM_STEP_MM = 0.25
# [mm] A line's last millimetres leave the artery: what touches bone there is not judged to be calcium. Source: digital
# heads.
END_MM = 2.0
# [1] Bone leaves its artery room: an opening under this fraction of the lumen's radius has calcium in it. Source:
# digital heads.
NARROW_FRACTION = 0.75
# [HU] A valley this deep is no noise (SD of a head CT: 4 to 10 HU). Source: physics.
VALLEY_HU = 50.0
# [mm] Bone is followed so far outside the artery's wall, to see that it goes on. Source: digital heads.
ZONE_MM = 2.0
# [1] Of a calcification's voxels at most this fraction lies outside the artery's wall and its blooming. Source: digital
# heads.
GOES_ON_FRACTION = 0.2
# [mm] Least thickness of a calcified wall: bone that no valley parts from it does not begin nearer to the lumen.
# Source: digital heads.
CALCIFIED_WALL_MM = 0.6
# [1] Of the voxels of calcium at least this fraction lies within the lumen's radius: it blooms into it. Source: digital
# heads.
LUMEN_FRACTION_MIN = 0.25
# [%] Calcium lies on the inner side of the wall: above the median. Source: digital heads.
WALL_PERCENTILE = 65


def through_openings(ct: np.ndarray, affine: np.ndarray, line: Centreline, hu_min: float) -> Centreline:
    """The line led through the open lumen where it runs in what is dense: into thick calcium, or into bone beside it.

    Only a line that is sure to run in its artery is led: beside another one, an opening may be any. In a cross-section
    whose centre is dense, the place within the radius that has most room (at least a quarter of the radius), less its
    squared distance over twice the line's variance; the shifts are smoothed over 1 mm along the line, and 0 where its
    centre is open.

    Parameters
    ----------
    ct : np.ndarray
        HU (i, j, k).
    affine : np.ndarray
        Voxel -> mm (4, 4), RAS.
    line : Centreline
        The artery's centreline.
    hu_min : float
        Threshold of dense voxels, HU.

    Returns
    -------
    Centreline
        The centreline, moved sideways.
    """
    reach = float(line.radius_mm.max())
    at = np.arange(-2 * reach, 2 * reach + ROOM_STEP_MM, ROOM_STEP_MM)
    u, v = np.meshgrid(at, at, indexing="ij")
    first, second = line.frames()
    inverse = np.linalg.inv(affine)
    centre = np.moveaxis(moved(inverse, line.points), -1, 0)
    closed = ndimage.map_coordinates(ct, centre, order=1, mode="nearest") >= hu_min
    closed &= _is_sure(line, affine)
    shift = np.zeros((len(line.points), 2))
    for plane in np.flatnonzero(closed):
        points = line.points[plane] + u[..., None] * first[plane] + v[..., None] * second[plane]
        index = np.moveaxis(moved(inverse, points), -1, 0)
        dense = ndimage.map_coordinates(ct, index, order=1, mode="nearest") >= hu_min
        radius = line.radius_mm[plane]
        room = np.minimum(ndimage.distance_transform_edt(~dense) * ROOM_STEP_MM, radius)
        worth = room - (u**2 + v**2) / (2 * line.sd_mm[plane] ** 2)
        worth[(np.hypot(u, v) > radius) | (room < OPEN_FRACTION * radius)] = -np.inf
        best = np.unravel_index(worth.argmax(), worth.shape)
        if np.isfinite(worth[best]):
            shift[plane] = u[best], v[best]
    if not shift.any():
        return line
    shift = ndimage.gaussian_filter1d(shift, 1.0 / STEP_MM, axis=0, mode="nearest")
    return replace(line, points=line.points + first * shift[:, :1] + second * shift[:, 1:])


def _is_sure(line: Centreline, affine: np.ndarray) -> np.ndarray:
    """Which points (n,) of a line run in its artery for sure, on a grid that would show the artery's opening there."""
    in_plane_mm = np.sort(voxel_edges_mm(affine))[1]
    return (line.sd_mm <= SURE_FRACTION * line.radius_mm) & (in_plane_mm <= line.radius_mm)


def wall_distance_mm(ct: np.ndarray, affine: np.ndarray, line: Centreline, hu_min: float) -> np.ndarray:
    """Distance (points, N_SECTORS) from each point of a centreline to where bone begins, mm; radius + 3 where none
    is, 0 where the centreline runs in what is dense and may do so for lying off in bone.

    Parameters
    ----------
    ct : np.ndarray
        HU (i, j, k).
    affine : np.ndarray
        Voxel -> mm (4, 4), RAS.
    line : Centreline
        The artery's centreline.
    hu_min : float
        Threshold of dense voxels, HU.

    Returns
    -------
    np.ndarray
        Distances (points, N_SECTORS), mm.
    """
    reach = line.radius_mm.max() + BEYOND_MM
    radii = np.arange(0, reach + RADIUS_STEP_MM, RADIUS_STEP_MM)
    angles = (np.arange(N_SECTORS) + 0.5) * 2 * np.pi / N_SECTORS
    first, second = line.frames()
    rays = first[:, None] * np.cos(angles)[:, None] + second[:, None] * np.sin(angles)[:, None]
    points = line.points[:, None, None] + rays[:, :, None] * radii[:, None]
    inverse = np.linalg.inv(affine)
    index = np.moveaxis(moved(inverse, points), -1, 0)
    dense = ndimage.map_coordinates(ct, index, order=1, mode="nearest") >= hu_min
    limit = (line.radius_mm + BEYOND_MM)[:, None]
    begins = np.minimum(np.where(dense.any(axis=2), radii[dense.argmax(axis=2)], np.inf), limit)
    walled_in = (begins < OPEN_FRACTION * line.radius_mm[:, None]).mean(axis=1) > 0.5
    hidden = ndimage.binary_dilation(walled_in & ~_is_sure(line, affine), iterations=round(HIDDEN_MM / STEP_MM))
    size = (2 * round(WINDOW_MM / STEP_MM / 2) + 1, WINDOW_ANGLES)
    around = np.pad(begins, ((0, 0), (WINDOW_ANGLES, WINDOW_ANGLES)), mode="wrap")
    wall = ndimage.percentile_filter(around, WALL_PERCENTILE, size=size, mode="nearest")
    wall = wall[:, WINDOW_ANGLES:-WINDOW_ANGLES]
    open_mm = np.sqrt((begins**2).mean(axis=1))  # of a circle of the same area, wherever in it the centreline runs
    narrow = open_mm < NARROW_FRACTION * line.radius_mm
    wall = np.where(narrow[:, None], np.maximum(wall, line.radius_mm[:, None]), wall)
    return np.where(hidden[:, None], 0.0, wall)


def parted_by_valley(
    ct: np.ndarray, affine: np.ndarray, of_bone: np.ndarray, line: Centreline, margin_mm: float
) -> np.ndarray:
    """What of the dense voxels that hang together with bone a valley parts from it, and is the artery's: a mask.

    A reader widens the window until two things part. Each maximum that rises `VALLEY_HU` above the saddle to a higher
    one has the voxels that lie nearer to it downhill (watershed). It is calcium of the wall where its top lies in the
    wall or lumen, and nearly all of it within the artery's wall and blooming, and as much of it within the radius as of
    any calcium, each give or take the uncertainty of the line. Bone goes on outside.

    Parameters
    ----------
    ct : np.ndarray
        HU (i, j, k).
    affine : np.ndarray
        Voxel -> mm (4, 4), RAS.
    of_bone : np.ndarray
        Dense voxels that are connected with bone, bool (i, j, k).
    line : Centreline
        The artery's centreline.
    margin_mm : float
        Reach of calcium beyond the lumen, mm.

    Returns
    -------
    np.ndarray
        Mask (i, j, k), bool.
    """
    found = np.zeros(ct.shape, bool)
    box = box_around_line(
        line.points, float((line.radius_mm + line.sd_mm).max()) + margin_mm + ZONE_MM, ct.shape, affine
    )
    if box is None or not of_bone[box].any():
        return found
    zone = of_bone[box].copy()
    distance, nearest = cKDTree(line.points).query(mask_points(box_affine(affine, box), zone))
    outside_mm = np.full(zone.shape, np.inf)
    outside_mm[zone] = distance - line.radius_mm[nearest]
    sd_mm = np.zeros(zone.shape)
    sd_mm[zone] = line.sd_mm[nearest]
    beside = np.zeros(zone.shape, bool)
    beside[zone] = _clear_of_ends(line, nearest)
    zone &= outside_mm <= margin_mm + sd_mm + ZONE_MM
    hu = np.where(zone, ct[box], ct[box][zone].min(initial=0.0)).astype(np.float32)
    tops, count = ndimage.label(h_maxima(hu, VALLEY_HU, NEIGHBOURS_26), NEIGHBOURS_26)
    basins = watershed(-hu, tops, connectivity=NEIGHBOURS_26, mask=zone)
    numbers = np.arange(1, count + 1)
    if count == 0:
        return found
    top_mm = ndimage.minimum(outside_mm - sd_mm, tops, numbers)
    goes_on, within = (
        ndimage.mean(mask.astype(float), basins, numbers)
        for mask in (outside_mm > margin_mm + sd_mm, outside_mm < sd_mm)
    )
    clear = ndimage.mean(beside.astype(float), basins, numbers) > 0.5
    calcium = (top_mm <= CALCIFIED_WALL_MM) & (goes_on <= GOES_ON_FRACTION) & (within >= LUMEN_FRACTION_MIN) & clear
    found[box] = np.append(False, calcium)[basins]
    return found


def _clear_of_ends(line: Centreline, nearest: np.ndarray) -> np.ndarray:
    """Whether points of a line, by index, lie clear of its ends."""
    arc_mm = line.arc_mm[nearest]
    return (arc_mm > END_MM) & (arc_mm < line.arc_mm[-1] - END_MM)


@dataclass(frozen=True)
class Seen:
    """Points as seen from a centreline: its nearest point, the angular bin about it, the distance, and whether they
    lie beside it, clear of its ends, (n,) each."""

    point: np.ndarray
    angle: np.ndarray
    distance_mm: np.ndarray
    beside: np.ndarray


def polar_position(points: np.ndarray, line: Centreline) -> Seen:
    """Where points (n, 3), RAS mm, lie as seen from a centreline.

    Parameters
    ----------
    points : np.ndarray
        Points (n, 3), RAS mm.
    line : Centreline
        The artery's centreline.

    Returns
    -------
    Seen
        Nearest point of the line, angular bin, distance (mm), and whether a point is beside the line, not beyond its
        ends.
    """
    distance, nearest = cKDTree(line.points).query(points)
    first, second = line.frames()
    offset = points - line.points[nearest]
    across = np.einsum("ij,ij->i", offset, first[nearest]), np.einsum("ij,ij->i", offset, second[nearest])
    angle = np.arctan2(across[1], across[0]) % (2 * np.pi)
    bins = np.minimum((angle / (2 * np.pi) * N_SECTORS).astype(int), N_SECTORS - 1)
    return Seen(nearest, bins, distance, _clear_of_ends(line, nearest))


def behind(front: np.ndarray, seen: Seen, shape: tuple[int, ...]) -> np.ndarray:
    """Which points lie on a ray from the centreline on which a point of `front` lies, or on one beside it; (n,).

    Parameters
    ----------
    front : np.ndarray
        Which points are in front, bool (n,).
    seen : Seen
        Positions of the points as seen from the line.
    shape : tuple[int, ...]
        Number of the centreline's points and of angular bins.

    Returns
    -------
    np.ndarray
        Booleans (n,).
    """
    rays = np.zeros(shape, bool)
    rays[seen.point[front], seen.angle[front]] = True
    around = ndimage.binary_dilation(np.pad(rays, ((0, 0), (1, 1)), mode="wrap"), np.ones((3, 3)))[:, 1:-1]
    return around[seen.point, seen.angle]
