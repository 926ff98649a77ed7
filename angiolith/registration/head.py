"""The head in an image: mask, centre, and the CT made ready for matching (no couch, no holder)."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage.filters import threshold_otsu

from angiolith.core.distance import dilate_mm, erode_mm, open_to_the_edge
from angiolith.core.images import HU_AIR, Image, canonical, mask_points

# [HU] On CT what is denser is head: skin and fat are, air and foam are not. Source: physics.
HEAD_HU_MIN = -200.0
# [mm] Brain and skull base lie within this from the vertex down, the neck does not. Source: anatomy.
HEAD_HEIGHT_MM = 160.0
# [%] Percentile of the levels of the head's voxels that is taken for the vertex: single voxels stick out. Source:
# digital heads.
VERTEX_PERCENTILE = 99.9
# [1] On MRI the head is brighter than Otsu's threshold divided by this: noise lies far below, fat and brain above.
# Source: digital heads.
OTSU_PARTS = 3
# [mm] Thinner attachments of the head on CT (couch, holder) are cut off. Source: digital heads.
CT_ATTACHMENT_MM = 6.0
# [mm] Thinner attachments of the head on MRI are cut off. Source: digital heads.
MRI_ATTACHMENT_MM = 3.0


def shrink(image: Image, voxel_mm: float) -> Image:
    """Reduce an image towards cubic voxels of about `voxel_mm` by block means, so that nothing is aliased.

    Axes that are coarser already stay. The affine is that of the block centres. The axes are put in canonical order, so
    that registrations, masks and networks, which all work on such copies, do not depend on how the image was stored.

    Parameters
    ----------
    image : Image
        The image.
    voxel_mm : float
        Wanted voxel edge, mm.

    Returns
    -------
    Image
        The reduced image, axes in canonical order.
    """
    image = canonical(image)
    factors = np.maximum(1, np.round(voxel_mm / image.voxel_mm).astype(int))
    factors = np.minimum(factors, image.data.shape)
    if (factors == 1).all():
        return image
    shape = np.array(image.data.shape) // factors
    cropped = image.data[tuple(slice(0, n * f) for n, f in zip(shape, factors, strict=True))]
    split = [value for n, f in zip(shape, factors, strict=True) for value in (n, f)]
    data = cropped.reshape(split).mean(axis=(1, 3, 5), dtype=np.float32)
    scale = np.diag([*factors.astype(float), 1.0])
    scale[:3, 3] = (factors - 1) / 2
    return Image(data, image.affine @ scale)


def head_level(image: Image, is_ct: bool) -> float:
    """Grey level above which a voxel is head, not air: -200 HU on CT, a third of Otsu's threshold on MRI.

    Parameters
    ----------
    image : Image
        The image.
    is_ct : bool
        True for a CT in HU, False for an MRI.

    Returns
    -------
    float
        HU, or the MRI's signal.
    """
    return HEAD_HU_MIN if is_ct else threshold_otsu(image.data) / OTSU_PARTS


def head_mask(image: Image, is_ct: bool) -> np.ndarray:
    """Mask of the head: filled, the largest component, thin attachments (couch, holder) opened away.

    CT: above -200 HU; MRI: above a third of Otsu's threshold (background noise lies far below, fat and brain above).

    Parameters
    ----------
    image : Image
        The image.
    is_ct : bool
        True for a CT in HU, False for an MRI.

    Returns
    -------
    np.ndarray
        Mask (i, j, k), bool.
    """
    level = head_level(image, is_ct)
    mask = image.data > level
    voxel_mm = image.voxel_mm
    radius_mm = CT_ATTACHMENT_MM if is_ct else MRI_ATTACHMENT_MM
    mask = erode_mm(mask, radius_mm / 2, voxel_mm)
    mask = largest_component(mask)
    mask = dilate_mm(mask, radius_mm / 2, voxel_mm) & (image.data > level)
    mask = ndimage.binary_closing(np.pad(mask, 4), iterations=2)[4:-4, 4:-4, 4:-4]
    return fill_slices(mask)


def largest_component(mask: np.ndarray) -> np.ndarray:
    """The largest 6-connected component of a mask; empty stays empty.

    Parameters
    ----------
    mask : np.ndarray
        Mask, bool (i, j, k).

    Returns
    -------
    np.ndarray
        Mask (i, j, k), bool.
    """
    labels, count = ndimage.label(mask)
    if count < 2:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return labels == sizes.argmax()


def fill_slices(mask: np.ndarray) -> np.ndarray:
    """Fill holes in 3D and in each slice along the three axes (open sinuses and the cut neck leave 3D leaks).

    Parameters
    ----------
    mask : np.ndarray
        Mask, bool (i, j, k).

    Returns
    -------
    np.ndarray
        The filled mask, bool (i, j, k).
    """
    filled = ~open_to_the_edge(~mask, (0, 1, 2))
    for axis in range(3):
        filled = ~open_to_the_edge(~filled, tuple({0, 1, 2} - {axis}))
    return filled


def head_points(mask: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Centres (n, 3) of the voxels in the uppermost 160 mm of a head mask, RAS mm: the neck is no part of them.

    Parameters
    ----------
    mask : np.ndarray
        Mask of the head, bool (i, j, k).
    affine : np.ndarray
        Voxel -> mm (4, 4).

    Returns
    -------
    np.ndarray
        Points (n, 3), RAS mm.
    """
    points = mask_points(affine, mask)
    return points[points[:, 2] > np.percentile(points[:, 2], VERTEX_PERCENTILE) - HEAD_HEIGHT_MM]


def without_surroundings(ct: Image, mask: np.ndarray) -> Image:
    """The CT with air outside the head mask: couch and holder are gone.

    Parameters
    ----------
    ct : Image
        The CT, HU.
    mask : np.ndarray
        Mask of the head, bool (i, j, k).

    Returns
    -------
    Image
        The CT with -1024 HU outside the mask.
    """
    return ct.with_data(np.where(mask, ct.data, np.float32(HU_AIR)))
