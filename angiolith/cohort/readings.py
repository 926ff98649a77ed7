"""What a cell that is no number or date may have been meant to be; where two readings are possible both are named."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

COMMA = re.compile(r"[-+]?\d+,\d+")
GROUPED_COMMA = re.compile(r"[-+]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?")
GROUPED_POINT = re.compile(r"[-+]?[1-9]\d{0,2}(\.\d{3})+(,\d+)?")
GROUPED_SPACE = re.compile(r"[-+]?[1-9]\d{0,2}([ '\u00a0\u202f\u2019]\d{3})+([.,]\d+)?")
AMBIGUOUS_POINT = re.compile(r"[-+]?[1-9]\d{0,2}\.\d{3}")
WITH_UNIT = re.compile(r"([-+]?\d+(?:[.,]\d+)?)\s*(%|[a-zA-Zµμ][\w/.^µμ]*)")
DAY_OR_MONTH_FIRST = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})")


def number_readings(text: str) -> list[str]:
    """The numbers that a text could stand for, as they should be written: "1,234" for 1234 or 1.234; [] for none.

    Parameters
    ----------
    text : str
        A cell.

    Returns
    -------
    list[str]
        Numbers as text.
    """
    text = text.strip().replace("\u2212", "-")
    found = []
    if GROUPED_COMMA.fullmatch(text):
        found.append(text.replace(",", ""))
    if COMMA.fullmatch(text):
        found.append(text.replace(",", "."))
    if "," in text and GROUPED_POINT.fullmatch(text):
        found.append(text.replace(".", "").replace(",", "."))
    if text.count(".") > 1 and GROUPED_POINT.fullmatch(text):
        found.append(text.replace(".", ""))
    if GROUPED_SPACE.fullmatch(text):
        found.append(re.sub(r"[^\d,.+-]", "", text).replace(",", "."))
    bare = text.strip("\"'").strip()
    if bare != text and re.fullmatch(r"[-+]?\d+(\.\d+)?", bare):
        found.append(bare)
    return list(dict.fromkeys(found))


def number_remedy(text: str) -> str:
    """What to write instead of a text that is no number; begins with "; ".

    Parameters
    ----------
    text : str
        A cell.

    Returns
    -------
    str
        The remedy.
    """
    found = number_readings(text)
    if len(found) == 2:
        return f"; write {found[0]} if its comma groups thousands, {found[1]} if it is a decimal comma"
    if found:
        return f"; write {found[0]}"
    if re.fullmatch(r"[<>≤≥].*\d.*", text):
        return "; a value beyond a detection limit needs a number or n/a"
    unit = WITH_UNIT.fullmatch(text)
    if unit and unit[2] == "%":
        return "; write the number alone, in percent or as a fraction as the column's name says"
    if unit:
        return f"; write the number alone, in the unit that the column's name says ({unit[2]} is given here)"
    return "; write a number or n/a, or list the column under categorical"


def ambiguous_points(texts: Iterable[str]) -> bool:
    """Whether "1.234" may be 1234 in these cells: another one has a decimal comma.

    Parameters
    ----------
    texts : Iterable[str]
        Cells of one column.

    Returns
    -------
    bool
        True where it may be.
    """
    return any("," in text and number_readings(text) for text in texts)


def date_remedy(text: str) -> str:
    """What to write instead of a text that is no date; begins with "; ".

    Parameters
    ----------
    text : str
        A cell.

    Returns
    -------
    str
        The remedy.
    """
    match = DAY_OR_MONTH_FIRST.fullmatch(text.strip())
    if not match:
        return "; write YYYY-MM-DD"
    first, _, second, year = match.groups()
    readings = {"day": _day(year, second, first), "month": _day(year, first, second)}
    known = {what: day for what, day in readings.items() if day}
    if len(set(known.values())) == 2:
        return f"; write YYYY-MM-DD: {known['day']} if the day stands first, {known['month']} if the month does"
    return "; write YYYY-MM-DD" + (f": {next(iter(known.values()))}" if known else "")


def _day(year: str, month: str, day: str) -> str | None:
    try:
        return date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return None
