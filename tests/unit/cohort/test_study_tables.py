"""The statistics on tables whose true effects are known."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from angiolith.cohort.account import analysed
from angiolith.cohort.agreement import icc
from angiolith.cohort.change import change_table
from angiolith.cohort.correlations import correlate
from angiolith.cohort.dataset import add_changes
from angiolith.cohort.files import OF_QUESTIONS
from angiolith.cohort.regression import fit_logistic
from angiolith.cohort.variables import model_columns
from angiolith.core.config import validate
from angiolith.core.settings.analyses import ChangeColumns
from angiolith.core.settings.presets import presets
from phantoms.preset_tables import preset_patients
from phantoms.study_tables import CSVD_COUNTS, CSVD_N, GROUPS, VBA_FRACTION, csvd_patients, truth, vba_lesions

ROOT = Path(__file__).parents[3]
TRUTH = truth()
ODDS_RATIOS = TRUTH["vba_lesions"]["odds_ratios"]
COVARIATES = ["stenosis_percent", "hs_crp_mg_l", "bmi_kg_m2"]
REFERENCES = {"calcification_pattern": "none"}


def model2(table, predictors=("calcification_pattern",)):
    others = ["age_years", "male", "hypertension", "ldl_mg_dl"]
    names = dict.fromkeys([*predictors, *COVARIATES, *others])
    design = pd.concat([model_columns(table, name, REFERENCES, {"stenosis_percent": 10}) for name in names], axis=1)
    known = design.notna().all(axis=1)
    return fit_logistic((table["group"] == "culprit")[known].to_numpy(float), design[known], []).table


def test_true_odds_ratios_lie_in_the_intervals_of_a_large_study():
    found = model2(vba_lesions(11, 6000, 6000))
    for term, odds_ratio in (ODDS_RATIOS | {"age_years": 1.0}).items():
        row = found.loc[term]
        assert row["ci_low"] < np.log(odds_ratio) < row["ci_high"], term
        assert np.exp(row["estimate"]) == pytest.approx(odds_ratio, rel=0.12), term


def test_intervals_of_studies_of_the_real_size_cover_the_truth_as_often_as_they_say():
    covered = {"calcification_pattern[intimal]": 0, "calcification_pattern[iel]": 0}
    for seed in range(120):
        found = model2(vba_lesions(seed))
        for term in covered:
            covered[term] += found.loc[term, "ci_low"] < np.log(ODDS_RATIOS[term]) < found.loc[term, "ci_high"]
    for term, hits in covered.items():
        assert 0.90 <= hits / 120 <= 0.99, term


def test_true_icc_of_the_readers():
    lesions = vba_lesions(3, 3000, 3000)
    for name, true in TRUTH["vba_lesions"]["icc"].items():
        found = icc(lesions[[f"{name}_reader1", f"{name}_reader2"]])
        assert found["estimate"] == pytest.approx(true, abs=0.02)


def test_true_correlations_and_change_by_group():
    expected = TRUTH["csvd_patients"]
    patients = csvd_patients(5, tuple(60 * n for n in CSVD_N))
    days = pd.to_datetime(patients["followup_date"]) - pd.to_datetime(patients["baseline_date"])
    changes = {"wmh_volume_cm3": ChangeColumns(baseline="wmh_volume_cm3", followup="wmh_volume_cm3_followup")}
    patients["subject"] = patients["patient_id"]
    table = add_changes(patients, changes, days.dt.days.astype(float))
    score = table["severity_group"].map(dict(zip(GROUPS, range(3), strict=True))).astype(float)
    for measure, r in expected["pearson_with_severity"].items():
        found = correlate(score, table[measure], "pearson")
        assert found["ci_low"] < r < found["ci_high"], measure
        assert found["r"] == pytest.approx(r, abs=0.02), measure
    found = change_table(table, changes, score, "severity_group", GROUPS, [], {})
    means = found[found["part"] == "by group"].set_index("group")["mean"]
    true_means = expected["mean_by_group"]["wmh_volume_cm3_change_per_year"]
    assert [means[name] for name in GROUPS] == pytest.approx(true_means, rel=0.05)
    slope = found[found["part"] == "follow-up model"].iloc[0]
    assert slope["ci_low"] < expected["wmh_followup_cm3_per_severity_step"] < slope["ci_high"]


def test_the_tables_have_the_sizes_and_margins_of_the_studies():
    lesions, patients = vba_lesions(1), csvd_patients(1)
    assert lesions["group"].value_counts().to_dict() == {"culprit": 124, "nonculprit": 120}
    assert lesions["patient_id"].is_unique
    assert lesions["stenosis_percent"].min() >= 50
    for name, share in VBA_FRACTION.items():
        assert lesions[name].mean() == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 244)), name
    for rank, name in enumerate(GROUPS):
        group = patients[patients["severity_group"] == name]
        assert len(group) == CSVD_N[rank]
        for covariate, counts in CSVD_COUNTS.items():
            assert group[covariate].sum() == counts[rank]
        worst = group[["woodcock_ICA", "woodcock_MCA", "woodcock_BA"]].max(axis=1)
        assert set(worst) <= ({0, 1} if rank == 0 else {rank + 1})


def test_the_command_writes_the_same_tables_for_the_same_seed_and_both_presets_analyse_200_patients(tmp_path):
    for folder in ("first", "second"):
        subprocess.run(
            [sys.executable, "-m", "phantoms.preset_tables", "--out", str(tmp_path / folder)], check=True, cwd=ROOT
        )
    names = ["csvd_patients.tsv", "study_truth.json", "vba_lesions.tsv"]
    assert sorted(path.name for path in (tmp_path / "first").iterdir()) == names
    for name in names:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    assert json.loads((tmp_path / "first/study_truth.json").read_text())["vba_lesions"]["odds_ratios"] == ODDS_RATIOS
    config = validate(yaml.safe_load((ROOT / "demo/studies.yaml").read_text()))
    assert {analysis.preset for analysis in config.analyses.values()} == set(presets())
    for name, analysis in config.analyses.items():
        found = analysed(name, analysis, str(tmp_path / "first" / Path(analysis.table).name), [])
        assert found.rows is not None, name
        assert len(found.rows) == 200, name
        assert found.steps["n_excluded"].sum() > 0, "the flow shows who was left out"
        assert found.missing.empty, f"{name}: the simulated table lacks {list(found.missing['column'])}"
        assert found.doubtful.empty, name


def test_the_simulated_svd_score_counts_its_four_parts_and_is_missing_without_swi():
    patients = preset_patients(7)
    assert patients.loc[patients["n_microbleeds"].isna(), "svd_score"].isna().all()
    known = patients.dropna(subset=["svd_score"])
    wmh = (known["fazekas_periventricular"] == 3) | (known["fazekas_deep"] >= 2)
    least = wmh.astype(int) + (known["n_lacunes"] > 0) + (known["pvs_basal_ganglia_count"] > 10)
    assert known["svd_score"].between(least, least + (known["n_microbleeds"] > 0)).all()
    assert (known["fazekas_total"] == known["fazekas_periventricular"] + known["fazekas_deep"]).all()


def test_no_table_of_an_analysis_could_be_another_ones_of_an_analysis_with_a_longer_name():
    endings = [ending for _, each in OF_QUESTIONS for ending in each]
    assert len(set(endings)) == len(endings)
    assert [(one, other) for one in endings for other in endings if one.endswith(f"_{other}")] == []
