"""Fit an atlas centreline to the subject: where in each cross-section does an artery of this radius lie?

Without contrast an artery is a disc of blood (about 45 HU) in CSF (about 8 HU), in fat, or in a canal of bone; it holds
no air, bone only surrounds it, and calcium fills at most a part of it. On MRI its lumen differs from what surrounds it:
bright by inflow or dark as a flow void, one or the other along its whole course, in bone and in CSF alike. Calcium that
hangs together with no bone lies in the wall of basilar and vertebral arteries. Each
cross-section votes for every offset from the atlas; the smoothest sequence of good offsets wins (dynamic programming,
Viterbi), held near the atlas by the uncertainty of its position.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import ndimage
from scipy.signal import fftconvolve

from angiolith.arteries.centrelines import STEP_MM, Centreline, box_affine, box_around_line
from angiolith.arteries.names import BESIDE_SMOOTH_BONE
from angiolith.arteries.sections import section_planes, section_samples, sideways, smoothest
from angiolith.arteries.uncertainty import position_sd_mm
from angiolith.core.distance import NEIGHBOURS_26
from angiolith.core.images import Image
from angiolith.core.settings.arteries import ArteryMapSettings

# [mm] Pixel of the sampled cross-sections, and step of the offsets. Source: numerics.
PIXEL_MM = 0.5
# [HU] Fluid to blood: soft tissue, to which blood is compared. Source: physics.
SOFT_HU = (-20.0, 100.0)
# [mm] Gap between the lumen and the ring of tissue to which its blood is compared. Source: digital heads.
RING_GAP_MM = 0.5
# [mm] Width of that ring. Source: digital heads.
RING_MM = 2.0
# [HU] A disc this much above its ring is surely a vessel. Source: digital heads.
CONTRAST_HU = 25.0
# [mm] Where the wall of a bony canal lies, outside the lumen. Source: digital heads.
CANAL_MM = (0.4, 1.5)
# [1] Calcium may fill this much of the lumen before more of it costs more: it must not push it away. Source: digital
# heads.
DENSE_FRACTION_MAX = 0.5
# [fraction of the radius; mm] Calcium of the wall lies from this fraction of the radius to so far outside the lumen.
# Source: digital heads.
CALCIUM_REACH = (0.4, 0.8)
# [mm2] In a cross-section: less than this does not tell where the wall is. Source: digital heads.
CALCIUM_MM2_MIN = 1.0
# [mm3] What is larger and dense is bone. Source: digital heads.
CALCIUM_MM3_MAX = 200.0
# [%] Dark and bright of an MRI's sections, by which their greys are scaled. Source: digital heads, 6 of development
# (methods.md).
GREY_PERCENTILES = (10, 90)
# [1] Multiple of the reach that is cut out about a line. Source: numerics.
ROOM = 1.5
# [mm] Change of offset from one cross-section to the next that costs as much as one SD of position. Source: digital
# heads.
BEND_MM = 0.5
# [mm] An artery in fluid runs in no canal: what lies this near to bone is its blur and dura, which have the grey of
# blood. Source: physics and anatomy, half the blur of a head CT (FWHM 1.2 mm) and 1 mm of dura.
HALO_MM = 1.5
# [1] Fractions of disc and ring that are seen, from which they tell of blood's contrast in full: beside bone, in fluid,
# an arc of a ring compares blood with one side alone. Source: two real heads of development, on which 0.65 to 0.9
# differ little; digital heads for the other arteries.
SEEN_FRACTION_FLUID, SEEN_FRACTION = 0.8, 0.5
# [1] Weights of blood's contrast, of a canal's wall, of what is dense and of air, in units of the squared offset over
# twice the variance. Source: digital heads.
CONTRAST_WEIGHT, CANAL_WEIGHT, DENSE_WEIGHT, EMPTY_WEIGHT = 6.0, 6.0, 8.0, 6.0
# [1] Weights of an MRI and of calcium: as much as blood's contrast on the CT. Source: digital heads, 6 of development
# (methods.md).
MRI_WEIGHT = CALCIUM_WEIGHT = 6.0


def refine(
    ct: Image, line: Centreline, settings: ArteryMapSettings, hu_min: float, mri: Sequence[Image] = ()
) -> Centreline:
    """The centreline moved onto the artery that the images show, with the uncertainty that their votes leave.

    A line that lies outside the CT comes back as it is.

    Parameters
    ----------
    ct : Image
        The CT, HU.
    line : Centreline
        Centreline of the atlas in the CT's space.
    settings : ArteryMapSettings
        Section `arteries.map`.
    hu_min : float
        Threshold of calcium, HU.
    mri : Sequence[Image]
        MR images in the CT's space.

    Returns
    -------
    Centreline
        The centreline with its new uncertainty.
    """
    planes = section_planes(line)
    reach = int(np.ceil(2 * line.sd_mm.max() / PIXEL_MM))
    offsets = np.arange(-reach, reach + 1) * PIXEL_MM
    half = reach + int(np.ceil((line.radius_mm.max() + RING_GAP_MM + RING_MM) / PIXEL_MM))  # all offsets and rings
    patches, inside = section_samples(ct, line, planes, half, PIXEL_MM)
    if not inside.any():
        return line
    radii = line.radius_mm[planes]
    calcium = np.zeros(patches.shape, bool)
    in_fluid = line.artery in BESIDE_SMOOTH_BONE
    if in_fluid:
        calcium = section_samples(_free_calcium(ct, line, hu_min), line, planes, half, PIXEL_MM)[0] >= 0.5
    cost = (
        np.stack([_cost(*each, reach, hu_min, in_fluid) for each in zip(patches, calcium, radii, strict=True)])
        * inside[:, None, None]
    )
    prior = (offsets[:, None] ** 2 + offsets[None] ** 2)[None] / (2 * line.sd_mm[planes, None, None] ** 2)
    cost += prior
    sd_mm = settings.refined_sd_mm
    for image in mri:
        of_mri, seen = _mri_cost(*section_samples(image, line, planes, half, PIXEL_MM), radii, reach)
        bright, dark = (smoothest(cost + sign * of_mri, BEND_MM / PIXEL_MM)[1] for sign in (1, -1))
        cost = cost + (of_mri if bright <= dark else -of_mri)
        if seen:
            sd_mm = min(sd_mm, settings.refined_mri_sd_mm)
    path, _ = smoothest(cost, BEND_MM / PIXEL_MM)
    points = sideways(line, planes, offsets[path])
    found_mm = position_sd_mm(cost, prior, path, offsets, BEND_MM / PIXEL_MM, line.sd_mm[planes])
    found_mm = np.maximum(found_mm, np.minimum(sd_mm, line.sd_mm[planes]))
    fitted = replace(line, sd_mm=np.interp(line.arc_mm, line.arc_mm[planes], found_mm))
    return fitted.moved(ndimage.gaussian_filter1d(points, 1.0 / STEP_MM, axis=0, mode="nearest"))


def _free_calcium(ct: Image, line: Centreline, hu_min: float) -> Image:
    """Mask, around a line, of what is dense, hangs together with nothing beyond, and is too small for bone."""
    reach = float((2 * line.sd_mm + line.radius_mm).max()) + RING_GAP_MM + RING_MM
    box = box_around_line(line.points, ROOM * reach, ct.data.shape, ct.affine)
    if box is None:
        return Image(np.zeros((1, 1, 1), np.float32), ct.affine)
    pieces, count = ndimage.label(ct.data[box] >= hu_min, NEIGHBOURS_26)
    free = np.bincount(pieces.ravel(), minlength=count + 1) * ct.voxel_volume_mm3 < CALCIUM_MM3_MAX
    free[0] = False
    for axis in range(3):
        for side in (0, -1):
            free[np.unique(np.take(pieces, side, axis))] = False
    return Image(free[pieces].astype(np.float32), box_affine(ct.affine, box))


def _cost(
    patch: np.ndarray, calcium: np.ndarray, radius_mm: float, reach: int, hu_min: float, in_fluid: bool
) -> np.ndarray:
    """Cost (2 reach + 1, 2 reach + 1) of a vessel of this radius at every offset within one cross-section.

    calcium: what of the patch is dense and no bone. It lies in the wall: an offset gains by the fraction of it there,
    of the most that any offset would have. in_fluid: the artery runs in fluid beside bone and in no canal of it.
    """
    distance, disc, ring = _disc_and_ring(radius_mm)
    shell = (distance >= CALCIUM_REACH[0] * radius_mm) & (distance <= radius_mm + CALCIUM_REACH[1])
    canal = (distance > radius_mm + CANAL_MM[0]) & (distance <= radius_mm + CANAL_MM[1])
    dense, empty = (patch >= hu_min) & ~calcium, patch < SOFT_HU[0]
    off = round(HALO_MM / PIXEL_MM) if in_fluid else 1  # the blur of bone and air is no tissue
    soft = ~ndimage.binary_dilation(dense | calcium | empty, iterations=off)
    hu = np.where(soft, np.clip(patch, *SOFT_HU), 0)

    def over(values: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        return _sums(values, kernel, reach)

    inner, outer = over(soft, disc), over(soft, ring)
    contrast = over(hu, disc) / np.maximum(inner, 1) - over(hu, ring) / np.maximum(outer, 1)
    on_calcium, filled = 0.0, over(dense, disc)
    if calcium.any():
        in_wall = over(calcium, shell) * PIXEL_MM**2
        if in_wall.max() >= CALCIUM_MM2_MIN:
            on_calcium = CALCIUM_WEIGHT * in_wall / in_wall.max()
        filled += over(calcium, distance < CALCIUM_REACH[0] * radius_mm)
    # a ring that is mostly bone or air says nothing about contrast
    fraction = SEEN_FRACTION_FLUID if in_fluid else SEEN_FRACTION
    seen = np.clip(outer / ring.sum() / fraction, 0, 1) * np.clip(inner / disc.sum() / fraction, 0, 1)
    walled = 0.0 if in_fluid else CANAL_WEIGHT * over(dense, canal) / canal.sum()
    return (
        -CONTRAST_WEIGHT * seen * np.clip(contrast / CONTRAST_HU, -1, 1)
        - walled
        + DENSE_WEIGHT * np.minimum(filled / disc.sum(), DENSE_FRACTION_MAX)
        - on_calcium
        + EMPTY_WEIGHT * over(empty, disc) / disc.sum()
    )


def _disc_and_ring(radius_mm: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distance from the middle (mm), disc of the vessel and ring of its surroundings, on a square of pixels."""
    size = int(np.ceil((radius_mm + RING_GAP_MM + RING_MM) / PIXEL_MM))
    axis = np.arange(-size, size + 1) * PIXEL_MM
    distance = np.hypot(axis[:, None], axis[None])
    ring = (distance > radius_mm + RING_GAP_MM) & (distance <= radius_mm + RING_GAP_MM + RING_MM)
    return distance, distance <= max(radius_mm, PIXEL_MM), ring


