r"""What a cell of a table is called when it is to be traced: `file:key=value:...:column`; `\:` for a colon within."""

from __future__ import annotations

import re

import pandas as pd

KEYS = (
    *("subject", "session", "from_session", "to_session", "lesion", "reader", "artery", "side", "analysis", "step"),
    *("source", "measure", "group", "variable", "level", "model", "predictor", "term", "data", "method"),
)
PERSON = ("subject", "session")  # named even where one row is all there is


def row_addresses(file: str, texts: pd.DataFrame) -> list[str]:
    """`file:key=value:...` for every row of a table that was read as text; with `:column` behind, a cell's address.

    The keys are the fewest columns, KEYS first, that tell the rows apart. Rows that no column tells apart have "".

    Parameters
    ----------
    file : str
        Path of the table from the output folder.
    texts : pd.DataFrame
        The table, every cell as text.

    Returns
    -------
    list[str]
        One address per row.
    """
    texts = texts.fillna("n/a")
    keys = [name for name in PERSON if name in texts]
    for name in dict.fromkeys([*(name for name in KEYS if name in texts), *texts.columns]):
        if _groups(texts, keys) == len(texts):
            break
        if name not in keys and _groups(texts, [*keys, name]) > _groups(texts, keys):
            keys.append(name)
    for name in [name for name in keys if name not in PERSON]:
        others = [key for key in keys if key != name]
        keys = others if _groups(texts, others) == _groups(texts, keys) else keys
    alike = texts.duplicated(keys, keep=False) if keys else pd.Series(len(texts) > 1, index=texts.index)
    rows = texts[keys].to_numpy(str)
    named = (cell_address(file, *map("=".join, zip(keys, row, strict=True))) for row in rows)
    return ["" if same else address for same, address in zip(alike, named, strict=True)]


def _groups(texts: pd.DataFrame, names: list[str]) -> int:
    """How many rows these columns tell apart."""
    return len(texts.drop_duplicates(names)) if names else 1


def cell_address(*parts: str) -> str:
    """The parts as one address.

    Parameters
    ----------
    *parts : str
        File, `key=value` of each key, and the column.

    Returns
    -------
    str
        The address; colons within a part are escaped.
    """
    return ":".join(part.replace(":", r"\:") for part in parts)


def address_parts(address: str) -> list[str]:
    """The parts of an address: the file, values that pick the row, the column.

    Parameters
    ----------
    address : str
        An address of `cell_address`.

    Returns
    -------
    list[str]
        The parts without escapes.
    """
    return [part.replace(r"\:", ":") for part in re.split(r"(?<!\\):", address)]
