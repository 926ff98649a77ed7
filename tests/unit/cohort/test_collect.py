"""The cohort's tables: joined by keys, every row of the manifest there, missing with its reason."""

import numpy as np
import pandas as pd
import pytest

from angiolith.cohort.collect import (
    CHANGE_COLUMNS,
    CollectError,
    artery_calcium,
    artery_columns,
    as_measured,
    change_rows,
    join,
    lesions_table,
    patients_table,
    rating_columns,
)
from angiolith.core.settings.vessel_wall import CulpritSettings

IMAGES = ("ct", "FLAIR", "vwi")


def table(columns, *rows):
    return pd.DataFrame([dict(zip(columns.split(), row, strict=True)) for row in rows], columns=columns.split())


@pytest.fixture
def parts():
    """Three subjects: A with two visits and all images, B without a CT, C with a CT that failed."""
    return {
        "manifest": table(
            "subject session acq_time ct_acq_time ct FLAIR vwi",
            ("A", "01", "2024-01-10", "2024-01-31", "a.nii.gz", "f.nii.gz", "v.nii.gz"),
            ("A", "02", "2025-01-10", None, None, "f.nii.gz", None),
            ("B", "01", "2024-03-01", None, None, "f.nii.gz", "v.nii.gz"),
            ("C", "01", None, None, "c.nii.gz", None, None),
        ),
        "participants": table(
            "participant_id age symptomatic",
            ("sub-C", 70, None), ("sub-A", 61, 1.0), ("sub-B", 66, 0.0), ("sub-Z", 50, 1.0),
        ),
        "calcification": table(
            "subject session severity_group total_volume_mm3 status reason",
            ("C", "01", None, np.nan, "failed", "the CT is cut off"),
            ("A", "01", "severe", 41.5, "review", "touches bone"),
        ),
        "arteries": table(
            "subject session artery side volume_mm3 mean_hu woodcock status reason",
            ("A", "01", "ICA", "L", 30.0, 400.0, 2, "ok", None),
            ("A", "01", "ICA", "R", 10.0, 200.0, 3, "ok", None),
            ("A", "01", "BA", "M", 0.0, np.nan, 0, "ok", None),
            ("A", "01", "MCA", "L", 5.0, 300.0, 1, "ok", None),
            ("A", "01", "MCA", "R", np.nan, np.nan, np.nan, "failed", "outside the field of view"),
            ("C", "01", None, None, np.nan, np.nan, np.nan, "failed", "the CT is cut off"),
        ),
        "small_vessel": table(
            "subject session wmh_volume_cm3 n_microbleeds status reason",
            ("B", "01", 4.5, np.nan, "ok", None),
            ("A", "02", 9.0, 3.0, "ok", None),
            ("A", "01", 7.5, 2.0, "ok", None),
        ),
        "changes": table(
            " ".join(CHANGE_COLUMNS),
            ("A", "01", "02", 366, "wmh_volume_cm3", 7.4, 9.1, 1.7, 1.697, "ok", None),
            ("A", "01", "02", 366, "n_microbleeds", 2.0, 3.0, 1.0, 0.998, "ok", None),
        ),
        "ratings": {
            "readers": table(
                "participant_id session_id reader fazekas_deep",
                ("sub-B", "ses-01", "r1", 1), ("sub-A", "ses-01", "r2", 3), ("sub-A", "ses-01", "r1", 2),
            )
        },
    }  # fmt: skip


def patients_of(parts):
    names = ("manifest", "participants", "ratings", "calcification", "arteries", "small_vessel", "changes")
    return patients_table(*(parts[name] for name in names)).set_index(["subject", "session"])


def test_every_row_of_the_manifest_appears_once_with_status_and_reason(parts):
    patients = patients_of(parts)
    assert list(patients.index) == [("A", "01"), ("A", "02"), ("B", "01"), ("C", "01")]
    states = patients[["calcification_status", "calcification_reason"]].values.tolist()
    assert states == [
        ["review", "touches bone"],
        ["missing", "no ct in this session"],
        ["missing", "no ct in this session"],
        ["failed", "the CT is cut off"],
    ]
    assert patients.loc[("C", "01"), ["smallvessel_status", "smallvessel_reason"]].tolist() == [
        "missing",
        "no FLAIR in this session",
    ]


