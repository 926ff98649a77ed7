"""Linear mixed models with a random intercept, and with a random slope, by restricted maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize, minimize_scalar

from angiolith.cohort.enough import CLUSTERS_NEEDED
from angiolith.cohort.regression import design_problem, standardised, wald

# [log] Logarithm of the variance between to that within subjects that is searched; below it there is none. Source:
# numerics.
RATIO_LOG_RANGE = (-18.0, 18.0)
# [number] Visits that tell a slope from noise: two points lie on a line whatever the noise. Source: definition.
SLOPE_VISITS = 3
# [1] Starts of the search: SD of the intercepts and of the slopes over that of the noise. Source: numerics.
STARTS = ((1.0, 1.0), (1.0, 0.1), (0.1, 0.1))
# [1] Where the search for the variances of the slopes ends. Source: numerics.
SEARCH = {"xatol": 1e-10, "fatol": 1e-13, "maxiter": 4000, "maxfev": 8000}
# [1] An SD below this part of the noise's, or a correlation this near to 1, is at its limit. Source: numerics.
LIMIT = 1e-4


def fit_random_intercept(values: np.ndarray, design: pd.DataFrame, subjects: np.ndarray) -> dict[str, object]:
    """values ~ design + (1 | subject) by REML; a row for the first term: estimate, se, interval, p, method, note.

    The likelihood has one free parameter, the ratio of the variances, once the fixed effects and the residual variance
    are profiled out (Bates et al., J Stat Softw 2015;67(1), section 3): it is searched in one dimension, which ends at
    the maximum where statsmodels' general optimiser stops early. Wald interval and p from the normal distribution; with
    few subjects they are too bold.

    Parameters
    ----------
    values : np.ndarray
        Values (n,).
    design : pd.DataFrame
        Columns of the model (n, k), without the intercept.
    subjects : np.ndarray
        Labels (n,).

    Returns
    -------
    dict[str, object]
        Column -> value.
    """
    method = "linear mixed model, random intercept, REML, Wald interval"
    empty: dict[str, object] = {"method": method, "estimate": np.nan, "se": np.nan, "p": np.nan}
    n, k = len(values), design.shape[1] + 1
    codes, labels = pd.factorize(subjects)
    if n < k + 3 or len(labels) == n:
        return empty | {"note": "too few rows, or no subject with two visits"}
    problem = design_problem(design) or ("the marker does not vary" if np.ptp(values) == 0 else "")
    if problem:
        return empty | {"note": problem}
    scaled, spread = standardised(design)
    x = np.column_stack([np.ones(n), scaled])
    found = random_intercept(values - values.mean(), x, codes)
    beta, ratio = found.beta, found.ratio
    estimate = float(beta[1] / spread.iloc[0])
    error = float(np.sqrt(found.variance * np.linalg.inv(found.information)[1, 1]) / spread.iloc[0])
    low, high, p = wald(estimate, error)
    return {
        "method": method,
        "estimate": estimate,
        "se": error,
        "ci_low": low,
        "ci_high": high,
        "p": float(p),
        "note": "" if ratio else "no variance between subjects: an ordinary regression",
    }


@dataclass(frozen=True)
class RandomIntercept:
    """A fit. beta: (k,) fixed effects; information: (k, k) X'V^-1X in units of the noise's variance; variance: of the
    noise; ratio: of the variance between subjects to it; intercepts: (subjects,) their best predictions."""

    beta: np.ndarray
    information: np.ndarray
    variance: float
    ratio: float
    intercepts: np.ndarray


def random_intercept(y: np.ndarray, x: np.ndarray, codes: np.ndarray) -> RandomIntercept:
    """y ~ x + (1 | subject) by REML, as `fit_random_intercept` says.

    Parameters
    ----------
    y : ndarray, shape (n,)
        The outcome.
    x : ndarray, shape (n, k)
        Columns of the fixed effects, with the intercept; of full rank.
    codes : ndarray of int, shape (n,)
        Subject of each row, from 0.

    Returns
    -------
    RandomIntercept
        The fit.
    """
    n, k = x.shape
    sizes = np.bincount(codes).astype(float)
    x_sums = np.stack([np.bincount(codes, column) for column in x.T], axis=1)
    y_sums = np.bincount(codes, y)

    def solved(ratio: float) -> tuple[np.ndarray, np.ndarray, float, float]:
        """Fixed effects, X'V^-1X, residual variance and -2 log REML (without its constant) at a ratio of variances."""
        shrink = ratio / (1 + ratio * sizes)  # V^-1 = I - shrink 1 1' within a subject
        information = x.T @ x - (x_sums * shrink[:, None]).T @ x_sums
        beta = np.linalg.solve(information, x.T @ y - x_sums.T @ (shrink * y_sums))
        residual = y - x @ beta
        sums = np.bincount(codes, residual)
        variance = (residual @ residual - shrink @ sums**2) / (n - k)
        deviance = np.log1p(ratio * sizes).sum() + np.linalg.slogdet(information)[1] + (n - k) * np.log(variance)
        return beta, information, float(variance), float(deviance)

    best = minimize_scalar(
        lambda log_ratio: solved(np.exp(log_ratio))[3],
        bounds=RATIO_LOG_RANGE,
        method="bounded",
        options={"xatol": 1e-9},
    )
    ratio = float(np.exp(best.x)) if best.fun < solved(0.0)[3] else 0.0
    beta, information, variance, _ = solved(ratio)
    intercepts = ratio / (1 + ratio * sizes) * np.bincount(codes, y - x @ beta)
    return RandomIntercept(beta, information, variance, ratio, intercepts)


