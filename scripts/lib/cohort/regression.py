"""Single model fits for complete cases, with the checks that keep a silent wrong number out.

A model whose estimates do not exist (separation, collinear columns, one outcome only, no convergence) comes back with
NaN estimates and a note that says so. `FITS` is the list of models; another one is another function of the same form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import linprog

EVENTS_PER_TERM_MIN = 10  # Peduzzi, J Clin Epidemiol 1996;49:1373
SEPARATION_TOLERANCE = 1e-6
RANK_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Fit:
    """A fitted model. The table has one row per term (the intercept left out): estimate, ci_low, ci_high, p.

    n: rows used; events: rows with the event (NaN for a numeric outcome); method: model and interval; note: what to
    know about the numbers, or why there are none.
    """

    table: pd.DataFrame
    n: int
    events: float
    method: str
    note: str = ""


def _without_estimates(terms: pd.Index, n: int, events: float, method: str, note: str) -> Fit:
    table = pd.DataFrame(np.nan, index=terms, columns=["estimate", "ci_low", "ci_high", "p"])
    return Fit(table, n, events, method, note)


def fit_logistic(outcome: np.ndarray, design: pd.DataFrame) -> Fit:
    """Logistic regression by maximum likelihood with Wald intervals; estimates are log odds ratios.

    outcome: (n,) of 0 and 1; design: (n, k) columns named by their terms, no NaN, the intercept not among them.
    Separation is found exactly, by a linear program (Konis 2007), before the fit.
    """
    method = "logistic regression, Wald interval"
    n, events = len(outcome), int(outcome.sum())
    fewer = min(events, n - events)
    if fewer == 0:
        return _without_estimates(design.columns, n, events, method, "the outcome does not vary")
    problem = design_problem(design)
    if problem:
        return _without_estimates(design.columns, n, events, method, problem)
    spread = design.std(ddof=0)
    scaled = (design - design.mean()) / spread
    separating = separating_terms(outcome, scaled)
    if separating:
        note = f"separation: {', '.join(separating)} tells the outcome apart without error; no finite estimate exists"
        return _without_estimates(design.columns, n, events, method, note)
    from statsmodels.discrete.discrete_model import Logit

    model = Logit(outcome, np.column_stack([np.ones(n), scaled.to_numpy()]))
    result = model.fit(disp=False, maxiter=100, warn_convergence=False)
    if not result.mle_retvals["converged"] or not np.isfinite(result.bse).all():
        return _without_estimates(design.columns, n, events, method, "the fit did not converge")
    per_term = fewer / design.shape[1]
    note = f"{per_term:.1f} events per term: estimates may be biased" if per_term < EVENTS_PER_TERM_MIN else ""
    estimate, error = result.params[1:] / spread, result.bse[1:] / spread
    return Fit(_with_interval(estimate, error, stats.norm()), n, events, method, note)


def fit_linear(outcome: np.ndarray, design: pd.DataFrame) -> Fit:
    """Ordinary least squares with HC3 standard errors and t intervals (MacKinnon and White 1985).

    outcome: (n,) numbers; design: as for `fit_logistic`. Estimates are differences in the outcome per unit of a term.
    """
    method = "linear regression, HC3 errors, t interval"
    n, k = len(outcome), design.shape[1]
    if n <= k + 2:
        return _without_estimates(design.columns, n, np.nan, method, f"{n} rows are too few for {k} terms")
    if np.ptp(outcome) == 0:
        return _without_estimates(design.columns, n, np.nan, method, "the outcome does not vary")
    problem = design_problem(design)
    if problem:
        return _without_estimates(design.columns, n, np.nan, method, problem)
    from statsmodels.regression.linear_model import OLS

    spread = design.std(ddof=0)
    scaled = (design - design.mean()) / spread
    model = OLS(outcome, np.column_stack([np.ones(n), scaled.to_numpy()]))
    result = model.fit(cov_type="HC3", use_t=True)
    estimate, error = result.params[1:] / spread, result.bse[1:] / spread
    if not np.isfinite(error).all():
        return _without_estimates(design.columns, n, np.nan, method, "a row has leverage 1; HC3 errors do not exist")
    return Fit(_with_interval(estimate, error, stats.t(result.df_resid)), n, np.nan, method)


def _with_interval(estimate: pd.Series, error: pd.Series, distribution: stats.rv_frozen) -> pd.DataFrame:
    reach = distribution.ppf(0.975) * error
    p = 2 * distribution.sf(np.abs(estimate / error))
    return pd.DataFrame({"estimate": estimate, "ci_low": estimate - reach, "ci_high": estimate + reach, "p": p})


def design_problem(design: pd.DataFrame) -> str:
    """Why a design has no unique fit: constant or collinear terms by name; empty if there is nothing."""
    constant = [str(name) for name in design.columns if np.ptp(design[name].to_numpy()) == 0]
    if constant:
        return f"{', '.join(constant)} does not vary among the rows with all values"
    scaled = ((design - design.mean()) / design.std(ddof=0)).to_numpy()
    kept: list[int] = []
    for column in range(scaled.shape[1]):
        if np.linalg.svd(scaled[:, [*kept, column]], compute_uv=False)[-1] < RANK_TOLERANCE * np.sqrt(len(scaled)):
            return f"{design.columns[column]} follows from the other terms (collinear)"
        kept.append(column)
    return ""


def separating_terms(outcome: np.ndarray, design: pd.DataFrame) -> list[str]:
    """Terms of a combination that separates the outcome, completely or up to ties; empty if there is none.

    Konis (2007): with signs s = +-1 of the outcome, maximise sum of s (b0 + x b) subject to s (b0 + x b) >= 0 for every
    row and |b| <= 1; a maximum above zero means separation, and the terms with b != 0 take part in it.
    """
    signs = 2.0 * outcome - 1.0
    signed = signs[:, None] * np.column_stack([np.ones(len(outcome)), design.to_numpy(float)])
    result = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(outcome)), bounds=(-1, 1), method="highs")
    if not result.success or -result.fun < SEPARATION_TOLERANCE * len(outcome):
        return []
    part = np.abs(result.x[1:]) > SEPARATION_TOLERANCE
    return [str(name) for name, taken in zip(design.columns, part, strict=True) if taken]


FITS: dict[str, Callable[[np.ndarray, pd.DataFrame], Fit]] = {"logistic": fit_logistic, "linear": fit_linear}
