"""The marks as the tool found them, whatever readers decided: what the next reader is shown."""

from __future__ import annotations

import pandas as pd

from angiolith.core.tables import FOUND
from angiolith.marks.verdicts import TOOL

PARTS = (
    *("counted", "certainty", "status", "reason", "artery", "side", "volume_mm3", "max_hu", "diameter_mm"),
    "stenosis_percent",
)
OF_CALCIUM = tuple(
    f"{FOUND}{name}" for name in PARTS if name not in ("diameter_mm", "stenosis_percent")
)  # columns of each kind's table
OF_SPOTS = tuple(f"{FOUND}{name}" for name in (*PARTS[:4], "volume_mm3", "diameter_mm"))
OF_PLAQUES = tuple(f"{FOUND}{name}" for name in (*PARTS[:6], "stenosis_percent"))


def with_found(after: pd.DataFrame, before: pd.DataFrame, number: str) -> pd.DataFrame:
    """The table after the readers with columns `found_*`: what it held before them.

    Parameters
    ----------
    after : pd.DataFrame
        Table of marks after the readers.
    before : pd.DataFrame
        The same without their decisions.
    number : str
        Column of the mark's number.

    Returns
    -------
    pd.DataFrame
        `found_*` is missing for a mark that a reader added.
    """
    parts = [name for name in PARTS if name in before]
    held = before.drop_duplicates(number).set_index(number)[parts].astype(object).reindex(after[number])
    return after.assign(**{f"{FOUND}{name}": held[name].to_numpy() for name in parts})


def as_found(table: pd.DataFrame) -> pd.DataFrame:
    """The table as it was before the readers: without marks that they added.

    Parameters
    ----------
    table : pd.DataFrame
        Table of marks with columns `found_*`; without them it is returned as it is.

    Returns
    -------
    pd.DataFrame
        The same columns, `found_*` put into their places.
    """
    if f"{FOUND}status" not in table:
        return table
    known = table[table[f"{FOUND}status"].notna()]
    held = {name: known[f"{FOUND}{name}"] for name in PARTS if f"{FOUND}{name}" in known and name in known}
    return known.assign(**held, decided_by=TOOL)


def drawn_by_readers(table: pd.DataFrame) -> pd.DataFrame:
    """The marks that readers added, or drew anew with another volume.

    Parameters
    ----------
    table : pd.DataFrame
        Table of marks with columns `found_*`; none without them.

    Returns
    -------
    pd.DataFrame
        Rows as they are after the readers.
    """
    if f"{FOUND}volume_mm3" not in table:
        return table.iloc[:0]
    known = table[f"{FOUND}status"].notna()
    return table[~known | (table[f"{FOUND}volume_mm3"].notna() & (table[f"{FOUND}volume_mm3"] != table["volume_mm3"]))]
