"""Points (n, 3) in RAS mm, voxel indices and 4 x 4 matrices between them."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import map_coordinates

from angiolith.core.images import Image, crop, moved


def index_of(affine: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Voxel indices (n, 3), not rounded, of points (n, 3) on the grid of an affine.

    Parameters
    ----------
    affine : np.ndarray
        Voxel -> mm (4, 4), RAS.
    points : np.ndarray
        Points (n, 3), RAS mm.

    Returns
    -------
    np.ndarray
        Indices (n, 3), float.
    """
    return moved(np.linalg.inv(affine), points)


def sample(image: Image, points: np.ndarray, fill: float = np.nan) -> np.ndarray:
    """Values (n,) of an image at points (n, 3), linear; `fill` outside it.

    Parameters
    ----------
    image : Image
        The image.
    points : np.ndarray
        Points (n, 3), RAS mm.
    fill : float
        Value outside the image.

    Returns
    -------
    np.ndarray
        Values (n,).
    """
    return map_coordinates(image.data.astype(np.float32), index_of(image.affine, points).T, order=1, cval=fill)


def cropped(image: Image, centre: np.ndarray, half_mm: float) -> Image:
    """The part of an image within `half_mm` of a point along its axes (at least two voxels each way), float32.

    Parameters
    ----------
    image : Image
        The image.
    centre : np.ndarray
        Point (3,), RAS mm.
    half_mm : float
        Half of the box's edge, mm.

    Returns
    -------
    Image
        The part, float32.
    """
    half = half_mm / image.voxel_mm
    index = index_of(image.affine, centre[None])[0]
    low = np.clip(np.floor(index - half).astype(int), 0, np.array(image.data.shape) - 2)
    high = np.clip(np.ceil(index + half).astype(int) + 1, low + 2, image.data.shape)
    part = crop(image, tuple(slice(a, b) for a, b in zip(low, high, strict=True)))
    return part.with_data(part.data.astype(np.float32))
