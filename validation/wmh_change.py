"""WMH change where there is none, and where it is published: `make validate-change` writes docs/wmh_change_accuracy.md.

    python -m validation.wmh_change --heads 7 --scratch build/wmh_change --out docs/wmh_change_accuracy.md

Each head's state is scanned three times, with pose, slices, shading, noise and errors of the template's maps drawn
anew; each two scans are a pair of visits without growth, treated as in the workflow: registration there and back,
half-way space, both segmented, growth and shrinkage. The errors of the template's maps are those of training/flairs.py
and not of a registration (the heads' brains are the template's: nothing here tests the template step), and each scan
has its own. Beside it: each scan segmented by itself. Smallest detectable change: 1.96 sqrt(2) standard errors of
measurement, as in the cohort's tables.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from angiolith.brain.network import read_brain_model
from angiolith.brain.segment import segment_brain
from angiolith.change.half_way import growth_and_shrinkage_cm3, wmh_pair
from angiolith.cohort.change import measurement_error
from angiolith.core.settings.brain import BrainSettings
from angiolith.small_vessel.tissues import TissueError
from angiolith.small_vessel.wmh.network import read_wmh_model
from angiolith.small_vessel.wmh.segment import segment_wmh
from tests.real_data import ROOT
from training.flairs import Scan, draw_head, draw_state, scan_of
from validation.compare import markdown
from validation.drawn_change import DRAWN_TEXT, SETTINGS, Models, drawn_rows, drawn_table, half_way
from validation.published_change import FOLDER, LESIONS_TEXT, agreement, lesion_table, run_workflow

SEED = 6007  # neither the training's nor that of the masks' validation
LOADS_CM3 = (3.0, 12.0, 40.0, 8.0, 25.0, 80.0, 1.5)
SLICES_MM = (3.0, 5.0, 1.2, 4.0)
SCANS = 3
ADVICE = (
    "What the cohort's tables state is the first row: the error of repeats, each measured by itself (`repeats` in the "
    "configuration). Half-way both visits are treated together, and a voxel changes only where the two scans differ: "
    "most pairs change by less. The three pairs of a head share their scans and its contrast: the fraction within is "
    "known no better than from so many heads."
)
FAINT = (
    "The WMH of these heads are faint: in head 5 hardly brighter than white matter and darker than cortex. The network "
    "was fitted on real scans and marks a small part of them, less half-way than on the scan itself. It misses change "
    "in what it does not mark, so a small error here may mean little marked. How resampling moves the volumes of real "
    "scans: [WMH masks](small_vessel_accuracy.md)."
)
DETECTABLE = 1.96 * np.sqrt(2)  # times the standard error of measurement


def pair_of(scans: tuple[Scan, Scan], models: Models) -> dict[str, float]:
    """Volumes, growth and shrinkage (cm3) of two scans taken as two visits."""
    pair = half_way(scans, models.brain)
    masks = wmh_pair(pair.visits, models.wmh, SETTINGS.wmh, SETTINGS.change.difference_probability_min).masks
    voxel_mm3 = pair.grid.voxel_volume_mm3
    growth, shrinkage = growth_and_shrinkage_cm3(masks[0], masks[1], voxel_mm3)
    first_cm3 = float(masks[0].sum() * voxel_mm3 / 1000)
    return {"first_cm3": first_cm3, "growth_cm3": growth, "shrinkage_cm3": shrinkage, "gap_mm": pair.gap_mm}


def alone_cm3(scan: Scan, models: Models) -> float:
    """Volume of a scan segmented by itself."""
    brain = segment_brain(scan.flair, False, models.brain, BrainSettings())
    found = segment_wmh(scan.flair, brain.brain, brain.tissues, models.wmh, SETTINGS.wmh)
    return float(found.mask.sum() * scan.flair.voxel_volume_mm3 / 1000)


def rows_of(number: int, models: Models) -> list[dict[str, Any]]:
    """A row per pair of a head's scans; a pair that cannot be measured is a row without numbers."""
    rng = np.random.default_rng([SEED, number])
    head = draw_head(rng)
    slice_mm = SLICES_MM[number % len(SLICES_MM)]
    state = draw_state(rng, head, LOADS_CM3[number % len(LOADS_CM3)], keep_load=True)
    scans = [scan_of(rng, state, slice_mm, extracted=bool(number % 2)) for _ in range(SCANS)]
    alone = [alone_cm3(scan, models) for scan in scans]
    rows = []
    for first, second in combinations(range(SCANS), 2):
        row: dict[str, Any] = {"head": number, "slice_mm": slice_mm, "true_cm3": state.recipe["wmh_cm3"]}
        row |= {"alone_first_cm3": alone[first], "alone_second_cm3": alone[second]}
        try:
            row |= pair_of((scans[first], scans[second]), models)
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


def report(pairs: pd.DataFrame, drawn: pd.DataFrame, out: Path | None, version: str) -> str:
    """The page; `out`: the output folder of the workflow's run on the real patient, if there is one."""
    text = (__doc__ or "").split("\n\n")[2].replace("\n", " ")
    parts = ["# WMH change where there is none", text, f"Model: {version}.", markdown(coverage(pairs))]
    parts += [
        ADVICE,
        FAINT,
        "Each pair:",
        markdown(pairs.assign(net_cm3=pairs.growth_cm3 - pairs.shrinkage_cm3).round(3)),
    ]
    parts += ["# WMH change that was drawn", DRAWN_TEXT, drawn_table(drawn)]
    if out:
        found = agreement(out)
        rows = pd.DataFrame({"what": list(found), "value": [float(value) for value in found.values()]})
        head = "# Change of a real patient (Lesjak 2016) beside the published map of it"
        parts += [head, " ".join((agreement.__doc__ or "").split()), markdown(rows)]
        parts += [LESIONS_TEXT, markdown(lesion_table(out).reset_index())]
    return "\n\n".join(parts) + "\n"


def kept(path: Path, make: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The rows, made once."""
    if not path.exists():
        path.write_text(json.dumps(make()))
    return list(json.loads(path.read_text()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--heads", type=int, default=7)
    parser.add_argument("--drawn", type=int, default=3, help="heads with a change that was drawn")
    parser.add_argument("--model", type=Path, default=ROOT / "resources/wmh_model/wmh.onnx")
    parser.add_argument("--scratch", type=Path, default=Path("build/wmh_change"))
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    models = Models(read_brain_model(ROOT / "resources/brain_model"), read_wmh_model(options.model))
    rows, drawn = [], []
    for number in range(options.heads):
        rows += kept(options.scratch / f"head{number}.json", lambda n=number: rows_of(n, models))
    for number in range(options.drawn):
        drawn += kept(options.scratch / f"drawn{number}.json", lambda n=number: drawn_rows(n, models))
    out = run_workflow(options.scratch) if FOLDER.is_dir() else None
    options.out.write_text(report(pd.DataFrame(rows), pd.DataFrame(drawn), out, models.wmh.version), encoding="utf-8")
    print(f"{options.out} written")


if __name__ == "__main__":
    main()
