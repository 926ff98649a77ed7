"""Wall thickness between the lumen contour and the outer-wall contour of one cross-section, mm.

Both contours are polygons (n, 2) in mm, the outer one around the lumen. Each function returns one thickness per vertex
of the lumen contour (n,), so that the thickness can be drawn around the vessel; NaN where it is undefined.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.ndimage import distance_transform_edt, map_coordinates
from scipy.sparse import csc_array
from scipy.sparse.linalg import spsolve

from angiolith.vessel_wall.contours import centroid, distance_mm, signed_distance_mm

# [mm] Finest and coarsest grid of the Laplace field. Source: numerics.
GRID_MM = (0.03, 0.1)
# [number] Nodes across the thinnest wall, as far as the finest grid allows. Source: numerics.
NODES_ACROSS = 6


def closest_point_mm(lumen: np.ndarray, outer: np.ndarray) -> np.ndarray:
    """Distance from each lumen vertex to the nearest point of the outer wall.

    Parameters
    ----------
    lumen : np.ndarray
        Vertices (n, 2) of the lumen contour, mm.
    outer : np.ndarray
        Vertices (m, 2) of the outer-wall contour, mm.

    Returns
    -------
    np.ndarray
        Thickness (n,), mm.
    """
    return distance_mm(outer, lumen)


def centre_ray_mm(lumen: np.ndarray, outer: np.ndarray) -> np.ndarray:
    """Distance from each lumen vertex to the outer wall along the ray from the lumen's centre of gravity.

    Where a ray meets the outer wall more than once, the nearest crossing beyond the vertex counts.

    Parameters
    ----------
    lumen : np.ndarray
        Vertices (n, 2) of the lumen contour, mm.
    outer : np.ndarray
        Vertices (m, 2) of the outer-wall contour, mm.

    Returns
    -------
    np.ndarray
        Thickness (n,), mm; NaN where a ray meets no wall.
    """
    centre = centroid(lumen)
    rays = lumen - centre
    radius = np.linalg.norm(rays, axis=1)
    direction = rays / radius[:, None]
    start = outer - centre
    edge = np.roll(start, -1, axis=0) - start
    # centre + t * direction = start + s * edge, for every ray (rows) and every edge (columns)
    determinant = _cross(direction[:, None], edge[None])
    with np.errstate(divide="ignore", invalid="ignore"):
        t = _cross(start[None], edge[None]) / determinant
        s = _cross(start[None], direction[:, None]) / determinant
    hit = (s >= -1e-9) & (s <= 1 + 1e-9) & (t >= radius[:, None] - 1e-9)  # a ray may pass through a vertex
    reach = np.where(hit, t, np.inf).min(axis=1)
    return np.where(np.isfinite(reach), reach - radius, np.nan)


def _cross(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]


def laplace_mm(lumen: np.ndarray, outer: np.ndarray) -> np.ndarray:
    """Length of the field line of a Laplace field from each lumen vertex to the outer wall.

    Jones et al., Hum Brain Mapp 2000;11:12-32: laplace(u) = 0 in the wall, u = 0 on the lumen and 1 on the outer wall;
    field lines of grad u never cross and meet both contours at right angles, so that thickness is one to one.
    Finite differences on a grid that knows where the contours cut its edges (Shortley-Weller), lines followed by the
    midpoint rule. NaN for a line that does not reach the outer wall.

    Parameters
    ----------
    lumen : np.ndarray
        Vertices (n, 2) of the lumen contour, mm.
    outer : np.ndarray
        Vertices (m, 2) of the outer-wall contour, mm.

    Returns
    -------
    np.ndarray
        Thickness (n,), mm; NaN where a line does not reach the wall.
    """
    thinnest = float(closest_point_mm(lumen, outer).min())
    step = float(np.clip(thinnest / NODES_ACROSS, *GRID_MM))
    low = outer.min(axis=0) - 3 * step
    shape = tuple(np.ceil((outer.max(axis=0) + 3 * step - low) / step).astype(int) + 1)
    nodes = low + step * np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1).reshape(-1, 2)
    to_lumen = -signed_distance_mm(lumen, nodes).reshape(shape)  # positive outside the lumen
    to_outer = signed_distance_mm(outer, nodes).reshape(shape)  # positive inside the outer wall
    direction = _field_direction(to_lumen, to_outer)
    return _line_lengths((lumen - low) / step, direction, to_outer) * step


def _field_direction(to_lumen: np.ndarray, to_outer: np.ndarray) -> np.ndarray:
    """Unit vectors (2, i, j) along grad u, at every node; beyond the wall, those of the nearest node in it."""
    wall = (to_lumen > 0) & (to_outer > 0)
    number = np.full(wall.shape, -1)
    number[wall] = np.arange(wall.sum())
    i, j = np.nonzero(wall)
    arms, values, neighbours = {}, {}, {}
    for side in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        there = (i + side[0], j + side[1])
        inside_lumen, outside = to_lumen[there] <= 0, to_outer[there] <= 0
        arm = np.ones(len(i))  # distance to the neighbour or to the contour, in grid steps
        for crosses, phi in ((inside_lumen, to_lumen), (outside, to_outer)):
            cut = phi[i, j] / (phi[i, j] - np.minimum(phi[there], 0))
            arm = np.where(crosses, np.minimum(arm, np.maximum(cut, 1e-3)), arm)
        arms[side], neighbours[side] = arm, number[there]
        values[side] = np.where(outside, 1.0, 0.0)  # on the contour, where the neighbour is not in the wall
    rows, columns, weights = [], [], []
    centre, right = np.zeros(len(i)), np.zeros(len(i))
    for back, forth in (((-1, 0), (1, 0)), ((0, -1), (0, 1))):
        for side in (back, forth):
            weight = 2 / (arms[side] * (arms[back] + arms[forth]))
            centre -= weight
            inner = neighbours[side] >= 0
            rows.append(np.nonzero(inner)[0])
            columns.append(neighbours[side][inner])
            weights.append(weight[inner])
            right -= np.where(inner, 0, weight * values[side])
    n = len(i)
    matrix = csc_array(
        (np.concatenate([*weights, centre]), (np.concatenate([*rows, range(n)]), np.concatenate([*columns, range(n)]))),
        shape=(n, n),
    )
    u = spsolve(matrix, right)
    gradient = []
    for back, forth in (((-1, 0), (1, 0)), ((0, -1), (0, 1))):
        at = {side: np.where(neighbours[side] >= 0, u[neighbours[side]], values[side]) for side in (back, forth)}
        a, b = arms[back], arms[forth]  # the derivative at the node of the parabola through the three values
        gradient.append((a * a * (at[forth] - u) + b * b * (u - at[back])) / (a * b * (a + b)))
    vectors = np.stack(gradient)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=0), 1e-12)
    nearest = distance_transform_edt(~wall, return_distances=False, return_indices=True)
    return vectors[:, number[tuple(nearest)]]


def _line_lengths(starts: np.ndarray, direction: np.ndarray, to_outer: np.ndarray, step: float = 0.5) -> np.ndarray:
    """Lengths (n,) of the lines from `starts` (n, 2) along `direction` until the outer wall; all in grid steps."""

    def follow(points: np.ndarray) -> np.ndarray:
        vectors = np.stack([map_coordinates(part, points.T, order=1, mode="nearest") for part in direction], axis=1)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1), 1e-12)[:, None]

    def inside(points: np.ndarray) -> np.ndarray:
        return map_coordinates(to_outer, points.T, order=1, mode="nearest")

    lengths = np.full(len(starts), np.nan)
    running, points, gap = np.arange(len(starts)), starts.copy(), inside(starts)
    for count in range(int(4 * max(to_outer.shape) / step)):
        if not len(running):
            break
        middle = points + step / 2 * follow(points)
        points = points + step * follow(middle)
        beyond = inside(points)
        out = beyond <= 0
        lengths[running[out]] = (count + gap[out] / (gap[out] - beyond[out])) * step
        running, points, gap = running[~out], points[~out], beyond[~out]
    return lengths


METHODS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "laplace": laplace_mm,
    "centre_ray": centre_ray_mm,
    "closest_point": closest_point_mm,
}
