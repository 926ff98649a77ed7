"""Brant's test that the odds of a higher grade are proportional: one odds ratio for every cut of the grades."""

from __future__ import annotations

import numpy as np
from scipy import stats

from angiolith.cohort.regression import finite_maximum


def brant(codes: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, float]:
    """p that each column's odds are proportional, (k,), and p that all are (Brant, Biometrics 1990;46:1171).

    A logistic model of each cut is fitted alone, and the equality of their coefficients tested by Wald's test. NaN for
    two grades, and where a cut has no finite fit.

    Parameters
    ----------
    codes : np.ndarray
        Grades (n,) as 0, 1, ...
    x : np.ndarray
        Standardised columns (n, k).

    Returns
    -------
    tuple[np.ndarray, float]
        p of the first column, and of all columns.
    """
    cuts = int(codes.max())
    if cuts < 2:
        return np.full(x.shape[1], np.nan), np.nan
    columns = np.column_stack([np.ones(len(x)), x])
    fits = [finite_maximum(x, codes > cut) for cut in range(cuts)]
    if any(fit is None for fit in fits):
        return np.full(x.shape[1], np.nan), np.nan
    k = x.shape[1]
    beta = np.concatenate([fit.coef_ for fit in fits])
    chances = [fit.predict_proba(x)[:, 1] for fit in fits]
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

    return np.array([equal([column]) for column in range(k)]), equal(list(range(k)))
