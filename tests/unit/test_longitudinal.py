"""Half-way space, matching of lesions and rows of change, against rigid motions and counts that are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from scipy.spatial.transform import Rotation

from angiolith.change.half_way import (
    WmhPair,
    change_row,
    growth_and_shrinkage_cm3,
    half_of,
    half_way_grid,
    interval_days,
    lesion_rows,
    match_points,
    settle,
    settle_points,
    symmetric_motion,
    wmh_rows,
)
from angiolith.core.images import Image
from angiolith.core.settings.wmh import WmhMeasureSettings

coordinate = st.floats(-40, 40)


def rigid(angles_deg, shift_mm):
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", angles_deg, degrees=True).as_matrix()
    matrix[:3, 3] = shift_mm
    return matrix


motions = st.builds(rigid, st.tuples(coordinate, coordinate, coordinate), st.tuples(coordinate, coordinate, coordinate))


@given(motions)
@settings(max_examples=40, deadline=None)
def test_two_halves_make_the_whole_and_agree_with_the_matrix_square_root(motion):
    half = half_of(motion)
    np.testing.assert_allclose(half @ half, motion, atol=1e-8)
    np.testing.assert_allclose(half, np.real(sqrtm(motion)), atol=1e-6)
    np.testing.assert_allclose(half_of(np.linalg.inv(motion)), np.linalg.inv(half), atol=1e-8)


def test_what_is_not_rigid_is_refused():
    with pytest.raises(ValueError, match="not a rigid"):
        half_of(np.diag([1.1, 1.0, 1.0, 1.0]))
    with pytest.raises(ValueError, match="not a rigid"):
        half_of(np.diag([-1.0, 1.0, 1.0, 1.0]))


@given(motions, motions)
@settings(max_examples=25, deadline=None)
def test_the_motion_of_exchanged_visits_is_the_inverse(forward, other):
    backward = np.linalg.inv(forward @ half_of(half_of(half_of(other))))
    there, gap_mm = symmetric_motion(forward, backward)
    back, _ = symmetric_motion(backward, forward)
    np.testing.assert_allclose(back, np.linalg.inv(there), atol=1e-6)
    assert gap_mm >= 0


def test_the_disagreement_of_there_and_back_is_in_mm():
    motion = rigid((3, 2, 1), (4, 0, -2))
    moved = np.linalg.inv(rigid((0, 0, 0), (0.6, 0, 0)) @ motion)
    middle, gap_mm = symmetric_motion(motion, moved)
    assert gap_mm == pytest.approx(0.6)
    np.testing.assert_allclose(middle[:3, 3] - motion[:3, 3], [0.3, 0, 0], atol=1e-9)


def test_the_half_way_grid_depends_on_the_pair_not_on_its_order():
    first = Image(np.zeros((64, 64, 20)), np.diag([3.0, 3.0, 8.0, 1.0]))
    second = Image(np.zeros((50, 60, 40)), rigid((2, 4, 6), (5, -3, 10)) @ np.diag([3.2, 3.2, 4.0, 1.0]))
    half = half_of(rigid((4, -3, 6), (6, 2, 8)))
    there = half_way_grid((first, second), (half, np.linalg.inv(half)), 2.0)
    back = half_way_grid((second, first), (np.linalg.inv(half), half), 2.0)
    assert there.data.shape == back.data.shape
    np.testing.assert_array_equal(there.affine, back.affine)
    # a cube of the finer visit's voxel: 3.2 x 3.2 x 4 mm; a setting above that holds
    np.testing.assert_allclose(np.diag(there.affine)[:3], (3.2 * 3.2 * 4) ** (1 / 3))
    assert half_way_grid((first, second), (half, np.linalg.inv(half)), 5.0).voxel_mm == pytest.approx(5.0)
    far = np.eye(4)
    far[2, 3] = 1000.0
    with pytest.raises(ValueError, match="no common part"):
        half_way_grid((first, first), (np.eye(4), far), 2.0)


def test_growth_minus_shrinkage_is_the_net_change():
    first, second = np.zeros((2, 20, 20, 20), bool)
    first[5:10, 5:10, 5:10] = True
    second[5:10, 5:10, 7:14] = True
    growth, shrinkage = growth_and_shrinkage_cm3(first, second, 8.0)
    assert (growth, shrinkage) == pytest.approx((25 * 4 * 8 / 1000, 25 * 2 * 8 / 1000))
    assert growth - shrinkage == pytest.approx((second.sum() - first.sum()) * 8 / 1000)
    assert growth_and_shrinkage_cm3(second, first, 8.0) == (shrinkage, growth)


def test_masks_differ_only_where_the_images_do():
    masks = np.array([[True, True, False, True]]), np.array([[False, False, True, True]])
    scores = np.array([[5.0, 9.0, -np.inf, 6.0]]), np.array([[3.5, 1.0, 6.0, 6.0]])
    first, second = settle(masks, scores, (4.0, 4.0), 4.0)
    assert first.tolist() == [[True, True, False, True]]  # 5 and 3.5 differ too little: mean 4.25 is lesion at both
    assert second.tolist() == [[True, False, True, True]]


def test_lesions_are_matched_once_and_within_the_tolerance():
    first = np.array([[0.0, 0, 0], [20, 0, 0], [50, 0, 0]])
    second = np.array([[2.0, 0, 0], [3, 0, 0], [54.9, 0, 0], [20, 9, 0]])
    assert sorted(match_points(first, second, 5.0)) == [(0, 0), (2, 2)]
    assert match_points(first, np.empty((0, 3)), 5.0) == []
    rows = {row["measure"]: row for row in lesion_rows("n_microbleeds", first, second, 5.0, 365.25)}
    assert (rows["n_microbleeds"]["baseline"], rows["n_microbleeds"]["followup"]) == (3, 4)
    assert rows["n_microbleeds_new"]["change"] == 2
    assert rows["n_microbleeds_resolved"]["change"] == 1


def test_a_spot_of_one_visit_counts_at_both_where_the_other_image_is_half_as_dark():
    both, faint, new, outside = ([0.0, 0, 0], [20.0, 0, 0], [40.0, 0, 0], [60.0, 0, 0])
    dark = {0.0: (0.8, 0.8), 20.0: (0.35, 0.6), 40.0: (0.1, 0.6), 60.0: (np.nan, 0.6)}
    darkness = [lambda points, visit=visit: np.array([dark[x][visit] for x in points[:, 0]]) for visit in (0, 1)]
    points = np.array([both]), np.array([faint, both, new, outside])
    first, second = settle_points(points, darkness, 5.0)
    assert first.tolist() == [both, faint]
    assert second.tolist() == points[1].tolist()
    second, first = settle_points(points[::-1], darkness[::-1], 5.0)
    assert first.tolist() == [both, faint]
    assert settle_points((np.empty((0, 3)), np.empty((0, 3))), darkness, 5.0)[0].shape == (0, 3)


def test_change_per_year_takes_the_real_days():
    row = change_row("wmh_volume_cm3", 10.0, 12.0, 400.0)
    assert row["change"] == 2.0
    assert row["change_per_year"] == pytest.approx(2 * 365.25 / 400)
    assert np.isnan(change_row("wmh_volume_cm3", 10.0, None, 400.0)["change"])
    assert np.isnan(change_row("wmh_volume_cm3", 10.0, 12.0, float("nan"))["change_per_year"])
    assert np.isnan(change_row("wmh_volume_cm3", 10.0, 12.0, 0.0)["change_per_year"])


@pytest.mark.parametrize(
    ("first", "second", "days"),
    [
        ("2023-02-27", "2024-03-01", 368),
        ("2023-02-27T23:50:00", "2023-02-28T00:10:00", 1),
        (None, "2024-03-01", np.nan),
    ],
)
def test_intervals(first, second, days):
    np.testing.assert_equal(interval_days(first, second), float(days))
    assert np.isnan(interval_days("unknown", "2024-03-01"))


def test_rows_of_exchanged_visits_change_sign_and_growth_becomes_shrinkage():
    grid = np.moveaxis(np.indices((40, 40, 40)), 0, -1) - 20
    ventricle = np.linalg.norm(grid, axis=-1) <= 5
    first = np.linalg.norm(grid - [9, 0, 0], axis=-1) <= 3
    second = first | (np.linalg.norm(grid - [0, -18, 0], axis=-1) <= 2)
    wmh = WmhMeasureSettings(periventricular_mm=10.0)
    there, back = (
        {row["measure"]: row for row in wmh_rows(WmhPair(masks, (ventricle, ventricle), ""), np.eye(4), days, wmh)}
        for masks, days in (((first, second), 500.0), ((second, first), 500.0))
    )
    for measure, row in there.items():
        if measure not in ("wmh_growth_cm3", "wmh_shrinkage_cm3"):
            assert row["change"] == pytest.approx(-back[measure]["change"])
    assert there["wmh_growth_cm3"]["change"] == back["wmh_shrinkage_cm3"]["change"] == pytest.approx(33 / 1000)
    assert there["wmh_deep_cm3"]["change"] == pytest.approx(33 / 1000)
    assert there["n_wmh_lesions"]["change"] == 1
