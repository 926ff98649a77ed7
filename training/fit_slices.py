"""Fit the network of thick slices' ventricles and write it as an ONNX file.

    python -m training.fit_slices --scans FOLDER --out resources/brain_model/slices.onnx

The rate rises, then falls to nothing by the last step. Written: the running mean of the weights. Scans that
`--leave-out` names are judged at the end and not fitted on.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np
from scipy import ndimage

from angiolith.brain.shown import EVERY, GREY_RANGE, NOTHING, shown
from training.wmh_network import unet

WIDTHS = (8, 16, 32, 48, 64)
INPUTS = 10
CLASSES = 2
EDGE = 96  # pixels of a sample
BATCH = 6
RATE = 3e-3
WARM_UP_STEPS = 60
MEAN_DECAY = 0.99
DICE_PIXELS = 50.0  # added to both sides of the Dice: samples without a ventricle are no failures
NEAR_SLICES = 0.85  # of the samples are drawn from slices with ventricles and their neighbours
DOUBT = 0.5  # of the samples: the networks' probabilities are changed

Scan = dict[str, np.ndarray]


def read_scans(folder: Path) -> dict[str, Scan]:
    """The scans of `training.slice_scans` by name."""
    scans = {}
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as file:
            scans[path.stem] = {name: file[name] for name in ("grey", "truth", "likely")}
    return scans


def smooth(rng: np.random.Generator, knots: int) -> np.ndarray:
    """A smooth random field (EDGE, EDGE)."""
    return np.asarray(ndimage.zoom(rng.standard_normal((knots, knots)), EDGE / knots, order=1))


def draw(scan: Scan, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One sample: channels (EDGE, EDGE, 10) and the ventricles' part of each pixel (EDGE, EDGE)."""
    truth, count = scan["truth"], scan["truth"].shape[2]
    number = int(rng.integers(count))
    if rng.random() < NEAR_SLICES:
        number = int(rng.choice(np.flatnonzero(truth.any((0, 1)))) + rng.choice([0, 0, 0, 0, -1, 1]))
        number = min(max(number, 0), count - 1)
    variant = scan["likely"][int(rng.integers(len(scan["likely"])))]
    near = slice(max(number - 1, 0), min(number + 2, count))
    channels = shown(scan["grey"][..., near], variant[..., near])[number - near.start]
    at = _places(truth[..., number], np.argwhere(truth.any(2)), rng)
    fills = [NOTHING] * 3 + [1.0] + [0.0] * 6
    moved = [
        ndimage.map_coordinates(c, at, np.float32, order=1, cval=fill) for c, fill in zip(channels, fills, strict=True)
    ]
    image = np.stack(moved)
    _spoil(image[:3], rng)
    if rng.random() < DOUBT:
        odds = np.log(np.clip(image[3:], 1e-3, 1)) * rng.uniform(0.5, 1.3)
        knots = int(rng.integers(3, 9))
        odds += rng.uniform(0, 1.5) * np.stack([smooth(rng, knots) for _ in odds])
        odds = np.exp(odds - odds.max(0))
        image[3:] = odds / odds.sum(0)
    part = ndimage.map_coordinates(truth[..., number].astype(np.float32), at, order=1)
    return np.moveaxis(image, 0, -1), part


