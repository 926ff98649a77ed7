"""Regression models against a printed odds ratio, other implementations, and data whose estimates do not exist."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM

from angiolith.cohort.associations import Plan
from angiolith.cohort.associations import associations as fitted
from angiolith.cohort.regression import design_problem, fit_linear, fit_logistic, separating_terms


def associations(table, outcome, event, predictors, models, **given):
    return fitted(table, Plan(outcome, event, predictors, models, **given))[0]


def two_by_two(a, b, c, d):
    """Outcome and exposure: a, b with the outcome (exposed, not), c, d without."""
    outcome = np.repeat([1.0, 1.0, 0.0, 0.0], [a, b, c, d])
    return outcome, pd.DataFrame({"exposed": np.repeat([1.0, 0.0, 1.0, 0.0], [a, b, c, d])})


@pytest.fixture
def cohort():
    rng = np.random.default_rng(3)
    n = 300
    table = pd.DataFrame(
        {"age": rng.normal(62, 8, n), "hu": rng.normal(400, 120, n), "smoker": rng.integers(0, 2, n) * 1.0}
    )
    table["site"] = rng.choice(["basilar", "vertebral", "junction"], n)
    logit = 0.08 * (table["age"] - 62) + 0.004 * (table["hu"] - 400) + 0.6 * (table["site"] == "vertebral")
    table["role"] = np.where(rng.random(n) < 1 / (1 + np.exp(-logit)), "culprit", "other")
    return table


def test_the_printed_odds_ratio_of_any_calcification():
    # Vertebrobasilar study: 55 of 124 culprit and 61 of 120 non-culprit lesions hold calcium; 0.77 (0.47-1.28), p 0.31
    fit = fit_logistic(*two_by_two(55, 69, 61, 59))
    found = fit.table.loc["exposed"]
    assert np.exp(found[["estimate", "ci_low", "ci_high"]].to_numpy(float)).round(2).tolist() == [0.77, 0.47, 1.28]
    assert found["p"] == pytest.approx(0.31, abs=0.005)
    error = np.sqrt(1 / 55 + 1 / 69 + 1 / 61 + 1 / 59)  # Woolf
    assert (found["ci_high"] - found["ci_low"]) == pytest.approx(2 * stats.norm.ppf(0.975) * error)
    assert (fit.n, fit.events) == (244, 124)


def test_a_full_model_agrees_with_two_other_implementations(cohort):
    table = associations(cohort, "role", "culprit", ["hu"], {"model1": ["age", "smoker", "site"]}, per={"hu": 100})
    found = table[table["model"] == "model1"].iloc[0]
    dummies = [(cohort["site"] == level) * 1.0 for level in ("junction", "vertebral")]
    design = np.column_stack([np.ones(300), cohort["hu"] / 100, cohort["age"], cohort["smoker"], *dummies])
    outcome = (cohort["role"] == "culprit").to_numpy(float)
    glm = GLM(outcome, design, family=Binomial()).fit(tol=1e-12)
    assert found["estimate"] == pytest.approx(glm.params[1], rel=1e-6)
    assert np.log(found[["ci_low", "ci_high"]].to_numpy(float)) == pytest.approx(glm.conf_int()[1], rel=1e-5)
    assert found["p"] == pytest.approx(glm.pvalues[1], rel=1e-4)
    scaled = (design[:, 1:] - design[:, 1:].mean(axis=0)) / design[:, 1:].std(axis=0)
    free = LogisticRegression(C=np.inf, tol=1e-10, max_iter=5000).fit(scaled, outcome)
    assert found["estimate"] == pytest.approx(free.coef_[0, 0] / design[:, 1].std(), rel=1e-4)
    assert found["odds_ratio"] == pytest.approx(np.exp(found["estimate"]))
    assert found["adjusted_for"] == "age, smoker, site"


def test_a_category_gives_one_term_per_level_against_its_reference(cohort):
    table = associations(cohort, "role", "culprit", ["site"], {}, references={"site": "vertebral"})
    assert table["term"].tolist() == ["site[basilar]", "site[junction]"]
    for _, row in table.iterrows():
        level = row["term"][5:-1]
        counts = pd.crosstab(cohort["site"], cohort["role"])
        a, b, c, d = (
            counts.loc[level, "culprit"],
            counts.loc["vertebral", "culprit"],
            counts.loc[level, "other"],
            counts.loc["vertebral", "other"],
        )
        assert row["odds_ratio"] == pytest.approx(a * d / (b * c), rel=1e-6)
    (row,) = associations(cohort, "role", "culprit", ["site"], {}, references={"site": "BA"}).to_dict("records")
    assert row["note"] == "references: site has no level 'BA'; its levels are basilar, junction, vertebral"
    assert np.isnan(row["estimate"])


def test_every_row_says_how_many_complete_cases_it_rests_on(cohort):
    gaps = cohort.copy()
    gaps.loc[:9, "age"] = np.nan
    gaps.loc[5:24, "hu"] = np.nan
    table = associations(gaps, "role", "culprit", ["hu"], {"model1": ["age"]}).set_index("model")
    assert table["n"].to_dict() == {"univariable": 280, "model1": 275}
    assert table.loc["model1", "note"] == "25 row(s) without all values left out"
    assert table.loc["model1", "events"] == (gaps.dropna()["role"] == "culprit").sum()


def test_an_event_that_never_occurs_is_a_mistake(cohort):
    with pytest.raises(ValueError, match="role has no value 'culprits', only culprit, other"):
        associations(cohort, "role", "culprits", ["hu"], {})


@pytest.mark.parametrize(
    "counts", [(10, 0, 0, 12), (8, 4, 0, 12), (0, 5, 9, 3)], ids=["complete", "quasi", "empty cell"]
)
def test_separation_is_named_and_answered_with_firths_likelihood(counts):
    fit = fit_logistic(*two_by_two(*counts))
    assert "separation by exposed: answered with Firth's penalised likelihood" in fit.note
    # in a 2 x 2 table Firth's estimate is the odds ratio with 0.5 added to every cell (Firth 1993)
    a, b, c, d = (count + 0.5 for count in counts)
    found = fit.table.loc["exposed"]
    assert found["estimate"] == pytest.approx(np.log(a * d / (b * c)), rel=1e-6)
    assert found[["ci_low", "ci_high", "p"]].tolist() == found[["profile_low", "profile_high", "p_lr"]].tolist()


def test_separation_by_a_combination_is_found_and_names_its_terms():
    rng = np.random.default_rng(0)
    design = pd.DataFrame(rng.normal(size=(60, 3)), columns=["a", "b", "noise"])
    outcome = (design["a"] + design["b"] > 0).to_numpy(float)
    assert {"a", "b"} <= set(separating_terms(outcome, design))
    outcome[:6] = 1 - outcome[:6]
    assert separating_terms(outcome, design) == []
    assert fit_logistic(outcome, design).table.notna().all().all()


def test_the_separation_check_agrees_with_the_growth_of_the_estimates():
    # independent judgement: unregularised Newton steps run away if and only if the data are separated
    rng = np.random.default_rng(1)
    verdicts = []
    for _ in range(40):
        design = pd.DataFrame({"x": rng.integers(0, 2, 14), "z": rng.normal(size=14).round(1)}, dtype=float)
        outcome = rng.integers(0, 2, 14).astype(float)
        if design_problem(design) or np.ptp(outcome) == 0:
            continue
        with np.errstate(all="ignore"):
            free = LogisticRegression(C=1e12, tol=1e-12, max_iter=20000).fit(design, outcome)
        verdicts.append(
            (bool(separating_terms(outcome, (design - design.mean()) / design.std())), np.abs(free.coef_).max() > 15)
        )
    assert all(by_program == by_growth for by_program, by_growth in verdicts)
    assert {True, False} == {by_program for by_program, _ in verdicts}


@pytest.mark.parametrize(
    ("design", "note"),
    [
        ({"x": [1.0] * 8}, "x does not vary"),
        ({"x": [0, 1, 0, 1, 1, 0, 1, 0], "y": [1, 0, 1, 0, 0, 1, 0, 1]}, "y follows from the other terms"),
    ],
)
def test_a_design_without_a_unique_fit_is_named(design, note):
    outcome = np.array([0, 1, 1, 0, 1, 0, 0, 1.0])
    for fit in (
        fit_logistic(outcome, pd.DataFrame(design, dtype=float)),
        fit_linear(outcome, pd.DataFrame(design, dtype=float)),
    ):
        assert note in fit.note
        assert fit.table.isna().all().all()


def test_few_events_per_term_are_said():
    rng = np.random.default_rng(2)
    design = pd.DataFrame(rng.normal(size=(40, 4)), columns=list("abcd"))
    fit = fit_logistic(np.r_[np.ones(12), np.zeros(28)], design)
    assert fit.note == "3.0 events per term: estimates may be biased"
    assert fit_logistic(np.zeros(40), design).note == "the outcome does not vary"


def test_the_linear_model_is_least_squares_with_hc3_errors(cohort):
    found = (
        associations(cohort, "hu", 1, ["age"], {"model1": ["smoker"]}, regression="linear")
        .set_index("model")
        .loc["model1"]
    )
    design = np.column_stack([np.ones(300), cohort["age"], cohort["smoker"]])
    inverse = np.linalg.inv(design.T @ design)
    beta = inverse @ design.T @ cohort["hu"].to_numpy()
    residual = cohort["hu"].to_numpy() - design @ beta
    leverage = np.einsum("ij,jk,ik->i", design, inverse, design)
    sandwich = inverse @ (design.T * (residual / (1 - leverage)) ** 2) @ design @ inverse
    error, t = np.sqrt(sandwich[1, 1]), stats.t(297)
    assert found["estimate"] == pytest.approx(beta[1])
    assert found["ci_low"] == pytest.approx(beta[1] - t.ppf(0.975) * error)
    assert found["p"] == pytest.approx(2 * t.sf(abs(beta[1] / error)))
    assert np.isnan(found["odds_ratio"])


def test_the_order_of_rows_does_not_matter(cohort):
    arguments = ("role", "culprit", ["hu", "site"], {"model1": ["age"]})
    first = associations(cohort, *arguments)
    second = associations(cohort.sample(frac=1, random_state=1), *arguments)
    numbers = ["estimate", "odds_ratio", "ci_low", "ci_high", "p"]
    np.testing.assert_allclose(first[numbers], second[numbers], rtol=1e-6)
