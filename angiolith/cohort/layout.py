"""Tables as they are printed: characteristics by group, and the models of an analysis side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from angiolith.cohort.describe import ALL
from angiolith.cohort.printed_cells import PrintedCell, texts_of
from angiolith.cohort.printed_labels import name_text

DOUBT_MARK = "†"
PRIMARY_MARK = "*"
OF_SUMMARY = {"n (%)": ("count", "percent"), "mean (SD)": ("mean", "sd"), "median [IQR]": ("median", "q1", "q3")}
RANK_TESTS = ("Mann-Whitney U", "Kruskal-Wallis")


def p_text(p: float) -> str:
    """A p value as printed: <0.001, three digits below 0.1, else two; empty where missing.

    Parameters
    ----------
    p : float
        A p value.

    Returns
    -------
    str
        The text.
    """
    if not np.isfinite(p):
        return ""
    if p < 0.001:
        return "<0.001"
    return f"{p:.3f}" if p < 0.0995 else f"{p:.2f}"


def printed_characteristics(table: pd.DataFrame, labels: Mapping[str, str] | None = None) -> pd.DataFrame:
    """The long table of `describe` for print; all cells text (`characteristics_cells`).

    Parameters
    ----------
    table : DataFrame
        Of `describe`.
    labels : Mapping of str to str, optional
        Of variables, groups and levels.

    Returns
    -------
    DataFrame
        Texts.
    """
    return texts_of(characteristics_cells(table, labels))


def characteristics_cells(table: pd.DataFrame, labels: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Lay out the long table of `describe` for print; cells with their sources where the index holds addresses.

    labels: of variables, groups and levels. Columns: variable (with level or unit of the summary), one per group with
    its size, missing, does not apply (where anything does not), p, test, standardised difference. What belongs to the
    variable stands in its first row alone. A number is given as mean (SD), or as median [quartiles] where a rank test
    was used; a count as n (%). A variable with doubtful values has `DOUBT_MARK`.

    Parameters
    ----------
    table : DataFrame
        Of `describe`; its index may be the rows' addresses.
    labels : Mapping of str to str, optional
        Of variables, groups and levels.

    Returns
    -------
    DataFrame
        Of PrintedCell.
    """
    named = labels or {}
    sizes = {
        group: int(part.iloc[0][["n", "missing", "does_not_apply"]].sum()) for group, part in table.groupby("group")
    }
    heads = {group: f"{named.get(group, group)} (N = {sizes[group]})" for group in dict.fromkeys(table["group"])}
    n_levels = table.groupby("variable")["level"].nunique()
    rows: list[dict[str, PrintedCell]] = []
    printed: set[str] = set()
    for (variable, level), part in table.groupby(["variable", "level"], sort=False, dropna=False):
        first, every = part.iloc[0], part[part["group"] == ALL]
        how = "n (%)" if pd.notna(first["count"]) else "median [IQR]" if first["test"] in RANK_TESTS else "mean (SD)"
        name = named.get(variable, str(variable)) + (DOUBT_MARK if every["doubtful"].sum() else "")
        name += f": {named.get(level, level)}" if n_levels[variable] > 1 else ""
        row = {"variable": PrintedCell(f"{name}, {how}")}
        row |= {
            heads[group]: PrintedCell(_cell(cells.iloc[0], how), _address(cells), OF_SUMMARY[how])
            for group, cells in part.groupby("group", sort=False)
        }
        if variable not in printed:
            apart = first["standardised_difference"]
            texts = {
                "missing": (str(int(every["missing"].sum())), every, "missing"),
                "does not apply": (str(int(every["does_not_apply"].sum())), every, "does_not_apply"),
                "p": (p_text(first["p"]), part, "p"),
                "test": (first["test"] if isinstance(first["test"], str) else "", part, "test"),
                "standardised difference": (
                    "" if pd.isna(apart) else f"{apart:.2f}",
                    part,
                    "standardised_difference",
                ),
            }
            row |= {head: PrintedCell(text, _address(of), (column,)) for head, (text, of, column) in texts.items()}
        printed.add(variable)
        rows.append(row)
    columns = ["variable", *heads.values(), "missing", "does not apply", "p", "test", "standardised difference"]
    if not table["does_not_apply"].any():
        columns.remove("does not apply")
    return pd.DataFrame(rows, columns=columns, dtype=object)


def _address(rows: pd.DataFrame) -> str:
    """The address of the first row, where the index holds addresses."""
    return rows.index[0] if len(rows) and isinstance(rows.index[0], str) else ""


