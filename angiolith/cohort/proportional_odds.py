"""Brant's test that the odds of a higher grade are proportional: one odds ratio for every cut of the grades."""

from __future__ import annotations

import warnings

import numpy as np
from scipy import stats

# [1] Of Newton's steps. Source: numerics.
TOLERANCE = 1e-12


def brant(codes: np.ndarray, x: np.ndarray) -> tuple[float, float]:
    """p that the first column's odds are proportional, and p that all columns' are (Brant, Biometrics 1990;46:1171).

    codes: (n,) 0, 1, ... of the ordered grades; x: (n, k) columns. A logistic model of each cut is fitted alone, and
    the equality of their coefficients tested by Wald's test. NaN for two grades, and where a cut has no finite fit.
    """
    cuts = int(codes.max())
    if cuts < 2:
        return np.nan, np.nan
    columns = np.column_stack([np.ones(len(x)), x])
    fits = [_logit((codes > cut).astype(float), columns) for cut in range(cuts)]
    if any(fit is None for fit in fits):
        return np.nan, np.nan
    k = x.shape[1]
    beta = np.concatenate([fit[0][1:] for fit in fits if fit is not None])
    chances = [fit[1] for fit in fits if fit is not None]
    bread = [np.linalg.inv((columns * (p * (1 - p))[:, None]).T @ columns) for p in chances]
    covariance = np.zeros((cuts * k, cuts * k))
    for low in range(cuts):
        for high in range(low, cuts):
            shared = (columns * (chances[high] * (1 - chances[low]))[:, None]).T @ columns
            block = (bread[low] @ shared @ bread[high])[1:, 1:]
            covariance[low * k : (low + 1) * k, high * k : (high + 1) * k] = block
            covariance[high * k : (high + 1) * k, low * k : (low + 1) * k] = block.T

    def equal(chosen: list[int]) -> float:
        """p that the chosen columns' coefficients are those of the first cut at every other one."""
        contrast = np.zeros(((cuts - 1) * len(chosen), cuts * k))
        for row, (cut, column) in enumerate((cut, column) for cut in range(1, cuts) for column in chosen):
            contrast[row, column], contrast[row, cut * k + column] = 1.0, -1.0
        apart, spread = contrast @ beta, contrast @ covariance @ contrast.T
        return float(stats.chi2.sf(apart @ np.linalg.solve(spread, apart), len(contrast)))

    return equal([0]), equal(list(range(k)))


def _logit(outcome: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Coefficients and fitted probabilities; None where there is no finite fit."""
    from statsmodels.discrete.discrete_model import Logit
    from statsmodels.tools.sm_exceptions import PerfectSeparationError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = Logit(outcome, columns).fit(disp=False, maxiter=100, tol=TOLERANCE)
        except (np.linalg.LinAlgError, ValueError, PerfectSeparationError):
            return None
    if not result.mle_retvals["converged"] or not np.isfinite(result.bse).all():
        return None
    return np.asarray(result.params), np.asarray(result.predict())
