"""Regression of a marker on severity by the marker's nature: grades by proportional odds, counts by negative binomial.

Correlations say that severity and marker go together; these say how much more of the marker a step of severity means,
adjusted for covariates.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from angiolith.cohort.correlations import false_discovery_rate
from angiolith.cohort.proportional_odds import brant
from angiolith.cohort.regression import design_problem, fit_linear, rows_left_out, standardised, wald
from angiolith.cohort.variables import model_columns
from angiolith.core.tables import join_reasons

# [number] Most Newton steps of the ordinal fit. Source: numerics.
NEWTON_STEPS_MAX = 25
# [1] Below this p the odds are noted as not proportional. Source: definition.
PROPORTIONAL_P_MIN = 0.05
# [number] Most quasi-Newton steps of the negative binomial fit. Source: numerics.
STEPS_MAX = 500
# [1] A larger condition number of the information says that a cut is separated. Source: numerics.
CONDITION_MAX = 1e12

COLUMNS = [
    "group",
    "measure",
    "method",
    "n",
    "estimate",
    "se",
    "ratio",
    "ci_low",
    "ci_high",
    "p",
    "q",
    "proportional_odds_p",
    "proportional_odds_p_all",
    "adjusted_for",
    "note",
]


def marker_models(
    table: pd.DataFrame,
    severities: Mapping[str, pd.Series],
    models: Mapping[str, str],
    covariates: Sequence[str],
    references: Mapping[str, str],
) -> pd.DataFrame:
    """Fit marker ~ severity + covariates for every severity and marker; a table with the columns `COLUMNS`.

    models: marker -> ordinal, negative-binomial or linear. estimate: per step of severity, on the model's scale.
    ratio, with the interval: the odds ratio of a higher grade (ordinal) or the ratio of the mean counts (negative
    binomial); of a linear model the interval is that of the estimate. Complete cases. q: Benjamini-Hochberg within the
    table.
    """
    rows = []
    adjusting = [model_columns(table, name, references, {}) for name in covariates]
    for group, severity in severities.items():
        for marker, kind in models.items():
            design = pd.concat([severity.rename("severity"), *adjusting], axis=1)
            known = design.notna().all(axis=1) & table[marker].notna()
            found = FITS[kind](table.loc[known, marker].to_numpy(float), design[known])
            note = rows_left_out(int((~known).sum()))
            rows.append(
                {"group": group, "measure": marker, "n": int(known.sum()), "adjusted_for": ", ".join(covariates)}
                | found
                | {"note": join_reasons(str(found.get("note", "")), note)}
            )
    result = pd.DataFrame(rows, columns=COLUMNS)
    result["q"] = false_discovery_rate(result["p"])
    return result


def _checked(outcome: np.ndarray, design: pd.DataFrame) -> str:
    """Why there can be no fit; empty if nothing speaks against it."""
    if len(outcome) < 3 * (design.shape[1] + 1):
        return f"{len(outcome)} rows are too few"
    return "the marker does not vary" if np.ptp(outcome) == 0 else design_problem(design)


def checked_counts(counts: np.ndarray, design: pd.DataFrame) -> str:
    """Why there can be no fit of counts; empty if nothing speaks against it."""
    problem = _checked(counts, design)
    if not problem and ((counts < 0).any() or (counts != np.round(counts)).any()):
        problem = "the marker holds numbers that are no counts"
    return problem


def _ratio_row(method: str, estimate: float, error: float, note: str = "") -> dict[str, object]:
    low, high, p = wald(estimate, error)
    ends = {"ci_low": np.exp(low), "ci_high": np.exp(high)}
    return {"method": method, "estimate": estimate, "se": error, "ratio": np.exp(estimate), "p": p, "note": note} | ends


def fit_ordinal(grades: np.ndarray, design: pd.DataFrame) -> dict[str, object]:
    """Proportional-odds logistic regression (McCullagh 1980); the row of the first term.

    grades: (n,) ordered numbers. statsmodels' quasi-Newton fit, brought to the maximum by Newton's method on the
    analytic gradient: its standard errors come from numeric differences of a numeric gradient. Proportional odds are
    tested after Brant, for the first term and for all; where they fail for it, the note states it.
    """
    method = "proportional-odds regression, Wald interval"
    problem = _checked(grades, design)
    if problem:
        return {"method": method, "note": problem}
    from statsmodels.miscmodels.ordinal_model import OrderedModel
    from statsmodels.tools.numdiff import approx_fprime

    scaled, spread = standardised(design)
    k, codes = scaled.shape[1], np.unique(grades, return_inverse=True)[1]
    separated: dict[str, object] = {"method": method, "note": "no finite fit: a cut of the grades is separated"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = OrderedModel(codes, scaled, distr="logit")
        start = model.fit(method="bfgs", disp=False, maxiter=1000).params
        params = np.r_[start[:k], model.transform_threshold_params(start)[1:-1]]
        for _ in range(NEWTON_STEPS_MAX):
            information = -approx_fprime(params, _ordinal_score, args=(codes, scaled), centered=True)
            if not np.isfinite(information).all() or np.linalg.cond(information) > CONDITION_MAX:
                return separated
            step = np.linalg.solve(information, _ordinal_score(params, codes, scaled))
            params = params + step
            if np.abs(step).max() < 1e-10:
                break
        else:
            return separated
    error = np.sqrt(np.linalg.inv(information)[0, 0])
    own, every = brant(codes, scaled)
    note = "odds are not proportional: the ratio is a mean over the cuts" if own < PROPORTIONAL_P_MIN else ""
    found = _ratio_row(method, float(params[0] / spread.iloc[0]), float(error / spread.iloc[0]), note)
    return found | {"proportional_odds_p": own, "proportional_odds_p_all": every}


def _ordinal_score(params: np.ndarray, codes: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Gradient of the log likelihood of P(grade <= j) = logistic(threshold_j - x b); params: b, then the thresholds."""
    k = x.shape[1]
    ends = np.r_[-np.inf, params[k:], np.inf]
    linear = x @ params[:k]
    upper, lower = ends[codes + 1] - linear, ends[codes] - linear
    p = stats.logistic.cdf(upper) - stats.logistic.cdf(lower)
    at_upper, at_lower = stats.logistic.pdf(upper) / p, stats.logistic.pdf(lower) / p
    cuts = len(params) - k
    thresholds = np.bincount(codes, at_upper, cuts + 1)[:-1] - np.bincount(codes, at_lower, cuts + 1)[1:]
    return np.r_[-(at_upper - at_lower) @ x, thresholds]


