"""Severity against markers: rank, linear and partial correlation and trend, overall and per artery, with q values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from angiolith.cohort.enough import PAIRS_MIN

# [number] Fisher's z interval needs more than 3 pairs. Source: Fisher 1921.
N_MIN = 4
METHODS = ("spearman", "pearson", "kendall", "jonckheere-terpstra")
COLUMNS = ["group", "measure", "method", "n", "r", "ci_low", "ci_high", "statistic", "p", "q", "adjusted_for", "note"]


def correlations(
    table: pd.DataFrame,
    severities: Mapping[str, pd.Series],
    measures: Mapping[str, str],
    methods: Sequence[str] = METHODS,
    partial_for: Sequence[str] = (),
) -> pd.DataFrame:
    """Correlate every severity with every measure by each method; a table with the columns `COLUMNS`.

    Rows with a missing value are left out; n says how many remain. q: Benjamini-Hochberg over all tests of one method
    in this table.

    Parameters
    ----------
    table : pd.DataFrame
        Analysed rows.
    severities : Mapping[str, pd.Series]
        Name -> score by the table's index.
    measures : Mapping[str, str]
        Name -> column of the table.
    methods : Sequence[str]
        Methods of `correlate`.
    partial_for : Sequence[str]
        Numeric columns that Spearman's and Pearson's correlations are also adjusted for (methods
        `partial spearman`, `partial pearson`).

    Returns
    -------
    pd.DataFrame
        One row per severity, measure and method.
    """
    rows: list[dict[str, object]] = []
    for group, score in severities.items():
        for measure, column in measures.items():
            for method in methods:
                rows.append({"group": group, "measure": measure, **correlate(score, table[column], method)})
            for method in (name for name in methods if partial_for and name in ("spearman", "pearson")):
                found = correlate(score, table[column], method, table[list(partial_for)])
                rows.append({"group": group, "measure": measure, **found})
    result = pd.DataFrame(rows, columns=COLUMNS)
    result["q"] = result.groupby("method")["p"].transform(false_discovery_rate)
    return result


def correlate(
    first: pd.Series, second: pd.Series, method: str, others: pd.DataFrame | None = None
) -> dict[str, object]:
    """method, n, r, ci_low, ci_high, statistic, p (two-sided), adjusted_for and note of two columns of one index.

    Intervals by Fisher's z: standard error 1 / sqrt(n - 3) for Pearson, that of Bonett and Wright (Psychometrika
    2000;65:23) for Spearman, sqrt(0.437 / (n - 4)) for Kendall's tau-b (Fieller 1957). p of Spearman and Pearson from
    the t distribution, of Kendall from the normal one with its correction for ties. jonckheere-terpstra: see
    `jonckheere_terpstra`; it has no r. NaN, with a note, for fewer than 4 rows or a side that does not vary; below
    `PAIRS_MIN` pairs r stands alone.

    Parameters
    ----------
    first, second : pd.Series
        Columns of one index.
    method : str
        `pearson`, `spearman`, `kendall` or `jonckheere-terpstra`.
    others : pd.DataFrame | None
        Columns to adjust for; r is then the partial correlation of the values or of their ranks, and n
        - 3 above is less by the number of columns.

    Returns
    -------
    dict[str, object]
        Column -> value.
    """
    known = first.notna() & second.notna()
    if others is not None:
        known &= others.notna().all(axis=1)
    x, y = first[known].to_numpy(float), second[known].to_numpy(float)
    n, k = len(x), 0 if others is None else others.shape[1]
    row: dict[str, object] = {"method": f"partial {method}" if k else method, "n": n}
    row |= dict.fromkeys(("r", "ci_low", "ci_high", "statistic", "p"), np.nan)
    if others is not None:
        row["adjusted_for"] = ", ".join(map(str, others.columns))
    if n < N_MIN + k:
        return row | {"note": f"{n} pairs are too few"}
    for side, values in (("severity", x), ("the marker", y)):
        if np.ptp(values) == 0:
            return row | {"note": f"{side} does not vary"}
    note = f"{n} pairs are too few for an interval and a test" if n - k < PAIRS_MIN else ""
    if method == "jonckheere-terpstra" and note:
        return row | {"note": note}
    if method == "jonckheere-terpstra":
        statistic, p = jonckheere_terpstra(x, y)
        return row | {"statistic": statistic, "p": p, "note": note}
    if method == "kendall":
        result = stats.kendalltau(x, y, method="asymptotic")
        r, p = float(result.statistic), float(result.pvalue)
    else:
        if method == "spearman":
            x, y = stats.rankdata(x), stats.rankdata(y)
        if others is not None:
            given = others[known].to_numpy(float)
            given = stats.rankdata(given, axis=0) if method == "spearman" else given
            x, y = _residual(x, given), _residual(y, given)
        r, statistic, p = _linear(x, y, n - 2 - k)
        row["statistic"] = statistic
        if not np.isfinite(r):
            return row | {"note": "nothing is left to correlate after the adjustment"}
    if note:
        return row | {"r": r, "statistic": np.nan, "note": note}
    low, high = correlation_interval(r, n - k, method)
    return row | {"r": r, "ci_low": low, "ci_high": high, "p": p, "note": note}


def _residual(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    columns = np.column_stack([np.ones(len(values)), others])
    residual = values - columns @ np.linalg.lstsq(columns, values, rcond=None)[0]
    return residual if np.ptp(residual) > 1e-9 * np.ptp(values) else np.zeros_like(residual)


def _linear(x: np.ndarray, y: np.ndarray, df: int) -> tuple[float, float, float]:
    """Pearson's r, its t and two-sided p."""
    x, y = x - x.mean(), y - y.mean()
    size = np.sqrt((x @ x) * (y @ y))
    if size == 0 or df < 1:
        return np.nan, np.nan, np.nan
    r = float(np.clip(x @ y / size, -1, 1))
    t = r * np.sqrt(df / (1 - r**2)) if abs(r) < 1 else np.sign(r) * np.inf
    return r, float(t), float(2 * stats.t.sf(abs(t), df))


