"""The table of models: each predictor alone and in every model, with the covariates named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from scripts.lib.cohort.dataset import expand_models
from scripts.lib.cohort.external import category_text
from scripts.lib.cohort.regression import FITS
from scripts.lib.cohort.variables import model_columns
from scripts.lib.tables import join_reasons

UNIVARIABLE = "univariable"
COLUMNS = [
    "model",
    "predictor",
    "term",
    "per",
    "n",
    "events",
    "estimate",
    "odds_ratio",
    "ci_low",
    "ci_high",
    "p",
    "method",
    "adjusted_for",
    "note",
]


def associations(
    table: pd.DataFrame,
    outcome: str,
    event: str | float,
    predictors: Sequence[str],
    models: Mapping[str, Sequence[str]],
    regression: str = "logistic",
    references: Mapping[str, str] | None = None,
    per: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Fit every predictor alone (`univariable`) and with each model's covariates; a table with the columns `COLUMNS`.

    outcome: column; event: its value that counts as 1 in a logistic model. models: covariates by model. references:
    reference level by category; per: step by number. Complete cases of the columns of each fit: n says how many.
    estimate, and for a linear model the interval too, are on the scale of the model; odds_ratio = exp(estimate) and
    its interval belong to a logistic model. Only the predictor's own terms are given, since the covariates'
    coefficients answer no question that the model was made for. Raises ValueError if `event` is no value of the
    outcome.
    """
    references, per = references or {}, per or {}
    known = table[table[outcome].notna()]
    response = _response(known[outcome], event, regression)
    designs: dict[str, pd.DataFrame] = {}
    wanted: dict[str, list[str]] = {UNIVARIABLE: []} | expand_models(
        {name: list(covariates) for name, covariates in models.items()}
    )
    for name in dict.fromkeys([*predictors, *(name for covariates in wanted.values() for name in covariates)]):
        designs[name] = model_columns(known, name, references, per)
    rows = []
    for model, covariates in wanted.items():
        for predictor in predictors:
            others = [name for name in covariates if name != predictor]
            rows += _fitted_rows(model, predictor, others, response, designs, regression, per)
    return pd.DataFrame(rows, columns=COLUMNS)


def _response(values: pd.Series, event: str | float, regression: str) -> pd.Series:
    if regression != "logistic":
        return values.astype(float)
    text = values.map(category_text)
    if len(text) and category_text(event) not in set(text):
        raise ValueError(
            f"event: {values.name} has no value {category_text(event)!r}, only {', '.join(sorted(set(text)))}"
        )
    return (text == category_text(event)).astype(float)


def _fitted_rows(
    model: str,
    predictor: str,
    covariates: Sequence[str],
    response: pd.Series,
    designs: Mapping[str, pd.DataFrame],
    regression: str,
    per: Mapping[str, float],
) -> list[dict[str, object]]:
    terms = designs[predictor].columns
    design = pd.concat([designs[name] for name in (predictor, *covariates)], axis=1)
    complete = design.notna().all(axis=1)
    fit = FITS[regression](response[complete].to_numpy(float), design[complete])
    dropped = int((~complete).sum())
    note = join_reasons(fit.note, f"{dropped} row(s) without all values left out" if dropped else "")
    if terms.empty:
        terms = pd.Index([predictor])
        note = join_reasons(f"{predictor} has one level only", note)
    rows = []
    for term in terms:
        found = (
            fit.table.loc[term]
            if term in fit.table.index
            else pd.Series(np.nan, ["estimate", "ci_low", "ci_high", "p"])
        )
        low, high = found["ci_low"], found["ci_high"]
        logistic = regression == "logistic"
        rows.append(
            {
                "model": model,
                "predictor": predictor,
                "term": term,
                "per": per.get(predictor, 1.0),
                "n": fit.n,
                "events": fit.events,
                "estimate": found["estimate"],
                "odds_ratio": np.exp(found["estimate"]) if logistic else np.nan,
                "ci_low": np.exp(low) if logistic else low,
                "ci_high": np.exp(high) if logistic else high,
                "p": found["p"],
                "method": fit.method,
                "adjusted_for": ", ".join(covariates),
                "note": note,
            }
        )
    return rows
