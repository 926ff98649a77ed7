"""One head of the model of anatomy: its brain, size, warp, ventricles, skull and scalp."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy import ndimage

from phantoms.anatomy import Anatomy, outward_field, standard_head
from phantoms.geometry import smooth_noise
from phantoms.shape_model import (
    AnatomyModel,
    AnatomyWeights,
    anatomy_model,
    draw_weights,
    field_mm,
    head_size,
    mean_weights,
    thickness_ratio,
    tissue_maps,
)

CORD_MM = (-66.0, -58.0)  # the model's brainstem gives way to the drawn cord between these heights
VAULT_MM = (-25.0, 0.0)  # thickness changes above the base alone: full from the upper height on
SHAPE_NOISE_MM = (1.0, 0.45)  # own variation beyond the modes, at the scales below
NOISE_SCALE_MM = (40.0, 11.0)
SKULL_PART = 0.55  # of the distance from dura to skin, in the drawn head
SKULL_PART_SD = 0.12
SKULL_PART_LIMITS = (0.75, 1.25)
YOUNG_YEARS, ATROPHY_YEARS = 45.0, 40.0  # atrophy of `phantoms.subject`: 0 at the first, 1 after the second
GROWTH_MM = (0.5, 2.2)  # the ventricles' walls of `phantoms.subject`: at atrophy 0, and more at atrophy 1


@dataclass(frozen=True)
class ModelHead:
    """A sampled head in the frame of MNI152: anatomy, size (3,) along x, y, z, displacement (3, ...) in voxels.

    atrophy: that of the model's mean head; a subject's own is counted from it.
    """

    anatomy: Anatomy
    size: np.ndarray
    displacement: np.ndarray
    atrophy: float


def draw_model_head(rng: np.random.Generator, ventricle_growth_mm: float) -> ModelHead:
    """A head of the model (see shape_model) with its own skull, scalp and ventricles.

    ventricle_growth_mm: how far the ventricles' walls lie outwards of those of a young head, as `make_head` counts.
    """
    model = anatomy_model()
    weights = draw_weights(rng, model)
    standard = standard_head()
    grid = standard.grid
    anatomy = replace(standard, **_brain(model, weights, standard))
    noise = [
        sum(sd * smooth_noise(rng, grid, scale) for sd, scale in zip(SHAPE_NOISE_MM, NOISE_SCALE_MM, strict=True))
        for _ in range(3)
    ]
    displacement = field_mm(model, weights, grid) + np.stack(noise)
    atrophy = float(np.clip((model.mean_age_years - YOUNG_YEARS) / ATROPHY_YEARS, 0, 1))
    growth = ventricle_growth_mm - (GROWTH_MM[0] + GROWTH_MM[1] * atrophy)
    displacement -= np.float32(growth) * _outward()
    skull = float(np.clip(rng.normal(1, SKULL_PART_SD), *SKULL_PART_LIMITS))
    displacement += _thicker(standard, displacement, model, weights, skull)
    return ModelHead(anatomy, head_size(model, weights), displacement.astype(np.float32), atrophy)


def _brain(model: AnatomyModel, weights: AnatomyWeights, standard: Anatomy) -> dict[str, np.ndarray]:
    """Grey, white and ventricle shares; the drawn cord below the model's brainstem."""
    z = standard.grid.axes_mm()[2]
    above = np.clip((z - CORD_MM[0]) / (CORD_MM[1] - CORD_MM[0]), 0, 1).astype(np.float32)
    maps = tissue_maps(model, weights, standard.grid)
    return {name: above * part + (1 - above) * getattr(standard, name) for name, part in maps.items()}


@lru_cache(maxsize=1)
def _outward() -> np.ndarray:
    """Away from the ventricles of the model's mean head."""
    model = anatomy_model()
    grid = standard_head().grid
    return outward_field(tissue_maps(model, mean_weights(model), grid)["ventricle"], grid)


def _thicker(
    standard: Anatomy, displacement: np.ndarray, model: AnatomyModel, weights: AnatomyWeights, skull: float
) -> np.ndarray:
    """Further displacement (3, ...) that gives skull and scalp of the vault their own thickness.

    Along the ray from the head's centre a place at the distance s outside the dura takes what the drawn head has at a
    smaller or larger distance; beyond the skin the shift stays. `skull`: the skull's part of it, of the drawn head's.
    """
    grid = standard.grid
    z = grid.axes_mm()[2]
    places = (standard.head < 20) & (standard.intracranial > -3) & (z > VAULT_MM[0])
    found = np.argwhere(places).T
    index = found + displacement[:, places]
    sampled = [
        ndimage.map_coordinates(v, index, order=1, mode="nearest") for v in (standard.intracranial, standard.head)
    ]
    outside, total = np.maximum(sampled[0], 0), np.maximum(sampled[0] - sampled[1], 1.0)
    points = grid.to_world(index.T)
    ratio, ray = thickness_ratio(model, weights, points)
    whole = ratio * total
    inner = np.minimum(np.clip(skull * SKULL_PART, 0.2, 0.9) * whole, 0.9 * whole)
    at = np.where(
        outside < inner,
        outside * SKULL_PART * total / inner,
        SKULL_PART * total + (outside - inner) * (1 - SKULL_PART) * total / (whole - inner),
    )
    at = np.where(outside > whole, outside + total - whole, at)
    upper = np.clip((points[:, 2] - VAULT_MM[0]) / (VAULT_MM[1] - VAULT_MM[0]), 0, 1)
    shift = np.zeros_like(displacement)
    shift[:, places] = (upper * (at - outside))[None] * ray.T
    return shift
