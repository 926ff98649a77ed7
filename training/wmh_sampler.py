"""Slices to fit the WMH network on: real and digital ones, spoilt as clinics spoil them, with lesions drawn in.

A sample is what the network is shown (96 x 96 pixels, 10 channels), the class fractions and a weight per pixel.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy import ndimage

from angiolith.small_vessel.wmh.shown import FAR_MM, MAPS, NEIGHBOUR_MM, OTHERS, OTHERS_RANGE, OUTSIDE, RANGE

EDGE = 96
SHARES = {"older_adults": 0.32, "ms_thick": 0.2, "ms_patient": 0.26, "digital": 0.22}  # of the samples, by set
LESION_SLICES = 0.55  # of the samples are drawn from slices with WMH
THICK = 0.5  # of the samples from thin slices are averaged to thicker ones
THICKNESS_MM = 6.0  # at most
INFARCTS = 0.2  # of the samples
FADED = 0.35  # of the slices with WMH
SOFT_MM = (2.0, 5.0)  # smoothing (SD) of what is faded: terminal zones and tracts have no edge
SOFT_PEAK = 0.5  # at most, above white matter, of what is faded; on low_load terminal zones reach it
RIM_WEIGHT = 3.0  # of pixels that a reader drew as normal rim
AWAY, DEPTH, WHITE, GREY, LOW = (3 + MAPS.index(name) for name in MAPS)
T1W, T2W = (3 + len(MAPS) + OTHERS.index(name) for name in OTHERS)
CHANNELS = 3 + len(MAPS) + len(OTHERS)
NO_T1W, NO_T2W = 0.35, 0.5  # of the samples from scans that have one
DARK_T1W, BRIGHT_T2W = (0.1, 0.6), (0.25, 0.8)  # what WMH are drawn with, of the contrast of white matter to fluid


@dataclass(frozen=True)
class Source:
    """A scan made ready (training.wmh_scans): grey values, maps, truth and rim as fractions, slices with WMH."""

    name: str
    flair: np.ndarray
    maps: np.ndarray
    others: np.ndarray
    truth: np.ndarray
    rim: np.ndarray
    doubt: np.ndarray
    brain: np.ndarray
    step_mm: float
    lesion_slices: np.ndarray
    slices: np.ndarray


def read_sources(folder: Path, leave_out: Sequence[str]) -> list[Source]:
    """The scans of a folder whose names start with none of `leave_out`."""
    sources = []
    for path in sorted(folder.glob("*.npz")):
        if path.name.startswith(tuple(leave_out)) or "part" in path.name:
            continue
        with np.load(path) as file:
            held = {name: file[name] for name in file.files}
        area = (held["truth"] > 127).sum((0, 1))
        sources.append(
            Source(
                path.stem,
                held["flair"],
                held["maps"],
                held["others"],
                held["truth"],
                held["rim"],
                held.get("doubt", np.zeros(held["rim"].shape, bool)),
                held["brain"],
                float(held["step_mm"]),
                np.flatnonzero(area > 4),
                np.flatnonzero(held["brain"].sum((0, 1)) > 400),
            )
        )
    return sources


def endless(sources: Sequence[Source], seed: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Samples without end."""
    rng = np.random.default_rng(seed)
    groups = [[s for s in sources if s.name.startswith(prefix)] for prefix in SHARES]
    odds = np.array([share * bool(group) for share, group in zip(SHARES.values(), groups, strict=True)])
    while True:
        group = groups[int(rng.choice(len(groups), p=odds / odds.sum()))]
        yield draw(group[int(rng.integers(len(group)))], rng)


