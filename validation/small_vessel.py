"""WMH beside truth: `make validate-wmh` writes docs/small_vessel_accuracy.md.

    python -m validation.small_vessel --heads build/heldout --scratch build/wmh --out docs/small_vessel_accuracy.md

Real scans with experts' masks (tests/real_data.py), where they are at hand, and heads of the demo's generator
(`--heads`, with bids/ and truth/). Each FLAIR goes through the brain network and, with the T1w and T2w beside it, the
WMH network, as in the workflow. Rows are kept in the scratch folder, so that a run that was cut goes on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from angiolith.brain.network import BrainModel, read_brain_model
from angiolith.brain.segment import segment_brain
from angiolith.compare.metrics import pieces_met
from angiolith.core.images import read_image
from angiolith.core.settings.brain import BrainSettings
from angiolith.core.settings.wmh import WmhSegmentSettings
from angiolith.core.tables import FAILED
from angiolith.small_vessel.tissues import INFARCT, TissueError
from angiolith.small_vessel.wmh.network import WmhModel, read_wmh_model
from angiolith.small_vessel.wmh.segment import mask_of, segment_wmh
from tests.real_data import REAL, ROOT
from training.wmh_scans import LOW_LOAD, others_of, real_cases
from validation.compare import TEMPLATE_NOTE, markdown

WMH = WmhSegmentSettings()
THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
LOADS_CM3 = [0.0, 2.0, 5.0, 15.0, 1000.0]
SEEN, HELD_OUT = "fitted on", "held out"


@dataclass(frozen=True)
class Scan:
    """A FLAIR with an expert's mask (paths); role: whether the network was fitted on it."""

    name: str
    group: str
    role: str
    flair: Path
    truth: Path


def real_scans() -> Iterator[Scan]:
    """Real scans with masks; those of `low_load` were in no fit."""
    for name, flair, truth, _ in real_cases(REAL):
        yield Scan(name, name.split("_sub-")[0], SEEN, flair, truth)
    for stem in LOW_LOAD:
        flair, truth = (REAL / f"{stem}_{end}.nii.gz" for end in ("FLAIR", "desc-lesions_mask"))
        yield Scan(stem.replace("/", "_"), "low_load", HELD_OUT, flair, truth)


def heads(folder: Path, count: int | None) -> Iterator[Scan]:
    """First visits of digital heads: the first `count`, or all."""
    for truth in sorted((folder / "truth").glob("*_ses-01_space-FLAIR_wmh.nii.gz"))[:count]:
        stem = truth.name.removesuffix("_space-FLAIR_wmh.nii.gz")
        flair = folder / "bids" / stem.replace("_", "/") / "anat" / f"{stem}_FLAIR.nii.gz"
        yield Scan(stem, "demo heads", HELD_OUT, flair, truth)


def row_of(scan: Scan, brain_model: BrainModel, model: WmhModel) -> dict[str, Any]:
    """Overlap, volumes and lesions of one scan, at the setting's threshold and along the curve."""
    flair, truth = read_image(scan.flair), read_image(scan.truth).data > 0.5
    voxel_mm3 = flair.voxel_volume_mm3
    row = {"set": scan.group, "role": scan.role, "slice_mm": float(flair.voxel_mm.max())}
    row |= {"true_cm3": float(truth.sum() * voxel_mm3 / 1000)}
    brain = segment_brain(flair, False, brain_model, BrainSettings())
    try:
        if brain.status == FAILED:
            raise TissueError(brain.reason or "no brain")
        found = segment_wmh(flair, brain.brain, brain.tissues, model, WMH, others=others_of(scan.flair, flair))
    except TissueError as problem:  # counts as nothing found
        return row | {"dice": 0.0, "found_cm3": float("nan"), "reason": str(problem)}
    low, high = found.facts["volume_interval_cm3"]
    row |= {"found_cm3": float(found.mask.sum() * voxel_mm3 / 1000), "low_cm3": low, "high_cm3": high}
    row |= {"ratio": float(found.mask.sum() / truth.sum()), "dice": dice(found.mask, truth)}
    row |= {"sensitivity": share_met(truth, found.mask), "ppv": share_met(found.mask, truth), "reason": found.reason}
    likely = np.where(found.tissues == INFARCT, 0, found.probability)
    for threshold in THRESHOLDS:
        mask = mask_of(likely, voxel_mm3, WMH.model_copy(update={"probability_min": threshold}))
        row |= {f"dice {threshold}": dice(mask, truth), f"ratio {threshold}": float(mask.sum() / truth.sum())}
    return row


