"""Regression of grades: proportional odds, and partial proportional odds where Brant's test refutes them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from angiolith.cohort.proportional_odds import brant
from angiolith.cohort.regression import design_problem, standardised, wald

# [number] Most Newton steps of the ordinal fits. Source: numerics.
NEWTON_STEPS_MAX = 25
# [number] Most halvings of a step. Source: numerics.
HALVINGS_MAX = 20
# [1] Largest change of a parameter by the last step. Source: numerics.
STEP_MAX = 1e-10
# [1] Below this p the odds are noted as not proportional, and the term is given by cut. Source: definition.
PROPORTIONAL_P_MIN = 0.05
# [1] A larger condition number of the information says that a cut is separated. Source: numerics.
CONDITION_MAX = 1e12
CUT_COLUMNS = [
    *("group", "measure", "cut", "n", "estimate", "se", "ratio", "ci_low", "ci_high", "p", "by_cut", "df"),
    *("statistic", "p_by_cut", "method", "adjusted_for", "note"),
]
SEPARATED = "no finite fit: a cut of the grades is separated"
Row = dict[str, object]


def checked_marker(outcome: np.ndarray, design: pd.DataFrame) -> str:
    """Why there can be no fit; empty if nothing speaks against it.

    Parameters
    ----------
    outcome : ndarray, shape (n,)
        The marker.
    design : DataFrame, shape (n, k)
        Complete columns, the severity first, the intercept not among them.

    Returns
    -------
    str
        The reason.
    """
    if len(outcome) < 3 * (design.shape[1] + 1):
        return f"{len(outcome)} rows are too few"
    return "the marker does not vary" if np.ptp(outcome) == 0 else design_problem(design)


def ratio_row(method: str, estimate: float, error: float, note: str = "") -> Row:
    """A row of a model whose estimate is the logarithm of a ratio, with Wald's interval.

    Parameters
    ----------
    method : str
        Of the model.
    estimate, error : float
        Logarithm of the ratio, and its standard error.
    note : str
        On the numbers.

    Returns
    -------
    dict
        Estimate, ratio, interval and p.
    """
    low, high, p = wald(estimate, error)
    ends = {"ci_low": np.exp(low), "ci_high": np.exp(high)}
    return {"method": method, "estimate": estimate, "se": error, "ratio": np.exp(estimate), "p": p, "note": note} | ends


def fit_ordinal(grades: np.ndarray, design: pd.DataFrame) -> Row:
    """Proportional-odds logistic regression (McCullagh 1980); the row of the first term.

    grades: (n,) ordered numbers. statsmodels' quasi-Newton fit, brought to the maximum by Newton's method on the
    analytic gradient: its standard errors come from numeric differences of a numeric gradient. Proportional odds are
    tested after Brant, for the first term and for all; where they fail for it, the note states it.

    Parameters
    ----------
    grades : ndarray, shape (n,)
        Ordered numbers.
    design : DataFrame, shape (n, k)
        Complete columns, the severity first, the intercept not among them.

    Returns
    -------
    dict
        The row, or its note alone.
    """
    method = "proportional-odds regression, Wald interval"
    problem = checked_marker(grades, design)
    if problem:
        return {"method": method, "note": problem}
    scaled, spread = standardised(design)
    codes = np.unique(grades, return_inverse=True)[1]
    fit = _maximum(codes, scaled, [], _start(codes, scaled))
    if fit is None:
        return {"method": method, "note": SEPARATED}
    error = np.sqrt(fit.covariance[0, 0])
    each, every = brant(codes, scaled)
    note = "odds are not proportional: the ratio is a mean over the cuts" if each[0] < PROPORTIONAL_P_MIN else ""
    found = ratio_row(method, float(fit.params[0] / spread.iloc[0]), float(error / spread.iloc[0]), note)
    return found | {"proportional_odds_p": each[0], "proportional_odds_p_all": every}


def partial_odds(grades: np.ndarray, design: pd.DataFrame) -> list[Row]:
    """`odds_by_cut` of the terms whose odds Brant's test calls not proportional; no row where all are proportional.

    Parameters
    ----------
    grades : ndarray, shape (n,)
        Ordered numbers.
    design : DataFrame, shape (n, k)
        Complete columns, the severity first, the intercept not among them.

    Returns
    -------
    list of dict
        Rows by cut.
    """
    if checked_marker(grades, design):
        return []
    codes = np.unique(grades, return_inverse=True)[1]
    free = np.flatnonzero(brant(codes, standardised(design)[0])[0] < PROPORTIONAL_P_MIN).tolist()
    return odds_by_cut(grades, design, free) if free else []


def odds_by_cut(grades: np.ndarray, design: pd.DataFrame, free: Sequence[int]) -> list[Row]:
    """The first term by partial proportional odds (Peterson and Harrell, Appl Stat 1990;39:205); rows by cut.

    free: the columns that have a coefficient of their own at each cut; the others have one for all cuts. cut: the grade
    that is passed, "all" where the first term has one ratio; by_cut: the terms with a ratio of each cut; statistic, df,
    p_by_cut: likelihood ratio of this model beside the proportional one. No row where that one has no fit.

    Parameters
    ----------
    grades : ndarray, shape (n,)
        Ordered numbers.
    design : DataFrame, shape (n, k)
        Complete columns, the severity first, the intercept not among them.
    free : sequence of int
        Columns of the design with a coefficient at each cut.

    Returns
    -------
    list of dict
        Rows by cut, or one with a note.
    """
    scaled, spread = standardised(design)
    levels, codes = np.unique(grades, return_inverse=True)
    plain = _maximum(codes, scaled, [], _start(codes, scaled))
    if plain is None:
        return []
    method = "partial proportional-odds regression, Wald interval"
    base: Row = {"by_cut": ", ".join(str(design.columns[column]) for column in free), "method": method}
    common = [column for column in range(scaled.shape[1]) if column not in free]
    cuts, width = len(levels) - 1, 1 + len(free)
    thresholds, beta = plain.params[-cuts:], plain.params[:-cuts]
    start = np.r_[beta[common], np.column_stack([thresholds, np.tile(beta[list(free)], (cuts, 1))]).ravel()]
    fit = _maximum(codes, scaled, free, start)
    if fit is None:
        return [base | {"note": SEPARATED}]
    statistic, df = 2 * (fit.log_likelihood - plain.log_likelihood), (cuts - 1) * len(free)
    base |= {"statistic": statistic, "df": df, "p_by_cut": float(stats.chi2.sf(statistic, df))}
    own = list(free).index(0) + 1 if 0 in free else None
    places = {"all": 0}
    if own is not None:
        places = {f"above {level:g}": len(common) + cut * width + own for cut, level in enumerate(levels[:-1])}
    rows = []
    for cut, place in places.items():
        error = float(np.sqrt(fit.covariance[place, place]) / spread.iloc[0])
        rows.append(base | {"cut": cut} | ratio_row(method, float(fit.params[place] / spread.iloc[0]), error))
    return rows


@dataclass(frozen=True)
class _Maximum:
    """params: coefficients of the common columns; then for each cut its threshold and the free columns' coefficients
    there. covariance: of the params."""

    params: np.ndarray
    covariance: np.ndarray
    log_likelihood: float


def _start(codes: np.ndarray, scaled: np.ndarray) -> np.ndarray:
    """Params of the proportional model near the maximum, by statsmodels' quasi-Newton fit."""
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = OrderedModel(codes, scaled, distr="logit")
        start = model.fit(method="bfgs", disp=False, maxiter=1000).params
        return np.r_[start[: scaled.shape[1]], model.transform_threshold_params(start)[1:-1]]


