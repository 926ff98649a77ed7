"""Restricted cubic splines: whether a predictor's association is a straight line, and the curve that it is instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from angiolith.cohort.outcome_models import RATIOS, OutcomeModel, is_penalised
from angiolith.cohort.regression import Fit, joint_wald, rows_left_out
from angiolith.cohort.variables import is_number, model_columns
from angiolith.core.tables import join_reasons

# [1] Probability of the outer knots with 3, with 4 to 6, and with 7 knots. Source: Harrell, Regression Modeling
# Strategies, 2nd ed., 2015, table 2.3.
OUTER_QUANTILE = {3: 0.1, 4: 0.05, 5: 0.05, 6: 0.05, 7: 0.025}
# [number] Below this many values the outer knots are the fifth smallest and the fifth largest. Source: Harrell 2015.
FEW_VALUES = 100
# [number] Rank of the outer knots where values are few. Source: Harrell 2015.
OUTER_RANK = 5
# [1] A part of the values tied at an end that makes the next value a knot. Source: rcspline.eval of R's Hmisc.
TIED_PART = 0.05
# [1] Quantiles between which a curve is given: beyond them hardly a row supports it. Source: definition.
SHOWN_QUANTILES = (0.01, 0.99)
# [number] Points of a curve. Source: layout.
POINTS = 101
TESTS = [
    *("model", "predictor", "knots", "reference", "n", "events", "df", "statistic", "p", "statistic_nonlinear"),
    *("p_nonlinear", "method", "adjusted_for", "note", "outcome"),
]
CURVES = [
    *("model", "predictor", "value", "estimate", "se", "odds_ratio", "ci_low", "ci_high", "hazard_ratio", "outcome"),
]


@dataclass(frozen=True)
class Curve:
    """A fitted spline: its tests, and its course beside the reference value.

    df, statistic, p: of the association as a whole; *_nonlinear: of its deviation from a straight line. estimate, se,
    low, high: (m,) difference from the reference on the model's scale, with its 95 % interval.
    """

    df: int
    statistic: float
    p: float
    statistic_nonlinear: float
    p_nonlinear: float
    estimate: np.ndarray
    se: np.ndarray
    low: np.ndarray
    high: np.ndarray


def knots_of(values: np.ndarray, count: int) -> np.ndarray:
    """Harrell's knots of a number, rising: quantiles that are equally spaced between the outer ones.

    Where many values are tied at an end (no calcium: 0) and nowhere else, the next value is the knot there and the
    other knots are of the values beyond it, as in R's Hmisc.

    Parameters
    ----------
    values : np.ndarray
        Known values (n,).
    count : int
        Number of knots, 3 to 7.

    Returns
    -------
    np.ndarray
        Knots.

    Raises
    ------
    ValueError
        Where fewer than 3 distinct knots result.
    """
    values = np.sort(values)
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) - 2 <= count:
        raise ValueError(f"{len(distinct)} distinct values are too few for {count} knots")
    parts = counts / len(values)
    ends: list[float] = []
    left, inner = [False, False], values
    if parts[1:-1].max() < TIED_PART:
        if parts[0] >= TIED_PART:
            ends, left[0] = [float(distinct[1])], True
            inner = inner[inner > distinct[1]]
        if parts[-1] >= TIED_PART:
            ends, left[1] = [*ends, float(inner[inner < inner[-1]][-1])], True
            inner = inner[inner < ends[-1]]
    wanted, outer = count - sum(left), OUTER_QUANTILE[count]
    found = np.quantile(inner, np.linspace(0.5 if wanted <= 2 else outer, 1 - outer, wanted))
    if len(inner) < FEW_VALUES and wanted > 1:
        if not left[0]:
            found[0] = inner[OUTER_RANK - 1]
        if not left[1]:
            found[-1] = inner[-OUTER_RANK]
    knots = np.unique([*found, *ends])
    if len(knots) < 3:
        raise ValueError(f"{len(knots)} distinct knots are too few; too many values are alike")
    return knots


def spline_columns(values: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """(n, k - 1) columns of a restricted cubic spline with k knots: the number itself, then k - 2 cubic terms.

    Beyond the outer knots the curve is a straight line (Harrell 2015, section 2.4.5; the terms are divided by the
    square of the distance of the outer knots).

    Parameters
    ----------
    values : np.ndarray
        Values (n,).
    knots : np.ndarray
        Knots (k,), rising.

    Returns
    -------
    np.ndarray
        Columns (n, k - 1).
    """
    last, before = knots[-1], knots[-2]

    def cubed(knot: float) -> np.ndarray:
        return np.asarray(np.maximum(values - knot, 0.0) ** 3)

    terms = [
        (
            cubed(knot)
            - cubed(before) * (last - knot) / (last - before)
            + cubed(last) * (before - knot) / (last - before)
        )
        / (last - knots[0]) ** 2
        for knot in knots[:-2]
    ]
    return np.column_stack([values, *terms])


def curve_of(fit: Fit, knots: np.ndarray, reference: float, values: np.ndarray, linear: bool) -> Curve:
    """Tests and course of the spline whose columns are the first of a fit's.

    Wald's tests, by the fit's covariance.

    Parameters
    ----------
    fit : Fit
        The fit, the spline's columns first.
    knots : np.ndarray
        Knots (k,), rising.
    reference : float
        Value that the curve is compared with.
    values : np.ndarray
        Values (m,) at which the curve is given.
    linear : bool
        Whether the model is a linear one, whose tests are F tests and whose intervals are of t.

    Returns
    -------
    Curve
        Tests and curve.
    """
    k = len(knots) - 1
    beta, covariance = fit.table["estimate"].to_numpy(float)[:k], fit.covariance[:k, :k]
    freedom = fit.n - len(fit.table) - 1
    overall = joint_wald(beta, covariance)
    nonlinear = joint_wald(beta[1:], covariance[1:, 1:])
    if linear:
        p, p_nonlinear = stats.f.sf(overall / k, k, freedom), stats.f.sf(nonlinear / (k - 1), k - 1, freedom)
    else:
        p, p_nonlinear = stats.chi2.sf(overall, k), stats.chi2.sf(nonlinear, k - 1)
    apart = spline_columns(values, knots) - spline_columns(np.array([reference]), knots)
    estimate = apart @ beta
    error = np.sqrt(np.maximum(((apart @ covariance) * apart).sum(axis=1), 0.0))
    reach = (stats.t(freedom) if linear else stats.norm).ppf(0.975) * error
    return Curve(
        k, overall, float(p), nonlinear, float(p_nonlinear), estimate, error, estimate - reach, estimate + reach
    )


def spline_tables(
    asked: Sequence[tuple[OutcomeModel, Mapping[str, int]]],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every predictor that has a spline, alone and in every model: tests (columns `TESTS`) and curves (`CURVES`).

    asked: outcomes, each with variable -> number of knots. A covariate among them is adjusted for by its own spline.
    reference: the median of the rows with a known outcome. Curves: odds or hazard ratio, or difference, beside the
    reference, with its interval. Complete cases. A model without a fit is a row of the tests whose note says why.

    Parameters
    ----------
    asked : sequence of (OutcomeModel, Mapping)
        Of `outcome_models`.

    Returns
    -------
    tuple of DataFrame
        Tests and curves.
    """
    tests: list[dict[str, object]] = []
    curves: list[pd.DataFrame] = []
    for outcome, splines in asked:
        for predictor in (name for name in outcome.predictors if name in splines):
            for model, covariates in outcome.models.items():
                others = [name for name in covariates if name != predictor]
                adjusted = ", ".join(f"{name} (spline)" if name in splines else name for name in others)
                base: dict[str, object] = {"model": model, "predictor": predictor, "outcome": outcome.name}
                base |= {"adjusted_for": adjusted}
                try:
                    knots = _knots(outcome.table, predictor, splines)
                    designs = [_columns(outcome, name, splines) for name in (predictor, *others)]
                except ValueError as why:
                    tests.append(base | {"note": str(why)})
                    continue
                row, course = _fitted(outcome, predictor, knots, designs)
                tests.append(base | row)
                if course is not None:
                    curves.append(course.assign(model=model, predictor=predictor, outcome=outcome.name))
    made = pd.concat(curves, ignore_index=True)[CURVES] if curves else pd.DataFrame(columns=CURVES)
    return pd.DataFrame(tests, columns=TESTS), made


