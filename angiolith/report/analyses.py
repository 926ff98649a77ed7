"""The cohort's analyses as the report prints them: texts in cells, plots beside them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from angiolith.cohort.associations import IMPUTED
from angiolith.cohort.attrition import why_not_made
from angiolith.cohort.layout import number_text, p_text
from angiolith.cohort.printed_labels import labelled, name_text
from angiolith.core.settings.analyses import Analysis
from angiolith.core.tables import FAILED
from angiolith.report.distributions import ChangePlot, GroupPlot, plots_of
from angiolith.report.findings import finding
from angiolith.report.names import with_powers
from angiolith.report.plots import Forest, addresses_of, forest
from angiolith.report.sessions import median_text

JOINED = (
    ("mean (SD)", ("mean", "sd"), "{} ({})"),
    ("median [quartiles]", ("median", "q1", "q3"), "{} [{}, {}]"),
    ("95 % CI", ("ci_low", "ci_high"), "{} to {}"),
)
NUMBER = re.compile(r"(?:[<-]?\d[\d.,]*(?:e[+-]?\d+)?|–)(?:$| to | [(\[]| ?%)")


@dataclass(frozen=True)
class Printed:
    """A table for print: header and rows of texts; `repeats`: how many leading cells of each row repeat those above.

    `columns` and `addresses`: which column of the file a column was (the first, of joined ones), and what `trace` calls
    each row ("" where nothing).
    """

    header: list[str]
    rows: list[list[str]]
    columns: list[str]
    addresses: list[str]
    repeats: list[int] = field(default_factory=list)

    @property
    def numeric(self) -> list[bool]:
        """Which columns hold numbers (most of their filled cells are one, alone or with an interval)."""
        columns = [[row[at] for row in self.rows if row[at]] for at in range(len(self.header))]
        return [2 * sum(bool(NUMBER.match(text)) for text in cells) > len(cells) for cells in columns]


@dataclass(frozen=True)
class AttritionStep:
    """One step of an analysis' attrition, in subjects and in rows, with the bar of those who remain (percent); waiting:
    those whose candidates wait for a reader."""

    reason: str
    n_in: int
    n_excluded: int
    n_left: int
    rows_left: int
    subjects: str
    percent: float
    address: str
    n_waiting: int
    waiting: str


@dataclass(frozen=True)
class AnalysisView:
    """An analysis as the report shows it; parts that it does not have are None."""

    name: str
    title: str
    finding: str  # one sentence on what it shows; empty where nothing was estimated
    kind: str
    question: list[tuple[str, str]]
    attrition: list[AttritionStep]
    characteristics: Printed | None
    forest: Forest | None
    models: Printed | None  # side by side
    correlations: Printed | None
    change: Printed | None
    more: list[tuple[str, str, Printed]]  # name, title and table
    group_plots: list[GroupPlot]
    change_plots: list[ChangePlot]
    flow: str | None  # source of the flow picture
    figures: list[tuple[str, str]]  # text and source of each
    problem: str | None  # why it was not made

    @property
    def n_left(self) -> int:
        """Subjects that are analysed."""
        return self.attrition[-1].n_left if self.attrition else 0

    @property
    def n_waiting(self) -> int:
        """Of these, those with marks that wait for a reader."""
        return self.attrition[-1].n_waiting if self.attrition else 0


MORE = (
    *(
        "missing",
        "diagnostics",
        "splines",
        "interactions",
        "effect_sizes",
        "sites",
        "drift",
        "harmonisation",
        "specifications_summary",
        "error_corrected",
        "mediation",
    ),
    *("risks", "hazards", "markers", "cuts", "zeros", "power", "next_study"),
)


AS_IT_IS = ("data", "missing", "table1_printed", "models_printed")  # names of columns are what they say, or printed


def analysis_view(
    name: str,
    settings: Analysis,
    attrition: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    texts: Mapping[str, Any],
    flow: str | None = None,
    figures: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
) -> AnalysisView:
    """One analysis: its settings, its rows of the attrition table, its tables by name, its flow, its figures by name.

    Parameters
    ----------
    name : str
        Name of the analysis.
    settings : Analysis
        The analysis' section.
    attrition : pd.DataFrame
        The attrition table.
    tables : Mapping[str, pd.DataFrame]
        Name -> table of the analysis.
    texts : Mapping[str, Any]
        `cohort` of the texts.
    flow : str | None
        The flow picture as a data URI, or None.
    figures : Mapping[str, str] | None
        Name -> figure as a data URI.
    labels : Mapping[str, str] | None
        Labels of columns, groups and levels, or None.

    Returns
    -------
    AnalysisView
        What the page shows.
    """
    steps = attrition[attrition["analysis"] == name]
    named, title = labels or {}, settings.title or name
    shown = finding(settings, tables, lambda text: name_text(text, named), texts["findings"])
    groups, changes = plots_of(tables["data"], settings, named) if "data" in tables else ([], [])
    tables = {part: table if part in AS_IT_IS else labelled(table, named) for part, table in tables.items()}
    return AnalysisView(
        name,
        title,
        with_powers(shown),
        texts["kinds"][settings.kind],
        _question(settings, texts["question"], named),
        attrition_steps(steps),
        _printed(tables["table1_printed"]) if "table1_printed" in tables else None,
        forest(_distinct_terms(tables["associations"]), texts) if "associations" in tables else None,
        _printed(tables["models_printed"]) if "models_printed" in tables else None,
        _statistics(tables["correlations"]) if "correlations" in tables else None,
        _statistics(tables["change"]) if "change" in tables else None,
        [(part, texts[part], _statistics(tables[part])) for part in MORE if part in tables and len(tables[part])],
        groups,
        changes,
        flow,
        [(texts["figures"][part].replace("{name}", title), source) for part, source in (figures or {}).items()],
        why_not_made(steps),
    )


def unused_tables(clinical: pd.DataFrame | None, analyses: Sequence[AnalysisView]) -> list[tuple[str, str, str]]:
    """Clinical tables and analyses that could not be used: ("table" or "analysis", its name, why).

    Parameters
    ----------
    clinical : pd.DataFrame | None
        Status of the clinical tables, or None.
    analyses : Sequence[AnalysisView]
        What the page shows of each analysis.

    Returns
    -------
    list[tuple[str, str, str]]
        Kind, name and reason.
    """
    failed = [] if clinical is None else clinical[clinical["status"] == FAILED][["table", "reason"]].to_numpy(str)
    tables = [("table", str(name), str(reason)) for name, reason in failed]
    return tables + [("analysis", analysis.title, analysis.problem) for analysis in analyses if analysis.problem]


def _distinct_terms(associations: pd.DataFrame) -> pd.DataFrame:
    """The models on imputed data under a name of their own."""
    if "data" not in associations:  # a table of an earlier version
        return associations
    imputed = associations["data"] == IMPUTED
    return associations.assign(model=associations["model"] + imputed.map({True: ", imputed", False: ""}))


def _question(settings: Analysis, texts: Mapping[str, str], labels: Mapping[str, str]) -> list[tuple[str, str]]:
    """What the analysis asks, in a few lines: (what, value)."""

    def joined(names: Iterable[str]) -> str:
        return ("; " if labels else ", ").join(name_text(name, labels) for name in names)

    outcome = settings.outcome and name_text(settings.outcome, labels)
    lines = [("table", settings.table), ("groups", _groups(settings, labels)), ("outcome", outcome)]
    lines.append(("predictors", joined(settings.predictors)))
    lines += [("markers", joined(settings.markers)), ("changes", joined(settings.changes))]
    named = [(texts[what], str(value)) for what, value in lines if value]
    models = settings.models.items()
    return named + [(model, texts["adjusted"].replace("{names}", joined(names))) for model, names in models]


def _groups(settings: Analysis, labels: Mapping[str, str]) -> str:
    column = settings.group or settings.outcome or ""
    levels = ", ".join(labels.get(level, level) for level in settings.group_levels)
    return f"{name_text(column, labels)}: {levels}" if levels else name_text(column, labels)


def attrition_steps(attrition: pd.DataFrame) -> list[AttritionStep]:
    """The steps of one analysis, in order.

    Parameters
    ----------
    attrition : pd.DataFrame
        The analysis' rows of the attrition table.

    Returns
    -------
    list[AttritionStep]
        The steps.
    """
    begin = max(int(attrition["n_in"].max()), 1) if len(attrition) else 1
    return [
        AttritionStep(
            row["reason"],
            int(row["n_in"]),
            int(row["n_excluded"]),
            int(row["n_left"]),
            int(row["rows_left"]),
            "" if pd.isna(row["excluded_subjects"]) else str(row["excluded_subjects"]),
            100 * int(row["n_left"]) / begin,
            address,
            int(row["n_waiting"]),
            "" if pd.isna(row["waiting_subjects"]) else str(row["waiting_subjects"]),
        )
        for address, row in zip(addresses_of(attrition), attrition.to_dict("records"), strict=True)
    ]


def _statistics(table: pd.DataFrame) -> Printed:
    """Any table of statistics for print.

    Numbers short; interval, mean (SD) and median [quartiles] each in one column; columns without a value left out, and
    leading cells that repeat those above them.
    """
    texts = pd.DataFrame(
        {name: [with_powers(_cell(name, value)) for value in table[name]] for name in table}, table.index, dtype=str
    )
    first = {}
    for name, parts, pattern in JOINED:
        if set(parts) <= set(texts):
            joined = [pattern.format(*row) if all(row) else row[0] for row in texts[list(parts)].to_numpy()]
            texts[parts[0]] = joined
            texts = texts.drop(columns=list(parts[1:])).rename(columns={parts[0]: name})
            first[name] = parts[0]
    printed = _printed(texts.loc[:, (texts != "").any()])
    leading = [*printed.numeric, True].index(True)
    repeats = [
        next((at for at in range(leading) if row[at] != above[at]), leading)
        for above, row in zip([[""] * leading, *printed.rows], printed.rows, strict=False)
    ]
    columns = [first.get(name, name) for name in printed.columns]
    header = [name.replace("_", " ") for name in printed.header]
    return replace(printed, header=header, columns=columns, repeats=repeats)


def _cell(name: str, value: Any) -> str:
    if value is None or pd.isna(value):
        return ""
    if name in ("p", "q"):
        return p_text(float(value))
    if isinstance(value, int | float):
        return f"{value:.0f}" if name == "n" or float(value).is_integer() else number_text(float(value))
    return str(value)


def _printed(table: pd.DataFrame) -> Printed:
    columns = [str(name) for name in table.columns]
    rows = [[with_powers(str(cell)) for cell in row] for row in table.itertuples(index=False)]
    return Printed(list(map(with_powers, columns)), rows, columns, addresses_of(table))


def printed_rows(table: pd.DataFrame) -> Printed | None:
    """A table for print as it is; None where it has no row.

    Parameters
    ----------
    table : pd.DataFrame
        A table for print.

    Returns
    -------
    Printed | None
        Its cells, or None.
    """
    return _statistics(table) if len(table) else None


def printed_changes(change: pd.DataFrame, header: list[str]) -> Printed | None:
    """Change between visits by measure: how many subjects, median [quartiles] of change and of change per year.

    Parameters
    ----------
    change : pd.DataFrame
        Long table of changes.
    header : list[str]
        Heads of the columns.

    Returns
    -------
    Printed | None
        The table, or None.
    """
    measured = change[change["change"].notna()]
    if not len(measured):
        return None
    rows = []
    for measure, part in measured.groupby("measure", sort=False):
        summaries = [_quartiles(part[name]) for name in ("baseline", "followup", "change", "change_per_year")]
        rows.append([str(measure), str(part["subject"].nunique()), *summaries])
    return Printed(header, rows, header, [""] * len(rows))


def _quartiles(values: pd.Series) -> str:
    known = values.dropna()
    return median_text(known) if len(known) else "–"
