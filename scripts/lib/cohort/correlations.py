"""Severity against markers: rank and linear correlation, overall and per artery, with false discovery rates."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

N_MIN = 4  # Fisher's z interval needs n > 3
N_EXACT = 10  # below this the p values, from the t distribution, are approximate
COLUMNS = ["group", "measure", "method", "n", "r", "ci_low", "ci_high", "p", "q", "note"]


def correlations(table: pd.DataFrame, severities: Mapping[str, pd.Series], measures: Mapping[str, str]) -> pd.DataFrame:
    """Correlate every severity with every measure by Spearman and Pearson; a table with the columns `COLUMNS`.

    severities: name ("overall", "ICA", ...) -> score by the table's index. measures: name -> column of the table.
    Pairs with a missing value are left out; n says how many remain. Intervals by Fisher's z, for Spearman with the
    standard error of Bonett and Wright (2000). q: Benjamini-Hochberg over all tests of one method in this table. r and
    p are NaN, with a note, for fewer than 4 pairs or a side that does not vary.
    """
    rows = [
        {"group": group, "measure": measure, "method": method, **correlate(score, table[column], method)}
        for group, score in severities.items()
        for measure, column in measures.items()
        for method in ("spearman", "pearson")
    ]
    result = pd.DataFrame(rows, columns=COLUMNS)
    result["q"] = result.groupby("method")["p"].transform(false_discovery_rate)
    return result


def correlate(first: pd.Series, second: pd.Series, method: str) -> dict[str, object]:
    """n, r, ci_low, ci_high, p (two-sided, t distribution) and note of two columns with a common index."""
    known = first.notna() & second.notna()
    x, y = first[known].to_numpy(float), second[known].to_numpy(float)
    n = len(x)
    empty = {"n": n, "r": np.nan, "ci_low": np.nan, "ci_high": np.nan, "p": np.nan}
    if n < N_MIN:
        return {**empty, "note": f"{n} pairs are too few"}
    for side, values in (("severity", x), ("the marker", y)):
        if np.ptp(values) == 0:
            return {**empty, "note": f"{side} does not vary"}
    result = stats.spearmanr(x, y) if method == "spearman" else stats.pearsonr(x, y)
    r = float(result.statistic)
    low, high = correlation_interval(r, n, method)
    note = f"n < {N_EXACT}: p is approximate" if n < N_EXACT and method == "spearman" else ""
    return {"n": n, "r": r, "ci_low": low, "ci_high": high, "p": float(result.pvalue), "note": note}


def correlation_interval(r: float, n: int, method: str) -> tuple[float, float]:
    """95 % interval of a correlation on Fisher's z scale; (r, r) at |r| = 1.

    Standard error 1 / sqrt(n - 3) for Pearson, sqrt((1 + r^2 / 2) / (n - 3)) for Spearman (Bonett and Wright 2000).
    """
    if abs(r) >= 1:
        return r, r
    error = np.sqrt((1 + r**2 / 2 if method == "spearman" else 1) / (n - 3))
    reach = stats.norm.ppf(0.975) * error
    return float(np.tanh(np.arctanh(r) - reach)), float(np.tanh(np.arctanh(r) + reach))


def false_discovery_rate(p: pd.Series) -> pd.Series:
    """Benjamini-Hochberg q of the tests that were made; NaN where there was none."""
    q = pd.Series(np.nan, index=p.index)
    made = p.notna()
    if made.any():
        q[made] = stats.false_discovery_control(p[made])
    return q
