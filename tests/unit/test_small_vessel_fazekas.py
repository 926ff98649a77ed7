"""Measures of a WMH mask against geometry that is known: shells of set width, balls at set distance, set diameters."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from angiolith.core.settings.wmh import WmhGradeSettings, WmhMeasureSettings
from angiolith.small_vessel.wmh.fazekas import (
    MEASURES,
    Extents,
    fazekas_extents,
    grade,
    measure_wmh,
    periventricular_grade,
)

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


@pytest.mark.parametrize("name", GRIDS)
def test_a_halo_is_graded_by_its_mean_thickness_over_the_whole_border(name):
    points = scene(GRIDS[name], 45.0)
    ventricle = (np.linalg.norm(points[..., :2], axis=-1) <= 15) & (np.abs(points[..., 2]) < 20)
    shell = (np.linalg.norm(points[..., :2], axis=-1) <= 18) & (np.abs(points[..., 2]) < 20) & ~ventricle
    found = fazekas_extents(shell, ventricle, GRIDS[name], 10.0, 3.0)
    assert found.halo_mm == pytest.approx(3.3 / (4 / np.pi), rel=0.15)  # a round border has 4 / pi as many pixels
    part = shell & (points[..., 0] > 14)
    assert fazekas_extents(part, ventricle, GRIDS[name], 10.0, 3.0).halo_mm < found.halo_mm / 2
    assert measure_wmh(shell, ventricle, GRIDS[name], np.nan, SETTINGS, CUT_POINTS)["fazekas_periventricular"] == 2


def test_a_cap_is_grade_1_and_a_halo_that_reaches_far_is_grade_3():
    points = scene(GRIDS["cubic"], 45.0)
    ventricle = ball(points, [0, 0, 0], 15)
    cap = ball(points, [0, 15, 0], 3) & ~ventricle
    assert measure_wmh(cap, ventricle, GRIDS["cubic"], np.nan, SETTINGS, CUT_POINTS)["fazekas_periventricular"] == 1
    wide = ball(points, [0, 0, 0], 28) & ~ventricle
    assert measure_wmh(wide, ventricle, GRIDS["cubic"], np.nan, SETTINGS, CUT_POINTS)["fazekas_periventricular"] == 3


def test_what_hangs_together_with_the_halo_in_another_slice_does_not_reach():
    points = scene(GRIDS["cubic"], 45.0)
    ventricle = ball(points, [0, 0, 0], 15)
    halo = ball(points, [0, 0, 0], 18) & ~ventricle
    far = ball(points, [0, 0, 36], 8)
    bridge = (np.abs(points[..., :2]) < 3).all(axis=-1) & (points[..., 2] > 15) & (points[..., 2] < 36)
    found = fazekas_extents(halo | far | bridge, ventricle, GRIDS["cubic"], 10.0, 3.0)
    assert found.reach_cm3 == 0
    assert found.deep_mm == pytest.approx(16, abs=1)


@pytest.mark.parametrize(("diameter_mm", "expected"), [(5, 1), (14, 2), (26, 3)])
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


@pytest.mark.parametrize(("extent_mm", "deep"), [(0, 0), (0.1, 1), (7.99, 1), (8, 2), (19.99, 2), (20, 3)])
def test_cut_points_of_the_deep_grade(extent_mm, deep):
    assert grade(extent_mm, CUT_POINTS.fazekas_deep_mm) == deep


@pytest.mark.parametrize(
    ("extents", "expected"),
    [
        ((False, 0.0, 0.0), 0),
        ((True, 0.099, 0.0), 1),
        ((True, 0.1, 0.0), 2),
        ((True, 2.0, 0.49), 2),
        ((True, 0.05, 0.5), 3),
    ],
)
def test_cut_points_of_the_periventricular_grade(extents, expected):
    assert periventricular_grade(Extents(*extents, 0.0), CUT_POINTS) == expected


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


def test_deep_areas_are_measured_within_axial_slices():
    mask, ventricles = np.zeros((2, 60, 60, 20), bool)
    mask[10:30, 20:25, 5] = True  # 20 x 5 pixels of 0.5 mm
    mask[40, 40, 2:15] = True  # a column through the slices
    ventricles[0, 0, 0] = True
    affine = np.diag([0.5, 0.5, 5.0, 1.0])
    assert fazekas_extents(mask, ventricles, affine, 1.0, 0.5).deep_mm == pytest.approx(np.sqrt(4 * 25 / np.pi))
    sagittal = affine[[2, 0, 1, 3]]  # x = 5 k, y = 0.5 i, z = 0.5 j: axial slices hold i and k
    found = fazekas_extents(mask, ventricles, sagittal, 1.0, 0.5)
    assert found.deep_mm == pytest.approx(np.sqrt(4 * 20 * 2.5 / np.pi))  # the block, cut across
