"""Infarcts of known truth put into real FLAIRs, and how much of them is counted as WMH.

    python -m validation.infarct_implants --scratch build/infarcts --half development

Recent infarcts are bright and without a cavity, on the FLAIR alone in thick slices. Old ones have a cavity of fluid and
a bright rim, on FLAIR, T1w and T2w. Each lies in one artery's territory on one side, reaches the brain's surface (or,
for perforating arteries, the deep grey matter), and goes into the scan as it came: brain, tissues, shading and WMH are
found on the image with the infarct in it. The heads of the two halves are different ones. Rows go to
`--scratch`/<half>.tsv.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage

from angiolith.brain.network import BrainModel, read_brain_model
from angiolith.brain.segment import TISSUES, segment_brain
from angiolith.core.distance import distance_mm
from angiolith.core.images import Image, canonical, mask_points, moved, read_image
from angiolith.core.settings.brain import BrainSettings
from angiolith.core.settings.wmh import WmhSegmentSettings
from angiolith.core.tables import write_tsv
from angiolith.small_vessel.tissues import INFARCT, mode_of
from angiolith.small_vessel.wmh.network import WmhModel, read_wmh_model
from angiolith.small_vessel.wmh.segment import Wmh, segment_wmh
from tests.real_data import REAL, ROOT
from training.wmh_scans import LOW_LOAD, others_of, real_cases

SEED = 25
DEVELOPMENT, HELD_OUT = "development", "held-out"
RECENT, OLD = "recent", "old"
ATLAS = ROOT / "resources/territory_atlas/territories.nii.gz"
TERRITORIES = {"ACA": 1, "MCA": 2, "PCA": 3, "perforating": 4}
CHANCE = (0.15, 0.45, 0.2, 0.2)  # of each territory
VOLUME_CM3 = {"ACA": (4.0, 40.0), "MCA": (4.0, 150.0), "PCA": (4.0, 40.0), "perforating": (2.0, 12.0)}
THICK_MM = 6.0  # slices of the recent infarcts' FLAIRs, at least
EDGE_MM = 1.2  # SD of the blur of an infarct's edge
RAGGED_MM, RAGGED = 6.0, 3.0  # size and SD (mm) of the irregular border
BRIGHT = {RECENT: (0.35, 1.0), OLD: (0.3, 0.8)}  # above the tissue, of the contrast of white matter to fluid
UNEVEN, GRAIN_MM = 0.25, 5.0  # SD of that brightness, as a fraction, and its size
RIM_MM = (3.0, 8.0)  # of the tissue about a cavity
FILLED = 0.5  # of the fluid's darkness that a swollen recent infarct takes from its sulci
DARK_T1W, BRIGHT_T2W = {RECENT: 0.2, OLD: 0.4}, {RECENT: 0.35, OLD: 0.5}
SUSPECTED_MIN = 0.3  # of an infarct's volume: from this on it was found


@dataclass(frozen=True)
class Case:
    """A scan with an infarct in it: images on the FLAIR's grid, the infarct, and the expert's WMH outside of it."""

    name: str
    kind: str
    territory: str
    flair: Image
    others: dict[str, Image]
    infarct: np.ndarray
    expert: np.ndarray


def sources() -> list[tuple[str, Path, Path]]:
    """Name, FLAIR and expert's mask of every scan that infarcts are put into."""
    found = [(name, flair, truth) for name, flair, truth, _ in real_cases(REAL)]
    low = [(REAL / f"{stem}_FLAIR.nii.gz", REAL / f"{stem}_desc-lesions_mask.nii.gz") for stem in LOW_LOAD]
    return found + [(stem.replace("/", "_"), *paths) for stem, paths in zip(LOW_LOAD, low, strict=True)]


def half_of(name: str) -> str:
    """Heads of odd numbers are for development."""
    return DEVELOPMENT if int(name[-2:]) % 2 else HELD_OUT


def thick(image: Image) -> Image:
    """The image with slices of at least THICK_MM, each the mean of several."""
    several = int(np.ceil(THICK_MM / image.voxel_mm[2] - 0.01))
    if several < 2:
        return image
    count = image.data.shape[2] // several
    data = image.data[..., : count * several].reshape(*image.data.shape[:2], count, several).mean(axis=-1)
    affine = image.affine.copy()
    affine[:3, 2] *= several
    affine[:3, 3] += image.affine[:3, 2] * (several - 1) / 2
    return Image(data.astype(np.float32), affine)


