"""An analysis' criteria applied to its table: the rows that are analysed, and an account of all others."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from angiolith.cohort.attrition import attrition_table, exclusions, not_made
from angiolith.cohort.collect import N_CANDIDATES
from angiolith.cohort.dataset import check_groups, group_column, read_dataset, used_columns
from angiolith.cohort.external import MissingColumnError, StudyTableError
from angiolith.cohort.outcome import check_outcome
from angiolith.cohort.plausibility import implausible
from angiolith.cohort.review import left_out
from angiolith.cohort.variables import levels_of
from angiolith.core.settings.analyses import Analysis
from angiolith.core.tables import read_tsv

# [number] More groups are not counted one by one. Source: layout.
GROUPS_SHOWN = 6


def analysed(
    name: str, analysis: Analysis, path: str, unused: Sequence[str], session_order: Sequence[str] = ()
) -> tuple[pd.DataFrame | None, pd.DataFrame, pd.DataFrame | None, pd.Series]:
    """One analysis applied to its table: analysed rows, steps of the account, doubtful values, counts by group.

    path: the table; unused: why clinical tables were left out; session_order: the declared order of visits. Where the
    table cannot be used there are no rows and no doubtful values, and the account says why.
    """
    try:
        table = read_dataset(path, analysis)
        account = account_of(table, analysis, path, session_order)
    except StudyTableError as error:
        is_own_table = path == analysis.table
        subjects = pd.Series(dtype=str) if is_own_table else read_tsv(path)["subject"]
        steps = not_made(name, subjects, why_not_made(error, is_own_table, unused))
        return None, steps, None, pd.Series(dtype=int)
    rows = table[account["step"].isna()]
    steps = attrition_table(name, table["subject"], account, waits_for_reader(table))
    return rows, steps, implausible(table, analysis, name, path), analysed_by_group(rows, analysis)


def waits_for_reader(table: pd.DataFrame) -> pd.Series:
    """By row whether the session has candidates that wait for a reader; none in a table that does not say."""
    if N_CANDIDATES not in table:
        return pd.Series(False, index=table.index)
    return pd.to_numeric(table[N_CANDIDATES], errors="coerce") > 0


def unit_of(analysis: Analysis) -> str:
    """What the rows are, where they are not the patients themselves."""
    return "lesions" if analysis.kind == "lesion" else "visits" if analysis.visit == "all" else ""


def account_of(table: pd.DataFrame, analysis: Analysis, path: str, session_order: Sequence[str]) -> pd.DataFrame:
    """Step and reason of every row that is left out; StudyTableError for an unknown group or outcome."""
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
    """Number of analysed rows by group, where the analysis has a few."""
    group = group_column(analysis)
    levels = [] if group is None else levels_of(table[group], analysis.group_levels)
    return pd.Series(
        {level: (table[group] == level).sum() for level in levels if len(levels) <= GROUPS_SHOWN}, dtype=int
    )


def why_not_made(error: StudyTableError, is_own_table: bool, unused: Sequence[str]) -> str:
    """On one line why an analysis cannot be made; `unused`: why clinical tables were left out.

    A column that the pipeline's tables lack though every clinical table was used is a mistake of the configuration: the
    error is raised, and the job stops.
    """
    if is_own_table:
        unused = []
    elif isinstance(error, MissingColumnError) and not unused:
        raise error
    return "; ".join([*str(error).splitlines(), *(f"left out: {reason}" for reason in unused)])
