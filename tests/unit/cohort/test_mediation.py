"""Mediation: effects as R has them, a planted effect recovered, and what cannot be estimated says why."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from angiolith.cohort.associations import Plan
from angiolith.cohort.mediation import Rows, mediation_table, natural_effects
from angiolith.core.settings.analyses import Analysis, Mediation
from tests.unit.cohort.modelled import TABLE, numbers
from tests.unit.cohort.r import agree

pytestmark = pytest.mark.xdist_group("r-models")
BY_VOLUME = Mediation(exposure="x", mediator="volume", covariates=["age"], contrast=[-1.0, 1.0], resamples=40)


@pytest.fixture
def r_models():
    return numbers()


def rows_of(mediator, outcome, interaction=False):
    columns = [TABLE[name].to_numpy(float) for name in ("x", mediator, outcome)]
    return Rows(*columns, TABLE[["age"]].to_numpy(float), mediator == "calcified", outcome == "event", interaction)


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("mediation_linear", rows_of("volume", "y")),  # the product of coefficients
        ("mediation_interaction", rows_of("volume", "y", interaction=True)),
        ("mediation_logistic", rows_of("volume", "event")),  # an integral over the mediator
        ("mediation_yes_no", rows_of("calcified", "event")),
    ],
)
def test_effects_are_those_of_r(r_models, name, rows):
    agree(r_models, name, natural_effects(rows, -1.0, 1.0))


def cohort(n=800, seed=1):
    """Calcification acts on the outcome by 0.4 through WMH (0.8 x 0.5) and by 0.3 beside it; age confounds all."""
    rng = np.random.default_rng(seed)
    age = rng.normal(0, 1, n)
    calcium = (rng.random(n) < stats.logistic.cdf(0.8 * age)).astype(float)
    wmh = 0.8 * calcium + 0.7 * age + rng.normal(0, 1, n)
    score = 0.3 * calcium + 0.5 * wmh + 0.6 * age + rng.normal(0, 1, n)
    return pd.DataFrame({"subject": np.arange(n), "calcium": calcium, "wmh": wmh, "age": age, "score": score})


ASKED = Mediation(exposure="calcium", mediator="wmh", covariates=["age"], resamples=200)


def test_a_planted_effect_is_recovered():
    table, plan = cohort(), Plan("score", regression="linear")
    found = mediation_table(table, plan, {"wmh": ASKED}).set_index("effect")
    assert found.loc["natural direct", "ci_low"] < 0.3 < found.loc["natural direct", "ci_high"]
    assert found.loc["natural indirect", "ci_low"] < 0.4 < found.loc["natural indirect", "ci_high"]
    assert found.loc["natural indirect", "ci_low"] > 0
    parts = found["estimate"]
    assert parts["total"] == pytest.approx(parts["natural direct"] + parts["natural indirect"])
    assert parts["proportion mediated"] == pytest.approx(parts["natural indirect"] / parts["total"])
    assert found["from"].eq(0).all()
    assert "nothing unmeasured confounds" in found["note"].iloc[0]
    again = mediation_table(table, plan, {"wmh": ASKED}).set_index("effect")
    pd.testing.assert_frame_equal(found, again)  # the seed is fixed


def test_the_bootstrap_draws_whole_subjects():
    table = cohort(200)
    twice = pd.concat([table, table], ignore_index=True)
    plan = Plan("score", regression="linear")
    once, doubled = (mediation_table(rows, plan, {"wmh": ASKED}).iloc[1] for rows in (table, twice))
    widths = [row["ci_high"] - row["ci_low"] for row in (once, doubled)]
    assert doubled["estimate"] == pytest.approx(once["estimate"])
    assert widths[1] == pytest.approx(widths[0], rel=0.25)  # and not smaller by the root of two


def test_what_cannot_be_estimated_says_why():
    table = cohort(60).assign(site=lambda rows: np.where(rows["age"] > 0, "a", "b"), half=lambda rows: rows["wmh"] / 2)
    plan = Plan("score", regression="linear")
    asked = {
        "text": Mediation(exposure="site", mediator="wmh"),
        "collinear": Mediation(exposure="half", mediator="wmh"),
        "few": Mediation(exposure="calcium", mediator="wmh", covariates=["gone"]),
    }
    notes = mediation_table(table.assign(gone=np.nan), plan, asked).set_index("mediation")["note"]
    assert "site is a category" in notes["text"]
    assert "no model of the outcome" in notes["collinear"]
    assert "too few" in notes["few"]
    zeros = table.assign(volume=np.where(np.arange(60) < 50, 0.0, np.arange(60)))
    row = mediation_table(zeros, plan, {"zeros": Mediation(exposure="volume", mediator="wmh")}).iloc[0]
    assert "give a contrast" in row["note"]
    row = mediation_table(table.assign(subject=np.arange(60) % 4), plan, {"wmh": ASKED}).iloc[0]
    assert "4 cluster(s) are too few" in row["note"]


def test_the_proportion_is_not_given_for_opposite_signs():
    table = cohort()
    table["score"] -= 1.5 * table["calcium"]
    found = mediation_table(table, Plan("score", regression="linear"), {"wmh": ASKED}).set_index("effect")
    assert np.isnan(found.loc["proportion mediated", "estimate"])
    assert "opposite signs" in found.loc["proportion mediated", "note"]


def test_a_yes_no_outcome_gives_differences_of_risk():
    table = TABLE.drop(columns="subject")
    found = mediation_table(table, Plan("event", 1), {"m": BY_VOLUME})
    assert set(found["scale"][:3]) == {"difference of risks"}
    assert found["estimate"][:3].abs().max() < 1
    assert (found["ci_low"][:3] <= found["estimate"][:3]).all()


def test_the_configuration_refuses_what_makes_no_sense():
    with pytest.raises(ValueError, match="two different values"):
        Mediation(exposure="x", mediator="m", contrast=[1.0])
    with pytest.raises(ValueError, match="different columns"):
        Mediation(exposure="x", mediator="m", covariates=["m"])
    with pytest.raises(ValueError, match="needs an outcome"):
        Analysis(kind="severity", table="t.tsv", mediation={"m": BY_VOLUME})
