"""Small tools on voxel grids in mm: crop to a mask, distances, balls, pieces. Spacing is always that of the grid."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from angiolith.core.distance import NEIGHBOURS_26, box_around, dilate_mm, distance_mm, erode_mm, open_to_the_edge


def paste(part: np.ndarray, box: tuple[slice, ...], shape: tuple[int, ...]) -> np.ndarray:
    """An array of `shape`, zero but for `part` within the box.

    Parameters
    ----------
    part : np.ndarray
        Values within the box.
    box : tuple[slice, ...]
        One slice per axis.
    shape : tuple[int, ...]
        Shape of the whole.

    Returns
    -------
    np.ndarray
        Values (shape).
    """
    whole = np.zeros(shape, part.dtype)
    whole[box] = part
    return whole


def depth_mm(mask: np.ndarray, voxel_mm: np.ndarray) -> np.ndarray:
    """Depth (mm) under the surface of the mask, holes filled; the array's ends do not count as surface.

    Parameters
    ----------
    mask : np.ndarray
        Mask (i, j, k), bool.
    voxel_mm : np.ndarray
        Voxel edges (3,), mm.

    Returns
    -------
    np.ndarray
        Depths (i, j, k), mm; 0 outside.
    """
    outside = open_to_the_edge(~np.pad(mask, 1, mode="edge"), (0, 1, 2))
    return distance_mm(outside, voxel_mm)[1:-1, 1:-1, 1:-1]


def closed(mask: np.ndarray, radius_mm: float, voxel_mm: np.ndarray) -> np.ndarray:
    """The mask closed by a ball: gaps up to 2 x `radius_mm` wide are filled.

    Parameters
    ----------
    mask : np.ndarray
        Mask (i, j, k), bool.
    radius_mm : float
        Radius of the ball, mm.
    voxel_mm : np.ndarray
        Voxel edges (3,), mm.

    Returns
    -------
    np.ndarray
        Mask (i, j, k), bool.
    """
    filled = np.zeros(mask.shape, bool)
    if mask.any():
        box = box_around(mask, 2 * radius_mm, voxel_mm)
        wide = np.pad(dilate_mm(mask[box], radius_mm, voxel_mm), 1, mode="edge")
        filled[box] = erode_mm(wide, radius_mm, voxel_mm)[1:-1, 1:-1, 1:-1]
    return filled


def opened(mask: np.ndarray, radius_mm: float, voxel_mm: np.ndarray) -> np.ndarray:
    """The mask opened by a ball: the parts that hold a ball of this radius.

    Parameters
    ----------
    mask : np.ndarray
        Mask (i, j, k), bool.
    radius_mm : float
        Radius of the ball, mm.
    voxel_mm : np.ndarray
        Voxel edges (3,), mm.

    Returns
    -------
    np.ndarray
        Mask (i, j, k), bool.
    """
    return dilate_mm(depth_mm(mask, voxel_mm) > radius_mm, radius_mm, voxel_mm)


def ball(radius_mm: float, voxel_mm: np.ndarray) -> np.ndarray:
    """Structuring element: the voxels whose centres lie within `radius_mm`.

    Parameters
    ----------
    radius_mm : float
        Radius of the ball, mm.
    voxel_mm : np.ndarray
        Voxel edges (3,), mm.

    Returns
    -------
    np.ndarray
        Booleans, odd number of voxels along each axis.
    """
    reach = np.floor(radius_mm / np.asarray(voxel_mm)).astype(int)
    steps = [np.arange(-n, n + 1) * step for n, step in zip(reach, voxel_mm, strict=True)]
    first, second, third = np.meshgrid(*steps, indexing="ij")
    return first**2 + second**2 + third**2 <= radius_mm**2 + 1e-9


def window(reach_mm: float, voxel_mm: np.ndarray) -> tuple[int, ...]:
    """Edges of the box about a voxel that holds those within a distance along each axis.

    Parameters
    ----------
    reach_mm : float
        The distance, mm.
    voxel_mm : np.ndarray
        Voxel edges (3,), mm.

    Returns
    -------
    tuple of int
        Odd numbers of voxels.
    """
    return tuple(int(n) for n in 2 * np.round(reach_mm / voxel_mm) + 1)


def dilate_26(mask: np.ndarray) -> np.ndarray:
    """The mask and the 26 neighbours of its voxels.

    Parameters
    ----------
    mask : np.ndarray
        Mask (i, j, k), bool.

    Returns
    -------
    np.ndarray
        Mask (i, j, k), bool.
    """
    return ndimage.maximum_filter(mask.view(np.uint8), size=3).view(bool)


def drop_small(mask: np.ndarray, voxels_min: float) -> np.ndarray:
    """The mask without its 26-connected pieces of fewer than `voxels_min` voxels.

    Parameters
    ----------
    mask : np.ndarray
        Mask (i, j, k), bool.
    voxels_min : float
        Smallest number of voxels that stays.

    Returns
    -------
    np.ndarray
        Mask (i, j, k), bool.
    """
    pieces, _ = ndimage.label(mask, NEIGHBOURS_26)
    keep = np.bincount(pieces.ravel()) >= voxels_min
    keep[0] = False
    return keep[pieces]


def of_same_volume(fraction: np.ndarray) -> np.ndarray:
    """Mask (bool) of a resampled mask's fractions (0-1): the fullest voxels, as many as the fractions add up to.

    Cut at one half instead, what is small and round loses volume: by 6 % at a radius of 7 mm on slices of 3 mm.

    Parameters
    ----------
    fraction : np.ndarray
        Fractions (i, j, k), 0 to 1.

    Returns
    -------
    np.ndarray
        Mask (i, j, k), bool.
    """
    count = round(float(fraction.sum(dtype=float)))
    if not count:
        return np.zeros(fraction.shape, bool)
    return fraction >= max(np.partition(fraction.ravel(), -count)[-count], 1e-6)


def smooth(data: np.ndarray, inside: np.ndarray, sigma_mm: float | np.ndarray, voxel_mm: np.ndarray) -> np.ndarray:
    """Gaussian mean of `data` over the voxels `inside` alone (float32); where none is near, 0.

    Parameters
    ----------
    data : np.ndarray
        Values (i, j, k).
    inside : np.ndarray
        Voxels that are averaged over, bool (i, j, k).
    sigma_mm : float | np.ndarray
        Standard deviation of the Gaussian, mm: one, or one per axis (3,).
    voxel_mm : np.ndarray
        Voxel edges (3,), mm.

    Returns
    -------
    np.ndarray
        Means (i, j, k), float32.
    """
    sigma = sigma_mm / np.asarray(voxel_mm)
    weight = ndimage.gaussian_filter(inside.astype(np.float32), sigma)
    mean = ndimage.gaussian_filter(np.where(inside, data, 0).astype(np.float32), sigma)
    return np.where(weight > 1e-3, mean / np.maximum(weight, 1e-3), 0).astype(np.float32)