def dice(first: np.ndarray, second: np.ndarray) -> float:
    return 2 * float((first & second).sum()) / max(1, int(first.sum()) + int(second.sum()))


def share_met(lesions: np.ndarray, other: np.ndarray) -> float:
    """Fraction of the 26-connected lesions of the first mask that the second overlaps; NaN without lesions."""
    count, met = pieces_met(lesions, other)
    return met / count if count else float("nan")


def measured(scans: Iterator[Scan], brain_model: BrainModel, model: WmhModel, scratch: Path) -> pd.DataFrame:
    """A row per scan; those in the scratch folder are not measured again."""
    rows = []
    for scan in scans:
        path = scratch / f"{scan.name}.json"
        if not path.exists():
            path.write_text(json.dumps(row_of(scan, brain_model, model)))
            print(scan.name, path.read_text()[:200], flush=True)
        rows.append({"scan": scan.name, **json.loads(path.read_text())})
    return pd.DataFrame(rows)


def summary(rows: pd.DataFrame, by: list[str] | pd.Series) -> str:
    """Mean and lowest Dice, volume ratios and lesion rates, by group."""
    lines = [
        {
            "group": name
            if isinstance(name, str)
            else ", ".join(map(str, name))
            if isinstance(name, tuple)
            else str(name),
            "scans": len(part),
            "Dice": part.dice.mean(),
            "lowest": part.dice.min(),
            "median volume ratio": part.ratio.median(),
            "true volume within the bounds": (
                (part.low_cm3 <= part.true_cm3) & (part.true_cm3 <= part.high_cm3)
            ).mean(),
            "lesion sensitivity": part.sensitivity.mean(),
            "lesion PPV": part.ppv.mean(),
        }
        for name, part in rows.groupby(by, observed=True)
    ]
    return markdown(pd.DataFrame(lines).round(3))


def curve(rows: pd.DataFrame) -> str:
    """Mean Dice and median volume ratio along the threshold."""
    lines = [
        {"threshold": t, "mean Dice": rows[f"dice {t}"].mean(), "median volume ratio": rows[f"ratio {t}"].median()}
        for t in THRESHOLDS
    ]
    return markdown(pd.DataFrame(lines).round(3))


def report(people: pd.DataFrame, heads_: pd.DataFrame, version: str) -> str:
    """The page."""
    shown = ["scan", "role", "slice_mm", "true_cm3", "found_cm3", "low_cm3", "high_cm3", "ratio", "dice"]
    parts = ["# Accuracy of the WMH masks", (__doc__ or "").split("\n\n")[2].replace("\n", " "), f"Model: {version}."]
    if len(people):
        parts += ["## Real scans", summary(people, ["role", "set"])]
        for role, part in people.groupby("role"):
            parts += [f"Curve of the threshold, scans {role}:", curve(part)]
        parts += ["Each scan, the worst first:", markdown(people.sort_values("dice")[shown].round(3))]
    if len(heads_):
        loads = pd.cut(heads_.true_cm3, LOADS_CM3).astype(str)
        parts += [
            "## Heads of the demo's generator",
            TEMPLATE_NOTE,
            summary(heads_, ["set"]),
            "By load (cm3):",
            summary(heads_, loads),
        ]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--heads", type=Path)
    parser.add_argument("--count", type=int, help="only so many of the heads")
    parser.add_argument("--model", type=Path, default=ROOT / "resources/wmh_model/wmh.onnx")
    parser.add_argument("--scratch", type=Path, default=Path("build/wmh"))
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    brain_model, model = read_brain_model(ROOT / "resources/brain_model"), read_wmh_model(options.model)
    people = measured(real_scans(), brain_model, model, options.scratch) if REAL.is_dir() else pd.DataFrame()
    digital = pd.DataFrame()
    if options.heads:
        digital = measured(heads(options.heads, options.count), brain_model, model, options.scratch)
    options.out.write_text(report(people, digital, model.version), encoding="utf-8")
    print(f"{options.out} written")


if __name__ == "__main__":
    main()
