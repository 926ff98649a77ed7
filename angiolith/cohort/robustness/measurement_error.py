"""What error of measurement in a predictor does to its association: regression calibration and SIMEX.

Classical error is assumed: measured = true + error, where the error has mean 0, the same spread for all, and nothing to
do with the true value or the outcome. Its SD comes from repeats, or is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from angiolith.cohort.associations import Plan
from angiolith.cohort.outcome import response_of
from angiolith.cohort.regression import Fit, clusters_of, fit_rows, rows_left_out, wald
from angiolith.cohort.variables import is_number, model_columns, models_of
from angiolith.core.settings.analyses import MeasurementError
from angiolith.core.tables import join_reasons

# [1] Variances of error that are added, in multiples of the error's own. Source: Cook and Stefanski 1994.
ADDED = (0.5, 1.0, 1.5, 2.0)
# [number] Simulated data sets per added variance. Source: default of R's simex.
SIMULATIONS = 100
# [seed] Seed of the simulated error. Source: definition.
SEED = 20170
# [1] Below this fraction of true variance nothing can be corrected. Source: definition.
RELIABILITY_MIN = 0.2
Fitted = Callable[[pd.DataFrame, Sequence[str]], Fit]
NAIVE, CALIBRATED, SIMEX = "as measured", "regression calibration", "SIMEX"
COLUMNS = [
    *("model", "predictor", "correction", "per", "n", "events", "error_sd", "reliability", "estimate", "se"),
    *("odds_ratio", "ci_low", "ci_high", "p", "method", "adjusted_for", "note"),
]


def error_sd_of(table: pd.DataFrame, predictor: str, settings: MeasurementError) -> tuple[float, str]:
    """SD of the predictor's error, and a note. From repeats: the within-row SD (Bland and Altman, BMJ 1996;313:744).
    From bounds: the mean variance that they stand for as ends of 95 % intervals.

    Where the predictor is the mean of `averaged` measurements its error is smaller by the root of their number.

    Parameters
    ----------
    table : pd.DataFrame
        Analysed rows.
    predictor : str
        Column of the predictor.
    settings : MeasurementError
        What is known of its error.

    Returns
    -------
    tuple[float, str]
        SD (NaN where unknown) and note.
    """
    if settings.standard_error is not None:
        error, note = settings.standard_error, "error SD as given"
    elif settings.bounds:
        low, high = (table[name] for name in settings.bounds)
        spread = ((high - low) / (2 * stats.norm.ppf(0.975))).dropna()
        if len(spread) < 2:
            return np.nan, f"{len(spread)} row(s) with both bounds are too few"
        error = float(np.sqrt((spread**2).mean()))
        note = f"error SD from the bounds of {len(spread)} rows"
    else:
        repeats = table[settings.repeats].dropna()
        if len(repeats) < 2:
            return np.nan, f"{len(repeats)} row(s) with all repeats are too few"
        error = float(np.sqrt(repeats.var(axis=1, ddof=1).mean()))
        note = f"error SD from {len(repeats)} rows with {len(settings.repeats)} repeats"
    return error / float(np.sqrt(settings.averaged)), note


def calibrate(design: pd.DataFrame, error_sd: float) -> tuple[np.ndarray, float]:
    """The matrix that turns naive into calibrated coefficients, and the reliability of the first column given the rest.

    Coefficients of a regression on measured columns are S^-1 (S - E) times those on true ones, where S is the columns'
    covariance and E the error's (Rosner, Spiegelman and Willett, Am J Epidemiol 1990;132:734): exact for a linear
    model, close for a logistic one of a small effect or a rare event.

    Parameters
    ----------
    design : pd.DataFrame
        Columns (n, k), the predictor with error first.
    error_sd : float
        SD of the error of the first column.

    Returns
    -------
    tuple[np.ndarray, float]
        Matrix (k, k) and reliability.

    Raises
    ------
    ValueError
        Where hardly any variance is true.
    """
    total = np.atleast_2d(np.cov(design.to_numpy(float), rowvar=False))
    true = total.copy()
    true[0, 0] -= error_sd**2
    conditional = 1 / np.linalg.inv(total)[0, 0]
    reliability = float(1 - error_sd**2 / conditional)
    if not reliability >= RELIABILITY_MIN:
        raise ValueError(
            f"reliability {reliability:.2f}: too little of the predictor's variance is true to correct for"
        )
    return np.linalg.solve(true, total), reliability


def simex(design: pd.DataFrame, error_sd: float, fitted: Fitted) -> tuple[float, float]:
    """Estimate and standard error of the first term by simulation and extrapolation (Cook and Stefanski, JASA 1994).

    Error of 1.5, 2, 2.5 and 3 times the variance is simulated; a parabola through the means is read at no error.
    Variance: Stefanski and Cook, JASA 1995;90:1247. NaN where a simulated data set has no fit.

    Parameters
    ----------
    design : pd.DataFrame
        Columns (n, k), the predictor with error first.
    error_sd : float
        SD of the error of the first column.
    fitted : Fitted
        Gives the model's fit of a design and of the terms that get likelihood intervals.

    Returns
    -------
    tuple[float, float]
        Estimate and standard error.
    """
    rng = np.random.default_rng(SEED)
    first = design.columns[0]

    def once(data: pd.DataFrame) -> tuple[float, float]:
        fit = fitted(data, ())
        if not fit.exists:
            return np.nan, np.nan
        estimate, error = fit.table.loc[first, ["estimate", "se"]].to_numpy(float)
        return float(estimate), float(error) ** 2

    estimate, variance = once(design)
    means, variances = [estimate], [variance]
    for added in ADDED:
        noise = rng.standard_normal((SIMULATIONS, len(design))) * error_sd * np.sqrt(added)
        noise -= noise.mean(axis=1, keepdims=True)
        drawn = np.array([once(design.assign(**{first: design[first] + each})) for each in noise])
        means.append(float(drawn[:, 0].mean()))
        variances.append(float(drawn[:, 1].mean() - drawn[:, 0].var(ddof=1)))
    at = np.array([0.0, *ADDED])
    if not np.isfinite([*means, *variances]).all():
        return np.nan, np.nan
    extrapolated = [float(np.polyval(np.polyfit(at, values, 2), -1.0)) for values in (means, variances)]
    return extrapolated[0], float(np.sqrt(max(extrapolated[1], 0.0))) or np.nan


def error_corrected(table: pd.DataFrame, plan: Plan, errors: Mapping[str, MeasurementError]) -> pd.DataFrame:
    """Each predictor with a declared error, in every model: as measured, calibrated, and by SIMEX; columns `COLUMNS`.

    Errors of the estimates take the error's SD as known. Complete cases. Rows of one
    cluster have robust errors, as in `associations`.

    Parameters
    ----------
    table : pd.DataFrame
        Analysed rows.
    plan : Plan
        Outcome, models and settings.
    errors : Mapping[str, MeasurementError]
        Predictor -> what is known of its error.

    Returns
    -------
    pd.DataFrame
        One row per predictor, model and method.
    """
    known = table[table[plan.outcome].notna()]
    response, _ = response_of(known[plan.outcome], plan.regression, plan.event)
    clusters = clusters_of(known, plan.cluster)

    def fitted(design: pd.DataFrame, profiled: Sequence[str]) -> Fit:
        return fit_rows(response[design.index], design, clusters, plan.regression, plan.correlation, profiled)

    rows: list[dict[str, object]] = []
    for predictor, settings in errors.items():
        sd, source = error_sd_of(known, predictor, settings)
        for model, covariates in models_of(plan.models).items():
            others = [name for name in covariates if name != predictor]
            base: dict[str, object] = {"model": model, "predictor": predictor, "adjusted_for": ", ".join(others)}
            base |= {"error_sd": sd, "per": plan.per.get(predictor, 1.0)}
            if not is_number(known[predictor]):
                rows.append(
                    base | {"correction": NAIVE, "note": f"{predictor} holds categories, which have no such error"}
                )
                continue
            try:
                parts = [model_columns(known, name, plan.references, {}) for name in (predictor, *others)]
            except ValueError as error:
                rows.append(base | {"correction": NAIVE, "note": str(error)})
                continue
            design = pd.concat(parts, axis=1)
            complete = design.notna().all(axis=1)
            left = rows_left_out(int((~complete).sum()))
            rows += _corrections(fitted, design[complete], sd, plan.regression == "logistic", base, (source, left))
    return pd.DataFrame(rows, columns=COLUMNS)


def _corrections(
    fitted: Fitted,
    design: pd.DataFrame,
    sd: float,
    logistic: bool,
    base: Mapping[str, object],
    notes: Sequence[str],
) -> list[dict[str, object]]:
    fit = fitted(design, [design.columns[0]])
    common = dict(base) | {"n": fit.n, "events": fit.events, "method": fit.method}
    if not fit.exists:
        return [common | {"correction": NAIVE, "note": join_reasons(fit.note, *notes)}]
    step, first = float(str(base["per"])), design.columns[0]

    def row(
        correction: str, estimate: float, error: float, interval: Sequence[float] = (), **more: object
    ) -> dict[str, object]:
        low, high, p = interval or wald(estimate, error)
        ends = (np.exp(low * step), np.exp(high * step)) if logistic else (low * step, high * step)
        ratio = np.exp(estimate * step) if logistic else np.nan
        found = {"estimate": estimate * step, "se": error * step, "odds_ratio": ratio, "p": float(p)}
        return common | {"correction": correction} | found | {"ci_low": ends[0], "ci_high": ends[1]} | more

    measured, error, *own = map(float, fit.table.loc[first, ["estimate", "se", "ci_low", "ci_high", "p"]])
    rows = [row(NAIVE, measured, error, own, note=join_reasons(fit.note, *notes))]
    if not np.isfinite(sd):
        return rows
    try:
        matrix, reliability = calibrate(design, sd)
    except ValueError as why:
        return [*rows, common | {"correction": CALIBRATED, "note": str(why)}]
    # the first row of the matrix has the factor alone: covariates are free of error
    estimate = float(matrix[0] @ fit.table["estimate"].to_numpy(float))
    spread = float(abs(matrix[0, 0]) * error)
    rows.append(
        row(CALIBRATED, estimate, spread, reliability=reliability, note=join_reasons("error SD taken as known", *notes))
    )
    found = simex(design, sd, fitted)
    return [*rows, row(SIMEX, *found, reliability=reliability, note=join_reasons(f"{SIMULATIONS} simulations", *notes))]
