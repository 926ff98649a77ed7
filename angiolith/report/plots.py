"""Coordinates of the report's plots; the templates draw them as SVG, so that they print sharp and need no script."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from angiolith.cohort.layout import number_text, p_text
from angiolith.report.names import with_powers

TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
WIDEST = 100.0  # ratios beyond 1/100 or 100 are drawn as arrows


@dataclass(frozen=True)
class ForestRow:
    """One line of a forest plot; x, low, high in 0..1 across the plot, None where there is no estimate."""

    model: str
    term: str
    n: str
    text: str
    p: str
    q: str
    mark: str
    address: str
    x: float | None = None
    low: float | None = None
    high: float | None = None
    cut_low: bool = False
    cut_high: bool = False


@dataclass(frozen=True)
class Forest:
    """A forest plot: rows, ticks as (x in 0..1, label), footnotes as (mark, text); null: where no association lies;
    column: what is drawn."""

    rows: list[ForestRow]
    notes: list[tuple[str, str]]
    ticks: list[tuple[float, str]]
    null: float
    axis: str
    column: str


def forest(associations: pd.DataFrame, texts: Mapping[str, str]) -> Forest:
    """Odds ratios with their intervals on a log axis; for linear models estimates on a plain axis.

    Parameters
    ----------
    associations : pd.DataFrame
        Table of fit_associations (model, term, per, n, estimate, odds_ratio, ci_low, ci_high, p, note).
    texts : Mapping[str, str]
        `odds_ratio` and `difference`, the names of the axes, and `not_estimated`.

    Returns
    -------
    Forest
        Coordinates of the plot.
    """
    logistic = bool(associations["odds_ratio"].notna().any() or associations["estimate"].isna().all())
    column = "odds_ratio" if logistic else "estimate"
    drawn = associations[[column, "ci_low", "ci_high"]].dropna()
    values = [value for value in drawn.to_numpy(float).ravel() if math.isfinite(value)]
    if logistic:
        low = max(1 / WIDEST, min([*values, 0.5]))
        high = min(WIDEST, max([*values, 2.0]))
        ticks = [tick for tick in TICKS if low <= tick <= high]
        low, high = math.log(low), math.log(high)
        labels = [(math.log(tick), f"{tick:g}") for tick in ticks]
        null, axis = 0.0, texts["odds_ratio"]
    else:
        low, high = min([*values, 0.0]), max([*values, 0.0])
        high = high if high > low else low + 1
        step = 10 ** math.floor(math.log10((high - low) / 2))
        count = int((high - low) / step) + 1
        first = math.ceil(low / step)
        labels = [((first + at) * step, f"{(first + at) * step:g}") for at in range(count)]
        null, axis = 0.0, texts["difference"]
    margin = 0.04 * (high - low)

    def across(value: float) -> float:
        return (value - low + margin) / (high - low + 2 * margin)

    marks = {note: str(at) for at, note in enumerate(associations["note"].dropna().unique(), start=1)}
    none = texts["not_estimated"]
    rows = [
        _forest_row(row, address, column, logistic, across, marks, none)
        for address, row in zip(addresses_of(associations), associations.to_dict("records"), strict=True)
    ]
    notes = [(mark, str(note)) for note, mark in marks.items()]
    ticks_drawn = [(across(at), text) for at, text in labels if low <= at <= high]
    return Forest(rows, notes, ticks_drawn, across(null), axis, column)


def addresses_of(table: pd.DataFrame) -> list[str]:
    """What `trace` calls each row, where the table's index says it, else "".

    Parameters
    ----------
    table : pd.DataFrame
        A table of the report.

    Returns
    -------
    list[str]
        Address by row.
    """
    return [label if isinstance(label, str) else "" for label in table.index]


def _forest_row(
    row: Mapping[str, Any],
    address: str,
    column: str,
    logistic: bool,
    across: Callable[[float], float],
    marks: Mapping[str, str],
    not_estimated: str,
) -> ForestRow:
    values = [float(row[name]) for name in (column, "ci_low", "ci_high")]
    step = "" if pd.isna(row["per"]) or row["per"] == 1 else f", per {row['per']:g}"
    undrawn = ForestRow(
        model=str(row["model"]),
        term=with_powers(str(row["term"])) + step,
        n="" if pd.isna(row["n"]) else f"{row['n']:.0f}",
        text=not_estimated,
        p=p_text(float(row["p"])),
        q=p_text(float(row.get("q", math.nan))),
        mark=marks.get(row["note"], ""),
        address=address,
    )
    if any(math.isnan(value) for value in values):
        return undrawn
    text = f"{number_text(values[0])} ({number_text(values[1])} to {number_text(values[2])})"
    places = [across(math.log(max(value, 1e-12)) if logistic and value < math.inf else value) for value in values]
    x, start, end = (min(1.0, max(0.0, place)) for place in places)
    drawn = replace(undrawn, text=text, x=x, low=start, high=end)
    return replace(drawn, cut_low=places[1] < 0, cut_high=places[2] > 1)


def bar_segments(counts: Sequence[int]) -> list[tuple[float, float]]:
    """(start, width) in percent of a stacked bar's parts.

    Parameters
    ----------
    counts : Sequence[int]
        Count of each part.

    Returns
    -------
    list[tuple[float, float]]
        Start and width of each part, percent.
    """
    total = sum(counts) or 1
    starts = [sum(counts[:at]) for at in range(len(counts))]
    return [(100 * start / total, 100 * count / total) for start, count in zip(starts, counts, strict=True)]
