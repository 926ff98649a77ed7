"""Mediation: how much of an exposure's association with the outcome goes through a mediator.

Natural direct and indirect effects (Imai, Keele and Tingley, Psychol Methods 2010;15:309) from two models: the mediator
on exposure and covariates, and the outcome on exposure, mediator and covariates. Effects are differences of the
outcome's mean (of a yes/no outcome: of its risk), averaged over the covariates of the rows. The mean over the
mediator is exact (a yes/no mediator, a linear outcome) or by Gauss-Hermite quadrature, where other software draws the
mediator at random: the same rows give the same digits. Intervals are percentiles of a bootstrap with a fixed seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import special

from angiolith.cohort.associations import Plan
from angiolith.cohort.enough import CLUSTERS_NEEDED
from angiolith.cohort.outcome import response_of
from angiolith.cohort.regression import FITS, clusters_of, finite_maximum, rows_left_out, standardised
from angiolith.cohort.variables import is_number, is_yes_no, model_columns
from angiolith.core.settings.analyses import Mediation
from angiolith.core.tables import join_reasons

# [number] Nodes of the quadrature over a normal mediator. Source: numerics; 20 agree with 60 to 1e-10.
NODES = 40
# [1] With more resamples than this without a fit no interval is given. Source: definition.
FAILED_PART_MAX = 0.05
# [1] Quantiles of an exposure that are compared where no contrast is given. Source: definition.
CONTRAST_QUANTILES = (0.25, 0.75)
# [1] Ends of a percentile interval of 95 %. Source: definition.
INTERVAL = (0.025, 0.975)
DIRECT, INDIRECT, TOTAL, PROPORTION = "natural direct", "natural indirect", "total", "proportion mediated"
ASSUMED = (
    "causal only if nothing unmeasured confounds exposure, mediator and outcome, and the exposure changes no such "
    "confounder"
)
COLUMNS = [
    *("mediation", "exposure", "mediator", "from", "to", "effect", "scale", "n", "events", "estimate"),
    *("ci_low", "ci_high", "resamples", "method", "adjusted_for", "note"),
]


@dataclass(frozen=True)
class Rows:
    """The rows of a mediation, without missing values: exposure, mediator, outcome (n,), covariates (n, k).

    yes_no_*: whether it is 0 or 1, and its model logistic; interaction: whether exposure times mediator is in the
    outcome's model.
    """

    exposure: np.ndarray
    mediator: np.ndarray
    outcome: np.ndarray
    covariates: np.ndarray
    yes_no_mediator: bool
    yes_no_outcome: bool
    interaction: bool

    def taken(self, at: np.ndarray) -> Rows:
        """The rows at these places, which may repeat.

        Parameters
        ----------
        at : np.ndarray
            Indices of rows.

        Returns
        -------
        Rows
            The rows.
        """
        return replace(
            self,
            exposure=self.exposure[at],
            mediator=self.mediator[at],
            outcome=self.outcome[at],
            covariates=self.covariates[at],
        )

    def outcome_columns(self) -> np.ndarray:
        """(n, k) columns of the outcome's model: exposure, mediator, their product where asked for, covariates."""
        product = [self.exposure * self.mediator] if self.interaction else []
        return np.column_stack([self.exposure, self.mediator, *product, self.covariates])

    def mediator_columns(self) -> np.ndarray:
        """(n, k) columns of the mediator's model: exposure, covariates."""
        return np.column_stack([self.exposure, self.covariates])


