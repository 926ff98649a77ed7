"""What the pages of review and of marks ask a reader about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from angiolith.core.tables import FOUND
from angiolith.marks.kinds import CALCIFICATION, KINDS, PLAQUE
from angiolith.marks.verdicts import CANDIDATE
from angiolith.pictures.marks import GAP_PX, HEAD_PX, PAGE_PX, PANEL_PX, PER_PAGE, ROW_PX, TEXT_PX, WIDTH_PX
from angiolith.report.sessions import (
    Session,
    mark_artery,
)
from angiolith.report.subjects import Subject


def review_items(subjects: Iterable[Subject]) -> dict[str, Any]:
    """The pictures of the review page (subject, session, picture), and the marks that the workflow was given.

    Parameters
    ----------
    subjects : Iterable[Subject]
        Subjects of the report.

    Returns
    -------
    dict[str, Any]
        Content of the review page's script.
    """
    pictures, marks = [], {}
    for subject in subjects:
        shown = [(session.session, picture) for session in subject.sessions for picture in session.pictures]
        if subject.change_picture:
            shown.append((subject.sessions[-1].session, subject.change_picture))
        for session, picture in shown:
            pictures.append([subject.name, session, picture.name])
            if picture.verdict:
                kept = {name: picture.verdict[name] for name in ("verdict", "reviewer", "note")}
                marks[f"{subject.name}/{session}/{picture.name}"] = kept
    return {"kind": "pictures", "items": pictures, "marks": marks}


def mark_items(sessions: Iterable[Session]) -> dict[str, Any]:
    """The marks of the page of decisions as the tool found them (subject, session, kind, mark, its row in the picture,
    whether the tool doubts it, what it is, what the tool says), and where they lie in that picture. Those that the tool
    doubts come first, then by number.

    What readers decided changes nothing of it: each decides without knowing of others. A mark that a reader added is
    kept apart (`added`), for an adjudicator alone.

    Parameters
    ----------
    sessions : Iterable[Session]
        Sessions of the report.

    Returns
    -------
    dict[str, Any]
        Content of the page of decisions' script.
    """
    items: list[list[Any]] = []
    added: list[list[Any]] = []
    for session in sessions:
        for kind, marks in session.found_by_kind.items():
            found = []
            for row, mark in enumerate(marks):
                flagged = mark["certainty"] == CANDIDATE
                item = [session.subject, session.session, kind, mark["mark"], row, flagged, described(mark)]
                found.append((not flagged, int(mark["lesion"]), [*item, mark["reason"]]))
            items += [item for _, _, item in sorted(found, key=lambda each: each[:2])]
        added += [
            [session.subject, session.session, kind, mark["mark"], None, False, described(mark), mark["reason"]]
            for kind, marks in session.marks_by_kind.items()
            for _, mark in marks
            if f"{FOUND}status" in mark and not mark[f"{FOUND}status"]
        ]
    return {
        "kind": "marks",
        "items": items,
        "added": added,
        "marks": {},
        "of_arteries": [name for name, kind in KINDS.items() if kind.has_artery],
        "drawn": [name for name, kind in KINDS.items() if kind.is_drawn],
        "montages": {name: kind.montage for name, kind in KINDS.items()},
        "head_px": HEAD_PX,
        "row_px": ROW_PX,
        "page_px": PAGE_PX,
        "per_page": PER_PAGE,
        "text_px": TEXT_PX,
        "panel_px": PANEL_PX,
        "gap_px": GAP_PX,
        "width_px": WIDTH_PX,
    }


def described(mark: Mapping[str, str]) -> str:
    """A mark in a line, without what is held of it.

    Parameters
    ----------
    mark : Mapping[str, str]
        A row of marks, as text.

    Returns
    -------
    str
        One line.
    """
    if mark["kind"] == CALCIFICATION.name:
        return f"{mark['lesion']} · {mark_artery(mark)} · {mark['volume_mm3']} mm³ · {mark['max_hu']} HU"
    if mark["kind"] == PLAQUE.name:
        return f"{mark['lesion']} · {mark_artery(mark)} · stenosis {mark['stenosis_percent'] or 'n/a'} %"
    return f"{mark['lesion']} · {mark['diameter_mm']} mm · {mark['volume_mm3']} mm³"
