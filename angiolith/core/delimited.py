"""Text tables as they are given: decoded, cut into cells, and refused where rows could run into one another.

BIDS tables (TSV) know no quoting: a quotation mark is a character like others. In a CSV a cell may be quoted, but it
must end in its own line. Rows are numbered as in a spreadsheet program: the header is row 1.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable
from pathlib import Path

LINE_END = re.compile(r"\r\n|\n|\r")
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class DelimitedError(ValueError):
    """A file is no text table; `problems` are its lines: file, row, what is wrong and what to do."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def table_text(path: str | Path) -> str:
    """The text of a table in UTF-8, a byte order mark taken off.

    Parameters
    ----------
    path : str | Path
        Path of the table.

    Returns
    -------
    str
        The text, line ends as they are.

    Raises
    ------
    DelimitedError
        For UTF-16, NUL bytes and what is not UTF-8; the message names the row.
    """
    content = Path(path).read_bytes()
    if content.startswith(WIDE_MARKS):
        raise DelimitedError(f"{path}: is not UTF-8 but UTF-16; save it as UTF-8 (a spreadsheet program: CSV UTF-8)")
    if b"\0" in content:
        row = content[: content.index(b"\0")].count(b"\n") + 1
        raise DelimitedError(f"{path}, row {row}: holds a NUL byte: UTF-16 without its mark, or damaged; save it again")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        line = content.splitlines()[row - 1].decode("cp1252", "replace")
        raise DelimitedError(
            f"{path}, row {row}: is not UTF-8 (as Windows-1252 the row reads {line[:60]!r}); save it as UTF-8"
        ) from None


def tsv_lines(text: str) -> list[list[str]]:
    """The cells of a TSV, row by row, without any quoting; empty lines are rows without cells.

    Parameters
    ----------
    text : str
        Content of a TSV file.

    Returns
    -------
    list[list[str]]
        Rows of cells.
    """
    lines = LINE_END.split(text)
    if lines and not lines[-1]:
        lines.pop()
    return [line.split("\t") if line else [] for line in lines]


def csv_lines(path: str | Path, text: str, separator: str) -> list[list[str]]:
    """The cells of a CSV, row by row.

    Parameters
    ----------
    path : str | Path
        Path of the file, for messages.
    text : str
        Content of the file.
    separator : str
        One character.

    Returns
    -------
    list[list[str]]
        Rows of cells.

    Raises
    ------
    DelimitedError
        For a quotation mark that does not end in its own row.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows: list[list[str]] = []
    row = 0
    try:
        for cells in reader:
            row += 1
            if reader.line_num > row:
                raise csv.Error
            rows.append(cells)
    except csv.Error:
        raise DelimitedError(
            f"{path}, row {max(row, len(rows) + 1)}: a quotation mark opens a cell that does not end in this row; "
            "delete it, or take the line break out of the cell"
        ) from None
    return rows


def separator_of(text: str) -> str:
    """The separator of a CSV: the one of comma, semicolon and tab that cuts most rows as it cuts the header.

    Parameters
    ----------
    text : str
        Content of a CSV file.

    Returns
    -------
    str
        One character.
    """
    lines = [line for line in LINE_END.split(text) if line.strip()]
    header = lines[0] if lines else ""

    def fit(mark: str) -> tuple[bool, int, int]:
        cuts = header.count(mark)
        return cuts > 0, sum(line.count(mark) == cuts for line in lines), cuts

    return max(SEPARATORS, key=fit)


def read_cells(path: str | Path) -> list[list[str]]:
    """The cells of a .tsv, or of a .csv or .txt with any separator, row by row, the header among them.

    Parameters
    ----------
    path : str | Path
        Path of a .tsv, .csv or .txt file.

    Returns
    -------
    list[list[str]]
        Rows of cells.

    Raises
    ------
    DelimitedError
        For what is not UTF-8, holds NUL bytes, or has an open quotation mark; the message names the row.
    """
    text = table_text(path)
    if str(path).lower().endswith(".tsv"):
        return tsv_lines(text)
    return csv_lines(path, text, separator_of(text))


def uneven_rows(path: str | Path, cells: list[list[str]], columns: int) -> list[str]:
    """One line per row with more or fewer cells than the header has columns; empty rows and empty ends do not count.

    Parameters
    ----------
    path : str | Path
        Path of the file, for messages.
    cells : list[list[str]]
        Rows of cells, the header first.
    columns : int
        Number of columns of the header.

    Returns
    -------
    list[str]
        Messages.
    """
    problems = []
    for number, row in enumerate(cells[1:], start=2):
        given = len(row)
        if not any(cell.strip() for cell in row) or (given > columns and not any(map(str.strip, row[columns:]))):
            continue
        if given != columns:
            what = "correct the separators" if given > columns else "write n/a where a value is missing"
            problems.append(f"{path}, row {number}: {given} cells for {columns} columns; {what}")
    return problems


def tsv_line(cells: Iterable[object]) -> str:
    """Cells as a line of a TSV: a tab or a line break within one becomes a space, since no quoting keeps it.

    Parameters
    ----------
    cells : Iterable[object]
        Values of one row; each is turned into text.

    Returns
    -------
    str
        The line with its line end.
    """
    return "\t".join(one_cell(str(cell)) for cell in cells) + "\n"


def one_cell(text: str) -> str:
    """A text that can stand in a cell of a TSV.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        The text with tabs and line breaks as single spaces.
    """
    return re.sub(r"[\t\r\n]+", " ", text)
