"""Curves over time with their intervals and the numbers at risk below, as a vector figure of a journal's width."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from angiolith.cohort.describe import ALL
from angiolith.cohort.survival.outcomes import INCIDENCE
from angiolith.cohort.vector_figure import vector_figure
from angiolith.core.settings.analyses import FollowUp
from angiolith.pictures.canvas import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION

# [inch] One and a half columns of a journal, 140 mm. Source: layout.
WIDTH_INCH = 5.5
# [inch] Vertical size of a panel. Source: layout.
PANEL_INCH = 3.4
COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
DASHES = ("-", "--", "-.", ":")


def draw_curves(
    curves: pd.DataFrame,
    risks: pd.DataFrame,
    outcomes: Mapping[str, FollowUp],
    labels: Mapping[str, str],
    path: Path | str,
) -> None:
    """Draw one panel per outcome as SVG, the same bytes on every run.

    Parameters
    ----------
    curves, risks : pd.DataFrame
        Tables of `outcome_tables`.
    outcomes : Mapping[str, FollowUp]
        Name -> settings.
    labels : Mapping[str, str]
        Column -> label.
    path : Path | str
        Path of the SVG to write.
    """
    with vector_figure(path, (WIDTH_INCH, PANEL_INCH * len(outcomes)), 8) as figure:
        panels = figure.subplots(len(outcomes), 1, squeeze=False)
        for axes, (name, settings) in zip(panels[:, 0], outcomes.items(), strict=True):
            of_outcome = curves[curves["outcome"] == name]
            groups = list(dict.fromkeys(risks.loc[risks["outcome"] == name, "group"]))
            shown = groups[1:] if len(groups) > 1 else groups
            rises = bool((of_outcome["kind"] == INCIDENCE).any())
            for at, group in enumerate(shown):
                curve = of_outcome[of_outcome["group"] == group]
                start = 0.0 if rises else 1.0
                time, value, low, high = (
                    np.r_[first, curve[column].to_numpy(float)]
                    for first, column in ((0.0, "time"), (start, "estimate"), (start, "ci_low"), (start, "ci_high"))
                )
                colour = COLOURS[at % len(COLOURS)]
                label = labels.get(group, group) if group != ALL else None
                axes.step(time, value, where="post", color=colour, linestyle=DASHES[at % len(DASHES)], label=label)
                axes.fill_between(time, low, high, step="post", color=colour, alpha=0.15, linewidth=0)
            axes.set(ylim=(0, None if rises else 1.02), xlim=(0, None), title=labels.get(name, name))
            axes.set_ylabel("Cumulative incidence" if rises else "Survival without the event")
            at_risk = risks[risks["outcome"] == name].pivot(index="group", columns="time", values="at_risk")
            lines = ["At risk at " + ", ".join(f"{time:g}" for time in at_risk.columns)]
            lines += [
                f"{labels.get(group, group)}: " + ", ".join(f"{n:g}" for n in at_risk.loc[group]) for group in shown
            ]
            axes.set_xlabel(f"Time, {settings.unit}\n" + "\n".join(lines), loc="left")
            if len(shown) > 1:
                axes.legend(frameon=False)
