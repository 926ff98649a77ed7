"""Shape features against PyRadiomics 3.0.1 (digits below) and a ball."""

import numpy as np
import pytest

from angiolith.calcification.shape import shape_features


def ellipsoid() -> tuple[np.ndarray, np.ndarray]:
    i, j, k = np.indices((14, 12, 9))
    inside = ((i - 6.3) * 0.5 / 2.4) ** 2 + ((j - 5.6) * 0.5 / 1.7) ** 2 + ((k - 4.1) * 1.25 / 3.1) ** 2 <= 1
    return inside, np.array([0.5, 0.5, 1.25])


def arc() -> tuple[np.ndarray, np.ndarray]:
    i, j, k = np.indices((16, 16, 6))
    radius, angle = np.hypot(i - 7.4, j - 7.7) * 0.45, np.degrees(np.arctan2(j - 7.7, i - 7.4))
    return (radius > 1.6) & (radius < 2.9) & (np.abs(angle) < 75) & (k > 0) & (k < 5), np.array([0.45, 0.45, 0.7])


@pytest.mark.parametrize(
    ("mask", "pyradiomics"),
    [
        (ellipsoid, [53.4375, 51.0546875, 78.05223117697435, 0.8526861662205847, 6.75]),
        (arc, [22.113, 20.860875, 51.64394558226212, 0.7096099941855272, 5.86344608570762]),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_values_of_pyradiomics(mask, pyradiomics, turned):
    lesion, voxel_mm = mask()
    affine = np.diag([*voxel_mm, 1.0])
    if turned:  # an oblique grid changes no shape
        c, s = np.cos(0.4), np.sin(0.4)
        affine = np.array([[c, -s, 0, 3], [s, c, 0, -2], [0, 0, 1, 9], [0, 0, 0, 1]]) @ affine
    names = ["VoxelVolume", "MeshVolume", "SurfaceArea", "Sphericity", "Maximum3DDiameter"]
    found = shape_features(lesion, affine)
    assert [found[name] for name in names] == pytest.approx(pyradiomics, rel=1e-9)


def test_a_fine_ball_nears_the_formulas():
    axis = np.arange(-24, 25) * 0.25
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    found = shape_features(x**2 + y**2 + z**2 <= 25, np.diag([0.25, 0.25, 0.25, 1]))
    assert found["MeshVolume"] == pytest.approx(4 / 3 * np.pi * 125, rel=0.01)
    assert found["Maximum3DDiameter"] == pytest.approx(10, abs=0.3)


def test_one_voxel_and_none():
    one = np.zeros((3, 3, 3), bool)
    assert np.isnan(shape_features(one, np.eye(4))["Sphericity"])
    assert shape_features(one, np.eye(4))["VoxelVolume"] == 0
    one[1, 1, 1] = True
    assert shape_features(one, np.eye(4))["MeshVolume"] == pytest.approx(1 / 6)  # an octahedron
