"""Warped copies of the labelled heads, made once: the trainer draws contrasts on them as it goes.

Every copy is one `.npy` of (3, 128, 128, 128) uint8 at 2 mm: label, T1w, FLAIR, moved by a random affine and elastic
map. Every fourth copy is moved only a little, so that real grey levels are seen as sharp as they are.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy import ndimage

from training.brain_labels import LABELS

EDGE = 128
VOXEL_MM = 2.0
MAX_TURN_DEG = 25.0
MAX_STRETCH = 0.15
MAX_SHIFT_MM = 24.0
KNOTS = (5, 10)  # control points on each axis of the two elastic fields
ELASTIC_MM = (7.0, 2.5)  # standard deviation of their displacements
PUSH_MM = (-1.5, 4.0)  # the ventricles' wall is moved so far, inwards positive: most heads here are atrophied
PUSH_REACH_MM = 8.0
PUSH_SMOOTH = 1.5  # voxels


def rising(size: int, knots: int) -> np.ndarray:
    """(size, knots) weights of linear interpolation from knots to voxels."""
    position = np.linspace(0, knots - 1, size)
    return np.clip(1 - np.abs(position[:, None] - np.arange(knots)), 0, 1).astype(np.float32)


def spread(coarse: np.ndarray, edge: int = EDGE) -> np.ndarray:
    """A coarse cube, interpolated to edge^3, slightly smooth."""
    for _ in range(3):
        weights = rising(edge, coarse.shape[0])
        coarse = np.tensordot(coarse, weights, axes=(0, 1))
    return coarse


def rotation(angles_deg: np.ndarray) -> np.ndarray:
    a, b, c = np.deg2rad(angles_deg)
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return x @ y @ z


def _pushed(label: np.ndarray, points: np.ndarray, push_mm: float) -> np.ndarray:
    """What to add to the points to sample, so that the ventricles become smaller (positive) or larger."""
    inside = label == LABELS["ventricles"]
    distance = ndimage.distance_transform_edt(~inside) - ndimage.distance_transform_edt(inside)
    distance = ndimage.gaussian_filter(distance.astype(np.float32), PUSH_SMOOTH)
    strength = push_mm / VOXEL_MM * np.exp(-((VOXEL_MM * distance / PUSH_REACH_MM) ** 2))
    return np.stack(
        [ndimage.map_coordinates(strength * slope, points, order=1, mode="nearest") for slope in np.gradient(distance)]
    ).astype(np.float32)


def warp(head: dict[str, np.ndarray], rng: np.random.Generator, small: bool) -> np.ndarray:
    """(3, EDGE, EDGE, EDGE) uint8 of one random copy."""
    label = head["label"]
    inside = (label > 0) & (label < 20)
    centre = np.array(ndimage.center_of_mass(inside))
    part = 0.2 if small else 1.0
    angles = rng.uniform(-1, 1, 3) * MAX_TURN_DEG * part
    stretch = np.exp(rng.uniform(-1, 1, 3) * MAX_STRETCH * 0.6 * part + rng.uniform(-1, 1) * MAX_STRETCH * part)
    matrix = rotation(angles) @ np.diag(stretch)
    shift = rng.uniform(-1, 1, 3) * MAX_SHIFT_MM / VOXEL_MM
    grid = np.stack(np.meshgrid(*[np.arange(EDGE, dtype=np.float32)] * 3, indexing="ij"))
    grid -= (EDGE - 1) / 2 + shift[:, None, None, None].astype(np.float32)
    points = np.tensordot(matrix.astype(np.float32), grid, axes=1) + centre[:, None, None, None].astype(np.float32)
    if not small:
        for knots, deviation in zip(KNOTS, ELASTIC_MM, strict=True):
            strength = deviation / VOXEL_MM * rng.uniform(0, 1)
            for axis in range(3):
                coarse = rng.standard_normal((knots,) * 3).astype(np.float32) * strength
                points[axis] += spread(coarse)
    points += _pushed(label, points, rng.uniform(*PUSH_MM) * rng.random() ** 0.5)
    out = np.empty((3, EDGE, EDGE, EDGE), np.uint8)
    out[0] = ndimage.map_coordinates(label, points, order=0, mode="constant")
    out[1] = ndimage.map_coordinates(head["t1w"], points, order=1, mode="constant")
    out[2] = ndimage.map_coordinates(head["flair"], points, order=1, mode="constant")
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("heads", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--copies", type=int, default=60)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--subjects", nargs="*", default=[])
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    paths = sorted(arguments.heads.glob("*.npz"))
    if arguments.subjects:
        paths = [path for path in paths if path.stem in arguments.subjects]
    for copy in range(arguments.first, arguments.first + arguments.copies):
        for number, path in enumerate(paths):
            target = arguments.out / f"{path.stem}_{copy:03d}.npy"
            if not target.exists():
                with np.load(path) as file:
                    head = {name: file[name] for name in file.files}
                seed = [arguments.seed, copy, int(path.stem.split("-")[-1]) if "-" in path.stem else number]
                partial = target.with_suffix(".part.npy")
                np.save(partial, warp(head, np.random.default_rng(seed), small=copy % 4 == 0))
                partial.rename(target)
        print(copy, flush=True)


if __name__ == "__main__":
    main()
