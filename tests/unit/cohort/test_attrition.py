"""Criteria in their order, and an account in which nobody is lost and nobody counted twice."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from angiolith.cohort.account import waits_for_reader
from angiolith.cohort.attrition import AttritionError, attrition_table, check_account, exclusions
from angiolith.cohort.external import StudyTableError
from angiolith.core.settings.analyses import Criterion


def criterion(column, reason="unfit", **given):
    return Criterion(column=column, reason=reason, **given)


STENOSIS = criterion("stenosis_percent", "no substantial stenosis", minimum=50)
INTERVAL = criterion("interval_days", "CT too far from VW-MRI", maximum=28)


def account_of(table, criteria, known=(), visit="all"):
    account = exclusions(table, criteria, known, visit)
    return account, attrition_table("vba", table["subject"], account)


def test_each_row_leaves_at_the_first_criterion_it_fails_and_bounds_are_inclusive():
    table = pd.DataFrame(
        {
            "subject": list("ABCDEF"),
            "stenosis_percent": [50.0, 49.9, 80.0, np.nan, 70.0, 40.0],
            "interval_days": [28.0, 90.0, 29.0, 3.0, np.nan, np.nan],
        }
    )
    account, steps = account_of(table, [STENOSIS, INTERVAL])
    assert account["step"].isna().tolist() == [True, False, False, False, False, False]
    assert pd.isna(account["reason"].iloc[0])
    assert dict(zip(table["subject"][1:], account["reason"][1:], strict=True)) == {
        "B": "no substantial stenosis",
        "C": "CT too far from VW-MRI",
        "D": "no substantial stenosis: stenosis_percent not known",
        "E": "CT too far from VW-MRI: interval_days not known",
        "F": "no substantial stenosis",
    }
    assert steps["n_in"].tolist() == [6, 6, 4, 3, 2, 1]
    assert steps["n_left"].tolist() == [6, 4, 3, 2, 1, 1]
    assert steps["excluded_subjects"].tolist() == ["", "B,F", "D", "C", "E", ""]


def test_a_subject_leaves_with_its_last_lesion_only():
    table = pd.DataFrame({"subject": ["A", "A", "B", "B"], "stenosis_percent": [60.0, 10.0, 20.0, np.nan]})
    _, steps = account_of(table, [STENOSIS])
    low = steps[steps["reason"] == "no substantial stenosis"].iloc[0]
    assert (low["n_excluded"], low["rows_excluded"]) == (0, 2)
    unknown = steps[steps["reason"].str.endswith("not known")].iloc[0]
    assert (unknown["n_excluded"], unknown["excluded_subjects"]) == (1, "B")
    assert steps.iloc[-1][["n_left", "rows_left"]].tolist() == [1, 1]


def test_the_account_says_who_waits_for_a_reader():
    table = pd.DataFrame({"subject": list("ABC"), "stenosis_percent": [60.0, 70.0, 20.0]})
    account = exclusions(table, [STENOSIS], (), "all")
    steps = attrition_table("vba", table["subject"], account, pd.Series([True, False, True]))
    assert steps["n_waiting"].tolist() == [2, 1, 1]
    assert steps["waiting_subjects"].tolist() == ["", "", "A"]


def test_a_missing_value_may_stay_and_may_bring_its_own_reason():
    table = pd.DataFrame(
        {"subject": ["A", "B", "C"], "grade": [np.nan, np.nan, 2.0], "why": ["CT is cut off", None, None]}
    )
    kept, _ = account_of(table, [criterion("grade", minimum=1, missing="keep")])
    assert kept["step"].isna().all()
    dropped, _ = account_of(table, [criterion("grade", "no severity", reason_column="why")])
    assert dropped["reason"].fillna("stays").tolist() == ["no severity: CT is cut off", "no severity", "stays"]


def test_listed_values_stay_whether_written_as_text_or_number():
    table = pd.DataFrame({"subject": list("ABC"), "role": ["culprit", "other", "non-culprit"], "code": ["1", "2", "3"]})
    named, _ = account_of(table, [criterion("role", values=["culprit", "non-culprit"])])
    assert named["step"].isna().tolist() == [True, False, True]
    coded, _ = account_of(table, [criterion("code", values=[1, 3])])
    assert coded["step"].isna().tolist() == [True, False, True]


def test_the_first_visit_is_the_earliest_by_date_and_by_label_where_a_date_is_missing():
    table = pd.DataFrame(
        {
            "subject": ["A", "A", "B", "B"],
            "session": ["01", "02", "02", "01"],
            "acq_time": ["2021-05-01", "2020-05-01", None, "2020-01-01"],
        }
    )
    account, steps = account_of(table, [], visit="first")
    assert account["step"].isna().tolist() == [False, True, False, True]
    assert steps["n_left"].tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    ("sessions", "dates", "declared", "stays"),
    [
        (["6m", "12m"], None, (), "6m"),
        (["12m", "6m"], None, (), "6m"),
        (["post", "pre"], None, (), "pre"),
        (["10", "2", "1"], None, (), "1"),
        (["b", "a"], ["20200101", "2020-12-31"], (), "b"),
        (["b", "a"], ["2020-01-01 00:00:00", "2019/12/31"], (), "a"),
        (["b", "a"], None, ("b", "a"), "b"),
        (["b", "a"], None, (), None),
        (["b", "a"], ["2020-01-01", "2020-01-01"], (), None),
        (["pre", "post"], ["2021-01-01", "2020-01-01"], ("pre", "post"), None),
    ],
)
def test_the_first_visit_of_a_table_is_told_as_that_of_images_is(sessions, dates, declared, stays):
    table = pd.DataFrame({"subject": "A", "session": sessions, "acq_time": dates if dates else None})
    account = exclusions(table, [], [], "first", session_order=declared)
    kept = table.loc[account["step"].isna(), "session"].tolist()
    assert kept == ([stays] if stays else [])
    reasons = set(account["reason"].dropna())
    if stays:
        assert reasons == {"later visit"}
    else:
        assert len(reasons) == 1
        assert reasons.pop().startswith("the order of the visits is not known: ")


def test_a_date_that_could_be_two_is_refused_by_its_row():
    table = pd.DataFrame({"subject": "A", "session": ["a", "b"], "acq_time": ["3.2.2020", "4.2.2020"]})
    with pytest.raises(StudyTableError, match=r"row 0, acq_time: '3.2.2020' is not a date"):
        exclusions(table, [], [], "first")


def test_visit_numbers_of_the_pipeline_go_first_and_an_unknown_order_leaves_the_subject_out():
    table = pd.DataFrame(
        {
            "subject": ["A", "A", "B", "B", "C"],
            "session": ["01", "02", "01", "02", "01"],
            "visit_number": [2, 1, None, None, None],
        }
    )
    account = exclusions(table, [], [], "first")
    assert account["step"].isna().tolist() == [False, True, False, False, True]
    assert account["reason"].tolist()[2:4] == ["the order of the visits is not known"] * 2


def test_rows_without_group_or_outcome_are_named_last():
    table = pd.DataFrame({"subject": ["A", "B"], "group": ["x", None], "stenosis_percent": [60.0, 60.0]})
    _, steps = account_of(table, [STENOSIS], known=["group"])
    assert steps["reason"].tolist() == ["all", "group not known", "analysed"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("ABCDEFG"),
            st.sampled_from([np.nan, 10.0, 50.0, 90.0]),
            st.sampled_from([np.nan, 5.0, 40.0]),
        ),
        max_size=30,
    )
)
def test_every_subject_is_analysed_or_excluded_exactly_once(rows):
    table = pd.DataFrame(rows, columns=["subject", "stenosis_percent", "interval_days"])
    account, steps = account_of(table, [STENOSIS, INTERVAL], known=["interval_days"])
    analysed = set(table["subject"][account["step"].isna()])
    excluded = [name for names in steps["excluded_subjects"] for name in names.split(",") if name]
    assert len(excluded) == len(set(excluded))
    assert set(excluded) | analysed == set(table["subject"])
    assert not set(excluded) & analysed
    assert steps["n_in"].iloc[0] - steps["n_excluded"].sum() == len(analysed)


def test_an_account_that_does_not_add_up_is_refused():
    table = pd.DataFrame({"subject": ["A", "B"], "stenosis_percent": [60.0, 10.0]})
    _, steps = account_of(table, [STENOSIS])
    with pytest.raises(AttritionError, match="do not add up"):
        check_account(steps.assign(n_excluded=0), ["A", "B"], ["A"])
    with pytest.raises(AttritionError, match="unaccounted"):
        check_account(steps, ["A", "B", "C"], ["A"])


def test_a_session_waits_for_a_reader_with_candidates_of_any_kind():
    table = pd.DataFrame(
        {
            "n_calcification_candidates": [0, 2, 0, None],
            "n_microbleed_candidates": [0, 0, None, None],
            "n_lacune_candidates": [0, 0, 1, None],
        }
    )
    assert waits_for_reader(table).tolist() == [False, True, True, False]
    assert waits_for_reader(table[["n_lacune_candidates"]]).tolist() == [False, False, True, False]
    assert waits_for_reader(pd.DataFrame(index=[0])).tolist() == [False]
