"""The tables of outcomes over time: curves, risks at given times with numbers at risk, and models of the hazard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from angiolith.cohort.correlations import false_discovery_rate
from angiolith.cohort.describe import ALL
from angiolith.cohort.enough import CLUSTERS_NEEDED, RARER_MIN
from angiolith.cohort.external import category_text
from angiolith.cohort.regression import CLUSTERS_MIN, EVENTS_PER_TERM_MIN, design_problem, rows_left_out, wald
from angiolith.cohort.survival.competing import subdistribution_rows
from angiolith.cohort.survival.cox import Episodes, NoFitError, firth_profile, fit_cox, proportional_hazards
from angiolith.cohort.survival.curves import (
    at_times,
    cumulative_incidence,
    kaplan_meier,
    log_rank,
    median_time,
    numbers_at_risk,
)
from angiolith.cohort.variables import levels_of, model_columns, models_of
from angiolith.core.settings.analyses import FollowUp
from angiolith.core.tables import join_reasons

KAPLAN_MEIER, INCIDENCE = "Kaplan-Meier survival", "cumulative incidence"
# [1] Below this p the hazards are noted as not proportional. Source: definition.
PROPORTIONAL_P_MIN = 0.05
CURVES = ["outcome", "group", "kind", "time", "at_risk", "events", "estimate", "se", "ci_low", "ci_high"]
RISKS = [
    *("outcome", "group", "kind", "time", "unit", "n", "events", "at_risk", "estimate", "ci_low", "ci_high"),
    *("median_time", "median_low", "median_high", "log_rank_p", "note"),
]
HAZARDS = [
    *("outcome", "model", "predictor", "term", "per", "n", "events", "competing", "estimate", "se", "hazard_ratio"),
    *("ci_low", "ci_high", "p", "q", "ph_p", "ph_p_global", "method", "adjusted_for", "note"),
]


@dataclass(frozen=True)
class _Watched:
    """Rows whose time and event are known, and how many are not. state: 0 censored, 1 the event, 2 a competing one."""

    table: pd.DataFrame
    time: np.ndarray
    state: np.ndarray
    entry: np.ndarray | None
    note: str

    @property
    def event(self) -> np.ndarray:
        return self.state == 1


def watched(table: pd.DataFrame, settings: FollowUp) -> _Watched:
    """The rows that can be followed: with an event's column and a time above zero (and after the entry)."""
    words = table[settings.event].map(category_text, na_action="ignore")
    state = np.select(
        [words.isin(list(map(category_text, values))) for values in (settings.event_values, settings.competing_values)],
        [1, 2],
        0,
    )
    begin = table[settings.entry].fillna(0.0) if settings.entry else pd.Series(0.0, table.index)
    known = words.notna() & (table[settings.time] > begin)
    left = int((~known).sum())
    note = f"{left} row(s) without event or a time after the entry left out" if left else ""
    entry = begin[known].to_numpy(float) if settings.entry else None
    return _Watched(table[known], table.loc[known, settings.time].to_numpy(float), state[known], entry, note)


def curves_of(
    name: str, rows: _Watched, settings: FollowUp, group: pd.Series | None, levels: Sequence[str]
) -> pd.DataFrame:
    """The curve of everybody and of each group, at each event: a table with the columns `CURVES`.

    Survival by Kaplan and Meier; with competing events the cumulative incidence by Aalen and Johansen. group: by the
    table's index; levels: their order.
    """
    made = []
    for label, inside in _groups(rows, group, levels):
        if not rows.event[inside].any():
            continue
        kind = INCIDENCE if settings.competing_values else KAPLAN_MEIER
        if settings.competing_values:
            curve = cumulative_incidence(rows.time[inside], rows.state[inside], 1)
        else:
            curve = kaplan_meier(rows.time[inside], rows.event[inside], _inside(rows.entry, inside))
        made.append(curve.assign(outcome=name, group=label, kind=kind))
    return pd.concat(made, ignore_index=True)[CURVES] if made else pd.DataFrame(columns=CURVES)


