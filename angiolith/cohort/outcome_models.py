"""What splines and interactions need of an outcome: its rows, its models, and how one of them is fitted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from angiolith.cohort.associations import Plan, plan_of
from angiolith.cohort.outcome import response_of
from angiolith.cohort.regression import Fit, clusters_of, design_problem, fit_rows, wald
from angiolith.cohort.survival.hazards import fit_hazard
from angiolith.cohort.survival.watched import watched
from angiolith.cohort.variables import models_of
from angiolith.core.settings.analyses import Analysis, FollowUp

ODDS_RATIO, HAZARD_RATIO = "odds_ratio", "hazard_ratio"
RATIOS = {ODDS_RATIO: "Odds ratio", HAZARD_RATIO: "Hazard ratio"}


@dataclass(frozen=True)
class OutcomeModel:
    """An outcome, and the models that its predictors are in.

    name: of the outcome; table: the rows that have it; fit: from complete columns of some of the rows, by their index;
    ratio: the column of exp(estimate), None where the estimate is a difference; models: covariates by model; note: on
    rows that are not in the table.
    """

    name: str
    table: pd.DataFrame
    fit: Callable[[pd.DataFrame], Fit]
    ratio: str | None
    predictors: Sequence[str]
    models: Mapping[str, Sequence[str]]
    references: Mapping[str, str]
    per: Mapping[str, float]
    note: str = ""


def model_of_plan(table: pd.DataFrame, plan: Plan) -> OutcomeModel:
    """The outcome of a plan: logistic or linear; rows of one cluster have robust errors, as in `associations`.

    Parameters
    ----------
    table : DataFrame
        The rows of the analysis.
    plan : Plan
        Outcome, predictors and models.

    Returns
    -------
    OutcomeModel
        The rows with the outcome, and its models.
    """
    known = table[table[plan.outcome].notna()]
    response, _ = response_of(known[plan.outcome], plan.regression, plan.event)
    clusters = clusters_of(known, plan.cluster)

    def fit(design: pd.DataFrame) -> Fit:
        return fit_rows(response[design.index], design, clusters, plan.regression, plan.correlation)

    ratio = ODDS_RATIO if plan.regression == "logistic" else None
    models = models_of(plan.models)
    return OutcomeModel(plan.outcome, known, fit, ratio, plan.predictors, models, plan.references, plan.per)


def model_of_follow_up(
    table: pd.DataFrame, name: str, settings: FollowUp, references: Mapping[str, str], per: Mapping[str, float]
) -> OutcomeModel:
    """An outcome over time: Cox's model, or with competing events the one that the settings name.

    Parameters
    ----------
    table : DataFrame
        The rows of the analysis.
    name : str
        Of the outcome.
    settings : FollowUp
        Its columns and models.
    references : Mapping of str to str
        Reference level by category.
    per : Mapping of str to float
        Step by number.

    Returns
    -------
    OutcomeModel
        The rows that were watched, and the models of the hazard.
    """
    rows = watched(table, settings)
    known = rows.table[rows.table[list(settings.strata)].notna().all(axis=1)]

    def fit(design: pd.DataFrame) -> Fit:
        def hazard(columns: pd.DataFrame) -> Fit:
            return fit_hazard(rows, columns, settings, columns.shape[1], profiled=False).fit

        return hazard(design) if design_problem(design) or len(design) < design.shape[1] + 3 else _apart(hazard, design)

    models = models_of(settings.models)
    return OutcomeModel(name, known, fit, HAZARD_RATIO, settings.predictors, models, references, per, rows.note)


def _apart(fit: Callable[[pd.DataFrame], Fit], design: pd.DataFrame) -> Fit:
    """A fit on columns at right angles to each other, in terms of the design's own.

    The terms of a spline, and those of a product, go together so closely that their errors alone would look infinite.
    """
    scale = np.sqrt(len(design))
    right, triangle = np.linalg.qr((design - design.mean()).to_numpy(float))
    found = fit(pd.DataFrame(right * scale, design.index, design.columns))
    if not found.exists:
        return found
    back = np.linalg.inv(triangle / scale)
    covariance = back @ found.covariance @ back.T
    table = found.table.copy()
    table["estimate"], table["se"] = back @ table["estimate"].to_numpy(float), np.sqrt(np.diag(covariance))
    table[["ci_low", "ci_high", "p"]] = np.column_stack(wald(table["estimate"], table["se"]))
    return replace(found, table=table, covariance=covariance)


def outcome_models(
    table: pd.DataFrame, analysis: Analysis, question: Literal["splines", "interactions"]
) -> list[tuple[OutcomeModel, Any]]:
    """The outcomes of an analysis, those over time among them, that a question is asked of, each with what is asked.

    Parameters
    ----------
    table : DataFrame
        The rows of the analysis.
    analysis : Analysis
        Its settings.
    question : str
        splines or interactions.

    Returns
    -------
    list of (OutcomeModel, dict)
        Outcomes, with their settings of the question.
    """
    found: list[tuple[OutcomeModel, Any]] = []
    if getattr(analysis, question):
        found.append((model_of_plan(table, plan_of(analysis)), getattr(analysis, question)))
    for name, settings in analysis.follow_up.items():
        if getattr(settings, question):
            model = model_of_follow_up(table, name, settings, analysis.references, analysis.per)
            found.append((model, getattr(settings, question)))
    return found


def is_penalised(fit: Fit) -> bool:
    """Whether Firth's penalty answered, whose covariance makes no interval of a curve or of a sum of terms.

    Parameters
    ----------
    fit : Fit
        Of a model.

    Returns
    -------
    bool
        True where it did.
    """
    return "Firth" in fit.method


def ratio_in(table: pd.DataFrame) -> str | None:
    """The column of ratios that a table has values in; None where its estimates are differences.

    Parameters
    ----------
    table : DataFrame
        With the columns of `RATIOS`.

    Returns
    -------
    str or None
        Its name.
    """
    return next((name for name in RATIOS if table[name].notna().any()), None)
