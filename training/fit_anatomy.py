"""Fit the phantoms' model of anatomy: means and modes of eight older adults' size, shape, tissue and scalp.

`python -m training.fit_anatomy REGISTERED HEADS OUT` reads what `training.anatomy_heads` wrote and writes `model.npz`,
and beside REGISTERED's heads `reconstruction.tsv`: how well the model draws each of them, fitted or held out.
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

from phantoms.anatomy import standard_head
from phantoms.geometry import Grid, apply
from phantoms.head import sharpened_shares
from phantoms.shape_model import (
    RAY_CENTRE_MM,
    AnatomyModel,
    field_mm,
    mean_weights,
    ray_directions,
    tissue_maps,
    unpacked,
)
from training.anatomy_heads import FIT_MM, coarser, fit_grid, reduced, template_shares
from training.brain_labels import outside_labels

Array = np.ndarray

FITTED = ("sub-01", "sub-02", "sub-04", "sub-05", "sub-07", "sub-08", "sub-10", "sub-11")  # as the brain model
HELD_OUT = ("sub-03", "sub-06", "sub-09", "sub-12")
TISSUE_MODES, FIELD_MODES, THICKNESS_MODES = 4, 6, 3
MODE_MM, FIELD_MM = 3.0, 6.0
ODDS_LIMIT = 3.0  # log odds beyond it say the same
ODDS_STEP, MODE_STEP, FIELD_STEP = 0.125, 0.2, 0.1  # of what the file holds (log odds, log odds, mm)
CALIBRATION_ROUNDS = 2
ODDS_PER_LOG_VOLUME = np.array([4.0, 2.5, 3.0])  # of brain, white matter, ventricles: about what a volume asks for
RAY_MM, RAY_STEP_MM = 130.0, 0.5


def log_odds(share: Array) -> Array:
    """Log odds of a share, within ODDS_LIMIT."""
    edge = 1 / (1 + np.exp(ODDS_LIMIT))
    share = np.clip(share, edge, 1 - edge)
    return np.log(share / (1 - share))


def tissue_odds(shares: Array) -> Array:
    """(3, ...) log odds of brain, of white matter within the brain, and of ventricle."""
    grey, white, ventricle, _ = shares
    brain = grey + white
    within = np.where(brain > 0.05, white / np.maximum(brain, 0.05), 0.5)
    return np.stack([log_odds(brain), log_odds(within), log_odds(ventricle)]).astype(np.float32)


def modes(samples: Array, count: int) -> tuple[Array, Array]:
    """Mean, and the first modes of samples (n, ...), each as long as one standard deviation."""
    mean = samples.mean(axis=0)
    rest = (samples - mean).reshape(len(samples), -1)
    _, lengths, axes = np.linalg.svd(rest, full_matrices=False)
    scaled = axes[:count] * (lengths[:count] / np.sqrt(len(samples) - 1))[:, None]
    return mean, scaled.reshape(count, *samples.shape[1:])


def weights_of(sample: Array, mean: Array, axes: Array) -> Array:
    """Weights of the modes that draw a sample best (least squares)."""
    flat = axes.reshape(len(axes), -1)
    return np.linalg.lstsq(flat.T, (sample - mean).ravel(), rcond=None)[0]


def sizes_of(affine: Array) -> Array:
    """(3,) log of the head's millimetres to MNI152's along x, y, z."""
    return np.log(np.linalg.norm(affine[:3, :3], axis=0))


def ray_thickness(inside: Array, head: Array, to_index: Array) -> Array:
    """Distance (mm of MNI152) from the intracranial surface to the skin along `ray_directions`."""
    rays = ray_directions()
    steps = np.arange(20, RAY_MM, RAY_STEP_MM)
    points = RAY_CENTRE_MM + rays[..., None, :] * steps[:, None]
    index = apply(to_index, points.reshape(-1, 3)).T
    ends = []
    for mask in (inside, head):
        found = ndimage.map_coordinates(mask.astype(np.float32), index, order=1).reshape(*rays.shape[:2], -1) >= 0.5
        ends.append(np.where(found, steps, 0).max(axis=-1))
    return ends[1] - ends[0]


def head_thickness(heads: Path, subject: str, affine: Array) -> Array:
    """`ray_thickness` of a real head."""
    t1w = nib.as_closest_canonical(nib.load(heads / f"{subject}_T1w.nii.gz"))
    muse = nib.as_closest_canonical(nib.load(heads / f"{subject}_space-T1w_desc-muse_dseg.nii.gz"))
    inside = np.asarray(muse.dataobj) > 0
    outside = outside_labels(np.asarray(t1w.dataobj, np.float32), inside, float(t1w.affine[0, 0]))
    return ray_thickness(inside, inside | (outside > 0), np.linalg.inv(t1w.affine) @ affine)


def drawn_thickness() -> Array:
    """`ray_thickness` of the drawn head in MNI152."""
    head = standard_head()
    return ray_thickness(head.intracranial < 0, head.head < 0, np.linalg.inv(head.grid.affine))


def fit(folder: Path, heads: Path) -> dict[str, Array]:
    """The arrays of `model.npz` (see shape_model.AnatomyModel): small integers with their steps."""
    grid = fit_grid()
    read = {subject: dict(np.load(folder / f"{subject}.npz")) for subject in FITTED}
    mode_grid, field_grid = coarser(grid, MODE_MM), coarser(grid, FIELD_MM)
    odds = np.stack([tissue_odds(head["warped"]) for head in read.values()])
    tissue = odds.mean(axis=0)
    rest = np.stack([[reduced(part, grid, mode_grid) for part in head - tissue] for head in odds])
    _, tissue_modes = modes(rest, TISSUE_MODES)
    fields = np.stack([[reduced(part, grid, field_grid) for part in head["field"]] for head in read.values()])
    field, field_modes = modes(fields, FIELD_MODES)
    log_size, log_size_modes = modes(np.stack([sizes_of(head["affine"]) for head in read.values()]), 3)
    drawn = drawn_thickness()
    ratios = np.stack([np.log(head_thickness(heads, s, head["affine"]) / drawn) for s, head in read.items()])
    thickness, thickness_modes = modes(ratios, THICKNESS_MODES)
    return {
        **_stored("tissue", tissue, ODDS_STEP, grid),
        "tissue_shift": np.zeros(3),
        **_stored("tissue_modes", tissue_modes, MODE_STEP, mode_grid),
        **_stored("field", field, FIELD_STEP, field_grid),
        **_stored("field_modes", field_modes, FIELD_STEP, field_grid),
        "log_size": log_size,
        "log_size_modes": log_size_modes,
        "thickness": thickness,
        "thickness_modes": thickness_modes,
        "mean_age_years": np.array(mean_age_years(heads)),
    }


def mean_age_years(heads: Path) -> float:
    """Mean age of the fitted heads."""
    with (heads / "participants.tsv").open() as file:
        ages = {row["participant_id"]: float(row["age"]) for row in csv.DictReader(file, delimiter="\t")}
    return float(np.mean([ages[subject] for subject in FITTED]))


def _stored(name: str, volume: Array, step: float, grid: Grid) -> dict[str, Array]:
    whole = np.clip(np.round(volume / step), -127, 127).astype(np.int8)
    return {name: whole, f"{name}_step": np.array(step), f"{name}_affine": grid.affine}


def redrawn(head: dict[str, Array], model: AnatomyModel, known: bool) -> Array:
    """(3, ...) grey, white and ventricle shares of the model's nearest head, in the frame of the head's affine.

    `known`: with the head's own tissue and field, as far as the modes draw them; else the mean head.
    """
    grid = fit_grid()
    weights = mean_weights(model)
    if known:
        rest = np.stack([reduced(part, grid, model.mode_grid) for part in tissue_odds(head["warped"]) - model.tissue])
        field = np.stack([reduced(part, grid, model.field_grid) for part in head["field"]])
        weights = replace(
            weights,
            tissue=weights_of(rest, np.zeros_like(rest), model.tissue_modes),
            field=weights_of(field, model.field, model.field_modes),
        )
    maps = tissue_maps(model, weights, grid)
    moved = field_mm(model, weights, grid) / FIT_MM + np.indices(grid.shape)
    inside = template_shares()[3]
    grey, white, ventricle, within = (
        ndimage.map_coordinates(part, moved, order=1)
        for part in (maps["grey"], maps["white"], maps["ventricle"], inside)
    )
    grey, white, _ = sharpened_shares(grey, white, within, 0.0)
    return np.stack([grey, white, ventricle, within])


def calibrated(stored: dict[str, Array], folder: Path) -> dict[str, Array]:
    """The model with the log odds of brain, white matter and ventricle shifted to the fitted heads' volumes."""
    heads = [dict(np.load(folder / f"{subject}.npz")) for subject in FITTED]
    true = np.array([_volumes(head["linear"]) for head in heads]).mean(axis=0)
    for _ in range(CALIBRATION_ROUNDS):
        model = unpacked(stored)
        drawn = np.array([_volumes(redrawn(head, model, known=True)) for head in heads]).mean(axis=0)
        shift = ODDS_PER_LOG_VOLUME * np.log(true / drawn)
        stored["tissue_shift"] = stored["tissue_shift"] + shift
        print("volumes, true and drawn:", np.round(true), np.round(drawn), flush=True)
    return stored