def test_values_stand_in_the_row_of_their_keys(parts):
    patients = patients_of(parts)
    assert patients["age"].tolist() == [61, 61, 66, 70]
    assert patients["wmh_volume_cm3"].fillna(-1).tolist() == [7.5, 9.0, 4.5, -1]
    assert patients["calcification_volume_mm3"].fillna(-1).tolist() == [41.5, -1, -1, -1]
    assert patients.loc[("A", "01"), ["fazekas_deep_r1", "fazekas_deep_r2"]].tolist() == [2, 3]
    assert patients.loc[("A", "01"), "interval_ct_mri_days"] == 21
    assert patients["interval_ct_mri_days"].isna().tolist() == [False, True, True, True]
    assert patients.loc[("A", "01"), ["wmh_volume_cm3_change", "n_microbleeds_followup", "interval_days"]].tolist() == [
        1.7,
        3.0,
        366,
    ]
    assert patients["wmh_volume_cm3_change"].isna().tolist() == [False, True, True, True]


def test_acute_lesions_have_columns_where_a_session_has_a_dwi_alone(parts):
    without = patients_of(parts)
    names = ("participants", "ratings", "calcification", "arteries", "small_vessel", "changes")
    acute = table("subject session n_acute_candidates status reason", ("A", "02", 2, "review", "2 acute lesions wait"))
    manifest = parts["manifest"].assign(dwi=[None, "d.nii.gz", None, None])
    found = patients_table(manifest, *(parts[name] for name in names), acute=acute).set_index(["subject", "session"])
    added = ["n_acute_candidates", "acute_status", "acute_reason"]
    assert [name for name in found.columns if name not in without.columns] == added
    assert list(found.loc[("A", "02"), added]) == [2, "review", "2 acute lesions wait"]
    assert list(found.loc[("B", "01"), added[1:]]) == ["missing", "no dwi in this session"]
    pd.testing.assert_frame_equal(found[without.columns], without)
    nothing = patients_table(manifest, *(parts[name] for name in names), acute=acute[:0])
    assert list(nothing.columns) == ["subject", "session", *without.columns]


def test_the_order_of_the_measure_files_does_not_matter(parts):
    expected = patients_of(parts)
    shuffled = dict(parts)
    for name in ("participants", "calcification", "arteries", "small_vessel", "changes"):
        shuffled[name] = parts[name].iloc[::-1].reset_index(drop=True)
    pd.testing.assert_frame_equal(patients_of(shuffled), expected, check_like=True)


def test_an_artery_joins_its_sides_and_is_missing_if_one_side_is(parts):
    row = artery_columns(parts["arteries"]).set_index("subject").loc["A"]
    assert row["calcification_volume_mm3_ICA"] == 40.0
    assert row["calcification_mean_hu_ICA"] == pytest.approx((30 * 400 + 10 * 200) / 40)
    assert row["woodcock_ICA"] == 3
    assert row["calcification_volume_mm3_BA"] == 0.0
    assert np.isnan(row["calcification_mean_hu_BA"])
    assert row[["calcification_volume_mm3_MCA", "woodcock_MCA"]].isna().all()


@pytest.fixture
def plaques():
    return table(
        "subject session lesion artery side reader stenosis_percent calcium_volume_mm3 status reason",
        ("A", "01", 2, "BA", "M", "reader1", 55.0, 0.0, "ok", None),
        ("A", "01", 1, "ICA", "L", "reader1", np.nan, np.nan, "failed", "the lumen lies outside the wall"),
        ("A", "01", 1, "ICA", "L", "reader2", 80.0, 6.0, "ok", None),
        ("A", "01", 2, "BA", "M", "reader2", 58.0, 0.0, "ok", None),
        ("B", "01", None, None, None, None, np.nan, np.nan, "missing", "no reader's drawing of the vessel wall"),
    )


