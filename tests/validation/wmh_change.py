"""WMH change where there is none, and where it is published: `make validate-change` writes docs/wmh_change_accuracy.md.

    python -m tests.validation.wmh_change --heads 7 --scratch build/wmh_change --out docs/wmh_change_accuracy.md

Each head's state is scanned three times, with pose, slices, shading, noise and errors of the template's maps drawn
anew; each two scans are a pair of visits without growth, taken the way of the workflow: registration there and back,
half-way space, both segmented, growth and shrinkage. The errors of the template's maps are those of training/flairs.py
and not of a registration, and each scan has its own. Beside it: each scan segmented by itself. Smallest detectable
change: 1.96 sqrt(2) standard errors of measurement, as in the cohort's tables.
"""

from __future__ import annotations

import argparse
import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scripts.lib.cohort.change import measurement_error
from scripts.lib.config import Config, plain
from scripts.lib.images import Image, bounding_box, crop, linear_transform, resample
from scripts.lib.longitudinal import (
    Visit,
    growth_and_shrinkage_cm3,
    half_of,
    half_way_grid,
    symmetric_motion,
    wmh_pair,
)
from scripts.lib.registration import register_both_ways
from scripts.lib.small_vessel.posterior import Model, read_model
from scripts.lib.small_vessel.tissues import TissueError
from scripts.lib.small_vessel.wmh import segment_wmh
from tests.real_data import ROOT
from tests.validation.compare import markdown
from tests.validation.published_change import FOLDER, agreement, run_workflow
from training.flairs import Scan, draw_head, draw_state, scan_of

SETTINGS = {name: plain(getattr(Config(), name)) for name in ("wmh", "change", "registration")}
NAMES = ("wm", "gm", "ventricles")
SEED = 6007  # neither the training's nor that of the masks' validation
LOADS_CM3 = (3.0, 12.0, 40.0, 8.0, 25.0, 80.0, 1.5)
SLICES_MM = (3.0, 5.0, 1.2, 4.0)
SCANS = 3
ADVICE = (
    "What the cohort's tables state is the first row: the error of repeats, each measured by itself (`repeats` in the "
    "configuration). Half-way both visits are treated together, and a voxel changes only where the two scans differ: "
    "most pairs change by less. The three pairs of a head share their scans and its contrast: the share within is "
    "known no better than from so many heads."
)
DETECTABLE = 1.96 * np.sqrt(2)  # times the standard error of measurement


def pair_of(scans: tuple[Scan, Scan], model: Model) -> dict[str, float]:
    """Volumes, growth and shrinkage (cm3) of two scans taken as two visits."""
    flairs = [scan.flair for scan in scans]
    motion, gap_mm = symmetric_motion(*register_both_ways(flairs[0], flairs[1], SETTINGS["registration"]))
    half = half_of(motion)
    to_half = half, np.linalg.inv(half)
    grid = half_way_grid(flairs, to_half, SETTINGS["change"]["half_way_voxel_mm"])
    back = [linear_transform(np.linalg.inv(step)) for step in to_half]

    def placed(array: np.ndarray, number: int, on: Image) -> np.ndarray:
        return resample(flairs[number].with_data(array.astype(np.float32)), on, back[number]).data

    brains = [placed(scan.brain, number, grid) >= 0.5 for number, scan in enumerate(scans)]
    box = bounding_box(brains[0] & brains[1])
    part = crop(grid, box)
    visits = [
        Visit(
            part.with_data(placed(scan.flair.data, number, part)),
            brains[number][box],
            {name: placed(scan.priors[name], number, part) for name in NAMES},
        )
        for number, scan in enumerate(scans)
    ]
    masks = wmh_pair(visits, model, SETTINGS["wmh"], SETTINGS["change"]["difference_sd_min"]).masks
    growth, shrinkage = growth_and_shrinkage_cm3(masks[0], masks[1], part.voxel_volume_mm3)
    first_cm3 = float(masks[0].sum() * part.voxel_volume_mm3 / 1000)
    return {"first_cm3": first_cm3, "growth_cm3": growth, "shrinkage_cm3": shrinkage, "gap_mm": gap_mm}


def alone_cm3(scan: Scan, model: Model) -> float:
    """Volume of a scan segmented by itself."""
    box = bounding_box(scan.brain)
    priors = {name: scan.priors[name][box] for name in NAMES}
    found = segment_wmh(crop(scan.flair, box), scan.brain[box], priors, model, SETTINGS["wmh"])
    return float(found.mask.sum() * scan.flair.voxel_volume_mm3 / 1000)


