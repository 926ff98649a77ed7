"""Federation without a server: a site exports sums and estimates, never rows; one command pools the sites.

Linear models are pooled exactly from each site's cross products: the pooled fit is that of all rows together. Other
models, and linear ones of a site where rows of one subject repeat, are pooled in two stages from each site's estimate
and error, which is cluster-robust there: sums of rows would take such rows as independent. A bundle is sealed by a
digest of its content.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from angiolith.cohort.associations import Plan
from angiolith.cohort.outcome import response_of
from angiolith.cohort.pooling import METHODS, pool_sites, with_odds_ratios
from angiolith.cohort.regression import Fit, clusters_of, fit_rows, wald
from angiolith.cohort.sealed import is_intact, sealed
from angiolith.cohort.variables import is_number, model_columns, models_of

# [number] Version of the file's form. Source: definition.
FORMAT = 1
# [number] Rows per term of a model below which its sums say too much of single rows. Source: definition.
ROWS_PER_TERM_MIN = 5
COLUMNS = [
    *("model", "predictor", "term", "method", "n_sites", "n", "events", "estimate", "se", "odds_ratio"),
    *("ci_low", "ci_high", "p", "tau2", "q", "q_p", "i2_percent", "note"),
]


class BundleError(ValueError):
    """A bundle that was changed, cannot be read, or does not belong with the others; the message says why."""


def bundle_of(table: pd.DataFrame, plan: Plan, site: str, cell_min: int) -> dict[str, Any]:
    """What a site hands over: per model, cross products (linear) or estimates with errors (else), sealed.

    A model with such a cell (a level, a pair of levels, an outcome), or with fewer than `ROWS_PER_TERM_MIN` rows per
    term, is handed over as a reason alone. Categories need their reference in the plan, so that all sites mean the same
    by a term.

    Parameters
    ----------
    table : pd.DataFrame
        Analysed rows.
    plan : Plan
        Outcome, predictors, models and settings.
    site : str
        Name of the site.
    cell_min : int
        Smallest count of rows, or of subjects, that may leave the site.

    Returns
    -------
    dict[str, Any]
        Content of the bundle with its seal.
    """
    known = table[table[plan.outcome].notna()]
    response, event = response_of(known[plan.outcome], plan.regression, plan.event)
    clusters = clusters_of(known, plan.cluster)
    models = []
    for model, covariates in models_of(plan.models).items():
        for predictor in plan.predictors:
            names = [predictor, *(name for name in covariates if name != predictor)]
            entry: dict[str, Any] = {"model": model, "predictor": predictor, "variables": names}
            loose = [name for name in names if not is_number(known[name]) and name not in plan.references]
            if loose:
                models.append(entry | {"refused": f"references: name the reference of {', '.join(loose)}"})
                continue
            try:
                parts = [model_columns(known, name, plan.references, plan.per) for name in names]
            except ValueError as error:
                models.append(entry | {"refused": str(error)})
                continue
            design = pd.concat(parts, axis=1).dropna()
            own = response[design.index]
            together = None if clusters is None else clusters[design.index]
            repeated = together is not None and together.duplicated().any()
            groups = together.to_numpy() if together is not None and repeated else None
            problem = disclosive(design, own.to_numpy(), event is not None, cell_min, groups)
            if problem:
                models.append(entry | {"refused": problem})
                continue
            entry["terms"] = list(map(str, parts[0].columns))
            if event is None and not repeated:
                models.append(entry | _sums(design, own.to_numpy()))
            else:
                models.append(entry | _estimates(fit_rows(own, design, clusters, plan.regression, plan.correlation)))
    content = {
        "format": FORMAT,
        "site": site,
        "outcome": plan.outcome,
        "event": event,
        "regression": plan.regression,
        "per": dict(plan.per),
        "references": dict(plan.references),
        "cell_min": cell_min,
        "models": models,
    }
    return sealed(content)


def disclosive(
    design: pd.DataFrame, outcome: np.ndarray, yes_no: bool, cell_min: int, clusters: np.ndarray | None = None
) -> str:
    """Why the sums of a model would say too much of single rows, or of single clusters; empty where they do not.

    Parameters
    ----------
    design : pd.DataFrame
        Columns of the model (n, k).
    outcome : np.ndarray
        Outcome (n,).
    yes_no : bool
        Whether the outcome is yes or no.
    cell_min : int
        Smallest count that may leave the site.
    clusters : np.ndarray | None
        Label of each row's cluster (n,), or None.

    Returns
    -------
    str
        The reason, or an empty string.
    """
    n = len(design) if clusters is None else len(np.unique(clusters))
    if n < max(cell_min, ROWS_PER_TERM_MIN * (design.shape[1] + 1)):
        return f"{n} {'row' if clusters is None else 'subject'}(s) are too few to be handed over"
    flags = {str(name): design[name].to_numpy(float) for name in design if set(design[name].unique()) <= {0.0, 1.0}}
    flags |= {"the outcome": outcome} if yes_no or set(np.unique(outcome)) <= {0.0, 1.0} else {}
    if flags:
        columns = np.column_stack([np.column_stack([flag, 1 - flag]) for flag in flags.values()])
        counts = columns.T @ columns if clusters is None else _subjects_in_cells(columns, clusters)
        small = np.argwhere((counts > 0) & (counts < cell_min))
        if len(small):
            names = list(flags)
            first, second = sorted({names[at // 2] for at in small[0]} | {""})[-2:]
            what = "rows" if clusters is None else "subjects"
            return f"a cell of {' by '.join(filter(None, (first, second)))} has fewer than {cell_min} {what}"
    return ""


def _subjects_in_cells(columns: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """(k, k) number of clusters with a row that is 1 in both columns. columns: (n, k) of 0 and 1."""
    at = range(columns.shape[1])
    pairs = [[len(np.unique(clusters[(columns[:, a] > 0) & (columns[:, b] > 0)])) for b in at] for a in at]
    return np.array(pairs)


def _sums(design: pd.DataFrame, outcome: np.ndarray) -> dict[str, Any]:
    columns = np.column_stack([np.ones(len(design)), design.to_numpy(float)])
    return {
        "columns": ["intercept", *map(str, design.columns)],
        "n": len(design),
        "xx": (columns.T @ columns).tolist(),
        "xy": (columns.T @ outcome).tolist(),
        "yy": float(outcome @ outcome),
    }


def _estimates(fit: Fit) -> dict[str, Any]:
    if not fit.exists:
        return {"refused": fit.note}
    table = fit.table[["estimate", "se"]]
    found = {
        str(term): [float(value) for value in row] for term, row in zip(table.index, table.to_numpy(float), strict=True)
    }
    events = {"events": float(fit.events)} if np.isfinite(fit.events) else {}
    return {"n": fit.n, "estimates": found} | events


def check_bundles(bundles: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise BundleError where a bundle (by its file's name) is no bundle, was changed, or asks another question.

    Parameters
    ----------
    bundles : Mapping[str, Mapping[str, Any]]
        File name -> content.

    Raises
    ------
    BundleError
        Where a bundle is none, was changed, asks another question, or is of a site that another one is of.
    """
    first: Mapping[str, Any] | None = None
    sites: dict[str, str] = {}
    for name, bundle in bundles.items():
        if bundle.get("format") != FORMAT:
            raise BundleError(f"{name}: is no bundle of format {FORMAT}")
        if not is_intact(bundle):
            raise BundleError(f"{name}: was changed after it was sealed")
        first = first or bundle
        for key in ("outcome", "event", "regression", "per", "references"):
            if bundle[key] != first[key]:
                raise BundleError(f"{name}: {key} is {bundle[key]!r}, and elsewhere {first[key]!r}; pool one plan only")
        if bundle["site"] in sites:
            raise BundleError(f"{name}: site {bundle['site']!r} is also in {sites[bundle['site']]}")
        sites[str(bundle["site"])] = name