def risks_of(
    name: str, rows: _Watched, curves: pd.DataFrame, settings: FollowUp, group: pd.Series | None, levels: Sequence[str]
) -> pd.DataFrame:
    """Risk, or survival, and number at risk at `settings.times`: a table with the columns `RISKS`.

    log_rank_p: of the groups, by the hazard of the event alone. Times after the last one watched have no estimate.
    """
    groups = _groups(rows, group, levels)
    p, without = np.nan, ""
    if group is not None:
        labels = group.reindex(rows.table.index)
        known = labels.notna().to_numpy()
        p = log_rank(rows.time[known], rows.event[known], labels[known].to_numpy(str))[1] if known.any() else np.nan
        if rows.event.sum() < RARER_MIN or rows.entry is not None:
            p, without = (
                np.nan,
                "no log-rank test: too few events" if rows.entry is None else "no log-rank test: late entry",
            )
    made = []
    for label, inside in groups:
        curve = curves[(curves["outcome"] == name) & (curves["group"] == label)]
        start = 0.0 if settings.competing_values else 1.0
        found = at_times(curve, settings.times, start)
        longest = rows.time[inside].max(initial=0.0)
        beyond = np.asarray(settings.times) > longest
        found.loc[beyond, ["estimate", "ci_low", "ci_high"]] = np.nan
        middle = (np.nan,) * 3 if settings.competing_values or curve.empty else median_time(curve)
        made.append(
            found.assign(
                outcome=name,
                group=label,
                kind=INCIDENCE if settings.competing_values else KAPLAN_MEIER,
                unit=settings.unit,
                n=int(inside.sum()),
                events=int(rows.event[inside].sum()),
                at_risk=numbers_at_risk(rows.time[inside], settings.times, _inside(rows.entry, inside)),
                median_time=middle[0],
                median_low=middle[1],
                median_high=middle[2],
                log_rank_p=p,
                note=join_reasons(rows.note, without),
            )
        )
    return pd.concat(made, ignore_index=True)[RISKS]


def _groups(rows: _Watched, group: pd.Series | None, levels: Sequence[str]) -> list[tuple[str, np.ndarray]]:
    found = [(ALL, np.ones(len(rows.time), bool))]
    if group is not None:
        labels = group.reindex(rows.table.index)
        found += [(str(level), (labels == level).to_numpy()) for level in levels_of(labels, levels)]
    return found


def _inside(values: np.ndarray | None, inside: np.ndarray) -> np.ndarray | None:
    return None if values is None else values[inside]


def hazards_of(
    name: str, rows: _Watched, settings: FollowUp, references: Mapping[str, str], per: Mapping[str, float]
) -> pd.DataFrame:
    """Every predictor alone and with each model's covariates: a table with the columns `HAZARDS`.

    Cox's model with Efron's ties; Firth's penalty where a model has no finite estimates; errors robust to rows of one
    subject. With competing events Fine and Gray's model, or the hazard of the cause alone. ph_p: of the test that the
    term's hazards are proportional, ph_p_global: of the whole model. Complete cases. q: Benjamini-Hochberg over the
    terms of one model.
    """
    made: list[dict[str, object]] = []
    for model, covariates in models_of(settings.models).items():
        for predictor in settings.predictors:
            others = [other for other in covariates if other != predictor]
            try:
                parts = [model_columns(rows.table, part, references, per) for part in (predictor, *others)]
            except ValueError as error:
                made.append(_row(name, model, predictor, predictor, others, note=str(error)))
                continue
            made += _fitted(name, model, predictor, others, parts, rows, settings, per)
    table = pd.DataFrame(made, columns=HAZARDS)
    table["q"] = table.groupby("model")["p"].transform(false_discovery_rate).astype(float)
    return table


def _row(name: str, model: str, predictor: str, term: str, others: Sequence[str], **found: object) -> dict[str, object]:
    return {
        "outcome": name,
        "model": model,
        "predictor": predictor,
        "term": term,
        "adjusted_for": ", ".join(others),
    } | found


