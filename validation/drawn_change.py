"""Growth and shrinkage that were drawn: what of them is found, and whether one is found as the other is.

Part of docs/wmh_change_accuracy.md (validation/wmh_change.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage

from angiolith.brain.network import BrainModel
from angiolith.brain.segment import segment_brain
from angiolith.change.half_way import Visit, half_of, half_way_grid, symmetric_motion, wmh_pair
from angiolith.change.inputs import ChangeStepSettings
from angiolith.change.wmh import cut
from angiolith.core.distance import NEIGHBOURS_26
from angiolith.core.images import Image, bounding_box, crop, linear_transform, resample
from angiolith.core.settings.brain import BrainSettings
from angiolith.registration.rigid import register_both_ways
from angiolith.small_vessel.grid import dilate_26
from angiolith.small_vessel.wmh.network import WmhModel
from phantoms.geometry import Grid
from training.flairs import Scan, draw_change, draw_head, scan_of
from validation.compare import markdown

SETTINGS = ChangeStepSettings()
SEED = 6207  # neither the training's nor that of the other validations
LOADS_CM3 = (10.0, 3.0, 25.0)
SLICES_MM = (3.0, 5.0, 4.0)
SIZES_CM3 = (0.0, 0.03, 0.1, 0.3, 100.0)
DRAWN_TEXT = (
    "Two states of a head, alike but for up to 30 lesions that only the first has and as many that only the second has "
    "(new, gone, larger or smaller), each scanned with pose, slices (3 to 5 mm), shading, noise and errors of the "
    "template's maps of its own, and taken as two visits. A piece is what lies beyond a voxel of the other visit's "
    "lesions; it is found if the change of its sign has any voxel in it."
)


@dataclass(frozen=True)
class Models:
    """The networks of the brain and of WMH."""

    brain: BrainModel
    wmh: WmhModel


@dataclass(frozen=True)
class HalfWay:
    """Two visits on their half-way grid; the ways there (4 x 4, RAS mm) from each scanner; how far there and back
    disagree."""

    visits: list[Visit]
    grid: Image
    ways: tuple[np.ndarray, np.ndarray]
    gap_mm: float


def half_way(scans: tuple[Scan, Scan], brain_model: BrainModel) -> HalfWay:
    """Two scans as two visits, brought half-way as the workflow does it."""
    flairs = [scan.flair for scan in scans]
    motion, gap_mm = symmetric_motion(*register_both_ways(flairs[0], flairs[1], SETTINGS.rigid))
    half = half_of(motion)
    ways = half, np.linalg.inv(half)
    grid = half_way_grid(flairs, ways, SETTINGS.change.half_way_voxel_mm)
    back = [linear_transform(np.linalg.inv(way)) for way in ways]

    visits = []
    for flair, way in zip(flairs, back, strict=True):
        there = resample(flair, grid, way)
        found = segment_brain(there, False, brain_model, BrainSettings())
        visits.append(Visit(there, found.brain, found.tissues))
    box = bounding_box(visits[0].brain & visits[1].brain)
    visits, part = [cut(visit, box) for visit in visits], crop(grid, box)
    return HalfWay(visits, part, ways, gap_mm)


def drawn_rows(number: int, models: Models) -> list[dict[str, Any]]:
    """A row per drawn piece of growth or shrinkage of a head; piece 0 of each direction: what is found beside them."""
    rng = np.random.default_rng([SEED, number])
    head = draw_head(rng)
    states = draw_change(rng, head, LOADS_CM3[number % len(LOADS_CM3)])
    slice_mm = SLICES_MM[number % len(SLICES_MM)]
    first, second = (scan_of(rng, state, slice_mm, extracted=bool(number % 2)) for state in states)
    pair = half_way((first, second), models.brain)
    shape, affine = pair.grid.data.shape, pair.grid.affine
    true = [
        head.on_grid(state.wmh, Grid(shape, affine), way @ scan.pose) >= 0.5
        for state, scan, way in zip(states, (first, second), pair.ways, strict=True)
    ]
    masks = wmh_pair(pair.visits, models.wmh, SETTINGS.wmh, SETTINGS.change.difference_probability_min).masks
    others = wmh_pair(pair.visits[::-1], models.wmh, SETTINGS.wmh, SETTINGS.change.difference_probability_min).masks[
        ::-1
    ]
    voxel_cm3 = pair.grid.voxel_volume_mm3 / 1000
    head_row = {"head": number, "slice_mm": slice_mm, "mirrored": bool(np.array_equal(masks, others))}
    rows = []
    for kind, (before, after) in (("growth", (0, 1)), ("shrinkage", (1, 0))):
        drawn = true[after] & ~dilate_26(true[before])  # a rim within a voxel of a border is the border's error
        pieces, count = ndimage.label(drawn, NEIGHBOURS_26)
        found, wrong = masks[after] & ~masks[before], masks[before] & ~masks[after]
        false_cm3 = float((found & ~dilate_26(true[after] & ~true[before])).sum() * voxel_cm3)
        rows.append(head_row | {"kind": kind, "piece": 0, "found_cm3": false_cm3})
        for piece in range(1, count + 1):
            there = pieces == piece
            volumes = {
                name: float((there & mask).sum() * voxel_cm3)
                for name, mask in (("true_cm3", there), ("found_cm3", found), ("wrong_sign_cm3", wrong))
            }
            rows.append(head_row | {"kind": kind, "piece": piece} | volumes)
    return rows


def drawn_table(rows: pd.DataFrame) -> str:
    """Pieces and volume found by direction and size (cm3 in half-way space)."""
    pieces = rows[rows.piece > 0]
    lines = []
    for kind, part in pieces.groupby("kind"):
        sizes = pd.cut(part.true_cm3, list(SIZES_CM3))
        for size, some in (*part.groupby(sizes, observed=True), ("all", part)):
            line = {"drawn": kind, "size, cm3": str(size), "pieces": len(some)}
            line["found, %"] = 100 * (some.found_cm3 > 0).mean()
            line |= {"volume, cm3": some.true_cm3.sum()}
            line["of it found, %"] = 100 * some.found_cm3.sum() / some.true_cm3.sum()
            line["of the wrong sign, %"] = 100 * some.wrong_sign_cm3.sum() / some.true_cm3.sum()
            lines.append(line)
    text = markdown(pd.DataFrame(lines))
    false = rows[rows.piece == 0].groupby("kind").found_cm3.sum()
    mirrored = rows.groupby("head").mirrored.first()
    return text + (
        f"\n\nBeside what was drawn: growth {false.growth:.2f} cm3, shrinkage {false.shrinkage:.2f} cm3 in "
        f"{len(mirrored)} pairs. With the visits exchanged {int(mirrored.sum())} of them give the same voxels."
    )
