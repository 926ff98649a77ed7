"""The culprit rule: exclusions, ties, territory, asymptomatic counterparts, a reader's call."""

import numpy as np
import pandas as pd
import pytest

from angiolith.core.settings.vessel_wall import CulpritSettings
from angiolith.vessel_wall.culprit import NO_CRITERIA, judge_culprits

SETTINGS = CulpritSettings()


def lesions(**columns):
    n = max(len(values) for values in columns.values())
    table = pd.DataFrame({"subject": ["a"] * n, "symptomatic": [1] * n, "stenosis_percent": [60.0] * n})
    return table.assign(**columns)


def verdicts(table, settings=SETTINGS):
    return judge_culprits(table, settings)["culprit"].fillna("?").tolist()


def test_lesions_that_miss_a_criterion_take_no_part_and_say_why():
    table = lesions(
        subject=["a", "a", "b", "c"],
        stenosis_percent=[80, 49.9, 50, 90],
        interval_ct_mri_days=[28, 28, np.nan, 29],
    )
    judged = judge_culprits(table, SETTINGS)
    assert judged["culprit"].fillna("?").tolist() == ["culprit", "?", "culprit", "?"]
    assert judged["culprit_reason"].tolist() == [
        "the only lesion",
        "stenosis 49.9 %, under 50 %",
        "the only lesion",
        "CT and MRI 29 days apart, over 28",
    ]
    assert verdicts(table, NO_CRITERIA) == ["culprit", "other", "culprit", "culprit"]


def test_a_tie_is_left_to_a_reader_whose_call_is_taken():
    table = lesions(stenosis_percent=[70, 70, 60])
    assert verdicts(table) == ["?", "?", "?"]
    assert "share the highest" in judge_culprits(table, SETTINGS)["culprit_reason"][0]
    called = table.assign(culprit_reader=[None, "culprit", None])
    assert verdicts(called) == ["other", "culprit", "other"]
    assert judge_culprits(called, SETTINGS)["culprit_reason"].tolist()[1] == "a reader's call"
    with pytest.raises(ValueError, match="'maybe' is no verdict"):
        judge_culprits(table.assign(culprit_reader="maybe"), SETTINGS)


def test_only_lesions_of_the_symptomatic_territory_can_be_culprits():
    table = lesions(
        stenosis_percent=[90, 60, 70],
        artery=["MCA", "BA", "VA"],
        side=["L", "M", "R"],
        symptomatic_territory=["posterior"] * 3,
    )
    assert verdicts(table) == ["other", "other", "culprit"]
    assert verdicts(table.assign(symptomatic_territory="left anterior")) == ["culprit", "other", "other"]
    assert verdicts(table.assign(symptomatic_territory="right anterior")) == ["other", "other", "other"]
    assert verdicts(table.assign(symptomatic_territory=None)) == ["culprit", "other", "other"]


def test_asymptomatic_patients_have_a_counterpart_and_unknown_ones_none():
    table = lesions(subject=["a", "a", "b"], symptomatic=["no", "no", None], stenosis_percent=[55, 75, 80])
    assert verdicts(table) == ["other", "non-culprit", "?"]
    assert judge_culprits(table)["culprit"].fillna("?").tolist() == ["other", "non-culprit", "?"]
