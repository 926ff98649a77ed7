"""The table of an analysis: the columns it uses, typed and checked, whatever the table came from.

Categorical columns are text, all others that the analysis uses are float64; the functions that follow go by that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from angiolith.cohort.available import available
from angiolith.cohort.external import (
    StudyTableError,
    category_text,
    check_columns,
    check_keys,
    raise_problems,
    read_study_table,
    to_categories,
    to_dates,
    to_numbers,
)
from angiolith.cohort.missing_codes import is_code, suspected_codes
from angiolith.cohort.plausibility import UnitError, conversion
from angiolith.cohort.variables import (
    drift_columns,
    expand_models,
    follow_up_columns,
    formula_variables,
    harmonisation_columns,
    mediation_columns,
    specification_columns,
)
from angiolith.core.bids.dates import DAYS_PER_YEAR
from angiolith.core.names import nearest
from angiolith.core.settings.analyses import Analysis, ChangeColumns
from angiolith.core.tables import was_made

DENSITY = "calcification_mean_hu"
VOLUME = "calcification_volume_mm3"


@dataclass(frozen=True)
class UsedColumns:
    """Names of the columns that an analysis reads, by what they hold."""

    numbers: list[str]
    categories: list[str]
    dates: list[str]


def group_column(analysis: Analysis) -> str | None:
    """The column of the groups that are compared: `group`, else the outcome.

    Parameters
    ----------
    analysis : Analysis
        The analysis' section.

    Returns
    -------
    str | None
        Name of the column, or None.
    """
    return analysis.group or analysis.outcome


def used_columns(analysis: Analysis) -> UsedColumns:
    """Every column that the analysis' questions need, keys and criteria left out.

    Parameters
    ----------
    analysis : Analysis
        The analysis' section.

    Returns
    -------
    UsedColumns
        Columns of numbers, of categories and of dates.
    """
    changes = analysis.changes.values()
    names = [
        *analysis.describe,
        *analysis.applies.values(),
        *analysis.predictors,
        *(name for covariates in expand_models(analysis.models).values() for name in covariates),
        *(name for formula in analysis.formulas.values() for name in formula_variables(formula)),
        *analysis.markers,
        *analysis.marker_models,
        *analysis.marker_covariates,
        *analysis.partial_for,
        *analysis.artery_severity.values(),
        *(name for each in changes for name in (each.baseline, each.followup, each.change) if name),
        *(name for columns in changes for name in columns.repeats),
        *(name for columns in changes for visit in columns.visits.items() for name in visit),
        *analysis.change_covariates,
        *(specification_columns(analysis.specifications) if analysis.specifications else []),
        *(name for each in analysis.measurement_error.values() for name in (*each.repeats, *each.bounds)),
        *analysis.interactions.values(),
        *(name for each in analysis.mediation.values() for name in mediation_columns(each)),
        *(name for each in analysis.follow_up.values() for name in follow_up_columns(each)),
        *(name for raters in analysis.agreement.values() for name in raters),
        *([analysis.agreement_design.order] if analysis.agreement_design.order else []),
        *([analysis.severity] if analysis.severity else []),
        *([analysis.outcome] if analysis.outcome else []),
        *([analysis.group] if analysis.group else []),
        *([analysis.site] if analysis.site else []),
        *(drift_columns(analysis.drift) if analysis.drift else []),
        *(harmonisation_columns(analysis.harmonise) if analysis.harmonise else []),
    ]
    dates = [name for name in (analysis.baseline_date, analysis.followup_date) if name]
    text = {*analysis.categorical, analysis.group, analysis.site}
    for each in analysis.follow_up.values():
        text |= {each.event, *each.strata}
    if analysis.drift:
        text |= {analysis.drift.date, analysis.drift.by}
    if analysis.harmonise:
        text.add(analysis.harmonise.site)
    if analysis.regression == "logistic":
        text |= {analysis.outcome, *(analysis.specifications.outcomes.values() if analysis.specifications else [])}
    used = list(dict.fromkeys(names))
    return UsedColumns(
        numbers=[name for name in used if name not in text],
        categories=[name for name in used if name in text],
        dates=dates,
    )


def applies_of(table: pd.DataFrame, analysis: Analysis) -> dict[str, pd.Series]:
    """Variable -> by row whether it can have a value: the column of `applies` is above zero.

    The density of calcium (`calcification_mean_hu`, also of one artery) goes by its volume unless that is stated
    otherwise. A row whose condition is missing is taken to apply.

    Parameters
    ----------
    table : pd.DataFrame
        Rows of the analysis.
    analysis : Analysis
        The analysis' section.

    Returns
    -------
    dict[str, pd.Series]
        Variable -> booleans by row.
    """
    conditions = {
        str(name): str(name).replace(DENSITY, VOLUME) for name in table.columns if str(name).startswith(DENSITY)
    }
    conditions |= analysis.applies
    return {
        name: ~(pd.to_numeric(table[column], errors="coerce") <= 0)
        for name, column in conditions.items()
        if column in table.columns
    }


def key_columns(table: pd.DataFrame, analysis: Analysis) -> list[str]:
    """The columns that name a row: the subject, and where the table has them session and (for lesions) lesion.

    Parameters
    ----------
    table : pd.DataFrame
        Rows of the analysis.
    analysis : Analysis
        The analysis' section.

    Returns
    -------
    list[str]
        Names of columns.
    """
    names = ["subject", "session"] + (["lesion"] if analysis.kind == "lesion" else [])
    return [name for name in names if name in table.columns]


def read_dataset(path: str | Path, analysis: Analysis, renamed: bool = False) -> pd.DataFrame:
    """Read the table of an analysis, typed and checked; `renamed` says that its columns have our names already.

    Returns one row per row of the file with all its columns; the index is the row's number in the file. Changes between
    visits are added (see `add_changes`).

    Parameters
    ----------
    path : str | Path
        Path of the table.
    analysis : Analysis
        The analysis' section.
    renamed : bool
        Whether the columns have the project's names already.

    Returns
    -------
    pd.DataFrame
        One row per row of the file; the index is the row's number in the file.

    Raises
    ------
    StudyTableError
        For unknown columns, keys that occur twice, text among numbers, bad dates, and a follow-up before its baseline.
    """
    table = read_study_table(path) if renamed else _read_given(path, analysis)
    analysis = available(analysis, table)[0]
    used = used_columns(analysis)
    criteria = analysis.include
    check_columns(table, ["subject", *used.numbers, *used.categories, *used.dates], path)
    check_columns(table, [] if renamed else analysis.missing_codes, path)
    check_columns(table, [c.column for c in criteria] + [c.reason_column for c in criteria if c.reason_column], path)
    keys = key_columns(table, analysis)
    required = [key for key in keys if key != "lesion"]  # a session without any lesion is a row without a label
    bounded = [c.column for c in criteria if c.minimum is not None or c.maximum is not None]
    listed = [c.column for c in criteria if c.values is not None]
    numbers = dict.fromkeys([*used.numbers, *bounded, *([] if renamed else analysis.units)])
    problems: list[str] = []  # of all columns, so that a table is corrected at once
    with _noted(problems):
        check_keys(table[required].drop_duplicates() if "lesion" in keys else table, required, path)
    if "lesion" in keys:
        with _noted(problems):
            check_keys(table[table["lesion"].notna()], keys, path)
    for name in numbers:
        with _noted(problems):
            table[name] = to_numbers(table[name], path)
    for name in dict.fromkeys(used.categories + [name for name in listed if name not in numbers]):
        table[name] = to_categories(table[name])
    for name in used.dates:
        with _noted(problems):
            table[name] = to_dates(table[name], path)
    if not renamed:
        criteria_columns = [criterion.column for criterion in criteria]
        for name in dict.fromkeys([*used.numbers, *used.categories, *criteria_columns, *analysis.missing_codes]):
            with _noted(problems):
                table[name] = _without_codes(table[name], analysis.missing_codes.get(name), path)
    for name, unit in ({} if renamed or problems else analysis.units).items():
        table[name] = table[name] * conversion(name, unit)
    if not problems and analysis.changes:
        with _noted(problems):
            table = add_changes(table, analysis.changes, _interval_days(table, analysis, path))
    if problems:
        raise StudyTableError("\n".join(problems))
    return table


def read_analysed(path: str | Path, analysis: Analysis) -> tuple[pd.DataFrame, Analysis] | None:
    """The rows that are analysed, as build_attrition left them, and the questions that they can answer (`available`).

    None where the analysis could not be made.

    Parameters
    ----------
    path : str | Path
        Path of the table.
    analysis : Analysis
        The analysis' section.

    Returns
    -------
    tuple[pd.DataFrame, Analysis] | None
        The rows and the questions that they can answer, or None.
    """
    if not was_made(path):
        return None
    table = read_dataset(path, analysis, renamed=True)
    return table, available(analysis, table)[0]


def _read_given(path: str | Path, analysis: Analysis) -> pd.DataFrame:
    """The table as it was given: columns renamed, long made wide, units that cannot be converted refused."""
    table = read_study_table(path, analysis.columns, analysis.sheet, analysis.long)
    check_columns(table, analysis.units, path)
    for name, unit in analysis.units.items():
        try:
            conversion(name, unit)
        except UnitError as error:
            raise StudyTableError(f"{path}, column {name}: {error}") from None
    return table


def _without_codes(values: pd.Series, codes: Sequence[str | float] | None, path: str | Path) -> pd.Series:
    """The column with its codes for missing as missing; raises StudyTableError for codes that are not declared."""
    if codes is not None:
        return values.mask(is_code(values, codes))
    raise_problems(
        f"{path}, row {row}, {values.name}: {category_text(value)} looks like a code for missing; write n/a, or list "
        f"it under missing_codes (an empty list where it is a true value)"
        for row, value in suspected_codes(values, str(values.name)).items()
    )
    return values


@contextmanager
def _noted(problems: list[str]) -> Iterator[None]:
    """Keep the lines of a StudyTableError instead of raising it."""
    try:
        yield
    except StudyTableError as error:
        problems.append(str(error))


def add_changes(table: pd.DataFrame, changes: Mapping[str, ChangeColumns], interval_days: pd.Series) -> pd.DataFrame:
    """Add `<marker>_change` (follow-up minus baseline, or the change that was measured) and `<marker>_change_per_year`.

    Parameters
    ----------
    table : pd.DataFrame
        Rows of the analysis.
    changes : Mapping[str, ChangeColumns]
        Marker -> {baseline, followup, change} column names (`change` alone where no two values exist).
    interval_days : pd.Series
        Days between the visits, by the table's index; a year has 365.25 of them.

    Returns
    -------
    pd.DataFrame
        The table with the new columns.
    """
    added: dict[str, pd.Series] = {"interval_days": interval_days}
    for marker, columns in changes.items():
        given, ends = columns.change, (columns.followup, columns.baseline)
        change = table[given] if given else table[ends[0]] - table[ends[1]]
        added[f"{marker}_change"] = change
        added[f"{marker}_change_per_year"] = change / interval_days * DAYS_PER_YEAR
    kept = table.drop(columns=[name for name in added if name in table.columns])
    return kept.assign(**added)


def check_groups(table: pd.DataFrame, analysis: Analysis, path: str | Path) -> None:
    """Raise StudyTableError where a row that stays in the analysis has a group that is not among `group_levels`.

    Parameters
    ----------
    table : pd.DataFrame
        Rows of the analysis.
    analysis : Analysis
        The analysis' section.
    path : str | Path
        Path of the table.

    Raises
    ------
    StudyTableError
        Where a row has a group that is not among `group_levels`.
    """
    levels = analysis.group_levels
    column = group_column(analysis)
    if not levels or column is None:
        return
    unknown = table[column].notna() & ~table[column].isin(levels)
    wrong = [
        f"{path}, row {row}, {column}: {value!r} is not among group_levels; {nearest(str(value), levels)}"
        for row, value in table.loc[unknown, column].items()
    ]
    if wrong:
        raise StudyTableError("\n".join(wrong))


def _interval_days(table: pd.DataFrame, analysis: Analysis, path: str | Path) -> pd.Series:
    """Days between the visits, NaN where not known; raises StudyTableError where they are not above zero."""
    first, last, column = analysis.baseline_date, analysis.followup_date, analysis.interval_days
    if first and last:
        days = (table[last] - table[first]).dt.days.astype(float)
        column = last
    elif column in table.columns:
        days = to_numbers(table[column], path)
    else:
        days = pd.Series(float("nan"), index=table.index)
    wrong = [
        f"{path}, row {row}, {column}: {days[row]:g} days from baseline to follow-up; it must come after it"
        for row in table.index[days <= 0]
    ]
    if wrong:
        raise StudyTableError("\n".join(wrong))
    return days


def overall_severity(table: pd.DataFrame, analysis: Analysis) -> pd.Series:
    """The severity score of each row: the column `severity`, else the position (0, 1, ...) of the row's group.

    All missing where the analysis has neither.

    Parameters
    ----------
    table : pd.DataFrame
        Rows of the analysis.
    analysis : Analysis
        The analysis' section.

    Returns
    -------
    pd.Series
        Score by the table's index.
    """
    if analysis.severity:
        return table[analysis.severity]
    ranks = {level: float(rank) for rank, level in enumerate(analysis.group_levels)}
    column = group_column(analysis)
    return table[column].map(ranks).astype(float) if column else pd.Series(float("nan"), index=table.index)


def severities_of(table: pd.DataFrame, analysis: Analysis) -> dict[str, pd.Series]:
    """The severity scores to correlate: `overall` where the analysis has one, then every artery's.

    Parameters
    ----------
    table : pd.DataFrame
        Rows of the analysis.
    analysis : Analysis
        The analysis' section.

    Returns
    -------
    dict[str, pd.Series]
        Name -> score by the table's index.
    """
    overall = overall_severity(table, analysis)
    found = {"overall": overall} if analysis.severity or analysis.group_levels else {}
    return found | {artery: table[column] for artery, column in analysis.artery_severity.items()}


def measures_of(analysis: Analysis) -> dict[str, str]:
    """The markers to correlate and the changes between visits: name of the measure -> column.

    Parameters
    ----------
    analysis : Analysis
        The analysis' section.

    Returns
    -------
    dict[str, str]
        Name -> column.
    """
    names = [*analysis.markers, *(f"{marker}_change" for marker in analysis.changes)]
    return {name: name for name in names}
