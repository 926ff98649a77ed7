"""Total SVD score and CAA score against a table of 30 patients that was worked out by hand."""

from pathlib import Path

import pandas as pd
import pytest

from angiolith.core.settings.burden import CaaScoreSettings, SvdScoreSettings
from angiolith.core.tables import read_tsv
from angiolith.small_vessel.burden.scores import INPUTS, burden_table, caa_score, svd_score, with_scores

HAND_WORKED = read_tsv(Path(__file__).with_name("burden_hand_worked.tsv"), dtype=str)
SVD, CAA = SvdScoreSettings(), CaaScoreSettings()


def values_of(row):
    return {name: None if pd.isna(row[name]) else float(row[name]) for name in INPUTS}


@pytest.mark.parametrize("row", HAND_WORKED.to_dict("records"), ids=lambda row: f"{row['case']} {row['why']}")
def test_every_case_that_was_worked_out_by_hand(row):
    for name, score in (("svd", svd_score(values_of(row), SVD)), ("caa", caa_score(values_of(row), CAA))):
        expected = None if pd.isna(row[f"{name}_score"]) else int(row[f"{name}_score"])
        assert score.total == expected, name
        missing = row[f"{name}_missing"]
        assert score.reason == ("" if pd.isna(missing) else f"not known: {missing}")


def test_the_hand_worked_cases_have_every_point_and_every_missing_part():
    assert len(HAND_WORKED) == 30
    found = {"svd": set(), "caa": set()}
    for row in HAND_WORKED.to_dict("records"):
        for name, score in (("svd", svd_score(values_of(row), SVD)), ("caa", caa_score(values_of(row), CAA))):
            found[name] |= set(score.points.items())
    assert found["svd"] == {
        (part, value) for part in ("wmh", "lacunes", "microbleeds", "pvs_basal_ganglia") for value in (0, 1, None)
    }
    assert found["caa"] == {
        *((part, value) for part in ("lobar_microbleeds", "siderosis") for value in (0, 1, 2, None)),
        *((part, value) for part in ("pvs_centrum_semiovale", "wmh") for value in (0, 1, None)),
    }


def test_any_microbleed_counts_where_the_configuration_says_so():
    lobar = values_of(HAND_WORKED.iloc[9])
    assert svd_score(lobar, SVD).total == 0
    assert svd_score(lobar, SvdScoreSettings(microbleeds="any")).total == 1


def test_each_readers_score_stands_beside_the_tools():
    row = {"subject": "01", "session": "01"} | values_of(HAND_WORKED.iloc[21])
    row |= {f"{name}_A": value for name, value in values_of(HAND_WORKED.iloc[0]).items()}
    patients = pd.DataFrame([row, {"subject": "02", "session": "01", "fazekas_deep": 1.0}])
    burden = burden_table(patients, ["A", "B"], SVD, CAA)
    assert burden[["subject", "rater"]].values.tolist() == [["01", "tool"], ["01", "A"], ["02", "tool"]]
    table = with_scores(patients, burden)
    assert table["svd_score"].tolist()[0] == 4
    assert table["svd_score_A"].tolist()[0] == 0
    assert table["svd_score"].isna().tolist() == [False, True]
    assert table["svd_score_reason"].iloc[1].startswith("not known: Fazekas grades, lacunes")


def test_the_tool_takes_the_siderosis_that_the_readers_agree_on():
    row = {"subject": "01", "session": "01"} | values_of(HAND_WORKED.iloc[0])
    row |= {"cortical_superficial_siderosis": None, "cortical_superficial_siderosis_A": 1.0}
    agreed = burden_table(pd.DataFrame([row | {"cortical_superficial_siderosis_B": 1.0}]), ["A", "B"], SVD, CAA)
    split = burden_table(pd.DataFrame([row | {"cortical_superficial_siderosis_B": 2.0}]), ["A", "B"], SVD, CAA)
    assert agreed["caa_score"].iloc[0] == 1
    assert split["caa_score_reason"].iloc[0] == "not known: cortical superficial siderosis"
