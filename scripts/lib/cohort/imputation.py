"""Multiple imputation of missing covariates by chained equations, and the pooling of what the models then say.

Predictive mean matching (statsmodels' MICE; van Buuren, J Stat Softw 2011;45(3)) from outcome, predictor and all
covariates. The predictor and the outcome are never imputed: where a predictor is missing it often has no value (the
density of no calcium), and an imputed outcome adds nothing but noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from scripts.lib.cohort.variables import is_number, levels_of

DONORS = 5
CYCLES = 10  # between two imputations, and before the first


@dataclass(frozen=True)
class Pooled:
    """Rubin's rules for one term: estimate, its standard error, degrees of freedom, fraction of missing information."""

    estimate: float
    se: float
    df: float
    missing_information: float

    def interval(self) -> tuple[float, float, float]:
        """95 % interval and two-sided p, from the t distribution."""
        t = stats.t(self.df)
        reach = t.ppf(0.975) * self.se
        return self.estimate - reach, self.estimate + reach, float(2 * t.sf(abs(self.estimate) / self.se))


def pool(estimates: np.ndarray, errors: np.ndarray, df_complete: float) -> Pooled:
    """Pool one term's estimates and standard errors over the imputations, each (m,).

    Rubin 1987; degrees of freedom of Barnard and Rubin, Biometrika 1999;86:948, with those of the complete data
    (rows less parameters); fraction of missing information with its small-sample term, as R's mice gives it.
    """
    m = len(estimates)
    within, between = float(np.mean(errors**2)), float(np.var(estimates, ddof=1))
    total = within + (1 + 1 / m) * between
    share = (1 + 1 / m) * between / total
    df_observed = (df_complete + 1) / (df_complete + 3) * df_complete * (1 - share)
    df = 1 / (share**2 / (m - 1) + 1 / df_observed)
    increase = (1 + 1 / m) * between / within
    missing = (increase + 2 / (df + 3)) / (increase + 1)
    return Pooled(float(np.mean(estimates)), float(np.sqrt(total)), df, missing)


def imputable(table: pd.DataFrame, covariates: Sequence[str]) -> list[str]:
    """Covariates with missing values that can be imputed: numbers, and categories of two levels."""
    return [
        name
        for name in covariates
        if table[name].isna().any() and (is_number(table[name]) or len(levels_of(table[name])) == 2)
    ]


def imputed_tables(
    table: pd.DataFrame, known: pd.DataFrame, covariates: Sequence[str], imputations: int, seed: int
) -> list[pd.DataFrame]:
    """`imputations` copies of the table with the missing values of `imputable` covariates filled in.

    known: numeric columns without missing values that the imputation models use besides (outcome, predictor). A
    category of three levels or more that is missing stays missing. The same seed gives the same tables.
    """
    from statsmodels.imputation.mice import MICEData

    incomplete = imputable(table, covariates)
    coded, levels = {}, {}
    for name in covariates:
        values = table[name]
        if is_number(values):
            coded[name] = values.astype(float)
        elif name in incomplete:
            levels[name] = levels_of(values)
            coded[name] = values.map({level: float(code) for code, level in enumerate(levels[name])}).astype(float)
        else:
            first, *others = levels_of(values) or [None]
            coded |= {f"{name} {level}": (values == level).astype(float) for level in others}
    frame = pd.DataFrame({**{f"known {name}": known[name] for name in known}, **coded}, index=table.index)
    frame = frame.loc[:, frame.nunique() > 1]
    names = dict(zip(frame.columns, (f"v{at}" for at in range(frame.shape[1])), strict=True))
    data = MICEData(frame.rename(columns=names).reset_index(drop=True), k_pmm=DONORS, rng=seed)
    wanted = [name for name in incomplete if name in names]
    filled = []
    for _ in range(imputations):
        data.update_all(CYCLES)
        values = data.data[[names[name] for name in wanted]].to_numpy(copy=True)
        filled.append(pd.DataFrame(values, table.index, wanted))
    return [
        table.assign(
            **{
                name: part[name].map(dict(enumerate(levels[name]))) if name in levels else part[name]
                for name in part.columns
            }
        )
        for part in filled
    ]
