"""The digital head's geometry: curves, grids, random fields."""

import numpy as np
import pytest

from phantoms.geometry import Curve, Grid, apply, oriented_grid, random_pose, resample, smooth_noise, voxels_near


def arc_of_circle(radius_mm: float = 12.0) -> Curve:
    turn = np.linspace(0, np.pi, 25)
    return Curve(radius_mm * np.stack([np.cos(turn), np.sin(turn), 0 * turn], 1), np.full(25, 2.0))


def test_curve_knows_length_and_distance_of_a_half_circle():
    curve = arc_of_circle()
    assert curve.length_mm == pytest.approx(12 * np.pi, rel=1e-3)
    angle = np.linspace(0.4, 2.7, 7)
    points = np.stack([13.5 * np.cos(angle), 13.5 * np.sin(angle), np.full(7, 2.0)], 1)
    along, distance, _, _ = curve.locate(points)
    np.testing.assert_allclose(distance, np.hypot(1.5, 2.0), atol=0.01)
    np.testing.assert_allclose(along, 12 * angle, atol=0.02 * 12)


def test_frame_is_orthonormal_and_does_not_twist():
    curve = arc_of_circle()
    frame = np.stack([curve.tangents, curve.normals, curve.binormals], 1)
    np.testing.assert_allclose(frame @ frame.transpose(0, 2, 1), np.broadcast_to(np.eye(3), frame.shape), atol=1e-9)
    out_of_plane = np.degrees(np.arcsin(np.abs(curve.normals[:, 2])))
    assert np.ptp(out_of_plane) < 0.5  # in a flat curve a twist-free normal keeps its angle to the plane


def test_voxel_volume_of_an_oblique_anisotropic_grid():
    grid = oriented_grid((10, 12, 14), (0.5, 0.6, 2.0), "LAS", np.array([3.0, 4, 5]), np.array([10.0, -20, 5]))
    assert grid.voxel_mm3 == pytest.approx(0.6)
    np.testing.assert_allclose(grid.voxel_mm, [0.5, 0.6, 2.0])
    np.testing.assert_allclose(grid.to_world(np.array([[4.5, 5.5, 6.5]]))[0], [3, 4, 5], atol=1e-9)


def test_resampled_landmark_lies_at_its_voxel():
    source = Grid((40, 44, 48), np.array([[1.0, 0, 0, -20], [0, 1, 0, -22], [0, 0, 1, -24], [0, 0, 0, 1]]))
    spot = np.array([[3.0, -5.0, 7.0]])
    x, y, z = source.axes_mm()
    volume = np.exp(-((x - 3) ** 2 + (y + 5) ** 2 + (z - 7) ** 2) / 18).astype(np.float32)
    pose = random_pose(np.random.default_rng(4), 8.0, 5.0)
    target = oriented_grid((60, 60, 30), (0.8, 0.8, 1.6), "PSR", apply(pose, spot)[0], np.array([5.0, 4, 3]))
    extent = np.array([[-20.0, -22, -24], [20, 22, 24]])
    image = resample(volume, source, target, pose, extent)
    weights = np.where(image > 0.2, image, 0)
    centre = (np.argwhere(image > 0.2) * weights[image > 0.2][:, None]).sum(0) / weights.sum()
    np.testing.assert_allclose(centre, target.to_index(apply(pose, spot))[0], atol=0.05)


def test_noise_has_unit_spread_and_its_scale():
    grid = Grid((80, 80, 80), np.eye(4))
    noise = smooth_noise(np.random.default_rng(1), grid, 8.0)
    assert noise.std() == pytest.approx(1.0, abs=0.1)
    neighbour = np.corrcoef(noise[:-1].ravel(), noise[1:].ravel())[0, 1]
    far = np.corrcoef(noise[:-40].ravel(), noise[40:].ravel())[0, 1]
    assert neighbour > 0.95
    assert abs(far) < 0.2


def test_voxels_near_finds_all_of_them():
    grid = oriented_grid((30, 30, 20), (0.7, 0.8, 1.5), "RAS", np.zeros(3), np.array([12.0, 5, -8]))
    points = np.array([[0.0, 0, 0], [3, 2, 1]])
    everything = np.stack(np.unravel_index(np.arange(30 * 30 * 20), grid.shape), -1)
    gaps = np.linalg.norm(grid.to_world(everything)[:, None] - points[None], axis=2).min(1)
    found = {tuple(v) for v in voxels_near(points, 4.0, grid)}
    assert {tuple(v) for v in everything[gaps <= 4.0]} <= found
