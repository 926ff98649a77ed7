"""Follow an artery's lumen on MRI to a fraction of a voxel, from a line that already runs near it.

In each cross-section the image is correlated with a disc of blood in its surroundings: the coefficient says how much
of what is seen there is such a disc, whatever the grey levels. Bone, fluid and marrow beside the artery, which pull at
the mean grey level of a ring, are left out with the narrow window. Each section votes for every offset; the smoothest
path wins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy import fft

from angiolith.arteries.centrelines import Centreline
from angiolith.arteries.sections import section_planes, section_samples, sideways, smoothest
from angiolith.core.images import Image

# [mm] Pixel of the sampled cross-sections, and step of the offsets. Source: numerics.
PIXEL_MM = 0.25
# [mm] The line is moved no further: it was fitted before. Source: digital heads, 16 of development (methods.md).
REACH_MM = 1.5
# [mm] Beyond the lumen: what lies further is not looked at. Source: digital heads, 16 of development (methods.md).
WINDOW_MM = 1.0
# [mm] Scale of the logistic edge of the disc: an MR voxel's blur. Source: digital heads, 16 of development
# (methods.md).
EDGE_MM = 0.36
# [mm] Change of offset from one cross-section to the next that costs as much as one SD of position. Source: digital
# heads, 16 of development (methods.md).
BEND_MM = 0.6
# [1] Weight of a coefficient of 1, in units of the squared offset over twice the variance. Source: digital heads, 16 of
# development (methods.md).
FIT_WEIGHT = 20.0
# [mm] SD of the position of the line that is given. Source: digital heads, 16 of development (methods.md).
PRIOR_SD_MM = 0.8
# [1] Radii that are tried, as multiples of the line's mean radius. Source: digital heads, 16 of development
# (methods.md).
RADII = np.arange(0.5, 1.25, 0.06)
# [1] Mean coefficient along the path, from which the artery counts as seen. Source: digital heads, 16 of development
# (methods.md); all five lines of one real T1w lay below it.
SEEN_MIN = 0.7
# [voxels] Of the line: a smaller artery's calibre does not follow from such voxels. Source: digital heads, 16 of
# development (methods.md).
RADIUS_VOXELS_MIN = 2.0
# [mm] On MRI the inner part of the wall, which may be calcified, looks like the lumen. Source: digital heads, 16
# of development (methods.md).
INNER_WALL_MM = 0.15


def follow_lumen(image: Image, line: Centreline, sd_mm: float) -> Centreline:
    """The line led along the lumen that an MR image shows; the line itself where the image shows none.

    The lumen is bright or dark along its whole course, whichever fits better. Where the artery is at least two voxels
    in radius, its calibre is found too: the radii along the line are scaled to the disc that fits best, plus what of
    the wall looks like it; not where the best disc is the smallest or largest that was tried.

    Parameters
    ----------
    image : Image
        MR image in the line's space.
    line : Centreline
        The centreline to begin from.
    sd_mm : float
        Uncertainty of position of the result, mm.

    Returns
    -------
    Centreline
        The centreline along the lumen.
    """
    planes = section_planes(line)
    reach, mean_mm = round(REACH_MM / PIXEL_MM), float(line.radius_mm.mean())
    radii = RADII * mean_mm
    half = reach + int(np.ceil((radii.max() + WINDOW_MM) / PIXEL_MM))
    patches, inside = section_samples(image, line, planes, half, PIXEL_MM)
    if inside.mean() <= 0.5:
        return line
    fits = [_oriented(fit[inside]) for fit in _disc_correlations(patches, radii, reach)]
    best = int(np.argmax([np.median(fit.max(axis=(1, 2))) for fit in fits]))
    offsets = np.arange(-reach, reach + 1) * PIXEL_MM
    prior = (offsets[:, None] ** 2 + offsets[None] ** 2) / (2 * PRIOR_SD_MM**2)
    cost = np.repeat(prior[None], len(planes), axis=0)
    cost[inside] -= FIT_WEIGHT * fits[best]
    path, _ = smoothest(cost, BEND_MM / PIXEL_MM)
    if np.mean([fit[tuple(at)] for fit, at in zip(fits[best], path[inside], strict=True)]) < SEEN_MIN:
        return line
    moved = sideways(line, planes, offsets[path])
    scale = 1.0
    if mean_mm >= RADIUS_VOXELS_MIN * float(image.voxel_mm.max()) and 0 < best < len(radii) - 1:
        scale = (radii[best] + INNER_WALL_MM) / mean_mm
    return replace(line, sd_mm=np.minimum(line.sd_mm, sd_mm), radius_mm=line.radius_mm * scale).moved(moved)


def _disc_correlations(patches: np.ndarray, radii_mm: np.ndarray, reach: int) -> Iterator[np.ndarray]:
    """Correlation coefficients (planes, n, n) of every section with a disc, at every offset; for one radius after the
    other. The sections are transformed once."""
    count = patches.shape[-1]
    length = fft.next_fast_len(count, real=True)  # what is wrapped around lies beyond the offsets that are asked for
    values, squares = (fft.rfft2(each.astype(float), (length, length)) for each in (patches, patches**2))
    axis = (np.arange(count) - count // 2) * PIXEL_MM
    distance = np.hypot(axis[:, None], axis[None])
    near = slice(count // 2 - reach, count // 2 + reach + 1)
    least = 1e-6 * max(float(patches.var()), 1e-9)

    def transformed(kernel: np.ndarray) -> np.ndarray:
        centred = np.roll(np.pad(kernel, (0, length - count)), (-(count // 2), -(count // 2)), axis=(0, 1))
        return fft.rfft2(centred)

    def at_offsets(product: np.ndarray) -> np.ndarray:
        return fft.irfft2(product, (length, length))[:, near, near]

    for radius_mm in radii_mm:
        window = (distance <= radius_mm + WINDOW_MM).astype(float)
        window /= window.sum()
        disc = 1 / (1 + np.exp((distance - radius_mm) / EDGE_MM))
        disc -= (window * disc).sum()
        even = transformed(window)
        mean, square = at_offsets(values * even), at_offsets(squares * even)
        product = at_offsets(values * transformed(window * disc))
        spread = np.sqrt(np.maximum(square - mean**2, least))
        yield product / (spread * np.sqrt((window * disc**2).sum()))


def _oriented(fit: np.ndarray) -> np.ndarray:
    """The coefficients with the sign of the artery: bright, or dark along its whole course."""
    return fit if np.median(fit.max(axis=(1, 2)) + fit.min(axis=(1, 2))) >= 0 else -fit
