"""Heads that are not the template: a small model of shape and tissue, fitted on older adults, in the frame of MNI152.

`resources/anatomy_model/model.npz` holds means and modes of variation (README.md there says of whom). One sample is a
size, a warp of the head, tissue maps of a brain that is not the template's, and a thickness of skull and scalp.
`training/fit_anatomy.py` fits the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy import ndimage

from phantoms.geometry import Grid, resample

MODEL = Path(__file__).parents[1] / "resources/anatomy_model/model.npz"
SHARP = 0.35  # of a mean's border: over how much of its share one head's goes from 0 to 1
MAX_SD = 2.0  # modes are drawn within this many standard deviations: beyond it eight heads say nothing
RAY_CENTRE_MM = np.array([0.0, -18.0, 8.0])
N_AZIMUTHS = 16
ELEVATIONS_DEG = np.arange(-5.0, 86.0, 10.0)
TISSUES = ("brain", "white", "ventricle")  # log odds: brain, white within the brain, ventricle


@dataclass(frozen=True)
class AnatomyModel:
    """Means and modes (each for one standard deviation); volumes carry their grid in MNI152.

    tissue (3, ...) log odds and tissue_modes (m, 3, ...); field (3, ...) mm and field_modes (k, 3, ...), from a place
    of the head, brought to MNI152 by its size, to the place in MNI152 that it answers to; log_size (3,) and
    log_size_modes (3, 3), of the head's millimetres to MNI152's along x, y, z; thickness (azimuths, elevations) and its
    modes, log of scalp and skull to the drawn head's; mean_age_years of the heads.
    """

    tissue_grid: Grid
    tissue: np.ndarray
    mode_grid: Grid
    tissue_modes: np.ndarray
    field_grid: Grid
    field: np.ndarray
    field_modes: np.ndarray
    log_size: np.ndarray
    log_size_modes: np.ndarray
    thickness: np.ndarray
    thickness_modes: np.ndarray
    mean_age_years: float


@dataclass(frozen=True)
class AnatomyWeights:
    """One sample of the model: a weight for each mode, in standard deviations."""

    tissue: np.ndarray
    field: np.ndarray
    log_size: np.ndarray
    thickness: np.ndarray


def draw_weights(rng: np.random.Generator, model: AnatomyModel) -> AnatomyWeights:
    """Weights of one head: normal, cut at MAX_SD."""
    sizes = (len(model.tissue_modes), len(model.field_modes), len(model.log_size_modes), len(model.thickness_modes))
    return AnatomyWeights(*(np.clip(rng.standard_normal(n), -MAX_SD, MAX_SD) for n in sizes))


def mean_weights(model: AnatomyModel) -> AnatomyWeights:
    """The model's mean head."""
    sizes = (len(model.tissue_modes), len(model.field_modes), len(model.log_size_modes), len(model.thickness_modes))
    return AnatomyWeights(*(np.zeros(n) for n in sizes))


@lru_cache(maxsize=1)
def anatomy_model(path: Path = MODEL) -> AnatomyModel:
    """The model that the project ships."""
    with np.load(path) as file:
        return unpacked({name: file[name] for name in file.files})


def unpacked(parts: dict[str, np.ndarray]) -> AnatomyModel:
    """A model of a file's arrays: whole numbers times their step; `tissue_shift` is added to the mean log odds."""

    def volume(name: str) -> np.ndarray:
        return parts[name].astype(np.float32) * np.float32(parts[f"{name}_step"])

    def grid(name: str) -> Grid:
        x, y, z = (int(n) for n in parts[name].shape[-3:])
        return Grid((x, y, z), parts[f"{name}_affine"])

    small = {name: parts[name] for name in ("log_size", "log_size_modes", "thickness", "thickness_modes")}
    return AnatomyModel(
        grid("tissue"),
        volume("tissue") + parts["tissue_shift"].astype(np.float32)[:, None, None, None],
        grid("tissue_modes"),
        volume("tissue_modes"),
        grid("field"),
        volume("field"),
        volume("field_modes"),
        mean_age_years=float(parts["mean_age_years"]),
        **small,
    )


def on_grid(volume: np.ndarray, source: Grid, target: Grid) -> np.ndarray:
    """A volume (float32) of MNI152 on another grid of MNI152; beyond its edge it goes on."""
    box = target.to_world(np.array([[0, 0, 0], target.shape], float))
    return resample(np.ascontiguousarray(volume, np.float32), source, target, np.eye(4), box)


def tissue_maps(model: AnatomyModel, weights: AnatomyWeights, target: Grid) -> dict[str, np.ndarray]:
    """Shares of grey matter, white matter and ventricle in the frame of MNI152."""
    variation = np.tensordot(weights.tissue, model.tissue_modes, axes=1)
    odds = [
        on_grid(mean, model.tissue_grid, target) + on_grid(change, model.mode_grid, target)
        for mean, change in zip(model.tissue, variation, strict=True)
    ]
    brain, white, ventricle = (1 / (1 + np.exp(-part)) for part in odds)
    return {
        "grey": brain * (1 - white),
        "white": brain * white,
        "ventricle": np.minimum(np.clip((ventricle - 0.5) / SHARP + 0.5, 0, 1), 1 - brain),
    }


def field_mm(model: AnatomyModel, weights: AnatomyWeights, target: Grid) -> np.ndarray:
    """(3, ...) mm: from a place of the head, brought to MNI152 by its size, to the place in MNI152."""
    total = model.field + np.tensordot(weights.field, model.field_modes, axes=1)
    return np.stack([on_grid(part, model.field_grid, target) for part in total])


def head_size(model: AnatomyModel, weights: AnatomyWeights) -> np.ndarray:
    """(3,) the head's millimetres to one of MNI152's along x, y, z."""
    return np.exp(model.log_size + weights.log_size @ model.log_size_modes)


def ray_directions() -> np.ndarray:
    """(azimuths, elevations, 3) unit vectors of the rays along which scalp and skull are measured."""
    azimuth, elevation = np.meshgrid(
        np.deg2rad(np.arange(N_AZIMUTHS) * 360 / N_AZIMUTHS), np.deg2rad(ELEVATIONS_DEG), indexing="ij"
    )
    flat = np.cos(elevation)
    return np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)], axis=-1)


def thickness_ratio(model: AnatomyModel, weights: AnatomyWeights, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scalp and skull of the head to the drawn head's at points (n, 3) of MNI152, and their rays (n, 3)."""
    ray = points - RAY_CENTRE_MM
    ray /= np.maximum(np.linalg.norm(ray, axis=1, keepdims=True), 1e-6)
    log_ratio = model.thickness + np.tensordot(weights.thickness, model.thickness_modes, axes=1)
    azimuth = np.arctan2(ray[:, 1], ray[:, 0]) / (2 * np.pi) * N_AZIMUTHS % N_AZIMUTHS
    elevation = np.interp(np.rad2deg(np.arcsin(ray[:, 2])), ELEVATIONS_DEG, np.arange(len(ELEVATIONS_DEG)))
    around = np.concatenate([log_ratio, log_ratio[:1]])
    return np.exp(ndimage.map_coordinates(around, [azimuth, elevation], order=1)), ray
