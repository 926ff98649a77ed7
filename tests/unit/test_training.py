"""The fit of the learned step of WMH: one optimum, whatever the order and the last digit of what it is fitted on."""

from types import SimpleNamespace

import numpy as np
import pytest

from angiolith.small_vessel.wmh.posterior import FEATURES
from phantoms.geometry import Grid
from training.fit_wmh import fit
from training.flairs import about
from training.lesions import add_ellipsoid


@pytest.fixture(scope="module")
def samples():
    rng = np.random.default_rng(4)
    features = rng.normal(size=(3000, len(FEATURES))).astype(np.float32)
    logit = 2 * features[:, 0] - features[:, 1] * features[:, 2] - 1
    lesion = rng.random(3000) < 1 / (1 + np.exp(-logit))
    return features, lesion, rng.uniform(0.5, 1.5, 3000)


def test_the_fit_does_not_hang_on_the_order_or_the_last_digit(samples):
    features, lesion, weights = samples
    model = fit(features, lesion, weights)
    mixed = np.random.default_rng(0).permutation(len(lesion))
    assert fit(features[mixed], lesion[mixed], weights[mixed]) == model
    other = fit(features * np.float32(1 + 1e-7), lesion, weights)
    np.testing.assert_allclose(other["weights"], model["weights"], atol=1.01e-4)


def test_the_fit_finds_the_weights_that_the_samples_were_drawn_with(samples):
    features, lesion, weights = samples
    model = fit(features, lesion, weights)
    n = len(FEATURES)
    products = np.array(model["weights"][n:])
    first, second = np.triu_indices(n)
    product = products[(first == 1) & (second == 2)][0]
    assert np.argmax(np.abs(model["weights"][:n])) == 0
    assert np.argmax(np.abs(products)) == np.flatnonzero((first == 1) & (second == 2))[0]
    assert model["weights"][0] > 0 > product
    assert model["weights"][0] / -product == pytest.approx(2.0, rel=0.2)  # features have an SD of 1: as they were drawn


@pytest.mark.parametrize("edge", [0.5, 2.0])
def test_a_small_lesion_has_an_ellipsoids_volume_whatever_its_border(edge):
    share = np.zeros((24, 24, 24), np.float32)
    add_ellipsoid(share, np.array([12, 11, 13]), np.array([4.0, 5.0, 6.0]), edge)
    assert share.sum() == pytest.approx(4 / 3 * np.pi * 4 * 5 * 6, rel=0.1)
    assert (share >= 0.5).sum() == pytest.approx(4 / 3 * np.pi * 4 * 5 * 6, rel=0.05)
    at_the_end = np.zeros((24, 24, 24), np.float32)
    add_ellipsoid(at_the_end, np.array([0, 0, 0]), np.array([4.0, 5.0, 6.0]), edge)
    assert 0 < at_the_end.sum() < share.sum() / 4


def test_bright_structures_lie_on_both_sides():
    affine = np.eye(4)
    affine[:3, 3] = -20
    head = SimpleNamespace(grid=Grid((41, 41, 41), affine), to_head=lambda points: points)
    volume = about(head, ((10.0, -5.0, 3.0),), 4.0)
    assert volume[30, 15, 23] == volume[10, 15, 23] == 1
    assert volume[34, 15, 23] == pytest.approx(np.exp(-0.5), abs=1e-6)
    assert volume[20, 15, 23] == pytest.approx(np.exp(-(10**2) / 4**2 / 2), abs=1e-6)
