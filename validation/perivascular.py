"""Perivascular spaces planted on the tissues of real heads: docs/perivascular_accuracy.md.

    python -m validation.perivascular --real ../shared/real --kept build/location --rows build/perivascular.tsv

The tissues of older adults' T1w (found by the brain networks, on a grid of 1 mm) are drawn in the grey levels of a T1w
or a T2w, with shading and noise. Fluid tubes of 1 to 2.4 mm width and 3 to 14 mm length are planted in the basal
ganglia and in the centrum semiovale, and counted by the tool and by their own geometry. The tool is given the tissues
that the image was drawn from: how it does with tissues that are wrong is not part of this.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage

from angiolith.brain.segment import TISSUES
from angiolith.core.images import Image, moved
from angiolith.core.settings.lacunes import LacuneDetectSettings
from angiolith.core.settings.perivascular import PvsDetectSettings, PvsGradeSettings
from angiolith.small_vessel.perivascular.detect import (
    BASAL_GANGLIA,
    CENTRUM,
    REGIONS,
    detect_pvs,
    potter_grade,
    pvs_measures,
    regions_of,
)
from validation.location import HEADS, tissues_of

VOXEL_MM = 1.0
LEVELS = {  # grey levels by tissue, and the noise's SD
    "T1w": {"grey": 640, "white": 880, "csf": 190, "ventricles": 190, "deep_grey": 720, "infratentorial": 760},
    "T2w": {"grey": 430, "white": 330, "csf": 1200, "ventricles": 1200, "deep_grey": 390, "infratentorial": 400},
}
NOISE = {"T1w": 24.0, "T2w": 22.0}
OUTSIDE = 60.0
LOADS = ((0, 0), (10, 12), (30, 35), (60, 80), (110, 160))  # spaces in the basal ganglia, in the centrum semiovale
LENGTH_MM = {BASAL_GANGLIA: (3.0, 10.0), CENTRUM: (4.0, 14.0)}
RADIUS_MM = (0.5, 1.2)
TRIES = 60  # places per space that are tried
PARTS = (-0.33, 0.0, 0.33)  # of a voxel, along each axis


@dataclass(frozen=True)
class Tube:
    """A planted space: middle (voxels), direction, length and radius (mm)."""

    middle: np.ndarray
    direction: np.ndarray
    length_mm: float
    radius_mm: float

    def course(self, voxel_mm: np.ndarray) -> np.ndarray:
        """Voxels (n, 3) along it."""
        along = np.arange(-self.length_mm / 2, self.length_mm / 2 + 0.1, 0.25)
        return np.asarray(np.round(self.middle + along[:, None] * self.direction / voxel_mm).astype(int))


def fine_tissues(tissues: Image) -> Image:
    """A tissue map on a grid of VOXEL_MM, by nearest neighbour."""
    zoom = tissues.voxel_mm / VOXEL_MM
    data = ndimage.zoom(tissues.data, zoom, order=0, grid_mode=True, mode="nearest")
    affine = tissues.affine.copy()
    affine[:3, :3] = affine[:3, :3] / zoom
    affine[:3, 3] += (affine[:3, :3] - tissues.affine[:3, :3]) @ np.full(3, 0.5)
    return Image(data.astype(np.uint8), affine)


def planted(
    rng: np.random.Generator, tissues: Image, region: np.ndarray, name: str, wanted: int
) -> tuple[np.ndarray, list[Tube]]:
    """Fluid's share of every voxel, and the tubes, apart from each other and within the region."""
    share = np.zeros(tissues.data.shape, np.float32)
    taken = np.zeros(tissues.data.shape, bool)
    places, tubes = np.argwhere(region), []
    for _ in range(TRIES * wanted):
        if len(tubes) == wanted:
            break
        middle = places[rng.integers(len(places))] + rng.uniform(-0.5, 0.5, 3)
        direction = rng.normal(0, 1, 3) * (1.0, 1.0, 2.5 if name == BASAL_GANGLIA else 1.0)
        direction /= np.linalg.norm(direction)
        tube = Tube(middle, direction, rng.uniform(*LENGTH_MM[name]), rng.uniform(*RADIUS_MM))
        course = tube.course(tissues.voxel_mm)
        if (course < 1).any() or (course >= np.array(region.shape) - 1).any():
            continue
        if region[tuple(course.T)].mean() < 0.9 or taken[tuple(course.T)].any():
            continue
        box, part = _share(tube, course, tissues.voxel_mm)
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


