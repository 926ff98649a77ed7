"""Lesions drawn into a real FLAIR whose own lesions are known: real tissue, real noise, known truth at any load.

Their shapes are random fields about the ventricles and in deep white matter; their level above white matter is drawn
per scan and varies within it over 5 mm, on top of the scan's own texture. Nothing here is shared with `training/`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from angiolith.core.images import Image

LEVEL = (0.4, 0.8)  # above white matter, as a share of its contrast to CSF: about what lesions of ms_patient07 show
Case = tuple[Image, np.ndarray, Mapping[str, np.ndarray], np.ndarray]


def with_lesions(case: Case, load_cm3: float, seed: int) -> Case:
    """The case with about so much more WMH: FLAIR and truth change, brain and priors stay."""
    flair, brain, priors, truth = case
    rng = np.random.default_rng([seed, round(load_cm3)])

    def field(sigma_mm: float) -> np.ndarray:
        drawn = ndimage.gaussian_filter(rng.standard_normal(brain.shape, np.float32), sigma_mm / flair.voxel_mm)
        return drawn / drawn.std()

    from_ventricles = ndimage.distance_transform_edt(priors["ventricles"] <= 0.5, sampling=flair.voxel_mm)
    wide, middle, fine = field(15.0), field(6.0), field(2.5)
    about = -from_ventricles / 5 + 0.5 * wide + 0.5 * middle
    deep = middle + 0.5 * fine - 4.0 * (from_ventricles < 8)
    white, lesions = np.flatnonzero((priors["wm"] > 0.8) & brain), np.zeros(brain.shape, bool)
    part = float(rng.uniform(0.25, 0.75))
    for prone, volume_cm3 in ((about, load_cm3 * (1 - part)), (deep, load_cm3 * part)):
        count = round(1000 * volume_cm3 / flair.voxel_volume_mm3)
        lesions.ravel()[white[np.argpartition(-prone.ravel()[white], count)[:count]]] = True
    pieces, _ = ndimage.label(lesions)
    lesions[(np.bincount(pieces.ravel()) * flair.voxel_volume_mm3 < 6)[pieces]] = False
    share = ndimage.gaussian_filter(lesions.astype(np.float32), 0.7 / flair.voxel_mm)
    normal = np.median(flair.data[(priors["wm"] > 0.95) & brain & ~truth])
    fluid = np.percentile(flair.data[(priors["ventricles"] > 0.7) & brain], 25)
    level = normal + (normal - fluid) * rng.uniform(*LEVEL) * np.clip(1 + 0.25 * field(5.0), 0.4, 1.6)
    texture = flair.data - ndimage.gaussian_filter(flair.data, 1.5 / flair.voxel_mm)
    drawn = np.maximum(flair.data * (1 - share) + share * (level + texture), flair.data)
    return flair.with_data(np.where(brain, drawn, flair.data).astype(np.float32)), brain, priors, truth | (share >= 0.5)


def thicker(case: Case, count: int) -> Case:
    """The case on slices `count` times as thick, along the third axis; a voxel is lesion where half of it is."""
    flair, brain, priors, truth = case
    kept = brain.shape[2] // count * count

    def mean(data: np.ndarray) -> np.ndarray:
        part = data[..., :kept].astype(np.float32)
        return part.reshape(*data.shape[:2], -1, count).mean(axis=3)

    step = np.diag([1.0, 1.0, count, 1.0])
    step[2, 3] = (count - 1) / 2
    priors = {name: mean(prior) for name, prior in priors.items()}
    return Image(mean(flair.data), flair.affine @ step), mean(brain) > 0.5, priors, mean(truth) >= 0.5
