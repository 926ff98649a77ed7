"""Tables of the user's own: read as text, with checks whose messages name the file, the row and the column.

Every check collects all it finds, up to `SHOWN` lines, so that a table is corrected at once.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from angiolith.cohort.readings import AMBIGUOUS_POINT, ambiguous_points, date_remedy, number_remedy
from angiolith.core.bids.dates import DateError, iso_date
from angiolith.core.delimited import DelimitedError, read_cells, uneven_rows
from angiolith.core.names import nearest
from angiolith.core.settings.analyses import LongTable

MISSING_MARKS = ("", "n/a", "N/A", "NA", "NaN", "nan", ".", "#N/A")
# [number] Problems of a table that are named. Source: layout.
SHOWN = 10
WHOLE_NUMBER = re.compile(r"(-?\d+)\.0+")


class StudyTableError(ValueError):
    """A table cannot be used; one line per problem: file, row, column, what is wrong and what to write.

    Its text has the first `SHOWN` of the `problems` and how many more there are.
    """

    def __init__(self, *problems: str) -> None:
        more = [f"... and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
        super().__init__("\n".join([*problems[:SHOWN], *more]))
        self.problems = problems


class MissingColumnError(StudyTableError):
    """A column that is asked for is not in the table: a mistake of the table or of the configuration."""


def read_study_table(
    path: str | Path,
    columns: Mapping[str, str] | None = None,
    sheet: str | None = None,
    long: LongTable | None = None,
) -> pd.DataFrame:
    """Read a .tsv, .csv or .xlsx as text, with missing marks as NaN and the columns renamed.

    Returns one row per row of the file, all text; the index is the row's number in the file (the header is row 1).

    Parameters
    ----------
    path : str | Path
        The file; the separator of a .csv is the one of comma, semicolon and tab that cuts its rows
        alike.
    columns : Mapping[str, str] | None
        Our name -> the file's name; None to keep them.
    sheet : str | None
        Sheet of an .xlsx; None for the first.
    long : LongTable | None
        Names and values of a long table, which is made wide first (see `widened`).

    Returns
    -------
    pd.DataFrame
        One row per row of the file, all text.

    Raises
    ------
    StudyTableError
        For a file that cannot be read as a table.
    """
    path = Path(path)
    if not path.is_file():
        raise StudyTableError(f"{path}: no such file")
    cells = _read_cells(path, sheet)
    if not cells:
        raise StudyTableError(f"{path}: the table is empty; save it again")
    header = [name.strip() for name in cells[0]]
    while header and not header[-1]:
        header.pop()
    twice = sorted({name for name in header if header.count(name) > 1})
    unnamed = ["a column has no name; give it one"] if "" in header else []
    doubled = [f"the column {name!r} stands twice; give one another name" for name in twice if name]
    quoted = [
        f"the column {name} is in quotation marks; save the table without (TSV knows no quoting)"
        for name in header
        if path.suffix.lower() == ".tsv" and is_quoted(name)
    ]
    raise_problems(f"{path}, row 1: {problem}" for problem in [*unnamed, *doubled, *quoted[:1]])
    raise_problems(uneven_rows(path, cells, len(header)))
    rows, numbers = [], []
    for number, row in enumerate(cells[1:], start=2):
        values = [cell.strip() for cell in row[: len(header)]]
        if any(values):
            rows.append(values + [""] * (len(header) - len(values)))
            numbers.append(number)
    table = pd.DataFrame(rows, columns=header, index=pd.Index(numbers, name="row"), dtype=object)
    table = table.where(~table.isin(MISSING_MARKS))
    if long is not None:
        keys = [(columns or {}).get(key, key) for key in ("subject", "session", "lesion")]
        table = widened(table, keys, long.names, long.values, path)
    return _rename(table, columns or {}, path)


def widened(
    table: pd.DataFrame, keys: Sequence[str], names: Sequence[str], values: Sequence[str], path: str | Path
) -> pd.DataFrame:
    """One row per key from a table with one row per key and name (measure, artery, visit).

    Every other column must be the same in all rows of a key. The index is the key's first row in the file.

    Parameters
    ----------
    table : pd.DataFrame
        Table of texts; the index is the row's number in the file.
    keys : Sequence[str]
        Columns that name a row, the first one needed, the others used where the table has them and they
        are no name.
    names : Sequence[str]
        Columns whose cells, joined by `_`, name the new columns; of several value columns each name
        begins with the value column's.
    values : Sequence[str]
        Columns of values.
    path : str | Path
        Path of the table, for messages.

    Returns
    -------
    pd.DataFrame
        One row per key.

    Raises
    ------
    StudyTableError
        For missing keys, keys that occur twice, and other columns that differ within a key.
    """
    check_columns(table, [keys[0], *names, *values], path)
    keys = [key for key in keys if key in table.columns and key not in names]
    raise_problems(
        f"{path}, row {row}, {name}: is missing"
        for name in [keys[0], *names]
        for row in table.index[table[name].isna()]
    )
    label = table[list(names)].agg("_".join, axis=1)
    check_keys(table[keys].assign(**{" ".join(names): label}), [*keys, " ".join(names)], path)
    group = table.groupby(keys, dropna=False, sort=False).ngroup()
    first = table.groupby(group).head(1)
    others = [name for name in table.columns if name not in {*keys, *names, *values}]
    problems = []
    for name in others:
        expected = group.map(first.set_axis(group[first.index])[name])
        differs = (table[name] != expected) & ~(table[name].isna() & expected.isna())
        problems += [
            f"{path}, row {row}, {name}: {table.at[row, name]!r} differs from {expected[row]!r} in the same subject's "
            f"first row; list the column under long: values if it changes"
            for row in table.index[differs]
        ]
    raise_problems(problems)
    parts = [first[[*keys, *others]]]
    for value in values:
        wide = table.assign(label=label, group=group).pivot(index="group", columns="label", values=value)
        wide = wide[list(dict.fromkeys(label))].set_axis(first.index)
        parts.append(wide.rename(columns=str if len(values) == 1 else (lambda name, value=value: f"{value}_{name}")))
    result = pd.concat(parts, axis=1).rename_axis(index="row", columns=None)
    twice = result.columns[result.columns.duplicated()]
    if len(twice):
        raise StudyTableError(f"{path}: the long table gives two columns the name {twice[0]!r}")
    return result


def _read_cells(path: Path, sheet: str | None) -> list[list[str]]:
    if path.suffix.lower() == ".xlsx":
        return _read_excel(path, sheet)
    if path.suffix.lower() not in (".tsv", ".csv", ".txt"):
        raise StudyTableError(f"{path}: give a .tsv, .csv or .xlsx file")
    try:
        return read_cells(path)
    except DelimitedError as error:
        raise StudyTableError(*error.problems) from None


def is_quoted(text: str) -> bool:
    """Whether a cell is wrapped in quotation marks.

    Parameters
    ----------
    text : str
        A cell.

    Returns
    -------
    bool
        True where it is.
    """
    return len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"


def _read_excel(path: Path, sheet: str | None) -> list[list[str]]:
    cells = _excel_cells(path, sheet, computed=True)
    if any(cell is None for row in cells for cell in row):
        formulas = _excel_cells(path, sheet, computed=False)
        raise_problems(
            f"{path}, row {number}, column {at}: holds a formula without its value; "
            "open and save the file in the spreadsheet program, or paste the value"
            for number, (values, typed) in enumerate(zip(cells, formulas, strict=False), 1)
            for at, (value, text) in enumerate(zip(values, typed, strict=False), 1)
            if value is None and str(text).startswith("=")
        )
    width = max(map(len, cells), default=0)  # rows end at their last cell
    return [[_cell_text(cell) for cell in row] + [""] * (width - len(row)) for row in cells]


def _excel_cells(path: Path, sheet: str | None, computed: bool) -> list[tuple[object, ...]]:
    """Cells of a sheet: the values that formulas had when the file was saved, or (not `computed`) the formulas."""
    import openpyxl

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=computed)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, openpyxl.utils.exceptions.InvalidFileException):
        raise StudyTableError(f"{path}: cannot be read as .xlsx; save it again, without a password") from None
    try:
        if sheet is not None and sheet not in book.sheetnames:
            raise StudyTableError(f"{path}: has no sheet {sheet!r}; {nearest(sheet, book.sheetnames)}")
        page = book[sheet] if sheet is not None else book.worksheets[0]
        return list(page.iter_rows(values_only=True))
    finally:
        book.close()


def _cell_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _rename(table: pd.DataFrame, columns: Mapping[str, str], path: Path) -> pd.DataFrame:
    check_columns(table, columns.values(), path)
    renamed = table.rename(columns={theirs: ours for ours, theirs in columns.items()})
    twice = renamed.columns[renamed.columns.duplicated()]
    if len(twice):
        raise StudyTableError(
            f"{path}: {columns[twice[0]]!r} is to be called {twice[0]!r}, but the file has a column of that name too"
        )
    return renamed


def check_columns(table: pd.DataFrame, needed: Iterable[str], path: str | Path) -> None:
    """Raise MissingColumnError for needed columns that the table lacks, each with the nearest name that it has.

    Parameters
    ----------
    table : pd.DataFrame
        Table of texts; the index is the row's number in the file.
    needed : Iterable[str]
        Names of columns.
    path : str | Path
        Path of the table, for messages.

    Raises
    ------
    MissingColumnError
        For columns that the table lacks.
    """
    whole = len(table.columns) == 1 and re.search("[,;]", str(table.columns[0]))
    hints = {name: "save the table tab-separated" if whole else nearest(name, table.columns) for name in needed}
    lacking = (f"{path}: no column {name!r}; {hint}" for name, hint in hints.items() if name not in table.columns)
    raise_problems(lacking, MissingColumnError)


def check_keys(table: pd.DataFrame, keys: Sequence[str], path: str | Path) -> None:
    """Raise StudyTableError where a key is missing or where two rows have the same keys.

    Parameters
    ----------
    table : pd.DataFrame
        Table of texts; the index is the row's number in the file.
    keys : Sequence[str]
        Names of columns.
    path : str | Path
        Path of the table, for messages.

    Raises
    ------
    StudyTableError
        For missing keys, and for two rows with the same keys.
    """
    problems = [f"{path}, row {row}, {key}: is missing" for key in keys for row in table.index[table[key].isna()]]
    first = table.reset_index().groupby(list(keys), dropna=False)["row"].transform("first").set_axis(table.index)
    for row in table.index[table.duplicated(list(keys))]:
        labels = " ".join(f"{key} {table.at[row, key]}" for key in keys)
        problems.append(f"{path}, row {row}, {keys[0]}: {labels} stands in row {first[row]} already; delete one")
    raise_problems(problems)


def to_numbers(values: pd.Series, path: str | Path) -> pd.Series:
    """Text to float64 (True/False to 1/0), missing stays NaN.

    Parameters
    ----------
    values : pd.Series
        Texts of one column, missing as NaN.
    path : str | Path
        Path of the table, for messages.

    Returns
    -------
    pd.Series
        float64 by row.

    Raises
    ------
    StudyTableError
        For text; the message names the rows.
    """
    marks = values.replace({"True": "1", "False": "0", "TRUE": "1", "FALSE": "0"})
    numbers = pd.to_numeric(marks, errors="coerce").astype(float)
    numbers = numbers.where(numbers.abs() < float("inf"))
    wrong = values.notna() & numbers.isna()
    problems = [
        f"{path}, row {row}, {values.name}: {text!r} is not a number{number_remedy(str(text))}"
        for row, text in values[wrong].items()
    ]
    if ambiguous_points(map(str, values[wrong])):
        problems += [
            f"{path}, row {row}, {values.name}: {text!r} may be {str(text).replace('.', '')}, since other cells have "
            "decimal commas; write all numbers of the column in one form"
            for row, text in values[~wrong & values.notna()].items()
            if AMBIGUOUS_POINT.fullmatch(str(text))
        ]
    raise_problems(problems)
    return numbers


def to_categories(values: pd.Series) -> pd.Series:
    """Text of categories, whole numbers without their decimals ("1.0" is "1"); missing stays missing.

    Parameters
    ----------
    values : pd.Series
        Texts of one column, missing as NaN.

    Returns
    -------
    pd.Series
        Text by row.
    """
    return values.map(category_text, na_action="ignore")


def category_text(value: object) -> str:
    """A category as text: 1, 1.0 and "1.0" are all "1".

    Parameters
    ----------
    value : object
        A cell.

    Returns
    -------
    str
        The text.
    """
    text = str(value).strip()
    whole = WHOLE_NUMBER.fullmatch(text)
    return whole.group(1) if whole else text


def to_dates(values: pd.Series, path: str | Path) -> pd.Series:
    """Text of dates that begin with the year (a time may follow) to days.

    Parameters
    ----------
    values : pd.Series
        Texts of one column, missing as NaN.
    path : str | Path
        Path of the table, for messages.

    Returns
    -------
    pd.Series
        datetime64 by row.

    Raises
    ------
    StudyTableError
        For text that is no date; the message names the rows.
    """
    problems = []
    days = pd.Series(pd.NaT, index=values.index, dtype="datetime64[ns]", name=values.name)
    for row, text in values.dropna().items():
        try:
            days[row] = pd.Timestamp(iso_date(str(text))[:10])
        except DateError:
            problems.append(f"{path}, row {row}, {values.name}: {text!r} is not a date{date_remedy(str(text))}")
    raise_problems(problems)
    return days


def raise_problems(problems: Iterable[str], kind: type[StudyTableError] = StudyTableError) -> None:
    """Raise a StudyTableError (of this kind) with the problems, one line each, if there are any.

    Parameters
    ----------
    problems : Iterable[str]
        Messages, maybe none.
    kind : type[StudyTableError]
        Class of the error.

    Raises
    ------
    StudyTableError
        If there is a problem.
    """
    found = list(problems)
    if found:
        raise kind(*found)
