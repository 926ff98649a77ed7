"""The order of a subject's visits: by their dates, else as declared, else by labels that can be read in one way only.

Labels are never sorted as text. The rule for labels, all of one subject's being of one of these kinds:

1. one number each, with the same text around it (`1`, `2`, `10`; `01`, `02`; `v1`, `v2`; `visit1`): by number;
2. times since the first visit, in days, weeks, months or years, the unit before or after the number (`6m`, `12m`;
   `M06`, `M12`; `6mo`, `1y`): by time;
3. eight digits that are a date beginning with the year (`20240131`), or four that are a year (`2019`): by date;
4. a word for the first visit (`baseline`, `base`, `bl`, `pre`) before all of kind 2, or before `followup`, `fu`,
   `post`, alone or numbered (`followup1`, `followup2`).

Numbers of four digits or more that are none of these (`0115`, `010224`) may be a day and month in either order, and
`pre1`, `pre2` may count down: their order is not known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from angiolith.core.bids.dates import DateError, day_of, is_shifted, iso_date

FIRST_WORDS = ("baseline", "base", "bl", "pre")
LATER_WORDS = ("followup", "fu", "post")
DAYS = {
    **dict.fromkeys(("d", "day", "days"), 1.0),
    **dict.fromkeys(("w", "wk", "week", "weeks"), 7.0),
    **dict.fromkeys(("m", "mo", "mon", "month", "months"), 365.25 / 12),
    **dict.fromkeys(("y", "yr", "year", "years"), 365.25),
}
NUMBERED = re.compile(r"(?P<before>[a-z]*)(?P<number>\d+)(?P<after>[a-z]*)")
REMEDY = "give the visits' dates (acq_time in sessions.tsv), or session_order in the configuration"


@dataclass(frozen=True)
class VisitOrder:
    """Sessions from the first to the last, or None where that is not known; `how` it is known, or why it is not."""

    sessions: tuple[str, ...] | None
    how: str


def order_visits(dates: Mapping[str, str | None], declared: Sequence[str] = ()) -> VisitOrder:
    """The order of a subject's visits.

    What contradicts a date makes the order unknown.

    Parameters
    ----------
    dates : Mapping[str, str | None]
        Session -> its date in the form of `iso_date`, or None.
    declared : Sequence[str]
        Session labels in their order (`session_order`); may name more than the subject has.

    Returns
    -------
    VisitOrder
        The sessions in their order and how it is known; without sessions where it is not known.
    """
    sessions = list(dates)
    if len(sessions) == 1:
        return VisitOrder((sessions[0],), "one visit")
    known = {session: given for session, given in dates.items() if given}
    if len({is_shifted(given) for given in known.values()}) > 1:
        return VisitOrder(None, f"some dates are shifted (before 1925) and others are not; {REMEDY}")
    by_date = _by_date(known) if len(known) == len(sessions) else None
    by_name, how = _declared(sessions, declared) or _by_label(sessions)
    if by_name is None:
        return VisitOrder(by_date, "dates") if by_date else VisitOrder(None, f"{how}; {REMEDY}")
    wrong = next((pair for pair in pairwise(s for s in by_name if s in known) if _later(known, *pair)), None)
    if wrong and how == "session_order":
        days_text = ", ".join(f"ses-{session} {known[session]}" for session in wrong)
        return VisitOrder(None, f"session_order contradicts the dates ({days_text}); correct one of them")
    if by_date:
        return VisitOrder(by_date, "dates")
    if wrong:
        days_text = ", ".join(f"ses-{session} {known[session]}" for session in wrong)
        return VisitOrder(None, f"the labels contradict the dates ({days_text}), which not all visits have; {REMEDY}")
    return VisitOrder(by_name, how)


def _later(known: Mapping[str, str], first: str, second: str) -> bool:
    return day_of(known[first]) > day_of(known[second])


def _by_date(known: Mapping[str, str]) -> tuple[str, ...] | None:
    """By day, within a day by the time; None where two visits cannot be distinguished."""
    ordered = sorted(known, key=lambda session: known[session])  # ISO texts: a day sorts before its times
    for first, second in pairwise(ordered):
        timed = len(known[first]) > 10 and len(known[second]) > 10
        if day_of(known[first]) == day_of(known[second]) and not (timed and known[first] != known[second]):
            return None
    return tuple(ordered)


def _declared(sessions: Sequence[str], declared: Sequence[str]) -> tuple[tuple[str, ...] | None, str] | None:
    if not declared:
        return None
    place = {label.removeprefix("ses-"): at for at, label in enumerate(declared)}
    lacking = [session for session in sessions if session not in place]
    if lacking:
        return None, f"session_order does not name {', '.join(f'ses-{session}' for session in lacking)}"
    return tuple(sorted(sessions, key=place.__getitem__)), "session_order"


def _by_label(sessions: Sequence[str]) -> tuple[tuple[str, ...] | None, str]:
    """The rule of the module's docstring."""
    for rule, key in (("numbers", _numbers), ("dates", _dated), ("times", _times), ("words", _words)):
        places = key([session.lower() for session in sessions])
        if places is not None and len(set(places)) == len(places):
            order = sorted(range(len(sessions)), key=places.__getitem__)
            return tuple(sessions[at] for at in order), f"labels ({rule})"
    return None, f"which visit is the first cannot be determined from the labels {', '.join(sessions)}"


def _all(labels: Sequence[str], place: Callable[[str], float | None]) -> list[float] | None:
    places = [place(label) for label in labels]
    return None if None in places else [value for value in places if value is not None]


def _numbers(labels: Sequence[str]) -> list[float] | None:
    found = [NUMBERED.fullmatch(label) for label in labels]
    if any(match is None or len(match["number"].lstrip("0")) > 3 or len(match["number"]) > 4 for match in found):
        return None
    matches = [match for match in found if match]
    if len({(match["before"], match["after"]) for match in matches}) > 1 or matches[0]["before"] == "pre":
        return None  # pre2 may come before pre1
    if any(len(match["number"]) == 4 and int(match["number"]) > 99 for match in matches):
        return None  # a day and a month
    return [float(match["number"]) for match in matches]


def _dated(labels: Sequence[str]) -> list[float] | None:
    def place(label: str) -> float | None:
        if re.fullmatch(r"\d{8}", label):
            try:
                return float(day_of(iso_date(label)).toordinal())
            except DateError:
                return None
        return float(label) if re.fullmatch(r"(19|20)\d\d", label) else None

    return _all(labels, place) if len({len(label) for label in labels}) == 1 else None


def _days(label: str) -> float | None:
    match = NUMBERED.fullmatch(label)
    if not match or bool(match["before"]) == bool(match["after"]) or len(match["number"]) > 3:
        return None
    unit = DAYS.get(match["before"] or match["after"])
    return None if unit is None else int(match["number"]) * unit


def _times(labels: Sequence[str]) -> list[float] | None:
    return _all(labels, lambda label: -1.0 if label in FIRST_WORDS else _days(label))


def _words(labels: Sequence[str]) -> list[float] | None:
    def place(label: str) -> float | None:
        if label in FIRST_WORDS:
            return -1.0
        match = re.fullmatch(rf"({'|'.join(LATER_WORDS)})(\d{{0,2}})", label)
        return float(match[2] or 0) if match else None

    later = {re.sub(r"\d", "", label) for label in labels if label not in FIRST_WORDS}
    return _all(labels, place) if len(later) == 1 else None
