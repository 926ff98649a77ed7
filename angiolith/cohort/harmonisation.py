"""ComBat: measures without what a site or scanner adds to their mean and spread, where that differs from biology.

Own code: neuroCombat is not kept up, and inmoose and neuroHarmonize bring what images do not need. Several rows of a
subject: longitudinal ComBat, whose Python form nobody keeps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from angiolith.cohort.mixed import random_intercept
from angiolith.cohort.regression import design_problem
from angiolith.cohort.variables import is_number, is_yes_no, levels_of, model_columns
from angiolith.core.settings.analyses import Harmonisation
from angiolith.core.tables import join_reasons

# [number] Subjects that a site needs: its spread is known to 16 % of 20. Source: definition.
SITE_MIN = 20
# [number] Rows of each level of what is kept that a site needs. Source: definition.
LEVEL_MIN = 5
# [1] Part of a kept number's variance that sites may explain. Source: definition.
CONFOUNDED_MAX = 0.5
# [number] With fewer measures each has its own estimates: they have no common distribution. Source: definition.
MEASURES_MIN = 5
# [1] Largest relative change of the last step. Source: numerics.
STEP_MAX = 1e-12
# [number] Most steps. Source: numerics.
STEPS_MAX = 10_000
COLUMNS = [
    *("measure", "site", "n", "shift", "scale", "percent_site_before", "percent_site_after", "method"),
    *("kept", "note"),
]


@dataclass(frozen=True)
class _Sites:
    """Complete rows. codes: (n,) site of each; names: of the sites; keep: (n, k) columns; subjects: (n,) codes."""

    codes: np.ndarray
    names: list[str]
    keep: pd.DataFrame
    subjects: np.ndarray

    @property
    def counts(self) -> np.ndarray:
        return np.bincount(self.codes, minlength=len(self.names))


def harmonised_tables(table: pd.DataFrame, settings: Harmonisation) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Harmonise measures over sites: the measures without the sites' effects, and what was taken off (`COLUMNS`).

    Johnson, Biostatistics 2007;8:118; Fortin, NeuroImage 2018;167:104; several rows of a subject: Beer, NeuroImage
    2020;220:117129. shift: in the measure's unit; scale: of the spread; percent_site: part of the variance, given what
    is kept, that goes with the site. Refused, with the reason in place of numbers, where sites are small or go with
    what is kept.

    Parameters
    ----------
    table : DataFrame
        The rows, with the columns of the settings.
    settings : Harmonisation
        Measures, site, and what is kept.

    Returns
    -------
    tuple of DataFrame
        Subject, session and the measures, missing where a row lacks a value; and the table of the sites.
    """
    keys = [name for name in ("subject", "session") if name in table]
    names = [*settings.measures, settings.site, *settings.keep]
    known = table[table[names].notna().all(axis=1)]
    made = table[keys].assign(**dict.fromkeys(settings.measures, np.nan))
    lost = len(table) - len(known)
    left_out = f"{lost} row(s) without all measures, site or kept columns left out" if lost else ""
    kept = ", ".join(settings.keep)
    reason = why_refused(known, settings)
    if reason:
        rows = [{"measure": name, "kept": kept, "note": join_reasons(reason, left_out)} for name in settings.measures]
        return made, pd.DataFrame(rows, columns=COLUMNS)
    codes, sites = pd.factorize(known[settings.site].astype(str), sort=True)
    columns = [model_columns(known, name, {}, {}) for name in settings.keep]
    keep = pd.concat(columns, axis=1) if columns else known[[]]
    subjects = pd.factorize(known["subject"])[0] if "subject" in known else np.arange(len(known))
    given = _Sites(codes, list(map(str, sites)), keep, subjects)
    repeated = len(set(subjects)) < len(subjects)
    pooled = len(settings.measures) >= MEASURES_MIN
    values = known[settings.measures].to_numpy(float)
    adjusted, shift, scale = combat(values, given.codes, keep.to_numpy(float), subjects if repeated else None, pooled)
    made.loc[known.index, settings.measures] = adjusted
    method = f"{'longitudinal ' if repeated else ''}ComBat, {'empirical Bayes' if pooled else 'each measure by itself'}"
    few = "" if pooled else f"{len(settings.measures)} measure(s) have no common distribution (at least {MEASURES_MIN})"
    rows = []
    for at, measure in enumerate(settings.measures):
        parts = {
            f"percent_site_{when}": 100 * _site_part(data[:, at], given)
            for when, data in (("before", values), ("after", adjusted))
        }
        for code, site in enumerate(given.names):
            row = {"measure": measure, "site": site, "n": int(given.counts[code]), "shift": shift[code, at]}
            note = join_reasons(few, left_out)
            rows.append(row | parts | {"scale": scale[code, at], "method": method, "kept": kept, "note": note})
    return made, pd.DataFrame(rows, columns=COLUMNS)


