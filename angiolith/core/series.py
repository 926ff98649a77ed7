"""Images of several volumes on one grid (diffusion-weighted series): read, and their mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from angiolith.core.images import Image, ImageError, in_own_unit, nifti_voxels, usable_image


def read_series(path: str | Path) -> list[Image]:
    """Read the volumes of a diffusion-weighted series; one volume where the file is of three dimensions.

    Parameters
    ----------
    path : str or Path
        A `.nii` or `.nii.gz` file of one 3D volume or of several (i, j, k, volume).

    Returns
    -------
    list of Image
        The volumes in their order, in the file's unit, affine to RAS mm.

    Raises
    ------
    ImageError
        As `read_image`, but for a fourth dimension.
    """
    data, affine = nifti_voxels(path)
    if data.ndim not in (3, 4):
        raise ImageError(f"{path}: has {data.ndim} dimensions {data.shape}; give a 3D or 4D image")
    volumes = data[..., None] if data.ndim == 3 else data
    return [usable_image(path, volumes[..., number], affine) for number in range(volumes.shape[-1])]


def mean_of(volumes: Sequence[Image]) -> Image:
    """The mean of volumes of one grid.

    Parameters
    ----------
    volumes : sequence of Image
        At least one; all of one grid.

    Returns
    -------
    Image
        Their mean, float32; the volume itself where there is one.
    """
    if len(volumes) == 1:
        return volumes[0]
    total = np.zeros(volumes[0].data.shape, np.float32)
    for volume in volumes:
        total += volume.data
    return volumes[0].with_data(total / len(volumes))


def read_mean(path: str | Path) -> Image:
    """Read the mean of a diffusion-weighted series' volumes for registration, in the unit of `read_mri`.

    Parameters
    ----------
    path : str | Path
        Path of the NIfTI file, of three or four dimensions.

    Returns
    -------
    Image
        The mean, float32, scaled by a power of 2.
    """
    return in_own_unit(mean_of(read_series(path)))
