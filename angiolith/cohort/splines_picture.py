"""Curves of the predictors' splines with their intervals, as a vector figure of a journal's width."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from angiolith.cohort.outcome_models import RATIOS, ratio_in
from angiolith.cohort.vector_figure import TWO_COLUMNS_INCH, as_ratio, vector_figure
from angiolith.pictures.canvas import BLUE, GREY

# [inch] Vertical size of a panel. Source: layout.
PANEL_INCH = 2.2


def draw_splines(tests: pd.DataFrame, curves: pd.DataFrame, labels: Mapping[str, str], path: str | Path) -> None:
    """Draw the tables of `spline_tables` as SVG, the same bytes on every run.

    A row per outcome and predictor, a column per model. Ticks at the foot are the knots. A model without a curve has
    its note in place of it.

    Parameters
    ----------
    tests, curves : DataFrame
        Of `spline_tables`.
    labels : Mapping of str to str
        Of columns, groups and levels.
    path : str or Path
        The file.
    """
    pairs = list(dict.fromkeys(zip(tests["outcome"], tests["predictor"], strict=True)))
    models = list(dict.fromkeys(tests["model"]))
    outcomes = list(dict.fromkeys(tests["outcome"]))
    shape = (max(len(pairs), 1), max(len(models), 1))
    with vector_figure(path, (TWO_COLUMNS_INCH, PANEL_INCH * shape[0]), 7) as figure:
        panels = figure.subplots(*shape, squeeze=False)
        for axes in panels.flat:
            axes.set_visible(False)
        for test in tests.to_dict("records"):
            outcome, predictor, model = (test[name] for name in ("outcome", "predictor", "model"))
            axes = panels[pairs.index((outcome, predictor)), models.index(model)]
            axes.set_visible(True)
            axes.set_title(f"{labels.get(outcome, outcome)}: {model}" if len(outcomes) > 1 else model)
            axes.set_xlabel(labels.get(predictor, predictor))
            curve = curves[
                (curves["outcome"] == outcome) & (curves["predictor"] == predictor) & (curves["model"] == model)
            ]
            if not len(curve):
                axes.text(0.5, 0.5, "no curve", transform=axes.transAxes, ha="center", color=GREY)
                continue
            value, ratio = curve["value"].to_numpy(float), ratio_in(curve)
            axes.plot(value, curve[ratio or "estimate"].to_numpy(float), color=BLUE)
            low, high = (curve[name].to_numpy(float) for name in ("ci_low", "ci_high"))
            axes.fill_between(value, low, high, color=BLUE, alpha=0.15, linewidth=0)
            axes.axhline(1.0 if ratio else 0.0, color=GREY, linewidth=0.6)
            knots = [float(knot) for knot in str(test["knots"]).split(", ")]
            axes.plot(knots, [0] * len(knots), "|", color=GREY, transform=axes.get_xaxis_transform(), clip_on=False)
            axes.set_xlim(value[0], value[-1])
            if ratio:
                axes.set_yscale("log")
                as_ratio(axes.yaxis)
            axes.set_ylabel(f"{RATIOS[ratio] if ratio else 'Difference'} beside {test['reference']:.3g}")
