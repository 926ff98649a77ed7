"""The learned step of WMH: the probability that a voxel is WMH, from what it and its surroundings look like.

Logistic regression on local features, their squares and products, fitted on randomised digital heads only
(`training/`); its weights are a JSON of numbers, evaluated with numpy. Grey values enter in units of the image's own
contrast between CSF and white matter, and in SDs of its white and grey matter: the scanner's units do not matter.
No feature is of the image as a whole: a few tens of scans would be learned by heart by it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.special import expit

from angiolith.small_vessel.grid import mean_at, smooth

if TYPE_CHECKING:
    from angiolith.small_vessel.wmh.segment import Brain

SCALES_MM = (1.5, 3.0, 8.0)  # sigmas at which the surroundings' mean level is a feature
AROUND_MM = 4.0  # half edge of the cube whose highest level is a feature
FAR_MM = 30.0  # distances count up to here
FEATURES = (
    *("level", "above_normal_sd", "above_grey_sd", "above_grey_sd_1.5mm", "above_normal_sd_3mm", "share_of_highest"),
    *("level_over_8mm", "level_1.5mm_over_8mm", "level_3mm_over_8mm", "highest_above_grey_sd", "highest"),
    *("white_prior", "grey_prior", "white_prior_5mm", "depth", "from_ventricles", "csf_2mm", "csf_5mm"),
)


@dataclass(frozen=True)
class Model:
    """Logistic regression on standardised features, their squares and products.

    low, high: (n,) range of each feature in the training heads, to which it is cut; mean, sd: (n,) of the cut features;
    weights: (n + n (n + 1) / 2,), the features' own and then those of their products, in the order of the upper
    triangle; bias: number; version: text.
    """

    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    weights: np.ndarray
    bias: float
    version: str

    def probability(self, features: np.ndarray) -> np.ndarray:
        """Probability of WMH (k,) of voxels with these features (k, n)."""
        x = ((np.clip(features, self.low, self.high) - self.mean) / self.sd).astype(np.float32)
        n = x.shape[1]
        square = np.zeros((n, n), np.float32)
        square[np.triu_indices(n)] = self.weights[n:]
        return expit(x @ self.weights[:n] + np.einsum("ij,ij->i", x @ square, x) + self.bias)


def read_model(path: str | Path) -> Model:
    """Read a model; raises ValueError if it was fitted on other features than this version computes."""
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    if tuple(content["features"]) != FEATURES:
        raise ValueError(f"{path}: fitted on other features than this version computes; fit it again (training/)")
    low, high, mean, sd, weights = (
        np.array(content[name], np.float32) for name in ("low", "high", "mean", "sd", "weights")
    )
    return Model(low, high, mean, sd, weights, float(content["bias"]), str(content["version"]))


def features_of(brain: Brain, place: np.ndarray) -> np.ndarray:
    """Features (k, n) of the k voxels of `place`, in the order of `FEATURES`."""
    voxel_mm, levels = brain.flair.voxel_mm, brain.levels
    contrast = levels.wm - levels.csf
    grid = ((brain.flair.data - levels.wm) / contrast).astype(np.float32)
    solid = brain.mask & ~brain.csf_like
    tissue, free = np.where(solid, grid, 0), (brain.mask & brain.csf_like).astype(np.float32)
    finest = smooth(grid, solid, SCALES_MM[0], voxel_mm)
    around = 2 * np.round(AROUND_MM / voxel_mm).astype(int) + 1
    highest = ndimage.maximum_filter(np.where(solid, finest, -1), size=around)[place]
    level, near = grid[place], [finest[place]]
    for sigma_mm in SCALES_MM[1:]:
        share = mean_at(solid, sigma_mm, voxel_mm, place)
        near.append(mean_at(tissue, sigma_mm, voxel_mm, place) / np.maximum(share, 1e-3))
    grey, wm_sd, gm_sd = ((value / contrast) for value in (levels.gm - levels.wm, levels.wm_sd, levels.gm_sd))
    grey_prior = brain.grey[place]
    found = {
        "level": level,
        "above_normal_sd": np.clip((level - grey * grey_prior) / wm_sd, -5, 20),
        "above_grey_sd": np.clip((level - grey) / gm_sd, -8, 15),
        "above_grey_sd_1.5mm": np.clip((near[0] - grey) / gm_sd, -8, 15),
        "above_normal_sd_3mm": np.clip((near[1] - grey * grey_prior) / wm_sd, -5, 15),
        "share_of_highest": level / np.maximum(highest, 0.15),
        "level_over_8mm": level - near[2],
        "level_1.5mm_over_8mm": near[0] - near[2],
        "level_3mm_over_8mm": near[1] - near[2],
        "highest_above_grey_sd": np.clip((highest - grey) / gm_sd, -8, 15),
        "highest": highest,
        "white_prior": brain.white[place],
        "grey_prior": grey_prior,
        "white_prior_5mm": mean_at(brain.priors["wm"], 5.0, voxel_mm, place),
        "depth": np.minimum(brain.depth_mm[place], FAR_MM) / FAR_MM,
        "from_ventricles": np.minimum(brain.from_ventricles_mm[place], FAR_MM) / FAR_MM,
        "csf_2mm": mean_at(free, 2.0, voxel_mm, place),
        "csf_5mm": mean_at(free, 5.0, voxel_mm, place),
    }
    return np.stack([found[name] for name in FEATURES], axis=1).astype(np.float32)
