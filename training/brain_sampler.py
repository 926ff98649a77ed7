"""Scans from warped heads: random contrasts, CT-like ones, the real T1w and FLAIR, spoilt as clinics spoil them.

A sample is an image (128^3, 2 mm, float16, about 0..1) and its class map (uint8; IGNORE where the image was cut off,
so that nothing is learnt from brain that cannot be seen).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from training.brain_labels import LABELS, N_OUTSIDE
from training.brain_warps import EDGE, VOXEL_MM, spread

IGNORE = 255
CLASS_OF = {
    "cortex": 1,
    "hippocampus_amygdala": 1,
    "white": 2,
    "wmh": 2,
    "csf": 3,
    "ventricles": 4,
    "thalamus": 5,
    "caudate": 5,
    "putamen": 5,
    "pallidum": 5,
    "ventral_diencephalon": 5,
    "cerebellar_cortex": 6,
    "cerebellar_white": 6,
    "brainstem": 6,
}
GREY = ("cortex", "hippocampus_amygdala", "thalamus", "caudate", "putamen", "ventral_diencephalon", "cerebellar_cortex")
WHITE = ("white", "cerebellar_white", "brainstem")
FLUID = ("csf", "ventricles")
CT_WINDOW = (-20.0, 100.0)  # HU, mapped to 0..1
N_LABELS = 32
SLABS = 0.3  # of the cut fields of view
SLAB_MM = (30.0, 90.0)


def class_table() -> np.ndarray:
    table = np.zeros(256, np.uint8)
    for name, value in CLASS_OF.items():
        table[LABELS[name]] = value
    table[IGNORE] = IGNORE
    return table


@dataclass(frozen=True)
class Mix:
    """How often what is drawn; what is neither T1w, FLAIR nor CT-like has a random contrast."""

    t1w: float = 0.28
    flair: float = 0.34
    ct: float = 0.13
    stripped: float = 0.12
    defaced: float = 0.1
    cropped: float = 0.35
    thick: float = 0.5
    lesions: float = 0.2
    sharp: float = 0.3


TABLE = class_table()


def draw(copy: np.ndarray, rng: np.random.Generator, mix: Mix) -> tuple[np.ndarray, np.ndarray]:
    """An image and its classes from one warped head; of a head without T1w (`training.thick_heads`) its FLAIR."""
    label = copy[0]
    kind = rng.random()
    classes = TABLE[label]
    thick_flair = not copy[1].any()
    if thick_flair or kind < mix.t1w + mix.flair:
        is_flair = thick_flair or kind >= mix.t1w
        real = copy[2] if is_flair else copy[1]
        image = real.astype(np.float32) / 255
        if is_flair:
            classes = np.where((real == 0) & (classes > 0) & ~_seen(real), IGNORE, classes).astype(np.uint8)
        if rng.random() < 0.2:
            image = _recoloured(image, rng)
        elif rng.random() < mix.sharp:  # thin sulci and cortex as fine pixels show them
            image = np.maximum(image + rng.uniform(0.3, 1.5) * (image - ndimage.gaussian_filter(image, 1.0)), 0)
        ct = False
    else:
        ct = kind < mix.t1w + mix.flair + mix.ct
        means, deviations = _ct_levels(rng) if ct else _levels(rng)
        image = means[label]
        if rng.random() < 0.7:
            image *= 1 + spread(rng.standard_normal((int(rng.integers(8, 33)),) * 3).astype(np.float32)) * rng.uniform(
                0, 0.15
            )
        image += deviations[label] * rng.standard_normal(label.shape, dtype=np.float32)
        if ct:
            _add_holder(image, label, rng)
    if rng.random() < mix.lesions:
        _add_lesions(image, label, classes, rng)
    if not ct:
        image *= np.exp(
            spread(rng.standard_normal((int(rng.integers(2, 6)),) * 3).astype(np.float32)) * rng.uniform(0, 0.4)
        )
    if rng.random() < mix.stripped:
        _strip(image, classes, rng)
    elif rng.random() < mix.defaced:
        _deface(image, label, rng)
    image = _resolve(image, rng, not thick_flair and rng.random() < mix.thick)
    noise = rng.uniform(0, 0.06) * rng.random()
    image += noise * rng.standard_normal(image.shape, dtype=np.float32)
    np.abs(image, out=image)
    if rng.random() < mix.cropped:
        _crop(image, classes, rng)
    image = np.clip(image, 0, 1) if ct else normalised(image) ** np.float32(np.exp(rng.uniform(-0.5, 0.5)))
    if rng.random() < 0.5:
        image, classes = image[::-1], classes[::-1]
    return np.ascontiguousarray(image, np.float16), np.ascontiguousarray(classes)


def normalised(image: np.ndarray) -> np.ndarray:
    """0..1.2 from the 99th percentile of what is above nothing."""
    some = image[::3, ::3, ::3]
    some = some[some > 0.02 * some.max()]
    top = np.percentile(some, 99) if some.size else 1.0
    return np.clip(image / max(float(top), 1e-6), 0, 1.2)


def _seen(real: np.ndarray) -> np.ndarray:
    return np.asarray(ndimage.uniform_filter((real > 0).astype(np.float32), 7) > 0.2)


def _recoloured(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Grey levels sent through a random smooth curve that need not rise."""
    knots = rng.uniform(0, 1, 6)
    knots[0] = 0
    return np.interp(image, np.linspace(0, 1, 6) ** 1.5, knots).astype(np.float32)


