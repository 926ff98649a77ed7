"""Cerebral microbleeds on T2*-weighted or susceptibility-weighted MRI, distinguished from calcium by the registered CT.

STRIVE-2 (Duering 2023): round or ovoid, dark on T2*/SWI, 2-10 mm, within the brain, not a vessel, not calcium.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage

from angiolith.core.distance import dilate_mm
from angiolith.core.images import Image, bounding_box, crop, moved
from angiolith.core.settings.microbleeds import MicrobleedDetectSettings
from angiolith.core.tables import OK
from angiolith.marks.verdicts import SURE
from angiolith.small_vessel.blobs import find_dark_blobs
from angiolith.small_vessel.grid import depth_mm, opened, paste, smooth
from angiolith.small_vessel.probability import SpotModel, judged

MICROBLEED, CALCIUM, OUTSIDE = "microbleed", "calcification", "outside tissue"
# [mm] The template's place of a spot is no surer than this (SD). Source: digital heads.
TISSUE_SIGMA_MM = 1.5
# [mm] Noise of single voxels is no darkness: smoothing (SD) before two visits are compared. Source: digital heads.
DARKNESS_SIGMA_MM = 0.5
# [mm] A spot of another visit lies this near to where the registrations put it. Source: digital heads.
DARKEST_WITHIN_MM = 1.5
# [mm] Grid on which that place is searched. Source: numerics.
DARKEST_STEP_MM = 0.5
# [1] A vein that a dark spot is a part of shows above this fraction of the spot's depth. Source: digital heads.
FORM_DEPTH = 0.3
# [%] The darkest part of the brain that is left out of the surroundings' level. Source: digital heads.
DARK_PERCENTILE = 20
# [1] A wide signal void holds a ball of this fraction of the largest diameter as its radius. Source: digital heads.
VOID_FRACTION = 0.6
# [1] ... and is deeper than this below its surroundings, as a fraction of their level. Source: digital heads.
VOID_DEPTH = 0.5
# [%] HU of a spot on the CT: near its highest, since blur and registration mix it with brain. Source: digital heads.
CALCIUM_PERCENTILE = 90.0
COLUMNS = (
    *("microbleed", "kind", "x_mm", "y_mm", "z_mm", "diameter_mm", "volume_mm3"),
    *("contrast", "elongation", "compactness", "hu_p90", "tissue_share", "status", "reason"),
    *("from_surface_mm", "certainty", "probability"),
)


def detect_microbleeds(
    image: Image,
    brain: np.ndarray,
    settings: MicrobleedDetectSettings,
    hu_at: Callable[[np.ndarray, float], float] | None = None,
    tissue: np.ndarray | None = None,
    model: SpotModel | None = None,
) -> tuple[pd.DataFrame, np.ndarray]:
    """Find microbleeds on a T2*-weighted or susceptibility-weighted image.

    Parameters
    ----------
    image : Image
        Any unit.
    brain : ndarray of bool, shape of the image
    settings : MicrobleedDetectSettings
        Sizes in mm.
    hu_at : callable, optional
        Of a point (RAS mm in the image's world) and a radius (mm): the HU on the registered CT. Without a CT nothing is
        known to be calcium.
    tissue : ndarray, shape of the image, optional
        The template's fraction of grey and white matter, 0 to 1. Where it is low lie ventricles (choroid plexus), falx,
        cisterns and pineal: a spot there is no microbleed.
    model : SpotModel, optional
        Gives the probability of each spot that is neither calcium nor outside tissue: by it a spot is sure, a candidate
        (column `certainty`), or not listed. Without one all spots are listed as sure, and none has a probability.

    Returns
    -------
    tuple of DataFrame and ndarray
        A row per spot: `kind` is microbleed, calcification or outside tissue, the centre is in RAS mm of the image,
        `hu_p90` is NaN without a CT. The label map (int32) has spots of every kind, with the number `microbleed`.
    """
    box = bounding_box(brain)
    part, inside = crop(image, box), brain[box]
    voxel_mm = part.voxel_mm
    relative = relative_to_surroundings(part.data, inside, settings.background_mm, voxel_mm)
    depth = depth_mm(inside, voxel_mm)
    where = inside & (depth >= settings.surface_mm)
    where &= ~dilate_mm(voids(relative, inside, voxel_mm, settings), settings.void_margin_mm, voxel_mm)
    size_mm = (settings.diameter_mm_min, settings.diameter_mm_max)
    tissue_fraction = None if tissue is None else ndimage.gaussian_filter(tissue[box], TISSUE_SIGMA_MM / voxel_mm)
    labels = np.zeros(part.data.shape, np.int32)
    rows: list[dict[str, Any]] = []
    for blob in find_dark_blobs(relative, where, voxel_mm, size_mm, settings.contrast_min, FORM_DEPTH):
        if blob.open or blob.elongation > settings.elongation_max or blob.compactness < settings.compactness_min:
            continue
        point = moved(part.affine, blob.centre[None])[0]
        middle = tuple(np.round(blob.centre).astype(int))
        hu = hu_at(point, max(blob.diameter_mm / 2, settings.calcium_radius_mm_min)) if hu_at else np.nan
        around = np.nan if tissue_fraction is None else float(tissue_fraction[middle])
        outside = around < settings.tissue_share_min
        kind = CALCIUM if hu >= settings.calcium_hu_min else OUTSIDE if outside else MICROBLEED
        numbers = (blob.diameter_mm, blob.volume_mm3, blob.contrast, blob.elongation, blob.compactness, hu, around)
        row = dict(zip(COLUMNS, (0, kind, *point, *numbers, OK, "", float(depth[middle]), SURE, np.nan), strict=True))
        if kind == MICROBLEED and model is not None:
            row = judged(row, model, settings)
            if not row["certainty"]:
                continue
        labels[blob.voxels] = row["microbleed"] = len(rows) + 1
        rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS)), paste(labels, box, image.data.shape)


def relative_to_surroundings(data: np.ndarray, inside: np.ndarray, sigma_mm: float, voxel_mm: np.ndarray) -> np.ndarray:
    """Intensities divided by the brain's level around (Gaussian mean, the dark fifth left out).

    Parameters
    ----------
    data : ndarray, shape (i, j, k)
        Any unit.
    inside : ndarray of bool, shape (i, j, k)
        The brain.
    sigma_mm : float
        SD of the Gaussian, mm.
    voxel_mm : ndarray, shape (3,)
        Voxel edges, mm.

    Returns
    -------
    ndarray of float32, shape (i, j, k)
        1 as bright as around; 0 outside.
    """
    bright = inside & (data > np.percentile(data[inside], DARK_PERCENTILE))
    level = smooth(data, bright, sigma_mm, voxel_mm)
    return np.where(inside & (level > 0), data / np.maximum(level, 1e-6), 0).astype(np.float32)


def darkness_of(
    image: Image, brain: np.ndarray, settings: MicrobleedDetectSettings
) -> Callable[[np.ndarray], np.ndarray]:
    """How dark an image is at points.

    Two visits' images can be compared by it: it asks neither for a form nor for a least depth.

    Parameters
    ----------
    image : Image
        Any unit.
    brain : ndarray of bool, shape of the image
    settings : MicrobleedDetectSettings
        Width of the surroundings, mm.

    Returns
    -------
    callable
        Of points (n, 3), RAS mm, the darkness (n,): 1 less the level of the darkest place within `DARKEST_WITHIN_MM`,
        as a fraction of the level of the surroundings. 0 is as bright as these. NaN: no brain is near.
    """
    box = bounding_box(brain)
    part, inside = crop(image, box), brain[box]
    level = relative_to_surroundings(part.data, inside, settings.background_mm, part.voxel_mm)
    shallow = np.where(inside, smooth(level, inside, DARKNESS_SIGMA_MM, part.voxel_mm), np.inf)
    steps = np.arange(-DARKEST_WITHIN_MM, DARKEST_WITHIN_MM + DARKEST_STEP_MM / 5, DARKEST_STEP_MM)
    offsets = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    offsets = offsets[np.linalg.norm(offsets, axis=1) <= DARKEST_WITHIN_MM]

    def darkness(points_mm: np.ndarray) -> np.ndarray:
        around = moved(np.linalg.inv(part.affine), np.reshape(points_mm, (-1, 1, 3)) + offsets)
        nearest = np.moveaxis(np.round(around).astype(int), -1, 0)
        least = ndimage.map_coordinates(shallow, nearest, order=0, mode="constant", cval=np.inf).min(axis=1)
        return np.where(np.isfinite(least), 1 - least, np.nan)

    return darkness


def voids(
    relative: np.ndarray, inside: np.ndarray, voxel_mm: np.ndarray, settings: MicrobleedDetectSettings
) -> np.ndarray:
    """Wide signal voids (air and bone near the skull base, large haemorrhage): dark regions that hold a large ball.

    Parameters
    ----------
    relative : ndarray, shape (i, j, k)
        `relative_to_surroundings` of an image.
    inside : ndarray of bool, shape (i, j, k)
        The brain.
    voxel_mm : ndarray, shape (3,)
        Voxel edges, mm.
    settings : MicrobleedDetectSettings
        The largest diameter (mm).

    Returns
    -------
    ndarray of bool, shape (i, j, k)
    """
    dark = inside & (relative < 1 - VOID_DEPTH)
    return opened(dark, VOID_FRACTION * settings.diameter_mm_max, voxel_mm)


def hu_percentile(ct: Image, point_ras: np.ndarray, radius_mm: float, percentile: float = CALCIUM_PERCENTILE) -> float:
    """HU of the CT about a point.

    Parameters
    ----------
    ct : Image
        HU.
    point_ras : ndarray, shape (3,)
        RAS mm in the CT's world.
    radius_mm : float
        How far is looked, mm.
    percentile : float
        0 to 100.

    Returns
    -------
    float
        HU; NaN outside the CT.
    """
    middle = np.linalg.inv(ct.affine) @ [*point_ras, 1.0]
    reach = np.ceil(radius_mm / ct.voxel_mm).astype(int)
    low = np.floor(middle[:3]).astype(int) - reach
    box = tuple(slice(max(0, a), max(0, b)) for a, b in zip(low, low + 2 * reach + 2, strict=True))
    part = crop(ct, box)
    if part.data.size == 0:
        return float("nan")
    points = moved(part.affine, np.argwhere(np.ones(part.data.shape, bool)))
    near = np.linalg.norm(points - point_ras, axis=1) <= radius_mm
    return float(np.percentile(part.data.ravel()[near], percentile)) if near.any() else float("nan")