def _places(drawn: np.ndarray, anywhere: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Where a sample is taken (2, EDGE, EDGE): turned, scaled, mirrored, bent, near a ventricle."""
    angle, scale = rng.normal(0, 0.12), np.exp(rng.uniform(-0.2, 0.2))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / scale
    turn = turn @ np.array([[1, rng.normal(0, 0.05)], [0, np.exp(rng.normal(0, 0.06))]])
    if rng.random() < 0.5:
        turn = turn @ np.diag([-1.0, 1.0])
    centre = np.array(drawn.shape) / 2
    if rng.random() < 0.8:
        points = np.argwhere(drawn) if drawn.any() else anywhere
        centre = 0.6 * points[rng.integers(len(points))] + 0.4 * centre
    centre = centre + rng.normal(0, 6, 2)
    grid = np.indices((EDGE, EDGE)) - (EDGE - 1) / 2
    bend, knots = rng.uniform(0, 2), int(rng.integers(4, 9))
    bent = bend * np.stack([smooth(rng, knots) for _ in range(2)])
    return np.asarray(np.tensordot(turn, grid, 1) + centre[:, None, None] + bent)


def _spoil(grey: np.ndarray, rng: np.random.Generator) -> None:
    """Contrast, blur or sharpness, noise, shading, a missing neighbour; in place."""
    grey *= rng.uniform(0.85, 1.2)
    grey += rng.normal(0, 0.05)
    kind = rng.random()
    if kind < 0.3:
        grey[:] = ndimage.gaussian_filter(grey, (0, *[rng.uniform(0.3, 0.9)] * 2))
    elif kind < 0.5:
        grey += rng.uniform(0.2, 0.8) * (grey - ndimage.gaussian_filter(grey, (0, 1, 1)))
    grey += rng.uniform(0, 0.12) * rng.standard_normal(grey.shape)
    grey *= 1 + rng.uniform(0, 0.25) * smooth(rng, 4)
    for neighbour in (1, 2):
        if rng.random() < 0.07:
            grey[neighbour] = grey[0]
    if rng.random() < 0.4:
        grey[:] = np.where(grey < 0, -(np.abs(grey) ** rng.uniform(0.7, 1.4)), grey)
    np.clip(grey, *GREY_RANGE, out=grey)


def dice_of(model: Any, scan: Scan) -> float:
    """Dice of what a fitted model says of a scan with the truth."""
    channels = np.moveaxis(shown(scan["grey"], scan["likely"][0]), 1, -1)
    x, y = channels.shape[1:3]
    given = np.pad(channels, ((0, 0), (0, -x % EVERY), (0, -y % EVERY), (0, 0)), mode="edge")
    logits = np.concatenate([model(given[k : k + 1], training=False).numpy() for k in range(len(given))])
    found = np.moveaxis(logits[:, :x, :y, 1] > logits[:, :x, :y, 0], 0, -1) & (scan["likely"][0, 0] < 0.5)
    return float(2 * np.count_nonzero(found & scan["truth"]) / (found.sum() + scan["truth"].sum()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scans", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--leave-out", nargs="*", default=[])
    parser.add_argument("--version", default="1", help="recorded in the file")
    arguments = parser.parse_args()
    scans = read_scans(arguments.scans)
    fitted = [scan for name, scan in scans.items() if name not in arguments.leave_out]
    rng = np.random.default_rng(arguments.seed)

    import tensorflow as tf

    from training.export_wmh import network

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.keras.utils.set_random_seed(arguments.seed)
    model = unet(WIDTHS, INPUTS, CLASSES, "slices")
    weights = model.trainable_variables
    optimiser = tf.keras.optimizers.Adam(RATE)
    optimiser.build(weights)
    means = [tf.Variable(v, trainable=False) for v in model.variables]
    print("parameters", model.count_params(), "seed", arguments.seed, "without", arguments.leave_out, flush=True)

    @tf.function
    def train(image: tf.Tensor, part: tf.Tensor, decay: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            logits = model(image, training=True)
            truth = tf.stack([1 - part, part], -1)
            entropy = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(truth, logits))
            share = tf.nn.softmax(logits)[..., 1]
            dice = (2 * tf.reduce_sum(share * part) + DICE_PIXELS) / (tf.reduce_sum(share + part) + DICE_PIXELS)
            loss = 10 * entropy + 0.5 * (1 - dice)
        gradients, _ = tf.clip_by_global_norm(tape.gradient(loss, weights), 3.0)
        optimiser.apply_gradients(zip(gradients, weights, strict=True))
        for mean, variable in zip(means, model.variables, strict=True):
            mean.assign(decay * mean + (1 - decay) * variable)
        return entropy, dice

    start, losses = time.time(), []
    for step in range(1, arguments.steps + 1):
        fall = 0.5 * (1 + np.cos(np.pi * step / arguments.steps))
        optimiser.learning_rate.assign(RATE * min(1.0, step / WARM_UP_STEPS) * fall)
        batch = [draw(fitted[int(rng.integers(len(fitted)))], rng) for _ in range(BATCH)]
        image, part = (tf.constant(np.stack(values), tf.float32) for values in zip(*batch, strict=True))
        decay = tf.constant(min(MEAN_DECAY, step / (step + 10)), tf.float32)
        losses.append([float(v) for v in train(image, part, decay)])
        if step % 100 == 0:
            entropy, dice = np.mean(losses[-100:], 0)
            print(f"{step} {time.time() - start:.0f} s  {entropy:.4f} {dice:.4f}", flush=True)
    for mean, variable in zip(means, model.variables, strict=True):
        variable.assign(mean)
    for name, scan in scans.items():
        print(name, "left out" if name in arguments.leave_out else "fitted on", round(dice_of(model, scan), 4))
    values = {variable.path: variable.numpy() for variable in model.variables}
    proto = network(values, arguments.version, WIDTHS, INPUTS, CLASSES, "slices")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_bytes(proto.SerializeToString(deterministic=True))
    print(arguments.out, round(arguments.out.stat().st_size / 1e6, 2), "MB", flush=True)


if __name__ == "__main__":
    main()
