"""A suspected infarct: large, on one side alone, with tissue lost beside it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from angiolith.small_vessel.wmh.infarct import find_mirror, suspected_infarct
from angiolith.small_vessel.wmh.shown import MAPS, OUTSIDE

SHAPE, STEP_MM = (110, 130, 40), 3.0
LARGE_MM3 = 1000.0
BRIGHT, FLUID = 0.7, -1.0


def brain(tilt: float = 0.0) -> Any:
    """A brain of white matter with a rim of cortex and two ventricles, turned by `tilt` (rad) in the slice; its x, y, z
    in mm, from the middle, before it was turned."""
    at = (np.indices(SHAPE) - np.array([54.0, 64.0, 20.0])[:, None, None, None]) * np.array([1, 1, STEP_MM])[
        :, None, None, None
    ]
    x, y = at[0] * np.cos(tilt) + at[1] * np.sin(tilt), at[1] * np.cos(tilt) - at[0] * np.sin(tilt)
    far = np.sqrt((x / 48) ** 2 + (y / 58) ** 2 + (at[2] / 52) ** 2)
    inside = far < 1
    flair = np.where(far > 0.9, 0.1, 0.0)
    ventricles = (np.abs(np.abs(x) - 8) < 5) & (np.abs(y) < 25) & (np.abs(at[2]) < 12)
    flair[ventricles] = FLUID
    maps = np.zeros((len(MAPS), *SHAPE), np.float32)
    maps[MAPS.index("from_ventricles")] = np.where(ventricles, 0, 0.3)
    flair = np.where(inside, flair, OUTSIDE).astype(np.float32)
    sides = {"step_mm": STEP_MM, "voxel_mm": np.array([1, 1, STEP_MM]), "voxel_mm3": STEP_MM}
    return SimpleNamespace(flair=flair, brain=inside, maps=maps, **sides), (x, y, at[2])


def ball(points: Any, centre: tuple[float, float, float], radius_mm: float) -> np.ndarray:
    return sum((a - c) ** 2 for a, c in zip(points, centre, strict=True)) < radius_mm**2


@pytest.mark.parametrize("tilt", [0.0, 0.15])
def test_a_large_lesion_of_one_side_with_lost_cortex_is_a_suspected_infarct(tilt):
    scan, points = brain(tilt)
    gliosis, cavity = ball(points, (28, -10, 0), 11), ball(points, (42, -10, 0), 7) & scan.brain
    other = ball(points, (-18, 20, 0), 3)
    scan.flair[gliosis], scan.flair[cavity], scan.flair[other] = BRIGHT, FLUID, BRIGHT
    wmh = (gliosis | other) & ~cavity
    found = suspected_infarct(scan, wmh, LARGE_MM3)
    assert found[gliosis & ~cavity].mean() > 0.98
    assert found[cavity].mean() > 0.4
    assert not found[other].any()


def test_hyperintensities_of_both_sides_or_without_lost_tissue_are_none():
    scan, points = brain()
    left, right, cavity = ball(points, (-28, -10, 0), 11), ball(points, (28, -10, 0), 11), ball(points, (42, -10, 0), 7)
    scan.flair[right] = BRIGHT
    assert not suspected_infarct(scan, right, LARGE_MM3).any()
    scan.flair[left], scan.flair[cavity & scan.brain] = BRIGHT, FLUID
    assert not suspected_infarct(scan, (left | right) & ~cavity, LARGE_MM3).any()
    assert not suspected_infarct(scan, np.zeros(SHAPE, bool), LARGE_MM3).any()


def test_a_large_ventricle_beside_a_lesion_is_no_lost_tissue():
    scan, points = brain()
    lesion, ventricle = ball(points, (24, 0, 0), 9), ball(points, (14, 0, 0), 8)
    scan.flair[lesion], scan.flair[ventricle] = BRIGHT, FLUID
    scan.maps[MAPS.index("from_ventricles")][ventricle] = 0
    assert not suspected_infarct(scan, lesion & ~ventricle, LARGE_MM3).any()


def test_the_mirror_is_the_brains_middle():
    scan, points = brain(0.1)
    mirror = find_mirror(scan)
    assert np.abs(mirror.of(points[0]) + points[0])[scan.brain].mean() < 2.0


def with_cortex(scan: Any, points: Any) -> None:
    far = np.sqrt((points[0] / 48) ** 2 + (points[1] / 58) ** 2 + (points[2] / 52) ** 2)
    scan.maps[MAPS.index("grey")] = ((far > 0.85) & scan.brain).astype(np.float32)


@pytest.mark.parametrize("tilt", [0.0, 0.15])
def test_a_bright_place_of_one_side_in_cortex_is_a_suspected_infarct_without_a_cavity(tilt):
    scan, points = brain(tilt)
    with_cortex(scan, points)
    recent = ball(points, (40, -10, 0), 14) & scan.brain
    scan.flair[recent] = BRIGHT
    found = suspected_infarct(scan, recent, LARGE_MM3)
    assert found[recent].mean() > 0.8
    assert not found[~ball(points, (40, -10, 0), 14 + 6)].any(), "no further than the smoothing reaches"
    assert suspected_infarct(scan, np.zeros(SHAPE, bool), LARGE_MM3)[recent].mean() > 0.7, "whether WMH or not"


def test_cortex_that_is_bright_on_both_sides_is_none():
    scan, points = brain()
    with_cortex(scan, points)
    both = (ball(points, (40, -10, 0), 14) | ball(points, (-40, -10, 0), 14)) & scan.brain
    scan.flair[both] = BRIGHT
    assert not suspected_infarct(scan, both, LARGE_MM3).any()


def test_a_large_cavity_of_one_side_is_a_suspected_infarct_and_a_sulcus_is_none():
    scan, points = brain()
    cavity, sulcus = ball(points, (32, -10, 0), 12), (np.abs(points[1] - 25) < 2) & (points[0] < -20) & scan.brain
    scan.flair[cavity], scan.flair[sulcus] = FLUID, FLUID
    found = suspected_infarct(scan, np.zeros(SHAPE, bool), LARGE_MM3)
    assert found[cavity].mean() > 0.5
    assert not found[sulcus].any()
