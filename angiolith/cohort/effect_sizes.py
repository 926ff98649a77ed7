"""Effect sizes on request: associations per standard deviation, and E-values against unmeasured confounding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from angiolith.cohort.associations import Plan, associations
from angiolith.cohort.variables import is_number, is_yes_no
from angiolith.core.tables import join_reasons

# [1] A more frequent outcome's odds ratio is far from its risk ratio. Source: VanderWeele and Ding, Ann Intern Med
# 2017;167:268.
RARE_MAX = 0.15
# [1] Log risk ratio per SD of a numeric outcome. Source: VanderWeele and Ding 2017; Chinn, Stat Med 2000;19:3127.
LOG_RATIO_PER_SD = 0.91
COLUMNS = [
    *("model", "predictor", "term", "scale", "n", "estimate", "odds_ratio", "ci_low", "ci_high", "risk_ratio"),
    *("e_value", "e_value_limit", "method", "adjusted_for", "note"),
]


def e_value(ratio: float) -> float:
    """How strong confounding must be, as a risk ratio with exposure and outcome each, to explain a risk ratio away.

    Source: VanderWeele and Ding 2017. 1 for a ratio of 1; NaN where the ratio is missing.

    Parameters
    ----------
    ratio : float
        A risk ratio.

    Returns
    -------
    float
        E-value, 1 or more.
    """
    above = max(ratio, 1 / ratio) if ratio > 0 else np.nan
    return float(above + np.sqrt(above * (above - 1)))


def effect_sizes(table: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    """Every predictor alone and in every model, standardised, with its E-value: a table with the columns `COLUMNS`.

    scale: a number counts per SD of the rows that have outcome and predictor, yes/no as it is, a category by level.
    estimate: log odds ratio (logistic), or SDs of the outcome (linear); odds_ratio and its interval, of a linear model
    the interval of the estimate. risk_ratio: the odds ratio of an outcome in at most 15 % of the rows, else its root;
    of a linear model exp(0.91 estimate). e_value_limit: of the interval's end that is nearer to none, 1 where the
    interval holds it. Complete cases.

    Parameters
    ----------
    table : pd.DataFrame
        Analysed rows.
    plan : Plan
        Outcome, predictors, models and settings.

    Returns
    -------
    pd.DataFrame
        One row per model and term.
    """
    known = table[table[plan.outcome].notna()]
    made, _ = associations(table, replace(plan, imputations=0, formulas={}))
    logistic = plan.regression == "logistic"
    spread_y = 1.0 if logistic else float(known[plan.outcome].std(ddof=1))
    rows = []
    for row in made.to_dict("records"):
        values = known[row["predictor"]]
        number = is_number(values) and not is_yes_no(values)
        step = float(values.std(ddof=1)) / float(row["per"]) if number else 1.0
        scale = "per SD" if number else "yes against no" if is_number(values) else "level against reference"
        numbers = np.array([row[name] for name in ("estimate", "ci_low", "ci_high")], float)
        if logistic:
            numbers[1:] = np.log(numbers[1:])
        estimate, low, high = numbers * step / spread_y
        rare = logistic and float(row["events"]) <= RARE_MAX * float(row["n"])
        factor = LOG_RATIO_PER_SD if not logistic else 1.0 if rare else 0.5
        nearer = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
        about = "" if rare else "risk ratio is approximate"
        found = {"scale": scale, "estimate": estimate, "odds_ratio": np.exp(estimate) if logistic else np.nan}
        found |= dict(zip(("ci_low", "ci_high"), np.exp([low, high]) if logistic else (low, high), strict=True))
        found |= {"risk_ratio": np.exp(factor * estimate), "e_value": e_value(np.exp(factor * estimate))}
        found |= {"e_value_limit": e_value(np.exp(factor * nearer)) if np.isfinite(low + high) else np.nan}
        note = join_reasons(str(row["note"] or ""), about if np.isfinite(estimate) else "")
        rows.append({name: row.get(name) for name in COLUMNS} | found | {"note": note})
    return pd.DataFrame(rows, columns=COLUMNS)
