"""Fit the WMH network.

    python -m training.fit_wmh_network --scans FOLDER --state FOLDER --minutes 30

The rate rises, then falls to nothing by the end of the minutes. State: the running mean of the weights.
"""

from __future__ import annotations

import argparse
import multiprocessing as mp
import os
import time
from itertools import count, islice
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np

from training.export_wmh import exported_weights
from training.wmh_network import CLASSES, INPUTS, NORM_EPSILON, unet
from training.wmh_sampler import EDGE, endless, read_sources

BATCH = 6
POOL_MIN, POOL_MAX = 64, 2000
SAMPLES_A_ROUND = 3000
MEAN_DECAY = 0.99
WARM_UP = 0.08  # of the time, in which the rate rises
SAVE_EVERY_S = 120
DICE_WEIGHT = 0.5
DICE_PIXELS = 50.0  # added to both sides of the Dice: batches without WMH are no failures


def _feed(queue: mp.Queue, folder: Path, seed: int, leave_out: list[str]) -> None:
    for round_ in count():  # scans that were added meanwhile come in
        for sample in islice(endless(read_sources(folder, leave_out), seed + round_), SAMPLES_A_ROUND):
            queue.put([part.astype(np.float16) for part in sample])


class Pool:
    """The latest samples, each used several times: drawing one costs as much as a step of the fit on it."""

    def __init__(self, queue: mp.Queue, rng: np.random.Generator) -> None:
        self.queue, self.rng = queue, rng
        self.held: list[list[np.ndarray]] = []
        self.drawn = 0

    def batch(self) -> list[np.ndarray]:
        """BATCH samples of the pool, mirrored at random; new ones are taken in as they come."""
        while len(self.held) < POOL_MIN or not self.queue.empty():
            sample = self.queue.get()
            self.drawn += 1
            if len(self.held) < POOL_MAX:
                self.held.append(sample)
            else:
                self.held[self.drawn % POOL_MAX] = sample
        some = [self.held[int(k)] for k in self.rng.integers(len(self.held), size=BATCH)]
        turned = [[part[::-1] for part in sample] if self.rng.random() < 0.5 else sample for sample in some]
        return [np.stack(part).astype(np.float32) for part in zip(*turned, strict=True)]


def take_weights(model: Any, weights: dict[str, np.ndarray], images: np.ndarray) -> None:
    """Give the model exported weights, whose norms do nothing, and norms that do the same on samples as they are seen.

    Each norm takes the mean and variance of what reaches it on `images` (samples, x, y, channels), with gain and offset
    that undo them: the function stays, and a fit can go on from it.
    """
    import tensorflow as tf

    for variable in model.variables:
        values = weights[variable.path]
        if values.ndim == 4:  # channels that the exported network was not shown begin with nothing
            values = np.pad(values, ((0, 0), (0, 0), (0, variable.shape[2] - values.shape[2]), (0, 0)))
        variable.assign(values.reshape(variable.shape))
    norms = [layer for layer in model.layers if isinstance(layer, tf.keras.layers.BatchNormalization)]
    reached = tf.keras.Model(model.input, [layer.input for layer in norms])(images, training=False)
    for layer, values in zip(norms, reached, strict=True):
        mean, variance = tf.nn.moments(tf.cast(values, tf.float32), [0, 1, 2])
        layer.beta.assign(layer.beta + mean)
        layer.gamma.assign(tf.sqrt(variance + NORM_EPSILON))
        layer.moving_mean.assign(mean)
        layer.moving_variance.assign(variance)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scans", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--leave-out", nargs="*", default=[], help="sets whose names start so are not used")
    parser.add_argument("--start", type=Path, help="exported network (wmh.onnx) from which the weights are taken")
    arguments = parser.parse_args()
    arguments.state.mkdir(parents=True, exist_ok=True)
    context = mp.get_context("spawn")
    queue = context.Queue(maxsize=200)
    feed = (queue, arguments.scans, arguments.seed, arguments.leave_out)
    context.Process(target=_feed, args=feed, daemon=True).start()

    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    tf.keras.utils.set_random_seed(arguments.seed)
    model = unet()
    weights = model.trainable_variables
    optimiser = tf.keras.optimizers.Adam(arguments.rate)
    optimiser.build(weights)
    pool = Pool(queue, np.random.default_rng(arguments.seed))
    batch = pool.batch()
    if arguments.start:
        take_weights(model, exported_weights(arguments.start), np.stack([s[0] for s in pool.held]).astype(np.float32))
    means = {v.path: tf.Variable(v, trainable=False) for v in model.variables}
    print("parameters", model.count_params(), "seed", arguments.seed, "without", arguments.leave_out, flush=True)

    @tf.function(
        input_signature=[
            tf.TensorSpec((BATCH, EDGE, EDGE, INPUTS)),
            tf.TensorSpec((BATCH, EDGE, EDGE, CLASSES)),
            tf.TensorSpec((BATCH, EDGE, EDGE)),
        ]
    )
    def train(image: tf.Tensor, truth: tf.Tensor, weight: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            logits = model(image, training=True)
            entropy = tf.nn.softmax_cross_entropy_with_logits(truth, logits) * weight
            seen = tf.cast(weight > 0, tf.float32)
            share, real = tf.nn.softmax(logits)[..., 1] * seen, truth[..., 1] * seen
            both, either = tf.reduce_sum(share * real), tf.reduce_sum(share + real)
            dice = (2 * both + DICE_PIXELS) / (either + DICE_PIXELS)
            mean = 10 * tf.reduce_mean(entropy)
            loss = mean + DICE_WEIGHT * (1 - dice)
        gradients, _ = tf.clip_by_global_norm(tape.gradient(loss, weights), 3.0)
        optimiser.apply_gradients(zip(gradients, weights, strict=True))
        return mean, dice

    @tf.function
    def average(decay: tf.Tensor) -> None:
        for variable in model.variables:
            mean = means[variable.path]
            mean.assign(decay * mean + (1 - decay) * variable)

    def save() -> None:
        np.savez(arguments.state / "new.npz", **{path: mean.numpy() for path, mean in means.items()})
        (arguments.state / "new.npz").replace(arguments.state / "state.npz")

    start = last = time.time()
    step, losses = 0, []
    while (done := (time.time() - start) / (60 * arguments.minutes)) < 1:
        rise = min(1.0, done / WARM_UP + 0.02)
        optimiser.learning_rate.assign(arguments.rate * rise * 0.5 * (1 + np.cos(np.pi * done)))
        losses.append([float(v) for v in train(*map(tf.constant, batch))])
        step += 1
        average(tf.constant(min(MEAN_DECAY, step / (step + 10)), tf.float32))
        if step % 50 == 0:
            entropy, dice = np.mean(losses[-50:], 0)
            print(f"{step} {time.time() - start:.0f} s  {entropy:.4f} {dice:.4f}  samples {pool.drawn}", flush=True)
        if time.time() - last > SAVE_EVERY_S:
            save()
            last = time.time()
        batch = pool.batch()
    save()
    print("end", step, flush=True)


if __name__ == "__main__":
    main()
