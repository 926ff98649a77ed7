"""How blooming biases volume and density of calcium: plaques of known size in a tube, scanned in many ways.

    python -m validation.blooming --out docs/blooming.md

One setting is changed at a time. Each line is the mean over nine placements of the plaque on the grid (directions of
the vessel, turns of the slices).
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import ndimage

from angiolith.calcification.geometry import measure_geometry
from angiolith.core.settings.calcification import CalcificationMeasureSettings, CalciumThresholdSettings
from tests.unit.calcified_tube import Plaque, axes_along, draw, grid_affine, straight_line
from validation.compare import markdown

HU_MIN, SETTINGS = CalciumThresholdSettings().hu_min, CalcificationMeasureSettings()
RADIUS_MM, OUTER_MM, PIXEL_MM = 2.3, 2.9, 0.46
DIRECTIONS, TURNS_DEG = ((0, 0, 1), (0.5, 0.3, 0.8), (1, 0.3, 0.2)), (0.0, 7.0, 15.0)


@dataclass(frozen=True)
class Scan:
    """A plaque (thickness inwards from the wall's outer face) and how it is scanned; blur: standard deviation."""

    thickness_mm: float = 1.2
    arc_deg: float = 120.0
    length_mm: float = 5.0
    hu: float = 700.0
    blur_mm: float = 0.5
    slice_mm: float = 1.25


CHANGED: dict[str, tuple[str, tuple[float, ...]]] = {
    "thickness (mm)": ("thickness_mm", (0.6, 0.9, 1.2, 1.8, 2.4)),
    "length (mm)": ("length_mm", (1.5, 3.0, 5.0, 10.0)),
    "arc (deg)": ("arc_deg", (40.0, 80.0, 120.0, 240.0)),
    "calcium (HU)": ("hu", (300.0, 500.0, 700.0, 1000.0, 1400.0)),
    "blur, SD (mm)": ("blur_mm", (0.3, 0.5, 0.7, 0.9)),
    "slice (mm)": ("slice_mm", (0.6, 1.25, 2.5, 5.0)),
}


def measured(scan: Scan) -> dict[str, float]:
    """What is measured, relative to the truth; means over the placements. Volumes NaN where nothing reaches 130 HU."""
    plaque = Plaque(OUTER_MM - scan.thickness_mm, scan.thickness_mm, scan.arc_deg, scan.length_mm, hu=scan.hu)
    voxel_mm = (PIXEL_MM, PIXEL_MM, scan.slice_mm)
    extent_mm = scan.length_mm + 2 * OUTER_MM + 4
    shape = (*(round(v / PIXEL_MM) for v in (extent_mm, extent_mm)), max(4, round(extent_mm / scan.slice_mm)))
    rows = []
    for direction, turn_deg in product(DIRECTIONS, TURNS_DEG):
        affine, axes = grid_affine(voxel_mm, shape, turn_deg), axes_along(np.array(direction))
        ct = draw([plaque], axes, RADIUS_MM, affine, shape, blur_mm=scan.blur_mm)
        pieces, count = ndimage.label(ct >= HU_MIN, np.ones((3, 3, 3)))
        if not count:
            rows.append(dict.fromkeys(("at_130", "half_max", "mean_hu", "max_hu"), np.nan))
            continue
        lesion = pieces == np.bincount(pieces.ravel())[1:].argmax() + 1
        geometry = measure_geometry(ct, affine, lesion, straight_line(axes, RADIUS_MM), HU_MIN, SETTINGS)
        rows.append(
            {
                "at_130": lesion.sum() * np.prod(voxel_mm) / plaque.volume_mm3,
                "half_max": geometry.volume_half_max_mm3 / plaque.volume_mm3,
                "mean_hu": ct[lesion].mean() / scan.hu,
                "max_hu": ct[lesion].max() / scan.hu,
            }
        )
    return {"true_mm3": plaque.volume_mm3} | pd.DataFrame(rows).mean().to_dict()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = [
        {"changed": name, "value": value} | measured(replace(Scan(), **{field: value}))
        for name, (field, values) in CHANGED.items()
        for value in values
    ]
    names = {
        "true_mm3": "true volume (mm3)",
        "at_130": "volume at 130 HU / true",
        "half_max": "volume at half maximum / true",
        "mean_hu": "mean HU / calcium's HU",
        "max_hu": "max HU / calcium's HU",
    }
    reference = ", ".join(f"{name} {getattr(Scan(), field):g}" for name, (field, _) in CHANGED.items())
    text = "\n\n".join(
        [
            "# Blooming",
            "Written by `make validate-blooming`. Calcified plaques of known size in the wall of a straight vessel "
            f"(lumen's radius {RADIUS_MM} mm, pixels of {PIXEL_MM} mm), one setting changed at a time from: "
            f"{reference}. Means over nine placements. 1 is the truth.",
            markdown(pd.DataFrame(rows).rename(columns=names)),
        ]
    )
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