def drawn(rng: np.random.Generator, tissues: Image, share: np.ndarray, contrast: str) -> Image:
    """The scan: grey levels, one voxel's blur, fluid in the tubes, shading, Rician noise."""
    levels, noise = LEVELS[contrast], NOISE[contrast]
    signal = np.full(tissues.data.shape, OUTSIDE, np.float32)
    for name, value in TISSUES.items():
        signal[tissues.data == value] = levels[name]
    signal = ndimage.gaussian_filter(signal, 0.7)
    signal += share * (levels["csf"] - signal)
    signal *= 1 + 0.18 * ndimage.gaussian_filter(rng.normal(0, 1, signal.shape).astype(np.float32), 4)
    real, imaginary = (rng.standard_normal(signal.shape, dtype=np.float32) for _ in range(2))
    return Image(np.hypot(signal + noise * real, noise * imaginary).astype(np.float32), tissues.affine)


def true_count(tubes: list[Tube], tissues: Image, middle_mm: float, slab_mm: float) -> int:
    """The tubes in the fullest slab of the fuller side, by their geometry."""
    best = 0
    for side in (-1, 1):
        ends = []
        for tube in tubes:
            point = moved(tissues.affine, tube.middle[None])[0]
            if (point[0] - middle_mm) * side > 0:
                half = abs(tube.direction[2]) * tube.length_mm / 2
                ends.append((point[2] - half, point[2] + half))
        low, high = np.array(ends).T if ends else (np.empty(0), np.empty(0))
        bottoms = np.arange(low.min() - slab_mm, high.max(), 1.0) if ends else []
        best = max([best, *(int(((high >= b) & (low < b + slab_mm)).sum()) for b in bottoms)])
    return best


def rows_of(head: str, tissues: Image, load: int, contrast: str) -> list[dict[str, Any]]:
    """One drawn scan: a row per region."""
    settings, grades = PvsDetectSettings(), PvsGradeSettings()
    rng = np.random.default_rng([int(head.removeprefix("sub-")), load, len(contrast) + (contrast == "T2w")])
    regions = regions_of(tissues.data, tissues, settings)
    parts = {
        name: planted(rng, tissues, regions.masks[name], name, wanted)
        for name, wanted in zip(REGIONS, LOADS[load], strict=True)
    }
    share = np.maximum(*(part[0] for part in parts.values()))
    image = drawn(rng, tissues, share, contrast)
    table, labels, found = detect_pvs(image, tissues.data, None, settings, LacuneDetectSettings())
    measures = pvs_measures(labels, table, image, settings, grades)
    near = ndimage.binary_dilation(share > 0.1)
    rows = []
    for name, (_, tubes) in parts.items():
        own = table.loc[table["region"] == name, "pvs"]
        count = true_count(tubes, tissues, found.middle_mm, settings.slab_mm)
        rows.append(
            {"head": head, "contrast": contrast, "region": name, "planted": len(tubes), "found": len(own)}
            | {"hit": sum(labels[tuple(tube.course(tissues.voxel_mm).T)].any() for tube in tubes)}
            | {"true": sum(near[labels == number].any() for number in own)}
            | {"count": count, "count_found": measures[f"pvs_{name}_count"]}
            | {"grade": potter_grade(count, grades), "grade_found": measures[f"pvs_{name}_grade"]}
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", type=Path, required=True)
    parser.add_argument("--kept", type=Path, default=Path("build/location"), help="tissues that were found already")
    parser.add_argument("--rows", type=Path, required=True, help="TSV of the rows; what it holds is not done again")
    given = parser.parse_args()
    given.kept.mkdir(parents=True, exist_ok=True)
    done = pd.read_csv(given.rows, sep="\t") if given.rows.is_file() else pd.DataFrame()
    rows = done.to_dict("records")
    heads = {
        head: fine_tissues(tissues_of(given.real / f"older_adults/{head}_T1w.nii.gz", given.kept)) for head in HEADS
    }
    for load, head, contrast in product(range(len(LOADS)), HEADS, LEVELS):
        if any((row["head"], row["contrast"], row["load"]) == (head, contrast, load) for row in rows):
            continue
        rows += [{"load": load} | row for row in rows_of(head, heads[head], load, contrast)]
        pd.DataFrame(rows).to_csv(given.rows, sep="\t", index=False)
        print(*rows[-2:], sep="\n", flush=True)


if __name__ == "__main__":
    main()
