"""Small-vessel disease in a head: white matter hyperintensities, lacunes, microbleeds, and what a year adds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from phantoms.geometry import distance_mm, smooth_noise, smooth_step
from phantoms.head import Head

PERIVENTRICULAR_MM = 10.0
WMH_LEAST_MM3 = 20.0


@dataclass(frozen=True)
class Blob:
    """An ellipsoid (a lacune or a microbleed): centre in the head frame, semi-axes (mm), where it lies, its look."""

    centre_mm: tuple[float, float, float]
    radii_mm: tuple[float, float, float]
    region: str
    rim: bool = False

    @property
    def diameter_mm(self) -> float:
        return 2 * float(np.cbrt(np.prod(self.radii_mm)))


@dataclass(frozen=True)
class SmallVessel:
    """The state of the brain at one visit; shares per head voxel (float32): WMH, an old infarct's core and rim."""

    wmh: np.ndarray
    lacunes: tuple[Blob, ...]
    microbleeds: tuple[Blob, ...]
    infarct: np.ndarray | None = None
    infarct_rim: np.ndarray | None = None


def draw_small_vessel(
    rng: np.random.Generator,
    head: Head,
    wmh_cm3: float,
    n_lacunes: int,
    n_microbleeds: int,
    growth: float | None = None,
    new_lacunes: int = 0,
    new_microbleeds: int = 0,
) -> list[SmallVessel]:
    """One state per visit: baseline, and follow-up where `growth` (share of the baseline WMH volume) is given."""
    deep_share = float(rng.uniform(0.15, 0.5))
    fields = _propensities(rng, head)
    lacunes = _draw_lacunes(rng, head, n_lacunes + new_lacunes)
    bleeds = _draw_microbleeds(rng, head, n_microbleeds + new_microbleeds)
    n_lacunes, n_microbleeds = len(lacunes) - new_lacunes, len(bleeds) - new_microbleeds
    volumes = [wmh_cm3] if growth is None else [wmh_cm3, wmh_cm3 * (1 + growth)]
    states = []
    for visit, volume in enumerate(volumes):
        wmh = _wmh(head, fields, volume, deep_share, visit)
        some = (n_lacunes, n_microbleeds) if visit == 0 else (len(lacunes), len(bleeds))
        states.append(SmallVessel(wmh, tuple(lacunes[: max(some[0], 0)]), tuple(bleeds[: max(some[1], 0)])))
    return states


def with_infarct(rng: np.random.Generator, head: Head, states: list[SmallVessel]) -> list[SmallVessel]:
    """The same states with an old cortical infarct in the territory of the middle cerebral artery: cavity and rim.

    WMH, lacunes and microbleeds within it are gone.
    """
    grid = head.grid
    centre = head.to_head(np.array([[rng.choice([-1, 1]) * 46, rng.uniform(-45, 0), rng.uniform(5, 35)]]))[0]
    radii = rng.uniform(10, 17, 3)
    x, y, z = (axis - c for axis, c in zip(grid.axes_mm(), centre, strict=True))
    distance = (np.sqrt((x / radii[0]) ** 2 + (y / radii[1]) ** 2 + (z / radii[2]) ** 2) - 1) * radii.min()
    distance = distance + 2.5 * smooth_noise(rng, grid, 9.0)
    tissue = 1 - head.csf
    core = (smooth_step(distance, 1.5) * tissue).astype(np.float32)
    rim = (smooth_step(distance - 3.0, 2.0) * tissue).astype(np.float32) - core
    left = 1 - core - rim

    def outside(blobs: tuple[Blob, ...]) -> tuple[Blob, ...]:
        return tuple(
            blob for blob in blobs if head.sample(core + rim, _shell(np.array(blob.centre_mm), 4.0)).max() < 0.1
        )

    return [
        SmallVessel(state.wmh * left, outside(state.lacunes), outside(state.microbleeds), core, rim) for state in states
    ]


@dataclass(frozen=True)
class _Fields:
    candidates: np.ndarray
    periventricular: np.ndarray
    deep: np.ndarray
    drift: np.ndarray


def _propensities(rng: np.random.Generator, head: Head) -> _Fields:
    """Where WMH come first: values at the candidate voxels (deep or periventricular supratentorial white matter)."""
    grid, anatomy = head.grid, head.anatomy
    white = ndimage.gaussian_filter(anatomy.white, 1.0) > 0.72
    x, y, z = grid.axes_mm()
    candidates = white & (z > -8 - 0.12 * y) & (np.abs(x) > 5)
    candidates &= ~((head.to_ventricle_mm > 2) & (np.abs(x) < 13) & (z > 12) & (y > -35) & (y < 30))  # corpus callosum
    flat = np.flatnonzero(candidates)
    distance = head.to_ventricle_mm.ravel()[flat]
    along = np.broadcast_to(y, grid.shape).ravel()[flat]
    horns = 5.0 * np.exp(-(((along - 30) / 14) ** 2)) + 4.0 * np.exp(-(((along + 45) / 20) ** 2))
    wide, middle, fine, drift = (smooth_noise(rng, grid, scale).ravel()[flat] for scale in (30.0, 12.0, 5.0, 9.0))
    periventricular = -distance + horns + 1.6 * wide + 0.9 * middle
    periventricular[distance > PERIVENTRICULAR_MM] -= 30
    depth = distance_mm(~white, grid.voxel_mm).ravel()[flat]
    deep = 1.0 * middle + 0.4 * fine + 0.5 * wide + 0.25 * np.minimum(depth, 4)
    deep[distance <= PERIVENTRICULAR_MM] -= 10
    return _Fields(flat, periventricular, deep, drift)


