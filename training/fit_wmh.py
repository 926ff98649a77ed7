"""Fit the learned step of WMH on randomised heads: `make wmh-model` writes resources/wmh_model/model.json.

    python -m training.fit_wmh --heads 40 --scans 4 --seed 7

Scans are kept in the scratch folder and made once. Same seed, heads and library versions: the same model. Nothing but
these heads is looked at: no image of a person, no head of the demo.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy import ndimage
from sklearn.linear_model import LogisticRegression

from angiolith.core.images import Image, bounding_box, crop
from angiolith.core.settings.wmh import WmhSegmentSettings
from angiolith.small_vessel.tissues import TissueError
from angiolith.small_vessel.wmh.posterior import FEATURES, features_of
from angiolith.small_vessel.wmh.segment import place_of, prepare_brain
from training.flairs import draw_head, draw_scan

PRIORS = ("wm", "gm", "ventricles")
SAMPLES = 1600  # of each kind per scan: lesion, near a lesion or half as bright as grey matter, anything else
SCAN_STRENGTH = 37.0  # of a scan's mean log likelihood beside the penalty (half of the weights' squares)
WEIGHT_DECIMALS = 4  # of weights up to about 1: far more than the samples determine


def make_scans(seed: int, heads: int, scans: int, folder: Path) -> Iterator[Path]:
    """Files (npz) of the scans, cut to the brain; those that exist are not made again."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(heads):
        paths = [folder / f"seed{seed}_head{number}_scan{k}.npz" for k in range(scans)]
        if not all(path.exists() for path in paths):
            rng = np.random.default_rng([seed, number])
            head = draw_head(rng)
            for path in paths:
                scan = draw_scan(rng, head)
                box = bounding_box(scan.brain)
                part = crop(scan.flair, box)
                priors = {name: scan.priors[name][box].astype(np.float16) for name in PRIORS}
                arrays = {"flair": part.data, "brain": scan.brain[box], "truth": scan.truth[box]}
                np.savez(path, affine=part.affine, **arrays, **priors)
                path.with_suffix(".json").write_text(json.dumps(scan.recipe))
                print(path.name, {name: round(value, 3) for name, value in scan.recipe.items()}, flush=True)
        yield from paths


def samples_of(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Features, truth and weights of a scan's sampled voxels; a scan's voxels weigh 1 together. None if refused.

    Every voxel of the grid draws a lot and the lowest are taken: a voxel that belongs to a kind or not by the last
    digit of a grey value changes nothing in who else is taken.
    """
    settings = WmhSegmentSettings()
    with np.load(path) as file:
        image = Image(file["flair"], file["affine"])
        priors = {name: file[name].astype(np.float32) for name in PRIORS}
        brain_mask, truth = file["brain"], file["truth"]
    try:
        brain = prepare_brain(image, brain_mask, priors, settings)
    except TissueError as problem:
        print(f"{path.name}: left out: {problem}")
        return None
    place = place_of(brain, settings)
    features, lesion = features_of(brain, place), truth[place]
    grey = (brain.levels.gm - brain.levels.wm) / (brain.levels.wm - brain.levels.csf)
    near = ndimage.binary_dilation(truth, iterations=2)[place] | (features[:, FEATURES.index("level")] > 0.5 * grey)
    lot = np.random.default_rng(0).random(place.shape)[place]
    chosen, weights = [], []
    for kind in (lesion, near & ~lesion, ~near & ~lesion):
        voxels = np.flatnonzero(kind)
        if len(voxels):
            some = voxels[np.argsort(lot[voxels])[:SAMPLES]]
            chosen.append(some)
            weights.append(np.full(len(some), len(voxels) / len(some) / len(lesion)))
    index = np.concatenate(chosen)
    return features[index], lesion[index], np.concatenate(weights)


def fit(features: np.ndarray, lesion: np.ndarray, weights: np.ndarray) -> dict[str, object]:
    """The model as the content of its JSON.

    Newton's method goes to the one optimum, whatever the order in which a machine adds: a change in the features'
    last digit moves weights by 1e-7 (by 1e-5 where a quasi-Newton's tolerance stops it), and they are rounded to 1e-4.
    """
    low, high = (rounded(bound) for bound in np.percentile(features, [0.2, 99.8], axis=0))
    cut = np.clip(features, low, high)
    mean, sd = rounded(cut.mean(axis=0, dtype=float)), rounded(np.maximum(cut.std(axis=0, dtype=float), 1e-6))
    x = (cut - mean) / sd
    first, second = np.triu_indices(x.shape[1])
    regression = LogisticRegression(C=SCAN_STRENGTH, solver="newton-cholesky", tol=1e-8)
    regression.fit(np.hstack([x, x[:, first] * x[:, second]]), lesion, sample_weight=weights)
    content: dict[str, object] = {"features": list(FEATURES)}
    for name, values in {"low": low, "high": high, "mean": mean, "sd": sd}.items():
        content[name] = values.tolist()
    content["weights"] = regression.coef_[0].round(WEIGHT_DECIMALS).tolist()
    return content | {"bias": round(float(regression.intercept_[0]), WEIGHT_DECIMALS)}


def rounded(values: np.ndarray) -> np.ndarray:
    """The values to four significant digits."""
    return np.array([float(f"{value:.4g}") for value in values])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--heads", type=int, default=40)
    parser.add_argument("--scans", type=int, default=4)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--scratch", type=Path, default=Path("build/training"))
    parser.add_argument("--out", type=Path, default=Path("resources/wmh_model/model.json"))
    options = parser.parse_args()
    found = [samples_of(path) for path in make_scans(options.seed, options.heads, options.scans, options.scratch)]
    features, lesion, weights = (np.concatenate(part) for part in zip(*(f for f in found if f), strict=True))
    content = fit(features, lesion, weights)
    used = sum(f is not None for f in found)
    content |= {"version": f"3 (seed {options.seed}, {options.heads} heads, {used} scans)"}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(f"{options.out} written: {len(lesion)} voxels of {used} scans")


if __name__ == "__main__":
    main()
