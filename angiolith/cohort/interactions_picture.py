"""A predictor's effect at each level of its modifier, with intervals, as a vector figure of a journal's width."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from angiolith.cohort.vector_figure import TWO_COLUMNS_INCH, as_ratio, vector_figure
from angiolith.pictures.canvas import BLUE, GREY

# [inch] Vertical size of a panel. Source: layout.
PANEL_INCH = 1.8


def draw_interactions(made: pd.DataFrame, labels: Mapping[str, str], path: str | Path) -> None:
    """Draw a table of `interaction_table` as SVG, the same bytes on every run: a row per pair, a column per model."""
    pairs = list(dict.fromkeys(zip(made["predictor"], made["modifier"], strict=True)))
    models = list(dict.fromkeys(made["model"]))
    logistic = bool(made["odds_ratio"].notna().any())
    shape = (max(len(pairs), 1), max(len(models), 1))
    with vector_figure(path, (TWO_COLUMNS_INCH, PANEL_INCH * shape[0]), 7) as figure:
        panels = figure.subplots(*shape, squeeze=False)
        for (row, (predictor, modifier)), (column, model) in (
            (one, other) for one in enumerate(pairs) for other in enumerate(models)
        ):
            inside = (made["predictor"] == predictor) & (made["modifier"] == modifier) & (made["model"] == model)
            part, axes = made[inside & made["estimate"].notna()], panels[row, column]
            if not len(part):
                axes.text(0.5, 0.5, "no effects", transform=axes.transAxes, ha="center", color=GREY)
                continue
            place = np.arange(len(part))
            value, low, high = (
                part[name].to_numpy(float) for name in ("odds_ratio" if logistic else "estimate", "ci_low", "ci_high")
            )
            axes.hlines(place, low, high, color=BLUE, linewidth=0.8)
            axes.plot(value, place, "o", color=BLUE, markersize=3)
            axes.axvline(1.0 if logistic else 0.0, color=GREY, linewidth=0.6)
            axes.set_yticks(place, [labels.get(str(at), str(at)) for at in part["at"]])
            axes.set_ylim(len(part) - 0.5, -0.5)
            axes.set_title(f"{model}: p of interaction {part['p_interaction'].iloc[0]:.3g}")
            if logistic:
                axes.set_xscale("log")
                as_ratio(axes.xaxis)
            effect = f"{'Odds ratio' if logistic else 'Difference'} of {labels.get(predictor, predictor)}"
            axes.set_xlabel(f"{effect} by {labels.get(modifier, modifier)}")
