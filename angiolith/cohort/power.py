"""Sample size of a follow-up study, from the change that the cohort at hand shows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

from angiolith.core.settings.analyses import ChangeColumns, PowerSettings

# [number] An SD of fewer changes is no base for planning. Source: definition.
N_MIN = 10
# [1] Lower tail of chi-square that gives the upper end of the SD's 80 % interval. Source: Browne 1995.
SD_TAIL = 0.2
# [1] No size is given for a weaker correlation. Source: definition.
R_MIN = 0.01
COLUMNS = ["measure", "question", "effect", "sd", "n_cohort", "n_per_group", "n_total", "method", "note"]


def power_table(
    table: pd.DataFrame,
    changes: Mapping[str, ChangeColumns],
    severity: pd.Series,
    settings: PowerSettings,
) -> pd.DataFrame:
    """Sizes of a trial and of a cohort to come, for each marker that changes; a table with the columns `COLUMNS`.

    Questions: a trial of two equal arms whose treatment slows the mean change by a fraction (t test of the changes;
    beside it ANCOVA on the follow-up, whose residual SD is taken from the cohort; Borm et al., J Clin Epidemiol
    2007;60:1234), and a cohort that finds the correlation of severity with change that is seen here. Sizes are rounded
    up and raised by the dropout. The SD of a change has its own error: the note gives the size at the upper end of its
    one-sided 80 % interval (Browne, Stat Med 1995;14:1933).

    Parameters
    ----------
    table : pd.DataFrame
        Analysed rows.
    changes : Mapping[str, ChangeColumns]
        Marker -> its columns at baseline and follow-up.
    severity : pd.Series
        Score by the table's index.
    settings : PowerSettings
        alpha, power, slowing_percent and dropout_percent.

    Returns
    -------
    pd.DataFrame
        One row per marker and question.
    """
    rows: list[dict[str, object]] = []
    for marker, columns in changes.items():
        per_year = f"{marker}_change_per_year"
        measure = per_year if table[per_year].notna().any() else f"{marker}_change"
        change = table[measure].dropna()
        n = len(change)
        base: dict[str, object] = {"measure": measure, "n_cohort": n}
        if n < N_MIN or np.ptp(change.to_numpy()) == 0:
            rows.append(base | {"note": f"{n} changes are too few, or do not vary"})
            continue
        spread, mean = float(change.std(ddof=1)), float(change.mean())
        residual = _ancova_sd(table, columns.baseline, measure)
        for percent in settings.slowing_percent:
            effect = abs(mean) * percent / 100
            question = f"treatment slows the change by {percent:g} %"
            for method, sd in (("two-sample t test of the changes", spread), ("ANCOVA on the follow-up", residual)):
                if sd is None or not np.isfinite(sd) or not sd > 0:
                    continue
                rows.append(base | {"question": question} | _two_arms(effect, sd, n, settings) | {"method": method})
        rows.append(base | {"question": "severity goes with change"} | _correlation(severity, table[measure], settings))
    return pd.DataFrame(rows, columns=COLUMNS)


def _ancova_sd(table: pd.DataFrame, baseline: str | None, measure: str) -> float | None:
    """SD of the change given the baseline, which is that of the follow-up given the baseline."""
    if baseline is None:
        return None
    known = table[[baseline, measure]].dropna()
    if len(known) < N_MIN or np.ptp(known[baseline].to_numpy()) == 0:
        return None
    r = float(np.corrcoef(known[baseline], known[measure])[0, 1])
    return float(known[measure].std(ddof=1) * np.sqrt((1 - r**2) * (len(known) - 1) / (len(known) - 2)))


def size_per_arm(effect: float, sd: float, alpha: float, power: float) -> float:
    """Patients per arm of two, not rounded, for a two-sided t test to find a difference of means (noncentral t).

    Parameters
    ----------
    effect : float
        Difference of the means.
    sd : float
        Standard deviation within an arm.
    alpha : float
        Level of the test, two-sided.
    power : float
        Probability to find the effect.

    Returns
    -------
    float
        Patients.
    """
    from statsmodels.stats.power import TTestIndPower

    return float(TTestIndPower().solve_power(effect / sd, alpha=alpha, power=power, ratio=1.0))


def size_for_correlation(r: float, alpha: float, power: float) -> float:
    """Patients, not rounded, to find a correlation by Fisher's z (two-sided; the negligible far tail left out).

    Parameters
    ----------
    r : float
        Correlation to find.
    alpha : float
        Level of the test, two-sided.
    power : float
        Probability to find the effect.

    Returns
    -------
    float
        Patients.
    """
    z = stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(power)
    return float((z / np.arctanh(abs(r))) ** 2 + 3)


def raised(size: float, settings: PowerSettings) -> int:
    """A size rounded up and raised by the dropout.

    Parameters
    ----------
    size : float
        Patients.
    settings : PowerSettings
        The settings, for the dropout.

    Returns
    -------
    int
        Patients.
    """
    return int(np.ceil(np.ceil(size) / (1 - settings.dropout_percent / 100)))


def _two_arms(effect: float, sd: float, n: int, settings: PowerSettings) -> dict[str, object]:
    if effect == 0 or effect / sd < 1e-3:
        return {"effect": effect, "sd": sd, "note": "the mean change is too near to zero"}
    level, power = settings.alpha, settings.power
    exact = size_per_arm(effect, sd, level, power)
    if not np.isfinite(exact):
        return {
            "effect": effect,
            "sd": sd,
            "note": "the effect is so large beside its SD that no size can be solved for",
        }
    per_arm = raised(exact, settings)
    wide = sd * np.sqrt((n - 1) / stats.chi2.ppf(SD_TAIL, n - 1))
    careful = size_per_arm(effect, wide, level, power)
    upper = f"{raised(careful, settings)} per arm" if np.isfinite(careful) else "no size can be solved for"
    note = f"{upper} if the SD is {wide:.3g}, the upper end of its 80 % interval"
    return {"effect": effect, "sd": sd, "n_per_group": per_arm, "n_total": 2 * per_arm, "note": note}


def _correlation(first: pd.Series, second: pd.Series, settings: PowerSettings) -> dict[str, object]:
    known = first.notna() & second.notna()
    x, y = first[known].to_numpy(float), second[known].to_numpy(float)
    row: dict[str, object] = {"method": "Pearson's correlation, Fisher's z"}
    if len(x) < N_MIN or np.ptp(x) == 0 or np.ptp(y) == 0:
        return row | {"note": f"{len(x)} pairs are too few, or a side does not vary"}
    r = float(np.corrcoef(x, y)[0, 1])
    if not R_MIN <= abs(r) < 1:
        return row | {"effect": r, "note": "no correlation to plan for"}
    return row | {
        "effect": r,
        "n_total": raised(size_for_correlation(r, settings.alpha, settings.power), settings),
    }
