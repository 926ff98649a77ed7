"""Measures of a WMH mask against geometry that is known: shells of set width, balls at set distance, set diameters."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from angiolith.core.distance import distance_mm
from angiolith.core.settings.wmh import WmhGradeSettings, WmhMeasureSettings
from angiolith.small_vessel.wmh.fazekas import MEASURES, fazekas_extents_mm, grade, largest_diameter_mm, measure_wmh

SETTINGS, CUT_POINTS = WmhMeasureSettings(), WmhGradeSettings()
GRIDS = {
    "cubic": np.diag([1.0, 1.0, 1.0, 1.0]),
    "thick": np.diag([0.8, 0.8, 4.0, 1.0]),
    "oblique": np.block(
        [
            [Rotation.from_euler("xyz", [20, -10, 15], degrees=True).as_matrix() * [1.2, 0.9, 2.0], np.zeros((3, 1))],
            [np.zeros((1, 3)), np.ones((1, 1))],
        ]
    ),
}


def scene(affine, half_mm=60.0):
    """Points (mm, from the middle of the grid) of every voxel of a grid that spans a cube about it, and its affine."""
    voxel_mm = np.linalg.norm(affine[:3, :3], axis=0)
    shape = np.ceil(2 * half_mm / voxel_mm).astype(int)
    index = np.moveaxis(np.indices(shape), 0, -1) - (shape - 1) / 2
    return index @ affine[:3, :3].T


def ball(points, centre, radius):
    return np.linalg.norm(points - np.asarray(centre), axis=-1) <= radius


@pytest.mark.parametrize("name", GRIDS)
def test_volumes_follow_the_voxel_size_and_the_distance_to_the_ventricle(name):
    affine = GRIDS[name]
    points = scene(affine)
    ventricle = ball(points, [0, 0, 0], 15)
    near, far = ball(points, [0, 25, 0], 4), ball(points, [0, -45, 0], 6)  # 6-14 mm and 24-36 mm from the ventricle
    within = ball(points, [20, 0, 0], 4)  # 1-9 mm
    found = measure_wmh(within | far, ventricle, affine, 1000.0, SETTINGS, CUT_POINTS)
    volume = {radius: 4 / 3 * np.pi * radius**3 / 1000 for radius in (4, 6)}
    assert found["wmh_periventricular_cm3"] == pytest.approx(volume[4], rel=0.15)
    assert found["wmh_deep_cm3"] == pytest.approx(volume[6], rel=0.15)
    assert found["wmh_volume_cm3"] == pytest.approx(found["wmh_periventricular_cm3"] + found["wmh_deep_cm3"])
    assert found["wmh_percent_icv"] == pytest.approx(found["wmh_volume_cm3"] / 10)
    assert found["n_wmh_lesions"] == 2
    split = measure_wmh(
        near, ventricle, affine, 1000.0, SETTINGS, CUT_POINTS
    )  # the sphere of 25 mm cuts it near its middle
    voxel_mm = np.linalg.norm(affine[:3, :3], axis=0).max()
    share = split["wmh_periventricular_cm3"] / split["wmh_volume_cm3"]
    assert share == pytest.approx(cap_share(4.0, 25.0, 25.0), abs=0.09 * voxel_mm)


def cap_share(ball_radius, distance, sphere_radius):
    """Share of a ball that lies within a sphere about a point `distance` away (volume of a lens)."""
    r, big, d = ball_radius, sphere_radius, distance
    lens = (
        np.pi * (big + r - d) ** 2 * (d**2 + 2 * d * r - 3 * r**2 + 2 * d * big + 6 * r * big - 3 * big**2) / (12 * d)
    )
    return lens / (4 / 3 * np.pi * r**3)


@pytest.mark.parametrize(("width_mm", "expected"), [(3, 1), (7, 2), (13, 3)])
def test_a_halo_is_graded_by_its_width(width_mm, expected):
    affine = GRIDS["cubic"]
    points = scene(affine, 45.0)
    ventricle = ball(points, [0, 0, 0], 15)
    halo = ball(points, [0, 0, 0], 15 + width_mm) & ~ventricle
    found = measure_wmh(halo, ventricle, affine, np.nan, SETTINGS, CUT_POINTS)
    assert found["fazekas_periventricular"] == expected
    assert np.isnan(found["wmh_percent_icv"])


def test_a_few_voxels_of_a_spur_do_not_raise_the_periventricular_grade():
    points = scene(GRIDS["cubic"], 45.0)
    ventricle = ball(points, [0, 0, 0], 15)
    halo = ball(points, [0, 0, 0], 18) & ~ventricle
    spur = (np.abs(points[..., 1:]) < 1).all(axis=-1) & (points[..., 0] > 15) & (points[..., 0] < 32)
    lesions = (halo | spur).astype(int)
    width_mm, _ = fazekas_extents_mm(lesions, distance_mm(ventricle, np.ones(3)), GRIDS["cubic"], 10.0, 3.0)
    assert width_mm < 5


@pytest.mark.parametrize(("diameter_mm", "expected"), [(6, 1), (14, 2), (26, 3)])
@pytest.mark.parametrize("name", GRIDS)
def test_a_deep_lesion_is_graded_by_its_diameter(name, diameter_mm, expected):
    affine = GRIDS[name]
    points = scene(affine)
    found = measure_wmh(
        ball(points, [0, 40, 0], diameter_mm / 2), ball(points, [0, 0, 0], 8), affine, 1500.0, SETTINGS, CUT_POINTS
    )
    assert (found["fazekas_periventricular"], found["fazekas_deep"]) == (0, expected)
    assert found["fazekas_total"] == expected


def test_many_punctate_lesions_stay_punctate():
    points = scene(GRIDS["cubic"])
    mask = np.any([ball(points, [x, 40, z], 2.5) for x in (-20, 0, 20) for z in (-20, 0, 20)], axis=0)
    found = measure_wmh(mask, ball(points, [0, 0, 0], 8), GRIDS["cubic"], 1500.0, SETTINGS, CUT_POINTS)
    assert (found["fazekas_deep"], found["n_wmh_lesions"]) == (1, 9)


def test_the_deep_part_of_a_lesion_that_touches_the_ventricle_counts_as_deep():
    points = scene(GRIDS["cubic"])
    ventricle = ball(points, [0, 0, 0], 10)
    bridge = (np.abs(points[..., [0, 2]]) < 2).all(axis=-1) & (points[..., 1] > 9) & (points[..., 1] < 45)
    mask = (bridge | ball(points, [0, 40, 0], 12)) & ~ventricle
    found = measure_wmh(mask, ventricle, GRIDS["cubic"], 1500.0, SETTINGS, CUT_POINTS)
    assert (found["fazekas_periventricular"], found["fazekas_deep"]) == (3, 3)


@pytest.mark.parametrize(
    ("extent_mm", "periventricular", "deep"),
    [(0, 0, 0), (0.1, 1, 1), (4.99, 1, 1), (5, 2, 1), (9.99, 2, 1), (10, 3, 2), (20, 3, 2), (20.01, 3, 3)],
)
def test_cut_points(extent_mm, periventricular, deep):
    assert grade(extent_mm, CUT_POINTS.fazekas_periventricular_mm) == periventricular
    assert grade(extent_mm, CUT_POINTS.fazekas_deep_mm, strict=True) == deep


def test_no_lesion_is_a_measured_zero_and_no_ventricle_is_missing():
    empty = np.zeros((20, 20, 20), bool)
    ventricle = empty.copy()
    ventricle[8:12, 8:12, 8:12] = True
    found = measure_wmh(empty, ventricle, np.eye(4), 1400.0, SETTINGS, CUT_POINTS)
    assert set(found) == set(MEASURES)
    assert not any(found.values())
    for unknown in (None, empty):
        without = measure_wmh(ventricle, unknown, np.eye(4), 1400.0, SETTINGS, CUT_POINTS)
        assert without["wmh_volume_cm3"] == pytest.approx(0.064)
        assert np.isnan([without[name] for name in MEASURES if "fazekas" in name or "deep" in name]).all()


def test_diameters_are_measured_within_axial_slices():
    lesions = np.zeros((60, 60, 20), int)
    lesions[10:30, 20, 5] = 1  # 20 pixels of 0.5 mm in a row
    lesions[40, 40, 2:15] = 2  # a column through the slices
    affine = np.diag([0.5, 0.5, 5.0, 1.0])
    assert largest_diameter_mm(lesions, affine) == pytest.approx(10.0)
    sagittal = affine[[2, 0, 1, 3]]  # x = 5 k, y = 0.5 i, z = 0.5 j: now the column lies within one axial slice
    assert largest_diameter_mm(lesions, sagittal) == pytest.approx(12 * 5 + (0.5 + 5) / 2)