def why_refused(known: pd.DataFrame, settings: Harmonisation) -> str:
    """Why the sites' effects cannot be separated from biology.

    Parameters
    ----------
    known : DataFrame
        Complete rows.
    settings : Harmonisation
        Measures, site, and what is kept.

    Returns
    -------
    str
        The reason; empty where nothing speaks against it.
    """
    site = known[settings.site].astype(str)
    if site.nunique() < 2:
        return f"refused: {site.nunique()} site(s)"
    subjects = known["subject"] if "subject" in known else pd.Series(known.index, known.index)
    sizes = subjects.groupby(site).nunique()
    if sizes.min() < SITE_MIN:
        return f"refused: site {sizes.idxmin()} has {sizes.min()} subject(s) (at least {SITE_MIN})"
    flat = [name for name in settings.measures if (known[name].groupby(site).nunique() < 2).any()]
    if flat:
        return f"refused: {flat[0]} does not vary at a site"
    for name in settings.keep:
        values = known[name]
        if not is_number(values) or is_yes_no(values):
            counts = pd.crosstab(site, values).reindex(columns=levels_of(values), fill_value=0).stack()
            if counts.min() < LEVEL_MIN:
                where, level = counts.idxmin()
                few = f"site {where} has {counts.min()} row(s) of {name} {level} (at least {LEVEL_MIN})"
                return f"refused: {name} is confounded with the site: {few}"
            continue
        explained = _explained(values.to_numpy(float), pd.factorize(site)[0])
        if explained > CONFOUNDED_MAX:
            return f"refused: {name} is confounded with the site, which explains {100 * explained:.0f} % of it"
    columns = [model_columns(known, name, {}, {}) for name in settings.keep]
    problem = design_problem(pd.concat(columns, axis=1)) if columns else ""
    return f"refused: {problem}" if problem else ""


def combat(
    values: np.ndarray, sites: np.ndarray, keep: np.ndarray, subjects: np.ndarray | None, pooled: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ComBat's adjusted values and the sites' effects.

    Parameters
    ----------
    values : ndarray, shape (n, m)
        Measures, no NaN.
    sites : ndarray of int, shape (n,)
        Site of each row, from 0.
    keep : ndarray, shape (n, k)
        Columns whose effects are kept.
    subjects : ndarray of int, shape (n,), optional
        Subject of each row where they repeat: each then has an intercept of its own (longitudinal ComBat).
    pooled : bool
        Whether a site's effects on the measures have a common distribution (empirical Bayes).

    Returns
    -------
    adjusted : ndarray, shape (n, m)
        The measures without the sites' effects.
    shift, scale : ndarray, shape (sites, m)
        What was taken off, in the measures' units, and the factor of the spread.
    """
    counts = np.bincount(sites).astype(float)
    indicators = np.eye(len(counts))[sites]
    design = np.column_stack([indicators, keep])
    base, effects, spread = np.empty_like(values), np.empty((len(counts), values.shape[1])), np.empty(values.shape[1])
    for at, measure in enumerate(values.T):
        if subjects is None:
            beta = np.linalg.lstsq(design, measure, rcond=None)[0]
            own = design @ beta
            spread[at] = np.sqrt(((measure - own) ** 2).mean())
        else:
            found = random_intercept(measure, design, subjects)
            beta, own = found.beta, design @ found.beta + found.intercepts[subjects]
            spread[at] = np.sqrt(found.variance)
        effects[:, at] = beta[: len(counts)] - counts @ beta[: len(counts)] / counts.sum()
        base[:, at] = own - effects[sites, at]
    z = (values - base) / spread
    gamma = effects / spread
    delta = np.stack([z[sites == site].var(axis=0, ddof=1) for site in range(len(counts))])
    if pooled:
        for site in range(len(counts)):
            gamma[site], delta[site] = _shrunk(z[sites == site], gamma[site], delta[site])
    adjusted = (z - gamma[sites]) / np.sqrt(delta[sites]) * spread + base
    return adjusted, gamma * spread, np.sqrt(delta)


def _shrunk(z: np.ndarray, gamma: np.ndarray, delta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Empirical Bayes estimates of one site's shifts and variances (Johnson 2007). z: (rows, m) standardised."""
    n, centre, tau2 = len(z), gamma.mean(), gamma.var(ddof=1)
    mean, variance = delta.mean(), delta.var(ddof=1)
    a, b = (2 * variance + mean**2) / variance, (mean * variance + mean**3) / variance
    own, spread = gamma, delta
    for _ in range(STEPS_MAX):
        before = own, spread
        own = (tau2 * n * gamma + spread * centre) / (tau2 * n + spread)
        spread = (0.5 * ((z - own) ** 2).sum(axis=0) + b) / (n / 2 + a - 1)
        if max(np.abs(own - before[0]).max(), np.abs(spread / before[1] - 1).max()) < STEP_MAX:
            break
    return own, spread


def _explained(values: np.ndarray, codes: np.ndarray) -> float:
    """Part of the variance that lies between groups."""
    means = np.bincount(codes, values) / np.bincount(codes)
    return float(np.var(means[codes]) / np.var(values))


def _site_part(values: np.ndarray, given: _Sites) -> float:
    """Part of the variance, given what is kept, that lies between sites."""
    columns = np.column_stack([np.ones(len(values)), given.keep.to_numpy(float)])
    rest = np.eye(len(given.names))[given.codes][:, 1:]

    def left(x: np.ndarray) -> float:
        return float(((values - x @ np.linalg.lstsq(x, values, rcond=None)[0]) ** 2).sum())

    alone = left(columns)
    return 1 - left(np.column_stack([columns, rest])) / alone
