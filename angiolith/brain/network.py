"""The networks behind the brain mask: what they are given, how they are run, what they return.

The first sees the whole field at 4 mm, the second parts of it at 2 mm beside the first one's output. Both were fitted
on scans of random contrast (resources/brain_model/README.md), so that no sequence has to be named; a CT is shown in a
fixed window of HU. The third, for ventricles in thick slices, is run by `angiolith.brain.slices`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import onnxruntime
from scipy import ndimage

from angiolith.core.images import Image, moved
from angiolith.core.networks import open_network
from angiolith.registration.head import shrink

CLASSES = ("outside", "grey", "white", "csf", "ventricles", "deep_grey", "infratentorial")
# [mm] Working grid of the networks. Source: definition (fitted at it).
VOXEL_MM = 2.0
# [voxels] Edge of the field: 256 mm. Source: definition (fitted at it).
EDGE = 128
# [voxels] Edge of the second network's parts. Source: definition (fitted at it).
PART_EDGE = 64
# [voxels] Parts overlap by this. Source: numerics.
PART_OVERLAP = 16
# [voxels] Margin around what the first network takes for brain. Source: numerics.
PART_MARGIN = 6
# [HU] What a CT is cut to: fluid to blood. Source: definition (fitted at it).
CT_WINDOW_HU = (-20.0, 100.0)
# [mm] Of a taller image, the field hangs from the vertex. Source: anatomy.
HEAD_HEIGHT_MM = 230.0
# [mm] From the vertex to the brain's middle. Source: anatomy.
VERTEX_TO_CENTRE_MM = 95.0
# [mm] An image less high than this along an axis is a slab, mirrored at its ends. Source: simulated slabs of 40 and
# 60 mm of older_adults 03 (docs/brain_simulated.md).
SLAB_MM = 50.0
# [mm] A slab is continued by this much at each end. Source: as SLAB_MM.
MIRRORED_MM = 30.0
# [1] What is brighter than this fraction of the bright level is head. Source: choice.
BRIGHT_FRACTION = 0.1
# [%] The bright level: 1 of the networks' grey scale. Source: definition (fitted at it).
BRIGHT_PERCENTILE = 99
# [%] Upper and lower end of a head: single voxels stick out. Source: numerics.
ENDS_PERCENTILES = (99.5, 0.5)
# [1] What is darker than this fraction of the highest is nothing. Source: definition (fitted at it).
NOTHING_FRACTION = 0.02
# [%] The highest grey level. Source: definition (fitted at it).
HIGHEST_PERCENTILE = 99.9
# [1] Brighter values are cut. Source: definition (fitted at it).
GREY_MAX = 1.2
# [1] From this probability on the first network has found the brain. Source: definition.
LOCATED_PROBABILITY = 0.5
# [1] From this probability on the second network looks. Source: numerics.
PART_PROBABILITY = 0.05


class NoBrainError(ValueError):
    """No brain was found in the image; the message says what was seen."""


@dataclass(frozen=True)
class BrainModel:
    """The sessions of the networks; without that of thick slices these are treated as all others."""

    whole: onnxruntime.InferenceSession
    part: onnxruntime.InferenceSession
    slices: onnxruntime.InferenceSession | None = None


def read_brain_model(folder: Path, threads: int = 1) -> BrainModel:
    """Read `whole.onnx`, `part.onnx` and `slices.onnx` of a folder.

    Parameters
    ----------
    folder : Path
        Folder of the three ONNX files.
    threads : int
        Number of threads.

    Returns
    -------
    BrainModel
        The networks.
    """
    return BrainModel(*(open_network(folder / f"{name}.onnx", threads) for name in ("whole", "part", "slices")))


def probabilities(image: Image, is_ct: bool, model: BrainModel) -> Image:
    """Probabilities (7, x, y, z) of CLASSES in a box of the working grid (2 mm, axes of the world) around the brain.

    Returned as an Image whose data has the classes first; its affine is that of the last three axes.

    Parameters
    ----------
    image : Image
        MRI of any contrast, or CT in HU.
    is_ct : bool
        True for a CT.
    model : BrainModel
        The two networks.

    Returns
    -------
    Image
        Probabilities (7, x, y, z), 0 to 1, as an Image.

    Raises
    ------
    NoBrainError
        If the first network sees no brain.
    """
    values = image.data
    if is_ct:
        low, high = CT_WINDOW_HU
        values = (np.clip(values, low, high) - low) / np.float32(high - low)
    small = _mirrored(shrink(image.with_data(values.astype(np.float32, copy=False)), VOXEL_MM))
    centre = _first_centre(small)
    for _ in range(2):
        field = _field(small, centre, is_ct)
        first = _run(model.whole, _halved(field.data)[None])
        inside = 1 - first[0] > LOCATED_PROBABILITY
        if not inside.any():
            raise NoBrainError("no brain is seen in the image")
        middle = 2 * np.array(ndimage.center_of_mass(inside)) + 0.5
        centre = moved(field.affine, middle)
    return _parts(field, first, model)


def _mirrored(image: Image) -> Image:
    """A slab continued beyond its two ends by its mirror image: of a thin piece of a head the networks see too little.

    Other images are returned as they are.
    """
    edges = image.voxel_mm
    extents = edges * image.data.shape
    axis = int(extents.argmin())
    if extents[axis] >= SLAB_MM or image.data.shape[axis] < 2:
        return image
    count = min(round(MIRRORED_MM / edges[axis]), image.data.shape[axis] - 1)
    ends = [(count, count) if k == axis else (0, 0) for k in range(3)]
    first = np.where(np.arange(3) == axis, -float(count), 0.0)
    affine = image.affine.copy()
    affine[:3, 3] = moved(image.affine, first)
    return Image(np.pad(image.data, ends, mode="reflect"), affine)


def _first_centre(image: Image) -> np.ndarray:
    """Where the brain may be (RAS mm): the middle of what is bright, or below the vertex in a tall image."""
    level = BRIGHT_FRACTION * np.percentile(image.data, BRIGHT_PERCENTILE)
    points = moved(image.affine, np.argwhere(image.data[::2, ::2] > level) * (2, 2, 1))
    if not len(points):
        raise NoBrainError("the image is empty")
    top, bottom = np.percentile(points[:, 2], ENDS_PERCENTILES)
    if top - bottom > HEAD_HEIGHT_MM:
        head = points[points[:, 2] > top - 2 * VERTEX_TO_CENTRE_MM]
        return np.array([*np.median(head[:, :2], axis=0), top - VERTEX_TO_CENTRE_MM])
    return np.array([*np.median(points[:, :2], axis=0), (top + bottom) / 2])


def _field(image: Image, centre: np.ndarray, is_ct: bool) -> Image:
    """The working grid around a centre, filled from the image; 0 outside its field of view."""
    affine = np.diag([VOXEL_MM, VOXEL_MM, VOXEL_MM, 1.0])
    affine[:3, 3] = centre - VOXEL_MM * (EDGE - 1) / 2
    to_image = np.linalg.inv(image.affine) @ affine
    shape = (EDGE,) * 3
    data = ndimage.affine_transform(
        image.data, to_image[:3, :3], to_image[:3, 3], shape, np.float32, order=1, mode="nearest"
    )
    data *= _covered(to_image, image.data.shape, shape)
    return Image(data if is_ct else _normalised(data), affine)


def _covered(to_image: np.ndarray, held: tuple[int, ...], shape: tuple[int, ...]) -> np.ndarray:
    """Where a grid lies within an image: up to half a voxel beyond the centres of the outermost ones."""
    inside = np.ones(shape, bool)
    steps = [np.arange(n, dtype=np.float32) for n in shape]
    for row in range(3):
        x, y, z = (to_image[row, k] * steps[k] for k in range(3))
        at = x[:, None, None] + y[:, None] + z + np.float32(to_image[row, 3])
        inside &= (at >= -0.5) & (at <= held[row] - 0.5)
    return inside


def _normalised(data: np.ndarray) -> np.ndarray:
    """0 to 1.2 in units of the 99th percentile of what is brighter than nothing."""
    data = np.maximum(data, 0)
    bright = data[data > NOTHING_FRACTION * np.percentile(data, HIGHEST_PERCENTILE)]
    return np.clip(data / (np.percentile(bright, BRIGHT_PERCENTILE) if bright.size else 1.0), 0, GREY_MAX).astype(
        np.float32
    )


def _halved(data: np.ndarray) -> np.ndarray:
    """Means of blocks of 2 x 2 x 2."""
    a, b, c = (n // 2 for n in data.shape)
    return np.asarray(data.reshape(a, 2, b, 2, c, 2).mean(axis=(1, 3, 5)), np.float32)


def _run(session: onnxruntime.InferenceSession, channels: np.ndarray) -> np.ndarray:
    """Probabilities (7, 64, 64, 64) of an input (channels, 64, 64, 64)."""
    return np.asarray(session.run(None, {"image": np.ascontiguousarray(channels[None], np.float32)})[0])[0]


def _parts(field: Image, first: np.ndarray, model: BrainModel) -> Image:
    """The second network on overlapping parts, weighted down towards their edges."""
    brain = np.argwhere(1 - first[0] > PART_PROBABILITY)
    low = np.maximum(2 * brain.min(axis=0) - PART_MARGIN, 0)
    high = np.minimum(2 * brain.max(axis=0) + 2 + PART_MARGIN, EDGE)
    total = np.zeros((len(CLASSES), *field.data.shape), np.float32)
    weight = np.zeros(field.data.shape, np.float32)
    ramp = np.minimum(np.minimum(np.arange(1, PART_EDGE + 1), np.arange(PART_EDGE, 0, -1)) / PART_OVERLAP, 1)
    window = (ramp[:, None, None] * ramp[:, None] * ramp).astype(np.float32)
    for corner in product(*(_starts(int(a), int(b)) for a, b in zip(low, high, strict=True))):
        box = tuple(slice(c, c + PART_EDGE) for c in corner)
        half = tuple(slice(c // 2, (c + PART_EDGE) // 2) for c in corner)
        given = first[(slice(None), *half)].repeat(2, 1).repeat(2, 2).repeat(2, 3)
        total[(slice(None), *box)] += window * _run(model.part, np.concatenate([field.data[box][None], given]))
        weight[box] += window
    inner = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    affine = field.affine.copy()
    affine[:3, 3] = moved(field.affine, low.astype(float))
    return Image(total[(slice(None), *inner)] / weight[inner], affine)


def _starts(low: int, high: int) -> list[int]:
    """Even first voxels of the parts that cover low to high along one axis."""
    count = max(1, int(np.ceil((high - low - PART_OVERLAP) / (PART_EDGE - PART_OVERLAP))))
    if count == 1:
        starts = [min(max((low + high - PART_EDGE) // 2, 0), EDGE - PART_EDGE)]
        if starts[0] > low or starts[0] + PART_EDGE < high:
            count = 2
    if count > 1:
        last = max(high - PART_EDGE, low)
        starts = [round(low + (last - low) * k / (count - 1)) for k in range(count)]
    return [min(s // 2 * 2 if k == 0 else (s + 1) // 2 * 2, EDGE - PART_EDGE) for k, s in enumerate(starts)]
