"""Drift of quality measures: each site's or scanner's values in the order of their dates, with control limits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from angiolith.cohort.describe import ALL
from angiolith.cohort.variables import levels_of
from angiolith.core.bids.dates import DAYS_PER_YEAR
from angiolith.core.settings.analyses import Drift
from angiolith.core.tables import join_reasons

# [1] Mean range of two values of a normal distribution in its SDs. Source: Montgomery, Introduction to Statistical
# Quality Control, 8th ed., 2019, appendix VI.
RANGE_OF_TWO = 1.128
# [SD] Control limits about the centre. Source: Shewhart 1931.
LIMIT_SDS = 3.0
# [number] Values on one side of the centre that make a run. Source: Nelson, J Qual Technol 1984;16:237, test 2.
RUN = 9
# [number] With fewer values there are no limits. Source: definition; Montgomery 2019 asks for 20 to 25.
VALUES_MIN = 10
# [number] With fewer values the limits are noted as uncertain. Source: Montgomery 2019, section 6.4.
VALUES_SURE = 20
POINTS = [
    *("measure", "site", "order", "date", "subject", "session", "value", "centre", "limit_low", "limit_high"),
    *("outside", "in_run"),
]
SUMMARY = [
    *("measure", "site", "n", "first_date", "last_date", "centre", "sd", "limit_low", "limit_high", "n_outside"),
    *("n_in_run", "per_year", "ci_low", "ci_high", "p", "method", "note"),
]


def drift_tables(table: pd.DataFrame, settings: Drift) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every measure at every site: what its chart shows (`SUMMARY`), and its points in order (`POINTS`).

    Chart of single values (Shewhart 1931; Montgomery 2019, section 6.4): centre: mean; sd: mean absolute difference of
    successive values over `RANGE_OF_TWO`; limits: 3 sd about the centre. A slow drift hardly moves this sd, so that it
    shows against the limits. in_run: values from the ninth on, on one side of the centre. per_year: slope of Theil and
    Sen with its interval; p: Kendall's tau of value and date. Rows without a value or a date are left out and counted.

    Parameters
    ----------
    table : DataFrame
        The rows, with the columns of the settings.
    settings : Drift
        Measures, date and site.

    Returns
    -------
    tuple of DataFrame
        The summary of each chart, and its points.
    """
    summaries, points = [], []
    dates = pd.to_datetime(table[settings.date].astype("string").str.slice(0, 10), errors="coerce")
    sites = table[settings.by].astype("string") if settings.by else pd.Series(ALL, table.index)
    for measure in settings.measures:
        for site in levels_of(sites):
            inside = sites == site
            known = inside & table[measure].notna() & dates.notna()
            lost = int((inside & ~known).sum())
            keys = [name for name in ("subject", "session") if name in table]
            part = table.loc[known, keys].assign(date=dates[known], value=table.loc[known, measure].astype(float))
            part = part.sort_values(["date", *keys], kind="stable")
            summary, chart = _chart(part)
            note = f"{lost} row(s) without value or date left out" if lost else ""
            summary["note"] = join_reasons(str(summary.get("note", "")), note)
            summaries.append({"measure": measure, "site": site} | summary)
            points.append(chart.assign(measure=measure, site=site))
    made = pd.concat(points, ignore_index=True) if points else pd.DataFrame(columns=POINTS)
    return pd.DataFrame(summaries, columns=SUMMARY), made.reindex(columns=POINTS)


def _chart(part: pd.DataFrame) -> tuple[dict[str, object], pd.DataFrame]:
    """One chart: its summary, and its points. part: date and value, in order."""
    value = part["value"].to_numpy(float)
    n = len(value)
    text = part["date"].dt.strftime("%Y-%m-%d")
    chart = part.assign(order=np.arange(1, n + 1), date=text)
    summary: dict[str, object] = {"n": n, "first_date": text.min(), "last_date": text.max()}
    if n < VALUES_MIN:
        return summary | {"note": f"{n} value(s) are too few for limits (at least {VALUES_MIN})"}, chart
    centre = float(value.mean())
    sd = float(np.abs(np.diff(value)).mean() / RANGE_OF_TWO)
    low, high = centre - LIMIT_SDS * sd, centre + LIMIT_SDS * sd
    chart = chart.assign(centre=centre, limit_low=low, limit_high=high)
    chart["outside"] = ((value < low) | (value > high)).astype(int)
    chart["in_run"] = in_runs(value, centre).astype(int)
    summary |= {"centre": centre, "sd": sd, "limit_low": low, "limit_high": high}
    summary |= {"n_outside": int(chart["outside"].sum()), "n_in_run": int(chart["in_run"].sum())}
    if n < VALUES_SURE:
        summary["note"] = f"{n} values: limits are uncertain"
    years = (part["date"] - part["date"].min()).dt.days.to_numpy(float) / DAYS_PER_YEAR
    if np.ptp(years) == 0 or np.ptp(value) == 0:
        return summary, chart
    slope = stats.theilslopes(value, years)
    trend = stats.kendalltau(years, value)
    summary |= {"per_year": float(slope.slope), "ci_low": float(slope.low_slope), "ci_high": float(slope.high_slope)}
    return summary | {"p": float(trend.pvalue), "method": "Theil-Sen slope, Kendall's tau"}, chart


def in_runs(value: Sequence[float] | np.ndarray, centre: float) -> np.ndarray:
    """(n,) bool: whether a value and the `RUN` - 1 before it lie on one side of the centre.

    Parameters
    ----------
    value : array_like, shape (n,)
        Values in order.
    centre : float
        The centre; a value on it ends a run.

    Returns
    -------
    ndarray of bool, shape (n,)
        By value.
    """
    side = np.sign(np.asarray(value, float) - centre)
    length, found = 0, np.zeros(len(side), bool)
    for at, own in enumerate(side):
        length = length + 1 if own != 0 and at and own == side[at - 1] else int(own != 0)
        found[at] = length >= RUN
    return found
