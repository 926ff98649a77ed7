"""Coordinates of the plots of values by group and of change by group; the templates draw them as SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from angiolith.cohort.printed_labels import name_text
from angiolith.core.settings.analyses import Analysis, ChangeColumns
from angiolith.report.names import with_powers

DOTS_MAX = 400  # a group of more rows is drawn as its box alone
LINES_MAX = 200
WHISKER = 1.5  # times the box (Tukey 1977)
LEVELS_MAX = 6


@dataclass(frozen=True)
class Box:
    """One group: its label, n, quartiles and whiskers in 0..1 across the plot, and (x, y) of dots, y in -1..1."""

    label: str
    n: int
    low: float
    q1: float
    median: float
    q3: float
    high: float
    dots: list[tuple[float, float]]
    text: str


@dataclass(frozen=True)
class GroupPlot:
    """Box plots of one measure by group on one axis."""

    measure: str
    boxes: list[Box]
    ticks: list[tuple[float, str]]


@dataclass(frozen=True)
class ChangePanel:
    """One group's subjects as lines from baseline to follow-up: levels in 0..1, median line last."""

    label: str
    n: int
    lines: list[tuple[float, float]]
    median: tuple[float, float]
    text: str


@dataclass(frozen=True)
class ChangePlot:
    """Baseline and follow-up of one measure by group, on one axis."""

    measure: str
    panels: list[ChangePanel]
    ticks: list[tuple[float, str]]


def axis_ticks(low: float, high: float) -> tuple[float, float, list[float]]:
    """Axis from `low` to `high` in steps of 1, 2 or 5 times a power of ten: start, end and the ticks (three to six).

    Parameters
    ----------
    low, high : float
        Least and greatest value.

    Returns
    -------
    tuple[float, float, list[float]]
        Start, end and ticks.
    """
    if high <= low:
        low, high = low - 0.5, high + 0.5
    power = 10 ** math.floor(math.log10(high - low))
    step = next(s * power for s in (0.2, 0.5, 1.0, 2.0) if (high - low) / (s * power) <= 5.5)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return first * step, last * step, [at * step for at in range(first, last + 1)]


def _scaled(ticks: Sequence[float]) -> list[tuple[float, str]]:
    low, high = ticks[0], ticks[-1]
    return [((at - low) / (high - low), f"{at:.6g}") for at in ticks]


def levels_in(groups: pd.Series, levels: Sequence[str]) -> list[str]:
    """The groups to draw, in their order; none where there are too many.

    Parameters
    ----------
    groups : pd.Series
        Group by row.
    levels : Sequence[str]
        Groups in their order.

    Returns
    -------
    list[str]
        Groups.
    """
    found = [str(level) for level in (levels or sorted(groups.dropna().astype(str).unique()))]
    return found if len(found) <= LEVELS_MAX else []


def group_plot(
    data: pd.DataFrame, measure: str, group: str, levels: Sequence[str], labels: Mapping[str, str]
) -> GroupPlot | None:
    """Box plots of a numeric column by group; None where no group has a value.

    Parameters
    ----------
    data : pd.DataFrame
        Analysed rows.
    measure : str
        Name of the measure.
    group : str
        Column of the groups.
    levels : Sequence[str]
        Groups in their order.
    labels : Mapping[str, str]
        Labels of columns, groups and levels.

    Returns
    -------
    GroupPlot | None
        The plot, or None.
    """
    values = pd.to_numeric(data[measure], errors="coerce")
    parts = {level: values[data[group].astype(str) == level].dropna().to_numpy() for level in levels}
    known = np.concatenate([*parts.values(), []])
    if not len(known):
        return None
    start, end, ticks = axis_ticks(float(known.min()), float(known.max()))
    boxes = [
        _box(labels.get(level, level), (part - start) / (end - start), part)
        for level, part in parts.items()
        if len(part)
    ]
    return GroupPlot(with_powers(name_text(measure, labels)), boxes, _scaled(ticks))


