"""Fine and Gray's model of a cumulative incidence, as a weighted Cox model."""

from __future__ import annotations

import numpy as np

from angiolith.cohort.survival.cox import Episodes
from angiolith.cohort.survival.curves import risk_counts


def subdistribution_rows(
    time: np.ndarray, state: np.ndarray, x: np.ndarray, stratum: np.ndarray, cause: int
) -> tuple[Episodes, np.ndarray]:
    """Rows whose weighted Cox model is Fine and Gray's (JASA 1999;94:496), and the number of each row's subject.

    Who had another cause stays at risk with the weight G(t-) / G(T-), where G is the Kaplan-Meier curve of censoring
    (Geskus, Biometrics 2011;67:39). A row is split only where the weight changes between events, as R's
    survival::finegray does it.

    Parameters
    ----------
    time : np.ndarray
        Time (n,).
    state : np.ndarray
        0 where censored, else the cause (n,).
    x : np.ndarray
        Columns of the model (n, k).
    stratum : np.ndarray
        Stratum (n,).
    cause : int
        The cause of interest.

    Returns
    -------
    tuple[Episodes, np.ndarray]
        Rows of the weighted model, and the number of each row's subject.
    """
    events = np.unique(time[state == cause])
    censored, at_risk, drops = risk_counts(time, state == 0)
    ended = risk_counts(time, state > 0, times=censored)[2]  # who has an event at a time is not at risk of censoring
    curve = np.concatenate([[1.0], np.cumprod(1 - drops / (at_risk - ended))])

    def free_of_censoring(when: np.ndarray) -> np.ndarray:
        return curve[np.searchsorted(censored, when, side="left")]

    # event times between which the curve of censoring is the same: one interval that ends at the last of them
    values = free_of_censoring(events)
    last = np.r_[values[1:] != values[:-1], True] if len(values) else np.empty(0, bool)
    ends_of, value_of = events[last], values[last]
    other = np.flatnonzero((state > 0) & (state != cause))
    begin = np.searchsorted(ends_of, time[other], side="right")
    counts = len(ends_of) - begin
    subject = np.repeat(other, counts)
    interval = np.arange(len(subject)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(begin, counts)
    first = interval == np.repeat(begin, counts)
    start = np.where(first, time[subject], ends_of[np.maximum(interval - 1, 0)])
    weight = value_of[interval] / free_of_censoring(time)[subject]
    kept = np.arange(len(time))
    who = np.r_[kept, subject]
    rows = Episodes(
        start=np.r_[np.zeros(len(time)) - 1, start],
        stop=np.r_[time, ends_of[interval]],
        event=np.r_[state == cause, np.zeros(len(subject), bool)],
        x=x[who],
        weight=np.r_[np.ones(len(time)), weight],
        stratum=stratum[who],
    )
    return rows, who
