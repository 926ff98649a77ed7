"""The section model against the analytic image of discs under a scanner's point spread."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from scipy.special import j1

from angiolith.vessel_wall.section_model import SectionModel, rician_mean

UPRIGHT = (np.eye(3)[:2], np.eye(3), np.array([0.6, 0.6, 0.6]))
OBLIQUE = (
    np.eye(3)[:2],
    Rotation.from_euler("xyz", (35, -20, 50), degrees=True).as_matrix(),
    np.array([0.5, 0.5, 0.9]),
)


def disc(radius, centre, places, voxel_axes, voxel_mm):
    """Shares (n,) of a long cylinder along z at places (n, 2), by the inverse Fourier integral over the acquired box.

    The transform of a disc is R J1(2 pi R k) / k; the integral is a sum over a fine grid of k.
    """
    step = 0.01
    ticks = np.arange(-180, 181) * step
    kx, ky = (part.ravel() for part in np.meshgrid(ticks, ticks, indexing="ij"))
    held = np.all(np.abs(np.outer(kx, voxel_axes[:, 0]) + np.outer(ky, voxel_axes[:, 1])) < 0.5 / voxel_mm, axis=1)
    kx, ky = kx[held], ky[held]
    k = np.maximum(np.hypot(kx, ky), 1e-9)
    shape = np.where(k > 1e-6, radius * j1(2 * np.pi * radius * k) / k, np.pi * radius**2) * step**2
    return np.cos(2 * np.pi * (np.outer(places[:, 0] - centre[0], kx) + np.outer(places[:, 1] - centre[1], ky))) @ shape


@pytest.mark.parametrize("scanner", [UPRIGHT, OBLIQUE], ids=["upright", "oblique"])
def test_a_disc_is_shown_as_the_fourier_integral_has_it(scanner):
    model = SectionModel(*scanner)
    near = np.linalg.norm(model.places, axis=1) < 2
    shown = model.shown(np.array([0.2, -0.1, 0.7, 0, 0]))[near]
    expected = disc(0.7, (0.2, -0.1), model.places[near], *scanner[1:])
    assert expected.max() > 0.9
    assert expected.min() < -0.03  # the sinc's undershoot: no Gaussian has it
    np.testing.assert_allclose(shown, expected, atol=0.02)


@pytest.mark.parametrize("scanner", [UPRIGHT, OBLIQUE], ids=["upright", "oblique"])
def test_a_ring_of_known_radii_is_found_to_a_hundredth_of_a_mm(scanner):
    model = SectionModel(*scanner)
    lumen, outer = ((0.6, (0.3, 0.1)), (1.9, (0.0, 0.0)))
    shares = [disc(radius, centre, model.places, *scanner[1:]) for radius, centre in (lumen, outer)]
    values = 30 + 70 * shares[1] - 88 * shares[0]
    start = np.array([0, 0, 0.8, 0, 0, 0, 0, 1.7, 0, 0.0])
    found = model.fit(values, start, None).x
    found = model.fit(values, found, None, blood=12).x
    assert found[[2, 7]] == pytest.approx([0.6, 1.9], abs=0.01)
    assert found[:2] == pytest.approx([0.3, 0.1], abs=0.01)
    assert found[[3, 4, 8, 9]] == pytest.approx([0, 0, 0, 0], abs=0.02)


def test_the_mean_of_a_noisy_magnitude():
    rng = np.random.default_rng(0)
    signal = np.array([0.0, 5.0, 12.0, 200.0])
    noise = rng.normal(0, 6, (400_000, 2))
    expected = [np.hypot(level + noise[:, 0], noise[:, 1]).mean() for level in signal]
    assert rician_mean(signal, 6.0) == pytest.approx(expected, abs=0.04)
    assert rician_mean(np.array([0.0]), 6.0) == pytest.approx(6 * np.sqrt(np.pi / 2))
