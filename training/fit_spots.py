"""The models of how probable a microbleed or a lacune is, fitted on simulated heads: resources/spot_models.

    python -m training.fit_spots --heads build/panel --out resources/spot_models

The detectors run on the development heads of `training.panel_heads` with wide limits. A logistic regression of the
spots' own measures tells those that were planted from the others. Where a spot lies is no measure: the generator chose
it. The penalty is the one of the best log loss, head by head left out.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from angiolith.core.settings.lacunes import LacuneDetectSettings
from angiolith.core.settings.microbleeds import MicrobleedDetectSettings
from angiolith.small_vessel.probability import SpotModel, probabilities, standardised
from training.panel_heads import states_of
from training.panel_spots import COARSER, KINDS, of_kind

DETECT = {"microbleeds": MicrobleedDetectSettings(), "lacunes": LacuneDetectSettings()}
FEATURES = {
    "microbleeds": ("contrast", "elongation", "compactness", "diameter_mm", "tissue_share"),
    "lacunes": (
        *("contrast", "t1w_level", "flair_level", "flair_rim", "tissue_around", "elongation", "compactness"),
        *("diameter_mm", "voxels_across"),
    ),
}
SQUARED = {"microbleeds": ("contrast^2", "elongation^2", "compactness^2", "diameter_mm^2"), "lacunes": ()}
PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)  # C of the logistic regression
RANGE_PERCENTILES = (1, 99)  # of the fit's spots: values beyond are cut to these


def rows_of(folder: Path, which: str, kind: str, kept: Path) -> pd.DataFrame:
    """The detector's rows on every state of a set, with head, state, voxels, `true` and what is planted; kept."""
    tables = []
    for path in states_of(folder, which):
        for voxels in COARSER if kind == "lacunes" else ("",):
            file = kept / f"{kind}_{path.stem}{voxels.replace(' ', '')}.tsv"
            if not file.is_file():
                more = {"voxels": voxels} if voxels else {}
                found = of_kind(path, kind, DETECT[kind], **more)
                rows = found.rows.assign(head=path.stem.split("_")[0], state=path.stem, voxels=voxels)
                rows.assign(n_planted=found.planted).to_csv(file, sep="\t", index=False)
                print(file.name, found.planted, len(rows), int(rows["true"].sum()), flush=True)
            tables.append(pd.read_csv(file, sep="\t", dtype={"head": str}))
    return pd.concat([table for table in tables if len(table)], ignore_index=True)


def fitted(rows: pd.DataFrame, kind: str, penalty: float) -> SpotModel:
    """The logistic regression on these rows."""
    ranges: dict[str, dict[str, float]] = {"low": {}, "high": {}, "mean": {}, "sd": {}}
    for name in FEATURES[kind]:
        values = rows[name].astype(float)
        low, high = np.nanpercentile(values, RANGE_PERCENTILES)
        cut = values.clip(low, high)
        sd = float(cut.std(ddof=0))
        for key, value in zip(ranges, (low, high, cut.mean(), sd or 1.0), strict=True):
            ranges[key][name] = round(float(value), 5)
    names = [*FEATURES[kind], *SQUARED[kind]]
    blank = SpotModel(0.0, {}, **ranges)
    regression = LogisticRegression(C=penalty, max_iter=2000).fit(standardised(rows, blank, names), rows["true"])
    coefficients = {name: round(float(value), 5) for name, value in zip(names, regression.coef_[0], strict=True)}
    return SpotModel(round(float(regression.intercept_[0]), 5), coefficients, **ranges)


def left_out(rows: pd.DataFrame, kind: str, penalty: float) -> np.ndarray:
    """Each row's probability by the model of the other heads."""
    found = np.zeros(len(rows))
    for head in rows["head"].unique():
        own = (rows["head"] == head).to_numpy()
        found[own] = probabilities(rows[own], fitted(rows[~own], kind, penalty))
    return found


def log_loss(true: np.ndarray, probability: np.ndarray) -> float:
    """Mean negative log likelihood."""
    likely = np.clip(np.where(true, probability, 1 - probability), 1e-6, 1)
    return float(-np.log(likely).mean())


def best_penalty(rows: pd.DataFrame, kind: str) -> tuple[float, dict[float, float]]:
    """The penalty of the least log loss, and all losses."""
    true = rows["true"].to_numpy(bool)
    losses = {penalty: log_loss(true, left_out(rows, kind, penalty)) for penalty in PENALTIES}
    return min(losses, key=lambda penalty: losses[penalty]), losses


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--heads", type=Path, required=True)
    parser.add_argument("--kept", type=Path, default=Path("build/panel_rows"), help="rows that were found already")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    given.kept.mkdir(parents=True, exist_ok=True)
    given.out.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        rows = rows_of(given.heads, "development", kind, given.kept)
        penalty, losses = best_penalty(rows, kind)
        model = fitted(rows, kind, penalty)
        print(kind, len(rows), "spots,", int(rows["true"].sum()), "planted; log loss by penalty", losses, flush=True)
        written: dict[str, Any] = {"what": kind, "spots": len(rows), "planted": int(rows["true"].sum())}
        written |= {"heads": sorted(rows["head"].unique()), "penalty": penalty} | vars(model)
        (given.out / f"{kind}.json").write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
