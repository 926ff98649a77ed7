"""A converted image compared with the DICOM files that it was made of, read by another library (GDCM, in SimpleITK).

Of some slices, pixels on a coarse lattice are taken with their places in the patient. The NIfTI must have the same
values at the same places. A mirrored, shifted, mis-scaled or mis-ordered image does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import nibabel as nib
import numpy as np
import SimpleITK as sitk
from scipy.ndimage import map_coordinates

from angiolith.core.images import RAS_TO_LPS, moved
from angiolith.dicom.geometry import normal_of
from angiolith.dicom.series import Volume

T = TypeVar("T")
SLICES = 9  # compared, spread over the volume, the first and the last among them
LATTICE = 4  # pixels between those that are compared
EDGE_VOXELS = 0.51  # a place may lie this far outside of the outermost voxels' centres, by rounding of an oblique grid
AIR_HU = -1000.0  # CT values below are air or padding, which converters replace


@dataclass(frozen=True)
class Match:
    """How an image agrees with its DICOM files.

    n: pixels compared; inside: fraction of them that lie in the image; correlation: of the values; difference: the
    median of the absolute differences, as a fraction of the values' spread (5th to 95th percentile).
    """

    n: int
    inside: float
    correlation: float
    difference: float


def spread_over(slices: Sequence[T], number: int) -> list[T]:
    """So many of the slices, or all, from the first to the last at even steps.

    Parameters
    ----------
    slices : Sequence[T]
        Slices in their order.
    number : int
        How many to take.

    Returns
    -------
    list[T]
        Slices.
    """
    return [slices[index] for index in np.unique(np.linspace(0, len(slices) - 1, number).round().astype(int))]


def pixel_affine(position: Sequence[float], orientation: Sequence[float], spacing: Sequence[float]) -> np.ndarray:
    """The matrix (4 x 4) from (column, row, slice) indices of one slice to RAS mm (DICOM PS3.3, C.7.6.2.1.1).

    Parameters
    ----------
    position : Sequence[float]
        ImagePositionPatient (3,), LPS mm.
    orientation : Sequence[float]
        ImageOrientationPatient (6,).
    spacing : Sequence[float]
        PixelSpacing (2,), mm.

    Returns
    -------
    np.ndarray
        Matrix (4, 4), RAS mm.
    """
    matrix = np.eye(4)
    matrix[:3, 0] = np.array(orientation[:3]) * spacing[1]
    matrix[:3, 1] = np.array(orientation[3:]) * spacing[0]
    matrix[:3, 2] = normal_of(orientation)
    matrix[:3, 3] = position
    return RAS_TO_LPS @ matrix  # its own inverse


def read_slice(path: str) -> np.ndarray:
    """The rescaled pixels of one file: (rows, columns), or (frames, rows, columns).

    Parameters
    ----------
    path : str
        Path of the DICOM file.

    Returns
    -------
    np.ndarray
        Pixels, float32.
    """
    pixels = sitk.GetArrayFromImage(sitk.ReadImage(path, imageIO="GDCMImageIO")).astype(np.float32)
    return pixels[0] if pixels.shape[0] == 1 else pixels


def compare(image: Path, volume: Volume) -> Match:
    """Compare a NIfTI with the files of its volume; in a time course each slice against the moment most like it.

    Parameters
    ----------
    image : Path
        Path of the NIfTI.
    volume : Volume
        Its DICOM volume.

    Returns
    -------
    Match
        How well they match.
    """
    file: Any = nib.load(image)
    data = np.asarray(file.dataobj, dtype=np.float32)
    moments = np.moveaxis(data.reshape(data.shape[:3] + (-1,)), -1, 0)
    inverse = np.linalg.inv(file.affine)
    ours, theirs, inside = [], [], []
    for pixels, matrix in _slices(volume):
        rows, columns = (np.arange(0, size, LATTICE) for size in pixels.shape)
        column, row = np.meshgrid(columns, rows)
        places = moved(matrix, np.stack([column, row, np.zeros_like(row)], axis=-1).reshape(-1, 3).astype(float))
        voxels = moved(inverse, places).T
        fits = ((voxels > -EDGE_VOXELS) & (voxels < np.array(data.shape[:3])[:, None] - 1 + EDGE_VOXELS)).all(axis=0)
        inside.append(fits)
        theirs.append(pixels[row, column].ravel()[fits])
        sampled = [map_coordinates(moment, voxels[:, fits], order=1, mode="nearest") for moment in moments]
        ours.append(min(sampled, key=lambda values: float(np.abs(values - theirs[-1]).sum())))
    return _match(np.concatenate(ours), np.concatenate(theirs), np.concatenate(inside), volume.text("Modality") == "CT")


def _slices(volume: Volume) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pixels and matrix of some slices, from the first place to the last."""
    normal = normal_of(volume.frames[0].orientation)
    owners = [(header, index) for header in volume.headers for index in range(len(header.frames))]
    owners.sort(key=lambda owner: float(np.dot(owner[0].frames[owner[1]].position, normal)))
    found = []
    for header, index in spread_over(owners, SLICES):
        pixels = read_slice(header.path)
        frame = header.frames[index]
        found.append(
            (
                pixels[index] if pixels.ndim == 3 else pixels,
                pixel_affine(frame.position, frame.orientation, frame.spacing),
            )
        )
    return found


def _match(ours: np.ndarray, theirs: np.ndarray, inside: np.ndarray, is_ct: bool) -> Match:
    if is_ct:
        ours, theirs = np.maximum(ours, AIR_HU), np.maximum(theirs, AIR_HU)
    if not len(theirs):
        return Match(0, 0.0, 0.0, np.inf)
    low, high = np.percentile(theirs, (5, 95))
    spread = max(float(high - low), float(np.ptp(theirs)) / 10, 1e-6)
    same = np.std(ours) < 1e-6 and np.std(theirs) < 1e-6
    correlation = 1.0 if same else float(np.corrcoef(ours, theirs)[0, 1])
    return Match(len(theirs), float(inside.mean()), correlation, float(np.median(np.abs(ours - theirs))) / spread)
