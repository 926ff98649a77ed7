"""Regression of a marker on severity by the marker's nature: grades by proportional odds, counts by negative binomial.

Correlations say that severity and marker go together; these say how much more of the marker a step of severity means,
adjusted for covariates.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from angiolith.cohort.correlations import false_discovery_rate
from angiolith.cohort.ordinal import CUT_COLUMNS, checked_marker, fit_ordinal, partial_odds, ratio_row
from angiolith.cohort.regression import fit_linear, rows_left_out, standardised
from angiolith.cohort.variables import model_columns
from angiolith.core.tables import join_reasons

# [number] Most quasi-Newton steps of the negative binomial fit. Source: numerics.
STEPS_MAX = 500

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


def marker_tables(
    table: pd.DataFrame,
    severities: Mapping[str, pd.Series],
    models: Mapping[str, str],
    covariates: Sequence[str],
    references: Mapping[str, str],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fit marker ~ severity + covariates for every severity and marker (`COLUMNS`), and by cut (`CUT_COLUMNS`).

    models: marker -> ordinal, negative-binomial or linear. estimate: per step of severity, on the model's scale.
    ratio, with the interval: the odds ratio of a higher grade (ordinal) or the ratio of the mean counts (negative
    binomial); of a linear model the interval is that of the estimate. Complete cases. q: Benjamini-Hochberg within the
    table. By cut: the partial proportional odds of grades whose odds are not proportional; of others it has no row.

    Parameters
    ----------
    table : DataFrame
        The rows.
    severities : Mapping of str to Series
        Severity overall and by artery, by the table's index.
    models : Mapping of str to str
        Marker: ordinal, negative-binomial or linear.
    covariates : sequence of str
        Columns of all models.
    references : Mapping of str to str
        Reference level by category.

    Returns
    -------
    tuple of DataFrame
        The table of models, and that of the cuts.
    """
    rows, cuts = [], []
    adjusting = [model_columns(table, name, references, {}) for name in covariates]
    for group, severity in severities.items():
        for marker, kind in models.items():
            design = pd.concat([severity.rename("severity"), *adjusting], axis=1)
            known = design.notna().all(axis=1) & table[marker].notna()
            found = FITS[kind](table.loc[known, marker].to_numpy(float), design[known])
            note = rows_left_out(int((~known).sum()))
            base = {"group": group, "measure": marker, "n": int(known.sum()), "adjusted_for": ", ".join(covariates)}
            if kind == "ordinal":
                cuts += [base | cut for cut in partial_odds(table.loc[known, marker].to_numpy(float), design[known])]
            rows.append(base | found | {"note": join_reasons(str(found.get("note", "")), note)})
    result = pd.DataFrame(rows, columns=COLUMNS)
    result["q"] = false_discovery_rate(result["p"])
    return result, pd.DataFrame(cuts, columns=CUT_COLUMNS)


def checked_counts(counts: np.ndarray, design: pd.DataFrame) -> str:
    """Why there can be no fit of counts; empty if nothing speaks against it.

    Parameters
    ----------
    counts : ndarray, shape (n,)
        The marker.
    design : DataFrame, shape (n, k)
        Complete columns, the severity first, the intercept not among them.

    Returns
    -------
    str
        The reason.
    """
    problem = checked_marker(counts, design)
    if not problem and ((counts < 0).any() or (counts != np.round(counts)).any()):
        problem = "the marker holds numbers that are no counts"
    return problem


def fit_negative_binomial(counts: np.ndarray, design: pd.DataFrame) -> dict[str, object]:
    """Negative binomial regression with log link (NB2) by maximum likelihood; the row of the first term.

    Standard errors at the dispersion that was found, as R's MASS::glm.nb gives them. Where the counts vary no more than
    Poisson's, its regression is used, and the method names it.

    Parameters
    ----------
    counts : np.ndarray
        Counts (n,), whole numbers.
    design : pd.DataFrame
        Columns of the model (n, k), the severity first.

    Returns
    -------
    dict[str, object]
        Column -> value.
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
    return ratio_row(method, float(result.params[1] / spread.iloc[0]), float(result.bse[1] / spread.iloc[0]), note)


def fit_plain(values: np.ndarray, design: pd.DataFrame) -> dict[str, object]:
    """Linear regression with HC3 errors (`regression.fit_linear`); the row of the first term.

    Parameters
    ----------
    values : np.ndarray
        Values (n,).
    design : pd.DataFrame
        Columns of the model (n, k), the severity first.

    Returns
    -------
    dict[str, object]
        Column -> value.
    """
    fit = fit_linear(values, design)
    found = fit.table.iloc[0]
    names = ("estimate", "se", "ci_low", "ci_high", "p")
    return {"method": fit.method, "note": fit.note} | {name: found[name] for name in names}


FITS = {"ordinal": fit_ordinal, "negative-binomial": fit_negative_binomial, "linear": fit_plain}
