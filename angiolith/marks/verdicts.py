"""Which marks count: what is sure is counted, what could be something else is a candidate and waits for a reader.

A reader's decision takes precedence over the tool's verdict. Where readers disagree the mark is a candidate, until
an adjudicator decides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from angiolith.arteries.names import parse_name
from angiolith.core.settings.section import Count
from angiolith.core.tables import OK, REVIEW, join_reasons
from angiolith.marks.decisions import ADJUDICATOR, READER, Decision, digest_of, stale
from angiolith.marks.kinds import ADD, CALCIFICATION, KEEP, MOVE, REDRAW, REJECT

SURE, CANDIDATE, EXCLUDED = "sure", "candidate", "excluded"
TOOL = "tool"
DONE = {KEEP: "kept", REJECT: "rejected", MOVE: "moved", ADD: "added", REDRAW: "redrawn"}
NO_MARK = "none"


class UndecidableError(ValueError):
    """Decisions do not fit the session's marks; the message says which and what to do."""


@dataclass(frozen=True)
class Verdict:
    """What is held of one mark.

    counted: it enters sums and grades; certainty: sure, candidate where neither the image nor the readers decide, or
    excluded where the image shows that it is something else (a spot that is calcium on the CT);
    decided_by: tool, or the readers' initials; reason: why a person should look, or what the readers decided; artery:
    (artery, side) that a reader named.
    """

    counted: bool = True
    certainty: str = SURE
    decided_by: str = TOOL
    reason: str | None = None
    artery: tuple[str, str] | None = None


@dataclass(frozen=True)
class Decided:
    """The marks of a session after its readers: label map, verdict and name (number and digest) of each."""

    labels: np.ndarray
    verdicts: dict[int, Verdict]
    names: dict[int, str]


def tool_verdicts(doubts: Mapping[int, str], excluded: Mapping[int, str] | None = None) -> dict[int, Verdict]:
    """The tool's verdicts on the marks that it does not count; doubts: {mark: why the image does not decide}; excluded:
    {mark: what the image shows it to be}.

    Parameters
    ----------
    doubts : Mapping[int, str]
        Mark -> why the image does not decide.
    excluded : Mapping[int, str] | None
        Mark -> what the image shows it to be.

    Returns
    -------
    dict[int, Verdict]
        Mark -> verdict.
    """
    return {
        mark: Verdict(counted=False, certainty=CANDIDATE, reason=f"candidate: {doubt}")
        for mark, doubt in doubts.items()
    } | {mark: Verdict(False, EXCLUDED, reason=what) for mark, what in (excluded or {}).items()}


def mark_names(labels: np.ndarray) -> dict[int, str]:
    """The name of every mark: its number, and eight hex digits (SHA-256) of its voxels' places in the grid.

    The same voxels have the same digest whatever the number; other voxels have another one.

    Parameters
    ----------
    labels : np.ndarray
        Labels (i, j, k).

    Returns
    -------
    dict[int, str]
        Number -> name.
    """
    voxels = np.flatnonzero(labels)
    numbers = labels.ravel()[voxels]
    order = np.argsort(numbers, kind="stable")
    found = {}
    for part in np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1):
        if len(part):
            number = int(numbers[part[0]])
            content = np.array([*labels.shape, *voxels[part]], "<i8").tobytes()
            found[number] = f"{number}-{hashlib.sha256(content).hexdigest()[:8]}"
    return found