def _levels(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    means = rng.uniform(0.03, 1, N_LABELS).astype(np.float32)
    for group in (GREY, WHITE, FLUID):
        if rng.random() < 0.8:
            base, jitter = rng.uniform(0.03, 1), rng.uniform(0, 0.08)
            for name in group:
                means[LABELS[name]] = base + jitter * rng.standard_normal()
    if rng.random() < 0.6:
        means[LABELS["skull_dark"]] = rng.uniform(0, 0.15)
    if rng.random() < 0.5:  # outside classes in the order that fat-bright images have
        first = LABELS["outside_first"]
        means[first : first + N_OUTSIDE] = np.sort(means[first : first + N_OUTSIDE])
        means[first] *= rng.random()
    if rng.random() < 0.4:  # orbits, neck and scalp as bright as the brain
        for value in range(LABELS["outside_first"], LABELS["outside_first"] + N_OUTSIDE):
            if rng.random() < 0.5:
                means[value] = means[LABELS[str(rng.choice(("cortex", "white")))]] + 0.05 * rng.standard_normal()
    means[0] = 0 if rng.random() < 0.8 else rng.uniform(0, 0.1)
    deviations = (rng.uniform(0, 0.08, N_LABELS) * rng.random()).astype(np.float32)
    deviations[LABELS["outside_first"] :] *= 3
    return np.maximum(means, 0), deviations


def _ct_levels(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    hu = np.zeros(N_LABELS)
    grey, white, fluid = rng.uniform(32, 42), rng.uniform(23, 33), rng.uniform(2, 15)
    for names, level in ((GREY, grey), (WHITE, white), (FLUID, fluid)):
        for name in names:
            hu[LABELS[name]] = level + 1.5 * rng.standard_normal()
    hu[LABELS["pallidum"]] = grey + rng.uniform(-2, 8)
    hu[LABELS["wmh"]] = white - rng.uniform(0, 12)
    hu[LABELS["skull_dark"]] = rng.uniform(300, 1500)
    hu[LABELS["skull_bright"]] = rng.uniform(80, 900)
    first = LABELS["outside_first"]
    hu[first] = rng.choice([-1000, 600])
    hu[first + 1] = rng.choice([-1000, 400, 30])
    hu[first + 2 : first + 4] = rng.uniform(20, 70, 2)
    hu[first + 4 : first + N_OUTSIDE] = rng.choice([-90, 50, 40], 2)
    hu[0] = -1000
    low, high = CT_WINDOW
    deviations = np.where(hu < -200, 0, rng.uniform(1, 12))
    deviations[LABELS["outside_first"] :] *= 2
    return np.clip((hu - low) / (high - low), 0, 1).astype(np.float32), (deviations / (high - low)).astype(np.float32)


def _add_holder(image: np.ndarray, label: np.ndarray, rng: np.random.Generator) -> None:
    """A curved plate behind the head."""
    if rng.random() < 0.5:
        x, y = np.mgrid[0:EDGE, 0:EDGE].astype(np.float32)
        radius, width = rng.uniform(45, 70), rng.uniform(1, 3)
        distance = np.hypot(x - EDGE / 2 + rng.uniform(-6, 6), y - EDGE * 0.55)
        plate = (np.abs(distance - radius) < width) & (y < EDGE * 0.5)
        air = (label == 0) & plate[:, :, None]
        image[air] = rng.uniform(0.3, 1)


def _add_lesions(image: np.ndarray, label: np.ndarray, classes: np.ndarray, rng: np.random.Generator) -> None:
    """Blobs of any grey level within the brain; the classes stay what they were."""
    tissue = np.flatnonzero(((classes == 1) | (classes == 2) | (classes == 5) | (classes == 6)).ravel())
    if not tissue.size:
        return
    for _ in range(int(rng.integers(1, 5))):
        centre = np.array(np.unravel_index(rng.choice(tissue), label.shape))
        radius = rng.uniform(2, 16)
        low = np.maximum(centre - int(1.6 * radius) - 1, 0)
        high = np.minimum(centre + int(1.6 * radius) + 2, EDGE)
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        axes = np.meshgrid(*[np.arange(a, b, dtype=np.float32) for a, b in zip(low, high, strict=True)], indexing="ij")
        squares = sum(((axes[k] - centre[k]) / (radius * rng.uniform(0.6, 1.4))) ** 2 for k in range(3))
        wobble = ndimage.zoom(rng.standard_normal((5, 5, 5)).astype(np.float32), np.array(squares.shape) / 5, order=1)
        inside = (squares + 0.35 * wobble < 1) & np.isin(label[box], (1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14))
        level = rng.uniform(0, 1) * (1.2 if rng.random() < 0.5 else 0.5)
        part = image[box]
        part[inside] = part[inside] * 0.2 + 0.8 * level


def _strip(image: np.ndarray, classes: np.ndarray, rng: np.random.Generator) -> None:
    """The image as a brain extraction leaves it: tight, or with the fluid, a little too small or too large."""
    inside = (classes > 0) & (classes != IGNORE)
    if rng.random() < 0.5:
        inside &= classes != 3
        inside = ndimage.binary_closing(inside, iterations=int(rng.integers(1, 5)))
    steps = int(rng.integers(-1, 3))
    if steps > 0:
        inside = ndimage.binary_dilation(inside, iterations=steps)
    elif steps < 0:
        inside = ndimage.binary_erosion(inside)
    image[~inside] = 0
    # fluid that was cut away cannot be seen
    classes[(~inside) & (classes == 3)] = IGNORE


def _deface(image: np.ndarray, label: np.ndarray, rng: np.random.Generator) -> None:
    """Everything in front of a plane below the brow is blanked."""
    inside = (label > 0) & (label < 20)
    where = np.flatnonzero(inside.any((0, 2)))
    front = where[-1] if where.size else EDGE
    rows = np.flatnonzero(inside.any((0, 1)))
    bottom = rows[0] + 0.3 * (rows[-1] - rows[0]) if rows.size else 0
    y, z = np.mgrid[0:EDGE, 0:EDGE].astype(np.float32)
    slope = rng.uniform(0.5, 1.5)
    cut = (y - front - rng.uniform(-12, 4)) - slope * (z - bottom) > 0
    keep = ~(cut[None] & ~ndimage.binary_dilation(inside, iterations=2))
    image *= keep


def _resolve(image: np.ndarray, rng: np.random.Generator, thick: bool) -> np.ndarray:
    """Blurred a little on every axis; on one axis averaged over thick slices and interpolated back."""
    slow = int(rng.choice(3, p=(0.15, 0.2, 0.65))) if thick else -1
    for axis in range(3):
        if axis == slow:
            matrix = slices(rng)
        else:
            matrix = blur(rng.uniform(0.25, 0.9) if rng.random() < 0.8 else rng.uniform(0.9, 1.6))
        image = np.moveaxis(np.tensordot(image, matrix, axes=(axis, 1)), -1, axis)
    return np.ascontiguousarray(image)


def blur(sigma: float) -> np.ndarray:
    position = np.arange(EDGE, dtype=np.float32)
    matrix = np.exp(-0.5 * ((position[:, None] - position) / sigma) ** 2)
    return (matrix / matrix.sum(1, keepdims=True)).astype(np.float32)


def slices(rng: np.random.Generator) -> np.ndarray:
    """(EDGE, EDGE): what a voxel holds after averaging over slices of 3 to 8 mm and linear interpolation between.

    The slice's profile is between a Gaussian (power 2) and a box (power 10).
    """
    thickness = (rng.uniform(5, 8) if rng.random() < 0.6 else rng.uniform(3, 5)) / VOXEL_MM
    step = thickness * rng.uniform(1, 1.25)
    centres = np.arange(rng.uniform(0, step), EDGE, step)
    away = np.abs(np.arange(EDGE) - centres[:, None]) / (thickness / 2)
    cover = np.exp(-np.log(2) * away ** rng.uniform(2, 10))
    cover /= cover.sum(1, keepdims=True)
    back = np.stack([np.interp(np.arange(EDGE), centres, row) for row in np.eye(len(centres))], 1)
    return (back @ cover).astype(np.float32)


def _crop(image: np.ndarray, classes: np.ndarray, rng: np.random.Generator) -> None:
    """A field of view that ends within the head, or a slab of it as vessel-wall MRI and SWI take it."""
    if rng.random() < SLABS:
        axis = int(rng.choice(3, p=(0.1, 0.3, 0.6)))
        where = np.flatnonzero((classes > 0).any(tuple({0, 1, 2} - {axis})))
        thickness = round(rng.uniform(*SLAB_MM) / VOXEL_MM)
        if where.size > thickness:
            start = int(rng.integers(where[0], where[-1] - thickness + 1))
            for cut in (slice(0, start), slice(start + thickness, None)):
                np.moveaxis(image, axis, 0)[cut] = 0
                part = np.moveaxis(classes, axis, 0)[cut]
                part[part > 0] = IGNORE
        return
    for axis in (2, 2, int(rng.integers(0, 3))):
        if rng.random() < 0.5:
            image, classes = np.moveaxis(image, axis, 0), np.moveaxis(classes, axis, 0)
            where = np.flatnonzero((classes > 0).any((1, 2)))
            if where.size > 20:
                length = int(where.size * rng.uniform(0.02, 0.45 if axis == 2 else 0.2))
                top = rng.random() < (0.4 if axis == 2 else 0.5)  # more end above the skull base than below the vertex
                cut = slice(where[-1] - length, None) if top else slice(0, where[0] + length)
                image[cut] = 0
                part = classes[cut]
                part[part > 0] = IGNORE
            image, classes = np.moveaxis(image, 0, axis), np.moveaxis(classes, 0, axis)


def endless(folder: Path, seed: int, mix: Mix, subjects: tuple[str, ...]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Samples without end; new copies in the folder are found as they come."""
    rng = np.random.default_rng(seed)
    while True:
        paths = [
            p
            for p in sorted(folder.glob("*.npy"))
            if ".part" not in p.name and (not subjects or p.name.split("_")[0] in subjects)
        ]
        for _ in range(50):
            yield draw(np.load(paths[int(rng.integers(len(paths)))]), rng, mix)
