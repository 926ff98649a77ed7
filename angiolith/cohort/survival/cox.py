"""Cox's proportional hazards model: Efron's ties, strata, late entry, weights, robust errors, Firth's penalty.

Own code, since statsmodels' PHReg takes no weights (which Fine and Gray's model needs), has no penalty and no test of
proportional hazards. One engine for all of them, checked against R's survival to 1e-6. Sums over the rows at risk are
running sums over sorted times: a fit costs rows times terms squared.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import stats
from scipy.optimize import brentq

# [1] Level of the profile interval. Source: definition.
LEVEL = 0.95
# [1] Newton's relative change of the log likelihood. Source: numerics.
TOLERANCE = 1e-12
# [number] Most Newton steps. Source: numerics.
STEPS_MAX = 60
# [number] Most halvings of a step. Source: numerics.
HALVINGS_MAX = 20
# [number] Standard errors to each side that a profile interval's end is looked for in. Source: numerics.
REACH_SES = 40.0
# [1] A larger standard error of a standardised coefficient says that it has none. Source: numerics.
ERROR_MAX = 30.0
# [SD] A standardised coefficient beyond this has no finite maximum. Source: numerics.
COEFFICIENT_MAX = 20.0


class NoFitError(ValueError):
    """The model has no finite estimates; the message says why."""


@dataclass(frozen=True)
class Episodes:
    """Rows at risk from `start` (excluded) to `stop`, with `event` at `stop` or not.

    start, stop: (n,); event: (n,) bool; x: (n, k) columns; weight: (n,); stratum: (n,) whole numbers.
    """

    start: np.ndarray
    stop: np.ndarray
    event: np.ndarray
    x: np.ndarray
    weight: np.ndarray
    stratum: np.ndarray


@dataclass(frozen=True)
class CoxFit:
    """Coefficients with their covariance (of the information, and robust where asked for), and log likelihoods."""

    beta: np.ndarray
    covariance: np.ndarray
    robust: np.ndarray | None
    log_likelihood: float
    log_likelihood_null: float


class _Risk:
    """The sums over the rows at risk at each event time of each stratum; one entry per event (Efron: per tied place).

    Entry m of an event time with d events is its place l = 0..d-1 with the fraction l / d of the tied events' sum taken
    off (Efron, JASA 1977;72:557); Breslow's ties take off nothing.
    """

    def __init__(self, rows: Episodes, ties: str) -> None:
        self.rows = rows
        scale = np.unique(np.concatenate([rows.start, rows.stop]))
        offset = rows.stratum.astype(np.int64) * (len(scale) + 1)
        stops = offset + np.searchsorted(scale, rows.stop)
        code, of_event = np.unique(stops[rows.event], return_inverse=True)
        self.n_times = len(code)
        counts = np.bincount(of_event, minlength=self.n_times)
        self.at = np.repeat(np.arange(self.n_times), counts)  # event time of each entry
        place = np.arange(len(self.at)) - np.repeat(np.cumsum(counts) - counts, counts)
        self.fraction = place / counts[self.at] if ties == "efron" else np.zeros(len(self.at))
        self.event_rows = np.flatnonzero(rows.event)
        self.event_time = of_event  # event time of each event row
        self.counts = counts
        self.mean_weight = np.bincount(of_event, rows.weight[rows.event], self.n_times) / np.maximum(counts, 1)
        # event times within a row's (start, stop] are those numbered first..last-1
        self.first = np.searchsorted(code, offset + np.searchsorted(scale, rows.start), side="right")
        self.last = np.searchsorted(code, stops, side="right")

    def over_times(self, values: np.ndarray) -> np.ndarray:
        """Sum of each row's value over the rows at risk, by event time. values: (n,) or (n, k)."""
        shape = (self.n_times + 1, *values.shape[1:])
        change = np.zeros(shape)
        np.add.at(change, self.first, values)
        np.subtract.at(change, self.last, values)
        return np.cumsum(change, axis=0)[:-1]

    def over_events(self, values: np.ndarray) -> np.ndarray:
        """The same over the rows whose event it is."""
        total = np.zeros((self.n_times, *values.shape[1:]))
        np.add.at(total, self.event_time, values[self.event_rows])
        return total

    def within_rows(self, values: np.ndarray) -> np.ndarray:
        """For each row the sum of an event time's value over the times that it is at risk. values: (times, ...)."""
        running = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
        return running[self.last] - running[self.first]

    def by_time(self, entries: np.ndarray) -> np.ndarray:
        """Sum of the entries of each event time. entries: (m,) or (m, k)."""
        total = np.zeros((self.n_times, *entries.shape[1:]))
        np.add.at(total, self.at, entries)
        return total


