"""Bland-Altman plots: the difference of two raters over their mean, with bias and limits of agreement."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from angiolith.pictures.canvas import BLUE, GREY, VERMILLION, absent

# [number] Fewer pairs are not drawn. Source: layout.
PAIRS_MIN = 3
# [number] Plots side by side on a page. Source: layout.
COLUMNS = 4
# [number] Plots side by side within two columns of a journal (180 mm). Source: layout.
COLUMNS_IN_PRINT = 2


def bland_altman_figure(sources: Mapping[str, Mapping[str, pd.DataFrame]], columns: int = COLUMNS) -> Figure:
    """One panel per measure whose first two raters gave numbers for three things or more.

    sources: source -> measure -> table with one row per rated thing and one column per rater. Lines: bias (mean
    difference, second minus first) and bias -+ 1.96 SD (Bland and Altman 1986).

    Parameters
    ----------
    sources : Mapping of str to Mapping
        Ratings by source and measure.
    columns : int
        Panels side by side.

    Returns
    -------
    Figure
        Drawn.
    """
    panels = []
    for source, measures in sources.items():
        for measure, table in measures.items():
            pair = table.iloc[:, :2]
            if all(pd.api.types.is_numeric_dtype(values) for _, values in pair.items()):
                known = pair.dropna().to_numpy(float)
                if len(known) >= PAIRS_MIN and np.ptp(known) > 0:
                    panels.append((source, measure, list(pair.columns), known))
    if not panels:
        return absent("Agreement", "missing", "no measure was rated by two raters on three things or more")
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(3.2 * columns, 2.6 * rows), dpi=100, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    for number, (source, measure, raters, known) in enumerate(panels, start=1):
        axes = figure.add_subplot(rows, columns, number)
        mean, difference = known.mean(axis=1), known[:, 1] - known[:, 0]
        bias, spread = difference.mean(), difference.std(ddof=1)
        axes.plot(mean, difference, "o", color=BLUE, markersize=3.5, alpha=0.7)
        for level, style in ((bias, "-"), (bias - 1.96 * spread, "--"), (bias + 1.96 * spread, "--")):
            axes.axhline(level, color=VERMILLION, linestyle=style, linewidth=1)
        axes.axhline(0, color=GREY, linewidth=0.6)
        axes.set_title(f"{source}: {measure}" if source else measure, fontsize=8)
        axes.set_xlabel("mean", fontsize=7)
        first, second = (str(rater).removeprefix(f"{measure}_") for rater in raters)
        axes.set_ylabel(f"{second} - {first}", fontsize=7)
        axes.tick_params(labelsize=6)
    return figure