CALCIUM = table(
    "subject session lesion artery side volume_mm3 max_hu kockelkoren_score spotty status counted",
    ("A", "01", 1, "ICA", "L", 20.0, 700.0, 8, 0.0, "ok", 1.0),
    ("A", "01", 2, "ICA", "L", 10.0, 300.0, 3, 1.0, "review", 1.0),
    ("A", "01", 3, "ICA", "R", 99.0, 900.0, 9, 0.0, "ok", 1.0),
    ("A", "01", 4, "ICA", "L", 188.0, 643.0, 9, 0.0, "review", 0.0),  # a candidate: in no sum
)


@pytest.mark.parametrize(
    ("scores", "spotty", "worst", "any_spotty"),
    [((8, 3), (0.0, 1.0), 8, 1), ((8, np.nan), (np.nan, 1.0), np.nan, 1), ((np.nan, 3), (0.0, np.nan), np.nan, np.nan)],
)
def test_an_artery_s_worst_score_is_missing_where_a_lesion_has_none(scores, spotty, worst, any_spotty):
    calcium = CALCIUM.head(2).assign(kockelkoren_score=scores, spotty=spotty)
    row = artery_calcium(calcium).iloc[0]
    assert row["artery_kockelkoren_score"] == pytest.approx(worst, nan_ok=True)
    assert row["artery_any_spotty"] == pytest.approx(any_spotty, nan_ok=True)


CRITERIA = CulpritSettings(culprit_stenosis_percent_min=50.0, ct_mri_days_max=28.0)


def test_lesions_hold_every_session_the_usable_reader_and_the_calcium_of_their_own_artery(parts, plaques):
    lesions = lesions_table(parts["manifest"], patients_of(parts).reset_index(), plaques, CALCIUM, CRITERIA)
    assert lesions[["subject", "session"]].values.tolist() == [
        ["A", "01"],
        ["A", "01"],
        ["A", "02"],
        ["B", "01"],
        ["C", "01"],
    ]
    first, second = lesions.iloc[0], lesions.iloc[1]
    assert (first["lesion"], first["reader"], first["stenosis_percent"]) == (1, "reader2", 80.0)
    assert (first["artery_calcification_volume_mm3"], first["artery_calcification_n"]) == (30.0, 2)
    assert (first["artery_any_spotty"], first["artery_kockelkoren_score"]) == (1, 8)
    assert (second["reader"], second["artery_calcification_volume_mm3"]) == ("reader1", 0.0)
    assert lesions["any_calcification"].fillna(-1).tolist() == [1, 0, -1, -1, -1]
    assert lesions["culprit"].fillna("n/a").tolist() == ["culprit", "other", "n/a", "n/a", "n/a"]
    assert lesions["age"].tolist() == [61, 61, 61, 66, 70]
    assert lesions.iloc[3]["plaque_reason"] == "no reader's drawing of the vessel wall"
    assert lesions.iloc[4]["plaque_reason"] == "no vwi in this session"


def test_a_lesion_that_misses_a_criterion_is_no_culprit_and_says_why(parts, plaques):
    strict = CulpritSettings(culprit_stenosis_percent_min=60.0, ct_mri_days_max=28.0)
    lesions = lesions_table(parts["manifest"], patients_of(parts).reset_index(), plaques, CALCIUM, strict)
    assert lesions["culprit"].fillna("n/a").tolist()[:2] == ["culprit", "n/a"]
    assert lesions.iloc[1]["culprit_reason"] == "stenosis 55.0 %, under 60 %"


def test_a_symptom_that_cannot_be_read_is_said_and_stops_nothing_else(parts, plaques):
    patients = patients_of(parts).reset_index().assign(symptomatic="maybe")
    lesions = lesions_table(parts["manifest"], patients, plaques, CALCIUM, CRITERIA)
    assert lesions["culprit"].isna().all()
    assert lesions.iloc[0]["culprit_reason"].startswith("symptomatic: 'maybe' is neither true nor false")
    assert lesions.iloc[0]["stenosis_percent"] == 80.0


