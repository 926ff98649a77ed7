"""Multiple imputation of missing covariates by chained equations, and the pooling of what the models then say.

Predictive mean matching within chained equations (van Buuren and Groothuis-Oudshoorn, J Stat Softw 2011;45(3)) from
outcome, predictor and all covariates; categories of three levels or more by a multinomial model. Own code: statsmodels'
MICEData builds its formulas anew for every draw, which is minutes where this is seconds. The predictor and the outcome
are never imputed: where a predictor is missing it often has no value (the density of no calcium), and an imputed
outcome adds nothing but noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from angiolith.cohort.category_imputation import drawn_levels
from angiolith.cohort.regression import Fit, wald
from angiolith.cohort.variables import is_number, levels_of

# [number] Donors of predictive mean matching. Source: van Buuren 2011, mice's default.
DONORS = 5
# [number] Cycles between two imputations, and before the first. Source: numerics.
CYCLES = 10
NO_COMMON_FIT = "the model has no common fit in the imputed tables"


@dataclass(frozen=True)
class Pooled:
    """Rubin's rules for one term: estimate, its standard error, degrees of freedom, fraction of missing information."""

    estimate: float
    se: float
    df: float
    missing_information: float

    def interval(self) -> tuple[float, float, float]:
        """95 % interval and two-sided p, from the t distribution."""
        low, high, p = wald(self.estimate, self.se, stats.t(self.df))
        return low, high, float(p)


def pool(estimates: np.ndarray, errors: np.ndarray, df_complete: float) -> Pooled:
    """Pool one term's estimates and standard errors over the imputations, each (m,).

    Rubin 1987; degrees of freedom of Barnard and Rubin, Biometrika 1999;86:948, with those of the complete data
    (rows less parameters); fraction of missing information with its small-sample term, as R's mice gives it.

    Parameters
    ----------
    estimates, errors : np.ndarray
        Estimates and standard errors (m,).
    df_complete : float
        Degrees of freedom of the complete data.

    Returns
    -------
    Pooled
        Estimate, standard error, degrees of freedom and fraction of missing information.
    """
    m = len(estimates)
    within, between = float(np.mean(errors**2)), float(np.var(estimates, ddof=1))
    total = within + (1 + 1 / m) * between
    missing_information = (1 + 1 / m) * between / total
    df_observed = (df_complete + 1) / (df_complete + 3) * df_complete * (1 - missing_information)
    df = 1 / (missing_information**2 / (m - 1) + 1 / df_observed)
    increase = (1 + 1 / m) * between / within
    missing = (increase + 2 / (df + 3)) / (increase + 1)
    return Pooled(float(np.mean(estimates)), float(np.sqrt(total)), df, missing)


def pool_fits(fits: Sequence[Fit], term: str) -> Pooled | None:
    """One term of the same model in every imputed table, pooled; None where the tables have no common fit.

    Parameters
    ----------
    fits : Sequence[Fit]
        One fit per imputed table.
    term : str
        Name of the term.

    Returns
    -------
    Pooled | None
        The pooled term, or None.
    """
    if not fits or any(not fit.exists or fit.method != fits[0].method for fit in fits):
        return None
    values = np.array([fit.table.loc[term, ["estimate", "se"]].to_numpy(float) for fit in fits])
    return pool(values[:, 0], values[:, 1], fits[0].n - len(fits[0].table) - 1)


def imputable(table: pd.DataFrame, covariates: Sequence[str]) -> list[str]:
    """Covariates with missing values that can be imputed: numbers, and categories of two levels or more.

    Parameters
    ----------
    table : DataFrame
        The rows.
    covariates : sequence of str
        Columns of a model.

    Returns
    -------
    list of str
        Their names.
    """
    return [
        name
        for name in covariates
        if table[name].isna().any() and (is_number(table[name]) or len(levels_of(table[name])) > 1)
    ]


