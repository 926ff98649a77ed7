"""Scores against sums made by hand and the printed points."""

import numpy as np
import pytest

from angiolith.calcification.scoring import (
    agatston_equivalent,
    kockelkoren,
    severity_group,
    slice_axis,
    slice_step_mm,
    spotty,
    woodcock_grades,
)
from angiolith.core.settings.calcification import CalcificationGradeSettings, SeveritySettings

CALCIFICATION = CalcificationGradeSettings()
SEVERITY = SeveritySettings()


def test_agatston_by_hand_with_two_pieces_in_a_slice_and_overlapping_slices():
    ct = np.zeros((6, 6, 3))
    ct[0, 0, 0], ct[1, 1, 0] = 150, 250  # 8-connected: one piece, peak 250, weight 2, 2 pixels
    ct[4:6, 4, 0] = 410  # another piece, weight 4, 2 pixels
    ct[2, 2, 1] = 199  # weight 1, 1 pixel
    affine = np.diag([0.5, 0.4, 0.7, 1])  # 0.5 mm thick slices every 0.7 mm: the step is 0.7
    by_hand = (2 * 2 + 2 * 4 + 1 * 1) * 0.5 * 0.4 * 0.7 / 3
    assert agatston_equivalent(ct, ct > 0, affine) == pytest.approx(by_hand)


@pytest.mark.parametrize(
    ("peak_hu", "weight"), [(129, 0), (130, 1), (199, 1), (200, 2), (299, 2), (300, 3), (399, 3), (400, 4), (2000, 4)]
)
def test_agatston_weight_of_a_peak(peak_hu, weight):
    ct = np.full((2, 2, 1), float(peak_hu))
    assert agatston_equivalent(ct, np.ones((2, 2, 1), bool), np.diag([1, 1, 3, 1])) == pytest.approx(4 * weight)


def test_slice_step_is_perpendicular_to_the_slices():
    tilt = np.radians(18.5)
    affine = np.eye(4)
    affine[:3, 1] = 0.5 * np.array([0, np.cos(tilt), np.sin(tilt)])
    affine[:3, 2] = [0, 0, 4.0]  # the table's feed, not the distance between tilted slices
    assert slice_step_mm(affine) == pytest.approx(4.0 * np.cos(tilt))
    assert slice_axis(affine[:, [2, 0, 1, 3]]) == 0


@pytest.mark.parametrize(
    ("arc_deg", "length_mm", "thickness_mm", "even", "score", "pattern"),
    [
        (30, 1.0, 2.0, True, 1 + 1 + 0, "intimal"),  # a dot, thick, morphology cannot be told
        (30, 1.0, 0.5, True, 1 + 3 + 0, "intimal"),
        (80, 5.0, 1.5, True, 2 + 1 + 1, "intimal"),  # 1.5 mm is thick; narrow, so not continuous
        (89.9, 5.0, 1.49, False, 2 + 3 + 1, "intimal"),
        (90, 5.0, 1.49, False, 3 + 3 + 1, "iel"),  # 7 is the first IEL score
        (90, 5.0, 2.0, True, 3 + 1 + 4, "iel"),
        (269.9, 5.0, 2.0, False, 3 + 1 + 1, "intimal"),
        (270, 5.0, 0.8, True, 4 + 3 + 4, "iel"),  # the highest sum, 11
        (360, 5.0, 2.0, False, 4 + 1 + 1, "intimal"),
    ],
)
def test_kockelkoren_points(arc_deg, length_mm, thickness_mm, even, score, pattern):
    assert kockelkoren(arc_deg, length_mm, thickness_mm, even, CALCIFICATION.kockelkoren) == (score, pattern)


def test_kockelkoren_is_missing_where_a_feature_is():
    score, pattern = kockelkoren(np.nan, 3.0, 1.0, True, CALCIFICATION.kockelkoren)
    assert np.isnan(score)
    assert pattern is None


def test_spotty_is_short_and_narrow():
    assert spotty(2.9, 89, CALCIFICATION) is True
    assert spotty(3.0, 89, CALCIFICATION) is False
    assert spotty(2.9, 90, CALCIFICATION) is False
    assert spotty(np.nan, 10, CALCIFICATION) is None


@pytest.mark.parametrize(
    ("thickness_mm", "length_mm", "grade"),
    [
        ([], [], 0),
        ([1.0], [3.0], 1),
        ([1.0], [9.0], 2),
        ([1.6], [3.0], 2),
        ([1.6, 1.0], [3.0, 9.0], 2),
        ([1.5], [8.0], 3),
    ],
)
def test_woodcock_takes_the_highest_lesion(thickness_mm, length_mm, grade):
    assert woodcock_grades(np.array(thickness_mm), np.array(length_mm), SEVERITY) == (grade, grade)


@pytest.mark.parametrize(
    ("thickness_mm", "length_mm", "lowest", "highest"),
    [
        ([np.nan], [2.0], 1, 2),
        ([np.nan], [8.0], 2, 3),
        ([np.nan], [np.nan], 1, 3),
        ([np.nan, 1.6], [2.0, 1.0], 2, 2),  # the other lesion decides
        ([np.nan, 1.6], [9.0, 9.0], 3, 3),
    ],
)
def test_an_unknown_thickness_may_be_thin_or_thick(thickness_mm, length_mm, lowest, highest):
    assert woodcock_grades(np.array(thickness_mm), np.array(length_mm), SEVERITY) == (lowest, highest)


def test_severity_rules_differ_as_documented():
    small_but_graded = {
        rule: severity_group(3, 1.0, SeveritySettings(rule=rule)) for rule in ("grade", "volume", "higher")
    }
    assert small_but_graded == {"grade": "severe", "volume": "none_or_mild", "higher": "severe"}
    assert severity_group(0, 0.0, SEVERITY) == "none_or_mild"
    assert severity_group(1, 50.0, SEVERITY) == "moderate"
