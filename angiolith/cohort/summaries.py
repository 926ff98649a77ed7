"""Tests and estimates from printed summaries alone: means, SDs, counts, correlations."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import stats

from angiolith.cohort.printed import Printed
from angiolith.cohort.regression import wald

Range = tuple[float, float]


def student(groups: Sequence[tuple[float, float]], sizes: Sequence[int]) -> tuple[float, float]:
    """Student's t (as its absolute value) and p of two groups, from means and SDs.

    Parameters
    ----------
    groups : Sequence[tuple[float, float]]
        Mean and SD of each group.
    sizes : Sequence[int]
        Size of each group.

    Returns
    -------
    tuple[float, float]
        t and p.
    """
    (first, second), (n, m) = groups, sizes
    found = stats.ttest_ind_from_stats(*first, n, *second, m, equal_var=True)
    return abs(float(found.statistic)), float(found.pvalue)


def anova(groups: Sequence[tuple[float, float]], sizes: Sequence[int]) -> tuple[float, float]:
    """F and p of a one-way analysis of variance, from means and SDs.

    Parameters
    ----------
    groups : Sequence[tuple[float, float]]
        Mean and SD of each group.
    sizes : Sequence[int]
        Size of each group.

    Returns
    -------
    tuple[float, float]
        F and p.
    """
    mean, sd, n = *np.array(groups).T, np.array(sizes, float)
    centre = (n * mean).sum() / n.sum()
    k, total = len(n), n.sum()
    f = (n * (mean - centre) ** 2).sum() / (k - 1) / (((n - 1) * sd**2).sum() / (total - k))
    return float(f), float(stats.f.sf(f, k - 1, total - k))


def welch(groups: Sequence[tuple[float, float]], sizes: Sequence[int]) -> tuple[float, float]:
    """Welch's t (as its absolute value) of two groups, Welch's ANOVA of more (Biometrika 1951;38:330).

    Parameters
    ----------
    groups : Sequence[tuple[float, float]]
        Mean and SD of each group.
    sizes : Sequence[int]
        Size of each group.

    Returns
    -------
    tuple[float, float]
        Statistic and p.
    """
    mean, sd, n = *np.array(groups).T, np.array(sizes, float)
    weight, k = n / sd**2, len(n)
    centre = (weight * mean).sum() / weight.sum()
    spread = ((1 - weight / weight.sum()) ** 2 / (n - 1)).sum()
    f = (weight * (mean - centre) ** 2).sum() / (k - 1) / (1 + 2 * (k - 2) / (k**2 - 1) * spread)
    p = float(stats.f.sf(f, k - 1, (k**2 - 1) / (3 * spread)))
    return float(np.sqrt(f) if k == 2 else f), p


SUMMARY_TESTS = {"Student's t": student, "one-way ANOVA": anova, "Welch's test": welch}


def over_rounding(
    groups: Sequence[tuple[Printed, Printed]], sizes: Sequence[int], results: Callable[[Any, Any], tuple[float, ...]]
) -> list[Range]:
    """Least and greatest of each of the results over all means and SDs that round to the printed ones.

    The corners of that box and its middle, and the point where all means are as near as they can be: a test is least
    significant there, and most significant at a corner.

    Parameters
    ----------
    groups : Sequence[tuple[Printed, Printed]]
        Printed mean and SD of each group.
    sizes : Sequence[int]
        Size of each group.
    results : Callable[[Any, Any], tuple[float, ...]]
        Gives results of means, SDs and sizes.

    Returns
    -------
    list[Range]
        One range per result.
    """
    ends = [(mean.low, mean.high) for mean, _ in groups]
    together = float(np.median([end for pair in ends for end in pair]))
    near = tuple(float(np.clip(together, *pair)) for pair in ends)
    means = [*itertools.product(*ends), near, tuple(mean.value for mean, _ in groups)]
    spreads = [[max(getattr(sd, end), 1e-9) for _, sd in groups] for end in ("low", "value", "high")]
    found = np.array([results(list(zip(mean, sd, strict=True)), sizes) for mean in means for sd in spreads])
    return list(zip(found.min(axis=0).tolist(), found.max(axis=0).tolist(), strict=True))


def woolf(counts: np.ndarray) -> tuple[float, float, float, float]:
    """Odds ratio of two groups by two levels, its interval (Woolf 1955) and p; NaN with an empty cell.

    Parameters
    ----------
    counts : np.ndarray
        Counts (2, 2).

    Returns
    -------
    tuple[float, float, float, float]
        Odds ratio, ends of its interval and p.
    """
    if counts.shape != (2, 2) or (counts == 0).any():
        return np.nan, np.nan, np.nan, np.nan
    (a, b), (c, d) = counts.astype(float)
    log, error = np.log(a * d / (b * c)), np.sqrt((1 / counts).sum())
    low, high, p = wald(log, error)
    return np.exp(log), np.exp(low), np.exp(high), float(p)


def correlation_p(r: float, n: int) -> float:
    """Two-sided p of Pearson's correlation, by the t distribution.

    Parameters
    ----------
    r : float
        The correlation.
    n : int
        Number of pairs.

    Returns
    -------
    float
        p.
    """
    r = float(np.clip(r, -1 + 1e-12, 1 - 1e-12))
    return float(2 * stats.t.sf(abs(r) * np.sqrt((n - 2) / (1 - r**2)), n - 2))


def grouped_pearson(groups: Sequence[tuple[float, float]], sizes: Sequence[int], scores: np.ndarray) -> float:
    """Pearson's r of a marker with a score that is constant in each group: exact from means, SDs and sizes.

    Parameters
    ----------
    groups : Sequence[tuple[float, float]]
        Mean and SD of each group.
    sizes : Sequence[int]
        Size of each group.
    scores : np.ndarray
        Score of each group.

    Returns
    -------
    float
        r.
    """
    mean, sd, n = *np.array(groups).T, np.array(sizes, float)
    score, between = scores - (n * scores).sum() / n.sum(), mean - (n * mean).sum() / n.sum()
    total = ((n - 1) * sd**2).sum() + (n * between**2).sum()
    return float((n * score * between).sum() / np.sqrt((n * score**2).sum() * total))
