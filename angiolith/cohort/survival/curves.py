"""Curves over time: Kaplan-Meier, cumulative incidence with competing events, numbers at risk, log-rank test."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

CURVE = ["time", "at_risk", "events", "estimate", "se", "ci_low", "ci_high"]


def kaplan_meier(time: np.ndarray, event: np.ndarray, entry: np.ndarray | None = None) -> pd.DataFrame:
    """Survival at each event time (Kaplan and Meier 1958): a table with the columns `CURVE`.

    se: Greenwood's. Interval: on the scale of log(-log), which stays within 0 and 1.

    Parameters
    ----------
    time : np.ndarray
        Time (n,).
    event : np.ndarray
        Whether the event occurred, bool (n,).
    entry : np.ndarray | None
        Time from which a row is at risk (n,), or None.

    Returns
    -------
    pd.DataFrame
        One row per event time.
    """
    times, at_risk, events = risk_counts(time, event, entry)
    survival = np.cumprod(1 - events / at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = survival * np.sqrt(np.cumsum(events / (at_risk * (at_risk - events))))
    return _curve(times, at_risk, events, survival, np.where(survival > 0, error, np.nan))


def cumulative_incidence(time: np.ndarray, state: np.ndarray, cause: int) -> pd.DataFrame:
    """Probability to have had `cause` by each event time, other causes competing (Aalen and Johansen 1978).

    se: from Aalen's variance with the correction for ties of R's cmprsk. Interval: on the scale of log(-log). Columns:
    `CURVE`.

    Parameters
    ----------
    time : np.ndarray
        Time (n,).
    state : np.ndarray
        0 where censored, else the cause (n,).
    cause : int
        The cause of interest.

    Returns
    -------
    pd.DataFrame
        One row per event time.
    """
    times, at_risk, events = risk_counts(time, state > 0)
    _, _, own = risk_counts(time, state == cause, times=times)
    others = events - own
    before = np.concatenate([[1.0], np.cumprod(1 - events / at_risk)])
    after, before = before[1:], before[:-1]
    incidence = np.cumsum(before * own / at_risk)
    turned = np.divide(1.0, after, out=np.zeros_like(after), where=after > 0)

    def variance_of(counts: np.ndarray) -> np.ndarray:
        tied = np.where(counts > 1, 1 - (counts - 1) / np.maximum(at_risk - 1, 1), 1.0)
        return before**2 * tied * counts / at_risk**2

    own_part, rest = variance_of(own), np.where(after > 0, variance_of(others), 0.0)
    at_own, at_rest = 1 + turned * incidence, turned * incidence
    first = np.cumsum(at_own**2 * own_part + at_rest**2 * rest)
    second = np.cumsum(turned * (at_own * own_part + at_rest * rest))
    third = np.cumsum(turned**2 * (own_part + rest))
    variance = first + incidence**2 * third - 2 * incidence * second
    return _curve(times, at_risk, own, incidence, np.sqrt(np.maximum(variance, 0)))


def risk_counts(
    time: np.ndarray, event: np.ndarray, entry: np.ndarray | None = None, times: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Event times, and at each the number at risk and of events; or the same at the given times.

    Parameters
    ----------
    time : np.ndarray
        Time (n,).
    event : np.ndarray
        Whether the event occurred, bool (n,).
    entry : np.ndarray | None
        Time from which a row is at risk (n,), or None.
    times : np.ndarray | None
        Times to count at, or None for the event times.

    Returns
    -------
    tuple[np.ndarray, np.ndarray, np.ndarray]
        Times, number at risk and number of events.
    """
    times = np.unique(time[event]) if times is None else times
    at_risk = len(time) - np.searchsorted(np.sort(time), times, side="left")
    if entry is not None:
        at_risk = at_risk - (len(entry) - np.searchsorted(np.sort(entry), times, side="left"))
    ends = np.sort(time[event])
    events = np.searchsorted(ends, times, side="right") - np.searchsorted(ends, times, side="left")
    return times, at_risk.astype(float), events.astype(float)