def natural_effects(rows: Rows, low: float, high: float) -> tuple[float, float] | None:
    """Natural direct and indirect effect of an exposure of `high` beside `low`; None where a model has no finite fit.

    Direct: exposure changed, mediator as at `low`. Indirect: exposure at `high`, mediator changed from what it is at
    `low` to what it is at `high`. Their sum is the total effect.

    Parameters
    ----------
    rows : Rows
        Rows of the mediation.
    low : float
        Values of the exposure that are compared.
    high : float
        Values of the exposure that are compared.

    Returns
    -------
    tuple[float, float] | None
        Direct and indirect effect, or None.
    """
    of_mediator = _model(rows.mediator_columns(), rows.mediator, rows.yes_no_mediator)
    of_outcome = _model(rows.outcome_columns(), rows.outcome, rows.yes_no_outcome)
    if of_mediator is None or of_outcome is None:
        return None
    first, m_beta, spread = of_mediator
    intercept, y_beta, _ = of_outcome
    product = y_beta[2] if rows.interaction else 0.0
    others = rows.covariates @ y_beta[2 + rows.interaction :] + intercept

    def mean(exposure: float, of_mediator_at: float) -> float:
        """Mean outcome at an exposure with the mediator as it is at another one."""
        expected = first + m_beta[0] * of_mediator_at + rows.covariates @ m_beta[1:]
        base, slope = others + y_beta[0] * exposure, y_beta[1] + product * exposure
        if rows.yes_no_mediator:
            chance = special.expit(expected)
            at = special.expit if rows.yes_no_outcome else np.asarray
            return float(np.mean(chance * at(base + slope) + (1 - chance) * at(base)))
        if not rows.yes_no_outcome:
            return float(np.mean(base + slope * expected))
        nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
        inside = (base + slope * expected)[:, None] + slope * spread * nodes
        return float(np.mean(special.expit(inside) @ weights) / weights.sum())

    between = mean(high, low)
    return between - mean(low, low), mean(high, high) - between


def _model(columns: np.ndarray, values: np.ndarray, logistic: bool) -> tuple[float, np.ndarray, float] | None:
    """Intercept, (k,) coefficients and residual SD (NaN of a logistic model); None without a finite fit."""
    n, k = columns.shape
    if not logistic:
        design = np.column_stack([np.ones(n), columns])
        beta, _, rank, _ = np.linalg.lstsq(design, values, rcond=None)
        if rank <= k:
            return None
        residual = values - design @ beta
        return float(beta[0]), beta[1:], float(np.sqrt(residual @ residual / (n - k - 1)))
    if np.ptp(values) == 0 or (np.ptp(columns, axis=0) == 0).any():
        return None
    scaled, spread = standardised(pd.DataFrame(columns))
    model = finite_maximum(scaled, values)
    if model is None:
        return None
    beta = np.asarray(model.coef_) / spread.to_numpy()
    return float(model.intercept_ - columns.mean(axis=0) @ beta), beta, np.nan


def mediation_table(table: pd.DataFrame, plan: Plan, mediations: Mapping[str, Mediation]) -> pd.DataFrame:
    """Direct, indirect and total effect of every mediation, and the proportion mediated: columns `COLUMNS`.

    Complete cases. A mediation that cannot be made is a row whose note says why.

    Parameters
    ----------
    table : pd.DataFrame
        Analysed rows.
    plan : Plan
        Outcome, regression, references and cluster (whose rows are resampled together).
    mediations : Mapping[str, Mediation]
        Name -> its settings.

    Returns
    -------
    pd.DataFrame
        One row per mediation and effect.
    """
    known = table[table[plan.outcome].notna()]
    response, _ = response_of(known[plan.outcome], plan.regression, plan.event)
    clusters = clusters_of(known, plan.cluster)
    rows: list[dict[str, object]] = []
    for name, asked in mediations.items():
        base: dict[str, object] = {"mediation": name, "exposure": asked.exposure, "mediator": asked.mediator}
        base["adjusted_for"] = ", ".join(asked.covariates)
        text = [each for each in (asked.exposure, asked.mediator) if not is_number(known[each])]
        try:
            designs = [model_columns(known, each, plan.references, {}) for each in asked.covariates]
        except ValueError as why:
            rows.append(base | {"note": str(why)})
            continue
        if text:
            rows.append(base | {"note": f"{text[0]} is a category, and mediation needs a number or yes/no"})
            continue
        data = pd.concat([known[[asked.exposure, asked.mediator]], *designs], axis=1)
        complete = data.notna().all(axis=1)
        left = rows_left_out(int((~complete).sum()))
        data, own = data[complete], response[complete]
        found = _effects(data, own, None if clusters is None else clusters[data.index], plan, asked, left)
        rows += [base | row for row in found]
    return pd.DataFrame(rows, columns=COLUMNS)


