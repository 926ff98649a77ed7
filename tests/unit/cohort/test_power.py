"""Sizes of a study to come, against simulated studies and by hand; the smallest detectable change; the mixed model."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from angiolith.cohort.change import change_table, measurement_error
from angiolith.cohort.dataset import add_changes
from angiolith.cohort.mixed import fit_random_intercept
from angiolith.cohort.power import power_table, size_for_correlation, size_per_arm
from angiolith.core.settings.analyses import ChangeColumns, PowerSettings


def cohort(n=120, seed=0):
    rng = np.random.default_rng(seed)
    score = rng.integers(0, 3, n).astype(float)
    table = pd.DataFrame({"subject": [f"S{at}" for at in range(n)], "score": score})
    table["group"] = np.array(["none", "moderate", "severe"])[score.astype(int)]
    table["wmh"] = rng.gamma(4, 2, n)
    table["later"] = table["wmh"] + 1.5 + 0.6 * score + rng.normal(0, 1.2, n)
    table["again"] = table["wmh"] + rng.normal(0, 0.5, n)
    changes = {"wmh": ChangeColumns(baseline="wmh", followup="later", repeats=["wmh", "again"])}
    return add_changes(table, changes, pd.Series(365.25, index=table.index)), changes


def test_the_size_has_the_power_that_was_asked_for():
    n = int(np.ceil(size_per_arm(0.5, 1.0, 0.05, 0.8)))
    rng = np.random.default_rng(1)
    a, b = rng.normal(0, 1, (4000, n)), rng.normal(0.5, 1, (4000, n))
    assert (stats.ttest_ind(a, b, axis=1).pvalue < 0.05).mean() == pytest.approx(0.8, abs=0.025)
    n = int(np.ceil(size_for_correlation(0.3, 0.05, 0.8)))
    x = rng.normal(size=(3000, n))
    y = 0.3 * x + np.sqrt(1 - 0.09) * rng.normal(size=(3000, n))
    p = [stats.pearsonr(*pair).pvalue for pair in zip(x, y, strict=True)]
    assert (np.array(p) < 0.05).mean() == pytest.approx(0.8, abs=0.025)


def test_sizes_come_from_the_cohorts_change():
    table, changes = cohort()
    settings = PowerSettings(slowing_percent=[50.0], dropout_percent=20.0)
    found = power_table(table, changes, table["score"], settings)
    change = table["wmh_change_per_year"]
    trial = found[found["method"] == "two-sample t test of the changes"].iloc[0]
    assert trial["effect"] == pytest.approx(change.mean() / 2)
    assert trial["sd"] == pytest.approx(change.std())
    per_arm = np.ceil(size_per_arm(change.mean() / 2, change.std(), 0.05, 0.8))
    assert trial["n_per_group"] == np.ceil(per_arm / 0.8)
    assert "per arm if the SD is" in trial["note"]
    ancova = found[found["method"] == "ANCOVA on the follow-up"].iloc[0]
    x = np.column_stack([np.ones(120), table["wmh"]])
    residual = table["later"] - x @ np.linalg.lstsq(x, table["later"], rcond=None)[0]
    assert ancova["sd"] == pytest.approx(np.sqrt((residual**2).sum() / 118))
    r = found[found["question"] == "severity goes with change"].iloc[0]
    assert r["effect"] == pytest.approx(np.corrcoef(table["score"], change)[0, 1])


def test_few_or_constant_changes_give_a_note():
    table, changes = cohort(n=6)
    found = power_table(table, changes, table["score"], PowerSettings())
    assert found["note"].tolist() == ["6 changes are too few, or do not vary"]


def test_the_smallest_detectable_change_and_how_many_pass_it():
    table, changes = cohort()
    found = change_table(table, changes, table["score"], "group", ["none", "moderate", "severe"], [], {})
    error = np.sqrt(((table["wmh"] - table["again"]) ** 2).mean() / 2)
    smallest = found[found["part"] == "smallest detectable change"].iloc[0]
    assert smallest["estimate"] == pytest.approx(stats.norm.ppf(0.975) * np.sqrt(2) * error)
    assert measurement_error(table[["wmh", "again"]]) == (pytest.approx(error), 120)
    beyond = found[found["part"] == "beyond the smallest detectable change"].set_index("group")
    assert beyond.loc["all", "count"] == (table["wmh_change"].abs() > smallest["estimate"]).sum()
    assert beyond.loc[["none", "moderate", "severe"], "count"].sum() == beyond.loc["all", "count"]


def test_the_mixed_model_of_complete_pairs_is_the_regression_of_the_change():
    # with both visits of everybody and a random intercept, time x severity is the slope of change on severity
    table, changes = cohort()
    found = change_table(table, changes, table["score"], None, [], [], {})
    mixed = found[found["part"] == "mixed model"].iloc[0]
    assert mixed["estimate"] == pytest.approx(stats.linregress(table["score"], table["wmh_change"]).slope, rel=1e-9)
    assert mixed["note"].startswith("120 subjects, 120 with both visits")


def test_the_mixed_model_uses_subjects_with_one_visit_and_says_what_it_cannot_do():
    table, changes = cohort()
    table.loc[:39, "later"] = np.nan
    row = change_table(table, changes, table["score"], None, [], [], {}).set_index("part").loc["mixed model"]
    assert row["n"] == 200
    assert "80 with both visits" in row["note"]
    values, design = np.arange(6.0), pd.DataFrame({"x": np.arange(6.0) % 2})
    assert "no subject with two visits" in str(fit_random_intercept(values, design, np.arange(6))["note"])


def test_partial_correlation_of_change_names_what_it_is_adjusted_for():
    table, changes = cohort()
    table["age"] = np.random.default_rng(3).normal(60, 9, 120)
    found = change_table(table, changes, table["score"], None, [], [], {}, partial_for=["age"])
    methods = found[found["part"] == "correlation with severity"].set_index("method")
    assert list(methods.index) == ["spearman", "pearson", "partial spearman", "partial pearson"]
    assert methods.loc["partial pearson", "note"] == "adjusted for age"
