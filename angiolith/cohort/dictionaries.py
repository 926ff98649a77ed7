"""BIDS data dictionaries: the JSON beside a table that says what its columns hold, read and written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from angiolith.cohort.external import category_text
from angiolith.cohort.plausibility import UnitError, conversion

OF_TABLE = "MeasurementToolMetadata"  # says nothing of a column
YES_NO = {"0": "no", "1": "yes"}
Dictionary = Mapping[str, Mapping[str, Any]]


def dictionary_beside(path: str | Path) -> dict[str, dict[str, Any]]:
    """The data dictionary beside a TSV (same name, .json): column -> its description; empty where there is none.

    What says nothing of a column (MeasurementToolMetadata) is left out.

    Parameters
    ----------
    path : str | Path
        Path of the TSV.

    Returns
    -------
    dict[str, dict[str, Any]]
        Column -> its description.

    Raises
    ------
    ValueError
        For a JSON that cannot be read; the message names the file.
    """
    file = Path(path).with_suffix(".json")
    if not file.is_file():
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{file}: is no JSON: {error}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{file}: holds no columns")
    return {name: entry for name, entry in content.items() if isinstance(entry, dict) and name != OF_TABLE}


def unknown_levels(table: pd.DataFrame, dictionary: Dictionary, path: str | Path) -> list[str]:
    """One line per cell that is none of the `Levels` in its column's dictionary; the index is the row in the file.

    Parameters
    ----------
    table : pd.DataFrame
        A clinical table.
    dictionary : Dictionary
        Column -> its description.
    path : str | Path
        Path of the table, for messages.

    Returns
    -------
    list[str]
        Messages.
    """
    problems = []
    for name, entry in dictionary.items():
        levels = entry.get("Levels")
        if name not in table or not isinstance(levels, Mapping) or not levels:
            continue
        known = {category_text(level) for level in levels} | {str(level) for level in levels}
        values = table[name].dropna()
        problems += [
            f"{path}, row {row}, {name}: {value!r} is not among its levels ({', '.join(map(str, levels))}) in the JSON"
            for row, value in values.items()
            if category_text(value) not in known and str(value) not in known
        ]
    return problems


def in_named_units(table: pd.DataFrame, dictionary: Dictionary) -> tuple[pd.DataFrame, list[str]]:
    """The table with columns in the unit that their names end in, where the dictionary says another of the quantity.

    Returns also one line per converted column. Units that are not known, and columns of text, stay as they are.

    Parameters
    ----------
    table : pd.DataFrame
        A clinical table.
    dictionary : Dictionary
        Column -> its description.

    Returns
    -------
    tuple[pd.DataFrame, list[str]]
        The table, and one line per converted column.
    """
    remarks = []
    table = table.copy()
    for name, entry in dictionary.items():
        if name not in table or not entry.get("Units") or not pd.api.types.is_numeric_dtype(table[name]):
            continue
        try:
            factor = conversion(name, str(entry["Units"]))
        except UnitError:
            continue
        if factor != 1.0:
            table[name] = table[name] * factor
            remarks.append(f"{name}: converted from {entry['Units']}, as its JSON says")
    return table, remarks


def written_dictionary(columns: Dictionary) -> str:
    """The text of a data dictionary; `yes_no` becomes the levels 0 and 1.

    Parameters
    ----------
    columns : Dictionary
        Column -> its description.

    Returns
    -------
    str
        Content of the JSON file.
    """
    content = {
        name: {key: value for key, value in entry.items() if key != "yes_no"}
        | ({"Levels": YES_NO} if entry.get("yes_no") else {})
        for name, entry in columns.items()
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