def draw(source: Source, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One sample: image (96, 96, 10), class fractions (96, 96, 3), weights (96, 96)."""
    pool = source.lesion_slices if len(source.lesion_slices) and rng.random() < LESION_SLICES else source.slices
    number = int(pool[int(rng.integers(len(pool)))])
    stack = slab(source, number, rng)
    stack = turned(stack, rng)
    image, (wmh, rim, inside, doubtful) = stack[:CHANNELS], stack[CHANNELS:]
    wmh, rim, brain, doubt = wmh / 255, rim / 255, inside > 0.5, doubtful > 0.3
    make_t2w(image, wmh, rng)
    drop_others(image, rng)
    image[:3] = np.where(image[:3] < OUTSIDE + 0.02, OUTSIDE, image[:3])
    texture(image, FAR_MM * image[AWAY], wmh, rng)
    wmh = drawn_lesions(image, wmh, brain, rng)
    wmh = faded(image, wmh, rng)
    contrast = rng.uniform(0.6, 1.4) if rng.random() < 0.4 else 1.0
    image[:3] *= 1 + (contrast - 1) * wmh * (image[:3] > 0)
    infarct = drawn_infarct(image, brain, rng) if rng.random() < INFARCTS else np.zeros_like(wmh)
    wmh = np.where(infarct > 0, 0, wmh)
    spoil(image, brain, rng)
    classes = np.stack([1 - wmh - infarct, wmh, infarct], -1)
    weight = np.where(rim > 0.5, RIM_WEIGHT, 1.0) * np.where(brain, 1.0, 0.2) * ~(doubt & (infarct == 0))
    return np.moveaxis(image, 0, -1).astype(np.float32), classes.astype(np.float32), weight.astype(np.float32)


def slab(source: Source, number: int, rng: np.random.Generator) -> np.ndarray:
    """(14, x, y): the slice, below, above, maps, T1w, T2w, truth, rim, brain, doubt; of thin slices a mean."""
    count = 1
    if source.step_mm < 3.5 and rng.random() < THICK:
        count = max(1, round(float(rng.uniform(source.step_mm, THICKNESS_MM)) / source.step_mm))
    last = source.flair.shape[2] - 1

    def mean(volume: np.ndarray, first: int) -> np.ndarray:
        start = min(max(first, 0), max(last + 1 - count, 0))
        return np.asarray(volume[..., start : start + count].mean(-1, dtype=np.float32))

    first = number - count // 2
    apart = max(count, round(NEIGHBOUR_MM / source.step_mm), 1)
    grey = [mean(source.flair, first + k) for k in (0, -apart, apart)]
    rest = [mean(volume, first) for volume in (source.truth, source.rim, source.brain, source.doubt)]
    return np.concatenate([np.stack(grey), mean(source.maps, first), mean(source.others, first), np.stack(rest)])


def turned(stack: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rotated, scaled, mirrored; cut to EDGE about a point of the brain."""
    angle, scale = rng.normal(0, 0.12), float(np.exp(rng.uniform(-0.2, 0.2)))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / scale
    turn = turn @ np.array([[1.0, rng.normal(0, 0.04)], [0.0, 1.0]])
    if rng.random() < 0.5:
        turn = turn @ np.diag([-1.0, 1.0])
    inside = np.argwhere(stack[-2, ::4, ::4] > 0.5) * 4
    middle = np.array(stack.shape[1:]) / 2
    centre = 0.5 * (inside[rng.integers(len(inside))] + middle) if len(inside) else middle
    grid = np.indices((EDGE, EDGE)) - (EDGE - 1) / 2
    at = np.tensordot(turn, grid, 1) + centre[:, None, None]
    fill = [OUTSIDE] * 3 + [0.0] * (len(stack) - 3)
    return np.stack(
        [ndimage.map_coordinates(s, at, np.float32, order=1, cval=c) for s, c in zip(stack, fill, strict=True)]
    )


def make_t2w(image: np.ndarray, wmh: np.ndarray, rng: np.random.Generator) -> None:
    """A T2w made of the T1w where the scan has none: the same tissues the other way round, WMH brighter still."""
    if image[T1W].any() and not image[T2W].any():
        bright = np.float32(rng.uniform(0.15, 0.5)) * wmh
        image[T2W] = np.clip(bright - np.float32(rng.uniform(0.7, 1.1)) * image[T1W], *OTHERS_RANGE)


def drop_others(image: np.ndarray, rng: np.random.Generator) -> None:
    """T1w, T2w or both are taken away, as many sessions lack them; or moved a little against the FLAIR."""
    for channel, fraction in ((T1W, NO_T1W), (T2W, NO_T2W)):
        if rng.random() < fraction:
            image[channel] = 0
        elif rng.random() < 0.4:
            image[channel] = ndimage.shift(image[channel], rng.normal(0, 0.6, 2), order=1, mode="nearest")


def show_in_others(image: np.ndarray, fraction: np.ndarray, t1w: float, t2w: float) -> None:
    """Tissue of these levels (white matter 0, fluid -1 on T1w and 1 on T2w) put into the T1w and T2w that are there."""
    for channel, level in ((T1W, t1w), (T2W, t2w)):
        if image[channel].any():
            image[channel] += fraction * (level - image[channel])


@lru_cache(maxsize=64)
def _noises(scale: float) -> np.ndarray:
    """A random field (4 EDGE, 4 EDGE) of SD 1 and this Gaussian width, of which `noise` shows parts."""
    rng = np.random.default_rng(round(1000 * scale))
    step = max(1, int(scale // 2))
    coarse = rng.standard_normal((4 * EDGE // step + 2,) * 2, dtype=np.float32)
    field = ndimage.gaussian_filter(coarse, scale / step, mode="wrap")
    field = ndimage.zoom(field, step, order=1)[: 4 * EDGE, : 4 * EDGE] if step > 1 else field[: 4 * EDGE, : 4 * EDGE]
    return np.asarray(field / field.std())


def noise(rng: np.random.Generator, sigma: float) -> np.ndarray:
    """A random field (EDGE, EDGE) of SD 1: a part, turned at random, of a wide one of about this width (pixels)."""
    field = _noises(float(np.round(sigma, 1 if sigma < 1 else 0 if sigma < 8 else -1) or 0.1))
    x, y = rng.integers(0, 3 * EDGE, 2)
    part = np.rot90(field[x : x + EDGE, y : y + EDGE], int(rng.integers(4)))
    return part * np.float32(1 - 2 * rng.integers(2))


def texture(image: np.ndarray, away: np.ndarray, wmh: np.ndarray, rng: np.random.Generator) -> None:
    """What is bright in everyone and no lesion: bands and mottle of white matter, grey matter, plexus, a thin rim."""
    solid = image[:3] > -0.5
    if rng.random() < 0.5:
        bands = np.clip(noise(rng, float(rng.uniform(4, 14))) - 0.8, 0, 1.2)
        image[:3] += np.float32(rng.uniform(0, 0.35)) * bands * image[WHITE]
        tint_others(image, bands * image[WHITE], rng)
    if rng.random() < 0.3:  # terminal zones
        near = np.exp(-(((away - np.float32(rng.uniform(2, 10))) / np.float32(rng.uniform(3, 7))) ** 2))
        zones = near * np.clip(noise(rng, float(rng.uniform(6, 14))), 0, 1.5) * image[WHITE]
        image[:3] += np.float32(rng.uniform(0.1, 0.4)) * zones
        tint_others(image, zones, rng)
    if rng.random() < 0.35:
        image[:3] += np.float32(rng.uniform(0, 0.06)) * noise(rng, float(rng.uniform(1.5, 6))) * image[WHITE]
    if rng.random() < 0.5:
        brighter = np.float32(rng.uniform(-0.1, 0.45)) + np.float32(rng.uniform(0, 0.15)) * noise(rng, 8.0)
        image[:3] += solid * brighter * image[GREY] * (1 - wmh)
    if rng.random() < 0.2:  # bright limbic cortex that the tissue map takes for white matter
        part = (noise(rng, float(rng.uniform(6, 10))) > 0.8) * image[GREY] * (1 - wmh)
        image[WHITE] += part
        image[GREY] -= part
        image[:3] += solid * np.float32(rng.uniform(0.1, 0.5)) * part
    if rng.random() < 0.3:
        lumps = np.clip(noise(rng, float(rng.uniform(1.5, 4))) - 1, 0, 1) * (away < 0.5)
        image[:3] += np.float32(rng.uniform(0.5, 2.0)) * lumps
    if rng.random() < 0.25:
        rim = np.exp(-away / np.float32(rng.uniform(0.5, 1.5))) * (away > 0.3) * (1 - wmh)
        image[:3] += np.float32(rng.uniform(0, 0.4)) * rim * solid


def tint_others(image: np.ndarray, field: np.ndarray, rng: np.random.Generator) -> None:
    """What tracts and terminal zones are on T1w and T2w: hardly darker, hardly brighter."""
    for channel, most in ((T1W, -0.12), (T2W, 0.2)):
        if image[channel].any():
            image[channel] += np.float32(most * rng.random()) * field


def faded(image: np.ndarray, wmh: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """In some slices WMH become what tracts and terminal zones are in everyone: soft, fainter, and none any more.

    Else the network learns where lesions lie, not that they are bright and have an edge.
    """
    core = wmh > 0.5
    if not core.any() or rng.random() > FADED:
        return wmh
    height = max(float(image[0][core].mean()), 1e-3)
    taken_off = np.clip(1.5 * ndimage.maximum_filter(wmh, 3), 0, 1) * (image[:3] > 0)
    image[:3] *= 1 - (1 - min(0.1 / height, 0.6)) * taken_off
    soft = ndimage.gaussian_filter(wmh, float(rng.uniform(*SOFT_MM)))
    soft *= np.float32(rng.uniform(0, SOFT_PEAK)) / max(float(soft.max()), 1e-3)
    image[:3] += soft * (image[:3] > -0.5)
    show_in_others(image, taken_off[0], float(rng.uniform(-0.05, 0.0)), float(rng.uniform(0.0, 0.1)))
    tint_others(image, soft, rng)
    return np.zeros_like(wmh)


def drawn_lesions(image: np.ndarray, wmh: np.ndarray, brain: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """WMH of random form and contrast drawn into a third of the slices; the new fractions are returned."""
    if rng.random() > 0.33:
        return wmh
    white = (image[WHITE] > 0.6) & brain
    away = FAR_MM * image[AWAY]
    fine, middle = noise(rng, 2.0), noise(rng, float(rng.uniform(3, 8)))
    if rng.random() < 0.4:
        width = float(np.exp(rng.uniform(np.log(1.5), np.log(11))))
        lesion = white & (away + width * (0.35 * middle + 0.2 * fine) < width)
    else:
        lesion = white & (middle + float(rng.uniform(0, 0.6)) * fine > float(rng.uniform(1.3, 2.8))) & (away > 2)
    share = ndimage.gaussian_filter(lesion.astype(np.float32), float(rng.uniform(0.5, 1.3)))
    level = float(np.exp(rng.uniform(np.log(0.3), np.log(1.1)))) * np.clip(1 + 0.2 * noise(rng, 5.0), 0.5, 1.5)
    image[0] = np.maximum(image[0], image[0] * (1 - share) + share * (level + 0.6 * image[0]))
    show_in_others(image, share * brain, -float(rng.uniform(*DARK_T1W)), float(rng.uniform(*BRIGHT_T2W)))
    for k in (1, 2):
        part = share * np.float32(rng.uniform(0, 1)) * (image[k] > -0.5)
        image[k] = np.maximum(image[k], image[k] * (1 - part) + part * level)
    return np.maximum(wmh, share * brain)


def drawn_infarct(image: np.ndarray, brain: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An old or recent infarct that reaches the cortex: bright, mostly with a cavity of fluid. Its mask."""
    away, depth = FAR_MM * image[AWAY], FAR_MM * image[DEPTH]
    places = np.argwhere(brain & (depth < 14) & (image[LOW] < 0.3))
    if not len(places):
        return np.zeros(brain.shape, np.float32)
    centre = places[rng.integers(len(places))]
    radii = rng.uniform(8, 32, 2)
    offset = np.indices(brain.shape) - centre[:, None, None]
    form = (
        np.sqrt((offset[0] / radii[0]) ** 2 + (offset[1] / radii[1]) ** 2)
        + 0.18 * noise(rng, 7.0)
        + 0.08 * noise(rng, 2.5)
    )
    mask = (form < 1) & brain & (away > 1.5)
    hollow = float(rng.uniform(0.4, 0.95)) if rng.random() < 0.75 else 0.0
    bright = float(rng.uniform(0.25, 1.1)) + 0.15 * noise(rng, 5.0)
    fluid = float(rng.uniform(-1.1, -0.6)) + 0.05 * noise(rng, 3.0)
    lesion, cavity_part = (np.clip((edge - form) * radii.min() / 2, 0, 1) * mask for edge in (1.0, hollow))
    show_in_others(image, lesion, -float(rng.uniform(0.3, 0.8)), float(rng.uniform(0.4, 0.9)))
    show_in_others(image, cavity_part, -1.0, 1.0)
    for k in range(3):
        grown = form + (0 if k == 0 else float(rng.uniform(-0.15, 0.35)))
        edge = np.clip((1 - grown) * radii.min() / 2, 0, 1) * ((away > 1.5) & (image[k] > OUTSIDE))
        image[k] = image[k] * (1 - edge) + edge * bright
        cavity = (
            np.clip((hollow - grown) * radii.min() / 2, 0, 1) * ((away > 1.5) & (image[k] > OUTSIDE)) if hollow else 0
        )
        image[k] = image[k] * (1 - cavity) + cavity * fluid
    if hollow and rng.random() < 0.6:
        image[WHITE : GREY + 1] *= ~((form < hollow) & brain)
    return mask.astype(np.float32)


def spoil(image: np.ndarray, brain: np.ndarray, rng: np.random.Generator) -> None:
    """Contrast, shading, blur, noise; maps shifted, blurred or absent."""
    grey = image[:3]
    up, down = np.exp(rng.uniform(-0.35, 0.35)), np.exp(rng.uniform(-0.3, 0.3))
    grey *= np.where(grey > 0, up, down).astype(np.float32)
    grey += np.float32(rng.normal(0, 0.06))
    if rng.random() < 0.5:
        grey += np.float32(rng.uniform(0, 0.12)) * noise(rng, float(rng.uniform(25, 50)))
    if rng.random() < 0.4:
        grey[:] = ndimage.gaussian_filter(grey, (0, *([float(rng.uniform(0.3, 1.1))] * 2)))
    if rng.random() < 0.6:
        grain = float(rng.uniform(0, 0.9)) if rng.random() < 0.5 else 0.0
        size = float(rng.uniform(0, 0.13))
        for k in range(3):
            grey[k] += size * (
                noise(rng, grain) if grain > 0.2 else rng.standard_normal((EDGE, EDGE), dtype=np.float32)
            )
    np.clip(grey, *RANGE, out=grey)
    grey[:, ~brain] = OUTSIDE
    for channel in (T1W, T2W):
        if image[channel].any():
            level, gain = rng.normal(0, 0.05), np.exp(rng.uniform(-0.25, 0.25))
            grain = float(rng.uniform(0, 0.08)) * rng.standard_normal((EDGE, EDGE), dtype=np.float32)
            image[channel] = np.clip(gain * image[channel] + level + grain, *OTHERS_RANGE) * brain
    if rng.random() < 0.15:
        grey[1 + int(rng.integers(2))] = grey[0]
    if rng.random() < 0.4:
        shift = rng.normal(0, 1.2, 2)
        for k in range(AWAY, T1W):
            image[k] = ndimage.shift(image[k], shift, order=1, mode="nearest")
    if rng.random() < 0.3:
        maps = image[WHITE:T1W]
        maps[:] = ndimage.gaussian_filter(maps, (0, *([float(rng.uniform(0.5, 2.0))] * 2)))
    if rng.random() < 0.1:
        image[WHITE : GREY + 1] = 0
