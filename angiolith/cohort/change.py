"""Change between two visits: its size by group and beside what can be detected, and how severity goes with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from angiolith.cohort.correlations import correlate, false_discovery_rate
from angiolith.cohort.describe import ALL, describe
from angiolith.cohort.mixed import fit_random_intercept, fit_random_slope
from angiolith.cohort.regression import fit_linear
from angiolith.cohort.variables import levels_of, model_columns
from angiolith.core.bids.dates import DAYS_PER_YEAR
from angiolith.core.settings.analyses import ChangeColumns
from angiolith.core.tables import join_reasons

COLUMNS = [
    "measure",
    "part",
    "group",
    "n",
    "mean",
    "sd",
    "median",
    "q1",
    "q3",
    "count",
    "percent",
    "estimate",
    "se",
    "statistic",
    "ci_low",
    "ci_high",
    "p",
    "q",
    "method",
    "note",
]
BY_GROUP = "by group"
ACROSS_GROUPS = "across groups"
CORRELATION = "correlation with severity"
FOLLOW_UP = "follow-up model"
MIXED = "mixed model"
MIXED_SLOPE = "mixed model, random slope"
DETECTABLE = "smallest detectable change"
BEYOND = "beyond the smallest detectable change"


def change_table(
    table: pd.DataFrame,
    changes: Mapping[str, ChangeColumns],
    severity: pd.Series,
    group: str | None,
    group_levels: Sequence[str],
    covariates: Sequence[str],
    references: Mapping[str, str],
    number_test: str = "auto",
    partial_for: Sequence[str] = (),
) -> pd.DataFrame:
    """How each marker changes, and whether severity goes with it; a table with the columns `COLUMNS`.

    Parts, for each marker: `by group` and `across groups`, size and test of the change; `correlation with severity`;
    these on the change per year where the interval is known, else on the change itself (the measure's name says which).
    `follow-up model`: follow-up ~ baseline + severity + covariates by least squares with HC3 errors (ANCOVA; Vickers
    and Altman, BMJ 2001;323:1123), estimate: the difference in follow-up per step of severity. `mixed model`: value ~
    time * severity + covariates with a random intercept per subject by REML, both visits and subjects with one of them
    alone included; estimate: the difference in change per year (where intervals are not known: between the visits) per
    step of severity. With further visits in its columns these take part, and a second row, `mixed model, random slope`,
    lets subjects differ in their change, too. `smallest detectable change`: 1.96 sqrt(2) standard errors of
    measurement, from repeats or as given, and how many changed by more, by group. q: Benjamini-Hochberg within a part
    and method.

    Parameters
    ----------
    table : pd.DataFrame
        Analysed rows with the columns of `add_changes`.
    changes : Mapping[str, ChangeColumns]
        Marker -> its columns at baseline and follow-up.
    severity : pd.Series
        Score by the table's index.
    group : str | None
        Column of the groups, or None.
    group_levels : Sequence[str]
        Order of the groups.
    covariates : Sequence[str]
        Columns that the models adjust for.
    references : Mapping[str, str]
        Category -> its reference level.
    number_test : str
        Test of numbers, as in `compare_numbers`.
    partial_for : Sequence[str]
        Numbers that the correlations are also adjusted for.

    Returns
    -------
    pd.DataFrame
        One row per marker and part.
    """
    rows: list[dict[str, object]] = []
    designs = [model_columns(table, name, references, {}) for name in covariates]
    adjusting = pd.concat([severity.rename("severity"), *designs], axis=1)
    adjusted = ", ".join(covariates)
    for marker, columns in changes.items():
        per_year = f"{marker}_change_per_year"
        measure = per_year if table[per_year].notna().any() else f"{marker}_change"
        if group is not None:
            rows += _group_rows(table, measure, group, group_levels, number_test)
        given = [table[list(partial_for)]] if partial_for else []
        for method, others in [(method, other) for other in [None, *given] for method in ("spearman", "pearson")]:
            found = correlate(severity, table[measure], method, others)
            partial = f"adjusted for {found.pop('adjusted_for')}" if others is not None else ""
            found |= {"estimate": found.pop("r"), "note": join_reasons(partial, str(found.pop("note", "")))}
            rows.append({"measure": measure, "part": CORRELATION, "group": "overall", **found})
        if columns.followup and columns.baseline:
            ends = columns.baseline, columns.followup
            rows.append(_follow_up_row(table, marker, *ends, adjusting, adjusted))
            rows += _mixed_rows(table, marker, columns, adjusting, adjusted)
        rows += _detectable_rows(table, marker, columns, group, group_levels)
    result = pd.DataFrame(rows, columns=COLUMNS)
    result["q"] = result.groupby(["part", "method"], dropna=False)["p"].transform(false_discovery_rate)
    return result


def _group_rows(
    table: pd.DataFrame, measure: str, group: str, group_levels: Sequence[str], number_test: str
) -> list[dict[str, object]]:
    summary = describe(table, [measure], group, group_levels, number_test)
    keep = ["group", "n", "mean", "sd", "median", "q1", "q3"]
    rows = [{"measure": measure, "part": BY_GROUP, **row} for row in summary[keep].to_dict("records")]
    first = summary.iloc[0]
    test = {"statistic": first["statistic"], "p": first["p"], "method": first["test"], "note": first["note"]}
    n = int(summary.loc[summary["group"] != ALL, "n"].sum())
    return [*rows, {"measure": measure, "part": ACROSS_GROUPS, "group": ALL, "n": n, **test}]


def _follow_up_row(
    table: pd.DataFrame, marker: str, baseline: str, followup: str, adjusting: pd.DataFrame, adjusted: str
) -> dict[str, object]:
    design = adjusting.copy()
    design.insert(1, "baseline", table[baseline])
    complete = design.notna().all(axis=1) & table[followup].notna()
    fit = fit_linear(table.loc[complete, followup].to_numpy(float), design[complete])
    return {
        "measure": f"{marker}_followup",
        "part": FOLLOW_UP,
        "group": "per step of severity",
        "n": fit.n,
        **fit.table.loc["severity", ["estimate", "se", "ci_low", "ci_high", "p"]].to_dict(),
        "method": fit.method,
        "note": join_reasons(f"adjusted for {', '.join(filter(None, ('baseline', adjusted)))}", fit.note),
    }


def _mixed_rows(
    table: pd.DataFrame, marker: str, columns: ChangeColumns, adjusting: pd.DataFrame, adjusted: str
) -> list[dict[str, object]]:
    years = table["interval_days"] / DAYS_PER_YEAR
    timed = bool(years.notna().any())
    start = 0.0 * adjusting["severity"]
    ends = ((str(columns.baseline), start), (str(columns.followup), years if timed else start + 1))
    later = [(name, table[days] / DAYS_PER_YEAR) for name, days in columns.visits.items()] if timed else []
    visits = []
    for values, time in (*ends, *later):
        part = adjusting.assign(value=table[values], time=time, subject=table["subject"])
        visits.append(part.assign(interaction=part["severity"] * part["time"]).dropna())
    long = pd.concat(visits, ignore_index=True)
    design = long.drop(columns=["value", "subject"])
    terms = ["interaction", *(name for name in design if name != "interaction")]
    given = long["value"].to_numpy(float), design[terms], long["subject"].to_numpy()
    counts = long["subject"].value_counts()
    counted = f"{len(counts)} subjects, {int((counts > 1).sum())} with {'two or more' if later else 'both'} visits"
    base = {"measure": marker, "part": MIXED, "n": len(long)}
    base |= {"group": "per step of severity and year" if timed else "per step of severity"}
    notes = (counted, f"adjusted for {adjusted}" if adjusted else "")
    found = fit_random_intercept(*given)
    rows = [base | found | {"note": join_reasons(*notes, str(found["note"]))}]
    if columns.visits:
        untimed: dict[str, object] = {"note": "no random slope: the interval between the visits is not known"}
        found = fit_random_slope(*given, long["time"].to_numpy(float)) if timed else untimed
        spread = ""
        if "sd_slope" in found:
            spread = (
                f"SD of the change per year {found['sd_slope']:.4g}, of the intercepts {found['sd_intercept']:.4g}, "
                f"of the noise {found['sd_noise']:.4g}; correlation {found['correlation']:.2f}"
            )
        note = join_reasons(*notes, spread, str(found["note"]))
        rows.append(base | found | {"part": MIXED_SLOPE, "note": note})
    return rows


def measurement_error(repeats: pd.DataFrame) -> tuple[float, int]:
    """Standard error of measurement: the root of the mean variance within a subject, and the number of subjects.

    Parameters
    ----------
    repeats : pd.DataFrame
        One column per measurement of the same thing; subjects with fewer than two are left out (Bland
        and Altman, BMJ 1996;313:744; a difference between the measurements as such counts as error).

    Returns
    -------
    tuple[float, int]
        Standard error of measurement (NaN without repeats), and number of subjects.
    """
    known = repeats[repeats.notna().sum(axis=1) >= 2]
    freedom = known.notna().sum(axis=1) - 1
    total = float((known.var(axis=1, ddof=1) * freedom).sum())
    return (float(np.sqrt(total / freedom.sum())) if len(known) else np.nan), len(known)


def _detectable_rows(
    table: pd.DataFrame, marker: str, columns: ChangeColumns, group: str | None, group_levels: Sequence[str]
) -> list[dict[str, object]]:
    error, n = columns.standard_error, 0
    source = "standard error of measurement as given"
    if columns.repeats:
        error, n = measurement_error(table[columns.repeats])
        source = f"from {', '.join(columns.repeats)}"
    if error is None or not np.isfinite(error):
        return []
    smallest = float(stats.norm.ppf(0.975) * np.sqrt(2) * error)
    change = table[f"{marker}_change"]
    first = {"part": DETECTABLE, "group": ALL, "n": n, "estimate": smallest, "method": "1.96 sqrt(2) SEM"}
    rows: list[dict[str, object]] = [{"measure": f"{marker}_change", **first, "note": source}]
    parts = {ALL: change}
    if group is not None:
        parts |= {name: change[table[group] == name] for name in levels_of(table[group], group_levels)}
    for name, part in parts.items():
        known = part.dropna()
        count = int((known.abs() > smallest).sum())
        percent = 100 * count / len(known) if len(known) else np.nan
        row = {"part": BEYOND, "group": name, "n": len(known), "count": count, "percent": percent}
        rows.append({"measure": f"{marker}_change", **row})
    return rows
