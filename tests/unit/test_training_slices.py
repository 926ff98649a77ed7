"""Slices that the network of thick slices' ventricles is fitted on: what is moved and spoilt keeps its truth."""

import numpy as np
import pytest

from angiolith.core.images import Image
from training.fit_slices import EDGE, INPUTS, draw
from training.slice_scans import made_ready


@pytest.fixture
def scan():
    """A ball of tissue with dark ventricles, made ready with networks that are right."""
    x, y, z = np.mgrid[0:140, 0:140, 0:20] - np.array([69.5, 69.5, 9.5])[:, None, None, None]
    brain = x**2 + y**2 + (7 * z) ** 2 < 65**2
    truth = (np.abs(x) < 16) & (np.abs(y) < 25) & (np.abs(z) < 3)
    noise = np.random.default_rng(0).normal(0, 3, brain.shape)
    values = np.select([truth, brain], [30.0, 180.0], 0.0) + noise
    likely = np.zeros((1, 7, *truth.shape), np.float32)
    likely[0, 0], likely[0, 2], likely[0, 4] = ~brain, brain & ~truth, truth
    return made_ready(Image(values.astype(np.float32), np.diag([0.9, 0.9, 6.3, 1.0])), truth, likely)


def test_made_ready_fluid_is_below_and_tissue_at_nothing(scan):
    assert scan["grey"][scan["truth"]].mean() == pytest.approx(-1, abs=0.05)
    assert np.median(scan["grey"][scan["likely"][0, 2] > 0.5]) == pytest.approx(0, abs=0.1)


def test_a_sample_shows_fluid_where_its_truth_is(scan):
    rng = np.random.default_rng(1)
    inside = outside = 0.0
    for _ in range(20):
        sample, part = draw(scan, rng)
        assert sample.shape == (EDGE, EDGE, INPUTS)
        assert part.shape == (EDGE, EDGE)
        assert part.min() >= 0
        assert part.max() <= 1
        assert sample[..., 3:].sum(-1) == pytest.approx(1, abs=0.01)
        inside += float(sample[..., 0][part > 0.9].sum() / max((part > 0.9).sum(), 1))
        outside += float(np.median(sample[..., 0][part < 0.1]))
    assert inside / 20 < -0.5 < -0.2 < outside / 20
