"""When visits and their CTs were acquired: from sessions.tsv, scans.tsv and sidecars, and where these disagree."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from angiolith.core.bids.dates import DateError, day_of, days_apart, iso_date
from angiolith.core.manifest_checks import NO_SESSION, checked_date, table_header, table_rows
from angiolith.core.names import nearest

SOURCES = ("sessions.tsv", "scans.tsv", "sidecars")
SIDECAR_KEYS = ("AcquisitionDateTime", "AcquisitionDate", "ScanDate", "SeriesDate", "StudyDate", "ContentDate")
OF_HEAD = (
    "T1w",
    "FLAIR",
    "T2w",
    "T2starw",
    "swi",
    "vwi",
    "vwi_ce",
    "angio",
)  # whose date is the visit's, the first there
DAYS_MAX = 1  # a visit may go on over midnight


@dataclass
class Acquired:
    """Dates of visits (`visits`) and of their CTs (`cts`) by session, as ISO text.

    conflict: why the order of the visits cannot be determined from them; notes: (file, session or None, text).
    """

    visits: dict[str, str] = field(default_factory=dict)
    cts: dict[str, str] = field(default_factory=dict)
    conflict: str | None = None
    notes: list[tuple[str, str | None, str]] = field(default_factory=list)


def acquired(
    root: str,
    subject: str,
    images: Mapping[str, Mapping[str, str]],
    facts: Callable[[str], Mapping[str, Any]],
) -> Acquired:
    """Dates of one subject's sessions.

    Of the sources (`SOURCES`, in this order) the first that dates all visits is taken, else the first that dates each.

    Parameters
    ----------
    root : str
        The BIDS folder.
    subject : str
        Label of the subject, without `sub-`.
    images : Mapping[str, Mapping[str, str]]
        Session -> column of the manifest -> path below the root.
    facts : Callable[[str], Mapping[str, Any]]
        Gives what the sidecars of an image (its path below the root) say.

    Returns
    -------
    Acquired
        Acquisition dates of the sessions and of their CTs, and notes on contradictions.

    Raises
    ------
    ManifestError
        For a cell of a table that is no date.
    """
    found = Acquired()
    by_source: dict[str, dict[str, str]] = {name: {} for name in SOURCES}
    by_source["sessions.tsv"] = _of_sessions_table(root, subject, list(images), found)
    for session, columns in images.items():
        scans = _scans(root, subject, session)
        head = [columns[name] for name in OF_HEAD if name in columns]
        ct = columns.get("ct")
        listed = [scans[_stem(path)] for path in head if _stem(path) in scans]
        others = [day for stem, day in scans.items() if not stem.endswith("_ct")] or list(scans.values())
        if listed or others:
            by_source["scans.tsv"][session] = listed[0] if listed else min(others)
        dated = any(session in dates for dates in by_source.values())
        if len(images) > 1 or not dated:
            described = (head or ([ct] if ct else []))[
                : 1 if dated else None
            ]  # one, to be compared with the table's date
            stated = next((day for path in described if (day := _stated_date(facts(path)))), None)
            if stated:
                by_source["sidecars"][session] = stated
        own = (scans.get(_stem(ct)) or _stated_date(facts(ct))) if ct else None
        if own:
            found.cts[session] = own
    _settle(found, by_source, subject, list(images))
    return found


def _stem(path: str) -> str:
    return os.path.basename(path).split(".")[0]


def _stated_date(facts: Mapping[str, Any]) -> str | None:
    """The date that sidecars give; what is none is as if it were not there."""
    for key in SIDECAR_KEYS:
        try:
            return iso_date(str(facts[key]))
        except (KeyError, DateError):
            continue
    return None


def _of_sessions_table(root: str, subject: str, sessions: Sequence[str], found: Acquired) -> dict[str, str]:
    path = f"{root}/sub-{subject}/sub-{subject}_sessions.tsv"
    dates = {}
    header = table_header(path)
    if header and "session_id" in header and "acq_time" not in header:
        near = [name for name in header if "date" in name.lower() or "time" in name.lower()]
        if near:
            found.notes.append((path, None, f"no column 'acq_time': dates are not read; rename the column {near[0]!r}"))
    for number, row in table_rows(path, "session_id"):
        label = row["session_id"].removeprefix("ses-")
        if label not in sessions:
            hint = nearest(label, sessions)
            found.notes.append(
                (path, None, f"row {number}: session_id {row['session_id']!r} is no session with images; {hint}")
            )
        elif row.get("acq_time", "n/a") not in ("n/a", ""):
            dates[label] = checked_date(row["acq_time"], f"{path}, row {number}, acq_time")
    return dates


def _scans(root: str, subject: str, session: str) -> dict[str, str]:
    """File's name without its ending -> date, of the session's scans.tsv, or of the subject's."""
    dates: dict[str, str] = {}
    folder = f"{root}/sub-{subject}"
    paths = [f"{folder}/sub-{subject}_scans.tsv", f"{folder}/ses-{session}/sub-{subject}_ses-{session}_scans.tsv"]
    for path in paths:
        for number, row in table_rows(path, "filename"):
            stem = _stem(row["filename"])
            elsewhere = f"_ses-{session}_" not in f"{stem}_" and (session != NO_SESSION or "_ses-" in stem)
            if row.get("acq_time", "n/a") not in ("n/a", "") and not (path == paths[0] and elsewhere):
                dates[stem] = checked_date(row["acq_time"], f"{path}, row {number}, acq_time")
    return dates


def _settle(found: Acquired, by_source: Mapping[str, Mapping[str, str]], subject: str, sessions: Sequence[str]) -> None:
    """Choose the dates, and say where the sources disagree."""
    complete = [name for name in SOURCES if all(session in by_source[name] for session in sessions)]
    apart = []
    for session in sessions:
        stated = {name: by_source[name][session] for name in SOURCES if session in by_source[name]}
        if complete:
            found.visits[session] = by_source[complete[0]][session]
        elif stated:
            found.visits[session] = next(iter(stated.values()))
        if any(days_apart(*pair) > DAYS_MAX for pair in combinations(stated.values(), 2)):
            used = complete[0] if complete else next(iter(stated))
            words = ", ".join(f"{day[:10]} ({name})" for name, day in stated.items())
            apart.append(session)
            text = f"the dates of this visit disagree: {words}; {used} is used, correct the wrong one"
            found.notes.append((f"{found_place(subject, session)}", session, text))
    if len(sessions) < 2:
        return
    if apart and not complete:
        labels = ", ".join(f"ses-{session}" for session in apart)
        found.conflict = (
            f"the dates of {labels} disagree between their sources, and no source dates all visits; correct them"
        )
        return
    for name in SOURCES:
        for first, second in combinations([s for s in sessions if s in by_source[name] and s in found.visits], 2):
            theirs = day_of(by_source[name][second]) - day_of(by_source[name][first])
            ours = day_of(found.visits[second]) - day_of(found.visits[first])
            if theirs.days * ours.days < 0:
                used = complete[0] if complete else "the others"
                found.conflict = (
                    f"{used} and {name} order ses-{first} and ses-{second} differently; correct one of them"
                )


def found_place(subject: str, session: str) -> str:
    """The folder of a session below the BIDS folder, as notes name it.

    Parameters
    ----------
    subject : str
        Label of the subject, without `sub-`.
    session : str
        Label of the session, without `ses-`.

    Returns
    -------
    str
        `sub-X/ses-Y`, or `sub-X` where the folder has no sessions.
    """
    return f"sub-{subject}" if session == NO_SESSION else f"sub-{subject}/ses-{session}"
