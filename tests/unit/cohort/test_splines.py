"""Restricted cubic splines: knots, tests and curves as R has them, and what a model without a curve says."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from angiolith.cohort.associations import Plan
from angiolith.cohort.outcome_models import model_of_follow_up, model_of_plan
from angiolith.cohort.regression import fit_rows
from angiolith.cohort.splines import curve_of, knots_of, spline_columns, spline_tables
from angiolith.cohort.splines_picture import draw_splines
from angiolith.core.settings.analyses import Analysis, FollowUp
from tests.unit.cohort.modelled import TABLE, N, numbers
from tests.unit.cohort.r import agree

pytestmark = pytest.mark.xdist_group("r-models")
AT = np.array([-2, -1, 0.3, 1, 2.5])


@pytest.fixture
def r_models():
    return numbers()


def test_knots_are_harrells(r_models):
    x = TABLE["x"].to_numpy()
    agree(r_models, "knots", np.concatenate([knots_of(x, count) for count in range(3, 8)]))
    agree(r_models, "knots_few", knots_of(x[:60], 4))  # the fifth smallest and largest where values are few
    agree(
        r_models, "knots_tied", knots_of(TABLE["volume"].to_numpy(), 4)
    )  # many zeros: the smallest volume is the first knot


@pytest.mark.parametrize(("name", "regression"), [("logistic", "logistic"), ("linear", "linear"), ("gee", "logistic")])
def test_tests_and_curves_are_those_of_r(r_models, name, regression):
    knots = knots_of(TABLE["x"].to_numpy(), 4)
    design = pd.DataFrame(spline_columns(TABLE["x"].to_numpy(), knots), columns=["x", "x'", "x''"])
    response = TABLE["event"] if regression == "logistic" else TABLE["y"]
    clusters = TABLE["subject"] if name == "gee" else None
    fit = fit_rows(response, design.assign(age=TABLE["age"]), clusters, regression)
    curve = curve_of(fit, knots, float(TABLE["x"].median()), AT, linear=regression == "linear")
    agree(r_models, name, [curve.statistic, curve.statistic_nonlinear, *curve.estimate, *curve.se])
    if regression == "linear":
        assert curve.p_nonlinear == pytest.approx(stats.f.sf(curve.statistic_nonlinear / 2, 2, N - 5))
    else:
        assert curve.p == pytest.approx(stats.chi2.sf(curve.statistic, 3))


def test_the_curve_is_straight_beyond_the_outer_knots():
    knots = np.array([0.0, 1.0, 2.0, 5.0])
    columns = spline_columns(np.array([-3.0, -2.0, -1.0, 6.0, 7.0, 8.0]), knots)
    assert np.diff(columns[:3], n=2, axis=0) == pytest.approx(np.zeros((1, 3)), abs=1e-9)
    assert np.diff(columns[3:], n=2, axis=0) == pytest.approx(np.zeros((1, 3)), abs=1e-9)


def test_a_bend_is_found_and_a_straight_line_is_not_bent():
    plan = Plan("event", 1, ["x", "age"], {"m": ["x", "age"]})
    single = TABLE.drop(columns="subject")
    tests, curves = spline_tables([(model_of_plan(single, plan), {"x": 4, "age": 3})])
    found = tests.set_index(["predictor", "model"])
    assert found.loc[("x", "m"), "p_nonlinear"] < 1e-6
    assert found.loc[("age", "m"), "p_nonlinear"] > 0.05
    assert found.loc[("x", "m"), "adjusted_for"] == "age (spline)"
    own = curves[(curves["predictor"] == "x") & (curves["model"] == "m")].set_index("value")
    assert own["odds_ratio"].iloc[0] > 2  # both ends are above the middle
    assert own["odds_ratio"].iloc[-1] > 2
    assert (own["ci_low"] <= own["odds_ratio"]).all()
    assert (own["odds_ratio"] <= own["ci_high"]).all()


def test_a_skewed_number_has_a_curve_of_its_hazard():
    """Its knots are 0.2 to 700: the columns go together so closely that their own errors are huge."""
    rng = np.random.default_rng(5)
    volume = np.where(rng.random(300) < 0.15, 0.0, np.exp(rng.normal(3, 2.5, 300)))
    time = rng.exponential(5, 300) / np.exp(0.2 * np.log1p(volume))
    table = pd.DataFrame({"volume": volume, "years": time.clip(0.01, 4), "stroke": (time < 4).astype(int)})
    asked = FollowUp(time="years", event="stroke", predictors=["volume"], splines={"volume": 4})
    outcome = model_of_follow_up(table, "stroke", asked, {}, {})
    tests, curves = spline_tables([(outcome, asked.splines)])
    assert tests["p_nonlinear"].iloc[0] < 0.01
    assert curves["hazard_ratio"].iloc[0] < 1 < curves["hazard_ratio"].iloc[-1]
    assert curves["odds_ratio"].isna().all()


def test_what_has_no_spline_says_why():
    table = TABLE.drop(columns="subject").assign(site=np.where(TABLE["x"] > 0, "a", "b"), few=TABLE["x"].round())
    tests, curves = spline_tables([(model_of_plan(table, Plan("event", 1, ["site", "few"])), {"site": 3, "few": 5})])
    notes = tests.set_index("predictor")["note"]
    assert "category" in notes["site"]
    assert "too few for 5 knots" in notes["few"]
    assert curves.empty
    separated = table.assign(event=(table["x"] > 0.5).astype(int))
    tests, curves = spline_tables([(model_of_plan(separated, Plan("event", 1, ["x"])), {"x": 3})])
    assert "no curve of a separated outcome" in tests["note"].iloc[0]
    assert tests["p"].isna().all()
    assert curves.empty


def test_the_figure_is_the_same_on_every_run(tmp_path):
    plan = Plan("y", None, ["x"], {"m": ["age"]}, regression="linear")
    found = spline_tables([(model_of_plan(TABLE, plan), {"x": 4})])
    for name in ("a.svg", "b.svg"):
        draw_splines(*found, {"x": "Volume, mm3"}, tmp_path / name)
    text = (tmp_path / "a.svg").read_text()
    assert text == (tmp_path / "b.svg").read_text()
    assert "Volume, mm3" in text


def test_the_configuration_refuses_what_cannot_have_a_spline():
    asked = {"kind": "severity", "table": "t.tsv", "outcome": "event", "predictors": ["x"], "models": {"m": ["age"]}}
    assert Analysis(**asked, splines={"x": 4, "age": 3}).splines == {"x": 4, "age": 3}
    with pytest.raises(ValueError, match="neither a predictor nor a covariate"):
        Analysis(**asked, splines={"bmi": 4})
    with pytest.raises(ValueError, match="3 to 7 knots"):
        Analysis(**asked, splines={"x": 2})
