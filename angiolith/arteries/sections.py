"""Cross-sections along a centreline: an image sampled on them, the smoothest path through their offsets."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from angiolith.arteries.centrelines import Centreline
from angiolith.core.images import Image, moved

# [points] Every third point of the centreline has a cross-section. Source: numerics.
PLANE_STEP = 3


def section_planes(line: Centreline) -> np.ndarray:
    """Indices of the line's points that have a cross-section: every third one and the last.

    Parameters
    ----------
    line : Centreline
        The centreline.

    Returns
    -------
    np.ndarray
        Indices, sorted.
    """
    return np.unique(np.append(np.arange(0, len(line.points), PLANE_STEP), len(line.points) - 1))


def section_samples(
    image: Image, line: Centreline, planes: np.ndarray, half: int, pixel_mm: float
) -> tuple[np.ndarray, np.ndarray]:
    """Values (planes, n, n), n = 2 half + 1, of the cross-sections at points of the line; whether each is in the image.

    Sampled linearly; beyond the image its edge goes on.

    Parameters
    ----------
    image : Image
        The image in the line's space.
    line : Centreline
        The centreline.
    planes : np.ndarray
        Indices of the line's points that have a cross-section.
    half : int
        Pixels on either side of the centre.
    pixel_mm : float
        Edge of a pixel, mm.

    Returns
    -------
    tuple[np.ndarray, np.ndarray]
        Values (planes, n, n) and booleans (planes,).
    """
    at = np.arange(-half, half + 1) * pixel_mm
    first, second = (normals[planes] for normals in line.frames())
    points = (
        line.points[planes][:, None, None]
        + first[:, None, None] * at[None, :, None, None]
        + second[:, None, None] * at[None, None, :, None]
    )
    index = np.moveaxis(moved(np.linalg.inv(image.affine), points), -1, 0)
    centre = index[:, :, half, half]
    inside = ((centre >= 0) & (centre <= np.array(image.data.shape)[:, None] - 1)).all(axis=0)
    return ndimage.map_coordinates(image.data, index, order=1, mode="nearest"), np.asarray(inside)


def sideways(line: Centreline, planes: np.ndarray, shift_mm: np.ndarray) -> np.ndarray:
    """The line's points (n, 3), moved in their cross-sections by shifts (planes, 2) given at some of them, smoothed.

    Parameters
    ----------
    line : Centreline
        The centreline.
    planes : np.ndarray
        Indices of the line's points that have a cross-section.
    shift_mm : np.ndarray
        Shifts (planes, 2) along the two normals, mm.

    Returns
    -------
    np.ndarray
        Points (n, 3), RAS mm.
    """
    shift_mm = ndimage.gaussian_filter1d(shift_mm, 1.0, axis=0, mode="nearest")
    along = line.arc_mm
    first, second = line.frames()
    u, v = (np.interp(along, along[planes], shift_mm[:, axis]) for axis in range(2))
    return line.points + first * u[:, None] + second * v[:, None]


def smoothest(cost: np.ndarray, bend: float) -> tuple[np.ndarray, float]:
    """Indices (planes, 2) of the cheapest path through cost (planes, n, n), by dynamic programming, and its cost.

    A step of `bend` pixels between planes costs 1/2, and with its square.

    Parameters
    ----------
    cost : np.ndarray
        Costs (planes, n, n).
    bend : float
        Step between planes that costs 1/2, pixels.

    Returns
    -------
    tuple[np.ndarray, float]
        Indices (planes, 2) and total cost.
    """
    count, size = cost.shape[:2]
    index = np.arange(size)
    step = (index[:, None] - index[None]) ** 2 / (2 * bend**2)
    total = cost[0]
    came: list[tuple[np.ndarray, np.ndarray]] = []
    for plane in range(1, count):
        # the squared distance separates: first the best row for each column, then the best column
        by_row = total[:, None, :] + step[:, :, None]
        row = by_row.argmin(axis=0)
        best = np.take_along_axis(by_row, row[None], 0)[0]
        by_column = best[:, :, None] + step[None]
        column = by_column.argmin(axis=1)
        total = np.take_along_axis(by_column, column[:, None], 1)[:, 0] + cost[plane]
        came.append((row, column))
    at = np.unravel_index(int(total.argmin()), total.shape)
    path = [at]
    for row, column in reversed(came):
        j = column[at]
        at = (row[at[0], j], j)
        path.append(at)
    return np.array(path[::-1], int), float(total.min())