@dataclass(frozen=True)
class _State:
    """Log likelihood, score, information and what they are made of, at one beta."""

    log_likelihood: float
    score: np.ndarray
    information: np.ndarray
    risk: np.ndarray  # (n,) weight times exp(x beta)
    sums: np.ndarray  # (m,) of risk at each entry
    mean: np.ndarray  # (m, k) of x over the rows at risk


def _state(risk: _Risk, beta: np.ndarray) -> _State:
    rows = risk.rows
    linear = rows.x @ beta
    shift = linear.max(initial=0.0)
    r = rows.weight * np.exp(linear - shift)
    off = risk.fraction
    sums = risk.over_times(r)[risk.at] - off * risk.over_events(r)[risk.at]
    weighted = r[:, None] * rows.x
    mean = (risk.over_times(weighted)[risk.at] - off[:, None] * risk.over_events(weighted)[risk.at]) / sums[:, None]
    each = risk.mean_weight[risk.at]
    seen = rows.weight * rows.event
    log_likelihood = float(seen @ (linear - shift) - each @ np.log(sums))
    score = seen @ rows.x - each @ mean
    information = _variance(risk, r, sums, mean, each)
    return _State(log_likelihood, score, information, r, sums, mean)


def _variance(risk: _Risk, r: np.ndarray, sums: np.ndarray, mean: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Sum over the entries of `factor` times the covariance of x over the rows at risk."""
    mass = _mass(risk, r, factor / sums)
    return (risk.rows.x * mass[:, None]).T @ risk.rows.x - (mean * factor[:, None]).T @ mean


def _mass(risk: _Risk, r: np.ndarray, per_entry: np.ndarray) -> np.ndarray:
    """(n,) each row's share: its risk times the sum of `per_entry` over the entries that it is at risk at."""
    total = risk.within_rows(risk.by_time(per_entry))
    ties = risk.by_time(per_entry * risk.fraction)
    total[risk.event_rows] -= ties[risk.event_time]
    return r * total


def fit_cox(
    rows: Episodes,
    ties: Literal["efron", "breslow"] = "efron",
    clusters: np.ndarray | None = None,
    firth: bool = False,
) -> CoxFit:
    """Maximise the partial likelihood (Cox 1972), or with `firth` the penalised one (Heinze and Schemper 2001).

    Parameters
    ----------
    rows : Episodes
        Episodes at risk.
    ties : Literal["efron", "breslow"]
        Method for tied events.
    clusters : np.ndarray | None
        (n,) labels of rows that belong together; the robust covariance (Lin and Wei, JASA 1989;84:1074)
        sums the score residuals over them.
    firth : bool
        Whether the likelihood is penalised.

    Returns
    -------
    CoxFit
        Coefficients, covariance and likelihood.

    Raises
    ------
    NoFitError
        Where there is no finite maximum.
    """
    if not rows.event.any():
        raise NoFitError("no event")
    centre, spread = rows.x.mean(axis=0), rows.x.std(axis=0)
    if (spread == 0).any():
        raise NoFitError("a term does not vary")
    risk = _Risk(replace(rows, x=(rows.x - centre) / spread), ties)
    null = _state(risk, np.zeros(rows.x.shape[1]))
    beta, state = _maximum(risk, np.zeros(rows.x.shape[1]), firth)
    covariance = np.linalg.inv(state.information)
    if not (np.isfinite(covariance).all() and (np.diag(covariance) < ERROR_MAX**2).all()):
        raise NoFitError("no finite estimate: a term separates those with the event")
    robust = None
    if clusters is not None:
        influence = score_residuals(risk, state) @ covariance
        sums = np.zeros((int(clusters.max()) + 1, rows.x.shape[1]))
        np.add.at(sums, clusters, influence)
        robust = sums.T @ sums / np.outer(spread, spread)
    log_likelihood = state.log_likelihood + (_penalty(state) if firth else 0.0)
    log_null = null.log_likelihood + (_penalty(null) if firth else 0.0)
    return CoxFit(beta / spread, covariance / np.outer(spread, spread), robust, log_likelihood, log_null)


def _penalty(state: _State) -> float:
    return 0.5 * float(np.linalg.slogdet(state.information)[1])


def _maximum(risk: _Risk, start: np.ndarray, firth: bool, fixed: int | None = None) -> tuple[np.ndarray, _State]:
    """Newton's method from `start`; `fixed`: a coefficient that stays as it is."""
    free = np.array([at for at in range(len(start)) if at != fixed], int)
    beta = start.astype(float).copy()
    state = _state(risk, beta)
    value = state.log_likelihood + (_penalty(state) if firth else 0.0)
    for _ in range(STEPS_MAX):
        score = state.score + (_firth_score(risk, state) if firth else 0.0)
        step = np.zeros_like(beta)
        try:
            step[free] = np.linalg.solve(state.information[np.ix_(free, free)], score[free])
        except np.linalg.LinAlgError:
            raise NoFitError("terms are collinear among the rows at risk") from None
        for _ in range(HALVINGS_MAX):
            tried = _state(risk, beta + step)
            gained = tried.log_likelihood + (_penalty(tried) if firth else 0.0)
            if np.isfinite(gained) and gained >= value - abs(value) * TOLERANCE:
                break
            step = step / 2
        else:
            return beta, state
        beta, state, before, value = beta + step, tried, value, gained
        if np.abs(beta[free]).max(initial=0.0) > COEFFICIENT_MAX:
            raise NoFitError("no finite estimate: a term separates those with the event")
        if abs(value - before) <= TOLERANCE * (abs(value) + 1) and np.abs(step).max() < np.sqrt(TOLERANCE):
            return beta, state
    raise NoFitError("the fit did not converge")


def _firth_score(risk: _Risk, state: _State) -> np.ndarray:
    """Half the gradient of log |information|: (k,), from the third moments of x over the rows at risk."""
    inverse = np.linalg.inv(state.information)
    x, gradient = risk.rows.x, np.zeros(risk.rows.x.shape[1])
    is_event = np.full(len(x), -1)
    is_event[risk.event_rows] = risk.event_time
    for entry, time in enumerate(risk.at):
        inside = (risk.first <= time) & (time < risk.last)
        part = x[inside] - state.mean[entry]
        taken_off = np.where(is_event[inside] == time, risk.fraction[entry], 0.0)
        fraction = state.risk[inside] * (1 - taken_off) / state.sums[entry]
        distance = ((part @ inverse) * part).sum(axis=1)
        gradient += risk.mean_weight[time] * ((fraction * distance) @ part)
    return gradient / 2


def score_residuals(risk: _Risk, state: _State) -> np.ndarray:
    """(n, k) score residuals, weights included: they sum to the score (Therneau and Grambsch 2000, section 4.6).

    Parameters
    ----------
    risk : _Risk
        The risk sets.
    state : _State
        The state at the coefficients.

    Returns
    -------
    np.ndarray
        Residuals (n, k).
    """
    rows = risk.rows
    each = risk.mean_weight[risk.at]
    per_entry = each / state.sums
    residual = -_mass(risk, state.risk, per_entry)[:, None] * rows.x
    means = per_entry[:, None] * state.mean
    expected = risk.within_rows(risk.by_time(means))
    expected[risk.event_rows] -= risk.by_time(means * risk.fraction[:, None])[risk.event_time]
    residual += state.risk[:, None] * expected
    mean_of_time = risk.by_time(state.mean) / np.maximum(risk.counts, 1)[:, None]
    seen = rows.weight[risk.event_rows][:, None]
    residual[risk.event_rows] += seen * (rows.x[risk.event_rows] - mean_of_time[risk.event_time])
    return residual


def proportional_hazards(rows: Episodes, beta: np.ndarray, groups: list[list[int]]) -> list[tuple[float, float]]:
    """Chi-square and p of the test that hazards are proportional, for each group of columns (a term) and for all.

    Score test of a coefficient that changes with 1 - Kaplan-Meier just before the time (Grambsch and Therneau,
    Biometrika 1994;81:515, in the exact form of R's survival since 3.0).

    Parameters
    ----------
    rows : Episodes
        Episodes at risk.
    beta : np.ndarray
        Coefficients (k,).
    groups : list[list[int]]
        Column numbers of each term.

    Returns
    -------
    list[tuple[float, float]]
        Chi-square and p of each term, then of all.
    """
    centred = replace(rows, x=rows.x - rows.x.mean(axis=0))
    risk = _Risk(centred, "efron")
    state = _state(risk, beta)
    entry_time = _times_of(risk)
    g = 1 - _survival_before(rows, entry_time)
    g = g - g.mean()
    each = risk.mean_weight[risk.at]
    seen = rows.weight[:, None] * centred.x
    by_time = risk.over_events(seen) - risk.by_time(each[:, None] * state.mean)
    of_time = np.zeros(risk.n_times)
    of_time[risk.at] = g
    score = of_time @ by_time
    plain = state.information
    once = _variance(risk, state.risk, state.sums, state.mean, each * g)
    twice = _variance(risk, state.risk, state.sums, state.mean, each * g**2)
    middle = np.linalg.inv(plain)
    found = []
    for columns in [*groups, list(range(len(beta)))]:
        part = score[columns]
        spread = twice[np.ix_(columns, columns)] - once[columns] @ middle @ once[:, columns]
        statistic = float(part @ np.linalg.solve(spread, part))
        found.append((statistic, float(stats.chi2.sf(statistic, len(columns)))))
    return found


def _times_of(risk: _Risk) -> np.ndarray:
    """The time of each entry."""
    time = np.zeros(risk.n_times)
    time[risk.event_time] = risk.rows.stop[risk.event_rows]
    return time[risk.at]


def _survival_before(rows: Episodes, times: np.ndarray) -> np.ndarray:
    """Kaplan-Meier of all rows together just before each time."""
    risk = _Risk(replace(rows, stratum=np.zeros(len(rows.stop), int)), "breslow")
    at_risk, events = risk.over_times(rows.weight), risk.over_events(rows.weight)
    survival = np.cumprod(1 - events / at_risk)
    event_times = np.unique(rows.stop[rows.event])
    place = np.searchsorted(event_times, times, side="left")
    return np.concatenate([[1.0], survival])[place]


def firth_profile(rows: Episodes, fit: CoxFit, column: int) -> tuple[float, float, float]:
    """Ends of the 95 % interval of one coefficient by the profile penalised likelihood, and its likelihood-ratio p.

    An end is NaN where it is not found within `REACH_SES` standard errors.

    Parameters
    ----------
    rows : Episodes
        Episodes at risk.
    fit : CoxFit
        The penalised fit.
    column : int
        Number of the coefficient.

    Returns
    -------
    tuple[float, float, float]
        Lower end, upper end and p.
    """
    spread = rows.x.std(axis=0)
    risk = _Risk(replace(rows, x=(rows.x - rows.x.mean(axis=0)) / spread), "efron")
    best, unit = fit.beta * spread, float(np.sqrt(fit.covariance[column, column])) * spread[column]
    limit = stats.chi2.ppf(LEVEL, 1)

    def lost(value: float) -> float:
        start = best.copy()
        start[column] = value
        _, state = _maximum(risk, start, True, fixed=column)
        return 2 * (fit.log_likelihood - state.log_likelihood - _penalty(state))

    ends = []
    for sign in (-1, 1):
        reach = 1.0
        try:
            while lost(best[column] + sign * reach * unit) < limit and reach < REACH_SES:
                reach *= 2
            far, near = best[column] + sign * reach * unit, best[column]
            ends.append(brentq(lambda value: lost(value) - limit, *sorted((near, far)), xtol=1e-9) / spread[column])
        except (ValueError, NoFitError):
            ends.append(np.nan)
    return ends[0], ends[1], float(stats.chi2.sf(max(lost(0.0), 0.0), 1))