def territories_on(image: Image, brain: np.ndarray) -> np.ndarray:
    """The territories' atlas carried onto a brain by its extent along each axis: enough to shape an infarct."""
    atlas = canonical(read_image(ATLAS))
    box = [
        np.percentile(mask_points(i.affine, m), (0.5, 99.5), axis=0)
        for i, m in ((atlas, atlas.data > 0), (image, brain))
    ]
    (low, high), (own_low, own_high) = box
    points = moved(image.affine, np.argwhere(brain))
    points = low + (points - own_low) * (high - low) / (own_high - own_low)
    at = np.round(moved(np.linalg.inv(atlas.affine), points)).astype(int)
    at = np.clip(at, 0, np.array(atlas.data.shape) - 1)
    labels = np.zeros(brain.shape, np.uint8)
    labels[brain] = atlas.data[tuple(at.T)]
    return labels


def noise(rng: np.random.Generator, shape: tuple[int, ...], size_mm: float, voxel_mm: np.ndarray) -> np.ndarray:
    """Smooth noise of mean 0 and SD 1."""
    field = ndimage.gaussian_filter(rng.standard_normal(shape), size_mm / voxel_mm)
    return np.asarray((field - field.mean()) / field.std())


def infarct_of(image: Image, tissues: np.ndarray, name: str, volume_cm3: float, rng: np.random.Generator) -> np.ndarray:
    """Mask of an infarct: part of a territory of one side, about a place at the surface or in deep grey matter."""
    brain = (tissues > 0) & (tissues != TISSUES["ventricles"]) & (tissues != TISSUES["infratentorial"])
    territory = territories_on(image, tissues > 0) == TERRITORIES[name]
    x = moved(image.affine, np.argwhere(tissues == TISSUES["white"]))[:, 0].mean()
    right = np.zeros(brain.shape, bool)
    right[brain] = mask_points(image.affine, brain)[:, 0] > x
    side = brain & territory & (right if rng.random() < 0.5 else ~right)
    begin = np.argwhere(side & (tissues == TISSUES["deep_grey" if name == "perforating" else "grey"]))
    seed = np.zeros(brain.shape, bool)
    seed[tuple(begin[rng.integers(len(begin))])] = True
    away = distance_mm(seed, image.voxel_mm) + RAGGED * noise(rng, brain.shape, RAGGED_MM, image.voxel_mm)
    voxels = min(round(volume_cm3 * 1000 / image.voxel_volume_mm3), int(side.sum()))
    mask = side & (away <= np.partition(away[side], voxels - 1)[voxels - 1])
    pieces, count = ndimage.label(mask)
    return np.asarray(pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])) if count else mask


def drawn(
    image: Image, tissues: np.ndarray, infarct: np.ndarray, cavity: np.ndarray, change: np.ndarray, filled: float
) -> Image:
    """The image with an infarct: `change` of its contrast in the tissue, fluid in the cavity, sulci partly filled."""
    white = mode_of(image.data[tissues == TISSUES["white"]])
    fluid = float(np.median(image.data[tissues == TISSUES["ventricles"]]))
    contrast = abs(white - fluid)
    soft, hollow = (
        ndimage.gaussian_filter(m.astype(np.float32), EDGE_MM / image.voxel_mm * (image.voxel_mm < THICK_MM / 2))
        for m in (infarct, cavity)
    )
    towards = np.clip((white - image.data) / (white - fluid), 0, 1)  # 1 in fluid
    data = image.data + soft * (change * contrast * (1 - towards) + filled * towards * (white - fluid))
    grain = image.data[tissues == TISSUES["ventricles"]]
    at = np.resize(grain, int((hollow > 0).sum()))
    lying = np.zeros_like(data)
    lying[hollow > 0] = at
    return image.with_data(np.where(tissues > 0, data * (1 - hollow) + lying * hollow, image.data).astype(np.float32))