def pooled_table(bundles: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Every model pooled over the sites that have it: a table with the columns `COLUMNS`.

    Linear: the exact least-squares fit of all rows, with one intercept, and with one for each site; classical errors, t
    intervals. Logistic, and a linear model of which one site has estimates because its subjects repeat: two stages, by
    all of `pooling.METHODS`.

    Parameters
    ----------
    bundles : Sequence[Mapping[str, Any]]
        Content of the sites' bundles.

    Returns
    -------
    pd.DataFrame
        One row per model, term and method.
    """
    by_model: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for bundle in bundles:
        for entry in bundle["models"]:
            by_model.setdefault((entry["model"], entry["predictor"]), []).append(entry | {"site": bundle["site"]})
    rows: list[dict[str, Any]] = []
    for (model, predictor), entries in by_model.items():
        used = [entry for entry in entries if "refused" not in entry]
        left = [f"{entry['site']}: {entry['refused']}" for entry in entries if "refused" in entry]
        base = {"model": model, "predictor": predictor, "n_sites": len(used), "note": "; ".join(left)}
        if len(used) < 2:
            rows.append(base | {"note": "; ".join([f"{len(used)} site(s) have this model", *left])})
        elif all("xx" in entry for entry in used):
            rows += [base | row for by_site in (False, True) for row in _pooled_linear(used, by_site)]
        else:
            rows += [base | row for row in _pooled_estimates([_with_estimates(entry) for entry in used])]
    made = pd.DataFrame(rows, columns=COLUMNS)
    return with_odds_ratios(made) if bundles and bundles[0]["regression"] == "logistic" else made


def _pooled_linear(entries: Sequence[Mapping[str, Any]], by_site: bool) -> list[dict[str, Any]]:
    columns = list(dict.fromkeys(name for entry in entries for name in entry["columns"]))
    intercepts = [f"intercept {at}" for at in range(len(entries))]
    every = [*(intercepts if by_site else ["intercept"]), *(name for name in columns if name != "intercept")]
    place = {name: at for at, name in enumerate(every)}
    xx, xy, yy, n = np.zeros((len(every),) * 2), np.zeros(len(every)), 0.0, 0
    for own, entry in zip(intercepts, entries, strict=True):
        names = [own if by_site and name == "intercept" else name for name in entry["columns"]]
        at = np.array([place[name] for name in names])
        xx[np.ix_(at, at)] += np.array(entry["xx"])
        xy[at] += np.array(entry["xy"])
        yy, n = yy + entry["yy"], n + entry["n"]
    scale = np.sqrt(np.diag(xx))
    inverse = np.linalg.inv(xx / np.outer(scale, scale)) / np.outer(scale, scale)
    beta = inverse @ xy
    df = n - len(every)
    variance = (yy - 2 * beta @ xy + beta @ xx @ beta) / df
    error = np.sqrt(variance * np.diag(inverse))
    method = f"least squares of all rows, {'an intercept for each site' if by_site else 'one intercept'}"
    rows = []
    for term in dict.fromkeys(term for entry in entries for term in entry["terms"]):
        estimate, se = float(beta[place[term]]), float(error[place[term]])
        low, high, p = wald(estimate, se, stats.t(df))
        row = {"term": term, "method": method, "n": n, "estimate": estimate, "se": se}
        rows.append(row | {"ci_low": low, "ci_high": high, "p": float(p)})
    return rows


def _with_estimates(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """A site's entry with estimates: its own, else least squares of its sums."""
    if "estimates" in entry:
        return entry
    found = {row["term"]: [row["estimate"], row["se"]] for row in _pooled_linear([entry], by_site=False)}
    return {**entry, "estimates": found}


def _pooled_estimates(entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for term in dict.fromkeys(term for entry in entries for term in entry["terms"]):
        having = [entry for entry in entries if term in entry["estimates"]]
        base = {"term": term, "n_sites": len(having)}
        base |= {"n": sum(entry["n"] for entry in having)}
        base |= {"events": sum(entry["events"] for entry in having)} if all("events" in each for each in having) else {}
        if len(having) < 2:
            rows.append(base | {"note": f"{len(having)} site(s) have this term"})
            continue
        pairs = np.array([entry["estimates"][term] for entry in having])
        rows += [
            base | {"method": f"two-stage, {method}"} | vars(pool_sites(pairs[:, 0], pairs[:, 1], method))
            for method in METHODS
        ]
    return rows
