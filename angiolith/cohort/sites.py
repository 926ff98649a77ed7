"""Do the sites agree: every model at each site, pooled over all of them, and pooled without each of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from angiolith.cohort.associations import Plan
from angiolith.cohort.mixed import fit_random_intercept
from angiolith.cohort.mixed_logistic import fit_logistic_intercept
from angiolith.cohort.outcome import response_of
from angiolith.cohort.pooling import METHODS, pool_sites, with_odds_ratios
from angiolith.cohort.regression import Fit, clusters_of, fit_rows
from angiolith.cohort.variables import levels_of, model_columns, models_of
from angiolith.core.tables import join_reasons

COLUMNS = [
    *("model", "predictor", "term", "what", "site", "n", "events", "n_sites", "estimate", "se", "odds_ratio"),
    *("ci_low", "ci_high", "p", "tau2", "q", "q_p", "i2_percent", "method", "adjusted_for", "note"),
]
Fitted = Callable[[pd.Series, pd.DataFrame, str], Fit]
AT_SITE, POOLED, WITHOUT, TOGETHER = "one site", "pooled", "without the site", "all rows, intercept by site"
RANDOM = "all rows, random intercept of the site"
# [number] With fewer sites the variance between them is hardly known. Source: Bolker, Trends Ecol Evol
# 2009;24:127.
SITES_MIN = 5


def compare_sites(table: pd.DataFrame, plan: Plan, site: str) -> pd.DataFrame:
    """Each predictor in each model: at every site, pooled, without each site, and together; columns `COLUMNS`.

    A site whose rows allow no fit is a row with a note, and in no pool. Pooled: by all of `pooling.METHODS`; without a
    site: by REML. Together: one model of all rows with an indicator of each site; also with a random intercept of the
    site, unless rows of one cluster repeat. Rows of one cluster have robust errors, as in `associations`.

    Parameters
    ----------
    table : pd.DataFrame
        Analysed rows.
    plan : Plan
        Outcome, predictors, models and settings.
    site : str
        Column of the site.

    Returns
    -------
    pd.DataFrame
        One row per model, term and pool.
    """
    known = table[table[plan.outcome].notna() & table[site].notna()]
    response, _ = response_of(known[plan.outcome], plan.regression, plan.event)
    clusters = clusters_of(known, plan.cluster)

    def fitted(values: pd.Series, design: pd.DataFrame, term: str) -> Fit:
        return fit_rows(values, design, clusters, plan.regression, plan.correlation, [term])

    rows: list[dict[str, object]] = []
    for model, covariates in models_of(plan.models).items():
        for predictor in plan.predictors:
            others = [name for name in covariates if name not in (predictor, site)]
            try:
                parts = [model_columns(known, name, plan.references, plan.per) for name in (predictor, *others)]
            except ValueError as error:
                rows.append({"model": model, "predictor": predictor, "note": str(error)})
                continue
            design = pd.concat(parts, axis=1)
            design = design[design.notna().all(axis=1)]
            for term in parts[0].columns:
                base = {"model": model, "predictor": predictor, "term": str(term), "adjusted_for": ", ".join(others)}
                own, where = response[design.index], known.loc[design.index, site]
                found = _of_term(own, design, where, str(term), fitted)
                repeated = clusters is not None and clusters[design.index].duplicated().any()
                if not repeated:
                    found.append(_random_intercept(own, design, where, str(term), plan.regression))
                rows += [base | row for row in found]
    made = pd.DataFrame(rows, columns=COLUMNS)
    return with_odds_ratios(made) if plan.regression == "logistic" else made


def _of_term(
    response: pd.Series, design: pd.DataFrame, sites: pd.Series, term: str, fitted: Fitted
) -> list[dict[str, object]]:
    rows, estimates = [], {}
    for name in levels_of(sites):
        inside = (sites == name).to_numpy()
        row, pair = _fit_row(response[inside], design[inside], term, fitted)
        rows.append(row | {"what": AT_SITE, "site": str(name)})
        if pair is not None:
            estimates[str(name)] = pair
    indicators = pd.get_dummies(sites.astype(str), prefix="site", dtype=float).iloc[:, 1:]
    together, _ = _fit_row(response, pd.concat([design, indicators], axis=1), term, fitted)
    rows.append(together | {"what": TOGETHER, "n_sites": sites.nunique()})
    if len(estimates) < 2:
        return [*rows, {"what": POOLED, "n_sites": len(estimates), "note": "fewer than two sites have an estimate"}]
    pairs = np.array(list(estimates.values()))
    rows += [
        vars(pool_sites(pairs[:, 0], pairs[:, 1], method)) | {"n_sites": len(pairs), "what": POOLED, "method": method}
        for method in METHODS
    ]
    for at, name in enumerate(estimates):
        rest = np.delete(pairs, at, axis=0)
        if len(rest) > 1:
            left = {"n_sites": len(rest), "what": WITHOUT, "site": name, "method": "REML"}
            rows.append(vars(pool_sites(rest[:, 0], rest[:, 1])) | left)
    return rows


def _random_intercept(
    response: pd.Series, design: pd.DataFrame, sites: pd.Series, term: str, regression: str
) -> dict[str, object]:
    """The row of one mixed model of all rows."""
    first = design[[term, *(name for name in design if name != term)]]
    n_sites = sites.nunique()
    row: dict[str, object] = {"what": RANDOM, "n": len(response), "n_sites": n_sites}
    if n_sites < 2:
        return row | {"note": "fewer than two sites"}
    fit = fit_random_intercept if regression == "linear" else fit_logistic_intercept
    found = fit(response.to_numpy(float), first, sites.astype(str).to_numpy())
    few = f"{n_sites} sites: the variance between them is hardly known" if n_sites < SITES_MIN else ""
    no_spread = "no variance between sites" if str(found["note"]).startswith("no variance") else str(found["note"])
    return row | found | {"note": join_reasons(no_spread, few)}


def _fit_row(
    response: pd.Series, design: pd.DataFrame, term: str, fitted: Fitted
) -> tuple[dict[str, object], tuple[float, float] | None]:
    """The row of one fit and its estimate with error. Terms that do not vary are left out: a site may lack a level."""
    varies = [name for name in design if np.ptp(design[name].to_numpy()) > 0] if len(design) else []
    lacking = sorted(set(map(str, design)) - set(map(str, varies)))
    fit = fitted(response, design[varies], term) if term in varies else None
    if fit is None or not fit.exists:
        note = fit.note if fit else f"{term} does not vary"
        return {"n": len(response), "note": note, "method": fit.method if fit else None}, None
    found = fit.table.loc[term]
    note = join_reasons(fit.note, *(f"{name} does not vary" for name in lacking))
    row: dict[str, object] = {name: found[name] for name in ("estimate", "se", "ci_low", "ci_high", "p")}
    row |= {"n": fit.n, "events": fit.events, "method": fit.method, "note": note}
    return row, (float(found["estimate"]), float(found["se"])) if np.isfinite(found["se"]) else None