def case_of(name: str, path: Path, truth: Path, kind: str, model: BrainModel) -> Case:
    """The scan with one infarct, drawn at random by the scan's name."""
    rng = np.random.default_rng([SEED, *name.encode(), kind == OLD])
    flair, expert = canonical(read_image(path)), canonical(read_image(truth))
    others: dict[str, Image] = {}
    if kind == RECENT:
        flair, expert = thick(flair), thick(expert)
    else:
        others = {key: canonical(image) for key, image in others_of(path, read_image(path)).items()}
    tissues = segment_brain(flair, False, model, BrainSettings()).tissues
    territory = str(rng.choice(list(TERRITORIES), p=CHANCE))
    low, high = np.log(VOLUME_CM3[territory])
    infarct = infarct_of(flair, tissues, territory, float(np.exp(rng.uniform(low, high))), rng)
    bright = rng.uniform(*BRIGHT[kind]) * np.clip(
        1 + UNEVEN * noise(rng, infarct.shape, GRAIN_MM, flair.voxel_mm), 0.3, 2
    )
    cavity = np.zeros_like(infarct)
    if kind == OLD:
        solid = (tissues > 0) & ~infarct & (tissues != TISSUES["csf"])
        inner = distance_mm(solid, flair.voxel_mm)
        width = min(float(rng.uniform(*RIM_MM)), float(np.percentile(inner[infarct], 60)))
        cavity = infarct & (inner > width)
    filled = FILLED if kind == RECENT else 0.0
    made = {
        key: drawn(image, tissues, infarct, cavity, sign * np.ones(infarct.shape), 0.0)
        for key, image, sign in ((k, i, -DARK_T1W[kind] if k == "T1w" else BRIGHT_T2W[kind]) for k, i in others.items())
    }
    hidden = expert.data > 0.5
    return Case(
        name, kind, territory, drawn(flair, tissues, infarct, cavity, bright, filled), made, infarct, hidden & ~infarct
    )


def row_of(case: Case, found: Wmh) -> dict[str, Any]:
    """What was found of a case."""
    cm3 = case.flair.voxel_volume_mm3 / 1000
    suspected = found.tissues == INFARCT
    likely = found.probability >= WmhSegmentSettings().probability_min
    lost = likely & suspected & case.expert
    return {
        "scan": case.name,
        "kind": case.kind,
        "territory": case.territory,
        "infarct_cm3": float(case.infarct.sum() * cm3),
        "infarct_like_wmh_percent": 100 * float(likely[case.infarct].mean()),
        "infarct_in_wmh_percent": 100 * float(found.mask[case.infarct].mean()),
        "suspected_of_infarct": float(suspected[case.infarct].mean()),
        "found": bool(suspected[case.infarct].mean() >= SUSPECTED_MIN),
        "suspected_elsewhere_cm3": float((suspected & ~case.infarct).sum() * cm3),
        "expert_wmh_cm3": float(case.expert.sum() * cm3),
        "expert_wmh_lost_percent": 100 * float(lost.sum()) / max(1, int(case.expert.sum())),
        "review": found.status == "review",
        "reason": found.reason,
    }


def measured(case: Case, brain_model: BrainModel, model: WmhModel) -> dict[str, Any]:
    """Brain and WMH of a case by the networks, and its row."""
    brain = segment_brain(case.flair, False, brain_model, BrainSettings())
    found = segment_wmh(case.flair, brain.brain, brain.tissues, model, WmhSegmentSettings(), others=case.others)
    return row_of(case, found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--half", choices=(DEVELOPMENT, HELD_OUT), required=True)
    arguments = parser.parse_args()
    arguments.scratch.mkdir(parents=True, exist_ok=True)
    brain_model = read_brain_model(ROOT / "resources/brain_model")
    model = read_wmh_model(ROOT / "resources/wmh_model/wmh.onnx")
    rows = []
    for name, flair, truth in sources():
        if half_of(name) != arguments.half:
            continue
        for kind in (RECENT, OLD):
            rows.append(measured(case_of(name, flair, truth, kind, brain_model), brain_model, model))
            print(rows[-1], flush=True)
    write_tsv(pd.DataFrame(rows), arguments.scratch / f"{arguments.half}.tsv")


if __name__ == "__main__":
    main()
