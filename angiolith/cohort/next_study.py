"""Sizes of a study to come, from what this cohort shows: associations, prediction models, outcomes over time, readers.

Sizes for a change between visits are in the table of `power`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from angiolith.cohort import sample_size as size
from angiolith.cohort.agreement import icc
from angiolith.cohort.associations import Plan, plan_of
from angiolith.cohort.enough import RARER_MIN
from angiolith.cohort.outcome import response_of
from angiolith.cohort.power import raised, size_for_correlation
from angiolith.cohort.regression import Fit, clusters_of, fit_rows
from angiolith.cohort.survival.cox import Episodes, NoFitError, fit_cox
from angiolith.cohort.survival.watched import watched
from angiolith.cohort.variables import is_yes_no, model_columns, models_of
from angiolith.core.settings.analyses import Analysis, FollowUp, NextStudy, PowerSettings
from angiolith.core.tables import join_reasons

# [1] One-sided level of the bound that a careful size is for. Source: Perugini, Perspect Psychol Sci 2014;9:319.
CAREFUL_LEVEL = 0.8
# [number] A larger size says that there is no effect to plan for. Source: definition.
SIZE_MAX = 1_000_000
ASSOCIATION, PREDICTION, AGREEMENT = "association", "prediction model", "agreement of readers"
COLUMNS = [
    *("question", "outcome", "model", "predictor", "criterion", "effect", "n_cohort", "n_total", "n_events"),
    *("method", "adjusted_for", "note"),
]
Row = dict[str, object]


def next_study(table: pd.DataFrame, analysis: Analysis, settings: NextStudy) -> pd.DataFrame:
    """Sizes for every predictor and model of an analysis, and for its readers.

    - association: rows to find the predictor's effect as it is here. Of an outcome over time: events, and rows by the
      part that has the event here.
    - prediction model: rows for a model with as many terms whose R2 is this one's, adjusted for optimism. There is one
      row per criterion of Riley 2020; the largest counts.
    - agreement of readers: things to rate for an interval of the ICC of the width asked for, and to show an ICC above
      the minimum.

    An effect has its own error: the note gives the size at the bound that it passes with 80 %.

    Parameters
    ----------
    table : DataFrame
        The analysed rows.
    analysis : Analysis
        alpha, power and dropout are those of its `power`.
    settings : NextStudy
        What is asked for.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`.
    """
    rows: list[Row] = []
    if analysis.outcome is not None and analysis.predictors:
        rows += _of_outcome(table, plan_of(analysis), analysis.power, settings)
    for name, asked in analysis.follow_up.items():
        rows += _over_time(name, table, asked, analysis, settings)
    for measure, raters in analysis.agreement.items():
        rows += _of_readers(measure, table[raters], settings, analysis.power)
    return pd.DataFrame(rows, columns=COLUMNS)


def _designs(
    table: pd.DataFrame,
    models: Mapping[str, Sequence[str]],
    predictors: Sequence[str],
    references: Mapping[str, str],
) -> list[tuple[Row, pd.DataFrame | None]]:
    """What a row says of each model and predictor, and its columns: the predictor's only one first, else None."""
    found: list[tuple[Row, pd.DataFrame | None]] = []
    for model, covariates in models_of(models).items():
        for predictor in predictors:
            others = [name for name in covariates if name != predictor]
            base: Row = {"model": model, "predictor": predictor, "adjusted_for": ", ".join(others)}
            try:
                parts = [model_columns(table, name, references, {}) for name in (predictor, *others)]
            except ValueError as why:
                found.append((base | {"note": str(why)}, None))
                continue
            if parts[0].shape[1] != 1:
                found.append((base | {"note": "a size is given for a predictor of one term"}, None))
                continue
            found.append((base, pd.concat(parts, axis=1)))
    return found


def _explained(design: pd.DataFrame) -> float:
    """R2 of the first column on the others."""
    if design.shape[1] < 2:
        return 0.0
    first = design.iloc[:, 0].to_numpy(float)
    rest = np.column_stack([np.ones(len(design)), design.iloc[:, 1:].to_numpy(float)])
    residual = first - rest @ np.linalg.lstsq(rest, first, rcond=None)[0]
    return float(1 - residual @ residual / ((first - first.mean()) @ (first - first.mean())))


def _of_outcome(table: pd.DataFrame, plan: Plan, power: PowerSettings, settings: NextStudy) -> list[Row]:
    known = table[table[plan.outcome].notna()]
    response, event = response_of(known[plan.outcome], plan.regression, plan.event)
    clusters = clusters_of(known, plan.cluster)
    rows: list[Row] = []
    for fields, design in _designs(known, plan.models, plan.predictors, plan.references):
        base = fields | {"outcome": plan.outcome}
        if design is None:
            rows.append(base)
            continue
        design = design.dropna()
        own = response[design.index]
        fit = fit_rows(own, design, clusters, plan.regression, plan.correlation)
        base |= {"n_cohort": len(design)}
        if not fit.exists or fit.method.startswith("Firth"):
            rows.append(base | {"note": join_reasons("no estimate to plan from", fit.note)})
            continue
        repeated = clusters is not None and clusters[design.index].duplicated().any()
        notes = "of independent rows: several of one subject hold less" if repeated else ""
        if event is not None:
            rows += _logistic(base, fit, design, own.to_numpy(), power, settings, notes)
        else:
            rows += _linear(base, fit, design, own.to_numpy(), power, settings, notes)
    return rows


def _logistic(
    base: Row,
    fit: Fit,
    design: pd.DataFrame,
    outcome: np.ndarray,
    power: PowerSettings,
    settings: NextStudy,
    notes: str,
) -> list[Row]:
    first, risk = design.iloc[:, 0], float(outcome.mean())
    r2, spread = _explained(design), float(first.std(ddof=1))

    def rows_for(effect: float) -> float:
        if is_yes_no(first):
            return size.size_for_two_risks(effect, float(first.mean()), risk, r2, power.alpha, power.power)
        return size.size_for_odds_ratio(effect, spread, risk, r2, power.alpha, power.power)

    estimate, error = (float(value) for value in fit.table.iloc[0][["estimate", "se"]])
    found = _association(estimate, error, rows_for, power, notes)
    if "n_total" in found:
        found["n_events"] = int(np.ceil(int(str(found["n_total"])) * risk))
    chance = np.clip(fit.fitted, np.finfo(float).tiny, 1.0)
    log_likelihood = np.where(outcome == 1, np.log(chance), np.log1p(-fit.fitted)).sum()
    null = len(outcome) * (risk * np.log(risk) + (1 - risk) * np.log(1 - risk))
    r2_model, problem = _adjusted(2 * (log_likelihood - null), design.shape[1], len(outcome))
    asked = base | {"question": ASSOCIATION, "method": "logistic regression (Hsieh 1998)"} | found
    if problem:
        return [asked, base | {"question": PREDICTION, "note": problem}]
    return [asked, *_prediction(base, r2_model, "Cox and Snell's R2", risk, design.shape[1], power, settings)]


def _linear(
    base: Row,
    fit: Fit,
    design: pd.DataFrame,
    outcome: np.ndarray,
    power: PowerSettings,
    settings: NextStudy,
    notes: str,
) -> list[Row]:
    n, k = design.shape
    columns = np.column_stack([np.ones(n), design.to_numpy(float)])
    residual = outcome - columns @ np.linalg.lstsq(columns, outcome, rcond=None)[0]
    unexplained = residual @ residual / (n - k - 1)
    first = design.iloc[:, 0].to_numpy(float)
    # partial correlation: t of ordinary least squares, as r = t / sqrt(t2 + df)
    estimate = float(fit.table["estimate"].iloc[0])
    plain = np.sqrt(unexplained / (((first - first.mean()) ** 2).sum() * (1 - _explained(design))))
    r = float(estimate / plain / np.sqrt((estimate / plain) ** 2 + n - k - 1))
    error = float(np.sqrt((1 - r**2) / (n - k - 1)))

    def rows_for(effect: float) -> float:
        return size_for_correlation(effect, power.alpha, power.power) + k - 1

    found = _association(r, error, rows_for, power, join_reasons("effect: partial correlation", notes))
    asked = base | {"question": ASSOCIATION, "method": "linear regression, partial correlation, Fisher's z"} | found
    adjusted = float(1 - unexplained / outcome.var(ddof=1))
    return [asked, *_prediction(base, adjusted, "adjusted R2", None, k, power, settings)]


def _association(effect: float, error: float, rows_for: size.Sized, power: PowerSettings, notes: str) -> Row:
    """Effect, size, and the size at the effect's bound; no size where it is too near to zero."""
    needed = rows_for(effect) if effect != 0 else np.inf
    if not needed < SIZE_MAX:
        return {"effect": effect, "note": join_reasons("the effect is too near to zero", notes)}
    bound = abs(effect) - stats.norm.ppf(CAREFUL_LEVEL) * error
    careful = rows_for(float(np.copysign(bound, effect))) if bound > 0 else np.inf
    remark = (
        f"{raised(careful, power)} at {np.copysign(bound, effect):.3g}, which the effect passes with 80 %"
        if careful < SIZE_MAX
        else "the effect may be none: no careful size"
    )
    return {"effect": effect, "n_total": raised(needed, power), "note": join_reasons(remark, notes)}


def _adjusted(likelihood_ratio: float, parameters: int, n: int) -> tuple[float, str]:
    """Cox and Snell's R2 with its heuristic shrinkage (van Houwelingen 1990; Riley 2020), or why there is none."""
    shrinkage = 1 - parameters / likelihood_ratio if likelihood_ratio > 0 else 0.0
    if shrinkage <= 0:
        return np.nan, "the model explains no more than chance does: no size"
    return float(shrinkage * (1 - np.exp(-likelihood_ratio / n))), ""


def _prediction(
    base: Row,
    r2: float,
    what: str,
    risk: float | None,
    parameters: int,
    power: PowerSettings,
    settings: NextStudy,
    rate: tuple[float, float] | None = None,
) -> list[Row]:
    """A row per criterion. risk: of a yes/no outcome; rate: events per time, and mean time, of one over time."""
    wanted = settings.parameters or parameters
    asked: Row = base | {"question": PREDICTION, "effect": r2, "method": f"{wanted} parameters (Riley 2020), {what}"}
    try:
        if rate is not None:
            found = size.cox_model_sizes(wanted, r2, *rate, settings.shrinkage)
        elif risk is not None:
            found = size.logistic_model_sizes(wanted, r2, risk, settings.shrinkage)
        else:
            found = size.linear_model_sizes(wanted, r2, settings.shrinkage)
    except ValueError as why:
        return [asked | {"note": str(why)}]
    part = risk if rate is None else rate[0] * rate[1]
    rows = []
    for criterion, needed in found.items():
        total = raised(needed, power)
        events: Row = {} if part is None else {"n_events": int(np.ceil(total * part))}
        rows.append(asked | {"criterion": criterion, "n_total": total} | events)
    return rows


def _over_time(name: str, table: pd.DataFrame, asked: FollowUp, analysis: Analysis, settings: NextStudy) -> list[Row]:
    rows_watched, power = watched(table, asked), analysis.power
    rows: list[Row] = []
    for fields, design in _designs(rows_watched.table, asked.models, asked.predictors, analysis.references):
        base = fields | {"outcome": name}
        if design is None:
            rows.append(base)
            continue
        complete = design.notna().all(axis=1).to_numpy()
        time, event, design = rows_watched.time[complete], rows_watched.event[complete], design[complete]
        base |= {"n_cohort": len(design)}
        if event.sum() < RARER_MIN:
            rows.append(base | {"note": f"{int(event.sum())} event(s) are too few (at least {RARER_MIN})"})
            continue
        start = np.full(len(time), -1.0) if rows_watched.entry is None else rows_watched.entry[complete]
        ones = np.ones(len(time))
        try:
            fit = fit_cox(Episodes(start, time, event, design.to_numpy(float), ones, np.zeros(len(time), int)))
        except NoFitError as why:
            rows.append(base | {"note": f"no estimate to plan from; {why}"})
            continue
        spread, r2 = float(design.iloc[:, 0].std(ddof=0)), _explained(design)
        part = float(event.mean())

        def rows_for(effect: float, spread: float = spread, r2: float = r2, part: float = part) -> float:
            return size.events_for_hazard_ratio(effect, spread, r2, power.alpha, power.power) / part

        notes = "of the hazard of the cause alone" if asked.competing_values else ""
        found = _association(float(fit.beta[0]), float(np.sqrt(fit.covariance[0, 0])), rows_for, power, notes)
        if "n_total" in found:
            found["n_events"] = int(np.ceil(int(str(found["n_total"])) * part))
        rows.append(base | {"question": ASSOCIATION, "method": "Cox model (Schoenfeld 1983; Hsieh 2000)"} | found)
        ratio = 2 * (fit.log_likelihood - fit.log_likelihood_null)
        r2_model, problem = _adjusted(ratio, design.shape[1], len(time))
        if problem:
            rows.append(base | {"question": PREDICTION, "note": problem})
            continue
        rate = (float(event.sum() / time.sum()), float(time.mean()))
        rows += _prediction(base, r2_model, "Cox and Snell's R2", None, design.shape[1], power, settings, rate)
    return rows


def _of_readers(measure: str, ratings: pd.DataFrame, settings: NextStudy, power: PowerSettings) -> list[Row]:
    base: Row = {"question": AGREEMENT, "outcome": measure}
    if not all(pd.api.types.is_numeric_dtype(values) for _, values in ratings.items()):
        return []
    found = icc(ratings)
    base |= {"n_cohort": found["n"]}
    if "estimate" not in found:
        return [base | {"note": found.get("note", "")}]
    value, raters = float(str(found["estimate"])), ratings.shape[1]
    base |= {"effect": value}
    if not 0 < value < 1:
        return [base | {"note": "no agreement to plan for"}]
    wide = size.size_for_icc_width(value, raters, settings.icc_width)
    rows = [
        base
        | {"criterion": f"interval {settings.icc_width:g} wide", "n_total": int(np.ceil(wide))}
        | {"method": f"ICC of {raters} readers, one-way (Bonett 2002; Zou 2012)"}
    ]
    above = base | {"criterion": f"above {settings.icc_minimum:g}"}
    if value <= settings.icc_minimum:
        return [*rows, above | {"note": "the ICC is not above the minimum here"}]
    needed = size.size_for_icc_above(value, settings.icc_minimum, raters, power.alpha, power.power)
    method = f"ICC of {raters} readers, one-way, one-sided test (Walter 1998)"
    return [*rows, above | {"n_total": int(np.ceil(needed)), "method": method}]
