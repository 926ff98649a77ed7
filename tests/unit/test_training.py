"""The fit of the learned step of WMH: one optimum, whatever the order and the last digit of what it is fitted on."""

import numpy as np
import pytest

from scripts.lib.small_vessel.posterior import FEATURES
from training.fit_wmh import fit


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
