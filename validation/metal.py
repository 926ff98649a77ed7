"""How far metal spoils a CT slice, by its size: simulated projections of a head with a metal disc, reconstructed.

A slice of a head (brain within a skull) with a disc of metal near its middle is projected with a 120 kVp spectrum,
noise and starvation of photons; the water correction of scanners is applied; filtered back projection. Its error is
the difference from the same slice without metal. The source of the limits in `angiolith/calcification/metal.py`.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
from scipy import ndimage
from skimage.transform import iradon, radon

PIXEL_MM = 0.6
SIDE = 360
ANGLES_DEG = np.linspace(0, 180, 300, endpoint=False)
PHOTONS = 2e5  # per ray, and at least one arrives
# Linear attenuation, 1/cm, at these energies (NIST XCOM), and the share of photons of a filtered 120 kVp spectrum.
KEV = (40, 50, 60, 80, 100)
FRACTION = np.array([0.15, 0.22, 0.27, 0.24, 0.12])
WATER = np.array([0.2683, 0.2269, 0.2059, 0.1837, 0.1707])
BONE = 1.92 * np.array([0.6655, 0.4242, 0.3148, 0.2229, 0.1855])
IRON = np.array([3.629, 1.958, 1.205, 0.5952, 0.3717])
METALS = {  # a coil is platinum in a third of its volume, amalgam is silver and mercury: as iron of this density
    "titanium": 4.54 * np.array([2.214, 1.213, 0.7661, 0.4052, 0.2721]),
    "steel": 7.87 * IRON,
    "coil": 20.0 * IRON,
    "amalgam": 45.0 * IRON,
}
ERROR_HU = 50.0  # an error of this size adds or takes calcium
PLACES = ((20.0, -25.0),)  # of the disc, mm from the middle: where the circle of Willis lies


def head() -> tuple[np.ndarray, np.ndarray]:
    """Water and bone, 0 to 1, of a slice: an ellipse of 150 x 190 mm with a skull of 7 mm."""
    at = (np.arange(SIDE) - SIDE / 2) * PIXEL_MM
    x, y = np.meshgrid(at, at, indexing="ij")
    outer, inner = ((x / (75 - d)) ** 2 + (y / (95 - d)) ** 2 <= 1 for d in (0, 7))
    return inner.astype(float), (outer & ~inner).astype(float)


def discs(diameter_mm: float, places: tuple[tuple[float, float], ...]) -> np.ndarray:
    """Metal, 0 to 1, on the grid, with its partial volume."""
    fine = (np.arange(4 * SIDE) + 0.5) / 4
    at = (fine - 0.5 - SIDE / 2) * PIXEL_MM
    x, y = np.meshgrid(at, at, indexing="ij")
    held = sum(((x - a) ** 2 + (y - b) ** 2 <= (diameter_mm / 2) ** 2).astype(float) for a, b in places)
    return np.asarray(held).reshape(SIDE, 4, SIDE, 4).mean(axis=(1, 3))


def reconstructed(paths_cm: list[np.ndarray], coefficients: list[np.ndarray], seed: int = 0) -> np.ndarray:
    """HU of a slice whose materials have these path lengths and attenuations."""
    mono = sum(length[None] * mu[:, None, None] for length, mu in zip(paths_cm, coefficients, strict=True))
    counts = PHOTONS * (FRACTION[:, None, None] * np.exp(-np.asarray(mono))).sum(axis=0)
    counts = np.maximum(np.random.default_rng(seed).poisson(counts), 1)
    shown = -np.log(counts / PHOTONS)
    water_cm = np.linspace(0, 200, 4001)
    hardened = -np.log((FRACTION[:, None] * np.exp(-WATER[:, None] * water_cm)).sum(axis=0))
    equivalent = np.interp(shown, hardened, water_cm)  # the water correction: length of water that shows as much
    image = iradon(equivalent * 10 / PIXEL_MM, ANGLES_DEG, filter_name="hann", circle=True)
    return 1000 * (image - 1)


def reach_mm(error: np.ndarray, metal: np.ndarray, inside: np.ndarray) -> float:
    """Distance from the metal from which on fewer than one pixel in fifty is off by ERROR_HU."""
    distance = ndimage.distance_transform_edt(metal == 0) * PIXEL_MM
    rings = np.arange(1.0, 110.0, 2.0)
    over = [
        np.mean(np.abs(error[inside & (distance >= r) & (distance < r + 2)]) > ERROR_HU)
        if (inside & (distance >= r) & (distance < r + 2)).any()
        else 0.0
        for r in rings
    ]
    return float(next((r for r, part in zip(rings, over, strict=True) if part <= 0.02), rings[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--diameters", type=float, nargs="+", default=[1.0, 2.0, 4.0, 8.0])
    options = parser.parse_args()
    water, bone = head()
    to_cm = PIXEL_MM / 10
    paths = [radon(part, ANGLES_DEG, circle=True) * to_cm for part in (water, bone)]
    plain = reconstructed(paths, [WATER, BONE])
    rows = []
    for diameter in options.diameters:
        metal = discs(diameter, PLACES)
        through = radon(metal, ANGLES_DEG, circle=True) * to_cm
        for name, mu in METALS.items():
            image = reconstructed([*paths, through], [WATER, BONE, mu - WATER])
            found = reach_mm(image - plain, metal, water > 0)
            seen = image >= 3000
            area_mm2 = float((ndimage.binary_dilation(metal > 0, iterations=4) & seen).sum()) * PIXEL_MM**2
            rows.append(
                {
                    "metal": name,
                    "diameter (mm)": diameter,
                    "peak (HU)": float(image.max()),
                    "area from 3000 HU (mm2)": area_mm2,
                    "reach (mm)": found,
                }
            )
            print(rows[-1], flush=True)
    print(pd.DataFrame(rows).to_string())


if __name__ == "__main__":
    main()
