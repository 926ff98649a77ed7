"""Specification curve: one association under every variant of a declared grid, each a row of a table.

Variants are columns, covariate sets, subsets of rows and ways with missing covariates, all declared before (Simonsohn,
Simmons and Nelson, Nat Hum Behav 2020;4:1208). The estimate is per SD of the predictor, so that volume, Agatston
equivalent and grade can stand beside each other; of a yes/no predictor it is yes against no.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from angiolith.cohort.attrition import meets
from angiolith.cohort.external import StudyTableError
from angiolith.cohort.imputation import NO_COMMON_FIT, imputable, imputed_tables, pool_fits
from angiolith.cohort.outcome import OutcomeError, response_of
from angiolith.cohort.regression import Fit, clusters_of, fit_rows, rows_left_out
from angiolith.cohort.variables import is_number, is_yes_no, model_columns
from angiolith.core.settings.analyses import Analysis, Criterion, Specifications
from angiolith.core.tables import join_reasons

ALL_ROWS, UNADJUSTED, THIS_RUN = "all rows", "unadjusted", "this run"
COMPLETE, IMPUTED = "complete cases", "imputed"
# [1] Level of the summary's count. Source: definition.
ALPHA = 0.05
KEYS = ("subject", "session", "lesion")
CHOICES = ["outcome", "predictor", "covariates", "subset", "data", "source"]
COLUMNS = [
    *("specification", "rank", *CHOICES[:-1], "primary", "n", "events", "scale", "estimate", "se", "ratio"),
    *("ci_low", "ci_high", "p", "same_sign", "method", "adjusted_for", "note", "source"),
]
SUMMARY = [
    *("choice", "option", "n_specifications", "n_estimated", "median_estimate", "lowest", "highest"),
    *("percent_same_sign", "percent_below_0_05"),
]


def specifications(
    table: pd.DataFrame, analysis: Analysis, grid: Specifications, others: Mapping[str, pd.DataFrame] | None = None
) -> pd.DataFrame:
    """Fit every variant of the grid: a table with the columns `COLUMNS`, in the order of the grid.

    The first option of every choice makes the primary specification. same_sign: whether the estimate has its sign.
    rank: by the estimate, from the lowest. A variant that cannot be fitted is a row whose note says why.

    Parameters
    ----------
    table : DataFrame
        The analysed rows.
    analysis : Analysis
        Its settings.
    grid : Specifications
        The variants.
    others : Mapping of str to DataFrame, optional
        Tables of other runs by the option's name (`sources`).

    Returns
    -------
    DataFrame
        A row per variant.
    """
    outcomes = grid.outcomes or {str(analysis.outcome): str(analysis.outcome)}
    covariates = grid.covariates or {UNADJUSTED: []}
    subsets: dict[str, list[Criterion]] = grid.subsets or {ALL_ROWS: []}
    rows = []
    measured = [*outcomes.values(), *grid.predictors.values()]
    tables = {THIS_RUN: table} | {
        name: with_measures_of(table, other, measured) for name, other in (others or {}).items()
    }
    options = (outcomes, grid.predictors, covariates, subsets, grid.missing_covariates, tables)
    for number, chosen in enumerate(itertools.product(*options), start=1):
        outcome, predictor, adjusted, subset, data, source = chosen
        row: dict[str, object] = dict(zip(CHOICES, chosen, strict=True)) | {"specification": number}
        inside = _subset(tables[source], subsets[subset])
        names = [name for name in covariates[adjusted] if name != grid.predictors[predictor]]
        row |= {"primary": number == 1, "adjusted_for": ", ".join(names)}
        rows.append(row | _fitted(inside, analysis, outcomes[outcome], grid.predictors[predictor], names, data))
    made = pd.DataFrame(rows, columns=COLUMNS)
    made["rank"] = made["estimate"].astype(float).rank(method="first")
    first = made["estimate"].iloc[0] if len(made) else np.nan
    known = made["estimate"].notna() & pd.notna(first)
    made["same_sign"] = (np.sign(made["estimate"].astype(float)) == np.sign(first)).astype(float).where(known)
    return made


def with_measures_of(table: pd.DataFrame, other: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The rows with the measures that another run found.

    Parameters
    ----------
    table : DataFrame
        The analysed rows.
    other : DataFrame
        The other run's table.
    names : sequence of str
        Columns that are taken from it where it has them.

    Returns
    -------
    DataFrame
        The same rows; a measure is missing where the other run has no such row.

    Raises
    ------
    StudyTableError
        If the other table names a row twice, or has none of the columns.
    """
    keys = [name for name in KEYS if name in table and name in other]
    taken = [name for name in dict.fromkeys(names) if name in other]
    if not keys or not taken:
        raise StudyTableError(f"sources: the table needs subject and one of {', '.join(dict.fromkeys(names))}")
    if other.duplicated(keys).any():
        raise StudyTableError(f"sources: {' and '.join(keys)} name more than one row of the table")
    text = dict.fromkeys(keys, str)
    found = table[keys].astype(text).merge(other[[*keys, *taken]].astype(text), on=keys, how="left", validate="m:1")
    return table.assign(**{name: found[name].to_numpy() for name in taken})


