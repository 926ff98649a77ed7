"""Labels of columns and levels for print: those of the configuration, else those of the BIDS data dictionaries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from angiolith.cohort.dictionaries import dictionary_beside
from angiolith.cohort.plausibility import quantity_of

# Columns of the statistics' tables that hold a variable, several of them, or a group or level.
ONE_NAME = ("predictor", "term", "modifier", "measure", "marker", "exposure", "mediator", "outcome", "variable")
SEVERAL_NAMES = ("adjusted_for", "by_cut")
LEVELS = ("group", "at", "site")
CHANGES = {"_change_per_year": "change per year", "_change": "change", "_followup": "follow-up"}

# [characters] A longer description is no label. Source: layout.
LONG_NAME_MAX = 40


def printed_labels(
    own: Mapping[str, str], columns: Mapping[str, str], dictionaries: Iterable[str | Path]
) -> dict[str, str]:
    """The labels of an analysis.

    A dictionary's label is its LongName, else a short Description, with Units. A level's label is not read: the same
    code means another thing in another column. A dictionary that cannot be read gives none.

    Parameters
    ----------
    own : Mapping[str, str]
        Labels of the configuration.
    columns : Mapping[str, str]
        Name here -> name in the file.
    dictionaries : Iterable[str | Path]
        Paths of data dictionaries.

    Returns
    -------
    dict[str, str]
        Name -> label.
    """
    given: dict[str, str] = {}
    for path in dictionaries:
        try:
            entries = dictionary_beside(path)
        except ValueError:
            continue
        given |= {name: text for name, entry in entries.items() if (text := _label(name, entry))}
    renamed = {here: given[theirs] for here, theirs in columns.items() if theirs in given}
    return given | renamed | dict(own)


def name_text(name: str, labels: Mapping[str, str]) -> str:
    """A variable or a term (`name[level]`, `name (spline)`, a change of it) in its label; as it is without one.

    Parameters
    ----------
    name : str
        A column's name, or a term of a model.
    labels : Mapping of str to str
        Of columns, groups and levels.

    Returns
    -------
    str
        The text for print.
    """
    if name in labels:
        return labels[name]
    for ending, text in CHANGES.items():
        if name.endswith(ending) and name.removesuffix(ending) in labels:
            return f"{labels[name.removesuffix(ending)]}: {text}"
    start, bracket, level = name.partition("[")
    if bracket:
        return f"{labels.get(start, start)}: {labels.get(level[:-1], level[:-1])}"
    start, bracket, rest = name.partition(" (")
    return f"{labels.get(start, start)}{bracket}{rest}"


def labelled(table: pd.DataFrame, labels: Mapping[str, str]) -> pd.DataFrame:
    """A table of statistics with labels in place of the names of columns, groups and levels; its numbers untouched.

    Parameters
    ----------
    table : DataFrame
        Any of the statistics' tables.
    labels : Mapping of str to str
        Of columns, groups and levels.

    Returns
    -------
    DataFrame
        A table with the same index and columns.
    """
    if not labels:
        return table

    def several(names: str) -> str:
        return "; ".join(name_text(name, labels) for name in names.split(", "))

    formats = {name: lambda text: name_text(text, labels) for name in ONE_NAME}
    formats |= dict.fromkeys(SEVERAL_NAMES, several)
    formats |= {name: lambda text: labels.get(text, text) for name in LEVELS}
    changed = {
        name: table[name].map(lambda value, as_text=as_text: as_text(value) if isinstance(value, str) else value)
        for name, as_text in formats.items()
        if name in table
    }
    return table.assign(**changed)


def _label(name: str, entry: Mapping[str, Any]) -> str:
    long_name, description, units = (str(entry.get(key) or "").strip() for key in ("LongName", "Description", "Units"))
    known = quantity_of(name)
    units = known[1].replace("_", "/") if known else units  # values are in the unit that the column's name ends in
    text = long_name or (description if len(description) <= LONG_NAME_MAX else "")
    return f"{text}, {units}" if text and units and units not in text else text
