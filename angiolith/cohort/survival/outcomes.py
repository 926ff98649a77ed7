"""The tables of outcomes over time: curves, risks at given times with numbers at risk, and models of the hazard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from angiolith.cohort.describe import ALL
from angiolith.cohort.enough import RARER_MIN
from angiolith.cohort.survival.curves import (
    at_times,
    cumulative_incidence,
    kaplan_meier,
    log_rank,
    median_time,
    numbers_at_risk,
)
from angiolith.cohort.survival.hazards import hazards_of
from angiolith.cohort.survival.watched import Watched, watched
from angiolith.cohort.variables import levels_of
from angiolith.core.settings.analyses import FollowUp
from angiolith.core.tables import join_reasons

KAPLAN_MEIER, INCIDENCE = "Kaplan-Meier survival", "cumulative incidence"
CURVES = ["outcome", "group", "kind", "time", "at_risk", "events", "estimate", "se", "ci_low", "ci_high"]
RISKS = [
    *("outcome", "group", "kind", "time", "unit", "n", "events", "at_risk", "estimate", "ci_low", "ci_high"),
    *("median_time", "median_low", "median_high", "log_rank_p", "note"),
]


def curves_of(
    name: str, rows: Watched, settings: FollowUp, group: pd.Series | None, levels: Sequence[str]
) -> pd.DataFrame:
    """The curve of everybody and of each group, at each event: a table with the columns `CURVES`.

    Survival by Kaplan and Meier; with competing events the cumulative incidence by Aalen and Johansen.

    Parameters
    ----------
    name : str
        Name of the outcome.
    rows : Watched
        Rows that can be followed.
    settings : FollowUp
        Settings of the outcome.
    group : pd.Series | None
        Group by the table's index, or None.
    levels : Sequence[str]
        Order of the groups.

    Returns
    -------
    pd.DataFrame
        One row per group and event time.
    """
    made = []
    for label, inside in _groups(rows, group, levels):
        if not rows.event[inside].any():
            continue
        kind = INCIDENCE if settings.competing_values else KAPLAN_MEIER
        if settings.competing_values:
            curve = cumulative_incidence(rows.time[inside], rows.state[inside], 1)
        else:
            curve = kaplan_meier(rows.time[inside], rows.event[inside], _inside(rows.entry, inside))
        made.append(curve.assign(outcome=name, group=label, kind=kind))
    return pd.concat(made, ignore_index=True)[CURVES] if made else pd.DataFrame(columns=CURVES)


def risks_of(
    name: str, rows: Watched, curves: pd.DataFrame, settings: FollowUp, group: pd.Series | None, levels: Sequence[str]
) -> pd.DataFrame:
    """Risk, or survival, and number at risk at `settings.times`: a table with the columns `RISKS`.

    log_rank_p: of the groups, by the hazard of the event alone. Times after the last one watched have no estimate.

    Parameters
    ----------
    name : str
        Name of the outcome.
    rows : Watched
        Rows that can be followed.
    curves : pd.DataFrame
        Table of `curves_of`.
    settings : FollowUp
        Settings of the outcome.
    group : pd.Series | None
        Group by the table's index, or None.
    levels : Sequence[str]
        Order of the groups.

    Returns
    -------
    pd.DataFrame
        One row per group and time.
    """
    groups = _groups(rows, group, levels)
    p, without = np.nan, ""
    if group is not None:
        labels = group.reindex(rows.table.index)
        known = labels.notna().to_numpy()
        p = log_rank(rows.time[known], rows.event[known], labels[known].to_numpy(str))[1] if known.any() else np.nan
        if rows.event.sum() < RARER_MIN or rows.entry is not None:
            p, without = (
                np.nan,
                "no log-rank test: too few events" if rows.entry is None else "no log-rank test: late entry",
            )
    made = []
    for label, inside in groups:
        curve = curves[(curves["outcome"] == name) & (curves["group"] == label)]
        start = 0.0 if settings.competing_values else 1.0
        found = at_times(curve, settings.times, start)
        longest = rows.time[inside].max(initial=0.0)
        beyond = np.asarray(settings.times) > longest
        found.loc[beyond, ["estimate", "ci_low", "ci_high"]] = np.nan
        middle = (np.nan,) * 3 if settings.competing_values or curve.empty else median_time(curve)
        made.append(
            found.assign(
                outcome=name,
                group=label,
                kind=INCIDENCE if settings.competing_values else KAPLAN_MEIER,
                unit=settings.unit,
                n=int(inside.sum()),
                events=int(rows.event[inside].sum()),
                at_risk=numbers_at_risk(rows.time[inside], settings.times, _inside(rows.entry, inside)),
                median_time=middle[0],
                median_low=middle[1],
                median_high=middle[2],
                log_rank_p=p,
                note=join_reasons(rows.note, without),
            )
        )
    return pd.concat(made, ignore_index=True)[RISKS]


def _groups(rows: Watched, group: pd.Series | None, levels: Sequence[str]) -> list[tuple[str, np.ndarray]]:
    found = [(ALL, np.ones(len(rows.time), bool))]
    if group is not None:
        labels = group.reindex(rows.table.index)
        found += [(str(level), (labels == level).to_numpy()) for level in levels_of(labels, levels)]
    return found


def _inside(values: np.ndarray | None, inside: np.ndarray) -> np.ndarray | None:
    return None if values is None else values[inside]


def outcome_tables(
    table: pd.DataFrame,
    outcomes: Mapping[str, FollowUp],
    group: pd.Series | None,
    levels: Sequence[str],
    references: Mapping[str, str],
    per: Mapping[str, float],
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Curves, risks and hazards of every outcome over time (`CURVES`, `RISKS`, `HAZARDS`).

    Parameters
    ----------
    table : pd.DataFrame
        Analysed rows.
    outcomes : Mapping[str, FollowUp]
        Name -> settings.
    group : pd.Series | None
        Group by the table's index, or None.
    levels : Sequence[str]
        Order of the groups.
    references : Mapping[str, str]
        Category -> its reference level.
    per : Mapping[str, float]
        Column -> step that effects are given per.

    Returns
    -------
    tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]
        Curves, risks and hazards.
    """
    made: list[tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]] = []
    for name, settings in outcomes.items():
        rows = watched(table, settings)
        curves = curves_of(name, rows, settings, group, levels)
        risks = risks_of(name, rows, curves, settings, group, levels)
        made.append((curves, risks, hazards_of(name, rows, settings, references, per)))
    curves, risks, hazards = (
        pd.concat([part for part in each if len(part)] or each[:1], ignore_index=True)
        for each in zip(*made, strict=True)
    )
    return curves, risks, hazards