def _volumes(shares: Array) -> Array:
    """(3,) cm3 of brain, white matter and ventricles."""
    grey, white, ventricle = (part.sum() * FIT_MM**3 / 1000 for part in shares[:3])
    return np.array([grey + white, white, ventricle])


def evaluate(folder: Path, model: AnatomyModel) -> list[dict[str, object]]:
    """How well the model draws each head: Dice and volume by tissue, of its nearest head and of its mean head."""
    rows: list[dict[str, object]] = []
    for path in sorted(folder.glob("sub-*.npz")):
        head = dict(np.load(path))
        true = head["linear"]
        cm3 = float(np.linalg.det(head["affine"][:3, :3])) * FIT_MM**3 / 1000
        for name, drawn in (("nearest", redrawn(head, model, True)), ("mean", redrawn(head, model, False))):
            for part, (a, b) in _parts(true, drawn).items():
                dice = 2 * np.minimum(a, b).sum() / (a.sum() + b.sum())
                rows.append(
                    {
                        "head": path.stem,
                        "held_out": path.stem in HELD_OUT,
                        "drawn_as": name,
                        "part": part,
                        "dice": round(float(dice), 3),
                        "true_cm3": round(float(a.sum()) * cm3, 1),
                        "drawn_cm3": round(float(b.sum()) * cm3, 1),
                    }
                )
    return rows


def _parts(true: Array, drawn: Array) -> dict[str, tuple[Array, Array]]:
    names = ("grey", "white", "ventricle", "intracranial")
    found = {name: (a >= 0.5, b >= 0.5) for name, a, b in zip(names, true, drawn, strict=True)}
    found["brain"] = (true[:2].sum(axis=0) >= 0.5, drawn[:2].sum(axis=0) >= 0.5)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("registered", type=Path, help="what training.anatomy_heads wrote")
    parser.add_argument("heads", type=Path, help="the folder older_adults")
    parser.add_argument("out", type=Path, help="folder of model.npz")
    arguments = parser.parse_args()
    stored = calibrated(fit(arguments.registered, arguments.heads), arguments.registered)
    np.savez_compressed(arguments.out / "model.npz", **stored)
    rows = evaluate(arguments.registered, unpacked(stored))
    with (arguments.registered / "reconstruction.tsv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
