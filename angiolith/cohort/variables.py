"""What a variable is (number, yes/no, category), its levels, and its columns in a model."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from angiolith.core.settings.analyses import Drift, FollowUp, Harmonisation, Mediation, Specifications

UNIVARIABLE = "univariable"


def is_number(values: pd.Series) -> bool:
    """True for a column of numbers; categories are text.

    Parameters
    ----------
    values : pd.Series
        Values of one column.

    Returns
    -------
    bool
        True where it is.
    """
    return pd.api.types.is_numeric_dtype(values)


def is_yes_no(values: pd.Series) -> bool:
    """True for numbers that are all 0 or 1 (and any is there).

    Parameters
    ----------
    values : pd.Series
        Values of one column.

    Returns
    -------
    bool
        True where it is.
    """
    return is_number(values) and values.notna().any() and set(values.dropna().unique()) <= {0, 1}


def levels_of(values: pd.Series, order: Sequence[str] = ()) -> list[Any]:
    """The levels that occur, in the order given, else sorted (numbers by value).

    Parameters
    ----------
    values : pd.Series
        Values of one column.
    order : Sequence[str]
        Order of the levels; empty to sort them.

    Returns
    -------
    list[Any]
        Levels.
    """
    found = set(values.dropna().unique())
    return [level for level in order if level in found] if order else sorted(found)


def model_columns(
    table: pd.DataFrame, name: str, references: Mapping[str, str], per: Mapping[str, float]
) -> pd.DataFrame:
    """The columns of one variable in a model: a number as it is (divided by its step), a category as indicators.

    Column names are the model's terms: `name`, or `name[level]` for each level but the reference. NaN where missing.

    Parameters
    ----------
    table : pd.DataFrame
        Analysed rows.
    name : str
        Column.
    references : Mapping[str, str]
        Category -> its reference level.
    per : Mapping[str, float]
        Column -> step that effects are given per.

    Returns
    -------
    pd.DataFrame
        Columns of the model, by the table's index.

    Raises
    ------
    ValueError
        If the reference is not a level that occurs.
    """
    values = table[name]
    if is_number(values):
        return pd.DataFrame({name: values.astype(float) / per.get(name, 1.0)})
    levels = levels_of(values)
    reference = references.get(name, levels[0] if levels else None)
    if levels and reference not in levels:
        raise ValueError(f"references: {name} has no level {reference!r}; its levels are {', '.join(levels)}")
    indicators = {f"{name}[{level}]": (values == level).astype(float) for level in levels if level != reference}
    return pd.DataFrame(indicators, index=table.index).where(values.notna())


def expand_models(models: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Covariates by model, with the names of earlier models replaced by their covariates; each once, in order.

    Parameters
    ----------
    models : Mapping[str, list[str]]
        Model -> covariates and names of earlier models.

    Returns
    -------
    dict[str, list[str]]
        Model -> covariates.
    """
    expanded: dict[str, list[str]] = {}
    for model, entries in models.items():
        names = [name for entry in entries for name in expanded.get(entry, [entry])]
        expanded[model] = list(dict.fromkeys(names))
    return expanded


