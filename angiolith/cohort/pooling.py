"""Estimates of several sites made one: with a common effect, and with effects that differ between sites."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import minimize_scalar

from angiolith.cohort.regression import wald

# [1] Largest variance between sites that is searched, in multiples of the estimates' spread. Source: numerics.
TAU2_REACH = 100.0
METHODS = ("common effect", "DerSimonian-Laird", "REML")


@dataclass(frozen=True)
class PooledSites:
    """A pooled estimate with its interval and p, and how far the sites differ.

    tau2: variance between sites; q, q_p: Cochran's test; i2_percent: fraction of the spread that is between sites
    (Higgins and Thompson, Stat Med 2002;21:1539).
    """

    estimate: float
    se: float
    ci_low: float
    ci_high: float
    p: float
    tau2: float
    q: float
    q_p: float
    i2_percent: float


def pool_sites(estimates: np.ndarray, errors: np.ndarray, method: str = "REML") -> PooledSites:
    """Pool one estimate per site.

    Two-stage meta-analysis by inverse variances; the variance between sites by DerSimonian and Laird (Control Clin
    Trials 1986;7:177) or restricted maximum likelihood (Viechtbauer, J Educ Behav Stat 2005;30:261). Wald interval:
    with few sites it is too narrow.

    Parameters
    ----------
    estimates, errors : np.ndarray
        Estimates and standard errors (k,), one per site.
    method : str
        One of METHODS.

    Returns
    -------
    PooledSites
        The pooled estimate with its interval and the heterogeneity.

    Raises
    ------
    ValueError
        For fewer than two sites.
    """
    k, variance = len(estimates), errors**2
    if k < 2:
        raise ValueError(f"{k} site(s) cannot be pooled")
    weight = 1 / variance
    mean = float(weight @ estimates / weight.sum())
    q = float(weight @ (estimates - mean) ** 2)
    c = float(weight.sum() - (weight**2).sum() / weight.sum())
    typical = (k - 1) / c
    tau2 = 0.0
    if method == "DerSimonian-Laird":
        tau2 = max(0.0, (q - (k - 1)) / c)
    elif method == "REML":
        tau2 = _reml(estimates, variance)
    i2 = tau2 / (tau2 + typical) if method == "REML" else max(0.0, (q - (k - 1)) / q) if q > 0 else 0.0
    weight = 1 / (variance + tau2)
    estimate, error = float(weight @ estimates / weight.sum()), float(1 / np.sqrt(weight.sum()))
    low, high, p = wald(estimate, error)
    return PooledSites(estimate, error, low, high, float(p), tau2, q, float(stats.chi2.sf(q, k - 1)), 100 * i2)


def with_odds_ratios(table: pd.DataFrame) -> pd.DataFrame:
    """A table of logistic models whose interval is that of the odds ratio: both from the log odds ratios.

    Parameters
    ----------
    table : pd.DataFrame
        Columns `estimate`, `ci_low` and `ci_high`, log odds ratios.

    Returns
    -------
    pd.DataFrame
        The table with odds ratios.
    """
    limits = np.exp(table[["estimate", "ci_low", "ci_high"]].astype(float))
    return table.assign(odds_ratio=limits["estimate"], ci_low=limits["ci_low"], ci_high=limits["ci_high"])


def _reml(estimates: np.ndarray, variance: np.ndarray) -> float:
    """The variance between sites that maximises the restricted likelihood, 0 or more."""

    def deviance(tau2: float) -> float:
        weight = 1 / (variance + tau2)
        mean = weight @ estimates / weight.sum()
        return float(-np.log(weight).sum() + np.log(weight.sum()) + weight @ (estimates - mean) ** 2)

    reach = TAU2_REACH * max(float(np.var(estimates)), 1e-12)
    found = minimize_scalar(deviance, bounds=(0.0, reach), method="bounded", options={"xatol": 1e-12 * reach})
    tau2 = _newton(float(found.x), estimates, variance)
    return tau2 if tau2 > 0 and deviance(tau2) < deviance(0.0) else 0.0


def _newton(tau2: float, estimates: np.ndarray, variance: np.ndarray) -> float:
    """Fisher's scoring from a start near the maximum, to full precision."""
    for _ in range(20):
        weight = 1 / (variance + tau2)
        centred = np.diag(weight) - np.outer(weight, weight) / weight.sum()
        score = estimates @ centred @ centred @ estimates - np.trace(centred)
        step = float(score / np.trace(centred @ centred))
        tau2 = max(0.0, tau2 + step)
    return tau2
