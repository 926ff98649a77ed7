"""Perivascular spaces in a head: thin tubes of fluid in the basal ganglia and the centrum semiovale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

BASAL_GANGLIA, CENTRUM = "basal_ganglia", "centrum_semiovale"
LENGTH_MM = {BASAL_GANGLIA: (3.0, 10.0), CENTRUM: (4.0, 14.0)}
RADIUS_MM = (0.5, 1.2)
UPRIGHT = {BASAL_GANGLIA: 2.5, CENTRUM: 1.0}  # weight of the direction along the body's axis
TRIES = 60  # places per space that are tried
WITHIN = 0.9  # least part of a space's course that lies in the region
PARTS = (-0.33, 0.0, 0.33)  # of a voxel, along each axis


@dataclass(frozen=True)
class Tube:
    """A space: middle (voxels), direction, length and radius (mm)."""

    middle: np.ndarray
    direction: np.ndarray
    length_mm: float
    radius_mm: float

    def course(self, voxel_mm: np.ndarray) -> np.ndarray:
        """Voxels (n, 3) along it."""
        along = np.arange(-self.length_mm / 2, self.length_mm / 2 + 0.1, 0.25)
        return np.asarray(np.round(self.middle + along[:, None] * self.direction / voxel_mm).astype(int))


def draw_tubes(
    rng: np.random.Generator, region: np.ndarray, voxel_mm: np.ndarray, name: str, wanted: int
) -> tuple[np.ndarray, list[Tube]]:
    """Fluid's share of every voxel (float32), and the tubes, apart from each other and within the region (a mask)."""
    share = np.zeros(region.shape, np.float32)
    taken = np.zeros(region.shape, bool)
    places, tubes = np.argwhere(region), []
    for _ in range(TRIES * wanted):
        if len(tubes) == wanted:
            break
        middle = places[rng.integers(len(places))] + rng.uniform(-0.5, 0.5, 3)
        direction = rng.normal(0, 1, 3) * (1.0, 1.0, UPRIGHT[name])
        direction /= np.linalg.norm(direction)
        tube = Tube(middle, direction, rng.uniform(*LENGTH_MM[name]), rng.uniform(*RADIUS_MM))
        course = tube.course(voxel_mm)
        if (course < 1).any() or (course >= np.array(region.shape) - 1).any():
            continue
        if region[tuple(course.T)].mean() < WITHIN or taken[tuple(course.T)].any():
            continue
        box, part = _share(tube, course, voxel_mm)
        taken[box] |= ndimage.binary_dilation(part > 0.05, iterations=2)
        share[box] = np.maximum(share[box], part)
        tubes.append(tube)
    return share, tubes


def _share(tube: Tube, course: np.ndarray, voxel_mm: np.ndarray) -> tuple[tuple[slice, ...], np.ndarray]:
    low, high = course.min(axis=0) - 3, course.max(axis=0) + 4
    box = tuple(slice(max(0, int(a)), int(b)) for a, b in zip(low, high, strict=True))
    grid = np.stack(np.meshgrid(*(np.arange(s.start, s.stop) for s in box), indexing="ij"), -1)
    part = np.zeros(grid.shape[:3], np.float32)
    for offset in np.stack(np.meshgrid(PARTS, PARTS, PARTS), -1).reshape(-1, 3):
        away = (grid + offset - tube.middle) * voxel_mm
        along = np.clip(away @ tube.direction, -tube.length_mm / 2, tube.length_mm / 2)
        part += np.linalg.norm(away - along[..., None] * tube.direction, axis=-1) <= tube.radius_mm
    return box, part / len(PARTS) ** 3
