"""One sentence on what an analysis shows: its first question in the order of the configuration, never the strongest."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import pandas as pd

from angiolith.cohort.associations import IMPUTED
from angiolith.cohort.layout import number_text, p_text
from angiolith.cohort.variables import UNIVARIABLE
from angiolith.core.settings.analyses import Analysis

OVERALL, SPEARMAN = "overall", "spearman"


def finding(
    settings: Analysis,
    tables: Mapping[str, pd.DataFrame],
    labelled: Callable[[str], str],
    texts: Mapping[str, str],
) -> str:
    """The answer to an analysis' first question.

    Of the models that of the first predictor in the primary model, or in the last one where none is primary; of the
    correlations Spearman's of the severity with the first marker.

    Parameters
    ----------
    settings : Analysis
        The analysis' section.
    tables : Mapping[str, pd.DataFrame]
        Name -> table of the analysis; `associations` and `correlations` are used.
    labelled : Callable[[str], str]
        Gives a column or term its label.
    texts : Mapping[str, str]
        `findings` of the report's texts.

    Returns
    -------
    str
        One sentence, empty where nothing was estimated.
    """
    answers = [_association(settings, tables.get("associations"), labelled, texts)]
    answers.append(_correlation(settings, tables.get("correlations"), labelled, texts))
    sentence = "; ".join(filter(None, answers))
    return f"{sentence}." if sentence else ""


def _association(
    settings: Analysis, table: pd.DataFrame | None, labelled: Callable[[str], str], texts: Mapping[str, str]
) -> str:
    if table is None or not settings.predictors or not len(table):
        return ""
    model = settings.primary or next(reversed(settings.models), UNIVARIABLE)
    rows = table[(table["model"] == model) & (table["predictor"] == settings.predictors[0])]
    rows = rows[rows["data"] != IMPUTED] if "data" in rows else rows
    column = "odds_ratio" if settings.regression == "logistic" else "estimate"
    rows = rows[rows[[column, "ci_low", "ci_high"]].notna().all(axis=1)]
    if not len(rows):
        return ""
    row = rows.iloc[0].to_dict()
    return texts["association"].format(
        term=labelled(str(row["term"])),
        outcome=labelled(str(row["event"]) if isinstance(row.get("event"), str) else settings.outcome or ""),
        measure=texts[column],
        value=number_text(float(row[column])),
        low=number_text(float(row["ci_low"])),
        high=number_text(float(row["ci_high"])),
        p=_p(float(row["p"])),
        model=model,
        n=int(row["n"]),
    )


def _correlation(
    settings: Analysis, table: pd.DataFrame | None, labelled: Callable[[str], str], texts: Mapping[str, str]
) -> str:
    if table is None or not settings.markers or not len(table):
        return ""
    chosen = (table["group"] == OVERALL) & (table["measure"] == settings.markers[0]) & (table["method"] == SPEARMAN)
    rows = table[chosen & table["r"].notna()]
    if not len(rows):
        return ""
    row = rows.iloc[0].to_dict()
    known = not math.isnan(float(row.get("ci_low", math.nan)))
    ends = {"low": number_text(float(row["ci_low"])), "high": number_text(float(row["ci_high"]))} if known else {}
    interval = texts["interval"].format(p=_p(float(row["p"])), **ends) if known else texts["no_interval"]
    return texts["correlation"].format(
        severity=labelled(settings.severity or settings.group or ""),
        marker=labelled(settings.markers[0]),
        r=f"{row['r']:.2f}",
        interval=interval,
        n=int(row["n"]),
    )


def _p(p: float) -> str:
    text = p_text(p)
    return f"p {text}" if text.startswith("<") else f"p = {text}"
