"""Do the sites agree: every model at each site, pooled over all of them, and pooled without each of them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from angiolith.cohort.associations import UNIVARIABLE, Plan
from angiolith.cohort.external import category_text
from angiolith.cohort.outcome import event_of
from angiolith.cohort.pooling import METHODS, PooledSites, pool_sites
from angiolith.cohort.regression import FITS
from angiolith.cohort.variables import expand_models, levels_of, model_columns

COLUMNS = [
    *("model", "predictor", "term", "what", "site", "n", "events", "n_sites", "estimate", "se", "odds_ratio"),
    *("ci_low", "ci_high", "p", "tau2", "q", "q_p", "i2_percent", "method", "adjusted_for", "note"),
]
AT_SITE, POOLED, WITHOUT, TOGETHER = "one site", "pooled", "without the site", "all rows, intercept by site"


def compare_sites(table: pd.DataFrame, plan: Plan, site: str) -> pd.DataFrame:
    """Each predictor in each model: at every site, pooled, without each site, and together; columns `COLUMNS`.

    site: column of the site. A site whose rows allow no fit is a row with a note, and in no pool. Pooled: by all of
    `pooling.METHODS`; without a site: by REML. Together: one model of all rows with an indicator of each site.
    """
    known = table[table[plan.outcome].notna() & table[site].notna()]
    logistic = plan.regression == "logistic"
    event = event_of(known[plan.outcome], plan.event) if logistic else None
    values = known[plan.outcome]
    response = values.astype(float) if event is None else (values.map(category_text) == event) * 1.0
    models: dict[str, list[str]] = {UNIVARIABLE: []} | expand_models(
        {name: list(each) for name, each in plan.models.items()}
    )
    rows: list[dict[str, object]] = []
    for model, covariates in models.items():
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
                found = _of_term(
                    response[design.index], design, known.loc[design.index, site], str(term), plan.regression
                )
                rows += [base | row for row in found]
    made = pd.DataFrame(rows, columns=COLUMNS)
    if logistic:
        made["odds_ratio"] = np.exp(made["estimate"].astype(float))
        made[["ci_low", "ci_high"]] = np.exp(made[["ci_low", "ci_high"]].astype(float))
    return made


def _of_term(
    response: pd.Series, design: pd.DataFrame, sites: pd.Series, term: str, regression: str
) -> list[dict[str, object]]:
    rows, estimates = [], {}
    for name in levels_of(sites):
        inside = (sites == name).to_numpy()
        row, pair = _fit_row(response[inside], design[inside], term, regression)
        rows.append(row | {"what": AT_SITE, "site": str(name)})
        if pair is not None:
            estimates[str(name)] = pair
    indicators = pd.get_dummies(sites.astype(str), prefix="site", dtype=float).iloc[:, 1:]
    together, _ = _fit_row(response, pd.concat([design, indicators], axis=1), term, regression)
    rows.append(together | {"what": TOGETHER, "n_sites": sites.nunique()})
    if len(estimates) < 2:
        return [*rows, {"what": POOLED, "n_sites": len(estimates), "note": "fewer than two sites have an estimate"}]
    pairs = np.array(list(estimates.values()))
    rows += [
        _pooled_row(pool_sites(pairs[:, 0], pairs[:, 1], method), len(pairs)) | {"what": POOLED, "method": method}
        for method in METHODS
    ]
    for at, name in enumerate(estimates):
        rest = np.delete(pairs, at, axis=0)
        if len(rest) > 1:
            rows.append(
                _pooled_row(pool_sites(rest[:, 0], rest[:, 1]), len(rest))
                | {"what": WITHOUT, "site": name, "method": "REML"}
            )
    return rows


def _fit_row(
    response: pd.Series, design: pd.DataFrame, term: str, regression: str
) -> tuple[dict[str, object], tuple[float, float] | None]:
    """The row of one fit and its estimate with error. Terms that do not vary are left out: a site may lack a level."""
    varies = [name for name in design if np.ptp(design[name].to_numpy()) > 0] if len(design) else []
    lacking = sorted(set(map(str, design)) - set(map(str, varies)))
    fit = FITS[regression](response.to_numpy(float), design[varies], []) if term in varies else None
    if fit is None or not fit.exists:
        note = fit.note if fit else f"{term} does not vary"
        return {"n": len(response), "note": note, "method": fit.method if fit else None}, None
    found = fit.table.loc[term]
    note = "; ".join([*([fit.note] if fit.note else []), *(f"{name} does not vary" for name in lacking)])
    row: dict[str, object] = {name: found[name] for name in ("estimate", "se", "ci_low", "ci_high", "p")}
    row |= {"n": fit.n, "events": fit.events, "method": fit.method, "note": note}
    return row, (float(found["estimate"]), float(found["se"])) if np.isfinite(found["se"]) else None


def _pooled_row(pooled: PooledSites, n_sites: int) -> dict[str, object]:
    return {**vars(pooled), "n_sites": n_sites}
