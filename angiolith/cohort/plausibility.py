"""Values that may be in another unit or misread: each a line with file, row and column; none is changed or dropped.

A quantity is known by its column's name (`ldl_mg_dl`, `age_years`, ...). Limits are those that hardly any adult
passes, wide enough for disease; a whole column whose median lies outside the middle range is in another unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from angiolith.core.names import nearest
from angiolith.core.settings.analyses import Analysis

# Column of the analysed rows that names the columns whose value is doubted.
DOUBTFUL = "doubtful_columns"
COLUMNS = ["analysis", "file", "row", "column", "value", "problem"]
# [number] Fewer values have no median that says a unit. Source: definition.
MIN_FOR_MEDIAN = 5


class UnitError(ValueError):
    """A unit that is not known, or does not belong to the quantity."""


@dataclass(frozen=True)
class Quantity:
    """Names it goes by, its units (factor from the first one), limits of a value and of a median, in the first unit."""

    names: tuple[str, ...]
    factors: Mapping[str, float]
    limits: tuple[float, float]
    median: tuple[float, float]


# [factor] Units of cholesterol, from mg/dl. Source: physics (molar mass 386.7 g/mol).
CHOLESTEROL = {"mg_dl": 1.0, "mmol_l": 1 / 38.67, "g_l": 0.01}
# [first of its units] Names of a quantity, factors of its units, limits of a value and of a median. Source: molar
# masses; limits: anatomy.
QUANTITIES = (
    Quantity(("ldl", "ldl_c", "ldl_cholesterol"), CHOLESTEROL, (10, 500), (60, 250)),
    Quantity(("hdl", "hdl_c", "hdl_cholesterol"), CHOLESTEROL, (5, 150), (25, 90)),
    Quantity(("total_cholesterol", "total_chol", "cholesterol"), CHOLESTEROL, (40, 800), (110, 350)),
    Quantity(
        ("triglyceride", "triglycerides"), {"mg_dl": 1.0, "mmol_l": 1 / 88.57, "g_l": 0.01}, (15, 3000), (50, 500)
    ),
    Quantity(("glucose", "fasting_glucose"), {"mg_dl": 1.0, "mmol_l": 1 / 18.016}, (20, 1000), (60, 300)),
    Quantity(("hs_crp", "hscrp", "crp"), {"mg_l": 1.0, "mg_dl": 0.1}, (0, 500), (0.1, 100)),
    Quantity(("age",), {"years": 1.0, "months": 12.0}, (0, 115), (15, 100)),
    Quantity(("bmi",), {"kg_m2": 1.0}, (10, 80), (16, 45)),
    Quantity(("stenosis",), {"percent": 1.0, "fraction": 0.01}, (0, 100), (2, 100)),
    Quantity(("wmh_volume",), {"cm3": 1.0, "ml": 1.0, "mm3": 1000.0}, (0, 300), (0, 100)),
    Quantity(("calcification_volume", "plaque_volume"), {"mm3": 1.0, "cm3": 0.001}, (0, 20000), (0, 5000)),
    Quantity(("systolic", "systolic_pressure", "sbp"), {"mmhg": 1.0, "kpa": 0.133322}, (50, 300), (90, 200)),
)
BIDS_UNITS = {"age": "years"}  # of participants.tsv, by the BIDS specification
# [factor] Glucose's factor from mmol/l to mg/dl, applied to lipids by mistake. Source: physics (molar mass 180 g/mol).
BY_GLUCOSE = 18.0


def quantity_of(column: str) -> tuple[Quantity, str] | None:
    """The quantity that a column's name says, and its unit; None for a column that says neither.

    A name without a unit is enough where BIDS gives it one (`age`: years), or where there is one only (`bmi`).

    Parameters
    ----------
    column : str
        Name of the column.

    Returns
    -------
    tuple[Quantity, str] | None
        The quantity and its unit, or None.
    """
    for quantity in QUANTITIES:
        if column.lower() in quantity.names and (column.lower() in BIDS_UNITS or len(quantity.factors) == 1):
            return quantity, BIDS_UNITS.get(column.lower(), next(iter(quantity.factors)))
        for unit in quantity.factors:
            stem = column.lower().removesuffix(f"_{unit}")
            if stem != column.lower() and any(stem == name or stem.startswith(f"{name}_") for name in quantity.names):
                return quantity, unit
    return None


def conversion(column: str, unit: str) -> float:
    """What to multiply values in `unit` ("mmol/l") by to have them in the unit that the column's name ends in.

    Parameters
    ----------
    column : str
        Name of the column.
    unit : str
        Unit that the values have.

    Returns
    -------
    float
        The factor.

    Raises
    ------
    UnitError
        For a column or a unit that is not known.
    """
    known = quantity_of(column)
    if known is None:
        raise UnitError(f"units: {column} names no quantity with a unit, such as ldl_mg_dl; nothing can be converted")
    quantity, own = known
    given = unit.lower().replace("/", "_").replace("%", "percent").replace("^", "").replace(" ", "")
    if given not in quantity.factors:
        units = [name.replace("_", "/") for name in quantity.factors]
        raise UnitError(f"units: {column} is not given in {unit!r}; {nearest(unit, units)}")
    return quantity.factors[own] / quantity.factors[given]


def implausible(table: pd.DataFrame, analysis: Analysis, name: str, path: str | Path) -> pd.DataFrame:
    """Doubtful values of an analysis' table (its index is the row of the file): a table with the columns `COLUMNS`.

    One line per value outside the limits, and one per column (row missing) whose median fits another unit.

    Parameters
    ----------
    table : pd.DataFrame
        Rows of the analysis.
    analysis : Analysis
        The analysis' section.
    name : str
        Name of the analysis.
    path : str | Path
        Path of the table.

    Returns
    -------
    pd.DataFrame
        One row per doubt.
    """
    header = dict(analysis.columns)
    rows: list[dict[str, object]] = []
    for column in table.columns:
        known = quantity_of(str(column))
        if known is None or not pd.api.types.is_numeric_dtype(table[column]):
            continue
        quantity, unit = known
        values = table[column].dropna() / quantity.factors[unit]
        base: dict[str, object] = {"analysis": name, "file": str(path), "column": header.get(str(column), str(column))}
        low, high = quantity.median
        if len(values) >= MIN_FOR_MEDIAN and not low <= values.median() <= high:
            problem = f"{unit_doubt(float(values.median()), quantity, unit)} (median of {len(values)} values)"
            middle = float(values.median() * quantity.factors[unit])
            rows.append(base | {"value": f"{middle:g}", "problem": problem})
            continue  # every single value would say the same
        for row in values.index[(values < quantity.limits[0]) | (values > quantity.limits[1])]:
            ends = " to ".join(f"{limit * quantity.factors[unit]:g}" for limit in quantity.limits)
            problem = f"hardly possible: {ends} {unit.replace('_', '/')}; check the value and its unit"
            rows.append(base | {"row": row, "value": f"{table.at[row, column]:g}", "problem": problem})
    return pd.DataFrame(rows, columns=COLUMNS)


def doubtful_columns(table: pd.DataFrame, doubts: pd.DataFrame, analysis: Analysis) -> pd.Series:
    """By row the columns whose value is doubted, joined by ", "; missing where there is none.

    Parameters
    ----------
    table : pd.DataFrame
        Rows of the analysis.
    doubts : pd.DataFrame
        Table of `implausible`.
    analysis : Analysis
        The analysis' section.

    Returns
    -------
    pd.Series
        Names of columns by row.
    """
    ours = {theirs: own for own, theirs in analysis.columns.items()}
    named: dict[object, list[str]] = {row: [] for row in table.index}
    for doubt in doubts.to_dict("records"):
        column = ours.get(doubt["column"], doubt["column"])
        for row in table.index if pd.isna(doubt["row"]) else [doubt["row"]]:
            if row in named:
                named[row].append(column)
    return pd.Series({row: ", ".join(columns) or None for row, columns in named.items()}, dtype=object)


def unit_doubt(median: float, quantity: Quantity, unit: str) -> str:
    """What a median (in the quantity's first unit, were the name right) looks like instead.

    Parameters
    ----------
    median : float
        Median in the quantity's first unit.
    quantity : Quantity
        The quantity.
    unit : str
        Name of the unit, such as `mmol_l`.

    Returns
    -------
    str
        What it looks like.
    """
    low, high = quantity.median
    own = unit.replace("_", "/")
    fits = [
        f"looks like {other.replace('_', '/')}, not {own}"
        for other, factor in quantity.factors.items()
        if other != unit and low <= median * quantity.factors[unit] / factor <= high
    ]
    mmol = quantity.factors.get("mmol_l")
    by_glucose = (
        f"looks like mmol/l times 18 (the factor of glucose): {1 / mmol:.4g} is this quantity's"
        if unit == "mg_dl" and mmol is not None and low <= median / BY_GLUCOSE / mmol <= high
        else ""
    )
    if fits:
        remedy = "name the unit under units" + (", whichever it is" if len(fits) > 1 or by_glucose else "")
        return f"{', or '.join([*fits, *filter(None, [by_glucose])])}: {remedy}"
    if by_glucose:
        return by_glucose
    return f"is not to be expected in {own}" if np.isfinite(median) else "has no median"