def rows_of(number: int, model: Model) -> list[dict[str, Any]]:
    """A row per pair of a head's scans; a pair that cannot be measured is a row without numbers."""
    rng = np.random.default_rng([SEED, number])
    head = draw_head(rng)
    slice_mm = SLICES_MM[number % len(SLICES_MM)]
    state = draw_state(rng, head, LOADS_CM3[number % len(LOADS_CM3)], keep_load=True)
    scans = [scan_of(rng, state, slice_mm, extracted=bool(number % 2)) for _ in range(SCANS)]
    alone = [alone_cm3(scan, model) for scan in scans]
    rows = []
    for first, second in combinations(range(SCANS), 2):
        row: dict[str, Any] = {"head": number, "slice_mm": slice_mm, "true_cm3": state.recipe["wmh_cm3"]}
        row |= {"alone_first_cm3": alone[first], "alone_second_cm3": alone[second]}
        try:
            row |= pair_of((scans[first], scans[second]), model)
        except (TissueError, ValueError) as problem:
            print(f"head {number}: {problem}")
        print(row, flush=True)
        rows.append(row)
    return rows


def repeats_of(pairs: pd.DataFrame) -> pd.DataFrame:
    """The scans' own volumes (cm3), a row per head and a column per scan."""
    heads = pairs.groupby("head")
    first = heads.alone_first_cm3.agg(["first", "last"])  # pairs are 0-1, 0-2, 1-2
    return pd.DataFrame({"scan1": first["first"], "scan2": first["last"], "scan3": heads.alone_second_cm3.last()})


def measurement_errors(volumes: pd.DataFrame, changes: pd.Series) -> dict[str, float]:
    """Standard error of measurement by the tables' function of the scans' own volumes, and from the pairs' changes."""
    pairs = float(np.sqrt((changes**2).mean() / 2))
    return {"repeats, each by itself": measurement_error(volumes)[0], "pairs, half-way": pairs}


def coverage(pairs: pd.DataFrame) -> pd.DataFrame:
    """What is stated as detectable, in cm3 and in % of the volume, and how many of the pairs change by no more.

    Also for each head from the other heads alone: a cohort's statement is tried on a patient who is not in it.
    """
    net = pairs.growth_cm3 - pairs.shrinkage_cm3
    repeats, head = repeats_of(pairs), pairs["head"]
    percent = 100 * repeats.div(repeats.mean(axis=1), axis=0)
    lines = []
    for unit, volumes, changes in (("cm3", repeats, net), ("%", percent, 100 * net / (pairs.first_cm3 + net / 2))):
        known, size = changes.notna(), changes.abs()
        others = {n: measurement_errors(volumes.drop(index=n), changes[head != n]) for n in volumes.index}
        for source, error in measurement_errors(volumes, changes).items():
            theirs = DETECTABLE * head.map({n: found[source] for n, found in others.items()})
            line = {"unit": unit, "error from": source, "SEM": error, "smallest detectable": DETECTABLE * error}
            line |= {"pairs": int(known.sum()), "mean change": changes.mean(), "largest": size.max()}
            line["within, %"] = 100 * (size <= DETECTABLE * error)[known].mean()
            line["within what the other heads state, %"] = 100 * (size <= theirs)[known].mean()
            lines.append(line)
    return pd.DataFrame(lines)


def report(pairs: pd.DataFrame, published: dict[str, float] | None, version: str) -> str:
    """The page."""
    text = (__doc__ or "").split("\n\n")[2].replace("\n", " ")
    parts = ["# WMH change where there is none", text, f"Model: {version}.", markdown(coverage(pairs))]
    parts += [ADVICE, "Each pair:", markdown(pairs.assign(net_cm3=pairs.growth_cm3 - pairs.shrinkage_cm3).round(3))]
    if published:
        rows = pd.DataFrame({"what": list(published), "value": [float(value) for value in published.values()]})
        head = "# Change of a real patient (Lesjak 2016) beside the published map of it"
        parts += [head, " ".join((agreement.__doc__ or "").split()), markdown(rows)]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--heads", type=int, default=7)
    parser.add_argument("--model", type=Path, default=ROOT / "resources/wmh_model/model.json")
    parser.add_argument("--scratch", type=Path, default=Path("build/wmh_change"))
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    model = read_model(options.model)
    rows = []
    for number in range(options.heads):
        path = options.scratch / f"head{number}.json"
        if not path.exists():
            path.write_text(json.dumps(rows_of(number, model)))
        rows += json.loads(path.read_text())
    published = agreement(run_workflow(options.scratch)) if FOLDER.is_dir() else None
    options.out.write_text(report(pd.DataFrame(rows), published, model.version), encoding="utf-8")
    print(f"{options.out} written")


if __name__ == "__main__":
    main()
