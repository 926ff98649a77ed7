"""Formulas of sample size: for an association, for a prediction model, for a reader study.

Sizes are not rounded unless a function states it. alpha is two-sided unless a function states otherwise. They agree
with R's pmsampsize, power.t.test and published examples (`tests/unit/cohort/test_sample_size.py`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats
from scipy.optimize import brentq

# [1] Expected shrinkage of a prediction model's effects. Source: Riley, BMJ 2020;368:m441.
SHRINKAGE = 0.9
# [1] Difference of apparent and adjusted (Nagelkerke's) R2 that is allowed. Source: Riley 2020.
OPTIMISM_MAX = 0.05
# [1] Half-width of the interval of the overall risk that is allowed. Source: Riley 2020.
RISK_MARGIN = 0.05
# [number] Rows beside the parameters that give the residual SD a margin of 10 %. Source: Riley, Stat Med 2019;38:1262.
RESIDUAL_ROWS = 234
# [number] No size is searched beyond this. Source: numerics.
SIZE_MAX = 10**8
Sized = Callable[[float], float]
"""Rows that an effect needs."""
SHRINKS, OPTIMISM, OVERALL, RESIDUAL = "shrinkage", "optimism of R2", "overall risk", "residual SD"


def _both(alpha: float, power: float) -> float:
    return float(stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(power))


def size_for_odds_ratio(log_odds: float, sd: float, risk: float, r2: float, alpha: float, power: float) -> float:
    """Rows to find a number's log odds ratio per unit (Hsieh, Bloch and Larsen, Stat Med 1998;17:1623, formula 1).

    Parameters
    ----------
    log_odds : float
        Log odds ratio per unit.
    sd : float
        SD of the predictor.
    risk : float
        Risk of the outcome over all rows, 0 to 1.
    r2 : float
        R2 of the predictor on the covariates.
    alpha : float
        Level of the test, two-sided.
    power : float
        Probability to find the effect.

    Returns
    -------
    float
        Rows.
    """
    return _both(alpha, power) ** 2 / (risk * (1 - risk) * (log_odds * sd) ** 2 * (1 - r2))


def size_for_two_risks(log_odds: float, exposed: float, risk: float, r2: float, alpha: float, power: float) -> float:
    """Rows to find a yes/no predictor's log odds ratio (Hsieh, Bloch and Larsen 1998, formula 2).

    Parameters
    ----------
    log_odds : float
        Log odds ratio.
    exposed : float
        Fraction of rows with the predictor.
    risk : float
        Risk of the outcome over all rows, 0 to 1.
    r2 : float
        R2 of the predictor on the covariates.
    alpha : float
        Level of the test, two-sided.
    power : float
        Probability to find the effect.

    Returns
    -------
    float
        Rows.
    """
    ratio = np.exp(log_odds)

    def with_it(without: float) -> float:
        return float(ratio * without / (1 - without + ratio * without))

    first = float(brentq(lambda p: (1 - exposed) * p + exposed * with_it(p) - risk, 0.0, 1.0))
    second = with_it(first)
    null = stats.norm.ppf(1 - alpha / 2) * np.sqrt(risk * (1 - risk) / exposed)
    apart = stats.norm.ppf(power) * np.sqrt(first * (1 - first) + second * (1 - second) * (1 - exposed) / exposed)
    return float((null + apart) ** 2 / ((first - second) ** 2 * (1 - exposed) * (1 - r2)))


def events_for_hazard_ratio(log_hazard: float, sd: float, r2: float, alpha: float, power: float) -> float:
    """Events to find a log hazard ratio per unit (Schoenfeld 1983; Hsieh and Lavori, Control Clin Trials 2000;21:552).

    Parameters
    ----------
    log_hazard : float
        Log hazard ratio per unit.
    sd : float
        SD of the predictor; of a yes/no one the root of p (1 - p).
    r2 : float
        R2 of the predictor on the covariates.
    alpha : float
        Level of the test, two-sided.
    power : float
        Probability to find the effect.

    Returns
    -------
    float
        Events.
    """
    return _both(alpha, power) ** 2 / ((log_hazard * sd) ** 2 * (1 - r2))


def logistic_model_sizes(parameters: int, r2: float, risk: float, shrinkage: float = SHRINKAGE) -> dict[str, int]:
    """Rows for a logistic prediction model by criterion, rounded up (Riley 2020; the three criteria of pmsampsize).

    Parameters
    ----------
    parameters : int
        Number of the model's parameters.
    r2 : float
        Cox and Snell's R2 of the model, adjusted for optimism.
    risk : float
        Risk of the outcome over all rows, 0 to 1.
    shrinkage : float
        Smallest shrinkage factor that is accepted.

    Returns
    -------
    dict[str, int]
        Criterion -> rows.
    """
    largest = 1 - np.exp(2 * (risk * np.log(risk) + (1 - risk) * np.log(1 - risk)))
    margin = (stats.norm.ppf(0.975) / RISK_MARGIN) ** 2 * risk * (1 - risk)
    return _overfitting(parameters, r2, float(largest), shrinkage) | {OVERALL: int(np.ceil(margin))}


def cox_model_sizes(
    parameters: int, r2: float, rate: float, mean_time: float, shrinkage: float = SHRINKAGE
) -> dict[str, int]:
    """Rows for a Cox prediction model by criterion, rounded up (Riley, Stat Med 2019;38:1276; as pmsampsize).

    Parameters
    ----------
    parameters : int
        Number of the model's parameters.
    r2 : float
        Cox and Snell's R2 of the model, adjusted for optimism.
    rate : float
        Events per unit of time.
    mean_time : float
        Mean time watched.
    shrinkage : float
        Smallest shrinkage factor that is accepted.

    Returns
    -------
    dict[str, int]
        Criterion -> rows.
    """
    events = rate * mean_time
    largest = 1 - np.exp(2 * (events * np.log(events) - events))
    return _overfitting(parameters, r2, float(largest), shrinkage)


def _overfitting(parameters: int, r2: float, largest: float, shrinkage: float) -> dict[str, int]:
    """The two criteria against overfitting; ValueError where the R2 is not one that such a model can have."""
    if not 0 < r2 < min(largest, shrinkage):
        raise ValueError(f"an adjusted R2 of {r2:.3g} allows no size")
    own = r2 / (r2 + OPTIMISM_MAX * largest)
    sizes = {SHRINKS: shrinkage, OPTIMISM: own}
    return {what: int(np.ceil(parameters / ((s - 1) * np.log(1 - r2 / s)))) for what, s in sizes.items()}


def linear_model_sizes(parameters: int, r2: float, shrinkage: float = SHRINKAGE) -> dict[str, int]:
    """Rows for a linear prediction model by criterion, rounded up (Riley, Stat Med 2019;38:1262; as pmsampsize).

    Parameters
    ----------
    parameters : int
        Number of the model's parameters.
    r2 : float
        Adjusted R2 of the model.
    shrinkage : float
        Smallest shrinkage factor that is accepted.

    Returns
    -------
    dict[str, int]
        Criterion -> rows.

    Raises
    ------
    ValueError
        For an R2 that is not between 0 and 1.
    """
    if not 0 < r2 < 1:
        raise ValueError(f"an adjusted R2 of {r2:.3g} allows no size")
    optimism = int(np.ceil(1 + parameters * (1 - r2) / OPTIMISM_MAX))
    low, high = parameters + 2, SIZE_MAX
    while low < high:  # the smallest size with the shrinkage, which grows with it
        middle = (low + high) // 2
        low, high = (low, middle) if _linear_shrinkage(middle, parameters, r2) >= shrinkage else (middle + 1, high)
    return {SHRINKS: low, OPTIMISM: optimism, RESIDUAL: RESIDUAL_ROWS + parameters}


def _linear_shrinkage(n: int, parameters: int, r2: float) -> float:
    apparent = (r2 * (n - parameters - 1) + parameters) / (n - 1)
    return float(1 + (parameters - 2) / (n * np.log(1 - apparent)))


def size_for_icc_width(icc: float, raters: int, width: float) -> float:
    """Things to rate for a 95 % interval of an ICC of this whole width (Bonett, Stat Med 2002;21:1331; Zou 2012).

    Parameters
    ----------
    icc : float
        Expected ICC.
    raters : int
        Number of raters.
    width : float
        Whole width of the interval.

    Returns
    -------
    float
        Things to rate.
    """
    z = stats.norm.ppf(0.975)
    spread = (1 - icc) * (1 + (raters - 1) * icc)
    return float(2 * (2 * z * spread / width) ** 2 / (raters * (raters - 1)) + 1)


def size_for_icc_above(icc: float, minimum: float, raters: int, alpha: float, power: float) -> float:
    """Things to rate to show an ICC above a minimum; alpha one-sided (Walter et al., Stat Med 1998;17:101).

    Parameters
    ----------
    icc : float
        Expected ICC.
    minimum : float
        ICC that is to be exceeded.
    raters : int
        Number of raters.
    alpha : float
        Level of the test, one-sided.
    power : float
        Probability to find the effect.

    Returns
    -------
    float
        Things to rate.
    """
    ratios = [1 + raters * value / (1 - value) for value in (minimum, icc)]
    z = stats.norm.ppf(1 - alpha) + stats.norm.ppf(power)
    return float(1 + 2 * z**2 * raters / ((raters - 1) * np.log(ratios[0] / ratios[1]) ** 2))
