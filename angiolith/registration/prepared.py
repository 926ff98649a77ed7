"""An image made ready for matching: window, head mask, couch removed, on shrunken copies; the brain of a CT as well."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from angiolith.core.distance import dilate_mm, erode_mm
from angiolith.core.image_checks import is_brain_extracted
from angiolith.core.images import Image, mask_points, resample, to_sitk
from angiolith.registration.head import (
    fill_slices,
    head_mask,
    head_points,
    largest_component,
    shrink,
    without_surroundings,
)

# [HU] What a CT is cut to before it is matched: air to dense bone. Source: physics.
MATCHED_HU = (-200.0, 900.0)
# [HU] Corners of the last level's grey scale: fluid, brain and blood lie within 100 HU, three bins of a histogram over
# the window. Source: 15 of 199 random poses of digital heads; looked at on 46 others (methods.md).
LAST_HU = (MATCHED_HU[0], -20.0, 80.0, MATCHED_HU[1])
# [1] Greys at the corners of `LAST_HU`: brain takes 70 % of them. Source: 15 of 199 random poses of digital heads;
# looked at on 46 others (methods.md).
LAST_GREY = (0.0, 0.15, 0.85, 1.0)
# [HU] Fluid to blood: the brain's own range on CT. Source: physics.
BRAIN_HU = (0.0, 80.0)
# [HU] Noise lets the brain's values lie so far outside `BRAIN_HU`. Source: digital heads.
BRAIN_MARGIN_HU = 20.0
# [HU] What is denser on a 2 mm copy is skull. Source: digital heads.
BONE_HU_MIN = 200.0
# [mm] Voxel of the copy on which a CT's brain is found. Source: numerics.
BRAIN_COPY_MM = 2.0
# [voxels of 2 mm] Smoothing before the brain's values are looked at. Source: digital heads.
BRAIN_SIGMA_MM = 1.0
# [mm] Partial volume of bone reaches so far. Source: digital heads.
BONE_EDGE_MM = 2.0
# [mm] The brain is cut loose from what hangs on it by narrower bridges (foramina). Source: digital heads.
FORAMEN_MM = 5.0
# [mm] What was eroded is grown back by this. Source: digital heads.
FORAMEN_BACK_MM = 6.0
# [1] A head of less than this fraction of the other one's volume is a part of it: its centre is no guide. Source:
# digital heads.
PARTIAL_FRACTION = 0.75
# [mm] An image less high than this is a slab, not a whole head. Source: anatomy.
SLAB_MM = 100.0
# [mm] Farther out a CT is cleared of couch and holder. Source: digital heads.
AROUND_HEAD_MM = 4.0
# [mm3] Less tissue is no head. Source: anatomy.
HEAD_MM3_MIN = 2e5
# [%] An MRI is cut off at this percentile of its head: vessels and fat shine. Source: digital heads.
MRI_HIGH_PERCENTILE = 99.5


@dataclass(frozen=True)
class Prepared:
    """An image ready for matching: window clipped, couch removed, with its head mask, on one shrunken grid.

    finish: what the finest level compares in its place.
    """

    image: Image
    mask: np.ndarray
    is_slab: bool
    is_brain: bool
    finish: Prepared | None = None

    @cached_property
    def head_points(self) -> np.ndarray:
        """Points (n, 3) of the uppermost 160 mm of the head, RAS mm."""
        return head_points(self.mask, self.image.affine)

    @cached_property
    def volume_mm3(self) -> float:
        """Volume of the uppermost 160 mm of the head, mm3."""
        return len(self.head_points) * self.image.voxel_volume_mm3

    @cached_property
    def centre(self) -> np.ndarray:
        """Centre of the head (3,), RAS mm."""
        return self.head_points.mean(axis=0)

    @cached_property
    def centres_of_halves(self) -> list[np.ndarray]:
        """Centres (3,) of the upper, lower and both side halves of the head, RAS mm."""
        points = mask_points(self.image.affine, self.mask)
        beyond = points - self.centre
        return [points[sign * beyond[:, axis] > 0].mean(axis=0) for axis in (2, 0) for sign in (1, -1)]

    def level(self, voxel_mm: float, margin_mm: float) -> tuple[sitk.Image, sitk.Image]:
        """Image and dilated metric mask at about this voxel size, as SimpleITK images.

        Parameters
        ----------
        voxel_mm : float
            Wanted voxel edge, mm.
        margin_mm : float
            Dilation of the mask, mm.

        Returns
        -------
        tuple[sitk.Image, sitk.Image]
            The image and its mask (uint8).
        """
        image = shrink(self.image, voxel_mm)
        mask = shrink(self.image.with_data(self.mask.astype(np.float32)), voxel_mm)
        wide = dilate_mm(mask.data > 0.5, margin_mm, mask.voxel_mm)
        return to_sitk(image), to_sitk(image.with_data(wide.astype(np.uint8)))


def prepare(image: Image, is_ct: bool, fine_mm: float) -> Prepared:
    """Make an image ready: shrink to the finest level needed, find the head, window a CT and clear its surroundings.

    Parameters
    ----------
    image : Image
        MRI, or CT in HU.
    is_ct : bool
        True for a CT.
    fine_mm : float
        Voxel edge of the finest level, mm.

    Returns
    -------
    Prepared
        The shrunken image, its head mask, and whether it shows a slab or a brain without a head.

    Raises
    ------
    ValueError
        For an image with less than 200 cm3 of head.
    """
    brain = not is_ct and is_brain_extracted(image)
    small = shrink(image, fine_mm)
    mask = head_mask(small, is_ct)
    if mask.sum() * small.voxel_volume_mm3 < HEAD_MM3_MIN:
        raise ValueError("no head found in the image (less than 200 cm3 of tissue)")
    if is_ct:
        clean = without_surroundings(small, dilate_mm(mask, AROUND_HEAD_MM, small.voxel_mm))
        small = clean.with_data(np.clip(clean.data, *MATCHED_HU))
    else:
        high = float(np.percentile(small.data[mask], MRI_HIGH_PERCENTILE))
        small = small.with_data(np.clip(small.data, 0, high))
    extent = np.abs(small.affine[:3, :3]) @ np.array(small.data.shape)
    return Prepared(small, mask, bool(extent.min() < SLAB_MM), brain)


def prepare_ct_brain(ct: Image) -> Prepared:
    """The brain of a CT, windowed, as if extracted: soft tissue inside the skull, cut loose at the foramina.

    What a brain-extracted MRI is matched with: the skull has no counterpart in it, and in a window that shows bone,
    brain and fluid look the same. That brain's outline is good to some millimetres only: at the finest level, the CT
    in this window is compared within the outline of the MRI.

    Parameters
    ----------
    ct : Image
        The CT, HU.

    Returns
    -------
    Prepared
        The CT's brain, with the uncut CT in the same window for the finest level.
    """
    low, high = BRAIN_HU[0] - BRAIN_MARGIN_HU, BRAIN_HU[1] + BRAIN_MARGIN_HU
    small = shrink(ct, BRAIN_COPY_MM)
    smooth = ndimage.gaussian_filter(small.data, BRAIN_SIGMA_MM / (small.voxel_mm / 2.0))
    bone = dilate_mm(small.data > BONE_HU_MIN, BONE_EDGE_MM, small.voxel_mm)
    soft = (smooth > BRAIN_HU[0]) & (smooth < high) & ~bone
    core = largest_component(erode_mm(soft, FORAMEN_MM, small.voxel_mm))
    mask = fill_slices(dilate_mm(core, FORAMEN_BACK_MM, small.voxel_mm) & ~(small.data > BONE_HU_MIN))
    uncut = Prepared(small.with_data(np.clip(small.data, low, high)), mask, False, False)
    return Prepared(small.with_data(np.where(mask, np.clip(smooth, *BRAIN_HU), 0)), mask, False, True, uncut)


def sharper(image: Image, ready: Prepared, is_ct: bool, voxel_mm: float) -> Image:
    """An image as `prepare` made it ready for its finest level, at a smaller voxel size; a whole CT in `LAST_GREY`.

    Parameters
    ----------
    image : Image
        The image as read.
    ready : Prepared
        What `prepare` made of it.
    is_ct : bool
        True for a CT.
    voxel_mm : float
        Wanted voxel edge, mm.

    Returns
    -------
    Image
        The image at that voxel size, in the window of `ready`.
    """
    grey = (ready.finish or ready).image.data
    small = shrink(image, voxel_mm)
    if is_ct and not ready.finish:
        near = dilate_mm(ready.mask, AROUND_HEAD_MM, ready.image.voxel_mm)
        near_here = resample(ready.image.with_data(near.astype(np.float32)), small, interpolation="nearest")
        small = without_surroundings(small, near_here.data > 0.5)
        return small.with_data(np.interp(small.data, LAST_HU, LAST_GREY).astype(np.float32))
    return small.with_data(np.clip(small.data, grey.min(), grey.max()))


def is_part_of(first: Prepared, second: Prepared) -> bool:
    """Whether the first image shows a slab or a part of the head that the second one shows whole.

    Parameters
    ----------
    first, second : Prepared
        Prepared images of one head.

    Returns
    -------
    bool
        True where the first shows less of the head.
    """
    if first.is_slab or second.is_slab:
        return first.is_slab and not second.is_slab
    return first.is_brain == second.is_brain and first.volume_mm3 < PARTIAL_FRACTION * second.volume_mm3