def fit_negative_binomial(counts: np.ndarray, design: pd.DataFrame) -> dict[str, object]:
    """Negative binomial regression with log link (NB2) by maximum likelihood; the row of the first term.

    counts: (n,) whole numbers. Standard errors at the dispersion that was found, as R's MASS::glm.nb gives them. Where
    the counts vary no more than Poisson's, its regression is used, and the method names it.
    """
    method = "negative binomial regression, log link, Wald interval"
    problem = checked_counts(counts, design)
    if problem:
        return {"method": method, "note": problem}
    from statsmodels.discrete.discrete_model import NegativeBinomial
    from statsmodels.genmod import families
    from statsmodels.genmod.generalized_linear_model import GLM

    scaled, spread = standardised(design)
    columns = np.column_stack([np.ones(len(counts)), scaled])
    note = ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        poisson = GLM(counts, columns, family=families.Poisson()).fit(tol=1e-12)
        excess = ((counts - poisson.mu) ** 2 - counts).sum()  # its sign is that of the score for the dispersion at 0
        if excess <= 0:
            result, method = poisson, "Poisson regression, log link, Wald interval"
            note = "the counts vary no more than Poisson's: no dispersion to estimate"
        else:
            start = np.r_[poisson.params, max(excess / (poisson.mu**2).sum(), 1e-3)]
            full = NegativeBinomial(counts, columns).fit(start, method="bfgs", maxiter=STEPS_MAX, gtol=1e-9, disp=False)
            full = NegativeBinomial(counts, columns).fit(
                full.params, method="newton", maxiter=100, tol=1e-12, disp=False
            )
            if not np.isfinite(full.params).all() or full.params[-1] <= 0:
                return {"method": method, "note": "the fit did not converge"}
            result = GLM(counts, columns, family=families.NegativeBinomial(alpha=full.params[-1])).fit(tol=1e-12)
    if not np.isfinite(result.bse).all():
        return {"method": method, "note": "the fit did not converge"}
    return _ratio_row(method, float(result.params[1] / spread.iloc[0]), float(result.bse[1] / spread.iloc[0]), note)


def fit_plain(values: np.ndarray, design: pd.DataFrame) -> dict[str, object]:
    """Linear regression with HC3 errors (`regression.fit_linear`); the row of the first term."""
    fit = fit_linear(values, design)
    found = fit.table.iloc[0]
    names = ("estimate", "se", "ci_low", "ci_high", "p")
    return {"method": fit.method, "note": fit.note} | {name: found[name] for name in names}


FITS = {"ordinal": fit_ordinal, "negative-binomial": fit_negative_binomial, "linear": fit_plain}
