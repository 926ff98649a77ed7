"""Apply every analysis' criteria: the rows that are analysed, and an account of all others, as a table and pictures.

An analysis whose table cannot be used is not made, and its account says why; the others are.
"""

import pandas as pd

from angiolith.cohort.attrition import attrition_table, exclusions, not_made
from angiolith.cohort.dataset import check_groups, group_column, read_dataset, used_columns
from angiolith.cohort.external import MissingColumnError, StudyTableError
from angiolith.cohort.flow import draw_flow
from angiolith.cohort.plausibility import COLUMNS, implausible
from angiolith.cohort.review import left_out
from angiolith.cohort.variables import levels_of
from angiolith.core.tables import FAILED, read_tsv, write_not_made, write_tsv
from angiolith.runtime.job import run, tell


def account_of(table, analysis, path, session_order=()):
    """Step and reason of every row that is left out; raises StudyTableError for a group that nobody knows."""
    known = [column for column in dict.fromkeys([group_column(analysis), analysis["outcome"]]) if column]
    columns = used_columns(analysis)
    criteria = [criterion["column"] for criterion in analysis["include"]]
    reviewed = left_out(table, [*columns.numbers, *columns.categories, *criteria])
    account = exclusions(table, analysis["include"], known, analysis["visit"], reviewed, session_order)
    check_groups(table[account["step"].isna()], analysis, path)
    return account


def analysed_by_group(table, analysis):
    """Number of analysed rows by group, where the analysis has a few."""
    group = group_column(analysis)
    levels = [] if group is None else levels_of(table[group], analysis["group_levels"])
    return pd.Series({level: (table[group] == level).sum() for level in levels if len(levels) <= 6}, dtype=int)


def why_not_made(error, is_own_table, unused):
    """On one line why an analysis cannot be made; `unused`: why clinical tables were left out.

    A column that the pipeline's tables lack though every clinical table was used is a mistake of the configuration: the
    error is raised, and the job stops.
    """
    if is_own_table:
        unused = []
    elif isinstance(error, MissingColumnError) and not unused:
        raise error
    return "; ".join([*str(error).splitlines(), *(f"left out: {reason}" for reason in unused)])


def main(snakemake):
    clinical = read_tsv(snakemake.input.clinical) if snakemake.input.get("clinical") else None
    unused = [] if clinical is None else list(clinical.loc[clinical["status"] == FAILED, "reason"])
    accounts, doubts = [], []
    for name, analysis in snakemake.params.settings["analyses"].items():
        files = snakemake.params.files[name]
        path, is_own_table = files["table"], files["table"] == analysis["table"]
        counts, unit = pd.Series(dtype=int), ""
        try:
            table = read_dataset(path, analysis)
            account = account_of(table, analysis, path, snakemake.params.settings.get("session_order", ()))
        except StudyTableError as error:
            subjects = pd.Series(dtype=str) if is_own_table else read_tsv(path)["subject"]
            steps = not_made(name, subjects, why_not_made(error, is_own_table, unused))
            tell(f"{name}: {steps['reason'].iloc[1]}")
            write_not_made(files["data"])
        else:
            analysed = table[account["step"].isna()]
            steps = attrition_table(name, table["subject"], account)
            doubts.append(implausible(table, analysis, name, path))
            write_tsv(analysed, files["data"])
            counts = analysed_by_group(analysed, analysis)
            unit = "lesions" if analysis["kind"] == "lesion" else "visits" if analysis["visit"] == "all" else ""
        accounts.append(steps)
        draw_flow(steps, unit, counts, name, files["flow"])
    write_tsv(pd.concat(accounts, ignore_index=True), snakemake.output.attrition)
    doubtful = pd.concat(doubts, ignore_index=True) if doubts else pd.DataFrame(columns=COLUMNS)
    write_tsv(doubtful, snakemake.output.doubts)


if __name__ == "__main__":
    run(main, snakemake)
