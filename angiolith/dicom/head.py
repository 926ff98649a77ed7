"""Whether an axial CT shows a head, from its pixels: a closed ring of bone just below the skin is a skull.

It is asked only where no text of the header names a region.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from angiolith.dicom.compare import read_slice, spread_over
from angiolith.dicom.geometry import normal_of
from angiolith.dicom.series import Volume

BODY_HU_MIN = -300.0  # above: tissue
BONE_HU_MIN = 250.0  # above: compact bone, which scalp and brain are not
AREA_CM2 = (60.0, 400.0)  # a section of a head; an adult's largest is 200 to 260
RAYS = 72  # every 5 degrees
DEPTH_MM = 30.0  # from the skin inwards: scalp and skull are at most so thick
RING_FRACTION = 0.95  # of the rays that meet bone
SLICES = 12  # looked at, spread over the volume
RINGS_MIN = 3  # of them with a ring


def shows_head(volume: Volume) -> bool:
    """Whether a quarter of the slices (three of twelve) have a ring of bone under the skin.

    Parameters
    ----------
    volume : Volume
        A CT.

    Returns
    -------
    bool
        True where it does.
    """
    normal = normal_of(volume.frames[0].orientation)
    if volume.geometry.refused:
        return False
    headers = [header for header in volume.headers if len(header.frames) == 1]
    headers.sort(key=lambda header: float(np.dot(header.frames[0].position, normal)))
    spacing = volume.frames[0].spacing
    try:
        sections = [read_slice(one.path) for one in spread_over(headers, SLICES)]
    except RuntimeError:  # GDCM cannot decode them
        return False
    return sum(has_ring(section, spacing) for section in sections) >= RINGS_MIN


def has_ring(pixels: np.ndarray, spacing: tuple[float, ...]) -> bool:
    """Whether one section (rows, columns), HU, is a head's: rays from its middle meet bone just below the skin.

    Parameters
    ----------
    pixels : np.ndarray
        HU (rows, columns).
    spacing : tuple[float, ...]
        PixelSpacing (2,), mm.

    Returns
    -------
    bool
        True where it is.
    """
    labels, n = ndimage.label(pixels > BODY_HU_MIN)
    if not n:
        return False
    body = labels == 1 + int(np.argmax(ndimage.sum_labels(np.ones_like(labels), labels, np.arange(1, n + 1))))
    body = ndimage.binary_fill_holes(body)
    if not AREA_CM2[0] <= body.sum() * spacing[0] * spacing[1] / 100 <= AREA_CM2[1]:
        return False
    row, column = ndimage.center_of_mass(body)
    angles = np.linspace(0, 2 * np.pi, RAYS, endpoint=False)
    lengths = np.arange(0, 200, min(spacing) / 2)
    rows = row + np.outer(np.sin(angles), lengths) / spacing[0]
    columns = column + np.outer(np.cos(angles), lengths) / spacing[1]
    inside = ndimage.map_coordinates(body.astype(np.uint8), [rows, columns], order=0)
    bone = ndimage.map_coordinates((pixels > BONE_HU_MIN).astype(np.uint8), [rows, columns], order=0)
    skin = lengths[inside.shape[1] - 1 - np.argmax(inside[:, ::-1], axis=1)]
    below = (lengths >= skin[:, None] - DEPTH_MM) & (lengths <= skin[:, None])
    return float(((bone > 0) & below).any(axis=1).mean()) >= RING_FRACTION