def models_of(models: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Covariates of every model that a predictor is in: alone (`UNIVARIABLE`), then the models, expanded.

    Parameters
    ----------
    models : Mapping[str, Sequence[str]]
        Model -> covariates and names of earlier models.

    Returns
    -------
    dict[str, list[str]]
        Model -> covariates.
    """
    return {UNIVARIABLE: []} | expand_models({name: list(covariates) for name, covariates in models.items()})


def formula_variables(formula: str) -> list[str]:
    """Columns that the right-hand side of a formula uses, sorted.

    Parameters
    ----------
    formula : str
        Right-hand side of a formula.

    Returns
    -------
    list[str]
        Names of columns.

    Raises
    ------
    ValueError
        If the formula cannot be read.
    """
    from formulaic import Formula
    from formulaic.errors import FormulaicError

    try:
        factors = {factor.expr for term in Formula(formula) for factor in term.factors}
        nodes = [
            node for expression in factors for node in ast.walk(ast.parse(expression.replace("`", ""), mode="eval"))
        ]
    except (FormulaicError, SyntaxError, AttributeError) as error:
        raise ValueError(f"formulas: {formula!r} cannot be read: {str(error).splitlines()[0]}") from None
    functions = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    modules = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
    return sorted({node.id for node in nodes if isinstance(node, ast.Name) and id(node) not in functions | modules})


def formula_columns(table: pd.DataFrame, formula: str, references: Mapping[str, str]) -> pd.DataFrame:
    """The columns of the right-hand side of a formula (formulaic's grammar, which is R's), without the intercept.

    Rows with a missing value of any variable are NaN throughout. Categories are indicators against their reference and
    are named `name[level]`.

    Parameters
    ----------
    table : pd.DataFrame
        Analysed rows.
    formula : str
        Right-hand side of a formula.
    references : Mapping[str, str]
        Category -> its reference level.

    Returns
    -------
    pd.DataFrame
        Columns of the model, by the table's index.

    Raises
    ------
    ValueError
        For a formula that cannot be used.
    """
    from formulaic import model_matrix

    names = formula_variables(formula)
    used = table[names].dropna()
    for name in names:
        if not is_number(used[name]):
            levels = levels_of(used[name])
            reference = references.get(name, levels[0] if levels else None)
            if reference not in levels:
                raise ValueError(f"references: {name} has no level {reference!r}; its levels are {', '.join(levels)}")
            ordered = [reference, *(level for level in levels if level != reference)]
            used = used.assign(**{name: pd.Categorical(used[name], categories=ordered)})
    matrix = pd.DataFrame(model_matrix(formula, used, context={}))
    columns = matrix.drop(columns="Intercept", errors="ignore").astype(float)
    plain_names = {column: re.sub(r"\[T\.([^]]*)\]", r"[\1]", str(column)) for column in columns}
    return columns.rename(columns=plain_names).reindex(table.index)


def specification_columns(settings: Specifications) -> list[str]:
    """The columns of a grid of variants.

    Parameters
    ----------
    settings : Specifications
        Settings of one question.

    Returns
    -------
    list[str]
        Names of columns.
    """
    criteria = itertools.chain(*settings.subsets.values())
    covariates = itertools.chain(*settings.covariates.values())
    return [
        *settings.outcomes.values(),
        *settings.predictors.values(),
        *covariates,
        *(each.column for each in criteria),
    ]


def mediation_columns(settings: Mediation) -> list[str]:
    """The columns of a mediation, the outcome left out.

    Parameters
    ----------
    settings : Mediation
        Settings of one question.

    Returns
    -------
    list[str]
        Names of columns.
    """
    return [settings.exposure, settings.mediator, *settings.covariates]


def drift_columns(settings: Drift) -> list[str]:
    """The columns of charts of drift.

    Parameters
    ----------
    settings : Drift
        Of an analysis.

    Returns
    -------
    list of str
        Names.
    """
    return [*settings.measures, settings.date, *([settings.by] if settings.by else [])]


def harmonisation_columns(settings: Harmonisation) -> list[str]:
    """The columns of a harmonisation.

    Parameters
    ----------
    settings : Harmonisation
        Of an analysis.

    Returns
    -------
    list of str
        Names.
    """
    return [*settings.measures, settings.site, *settings.keep]


def follow_up_columns(settings: FollowUp) -> list[str]:
    """The columns of an outcome over time.

    Parameters
    ----------
    settings : FollowUp
        Settings of one question.

    Returns
    -------
    list[str]
        Names of columns.
    """
    models = expand_models(settings.models).values()
    entry = [settings.entry] if settings.entry else []
    inside = [*settings.predictors, *itertools.chain(*models), *settings.interactions.values(), *settings.strata]
    return [settings.time, settings.event, *entry, *inside]
