"""The page of a comparison: one HTML file that needs nothing else, and its content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from angiolith.cohort.layout import number_text, p_text
from angiolith.compare.kinds import KINDS
from angiolith.compare.summary import ALL, MM3_PER_CM3
from angiolith.report.page import page_templates

FOLDER = Path(__file__).parent
STYLE = FOLDER.parent / "report" / "assets" / "report.css"
MEASURES = (  # of the table of a kind: heading, measure, statistic
    ("Dice, mean", "dice", "mean"),
    ("median", "dice", "median"),
    ("worst", "dice", "worst"),
    ("lesion sensitivity", "lesion_sensitivity", "mean"),
    ("lesion PPV", "lesion_ppv", "mean"),
    ("lesion F1", "lesion_f1", "mean"),
    ("false lesions per scan", "false_lesions", "mean"),
    ("volume ratio, median", "volume_ratio", "median"),
    ("mean surface distance, mm", "mean_surface_mm", "mean"),
    ("its 95th percentile, mm", "hausdorff95_mm", "mean"),
)
AGREEMENT = (
    ("ICC(2,1)", "ICC(2,1)"),
    ("Spearman", "Spearman"),
    ("bias", "Bland-Altman bias"),
    ("lower limit", "Bland-Altman lower limit"),
    ("upper limit", "Bland-Altman upper limit"),
)
UNDER_LESIONS = ("lesion_sensitivity", "lesion_ppv", "lesion_f1", "false_lesions")


class Table(NamedTuple):
    """A table for print: heading and rows of text; the first `texts` columns are words, the others numbers."""

    header: list[str]
    rows: list[list[str]]
    texts: int = 1


class Shown(NamedTuple):
    """A scan's picture (a data URI, None: why not in `words`) under its heading."""

    heading: str
    words: str
    picture: str | None


class Section(NamedTuple):
    """All that the page says of one kind."""

    name: str
    title: str
    unit: str
    lead: str
    overlaps: Table
    agreement: Table
    figure: str | None
    classes: Table | None
    paired: Table | None
    scans: Table
    shown: list[Shown]


def with_interval(row: Mapping[str, Any]) -> str:
    """An estimate with its 95 % interval, for print.

    Parameters
    ----------
    row : Mapping[str, Any]
        `estimate`, `ci_low` and `ci_high`.

    Returns
    -------
    str
        The text; empty where there is no estimate.
    """
    if not pd.notna(row["estimate"]):
        return ""
    text = number_text(row["estimate"])
    if pd.notna(row["ci_low"]):
        text += f" ({number_text(row['ci_low'])} to {number_text(row['ci_high'])})"
    return text


def overlaps_table(summary: pd.DataFrame, scans: pd.DataFrame, kind: str) -> Table:
    """A row per tool: scans, what could not be measured, and the means with intervals.

    Parameters
    ----------
    summary : pd.DataFrame
        Summaries of one kind.
    scans : pd.DataFrame
        Scans of one kind.
    kind : str
        Kind of mask.

    Returns
    -------
    Table
        The table.
    """
    measures = [m for m in MEASURES if KINDS[kind].lesions or m[1] not in UNDER_LESIONS]
    rows = []
    for tool, of_tool in scans.groupby("tool", sort=False):
        own_cells = _cells(summary[(summary["tool"] == tool) & (summary["group"] == ALL)])
        counts = [str(of_tool["found_mm3"].notna().sum()), str(of_tool["found_mm3"].isna().sum())]
        rows.append([str(tool), *counts, *(own_cells.get((m, s), "") for _, m, s in measures)])
    return Table(["tool", "scans", "without a mask", *(name for name, _, _ in measures)], rows)


def agreement_table(summary: pd.DataFrame, kind: str) -> Table:
    """A row per tool: agreement of the volumes; bias and limits are tool minus truth.

    Parameters
    ----------
    summary : pd.DataFrame
        Summaries of one kind.
    kind : str
        Kind of mask.

    Returns
    -------
    Table
        The table.
    """
    rows = []
    for tool, of_tool in summary[summary["group"] == ALL].groupby("tool", sort=False):
        own_cells = {statistic: text for (measure, statistic), text in _cells(of_tool).items() if measure == "volume"}
        rows.append([str(tool), *(own_cells.get(name, "") for _, name in AGREEMENT)])
    unit = KINDS[kind].unit
    names = [f"{head}, {unit}" if head in ("bias", "lower limit", "upper limit") else head for head, _ in AGREEMENT]
    return Table(["tool", *names], rows)


