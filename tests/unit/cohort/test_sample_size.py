"""Sizes against R's pmsampsize (its package's own tests), published examples, and simulated studies."""

import numpy as np
import pytest
from scipy import stats

from angiolith.cohort import sample_size as size


@pytest.mark.parametrize(
    ("r2", "parameters", "risk", "expected"),
    [(0.288, 24, 0.174, [623, 662, 221]), (0.55, 24, 0.174, [255, None, 221]), (0.288, 24, 0.25, [623, None, 289])],
)
def test_logistic_prediction_models_as_pmsampsize(r2, parameters, risk, expected):
    # 662 is the published example (Riley, BMJ 2020); the second criterion of older versions rounds its R2
    found = list(size.logistic_model_sizes(parameters, r2, risk).values())
    assert [ours for ours, theirs in zip(found, expected, strict=True) if theirs] == [n for n in expected if n]


@pytest.mark.parametrize(
    ("r2", "parameters", "expected"),
    [
        (0.2, 25, [918, 401, 259]),
        (0.3, 25, [574, 351, 259]),
        (0.2, 50, [1924, 801, 284]),
        (0.5, 100, [1264, 1001, 334]),
    ],
)
def test_linear_prediction_models_as_pmsampsize(r2, parameters, expected):
    assert list(size.linear_model_sizes(parameters, r2).values()) == expected


def test_cox_prediction_models_as_pmsampsize():
    # the example of its manual; it rounds the events of 10,000 persons up
    found = list(size.cox_model_sizes(30, 0.051, rate=0.065, mean_time=2.07).values())
    assert found == pytest.approx([5143, 1039], abs=1)


def test_published_sizes():
    # Hsieh 1998: 317 rows at a risk of 0.5 and an odds ratio of exp(0.405) per SD, power 0.95
    assert np.ceil(size.size_for_odds_ratio(0.405, 1.0, 0.5, 0.0, 0.05, 0.95)) == 317
    # Schoenfeld 1983: 66 events for a hazard ratio of 2 between two equal arms
    assert np.ceil(size.events_for_hazard_ratio(np.log(2), 0.5, 0.0, 0.05, 0.8)) == 66
    # Walter 1998: 39 subjects and two raters for 0.8 above 0.6, one-sided 0.05, power 0.8
    assert np.ceil(size.size_for_icc_above(0.8, 0.6, 2, 0.05, 0.8)) == 39


def test_covariates_that_explain_the_predictor_raise_the_size():
    alone = size.size_for_odds_ratio(0.4, 1.0, 0.3, 0.0, 0.05, 0.8)
    assert size.size_for_odds_ratio(0.4, 1.0, 0.3, 0.5, 0.05, 0.8) == pytest.approx(2 * alone)
    with pytest.raises(ValueError, match="allows no size"):
        size.logistic_model_sizes(5, 0.0, 0.2)


def test_a_yes_no_predictor_has_the_power_that_was_asked_for():
    n = int(np.ceil(size.size_for_two_risks(0.9, 0.4, 0.3, 0.0, 0.05, 0.8)))
    rng = np.random.default_rng(2)
    exposed = round(0.4 * n)
    # risks with an odds ratio of exp(0.9) whose mean is 0.3
    first = next(
        p for p in np.linspace(0.1, 0.3, 20001) if 0.6 * p + 0.4 * stats.logistic.cdf(np.log(p / (1 - p)) + 0.9) >= 0.3
    )
    second = stats.logistic.cdf(np.log(first / (1 - first)) + 0.9)
    a, b = rng.binomial(n - exposed, first, 20000), rng.binomial(exposed, second, 20000)
    apart = np.log(b / (exposed - b)) - np.log(a / (n - exposed - a))
    error = np.sqrt(1 / a + 1 / (n - exposed - a) + 1 / b + 1 / (exposed - b))
    assert (np.abs(apart / error) > stats.norm.ppf(0.975)).mean() == pytest.approx(0.8, abs=0.02)


def test_the_interval_of_an_icc_has_the_width_that_was_asked_for():
    n = int(np.ceil(size.size_for_icc_width(0.8, 2, 0.2)))
    rng = np.random.default_rng(3)
    rated = np.sqrt(0.8) * rng.normal(size=(4000, n, 1)) + np.sqrt(0.2) * rng.normal(size=(4000, n, 2))
    between = 2 * rated.mean(axis=2).var(axis=1, ddof=1)
    within = rated.var(axis=2, ddof=1).mean(axis=1)
    ratio = between / within
    ends = [ratio / stats.f.ppf(0.975, n - 1, n), ratio * stats.f.ppf(0.975, n, n - 1)]
    low, high = ((end - 1) / (end + 1) for end in ends)
    assert (high - low).mean() == pytest.approx(0.2, abs=0.01)
