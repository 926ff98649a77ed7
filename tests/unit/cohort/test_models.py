"""Marker models, clusters, formulas and diagnostics where the answer is known, and where there is none."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from angiolith.cohort.associations import Plan, associations
from angiolith.cohort.correlations import correlate, jonckheere_terpstra
from angiolith.cohort.diagnostics import area_under_curve, cross_validated, hosmer_lemeshow, variance_inflation
from angiolith.cohort.marker_models import fit_negative_binomial, marker_tables
from angiolith.cohort.ordinal import fit_ordinal
from angiolith.cohort.regression import fit_clustered, fit_linear
from angiolith.cohort.variables import formula_columns, formula_variables


def test_jonckheeres_trend_of_a_published_example():
    # Hollander and Wolfe 1999, table 6.6: J = 79, mean 54, variance with ties 150.29
    groups = [[40, 35, 38, 43, 44, 41], [38, 40, 47, 44, 40, 42], [48, 40, 45, 43, 46, 44]]
    score = np.repeat([0.0, 1.0, 2.0], 6)
    z, p = jonckheere_terpstra(score, np.concatenate(groups).astype(float))
    assert z == pytest.approx((79 - 54) / np.sqrt(150.29), abs=1e-3)
    assert p == pytest.approx(2 * stats.norm.sf(z))


def test_a_grade_of_two_levels_is_a_logistic_regression():
    rng = np.random.default_rng(0)
    design = pd.DataFrame({"severity": rng.integers(0, 3, 200) * 1.0, "age": rng.normal(size=200)})
    grade = (rng.random(200) < stats.logistic.cdf(design["severity"] - 1)).astype(float)
    from angiolith.cohort.regression import fit_logistic

    found, logistic = fit_ordinal(grade, design), fit_logistic(grade, design).table.loc["severity"]
    assert [found["estimate"], found["se"]] == pytest.approx(logistic[["estimate", "se"]].tolist(), rel=1e-6)


def test_counts_without_excess_go_to_poisson_and_no_counts_are_refused():
    rng = np.random.default_rng(1)
    design = pd.DataFrame({"severity": rng.integers(0, 3, 100) * 1.0})
    even = rng.binomial(4, 0.3 + 0.1 * design["severity"]).astype(float)  # varies less than Poisson's
    found = fit_negative_binomial(even, design)
    assert found["method"].startswith("Poisson")
    assert "no counts" in fit_negative_binomial(even + 0.5, design)["note"]
    assert "does not vary" in fit_negative_binomial(0 * even, design)["note"]
    assert "too few" in fit_ordinal(even[:5], design[:5])["note"]


def test_a_separated_grade_is_said():
    severity = pd.Series(np.repeat([0.0, 1.0, 2.0], 12), name="severity")
    found = fit_ordinal(severity.to_numpy(), severity.to_frame())
    assert "separated" in found["note"]
    assert "estimate" not in found


def test_marker_models_table_has_a_row_per_severity_and_marker():
    rng = np.random.default_rng(2)
    table = pd.DataFrame({"ica": rng.integers(0, 3, 150) * 1.0, "age": rng.normal(64, 8, 150)})
    table["cmb"] = rng.negative_binomial(1.5, 0.4, 150).astype(float)
    table["fazekas"] = np.clip(np.round(table["ica"] + rng.normal(1, 1, 150)), 0, 6)
    table["wmh"] = rng.gamma(2, 3, 150)
    table.loc[4, "age"] = np.nan
    models = {"cmb": "negative-binomial", "fazekas": "ordinal", "wmh": "linear"}
    found = marker_tables(table, {"ICA": table["ica"]}, models, ["age"], {})[0].set_index("measure")
    assert found["n"].tolist() == [149] * 3
    assert found["adjusted_for"].eq("age").all()
    assert found.loc["fazekas", "p"] < 1e-6
    assert found.loc["fazekas", "ci_low"] < found.loc["fazekas", "ratio"] < found.loc["fazekas", "ci_high"]
    assert found["q"].notna().all()


def test_ignoring_clusters_understates_the_error():
    rng = np.random.default_rng(3)
    patient = np.repeat(np.arange(60), 4)
    exposure = pd.DataFrame({"x": np.repeat(rng.integers(0, 2, 60), 4) * 1.0})
    outcome = np.repeat(rng.normal(0, 2, 60), 4) + rng.normal(0, 0.5, 240)
    alone = fit_linear(outcome, exposure).table.loc["x", "se"]
    together = fit_clustered(outcome, exposure, patient, "linear").table.loc["x"]
    assert together["se"] > 1.6 * alone
    # of a mean, the robust error is that of the patients' means
    means = pd.Series(outcome).groupby(patient).mean()
    groups = [means[exposure["x"].to_numpy()[::4] == level] for level in (0, 1)]
    expected = np.sqrt(sum(group.var(ddof=0) / len(group) for group in groups))
    assert together["se"] == pytest.approx(expected, rel=1e-6)
    shuffled = rng.permutation(240)
    again = fit_clustered(outcome[shuffled], exposure.iloc[shuffled], patient[shuffled], "linear", "exchangeable")
    assert again.table.loc["x", "se"] == pytest.approx(expected, rel=1e-3)


def test_separation_within_clusters_is_answered_and_said():
    outcome = np.repeat([1.0, 0.0], 20)
    fit = fit_clustered(outcome, pd.DataFrame({"x": outcome}), np.arange(40) // 2, "logistic")
    assert fit.method.startswith("Firth")
    assert "rows of one cluster taken as independent" in fit.note


def test_formulas():
    table = pd.DataFrame({"x": [1.0, 2, 3, np.nan, 5], "site": ["a", "b", "c", "a", "b"], "z": [2.0, 1, 4, 3, 5]})
    assert formula_variables("x * C(site) + np.log(z) + poly(w, 2)") == ["site", "w", "x", "z"]
    found = formula_columns(table, "x + site", {"site": "b"})
    assert list(found.columns) == ["site[a]", "site[c]", "x"] or set(found.columns) == {"site[a]", "site[c]", "x"}
    assert found.loc[3].isna().all()
    assert found.loc[0, "site[a]"] == 1
    with pytest.raises(ValueError, match="cannot be read"):
        formula_variables("x +* z")
    with pytest.raises(ValueError, match="no level 'q'"):
        formula_columns(table, "site", {"site": "q"})


def test_a_formula_gives_every_term_and_a_diagnosis():
    rng = np.random.default_rng(4)
    table = pd.DataFrame({"subject": range(200), "x": rng.normal(size=200), "male": rng.integers(0, 2, 200) * 1.0})
    table["event"] = (rng.random(200) < stats.logistic.cdf(table["x"])) * 1.0
    rows, checks = associations(table, Plan("event", formulas={"interaction": "x * male"}))
    assert rows["term"].tolist() == ["x", "male", "x:male"]
    assert rows["predictor"].eq("x * male").all()
    assert checks.loc[0, "terms"] == 3


def test_discrimination_and_calibration_by_hand():
    outcome, score = np.array([0, 0, 1, 1, 0, 1]), np.array([0.1, 0.4, 0.35, 0.8, 0.35, 0.9])
    wins = [(a > b) + 0.5 * (a == b) for a in score[outcome == 1] for b in score[outcome == 0]]
    assert area_under_curve(outcome, score)[0] == pytest.approx(np.mean(wins))
    rng = np.random.default_rng(5)
    probability = rng.uniform(0.1, 0.9, 5000)
    drawn = (rng.random(5000) < probability) * 1.0
    assert hosmer_lemeshow(drawn, probability)[1] > 0.01
    assert hosmer_lemeshow(drawn, probability**2)[1] < 1e-6


def test_a_model_of_noise_is_not_calibrated_where_it_was_not_made():
    rng = np.random.default_rng(6)
    design = pd.DataFrame(rng.normal(size=(80, 8)))
    found = cross_validated((rng.random(80) < 0.5) * 1.0, design)
    assert found["calibration_slope"] < 0.5
    assert found["auc_cross_validated"] < 0.65
    informed = pd.DataFrame({"x": rng.normal(size=3000)})
    outcome = (rng.random(3000) < stats.logistic.cdf(informed["x"])) * 1.0
    good = cross_validated(outcome, informed)
    assert good["calibration_slope"] == pytest.approx(1, abs=0.1)
    assert good["calibration_intercept"] == pytest.approx(0, abs=0.05)
    assert np.isnan(cross_validated(np.r_[np.ones(3), np.zeros(77)], design)["calibration_slope"])


def test_variance_inflation_of_two_terms_is_that_of_their_correlation():
    rng = np.random.default_rng(7)
    design = pd.DataFrame(rng.multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]], 300), columns=["a", "b"])
    r = np.corrcoef(design["a"], design["b"])[0, 1]
    assert variance_inflation(design).tolist() == pytest.approx([1 / (1 - r**2)] * 2)


def test_what_is_left_after_adjustment_may_be_nothing():
    x = pd.Series(np.arange(12.0))
    found = correlate(x, pd.Series(np.random.default_rng(0).normal(size=12)), "pearson", pd.DataFrame({"age": 2 * x}))
    assert found["note"] == "nothing is left to correlate after the adjustment"
    assert np.isnan(found["r"])
