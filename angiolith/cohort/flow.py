"""The attrition of an analysis as a flow picture, as STROBE asks for (von Elm et al., BMJ 2007;335:806)."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pandas as pd

from angiolith.cohort.vector_figure import vector_figure

# [characters] Width of a box. Source: layout.
WIDTH_CHARACTERS = 44
# [inch] Size of a line, width of a box, gap between boxes. Source: layout.
LINE_INCH, BOX_WIDTH_INCH, GAP_INCH = 0.19, 3.4, 0.35


def flow_boxes(attrition: pd.DataFrame, unit: str, groups: pd.Series) -> list[tuple[str, str]]:
    """(text of the main column, text of the box beside it) from top to bottom, from one analysis' attrition rows.

    What a step excludes goes with the box of those that it leaves, its reasons in one box.

    Parameters
    ----------
    attrition : pd.DataFrame
        The analysis' rows of the attrition table.
    unit : str
        What a row is where rows are no subjects, else empty.
    groups : pd.Series
        Group -> number analysed.

    Returns
    -------
    list[tuple[str, str]]
        Texts of the boxes.
    """

    def counted(n: int, rows: int) -> str:
        return f"n = {n}" if not unit or n == rows else f"n = {n} ({rows} {unit})"

    first, last, middle = attrition.iloc[0], attrition.iloc[-1], attrition.iloc[1:-1]
    boxes = [(f"Assessed\n{counted(int(first['n_in']), int(first['rows_in']))}", "")]
    for _, part in middle.groupby("step", sort=False):
        lines = [f"{row['reason']}: {counted(int(row['n_excluded']), int(row['rows_excluded']))}"
                 for row in part.to_dict("records")]  # fmt: skip
        excluded = counted(int(part["n_excluded"].sum()), int(part["rows_excluded"].sum()))
        left = part.iloc[-1]
        boxes.append((f"Left\n{counted(int(left['n_left']), int(left['rows_left']))}",
                      "\n".join([f"Excluded, {excluded}", *lines])))  # fmt: skip
    group_counts = ", ".join(f"{name}: {int(count)}" for name, count in groups.items())
    total = counted(int(last["n_left"]), int(last["rows_left"]))
    analysed = f"Analysed\n{total}" + (f"\n{group_counts}" if group_counts else "")
    return [*boxes[:-1], (analysed, boxes[-1][1])] if len(boxes) > 1 else [*boxes, (analysed, "")]


def draw_flow(attrition: pd.DataFrame, unit: str, groups: pd.Series, title: str, path: str | Path) -> None:
    """Draw `flow_boxes` as SVG; the same bytes on every run.

    Parameters
    ----------
    attrition : pd.DataFrame
        The analysis' rows of the attrition table.
    unit : str
        What a row is where rows are no subjects, else empty.
    groups : pd.Series
        Group -> number analysed.
    title : str
        Heading.
    path : str | Path
        Path of the SVG to write.
    """
    wrapped = [
        tuple("\n".join(textwrap.fill(line, WIDTH_CHARACTERS) for line in text.split("\n")) for text in box)
        for box in flow_boxes(attrition, unit, groups)
    ]
    tall = [tuple(LINE_INCH * (1 + text.count("\n") + 1) if text else 0.0 for text in box) for box in wrapped]
    gaps = [beside + GAP_INCH * (2 if beside else 1) for _, beside in tall]  # above each box; what it lost stands there
    height = sum(main for main, _ in tall) + sum(gaps) + GAP_INCH + LINE_INCH
    width = 2 * BOX_WIDTH_INCH + 3 * GAP_INCH
    with vector_figure(path, (width, height), 9, layout=None) as figure:
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, width), ylim=(height, 0))
        axes.axis("off")
        axes.text(GAP_INCH, GAP_INCH, title, weight="bold", va="center")
        top, middle = LINE_INCH, GAP_INCH + BOX_WIDTH_INCH / 2
        arrow = {"arrowstyle": "-|>", "color": "black", "shrinkA": 0, "shrinkB": 0}
        for at, ((text, beside), (main, aside), gap) in enumerate(zip(wrapped, tall, gaps, strict=True)):
            if at:
                axes.annotate("", (middle, top + gap), (middle, top), arrowprops=arrow)
            if beside:
                left, between = 2 * GAP_INCH + BOX_WIDTH_INCH, top + gap / 2
                axes.annotate("", (left, between), (middle, between), arrowprops=arrow)
                _box(axes, left, between - aside / 2, aside, beside)
            top += gap
            _box(axes, GAP_INCH, top, main, text)
            top += main


def _box(axes: Any, left: float, top: float, tall: float, text: str) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((left, top), BOX_WIDTH_INCH, tall, fill=False, linewidth=0.8))
    axes.text(left + BOX_WIDTH_INCH / 2, top + tall / 2, text, ha="center", va="center", linespacing=1.25)
