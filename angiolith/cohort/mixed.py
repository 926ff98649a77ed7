"""A linear mixed model with a random intercept, by restricted maximum likelihood."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

from angiolith.cohort.regression import design_problem, standardised, wald

# [log] Logarithm of the variance between to that within subjects that is searched; below it there is none. Source:
# numerics.
RATIO_LOG_RANGE = (-18.0, 18.0)


def fit_random_intercept(values: np.ndarray, design: pd.DataFrame, subjects: np.ndarray) -> dict[str, object]:
    """values ~ design + (1 | subject) by REML; a row for the first term: estimate, se, interval, p, method, note.

    values: (n,); design: (n, k) without the intercept; subjects: (n,) labels. The likelihood has one free parameter,
    the ratio of the variances, once the fixed effects and the residual variance are profiled out (Bates et al., J Stat
    Softw 2015;67(1), section 3): it is searched in one dimension, which ends at the maximum where statsmodels' general
    optimiser stops early. Wald interval and p from the normal distribution; with few subjects they are too bold.
    """
    method = "linear mixed model, random intercept, REML, Wald interval"
    empty: dict[str, object] = {"method": method, "estimate": np.nan, "se": np.nan, "p": np.nan}
    n, k = len(values), design.shape[1] + 1
    codes, labels = pd.factorize(subjects)
    if n < k + 3 or len(labels) == n:
        return empty | {"note": "too few rows, or no subject with two visits"}
    problem = design_problem(design) or ("the marker does not vary" if np.ptp(values) == 0 else "")
    if problem:
        return empty | {"note": problem}
    scaled, spread = standardised(design)
    x = np.column_stack([np.ones(n), scaled])
    y = values - values.mean()
    sizes = np.bincount(codes).astype(float)
    x_sums = np.stack([np.bincount(codes, column) for column in x.T], axis=1)
    y_sums = np.bincount(codes, y)

    def solved(ratio: float) -> tuple[np.ndarray, np.ndarray, float, float]:
        """Fixed effects, X'V^-1X, residual variance and -2 log REML (without its constant) at a ratio of variances."""
        shrink = ratio / (1 + ratio * sizes)  # V^-1 = I - shrink 1 1' within a subject
        information = x.T @ x - (x_sums * shrink[:, None]).T @ x_sums
        beta = np.linalg.solve(information, x.T @ y - x_sums.T @ (shrink * y_sums))
        residual = y - x @ beta
        sums = np.bincount(codes, residual)
        variance = (residual @ residual - shrink @ sums**2) / (n - k)
        deviance = np.log1p(ratio * sizes).sum() + np.linalg.slogdet(information)[1] + (n - k) * np.log(variance)
        return beta, information, float(variance), float(deviance)

    best = minimize_scalar(
        lambda log_ratio: solved(np.exp(log_ratio))[3],
        bounds=RATIO_LOG_RANGE,
        method="bounded",
        options={"xatol": 1e-9},
    )
    ratio = float(np.exp(best.x)) if best.fun < solved(0.0)[3] else 0.0
    beta, information, variance, _ = solved(ratio)
    estimate = float(beta[1] / spread.iloc[0])
    error = float(np.sqrt(variance * np.linalg.inv(information)[1, 1]) / spread.iloc[0])
    low, high, p = wald(estimate, error)
    return {
        "method": method,
        "estimate": estimate,
        "se": error,
        "ci_low": low,
        "ci_high": high,
        "p": float(p),
        "note": "" if ratio else "no variance between subjects: an ordinary regression",
    }