def imputed_tables(
    table: pd.DataFrame, known: pd.DataFrame, covariates: Sequence[str], imputations: int, seed: int
) -> list[pd.DataFrame]:
    """`imputations` copies of the table with the missing values of `imputable` covariates filled in.

    The same seed gives the same tables.

    Parameters
    ----------
    table : pd.DataFrame
        Analysed rows.
    known : pd.DataFrame
        Numeric columns without missing values that the imputation models use besides (outcome,
        predictor).
    covariates : Sequence[str]
        Columns of covariates.
    imputations : int
        Number of tables.
    seed : int
        Seed of the draws.

    Returns
    -------
    list[pd.DataFrame]
        Tables without missing values in imputable covariates.
    """
    incomplete = imputable(table, covariates)
    coded, levels, indicators = {}, {}, {}
    for name in covariates:
        values = table[name]
        if is_number(values):
            coded[name] = values.astype(float)
            continue
        found = levels_of(values)
        if name in incomplete:
            levels[name] = found
        if name in incomplete and len(found) == 2:
            coded[name] = values.map({level: float(code) for code, level in enumerate(found)}).astype(float)
            continue
        columns = {f"{name} {level}": (values == level).astype(float).where(values.notna()) for level in found[1:]}
        coded |= columns
        if name in incomplete:
            indicators[name] = list(columns)
    frame = pd.DataFrame({**{f"known {name}": known[name] for name in known}, **coded}, index=table.index)
    frame = frame.loc[:, frame.nunique() > 1]
    wanted = [name for name in incomplete if name in frame]
    at = {name: frame.columns.get_loc(name) for name in wanted}
    groups = {name: [frame.columns.get_loc(column) for column in columns] for name, columns in indicators.items()}
    rng = np.random.default_rng(seed)
    filled = []
    for part in chained_draws(frame.to_numpy(float), imputations, rng, list(groups.values())):
        made = {name: pd.Series(part[:, column], table.index) for name, column in at.items()}
        made |= {name: pd.Series(_codes(part[:, columns]), table.index) for name, columns in groups.items()}
        filled.append(
            table.assign(
                **{
                    name: values.map(dict(enumerate(levels[name]))) if name in levels else values
                    for name, values in made.items()
                }
            )
        )
    return filled


def _codes(indicators: np.ndarray) -> np.ndarray:
    """(n,) the level of each row, from the indicators of all levels but the first."""
    return np.asarray(indicators @ np.arange(1, indicators.shape[1] + 1))


def chained_draws(
    values: np.ndarray, imputations: int, rng: np.random.Generator, categories: Sequence[Sequence[int]] = ()
) -> list[np.ndarray]:
    """Complete copies of (n, k) values with NaN, each `CYCLES` cycles of chained equations from the last one.

    A number: predictive mean matching. It is regressed on all others; coefficients and residual variance are drawn from
    their posterior for the rows to be filled, not for the donors (van Buuren's type 1 matching), and each gap takes the
    value of one of the `DONORS` rows whose prediction is nearest. categories: columns that are the indicators of one
    category, of all its levels but the first; `drawn_levels` fills them together. A first guess draws from the known
    values.

    Parameters
    ----------
    values : ndarray, shape (n, k)
        Columns of numbers and of indicators; NaN where missing.
    imputations : int
        Number of copies.
    rng : Generator
        Of the draws.
    categories : sequence of sequence of int
        Columns of each incomplete category.

    Returns
    -------
    list of ndarray, shape (n, k)
        The copies.
    """
    gaps = np.isnan(values)
    taken = {column for columns in categories for column in columns}
    alone = [[int(column)] for column in np.flatnonzero(gaps.any(axis=0)) if column not in taken]
    incomplete = sorted([*alone, *map(list, categories)], key=lambda columns: gaps[:, columns[0]].sum())
    filled = values.copy()
    for columns in incomplete:
        gap = gaps[:, columns[0]]
        filled[np.ix_(gap, columns)] = rng.choice(values[~gap][:, columns], gap.sum())
    draws = []
    for _ in range(imputations):
        for _ in range(CYCLES if len(incomplete) > 1 else 1):
            for columns in incomplete:
                gap = gaps[:, columns[0]]
                others = np.delete(filled, columns, axis=1)
                design = np.column_stack([np.ones(len(filled)), (others - others.mean(axis=0)) / others.std(axis=0)])
                if columns[0] in taken:
                    codes = np.where(gap, 0, _codes(np.nan_to_num(values[:, columns]))).astype(int)
                    levels = np.arange(1, len(columns) + 1)
                    filled[np.ix_(gap, columns)] = drawn_levels(design, codes, gap, rng)[:, None] == levels
                else:
                    filled[gap, columns[0]] = _matched(design, values[:, columns[0]], gap, rng)
        draws.append(filled.copy())
    return draws


def _matched(design: np.ndarray, values: np.ndarray, gaps: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Values for the gaps of one column from the known rows with the nearest predictions."""
    known, target = design[~gaps], values[~gaps]
    inverse = np.linalg.pinv(known.T @ known)
    beta = inverse @ known.T @ target
    freedom = max(len(target) - design.shape[1], 1)
    variance = ((target - known @ beta) ** 2).sum() / rng.chisquare(freedom)
    drawn = rng.multivariate_normal(beta, variance * inverse, method="eigh")
    predicted = known @ beta
    order = np.argsort(predicted, kind="stable")
    wanted = design[gaps] @ drawn
    at = np.searchsorted(predicted[order], wanted)
    near = at[:, None] + np.arange(-DONORS, DONORS)[None, :]  # the nearest stand within this window of the sorted ones
    inside = (near >= 0) & (near < len(order))
    near = order[np.clip(near, 0, len(order) - 1)]
    distance = np.where(inside, np.abs(predicted[near] - wanted[:, None]), np.inf)
    nearest = np.argsort(distance, axis=1, kind="stable")
    pick = rng.integers(0, min(DONORS, len(order)), len(wanted))
    rows = np.arange(len(wanted))
    return target[near[rows, nearest[rows, pick]]]
