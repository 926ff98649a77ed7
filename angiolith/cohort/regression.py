"""Single model fits for complete cases, with the checks that keep a silent wrong number out.

Logistic models: maximum likelihood with Wald and profile-likelihood intervals; where the outcome is separated no finite
estimate exists, and Firth's penalised likelihood answers instead, with its own profile interval and likelihood-ratio p.
Rows that belong together (lesions of one patient): generalised estimating equations with cluster-robust errors. A model
whose estimates do not exist (collinear columns, one outcome only) has NaN estimates and a note that says why.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from angiolith.cohort.enough import CLUSTERS_NEEDED, RARER_MIN, ROWS_MIN
from angiolith.core.tables import join_reasons

# [number] Fewer rows of the rarer outcome per term are noted. Source: Peduzzi, J Clin Epidemiol 1996;49:1373.
EVENTS_PER_TERM_MIN = 10
# [number] Below this sandwich errors are too small. Source: Mancl and DeRouen, Biometrics 2001;57:126.
CLUSTERS_MIN = 40
# [1] Singular values below this are 0. Source: numerics.
RANK_TOLERANCE = 1e-9
# [1] Of Newton's steps and of the score; 1e-6 of an estimate needs no less. Source: numerics.
TOLERANCE = 1e-10
# [1] The same where steps are halved. Source: numerics.
HALVED_TOLERANCE = 1e-6
# [1] Of a profile interval's ends. Source: numerics.
PROFILE_TOLERANCE = 1e-8
# [1] A fitted probability this near to 0 or 1 is looked at for separation. Source: numerics.
PROBABILITY_MIN = 1e-9
# [number] Most Newton steps. Source: numerics.
ITERATIONS_MAX = 200
# [number] Most halvings of a step. Source: numerics.
HALVINGS_MAX = 25
NUMBERS = ["estimate", "se", "ci_low", "ci_high", "p", "profile_low", "profile_high", "p_lr"]


@dataclass(frozen=True)
class Fit:
    """A fitted model. The table has one row per term (the intercept left out) and the columns `NUMBERS`.

    ci_low, ci_high, p: Wald (Firth: profile penalised likelihood); profile_*, p_lr: by the likelihood, for the terms
    asked for. n: rows used; events: rows with the event (NaN for a numeric outcome); method: model and interval; note:
    what to know about the numbers, or why there are none; fitted: (n,) fitted values, empty where there is no fit;
    covariance: (k, k) of the terms' estimates, by the errors that the table has.
    """

    table: pd.DataFrame
    n: int
    events: float
    method: str
    note: str = ""
    fitted: np.ndarray = field(default_factory=lambda: np.empty(0))
    covariance: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))

    @property
    def exists(self) -> bool:
        """Whether there are estimates."""
        return len(self.fitted) > 0


def _without_estimates(terms: pd.Index, n: int, events: float, method: str, note: str) -> Fit:
    return Fit(pd.DataFrame(np.nan, index=terms, columns=NUMBERS), n, events, method, note)


def fit_logistic(outcome: np.ndarray, design: pd.DataFrame, profiled: Sequence[str] | None = None) -> Fit:
    """Logistic regression; estimates are log odds ratios.

    A separated outcome is found by linear programming (Konis 2007) and fitted by Firth's penalised likelihood (Heinze
    and Schemper, Stat Med 2002;21:2409).

    Parameters
    ----------
    outcome : np.ndarray
        Outcome (n,); 0 and 1 for a logistic model.
    design : pd.DataFrame
        Columns of the model (n, k), without NaN and intercept.
    profiled : Sequence[str] | None
        Terms that get likelihood intervals and tests (Venzon and Moolgavkar, Appl Stat 1988;37:87),
        default all.

    Returns
    -------
    Fit
        The fit; without estimates and with a note where there is none.
    """
    method = "logistic regression, Wald interval"
    n, events = len(outcome), int(outcome.sum())
    fewer = min(events, n - events)
    if fewer == 0:
        return _without_estimates(design.columns, n, events, method, "the outcome does not vary")
    problem = f"{n} rows are too few for {design.shape[1]} terms" if n < design.shape[1] + 3 else design_problem(design)
    if not problem and fewer < RARER_MIN:
        problem = f"{fewer} row(s) of the rarer outcome are too few (at least {RARER_MIN})"
    if problem:
        return _without_estimates(design.columns, n, events, method, problem)
    scaled, spread = standardised(design)
    per_term = fewer / design.shape[1]
    note = f"{per_term:.1f} events per term: estimates may be biased" if per_term < EVENTS_PER_TERM_MIN else ""
    model = finite_maximum(scaled, outcome)
    if model is None:
        separating = separating_terms(outcome, design)
        model = finite_maximum(scaled, outcome, penalty=0.5)
        if model is None:
            return _without_estimates(design.columns, n, events, method, "the fit did not converge")
        method = "Firth's penalised logistic regression, profile penalised likelihood interval"
        why = f"separation by {', '.join(separating)}" if separating else "maximum likelihood did not converge"
        note = join_reasons(f"{why}: answered with Firth's penalised likelihood", note)
    table = pd.DataFrame(np.nan, index=design.columns, columns=NUMBERS)
    table[["estimate", "se"]] = np.column_stack([model.coef_, model.bse_[:-1]]) / spread.to_numpy()[:, None]
    wanted = [design.columns.get_loc(term) for term in (design.columns if profiled is None else profiled)]
    if wanted:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a bound that was not found is NaN
            table[["profile_low", "profile_high"]] = _likelihood_limits(model, wanted) / spread.to_numpy()[:, None]
            table["p_lr"] = model.lrt(features=wanted).lrt_pvalues_[:-1]
    if model.penalty_weight:
        table[["ci_low", "ci_high", "p"]] = table[["profile_low", "profile_high", "p_lr"]].to_numpy()
    else:
        table[["ci_low", "ci_high", "p"]] = np.column_stack(wald(table["estimate"], table["se"]))
    fitted = model.predict_proba(scaled)[:, 1]
    weighted = np.column_stack([np.ones(n), scaled]) * np.sqrt(fitted * (1 - fitted))[:, None]
    covariance = _unscaled(np.linalg.inv(weighted.T @ weighted), spread)
    return Fit(table, n, events, method, note, fitted, covariance)


def finite_maximum(scaled: np.ndarray, outcome: np.ndarray, penalty: float = 0.0) -> Any:
    """A converged FirthLogisticRegression (penalty 0: maximum likelihood), None where there is no finite maximum.

    Newton's steps shrink only at a finite maximum: under separation they stay near one per iteration until the
    probabilities are 0 and 1 to rounding. Plain Newton steps reach full precision; where they overshoot, steps are
    halved, and end where the likelihood's rounding hides an improvement.

    Parameters
    ----------
    scaled : np.ndarray
        Standardised columns (n, k).
    outcome : np.ndarray
        Outcome (n,); 0 and 1 for a logistic model.
    penalty : float
        Weight of Firth's penalty.

    Returns
    -------
    Any
        The model, or None.
    """
    from firthmodels import FirthLogisticRegression

    for halvings, tolerance in ((0, TOLERANCE), (HALVINGS_MAX, HALVED_TOLERANCE)):
        model = FirthLogisticRegression(
            backend="numpy",
            max_iter=ITERATIONS_MAX,
            max_halfstep=halvings,
            gtol=tolerance * len(outcome),
            xtol=tolerance,
            penalty_weight=penalty,
        )
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                model.fit(scaled, outcome.astype(int))
            except (np.linalg.LinAlgError, ValueError):
                continue
        if model.converged_ and np.isfinite(model.bse_).all() and np.isfinite(model.coef_).all():
            break
    else:
        return None
    probability = model.predict_proba(scaled)[:, 1]
    extreme = min(probability.min(), 1 - probability.max()) < PROBABILITY_MIN
    if penalty == 0 and extreme and separating_terms(outcome, pd.DataFrame(scaled)):
        return None
    return model


def _likelihood_limits(model: Any, wanted: list[int]) -> np.ndarray:
    """(k, 2) profile-likelihood limits of the wanted terms, NaN for the others and where a limit was not found."""
    limits = np.full((len(model.coef_), 2), np.nan)
    for tolerance in (PROFILE_TOLERANCE, HALVED_TOLERANCE):
        found = model.conf_int(method="pl", features=wanted, tol=tolerance, max_iter=100)[:-1]
        limits = np.where(np.isfinite(limits), limits, found)
        if np.isfinite(limits[wanted]).all():
            break
    return limits


def separating_terms(outcome: np.ndarray, design: pd.DataFrame) -> list[str]:
    """Terms without a finite maximum likelihood estimate; empty if the outcome is not separated (Konis 2007).

    Parameters
    ----------
    outcome : np.ndarray
        Outcome (n,); 0 and 1 for a logistic model.
    design : pd.DataFrame
        Columns of the model (n, k), without NaN and intercept.

    Returns
    -------
    list[str]
        Names of terms.
    """
    from firthmodels import detect_separation

    finite = detect_separation(standardised(design)[0], outcome.astype(int)).is_finite
    return [str(name) for name, is_finite in zip(design.columns, finite, strict=False) if not is_finite]


def fit_linear(outcome: np.ndarray, design: pd.DataFrame, profiled: Sequence[str] | None = None) -> Fit:
    """Ordinary least squares with HC3 standard errors and t intervals (MacKinnon and White 1985).

    Estimates are differences in the outcome per unit of a term. `profiled` is not used: the likelihood interval of a
    linear model assumes the equal variances that HC3 does without.

    Parameters
    ----------
    outcome : np.ndarray
        Outcome (n,); 0 and 1 for a logistic model.
    design : pd.DataFrame
        Columns of the model (n, k), without NaN and intercept.
    profiled : Sequence[str] | None
        Not used.

    Returns
    -------
    Fit
        The fit; without estimates and with a note where there is none.
    """
    method = "linear regression, HC3 errors, t interval"
    n, k = len(outcome), design.shape[1]
    if n < k + 3:
        return _without_estimates(design.columns, n, np.nan, method, f"{n} rows are too few for {k} terms")
    if np.ptp(outcome) == 0:
        return _without_estimates(design.columns, n, np.nan, method, "the outcome does not vary")
    problem = design_problem(design) or (f"{n} rows are too few (at least {ROWS_MIN})" if n < ROWS_MIN else "")
    if problem:
        return _without_estimates(design.columns, n, np.nan, method, problem)
    from statsmodels.regression.linear_model import OLS

    scaled, spread = standardised(design)
    result = OLS(outcome, np.column_stack([np.ones(n), scaled])).fit(cov_type="HC3", use_t=True)
    table = pd.DataFrame(np.nan, index=design.columns, columns=NUMBERS)
    table["estimate"], table["se"] = result.params[1:] / spread, result.bse[1:] / spread
    if not np.isfinite(table["se"]).all():
        return _without_estimates(design.columns, n, np.nan, method, "a row has leverage 1; HC3 errors do not exist")
    table[["ci_low", "ci_high", "p"]] = np.column_stack(wald(table["estimate"], table["se"], stats.t(result.df_resid)))
    covariance = _unscaled(result.cov_params(), spread)
    return Fit(table, n, np.nan, method, fitted=result.fittedvalues, covariance=covariance)


def fit_clustered(
    outcome: np.ndarray, design: pd.DataFrame, clusters: np.ndarray, regression: str, correlation: str = "independence"
) -> Fit:
    """Generalised estimating equations (Liang and Zeger, Biometrika 1986;73:13) with sandwich errors, Wald intervals.

    Where the model has no finite fit, that of the single rows comes back and its note states that clusters were
    ignored.

    Parameters
    ----------
    outcome : np.ndarray
        Outcome (n,); 0 and 1 for a logistic model.
    design : pd.DataFrame
        Columns of the model (n, k), without NaN and intercept.
    clusters : np.ndarray
        Label of each row's cluster.
    regression : str
        `logistic` or `linear`.
    correlation : str
        Working correlation within a cluster, independence or exchangeable.

    Returns
    -------
    Fit
        The fit.
    """
    alone = FITS[regression](outcome, design, [])
    n_clusters = len(np.unique(clusters))
    if alone.exists and n_clusters < CLUSTERS_NEEDED:
        few = f"{n_clusters} cluster(s) are too few (at least {CLUSTERS_NEEDED})"
        return _without_estimates(design.columns, alone.n, alone.events, alone.method, few)
    if not alone.exists or alone.method.startswith("Firth"):
        full = FITS[regression](outcome, design, None)
        lost = "rows of one cluster taken as independent" if full.exists else ""
        return replace(full, note=join_reasons(full.note, lost))
    from statsmodels.genmod import cov_struct, families
    from statsmodels.genmod.generalized_estimating_equations import GEE

    family = families.Binomial() if regression == "logistic" else families.Gaussian()
    working = cov_struct.Independence() if correlation == "independence" else cov_struct.Exchangeable()
    order = np.argsort(clusters, kind="stable")
    scaled, spread = standardised(design)
    columns = np.column_stack([np.ones(len(outcome)), scaled])
    model = GEE(outcome[order], columns[order], groups=clusters[order], family=family, cov_struct=working)
    result = model.fit(maxiter=ITERATIONS_MAX, ctol=TOLERANCE)
    name = f"{regression} GEE, {correlation} working correlation, cluster-robust errors, Wald interval"
    if not np.isfinite(result.bse).all():
        return _without_estimates(design.columns, alone.n, alone.events, name, "the fit did not converge")
    table = pd.DataFrame(np.nan, index=design.columns, columns=NUMBERS)
    table["estimate"], table["se"] = result.params[1:] / spread, result.bse[1:] / spread
    table[["ci_low", "ci_high", "p"]] = np.column_stack(wald(table["estimate"], table["se"]))
    few = f"{n_clusters} clusters" + (": errors may be too small" if n_clusters < CLUSTERS_MIN else "")
    fitted = np.empty(len(outcome))
    fitted[order] = result.fittedvalues
    covariance = _unscaled(result.cov_params(), spread)
    return Fit(table, alone.n, alone.events, name, join_reasons(few, alone.note), fitted, covariance)


def clusters_of(table: pd.DataFrame, cluster: str | None) -> pd.Series | None:
    """Cluster of each row: the column `cluster`, else the subject; None where every row is its own.

    Parameters
    ----------
    table : pd.DataFrame
        Analysed rows.
    cluster : str | None
        Column of the cluster, or None.

    Returns
    -------
    pd.Series | None
        Label by row, or None.
    """
    name = cluster or ("subject" if "subject" in table else None)
    return table[name] if name is not None and table[name].duplicated().any() else None


def fit_rows(
    response: pd.Series,
    design: pd.DataFrame,
    clusters: pd.Series | None,
    regression: str,
    correlation: str = "independence",
    profiled: Sequence[str] = (),
) -> Fit:
    """The fit of rows that may belong together: `fit_clustered` where a cluster repeats among them, else `FITS`.

    Parameters
    ----------
    response : pd.Series
        Outcome by the design's index.
    design : pd.DataFrame
        Columns of the model (n, k), without NaN and intercept.
    clusters : pd.Series | None
        Label of each row's cluster.
    regression : str
        `logistic` or `linear`.
    correlation : str
        `independence` or `exchangeable`.
    profiled : Sequence[str]
        Terms that get likelihood intervals; None for all.

    Returns
    -------
    Fit
        The fit.
    """
    outcome = response.to_numpy(float)
    together = None if clusters is None else clusters[design.index]
    if together is None or not together.duplicated().any():
        return FITS[regression](outcome, design, profiled)
    return fit_clustered(outcome, design, together.to_numpy(), regression, correlation)


def standardised(design: pd.DataFrame) -> tuple[np.ndarray, pd.Series]:
    """(n, k) columns with mean 0 and SD 1, for fits to full precision, and the SDs: estimates divide by them.

    Parameters
    ----------
    design : pd.DataFrame
        Columns of the model (n, k), without NaN and intercept.

    Returns
    -------
    tuple[np.ndarray, pd.Series]
        Columns (n, k), and SD by column.
    """
    spread = design.std(ddof=0)
    return ((design - design.mean()) / spread).to_numpy(), spread


def _unscaled(covariance: np.ndarray, spread: pd.Series) -> np.ndarray:
    """(k, k) covariance of the terms, of that of intercept and standardised columns."""
    scale = spread.to_numpy()
    return np.asarray(covariance[1:, 1:] / np.outer(scale, scale))


def wald(estimate: Any, error: Any, distribution: Any = stats.norm) -> tuple[Any, Any, Any]:
    """Limits of the 95 % interval and the two-sided p, of numbers or arrays; distribution: normal, or a frozen t.

    Parameters
    ----------
    estimate : Any
        Estimates.
    error : Any
        Standard errors.
    distribution : Any
        SciPy's normal, or a frozen t.

    Returns
    -------
    tuple[Any, Any, Any]
        Lower end, upper end and p.
    """
    reach = distribution.ppf(0.975) * error
    return estimate - reach, estimate + reach, 2 * distribution.sf(np.abs(estimate / error))


def joint_wald(beta: np.ndarray, covariance: np.ndarray) -> float:
    """Wald's statistic of estimates being 0 together.

    Parameters
    ----------
    beta : ndarray, shape (k,)
        The estimates.
    covariance : ndarray, shape (k, k)
        Their covariance. It is solved in units of their errors, which may differ widely.

    Returns
    -------
    float
        Chi-square with k degrees of freedom where all are 0.
    """
    scale = np.sqrt(np.diag(covariance))
    return float((beta / scale) @ np.linalg.solve(covariance / np.outer(scale, scale), beta / scale))


def rows_left_out(n: int) -> str:
    """The note on rows that are no complete cases; empty for none.

    Parameters
    ----------
    n : int
        Number of rows.

    Returns
    -------
    str
        The note.
    """
    return f"{n} row(s) without all values left out" if n else ""


def design_problem(design: pd.DataFrame) -> str:
    """Why a design has no unique fit: constant or collinear terms by name; empty if there is nothing.

    Parameters
    ----------
    design : pd.DataFrame
        Columns of the model (n, k), without NaN and intercept.

    Returns
    -------
    str
        The reason, or an empty string.
    """
    constant = [str(name) for name in design.columns if np.ptp(design[name].to_numpy()) == 0]
    if constant:
        return f"{', '.join(constant)} does not vary among the rows with all values"
    scaled = standardised(design)[0]
    triangle = np.abs(np.diag(np.linalg.qr(scaled, mode="r")))
    dependent = np.flatnonzero(triangle < RANK_TOLERANCE * np.sqrt(len(scaled)))
    if len(dependent) or design.shape[1] > len(design):
        which = design.columns[dependent[0] if len(dependent) else len(design)]
        return f"{which} follows from the other terms (collinear)"
    return ""


FITS: dict[str, Callable[[np.ndarray, pd.DataFrame, Sequence[str] | None], Fit]] = {
    "logistic": fit_logistic,
    "linear": fit_linear,
}
