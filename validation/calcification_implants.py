"""Calcium of known truth put into real head CTs along arteries that were traced by hand, and what is found of it.

    python -m validation.calcification_implants --head normal --ct ct.nii.gz --work build/implants --copies 8

Each copy of the CT gets up to five plaques in the arteries' wall, blurred as the scanner blurs and in the CT's own
noise; the same CT without them says what was there before. The artery map and the marks are the workflow's, from the
CT alone. `--head` names the rows of validation/artery_traces.tsv to use. Rows go to `--work`/<head>_implants.tsv.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk
from scipy import ndimage
from scipy.spatial import cKDTree

from angiolith.arteries.centrelines import Centreline, box_affine, box_around_line, from_control_points, voxel_centres
from angiolith.arteries.mapping import atlas_in_ct, map_arteries
from angiolith.brain.network import read_brain_model
from angiolith.brain.segment import segment_brain
from angiolith.brain.template import register_to_template
from angiolith.calcification.segment import Found, find_lesions
from angiolith.core.config import Config
from angiolith.core.images import Image, map_points, read_ct
from angiolith.core.tables import read_tsv, write_tsv
from validation.simulated_reader import readings

ROOT = Path(__file__).parents[1]
ATLAS, TRACES = ROOT / "resources/artery_atlas/centrelines.tsv", Path(__file__).with_name("artery_traces.tsv")
BRAIN_MODEL = ROOT / "resources/brain_model"
PLAQUES, APART_MM = 5, 14.0  # in one copy, and between them
VOLUME_MM3 = (5.0, 300.0)
BLOOD_HU, HU_MIN, CALCIUM_HU = 40.0, 130.0, (400.0, 1200.0)
LENGTH_MM, THICKNESS_MM, HALF_ARC_DEG = (1.5, 9.0), (0.8, 2.2), (25.0, 150.0)
PSF_SD_MM = 0.5  # in the plane: 1.2 mm at half maximum
SHARP_SD_MM = 0.8  # of the blur whose rest a sharp kernel enhances: the full gain from 0.5 line pairs per mm on
MARGIN_MM = 2.0  # beyond the plaque, for its blur
FINE = 2  # each voxel is drawn as so many along every edge
TOUCHES_MM = 1.0  # bone this near to the plaque's voxels at 130 HU blooms into it


@dataclass(frozen=True)
class Plaque:
    """A plaque that was put in: where, how large at 130 HU in blood, and whether bone touches it.

    visible_mm3: of its volume what was below 130 HU before: the rest lies hidden in bone.
    """

    artery: str
    side: str
    centre_mm: np.ndarray
    mask: np.ndarray
    volume_mm3: float
    hu: float
    on_bone: bool
    visible_mm3: float


def draw_plaque(ct: Image, line: Centreline, rng: np.random.Generator, slice_mm: float) -> tuple[np.ndarray, Plaque]:
    """The CT's HU with one plaque more at a random place in the wall of an artery, and the plaque."""
    at = int(rng.integers(len(line.points)))
    length, thickness, arc = (rng.uniform(*limits) for limits in (LENGTH_MM, THICKNESS_MM, HALF_ARC_DEG))
    hu, middle = rng.uniform(*CALCIUM_HU), rng.uniform(0, 2 * np.pi)
    box = box_around_line(
        line.points[at : at + 1], length / 2 + line.radius_mm[at] + MARGIN_MM, ct.data.shape, ct.affine
    )
    assert box is not None
    shape = tuple(part.stop - part.start for part in box)
    fine = box_affine(ct.affine, box) @ np.diag([1 / FINE, 1 / FINE, 1 / FINE, 1.0])
    fine[:3, 3] += fine[:3, :3] @ np.full(3, -(FINE - 1) / 2)
    centres = voxel_centres(tuple(FINE * n for n in shape), fine).reshape(-1, 3)
    reach = line.radius_mm[at] + 1.0
    distance, nearest = cKDTree(line.points).query(centres, distance_upper_bound=reach)
    nearest = np.minimum(nearest, len(line.points) - 1)  # beyond reach: of no plaque
    first, second = line.frames()
    offset = centres - line.points[nearest]
    angle = np.arctan2((offset * second[nearest]).sum(1), (offset * first[nearest]).sum(1)) - middle
    turned = np.abs((angle + np.pi) % (2 * np.pi) - np.pi) <= np.radians(arc)
    radius, along = line.radius_mm[at], np.abs(line.arc_mm[nearest] - line.arc_mm[at])
    inside = (distance <= radius + 0.3) & (distance >= radius + 0.3 - thickness) & turned & (along <= length / 2)
    drawn = inside.reshape([FINE * n for n in shape]).astype(np.float32)
    blur_mm = np.where(np.arange(3) == int(ct.voxel_mm.argmax()), slice_mm / np.sqrt(12), PSF_SD_MM)
    drawn = ndimage.gaussian_filter(drawn, blur_mm * FINE / ct.voxel_mm)
    part = drawn.reshape(shape[0], FINE, shape[1], FINE, shape[2], FINE).mean(axis=(1, 3, 5))
    data = ct.data.copy()
    data[box] = np.maximum(data[box], data[box] * (1 - part) + hu * part)
    mask = np.zeros(data.shape, bool)
    mask[box] = BLOOD_HU + (hu - BLOOD_HU) * part >= HU_MIN
    near = ndimage.binary_dilation(mask[box], iterations=max(1, round(TOUCHES_MM / float(ct.voxel_mm.min()))))
    on_bone = bool(((ct.data[box] >= HU_MIN) & near).any())
    volume = float(mask.sum()) * ct.voxel_volume_mm3
    visible = float((mask & (ct.data < HU_MIN)).sum()) * ct.voxel_volume_mm3
    return data, Plaque(line.artery, line.side, line.points[at], mask, volume, hu, on_bone, visible)


