"""Partial proportional odds as R's ordinal has them, a planted cut found, and what has none says why."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from angiolith.cohort.marker_models import marker_tables
from angiolith.cohort.ordinal import fit_ordinal, odds_by_cut
from tests.unit.cohort.modelled import numbers
from tests.unit.cohort.r import agree

pytestmark = pytest.mark.xdist_group("r-models")


def cohort(n=1200, seed=3):
    """Severity raises the odds of passing 0 not at all, of passing 1 three times; age all alike."""
    rng = np.random.default_rng(seed)
    severity, age = rng.integers(0, 3, n).astype(float), rng.normal(0, 1, n)
    above_0 = stats.logistic.cdf(1.5 + 0.8 * age)
    above_1 = stats.logistic.cdf(-1.5 + np.log(3) * severity * 0.6 + 0.8 * age)
    draw = rng.random(n)
    grade = (draw < above_0).astype(float) + (draw < np.minimum(above_1, above_0))
    return pd.DataFrame({"severity": severity, "age": age, "grade": grade})


def test_a_public_data_set_gives_what_clm_gives():
    """Satisfaction of 1,681 tenants in Copenhagen (Madsen 1976), which R's MASS carries; contact by cut."""
    r = numbers()
    rows = pd.DataFrame(np.reshape(r["housing"], (-1, 4)), columns=["grade", "contact", "medium", "high"])
    design = rows[["contact", "medium", "high"]]
    cuts = pd.DataFrame(odds_by_cut(rows["grade"].to_numpy(), design, [0]))
    agree(r, "by_cut", [*cuts["estimate"], *cuts["se"], cuts["statistic"].iloc[0]])
    whole = pd.DataFrame(odds_by_cut(rows["grade"].to_numpy(), design, [0, 1, 2]))
    agree(r, "generalised", [*whole["estimate"], *whole["se"], whole["statistic"].iloc[0]])
    other = pd.DataFrame(odds_by_cut(rows["grade"].to_numpy(), design, [1, 2]))
    assert other["cut"].tolist() == ["all"]
    agree(r, "common", [*other["estimate"], *other["se"], other["statistic"].iloc[0]])


def test_a_planted_effect_of_one_cut_is_found_there_alone():
    table = cohort()
    models, cuts = marker_tables(table, {"overall": table["severity"]}, {"grade": "ordinal"}, ["age"], {})
    assert models["proportional_odds_p"].iloc[0] < 0.001
    assert cuts["cut"].tolist() == ["above 0", "above 1"]
    assert cuts["by_cut"].eq("severity").all()
    assert cuts["p_by_cut"].iloc[0] < 0.001
    below, above = cuts.to_dict("records")
    assert below["ci_low"] < 1 < below["ci_high"]
    assert above["ci_low"] < 3**0.6 < above["ci_high"]
    assert above["ci_low"] > below["ratio"]


def test_proportional_odds_have_no_table_of_cuts():
    rng = np.random.default_rng(1)
    severity = rng.integers(0, 3, 400).astype(float)
    grade = np.clip(np.round(severity + rng.logistic(1, 1, 400)), 0, 3)
    table = pd.DataFrame({"severity": severity, "grade": grade, "few": np.where(np.arange(400) < 4, 1.0, np.nan)})
    asked = {"grade": "ordinal", "few": "ordinal"}
    models, cuts = marker_tables(table, {"overall": table["severity"]}, asked, [], {})
    assert models["proportional_odds_p"].iloc[0] > 0.05
    assert cuts.empty


def test_a_cut_that_is_separated_has_a_note():
    table = cohort()
    table["grade"] = np.where((table["severity"] == 0) & (table["grade"] == 2), 1.0, table["grade"])
    table["grade"] = np.where(table["severity"] == 2, 2.0, table["grade"])
    design = table[["severity", "age"]]
    assert "estimate" in fit_ordinal(table["grade"].to_numpy(), design)
    rows = odds_by_cut(table["grade"].to_numpy(), design, [0])
    assert "separated" in rows[0]["note"]
