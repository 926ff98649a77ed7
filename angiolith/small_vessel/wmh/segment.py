"""White matter hyperintensities on FLAIR: evidence, probability, a mask from both, and what in it a person should see.

The evidence is unsupervised: how far a voxel lies above what is normal at its place, in SDs of normal-appearing white
matter, in the manner of Schmidt 2012 (LST) and of the MICCAI 2017 WMH challenge's intensity baselines. The probability
is learned (`posterior`): it keeps out what is bright for other reasons and lets in what is faint but like a lesion.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import ndimage

from angiolith.core.distance import NEIGHBOURS_26, distance_mm
from angiolith.core.images import Image, bounding_box, crop
from angiolith.core.settings.wmh import WmhSegmentSettings
from angiolith.core.tables import OK, REVIEW, join_reasons
from angiolith.small_vessel.grid import (
    ball,
    closed,
    depth_mm,
    dilate_26,
    drop_small,
    paste,
    smooth,
)
from angiolith.small_vessel.tissues import (
    CSF,
    VENTRICLES,
    Levels,
    correct_bias,
    find_ventricles,
    grey_levels,
    label_tissues,
)
from angiolith.small_vessel.wmh.posterior import Model, features_of


@dataclass(frozen=True)
class Brain:
    """A FLAIR made ready, cropped to the brain: what the evidence is drawn from. All arrays share the FLAIR's grid."""

    flair: Image  # shading removed, lightly smoothed in plane
    mask: np.ndarray
    priors: Mapping[str, np.ndarray]
    ventricles: np.ndarray
    levels: Levels
    grey: np.ndarray  # how surely a voxel is grey matter, by the prior, 0-1

    @cached_property
    def depth_mm(self) -> np.ndarray:
        """Depth under the surface of the brain, mm."""
        return depth_mm(self.mask, self.flair.voxel_mm)

    @cached_property
    def from_ventricles_mm(self) -> np.ndarray:
        """Distance to the ventricles, mm."""
        return distance_mm(self.ventricles, self.flair.voxel_mm)

    @cached_property
    def white(self) -> np.ndarray:
        """How surely a voxel's surroundings are white matter, by the prior, 0-1."""
        return ndimage.gaussian_filter(self.priors["wm"], 2.0 / self.flair.voxel_mm)

    @cached_property
    def csf_like(self) -> np.ndarray:
        return self.mask & (self.flair.data < (self.levels.csf + self.levels.wm) / 2)

    @property
    def gm_z(self) -> float:
        """Grey matter's level in SDs of white matter above that of white matter."""
        return (self.levels.gm - self.levels.wm) / self.levels.wm_sd


@dataclass(frozen=True)
class Wmh:
    """WMH mask and tissue labels on the grid given, with a status, a reason and the numbers behind them."""

    mask: np.ndarray
    tissues: np.ndarray
    status: str
    reason: str
    facts: dict[str, Any]


def prepare_brain(
    flair: Image,
    brain: np.ndarray,
    priors: Mapping[str, np.ndarray],
    settings: WmhSegmentSettings,
) -> Brain:
    """Remove shading and noise, find the grey levels and the ventricles.

    Raises TissueError if the image shows no FLAIR contrast or too little brain.
    """
    brain = brain & (flair.data > 0)
    even = correct_bias(flair, brain, settings.bias_voxel_mm, settings.bias_iterations)
    levels = grey_levels(even.data, brain, priors)
    ventricles = find_ventricles(even, brain, priors["ventricles"], levels, settings.ventricle_margin_mm)
    solid = brain & (even.data >= (levels.csf + levels.wm) / 2)
    sigma_mm = np.where(flair.voxel_mm > 2, 0, settings.smooth_mm)  # a thick slice is smooth enough
    even = even.with_data(np.where(solid, smooth(even.data, solid, sigma_mm, flair.voxel_mm), even.data))
    levels = grey_levels(even.data, brain, priors)
    grey = np.clip(1.5 * ndimage.gaussian_filter(priors["gm"], 2.0 / flair.voxel_mm), 0, 1)
    return Brain(even, brain, priors, ventricles, levels, grey)


