"""Lacunes of presumed vascular origin on T1w and FLAIR.

STRIVE-2 (Duering 2023): round or ovoid, subcortical, CSF-like (dark on T1w; dark on FLAIR, with or without a bright
rim), 3-15 mm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage

from angiolith.core.distance import dilate_mm, distance_mm
from angiolith.core.images import Image, bounding_box, crop, moved
from angiolith.core.settings.lacunes import LacuneDetectSettings
from angiolith.core.tables import OK, REVIEW
from angiolith.marks.verdicts import CANDIDATE, SURE
from angiolith.small_vessel.blobs import Blob, find_dark_blobs
from angiolith.small_vessel.cavities import is_perivascular
from angiolith.small_vessel.grid import closed, depth_mm, paste
from angiolith.small_vessel.probability import SpotModel, judged
from angiolith.small_vessel.tissues import correct_bias, grey_levels, mode_of

# [SD] Hyperintense: so far above grey matter's level on FLAIR, which cortex is not. Source: digital heads.
BRIGHT_SD = 3.0
# [1] On T1w, where its contrast is poor, grey and white matter are not separated by less (0 CSF, 1 white matter).
# Source: digital heads.
GREY_LEVEL_MAX = 0.9
# [1] Least depth of a dark spot on T1w below its surroundings, as a fraction of their level. Source: digital heads.
DEPTH_MIN = 0.4
# [mm] The ventricles are closed by a ball of this radius. Source: digital heads.
GAP_MM = 3.0
# [mm] The template's maps are smoothed by this (SD) where a lacune may be. Source: digital heads.
PRIOR_SIGMA_MM = 1.5
# [1] Least prior of white and deep grey matter at a lacune. Source: digital heads.
TISSUE_PRIOR_MIN = 0.6
# [1] Largest prior of cortex there: keeps the CSF of insula and sulci out. Source: digital heads.
CORTEX_PRIOR_MAX = 0.3
# [1] Largest prior of CSF there. Source: digital heads.
FREE_PRIOR_MAX = 0.15
# [1] White matter's level on T1w is taken where its prior exceeds this. Source: digital heads.
SURE_WHITE = 0.9
# [1] CSF's level is taken where the ventricles' prior exceeds this. Source: digital heads.
SURE_VENTRICLE = 0.8
# [1] Cortex's level is taken where grey matter's prior exceeds this. Source: digital heads.
SURE_CORTEX = 0.7
# [1] ... and deep grey matter's is below this. Source: digital heads.
NOT_DEEP_GREY = 0.1
# [voxels] Fewer voxels of ventricle do not tell CSF's level. Source: digital heads.
FLUID_VOXELS_MIN = 20
# [%] CSF's level among those voxels: partial volume lies above. Source: digital heads.
FLUID_PERCENTILE = 25
# [%] CSF's level where the ventricles do not tell it, of all voxels of the brain. Source: digital heads.
DARKEST_PERCENTILE = 1
# [1] Ventricles reach where their prior exceeds this . Source: digital heads.
VENTRICLE_PRIOR_MIN = 0.3
# [mm] ... and so far beyond: those of the old are large. Source: digital heads.
VENTRICLE_REACH_MM = 6.0
# [mm] What lies farther from a spot is not looked at. Source: numerics.
AROUND_MM = 3.5
# [mm] A rim is looked for within this distance of a spot. Source: digital heads.
RIM_MM = 2.5
# [mm] The tissue around a spot is that of these distances. Source: digital heads.
SHELL_MM = (1.0, 3.0)
# [%] A rim is bright if this percentile of it is. Source: digital heads.
RIM_PERCENTILE = 75
# [1] ... and brighter than this on FLAIR (0 CSF, 1 white matter). Source: digital heads.
RIM_LEVEL_MIN = 1.35
# [%] A spot's level on FLAIR: thick slices mix its border with tissue. Source: digital heads.
DARK_PERCENTILE = 10
COLUMNS = (
    *("lacune", "x_mm", "y_mm", "z_mm", "diameter_mm", "volume_mm3", "t1w_level", "flair_level"),
    *("flair_rim", "from_ventricles_mm", "elongation", "status", "reason", "certainty"),
    *("contrast", "compactness", "tissue_around", "voxels_across", "probability"),
)


def detect_lacunes(
    t1w: Image,
    flair: np.ndarray,
    brain: np.ndarray,
    priors: Mapping[str, np.ndarray],
    settings: LacuneDetectSettings,
    lesion: np.ndarray | None = None,
    model: SpotModel | None = None,
) -> tuple[pd.DataFrame, np.ndarray]:
    """Find lacunes.

    Levels are 0 at CSF and 1 at white matter. A lacune is a closed dark spot on T1w, in white matter or deep grey
    matter. It lies away from the surface, from the ventricles and from places where CSF is normal. On FLAIR it is dark,
    or has a bright rim. It lies among tissue: the end of a sulcus, which thick slices show as such a spot, lies among
    cortex. By its probability a spot is sure, a candidate (column `certainty`), or not listed. A spot that the voxels
    do not resolve is a candidate at most.

    Parameters
    ----------
    t1w : Image
        Any unit.
    flair : ndarray, shape of the T1w
        Any unit. Without a FLAIR's contrast it is refused with a TissueError.
    brain : ndarray of bool, shape of the T1w
    priors : mapping of str to ndarray, shape of the T1w
        Probabilities of wm, gm, ventricles and deep_grey, 0 to 1.
    settings : LacuneDetectSettings
        Sizes in mm.
    lesion : ndarray of bool, shape of the T1w, optional
        An infarct that a reader drew. What touches it is no lacune, and no level is taken from it.
    model : SpotModel, optional
        Gives each spot's probability. Without one all spots are listed, and none has a probability.

    Returns
    -------
    tuple of DataFrame and ndarray
        A row per lacune (centre in RAS mm of the T1w), and the label map (int32).
    """
    box = bounding_box(brain)
    part, inside = crop(t1w, box), brain[box] & (t1w.data[box] > 0)
    near = {name: prior[box] for name, prior in priors.items()}
    apart = np.zeros(inside.shape, bool) if lesion is None else lesion[box]
    voxel_mm = part.voxel_mm
    even = correct_bias(part, inside, settings.bias_voxel_mm, settings.bias_iterations)
    t1 = _level(even.data, inside & ~apart, near)
    grey = grey_levels(flair[box], inside & ~apart, near)
    water = (flair[box] - grey.csf) / (grey.wm - grey.csf)
    tissue = _tissue(t1, flair[box] > grey.gm + BRIGHT_SD * grey.gm_sd, near)
    ventricles = closed(_ventricles(t1, inside, near["ventricles"], voxel_mm), GAP_MM, voxel_mm)
    from_ventricles_mm = distance_mm(ventricles, voxel_mm)
    where = inside & (t1 < settings.t1w_level_max) & subcortical(near, voxel_mm)
    where &= depth_mm(inside, voxel_mm) >= settings.surface_mm
    where &= from_ventricles_mm > settings.ventricle_margin_mm
    size_mm = (settings.diameter_mm_min, settings.diameter_mm_max)
    labels = np.zeros(part.data.shape, np.int32)
    rows: list[dict[str, Any]] = []
    longest_mm = float(voxel_mm.max())
    dark = np.where(inside, np.maximum(t1, 1e-3), 0)
    for blob in find_dark_blobs(dark, where, voxel_mm, size_mm, DEPTH_MIN):
        if blob.open or is_perivascular(blob.diameter_mm, blob.elongation, settings) or apart[blob.voxels].any():
            continue
        water_level, rim, among = _surroundings(water, tissue, blob, voxel_mm)
        if among < settings.tissue_around_min:
            continue
        if water_level > settings.flair_level_max:
            continue
        away_mm = float(from_ventricles_mm[blob.voxels].min())
        if away_mm <= settings.ventricle_margin_mm:
            continue
        measures = (blob.diameter_mm, blob.volume_mm3, float(np.median(t1[blob.voxels])), water_level, rim, away_mm)
        form = (blob.contrast, blob.compactness, among, blob.diameter_mm / longest_mm)
        point = moved(part.affine, blob.centre[None])[0]
        row = dict(zip(COLUMNS, (0, *point, *measures, blob.elongation, OK, "", SURE, *form, np.nan), strict=True))
        if model is not None:
            row = judged(row, model, settings)
        if not row["certainty"]:
            continue
        if row["voxels_across"] < settings.sure_voxels_min:
            resolved_mm = settings.sure_voxels_min * longest_mm
            row |= {"certainty": CANDIDATE, "status": REVIEW}
            row["reason"] = f"{blob.diameter_mm:.1f} mm, resolved from {resolved_mm:.1f} mm on this T1w"
        labels[blob.voxels] = row["lacune"] = len(rows) + 1
        rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS)), paste(labels, box, t1w.data.shape)


def subcortical(priors: Mapping[str, np.ndarray], voxel_mm: np.ndarray) -> np.ndarray:
    """Where a lacune can be: white or deep grey matter by the smoothed priors, not where CSF or cortex is normal.

    This is what keeps the CSF of the insula and of the sulci out.

    Parameters
    ----------
    priors : mapping of str to ndarray, shape (i, j, k)
        Probabilities of wm, gm and deep_grey, 0 to 1.
    voxel_mm : ndarray, shape (3,)
        Voxel edges, mm.

    Returns
    -------
    ndarray of bool, shape (i, j, k)
    """
    sigma = PRIOR_SIGMA_MM / voxel_mm
    tissue, cortex, free = (
        ndimage.gaussian_filter(prior, sigma)
        for prior in (
            priors["wm"] + priors["deep_grey"],
            np.clip(priors["gm"] - priors["deep_grey"], 0, 1),
            np.clip(1 - priors["wm"] - priors["gm"], 0, 1),
        )
    )
    return (tissue > TISSUE_PRIOR_MIN) & (cortex < CORTEX_PRIOR_MAX) & (free < FREE_PRIOR_MAX)


def _level(t1: np.ndarray, inside: np.ndarray, priors: Mapping[str, np.ndarray]) -> np.ndarray:
    """T1w intensities with 0 at CSF and 1 at white matter."""
    white = mode_of(t1[inside & (priors["wm"] > SURE_WHITE)])
    fluid = t1[inside & (priors["ventricles"] > SURE_VENTRICLE)]
    if fluid.size > FLUID_VOXELS_MIN:
        dark = float(np.percentile(fluid, FLUID_PERCENTILE))
    else:
        dark = float(np.percentile(t1[inside], DARKEST_PERCENTILE))
    return ((t1 - dark) / max(white - dark, 1e-6)).astype(np.float32)


def _ventricles(t1: np.ndarray, inside: np.ndarray, prior: np.ndarray, voxel_mm: np.ndarray) -> np.ndarray:
    dark = inside & (t1 < 0.5)
    reach = dark & dilate_mm(prior > VENTRICLE_PRIOR_MIN, VENTRICLE_REACH_MM, voxel_mm)
    return ndimage.binary_propagation(dark & (prior > 0.5), mask=reach)


def _tissue(t1: np.ndarray, bright: np.ndarray, priors: Mapping[str, np.ndarray]) -> np.ndarray:
    """What a lacune can lie in: white matter by its level on T1w, what is hyperintense on FLAIR, deep grey matter."""
    cortex = t1[(priors["gm"] > SURE_CORTEX) & (priors["deep_grey"] < NOT_DEEP_GREY)]
    grey = min(mode_of(cortex), GREY_LEVEL_MAX) if cortex.size else GREY_LEVEL_MAX
    return (t1 > (1 + grey) / 2) | bright | (priors["deep_grey"] > 0.5)


def _surroundings(water: np.ndarray, tissue: np.ndarray, blob: Blob, voxel_mm: np.ndarray) -> tuple[float, bool, float]:
    """Of a spot: the darkest tenth of its FLAIR level, whether a rim (2.5 mm around) is brighter than tissue, and the
    fraction of tissue 1 to 3 mm around it."""
    spot = np.zeros(water.shape, bool)
    spot[blob.voxels] = True
    box = bounding_box(spot, margin=np.ceil(AROUND_MM / voxel_mm).astype(int))
    around = distance_mm(spot[box], voxel_mm)
    rim = water[box][(around > 0) & (around <= RIM_MM)]
    shell = tissue[box][(around > SHELL_MM[0]) & (around <= SHELL_MM[1])]
    bright = bool(rim.size and np.percentile(rim, RIM_PERCENTILE) > RIM_LEVEL_MIN)
    dark = float(np.percentile(water[blob.voxels], DARK_PERCENTILE))
    return dark, bright, float(shell.mean()) if shell.size else 0.0
