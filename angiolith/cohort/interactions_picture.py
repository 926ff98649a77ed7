"""A predictor's effect at each level of its modifier, with intervals, as a vector figure of a journal's width."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from angiolith.cohort.outcome_models import RATIOS, ratio_in
from angiolith.cohort.vector_figure import TWO_COLUMNS_INCH, as_ratio, vector_figure
from angiolith.pictures.canvas import BLUE, GREY

# [inch] Vertical size of a panel. Source: layout.
PANEL_INCH = 1.8


def draw_interactions(made: pd.DataFrame, labels: Mapping[str, str], path: str | Path) -> None:
    """Draw a table of `interaction_table` as SVG, the same bytes on every run.

    A row per outcome, predictor and modifier, a column per model.

    Parameters
    ----------
    made : DataFrame
        Of `interaction_table`.
    labels : Mapping of str to str
        Of columns, groups and levels.
    path : str or Path
        The file.
    """
    keys = ["outcome", "predictor", "modifier"]
    asked = list(dict.fromkeys(made[keys].itertuples(index=False, name=None)))
    models, outcomes = list(dict.fromkeys(made["model"])), list(dict.fromkeys(made["outcome"]))
    shape = (max(len(asked), 1), max(len(models), 1))
    with vector_figure(path, (TWO_COLUMNS_INCH, PANEL_INCH * shape[0]), 7) as figure:
        panels = figure.subplots(*shape, squeeze=False)
        for (row, key), (column, model) in ((one, other) for one in enumerate(asked) for other in enumerate(models)):
            outcome, predictor, modifier = key
            of_model = made[(made[keys] == key).all(axis=1) & (made["model"] == model)]
            part, axes = of_model[of_model["estimate"].notna()], panels[row, column]
            axes.set_visible(len(of_model) > 0)
            if not len(part):
                axes.text(0.5, 0.5, "no effects", transform=axes.transAxes, ha="center", color=GREY)
                continue
            place, ratio = np.arange(len(part)), ratio_in(part)
            value, low, high = (part[name].to_numpy(float) for name in (ratio or "estimate", "ci_low", "ci_high"))
            axes.hlines(place, low, high, color=BLUE, linewidth=0.8)
            axes.plot(value, place, "o", color=BLUE, markersize=3)
            axes.axvline(1.0 if ratio else 0.0, color=GREY, linewidth=0.6)
            axes.set_yticks(place, [labels.get(str(at), str(at)) for at in part["at"]])
            axes.set_ylim(len(part) - 0.5, -0.5)
            named = f"{labels.get(outcome, outcome)}, {model}" if len(outcomes) > 1 else model
            axes.set_title(f"{named}: p of interaction {part['p_interaction'].iloc[0]:.3g}")
            if ratio:
                axes.set_xscale("log")
                as_ratio(axes.xaxis)
            effect = f"{RATIOS[ratio] if ratio else 'Difference'} of {labels.get(predictor, predictor)}"
            axes.set_xlabel(f"{effect} by {labels.get(modifier, modifier)}")
