"""Round dark spots of a given size range: found by differences of Gaussians in mm, outlined at half of their depth.

Lindeberg 1998: the scale-normalised Laplacian peaks, for a ball of radius r in 3D, at sigma = r / sqrt(3).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

# [number] Sizes, in equal ratios over the range of diameters, at which spots are looked for. Source: numerics.
SCALES = 5
# [voxels] Under half a voxel nothing is resolved. Source: physics.
SIGMA_VOXELS_MIN = 0.5
# [SD] Gaussians are cut off here. Source: numerics.
SIGMAS_REACH = 3.0
# [1] A spot is at least this fraction of the least contrast deep within a voxel of its peak: most peaks are noise, and
# are left out at once. Source: numerics.
DEEP_FRACTION = 0.8
# [1] So is a peak whose response is below this fraction of the least contrast. Source: numerics.
RESPONSE_FRACTION = 0.1
# [1] Half edge of the box in which a spot is outlined, as a fraction of the largest diameter: no such spot fills it.
# Source: physics.
BOX_FRACTION = 0.75
# [mm] Added to that half edge. Source: numerics.
BOX_MARGIN_MM = 2
# [1] A spot's size is that at this fraction of its depth: half maximum. Source: physics.
OUTLINE_DEPTH = 0.5


def ball_diameter_mm(volume_mm3: float) -> float:
    """Diameter (mm) of the ball of this volume.

    Parameters
    ----------
    volume_mm3 : float
        Volume, mm3.

    Returns
    -------
    float
        Diameter, mm.
    """
    return float((6 * volume_mm3 / np.pi) ** (1 / 3))


@dataclass(frozen=True)
class Blob:
    """A spot: its centre (voxel index, sub-voxel), outline (array indices of its voxels), and its form."""

    centre: np.ndarray
    voxels: tuple[np.ndarray, ...]
    volume_mm3: float
    contrast: float  # depth below the surroundings as a fraction of their level, 0-1
    elongation: float  # longest over middle axis: 1 for a ball or a disc cut by thick slices, high for a vessel
    compactness: float  # volume as a fraction of that of the ball about its centre that holds it
    open: bool  # the form runs out of the search box: a vessel, a sulcus, an edge

    @property
    def diameter_mm(self) -> float:
        """Diameter of the ball of the same volume, mm."""
        return ball_diameter_mm(self.volume_mm3)


def find_dark_blobs(
    data: np.ndarray,
    where: np.ndarray,
    voxel_mm: np.ndarray,
    diameter_mm: tuple[float, float],
    contrast_min: float,
    form_depth: float = 0.5,
) -> Iterator[Blob]:
    """Dark spots whose middle lies in `where`, strongest first; each voxel belongs to one spot at most.

    Spots outside the range, or shallower than `contrast_min`, are left out; form is for the caller to judge. Size is
    that of the outline at half depth, form that of the outline at `form_depth`: a shallow one shows the vessel that a
    spot is a part of.

    Parameters
    ----------
    data : np.ndarray
        Intensities with the level of normal tissue around 1 (relative values).
    where : np.ndarray
        Where the middle of a spot may lie, bool (i, j, k).
    voxel_mm : np.ndarray
        Voxel edges (3,), mm.
    diameter_mm : tuple[float, float]
        Smallest and largest diameter, mm.
    contrast_min : float
        Smallest depth of a spot, relative.
    form_depth : float
        Fraction of the depth at which the form is outlined.

    Yields
    ------
    Blob
        One spot.
    """
    response = _largest_response(data, voxel_mm, diameter_mm)
    deep = (
        ndimage.minimum_filter(data, 3) < 1 - DEEP_FRACTION * contrast_min
    )  # most peaks are noise: leave them out at once
    highest = response == ndimage.maximum_filter(response, size=3)
    peaks = np.argwhere(where & deep & highest & (response > RESPONSE_FRACTION * contrast_min))
    peaks = peaks[np.argsort(-response[tuple(peaks.T)], kind="stable")]
    taken = np.zeros(data.shape, bool)
    for peak in peaks:
        if taken[tuple(peak)]:
            continue
        blob = _outline(data, peak, voxel_mm, diameter_mm[1], contrast_min, form_depth)
        if blob is None or taken[blob.voxels].any():
            continue
        taken[blob.voxels] = True
        if diameter_mm[0] <= blob.diameter_mm <= diameter_mm[1]:
            yield blob


def _largest_response(data: np.ndarray, voxel_mm: np.ndarray, diameter_mm: tuple[float, float]) -> np.ndarray:
    """Largest difference of Gaussians (the scale-normalised Laplacian) over the range; positive on dark spots."""
    sizes = np.geomspace(diameter_mm[0], diameter_mm[1], SCALES)
    sigmas_mm = np.append(sizes, sizes[-1] * sizes[1] / sizes[0]) / 2 / np.sqrt(3)
    best = np.zeros(data.shape, np.float32)
    finer = None
    for sigma_mm in sigmas_mm:
        sigma = np.maximum(sigma_mm / voxel_mm, SIGMA_VOXELS_MIN)
        coarser = ndimage.gaussian_filter(data, sigma, truncate=SIGMAS_REACH)
        if finer is not None:
            np.maximum(best, coarser - finer, out=best)
        finer = coarser
    return best


def _outline(
    data: np.ndarray,
    peak: np.ndarray,
    voxel_mm: np.ndarray,
    diameter_max_mm: float,
    contrast_min: float,
    form_depth: float,
) -> Blob | None:
    """Outline a spot at half of its depth, in a box that a spot of the largest size cannot fill, and judge its form."""
    reach = np.ceil((BOX_FRACTION * diameter_max_mm + BOX_MARGIN_MM) / voxel_mm).astype(int)
    low = np.maximum(peak - reach, 0)
    box = tuple(slice(a, b) for a, b in zip(low, np.minimum(peak + reach + 1, data.shape), strict=True))
    part, middle = data[box], peak - low
    around = part[part > 0]
    level = float(np.median(around)) if around.size else 0.0
    near = tuple(slice(max(0, m - 1), m + 2) for m in middle)
    depth = level - float(part[near].min())
    if level <= 0 or depth / level < contrast_min:
        return None
    start = np.unravel_index(int(part[near].argmin()), part[near].shape)
    lowest = tuple(int(s.start + offset) for s, offset in zip(near, start, strict=True))
    spot = np.argwhere(_piece_with(lowest, part < level - OUTLINE_DEPTH * depth))
    form = np.argwhere(_piece_with(lowest, part < level - form_depth * depth))
    voxel_mm3 = float(np.prod(voxel_mm))
    from_centre_mm = (form - form.mean(axis=0)) * voxel_mm
    spread = from_centre_mm.T @ from_centre_mm / len(form) + np.diag(voxel_mm**2) / 12
    axes = np.sqrt(np.linalg.eigvalsh(spread))
    inner_mm = np.maximum(np.abs(from_centre_mm) - voxel_mm / 2, 0)  # thick slices must not make a ball look long
    radius_mm = np.linalg.norm(inner_mm, axis=1).max() + float(voxel_mm.min()) / 2
    return Blob(
        centre=spot.mean(axis=0) + low,
        voxels=tuple((spot + low).T),
        volume_mm3=len(spot) * voxel_mm3,
        contrast=depth / level,
        elongation=float(axes[2] / axes[1]),
        compactness=float(len(form) * voxel_mm3 / (4 / 3 * np.pi * radius_mm**3)),
        open=bool(((form == 0) | (form == np.array(part.shape) - 1)).any()),
    )


def _piece_with(voxel: tuple[int, ...], mask: np.ndarray) -> np.ndarray:
    """The connected piece of the mask that holds the voxel."""
    pieces, _ = ndimage.label(mask)
    return pieces == pieces[voxel]
