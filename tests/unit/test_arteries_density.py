"""From which density a voxel is calcium, on plain and on contrast-enhanced CT."""

import math
import os
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import cKDTree

from angiolith.arteries.centrelines import Centreline, resampled
from angiolith.arteries.density import calcium_hu_min, is_enhanced, lumen_density, noise_warning
from angiolith.core.images import Image, crop, mask_points, read_ct
from angiolith.core.settings.calcification import CalciumThresholdSettings

THRESHOLD = CalciumThresholdSettings(hu_min=130.0, contrast_hu_min=100.0, adaptive_hu_above_lumen=150.0)


@pytest.mark.parametrize(
    ("lumen_hu", "enhanced", "hu_min"),
    [(40.0, False, 130.0), (99.9, False, 130.0), (100.0, True, 250.0), (300.0, True, 450.0), (math.nan, False, 130.0)],
)
def test_enhanced_blood_raises_the_threshold(lumen_hu, enhanced, hu_min):
    assert is_enhanced(lumen_hu, THRESHOLD) is enhanced
    assert calcium_hu_min(lumen_hu, THRESHOLD) == hu_min


REAL = Path(os.environ.get("ANGIOLITH_REAL_DATA", "../shared/real")) / "ct_normal_head" / "ct.nii.gz"


def two_arteries(centre):
    """A middle cerebral artery on either side of a point."""
    lines = []
    for side, sign in (("R", 1), ("L", -1)):
        points = centre + np.array([[sign * 8, 0, 0], [sign * 30, -4, 2.0]])
        lines.append(resampled(Centreline("MCA", side, points, np.full(2, 1.4), np.full(2, 1.0), np.array(["M1"] * 2))))
    return lines


def with_lumen(image, lines, lumen_hu):
    points = mask_points(image.affine, np.ones(image.data.shape, bool))
    distance = np.min([cKDTree(line.points).query(points)[0] for line in lines], axis=0).reshape(image.data.shape)
    lumen = ndimage.gaussian_filter((distance < 1.4).astype(float), 0.5 / image.voxel_mm)
    return image.with_data(image.data + lumen * (lumen_hu - 35))


def noisy(image, sd_hu, correlated_mm):
    noise = np.random.default_rng(0).normal(size=image.data.shape)
    noise = ndimage.gaussian_filter(noise, correlated_mm / image.voxel_mm) if correlated_mm else noise
    return image.with_data((image.data + noise * (sd_hu / noise.std())).astype(np.float32))


@pytest.fixture(scope="module")
def brain():
    """(image, arteries): brain without noise."""
    affine = np.diag([0.5, 0.5, 1.25, 1.0])
    affine[:3, 3] = [-40, -16, -14]
    return Image(np.full((160, 64, 24), 35, np.float32), affine), two_arteries(np.zeros(3))


@pytest.fixture(scope="module")
def real():
    """(part of a real head, lines within its brain)."""
    if not REAL.exists():
        pytest.skip(f"{REAL} is absent")
    ct = read_ct(REAL)
    middle = np.array(ct.data.shape) // 2 + [0, 20, -5]
    part = crop(ct, tuple(slice(m - n, m + n) for m, n in zip(middle, (110, 60, 25), strict=True)))
    return part, two_arteries((part.affine @ np.append((np.array(part.data.shape) - 1) / 2, 1))[:3])


NOISES = [(15, 0.0), (30, 0.35), (55, 0.35), (55, 0.6), (80, 0.6)]


@pytest.mark.parametrize("head", ["brain", "real"])
@pytest.mark.parametrize(("sd_hu", "correlated_mm"), NOISES)
def test_noise_is_no_contrast_and_is_measured(head, sd_hu, correlated_mm, request):
    image, lines = request.getfixturevalue(head)
    found = lumen_density(noisy(with_lumen(image, lines, 42), sd_hu, correlated_mm), lines)
    assert found.noise_hu == pytest.approx(sd_hu, rel=0.15)
    assert 5 < found.hu < 65
    assert not is_enhanced(found.hu, THRESHOLD)


@pytest.mark.parametrize("head", ["brain", "real"])
@pytest.mark.parametrize(("sd_hu", "correlated_mm"), [(5, 0.0), *NOISES])
def test_contrast_is_seen_through_noise(head, sd_hu, correlated_mm, request):
    image, lines = request.getfixturevalue(head)
    found = lumen_density(noisy(with_lumen(image, lines, 250), sd_hu, correlated_mm), lines)
    assert 120 < found.hu < 290
    assert is_enhanced(found.hu, THRESHOLD)


def test_what_is_said_of_noise():
    assert noise_warning(40.0, 6.0, THRESHOLD) is None
    assert noise_warning(40.0, math.nan, THRESHOLD) is None
    some = noise_warning(40.0, 20.0, THRESHOLD, "Hr60")
    assert (some.forbids, "kernel Hr60" in some.text, "4.5 SD above blood" in some.text) == (False, True, True)
    much = noise_warning(40.0, 55.0, THRESHOLD)
    assert much.forbids
    assert much.text == (
        "noise of 55 HU (SD; kernel not stated): 130 HU is 1.6 SD above blood, noise alone passes it; "
        "give a reconstruction with a soft kernel"
    )
    assert not noise_warning(300.0, 45.0, THRESHOLD).forbids  # the threshold stands 150 HU above the lumen
