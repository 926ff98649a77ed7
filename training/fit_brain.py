"""Fit the two brain networks: one on the whole field at 4 mm, one on parts of it at 2 mm that sees what the first said.

    python -m training.fit_brain --warps FOLDER --state FOLDER --minutes 60

The state (weights, running mean of the weights, the optimiser) is saved every few minutes; the same command goes on
from it. Without a state, --start takes the weights of exported networks. The log says step, loss and samples.
"""

from __future__ import annotations

import argparse
import multiprocessing as mp
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np

from training.brain_sampler import Mix, endless
from training.brain_shape import CLASSES
from training.brain_shape import EDGE as PART_EDGE
from training.brain_warps import EDGE
from training.export_brain import exported_step, exported_weights

PARTS = 2
MEAN_DECAY = 0.995
SAVE_EVERY_S = 180
WARM_UP_STEPS = 50


def _feed(queue: mp.Queue, folder: Path, seed: int, mix: Mix, subjects: tuple[str, ...]) -> None:
    """Samples and the first voxels of their parts, into the queue."""
    rng = np.random.default_rng(seed + 1)
    for image, classes in endless(folder, seed, mix, subjects):
        inside = np.argwhere((classes[::4, ::4, ::4] > 0) & (classes[::4, ::4, ::4] != 255)) * 4
        corners = []
        for _ in range(PARTS):
            centre = inside[rng.integers(len(inside))] if len(inside) else np.full(3, 64)
            corner = np.clip(centre - PART_EDGE // 2 + rng.integers(-24, 25, 3), 0, EDGE - PART_EDGE)
            corners.append(corner // 2 * 2)
        queue.put((image, classes, np.array(corners, np.int32)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--warps", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="a folder of exported networks to start from")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--final-rate", type=float, help="the rate falls to this by the end of the minutes")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--samplers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--subjects", nargs="*", default=[])
    parser.add_argument("--mix", nargs="*", default=[], help="name=value of brain_sampler.Mix")
    arguments = parser.parse_args()
    arguments.state.mkdir(parents=True, exist_ok=True)
    mix = Mix(**{name: float(value) for name, value in (pair.split("=") for pair in arguments.mix)})
    saved = arguments.state / "state.npz"
    first = step = int(np.load(saved)["step"]) if saved.exists() else exported_step(arguments.start)
    context = mp.get_context("spawn")
    queue = context.Queue(maxsize=6)
    for number in range(arguments.samplers):
        seed = arguments.seed + 1000 * number + step
        feed = (queue, arguments.warps, seed, mix, tuple(arguments.subjects))
        context.Process(target=_feed, args=feed, daemon=True).start()

    import tensorflow as tf

    from training.brain_network import unet

    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    tf.keras.utils.set_random_seed(arguments.seed)
    whole = unet("whole")
    part = unet("part")
    weights = whole.trainable_variables + part.trainable_variables
    optimiser = tf.keras.optimizers.Adam(arguments.rate)
    optimiser.build(weights)
    means = [tf.Variable(w, trainable=False) for w in weights]
    if saved.exists():
        with np.load(saved) as file:
            for k, variable in enumerate(weights):
                variable.assign(file[f"weight{k}"])
                means[k].assign(file[f"mean{k}"])
            for k, variable in enumerate(optimiser.variables):
                if variable.shape == file[f"slot{k}"].shape:
                    variable.assign(file[f"slot{k}"])
    elif arguments.start:
        for net in (whole, part):
            values = exported_weights(arguments.start / f"{net.name}.onnx")
            for variable in net.trainable_variables:
                variable.assign(values[variable.path].reshape(variable.shape))
        for mean, variable in zip(means, weights, strict=True):
            mean.assign(variable)
    print(
        "parameters",
        whole.count_params(),
        part.count_params(),
        "from step",
        step,
        "seed",
        arguments.seed,
        mix,
        flush=True,
    )

    def loss_of(logits: tf.Tensor, truth: tf.Tensor, seen: tf.Tensor) -> tf.Tensor:
        """Cross entropy and 1 - Dice of the classes that are there; truth sums to 1 where seen is 1."""
        share = tf.nn.softmax(logits) * seen
        entropy = tf.nn.softmax_cross_entropy_with_logits(truth, logits) * seen[..., 0]
        axes = [0, 1, 2, 3]
        both, either = tf.reduce_sum(share * truth, axes), tf.reduce_sum(share + truth, axes)
        dice = (2 * both + 20) / (either + 20)
        inside = 1 - share[..., :1]
        real = 1 - truth[..., :1]
        real *= seen
        inside *= seen
        skull = (2 * tf.reduce_sum(inside * real) + 20) / (tf.reduce_sum(inside + real) + 20)
        return tf.reduce_sum(entropy) / tf.reduce_sum(seen) + 1 - tf.reduce_mean(dice) + 1 - skull

    def truth_of(classes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """One-hot classes, nothing where they are to be ignored, and where they are not."""
        edge = PART_EDGE
        truth = tf.ensure_shape(tf.one_hot(classes, CLASSES)[None], (1, edge, edge, edge, CLASSES))
        return truth, tf.reduce_sum(truth, -1, keepdims=True)

    @tf.function
    def train(image: tf.Tensor, classes: tf.Tensor, corners: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image = tf.cast(image, tf.float32)[None, ..., None]
        # of every block of 2 x 2 x 2 one voxel, at random, stands for the block: on average its mixture of classes
        at = tf.random.uniform((3,), 0, 2, tf.int32)
        small_truth, small_seen = truth_of(classes[at[0] :: 2, at[1] :: 2, at[2] :: 2])
        edge = PART_EDGE
        boxes = [tuple(slice(corners[k, axis], corners[k, axis] + edge) for axis in range(3)) for k in range(PARTS)]
        truths, seens = zip(*(truth_of(classes[box]) for box in boxes), strict=True)
        with tf.GradientTape() as tape:
            first = whole(tf.nn.avg_pool3d(image, 2, 2, "VALID"), training=True)
            loss_whole = loss_of(first, small_truth, small_seen)
            doubt = tf.random.normal((1, 8, 8, 8, CLASSES)) * tf.random.uniform((), 0, 1.5)
            doubt = tf.repeat(tf.repeat(tf.repeat(doubt, 8, 1), 8, 2), 8, 3)
            said = tf.nn.softmax(tf.stop_gradient(first) + doubt)
            pictures = []
            for k in range(PARTS):
                a, b, c = corners[k, 0], corners[k, 1], corners[k, 2]
                cut = said[:, a // 2 : a // 2 + edge // 2, b // 2 : b // 2 + edge // 2, c // 2 : c // 2 + edge // 2]
                cut = tf.repeat(tf.repeat(tf.repeat(cut, 2, 1), 2, 2), 2, 3)
                picture = tf.concat([image[(slice(None), *boxes[k])], cut], -1)
                pictures.append(tf.ensure_shape(picture, (1, edge, edge, edge, 1 + CLASSES)))
            second = part(tf.concat(pictures, 0), training=True)
            loss_part = loss_of(second, tf.concat(truths, 0), tf.concat(seens, 0))
            total = loss_whole + loss_part
        gradients = tape.gradient(total, weights)
        gradients, _ = tf.clip_by_global_norm(gradients, 5.0)
        optimiser.apply_gradients(zip(gradients, weights, strict=True))
        return loss_whole, loss_part

    @tf.function
    def average(decay: tf.Tensor) -> None:
        for mean, weight in zip(means, weights, strict=True):
            mean.assign(decay * mean + (1 - decay) * weight)

    def save() -> None:
        values = {f"weight{k}": w.numpy() for k, w in enumerate(weights)}
        values |= {f"mean{k}": w.numpy() for k, w in enumerate(means)}
        values |= {f"slot{k}": np.asarray(w) for k, w in enumerate(optimiser.variables)}
        names = np.array([w.path for w in weights])
        np.savez(arguments.state / "new.npz", step=step, names=names, **values)
        (arguments.state / "new.npz").replace(saved)

    start = last = time.time()
    end = start + 60 * arguments.minutes
    losses: list[tuple[float, float]] = []
    while time.time() < end:
        image, classes, corners = queue.get()
        done = (time.time() - start) / (end - start) if arguments.final_rate else 0.0
        rate = arguments.rate * ((arguments.final_rate or arguments.rate) / arguments.rate) ** done
        optimiser.learning_rate.assign(rate * min(1.0, (step - first + 1) / WARM_UP_STEPS))
        pair = train(image, classes, corners)
        losses.append((float(pair[0]), float(pair[1])))
        step += 1
        average(tf.constant(min(MEAN_DECAY, step / (step + 10)), tf.float32))
        if step % 50 == 0:
            whole_loss, part_loss = np.mean(losses[-50:], 0)
            print(
                f"{step} {time.time() - start:.0f} s  {whole_loss:.4f} {part_loss:.4f}  waiting {queue.qsize()}",
                flush=True,
            )
        if time.time() - last > SAVE_EVERY_S:
            save()
            last = time.time()
    save()
    print("end", step, flush=True)


if __name__ == "__main__":
    main()
