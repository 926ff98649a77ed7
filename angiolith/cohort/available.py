"""The questions of an analysis that its table can answer; those that need a missing column are left out, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd

from angiolith.cohort.variables import (
    drift_columns,
    expand_models,
    follow_up_columns,
    formula_variables,
    harmonisation_columns,
    mediation_columns,
    specification_columns,
)
from angiolith.core.settings.analyses import Analysis, ChangeColumns

COLUMNS = ["analysis", "column", "problem", "left_out"]
ABSENT, EMPTY = "no such column", "no value in any row"
LEAVE_OUT = "leave out"


def available(analysis: Analysis, table: pd.DataFrame) -> tuple[Analysis, dict[str, list[str]]]:
    """The analysis without the questions that need a column which the table lacks or has no value of.

    Nothing is done where `missing_columns` is refuse. Group, outcome and event stay: without them there is no analysis.
    A model that lacks one covariate is left out as a whole, since with fewer covariates it would be another model.
    Returns the analysis, and by missing column what was left out for it, in the order of the questions.

    Parameters
    ----------
    analysis : Analysis
        The analysis' section.
    table : pd.DataFrame
        Its table.

    Returns
    -------
    tuple[Analysis, dict[str, list[str]]]
        The analysis without what it cannot answer, and missing column -> what was left out for it.
    """
    if analysis.missing_columns != LEAVE_OUT:
        return analysis, {}
    filled = {str(name) for name in table.columns if table[name].notna().any()}
    gone: dict[str, list[str]] = {}

    def there(names: Iterable[str | None], what: str) -> bool:
        missing = [name for name in names if name and name not in filled]
        for name in dict.fromkeys(missing):
            parts = gone.setdefault(name, [])
            if what not in parts:
                parts.append(what)
        return not missing

    def whole(names: list[str], what: str) -> list[str]:
        return names if there(names, what) else []

    models = expand_models(analysis.models)
    kept = [name for name in analysis.predictors if there([name], "predictor")]
    severity = analysis.severity if there([analysis.severity], "overall severity") else None
    adjusted = there(analysis.marker_covariates, "models of the markers")
    found: dict[str, Any] = {
        "include": [each for each in analysis.include if there([each.column], f"criterion ({each.reason})")],
        "describe": [name for name in analysis.describe if there([name], "characteristics")],
        "applies": {name: column for name, column in analysis.applies.items() if column in filled},
        "predictors": kept,
        "models": {name: models[name] for name in models if there(models[name], name) and kept},
        "formulas": _kept(analysis.formulas, lambda name, text: there(formula_variables(text), name)),
        "splines": _kept(analysis.splines, lambda name, _: name in filled),
        "interactions": _kept(
            analysis.interactions, lambda name, modifier: name in kept and there([modifier], f"interaction of {name}")
        ),
        "severity": severity,
        "artery_severity": _kept(
            analysis.artery_severity, lambda artery, name: there([name], f"severity of the {artery}")
        ),
        "markers": [name for name in analysis.markers if there([name], "marker")],
        "partial_for": whole(analysis.partial_for, "adjusted correlations"),
        "marker_models": _kept(
            analysis.marker_models, lambda name, _: there([name], "model of the marker") and adjusted
        ),
        "marker_covariates": analysis.marker_covariates if adjusted else [],
        "changes": {
            name: each.model_copy(
                update={
                    "repeats": [repeat for repeat in each.repeats if repeat in filled],
                    "visits": _kept(each.visits, lambda value, days: there([value, days], f"visit of {value}")),
                }
            )
            for name, each in analysis.changes.items()
            if there(_ends(each), f"change of {name}")
        },
        "change_covariates": whole(analysis.change_covariates, "covariates of the follow-up models"),
        "measurement_error": _kept(
            analysis.measurement_error,
            lambda name, each: name in kept and there([*each.repeats, *each.bounds], f"measurement error of {name}"),
        ),
        "mediation": _kept(analysis.mediation, lambda name, each: there(mediation_columns(each), f"mediation {name}")),
        "follow_up": _kept(analysis.follow_up, lambda name, each: there(follow_up_columns(each), f"outcome {name}")),
        "agreement": _kept(analysis.agreement, lambda name, raters: there(raters, f"agreement on {name}")),
    }
    if not there([analysis.agreement_design.order], "learning of the readers"):
        found["agreement_design"] = analysis.agreement_design.model_copy(update={"order": None})
    if not there([analysis.site], "sites"):
        found["site"] = None
    if analysis.drift:
        kept_by = [name for name in analysis.drift.measures if there([name], f"drift of {name}")]
        whole_drift = there(drift_columns(analysis.drift.model_copy(update={"measures": []})), "drift") and kept_by
        found["drift"] = analysis.drift.model_copy(update={"measures": kept_by}) if whole_drift else None
    if analysis.harmonise and not there(harmonisation_columns(analysis.harmonise), "harmonisation"):
        found["harmonise"] = None
    grid = analysis.specifications
    if grid and not there(specification_columns(grid), "specifications"):
        found["specifications"] = None
    if analysis.primary not in {None, "univariable", *found["models"], *found["formulas"]}:
        found["primary"] = None
    dates = (analysis.baseline_date, analysis.followup_date)
    if not there(dates, "interval between the visits"):
        found |= {"baseline_date": None, "followup_date": None}
    found["references"] = {
        name: level
        for name, level in analysis.references.items()
        if name in filled and level in set(table[name].dropna().astype(str))
    }
    return analysis.model_copy(update=found), gone


def _ends(change: ChangeColumns) -> list[str]:
    return [name for name in (change.baseline, change.followup, change.change) if name]


def _kept(given: Mapping[str, Any], keep: Callable[[str, Any], bool]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if keep(name, value)}


def missing_table(analysis: str, gone: Mapping[str, list[str]], columns: Iterable[str]) -> pd.DataFrame:
    """One row per missing column of an analysis (columns COLUMNS); `columns`: those that its table has.

    Parameters
    ----------
    analysis : str
        Name of the analysis.
    gone : Mapping[str, list[str]]
        Missing column -> what was left out for it.
    columns : Iterable[str]
        Columns that the table has.

    Returns
    -------
    pd.DataFrame
        One row per missing column.
    """
    there = set(columns)
    rows = [(analysis, name, EMPTY if name in there else ABSENT, "; ".join(parts)) for name, parts in gone.items()]
    return pd.DataFrame(rows, columns=COLUMNS)
