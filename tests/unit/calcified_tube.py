"""An analytic calcified artery: a straight tube with a plaque of set arc, thickness and length on any grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from angiolith.arteries.centrelines import Centreline, resampled

BLOOD_HU, CSF_HU = 45.0, 8.0


@dataclass(frozen=True)
class Plaque:
    """A piece of a cylinder's wall: radius `inner_mm` and beyond, angle `start_deg` and beyond, centred along it."""

    inner_mm: float
    thickness_mm: float
    arc_deg: float
    length_mm: float
    start_deg: float = 0.0
    hu: float = 600.0

    @property
    def volume_mm3(self) -> float:
        outer = self.inner_mm + self.thickness_mm
        return np.radians(self.arc_deg) / 2 * (outer**2 - self.inner_mm**2) * self.length_mm


def axes_along(direction: np.ndarray) -> np.ndarray:
    """Rows: two normals and the direction, orthonormal."""
    along = np.asarray(direction, float) / np.linalg.norm(direction)
    first = np.cross(along, np.eye(3)[np.abs(along).argmin()])
    first /= np.linalg.norm(first)
    return np.stack([first, np.cross(along, first), along])


def straight_line(axes: np.ndarray, radius_mm: float, length_mm: float = 30.0) -> Centreline:
    """A straight centreline through the origin along the third axis."""
    points = np.array([-0.5, 0.5])[:, None] * length_mm * axes[2]
    return resampled(Centreline("BA", "M", points, np.full(2, radius_mm), np.full(2, 0.5), np.array(["basilar"] * 2)))


def grid_affine(voxel_mm: tuple[float, float, float], shape: tuple[int, int, int], turn_deg: float = 0.0) -> np.ndarray:
    """Grid centred at the origin, turned about the x axis (an oblique acquisition)."""
    c, s = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    affine = np.eye(4)
    affine[:3, :3] = np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) @ np.diag(voxel_mm)
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return affine


def draw(
    plaques: list[Plaque],
    axes: np.ndarray,
    radius_mm: float,
    affine: np.ndarray,
    shape: tuple[int, int, int],
    blur_mm: float = 0.5,
    noise_hu: float = 0.0,
    seed: int = 0,
) -> np.ndarray:
    """CT of a blood-filled tube in CSF with plaques in its wall: 4 x 4 x 4 samples per voxel, blurred, noisy."""
    factor = 4
    at = [(np.arange(n * factor) + 0.5) / factor - 0.5 for n in shape]
    index = np.stack(np.meshgrid(*at, indexing="ij"), axis=-1).astype(np.float32)
    local = (index @ affine[:3, :3].T.astype(np.float32) + affine[:3, 3].astype(np.float32)) @ axes.T.astype(np.float32)
    radius = np.hypot(local[..., 0], local[..., 1])
    angle = np.degrees(np.arctan2(local[..., 1], local[..., 0]))
    hu = np.where(radius <= radius_mm, np.float32(BLOOD_HU), np.float32(CSF_HU))
    for plaque in plaques:
        inside = (radius >= plaque.inner_mm) & (radius <= plaque.inner_mm + plaque.thickness_mm)
        inside &= (angle - plaque.start_deg) % 360 <= plaque.arc_deg
        inside &= np.abs(local[..., 2]) <= plaque.length_mm / 2
        hu[inside] = plaque.hu
    voxel_mm = np.linalg.norm(affine[:3, :3], axis=0)
    hu = ndimage.gaussian_filter(hu, [blur_mm / v * factor for v in voxel_mm[:2]] + [0])
    hu = hu.reshape([v for n in shape for v in (n, factor)]).mean(axis=(1, 3, 5))
    return hu + np.random.default_rng(seed).normal(0, noise_hu, shape) if noise_hu else hu