def _fitted(
    name: str,
    model: str,
    predictor: str,
    others: Sequence[str],
    parts: Sequence[pd.DataFrame],
    rows: _Watched,
    settings: FollowUp,
    per: Mapping[str, float],
) -> list[dict[str, object]]:
    """The rows of one model: the predictor's own terms."""
    design = pd.concat(parts, axis=1)
    complete = (design.notna().all(axis=1) & rows.table[list(settings.strata)].notna().all(axis=1)).to_numpy()
    x, event, state = design[complete], rows.event[complete], rows.state[complete]
    notes = [rows.note, rows_left_out(int((~complete).sum()))]
    counts = {
        "n": len(x),
        "events": int(event.sum()),
        "competing": int((state == 2).sum()),
        "per": per.get(predictor, 1.0),
    }
    terms = list(parts[0].columns)

    def without(problem: str) -> list[dict[str, object]]:
        note = join_reasons(problem, *notes)
        return [_row(name, model, predictor, str(term), others, **counts, note=note) for term in terms or [predictor]]

    if not terms:
        return without(f"{predictor} has one level only")
    if event.sum() < RARER_MIN:
        return without(f"{int(event.sum())} event(s) are too few (at least {RARER_MIN})")
    problem = f"{len(x)} rows are too few" if len(x) < x.shape[1] + 3 else design_problem(x)
    if problem:
        return without(problem)
    per_term = event.sum() / x.shape[1]
    if per_term < EVENTS_PER_TERM_MIN:
        notes.append(f"{per_term:.1f} events per term: estimates may be biased")
    subjects = pd.factorize(rows.table.loc[complete, "subject"])[0] if "subject" in rows.table else np.arange(len(x))
    strata = (
        rows.table.loc[complete, list(settings.strata)].astype(str).agg("/".join, axis=1) if settings.strata else None
    )
    stratum = np.zeros(len(x), int) if strata is None else pd.factorize(strata)[0]
    repeated = bool(len(set(subjects)) < len(subjects))
    fine_gray = bool(settings.competing_values) and settings.competing_model == "fine-gray"
    if (repeated or fine_gray) and len(set(subjects)) < CLUSTERS_NEEDED:
        return without(f"{len(set(subjects))} subjects are too few for robust errors")
    if repeated and len(set(subjects)) < CLUSTERS_MIN:
        notes.append(f"{len(set(subjects))} clusters: errors may be too small")
    values = x.to_numpy(float)
    if fine_gray:
        episodes, who = subdistribution_rows(rows.time[complete], state, values, stratum, 1)
        clusters: np.ndarray | None = subjects[who]
    else:
        start = np.full(len(x), -1.0) if rows.entry is None else rows.entry[complete]
        episodes = Episodes(start, rows.time[complete], event, values, np.ones(len(x)), stratum)
        clusters = subjects if repeated else None
    kind = "Fine-Gray model" if fine_gray else "cause-specific Cox model" if settings.competing_values else "Cox model"
    method = f"{kind}, Efron's ties{', stratified' if settings.strata else ''}"
    try:
        fit, firth = fit_cox(episodes, clusters=clusters), False
    except NoFitError as why:
        if fine_gray or repeated:
            return without(str(why))
        try:
            fit, firth = fit_cox(episodes, firth=True), True
        except NoFitError:
            return without(str(why))
        notes.append(f"{why}: answered with Firth's penalised likelihood")
    spread = np.sqrt(np.diag(fit.covariance if fit.robust is None else fit.robust))
    if fine_gray or firth:
        tests = [(np.nan, np.nan)] * 2
    else:
        tests = proportional_hazards(episodes, fit.beta, [list(range(len(terms)))])
        if tests[0][1] < PROPORTIONAL_P_MIN:
            notes.append("hazards are not proportional: the ratio is a mean over the time watched")
    made = []
    for at, term in enumerate(terms):
        estimate, error = float(fit.beta[at]), float(spread[at])
        if firth:
            low, high, p = firth_profile(episodes, fit, at)
            how = f"{method}, Firth's penalty, profile penalised likelihood interval"
        else:
            low, high, p = wald(estimate, error, stats.norm)
            how = f"{method}, {'Wald' if fit.robust is None else 'robust Wald'} interval"
        found = {"estimate": estimate, "se": error, "hazard_ratio": np.exp(estimate), "p": float(p), "method": how}
        found |= {"ci_low": np.exp(low), "ci_high": np.exp(high), "ph_p": tests[0][1], "ph_p_global": tests[1][1]}
        made.append(_row(name, model, predictor, str(term), others, **counts, **found, note=join_reasons(*notes)))
    return made


def outcome_tables(
    table: pd.DataFrame,
    outcomes: Mapping[str, FollowUp],
    group: pd.Series | None,
    levels: Sequence[str],
    references: Mapping[str, str],
    per: Mapping[str, float],
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Curves, risks and hazards of every outcome over time (`CURVES`, `RISKS`, `HAZARDS`)."""
    made: list[tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]] = []
    for name, settings in outcomes.items():
        rows = watched(table, settings)
        curves = curves_of(name, rows, settings, group, levels)
        risks = risks_of(name, rows, curves, settings, group, levels)
        made.append((curves, risks, hazards_of(name, rows, settings, references, per)))
    curves, risks, hazards = (
        pd.concat([part for part in each if len(part)] or each[:1], ignore_index=True)
        for each in zip(*made, strict=True)
    )
    return curves, risks, hazards
