"""Whether a segmented brain can be one: its volume, its place in the head, its ventricles and its two sides."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from angiolith.core.images import Image, bounding_box
from angiolith.core.settings.brain import BrainSettings
from angiolith.registration.head import fill_slices, head_level, shrink

# [mm2] Brain on a face of the image: beyond it the field of view cuts the brain. Source: anatomy.
CUT_AREA_MM2 = 1500.0
# [mm] Grid on which surfaces are compared. Source: numerics.
COARSE_MM = 4.0
# [mm] Skin, fat and bone are thicker nearly everywhere. Source: anatomy.
NEAR_MM = 4.0


def cut_area_mm2(brain: np.ndarray, image: Image) -> float:
    """Largest area of brain on a face of the image.

    Parameters
    ----------
    brain : np.ndarray
        Mask of the brain, bool (i, j, k).
    image : Image
        The image, for its grid.

    Returns
    -------
    float
        Area, mm2.
    """
    edges = image.voxel_mm
    areas = []
    for axis in range(3):
        other = [edges[k] for k in range(3) if k != axis]
        faces = np.moveaxis(brain, axis, 0)
        areas += [float(np.count_nonzero(faces[end]) * other[0] * other[1]) for end in (0, -1)]
    return max(areas)


def side_ratio(supratentorial: np.ndarray, inner: np.ndarray, image: Image) -> float:
    """Larger by smaller volume of supratentorial brain on the two sides of the plane through the inner structures.

    The plane is that of x through their centroid. 1.0 where there are none.

    Parameters
    ----------
    supratentorial : np.ndarray
        Mask of the supratentorial brain, bool (i, j, k).
    inner : np.ndarray
        Mask of ventricles and deep grey matter, bool (i, j, k).
    image : Image
        The image, for its grid.

    Returns
    -------
    float
        Ratio, 1 or more.
    """
    if not inner.any() or not supratentorial.any():
        return 1.0
    box = bounding_box(supratentorial, 0)
    row = image.affine[0, :3]
    start = image.affine[0, 3] + row @ [s.start for s in box]
    upper, middle_of = supratentorial[box], inner[box]
    steps = [row[k] * np.arange(upper.shape[k], dtype=np.float32) for k in range(3)]
    x = steps[0][:, None, None] + steps[1][:, None] + steps[2] + np.float32(start)
    middle = float(x[middle_of].mean()) if middle_of.any() else float(x[upper].mean())
    right = int(np.count_nonzero(upper & (x > middle)))
    left = int(np.count_nonzero(upper)) - right
    return max(left, right) / max(min(left, right), 1)


def skin_fraction(image: Image, brain: np.ndarray, is_ct: bool) -> float:
    """Part of the brain's surface that lies within 4 mm of the air around the head, on a 4 mm copy.

    Parameters
    ----------
    image : Image
        MRI, or CT in HU.
    brain : np.ndarray
        Mask of the brain, bool (i, j, k).
    is_ct : bool
        True for a CT.

    Returns
    -------
    float
        Fraction, 0 to 1.
    """
    small = shrink(image, COARSE_MM)
    inside = shrink(image.with_data(brain.astype(np.float32)), COARSE_MM).data > 0.5
    # beyond the edge of the image there is no air, but more of the head
    outside = np.pad(~fill_slices(small.data > head_level(small, is_ct)), 1, mode="edge")
    away = ndimage.distance_transform_edt(~outside, sampling=small.voxel_mm)[1:-1, 1:-1, 1:-1]
    surface = inside & ~ndimage.binary_erosion(inside, border_value=1)
    if not surface.any() or not outside.any():
        return 0.0
    return float((away[surface] - small.voxel_mm.min() / 2 < NEAR_MM).mean())


def shallow_fraction(image: Image, brain: np.ndarray, ventricles: np.ndarray) -> float:
    """Part of the ventricles that lies within 4 mm of the brain's surface, on a 2 mm copy.

    Parameters
    ----------
    image : Image
        The image, for its grid.
    brain : np.ndarray
        Mask of the brain, bool (i, j, k).
    ventricles : np.ndarray
        Mask of the ventricles, bool (i, j, k).

    Returns
    -------
    float
        Fraction, 0 to 1.
    """
    small, inner = (shrink(image.with_data(mask.astype(np.float32)), COARSE_MM / 2) for mask in (brain, ventricles))
    if not (inner.data > 0.5).any():
        return 0.0
    padded = np.pad(small.data > 0.5, 1, mode="edge")
    depth = ndimage.distance_transform_edt(padded, sampling=small.voxel_mm)[1:-1, 1:-1, 1:-1]
    return float((depth[inner.data > 0.5] < NEAR_MM).mean())


def problem(
    volumes_cm3: dict[str, float],
    complete: bool,
    fractions: dict[str, float],
    sides: float,
    settings: BrainSettings,
) -> str | None:
    """Why the result is not plausible, or None.

    Parameters
    ----------
    volumes_cm3 : dict[str, float]
        Volumes of brain and ventricles, cm3.
    complete : bool
        Whether the image shows the whole brain.
    fractions : dict[str, float]
        `doubtful`, `skin` and `shallow`, 0 to 1.
    sides : float
        Ratio of the sides (`side_ratio`).
    settings : BrainSettings
        Section `brain`.

    Returns
    -------
    str | None
        The reason in one sentence, or None.
    """
    brain, ventricles = volumes_cm3["brain"], volumes_cm3["ventricles"]
    least = settings.volume_cm3_min if complete else settings.partial_cm3_min
    if not least <= brain <= settings.volume_cm3_max:
        kind = "brain" if complete else "part of a brain"
        return f"a {kind} of {brain:.0f} cm3 was found; {least:.0f} to {settings.volume_cm3_max:.0f} cm3 are possible"
    if ventricles > settings.ventricle_fraction_max * brain:
        return f"ventricles of {ventricles:.0f} cm3 in a brain of {brain:.0f} cm3 are not possible"
    if complete and sides > settings.side_ratio_max:
        return f"one side of the brain is {sides:.2f} times as large as the other; the mask is wrong or the head is cut"
    if fractions["skin"] > settings.skin_fraction_max:
        return f"{100 * fractions['skin']:.0f} % of the brain's surface lies at the skin; the mask is wrong"
    if fractions["shallow"] > settings.shallow_fraction_max:
        return f"{100 * fractions['shallow']:.0f} % of the ventricles lies at the brain's surface; the mask is wrong"
    if fractions["doubtful"] > settings.doubtful_fraction_max:
        fraction = 100 * fractions["doubtful"]
        return f"the network is undecided on {fraction:.0f} % of the brain's volume; look at the picture"
    return None
