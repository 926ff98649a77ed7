"""White matter hyperintensities on FLAIR: probability, mask, an interval of the volume, and what a person should see.

The probability is that of a network (`network`), fitted on real and digital scans. The mask is where it passes a
threshold; its sum over thresholds that lie lower and higher says how sure the volume is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from angiolith.brain.segment import TISSUES as BRAIN_TISSUES
from angiolith.core.images import Image
from angiolith.core.settings.wmh import WmhSegmentSettings
from angiolith.core.tables import OK, REVIEW, join_reasons
from angiolith.small_vessel.grid import drop_small
from angiolith.small_vessel.tissues import CORTEX, CSF, INFARCT, OTHER, VENTRICLES, WHITE_MATTER
from angiolith.small_vessel.wmh.infarct import suspected_infarct
from angiolith.small_vessel.wmh.network import WmhModel, probabilities
from angiolith.small_vessel.wmh.shown import OTHERS
from angiolith.small_vessel.wmh.working import Working, make_working

LABEL_OF = {
    "grey": CORTEX,
    "white": WHITE_MATTER,
    "csf": CSF,
    "ventricles": VENTRICLES,
    "deep_grey": OTHER,
    "infratentorial": OTHER,
}
# [1] WMH of which a larger fraction lies on one side may be an infarct. Source: 21 real scans without an infarct had
# less, the one with an infarct 0.84.
ONE_SIDED = 0.8
# [cm3] Less WMH does not tell a side. Source: choice.
ONE_SIDED_CM3_MIN = 3.0
# [1] Bounds of the volume that are further apart, as a ratio, leave it open. Source: 21 real scans; the two that were
# three times too large or more, beside silver masks that miss plain WMH, had 16 and 26.
INTERVAL_RATIO_MAX = 15.0
# [cm3] Bounds that are no further apart leave little open, whatever their ratio. Source: choice.
INTERVAL_CM3_MIN = 3.0
# [1] Fraction of a given lesion mask that may look like WMH without a remark. Source: choice.
LIKE_WMH_MAX = 0.7
# [pixels] Smoothing (SD), in the plane, of the grey values that are compared. Source: numerics.
PEAK_SIGMA = 0.6
# [1] Probability of the pixels that make a scan's lesion intensity. Source: choice.
PEAK_PROBABILITY = 0.6
# [%] Their percentile that is this intensity. Source: 17 real scans of the network's fit and the 4 of low_load (75 and
# 95 were tried).
PEAK_PERCENTILE = 95
# [1] Of the threshold: the highest probability of what is possible and not counted. Source: definition.
UNCOUNTED = 0.99
# [mask] Pixels of a slice that touch, corners too, are of one lesion. Source: definition.
IN_THE_SLICE = np.pad(np.ones((3, 3, 1)), ((0, 0), (0, 0), (1, 1)))
# [pixels] Fewer of them make no such intensity. Source: numerics.
PEAK_PIXELS_MIN = 10
# [1] Fraction of the brain's largest section: a face of the image that cuts more of it is an open end. Source: digital
# heads.
CUT_FRACTION = 0.1


SUSPECTED = "suspected infarct, not counted as WMH"


@dataclass(frozen=True)
class Wmh:
    """WMH mask, probability (0-1) and tissue labels on the grid given, with status, reason and the numbers behind.

    The probability holds in a suspected infarct, too, which the mask leaves out. It is 0 in a lesion that
    a reader drew.
    """

    mask: np.ndarray
    probability: np.ndarray
    tissues: np.ndarray
    status: str
    reason: str
    facts: dict[str, Any]


def segment_wmh(
    flair: Image,
    brain: np.ndarray,
    brain_tissues: np.ndarray,
    model: WmhModel,
    settings: WmhSegmentSettings,
    lesion: np.ndarray | None = None,
    others: Mapping[str, Image] | None = None,
    acute: np.ndarray | None = None,
) -> Wmh:
    """Segment WMH on the FLAIR's grid.

    Parameters
    ----------
    flair : Image
    brain, brain_tissues : ndarray, shape of the FLAIR
        Its brain mask and tissue map (`angiolith.brain.segment`).
    model : WmhModel
    settings : WmhSegmentSettings
    lesion : ndarray of bool, shape of the FLAIR, optional
        An infarct or another lesion that a reader drew; never WMH.
    others : mapping of str to Image, optional
        The session's "T1w" and "T2w", as far as there are any, on the FLAIR's grid.
    acute : ndarray of bool, shape of the FLAIR, optional
        Acute lesions on DWI; no WMH, beside the infarcts that are suspected here.

    Returns
    -------
    Wmh
        Mask, probability and tissues on the FLAIR's grid. `make_working` refuses an image that cannot be segmented at
        all with a TissueError.
    """
    working = make_working(flair, brain, brain_tissues, settings.bias_voxel_mm, settings.bias_iterations, others)
    likely, infarct = probabilities(working, model)
    likely = high_enough(likely, working, settings)
    voxel_mm3 = flair.voxel_volume_mm3
    if lesion is None:
        found = suspected_infarct(working, likely >= settings.probability_min, settings.infarct_mm3_min)
        infarct = working.back(np.maximum(infarct, found))
        apart = drop_small(infarct >= settings.infarct_probability, settings.infarct_mm3_min / voxel_mm3)
    else:
        apart = lesion & brain
    infarct_cm3 = float(apart.sum() * voxel_mm3 / 1000)
    if acute is not None:
        apart = apart | (acute & brain)
    probability = working.back(likely)
    wmh = probability.copy()
    like_wmh = float((wmh[apart] >= settings.probability_min).mean()) if apart.any() else 0.0
    wmh[apart] = 0
    mask = mask_of(wmh, voxel_mm3, settings)
    labels = label_tissues(brain_tissues, apart)
    white, fluid, spread = working.levels
    low_cm3, high_cm3 = interval = volume_interval_cm3(wmh, voxel_mm3, settings)
    facts = {
        "model": model.version,
        "images": ["FLAIR", *(name for name, shown in zip(OTHERS, working.others, strict=True) if shown.any())],
        "grey_levels": {"wm": round(white, 3), "csf": round(fluid, 3), "wm_sd": round(spread, 3)},
        "volume_interval_cm3": interval,
        "thresholds": {
            "wmh": settings.probability_min,
            "sure": settings.probability_sure,
            "possible": settings.probability_possible,
        },
        "suspected_infarct_cm3" if lesion is None else "given_lesion_cm3": round(infarct_cm3, 3),
    }
    noise = spread / max(white - fluid, 1e-6)
    reason = join_reasons(
        *reasons(mask, brain, labels),
        one_sided(mask, labels == VENTRICLES, flair),
        f"the image leaves the volume open: {low_cm3:.1f} to {high_cm3:.1f} cm3"
        if high_cm3 > max(INTERVAL_RATIO_MAX * low_cm3, low_cm3 + INTERVAL_CM3_MIN)
        else None,
        f"{SUSPECTED} ({infarct_cm3:.1f} cm3)" if lesion is None and infarct_cm3 else None,
        f"{like_wmh:.0%} of the given lesion mask look like WMH: it is for infarcts, WMH go into a WMH mask"
        if lesion is not None and like_wmh > LIKE_WMH_MAX
        else None,
        f"the FLAIR is noisy: white matter's SD is {noise:.0%} of its contrast to CSF"
        if noise > settings.noise_share_max
        else None,
    )
    return Wmh(mask, probability if lesion is None else wmh, labels, REVIEW if reason else OK, reason, facts)


def high_enough(probability: np.ndarray, working: Working, settings: WmhSegmentSettings) -> np.ndarray:
    """The probability, lowered where the slice is too faint beside the scan's own lesions.

    Their intensity is the 95th percentile of the grey values, above white matter, where WMH are likely. What lies under
    `height_fraction_min` of it, and a lesion that nowhere in its slice reaches `peak_fraction_min` of it, stay possible
    and are not counted: normal tracts and terminal zones lie where lesions lie, and are fainter.

    Parameters
    ----------
    probability : np.ndarray
        Probability of WMH, 0 to 1 (x, y, z).
    working : Working
        The FLAIR on working slices.
    settings : WmhSegmentSettings
        Section `wmh.segment`.

    Returns
    -------
    np.ndarray
        Probability (x, y, z).
    """
    grey = ndimage.gaussian_filter(working.flair, (PEAK_SIGMA, PEAK_SIGMA, 0))
    core = grey[probability >= PEAK_PROBABILITY]
    if core.size < PEAK_PIXELS_MIN:
        core = grey[probability >= settings.probability_min]
    if core.size < PEAK_PIXELS_MIN:
        return probability
    peak = np.percentile(core, PEAK_PERCENTILE)
    possible = np.minimum(probability, UNCOUNTED * settings.probability_min)
    high = np.where(grey >= settings.height_fraction_min * peak, probability, possible)
    lesions, count = ndimage.label(high >= settings.probability_min, IN_THE_SLICE)
    peaks = np.asarray(ndimage.maximum(grey, lesions, np.arange(count + 1)))
    faint = (peaks < settings.peak_fraction_min * peak)[lesions] & (lesions > 0)
    return np.where(faint, possible, high)


def mask_of(probability: np.ndarray, voxel_mm3: float, settings: WmhSegmentSettings) -> np.ndarray:
    """Where the probability reaches the threshold, in lesions that are not too small.

    Parameters
    ----------
    probability : np.ndarray
        Probability of WMH, 0 to 1 (x, y, z).
    voxel_mm3 : float
        Volume of a voxel, mm3.
    settings : WmhSegmentSettings
        Section `wmh.segment`.

    Returns
    -------
    np.ndarray
        Mask (x, y, z), bool.
    """
    return drop_small(probability >= settings.probability_min, settings.lesion_mm3_min / voxel_mm3)


def volume_interval_cm3(probability: np.ndarray, voxel_mm3: float, settings: WmhSegmentSettings) -> list[float]:
    """Lower and upper bound of the volume (cm3): that of a stricter and of a more lenient threshold.

    Parameters
    ----------
    probability : np.ndarray
        Probability of WMH, 0 to 1 (x, y, z).
    voxel_mm3 : float
        Volume of a voxel, mm3.
    settings : WmhSegmentSettings
        Section `wmh.segment`.

    Returns
    -------
    list[float]
        Two volumes, cm3.
    """
    return volume_of_bounds_cm3(probability, voxel_mm3, (settings.probability_sure, settings.probability_possible))


def volume_of_bounds_cm3(probability: np.ndarray, voxel_mm3: float, thresholds: Sequence[float]) -> list[float]:
    """Volume (cm3) of the voxels that reach each threshold.

    Parameters
    ----------
    probability : ndarray
        Of WMH, 0 to 1.
    voxel_mm3 : float
        Volume of a voxel.
    thresholds : sequence of float
        Probabilities.

    Returns
    -------
    list of float
        A volume per threshold.
    """
    return [round(float((probability >= threshold).sum() * voxel_mm3 / 1000), 6) for threshold in thresholds]


def label_tissues(brain_tissues: np.ndarray, infarct: np.ndarray) -> np.ndarray:
    """Label map (uint8, `angiolith.small_vessel.tissues.TISSUES`) from the brain network's tissue map.

    Parameters
    ----------
    brain_tissues : np.ndarray
        Tissue map (i, j, k) of the brain network.
    infarct : np.ndarray
        Mask of the infarct, bool (i, j, k).

    Returns
    -------
    np.ndarray
        Labels (i, j, k), uint8.
    """
    table = np.zeros(max(BRAIN_TISSUES.values()) + 1, np.uint8)
    for name, value in BRAIN_TISSUES.items():
        table[value] = LABEL_OF[name]
    labels = table[brain_tissues]
    labels[infarct] = INFARCT
    return labels


def reasons(mask: np.ndarray, brain: np.ndarray, labels: np.ndarray) -> tuple[str | None, ...]:
    """What is suspicious about a mask, for a person.

    Parameters
    ----------
    mask : np.ndarray
        Mask of WMH, bool (i, j, k).
    brain : np.ndarray
        Mask of the brain, bool (i, j, k).
    labels : np.ndarray
        Labels of `label_tissues`.

    Returns
    -------
    tuple[str | None, ...]
        Sentences, None where nothing is suspicious.
    """
    cut = any(bool((mask & edge).any()) for edge in _open_ends(brain))
    return (
        "no hyperintensity was found" if not mask.any() else None,
        "hyperintensity reaches the end of the field of view" if cut else None,
        "no ventricles were found" if not (labels == VENTRICLES).any() else None,
    )


def one_sided(mask: np.ndarray, ventricles: np.ndarray, flair: Image) -> str | None:
    """Why a mask that lies mostly on one side of the ventricles' middle (x of their centroid) needs a look, or None.

    Parameters
    ----------
    mask : np.ndarray
        Mask of WMH, bool (i, j, k).
    ventricles : np.ndarray
        Mask of the ventricles, bool (i, j, k).
    flair : Image
        The FLAIR, for its grid.

    Returns
    -------
    str | None
        One sentence, or None.
    """
    volume_cm3 = float(mask.sum() * flair.voxel_volume_mm3 / 1000)
    if not ventricles.any() or volume_cm3 < ONE_SIDED_CM3_MIN:
        return None
    row = flair.affine[0, :3]
    middle = float((np.argwhere(ventricles) @ row).mean())
    right = float((np.argwhere(mask) @ row > middle).mean())
    larger = max(right, 1 - right)
    return (
        f"{larger:.0%} of the WMH lie on one side: see whether an infarct is among them"
        if larger >= ONE_SIDED
        else None
    )


def _open_ends(brain: np.ndarray) -> list[np.ndarray]:
    """For each face of the array that cuts the brain widely: the voxels there."""
    ends = []
    for axis in range(3):
        area = brain.sum(axis=tuple(a for a in range(3) if a != axis))
        for end in (0, -1):
            if area[end] > CUT_FRACTION * area.max():
                face = np.zeros(brain.shape, bool)
                face[(slice(None),) * axis + (end,)] = True
                ends.append(face)
    return ends
