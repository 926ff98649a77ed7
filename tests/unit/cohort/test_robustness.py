"""Specification curves and the correction for error of measurement: planted effects, and each point redone by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from angiolith.cohort.associations import Plan, associations
from angiolith.cohort.external import StudyTableError
from angiolith.cohort.robustness import measurement_error
from angiolith.cohort.robustness.curve_picture import draw_specifications
from angiolith.cohort.robustness.measurement_error import (
    CALIBRATED,
    NAIVE,
    SIMEX,
    calibrate,
    error_corrected,
    error_sd_of,
)
from angiolith.cohort.robustness.specifications import specification_summary, specifications
from angiolith.cohort.sites import compare_sites
from angiolith.core.config import Analysis
from angiolith.core.settings.analyses import MeasurementError
from tests.unit.cohort.modelled import TABLE as MODELLED
from tests.unit.cohort.modelled import numbers

SLOPE, ERROR = 0.8, 0.7


def cohort(n=4000, seed=2):
    """wmh rises by 0.8 per unit of true calcification, which two readers measure with an SD of error of 0.7."""
    rng = np.random.default_rng(seed)
    age = rng.normal(size=n)
    true = 0.5 * age + rng.normal(size=n)
    table = pd.DataFrame({"age": age, "true": true, "subject": [f"{at:05d}" for at in range(n)]})
    table["reader1"], table["reader2"] = (true + rng.normal(0, ERROR, n) for _ in range(2))
    table["wmh"] = SLOPE * true + 0.3 * age + rng.normal(size=n)
    table["high"] = (rng.random(n) < stats.logistic.cdf(-2 + SLOPE * true + 0.3 * age)).astype(int).astype(str)
    table["site"] = rng.choice(["a", "b"], n)
    table["age"] = table["age"].where(rng.random(n) > 0.1)
    return table.astype({"high": object, "site": object})


TABLE = cohort()
GRID = {
    "predictors": {"reader 1": "reader1", "reader 2": "reader2"},
    "covariates": {"none": [], "age": ["age"]},
    "subsets": {"all rows": [], "site a": [{"column": "site", "values": ["a"], "reason": "other site"}]},
    "missing_covariates": ["complete cases", "imputed"],
}


def analysis(**given):
    settings = {"kind": "severity", "table": "t.tsv", "outcome": "wmh", "regression": "linear", "imputations": 2}
    return Analysis(**(settings | {"specifications": GRID, "categorical": ["site"]} | given))


def test_every_point_of_the_curve_is_a_row_that_can_be_fitted_again():
    asked = analysis()
    made = specifications(TABLE, asked, asked.specifications)
    assert len(made) == 16
    assert made["primary"].tolist() == [True] + [False] * 15
    row = made[(made["predictor"] == "reader 2") & (made["covariates"] == "age") & (made["subset"] == "site a")].iloc[0]
    rows = TABLE[(TABLE["site"] == "a") & TABLE["age"].notna()]
    spread = TABLE.loc[TABLE["site"] == "a", "reader2"].std()
    columns = np.column_stack([np.ones(len(rows)), rows["reader2"] / spread, rows["age"]])
    by_hand = np.linalg.lstsq(columns, rows["wmh"], rcond=None)[0][1]
    assert row["estimate"] == pytest.approx(by_hand, rel=1e-9)
    assert row["n"] == len(rows)
    imputed = made[made["data"] == "imputed"]
    assert imputed["n"].nunique() == 2  # no row of a subset is lost


def test_measures_of_another_run_are_one_more_choice():
    """The other run finds half of each value, in another order of the rows, and lacks one subject."""
    grid = GRID | {"missing_covariates": ["complete cases"], "sources": {"90 HU": "variants/90hu.tsv"}}
    asked = analysis(specifications=grid)
    other = TABLE[["subject", "reader1"]].assign(reader1=TABLE["reader1"] / 2).iloc[:0:-1]
    made = specifications(TABLE, asked, asked.specifications, {"90 HU": other})
    assert len(made) == 16
    assert made["primary"].sum() == 1
    rows = made[(made["covariates"] == "none") & (made["subset"] == "all rows")].set_index(["predictor", "source"])
    here, there = rows.loc[("reader 1", "this run")], rows.loc[("reader 1", "90 HU")]
    assert there["n"] == here["n"] - 1
    assert there["estimate"] == pytest.approx(here["estimate"], rel=0.01)  # per SD
    assert rows.loc[("reader 2", "90 HU"), "estimate"] == rows.loc[("reader 2", "this run"), "estimate"]
    summary = specification_summary(made).set_index(["choice", "option"])
    assert summary.loc[("source", "90 HU"), "n_specifications"] == 8
    with pytest.raises(StudyTableError, match="more than one row"):
        specifications(TABLE, asked, asked.specifications, {"90 HU": pd.concat([other, other])})
    with pytest.raises(StudyTableError, match="needs subject and one of"):
        specifications(TABLE, asked, asked.specifications, {"90 HU": other[["subject"]]})


def test_the_summary_counts_the_variants_that_agree_with_the_primary_one(tmp_path):
    asked = analysis()
    made = specifications(TABLE, asked, asked.specifications)
    summary = specification_summary(made).set_index(["choice", "option"])
    assert summary.loc[("all", "all"), ["n_specifications", "percent_same_sign"]].tolist() == [16, 100.0]
    assert summary.loc[("covariates", "age"), "n_specifications"] == 8
    assert made["rank"].sort_values().tolist() == list(range(1, 17))
    for name in ("a.svg", "b.svg"):
        draw_specifications(made, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert "subset: site a" in (tmp_path / "a.svg").read_text()


def test_a_variant_that_cannot_be_fitted_is_a_row_with_a_note():
    asked = analysis(outcome="high", regression="logistic")
    made = specifications(TABLE.iloc[:12], asked, asked.specifications)
    assert len(made) == 16
    assert made.loc[made["estimate"].isna(), "note"].str.len().min() > 0


def test_a_variant_with_imputed_covariates_never_shows_the_complete_cases():
    asked = analysis(imputations=0)
    made = specifications(TABLE.iloc[:300], asked, asked.specifications)
    imputed = made[(made["data"] == "imputed") & (made["covariates"] == "age")]
    assert imputed["estimate"].isna().all()
    assert imputed["note"].str.contains("imputed").all()


def test_a_predictor_of_one_level_is_a_row_with_a_note():
    asked = analysis(specifications={"predictors": {"site": "site"}, "covariates": {"age": ["age"]}})
    made = specifications(TABLE.iloc[:50].assign(site="a"), asked, asked.specifications)
    assert made["note"].tolist() == ["site has one level only"]


def corrected(**plan):
    settings = {"reader1": MeasurementError(repeats=["reader1", "reader2"])}
    plan = Plan(**({"predictors": ["reader1"], "models": {"m": ["age"]}} | plan))
    return error_corrected(TABLE, plan, settings).set_index(["model", "correction"])


def test_a_planted_effect_is_recovered_from_repeats_in_a_linear_model():
    found = corrected(outcome="wmh", regression="linear")
    naive, calibrated, simex = (found.loc[("m", name)] for name in (NAIVE, CALIBRATED, SIMEX))
    assert naive["ci_high"] < SLOPE  # attenuated, and sure of it
    assert calibrated["ci_low"] < SLOPE < calibrated["ci_high"]
    assert calibrated["estimate"] == pytest.approx(SLOPE, rel=0.06)
    assert abs(simex["estimate"] - SLOPE) < abs(naive["estimate"] - SLOPE) / 2  # a parabola undercorrects
    assert calibrated["error_sd"] == pytest.approx(ERROR, rel=0.03)
    assert calibrated["se"] > naive["se"]


@pytest.mark.xdist_group("r-models")
def test_corrections_of_a_linear_model_are_their_closed_forms():
    """R's simex, which Debian lacks, draws the error: the mean of many draws has a limit that R's moments give."""
    table = MODELLED.drop(columns="subject")
    table["y"] += 2 * table["x"]
    plan = Plan("y", predictors=["x"], models={"m": ["age"]}, regression="linear")
    found = error_corrected(table, plan, {"x": MeasurementError(standard_error=0.4)}).set_index(["model", "correction"])
    limit, exact = numbers()["simex"]
    assert found.loc[("m", CALIBRATED), "estimate"] == pytest.approx(exact, rel=1e-6)
    assert found.loc[("m", SIMEX), "estimate"] == pytest.approx(limit, rel=0.02)


def test_the_tools_own_bounds_give_the_error():
    half = (
        1.959964 * ERROR * np.where(np.arange(len(TABLE)) % 2, 0.5, np.sqrt(1.75))
    )  # the mean variance is that of ERROR
    table = TABLE.assign(low=TABLE["reader1"] - half, high=TABLE["reader1"] + half)
    asked = MeasurementError(bounds=["low", "high"])
    assert error_sd_of(table, "reader1", asked)[0] == pytest.approx(ERROR, rel=1e-5)
    with pytest.raises(ValueError, match="two bounds alone"):
        MeasurementError(bounds=["low", "high"], standard_error=1.0)
    with pytest.raises(ValueError, match="two bounds alone"):
        MeasurementError(bounds=["low"], standard_error=1.0)


def test_rows_of_one_subject_do_not_make_a_corrected_effect_surer(monkeypatch):
    monkeypatch.setattr(measurement_error, "SIMULATIONS", 20)
    rows = TABLE.iloc[:300]
    plan, settings = (
        Plan("wmh", predictors=["reader1"], regression="linear"),
        {"reader1": MeasurementError(standard_error=ERROR)},
    )
    once, twice = (error_corrected(table, plan, settings) for table in (rows, pd.concat([rows] * 2, ignore_index=True)))
    np.testing.assert_allclose(twice["se"][:2], once["se"][:2], rtol=0.05)
    assert twice["se"].iloc[2] > 0.8 * once["se"].iloc[2]


@pytest.mark.parametrize("regression", ["linear", "logistic"])
def test_one_model_has_one_interval_in_all_tables(regression):
    """Of few rows t is wider than the normal; the separated outcome has Firth's profile interval."""
    rows = TABLE.iloc[:40].dropna()
    separated = np.where(rows["reader1"] > 0, "1", "0").astype(object)
    rows = rows.assign(y=rows["wmh"] if regression == "linear" else separated)
    plan = Plan("y", predictors=["reader1"], regression=regression)
    names = ["ci_low", "ci_high", "p"]
    expected = associations(rows, plan)[0][names].iloc[0].to_numpy(float)
    assert np.isfinite(expected).all()
    errors = {"reader1": MeasurementError(standard_error=0.1)}
    naive = error_corrected(rows, plan, errors)[names].iloc[0].to_numpy(float)
    np.testing.assert_allclose(naive, expected)
    one = compare_sites(rows.assign(site="a"), plan, "site")[names].iloc[0].to_numpy(float)
    np.testing.assert_allclose(one, expected)
    grid = {"predictors": {"reader 1": "reader1"}}
    asked = analysis(outcome="y", regression=regression, specifications=grid)
    varied = specifications(rows, asked, asked.specifications).iloc[0]
    spread = rows["reader1"].std()
    ends = expected[:2] * spread if regression == "linear" else np.exp(np.log(expected[:2]) * spread)
    np.testing.assert_allclose([*varied[names]], [*ends, expected[2]], rtol=1e-5)


