"""Dates as tables and DICOM headers write them, in one form: ISO 8601. What could be read in two ways is refused."""

from __future__ import annotations

import re
from datetime import date, datetime, time

FORM = re.compile(
    r"(?P<year>\d{4})(?P<mark>[-/.]?)(?P<month>\d{2})(?P=mark)(?P<day>\d{2})"
    r"(?:[T ]?(?P<hour>\d{2}):?(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:\.\d*)?)?\s*(?:Z|[+-]\d{2}:?\d{2})?)?"
)
# [days] A year. Source: definition.
DAYS_PER_YEAR = 365.25
# [year] Years that a date may have. Source: BIDS, which shifts dates to before 1925 where the real ones must not be
# known.
YEARS = range(1800, 2200)
# [year] Dates before this year are shifted ones. Source: BIDS.
SHIFTED_BEFORE = 1925


class DateError(ValueError):
    """A text that is no date, or that could be read as two."""


def iso_date(text: str) -> str:
    """`YYYY-MM-DD`, with `THH:MM:SS` where a time was given; time zones and fractions of a second are dropped.

    Taken are dates that begin with the year: 2024-01-31, 20240131, 2024/01/31, 2024.01.31, each with or without a time
    (2024-01-31T10:00:00, 2024-01-31 10:00, 20240131100000.5).

    Parameters
    ----------
    text : str
        A date as a table or a DICOM header has it.

    Returns
    -------
    str
        The date in ISO 8601.

    Raises
    ------
    DateError
        For text that is no date, or that can be read in two ways.
    """
    match = FORM.fullmatch(text.strip())
    try:
        if not match:
            raise ValueError
        day = date(*(int(match[part]) for part in ("year", "month", "day")))
        if day.year not in YEARS:
            raise ValueError
        if match["hour"] is None:
            return day.isoformat()
        hour, minute, second = (int(match[part] or 0) for part in ("hour", "minute", "second"))
        return datetime.combine(day, time(hour, minute, second)).isoformat()
    except ValueError:
        raise DateError(f"{text!r} is not a date; write YYYY-MM-DD or n/a") from None


def day_of(iso: str) -> date:
    """The day of a text that `iso_date` made.

    Parameters
    ----------
    iso : str
        A date in the form of `iso_date`.

    Returns
    -------
    date
        The day, without the time.
    """
    return date.fromisoformat(iso[:10])


def days_apart(first: str, second: str) -> int:
    """Days between two dates of `iso_date`, never negative.

    Parameters
    ----------
    first, second : str
        Dates in the form of `iso_date`.

    Returns
    -------
    int
        Number of days.
    """
    return abs((day_of(second) - day_of(first)).days)


def is_shifted(iso: str) -> bool:
    """Whether a date lies in the years that BIDS sets aside for shifted ones.

    Parameters
    ----------
    iso : str
        A date in the form of `iso_date`.

    Returns
    -------
    bool
        True before 1925.
    """
    return day_of(iso).year < SHIFTED_BEFORE
