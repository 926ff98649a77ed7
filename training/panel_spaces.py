"""Perivascular spaces that are found on the heads of `training.panel_heads`, beside what was planted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from angiolith.core.images import Image, is_same_grid, resample
from angiolith.core.settings.perivascular import PvsDetectSettings
from phantoms.geometry import apply
from training.panel_heads import State

STEP_MM = 1.0  # slabs are tried at this step
AROUND_LACUNE_MM = 1.0  # what is masked out around a drawn lacune


@dataclass(frozen=True)
class Planted:
    """A planted space in the world of an image: points along it (n, 3) mm, and its radius (mm)."""

    points: np.ndarray
    radius_mm: float


def inputs_of(state: State, contrast: str) -> tuple[Image, np.ndarray, np.ndarray]:
    """The image, the tool's tissues, and WMH and lacunes as they were drawn, on the image's grid."""
    image, t1w = state.images[contrast], state.images["T1w"]
    excluded = state.wmh.data.astype(np.uint8)
    for spot in state.lacunes:
        centre = apply(state.poses["T1w"], np.array([spot["centre_mm"]]))[0]
        radius = spot["diameter_mm"] / 2 + AROUND_LACUNE_MM
        middle = np.round(apply(np.linalg.inv(t1w.affine), centre[None])[0]).astype(int)
        low = np.maximum(middle - np.ceil(radius / t1w.voxel_mm).astype(int), 0)
        high = middle + np.ceil(radius / t1w.voxel_mm).astype(int) + 1
        near = np.argwhere(np.ones(excluded[tuple(map(slice, low, high))].shape, bool)) + low
        inside = np.linalg.norm(apply(t1w.affine, near) - centre, axis=1) <= radius
        excluded[tuple(near[inside].T)] = 1
    tissues = t1w.with_data(state.tissues.astype(np.uint8))
    if is_same_grid(image, t1w):
        return image, tissues.data, excluded > 0
    way = state.to_t1w(contrast)
    on_image = [resample(each, image, way, interpolation="nearest").data for each in (tissues, t1w.with_data(excluded))]
    return image, on_image[0].astype(np.uint8), on_image[1] > 0


def planted_in(state: State, contrast: str) -> dict[str, list[Planted]]:
    """The planted spaces by region, in the world of an image."""
    to_world = state.poses[contrast] @ state.frame.affine
    found = {}
    for name, tubes in state.tubes.items():
        found[name] = []
        for tube in tubes:
            along = np.arange(-tube.length_mm / 2, tube.length_mm / 2 + 0.1, 0.25)
            voxels = tube.middle + along[:, None] * tube.direction / state.frame.voxel_mm
            found[name].append(Planted(apply(to_world, voxels), tube.radius_mm))
    return found


def true_count(spaces: list[Planted], middle_mm: float, settings: PvsDetectSettings) -> int:
    """The spaces in the fullest slab of the fuller side, by their geometry."""
    best = 0
    for side in (-1, 1):
        own = [space.points[:, 2] for space in spaces if (space.points[:, 0].mean() - middle_mm) * side > 0]
        if own:
            low, high = (np.array([end(z) for z in own]) for end in (np.min, np.max))
            for bottom in np.arange(low.min() - settings.slab_mm, high.max(), STEP_MM):
                best = max(best, int(((high >= bottom) & (low < bottom + settings.slab_mm)).sum()))
    return best


def voxels_of(space: Planted, image: Image) -> np.ndarray:
    """Voxels (n, 3) of an image along a space, those outside left out."""
    voxels = np.round(apply(np.linalg.inv(image.affine), space.points)).astype(int)
    return voxels[((voxels >= 0) & (voxels < image.data.shape)).all(axis=1)]