def test_few_clusters_are_withheld_from_a_specification_as_from_the_table_of_models():
    rows = TABLE.iloc[:60].assign(subject=[str(at % 6) for at in range(60)])
    asked = analysis()
    made = specifications(rows, asked, asked.specifications)
    assert made["estimate"].isna().all()
    assert made["note"].str.contains("6 cluster").any()


def test_a_planted_odds_ratio_is_nearer_after_correction():
    found = corrected(outcome="high", event="1", models={"m": ["age"]})
    naive, calibrated = (found.loc[("m", name), "estimate"] for name in (NAIVE, CALIBRATED))
    assert abs(calibrated - SLOPE) < abs(naive - SLOPE) / 2


def test_calibration_is_division_by_the_reliability_given_the_covariates():
    rows = TABLE.dropna()[["reader1", "age"]].astype(float)
    matrix, reliability = calibrate(rows, ERROR)
    left = rows["reader1"] - np.polyval(np.polyfit(rows["age"], rows["reader1"], 1), rows["age"])
    assert reliability == pytest.approx(1 - ERROR**2 / left.var(ddof=1), rel=1e-9)
    assert matrix[0] == pytest.approx([1 / reliability, 0], abs=1e-9)


@pytest.mark.parametrize("levels", [["a"], ["a", "b"]])
def test_a_category_has_no_error_to_correct_for(levels):
    rows = TABLE.iloc[:60].assign(site=levels * (60 // len(levels)))
    plan = Plan("wmh", predictors=["site"], models={"m": ["age"]}, regression="linear")
    found = error_corrected(rows, plan, {"site": MeasurementError(standard_error=1.0)})
    assert found["note"].tolist() == ["site holds categories, which have no such error"] * 2
    assert found["estimate"].isna().all()


def test_an_error_as_large_as_the_measure_is_not_corrected_for():
    settings = {"reader1": MeasurementError(standard_error=5.0)}
    plan = Plan("wmh", predictors=["reader1"], regression="linear")
    found = error_corrected(TABLE, plan, settings).set_index("correction")
    assert np.isnan(found.loc[CALIBRATED, "estimate"])
    assert "too little" in found.loc[CALIBRATED, "note"]
    mean = error_sd_of(TABLE, "reader1", MeasurementError(standard_error=1.0, averaged=4))[0]
    assert mean == pytest.approx(0.5)