def with_plaques(ct: Image, lines: list[Centreline], seed: int, slice_mm: float) -> tuple[Image, list[Plaque]]:
    """A copy of the CT with up to five plaques, at least 14 mm apart."""
    rng, plaques = np.random.default_rng(seed), list[Plaque]()
    for _ in range(60):
        line = lines[int(rng.integers(len(lines)))]
        data, plaque = draw_plaque(ct, line, rng, slice_mm)
        far = all(np.linalg.norm(plaque.centre_mm - other.centre_mm) >= APART_MM for other in plaques)
        if far and VOLUME_MM3[0] <= plaque.volume_mm3 <= VOLUME_MM3[1]:
            ct, plaques = ct.with_data(data), [*plaques, plaque]
        if len(plaques) == PLAQUES:
            break
    return ct, plaques


def sharpened(ct: Image, gain: float) -> Image:
    """The CT as a sharp kernel shows it: fine detail in the plane, its noise too, is enhanced by a factor (unsharp)."""
    sd = np.where(np.arange(3) == int(ct.voxel_mm.argmax()), 0.0, SHARP_SD_MM) / ct.voxel_mm
    return ct.with_data((ct.data + (gain - 1) * (ct.data - ndimage.gaussian_filter(ct.data, sd))).astype(np.float32))


def way_of(ct: Image) -> sitk.Transform:
    """The workflow's transform from template points to points of a CT that has no MRI beside it."""
    config = Config()
    brain = segment_brain(ct, True, read_brain_model(BRAIN_MODEL), config.brain)
    way = register_to_template(ct, brain, True, config.registration.rigid, config.registration.template)
    return way.template_to_reference


def marks_of(ct: Image, from_template: sitk.Transform, is_sharp: bool = False) -> Found:
    """The workflow's marks from the CT alone."""
    config = Config()
    atlas = atlas_in_ct(read_tsv(str(ATLAS)), lambda points: map_points(from_template, points))
    arteries = map_arteries(
        ct, None, atlas, config.arteries.map, config.arteries.region, config.calcification.threshold, []
    )
    return find_lesions(
        ct,
        arteries.labels,
        list(arteries.lines.values()),
        arteries.lumen_hu,
        config.calcification.threshold,
        config.calcification.segment,
        config.arteries.region.wall_margin_mm,
        is_sharp,
    )


