"""Fazekas grades beside a reading of the same scans: writes docs/fazekas.md.

    python -m validation.fazekas --out docs/fazekas.md

The reader is a developer of this project, no radiologist: pictures of 12 axial slices, in random order and without
names, read twice by the definition within an hour (validation/fazekas_readings.tsv). The cut-points were chosen on the
first reading and the experts' masks: agreement with them is that of a fit.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import cohen_kappa_score

from angiolith.brain.network import BrainModel, read_brain_model
from angiolith.brain.segment import segment_brain
from angiolith.core.images import read_image
from angiolith.core.settings.brain import BrainSettings
from angiolith.core.settings.wmh import WmhGradeSettings, WmhMeasureSettings, WmhSegmentSettings
from angiolith.core.tables import read_tsv
from angiolith.small_vessel.wmh.fazekas import measure_wmh
from angiolith.small_vessel.wmh.network import WmhModel, read_wmh_model
from angiolith.small_vessel.wmh.segment import segment_wmh
from tests.real_data import ROOT
from training.wmh_scans import others_of
from validation.compare import markdown
from validation.small_vessel import Scan, real_scans

READINGS = Path(__file__).with_name("fazekas_readings.tsv")
PARTS = ("periventricular", "deep")


def grades(scan: Scan, brain_model: BrainModel, model: WmhModel) -> dict[str, Any]:
    """Grades of a scan from the expert's mask and from the network's."""
    flair, truth = read_image(scan.flair), read_image(scan.truth).data > 0.5
    brain = segment_brain(flair, False, brain_model, BrainSettings())
    others = others_of(scan.flair, flair)
    found = segment_wmh(flair, brain.brain, brain.tissues, model, WmhSegmentSettings(), others=others)
    row: dict[str, Any] = {"scan": scan.name, "set": scan.group}
    for name, mask in (("expert's mask", truth), ("network", found.mask)):
        measures = measure_wmh(
            mask, brain.ventricles, flair.affine, float("nan"), WmhMeasureSettings(), WmhGradeSettings()
        )
        row |= {f"{part}, {name}": int(measures[f"fazekas_{part}"]) for part in PARTS}
    return row


def kappa(first: pd.Series, second: pd.Series) -> float:
    """Quadratic weighted kappa of the scans that both have."""
    both = pd.concat([first, second], axis=1, keys=["first", "second"]).dropna()
    return float(cohen_kappa_score(both["first"], both["second"], weights="quadratic", labels=[0, 1, 2, 3]))


def report(rows: pd.DataFrame, readings: pd.DataFrame, version: str) -> str:
    """The page."""
    rows = rows.set_index("scan")
    lines = []
    for part in PARTS:
        read = readings.pivot(index="scan", columns="reading", values=part)
        rows[f"{part}, read"] = read[1]
        rows[f"{part}, read again"] = read[2]
        line: dict[str, Any] = {"grade": part, "reader with himself": kappa(read[1], read[2])}
        for name in ("expert's mask", "network"):
            line |= {f"{name} with the reader": kappa(rows[f"{part}, {name}"], read[2].fillna(read[1]))}
        held_out = rows[rows["set"] == "low_load"]
        line["network, low_load alone: same grade"] = np.mean(held_out[f"{part}, network"] == held_out[f"{part}, read"])
        lines.append(line)
    shown = [f"{part}, {what}" for part in PARTS for what in ("read", "read again", "expert's mask", "network")]
    return (
        "\n\n".join(
            [
                "# Fazekas grades beside a reading",
                (__doc__ or "").split("\n\n")[2].replace("\n", " "),
                f"Model: {version}. Weighted kappa (quadratic):",
                markdown(pd.DataFrame(lines).round(2)),
                markdown(rows[shown].reset_index()),
            ]
        )
        + "\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=ROOT / "resources/wmh_model/wmh.onnx")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    brain_model, model = read_brain_model(ROOT / "resources/brain_model"), read_wmh_model(options.model)
    readings = read_tsv(READINGS)
    scans = [scan for scan in real_scans() if scan.name in set(readings.scan)]
    rows = pd.DataFrame([grades(scan, brain_model, model) for scan in scans])
    options.out.write_text(report(rows, readings, model.version), encoding="utf-8")
    print(f"{options.out} written")


if __name__ == "__main__":
    main()
