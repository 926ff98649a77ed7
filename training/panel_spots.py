"""What the detectors of microbleeds and lacunes find on `training.panel_heads`, beside what was planted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from angiolith.core.images import Image, bounding_box, crop, resample
from angiolith.core.settings.lacunes import LacuneDetectSettings
from angiolith.core.settings.microbleeds import MicrobleedDetectSettings
from angiolith.small_vessel.lacunes.detect import detect_lacunes
from angiolith.small_vessel.microbleeds.detect import detect_microbleeds
from angiolith.small_vessel.probability import SpotModel
from angiolith.small_vessel.spots import PLACE
from phantoms.geometry import apply
from phantoms.spec import stream
from training.panel_heads import SEED, State, placed, read_state

KINDS = ("microbleeds", "lacunes")
# voxels of the T1w on which lacunes are looked for: as scanned, and coarser by these factors
COARSER = {"1 mm": (1, 1, 1), "2 mm": (2, 2, 2)}
CALCIUM_HU, BRAIN_HU = 300.0, 35.0  # of the CT that the head would have
NEAR_MM = 1.5  # a spot's middle may lie so far from the planted one's, or within its radius and NOISE_MM
NOISE_MM = 0.5
FADE, FADE_REACH_MM = (0.0, 0.6), 2.0  # fraction of a microbleed's darkness that is taken, and how far about it


@dataclass(frozen=True)
class Found:
    """Rows of the detector with `true` (bool) and `planted` (index of the planted spot, -1), and how many there are."""

    rows: pd.DataFrame
    planted: int


def microbleeds_of(state: State, settings: MicrobleedDetectSettings, model: SpotModel | None = None) -> Found:
    """Microbleeds on the SWI, calcium known as by a registered CT."""
    image = faded(state)
    brain = state.brain_on("swi")
    priors = state.priors_on("swi", brain, "wm", "gm")
    to_head = np.linalg.inv(state.poses["swi"])

    def hu_at(point: np.ndarray, radius_mm: float) -> float:
        here = apply(to_head, point[None])[0]
        near = any(np.linalg.norm(here - ball[:3]) < ball[3] + radius_mm for ball in state.calcium)
        return CALCIUM_HU if near else BRAIN_HU

    rows, _ = detect_microbleeds(image, brain, settings, hu_at, priors["wm"] + priors["gm"], model)
    return matched(
        rows[rows["kind"] == "microbleed"], placed(state, "swi", _centres(state.microbleeds)), state.microbleeds
    )


def faded(state: State) -> Image:
    """The SWI with its microbleeds less dark, each by a fraction of its own: those of people differ as much."""
    swi = state.images["swi"]
    data, rng = swi.data.copy(), stream(SEED, state.name, "fade")
    for spot in state.microbleeds:
        centre = placed(state, "swi", [list(spot["centre_mm"])])[0]  # type: ignore[call-overload]
        radius = spot["diameter_mm"] / 2 + FADE_REACH_MM
        middle = np.round(apply(np.linalg.inv(swi.affine), centre[None])[0]).astype(int)
        reach = np.ceil(radius / swi.voxel_mm).astype(int)
        low = np.maximum(middle - reach, 0)
        box = tuple(slice(a, b) for a, b in zip(low, np.maximum(middle + reach + 1, low), strict=True))
        part = data[box]
        if part.size:
            away = np.linalg.norm(apply(swi.affine, np.argwhere(np.ones(part.shape, bool)) + low) - centre, axis=1)
            fade = rng.uniform(*FADE) * (away.reshape(part.shape) <= radius)
            part += fade.astype(np.float32) * np.maximum(np.median(part) - part, 0)
    return swi.with_data(data)


def lacunes_of(
    state: State, settings: LacuneDetectSettings, voxels: str = "1 mm", model: SpotModel | None = None
) -> Found:
    """Lacunes on the T1w and FLAIR; voxels: one of COARSER."""
    t1w, brain = coarse(state.images["T1w"], COARSER[voxels]), coarse_mask(state, COARSER[voxels])
    box = bounding_box(brain)
    part = crop(t1w, box)
    flair = resample(state.images["FLAIR"], part, state.to_t1w("FLAIR").GetInverse()).data
    own = State(**{**vars(state), "images": {**state.images, "T1w": part}})
    priors = own.priors_on("T1w", brain[box], "wm", "gm", "ventricles", "deep_grey")
    rows, _ = detect_lacunes(part, flair, brain[box], priors, settings, None, model)
    return matched(rows, placed(state, "T1w", _centres(state.lacunes)), state.lacunes)


def coarse(image: Image, factors: tuple[int, int, int]) -> Image:
    """The image with voxels that are so many times as long, each the mean of what it holds."""
    if factors == (1, 1, 1):
        return image
    shape = [n // f for n, f in zip(image.data.shape, factors, strict=True)]
    data = image.data[tuple(slice(0, n * f) for n, f in zip(shape, factors, strict=True))]
    data = data.reshape(shape[0], factors[0], shape[1], factors[1], shape[2], factors[2]).mean(axis=(1, 3, 5))
    affine = image.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ ((np.array(factors) - 1) / 2)
    affine[:3, :3] *= factors
    return Image(data.astype(np.float32), affine)


def coarse_mask(state: State, factors: tuple[int, int, int]) -> np.ndarray:
    """The brain mask on the coarser T1w."""
    return coarse(state.images["T1w"].with_data(state.brain.astype(np.float32)), factors).data > 0.5


def _centres(spots: list[dict[str, float]]) -> list[list[float]]:
    return [list(spot["centre_mm"]) for spot in spots]  # type: ignore[call-overload]


def matched(rows: pd.DataFrame, centres: np.ndarray, spots: list[dict[str, float]]) -> Found:
    """The rows beside the planted spots: nearest pairs first, each in one pair at most."""
    rows = rows.reset_index(drop=True).assign(true=False, planted=-1)
    if len(rows) and len(centres):
        away = np.linalg.norm(rows[PLACE].to_numpy(float)[:, None] - centres[None], axis=2)
        reach = np.array([max(NEAR_MM, spot["diameter_mm"] / 2 + NOISE_MM) for spot in spots])
        away = np.where(away <= reach, away, np.inf)
        while np.isfinite(away).any():
            row, spot = np.unravel_index(int(away.argmin()), away.shape)
            rows.loc[row, ["true", "planted"]] = [True, spot]
            away[row], away[:, spot] = np.inf, np.inf
    return Found(rows, len(centres))


def of_kind(path: Path, kind: str, settings: LacuneDetectSettings | MicrobleedDetectSettings, **more: object) -> Found:
    """The spots of one kind of a kept state."""
    state = read_state(path)
    find = microbleeds_of if kind == "microbleeds" else lacunes_of
    return find(state, settings, **more)  # type: ignore[operator]