def evidence(brain: Brain, settings: WmhSegmentSettings) -> np.ndarray:
    """Evidence for WMH per voxel (float32): SDs above what is normal there, -inf where WMH cannot be.

    Normal is white matter's level, raised towards grey matter's where the voxel is surely cortex.
    """
    above = brain.levels.z_of(brain.flair.data) - brain.gm_z * brain.grey
    return np.where(place_of(brain, settings), above, -np.inf).astype(np.float32)


def place_of(brain: Brain, settings: WmhSegmentSettings) -> np.ndarray:
    """Mask of where WMH can be.

    Left out: CSF, the surface of the brain, the septum and the choroid plexus (what the ventricles enclose), and places
    that are white matter neither by the prior nor by nearness to the ventricles.
    """
    tissue = brain.mask & ~brain.csf_like & (brain.depth_mm > settings.surface_mm)
    tissue &= ~closed(brain.ventricles, settings.enclosed_mm, brain.flair.voxel_mm)
    white = brain.white
    near = (brain.from_ventricles_mm < settings.near_ventricle_mm) & (white > settings.wm_prior_min / 2.5)
    return tissue & ((white > settings.wm_prior_min) | near)


def probability(brain: Brain, model: Model, place: np.ndarray) -> np.ndarray:
    """Probability of WMH per voxel (float32); 0 outside `place`, where WMH cannot be."""
    found = np.zeros(place.shape, np.float32)
    found[place] = model.probability(features_of(brain, place))
    return found


def mask_of(score: np.ndarray, likely: np.ndarray, voxel_mm: np.ndarray, settings: WmhSegmentSettings) -> np.ndarray:
    """Seeds, in pieces of `seed_mm3_min`, grown by probability and ended by the height of the lesions.

    A seed has the learned probability `seed_probability`, and `seed_height_share` of the height of the scan's lesions:
    the median evidence of the seeds, which a few very bright ones do not move. A lesion grows from it where it has
    `grow_probability` and `grow_height_share` of that height, so that where the noise is low the faint broad bands of
    normal white matter beside lesions stay out. It ends at `edge_height_share` of the height around (the highest
    smoothed evidence in a cube of 8 mm, at most the lesion's 90th percentile): a border that the scanner blurs is
    likely WMH farther out than it is. Lesions under `lesion_mm3_min` are dropped.
    """
    voxel_mm3 = float(np.prod(voxel_mm))
    seeds_min = settings.seed_mm3_min / voxel_mm3
    seeds = drop_small(likely >= settings.seed_probability, seeds_min)
    height = float(np.median(score[seeds])) if seeds.any() else 0.0
    seeds = drop_small(seeds & (score >= settings.seed_height_share * height), seeds_min)
    open_to = (likely >= settings.grow_probability) & (score >= settings.grow_height_share * height)
    wide = ndimage.binary_propagation(seeds, NEIGHBOURS_26, mask=seeds | open_to)
    lesions, count = ndimage.label(wide, NEIGHBOURS_26)
    if not count:
        return wide
    peaks = ndimage.labeled_comprehension(score, lesions, np.arange(1, count + 1), _p90, float, 0.0)
    smoothed = np.where(wide, smooth(score, wide, 1.0, voxel_mm), 0)
    around = ndimage.maximum_filter(smoothed, size=2 * np.round(4.0 / voxel_mm).astype(int) + 1)
    here = np.minimum(np.concatenate([[0.0], peaks])[lesions], around)
    mask = wide & (score >= settings.edge_height_share * here)
    return drop_small(mask, settings.lesion_mm3_min / voxel_mm3)


def bright_level(brain: Brain, settings: WmhSegmentSettings) -> float:
    """Evidence from which a voxel is bright by itself, SDs of white matter: above what grey matter reaches."""
    grey_spread = brain.levels.gm_sd / brain.levels.wm_sd
    return max(settings.bright_sd_min, brain.gm_z + settings.bright_above_gm_sd * grey_spread)


def label_of(brain: Brain) -> np.ndarray:
    """The tissue label map of a prepared brain."""
    return label_tissues(brain.flair, brain.mask, brain.priors, brain.ventricles, brain.levels)