def _subset(table: pd.DataFrame, criteria: Sequence[Criterion]) -> pd.DataFrame:
    """The rows that meet every criterion; a missing value does, where it is kept."""
    for each in criteria:
        values = table[each.column]
        stays = values.notna() & meets(values, each)
        table = table[stays | values.isna() if each.missing == "keep" else stays]
    return table


def _fitted(
    table: pd.DataFrame,
    analysis: Analysis,
    outcome: str,
    predictor: str,
    covariates: Sequence[str],
    data: str,
) -> dict[str, object]:
    """What one variant gives."""
    known = table[table[outcome].notna() & table[predictor].notna()]
    try:
        response, _ = response_of(known[outcome], analysis.regression, analysis.event)
        own = _predictor_columns(known, predictor, analysis)
        designs = [model_columns(known, name, analysis.references, {}) for name in covariates]
    except (OutcomeError, ValueError) as why:
        return {"n": len(known), "note": str(why)}
    if not own.shape[1]:
        return {"n": len(known), "note": f"{predictor} has one level only"}
    scale = "per SD" if is_number(known[predictor]) and not is_yes_no(known[predictor]) else "per step"
    design = pd.concat([own, *designs], axis=1)
    complete = design.notna().all(axis=1)
    term = own.columns[0]
    fit = _fit(response[complete], design[complete], known, analysis, [term])
    found: dict[str, object] = {"n": fit.n, "events": fit.events, "method": fit.method, "scale": scale}
    note = join_reasons(fit.note, rows_left_out(int((~complete).sum())))
    if own.shape[1] > 1:
        note = join_reasons(f"the predictor has {own.shape[1]} terms; the first is given ({term})", note)
    if not fit.exists:
        return found | {"note": note}
    estimate, error = (float(value) for value in fit.table.loc[term, ["estimate", "se"]])
    low, high, p = (float(value) for value in fit.table.loc[term, ["ci_low", "ci_high", "p"]])
    if data == IMPUTED and imputable(known, covariates):
        seen = pd.concat([response.rename("outcome"), own], axis=1)
        fits = []
        for copy in imputed_tables(known, seen, covariates, analysis.imputations, analysis.imputation_seed):
            filled = pd.concat(
                [own, *(model_columns(copy, name, analysis.references, {}) for name in covariates)], axis=1
            )
            whole = filled.notna().all(axis=1)
            fits.append(_fit(response[whole], filled[whole], known, analysis, ()))
        pooled = pool_fits(fits, term)
        if pooled is None:
            return found | {"note": NO_COMMON_FIT if fits else "no imputed table was asked for (imputations)"}
        estimate, error, (low, high, p) = pooled.estimate, pooled.se, pooled.interval()
        found |= {"n": fits[0].n, "events": fits[0].events}
        note = join_reasons(fits[0].note, f"{len(fits)} imputed tables")
    logistic = analysis.regression == "logistic"
    ends = (np.exp(low), np.exp(high)) if logistic else (low, high)
    found |= {"estimate": estimate, "se": error, "ratio": np.exp(estimate) if logistic else np.nan, "p": p}
    return found | {"ci_low": ends[0], "ci_high": ends[1], "note": note}


def _predictor_columns(table: pd.DataFrame, name: str, analysis: Analysis) -> pd.DataFrame:
    """The predictor's columns; a number that is not yes/no is divided by its SD."""
    columns = model_columns(table, name, analysis.references, {})
    if is_number(table[name]) and not is_yes_no(table[name]):
        spread = float(columns[name].std(ddof=1))
        return columns / spread if spread > 0 else columns
    return columns


def _fit(
    response: pd.Series, design: pd.DataFrame, table: pd.DataFrame, analysis: Analysis, profiled: Sequence[str]
) -> Fit:
    """A fit with likelihood intervals of the terms `profiled`; rows of one cluster have robust errors."""
    clusters = clusters_of(table, analysis.cluster)
    return fit_rows(response, design, clusters, analysis.regression, analysis.cluster_correlation, profiled)


def specification_summary(made: pd.DataFrame) -> pd.DataFrame:
    """How far the estimates agree, over all variants and over those of each option: columns `SUMMARY`.

    Parameters
    ----------
    made : pd.DataFrame
        Table of `specifications`.

    Returns
    -------
    pd.DataFrame
        One row per choice and option.
    """
    rows = [_summary("all", "all", made)]
    for choice in (name for name in CHOICES if name != "source" or made[name].nunique() > 1):
        rows += [_summary(choice, str(option), part) for option, part in made.groupby(choice, sort=False)]
    return pd.DataFrame(rows, columns=SUMMARY)


def _summary(choice: str, option: str, made: pd.DataFrame) -> Mapping[str, object]:
    estimates = made["estimate"].astype(float).dropna()
    values = (len(made), len(estimates), estimates.median(), estimates.min(), estimates.max())
    below = (made["p"].astype(float).dropna() < ALPHA).mean()
    percent = (100 * made["same_sign"].astype(float).mean(), 100 * below)
    return dict(zip(SUMMARY, (choice, option, *values, *percent), strict=True))