def jonckheere_terpstra(score: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """z and two-sided p of the trend of the values over the ordered groups that the scores make.

    J = sum over pairs of groups of Mann-Whitney's U; its null mean and variance with ties on both sides (Hollander and
    Wolfe 1999, section 6.2; Lehmann 1975); no continuity correction. J = (S + number of pairs of different groups) / 2
    with Kendall's S, so that z is that of Kendall's tau.

    Parameters
    ----------
    score : np.ndarray
        Ordered groups (n,).
    values : np.ndarray
        Values (n,).

    Returns
    -------
    tuple[float, float]
        z and p.
    """
    n = len(score)
    groups = [values[score == level] for level in np.unique(score)]
    j = sum(
        stats.mannwhitneyu(later, earlier, method="asymptotic").statistic
        for at, earlier in enumerate(groups)
        for later in groups[at + 1 :]
    )
    sizes = np.array([len(group) for group in groups], float)
    ties = np.unique(values, return_counts=True)[1].astype(float)
    mean = (n**2 - (sizes**2).sum()) / 4

    def product(counts: np.ndarray, *shifts: float) -> float:
        return float(np.prod([counts - shift for shift in shifts], axis=0).sum())

    full = (
        n * (n - 1) * (2 * n + 5)
        - (sizes * (sizes - 1) * (2 * sizes + 5)).sum()
        - (ties * (ties - 1) * (2 * ties + 5)).sum()
    ) / 72
    triple = product(sizes, 0, 1, 2) * product(ties, 0, 1, 2) / (36 * n * (n - 1) * (n - 2))
    pair = product(sizes, 0, 1) * product(ties, 0, 1) / (8 * n * (n - 1))
    z = float((j - mean) / np.sqrt(full + triple + pair))
    return z, float(2 * stats.norm.sf(abs(z)))


def correlation_interval(r: float, n: int, method: str) -> tuple[float, float]:
    """95 % interval of a correlation on Fisher's z scale (see `correlate`); (r, r) at |r| = 1, NaN for n too small.

    Parameters
    ----------
    r : float
        The correlation.
    n : int
        Number of pairs.
    method : str
        `pearson`, `spearman`, `kendall` or `jonckheere-terpstra`.

    Returns
    -------
    tuple[float, float]
        Ends of the interval.
    """
    if abs(r) >= 1:
        return r, r
    if n <= (4 if method == "kendall" else 3):
        return np.nan, np.nan
    variance = {
        "pearson": 1 / (n - 3),
        "spearman": (1 + r**2 / 2) / (n - 3),
        "kendall": 0.437 / max(n - 4, 1),
    }[method]
    reach = stats.norm.ppf(0.975) * np.sqrt(variance)
    return float(np.tanh(np.arctanh(r) - reach)), float(np.tanh(np.arctanh(r) + reach))


def false_discovery_rate(p: pd.Series) -> pd.Series:
    """Benjamini-Hochberg q of the tests that were made; NaN where there was none.

    Parameters
    ----------
    p : pd.Series
        p values; NaN where there was no test.

    Returns
    -------
    pd.Series
        q values, same index.
    """
    q = pd.Series(np.nan, index=p.index)
    made = p.notna()
    if made.any():
        q[made] = stats.false_discovery_control(p[made])
    return q