def segment_wmh(
    flair: Image,
    brain: np.ndarray,
    priors: Mapping[str, np.ndarray],
    model: Model,
    settings: WmhSegmentSettings,
) -> Wmh:
    """Segment WMH on the FLAIR's grid; `brain` and `priors` (wm, gm, ventricles) are on the same grid.

    Raises TissueError if the image cannot be segmented at all.
    """
    box = bounding_box(brain)
    cropped = crop(flair, box)
    ready = prepare_brain(
        cropped,
        brain[box],
        {name: prior[box] for name, prior in priors.items()},
        settings,
    )
    score = evidence(ready, settings)
    found = mask_of(score, probability(ready, model, score > -np.inf), cropped.voxel_mm, settings)
    labels = label_of(ready)
    infarct_mm3 = suspected_infarct_mm3(found, labels, ready, settings)
    mask, tissues = (paste(part, box, flair.data.shape) for part in (found, labels))
    facts = {
        "model": model.version,
        "bright_sd": round(bright_level(ready, settings), 3),
        "grey_levels": {name: round(float(value), 3) for name, value in vars(ready.levels).items()},
        "suspected_infarct_cm3": round(infarct_mm3 / 1000, 3),
    }
    status, reason = judge(mask, brain, tissues, infarct_mm3)
    noise = ready.levels.wm_sd / max(ready.levels.wm - ready.levels.csf, 1e-6)
    if noise > settings.noise_share_max:
        status = REVIEW
        reason = join_reasons(reason, f"the FLAIR is noisy: white matter's SD is {noise:.0%} of its contrast to CSF")
    return Wmh(mask, tissues, status, reason, facts)


def judge(
    mask: np.ndarray,
    brain: np.ndarray,
    tissues: np.ndarray,
    infarct_mm3: float,
) -> tuple[str, str]:
    """Status and reason of a mask: what is suspicious is named and left for a person."""
    cut = sum(bool((mask & edge).any()) for edge in _open_ends(brain))
    reason = join_reasons(
        "no hyperintensity was found" if not mask.any() else None,
        "hyperintensity reaches the end of the field of view" if cut else None,
        f"possible infarct among the hyperintensities ({infarct_mm3 / 1000:.1f} cm3)" if infarct_mm3 else None,
        "no ventricles were found" if not (tissues == VENTRICLES).any() else None,
    )
    return (REVIEW if reason else OK), reason


def suspected_infarct_mm3(mask: np.ndarray, labels: np.ndarray, brain: Brain, settings: WmhSegmentSettings) -> float:
    """Volume (mm3) of the lesions that look like parts of an infarct.

    Such a lesion goes on, as bright, into places that are no white matter (the cortex), or surrounds a CSF cavity where
    white matter should be; both counted once opened by 1.5 mm, from `infarct_outside_mm3_min` upwards.
    """
    voxel_mm = brain.flair.voxel_mm
    voxels_min = settings.infarct_outside_mm3_min / brain.flair.voxel_volume_mm3
    depth, white = brain.depth_mm, brain.white
    bright = (brain.levels.z_of(brain.flair.data) >= bright_level(brain, settings)) & brain.mask & (depth > 2) & ~mask
    cavity = (labels == CSF) & (white > 0.5) & (depth > 8)
    signs = [ndimage.binary_opening(sign, ball(1.5, voxel_mm)) for sign in (bright, cavity)]
    beside = dilate_26(drop_small(signs[0], voxels_min) | drop_small(signs[1], voxels_min))
    lesions, _ = ndimage.label(mask, NEIGHBOURS_26)
    touched = np.setdiff1d(np.unique(lesions[beside]), [0])
    return float(np.isin(lesions, touched).sum() * brain.flair.voxel_volume_mm3)


def _p90(values: np.ndarray) -> float:
    return float(np.percentile(values, 90))


def _open_ends(brain: np.ndarray) -> list[np.ndarray]:
    """For each face of the array that cuts the brain widely (> 10 % of its largest section): the voxels there."""
    ends = []
    for axis in range(3):
        area = brain.sum(axis=tuple(a for a in range(3) if a != axis))
        for end in (0, -1):
            if area[end] > 0.1 * area.max():
                face = np.zeros(brain.shape, bool)
                face[(slice(None),) * axis + (end,)] = True
                ends.append(face)
    return ends
