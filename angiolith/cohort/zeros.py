"""Zero inflation: whether a count (microbleeds) is 0 in more patients than its negative binomial model expects."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from angiolith.cohort.marker_models import checked_counts
from angiolith.cohort.regression import rows_left_out, standardised
from angiolith.cohort.variables import model_columns
from angiolith.core.tables import join_reasons

# [number] Fewer zeros, or fewer other counts, tell nothing of zeros. Source: definition.
ROWS_MIN = 5
# [1] Part of the zeros that the search for inflation begins with. Source: numerics.
START = 0.1
# [1] Start of the dispersion where the counts show none. Source: numerics.
DISPERSION_MIN = 1e-3
# [number] Most steps of a fit. Source: numerics.
STEPS_MAX = 500
# [1] Gradient at which a fit ends. Source: numerics.
GRADIENT = 1e-10
COLUMNS = [
    *("group", "measure", "n", "zeros", "zeros_expected", "inflated_part", "statistic", "p", "ratio", "ratio_inflated"),
    *("method", "adjusted_for", "note"),
]


def zeros_table(
    table: pd.DataFrame,
    severities: Mapping[str, pd.Series],
    counts: Sequence[str],
    covariates: Sequence[str],
    references: Mapping[str, str],
) -> pd.DataFrame:
    """Test every count's model on every severity for zero inflation: a table with the columns `COLUMNS`.

    zeros, zeros_expected: rows with 0, and how many the negative binomial model expects; inflated_part: part of the
    rows that are 0 whatever their severity; statistic, p: likelihood ratio of the zero-inflated model, whose p is half
    that of chi-square since the part cannot be below 0 (Self and Liang, JASA 1987;82:605). ratio, ratio_inflated: ratio
    of the mean counts per step of severity without and with the inflation. Complete cases.

    Parameters
    ----------
    table : pd.DataFrame
        Analysed rows.
    severities : Mapping[str, pd.Series]
        Name -> score by the table's index.
    counts : Sequence[str]
        Columns of counts.
    covariates : Sequence[str]
        Columns to adjust for.
    references : Mapping[str, str]
        Category -> its reference level.

    Returns
    -------
    pd.DataFrame
        One row per severity and count.
    """
    adjusting = [model_columns(table, name, references, {}) for name in covariates]
    rows = []
    for group, severity in severities.items():
        for marker in counts:
            design = pd.concat([severity.rename("severity"), *adjusting], axis=1)
            known = design.notna().all(axis=1) & table[marker].notna()
            found = zero_inflation(table.loc[known, marker].to_numpy(float), design[known])
            note = join_reasons(str(found.get("note", "")), rows_left_out(int((~known).sum())))
            base = {"group": group, "measure": marker, "n": int(known.sum()), "adjusted_for": ", ".join(covariates)}
            rows.append(base | found | {"note": note})
    return pd.DataFrame(rows, columns=COLUMNS)


def zero_inflation(counts: np.ndarray, design: pd.DataFrame) -> dict[str, object]:
    """The row of one test.

    Parameters
    ----------
    counts : np.ndarray
        Counts (n,), whole numbers.
    design : pd.DataFrame
        Columns of the model (n, k), the severity first.

    Returns
    -------
    dict[str, object]
        Column -> value.
    """
    method = "negative binomial regression beside the zero-inflated one, likelihood ratio"
    problem = checked_counts(counts, design)
    zeros = int((counts == 0).sum())
    if not problem and min(zeros, len(counts) - zeros) < ROWS_MIN:
        problem = f"{zeros} zeros of {len(counts)} counts tell nothing of zeros"
    if problem:
        return {"method": method, "note": problem}
    from statsmodels.discrete.count_model import ZeroInflatedNegativeBinomialP
    from statsmodels.discrete.discrete_model import NegativeBinomial
    from statsmodels.genmod import families
    from statsmodels.genmod.generalized_linear_model import GLM

    scaled, spread = standardised(design)
    columns = np.column_stack([np.ones(len(counts)), scaled])
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        poisson = GLM(counts, columns, family=families.Poisson()).fit(tol=1e-12)
        excess = ((counts - poisson.mu) ** 2 - counts).sum() / (poisson.mu**2).sum()
        plain = _maximum(NegativeBinomial(counts, columns), np.r_[poisson.params, max(excess, DISPERSION_MIN)])
        inflated = ZeroInflatedNegativeBinomialP(counts, columns, np.ones((len(counts), 1)), inflation="logit", p=2)
        mixed = None if plain is None else _maximum(inflated, np.r_[np.log(START / (1 - START)), plain.params])
    if plain is None:
        return {"method": method, "note": "the fit did not converge"}
    mean, dispersion = np.exp(columns @ plain.params[:-1]), float(plain.params[-1])
    found: dict[str, object] = {"method": method, "zeros": zeros}
    found["zeros_expected"] = float(((1 + dispersion * mean) ** (-1 / dispersion)).sum())
    found["ratio"] = float(np.exp(plain.params[1] / spread.iloc[0]))
    if mixed is None or mixed.llf <= plain.llf:
        return found | {
            "inflated_part": 0.0,
            "statistic": 0.0,
            "p": 1.0,
            "note": "no more zeros than the model expects",
        }
    ratio = 2 * float(mixed.llf - plain.llf)
    part = 1 / (1 + np.exp(-mixed.params[0]))
    found |= {"inflated_part": float(part), "statistic": ratio, "p": float(stats.chi2.sf(ratio, 1) / 2)}
    return found | {"ratio_inflated": float(np.exp(mixed.params[2] / spread.iloc[0]))}


def _maximum(model: Any, start: np.ndarray) -> Any:
    """The fit of a model of counts by quasi-Newton, then Newton steps; None where it has no finite maximum."""
    try:
        near = model.fit(start, method="bfgs", maxiter=STEPS_MAX, gtol=GRADIENT, disp=False)
        exact = model.fit(near.params, method="newton", maxiter=STEPS_MAX, tol=GRADIENT, disp=False)
    except (np.linalg.LinAlgError, ValueError):
        return None
    fits = [
        fit for fit in (exact, near) if np.isfinite(fit.params).all() and np.isfinite(fit.llf) and fit.params[-1] > 0
    ]
    return max(fits, key=lambda fit: float(fit.llf), default=None)