def rows_of(
    head: str, copy: int, plaques: list[Plaque], found: Found, before: np.ndarray, voxel_mm3: float
) -> list[dict]:  # type: ignore[type-arg]
    """One row for each plaque, and one for each mark that is none and was not there before (kind other)."""
    rows, matched = [], set[int]()
    for plaque in plaques:
        labels = [int(label) for label in np.unique(found.labels[plaque.mask]) if label]
        matched.update(labels)
        sure = [label for label in labels if label not in found.doubts]
        of = found.labels[np.isin(found.labels, sure or labels)]
        rows.append(
            {"head": head, "copy": copy, "kind": "implant", "artery": plaque.artery, "side": plaque.side}
            | {"true_mm3": plaque.volume_mm3, "hu": plaque.hu, "on_bone": plaque.on_bone}
            | {"visible_mm3": plaque.visible_mm3, "voxels": int(plaque.mask.sum())}
            | {"found": "counted" if sure else "candidate" if labels else "missed", "found_mm3": len(of) * voxel_mm3}
            | dict(zip(("x_mm", "y_mm", "z_mm"), plaque.centre_mm.round(2), strict=True))
            | {"why": "; ".join(found.doubts[label] for label in labels if label in found.doubts)}
        )
    for label, doubt in {label: found.doubts.get(label, "") for label in found.touches_bone}.items():
        mine = found.labels == label
        if label not in matched and not (before[mine] > 0).any():
            rows.append(
                {"head": head, "copy": copy, "kind": "other", "found": "candidate" if doubt else "counted"}
                | {"artery": found.evidence[label].artery, "found_mm3": mine.sum() * voxel_mm3, "why": doubt}
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--head", required=True)
    parser.add_argument("--ct", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--copies", type=int, default=8)
    parser.add_argument("--slice-mm", type=float, help="thickness of the slices, if it is not their step")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--gain", type=float, default=1.0, help="of a sharp kernel; 1: the CT's own kernel")
    options = parser.parse_args()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    options.work.mkdir(parents=True, exist_ok=True)
    ct = read_ct(str(options.ct))
    traces = read_tsv(str(TRACES))
    lines = from_control_points(traces[traces["head"] == options.head].assign(segment="", sd_mm=0.3))
    way = way_of(ct)
    is_sharp = options.gain > 1
    before = marks_of(sharpened(ct, options.gain), way, is_sharp)
    rows = []
    for copy in range(options.copies):
        seeded = 1000 * options.seed + copy
        image, plaques = with_plaques(ct, lines, seeded, options.slice_mm or float(ct.voxel_mm.max()))
        found = marks_of(sharpened(image, options.gain), way, is_sharp)
        rows += rows_of(options.head, copy, plaques, found, before.labels, ct.voxel_volume_mm3)
        write_tsv(pd.DataFrame(rows), str(options.work / f"{options.head}_implants.tsv"))
    print(summary(pd.DataFrame(rows)))
    print(readings(pd.DataFrame(rows)).to_string(index=False))


def summary(rows: pd.DataFrame) -> str:
    """Found, counted and false, by artery and by whether bone touches, as text."""
    implants = rows[rows["kind"] == "implant"]
    table = pd.crosstab([implants["artery"], implants["on_bone"].astype(bool)], implants["found"], margins=True)
    other = rows[rows["kind"] == "other"]
    counted = int((implants["found"] == "counted").sum())
    false = int((other["found"] == "counted").sum())
    return (
        f"{table}\ncounted {counted} of {len(implants)}, false and counted {false}, "
        f"further candidates {len(other) - false} in {rows['copy'].nunique()} copies"
    )


if __name__ == "__main__":
    main()
