"""Ventricles of thick axial FLAIR slices: a small network looks at each slice, on the image's own pixels.

Between thick slices the two networks of the head see a blur, and at 2 mm they miss temporal horns and the fourth
ventricle. This one sees every slice as it is, between its neighbours and beside what the others say of it, and was
fitted on FLAIRs whose ventricles were drawn by hand (resources/brain_model/README.md).
"""

from __future__ import annotations

import numpy as np
import onnxruntime
from nibabel.orientations import apply_orientation, io_orientation, ornt_transform
from scipy import ndimage

from angiolith.brain.shown import EVERY, GREY_RANGE, NOTHING, PIXEL_MM, shown
from angiolith.core.images import CANONICAL, Image, slice_axis

# [mm] Slices at least so thick are looked at one by one. Source: choice.
THICK_MM = 3.5
# [mm] Coarser pixels show too little of a horn. Source: choice.
FINE_MM = 1.5
# [1] Pixels that differ by less are taken as they are. Source: choice.
SAME_PIXEL = 0.02
# [1] Slices run at once. Source: numerics (memory).
BATCH = 4


def has_thick_slices(image: Image) -> bool:
    """Whether an image has thick axial slices of fine pixels.

    Parameters
    ----------
    image : Image
        An image of any grid.

    Returns
    -------
    bool
        True for slices of THICK_MM or more, stacked from foot to head, with pixels of FINE_MM or less.
    """
    slow = int(image.voxel_mm.argmax())
    pixel_mm = np.delete(image.voxel_mm, slow).max()
    return bool(image.voxel_mm[slow] >= THICK_MM and pixel_mm <= FINE_MM and slow == slice_axis(image.affine))


def slice_ventricles(
    grey: np.ndarray,
    likely: np.ndarray,
    affine: np.ndarray,
    voxel_mm: np.ndarray,
    network: onnxruntime.InferenceSession,
) -> np.ndarray:
    """The ventricles of thick axial slices, by the network of slices.

    Parameters
    ----------
    grey : np.ndarray
        Grey values (i, j, k) of a part of the image; tissue 0, fluid -1.
    likely : np.ndarray
        Probabilities (7, i, j, k) of `angiolith.brain.network.CLASSES` there.
    affine : np.ndarray
        Voxel -> RAS mm (4, 4) of the image.
    voxel_mm : np.ndarray
        Voxel edges (3,), mm.
    network : onnxruntime.InferenceSession
        The network.

    Returns
    -------
    np.ndarray
        Mask (i, j, k), bool.
    """
    turn = io_orientation(affine)
    oriented = [apply_orientation(a, turn) for a in (np.clip(grey, *GREY_RANGE), *likely)]
    scale = voxel_mm[np.argsort(turn[:, 0])][:2] / PIXEL_MM
    if np.abs(scale - 1).max() > SAME_PIXEL:
        planes = [ndimage.zoom(a, (*scale, 1), np.float32, order=1, mode="nearest", grid_mode=True) for a in oriented]
    else:
        planes = oriented
    channels = shown(planes[0], np.stack(planes[1:]))
    x, y = channels.shape[2:]
    sides = [(0, -n % EVERY) for n in (x, y)]
    given = np.pad(channels, ((0, 0), (0, 0), *sides))
    given[:, :3, x:], given[:, :3, :, y:] = NOTHING, NOTHING
    given[:, 3, x:], given[:, 3, :, y:] = 1, 1
    parts = [
        np.asarray(network.run(None, {"image": given[k : k + BATCH]})[0])[:, 1, :x, :y]
        for k in range(0, len(given), BATCH)
    ]
    probability = np.moveaxis(np.concatenate(parts), 0, -1)
    shape = oriented[0].shape
    if probability.shape != shape:
        back = np.array(shape) / probability.shape
        probability = ndimage.zoom(probability, back, np.float32, order=1, mode="nearest", grid_mode=True)
    return np.asarray(apply_orientation(probability, ornt_transform(CANONICAL, turn)) > 0.5)
