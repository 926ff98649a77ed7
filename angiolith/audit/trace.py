"""From a cell of a table to the rows, files, images, settings and code that it came from.

    angiolith trace OUTPUT_DIR CELL [--all] [--picture FILE.svg]

CELL is `file:value:...:column`: the file under OUTPUT_DIR, values that pick its row, and the column, as in
`cohort/vba_associations.tsv:model2:intimal:complete cases:odds_ratio` or, `cohort/` and `.tsv` left out,
`patients:sub-001:ses-01:age`. A value may stand in any column of the row, or be given as `column=value`; a colon within
is written `\\:`. Followed is what made that number (angiolith/audit/lineage.py); many files of one kind are counted
unless `--all` is given. The report tells the line for each of its numbers.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from angiolith.audit.lineage import Cell, TraceError
from angiolith.core.cells import address_parts
from angiolith.core.names import nearest
from angiolith.core.tables import read_tsv

EXAMPLE = "patients:sub-001:ses-01:wmh_volume_cm3"


def find_cell(root: Path, text: str) -> Cell:
    """The one cell that `file:value:...:column` names.

    Parameters
    ----------
    root : Path
        The output folder.
    text : str
        `file:value:...:column`.

    Returns
    -------
    Cell
        The cell.

    Raises
    ------
    TraceError
        Where table, column or row do not exist, or several rows fit.
    """
    file, *rest = address_parts(text)
    if not rest:
        raise TraceError(f"{text!r} is no cell; give table, row and column, as in {EXAMPLE}")
    *values, column = rest
    file = next((name for name in (file, f"cohort/{file}", f"cohort/{file}.tsv") if (root / name).is_file()), file)
    path = root / file
    if not path.is_file() or path.suffix != ".tsv":
        known = [found.relative_to(root).as_posix() for found in root.glob("cohort/*.tsv")]
        raise TraceError(f"{file}: no such table under {root}; {nearest(file, known)}")
    table = read_tsv(path, dtype=str).fillna("n/a")
    if column not in table.columns:
        raise TraceError(f"{file}: no column {column!r}; {nearest(column, table.columns)}")
    rows = table
    for value in values:
        matches = rows[_fits(rows, value)]
        if matches.empty:
            raise TraceError(f"{file}: no row with {value!r} among the {len(rows)} that the values before it leave")
        rows = matches
    if len(rows) != 1:
        apart = [name for name in rows.columns if rows[name].nunique() > 1][:3]
        examples = "; ".join(" ".join(f"{name}={row[name]}" for name in apart) for _, row in rows.head(3).iterrows())
        raise TraceError(f"{file}: {len(rows)} rows fit; give one more value, of these: {examples}")
    row = {str(name): str(value) for name, value in rows.iloc[0].items() if value != "n/a"}
    return Cell(file, column, str(rows.iloc[0][column]), row)


def _fits(rows: pd.DataFrame, value: str) -> pd.Series:
    """Whether each row has the value: `sub-X`, `ses-X` and `column=value` in that column, others in any.

    A part of a cell will do where no cell is just this: `intimal` for `calcification_pattern[intimal]`.
    """
    name, separator, wanted = value.partition("=")
    for prefix, column in (("sub-", "subject"), ("ses-", "session")):
        if value.startswith(prefix):
            name, separator, wanted = column, "=", value.removeprefix(prefix)
    if separator and name in rows.columns:
        return rows[name] == wanted
    equal = (rows == value).any(axis=1)
    return equal if equal.any() else rows.apply(lambda cells: cells.str.contains(value, regex=False)).any(axis=1)
