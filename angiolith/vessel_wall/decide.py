"""What readers decided on the plaques of a session: which count, and whose artery's they are."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_integer_dtype

from angiolith.core.tables import FAILED, FOUND
from angiolith.marks.decisions import Decision, digest_of, stale
from angiolith.marks.found import OF_PLAQUES
from angiolith.marks.kinds import PLAQUE
from angiolith.marks.verdicts import TOOL, UndecidableError, Verdict, joint_verdict, verdict_columns

# [mm] Places of contour points are compared to this. Source: definition.
PLACE_MM = 0.01
KEPT = ("subject", "session", "lesion", "artery", "side", "reader")
PLACE = ("narrowest_x_mm", "narrowest_y_mm", "narrowest_z_mm")
VERDICT = ("counted", "certainty", "decided_by", "mark")
PARTS = tuple(name.removeprefix(FOUND) for name in OF_PLAQUES)


def plaque_names(outlines: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """The name of every plaque: its number, and eight hex digits (SHA-256) of what its readers drew.

    Parameters
    ----------
    outlines : sequence of mapping
        Rows of the contour table (`session.OUTLINE_COLUMNS`).

    Returns
    -------
    dict of int to str
        The same drawing has the same digest whatever the number.
    """
    drawn: dict[int, set[tuple[int, ...]]] = {}
    for row in outlines:
        if row["section"] == "lesion" and row["contour"] in ("lumen", "outer"):
            place = (round(float(row[name]) / PLACE_MM) for name in ("x_mm", "y_mm", "z_mm"))
            drawn.setdefault(int(row["lesion"]), set()).add(tuple(place))
    content = {number: np.array(sorted(points), "<i8").tobytes() for number, points in drawn.items()}
    return {number: f"{number}-{hashlib.sha256(text).hexdigest()[:8]}" for number, text in content.items()}


def decided_plaques(
    plaques: pd.DataFrame, outlines: Sequence[Mapping[str, Any]], decisions: Sequence[Decision]
) -> pd.DataFrame:
    """The plaque table with what readers decided (columns VERDICT beside its own).

    A rejected plaque has status failed, with the readers' words as the reason, and no measures: it leaves every table
    with that reason. So does one on which readers disagree, until it is settled. A plaque of another artery gets its
    name; its measures and its reference stay.

    Parameters
    ----------
    plaques : DataFrame
        A row per reader's drawing and plaque (`session.plaque_table`).
    outlines : sequence of mapping
        Rows of the contour table.
    decisions : sequence of Decision
        Rows of this session, of every kind.

    Returns
    -------
    DataFrame
        With the same rows, and `found_*`: what they held before the decisions. Where a decision names no plaque, all
        fail with that reason.
    """
    after, before = (_decided(plaques, outlines, rows) for rows in (decisions, ()))
    return after.assign(**{f"{FOUND}{name}": before[name].where(before["mark"].notna(), None) for name in PARTS})


def _decided(
    plaques: pd.DataFrame, outlines: Sequence[Mapping[str, Any]], decisions: Sequence[Decision]
) -> pd.DataFrame:
    """The plaque table with VERDICT."""
    names = plaque_names(outlines)
    try:
        verdicts = _verdicts(names, [row for row in decisions if row["kind"] == PLAQUE.name])
    except UndecidableError as problem:
        misfit = f"decisions do not fit: {problem}"
        verdicts = dict.fromkeys(names, Verdict(counted=False, reason=misfit))
    rows: list[dict[Any, Any]] = []
    for row in plaques.astype(object).to_dict("records"):
        number = row["lesion"]
        if pd.isna(number) or int(number) not in names:
            rows.append(row | dict.fromkeys(VERDICT))
            continue
        verdict = verdicts.get(int(number), Verdict())
        reason = row["reason"] if isinstance(row["reason"], str) else None
        judged = verdict_columns(verdict, {"status": row["status"], "reason": reason})
        if verdict.decided_by != TOOL and row["status"] == FAILED:
            judged |= {"status": FAILED}  # somebody looked, and there is still no measure
        if verdict.artery:
            row |= dict(zip(("artery", "side"), verdict.artery, strict=True))
        if not verdict.counted:
            row = {name: value if name in (*KEPT, *PLACE) else None for name, value in row.items()}
            judged |= {"status": FAILED}
        rows.append(row | judged | {"mark": names[int(number)], "reason": judged["reason"] or None})
    found = pd.DataFrame(rows, columns=[*plaques.columns, *VERDICT])
    kinds = {name: kind for name, kind in plaques.dtypes.items() if not is_bool_dtype(kind)}
    counts = [name for name, kind in kinds.items() if is_integer_dtype(kind) and found[name].isna().any()]
    return found.astype(kinds | dict.fromkeys(counts, "Int64"))  # a rejected plaque has no count either


def _verdicts(names: Mapping[int, str], decisions: Sequence[Decision]) -> dict[int, Verdict]:
    """The readers' verdict of each plaque that they decided on. Raises UndecidableError for a row that names none."""
    numbers = {digest_of(name): number for number, name in names.items()}
    by_number: dict[int, list[Decision]] = {}
    for row in decisions:
        number = numbers.get(digest_of(row["mark"]))
        if number is None:
            raise UndecidableError(f"decision of {row['reader']}: {stale(row['mark'], list(names.values()))}")
        by_number.setdefault(number, []).append(row)
    return {number: joint_verdict(rows) for number, rows in by_number.items()}