def _box(label: str, places: np.ndarray, values: np.ndarray) -> Box:
    q1, median, q3 = np.quantile(places, [0.25, 0.5, 0.75])
    reach = WHISKER * (q3 - q1)
    inside = places[(places >= q1 - reach) & (places <= q3 + reach)]
    spread = np.random.default_rng(0).uniform(-1, 1, len(places))  # so that equal values do not hide each other
    dots = list(zip(places.tolist(), spread.tolist(), strict=True)) if len(places) <= DOTS_MAX else []
    quartiles = np.quantile(values, [0.25, 0.5, 0.75])
    text = f"{label}: n = {len(values)}, {quartiles[1]:.4g} [{quartiles[0]:.4g}, {quartiles[2]:.4g}]"
    ends = float(inside.min()), float(inside.max())
    return Box(label, len(places), ends[0], float(q1), float(median), float(q3), ends[1], dots, text)


def change_plot(
    data: pd.DataFrame,
    measure: str,
    columns: ChangeColumns,
    group: str,
    levels: Sequence[str],
    labels: Mapping[str, str],
) -> ChangePlot | None:
    """Lines from baseline to follow-up by group; None where no subject has both.

    Parameters
    ----------
    data : pd.DataFrame
        Analysed rows.
    measure : str
        Name of the measure.
    columns : ChangeColumns
        Columns at baseline and follow-up.
    group : str
        Column of the groups.
    levels : Sequence[str]
        Groups in their order.
    labels : Mapping[str, str]
        Labels of columns, groups and levels.

    Returns
    -------
    ChangePlot | None
        The plot, or None.
    """
    first, last = columns.baseline, columns.followup
    if not first or not last:
        return None
    pair = data[[first, last]].apply(pd.to_numeric, errors="coerce")
    pair = pair[pair.notna().all(axis=1)]
    if pair.empty:
        return None
    start, end, ticks = axis_ticks(float(pair.to_numpy().min()), float(pair.to_numpy().max()))
    panels = []
    for level in levels:
        part = pair[data.loc[pair.index, group].astype(str) == level].to_numpy()
        if len(part):
            medians = np.median(part, axis=0)
            label = labels.get(level, level)
            text = f"{label}: n = {len(part)}, {medians[0]:.4g} → {medians[1]:.4g}"
            heights = (part - start) / (end - start)
            lines = [(float(a), float(b)) for a, b in heights] if len(part) <= LINES_MAX else []
            middle = np.median(heights, axis=0)
            panels.append(ChangePanel(label, len(part), lines, (float(middle[0]), float(middle[1])), text))
    return ChangePlot(with_powers(name_text(measure, labels)), panels, _scaled(ticks)) if panels else None


def plots_of(
    data: pd.DataFrame, settings: Analysis, labels: Mapping[str, str]
) -> tuple[list[GroupPlot], list[ChangePlot]]:
    """The plots of an analysis: its markers and numeric predictors by group, and its changes by group.

    Parameters
    ----------
    data : pd.DataFrame
        Analysed rows.
    settings : Analysis
        The analysis' section.
    labels : Mapping[str, str]
        Labels of columns, groups and levels.

    Returns
    -------
    tuple[list[GroupPlot], list[ChangePlot]]
        Plots of values, and plots of change.
    """
    group = settings.group or settings.outcome
    levels = levels_in(data[group], settings.group_levels) if group else []
    if group is None or len(levels) < 2:
        return [], []
    text = {*settings.categorical, group}
    numeric = [
        name
        for name in dict.fromkeys([*settings.markers, *settings.predictors])
        if name in data and name not in text and pd.to_numeric(data[name], errors="coerce").nunique() > 2
    ]
    boxes = [group_plot(data, name, group, levels, labels) for name in numeric]
    changes = [change_plot(data, name, columns, group, levels, labels) for name, columns in settings.changes.items()]
    return [plot for plot in boxes if plot], [plot for plot in changes if plot]
