"""A cell of a printed table with the numbers that it was made of, so that a document's numbers can be traced."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from angiolith.core.cells import cell_address

SOURCES = ["row", "column", "text", "cell"]


class PrintedCell(NamedTuple):
    """A text; row: the address of the row of the statistics' table that it is from, "" where none; columns: its own."""

    text: str
    row: str = ""
    columns: tuple[str, ...] = ()


def texts_of(cells: pd.DataFrame) -> pd.DataFrame:
    """The table as it is printed.

    Parameters
    ----------
    cells : DataFrame
        Of PrintedCell; missing ones are empty.

    Returns
    -------
    DataFrame
        Texts.
    """
    return cells.map(lambda cell: cell.text if isinstance(cell, PrintedCell) else "").astype(str)


def sources_of(cells: pd.DataFrame) -> pd.DataFrame:
    """Where each number of the printed table is from: a table with the columns `SOURCES`, a row per number.

    row: of the printed table, from 1; column: its head; cell: of the statistics, as `angiolith trace` takes it.

    Parameters
    ----------
    cells : DataFrame
        Of PrintedCell, whose rows are addresses of `row_addresses`.

    Returns
    -------
    DataFrame
        A row per number.
    """
    rows = [
        (at, head, cell.text, f"{cell.row}:{cell_address(column)}")
        for at, (_, row) in enumerate(cells.iterrows(), start=1)
        for head, cell in row.items()
        if isinstance(cell, PrintedCell) and cell.row and cell.text
        for column in cell.columns
    ]
    return pd.DataFrame(rows, columns=SOURCES)