def _maximum(codes: np.ndarray, x: np.ndarray, free: Sequence[int], start: np.ndarray) -> _Maximum | None:
    """Newton's method from `start`; None where there is no finite maximum.

    codes: (n,) 0, 1, ... of the grades; x: (n, k) standardised columns; free: those with a coefficient at each cut.
    """
    from statsmodels.tools.numdiff import approx_fprime

    def score(params: np.ndarray) -> np.ndarray:
        return _of(params, codes, x, free)[1]

    params = start
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        value = _of(params, codes, x, free)[0]
        for _ in range(NEWTON_STEPS_MAX):
            information = -approx_fprime(params, score, centered=True)
            if not np.isfinite(information).all() or np.linalg.cond(information) > CONDITION_MAX:
                return None
            step = np.linalg.solve(information, score(params))
            for _ in range(HALVINGS_MAX if free else 0):  # cuts must not cross at any row
                tried = _of(params + step, codes, x, free)[0]
                if np.isfinite(tried) and tried >= value - STEP_MAX * abs(value):
                    break
                step = step / 2
            params = params + step
            value = _of(params, codes, x, free)[0]
            if np.abs(step).max() < STEP_MAX:
                return _Maximum(params, np.linalg.inv(information), float(value))
    return None


def _of(params: np.ndarray, codes: np.ndarray, x: np.ndarray, free: Sequence[int]) -> tuple[float, np.ndarray]:
    """Log likelihood of P(grade <= j) = logistic(threshold_j - x b_j) and its gradient; params: of `_Maximum`."""
    common = [column for column in range(x.shape[1]) if column not in free]
    k, width = len(common), 1 + len(free)
    own = params[k:].reshape(-1, width)
    linear = (x[:, common] @ params[:k])[:, None] + x[:, free] @ own[:, 1:].T  # (n, cuts)
    edge = np.full((len(x), 1), np.inf)
    ends = np.hstack([-edge, own[:, 0] - linear, edge])
    rows = np.arange(len(x))
    upper, lower = ends[rows, codes + 1], ends[rows, codes]
    p = stats.logistic.cdf(upper) - stats.logistic.cdf(lower)
    at_upper, at_lower = stats.logistic.pdf(upper) / p, stats.logistic.pdf(lower) / p
    log_likelihood = float(np.log(p).sum()) if (p > 0).all() else -np.inf
    cuts = len(own)
    blocks = []
    for values in (np.ones(len(x)), *x[:, free].T):
        of_upper = np.bincount(codes, at_upper * values, cuts + 1)[:-1]
        blocks.append(of_upper - np.bincount(codes, at_lower * values, cuts + 1)[1:])
    each = np.column_stack([blocks[0], *(-block for block in blocks[1:])])
    return log_likelihood, np.r_[-(at_upper - at_lower) @ x[:, common], each.ravel()]
