"""Distances in mm on voxel grids, dilation and erosion by a ball, neighbours, and what lies open to the grid's ends.

Maurer et al. 2003 (exact Euclidean distances, linear time) as ITK has it: two to three times as fast as scipy's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import SimpleITK as sitk
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist

from angiolith.core.images import bounding_box

# [voxels] Neighbours by face, edge or corner. Source: definition.
NEIGHBOURS_26 = np.ones((3, 3, 3), bool)
# [mm] Distances are single precision: a voxel exactly on the ball's surface belongs to it. Source: numerics.
ROUNDING_MM = 1e-3


def distance_mm(mask: np.ndarray, voxel_mm: np.ndarray) -> np.ndarray:
    """Distance (float32, mm) of every voxel's centre to the nearest voxel centre of the mask; inf where it is empty.

    Parameters
    ----------
    mask : np.ndarray
        Voxels to measure from, bool (i, j, k).
    voxel_mm : np.ndarray
        Voxel edges (3,), mm.

    Returns
    -------
    np.ndarray
        Distances (i, j, k), float32, mm; inf everywhere for an empty mask.
    """
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    image = sitk.GetImageFromArray(np.ascontiguousarray(mask).astype(np.uint8))
    image.SetSpacing([float(edge) for edge in voxel_mm[::-1]])  # SimpleITK counts an array's axes from the last
    signed = sitk.GetArrayFromImage(sitk.SignedMaurerDistanceMap(image, False, False, True))
    return np.maximum(signed, 0, out=signed)


def dilate_mm(mask: np.ndarray, radius_mm: float, voxel_mm: np.ndarray) -> np.ndarray:
    """Dilate by a ball in mm; a radius of 0 or less leaves the mask.

    Parameters
    ----------
    mask : np.ndarray
        Mask, bool (i, j, k).
    radius_mm : float
        Radius of the ball, mm.
    voxel_mm : np.ndarray
        Voxel edges (3,), mm.

    Returns
    -------
    np.ndarray
        The dilated mask, bool (i, j, k).
    """
    if radius_mm <= 0 or not mask.any():
        return mask
    box = box_around(mask, radius_mm, voxel_mm)
    grown = np.zeros(mask.shape, bool)
    grown[box] = distance_mm(mask[box], voxel_mm) <= radius_mm + ROUNDING_MM
    return grown


def erode_mm(mask: np.ndarray, radius_mm: float, voxel_mm: np.ndarray) -> np.ndarray:
    """Erode by a ball in mm; the border of the image does not erode.

    Parameters
    ----------
    mask : np.ndarray
        Mask, bool (i, j, k).
    radius_mm : float
        Radius of the ball, mm.
    voxel_mm : np.ndarray
        Voxel edges (3,), mm.

    Returns
    -------
    np.ndarray
        The eroded mask, bool (i, j, k).
    """
    return ~dilate_mm(~mask, radius_mm, voxel_mm)


def open_to_the_edge(background: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """The background that is joined, along these axes, to the array's ends along them.

    What it leaves, turned round, is scipy's `binary_fill_holes`, several times as fast.

    Parameters
    ----------
    background : np.ndarray
        Mask of the background, bool (i, j, k).
    axes : tuple[int, ...]
        Axes along which voxels are neighbours.

    Returns
    -------
    np.ndarray
        The part of the background that reaches an end of the array, bool (i, j, k).
    """
    joined = np.zeros((3, 3, 3), bool)
    joined[1, 1, 1] = True
    for axis in axes:
        np.moveaxis(joined, axis, 0)[:, 1, 1] = True
    pieces, count = ndimage.label(background, joined)
    reached = np.zeros(count + 1, bool)
    for axis in axes:
        reached[np.moveaxis(pieces, axis, 0)[[0, -1]]] = True
    reached[0] = False
    return reached[pieces]


def box_around(mask: np.ndarray, margin_mm: float, voxel_mm: np.ndarray) -> tuple[slice, ...]:
    """Slices of the box around a mask that is not empty, widened by a margin within the array.

    Parameters
    ----------
    mask : np.ndarray
        Mask that is not empty, bool (i, j, k).
    margin_mm : float
        Margin on every side, mm.
    voxel_mm : np.ndarray
        Voxel edges (3,), mm.

    Returns
    -------
    tuple[slice, ...]
        One slice per axis.
    """
    return bounding_box(mask, np.ceil(margin_mm / voxel_mm).astype(int) + 1)


def largest_distance(points: np.ndarray) -> float:
    """The distance of the two points that lie farthest apart.

    Parameters
    ----------
    points : np.ndarray
        Two points or more (n, d), in any unit.

    Returns
    -------
    float
        Their distance, in the points' unit.
    """
    with contextlib.suppress(QhullError):  # flat sets of points have no hull
        points = points[ConvexHull(points).vertices]  # the two farthest points lie on it
    return float(pdist(points).max())


def surroundings(
    index: np.ndarray, shape: tuple[int, ...], reach_mm: float, voxel_mm: np.ndarray
) -> tuple[tuple[slice, ...], np.ndarray, np.ndarray]:
    """What lies around a few voxels: a box that reaches beyond them, their mask in it, and the element of that reach.

    Parameters
    ----------
    index : np.ndarray
        Voxels (n, 3).
    shape : tuple[int, ...]
        Of the grid.
    reach_mm : float
        How far the box reaches beyond them, mm; one voxel at least.
    voxel_mm : np.ndarray
        Voxel edges (3,), mm.

    Returns
    -------
    tuple[tuple[slice, ...], np.ndarray, np.ndarray]
        A slice per axis; mask of the voxels, bool, within the box; structuring element that dilates by the reach.
    """
    steps = np.maximum(np.round(reach_mm / voxel_mm), 1).astype(int)
    low, high = np.maximum(index.min(axis=0) - steps, 0), np.minimum(index.max(axis=0) + steps + 1, shape)
    mask = np.zeros(tuple(high - low), bool)
    mask[tuple((index - low).T)] = True
    return tuple(slice(start, stop) for start, stop in zip(low, high, strict=True)), mask, np.ones(2 * steps + 1)


def label_voxels(labels: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """The voxels of each label, in the order of the labels; each is looked for in its own box alone.

    Parameters
    ----------
    labels : np.ndarray
        Whole numbers (i, j, k); 0 is no label.

    Yields
    ------
    tuple[int, np.ndarray]
        Label, and its voxels (n, 3).
    """
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is not None:
            yield label, np.argwhere(labels[box] == label) + [part.start for part in box]
