"""Krippendorff's alpha: agreement of any number of raters, each of whom may have left things out."""

from __future__ import annotations

from typing import Literal

import numpy as np

Level = Literal["nominal", "ordinal", "interval"]
# [number] Resamples of the bootstrap. Source: numerics.
RESAMPLES = 999
# [%] Ends of the interval. Source: definition.
ENDS_PERCENT = (2.5, 97.5)
# [seed] Seed of the bootstrap. Source: definition.
SEED = 1970


def alpha(codes: np.ndarray, values: np.ndarray, level: Level) -> float:
    """Krippendorff's alpha (Content Analysis, 2004, chapter 11): 1 less observed over expected disagreement.

    NaN where no thing has two ratings, or all ratings are the same.

    Parameters
    ----------
    codes : np.ndarray
        Code of each rating (things, raters), -1 where there is none.
    values : np.ndarray
        What the codes stand for (levels,), in order.
    level : Level
        Nominal, ordinal, or interval (squared distance of the values).

    Returns
    -------
    float
        Alpha, or NaN.
    """
    return _alpha(_coincidences(codes, len(values)), values, level)


def alpha_interval(codes: np.ndarray, values: np.ndarray, level: Level) -> tuple[float, float]:
    """95 % interval of `alpha`: percentiles of the bootstrap of the things.

    Parameters
    ----------
    codes : np.ndarray
        Code of each rating (things, raters), -1 where there is none.
    values : np.ndarray
        What the codes stand for (levels,), in order.
    level : Level
        nominal, ordinal or interval.

    Returns
    -------
    tuple[float, float]
        Ends of the interval.
    """
    per_thing = np.stack([_coincidences(codes[at : at + 1], len(values)) for at in range(len(codes))])
    rng = np.random.default_rng(SEED)
    n = len(codes)
    drawn = [_alpha(per_thing[rng.integers(0, n, n)].sum(axis=0), values, level) for _ in range(RESAMPLES)]
    low, high = np.nanpercentile(drawn, ENDS_PERCENT) if np.isfinite(drawn).any() else (np.nan, np.nan)
    return float(low), float(high)


def _coincidences(codes: np.ndarray, n_levels: int) -> np.ndarray:
    """(levels, levels) pairs of ratings of one thing, each thing's weighted by one over its ratings less one."""
    counts = np.stack([(codes == level).sum(axis=1) for level in range(n_levels)], axis=1).astype(float)
    m = counts.sum(axis=1)
    counts = counts[m > 1]
    weight = 1 / (m[m > 1] - 1)
    return (counts * weight[:, None]).T @ counts - np.diag(weight @ counts)


def _alpha(pairs: np.ndarray, values: np.ndarray, level: Level) -> float:
    totals = pairs.sum(axis=0)
    n = totals.sum()
    distance = _distance(totals, values, level)
    expected = totals @ distance @ totals
    return float(1 - (n - 1) * (pairs * distance).sum() / expected) if expected > 0 else np.nan


def _distance(totals: np.ndarray, values: np.ndarray, level: Level) -> np.ndarray:
    """(levels, levels) squared distance of the values."""
    if level == "nominal":
        return 1.0 - np.eye(len(values))
    if level == "interval":
        return np.subtract.outer(values, values).astype(float) ** 2
    middle = np.cumsum(totals) - totals / 2  # the ratings between two levels, each end by half
    return np.subtract.outer(middle, middle) ** 2
