"""Curves of the predictors' splines with their intervals, as a vector figure of a journal's width."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from angiolith.cohort.vector_figure import TWO_COLUMNS_INCH, as_ratio, vector_figure
from angiolith.pictures.canvas import BLUE, GREY

# [inch] Vertical size of a panel. Source: layout.
PANEL_INCH = 2.2


def draw_splines(tests: pd.DataFrame, curves: pd.DataFrame, labels: Mapping[str, str], path: str | Path) -> None:
    """Draw the tables of `spline_tables` as SVG, the same bytes on every run: a row per predictor, a column per model.

    Ticks at the foot are the knots. A model without a curve has its note in place of it.
    """
    predictors, models = list(dict.fromkeys(tests["predictor"])), list(dict.fromkeys(tests["model"]))
    logistic = bool(curves["odds_ratio"].notna().any())
    shape = (max(len(predictors), 1), max(len(models), 1))
    with vector_figure(path, (TWO_COLUMNS_INCH, PANEL_INCH * shape[0]), 7) as figure:
        panels = figure.subplots(*shape, squeeze=False)
        for test in tests.to_dict("records"):
            predictor, model = test["predictor"], test["model"]
            axes = panels[predictors.index(predictor), models.index(model)]
            axes.set_title(model)
            axes.set_xlabel(labels.get(predictor, predictor))
            curve = curves[(curves["predictor"] == predictor) & (curves["model"] == model)]
            if not len(curve):
                axes.text(0.5, 0.5, "no curve", transform=axes.transAxes, ha="center", color=GREY)
                continue
            value = curve["value"].to_numpy(float)
            axes.plot(value, curve["odds_ratio" if logistic else "estimate"].to_numpy(float), color=BLUE)
            low, high = (curve[name].to_numpy(float) for name in ("ci_low", "ci_high"))
            axes.fill_between(value, low, high, color=BLUE, alpha=0.15, linewidth=0)
            axes.axhline(1.0 if logistic else 0.0, color=GREY, linewidth=0.6)
            knots = [float(knot) for knot in str(test["knots"]).split(", ")]
            axes.plot(knots, [0] * len(knots), "|", color=GREY, transform=axes.get_xaxis_transform(), clip_on=False)
            axes.set_xlim(value[0], value[-1])
            if logistic:
                axes.set_yscale("log")
                as_ratio(axes.yaxis)
            against = f"beside {test['reference']:.3g}"
            axes.set_ylabel(f"Odds ratio {against}" if logistic else f"Difference {against}")
