"""What the report's viewer loads: an image in few grey values on a coarser grid, label maps cropped, in script files.

A page that is opened from disk may not read files beside it, but may add a script: so each volume is a NIfTI image
(gzip, base64) in a call of a function that the viewer defines.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from skimage.measure import block_reduce

from angiolith.core.images import Image, bounding_box, crop, moved, resample
from angiolith.core.nifti import packed
from angiolith.core.tables import atomic_path

GREYS = 255
CT_RANGE_HU = (-160.0, 1115.0)  # 5 HU a grey value; covers soft tissue, calcium and the window of the pictures
HEAD_ON_CT_HU = -300.0
RANGE_OVER_WINDOW = 1.25  # of an MRI: how far beyond the window's top grey values reach
MARGIN_MM = 4.0
ALONG = 1e-4  # cosines of a grid that lies along the axes differ from 1 by less


def coarser(image: Image, voxel_mm: float) -> Image:
    """Means over blocks of whole voxels, of at most `voxel_mm` a side where the grid is finer than half of that.

    Parameters
    ----------
    image : Image
        The image.
    voxel_mm : float
        Largest voxel edge that is made, mm.

    Returns
    -------
    Image
        The image.
    """
    factors = tuple(max(1, int(voxel_mm / edge + 1e-6)) for edge in image.voxel_mm)
    whole = tuple(slice(0, n - n % factor) for n, factor in zip(image.data.shape, factors, strict=True))
    scale = np.diag([*map(float, factors), 1.0])
    scale[:3, 3] = (np.array(factors) - 1) / 2
    return Image(block_reduce(image.data[whole], factors, np.mean), image.affine @ scale)


def aligned(image: Image) -> Image:
    """The image on a grid along the axes of its world: the viewer cuts an image along its own grid, and two images that
    lie obliquely to each other would be shown in two planes.

    Parameters
    ----------
    image : Image
        In the world of the reference.

    Returns
    -------
    Image
        Linear between voxels of about the same size; the image itself where it lies along the axes already.
    """
    turn = np.abs(image.affine[:3, :3] / image.voxel_mm)
    if np.allclose(turn.max(axis=0), 1, atol=ALONG):
        return image
    nearest = turn.argmax(axis=1)
    edges = image.voxel_mm[nearest] if len(set(nearest)) == nearest.size else np.full(3, image.voxel_mm.min())
    ends = np.array(np.meshgrid(*[(-0.5, n - 0.5) for n in image.data.shape], indexing="ij")).reshape(3, -1).T
    corners = moved(image.affine, ends)
    low = corners.min(axis=0) + edges / 2
    shape = np.maximum(np.ceil((corners.max(axis=0) - corners.min(axis=0)) / edges), 1).astype(int)
    affine = np.diag([*edges, 1.0])
    affine[:3, 3] = low
    grid = Image(np.zeros(tuple(shape), np.float32), affine)
    return resample(image.with_data(image.data.astype(np.float32)), grid, fill=float(image.data.min()))


def within(image: Image, mask: np.ndarray, margin_mm: float = MARGIN_MM) -> Image:
    """The part of the image in the box around a mask on its grid; all of it where the mask is empty.

    Parameters
    ----------
    image : Image
        The image.
    mask : np.ndarray
        Mask on the image's grid.
    margin_mm : float
        Margin around the mask, mm.

    Returns
    -------
    Image
        The part.
    """
    return crop(image, bounding_box(mask, np.ceil(margin_mm / image.voxel_mm).astype(int))) if mask.any() else image


def grey_nifti(image: Image, limits: tuple[float, float]) -> bytes:
    """The image as NIfTI of 256 grey values from `limits`, with the scaling that gives its values back.

    Parameters
    ----------
    image : Image
        The image.
    limits : tuple[float, float]
        Least and greatest value.

    Returns
    -------
    bytes
        Content of a NIfTI file.
    """
    low, high = limits
    step = (high - low) / GREYS
    greys = np.rint((np.clip(image.data, low, high) - low) / step).astype(np.uint8)
    file = nib.Nifti1Image(greys, image.affine)
    file.header.set_slope_inter(step, low)
    return file.to_bytes()


def label_nifti(labels: Image) -> bytes:
    """A label map as NIfTI of the smallest unsigned type, cropped to its labels.

    Parameters
    ----------
    labels : Image
        The label map.

    Returns
    -------
    bytes
        Content of a NIfTI file.
    """
    part = within(labels, labels.data > 0)
    kind = np.uint8 if part.data.max(initial=0) <= GREYS else np.uint16
    return nib.Nifti1Image(part.data.astype(kind), part.affine).to_bytes()


def marked(grid: Image, points_ras: Mapping[int, np.ndarray]) -> Image:
    """A label map on the grid with the voxels nearest to each label's points (n, 3), RAS mm; later labels on top.

    Parameters
    ----------
    grid : Image
        Image whose grid is taken.
    points_ras : Mapping[int, np.ndarray]
        Label -> points (n, 3), RAS mm.

    Returns
    -------
    Image
        The label map.
    """
    data = np.zeros(grid.data.shape, np.uint8)
    for label, points in points_ras.items():
        index = np.rint(moved(np.linalg.inv(grid.affine), points)).astype(int)
        inside = ((index >= 0) & (index < data.shape)).all(axis=1)
        data[tuple(index[inside].T)] = label
    return Image(data, grid.affine)


def layer(nifti: bytes, **facts: Any) -> dict[str, Any]:
    """One image or label map for the viewer with what it says about it (name, kind, window, label names).

    Parameters
    ----------
    nifti : bytes
        Content of a NIfTI file.
    **facts : Any
        Name, kind, window and label names.

    Returns
    -------
    dict[str, Any]
        The layer.
    """
    return facts | {"data": base64.b64encode(packed(nifti)).decode("ascii")}


def write_volume(layers: Sequence[Mapping[str, Any]], key: str, path: str | Path) -> None:
    """The script that hands layers to the viewer; `key` is what the page asked for.

    Parameters
    ----------
    layers : Sequence[Mapping[str, Any]]
        Layers of `layer`.
    key : str
        What the page asks for.
    path : str | Path
        Path of the file.
    """
    with atomic_path(path) as temporary:
        text = f"angiolithVolume({json.dumps(key)}, {json.dumps(list(layers), sort_keys=True)});\n"
        temporary.write_text(text, encoding="utf-8")


def read_volume(path: str | Path) -> Image:
    """The grey image of a volume as `write_volume` left it.

    Parameters
    ----------
    path : str | Path
        Path of the file.

    Returns
    -------
    Image
        The image.

    Raises
    ------
    ValueError
        For a file that is no volume of the viewer.
    """
    text = Path(path).read_text(encoding="utf-8")
    _, _, layers = text.removesuffix(");\n").partition(", ")
    try:
        file = nib.Nifti1Image.from_bytes(gzip.decompress(base64.b64decode(json.loads(layers)[0]["data"])))
    except (ValueError, LookupError, TypeError, OSError, nib.filebasedimages.ImageFileError) as error:
        raise ValueError(f"{path}: is no volume of the viewer ({error})") from None
    return Image(np.asarray(file.dataobj), np.asarray(file.affine))
