"""Numbers that stand for missing (-9, 99, 999 ...): found by a rule, and never used as numbers.

The rule, per column that an analysis uses. A value of `NUMBERS_FOR_MISSING` looks like a code for missing where

- it is negative and every other value is zero or more;
- it lies outside what the quantity can be (999 years), where the column's name says the quantity;
- it is the largest value, and further from the next one than all others are from each other (9 among 0 to 3, 99 among
  40 to 60). 9 and 99 are numbers like others in a column of counts, whose name begins with `n_`.

As a category it looks like one where all other categories are whole numbers and the same holds, or none is. An analysis
with such a value is not made until it is written as n/a, or the column stands under `missing_codes`, with the codes or,
where the value is a true one, with an empty list.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from angiolith.cohort.external import category_text
from angiolith.cohort.plausibility import quantity_of

NUMBERS_FOR_MISSING = ("-9999", "-999", "-99", "-9", "-8", "-7", "9", "99", "999", "9999", "99999")
COUNT = "n_"
# [number] In a column of counts, positive codes up to this may be counts. Source: definition.
COUNTS_UP_TO = 99
# [number] Values that are not the code, that set it apart. Source: definition.
MIN_OTHERS = 2


def is_code(values: pd.Series, codes: Sequence[str | float]) -> pd.Series:
    """Which cells of a column hold one of the codes; text and number are the same.

    Parameters
    ----------
    values : pd.Series
        Cells of one column.
    codes : Sequence[str | float]
        Numbers or texts that stand for missing.

    Returns
    -------
    pd.Series
        Booleans by row.
    """
    wanted = {category_text(code) for code in codes}
    return values.notna() & values.map(category_text).isin(wanted)


def suspected_codes(values: pd.Series, name: str) -> pd.Series:
    """The cells of a column that look like a code for missing, by the rule above; `name`: the column's.

    Parameters
    ----------
    values : pd.Series
        Cells of one column.
    name : str
        Name of the column.

    Returns
    -------
    pd.Series
        The suspected cells.
    """
    candidates = values[is_code(values, NUMBERS_FOR_MISSING)]
    others = values[values.notna() & ~values.index.isin(candidates.index)]
    if candidates.empty:
        return candidates
    numbers = pd.to_numeric(others, errors="coerce")
    if not pd.api.types.is_numeric_dtype(values) and numbers.isna().any():  # a number among words
        return candidates if numbers.isna().all() else candidates.iloc[:0]
    if numbers.nunique() < MIN_OTHERS:
        return (
            candidates[pd.to_numeric(candidates) < 0]
            if numbers.nunique() and numbers.min() >= 0
            else candidates.iloc[:0]
        )
    low, high = float(numbers.min()), float(numbers.max())
    found = []
    for code in sorted(pd.to_numeric(candidates).unique(), key=abs, reverse=True):
        counted = name.startswith(COUNT) and 0 < code <= COUNTS_UP_TO
        far = code - high > high - low and not counted
        if (code < 0 <= low) or (code > high and far) or _impossible(float(code), name):
            found.append(code)
    return candidates[pd.to_numeric(candidates).isin(found)]


def _impossible(value: float, name: str) -> bool:
    known = quantity_of(name)
    if known is None:
        return False
    quantity, unit = known
    low, high = (limit * quantity.factors[unit] for limit in quantity.limits)
    return not low <= value <= high
