"""Which studies of a patient are one visit: CT and MRI a few days apart belong to one session."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from angiolith.core.bids.dates import day_of

VISIT_DAYS = 30  # studies within so many days of the first one of a visit belong to it; a follow-up comes later


def sessions_of(
    studies: Mapping[str, str | None], visit_days: int, known: Mapping[str, str], days: Mapping[str, str | None]
) -> dict[str, str]:
    """Study -> session label (`01`, `02`, ...), by date.

    A study without a day is a session of its own.

    Parameters
    ----------
    studies : Mapping[str, str | None]
        Study UID -> day (ISO), or None.
    visit_days : int
        Most days between studies of one visit.
    known : Mapping[str, str]
        Study UID -> session of earlier imports or of the user.
    days : Mapping[str, str | None]
        Study UID -> day of the studies in `known`.

    Returns
    -------
    dict[str, str]
        Study UID -> session.
    """
    found = {study: known[study] for study in studies if study in known}
    starts: dict[str, date] = {}
    for study, label in known.items():
        day = studies.get(study) or days.get(study)
        if day and (label not in starts or day_of(day) < starts[label]):
            starts[label] = day_of(day)
    numbers = [int(label) for label in known.values() if label.isdigit()]
    number = max(numbers, default=0)
    for study in sorted(set(studies) - set(found), key=lambda one: (studies[one] is None, studies[one] or "", one)):
        day = studies[study]
        near = [label for label, start in starts.items() if day and abs((day_of(day) - start).days) <= visit_days]
        if near:
            found[study] = min(near, key=lambda label: abs((day_of(str(day)) - starts[label]).days))
            continue
        number += 1
        found[study] = f"{number:02d}"
        if day:
            starts[found[study]] = day_of(day)
    return found
