"""Interactions: a predictor's effect at each level of what may modify it, and the test that it is the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from angiolith.cohort.outcome_models import OutcomeModel, is_penalised
from angiolith.cohort.regression import joint_wald, rows_left_out, wald
from angiolith.cohort.variables import is_number, is_yes_no, levels_of, model_columns
from angiolith.core.tables import join_reasons

COLUMNS = [
    *("model", "predictor", "modifier", "at", "n", "events", "estimate", "se", "odds_ratio", "ci_low", "ci_high"),
    *("df", "statistic", "p_interaction", "method", "adjusted_for", "note", "hazard_ratio", "outcome"),
]
Row = dict[str, object]


def interaction_table(asked: Sequence[tuple[OutcomeModel, Mapping[str, str]]]) -> pd.DataFrame:
    """Every predictor with its modifier, alone and in every model: a table with the columns `COLUMNS`.

    asked: outcomes, each with predictor -> modifier. at: level of a yes/no or categorical modifier; of a number its
    mean, and one SD below and above it (of the complete cases). estimate: per step of the predictor at that level, with
    its odds or hazard ratio where the model has one. statistic, p_interaction: Wald's test of the product terms, of a
    linear model an F test. Complete cases.

    Parameters
    ----------
    asked : sequence of (OutcomeModel, Mapping)
        Of `outcome_models`.

    Returns
    -------
    DataFrame
        A row per level; one with a note where there are no effects.
    """
    rows: list[Row] = []
    for outcome, interactions in asked:
        for predictor, modifier in interactions.items():
            for model, covariates in outcome.models.items():
                others = [name for name in covariates if name not in (predictor, modifier)]
                base: Row = {"model": model, "predictor": predictor, "modifier": modifier, "outcome": outcome.name}
                base |= {"adjusted_for": ", ".join(others)}
                rows += [base | row for row in _rows(outcome, predictor, modifier, others)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _rows(outcome: OutcomeModel, predictor: str, modifier: str, others: Sequence[str]) -> list[Row]:
    """The effects of one model, or the row that says why there are none."""
    known = outcome.table
    try:
        first, second, *rest = (
            model_columns(known, name, outcome.references, outcome.per if name == predictor else {})
            for name in (predictor, modifier, *others)
        )
    except ValueError as why:
        return [{"note": str(why)}]
    if first.shape[1] != 1 or not second.shape[1]:
        what = f"{predictor} has more than one term" if first.shape[1] != 1 else f"{modifier} has one level"
        return [{"note": f"no interaction: {what}"}]
    products = second.mul(first.iloc[:, 0], axis=0).add_prefix(f"{predictor} x ")
    design = pd.concat([first, products, second, *rest], axis=1)
    design = design[design.notna().all(axis=1)]
    fit = outcome.fit(design)
    note = join_reasons(fit.note, outcome.note, rows_left_out(len(known) - len(design)))
    base: Row = {"n": fit.n, "events": fit.events, "method": fit.method, "note": note}
    if not fit.exists or is_penalised(fit):
        separated = "no interaction of a separated outcome" if fit.exists else ""
        return [base | {"note": join_reasons(separated, note)}]
    linear = fit.method.startswith("linear regression")
    freedom, k = fit.n - design.shape[1] - 1, products.shape[1]
    beta, covariance = fit.table["estimate"].to_numpy(float)[: k + 1], fit.covariance[: k + 1, : k + 1]
    statistic = joint_wald(beta[1:], covariance[1:, 1:])
    p = stats.f.sf(statistic / k, k, freedom) if linear else stats.chi2.sf(statistic, k)
    base |= {"df": k, "statistic": statistic, "p_interaction": float(p)}
    rows = []
    for at, place in _places(known.loc[design.index, modifier], second.loc[design.index]).items():
        weights = np.r_[1.0, place]
        estimate, error = float(weights @ beta), float(np.sqrt(weights @ covariance @ weights))
        low, high, _ = wald(estimate, error, stats.t(freedom) if linear else stats.norm)
        ends = (np.exp(low), np.exp(high)) if outcome.ratio else (low, high)
        found: Row = {"at": at, "estimate": estimate, "se": error, "ci_low": ends[0], "ci_high": ends[1]}
        rows.append(base | found | ({outcome.ratio: np.exp(estimate)} if outcome.ratio else {}))
    return rows


def _places(values: pd.Series, columns: pd.DataFrame) -> dict[str, np.ndarray]:
    """Where the effect is given: name -> values of the modifier's columns."""
    if is_number(values) and not is_yes_no(values):
        mean, spread = float(values.mean()), float(values.std(ddof=1))
        steps = {"mean - SD": -spread, "mean": 0.0, "mean + SD": spread}
        return {f"{mean + step:.3g} ({name})": np.array([mean + step]) for name, step in steps.items()}
    return {
        f"{level:g}" if is_number(values) else str(level): columns[values == level].iloc[0].to_numpy(float)
        for level in levels_of(values)
    }
