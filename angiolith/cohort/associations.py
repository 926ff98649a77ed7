"""The table of models: each predictor alone and in every model with its covariates, and models given by a formula."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from angiolith.cohort import diagnostics
from angiolith.cohort.correlations import false_discovery_rate
from angiolith.cohort.imputation import NO_COMMON_FIT, imputable, imputed_tables, pool_fits
from angiolith.cohort.outcome import response_of
from angiolith.cohort.regression import NUMBERS, Fit, clusters_of, fit_rows, rows_left_out
from angiolith.cohort.variables import formula_columns, model_columns, models_of
from angiolith.core.settings.analyses import Analysis
from angiolith.core.tables import join_reasons

COMPLETE = "complete cases"
IMPUTED = "multiple imputation"
COLUMNS = [
    "model",
    "predictor",
    "term",
    "per",
    "data",
    "n",
    "events",
    "event",
    "estimate",
    "odds_ratio",
    "ci_low",
    "ci_high",
    "p",
    "q",
    "profile_low",
    "profile_high",
    "p_lr",
    "method",
    "adjusted_for",
    "note",
]


@dataclass(frozen=True)
class Plan:
    """How an outcome is modelled.

    models: covariates by model; formulas: right-hand sides by model; references: reference level by category; per: step
    by number; cluster: column whose rows belong together where a value repeats; correlation: see `fit_clustered`;
    imputations: number of imputed data sets where covariates are missing, 0 for complete cases only; seed: of these.
    """

    outcome: str
    event: str | float | None = None
    predictors: Sequence[str] = ()
    models: Mapping[str, Sequence[str]] = field(default_factory=dict)
    formulas: Mapping[str, str] = field(default_factory=dict)
    regression: str = "logistic"
    references: Mapping[str, str] = field(default_factory=dict)
    per: Mapping[str, float] = field(default_factory=dict)
    cluster: str | None = None
    correlation: str = "independence"
    imputations: int = 0
    seed: int = 0


def plan_of(analysis: Analysis) -> Plan:
    """The plan that an analysis' section of the configuration makes.

    Parameters
    ----------
    analysis : Analysis
        The analysis' section.

    Returns
    -------
    Plan
        The plan.
    """
    names = [name for name in Plan.__dataclass_fields__ if name not in ("correlation", "seed")]
    given = {name: getattr(analysis, name) for name in names}
    return Plan(**given, correlation=analysis.cluster_correlation, seed=analysis.imputation_seed)


@dataclass(frozen=True)
class _Model:
    """One model to fit: its name, the predictor whose terms are given (a formula gives all), covariates, columns.

    note: what has to be known of the columns; why there are none, where a variable cannot be used.
    """

    name: str
    predictor: str
    covariates: Sequence[str]
    design: pd.DataFrame
    terms: pd.Index
    note: str = ""


def associations(table: pd.DataFrame, plan: Plan) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fit every predictor alone (`univariable`), with each model's covariates, and every formula.

    Returns the table of associations (`COLUMNS`) and that of diagnostics, one row per model (`diagnostics.COLUMNS`).
    Complete cases of the columns of each fit: n says how many. Where covariates are missing and the plan asks for it,
    the same model follows on multiply imputed covariates (`data`). estimate, and for a linear model the intervals too,
    are on the scale of the model; q: Benjamini-Hochberg over the terms of one model; odds_ratio = exp(estimate) and its
    intervals belong to a logistic model. Of a model with covariates only the predictor's own terms are given, since the
    covariates' coefficients answer no question that the model was made for. A model that cannot be fitted (a predictor
    with one level, no event, a reference that no row has) is a row without numbers whose note says why.

    Parameters
    ----------
    table : pd.DataFrame
        Analysed rows.
    plan : Plan
        Outcome, predictors, models and settings.

    Returns
    -------
    tuple[pd.DataFrame, pd.DataFrame]
        Associations (`COLUMNS`), and diagnostics (`diagnostics.COLUMNS`).

    Raises
    ------
    OutcomeError
        For an outcome that is not yes or no, or whose event is not known.
    """
    known = table[table[plan.outcome].notna()]
    response, event = response_of(known[plan.outcome], plan.regression, plan.event)
    plan = replace(plan, event=event)
    clusters = clusters_of(known, plan.cluster)
    rows: list[dict[str, object]] = []
    checks: list[dict[str, object]] = []
    imputed: dict[str, list[pd.DataFrame]] = {}
    for model in _models(known, plan):
        complete = model.design.notna().all(axis=1)
        fit = _fit(response[complete], model.design[complete], clusters, model.terms, plan)
        note = rows_left_out(int((~complete).sum()))
        rows += _rows(model, plan, fit, COMPLETE, join_reasons(model.note, fit.note, note))
        checks.append(
            {"model": model.name, "predictor": model.predictor}
            | diagnostics.diagnose(
                response[complete].to_numpy(float),
                model.design[complete],
                fit,
                known.loc[complete, "subject"] if "subject" in known else pd.Series(np.flatnonzero(complete)),
                plan.regression == "logistic",
            )
        )
        if plan.imputations and fit.exists and imputable(known, model.covariates):
            if model.predictor not in imputed:
                imputed[model.predictor] = _imputed(known, model, response, plan)
            rows += _imputed_rows(model, plan, imputed[model.predictor], response, clusters)
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["q"] = table.groupby(["model", "data"])["p"].transform(false_discovery_rate).astype(float)
    return table, pd.DataFrame(checks, columns=diagnostics.COLUMNS)


