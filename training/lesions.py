"""Shares of WMH drawn in a digital head: about the ventricles and deep, scattered anywhere, small ones."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from phantoms.geometry import smooth_noise, smooth_step
from phantoms.head import Head


def draw_wmh(rng: np.random.Generator, head: Head, volume_cm3: float) -> np.ndarray:
    """Share of WMH per voxel: about the ventricles and in deep white matter, in a random mixture, up to the volume."""
    grid, share = head.grid, np.zeros(head.grid.shape, np.float32)
    flat = np.flatnonzero(head.anatomy.white > 0.7)
    wide, middle, fine = (smooth_noise(rng, grid, scale).ravel()[flat] for scale in (30.0, 12.0, 5.0))
    distance = head.to_ventricle_mm.ravel()[flat]
    about = -distance / rng.uniform(2, 6) + rng.uniform(0.2, 1.0) * wide + rng.uniform(0.2, 0.8) * middle
    deep = middle + rng.uniform(0.2, 0.8) * fine + 0.5 * wide - 4.0 * (distance < 8)
    part = float(rng.beta(1.5, 1.5))
    for prone, volume in ((about, volume_cm3 * part), (deep, volume_cm3 * (1 - part))):
        wanted = min(round(1000 * volume / grid.voxel_mm3), len(flat) // 2)
        share.ravel()[flat[np.argpartition(-prone, wanted)[:wanted]]] = 1
    pieces, _ = ndimage.label(share)
    share[(np.bincount(pieces.ravel()) * grid.voxel_mm3 < rng.uniform(4, 20))[pieces]] = 0
    return ndimage.gaussian_filter(share, 0.6) * (1 - head.csf)


def scattered(rng: np.random.Generator, head: Head) -> np.ndarray:
    """Share of WMH that keep to no rule of place: up to 30 ragged ellipsoids of 3-16 mm anywhere in white matter."""
    grid, share = head.grid, np.zeros(head.grid.shape, np.float32)
    if rng.random() < 0.3:
        return share
    places = np.argwhere(head.anatomy.white[::2, ::2, ::2] > 0.6) * 2
    ragged = smooth_noise(rng, grid, 4.0)
    for centre in places[rng.integers(len(places), size=int(rng.integers(1, 30)))]:
        radii = np.exp(rng.uniform(np.log(1.5), np.log(8.0))) * rng.uniform(0.6, 1.6, 3) / grid.voxel_mm
        add_ellipsoid(share, centre, radii, 1.5, ragged)
    return share * np.clip(2 * head.anatomy.white - 0.2, 0, 1)


def punctate(rng: np.random.Generator, head: Head) -> np.ndarray:
    """Share of small WMH: soft ellipsoids of 2-6 mm in white matter, a dozen on average, half of them at the cortex."""
    grid, share, white = head.grid, np.zeros(head.grid.shape, np.float32), head.anatomy.white
    count = min(int(rng.exponential(6.0)), 30)
    for places in (np.argwhere(white > 0.7), np.argwhere((white > 0.5) & (head.shares["grey"] > 0.05))):
        for centre in places[rng.integers(len(places), size=count)]:
            radii = rng.uniform(1.0, 3.0) * rng.uniform(0.7, 1.4, 3) / grid.voxel_mm
            add_ellipsoid(share, centre, radii, float(rng.uniform(0.5, 2.0)))
    return share * np.clip(2 * white, 0, 1)


def add_ellipsoid(
    share: np.ndarray, centre: np.ndarray, radii: np.ndarray, edge: float, ragged: np.ndarray | None = None
) -> None:
    """Put an ellipsoid into a volume of shares; centre, radii and the width of its edge in voxels."""
    reach = np.ceil(radii * 1.5).astype(int) + 1
    box = tuple(map(slice, np.maximum(centre - reach, 0), np.minimum(centre + reach + 1, share.shape)))
    x, y, z = np.ogrid[box]
    form = np.sqrt(sum(((a - c) / r) ** 2 for a, c, r in zip((x, y, z), centre, radii, strict=True)))
    if ragged is not None:
        form = form + 0.25 * ragged[box]
    share[box] = np.maximum(share[box], smooth_step((form - 1) * radii.min(), edge))
