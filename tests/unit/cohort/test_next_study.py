"""Sizes of a study to come: from the effects that a cohort shows, and notes where there is none to plan from."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from angiolith.cohort import sample_size as size
from angiolith.cohort.next_study import next_study
from angiolith.core.settings.analyses import Analysis, FollowUp, NextStudy, PowerSettings

ASKED = {"kind": "severity", "table": "t.tsv", "outcome": "event", "predictors": ["x", "yes"], "models": {"m": ["age"]}}


def cohort(n=500, seed=5):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"subject": np.arange(n), "age": rng.normal(0, 1, n)})
    table["x"] = 3 * (0.6 * table["age"] + rng.normal(0, 0.8, n))
    table["yes"] = (rng.random(n) < 0.3).astype(float)
    table["none"] = rng.normal(0, 1, n)
    logit = 0.25 * table["x"] + 0.8 * table["yes"] - 1
    table["event"] = (rng.random(n) < stats.logistic.cdf(logit)).astype(float)
    table["score"] = 0.3 * table["x"] + table["age"] + rng.normal(0, 2, n)
    table["years"] = rng.exponential(5 / np.exp(0.2 * table["x"]))
    table["happened"] = np.where(table["years"] < 4, "1", "0")
    table["years"] = table["years"].clip(upper=4)
    table["reader1"] = rng.normal(10, 3, n)
    table["reader2"] = table["reader1"] + rng.normal(0, 1, n)
    return table


def sizes(table, **settings):
    analysis = Analysis(**(ASKED | settings), next_study=NextStudy())
    return next_study(table, analysis, analysis.next_study)


def test_sizes_come_from_the_cohorts_effects():
    table = cohort()
    found = sizes(table, power=PowerSettings(dropout_percent=20.0))
    asked = found[found["question"] == "association"].set_index(["model", "predictor"])
    row = asked.loc[("m", "x")]
    r2 = np.corrcoef(table["x"], table["age"])[0, 1] ** 2
    risk = table["event"].mean()
    plain = size.size_for_odds_ratio(row["effect"], table["x"].std(), risk, r2, 0.05, 0.8)
    assert row["n_total"] == np.ceil(np.ceil(plain) / 0.8)
    assert row["n_events"] == np.ceil(row["n_total"] * risk)
    assert row["n_total"] > asked.loc[("univariable", "x"), "n_total"]  # age explains a part of x
    assert "which the effect passes with 80 %" in row["note"]
    yes = asked.loc[("univariable", "yes")]
    plain = size.size_for_two_risks(yes["effect"], table["yes"].mean(), risk, 0.0, 0.05, 0.8)
    assert yes["n_total"] == np.ceil(np.ceil(plain) / 0.8)
    model = found[(found["question"] == "prediction model") & (found["model"] == "m") & (found["predictor"] == "x")]
    assert model["criterion"].tolist() == ["shrinkage", "optimism of R2", "overall risk"]
    plain = size.logistic_model_sizes(2, model["effect"].iloc[0], risk)
    assert model["n_total"].tolist() == [np.ceil(n / 0.8) for n in plain.values()]


def test_the_r2_of_a_model_is_less_than_the_apparent_one():
    table = cohort()
    found = sizes(table, predictors=["x"], models={})
    risk = table["event"].mean()
    from statsmodels.discrete.discrete_model import Logit

    fit = Logit(table["event"], np.column_stack([np.ones(500), table["x"]])).fit(disp=False)
    apparent = 1 - np.exp(-fit.llr / 500)
    shrunk = apparent * (1 - 1 / fit.llr)
    own = found[found["question"] == "prediction model"]["effect"].iloc[0]
    assert own == pytest.approx(shrunk, rel=1e-6)
    assert 0.1 < risk < 0.9


def test_a_linear_outcome_is_planned_by_the_partial_correlation():
    table = cohort()
    found = sizes(table, outcome="score", regression="linear", predictors=["x"])
    row = found[(found["question"] == "association") & (found["model"] == "m")].iloc[0]
    both = np.column_stack([np.ones(500), table["age"]])
    x, y = (values - both @ np.linalg.lstsq(both, values, rcond=None)[0] for values in (table["x"], table["score"]))
    assert row["effect"] == pytest.approx(np.corrcoef(x, y)[0, 1])


def test_an_outcome_over_time_is_planned_by_its_events():
    table = cohort()
    asked = FollowUp(time="years", event="happened", predictors=["x"], models={"m": ["age"]})
    found = sizes(table, outcome=None, predictors=[], models={}, follow_up={"stroke": asked})
    row = found[(found["question"] == "association") & (found["model"] == "univariable")].iloc[0]
    events = size.events_for_hazard_ratio(row["effect"], table["x"].std(ddof=0), 0.0, 0.05, 0.8)
    assert row["n_events"] == pytest.approx(events, abs=2)
    assert row["n_total"] == np.ceil(events / (table["happened"] == "1").mean())
    assert found[found["question"] == "prediction model"]["n_total"].notna().all()


def test_readers_are_planned_by_their_icc():
    found = sizes(cohort(), outcome=None, predictors=[], models={}, agreement={"area": ["reader1", "reader2"]})
    wide, above = found.to_dict("records")
    assert wide["effect"] == pytest.approx(0.95, abs=0.02)
    assert wide["n_total"] == np.ceil(size.size_for_icc_width(wide["effect"], 2, 0.2))
    assert above["n_total"] == np.ceil(size.size_for_icc_above(above["effect"], 0.75, 2, 0.05, 0.8))


def test_what_cannot_be_planned_from_says_why():
    table = cohort().assign(site=lambda rows: rows["age"].round().clip(-1, 1).map({-1: "a", 0: "b", 1: "c"}))
    found = sizes(table, predictors=["none", "site"], models={}, categorical=["site"]).set_index("predictor")
    notes = found.loc[["none"], "note"].tolist()
    assert any("may be none" in note or "too near to zero" in note for note in notes)
    assert "one term" in found.loc["site", "note"]
    few = table.assign(event=np.r_[np.ones(3), np.zeros(497)])
    assert "no estimate to plan from" in sizes(few, predictors=["x"], models={})["note"].iloc[0]