def _wmh(head: Head, fields: _Fields, volume_cm3: float, deep_share: float, visit: int) -> np.ndarray:
    """Share of WMH per voxel: the most prone voxels up to the volume wanted; their order drifts a little in a year."""
    share = np.zeros(head.grid.shape, np.float32)
    for prone, part in ((fields.periventricular, 1 - deep_share), (fields.deep, deep_share)):
        wanted = round(1000 * volume_cm3 * part / head.grid.voxel_mm3)
        if wanted:
            order = prone + visit * 0.22 * fields.drift
            share.ravel()[fields.candidates[np.argpartition(-order, wanted)[:wanted]]] = 1
    labels, _ = ndimage.label(share)
    small = np.bincount(labels.ravel()) * head.grid.voxel_mm3 < WMH_LEAST_MM3
    share[small[labels]] = 0
    soft = ndimage.gaussian_filter(share, 0.6) * np.clip(1 - head.csf, 0, 1)
    return np.where(soft < 0.05, 0, soft).astype(np.float32)


def _draw_lacunes(rng: np.random.Generator, head: Head, wanted: int) -> list[Blob]:
    """Ellipsoids of 3-14 mm in basal ganglia, thalamus, central white matter or pons; inside tissue, apart."""
    regions = {
        "basal ganglia": ((24, 2, 2), (4, 9, 6)),
        "thalamus": ((11, -18, 7), (3, 4, 3)),
        "white matter": ((24, -5, 30), (4, 18, 5)),
        "pons": ((4, -26, -32), (2, 3, 5)),
    }
    blobs: list[Blob] = []
    for _ in range(200 * wanted):
        if len(blobs) == wanted:
            break
        region = str(rng.choice(list(regions), p=[0.4, 0.15, 0.35, 0.1]))
        middle, spread = regions[region]
        point = np.array(middle) * [rng.choice([-1, 1]), 1, 1] + np.array(spread) * rng.uniform(-1, 1, 3)
        centre = head.to_head(point[None])[0]
        radii = rng.uniform(1.6, 4.5) * rng.uniform(0.8, 1.25, 3)
        if head.sample(head.to_ventricle_mm, centre[None])[0] < radii.max() + 2.5:
            continue
        if head.sample(head.csf, _shell(centre, radii.max() + 1.5)).max() > 0.2:
            continue
        if all(np.linalg.norm(centre - other.centre_mm) > radii.max() + max(other.radii_mm) + 4 for other in blobs):
            blobs.append(Blob(tuple(centre.tolist()), tuple(radii.tolist()), region, bool(rng.random() < 0.6)))
    return blobs


def _draw_microbleeds(rng: np.random.Generator, head: Head, wanted: int) -> list[Blob]:
    """Round bleeds of 2.5-8 mm (as seen, blooming included): lobar, deep or infratentorial; inside tissue, apart."""
    anatomy, grid = head.anatomy, head.grid
    inner = (anatomy.intracranial < -5) & (anatomy.grey + anatomy.white > 0.9) & (head.artery_share == 0)
    places = np.argwhere(inner[::3, ::3, ::3]) * 3
    blobs: list[Blob] = []
    for _ in range(300 * wanted):
        if len(blobs) == wanted:
            break
        centre = grid.to_world(places[rng.integers(len(places))][None] + rng.uniform(-1, 1, 3))[0]
        if centre[2] < -55:
            continue
        radius = float(rng.uniform(1.3, 3.2))
        if head.sample(head.csf, _shell(centre, radius + 1.5)).max() > 0.35:
            continue
        if all(np.linalg.norm(centre - other.centre_mm) > 9 for other in blobs):
            deep = abs(centre[0]) < 32 and -30 < centre[1] < 22 and centre[2] < 35
            region = "infratentorial" if centre[2] < -22 else "deep" if deep else "lobar"
            blobs.append(Blob(tuple(centre.tolist()), (radius,) * 3, region))
    return blobs


def _shell(centre: np.ndarray, radius_mm: float) -> np.ndarray:
    directions = np.vstack([np.eye(3), -np.eye(3), np.array(np.meshgrid(*[[-1, 1]] * 3)).reshape(3, -1).T / 3**0.5])
    return np.vstack([centre[None], centre + radius_mm * directions, centre + 0.5 * radius_mm * directions])


def paint(volume: np.ndarray, head: Head, blob: Blob, value: float, grow_mm: float = 0.0) -> None:
    """Paint a blob's value into a head-frame volume in place, its edge one voxel soft; `grow_mm` widens it."""
    grid, centre = head.grid, np.array(blob.centre_mm)
    radii = np.array(blob.radii_mm) + grow_mm
    middle = grid.to_index(centre[None])[0]
    reach = np.ceil((radii + 1.5) / grid.voxel_mm).astype(int)
    low = np.maximum(np.round(middle).astype(int) - reach, 0)
    box = tuple(slice(a, b) for a, b in zip(low, np.round(middle).astype(int) + reach + 1, strict=True))
    x, y, z = np.ogrid[box]
    scaled = [(axis - m) * v / r for axis, m, v, r in zip((x, y, z), middle, grid.voxel_mm, radii, strict=True)]
    distance = (np.sqrt(scaled[0] ** 2 + scaled[1] ** 2 + scaled[2] ** 2) - 1) * radii.min()
    share = smooth_step(distance, 1.0).astype(np.float32)
    volume[box] += share * (np.float32(value) - volume[box])