def fit_random_slope(
    values: np.ndarray, design: pd.DataFrame, subjects: np.ndarray, time: np.ndarray
) -> dict[str, object]:
    """values ~ design + (1 + time | subject) by REML; a row for the first term, as of `fit_random_intercept`.

    time: (n,). Intercepts and slopes are correlated; their covariance in units of the noise is L L', and the three
    numbers of L are searched with fixed effects and noise profiled out (Bates et al. 2015, section 3). sd_intercept,
    sd_slope, correlation, sd_noise: of the random effects. Refused where fewer than `CLUSTERS_NEEDED` subjects have
    `SLOPE_VISITS` visits, or all visits are at one time.

    Parameters
    ----------
    values : ndarray, shape (n,)
        The outcome.
    design : DataFrame, shape (n, k)
        Fixed effects without the intercept; the first is asked about.
    subjects : ndarray, shape (n,)
        Labels.
    time : ndarray, shape (n,)
        Time of each row.

    Returns
    -------
    dict
        The row; of a refusal its note alone.
    """
    method = "linear mixed model, random intercept and slope, REML, Wald interval"
    empty: dict[str, object] = {"method": method, "estimate": np.nan, "se": np.nan, "p": np.nan}
    n, k = len(values), design.shape[1] + 1
    codes = pd.factorize(subjects)[0]
    times = pd.Series(time).groupby(codes).nunique()
    enough = int((times >= SLOPE_VISITS).sum())
    if enough < CLUSTERS_NEEDED:
        return empty | {"note": f"no random slope: {enough} subject(s) with {SLOPE_VISITS} visits or more are too few"}
    problem = design_problem(design) or ("the marker does not vary" if np.ptp(values) == 0 else "")
    if problem:
        return empty | {"note": problem}
    scaled, spread = standardised(design)
    unit = float(np.std(time))
    x = np.column_stack([np.ones(n), scaled])
    z = np.column_stack([np.ones(n), time / unit])
    y = values - values.mean()

    def within(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """(subjects, p, q) sums of left' right over the rows of each subject."""
        sums = np.zeros((len(times), left.shape[1], right.shape[1]))
        np.add.at(sums, codes, left[:, :, None] * right[:, None, :])
        return sums

    zz, zx, zy = within(z, z), within(z, x), within(z, y[:, None])
    xx, xy, yy = x.T @ x, x.T @ y, float(y @ y)

    def solved(given: np.ndarray) -> tuple[np.ndarray, np.ndarray, float, float]:
        """Fixed effects, X'V^-1X, residual variance and -2 log REML (without its constant) at a factor L."""
        lower = np.array([[given[0], 0.0], [given[1], given[2]]])
        inner = np.eye(2) + lower.T @ zz @ lower
        of_x, of_y = lower.T @ zx, lower.T @ zy
        by_x, by_y = np.linalg.solve(inner, of_x), np.linalg.solve(inner, of_y)
        information = xx - np.einsum("sij,sik->jk", of_x, by_x)
        right = xy - np.einsum("sij,sik->j", of_x, by_y)
        beta = np.linalg.solve(information, right)
        variance = (yy - float(np.einsum("sij,sij->", of_y, by_y)) - beta @ right) / (n - k)
        deviance = np.linalg.slogdet(inner)[1].sum() + np.linalg.slogdet(information)[1] + (n - k) * np.log(variance)
        return beta, information, float(variance), float(deviance)

    found = []
    for first, second in STARTS:
        start = np.array([first, 0.0, second])
        for _ in range(2):  # once more from its end: the simplex may have shrunk early
            best = minimize(lambda given: solved(given)[3], start, method="Nelder-Mead", options=SEARCH)
            start = best.x
        found.append(best)
    lower = min(found, key=lambda best: float(best.fun)).x
    beta, information, variance, _ = solved(lower)
    noise = float(np.sqrt(variance))
    intercept, slope = abs(float(lower[0])), float(np.hypot(lower[1], lower[2]))
    together = float(np.sign(lower[0]) * lower[1] / slope) if min(intercept, slope) > LIMIT else np.nan
    note = ""
    if slope <= LIMIT:
        note = "no variance between slopes"
    elif intercept <= LIMIT:
        note = "no variance between intercepts"
    elif 1 - abs(together) < LIMIT:
        note = "the correlation of intercepts and slopes is at its limit"
    estimate = float(beta[1] / spread.iloc[0])
    error = float(np.sqrt(variance * np.linalg.inv(information)[1, 1]) / spread.iloc[0])
    low, high, p = wald(estimate, error)
    row: dict[str, object] = {"method": method, "estimate": estimate, "se": error, "ci_low": low, "ci_high": high}
    random = {"sd_intercept": intercept * noise, "sd_slope": slope * noise / unit, "correlation": together}
    return row | random | {"p": float(p), "sd_noise": noise, "note": note}
