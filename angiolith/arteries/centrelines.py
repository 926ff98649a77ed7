"""Centrelines of arteries: smooth curves with a radius and an uncertainty of position, and the region around them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.interpolate import make_interp_spline
from scipy.spatial import cKDTree

from angiolith.arteries.names import INDEX
from angiolith.core.images import moved

# [mm] Distance between the points of a sampled centreline. Source: numerics.
STEP_MM = 0.5
COLUMNS = ["artery", "side", "segment", "point", "x_mm", "y_mm", "z_mm", "radius_mm", "sd_mm"]


@dataclass(frozen=True)
class Centreline:
    """One artery's course, proximal end first.

    points: (n, 3) RAS mm; radius_mm, sd_mm: (n,), radius of the lumen and standard deviation of the position;
    segment: (n,) names such as cavernous, M1 (may be empty text).
    """

    artery: str
    side: str
    points: np.ndarray
    radius_mm: np.ndarray
    sd_mm: np.ndarray
    segment: np.ndarray

    @property
    def name(self) -> tuple[str, str]:
        """Artery and side."""
        return self.artery, self.side

    @property
    def arc_mm(self) -> np.ndarray:
        """(n,) distance along the curve from its first point, mm."""
        return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(self.points, axis=0), axis=1))])

    @property
    def tangents(self) -> np.ndarray:
        """(n, 3) unit tangents, central differences over about 2 mm: noise of the points must not tilt the planes."""
        reach = max(1, round(1.0 / STEP_MM))
        index = np.arange(len(self.points))
        ahead, behind = np.minimum(index + reach, index[-1]), np.maximum(index - reach, 0)
        chord = self.points[ahead] - self.points[behind]
        return chord / np.maximum(np.linalg.norm(chord, axis=1, keepdims=True), 1e-9)

    def frames(self) -> tuple[np.ndarray, np.ndarray]:
        """Two unit normals (n, 3) of each cross-section, turning as little as possible along the curve.

        Double reflection (Wang et al. 2008, ACM Trans Graph 27:2), whose angles can be compared between planes.
        """
        tangents = self.tangents
        first = np.empty_like(tangents)
        start = np.eye(3)[np.abs(tangents[0]).argmin()]
        first[0] = start - tangents[0] * (start @ tangents[0])
        first[0] /= np.linalg.norm(first[0])
        for i in range(len(tangents) - 1):
            first[i + 1] = _carry(first[i], tangents[i], tangents[i + 1], self.points[i + 1] - self.points[i])
        return first, np.cross(tangents, first)

    def moved(self, points: np.ndarray) -> Centreline:
        """The same artery along other points, sampled anew every 0.5 mm.

        Parameters
        ----------
        points : np.ndarray
            Points (n, 3), RAS mm.

        Returns
        -------
        Centreline
            The centreline along them.
        """
        return resampled(replace(self, points=np.asarray(points, float)))


def _carry(normal: np.ndarray, tangent: np.ndarray, next_tangent: np.ndarray, step: np.ndarray) -> np.ndarray:
    def reflect(vector: np.ndarray, plane: np.ndarray) -> np.ndarray:
        return vector - plane * (2 * (plane @ vector) / max(plane @ plane, 1e-12))

    carried = reflect(normal, step)
    carried = reflect(carried, next_tangent - reflect(tangent, step))
    carried -= next_tangent * (carried @ next_tangent)
    return carried / np.linalg.norm(carried)


def from_control_points(
    table: pd.DataFrame, to_ct: Callable[[np.ndarray], np.ndarray] | None = None
) -> list[Centreline]:
    """Smooth centrelines through the control points of each artery and side (rows ordered by `point`).

    Radius and uncertainty are kept in mm. The curve is a cubic spline by chord length, sampled every 0.5 mm.

    Parameters
    ----------
    table : pd.DataFrame
        Control points, columns of COLUMNS.
    to_ct : Callable[[np.ndarray], np.ndarray] | None
        Maps points (n, 3), RAS mm, to the CT's space; None to stay.

    Returns
    -------
    list[Centreline]
        Centrelines in the order of their label numbers.
    """
    lines = []
    for (artery, side), rows in table.groupby(["artery", "side"], sort=False):
        rows = rows.sort_values("point")
        points = rows[["x_mm", "y_mm", "z_mm"]].to_numpy(float)
        chord = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
        dense = np.linspace(0, chord[-1], max(2, round(chord[-1] / STEP_MM) + 1))
        curve = make_interp_spline(chord, points, k=min(3, len(points) - 1))(dense)
        nearest = np.abs(dense[:, None] - chord[None]).argmin(axis=1)
        line = Centreline(
            str(artery),
            str(side),
            to_ct(curve) if to_ct else curve,
            np.interp(dense, chord, rows["radius_mm"]),
            np.interp(dense, chord, rows["sd_mm"]),
            rows["segment"].fillna("").to_numpy(str)[nearest],
        )
        lines.append(resampled(line))
    return sorted(lines, key=lambda line: INDEX[line.name])


def resampled(line: Centreline) -> Centreline:
    """The same polyline with points every 0.5 mm.

    Parameters
    ----------
    line : Centreline
        The centreline.

    Returns
    -------
    Centreline
        The centreline in steps of 0.5 mm.
    """
    arc = line.arc_mm
    at = np.linspace(0, arc[-1], max(2, round(arc[-1] / STEP_MM) + 1))
    nearest = np.abs(at[:, None] - arc[None]).argmin(axis=1)
    points = np.stack([np.interp(at, arc, line.points[:, axis]) for axis in range(3)], axis=1)
    radius, sd = np.interp(at, arc, line.radius_mm), np.interp(at, arc, line.sd_mm)
    return replace(line, points=points, radius_mm=radius, sd_mm=sd, segment=line.segment[nearest])


def to_table(lines: Iterable[Centreline]) -> pd.DataFrame:
    """Centrelines as a table: COLUMNS, one row per point, `point` from 0.

    Parameters
    ----------
    lines : Iterable[Centreline]
        Centrelines.

    Returns
    -------
    pd.DataFrame
        One row per point.
    """
    parts = [
        pd.DataFrame(
            {"artery": line.artery, "side": line.side, "segment": line.segment, "point": np.arange(len(line.points))}
            | {name: line.points[:, axis] for axis, name in enumerate(("x_mm", "y_mm", "z_mm"))}
            | {"radius_mm": line.radius_mm, "sd_mm": line.sd_mm}
        )
        for line in lines
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)


def from_table(table: pd.DataFrame) -> dict[tuple[str, str], Centreline]:
    """Centrelines by (artery, side) from the table that `to_table` makes, as they are (not sampled anew).

    Parameters
    ----------
    table : pd.DataFrame
        A table of `to_table`.

    Returns
    -------
    dict[tuple[str, str], Centreline]
        (artery, side) -> centreline.
    """
    lines = {}
    for (artery, side), rows in table.groupby(["artery", "side"], sort=False):
        rows = rows.sort_values("point")
        lines[str(artery), str(side)] = Centreline(
            str(artery),
            str(side),
            rows[["x_mm", "y_mm", "z_mm"]].to_numpy(float),
            rows["radius_mm"].to_numpy(float),
            rows["sd_mm"].to_numpy(float),
            rows["segment"].fillna("").to_numpy(str),
        )
    return lines


def box_around_line(
    points: np.ndarray, reach_mm: float, shape: tuple[int, ...], affine: np.ndarray
) -> tuple[slice, ...] | None:
    """Index box (three slices) of a grid that holds every voxel within `reach_mm` of the points; None if outside.

    Parameters
    ----------
    points : np.ndarray
        Points (n, 3), RAS mm.
    reach_mm : float
        Margin, mm.
    shape : tuple[int, ...]
        Shape of the grid (i, j, k).
    affine : np.ndarray
        Voxel -> mm (4, 4), RAS.

    Returns
    -------
    tuple[slice, ...] | None
        One slice per axis, or None.
    """
    inverse = np.linalg.inv(affine)
    index = moved(inverse, points)
    pad = reach_mm * np.linalg.norm(inverse[:3, :3], axis=1)
    low = np.maximum(np.floor(index.min(axis=0) - pad), 0).astype(int)
    high = np.minimum(np.ceil(index.max(axis=0) + pad) + 1, shape).astype(int)
    return None if (high <= low).any() else tuple(slice(a, b) for a, b in zip(low, high, strict=True))


def box_affine(affine: np.ndarray, box: tuple[slice, ...]) -> np.ndarray:
    """The affine of the part of a grid that `box` cuts out.

    Parameters
    ----------
    affine : np.ndarray
        Voxel -> mm (4, 4), RAS.
    box : tuple[slice, ...]
        One slice per axis.

    Returns
    -------
    np.ndarray
        Affine (4, 4).
    """
    shifted = affine.copy()
    shifted[:3, 3] += affine[:3, :3] @ np.array([part.start for part in box])
    return shifted


def voxel_centres(shape: tuple[int, ...], affine: np.ndarray) -> np.ndarray:
    """Centres of all voxels of a grid, (i, j, k, 3) RAS mm.

    Parameters
    ----------
    shape : tuple[int, ...]
        Shape of the grid (i, j, k).
    affine : np.ndarray
        Voxel -> mm (4, 4), RAS.

    Returns
    -------
    np.ndarray
        Points (i, j, k, 3), RAS mm.
    """
    index = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), axis=-1)
    return moved(affine, index)


def region_labels(
    shape: tuple[int, ...],
    affine: np.ndarray,
    lines: Iterable[Centreline],
    reach_mm: Callable[[Centreline], np.ndarray],
) -> np.ndarray:
    """Label map (uint8, `shape`) of all voxels within reach of a centreline, each given to the nearest artery.

    reach_mm gives (n,) the search radius at each point of a centreline. Where tubes overlap, the smaller fraction of
    distance to reach wins.

    Parameters
    ----------
    shape : tuple[int, ...]
        Shape of the grid (i, j, k).
    affine : np.ndarray
        Voxel -> mm (4, 4), RAS.
    lines : Iterable[Centreline]
        Centrelines in the grid's space.
    reach_mm : Callable[[Centreline], np.ndarray]
        Gives the search radius (n,), mm, along a centreline.

    Returns
    -------
    np.ndarray
        Labels (i, j, k), uint8.
    """
    labels = np.zeros(shape, np.uint8)
    fraction = np.full(shape, np.inf, np.float32)
    for line in lines:
        reach = np.asarray(reach_mm(line), float)
        box = box_around_line(line.points, reach.max(), shape, affine)
        if box is None:
            continue
        centres = voxel_centres(tuple(part.stop - part.start for part in box), box_affine(affine, box))
        distance, nearest = cKDTree(line.points).query(centres.reshape(-1, 3), distance_upper_bound=reach.max())
        found = np.isfinite(distance)
        relative = np.full(distance.shape, np.inf, np.float32)
        relative[found] = distance[found] / reach[nearest[found]]
        relative = relative.reshape(centres.shape[:3])
        wins = (relative <= 1) & (relative < fraction[box])
        labels[box][wins] = INDEX[line.name]
        fraction[box][wins] = relative[wins]
    return labels