def classes_table(summary: pd.DataFrame, kind: str) -> Table | None:
    """A row per class of load or slice thickness and tool; None where there is one class only.

    Parameters
    ----------
    summary : pd.DataFrame
        Summaries of one kind.
    kind : str
        Kind of mask.

    Returns
    -------
    Table | None
        The table, or None.
    """
    measures = [m for m in MEASURES[:8] if KINDS[kind].lesions or m[1] not in UNDER_LESIONS]
    rows = []
    for (group, tool), part in summary[summary["group"] != ALL].groupby(["group", "tool"], sort=False):
        own_cells = _cells(part)
        rows.append(
            [str(group), str(tool), str(part["n_scans"].iloc[0]), *(own_cells.get((m, s), "") for _, m, s in measures)]
        )
    rows.sort(key=lambda row: list(dict.fromkeys(summary["group"])).index(row[0]))
    return Table(["class", "tool", "scans", *(name for name, _, _ in measures)], rows, 2) if rows else None


def _cells(summary: pd.DataFrame) -> dict[tuple[str, str], str]:
    return {(row["measure"], row["statistic"]): with_interval(row) for row in summary.to_dict("records")}


def paired_table(paired: pd.DataFrame) -> Table | None:
    """A row for each two tools and measure; None where there is one tool only.

    Parameters
    ----------
    paired : pd.DataFrame
        Comparisons of two tools.

    Returns
    -------
    Table | None
        The table, or None.
    """
    names = {"dice": "Dice", "lesion_f1": "lesion F1"}
    rows = [
        [
            f"{row['second']} minus {row['first']}",
            names[row["measure"]],
            str(row["n_scans"]),
            _number(row["first_mean"]),
            _number(row["second_mean"]),
            with_interval({**row, "estimate": row["difference"]}),
            p_text(float(row["p"])),
        ]
        for row in paired.to_dict("records")
    ]
    header = ["tools", "measure", "scans", "first, mean", "second, mean", "difference (95 % interval)", "p, Wilcoxon"]
    return Table(header, rows, 2) if rows else None


def scans_table(scans: pd.DataFrame, kind: str) -> Table:
    """A row per scan and tool, the worst Dice first; what has no mask comes before.

    Parameters
    ----------
    scans : pd.DataFrame
        Scans of one kind.
    kind : str
        Kind of mask.

    Returns
    -------
    Table
        The table.
    """
    unit = KINDS[kind].unit
    scale = MM3_PER_CM3 if unit == "cm3" else 1.0
    counts = KINDS[kind].lesions
    header = [
        "scan",
        "tool",
        "status",
        "Dice",
        f"true, {unit}",
        f"found, {unit}",
        "volume ratio",
        "95th percentile, mm",
    ]
    header += ["sensitivity", "PPV", "F1", "true lesions", "found lesions"] if counts else []
    rows = []
    for row in worst_first(scans).to_dict("records"):
        cells = [scan_name(row), row["tool"], f"{row['status']}: {row['reason']}" if row["reason"] else row["status"]]
        numbers = [row["dice"], row["true_mm3"] / scale, row["found_mm3"] / scale, row["volume_ratio"]]
        numbers += [row["hausdorff95_mm"]]
        if counts:
            numbers += [row[name] for name in ("lesion_sensitivity", "lesion_ppv", "lesion_f1")]
        cells += [_number(value) for value in numbers]
        if counts:
            cells += ["" if pd.isna(row[name]) else f"{row[name]:.0f}" for name in ("n_true", "n_found")]
        rows.append(cells)
    return Table(header, rows, 3)


def worst_first(scans: pd.DataFrame) -> pd.DataFrame:
    """Scans by their Dice, the lowest first; those without one come before.

    Parameters
    ----------
    scans : pd.DataFrame
        Scans of one kind.

    Returns
    -------
    pd.DataFrame
        The rows in the new order.
    """
    return scans.sort_values("dice", kind="stable", na_position="first")


def scan_name(row: Mapping[Any, Any]) -> str:
    """Name of a scan as tables and pictures have it.

    Parameters
    ----------
    row : Mapping[Any, Any]
        A row with subject and session.

    Returns
    -------
    str
        `sub-X ses-Y`.
    """
    return f"sub-{row['subject']} ses-{row['session']}"


def _number(value: float) -> str:
    return "" if pd.isna(value) else number_text(float(value))


def page(title: str, sources: Sequence[tuple[str, str]], sections: Sequence[Section], left: Table) -> str:
    """The HTML; sources: (name, folder) of the truth and of each tool; left: the files that were not compared.

    Parameters
    ----------
    title : str
        Heading.
    sources : Sequence[tuple[str, str]]
        Pairs of name and folder.
    sections : Sequence[Section]
        One section per kind.
    left : Table
        Table of the files that were not compared.

    Returns
    -------
    str
        The HTML text.
    """
    return (
        page_templates(FOLDER)
        .get_template("page.html.j2")
        .render(
            title=title,
            style=STYLE.read_text(encoding="utf-8"),
            sources=sources,
            sections=sections,
            left=left,
        )
    )
