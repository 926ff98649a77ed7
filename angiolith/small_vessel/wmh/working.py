"""A FLAIR as the WMH network sees it: axial slices of 1 mm pixels, even in shading, in units of its own contrast.

Slices stay as they were acquired. White matter is 0 and the ventricles' fluid -1, so that the scanner's units, and
whether the skull is there, do not matter. Beside the grey values stand maps of the brain network's tissues.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from nibabel.orientations import apply_orientation, io_orientation, ornt_transform
from scipy import ndimage

from angiolith.brain.segment import TISSUES
from angiolith.core.distance import distance_mm
from angiolith.core.images import CANONICAL, Image, bounding_box, crop
from angiolith.core.robust import sd_about
from angiolith.small_vessel.grid import depth_mm
from angiolith.small_vessel.tissues import (
    FLUID_VOXELS_MIN,
    TissueError,
    correct_bias,
    mode_of,
    no_flair,
    white_and_fluid,
)
from angiolith.small_vessel.wmh.shown import FAR_MM, NEIGHBOUR_MM, OTHERS, OTHERS_RANGE, OUTSIDE, PLANE_MM, RANGE

# [voxels] Less white matter does not tell its grey level. Source: numerics.
WHITE_VOXELS_MIN = 500
# [voxels] Smoothing (SD) by which a pixel averages the voxels that it holds, per voxel beyond the first. Source:
# numerics.
PIXEL_SIGMA = 0.4
# [1] Grey matter's mode on a FLAIR, of the way from fluid (0) to white matter (1), is at least this. Source: real
# scans: FLAIRs from 0.98 to 1.17, T1w from 0.58 to 0.86.
GREY_MIN = 0.92
# [%] Of the ventricles' voxels: plexus, edges and flow are brighter. Source: anatomy.
FLUID_PERCENTILE = 5


@dataclass(frozen=True)
class Working:
    """Slices along the last axis, x to the right and y to the front; pixels of PLANE_MM.

    flair: normalised grey values (float32). brain: mask. maps: (5, x, y, z) of MAPS, 0-1. others: (2, x, y, z), grey
    values of T1w and T2w, 0 where there is none. step_mm: between slices.
    levels: grey values of white matter and of the ventricles' fluid, and white matter's SD. The rest leads `back`.
    """

    flair: np.ndarray
    brain: np.ndarray
    maps: np.ndarray
    others: np.ndarray
    step_mm: float
    levels: tuple[float, float, float]
    shape: tuple[int, ...]
    box: tuple[slice, ...]
    orientation: np.ndarray
    scale: np.ndarray

    @property
    def voxel_mm(self) -> np.ndarray:
        """Voxel edges (3,) of the working slices, mm."""
        return np.array([PLANE_MM, PLANE_MM, self.step_mm])

    @property
    def voxel_mm3(self) -> float:
        """Volume of a voxel of the working slices, mm3."""
        return float(self.voxel_mm.prod())

    def back(self, values: np.ndarray) -> np.ndarray:
        """Values of the working slices (linear) on the grid of the image; 0 where the brain is not.

        Parameters
        ----------
        values : np.ndarray
            Values (x, y, z) on the working slices.

        Returns
        -------
        np.ndarray
            Values (i, j, k), float32.
        """
        shape = _oriented_shape(self.box, self.orientation)
        native = ndimage.affine_transform(
            values.astype(np.float32),
            np.diag(1 / self.scale),
            (0.5 / self.scale - 0.5),
            shape,
            np.float32,
            order=1,
            mode="nearest",
        )
        whole = np.zeros(self.shape, np.float32)
        whole[self.box] = apply_orientation(native, ornt_transform(CANONICAL, self.orientation))
        return whole


def make_working(
    flair: Image,
    brain: np.ndarray,
    tissues: np.ndarray,
    bias_voxel_mm: float,
    iterations: int,
    others: Mapping[str, Image] | None = None,
) -> Working:
    """Make a FLAIR ready for the network.

    Parameters
    ----------
    flair : Image
    brain : ndarray of bool, shape of the FLAIR
    tissues : ndarray of int, shape of the FLAIR
        Map of the brain network's tissues (`angiolith.brain.segment.TISSUES`).
    bias_voxel_mm, iterations : float, int
        Voxel edge (mm) of the copy on which shading is estimated, and iterations of N4.
    others : mapping of str to Image, optional
        T1w and T2w of the session, by these names, on the FLAIR's grid. One without the contrast of its kind is not
        used.

    Returns
    -------
    Working
        What the network sees, and the grid back.

    Raises
    ------
    TissueError
        If the image has no FLAIR's contrast (`contrast_of`), or too little brain is seen.
    """
    box = bounding_box(brain, 2)
    part = crop(flair, box)
    inside, classes = brain[box] & (part.data > 0), tissues[box]
    if inside.sum() < WHITE_VOXELS_MIN:
        raise TissueError(f"too little brain inside the image: under {WHITE_VOXELS_MIN} voxels")
    even = correct_bias(part, inside, bias_voxel_mm, iterations)
    white, fluid, spread = contrast_of(even.data, inside, classes)
    values = np.clip((even.data - white) / (white - fluid), *RANGE)
    orientation = io_orientation(part.affine)
    step = part.voxel_mm[np.argsort(orientation[:, 0])]
    scale = np.array([PLANE_MM / step[0], PLANE_MM / step[1], 1.0])
    oriented = [apply_orientation(a, orientation) for a in (np.where(inside, values, OUTSIDE), inside, classes)]
    shape = (*np.ceil(np.array(oriented[0].shape[:2]) / scale[:2]).astype(int), oriented[0].shape[2])
    working, mask = (plane(a.astype(np.float32), scale, shape) for a in oriented[:2])
    held = mask > 0.5
    spacing = np.array([PLANE_MM, PLANE_MM, step[2]])
    maps = maps_of(oriented[2], held, scale, shape, spacing)
    beside = np.zeros((len(OTHERS), *shape), np.float32)
    for name, image in (others or {}).items():
        shown = in_contrast(crop(image, box), inside, classes, name == "T1w", bias_voxel_mm, iterations)
        beside[OTHERS.index(name)] = held * plane(apply_orientation(shown, orientation), scale, shape)
    return Working(
        np.where(held, working, OUTSIDE).astype(np.float32),
        held,
        maps,
        beside,
        float(step[2]),
        (white, fluid, spread),
        flair.data.shape,
        box,
        orientation,
        scale,
    )


def contrast_of(flair: np.ndarray, brain: np.ndarray, tissues: np.ndarray) -> tuple[float, float, float]:
    """Grey values of normal white matter (mode) and of the ventricles' fluid, and the SD of white matter.

    The SD is that of the values below the mode, which hyperintensities do not move.

    What was measured is in the message.

    Parameters
    ----------
    flair : np.ndarray
        Intensities (i, j, k).
    brain : np.ndarray
        Mask of the brain, bool (i, j, k).
    tissues : np.ndarray
        Tissue map (i, j, k).

    Returns
    -------
    tuple[float, float, float]
        White matter, fluid and SD of white matter, in units of the image.

    Raises
    ------
    TissueError
        If there is too little white matter, or the image has no FLAIR's contrast: there fluid is darker
        than white matter, and grey matter about as bright as it.
    """
    white, fluid, grey = (flair[brain & (tissues == TISSUES[name])] for name in ("white", "ventricles", "grey"))
    if white.size < WHITE_VOXELS_MIN:
        raise TissueError(f"too little white matter inside the image: under {WHITE_VOXELS_MIN} voxels")
    level, dark, spread = white_and_fluid(white, fluid, flair[brain], FLUID_PERCENTILE)
    if fluid.size >= FLUID_VOXELS_MIN and (middle := float(np.median(fluid))) >= level:
        raise TissueError(no_flair(middle, level))
    if grey.size >= WHITE_VOXELS_MIN:
        level_of_grey = (mode_of(grey) - dark) / (level - dark)
        if level_of_grey < GREY_MIN:
            raise TissueError(
                f"this is no FLAIR: between fluid (0) and white matter (1), grey matter lies at {level_of_grey:.2f}; "
                f"on a FLAIR it is at least {GREY_MIN:g}, on a T1w about 0.7"
            )
    return level, dark, spread


def in_contrast(
    image: Image, inside: np.ndarray, tissues: np.ndarray, fluid_is_dark: bool, bias_voxel_mm: float, iterations: int
) -> np.ndarray:
    """A T1w or T2w, even in shading, in units of its contrast: white matter 0, fluid -1 if it is to be dark, else 1.

    All 0 where the contrast is the opposite, or too little of either tissue is seen.

    Parameters
    ----------
    image : Image
        T1w or T2w.
    inside : np.ndarray
        Mask of the brain, bool (i, j, k).
    tissues : np.ndarray
        Tissue map (i, j, k).
    fluid_is_dark : bool
        True for a T1w, False for a T2w.
    bias_voxel_mm : float
        Voxel edge at which the bias field is fitted, mm.
    iterations : int
        Iterations of the bias correction.

    Returns
    -------
    np.ndarray
        Intensities (i, j, k), float32, in units of contrast; 0 outside the brain.
    """
    seen = inside & (image.data > 0)
    white, fluid = (seen & (tissues == TISSUES[name]) for name in ("white", "ventricles"))
    if white.sum() < WHITE_VOXELS_MIN or not fluid.any():
        return np.zeros(image.data.shape, np.float32)
    grey = correct_bias(image, seen, bias_voxel_mm, iterations).data
    level = float(np.median(grey[white]))
    contrast = (level - float(np.median(grey[fluid]))) * (1 if fluid_is_dark else -1)
    if contrast <= sd_about(grey[white], level):
        return np.zeros(image.data.shape, np.float32)
    return np.where(seen, np.clip((grey - level) / contrast, *OTHERS_RANGE), 0).astype(np.float32)


def maps_of(
    tissues: np.ndarray, brain: np.ndarray, scale: np.ndarray, shape: tuple[int, ...], spacing: np.ndarray
) -> np.ndarray:
    """The maps (5, x, y, z; 0-1) of MAPS on the working slices, from a tissue map on the oriented grid.

    Parameters
    ----------
    tissues : np.ndarray
        Tissue map on the oriented grid.
    brain : np.ndarray
        Mask of the brain on that grid, bool.
    scale : np.ndarray
        Voxels per working pixel (3,).
    shape : tuple[int, ...]
        Shape of the working slices (x, y, z).
    spacing : np.ndarray
        Voxel edges (3,) of the oriented grid, mm.

    Returns
    -------
    np.ndarray
        Maps (5, x, y, z), float32, 0 to 1.
    """

    def fraction_of(*names: str) -> np.ndarray:
        one = np.isin(tissues, [TISSUES[name] for name in names]).astype(np.float32)
        return plane(one, scale, shape)

    ventricles = fraction_of("ventricles") > 0.5
    away = np.minimum(distance_mm(ventricles, spacing), FAR_MM) / FAR_MM
    depth = np.minimum(depth_mm(brain, spacing), FAR_MM) / FAR_MM
    matter = [fraction_of("white"), fraction_of("grey", "deep_grey"), fraction_of("infratentorial")]
    return np.stack([away, depth, *matter]).astype(np.float32)


def plane(values: np.ndarray, scale: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """An oriented array on the working slices (linear in the plane); pixels that hold several voxels average them.

    Parameters
    ----------
    values : np.ndarray
        Values on the oriented grid.
    scale : np.ndarray
        Voxels per working pixel (3,).
    shape : tuple[int, ...]
        Shape of the working slices (x, y, z).

    Returns
    -------
    np.ndarray
        Values (x, y, z), float32.
    """
    wide = np.maximum(scale - 1, 0)
    if wide.any():
        values = ndimage.gaussian_filter(values, PIXEL_SIGMA * wide)
    return np.asarray(
        ndimage.affine_transform(values, np.diag(scale), 0.5 * scale - 0.5, shape, np.float32, order=1, mode="nearest")
    )


def channels_of(working: Working, number: int) -> np.ndarray:
    """What the network is shown of one slice (10, x, y): the slice, one below, one above, the maps, T1w and T2w.

    Parameters
    ----------
    working : Working
        The FLAIR on working slices.
    number : int
        Index of the slice.

    Returns
    -------
    np.ndarray
        Channels (10, x, y), float32.
    """
    apart = max(1, round(NEIGHBOUR_MM / working.step_mm))
    last = working.flair.shape[2] - 1
    shown = [working.flair[..., min(max(number + k, 0), last)] for k in (0, -apart, apart)]
    return np.concatenate([np.stack(shown), working.maps[..., number], working.others[..., number]])


def _oriented_shape(box: tuple[slice, ...], orientation: np.ndarray) -> tuple[int, ...]:
    shape = [s.stop - s.start for s in box]
    return tuple(shape[int(np.flatnonzero(orientation[:, 0] == axis)[0])] for axis in range(3))