def decide(
    labels: np.ndarray,
    dense: np.ndarray,
    doubts: Mapping[int, str],
    decisions: Sequence[Decision],
    drawings: Mapping[str, np.ndarray],
    count: Count,
    excluded: Mapping[int, str] | None = None,
) -> Decided:
    """The marks of a session with what readers decided on them.

    Of a drawing the dense voxels count. A mark that a reader draws anew keeps its name.

    Parameters
    ----------
    labels : np.ndarray
        Labels (i, j, k) of the segmentation.
    dense : np.ndarray
        Voxels that a mark may hold (of calcification, those at its threshold or above).
    doubts : Mapping[int, str]
        Mark -> why the image does not decide.
    decisions : Sequence[Decision]
        Decisions on this session and kind.
    drawings : Mapping[str, np.ndarray]
        Path of each drawn mask -> its voxels; all (i, j, k) on one grid.
    count : Count
        Setting `count` of the kind.
    excluded : Mapping[int, str] | None
        Mark -> what the image shows it to be.

    Returns
    -------
    Decided
        The final labels, with the verdict on each mark.

    Raises
    ------
    UndecidableError
        Where a decision fits no mark, or a drawing holds no dense voxel.
    """
    labels, names = labels.copy(), mark_names(labels)
    by_mark: dict[int, list[Decision]] = {}
    added: list[int] = []
    for row in decisions:
        if row["decision"] == ADD:
            number = _add(labels, dense, row, drawings[row["file"]], added)
            by_mark.setdefault(number, []).append(row)
    names |= {number: name for number, name in mark_names(labels).items() if number in added}
    numbers = {digest_of(name): number for number, name in names.items()}
    for row in decisions:
        if row["decision"] != ADD:
            found = numbers.get(digest_of(row["mark"]))
            if found is None:
                raise UndecidableError(f"decision of {row['reader']}: {stale(row['mark'], list(names.values()))}")
            by_mark.setdefault(found, []).append(row)
    readers = {row["reader"] for row in decisions if row["role"] == READER}
    verdicts = tool_verdicts(doubts, excluded)
    for number, rows in by_mark.items():
        missing = readers - {row["reader"] for row in rows} if number in added else set()
        verdicts[number] = joint_verdict(rows, sorted(missing))
        drawn = [row for row in _final(rows) if row["decision"] == REDRAW]
        if drawn:
            _redraw(labels, dense, number, drawn[0], drawings[drawn[0]["file"]])
    every = {number: verdicts.get(number, Verdict()) for number in names}
    return Decided(labels, {number: _counted(verdict, count) for number, verdict in every.items()}, names)


def joint_verdict(rows: Sequence[Decision], missing: Sequence[str] = ()) -> Verdict:
    """What the readers of one mark say together; missing: readers of the session who did not add a mark that another
    one added. Where they differ, on what it is or on the artery, the mark is a candidate.

    Parameters
    ----------
    rows : Sequence[Decision]
        Decisions of all readers on one mark.
    missing : Sequence[str]
        Readers who did not add a mark that another one added.

    Returns
    -------
    Verdict
        The verdict.
    """
    final = _final(rows)
    who = ", ".join(dict.fromkeys(row["reader"] for row in final))
    reasons = join_reasons(*(_reason_of(row) for row in final))
    answers = {answer_of(row) for row in final}
    if len(answers) > 1:
        return Verdict(False, CANDIDATE, who, f"candidate: readers disagree, needs adjudication: {reasons}")
    if missing and not any(row["role"] == ADJUDICATOR for row in final):
        return Verdict(
            False, CANDIDATE, who, f"candidate: {reasons}, not added by {', '.join(missing)}: needs adjudication"
        )
    (answer,) = answers
    return Verdict(answer != NO_MARK, SURE, who, reasons, answer if isinstance(answer, tuple) else None)


def answer_of(row: Decision) -> str | tuple[str, str] | None:
    """What a decision says of a mark, to be compared between readers: none, the (artery, side), or that of the tool.

    Parameters
    ----------
    row : Decision
        A decision.

    Returns
    -------
    str | tuple[str, str] | None
        NO_MARK, (artery, side), or None for what the tool says.
    """
    if row["decision"] == REJECT:
        return NO_MARK
    return parse_name(row["artery"]) if row["artery"] and row["decision"] != KEEP else None


def _final(rows: Sequence[Decision]) -> Sequence[Decision]:
    """The rows that count: the adjudicators', where there are any."""
    return [row for row in rows if row["role"] == ADJUDICATOR] or rows


def _reason_of(row: Decision) -> str:
    to = f" to {row['artery']}" if row["decision"] == MOVE else ""
    return f"{DONE[row['decision']]}{to} by {row['reader']} on {row['date']}" + (
        f" ({row['note']})" if row["note"] else ""
    )


def _counted(verdict: Verdict, count: Count) -> Verdict:
    """The verdict with `counted` as the kind's setting `count` has it."""
    if count == "all" and verdict.certainty == CANDIDATE:
        return replace(verdict, counted=True)
    if count == "confirmed" and verdict.decided_by == TOOL:
        return replace(verdict, counted=False)
    return verdict


def _add(labels: np.ndarray, dense: np.ndarray, row: Decision, drawn: np.ndarray, added: list[int]) -> int:
    """Put a drawn mark into the label map; its number, or that of the added mark that it overlaps."""
    voxels = drawn & dense
    if not voxels.any():
        raise UndecidableError(f"{row['file']}, drawn by {row['reader']}: no voxel that may belong to a mark")
    met = [int(number) for number in np.unique(labels[voxels]) if number]
    if met:
        if met[0] not in added:
            raise UndecidableError(f"{row['file']}, drawn by {row['reader']}: overlaps mark {met[0]}; redraw that one")
        return met[0]
    number = int(labels.max()) + 1
    labels[voxels] = number
    added.append(number)
    return number


