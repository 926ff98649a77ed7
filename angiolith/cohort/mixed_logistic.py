"""A logistic mixed model with a random intercept, by maximum likelihood with adaptive quadrature."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from angiolith.cohort.enough import RARER_MIN
from angiolith.cohort.regression import design_problem, finite_maximum, standardised, wald

# [number] Points of the quadrature. Source: numerics; lme4 takes 25 at most.
NODES = 25
# [number] Newton steps to the mode of a group's intercept. Source: numerics.
MODE_STEPS = 50
# [1] Gradient at which the fit ends, per row. Source: numerics.
GRADIENT = 1e-9
# [number] Most steps of the fit. Source: numerics.
STEPS_MAX = 500
# [1] Step of the numeric derivative of the gradient. Source: numerics.
STEP = 1e-5
# [1] An SD of the intercepts below this is none. Source: numerics.
LEAST_SD = 1e-3
# [SD] A standardised coefficient beyond this has no finite maximum. Source: numerics.
COEFFICIENT_MAX = 20.0
# [1] SD of the intercepts at which the search starts. Source: numerics.
START_SD = 0.5


def fit_logistic_intercept(outcome: np.ndarray, design: pd.DataFrame, groups: np.ndarray) -> dict[str, object]:
    """outcome ~ design + (1 | group), logistic; a row for the first term.

    The intercept of each group is integrated out at `NODES` points about its mode (Pinheiro and Bates, J Comput Graph
    Stat 1995;4:12), as glmer of R's lme4 does with nAGQ.

    Parameters
    ----------
    outcome : ndarray, shape (n,)
        0 and 1.
    design : DataFrame, shape (n, k)
        Columns without the intercept; the first is asked about.
    groups : ndarray, shape (n,)
        Labels.

    Returns
    -------
    dict
        method, estimate (log odds ratio), se, ci_low, ci_high, p and note; NaN with a note where there is no fit.
    """
    method = "logistic mixed model, random intercept, adaptive quadrature, Wald interval"
    empty: dict[str, object] = {"method": method, "estimate": np.nan, "se": np.nan, "p": np.nan}
    fewer = int(min(outcome.sum(), len(outcome) - outcome.sum()))
    if fewer < RARER_MIN:
        return empty | {"note": f"{fewer} row(s) of the rarer outcome are too few (at least {RARER_MIN})"}
    problem = design_problem(design)
    if problem:
        return empty | {"note": problem}
    scaled, spread = standardised(design)
    plain = finite_maximum(scaled, outcome)
    if plain is None:
        return empty | {"note": "the outcome is separated"}
    x = np.column_stack([np.ones(len(outcome)), scaled])
    codes = pd.factorize(groups)[0]
    start = np.r_[plain.intercept_, plain.coef_, START_SD].astype(float)

    def minus(params: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = _likelihood(params, outcome, x, codes)
        return -value / len(outcome), -gradient / len(outcome)

    best = minimize(minus, start, jac=True, method="BFGS", options={"gtol": GRADIENT, "maxiter": STEPS_MAX})
    params = best.x
    if not np.isfinite(params).all() or np.abs(params[1:-1]).max() > COEFFICIENT_MAX:
        return empty | {"note": "the fit did not converge"}
    note = ""
    free = len(params)
    if abs(params[-1]) < LEAST_SD:  # its likelihood is flat there: the model is that without an intercept
        note, free = "no variance between groups: an ordinary regression", len(params) - 1
    information = np.empty((free, free))
    for at in range(free):
        step = STEP * (np.arange(len(params)) == at)
        apart = minus(params + step)[1] - minus(params - step)[1]
        information[at] = apart[:free] * len(outcome) / (2 * STEP)
    covariance = np.linalg.inv((information + information.T) / 2)
    estimate, error = float(params[1] / spread.iloc[0]), float(np.sqrt(covariance[1, 1]) / spread.iloc[0])
    low, high, p = wald(estimate, error)
    found = {"method": method, "estimate": estimate, "se": error, "ci_low": low, "ci_high": high, "p": float(p)}
    return found | {"sd_intercept": float(abs(params[-1])), "note": note}


def _likelihood(params: np.ndarray, y: np.ndarray, x: np.ndarray, codes: np.ndarray) -> tuple[float, np.ndarray]:
    """Log likelihood and its gradient; params: coefficients, then the SD of the intercepts."""
    fixed, sd = x @ params[:-1], params[-1]
    n_groups = int(codes.max()) + 1
    mode = np.zeros(n_groups)  # in units of the SD
    for _ in range(MODE_STEPS):
        chance = 1 / (1 + np.exp(-(fixed + sd * mode[codes])))
        slope = sd * np.bincount(codes, y - chance, n_groups) - mode
        bend = sd**2 * np.bincount(codes, chance * (1 - chance), n_groups) + 1
        mode = mode + slope / bend
        if np.abs(slope / bend).max() < GRADIENT:
            break
    places, weights = np.polynomial.hermite.hermgauss(NODES)
    width = np.sqrt(2 / bend)
    logs, residuals = np.empty((n_groups, NODES)), []
    for at in range(NODES):
        b = mode + width * places[at]
        linear = fixed + sd * b[codes]
        each = y * linear - np.logaddexp(0, linear)
        own = np.bincount(codes, each, n_groups) - b**2 / 2 + places[at] ** 2
        logs[:, at] = own + np.log(weights[at] * width / np.sqrt(2 * np.pi))
        residuals.append((y - 1 / (1 + np.exp(-linear)), b))
    highest = logs.max(axis=1, keepdims=True)
    part = np.exp(logs - highest)
    whole = part.sum(axis=1)
    part /= whole[:, None]
    gradient = np.zeros(len(params))
    for at, (residual, b) in enumerate(residuals):
        mass = part[codes, at] * residual
        gradient[:-1] += x.T @ mass
        gradient[-1] += mass @ b[codes]
    return float((highest[:, 0] + np.log(whole)).sum()), gradient