def _models(known: pd.DataFrame, plan: Plan) -> list[_Model]:
    wanted = models_of(plan.models)
    used = dict.fromkeys([*plan.predictors, *(name for covariates in wanted.values() for name in covariates)])
    designs = {name: _columns(known, name, plan) for name in used}
    models = []
    for name, covariates in wanted.items():
        for predictor in plan.predictors:
            others = [other for other in covariates if other != predictor]
            parts = {part: designs[part] for part in (predictor, *others)}
            problem = join_reasons(*(part for part in parts.values() if isinstance(part, str)))
            if problem:
                models.append(_Model(name, predictor, others, known[[]], pd.Index([]), problem))
                continue
            columns = {part: made for part, made in parts.items() if isinstance(made, pd.DataFrame)}
            alike = [other for other in others if not columns[other].shape[1]]
            note = f"not adjusted for {', '.join(alike)}, which has one level only" if alike and len(known) else ""
            adjusting = [other for other in others if other not in alike]
            models.append(
                _Model(
                    name, predictor, adjusting, pd.concat(columns.values(), axis=1), columns[predictor].columns, note
                )
            )
    for name, formula in plan.formulas.items():
        try:
            design = formula_columns(known, formula, plan.references)
        except ValueError as error:
            models.append(_Model(name, formula, [], known[[]], pd.Index([]), str(error)))
        else:
            models.append(_Model(name, formula, [], design, design.columns))
    return models


def _columns(known: pd.DataFrame, name: str, plan: Plan) -> pd.DataFrame | str:
    """The columns of a variable in a model, or why it has none."""
    try:
        return model_columns(known, name, plan.references, plan.per)
    except ValueError as error:
        return str(error)


def _fit(response: pd.Series, design: pd.DataFrame, clusters: pd.Series | None, terms: pd.Index, plan: Plan) -> Fit:
    if not design.shape[1]:
        events = int(response.sum()) if plan.regression == "logistic" else np.nan
        return Fit(pd.DataFrame(columns=NUMBERS), len(response), events, "")
    wanted = [term for term in terms if term in design.columns]
    return fit_rows(response, design, clusters, plan.regression, plan.correlation, wanted)


def _rows(model: _Model, plan: Plan, fit: Fit, data: str, note: str) -> list[dict[str, object]]:
    terms = model.terms
    if terms.empty:
        terms = pd.Index([model.predictor])
        note = note if model.note else join_reasons(f"{model.predictor} has one level only", note)
    logistic = plan.regression == "logistic"
    rows = []
    for term in terms:
        found = fit.table.loc[term] if term in fit.table.index else pd.Series(np.nan, NUMBERS)
        limits = {name: found[name] for name in ("ci_low", "ci_high", "profile_low", "profile_high")}
        rows.append(
            {
                "model": model.name,
                "predictor": model.predictor,
                "term": term,
                "per": plan.per.get(model.predictor, 1.0),
                "data": data,
                "n": fit.n,
                "events": fit.events,
                "event": plan.event,
                "estimate": found["estimate"],
                "odds_ratio": np.exp(found["estimate"]) if logistic else np.nan,
                **({name: np.exp(limit) for name, limit in limits.items()} if logistic else limits),
                "p": found["p"],
                "p_lr": found["p_lr"],
                "method": fit.method,
                "adjusted_for": ", ".join(model.covariates),
                "note": note,
            }
        )
    return rows


def _imputed(known: pd.DataFrame, model: _Model, response: pd.Series, plan: Plan) -> list[pd.DataFrame]:
    """Imputed copies of the rows in which the predictor is known, from every covariate of every model."""
    own = model.design[model.terms].dropna()
    every = dict.fromkeys(name for names in models_of(plan.models).values() for name in names)
    covariates = [name for name in every if name != model.predictor]
    seen = pd.concat([response[own.index].rename("outcome"), own], axis=1)
    return imputed_tables(known.loc[own.index], seen, covariates, plan.imputations, plan.seed)


def _imputed_rows(
    model: _Model, plan: Plan, tables: Sequence[pd.DataFrame], response: pd.Series, clusters: pd.Series | None
) -> list[dict[str, object]]:
    """The model on every imputed table, pooled by Rubin's rules."""
    fits = []
    for table in tables:
        parts = [model_columns(table, name, plan.references, plan.per) for name in (model.predictor, *model.covariates)]
        design = pd.concat(parts, axis=1).dropna()
        fits.append(_fit(response[design.index], design, clusters, pd.Index([]), plan))
    first = fits[0]
    method = f"{first.method}; {len(fits)} imputations (chained equations, predictive mean matching), Rubin's rules"
    pooled = pd.DataFrame(np.nan, index=first.table.index, columns=NUMBERS)
    missing_information = 0.0
    for term in model.terms:
        result = pool_fits(fits, term)
        if result is None:
            return _rows(model, plan, Fit(pooled, first.n, first.events, method), IMPUTED, NO_COMMON_FIT)
        pooled.loc[term, ["estimate", "se"]] = result.estimate, result.se
        pooled.loc[term, ["ci_low", "ci_high", "p"]] = result.interval()
        missing_information = max(missing_information, result.missing_information)
    note = f"fraction of missing information {missing_information:.2f}"
    left = len(model.design) - first.n
    lost = f"{left} row(s) whose predictor or category is missing left out" if left else ""
    return _rows(model, plan, Fit(pooled, first.n, first.events, method), IMPUTED, join_reasons(first.note, note, lost))
