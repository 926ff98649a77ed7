"""An analysis' criteria applied to its table: the rows that are analysed, and an account of all others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from angiolith.cohort.attrition import attrition_table, exclusions, not_made
from angiolith.cohort.available import LEAVE_OUT, available, missing_table
from angiolith.cohort.collect import N_OF_CANDIDATES
from angiolith.cohort.dataset import check_groups, group_column, read_dataset, used_columns
from angiolith.cohort.external import MissingColumnError, StudyTableError
from angiolith.cohort.outcome import check_outcome
from angiolith.cohort.plausibility import COLUMNS as DOUBTFUL_COLUMNS
from angiolith.cohort.plausibility import DOUBTFUL, doubtful_columns, implausible
from angiolith.cohort.review import left_out
from angiolith.cohort.variables import levels_of
from angiolith.core.settings.analyses import Analysis
from angiolith.core.tables import read_tsv

# [number] More groups are not counted one by one. Source: layout.
GROUPS_SHOWN = 6


@dataclass(frozen=True)
class Analysed:
    """An analysis applied to its table.

    rows: those that are analysed, None where the table cannot be used; steps: its rows of the attrition table;
    doubtful: values that may be wrong; counts: analysed rows by group; missing: columns that it lacks, with the
    questions that were left out for them (`available.COLUMNS`).
    """

    rows: pd.DataFrame | None
    steps: pd.DataFrame
    doubtful: pd.DataFrame
    counts: pd.Series
    missing: pd.DataFrame


def analysed(
    name: str, analysis: Analysis, path: str, unused: Sequence[str], session_order: Sequence[str] = ()
) -> Analysed:
    """Apply one analysis to its table.

    Where the table cannot be used there are no rows, and the account says why.

    Parameters
    ----------
    name : str
        Name of the analysis.
    analysis : Analysis
        The analysis' section.
    path : str
        Path of its table.
    unused : Sequence[str]
        Why clinical tables were left out.
    session_order : Sequence[str]
        Declared order of the session labels.

    Returns
    -------
    Analysed
        The rows (None where there are none), the account and what is missing.
    """
    try:
        table = read_dataset(path, analysis)
        asked, gone = available(analysis, table)
        account = account_of(table, asked, path, session_order)
    except StudyTableError as error:
        is_own_table = path == analysis.table
        subjects = pd.Series(dtype=str) if is_own_table else read_tsv(path)["subject"]
        leaves_out = analysis.missing_columns == LEAVE_OUT
        steps = not_made(name, subjects, why_not_made(error, is_own_table, unused, leaves_out))
        nothing = pd.DataFrame(columns=DOUBTFUL_COLUMNS)
        return Analysed(None, steps, nothing, pd.Series(dtype=int), missing_table(name, {}, ()))
    rows = table[account["step"].isna()]
    gone |= available(asked, rows)[1]  # of a column, only those who are left out may have a value
    steps = attrition_table(name, table["subject"], account, waits_for_reader(table))
    doubtful = implausible(table, asked, name, path)
    rows = rows.assign(**{DOUBTFUL: doubtful_columns(rows, doubtful, asked)})
    missing = missing_table(name, gone, table.columns)
    return Analysed(rows, steps, doubtful, analysed_by_group(rows, asked), missing)


def waits_for_reader(table: pd.DataFrame) -> pd.Series:
    """By row whether the session has candidates that wait for a reader; none in a table that does not say.

    Parameters
    ----------
    table : pd.DataFrame
        Rows of the given table.

    Returns
    -------
    pd.Series
        Booleans by row.
    """
    counts = [name for name in N_OF_CANDIDATES if name in table]
    if not counts:
        return pd.Series(False, index=table.index)
    return table[counts].apply(pd.to_numeric, errors="coerce").gt(0).any(axis=1)


def unit_of(analysis: Analysis) -> str:
    """What the rows are, where they are not the patients themselves.

    Parameters
    ----------
    analysis : Analysis
        The analysis' section.

    Returns
    -------
    str
        `lesions`, `visits`, or an empty string.
    """
    return "lesions" if analysis.kind == "lesion" else "visits" if analysis.visit == "all" else ""


def account_of(table: pd.DataFrame, analysis: Analysis, path: str, session_order: Sequence[str]) -> pd.DataFrame:
    """Step and reason of every row that is left out; StudyTableError for an unknown group or outcome.

    Parameters
    ----------
    table : pd.DataFrame
        Rows of the given table.
    analysis : Analysis
        The analysis' section.
    path : str
        Path of the table, for messages.
    session_order : Sequence[str]
        Declared order of the session labels.

    Returns
    -------
    pd.DataFrame
        Columns `step` and `reason`, index of `table`.

    Raises
    ------
    StudyTableError
        For an unknown group or outcome.
    """
    known = [column for column in dict.fromkeys([group_column(analysis), analysis.outcome]) if column]
    columns = used_columns(analysis)
    criteria = [criterion.column for criterion in analysis.include]
    reviewed = left_out(table, [*columns.numbers, *columns.categories, *criteria])
    account = exclusions(table, analysis.include, known, analysis.visit, reviewed, session_order)
    stays = table[account["step"].isna()]
    check_groups(stays, analysis, path)
    check_outcome(stays, analysis, path)
    return account


def analysed_by_group(table: pd.DataFrame, analysis: Analysis) -> pd.Series:
    """Number of analysed rows by group, where the analysis has a few.

    Parameters
    ----------
    table : pd.DataFrame
        Rows of the given table.
    analysis : Analysis
        The analysis' section.

    Returns
    -------
    pd.Series
        Group -> number of rows.
    """
    group = group_column(analysis)
    levels = [] if group is None else levels_of(table[group], analysis.group_levels)
    return pd.Series(
        {level: (table[group] == level).sum() for level in levels if len(levels) <= GROUPS_SHOWN}, dtype=int
    )


def why_not_made(error: StudyTableError, is_own_table: bool, unused: Sequence[str], leaves_out: bool = False) -> str:
    """On one line why an analysis cannot be made; `unused`: why clinical tables were left out.

    A column that the pipeline's tables lack though every clinical table was used is a mistake of the configuration: the
    error is raised, and the job stops; not of an analysis that leaves out what is missing (`leaves_out`).

    Parameters
    ----------
    error : StudyTableError
        Why the table cannot be used.
    is_own_table : bool
        Whether the table is the user's own.
    unused : Sequence[str]
        Why clinical tables were left out.
    leaves_out : bool
        Whether the analysis leaves out what is missing.

    Returns
    -------
    str
        One line.

    Raises
    ------
    MissingColumnError
        For a column that the pipeline's tables lack though every clinical table was used.
    """
    if is_own_table:
        unused = []
    elif isinstance(error, MissingColumnError) and not unused and not leaves_out:
        raise error
    return "; ".join([*str(error).splitlines(), *(f"left out: {reason}" for reason in unused)])
