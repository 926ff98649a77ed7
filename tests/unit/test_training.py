"""What is drawn for the fit of the WMH network."""

from types import SimpleNamespace

import numpy as np
import pytest

from phantoms.geometry import Grid
from training.flairs import about
from training.lesions import add_ellipsoid


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
