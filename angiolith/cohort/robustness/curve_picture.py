"""The specification curve: estimates in their order with intervals, and below which option each variant took."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from angiolith.cohort.robustness.specifications import CHOICES
from angiolith.cohort.vector_figure import TWO_COLUMNS_INCH, vector_figure
from angiolith.pictures.canvas import BLUE, GREY, VERMILLION


def draw_specifications(made: pd.DataFrame, path: str | Path) -> None:
    """Draw a table of `specifications` as SVG, the same bytes on every run; the primary variant in another colour.

    Parameters
    ----------
    made : pd.DataFrame
        Table of `specifications`.
    path : str | Path
        Path of the SVG to write.
    """
    shown = made[made["estimate"].notna()].sort_values("rank").reset_index(drop=True)
    options = [(choice, option) for choice in CHOICES for option in dict.fromkeys(made[choice])]
    options = [(choice, option) for choice, option in options if made[choice].nunique() > 1]
    below = 0.16 * len(options) + 0.3
    with vector_figure(path, (TWO_COLUMNS_INCH, 2.6 + below), 7) as figure:
        above, grid = figure.subplots(2, 1, sharex=True, height_ratios=(2.6, below))
        logistic = bool(shown["ratio"].notna().any())
        columns = [shown[name].to_numpy(float) for name in ("ratio" if logistic else "estimate", "ci_low", "ci_high")]
        place, colours = np.arange(len(shown)), [VERMILLION if first else BLUE for first in shown["primary"]]
        above.vlines(place, columns[1], columns[2], color=colours, linewidth=0.6)
        above.scatter(place, columns[0], c=colours, s=8, zorder=3)
        above.axhline(1.0 if logistic else 0.0, color=GREY, linewidth=0.6)
        above.set_yscale("log" if logistic else "linear")
        above.set_ylabel("Odds ratio (95 % CI)" if logistic else "Estimate (95 % CI)")
        for at, (choice, option) in enumerate(options):
            taken = np.flatnonzero(shown[choice] == option)
            grid.scatter(taken, np.full(len(taken), at), marker="|", s=18, color=[colours[index] for index in taken])
        grid.set_yticks(range(len(options)), [f"{choice}: {option}" for choice, option in options])
        grid.set_ylim(len(options) - 0.5, -0.5)
        grid.set_xlabel("Specification, by its estimate")
