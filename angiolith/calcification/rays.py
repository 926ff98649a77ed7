"""Rays from an artery's centre in its cross-sections: where they run, what of the CT they see, how blurred."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from angiolith.arteries.centrelines import STEP_MM, Centreline
from angiolith.calcification.blur import FWHM_SDS
from angiolith.core.images import moved, slice_axis

# [number] Rays of a cross-section. Source: numerics.
N_ANGLES = 120
# [mm] Step along a ray. Source: numerics.
RAY_STEP_MM = 0.2
# [mm] Samples whose nearest centreline point is further along than this belong to another limb of a loop. Source:
# digital heads.
LOOP_MM = 4.0


def directions(line: Centreline, planes: np.ndarray) -> np.ndarray:
    """Unit directions (planes, angles, 3) of the rays in each cross-section.

    Parameters
    ----------
    line : Centreline
        The artery's centreline.
    planes : np.ndarray
        Indices of the line's points that have a cross-section.

    Returns
    -------
    np.ndarray
        Unit vectors (planes, angles, 3), RAS.
    """
    angles = np.arange(N_ANGLES) * 2 * np.pi / N_ANGLES
    first, second = (normals[planes] for normals in line.frames())
    return first[:, None] * np.cos(angles)[:, None] + second[:, None] * np.sin(angles)[:, None]


def on_rays(
    allowed: np.ndarray, affine: np.ndarray, line: Centreline, planes: np.ndarray, reach_mm: float
) -> tuple[np.ndarray, np.ndarray]:
    """Voxel coordinates (3, planes, angles, radii) of the rays of each cross-section, and whether a sample belongs to
    the lesion.

    Parameters
    ----------
    allowed : np.ndarray
        Voxels of the lesion and beside it, bool (i, j, k).
    affine : np.ndarray
        Voxel -> mm (4, 4), RAS.
    line : Centreline
        The artery's centreline.
    planes : np.ndarray
        Indices of the line's points that have a cross-section.
    reach_mm : float
        Length of the rays, mm.

    Returns
    -------
    tuple[np.ndarray, np.ndarray]
        Coordinates (3, planes, angles, radii) and booleans (planes, angles, radii).
    """
    radii = np.arange(0, reach_mm + RAY_STEP_MM, RAY_STEP_MM)
    points = line.points[planes][:, None, None] + directions(line, planes)[:, :, None] * radii[:, None]
    where = np.moveaxis(moved(np.linalg.inv(affine), points), -1, 0)
    own = nearest_voxel(allowed, where)
    at = np.nonzero(own)
    foot = cKDTree(line.points).query(points[at])[1]
    own[at] = np.abs(foot - planes[at[0]]) * STEP_MM <= LOOP_MM
    return where, own


def linear(ct: np.ndarray, where: np.ndarray) -> np.ndarray:
    """HU at voxel coordinates (3, ...), linearly between voxels.

    Parameters
    ----------
    ct : np.ndarray
        HU (i, j, k).
    where : np.ndarray
        Voxel coordinates (3, ...).

    Returns
    -------
    np.ndarray
        HU (...).
    """
    return ndimage.map_coordinates(ct, where, order=1, mode="nearest")


def nearest_voxel(mask: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Whether the voxel nearest to coordinates (3, ...) is in a mask; outside the grid none is.

    Parameters
    ----------
    mask : np.ndarray
        Mask (i, j, k), bool.
    where : np.ndarray
        Voxel coordinates (3, ...).

    Returns
    -------
    np.ndarray
        Booleans (...).
    """
    return ndimage.map_coordinates(mask.astype(np.uint8), where, order=0, mode="constant") > 0


def blur_along_rays_mm(
    line: Centreline, planes: np.ndarray, affine: np.ndarray, psf_mm: float, slice_mm: float | None
) -> np.ndarray:
    """Standard deviation (planes, angles) of the blur along each ray, mm: of scanner, voxel and interpolation.

    A voxel averages over its edge v (variance v^2 / 12), a slice over its thickness, which may be more or less than the
    step; linear interpolation has the variance v^2 / 6.

    Parameters
    ----------
    line : Centreline
        The artery's centreline.
    planes : np.ndarray
        Indices of the line's points that have a cross-section.
    affine : np.ndarray
        Voxel -> mm (4, 4), RAS.
    psf_mm : float
        Full width at half maximum of the scanner's blur in the plane, mm.
    slice_mm : float | None
        Thickness of the slices, mm; None for their step.

    Returns
    -------
    np.ndarray
        Standard deviations (planes, angles), mm.
    """
    voxel_mm = np.linalg.norm(affine[:3, :3], axis=0)
    along = np.abs(directions(line, planes) @ (affine[:3, :3] / voxel_mm))
    axis_of_slices = slice_axis(affine)
    averaged_mm = voxel_mm.copy()
    averaged_mm[axis_of_slices] = slice_mm or voxel_mm[axis_of_slices]
    variance = averaged_mm**2 / 12 + voxel_mm**2 / 6
    in_plane = [axis for axis in range(3) if axis != axis_of_slices]
    variance[in_plane] += (psf_mm / FWHM_SDS) ** 2
    return np.sqrt((along**2) @ variance)


def radius_in_voxels(line: Centreline, planes: np.ndarray, affine: np.ndarray) -> float:
    """Smallest lumen radius over the planes, in voxels: the longest voxel extent within the plane counts.

    Parameters
    ----------
    line : Centreline
        The artery's centreline.
    planes : np.ndarray
        Indices of the line's points that have a cross-section.
    affine : np.ndarray
        Voxel -> mm (4, 4), RAS.

    Returns
    -------
    float
        Radius, voxels.
    """
    inverse = np.linalg.inv(affine[:3, :3])
    voxel_mm = 1 / np.linalg.norm(directions(line, planes) @ inverse.T, axis=-1)
    return float((line.radius_mm[planes] / voxel_mm.max(axis=1)).min())