def _redraw(labels: np.ndarray, dense: np.ndarray, number: int, row: Decision, drawn: np.ndarray) -> None:
    """Replace the voxels of a mark by the drawn ones."""
    voxels = drawn & dense
    if not (voxels & (labels == number)).any():
        raise UndecidableError(
            f"{row['file']}, drawn by {row['reader']}: does not overlap mark {number}; add it instead"
        )
    others = [int(other) for other in np.unique(labels[voxels]) if other not in (0, number)]
    if others:
        raise UndecidableError(f"{row['file']}, drawn by {row['reader']}: overlaps mark {others[0]}")
    labels[labels == number] = 0
    labels[voxels] = number


def counted(lesions: pd.DataFrame) -> pd.DataFrame:
    """The marks that enter sums and grades.

    Parameters
    ----------
    lesions : pd.DataFrame
        Table of marks.

    Returns
    -------
    pd.DataFrame
        Its counted rows.
    """
    return lesions[lesions["counted"].astype(bool)]


def waiting(lesions: pd.DataFrame) -> pd.DataFrame:
    """The marks that are in no sum and that no reader has decided on: candidates and, where only confirmed marks count,
    the sure ones.

    Parameters
    ----------
    lesions : pd.DataFrame
        Table of marks.

    Returns
    -------
    pd.DataFrame
        Its rows that wait.
    """
    undecided = (lesions["certainty"] == CANDIDATE) | ((lesions["decided_by"] == TOOL) & (lesions["certainty"] == SURE))
    return lesions[undecided & ~lesions["counted"].astype(bool)]


def in_order(lesions: pd.DataFrame, number: str = CALCIFICATION.number) -> pd.DataFrame:
    """The marks as lists and pictures have them: first those that wait for a reader, then those for review, then the
    others, last those that a reader rejected or the image excludes; by number within.

    Parameters
    ----------
    lesions : pd.DataFrame
        Table of marks.
    number : str
        Column of the mark's number.

    Returns
    -------
    pd.DataFrame
        The table in the new order.
    """
    closed = (lesions["certainty"] == EXCLUDED) | ((lesions["decided_by"] != TOOL) & (lesions["certainty"] == SURE))
    rank = pd.Series(2, index=lesions.index)
    rank[lesions["status"] == REVIEW] = 1
    rank[waiting(lesions).index] = 0
    rank[closed & ~lesions["counted"].astype(bool)] = 3
    return lesions.assign(rank=rank).sort_values(["rank", number], kind="stable").drop(columns="rank")


def readings(decisions: Mapping[tuple[str, str], Iterable[Decision]]) -> pd.DataFrame:
    """Whether each reader took each mark for what the tool calls it (subject, session, kind, mark, reader, answer: yes
    or no); adjudications left out.

    Parameters
    ----------
    decisions : Mapping[tuple[str, str], Iterable[Decision]]
        (subject, session) -> decisions.

    Returns
    -------
    pd.DataFrame
        One row per reader and mark.
    """
    rows = [
        {"subject": subject, "session": session, "kind": row["kind"], "mark": f"mark-{digest_of(row['mark'])}"}
        | {"reader": row["reader"], "answer": "no" if answer_of(row) == NO_MARK else "yes"}
        for (subject, session), of_session in decisions.items()
        for row in of_session
        if row["role"] == READER and row["decision"] != ADD
    ]
    return pd.DataFrame(rows, columns=["subject", "session", "kind", "mark", "reader", "answer"])


def verdict_columns(verdict: Verdict, row: Mapping[str, Any]) -> dict[str, Any]:
    """What the row of a mark says of its verdict: a candidate is for review, what a reader decided is not.

    Parameters
    ----------
    verdict : Verdict
        The verdict on the mark.
    row : Mapping[str, Any]
        Status and reason as measured.

    Returns
    -------
    dict[str, Any]
        Column -> value.
    """
    decided = row["status"] if verdict.decided_by == TOOL else OK
    return {
        "counted": verdict.counted,
        "certainty": verdict.certainty,
        "decided_by": verdict.decided_by,
        "status": REVIEW if verdict.certainty == CANDIDATE else decided,
        "reason": join_reasons(verdict.reason, row["reason"]),
    }
