"""Ready-made analyses: their keys below the user's, and what becomes of columns that a study does not have."""

import numpy as np
import pandas as pd
import pytest

from angiolith.cohort.account import analysed
from angiolith.cohort.associations import associations, plan_of
from angiolith.cohort.available import available
from angiolith.cohort.collect import with_standard_names
from angiolith.cohort.correlations import correlations
from angiolith.cohort.dataset import measures_of, read_analysed, severities_of
from angiolith.cohort.describe import describe
from angiolith.core.config import Config, plain, validate
from angiolith.core.config.sources import ConfigError
from angiolith.core.settings.analyses import Analysis
from angiolith.core.settings.presets import presets
from angiolith.core.tables import write_tsv


def lesions(n=80, seed=3):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "subject": [f"{at:03d}" for at in range(n)],
            "lesion": 1,
            "artery": np.where(np.arange(n) % 2, "BA", "VA"),
            "plaque_reason": pd.NA,
            "culprit_reason": "the only lesion",
            "culprit": np.where(rng.random(n) < 0.5, "culprit", "non-culprit"),
            "stenosis_percent": rng.uniform(50, 90, n).round(1),
            "any_calcification": rng.integers(0, 2, n),
            "age_years": rng.normal(62, 8, n).round(),
            "male": rng.integers(0, 2, n),
            "hs_crp_mg_l": np.nan,
        }
    )


def test_every_preset_is_an_analysis_and_a_dump_of_it_is_the_same():
    for name in presets():
        analysis = Analysis.model_validate({"preset": name})
        assert Analysis.model_validate(plain(analysis)) == analysis
    config = Config.model_validate({"analyses": {name: {"preset": name} for name in presets()}})
    assert Config.model_validate(plain(config)) == config


def test_a_key_of_the_user_replaces_the_presets_mappings_go_key_by_key_and_null_takes_out():
    given = {"preset": "calcification-csvd", "describe": ["age_years"], "changes": {"n_lacunes": None}}
    analysis = Analysis.model_validate(given | {"marker_models": {"n_lacunes": "ordinal"}, "power": {"power": 0.9}})
    whole = Analysis.model_validate({"preset": "calcification-csvd"})
    assert analysis.describe == ["age_years"]
    assert set(whole.changes) - set(analysis.changes) == {"n_lacunes"}
    assert analysis.marker_models == whole.marker_models | {"n_lacunes": "ordinal"}
    assert analysis.power.power == 0.9
    assert Analysis.model_validate(plain(analysis)) == analysis


def test_an_unknown_preset_is_named_with_the_nearest():
    with pytest.raises(ConfigError, match="no 'calcification-cvsd'; did you mean 'calcification-csvd'"):
        validate({"analyses": {"mine": {"preset": "calcification-cvsd"}}}, [])


def test_missing_columns_are_named_once_and_their_questions_left_out(tmp_path):
    path = tmp_path / "lesions.tsv"
    write_tsv(lesions(), path)
    asked = Analysis.model_validate(
        {"preset": "vertebrobasilar-culprit", "table": str(path), "models": {"small": ["age_years", "male"]}}
    )
    found = analysed("vba", asked, str(path), [])
    missing = found.missing.set_index("column")
    assert missing.index.is_unique
    assert missing.loc["hs_crp_mg_l", "problem"] == "no value in any row"
    assert missing.loc["hs_crp_mg_l", "left_out"] == "characteristics; model1; model2"
    assert missing.loc["bmi_kg_m2", "problem"] == "no such column"
    assert missing.loc["cardiac_embolism", "left_out"] == "criterion (cardiac embolism)"
    assert "age_years" not in missing.index
    write_tsv(found.rows, tmp_path / "data.tsv")
    data, left = read_analysed(tmp_path / "data.tsv", asked)
    assert list(left.models) == ["small"]
    assert left.describe == ["age_years", "male", "artery", "stenosis_percent", "any_calcification"]
    table, _ = associations(data, plan_of(left))
    assert set(table["model"]) == {"univariable", "small"}
    assert table["term"].tolist().count("any_calcification") == 2


def test_a_column_that_only_those_left_out_have_is_missing(tmp_path):
    table = lesions()
    table["bmi_kg_m2"] = np.where(np.arange(len(table)) < 10, 25.0, np.nan)
    table.loc[:9, "stenosis_percent"] = 20.0
    path = tmp_path / "lesions.tsv"
    write_tsv(table, path)
    asked = Analysis.model_validate({"preset": "vertebrobasilar-culprit", "table": str(path)})
    found = analysed("vba", asked, str(path), [])
    assert len(found.rows) == len(table) - 10
    assert found.missing.set_index("column").loc["bmi_kg_m2", "problem"] == "no value in any row"


def test_severity_is_correlated_without_what_a_study_did_not_ask(tmp_path):
    n = 60
    rng = np.random.default_rng(1)
    grade = rng.integers(0, 4, n)
    table = pd.DataFrame(
        {
            "subject": [f"{at:03d}" for at in range(n)],
            "severity_group": np.array(["none_or_mild", "none_or_mild", "moderate", "severe"])[grade],
            "severity_grade": grade,
            "calcification_reason": pd.NA,
            "age_years": rng.normal(64, 8, n),
            "wmh_volume_cm3": rng.gamma(2, 4, n) + 3 * grade,
            "woodcock_ICA": grade,
        }
    )
    path = tmp_path / "patients.tsv"
    write_tsv(table, path)
    asked = Analysis.model_validate({"preset": "calcification-csvd", "table": str(path)})
    found = analysed("csvd", asked, str(path), [])
    assert len(found.rows) == n
    missing = found.missing.set_index("column")["left_out"]
    assert {"characteristics", "adjusted correlations", "models of the markers"} <= set(missing["male"].split("; "))
    write_tsv(found.rows, tmp_path / "data.tsv")
    data, left = read_analysed(tmp_path / "data.tsv", asked)
    assert (left.marker_models, left.changes, left.partial_for) == ({}, {}, [])
    result = correlations(data, severities_of(data, left), measures_of(left), left.correlations, left.partial_for)
    assert set(result["measure"]) == {"wmh_volume_cm3"}
    assert set(result["group"]) == {"overall", "ICA"}
    assert not describe(data, left.describe, "severity_group", left.group_levels).empty


def test_without_a_group_the_analysis_is_not_made_and_says_so(tmp_path):
    path = tmp_path / "lesions.tsv"
    write_tsv(lesions().drop(columns="culprit"), path)
    asked = Analysis.model_validate({"preset": "vertebrobasilar-culprit", "table": str(path)})
    found = analysed("vba", asked, str(path), [])
    assert found.rows is None
    assert "culprit" in found.steps["reason"].iloc[1]


def test_an_analysis_that_refuses_what_is_missing_is_left_as_it_is():
    asked = Analysis(kind="severity", table="t.tsv", severity="grade", markers=["wmh"])
    assert available(asked, pd.DataFrame({"grade": [1.0]})) == (asked, {})


def test_age_and_sex_of_bids_are_numbers_too():
    table = with_standard_names(pd.DataFrame({"age": ["61", "n/a"], "sex": ["F", "Male"]}))
    assert table["male"].tolist() == [0.0, 1.0]
    assert table["age_years"].tolist()[0] == 61.0
    assert "male" in with_standard_names(pd.DataFrame({"sex": ["M"], "male": ["1"]}))