def _curve(
    times: np.ndarray, at_risk: np.ndarray, events: np.ndarray, estimate: np.ndarray, error: np.ndarray
) -> pd.DataFrame:
    with np.errstate(all="ignore"):
        reach = stats.norm.ppf(0.975) * error / (estimate * np.log(estimate))
        low, high = estimate ** np.exp(-reach), estimate ** np.exp(reach)
    return pd.DataFrame(dict(zip(CURVE, (times, at_risk, events, estimate, error, low, high), strict=True)))


def at_times(curve: pd.DataFrame, times: Sequence[float], start: float) -> pd.DataFrame:
    """The curve at given times (its value at the last event before); `start`: its value before the first event.

    Parameters
    ----------
    curve : pd.DataFrame
        A table with the columns `CURVE`.
    times : Sequence[float]
        Times to read the curve at.
    start : float
        Value before the first event.

    Returns
    -------
    pd.DataFrame
        One row per time.
    """
    place = np.searchsorted(curve["time"], np.asarray(times, float), side="right")
    before = pd.DataFrame({"estimate": [start], "se": [0.0], "ci_low": [start], "ci_high": [start]})
    values = pd.concat([before, curve[["estimate", "se", "ci_low", "ci_high"]]], ignore_index=True)
    return values.iloc[place].reset_index(drop=True).assign(time=list(times))


def numbers_at_risk(time: np.ndarray, times: Sequence[float], entry: np.ndarray | None = None) -> list[int]:
    """How many are at risk just before each of the times.

    Parameters
    ----------
    time : np.ndarray
        Time (n,).
    times : Sequence[float]
        Times to count at.
    entry : np.ndarray | None
        Time from which a row is at risk (n,), or None.

    Returns
    -------
    list[int]
        Numbers.
    """
    began = np.zeros_like(time) if entry is None else entry
    return [int(((time >= at) & ((began < at) | (began == 0))).sum()) for at in times]


def median_time(curve: pd.DataFrame) -> tuple[float, float, float]:
    """The first time at which survival is one half or less, and its interval (Brookmeyer and Crowley 1982).

    Parameters
    ----------
    curve : pd.DataFrame
        A table with the columns `CURVE`.

    Returns
    -------
    tuple[float, float, float]
        Median time and the ends of its interval; NaN where not reached.
    """
    return tuple(  # type: ignore[return-value]
        float(below.iloc[0]) if len(below := curve.loc[curve[name] <= 0.5, "time"]) else np.nan
        for name in ("estimate", "ci_low", "ci_high")
    )


def log_rank(time: np.ndarray, event: np.ndarray, group: np.ndarray) -> tuple[float, float]:
    """Chi-square and p of the log-rank test of two or more groups (Mantel 1966).

    Parameters
    ----------
    time : np.ndarray
        Time (n,).
    event : np.ndarray
        Whether the event occurred, bool (n,).
    group : np.ndarray
        Labels (n,).

    Returns
    -------
    tuple[float, float]
        Chi-square and p.
    """
    labels = np.unique(group)
    times, at_risk, events = risk_counts(time, event)
    inside = [group == one for one in labels]
    fractions = np.stack([risk_counts(time[own], event[own], times=times)[1] for own in inside]) / at_risk
    observed = np.array([(event & own).sum() for own in inside], float)
    score = observed - fractions @ events
    spread = events * (at_risk - events) / np.maximum(at_risk - 1, 1)
    information = np.diag(fractions @ spread) - (fractions * spread) @ fractions.T
    if len(labels) < 2 or np.linalg.matrix_rank(information[1:, 1:]) < len(labels) - 1:
        return np.nan, np.nan
    statistic = float(score[1:] @ np.linalg.solve(information[1:, 1:], score[1:]))
    return statistic, float(stats.chi2.sf(statistic, len(labels) - 1))
