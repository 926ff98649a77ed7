"""Outcome codes and codes for missing: which value is the event is known or refused, and no code is a number."""

import numpy as np
import pandas as pd
import pytest

from angiolith.cohort.account import analysed
from angiolith.cohort.associations import Plan, associations
from angiolith.cohort.missing_codes import suspected_codes
from angiolith.cohort.outcome import OutcomeError, event_of
from angiolith.core.settings.analyses import Analysis

# 40 exposed, 24 of them with the event; 40 not exposed, 12 with it: odds ratio (24 * 28) / (16 * 12) = 3.5
COUNTS = {(1, True): 24, (1, False): 16, (0, True): 12, (0, False): 28}
ODDS_RATIO = 3.5


def study(yes, no):
    rows = [(exposed, yes if event else no) for (exposed, event), n in COUNTS.items() for _ in range(n)]
    return pd.DataFrame(rows, columns=["exposed", "outcome"]).assign(
        subject=[f"{at:03d}" for at in range(80)], exposed=lambda t: t["exposed"].astype(float)
    )


@pytest.mark.parametrize(
    ("yes", "no", "event"),
    [
        ("1", "0", None),
        ("2", "1", 2),
        ("1", "2", "1"),
        ("yes", "no", "yes"),
        ("ja", "nein", "ja"),
        ("True", "False", "True"),
    ],
)
def test_the_odds_ratio_is_that_of_the_event_however_it_is_coded(yes, no, event):
    (row,) = associations(study(yes, no), Plan("outcome", event, ["exposed"]))[0].to_dict("records")
    assert row["odds_ratio"] == pytest.approx(ODDS_RATIO, rel=1e-6)
    assert (row["events"], row["event"]) == (36, yes)


@pytest.mark.parametrize(
    ("levels", "event", "message"),
    [
        (["1", "2"], None, "has the values 1, 2, not 0 and 1: name the event, e.g. event: '2'"),
        (["no", "yes"], None, "name the event"),
        (["False", "True"], None, "name the event"),
        (["ja", "nein"], "yes", "has no value 'yes', only ja, nein"),
        (["0", "1", "2"], None, "has 3 values (0, 1, 2), and a yes/no outcome has two"),
        (["0", "1", "9"], "1", "9 often means missing: name it under missing_codes"),
        (["0.0", "1.0", "-999"], 1, "-999 often means missing"),
    ],
)
def test_an_outcome_whose_event_is_not_clear_is_refused(levels, event, message):
    with pytest.raises(OutcomeError) as error:
        event_of(pd.Series(levels * 3, name="stroke", dtype=object), event)
    assert message in str(error.value)


def made(tmp_path, text, **given):
    path = tmp_path / "t.csv"
    path.write_text(text)
    asked = Analysis(**{"kind": "severity", "table": str(path), **given})
    found = analysed("mine", asked, str(path), [])
    rows, steps = found.rows, found.steps
    return rows, None if rows is not None else steps["reason"].iloc[1]


def test_an_analysis_of_a_1_2_outcome_is_not_made_until_its_event_is_named(tmp_path):
    text = "subject,age,stroke\n" + "".join(f"{at},{60 + at},{1 + at % 2}\n" for at in range(8))
    asked = {"outcome": "stroke", "predictors": ["age"]}
    assert "stroke has the values 1, 2, not 0 and 1: name the event" in made(tmp_path, text, **asked)[1]
    assert len(made(tmp_path, text, **asked, event=2)[0]) == 8
    third = text + "9,60,9\n"
    assert "stroke: 9 looks like a code for missing" in made(tmp_path, third, **asked, event=2)[1]
    kept, _ = made(tmp_path, third, **asked, event=2, missing_codes={"stroke": [9]})
    assert len(kept) == 8  # the ninth row's outcome is not known


def test_yaml_s_yes_is_no_event():
    with pytest.raises(ValueError, match="write the outcome's value in quotation marks"):
        Analysis(kind="severity", table="t", outcome="stroke", predictors=["age"], event=True)


@pytest.mark.parametrize(
    ("name", "values", "codes"),
    [
        ("age", [61, 72, 55, 999], [999]),  # BIDS's own name of the column
        ("age", [61, 72, 55, -9], [-9]),
        ("age", [61, 72, 55, 99], [99]),
        ("age", [61, 72, 88, 99], []),  # may be an age
        ("age_years", [61, 72, 55, -999], [-999]),
        ("bmi", [24, 31, 99], [99]),
        ("fazekas_deep", [0, 1, 2, 3, 9], [9]),
        ("hypertension", [0, 1, 0, 9], [9]),
        ("n_microbleeds", [0, 1, 0, 9], []),  # a count
        ("n_microbleeds", [0, 1, 0, 999], [999]),
        ("n_microbleeds", [0, 1, 0, -9], [-9]),
        ("mean_hu", [400, 9, 999, 700], []),  # among the others
        ("z_score", [-1.2, 0.3, -9, 2], []),  # negative values are usual here
        ("sex", ["F", "M", "9"], ["9"]),
        ("grade", ["1", "2", "3", "99"], ["99"]),
        ("grade", ["1", "a", "9"], []),
        ("site", ["9", "9"], []),
        ("x", [np.nan, np.nan], []),
    ],
)
def test_codes_for_missing_are_found_among_numbers_and_categories(name, values, codes):
    assert suspected_codes(pd.Series(values, name=name), name).tolist() == codes


def test_declared_codes_are_missing_and_an_empty_list_keeps_the_value(tmp_path):
    text = "subject,age,wmh_volume_cm3\n1,61,2\n2,-999,3\n3,70,4\n4,65,5\n"
    asked = {"markers": ["wmh_volume_cm3"], "severity": "age"}
    line = "row 3, age: -999 looks like a code for missing; write n/a, or list it under missing_codes"
    assert line in made(tmp_path, text, **asked)[1]
    kept, _ = made(tmp_path, text, **asked, missing_codes={"age": [-999]})
    assert kept["age"].isna().tolist() == [False, True, False, False]
    kept, _ = made(tmp_path, text, **asked, missing_codes={"age": []})
    assert kept["age"].tolist() == [61, -999, 70, 65]
