"""What readers decided on the spots of a session (microbleeds, lacunes): which count, and what the counts are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import SimpleITK as sitk

from angiolith.core.images import Image, map_points, read_image
from angiolith.core.inputs import Inputs
from angiolith.core.settings.section import Count
from angiolith.core.tables import FAILED, OK, REVIEW, join_reasons, read_tsv, was_made
from angiolith.marks.decisions import Decision
from angiolith.marks.drawings import read_drawings
from angiolith.marks.found import OF_SPOTS, with_found
from angiolith.marks.kinds import MarkKind
from angiolith.marks.verdicts import (
    CANDIDATE,
    SURE,
    Decided,
    UndecidableError,
    counted,
    decide,
    verdict_columns,
    waiting,
)
from angiolith.small_vessel.lacunes.detect import COLUMNS as OF_LACUNES
from angiolith.small_vessel.markers import facts_of
from angiolith.small_vessel.microbleeds.detect import COLUMNS as OF_MICROBLEEDS
from angiolith.small_vessel.session import to_reference
from angiolith.small_vessel.spots import PLACE, Spots, place_and_size

COLUMNS = {"microbleed": OF_MICROBLEEDS, "lacune": OF_LACUNES}
VERDICT = ("counted", "certainty", "decided_by", "mark", *OF_SPOTS)
LIES_ON = {"lacune": "FLAIR"}  # image of the label map, where the table's points are those of the session's reference


def decided_spots(given: Inputs, kind: MarkKind, decisions: Sequence[Decision], count: Count) -> Spots:
    """The spots of a kind with what readers decided on them; decisions: rows of this session, of every kind.

    The facts are those of the detection with `n_<plural>` counted and `n_<name>_candidates` waiting for a reader. Where
    decisions do not fit the spots there is no count: the spots are listed, none is counted, the status is failed.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    kind : MarkKind
        Kind of mark.
    decisions : Sequence[Decision]
        Readers' decisions on this session.
    count : Count
        Which marks count.

    Returns
    -------
    Spots
        Table, label map (None where there is none) and facts.
    """
    facts = facts_of(given, f"{kind.name}_facts", kind.plural) | {"count_rule": count}
    columns = list(dict.fromkeys([*COLUMNS[kind.name], *VERDICT]))
    own = [row for row in decisions if row["kind"] == kind.name]
    path = given.get(f"{kind.name}_labels")
    if not path or not was_made(path):
        problem = f"decisions do not fit: {kind.plural} were not measured" if own else ""
        reason = join_reasons(facts["reason"], problem)
        return Spots(pd.DataFrame(columns=columns), None, facts | {"reason": reason, f"n_{kind.name}_candidates": None})
    labels, table = read_image(path), read_tsv(given[f"{kind.name}_table"])
    to_table = to_reference(given, LIES_ON[kind.name]) if kind.name in LIES_ON else None
    found, after, problem = decided_table(table, labels, kind, own, given.get("drawings") or [], count, to_table)
    found = found.reindex(columns=columns)
    if problem:
        none = {f"n_{kind.plural}": None, f"n_{kind.name}_candidates": None}
        return Spots(found, after, facts | none | {"status": FAILED, "reason": problem})
    n_waiting = len(waiting(found))
    remark = f"candidates that wait for a reader: {n_waiting}" if n_waiting else None
    facts |= {f"n_{kind.plural}": len(counted(found)), f"n_{kind.name}_candidates": n_waiting}
    facts["reason"] = join_reasons(facts["reason"], remark)
    if n_waiting and facts["status"] == OK:
        facts["status"] = REVIEW
    return Spots(found, after, facts)


def decided_table(
    table: pd.DataFrame,
    labels: Image,
    kind: MarkKind,
    decisions: Sequence[Decision],
    drawings: Sequence[str],
    count: Count,
    to_table: sitk.Transform | None = None,
) -> tuple[pd.DataFrame, Image, str]:
    """The rows of a table of spots with what readers decided (VERDICT), their label map, and why decisions do not fit.

    Where decisions do not fit no spot is counted.

    Parameters
    ----------
    table : pd.DataFrame
        Table of spots.
    labels : Image
        Their label map.
    kind : MarkKind
        Kind of mark.
    decisions : Sequence[Decision]
        Readers' decisions on this session.
    drawings : Sequence[str]
        Paths of masks that readers drew.
    count : Count
        Which marks count.
    to_table : sitk.Transform | None
        Maps points of the label map to those of the table; None where they are the same.

    Returns
    -------
    tuple[pd.DataFrame, Image, str]
        The table, the label map, and why decisions do not fit (or an empty string).
    """
    marks, problem = labels.data.astype(np.int32), ""
    everywhere = np.ones(marks.shape, bool)
    doubts, excluded = _of_tool(table, kind)
    try:
        drawn = [str(file) for file in drawings if any(row["file"] == str(file) for row in decisions)]
        decided = decide(marks, everywhere, doubts, decisions, read_drawings(drawn, labels), count, excluded)
    except UndecidableError as error:
        decided, problem = decide(marks, everywhere, doubts, (), {}, count, excluded), f"decisions do not fit: {error}"
    whole = labels.with_data(marks)
    found = before = _rows(table, whole, decide(marks, everywhere, doubts, (), {}, count, excluded), kind, to_table)
    if decisions and not problem:
        found = _rows(table, whole, decided, kind, to_table)
    found = with_found(found, before, kind.number)
    if problem:
        found = found.assign(counted=False, status=FAILED, reason=problem)
    return found, labels.with_data(decided.labels), problem


def _of_tool(table: pd.DataFrame, kind: MarkKind) -> tuple[dict[int, str], dict[int, str]]:
    """{spot: why the image does not decide}, {spot: what the image shows it to be}."""
    numbers = table[kind.number].astype(int)
    excluded = {}
    if "kind" in table:
        other = table["kind"] != kind.name
        excluded = dict(zip(numbers[other], table.loc[other, "kind"].astype(str), strict=True))
    doubtful = table.get("certainty", pd.Series(SURE, index=table.index)) == CANDIDATE
    doubts = dict(zip(numbers[doubtful], table.loc[doubtful, "reason"].fillna("").astype(str), strict=True))
    return {number: why for number, why in doubts.items() if number not in excluded}, excluded


def _rows(
    table: pd.DataFrame, before: Image, decided: Decided, kind: MarkKind, to_table: sitk.Transform | None
) -> pd.DataFrame:
    """A row per spot; of one that a reader drew: number, place, diameter and volume alone."""
    rows = []
    known: Mapping[int, Mapping[str, Any]] = {int(row[kind.number]): row for row in table.to_dict("records")}
    changed = decided.labels != before.data
    drawn = set(np.union1d(decided.labels[changed], before.data[changed]).tolist())
    for number, verdict in decided.verdicts.items():
        row = dict(known.get(number, {}))
        if not row or number in drawn:
            voxels = np.argwhere(decided.labels == number)
            row = {kind.number: number, "status": OK, "reason": None} | _drawn(voxels, before, to_table)
            row |= {"kind": kind.name}
        elif row.get("certainty") == CANDIDATE:
            row |= {"status": OK, "reason": None}  # the verdict says it, where it holds
        judged = verdict_columns(verdict, row | {"reason": row["reason"] if isinstance(row["reason"], str) else None})
        rows.append(row | judged | {"mark": decided.names[number]})
    return pd.DataFrame(rows, columns=list(dict.fromkeys([*table.columns, *VERDICT])))


def _drawn(voxels: np.ndarray, grid: Image, to_table: sitk.Transform | None) -> dict[str, float]:
    """Place, diameter and volume of a drawn spot; voxels (n, 3): its indices on the grid."""
    spot = place_and_size(voxels, grid)
    if to_table is None:
        return spot
    middle = map_points(to_table, np.array([[spot[axis] for axis in PLACE]]))[0]
    return spot | dict(zip(PLACE, map(float, middle), strict=True))
