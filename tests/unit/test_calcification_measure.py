"""The three tables: sums, missing values, statuses."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from angiolith.arteries.centrelines import region_labels
from angiolith.arteries.names import MEASURED
from angiolith.calcification.columns import ARTERIES, LESIONS, PATIENTS
from angiolith.calcification.measure import (
    artery_measures,
    labelled,
    measure_arteries,
    measure_lesions,
    measure_patient,
    refused,
)
from angiolith.core.images import Image, mask_points
from angiolith.core.settings.calcification import (
    CalcificationGradeSettings,
    CalcificationMeasureSettings,
    SeveritySettings,
)
from angiolith.marks.verdicts import tool_verdicts
from tests.unit.calcified_tube import Plaque, axes_along, draw, grid_affine, straight_line

CALCIFICATION = (130.0, CalcificationMeasureSettings(), CalcificationGradeSettings())
SEVERITY = SeveritySettings()
CONTRACT = """subject session lesion artery side volume_mm3 mean_hu max_hu agatston_equivalent length_mm arc_deg
thickness_mm kockelkoren_score pattern spotty touches_bone status reason"""


def one_lesion(voxel_mm=(0.45, 0.45, 0.7), direction=(0.1, 0.2, 1.0)):
    """(ct, labels, region, lines) of a basilar artery with one plaque."""
    shape = tuple(round(20 / v) for v in voxel_mm)
    affine, axes = grid_affine(voxel_mm, shape, 10.0), axes_along(np.array(direction))
    data = draw([Plaque(1.9, 1.4, 150, 5)], axes, 2.3, affine, shape).astype(np.float32)
    line = straight_line(axes, 2.3)
    region = region_labels(shape, affine, [line], lambda each: each.radius_mm + 2)
    return Image(data, affine), (data >= 130).astype(np.uint16), region, {line.name: line}


def test_a_lesions_row_holds_the_contract_and_sums_by_hand():
    ct, labels, region, lines = one_lesion()
    row = measure_lesions(ct, labels, region, lines, {1: 0.0}, *CALCIFICATION).iloc[0]
    hu = ct.data[labels == 1]
    assert list(LESIONS)[:18] == CONTRACT.split()
    assert row["volume_mm3"] == pytest.approx(len(hu) * 0.45 * 0.45 * 0.7)
    assert (row["mean_hu"], row["max_hu"]) == (pytest.approx(hu.mean()), pytest.approx(hu.max()))
    assert (row["p10_hu"], row["median_hu"]) == (pytest.approx(np.percentile(hu, 10)), pytest.approx(np.median(hu)))
    assert (row["artery"], row["side"], row["segment"]) == ("BA", "M", "basilar")
    assert (row["pattern"], row["spotty"], row["status"]) == ("iel", False, "ok")
    assert np.linalg.norm([row["x_mm"], row["y_mm"], row["z_mm"]]) == pytest.approx(2.3, abs=0.5)


def test_touching_bone_is_for_review():
    ct, labels, region, lines = one_lesion()
    row = measure_lesions(ct, labels, region, lines, {1: 0.3}, *CALCIFICATION).iloc[0]
    assert (row["touches_bone"], row["status"], row["reason"]) == (True, "review", "touches bone")


def test_without_a_centreline_shape_stays_and_geometry_is_missing():
    ct, labels, region, _ = one_lesion()
    row = measure_lesions(ct, labels, region, {}, {1: 0.0}, *CALCIFICATION).iloc[0]
    assert row["volume_mm3"] > 0
    assert np.isnan(row["arc_deg"])
    assert row["pattern"] is None
    assert row["spotty"] is None
    assert "no centreline" in row["reason"]


def a_blurred_dot():
    """(ct, labels, region, lines): a basilar artery with a point of calcium, blurred by 1.2 mm."""
    voxel_mm, shape = (0.45, 0.45, 0.45), (44, 44, 44)
    affine, line = grid_affine(voxel_mm, shape), straight_line(axes_along(np.array([0, 0, 1.0])), 2.3)
    at = mask_points(affine, np.ones(shape, bool)).reshape(*shape, 3) - [2.0, 0, 0]
    data = (40 + 360 * np.exp(-(at**2).sum(axis=-1) / 2 / 0.42**2)).astype(np.float32)
    region = region_labels(shape, affine, [line], lambda each: each.radius_mm + 2)
    return Image(data, affine), (data >= 130).astype(np.uint16), region, {line.name: line}


def test_what_the_blur_alone_would_show_is_missing_with_its_reason_and_so_is_what_rests_on_it():
    ct, labels, region, lines = a_blurred_dot()
    lesions = measure_lesions(ct, labels, region, lines, {1: 0.0}, *CALCIFICATION)
    row = lesions.iloc[0]
    assert (
        row[["arc_deg", "thickness_mm", "kockelkoren_score", "pattern", "spotty", "thickness_uncertain"]].isna().all()
    )
    assert (row["volume_mm3"] > 1, row["length_mm"] > 0, row["arc_reliable"]) == (True, True, False)
    assert (row["status"], row["reason"]) == (
        "review",
        "no larger than the scanner's blur: arc and thickness not measured",
    )
    everywhere = dict.fromkeys(MEASURED, lines["BA", "M"])
    arteries = measure_arteries(lesions, everywhere, dict.fromkeys(everywhere, "atlas"), ct.with_data(region), SEVERITY)
    basilar = arteries.set_index(["artery", "side"]).loc["BA", "M"]
    assert basilar[["woodcock", "pattern", "severity_group"]].isna().all()
    assert basilar["volume_mm3"] == pytest.approx(row["volume_mm3"])
    patient = measure_patient(arteries)
    assert (patient["severity_group"], patient["worst_artery"], patient["status"]) == (None, None, "review")
    assert np.isnan(patient["severity_grade"])
    assert "severity not known" in patient["reason"]


def test_an_artery_s_unknown_grade_counts_only_where_it_could_be_the_worst():
    lesions = pd.DataFrame(
        {
            "artery": ["BA", "BA"],
            "side": ["M", "M"],
            "volume_mm3": [200.0, 1.0],
            "volume_half_max_mm3": [150.0, np.nan],
            "mean_hu": [500.0, 200.0],
            "max_hu": [900.0, 300.0],
            "agatston_equivalent": [90.0, 1.0],
            "thickness_mm": [2.0, np.nan],
            "length_mm": [9.0, 1.0],
            "pattern": ["iel", None],
            "counted": True,
            "certainty": "sure",
            "decided_by": "tool",
        }
    )
    both = artery_measures(lesions, SEVERITY)
    assert (both["woodcock"], both["severity_group"], both["pattern"]) == (3, "severe", "iel")
    assert np.isnan(both["volume_half_max_mm3"])
    alone = artery_measures(lesions.iloc[1:], SEVERITY)
    assert np.isnan(alone["woodcock"])
    assert (alone["severity_group"], alone["pattern"], alone["severity_at_least"]) == (None, None, True)
    assert alone["severity_group_max"] == "moderate"
    rows = [both, alone | {"volume_mm3": 1.0}]
    seen = {"artery": ["BA", "VA"], "side": ["M", "L"], "covered_share": 1.0, "status": "ok", "reason": ""}
    arteries = pd.DataFrame(rows).assign(**seen)
    patient = measure_patient(arteries)
    assert (patient["severity_group"], patient["severity_grade"], patient["worst_artery"]) == ("severe", 3, "BA")


def tables(lesions_of=None, missing=(), doubts=None):
    ct, labels, region, lines = one_lesion()
    labels = labels if lesions_of is None else lesions_of
    verdicts = tool_verdicts(doubts or {})
    lesions = measure_lesions(ct, labels, region, lines, {}, *CALCIFICATION, verdicts=verdicts)
    everywhere = {name: lines["BA", "M"] for name in MEASURED if name not in missing}
    sources = dict.fromkeys(everywhere, "atlas")
    arteries = measure_arteries(lesions, everywhere, sources, ct.with_data(region), SEVERITY)
    return lesions, arteries.set_index(["artery", "side"])


def test_every_artery_has_a_row_and_none_calcified_is_a_measured_zero():
    lesions, arteries = tables()
    assert len(arteries) == len(MEASURED) == 11
    basilar, middle = arteries.loc["BA", "M"], arteries.loc["MCA", "L"]
    assert (basilar["n_lesions"], basilar["volume_mm3"]) == (1, lesions["volume_mm3"].sum())
    assert basilar["mean_hu"] == pytest.approx(lesions["mean_hu"][0])
    assert (middle["n_lesions"], middle["volume_mm3"], middle["woodcock"], middle["pattern"]) == (0, 0, 0, "absent")
    assert np.isnan(middle["mean_hu"])


def test_an_artery_that_was_not_looked_at_is_missing_not_zero():
    _, arteries = tables(missing=[("VA", "L")])
    row = arteries.loc["VA", "L"]
    assert row["status"] == "missing"
    assert np.isnan(row["volume_mm3"])
    assert "no artery region" in row["reason"]
    patient = measure_patient(arteries.reset_index())
    assert patient["status"] == "review"
    assert "L-VA" in patient["reason"]


@pytest.mark.parametrize(("sd_mm", "is_bound"), [(0.4, False), (2.0, True)])
def test_a_zero_along_bone_is_a_lower_bound_where_nothing_confirms_the_artery(sd_mm, is_bound):
    ct, labels, region, lines = one_lesion()
    line = replace(lines["BA", "M"], artery="ICA", side="R", sd_mm=np.full(len(lines["BA", "M"].points), sd_mm))
    nothing = measure_lesions(ct, 0 * labels, region, lines, {}, *CALCIFICATION)
    sources = {("ICA", "R"): "atlas"}
    arteries = measure_arteries(nothing, {("ICA", "R"): line}, sources, ct.with_data(region), SEVERITY)
    row, patient = arteries.set_index(["artery", "side"]).loc["ICA", "R"], measure_patient(arteries)
    assert row["volume_mm3"] == 0
    assert ("lower bound" in row["reason"], "lower bound" in patient["reason"]) == (is_bound, is_bound)
    for said in (row, patient):
        assert bool(said["severity_at_least"]) == is_bound
        assert (said["severity_group_max"] == "severe") == is_bound


def test_an_artery_of_a_mask_too_short_for_a_centreline_is_measured():
    ct, labels, region, lines = one_lesion()
    lesions = measure_lesions(ct, labels, region, lines, {1: 0.0}, *CALCIFICATION)
    row = measure_arteries(lesions, {}, {("BA", "M"): "user"}, ct.with_data(region), SEVERITY)
    basilar = row.set_index(["artery", "side"]).loc["BA", "M"]
    assert (basilar["volume_mm3"], basilar["status"]) == (lesions["volume_mm3"].sum(), lesions["status"][0])
    assert np.isnan(basilar["covered_share"])


def test_the_centreline_must_lie_in_the_field_of_view():
    ct, _, region, lines = one_lesion()  # the line is 30 mm long, the image 20 mm high
    sources = dict.fromkeys(lines, "atlas")
    arteries = measure_arteries(
        measure_lesions(ct, region * 0, region, lines, {}, *CALCIFICATION),
        lines,
        sources,
        ct.with_data(region),
        SEVERITY,
    ).set_index(["artery", "side"])
    assert 0.5 < arteries.loc["BA", "M"]["covered_share"] < 0.8
    assert arteries.loc["BA", "M"]["status"] == "review"


def test_the_patient_has_the_group_of_the_worst_artery():
    lesions, arteries = tables()
    patient = measure_patient(arteries.reset_index())
    assert patient["worst_artery"] == "BA"
    assert patient["total_volume_mm3"] == pytest.approx(lesions["volume_mm3"].sum())
    assert patient["severity_group"] == arteries.loc["BA", "M"]["severity_group"]
    assert patient["severity_grade"] == arteries["woodcock"].max()


def test_nothing_calcified():
    _, labels, _, _ = one_lesion()
    lesions, arteries = tables(lesions_of=labels * 0)
    assert lesions.empty
    patient = measure_patient(arteries.reset_index())
    assert (patient["severity_group"], patient["worst_artery"], patient["total_volume_mm3"]) == ("none_or_mild", "", 0)


def test_tables_have_their_columns_in_order_and_a_refused_session_one_row():
    lesions, arteries = tables()
    assert list(labelled(lesions, "01", "02", LESIONS).columns) == list(LESIONS)
    assert list(labelled(arteries.reset_index(), "01", "02", ARTERIES).columns) == list(ARTERIES)
    row = refused("01", "02", "failed", "truncated file", PATIENTS)
    assert row.loc[0, ["subject", "session", "status", "reason"]].tolist() == ["01", "02", "failed", "truncated file"]
    assert row["total_volume_mm3"].isna().all()
    assert isinstance(row, pd.DataFrame)


def test_a_candidate_is_listed_and_in_no_sum_and_severity_says_at_least():
    sure, of_sure = tables()
    lesions, arteries = tables(doubts={1: "bone on its far side"})
    (row,) = lesions.to_dict("records")
    assert (row["counted"], row["certainty"], row["decided_by"]) == (False, "candidate", "tool")
    assert (row["status"], row["reason"]) == ("review", "candidate: bone on its far side")
    assert row["volume_mm3"] == sure["volume_mm3"][0]
    basilar = arteries.loc["BA", "M"]
    assert (basilar["n_lesions"], basilar["volume_mm3"], basilar["woodcock"], basilar["pattern"]) == (0, 0, 0, "absent")
    assert (basilar["n_candidates"], basilar["candidate_volume_mm3"]) == (1, row["volume_mm3"])
    group = of_sure.loc["BA", "M"]["severity_group"]
    assert group != "none_or_mild"
    patient = measure_patient(arteries.reset_index())
    assert (patient["total_volume_mm3"], patient["n_lesions"], patient["agatston_equivalent"]) == (0, 0, 0)
    assert (patient["severity_group"], patient["severity_at_least"]) == ("none_or_mild", True)
    assert patient["severity_group_max"] == group
    assert (patient["n_candidates"], patient["candidate_volume_mm3"]) == (1, row["volume_mm3"])
    assert (patient["status"], "wait for a reader: 1" in patient["reason"]) == ("review", True)
    told = measure_patient(of_sure.reset_index())
    assert (told["severity_at_least"], told["n_candidates"]) == (False, 0)
