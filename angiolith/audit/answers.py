"""What a finished run says to the items of a reporting checklist, each answer with its trace.

A trace is a file of the reviewer's folder, a setting by its name in settings.tsv, or the cell of a table as
`angiolith trace OUTPUT_DIR CELL` takes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import pandas as pd

from angiolith.audit.inventory import Entry

# [1] Names that an answer lists; more are counted. Source: choice.
SHOWN_MAX = 12


class Answer(NamedTuple):
    """A sentence and where it stands."""

    text: str
    trace: str


@dataclass(frozen=True)
class Facts:
    """What the answers are taken from: the run's inventory, its cohort tables by name, and what is published of it."""

    entries: Sequence[Entry]
    tables: Mapping[str, pd.DataFrame]
    published: Sequence[str] = ()

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Every setting of the run by its dotted key."""
        return {entry.name: json.loads(entry.value) for entry in self.entries if entry.kind == "setting"}

    @cached_property
    def analyses(self) -> list[str]:
        """The names of the analyses, sorted."""
        return sorted({name.split(".")[1] for name in self.settings if name.startswith("analyses.")})

    def of(self, analysis: str, key: str) -> Any:
        """A setting of an analysis; of a table of settings (`models`) all of it, empty where there is none.

        Parameters
        ----------
        analysis : str
            Name of the analysis.
        key : str
            Key within its section.

        Returns
        -------
        Any
            The value, or a mapping of values.
        """
        name = f"analyses.{analysis}.{key}"
        if name in self.settings:
            return self.settings[name]
        return {k[len(name) + 1 :]: value for k, value in self.settings.items() if k.startswith(f"{name}.")}

    def table(self, analysis: str, ending: str) -> pd.DataFrame | None:
        """A table of an analysis, None where there is none or it has no rows.

        Parameters
        ----------
        analysis : str
            Name of the analysis.
        ending : str
            What stands behind its name in the file's name.

        Returns
        -------
        pd.DataFrame | None
            The table, or None.
        """
        table = self.tables.get(f"{analysis}_{ending}")
        return table if table is not None and len(table) else None

    def each(self, ending: str) -> Iterator[tuple[str, pd.DataFrame]]:
        """Name and table of every analysis that has a table of this ending.

        Parameters
        ----------
        ending : str
            What stands behind the analysis' name in the file's name.

        Yields
        ------
        tuple[str, pd.DataFrame]
            Name and table.
        """
        for name in self.analyses:
            if (table := self.table(name, ending)) is not None:
                yield name, table


def listed(names: Sequence[Any]) -> str:
    """Names in a row, the first of many.

    Parameters
    ----------
    names : Sequence[Any]
        Anything that has a text.

    Returns
    -------
    str
        One line.
    """
    shown = ", ".join(map(str, names[:SHOWN_MAX]))
    return shown + (f" and {len(names) - SHOWN_MAX} more" if len(names) > SHOWN_MAX else "")


def _setting(analysis: str, key: str) -> str:
    return f"settings.tsv: analyses.{analysis}.{key}"


def eligibility(facts: Facts) -> Iterator[Answer]:
    """Criteria of inclusion of each analysis.

    Parameters
    ----------
    facts : Facts
        The finished run.

    Yields
    ------
    Answer
        One answer with its trace.
    """
    for name in facts.analyses:
        criteria = facts.of(name, "include") or []
        texts = [_criterion(one) for one in criteria]
        yield Answer(
            f"{name}: kept if " + "; ".join(texts) if texts else f"{name}: every row of its table",
            _setting(name, "include"),
        )


def _criterion(one: Mapping[str, Any]) -> str:
    bounds = [f">= {one['minimum']:g}" if one.get("minimum") is not None else ""]
    bounds.append(f"<= {one['maximum']:g}" if one.get("maximum") is not None else "")
    bounds.append(f"one of {listed(one['values'])}" if one.get("values") else "")
    return f"{one['column']} {' and '.join(filter(None, bounds)) or 'is known'} (else: {one['reason']})"


def variables(facts: Facts) -> Iterator[Answer]:
    """Outcome, predictors, markers, groups and covariates of each analysis.

    Parameters
    ----------
    facts : Facts
        The finished run.

    Yields
    ------
    Answer
        One answer with its trace.
    """
    for name in facts.analyses:
        if outcome := facts.of(name, "outcome"):
            event = facts.of(name, "event")
            text = f"{name}: outcome {outcome}" + (f" (event: {event})" if event not in (None, {}) else "")
            yield Answer(f"{text}; predictors {listed(facts.of(name, 'predictors') or [])}", _setting(name, "outcome"))
        if markers := facts.of(name, "markers"):
            yield Answer(
                f"{name}: severity {_severity(facts, name)} against {listed(markers)}", _setting(name, "markers")
            )
        if group := facts.of(name, "group"):
            levels = listed(facts.of(name, "group_levels") or [])
            yield Answer(f"{name}: groups of {group}: {levels or 'as they come'}", _setting(name, "group"))
        for model, covariates in (facts.of(name, "models") or {}).items():
            yield Answer(f"{name}: {model} adjusts for {listed(covariates)}", _setting(name, f"models.{model}"))


def _severity(facts: Facts, name: str) -> str:
    return str(facts.of(name, "severity") or "by the order of the groups")


def methods_text(facts: Facts) -> Iterator[Answer]:
    """The published texts on methods and formulas.

    Parameters
    ----------
    facts : Facts
        The finished run.

    Yields
    ------
    Answer
        One answer with its trace.
    """
    if "methods.md" in facts.published:
        yield Answer("the methods of this run, written from its settings and versions", "methods.md")
    if "formulas.md" in facts.published:
        yield Answer("definitions and formulas of every measure, with their sources", "formulas.md")


def agreement(facts: Facts) -> Iterator[Answer]:
    """Coefficients of agreement between readers, and of readers with the tool.

    Parameters
    ----------
    facts : Facts
        The finished run.

    Yields
    ------
    Answer
        One answer with its trace.
    """
    table = facts.tables.get("agreement")
    if table is None:
        return
    for row in table[table["method"].str.contains("ICC|kappa", na=False)].head(SHOWN_MAX).itertuples():
        if pd.notna(row.estimate):
            cell = f"agreement:source={row.source}:measure={row.measure}:method={row.method}:estimate"
            yield Answer(f"{row.source} {row.measure}: {row.method} {row.estimate:.2f}", cell)


def power(facts: Facts) -> Iterator[Answer]:
    """Sample sizes of a follow-up study.

    Parameters
    ----------
    facts : Facts
        The finished run.

    Yields
    ------
    Answer
        One answer with its trace.
    """
    for name, table in facts.each("power"):
        file = f"tables/{name}_power.tsv"
        yield Answer(f"{name}: size of a follow-up study from this cohort's change, {len(table)} questions", file)


def quantities(facts: Facts) -> Iterator[Answer]:
    """Steps that effects are given per, and columns taken as categories.

    Parameters
    ----------
    facts : Facts
        The finished run.

    Yields
    ------
    Answer
        One answer with its trace.
    """
    for name in facts.analyses:
        for column, step in (facts.of(name, "per") or {}).items():
            yield Answer(f"{name}: effects of {column} per {step:g}", _setting(name, f"per.{column}"))
        if categories := facts.of(name, "categorical"):
            yield Answer(f"{name}: categories: {listed(categories)}", _setting(name, "categorical"))


def models(facts: Facts) -> Iterator[Answer]:
    """Methods of the models and of the correlations.

    Parameters
    ----------
    facts : Facts
        The finished run.

    Yields
    ------
    Answer
        One answer with its trace.
    """
    for name in facts.analyses:
        if (table := facts.table(name, "associations")) is not None:
            yield Answer(f"{name}: {_values(table['method'])}", f"tables/{name}_associations.tsv: method")
        if (table := facts.table(name, "correlations")) is not None:
            text = f"{name}: {_values(table['method'])}, false discovery rate as q"
            yield Answer(text, f"tables/{name}_correlations.tsv")


def _values(column: pd.Series) -> str:
    """The different values of a column."""
    return listed(sorted({str(one) for one in column.dropna()}))


def interactions(facts: Facts) -> Iterator[Answer]:
    """Formulas of models with interactions.

    Parameters
    ----------
    facts : Facts
        The finished run.

    Yields
    ------
    Answer
        One answer with its trace.
    """
    for name in facts.analyses:
        for model, formula in (facts.of(name, "formulas") or {}).items():
            yield Answer(f"{name}: {model}: {formula}", _setting(name, f"formulas.{model}"))


def missing(facts: Facts) -> Iterator[Answer]:
    """How the models treat missing values.

    Parameters
    ----------
    facts : Facts
        The finished run.

    Yields
    ------
    Answer
        One answer with its trace.
    """
    for name, table in facts.each("associations"):
        n = facts.of(name, "imputations")
        text = f"{name}: {_values(table['data'])}" + (f"; {n} imputed data sets were asked for" if n else "")
        yield Answer(text, f"tables/{name}_associations.tsv: data")


def missing_counts(facts: Facts) -> Iterator[Answer]:
    """Number of missing values by variable.

    Parameters
    ----------
    facts : Facts
        The finished run.

    Yields
    ------
    Answer
        One answer with its trace.
    """
    for name, table in facts.each("table1"):
        if "missing" not in table:
            continue
        whole = table[table["group"] == "all"].drop_duplicates("variable")
        holes = whole[whole["missing"].astype(float) > 0]
        if holes.empty:
            yield Answer(f"{name}: none of {len(whole)} variables has a missing value", f"tables/{name}_table1.tsv")
        for row in holes.head(SHOWN_MAX).itertuples():
            text = f"{name}: {row.variable}: {int(float(row.missing))} missing"
            yield Answer(text, f"tables/{name}_table1.tsv: {row.variable}")


def sensitivity(facts: Facts) -> Iterator[Answer]:
    """Models and data sets that each analysis was repeated with.

    Parameters
    ----------
    facts : Facts
        The finished run.

    Yields
    ------
    Answer
        One answer with its trace.
    """
    for name, table in facts.each("associations"):
        kinds = table[["model", "data"]].drop_duplicates()
        texts = [f"{row.model} ({row.data})" for row in kinds.itertuples()]
        yield Answer(f"{name}: {listed(texts)}", f"tables/{name}_associations.tsv: model, data")


def _steps(facts: Facts) -> Iterator[tuple[str, pd.DataFrame]]:
    table = facts.tables.get("attrition")
    if table is not None:
        yield from table.groupby("analysis", sort=True)


def numbers(facts: Facts) -> Iterator[Answer]:
    """Subjects at the start and at the end of each analysis.

    Parameters
    ----------
    facts : Facts
        The finished run.

    Yields
    ------
    Answer
        One answer with its trace.
    """
    for name, steps in _steps(facts):
        first, last = steps.iloc[0], steps.iloc[-1]
        text = f"{name}: {first['n_in']} subjects, {last['n_left']} of them analysed in {last['rows_left']} rows"
        yield Answer(text, f"attrition:analysis={name}:step={last['step']}:n_left")


def reasons(facts: Facts) -> Iterator[Answer]:
    """Why subjects were left out of each analysis.

    Parameters
    ----------
    facts : Facts
        The finished run.

    Yields
    ------
    Answer
        One answer with its trace.
    """
    for name, steps in _steps(facts):
        out = steps[steps["n_excluded"].astype(int) > 0]
        if out.empty:
            yield Answer(f"{name}: nobody was left out", f"attrition:analysis={name}:step=0:n_excluded")
        for _, row in out.iterrows():
            text = f"{name}: {row['n_excluded']} left out: {row['reason']}"
            yield Answer(text, f"attrition:analysis={name}:step={row['step']}:n_excluded")


def flow(facts: Facts) -> Iterator[Answer]:
    """The flow pictures of the subjects.

    Parameters
    ----------
    facts : Facts
        The finished run.

    Yields
    ------
    Answer
        One answer with its trace.
    """
    for file in facts.published:
        if file.endswith("_flow.svg"):
            yield Answer("flow of the subjects", file)


def characteristics(facts: Facts) -> Iterator[Answer]:
    """The printed tables of characteristics.

    Parameters
    ----------
    facts : Facts
        The finished run.

    Yields
    ------
    Answer
        One answer with its trace.
    """
    for name in facts.analyses:
        for file in facts.published:
            if file == f"tables/{name}_table1_printed.tsv":
                yield Answer(f"{name}: table of characteristics", file)


def events(facts: Facts) -> Iterator[Answer]:
    """Number of events of each analysis.

    Parameters
    ----------
    facts : Facts
        The finished run.

    Yields
    ------
    Answer
        One answer with its trace.
    """
    for name, table in facts.each("associations"):
        row = table.iloc[0]
        if pd.notna(row["events"]):
            text = f"{name}: {int(row['events'])} of {int(row['n'])} rows have the event ({row['event']})"
            cell = f"{name}_associations:model={row['model']}:term={row['term']}:data={row['data']}:events"
            yield Answer(text, cell)


def groups(facts: Facts) -> Iterator[Answer]:
    """Sizes of the groups of each analysis.

    Parameters
    ----------
    facts : Facts
        The finished run.

    Yields
    ------
    Answer
        One answer with its trace.
    """
    for name, table in facts.each("table1"):
        rows = table[table["variable"] == table["variable"].iloc[0]].drop_duplicates("group")
        sizes = ", ".join(f"{row.group} {row.n}" for row in rows.itertuples() if row.group != "all")
        if sizes:
            yield Answer(f"{name}: known values of {rows.iloc[0]['variable']}: {sizes}", f"tables/{name}_table1.tsv")


def estimates(facts: Facts) -> Iterator[Answer]:
    """Number of estimates with intervals by model.

    Parameters
    ----------
    facts : Facts
        The finished run.

    Yields
    ------
    Answer
        One answer with its trace.
    """
    for name, table in facts.each("associations"):
        counts = table["model"].value_counts(sort=False)
        texts = [f"{n} of {model}" for model, n in counts.items()]
        file = f"tables/{name}_associations.tsv"
        yield Answer(f"{name}: {len(table)} estimates with 95 % intervals: {listed(texts)}", file)


def correlations(facts: Facts) -> Iterator[Answer]:
    """Number of correlations with intervals.

    Parameters
    ----------
    facts : Facts
        The finished run.

    Yields
    ------
    Answer
        One answer with its trace.
    """
    for name, table in facts.each("correlations"):
        yield Answer(f"{name}: {len(table)} correlations with intervals", f"tables/{name}_correlations.tsv")


def boundaries(facts: Facts) -> Iterator[Answer]:
    """Cut-points of grades and severity.

    Parameters
    ----------
    facts : Facts
        The finished run.

    Yields
    ------
    Answer
        One answer with its trace.
    """
    cuts = [name for name in facts.settings if name.startswith(("severity.", "wmh.grade.", "calcification.grade."))]
    if cuts and any(entry.kind == "input" and ".nii" in entry.name for entry in facts.entries):
        yield Answer(
            f"cut-points of grades and severity: {len(cuts)} settings", f"settings.tsv: {listed(cuts[:3])}, ..."
        )


def software(facts: Facts) -> Iterator[Answer]:
    """Versions of the libraries.

    Parameters
    ----------
    facts : Facts
        The finished run.

    Yields
    ------
    Answer
        One answer with its trace.
    """
    versions = [f"{entry.name} {entry.value}" for entry in facts.entries if entry.kind == "version"]
    if versions:
        yield Answer(f"{len(versions)} versions: {listed(versions)}", "software.tsv")


def inputs(facts: Facts) -> Iterator[Answer]:
    """Number of input files.

    Parameters
    ----------
    facts : Facts
        The finished run.

    Yields
    ------
    Answer
        One answer with its trace.
    """
    n = sum(entry.kind == "input" for entry in facts.entries)
    yield Answer(f"{n} files were read; each is known by its SHA-256", "data.tsv")


def networks(facts: Facts) -> Iterator[Answer]:
    """The networks of the run by their SHA-256.

    Parameters
    ----------
    facts : Facts
        The finished run.

    Yields
    ------
    Answer
        One answer with its trace.
    """
    found = [entry for entry in facts.entries if entry.kind == "input" and entry.name.endswith(".onnx")]
    for entry in found:
        name = "/".join(entry.name.split("/")[-2:])
        yield Answer(f"network {name}, SHA-256 {entry.sha256[:12]}...", f"data.tsv: {entry.sha256}")


def model_cards(facts: Facts) -> Iterator[Answer]:
    """The model cards of the run's networks.

    Parameters
    ----------
    facts : Facts
        The finished run.

    Yields
    ------
    Answer
        One answer with its trace.
    """
    for file in facts.published:
        if file.startswith("models/"):
            yield Answer("model card of a network of the run: data, training, tests, limits", file)


def deidentified(facts: Facts) -> Iterator[Answer]:
    """That no row of a person is published.

    Parameters
    ----------
    facts : Facts
        The finished run.

    Yields
    ------
    Answer
        One answer with its trace.
    """
    text = "no row of a person is in this folder; deidentify-check found 0 in it"  # else it is not made
    yield Answer(text, "angiolith deidentify-check FOLDER")


def trace(facts: Facts) -> Iterator[Answer]:
    """How a number is traced to its sources.

    Parameters
    ----------
    facts : Facts
        The finished run.

    Yields
    ------
    Answer
        One answer with its trace.
    """
    yield Answer(
        "each number leads to the rows, images, settings and code behind it", "angiolith trace OUTPUT_DIR CELL"
    )


def crate(facts: Facts) -> Iterator[Answer]:
    """The RO-Crate of the published folder.

    Parameters
    ----------
    facts : Facts
        The finished run.

    Yields
    ------
    Answer
        One answer with its trace.
    """
    yield Answer("every file here with its SHA-256, the workflow and its version", "ro-crate-metadata.json")


ANSWERS: Mapping[str, Callable[[Facts], Iterator[Answer]]] = {
    one.__name__: one
    for one in (
        *(eligibility, variables, methods_text, agreement, power, quantities, models, interactions, missing),
        *(missing_counts, sensitivity, numbers, reasons, flow, characteristics, events, groups, estimates),
        *(correlations, boundaries, software, inputs, networks, model_cards, deidentified, trace, crate),
    )
}