def _cell(row: pd.Series, how: str) -> str:
    if row["n"] == 0:
        return ""
    if how == "n (%)":
        return f"{int(row['count'])} ({row['percent']:.1f})"
    if how == "mean (SD)":
        spread = f" ({number_text(row['sd'])})" if pd.notna(row["sd"]) else ""
        return number_text(row["mean"]) + spread
    return f"{number_text(row['median'])} [{number_text(row['q1'])}, {number_text(row['q3'])}]"


def number_text(value: float) -> str:
    """A number for print: no decimals from 1000, one from 10, two from 0.1, else two significant digits.

    Parameters
    ----------
    value : float
        A number.

    Returns
    -------
    str
        The text.
    """
    size = abs(value)
    if size >= 1000:
        return f"{value:.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 0.1 or value == 0 else f"{value:.2g}"


def printed_models(
    table: pd.DataFrame,
    primary: str | None = None,
    labels: Mapping[str, str] | None = None,
    estimates: tuple[str, str] = ("odds_ratio", "estimate"),
) -> pd.DataFrame:
    """The models of an analysis side by side; all cells text (`models_cells`).

    Parameters
    ----------
    table : DataFrame
        Of `associations`.
    primary : str, optional
        The model that answers the question.
    labels : Mapping of str to str, optional
        Of variables and levels.
    estimates : tuple of str
        Columns of the estimate, the first that has values.

    Returns
    -------
    DataFrame
        Texts.
    """
    return texts_of(models_cells(table, primary, labels, estimates))


def models_cells(
    table: pd.DataFrame,
    primary: str | None = None,
    labels: Mapping[str, str] | None = None,
    estimates: tuple[str, str] = ("odds_ratio", "estimate"),
) -> pd.DataFrame:
    """The models of an analysis side by side: one row per term, and for each model its estimate and p.

    table: of `associations` (or of the outcomes over time: ratio, interval, p by model, data and term). A model's head
    holds its name and its number of rows; the primary one has `PRIMARY_MARK`. Models on imputed data have columns of
    their own. estimates: the column that is printed, the first that has values.

    Parameters
    ----------
    table : DataFrame
        Of `associations`; its index may be the rows' addresses.
    primary : str, optional
        The model that answers the question.
    labels : Mapping of str to str, optional
        Of variables and levels.
    estimates : tuple of str
        Columns of the estimate, the first that has values.

    Returns
    -------
    DataFrame
        Of PrintedCell.
    """
    named = labels or {}
    column = next((name for name in estimates if name in table and table[name].notna().any()), estimates[-1])
    keys = ["model", "data"] if "data" in table else ["model"]
    terms = list(dict.fromkeys(table["term"]))
    printed = pd.DataFrame({"term": [PrintedCell(_term(term, table, named)) for term in terms]}, dtype=object)
    for key, part in table.groupby(keys, sort=False):
        model, *data = key
        head = f"{model}{PRIMARY_MARK if model == primary else ''}" + (", imputed" if "imputation" in str(data) else "")
        sizes = sorted({int(n) for n in part["n"].dropna()})
        size = "" if not sizes else f" (n = {sizes[0]})" if len(sizes) == 1 else f" (n = {sizes[0]} to {sizes[-1]})"
        once = part.drop_duplicates("term")
        by_term = {
            term: (row, _address(once.iloc[[at]]))
            for at, (term, row) in enumerate(zip(once["term"], once.to_dict("records"), strict=True))
        }

        def cells(
            text: Callable[[Mapping[Any, Any]], str],
            columns: tuple[str, ...],
            found: Mapping[str, tuple[Mapping[Any, Any], str]] = by_term,
        ) -> list[PrintedCell]:
            return [
                PrintedCell(text(found[term][0]), found[term][1], columns) if term in found else PrintedCell("")
                for term in terms
            ]

        printed[head + size] = cells(lambda row: _interval(row, column), (column, "ci_low", "ci_high"))
        printed[f"{head}: p"] = cells(lambda row: p_text(float(row["p"])), ("p",))
    return printed


def _term(term: str, table: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """A term with its label, and the step that its estimate is for."""
    text = name_text(term, labels)
    steps = table.loc[table["term"] == term, "per"].dropna() if "per" in table else pd.Series(dtype=float)
    return text + (f", per {steps.iloc[0]:g}" if len(steps) and steps.iloc[0] != 1 else "")


def _interval(row: Mapping[Any, Any], column: str) -> str:
    if pd.isna(row[column]):
        return "–"
    return f"{number_text(row[column])} ({number_text(row['ci_low'])} to {number_text(row['ci_high'])})"