def _effects(
    data: pd.DataFrame, response: pd.Series, clusters: pd.Series | None, plan: Plan, asked: Mediation, left: str
) -> list[dict[str, object]]:
    """The rows of one mediation. data: exposure, mediator, covariates of the complete cases."""
    exposure, mediator = data.iloc[:, 0], data.iloc[:, 1]
    logistic = plan.regression == "logistic"
    rows = Rows(
        exposure.to_numpy(float),
        mediator.to_numpy(float),
        response.to_numpy(float),
        data.iloc[:, 2:].to_numpy(float),
        yes_no_mediator=bool(is_yes_no(mediator)),
        yes_no_outcome=logistic,
        interaction=asked.interaction,
    )
    kinds = ("logistic" if rows.yes_no_mediator else "linear", plan.regression)
    base: dict[str, object] = {"n": len(data), "events": int(response.sum()) if logistic else np.nan}
    base |= {"scale": "difference of risks" if logistic else "difference of means"}
    base |= {"method": f"{kinds[0]} model of the mediator, {kinds[1]} model of the outcome, percentile bootstrap"}
    for kind, values, design in (
        (kinds[0], rows.mediator, rows.mediator_columns()),
        (kinds[1], rows.outcome, rows.outcome_columns()),
    ):
        fit = FITS[kind](values, pd.DataFrame(design).rename(columns=str), [])
        if not fit.exists or fit.method.startswith("Firth"):
            what = "mediator" if values is rows.mediator else "outcome"
            return [base | {"note": join_reasons(f"no model of the {what}: {fit.note}", left)}]
    low, high = asked.contrast or ((0.0, 1.0) if is_yes_no(exposure) else exposure.quantile(list(CONTRAST_QUANTILES)))
    base |= {"from": float(low), "to": float(high)}
    if low == high:
        return [base | {"note": join_reasons("the exposure's quartiles are alike: give a contrast", left)}]
    if clusters is not None and clusters.nunique() < CLUSTERS_NEEDED:
        few = f"{clusters.nunique()} cluster(s) are too few (at least {CLUSTERS_NEEDED})"
        return [base | {"note": join_reasons(few, left)}]
    point = natural_effects(rows, float(low), float(high))
    if point is None:
        return [base | {"note": join_reasons("no finite fit", left)}]
    draws = resampled(rows, float(low), float(high), clusters, asked.resamples, asked.seed)
    return _summaries(base, point, draws, asked.resamples, left)


def resampled(rows: Rows, low: float, high: float, clusters: pd.Series | None, resamples: int, seed: int) -> np.ndarray:
    """(m, 2) natural effects of bootstrap samples of rows, or of whole clusters; m: those that have a fit.

    Parameters
    ----------
    rows : Rows
        Rows of the mediation.
    low : float
        Values of the exposure that are compared.
    high : float
        Values of the exposure that are compared.
    clusters : pd.Series | None
        Label of each row's cluster, or None.
    resamples : int
        Number of bootstrap samples.
    seed : int
        Seed of the draws.

    Returns
    -------
    np.ndarray
        Effects (m, 2).
    """
    random = np.random.default_rng(seed)
    n = len(rows.outcome)
    members = [np.array([at]) for at in range(n)]
    if clusters is not None:
        codes = pd.factorize(clusters)[0]
        members = [np.flatnonzero(codes == code) for code in range(codes.max() + 1)]
    found = []
    for _ in range(resamples):
        drawn = random.integers(0, len(members), len(members))
        effects = natural_effects(rows.taken(np.concatenate([members[at] for at in drawn])), low, high)
        if effects is not None:
            found.append(effects)
    return np.array(found).reshape(-1, 2)


def _summaries(
    base: Mapping[str, object], point: Sequence[float], draws: np.ndarray, resamples: int, left: str
) -> list[dict[str, object]]:
    failed = resamples - len(draws)
    note = join_reasons(f"{failed} resample(s) without a fit left out" if failed else "", left)
    total, totals = sum(point), draws.sum(axis=1)
    rows: list[dict[str, object]] = []
    for effect, estimate, sample in (
        (DIRECT, point[0], draws[:, 0]),
        (INDIRECT, point[1], draws[:, 1]),
        (TOTAL, total, totals),
    ):
        low, high = np.quantile(sample, INTERVAL) if failed <= FAILED_PART_MAX * resamples else (np.nan, np.nan)
        ends = {"ci_low": low, "ci_high": high, "resamples": len(draws)}
        rows.append(dict(base) | {"effect": effect, "estimate": estimate, "note": join_reasons(ASSUMED, note)} | ends)
    same = point[0] * point[1] >= 0 and total != 0
    why = "" if same else "not given: direct and indirect effect have opposite signs"
    proportion = point[1] / total if same else np.nan
    rows.append(dict(base) | {"effect": PROPORTION, "scale": "part of the total", "estimate": proportion, "note": why})
    return rows
