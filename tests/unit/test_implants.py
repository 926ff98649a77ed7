"""Implants of known truth, and the imitated sharp kernel that they are looked at through."""

import numpy as np
import pytest

from angiolith.arteries.centrelines import Centreline
from angiolith.core.images import Image
from validation.calcification_implants import HU_MIN, draw_plaque, sharpened

SHAPE = (40, 40, 16)
AFFINE = np.diag([0.5, 0.5, 1.25, 1.0])


def line() -> Centreline:
    along = np.arange(4.0, 16.0, 0.5)
    points = np.stack([np.full(len(along), 10.0), np.full(len(along), 10.0), along], axis=1)
    same = np.ones(len(along))
    return Centreline("ICA", "R", points, 2.0 * same, 0.3 * same, np.full(len(along), ""))


def test_what_is_visible_of_a_plaque_is_what_was_no_bone_before():
    hu = np.full(SHAPE, 40.0, np.float32)
    _, free = draw_plaque(Image(hu, AFFINE), line(), np.random.default_rng(2), 1.25)
    assert free.visible_mm3 == pytest.approx(free.volume_mm3)
    assert not free.on_bone
    hu[:, :20] = 600.0
    _, half = draw_plaque(Image(hu, AFFINE), line(), np.random.default_rng(2), 1.25)
    hidden = half.mask & (hu >= HU_MIN)
    assert half.volume_mm3 == pytest.approx(free.volume_mm3)
    assert half.visible_mm3 == pytest.approx(half.volume_mm3 - hidden.sum() * 0.5 * 0.5 * 1.25)


def test_a_sharp_kernel_enhances_noise_and_edges_within_slices_and_keeps_what_is_even():
    rng = np.random.default_rng(1)
    even = Image(np.full(SHAPE, 40.0, np.float32), AFFINE)
    assert np.allclose(sharpened(even, 3.0).data, 40.0)
    noise = even.with_data((40 + rng.normal(0, 5, SHAPE)).astype(np.float32))
    assert 10 < sharpened(noise, 3.0).data.std() < 15
    edge = np.full(SHAPE, 40.0, np.float32)
    edge[20:] = 600.0
    assert sharpened(even.with_data(edge), 2.0).data.max() > 700
    between_slices = np.full(SHAPE, 40.0, np.float32)
    between_slices[..., 8:] = 600.0
    assert np.allclose(sharpened(even.with_data(between_slices), 2.0).data, between_slices, atol=0.01)
