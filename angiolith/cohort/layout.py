"""The table of characteristics as it is printed: one row per variable or level, one column per group."""

from __future__ import annotations

import numpy as np
import pandas as pd

from angiolith.cohort.describe import ALL


def p_text(p: float) -> str:
    """A p value as printed: <0.001, three digits below 0.1, else two; empty where missing."""
    if not np.isfinite(p):
        return ""
    if p < 0.001:
        return "<0.001"
    return f"{p:.3f}" if p < 0.0995 else f"{p:.2f}"


def printed_characteristics(table: pd.DataFrame) -> pd.DataFrame:
    """Lay out the long table of `describe` for print; all cells text.

    Columns: variable (with level or unit of the summary), one per group, missing, p, test, standardised difference. A
    number is given as mean (SD), or as median [quartiles] where a rank test was used; a count as n (%).
    """
    groups = list(dict.fromkeys(table["group"]))
    n_levels = table.groupby("variable")["level"].nunique()
    rows = []
    for (variable, level), part in table.groupby(["variable", "level"], sort=False, dropna=False):
        first = part.iloc[0]
        ranked = first["test"] in ("Mann-Whitney U", "Kruskal-Wallis")
        counted = pd.notna(first["count"])
        how = "n (%)" if counted else "median [IQR]" if ranked else "mean (SD)"
        name = str(variable) if n_levels[variable] <= 1 else f"{variable}: {level}"
        cells = {row["group"]: _cell(row, how) for _, row in part.iterrows()}
        rows.append(
            {"variable": f"{name}, {how}"}
            | {group: cells.get(group, "") for group in groups}
            | {
                "missing": str(int(part.loc[part["group"] == ALL, "missing"].sum())),
                "p": p_text(first["p"]),
                "test": first["test"] if isinstance(first["test"], str) else "",
                "standardised difference": ""
                if pd.isna(first["standardised_difference"])
                else f"{first['standardised_difference']:.2f}",
            }
        )
    return pd.DataFrame(rows, columns=["variable", *groups, "missing", "p", "test", "standardised difference"])


def _cell(row: pd.Series, how: str) -> str:
    if row["n"] == 0:
        return ""
    if how == "n (%)":
        return f"{int(row['count'])} ({row['percent']:.1f})"
    if how == "mean (SD)":
        spread = f" ({number_text(row['sd'])})" if pd.notna(row["sd"]) else ""
        return number_text(row["mean"]) + spread
    return f"{number_text(row['median'])} [{number_text(row['q1'])}, {number_text(row['q3'])}]"


def number_text(value: float) -> str:
    """A number for print: no decimals from 1000, one from 10, two from 0.1, else two significant digits."""
    size = abs(value)
    if size >= 1000:
        return f"{value:.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 0.1 or value == 0 else f"{value:.2g}"
