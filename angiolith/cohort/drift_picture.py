"""Control charts of quality measures, a panel per measure and site, as a vector figure of a journal's width."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from angiolith.cohort.describe import ALL
from angiolith.cohort.vector_figure import TWO_COLUMNS_INCH, vector_figure
from angiolith.pictures.canvas import BLUE, GREY, VERMILLION

# [inch] Vertical size of a panel. Source: layout.
PANEL_INCH = 1.6


def draw_drift(summary: pd.DataFrame, points: pd.DataFrame, labels: Mapping[str, str], path: str | Path) -> None:
    """Draw the tables of `drift_tables` as SVG, the same bytes on every run.

    Line: centre; dashes: limits. Squares lie outside the limits, triangles end a run on one side; others are dots.

    Parameters
    ----------
    summary, points : DataFrame
        Of `drift_tables`.
    labels : Mapping of str to str
        Of columns, groups and levels.
    path : str or Path
        The file.
    """
    charts = summary.to_dict("records")
    with vector_figure(path, (TWO_COLUMNS_INCH, PANEL_INCH * max(len(charts), 1)), 7) as figure:
        panels = figure.subplots(max(len(charts), 1), 1, squeeze=False)[:, 0]
        for axes, chart in zip(panels, charts, strict=False):
            part = points[(points["measure"] == chart["measure"]) & (points["site"] == chart["site"])]
            where = "" if chart["site"] == ALL else f": {labels.get(chart['site'], chart['site'])}"
            axes.set_title(f"{labels.get(chart['measure'], chart['measure'])}{where}", loc="left")
            date = pd.to_datetime(part["date"])
            axes.plot(date, part["value"], "-", color=GREY, linewidth=0.4)
            odd = (part["outside"] == 1, (part["in_run"] == 1) & (part["outside"] != 1))
            plain = ~(odd[0] | odd[1])
            for inside, mark, colour in ((plain, "o", BLUE), (odd[0], "s", VERMILLION), (odd[1], "^", VERMILLION)):
                axes.plot(date[inside], part["value"][inside], mark, color=colour, markersize=3)
            if pd.notna(chart["centre"]):
                axes.axhline(chart["centre"], color=GREY, linewidth=0.8)
                for name in ("limit_low", "limit_high"):
                    axes.axhline(chart[name], color=GREY, linewidth=0.8, linestyle="--")
            axes.tick_params(axis="x", labelrotation=0)
