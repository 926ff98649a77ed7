"""Bias and limits of agreement of two raters, also with several rows of a subject, and whether they near each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from angiolith.cohort.correlations import correlate
from angiolith.cohort.enough import CLUSTERS_NEEDED, PAIRS_MIN

# [number] Fewer pairs give no agreement. Source: definition.
N_MIN = 3
# [number] Parts of the reads, in their order, that the errors are given of. Source: layout.
BLOCKS = 5
# [number] Reads of a part, at least. Source: definition.
BLOCK_MIN = 5
# [1] Quantiles of chi-square that give the lower and the upper end of a 95 % interval. Source: definition.
ENDS = (0.975, 0.025)
REPEATED = "several rows of a subject"


def bland_altman(first: pd.Series, second: pd.Series) -> list[dict[str, object]]:
    """Bias (second - first), limits of agreement, standard error of measurement, smallest detectable change; as rows.

    With d the differences and s their SD: bias = mean(d) with t interval; limits = bias -+ 1.96 s, each +- t s
    sqrt(1 / n + 1.96^2 / (2 (n - 1))) (Bland and Altman 1999); SEM = s / sqrt(2); SDC = 1.96 sqrt(2) SEM.

    Parameters
    ----------
    first, second : Series
        The raters' numbers by the same index; missing ones are left out.

    Returns
    -------
    list of dict
        Rows of `agreement`: n, method, estimate, ci_low, ci_high, and p or note where there is one.
    """
    difference = (second - first).dropna().to_numpy(float)
    n = len(difference)
    names = ("Bland-Altman bias", "Bland-Altman lower limit", "Bland-Altman upper limit")
    if n < N_MIN:
        return [{"n": n, "method": names[0], "note": f"{n} things rated by both are too few"}]
    bias, spread = difference.mean(), difference.std(ddof=1)
    t, z = stats.t.ppf(0.975, n - 1), stats.norm.ppf(0.975)
    error = spread / np.sqrt(n)
    limit_error = spread * np.sqrt(1 / n + z**2 / (2 * (n - 1)))
    p = float(2 * stats.t.sf(abs(bias) / error, n - 1)) if error > 0 else np.nan
    rows = [
        {"method": names[0], "estimate": bias, "ci_low": bias - t * error, "ci_high": bias + t * error, "p": p},
    ]
    for name, limit in zip(names[1:], (bias - z * spread, bias + z * spread), strict=True):
        rows.append(
            {"method": name, "estimate": limit, "ci_low": limit - t * limit_error, "ci_high": limit + t * limit_error}
        )
    sem = spread / np.sqrt(2)
    rows.append({"method": "standard error of measurement", "estimate": sem})
    rows.append({"method": "smallest detectable change", "estimate": z * np.sqrt(2) * sem})
    return [{"n": n, **row} for row in rows]


def bland_altman_repeated(first: pd.Series, second: pd.Series, subjects: pd.Series) -> list[dict[str, object]]:
    """Limits of agreement where subjects have several rows, whose true value may vary; no row where none has.

    subjects: of each row. The variance of a difference is that between subjects and that within them (Bland and Altman,
    J Biopharm Stat 2007;17:571); estimates and intervals (MOVER): Zou, Stat Methods Med Res 2013;22:630. bias: mean of
    the subjects' mean differences.

    Parameters
    ----------
    first, second : Series
        The raters' numbers by the same index; missing ones are left out.
    subjects : Series
        Subject of each row.

    Returns
    -------
    list of dict
        Rows of `agreement`: n, method, estimate, ci_low, ci_high, and p or note where there is one.
    """
    difference = (second - first).dropna()
    groups = difference.groupby(subjects[difference.index].to_numpy())
    sizes = groups.size().to_numpy(float)
    k, n = len(sizes), len(difference)
    if k == n or not n:
        return []
    names = [f"Bland-Altman {what}, {REPEATED}" for what in ("bias", "lower limit", "upper limit")]
    if k < CLUSTERS_NEEDED:
        note = f"{k} subjects are too few (at least {CLUSTERS_NEEDED})"
        return [{"n": n, "method": names[0], "note": note}]
    means = groups.mean().to_numpy(float)
    within = float(((difference - groups.transform("mean")) ** 2).sum() / (n - k))
    between = float(means.var(ddof=1))
    kept = 1 - float((1 / sizes).mean())  # 1 less one over the harmonic mean of the sizes
    total = between + kept * within
    bias, error = float(means.mean()), float(np.sqrt(between / k))
    t, z = stats.t.ppf(0.975, k - 1), stats.norm.ppf(0.975)

    def bound(place: float) -> float:
        """The end of the total variance's interval: place 0.975 the lower one, 0.025 the upper one."""
        parts = (
            between * (1 - (k - 1) / stats.chi2.ppf(place, k - 1)),
            kept * within * (1 - (n - k) / stats.chi2.ppf(place, n - k)),
        )
        return float(total - np.sign(place - 0.5) * np.hypot(*parts))

    inner, outer = (np.hypot(z * error, z * (np.sqrt(total) - np.sqrt(bound(place)))) for place in ENDS)
    reach = float(z * np.sqrt(total))
    ends = {
        "ci_low": bias - t * error,
        "ci_high": bias + t * error,
        "p": float(2 * stats.t.sf(abs(bias) / error, k - 1)),
    }
    rows: list[dict[str, object]] = [{"method": names[0], "estimate": bias} | ends]
    low, high = bias - reach, bias + reach
    rows.append({"method": names[1], "estimate": low, "ci_low": low - outer, "ci_high": low + inner})
    rows.append({"method": names[2], "estimate": high, "ci_low": high - inner, "ci_high": high + outer})
    return [{"n": n, "note": f"{k} subjects"} | row for row in rows]


def learning(first: pd.Series, second: pd.Series, order: pd.Series) -> list[dict[str, object]]:
    """Whether two raters come nearer to each other with practice. order: number of each row's reading.

    Spearman's correlation of the absolute difference with the order (below zero: they do), and the standard error of
    measurement in `BLOCKS` equal parts of the reads, with its chi-square interval: the learning curve.

    Parameters
    ----------
    first, second : Series
        The raters' numbers by the same index; missing ones are left out.
    order : Series
        Number of each row's reading.

    Returns
    -------
    list of dict
        Rows of `agreement`: n, method, estimate, ci_low, ci_high, and p or note where there is one.
    """
    difference = (second - first)[order.notna()].dropna()
    when = order[difference.index].astype(float)
    found = correlate(when, difference.abs(), "spearman")
    row = {"n": len(difference), "method": "learning: Spearman of |difference| with the order of reading"}
    rows: list[dict[str, object]] = [
        row | {"estimate": found.get("r"), **{name: found.get(name) for name in ("ci_low", "ci_high", "p", "note")}}
    ]
    if len(difference) < max(PAIRS_MIN, BLOCKS * BLOCK_MIN):
        return rows
    sorted_ones = difference[when.sort_values(kind="stable").index].to_numpy(float)
    for part, block in enumerate(np.array_split(sorted_ones, BLOCKS), start=1):
        freedom = len(block) - 1
        sem = float(block.std(ddof=1) / np.sqrt(2))
        ends = [sem * np.sqrt(freedom / stats.chi2.ppf(place, freedom)) for place in ENDS]
        method = f"learning: standard error of measurement, part {part} of {BLOCKS} of the reads"
        rows.append({"n": len(block), "method": method, "estimate": sem, "ci_low": ends[0], "ci_high": ends[1]})
    return rows