def _knots(known: pd.DataFrame, name: str, splines: Mapping[str, int]) -> np.ndarray:
    """The knots of a variable's spline; ValueError, which names it, where it can have none."""
    if not is_number(known[name]):
        raise ValueError(f"{name} is a category, and a spline needs a number")
    try:
        return knots_of(known[name].dropna().to_numpy(float), splines[name])
    except ValueError as why:
        raise ValueError(f"{name}: {why}") from None


def _columns(outcome: OutcomeModel, name: str, splines: Mapping[str, int]) -> pd.DataFrame:
    """The columns of a variable in a model, its spline's where it has one."""
    known = outcome.table
    if name not in splines:
        return model_columns(known, name, outcome.references, outcome.per)
    columns = spline_columns(known[name].to_numpy(float), _knots(known, name, splines))
    return pd.DataFrame(columns, known.index, [name + "'" * at for at in range(columns.shape[1])])


def _fitted(
    outcome: OutcomeModel, predictor: str, knots: np.ndarray, designs: Sequence[pd.DataFrame]
) -> tuple[dict[str, object], pd.DataFrame | None]:
    """The row of tests of one model, and its curve where there is one. designs: the predictor's columns first."""
    design = pd.concat(designs, axis=1)
    complete = design.notna().all(axis=1)
    fit = outcome.fit(design[complete])
    values = outcome.table[predictor]
    reference = float(values.median())
    note = join_reasons(fit.note, outcome.note, rows_left_out(int((~complete).sum())))
    row: dict[str, object] = {"knots": ", ".join(f"{knot:g}" for knot in knots), "reference": reference, "n": fit.n}
    row |= {"events": fit.events, "method": fit.method, "note": note}
    if fit.exists and is_penalised(fit):
        return row | {"note": join_reasons("no curve of a separated outcome", note)}, None
    if not fit.exists:
        return row, None
    first, last = (float(values.quantile(place)) for place in SHOWN_QUANTILES)
    shown = np.linspace(first, last, POINTS)
    curve = curve_of(fit, knots, reference, shown, linear=fit.method.startswith("linear regression"))
    row |= {name: getattr(curve, name) for name in ("df", "statistic", "p", "statistic_nonlinear", "p_nonlinear")}
    ends = (np.exp(curve.low), np.exp(curve.high)) if outcome.ratio else (curve.low, curve.high)
    course: dict[str, object] = {"value": shown, "estimate": curve.estimate, "se": curve.se, **dict.fromkeys(RATIOS)}
    if outcome.ratio:
        course[outcome.ratio] = np.exp(curve.estimate)
    return row, pd.DataFrame(course | {"ci_low": ends[0], "ci_high": ends[1]}).astype(dict.fromkeys(RATIOS, float))
