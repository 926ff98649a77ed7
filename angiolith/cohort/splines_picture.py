"""Curves of the predictors' splines with their intervals, as a vector figure of a journal's width."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from angiolith.core.tables import atomic_path
from angiolith.pictures.canvas import BLUE, GREY

# [inch] Two columns of a journal, 180 mm. Source: layout.
WIDTH_INCH = 7.1
# [inch] Vertical size of a panel. Source: layout.
PANEL_INCH = 2.2
# [1] Ticks within a power of ten. Source: layout.
TICKS = (1.0, 2.0, 5.0)


def draw_splines(tests: pd.DataFrame, curves: pd.DataFrame, labels: Mapping[str, str], path: str | Path) -> None:
    """Draw the tables of `spline_tables` as SVG, the same bytes on every run: a row per predictor, a column per model.

    Ticks at the foot are the knots. A model without a curve has its note in place of it.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import LogLocator, NullLocator

    predictors, models = list(dict.fromkeys(tests["predictor"])), list(dict.fromkeys(tests["model"]))
    logistic = bool(curves["odds_ratio"].notna().any())
    with matplotlib.rc_context({"svg.hashsalt": "angiolith", "svg.fonttype": "none", "font.size": 7}):
        figure, panels = pyplot.subplots(
            max(len(predictors), 1),
            max(len(models), 1),
            figsize=(WIDTH_INCH, PANEL_INCH * max(len(predictors), 1)),
            squeeze=False,
            layout="constrained",
        )
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
                axes.yaxis.set_major_locator(LogLocator(subs=TICKS))
                axes.yaxis.set_major_formatter("{x:g}")
                axes.yaxis.set_minor_locator(NullLocator())
            against = f"beside {test['reference']:.3g}"
            axes.set_ylabel(f"Odds ratio {against}" if logistic else f"Difference {against}")
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None})
        pyplot.close(figure)
