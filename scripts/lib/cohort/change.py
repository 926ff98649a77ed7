"""Change between two visits: its size by group, and the follow-up given baseline and severity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from scripts.lib.cohort.correlations import correlate, false_discovery_rate
from scripts.lib.cohort.describe import ALL, describe
from scripts.lib.cohort.regression import fit_linear
from scripts.lib.cohort.variables import model_columns
from scripts.lib.tables import join_reasons

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
    "estimate",
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


def change_table(
    table: pd.DataFrame,
    changes: Mapping[str, Mapping[str, str | None]],
    severity: pd.Series,
    group: str | None,
    group_levels: Sequence[str],
    covariates: Sequence[str],
    references: Mapping[str, str],
    number_test: str = "auto",
) -> pd.DataFrame:
    """How each marker changes, and whether severity goes with it; a table with the columns `COLUMNS`.

    table: with the columns of `add_changes`; severity: score by the table's index; covariates: of the follow-up model.
    Parts, for each marker: `by group` and `across groups`, size and test of the change; `correlation with severity`,
    Spearman and Pearson; all three on the change per year where the interval is known, else on the change itself (the
    measure's name says which). `follow-up model`: follow-up ~ baseline + severity + covariates by least squares with
    HC3 errors (ANCOVA; Vickers and Altman, BMJ 2001;323:1123), where estimate is the difference in follow-up per step
    of severity. q: Benjamini-Hochberg within a part and method.
    """
    rows: list[dict[str, object]] = []
    for marker, columns in changes.items():
        per_year = f"{marker}_change_per_year"
        measure = per_year if table[per_year].notna().any() else f"{marker}_change"
        if group is not None:
            rows += _group_rows(table, measure, group, group_levels, number_test)
        for method in ("spearman", "pearson"):
            found = correlate(severity, table[measure], method)
            estimate = {"estimate": found.pop("r")}
            rows.append(
                {"measure": measure, "part": CORRELATION, "group": "overall", **estimate, **found, "method": method}
            )
        if columns["followup"] and columns["baseline"]:
            rows.append(
                _follow_up_row(
                    table, marker, columns["baseline"], columns["followup"], severity, covariates, references
                )
            )
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
    table: pd.DataFrame,
    marker: str,
    baseline: str,
    followup: str,
    severity: pd.Series,
    covariates: Sequence[str],
    references: Mapping[str, str],
) -> dict[str, object]:
    adjusting = [model_columns(table, name, references, {}) for name in covariates]
    design = pd.concat([pd.DataFrame({"severity": severity, "baseline": table[baseline]}), *adjusting], axis=1)
    complete = design.notna().all(axis=1) & table[followup].notna()
    fit = fit_linear(table.loc[complete, followup].to_numpy(float), design[complete])
    adjusted = ", ".join(["baseline", *covariates])
    return {
        "measure": f"{marker}_followup",
        "part": FOLLOW_UP,
        "group": "per step of severity",
        "n": fit.n,
        **fit.table.loc["severity"].to_dict(),
        "method": fit.method,
        "note": join_reasons(f"adjusted for {adjusted}", fit.note),
    }