def test_the_tools_own_wall_never_stands_in_for_a_reader(parts, plaques):
    traced = plaques[plaques["reader"] == "reader1"].assign(reader="tool", status="review", stenosis_percent=99.0)
    failed = plaques.assign(status=plaques["status"].replace("ok", "failed"))
    both = pd.concat([failed, traced])
    lesions = lesions_table(parts["manifest"], patients_of(parts).reset_index(), both, CALCIUM, CRITERIA)
    assert lesions["reader"].dropna().tolist() == ["reader1", "reader1"]
    alone = lesions_table(parts["manifest"], patients_of(parts).reset_index(), traced, CALCIUM, CRITERIA)
    assert alone["reader"].dropna().tolist() == ["tool", "tool"]


def test_change_has_a_row_for_those_with_one_visit(parts):
    rows = change_rows(parts["manifest"], parts["changes"])
    single = rows[rows["status"] == "missing"]
    assert single[["subject", "from_session", "reason"]].values.tolist() == [
        ["B", "01", "one visit only"],
        ["C", "01", "one visit only"],
    ]
    assert len(rows) == 4


def test_tables_that_do_not_fit_are_refused(parts):
    with pytest.raises(CollectError, match="ses-09 is not in the manifest"):
        patients_of(parts | {"small_vessel": parts["small_vessel"].assign(session="09")})
    with pytest.raises(CollectError, match=r"participants\.tsv: subject A stands twice"):
        patients_of(parts | {"participants": pd.concat([parts["participants"], parts["participants"][1:2]])})
    ratings = parts["ratings"]["readers"]
    with pytest.raises(CollectError, match="readers: subject B session 01 reader r1 stands twice"):
        rating_columns(pd.concat([ratings, ratings[:1]]), "readers")
    with pytest.raises(CollectError, match="'age' is already taken"):
        join(pd.DataFrame({"k": [1], "age": [2]}), pd.DataFrame({"k": [1], "age": [3]}), ["k"], "ratings")


def test_a_cohort_without_measures_is_still_a_table(parts):
    nothing = {name: parts[name].iloc[:0] for name in ("calcification", "arteries", "small_vessel", "changes")} | {
        "participants": None,
        "ratings": {},
    }
    patients = patients_of(parts | nothing)
    assert len(patients) == 4
    assert set(patients["smallvessel_status"]) == {"missing"}


def test_flags_read_as_numbers_even_beside_missing_cells():
    read = as_measured(pd.DataFrame({"spotty": [True, False], "bridge": ["True", None], "name": ["True north", "x"]}))
    assert read["spotty"].tolist() == [1.0, 0.0]
    assert read["bridge"].fillna(-1).tolist() == [1.0, -1.0]
    assert read["name"].tolist() == ["True north", "x"]


def test_visits_in_no_known_order_have_a_failed_row_of_change_with_the_reason():
    manifest = table(
        "subject session visit_number visit_order",
        ("A", "a", None, "which visit is the first cannot be determined from the labels a, b"),
        ("A", "b", None, "which visit is the first cannot be determined from the labels a, b"),
        ("B", "1", "1", "labels (numbers)"),
        ("B", "2", "2", "labels (numbers)"),
        ("C", "1", None, None),
    )
    rows = change_rows(manifest, pd.DataFrame(columns=CHANGE_COLUMNS)).set_index("subject")
    assert rows.loc["A", "status"] == "failed"
    assert rows.loc["A", "reason"].startswith("the order of the visits is not known: which visit is the first")
    assert rows.loc["C", "reason"] == "one visit only"
    assert "B" not in rows.index


def test_a_key_that_is_missing_in_every_row_joins_nothing():
    left = pd.DataFrame({"subject": ["A", "B"], "artery": [np.nan, np.nan]})
    right = pd.DataFrame({"subject": ["A"], "artery": ["ICA"], "volume_mm3": [3.0]})
    joined = join(left, right, ["subject", "artery"], "calcium")
    assert joined["subject"].tolist() == ["A", "B"]
    assert joined["volume_mm3"].isna().all()