def _sums(values: np.ndarray, kernel: np.ndarray, reach: int) -> np.ndarray:
    """Sums of `values` under a kernel at every offset from the middle, (2 reach + 1, 2 reach + 1)."""
    found = fftconvolve(values.astype(float), kernel.astype(float), mode="same")
    middle = len(values) // 2
    return found[middle - reach : middle + reach + 1, middle - reach : middle + reach + 1]


def _mri_cost(patches: np.ndarray, inside: np.ndarray, radii_mm: np.ndarray, reach: int) -> tuple[np.ndarray, bool]:
    """Cost (planes, n, n) of a bright vessel at every offset on an MR image, and whether the image sees the artery.

    Its contrast to the ring around it, as a fraction of the strongest one in the cross-section (median along the
    artery), or of half the range of grey levels where that is more; a dark vessel costs the opposite.
    """
    seen = bool(inside.mean() > 0.5)
    if not seen:
        return np.zeros((len(patches), 2 * reach + 1, 2 * reach + 1)), False
    contrast = []
    for patch, radius_mm in zip(patches, radii_mm, strict=True):
        _, disc, ring = _disc_and_ring(radius_mm)
        contrast.append(_sums(patch, disc, reach) / disc.sum() - _sums(patch, ring, reach) / ring.sum())
    found = np.stack(contrast)
    low, high = np.percentile(patches[inside], GREY_PERCENTILES)
    strongest = np.median(np.abs(found[inside]).max(axis=(1, 2)))
    scale = max((high - low) / 2, strongest, 1e-6)
    return -MRI_WEIGHT * np.clip(found / scale, -1, 1) * inside[:, None, None], True
