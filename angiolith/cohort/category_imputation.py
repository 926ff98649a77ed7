"""Missing categories drawn from a multinomial logistic model, as one step of the chained equations."""

from __future__ import annotations

import numpy as np

# [SD] Distance from the mean of the rows that keep the estimates finite. Source: White, Daniel and Royston, Comput Stat
# Data Anal 2010;54:2267, as in R's mice.
AUGMENTED_SD = 0.5
# [number] Most Newton steps. Source: numerics.
STEPS_MAX = 50
# [number] Most halvings of a step. Source: numerics.
HALVINGS_MAX = 20
# [1] Largest change of a coefficient by the last step: draws need no more digits. Source: numerics.
STEP_MAX = 1e-6


def drawn_levels(design: np.ndarray, codes: np.ndarray, gaps: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Levels for the gaps of a category, by Bayesian multinomial logistic regression (Rubin 1987, section 5.3).

    design: (n, p) columns, the first 1, the others standardised; codes: (n,) 0 to levels - 1 where known; gaps: (n,)
    bool. Coefficients are drawn from their normal posterior, levels with the chances that they give. Rows of little
    weight at every level keep the coefficients finite where levels are separated (White, Daniel and Royston 2010).

    Parameters
    ----------
    design : ndarray, shape (n, p)
        The first column is 1, the others are standardised.
    codes : ndarray of int, shape (n,)
        Levels, from 0; of no meaning in the gaps.
    gaps : ndarray of bool, shape (n,)
        Which rows are to be filled.
    rng : Generator
        Of the draws.

    Returns
    -------
    ndarray of int
        A level for each gap.
    """
    levels = int(codes[~gaps].max()) + 1
    x, y, weight = _augmented(design[~gaps], codes[~gaps], levels)
    beta, covariance = _fitted(x, y, weight, levels)
    drawn = rng.multivariate_normal(beta.ravel(), covariance, method="eigh").reshape(beta.shape)
    passed = np.cumsum(_chances(design[gaps], drawn), axis=1)
    return np.asarray((rng.random(int(gaps.sum()))[:, None] > passed[:, :-1]).sum(axis=1))


def _augmented(x: np.ndarray, y: np.ndarray, levels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The rows with those of little weight: each column half an SD to each side of its mean, at each level."""
    p = x.shape[1] - 1
    mean, low, high = x.mean(axis=0), x.min(axis=0), x.max(axis=0)
    place = np.repeat(np.arange(1, p + 1), 2 * levels)
    added = np.tile(mean, (len(place), 1))
    rows = np.arange(len(place))
    side = np.tile([AUGMENTED_SD, -AUGMENTED_SD], len(place) // 2)
    added[rows, place] = np.clip(mean[place] + side * x.std(axis=0)[place], low[place], high[place])
    level = np.tile(np.repeat(np.arange(levels), 2), p)
    weight = np.full(len(place), (p + 1) / max(len(place), 1))
    return np.vstack([x, added]), np.r_[y, level].astype(int), np.r_[np.ones(len(x)), weight]


def _chances(x: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """(n, levels) chances; beta: (levels - 1, p) log odds against the first level."""
    linear = np.column_stack([np.zeros(len(x)), x @ beta.T])
    odds = np.exp(linear - linear.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def _fitted(x: np.ndarray, y: np.ndarray, weight: np.ndarray, levels: int) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (levels - 1, p) by Newton's method, and the covariance of them in one row."""
    p = x.shape[1]
    beta = np.zeros((levels - 1, p))
    seen = np.eye(levels)[y][:, 1:]
    rows = np.arange(len(y))

    def likelihood(at: np.ndarray) -> float:
        return float(weight @ np.log(np.maximum(_chances(x, at)[rows, y], np.finfo(float).tiny)))

    value = likelihood(beta)
    for _ in range(STEPS_MAX):
        chance = _chances(x, beta)[:, 1:]
        score = ((seen - chance) * weight[:, None]).T @ x
        information = np.zeros(((levels - 1) * p, (levels - 1) * p))
        for one in range(levels - 1):
            for other in range(one, levels - 1):
                mass = weight * chance[:, one] * ((one == other) - chance[:, other])
                block = (x * mass[:, None]).T @ x
                information[one * p : (one + 1) * p, other * p : (other + 1) * p] = block
                information[other * p : (other + 1) * p, one * p : (one + 1) * p] = block
        step = (np.linalg.pinv(information, hermitian=True) @ score.ravel()).reshape(beta.shape)
        for _ in range(HALVINGS_MAX):
            if likelihood(beta + step) >= value:
                break
            step = step / 2
        beta, value = beta + step, likelihood(beta + step)
        if np.abs(step).max() < STEP_MAX:
            break
    return beta, np.linalg.pinv(information, hermitian=True)
