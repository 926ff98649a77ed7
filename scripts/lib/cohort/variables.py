"""What a variable is (number, yes/no, category), its levels, and its columns in a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd


def is_number(values: pd.Series) -> bool:
    """True for a column of numbers; categories are text."""
    return pd.api.types.is_numeric_dtype(values)


def is_yes_no(values: pd.Series) -> bool:
    """True for numbers that are all 0 or 1 (and any is there)."""
    return is_number(values) and values.notna().any() and set(values.dropna().unique()) <= {0, 1}


def levels_of(values: pd.Series, order: Sequence[str] = ()) -> list:
    """The levels that occur, in the order given, else sorted (numbers by value)."""
    found = set(values.dropna().unique())
    return [level for level in order if level in found] if order else sorted(found)


def model_columns(
    table: pd.DataFrame, name: str, references: Mapping[str, str], per: Mapping[str, float]
) -> pd.DataFrame:
    """The columns of one variable in a model: a number as it is (divided by its step), a category as indicators.

    Column names are the model's terms: `name`, or `name[level]` for each level but the reference. NaN where missing.
    Raises ValueError if the reference is not a level that occurs.
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
