"""What a number of the cohort was made from: columns of the analysed table, and the measure files that hold them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from pathlib import Path

import pandas as pd

from angiolith.cohort.collect import (
    DERIVED,
    OF_SCORES,
    VISIT,
    VISIT_NUMBER,
    acute_columns,
    artery_calcium,
    artery_columns,
    as_measured,
    marker_columns,
    plaque_columns,
    rating_columns,
    severity_columns,
    wide_changes,
    with_standard_names,
)
from angiolith.cohort.dataset import group_column, used_columns
from angiolith.cohort.image_status import COLUMNS as IMAGE_COLUMNS
from angiolith.cohort.variables import expand_models
from angiolith.core.settings.analyses import Analysis
from angiolith.core.tables import read_json, read_tsv
from angiolith.steps import MEASURES

OF_MANIFEST = (*VISIT, VISIT_NUMBER, "interval_ct_mri_days")
OF_CHECKS = tuple(IMAGE_COLUMNS[2:])
NAMES = {  # kind of measure -> the columns that its tables give to the cohort's
    "plaque": plaque_columns,
    "calcification_lesions": artery_calcium,
    "calcification": severity_columns,
    "calcification_arteries": artery_columns,
    "small_vessel": marker_columns,
    "acute": acute_columns,
    "change": wide_changes,
}
OF_LESIONS = ("plaque", "calcification_lesions")  # in the lesions' table alone


def analysed_columns(row: Mapping[str, str], analysis: Analysis, header: Sequence[str]) -> set[str]:
    """Columns that the numbers in a row of an analysis' table were made from, as the analysis calls them.

    Whatever the row names is taken, what selects and groups the rows, and a model's covariates.

    Parameters
    ----------
    row : Mapping[str, str]
        The cells (a table of models, of characteristics, of correlations, of change, of exclusions).
    analysis : Analysis
        The analysis' section.
    header : Sequence[str]
        Columns of the analysed rows.

    Returns
    -------
    set[str]
        Names of columns.
    """
    used = used_columns(analysis.model_copy(update={"formulas": {}}))
    known = [*used.numbers, *used.categories, *used.dates]
    text = " ".join(row.values())
    found: set[str | None] = {*(criterion.column for criterion in analysis.include), *_named(text, known)}
    model, measure = row.get("model", ""), row.get("measure", "")
    if "model" in row:
        models = expand_models(analysis.models)
        wanted = models.values() if "imputation" in row.get("data", "") else [models.get(model, [])]
        found |= {analysis.outcome, analysis.cluster, *(name for names in wanted for name in names)}
        found |= set(_named(analysis.formulas.get(model, ""), header))
    else:
        found.add(group_column(analysis))
    if measure:
        artery = analysis.artery_severity.get(row.get("group", ""))
        found.add(artery or analysis.severity)
    for marker, columns in analysis.changes.items():
        both = [f"{marker}_{part}" for part in ("change", "change_per_year", "followup")]
        if measure in both or (measure == marker and "part" in row):  # the mixed model is called by its marker
            found |= {columns.baseline, columns.followup, columns.change, *columns.repeats}
            found |= {analysis.baseline_date, analysis.followup_date}
            found |= set() if analysis.baseline_date else {analysis.interval_days}
    if measure in analysis.agreement:
        found |= set(analysis.agreement[measure])
    absent = set() if analysis.missing_columns == "refuse" else found - set(header)  # its question was left out
    return {name for name in found - absent if name}


def _named(text: str, names: Iterable[str]) -> list[str]:
    """Those of the names that stand in a text as words."""
    words = set(re.findall(r"\w+", text))
    return [name for name in names if name in words or (not name.isidentifier() and name in text)]


def before_changes(column: str, analysis: Analysis) -> set[str]:
    """The columns of the given table behind a column of the analysed rows, as the table calls them.

    Parameters
    ----------
    column : str
        Column of the analysed rows.
    analysis : Analysis
        The analysis' section.

    Returns
    -------
    set[str]
        Names of columns.
    """
    names: set[str | None] = {column}
    for marker, columns in analysis.changes.items():
        if column in (f"{marker}_change", f"{marker}_change_per_year"):
            names = {columns.baseline, columns.followup, columns.change}
            if column.endswith("_per_year"):
                names |= {analysis.baseline_date or analysis.interval_days, analysis.followup_date}
    return {analysis.columns.get(name, name) for name in names if name}


def holders(
    columns: Iterable[str], table: str, clinical: Iterable[Path], bundles: Iterable[Path]
) -> tuple[dict[str, set[str]], set[Path]]:
    """Kinds of measure (`steps.MEASURES`) with their columns, and clinical tables, that hold columns of `patients` or
    `lesions`.

    Every kind is taken for a column that none holds.

    Parameters
    ----------
    columns : Iterable[str]
        Columns of the cohort's table.
    table : str
        `patients` or `lesions`.
    clinical : Iterable[Path]
        Paths of clinical tables.
    bundles : Iterable[Path]
        Files `measures.json` of subjects, opened one after the other until all columns are found.

    Returns
    -------
    tuple[dict[str, set[str]], set[Path]]
        Kind of measure -> columns, and paths of clinical tables.
    """
    derived = OF_SCORES | (DERIVED if table == "lesions" else {})
    wanted = {source for column in columns for source in derived.get(column, (column,))} - {*OF_MANIFEST}
    optional = {source for sources in derived.values() for source in sources} - set(columns)
    kinds: dict[str, set[str]] = {}
    files: set[Path] = set()
    if here := wanted & {*OF_CHECKS}:
        kinds, wanted = {"checks": here}, wanted - here
    for path in clinical:
        if here := wanted & _clinical_columns(path):
            files, wanted = {*files, path}, wanted - here
    for path in bundles:
        if not wanted:
            break
        texts = read_json(path)
        for kind, rename in NAMES.items():
            if kind in OF_LESIONS and table != "lesions":
                continue
            for text in texts.get(kind, []):  # a bundle of an earlier version has no kind that came later
                measured = as_measured(read_tsv(StringIO(text)))
                if here := wanted & set(rename(measured).columns):
                    kinds[kind], wanted = kinds.get(kind, set()) | here, wanted - here
    if "calcification_lesions" in kinds:
        kinds.setdefault("plaque", {"artery"})  # which says which lesions these are
    return (kinds, files) if not wanted - optional else (dict.fromkeys(MEASURES, wanted), files)


def _clinical_columns(path: Path) -> set[str]:
    """The columns that a clinical table gives to the cohort's; none of one that could not be used."""
    try:
        return set(with_standard_names(rating_columns(read_tsv(path, dtype=str), path.name)).columns)
    except (ValueError, KeyError, pd.errors.ParserError):
        return set()
