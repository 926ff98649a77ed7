"""Models of the hazard of an outcome over time: Cox, Fine and Gray, and Firth's penalty where neither has estimates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from angiolith.cohort.correlations import false_discovery_rate
from angiolith.cohort.enough import CLUSTERS_NEEDED, RARER_MIN
from angiolith.cohort.regression import (
    CLUSTERS_MIN,
    EVENTS_PER_TERM_MIN,
    NUMBERS,
    Fit,
    design_problem,
    rows_left_out,
    wald,
)
from angiolith.cohort.survival.competing import subdistribution_rows
from angiolith.cohort.survival.cox import Episodes, NoFitError, firth_profile, fit_cox, proportional_hazards
from angiolith.cohort.survival.watched import Watched
from angiolith.cohort.variables import model_columns, models_of
from angiolith.core.settings.analyses import FollowUp
from angiolith.core.tables import join_reasons

# [1] Below this p the hazards are noted as not proportional. Source: definition.
PROPORTIONAL_P_MIN = 0.05
HAZARDS = [
    *("outcome", "model", "predictor", "term", "per", "n", "events", "competing", "estimate", "se", "hazard_ratio"),
    *("ci_low", "ci_high", "p", "q", "ph_p", "ph_p_global", "method", "adjusted_for", "note"),
]


@dataclass(frozen=True)
class HazardFit:
    """A fitted model of the hazard, on its log scale.

    fit: its terms and their covariance; competing: rows with a competing event; ph_p, ph_p_global: p that the hazards
    of the first terms, and of all, are proportional.
    """

    fit: Fit
    competing: int
    ph_p: float = np.nan
    ph_p_global: float = np.nan


def complete_rows(rows: Watched, design: pd.DataFrame, settings: FollowUp) -> pd.Series:
    """Which rows have every value of the design and of the strata.

    Parameters
    ----------
    rows : Watched
        The rows that were watched.
    design : DataFrame
        Columns by their index.
    settings : FollowUp
        With the strata.

    Returns
    -------
    Series of bool
        By row.
    """
    return design.notna().all(axis=1) & rows.table[list(settings.strata)].notna().all(axis=1)


def fit_hazard(rows: Watched, design: pd.DataFrame, settings: FollowUp, n_own: int, profiled: bool = True) -> HazardFit:
    """Cox's model with Efron's ties, or with competing events the one that the settings name.

    design: (n, k) complete columns of some of the rows, by their index; n_own: the first columns, which are asked
    about: their hazards are tested, and with `profiled` they have profile intervals where Firth's penalty answers.
    Errors are robust where subjects repeat, and in Fine and Gray's model.

    Parameters
    ----------
    rows : Watched
        The rows that were watched.
    design : DataFrame, shape (n, k)
        Complete columns of some of the rows, by their index.
    settings : FollowUp
        Strata, and the model with competing events.
    n_own : int
        Number of the first columns, which are asked about.
    profiled : bool
        Whether Firth's estimates get profile intervals.

    Returns
    -------
    HazardFit
        Without estimates, and with a note, where the rows allow no model.
    """
    place = rows.table.index.get_indexer(design.index)
    event, state = rows.event[place], rows.state[place]
    competing, events = int((state == 2).sum()), int(event.sum())
    fine_gray = bool(settings.competing_values) and settings.competing_model == "fine-gray"
    kind = "Fine-Gray model" if fine_gray else "cause-specific Cox model" if settings.competing_values else "Cox model"
    method = f"{kind}, Efron's ties{', stratified' if settings.strata else ''}"
    terms = design.columns

    def without(problem: str, *notes: str) -> HazardFit:
        empty = pd.DataFrame(np.nan, index=terms, columns=NUMBERS)
        return HazardFit(Fit(empty, len(design), events, "", join_reasons(problem, *notes)), competing)

    if events < RARER_MIN:
        return without(f"{events} event(s) are too few (at least {RARER_MIN})")
    few_rows = f"{len(design)} rows are too few" if len(design) < design.shape[1] + 3 else ""
    problem = few_rows or design_problem(design)
    if problem:
        return without(problem)
    notes = []
    per_term = events / design.shape[1]
    if per_term < EVENTS_PER_TERM_MIN:
        notes.append(f"{per_term:.1f} events per term: estimates may be biased")
    table = rows.table.loc[design.index]
    subjects = pd.factorize(table["subject"])[0] if "subject" in table else np.arange(len(table))
    strata = table[list(settings.strata)].astype(str).agg("/".join, axis=1) if settings.strata else None
    stratum = np.zeros(len(table), int) if strata is None else pd.factorize(strata)[0]
    repeated = bool(len(set(subjects)) < len(subjects))
    if (repeated or fine_gray) and len(set(subjects)) < CLUSTERS_NEEDED:
        return without(f"{len(set(subjects))} subjects are too few for robust errors", *notes)
    if repeated and len(set(subjects)) < CLUSTERS_MIN:
        notes.append(f"{len(set(subjects))} clusters: errors may be too small")
    values, time = design.to_numpy(float), rows.time[place]
    if fine_gray:
        episodes, who = subdistribution_rows(time, state, values, stratum, 1)
        clusters: np.ndarray | None = subjects[who]
    else:
        start = np.full(len(time), -1.0) if rows.entry is None else rows.entry[place]
        episodes = Episodes(start, time, event, values, np.ones(len(time)), stratum)
        clusters = subjects if repeated else None
    try:
        found, firth = fit_cox(episodes, clusters=clusters), False
    except NoFitError as why:
        if fine_gray or repeated:
            return without(str(why), *notes)
        try:
            found, firth = fit_cox(episodes, firth=True), True
        except NoFitError:
            return without(str(why), *notes)
        notes.append(f"{why}: answered with Firth's penalised likelihood")
    covariance = found.covariance if found.robust is None else found.robust
    result = pd.DataFrame(np.nan, index=terms, columns=NUMBERS)
    result["estimate"], result["se"] = found.beta, np.sqrt(np.diag(covariance))
    tests = [(np.nan, np.nan)] * 2
    if firth:
        if profiled:
            limits = [firth_profile(episodes, found, at) for at in range(n_own)]
            result.loc[terms[:n_own], ["ci_low", "ci_high", "p"]] = limits
        method = f"{method}, Firth's penalty, profile penalised likelihood interval"
    else:
        result[["ci_low", "ci_high", "p"]] = np.column_stack(wald(result["estimate"], result["se"], stats.norm))
        method = f"{method}, {'Wald' if found.robust is None else 'robust Wald'} interval"
        if not fine_gray:
            tests = proportional_hazards(episodes, found.beta, [list(range(n_own))])
            if tests[0][1] < PROPORTIONAL_P_MIN:
                notes.append("hazards are not proportional: the ratio is a mean over the time watched")
    fit = Fit(result, len(design), events, method, join_reasons(*notes), values @ found.beta, covariance)
    return HazardFit(fit, competing, tests[0][1], tests[1][1])


def hazards_of(
    name: str, rows: Watched, settings: FollowUp, references: Mapping[str, str], per: Mapping[str, float]
) -> pd.DataFrame:
    """Every predictor alone and with each model's covariates: a table with the columns `HAZARDS`.

    Cox's model with Efron's ties; Firth's penalty where a model has no finite estimates; errors robust to rows of one
    subject. With competing events Fine and Gray's model, or the hazard of the cause alone. ph_p: of the test that the
    term's hazards are proportional, ph_p_global: of the whole model. Complete cases. q: Benjamini-Hochberg over the
    terms of one model.

    Parameters
    ----------
    name : str
        Name of the outcome.
    rows : Watched
        Rows that can be followed.
    settings : FollowUp
        Settings of the outcome.
    references : Mapping[str, str]
        Category -> its reference level.
    per : Mapping[str, float]
        Column -> step that effects are given per.

    Returns
    -------
    pd.DataFrame
        One row per model and term.
    """
    made: list[dict[str, object]] = []
    for model, covariates in models_of(settings.models).items():
        for predictor in settings.predictors:
            others = [other for other in covariates if other != predictor]
            base: dict[str, object] = {
                "outcome": name,
                "model": model,
                "predictor": predictor,
                "adjusted_for": ", ".join(others),
            }
            try:
                parts = [model_columns(rows.table, part, references, per) for part in (predictor, *others)]
            except ValueError as error:
                made.append(base | {"term": predictor, "note": str(error)})
                continue
            made += [base | row for row in _fitted(parts, rows, settings, predictor, per.get(predictor, 1.0))]
    table = pd.DataFrame(made, columns=HAZARDS)
    table["q"] = table.groupby("model")["p"].transform(false_discovery_rate).astype(float)
    return table


def _fitted(
    parts: Sequence[pd.DataFrame], rows: Watched, settings: FollowUp, predictor: str, per: float
) -> list[dict[str, object]]:
    """The rows of one model: the predictor's own terms."""
    design = pd.concat(parts, axis=1)
    complete = complete_rows(rows, design, settings)
    lost = (rows.note, rows_left_out(int((~complete).sum())))
    terms = list(parts[0].columns)
    found = fit_hazard(rows, design[complete], settings, len(terms)) if terms else None
    if found is None:
        event, state = rows.event[complete.to_numpy()], rows.state[complete.to_numpy()]
        counts = {"n": int(complete.sum()), "events": int(event.sum()), "competing": int((state == 2).sum())}
        note = join_reasons(f"{predictor} has one level only", *lost)
        return [counts | {"term": predictor, "per": per, "note": note}]
    fit = found.fit
    counts = {"n": fit.n, "events": int(fit.events), "competing": found.competing}
    if not fit.exists:
        note = join_reasons(fit.note, *lost)
        return [counts | {"term": str(term), "per": per, "note": note} for term in terms]
    made = []
    for term in terms:
        row = fit.table.loc[term]
        numbers = {"estimate": row["estimate"], "se": row["se"], "hazard_ratio": np.exp(row["estimate"]), "p": row["p"]}
        numbers |= {"ci_low": np.exp(row["ci_low"]), "ci_high": np.exp(row["ci_high"]), "method": fit.method}
        tests = {"ph_p": found.ph_p, "ph_p_global": found.ph_p_global}
        note = join_reasons(*lost, fit.note)
        made.append(counts | numbers | tests | {"term": str(term), "per": per, "note": note})
    return made
