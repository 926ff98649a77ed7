"""Apply every analysis' criteria: the rows that are analysed, and an account of all others, as a table and pictures."""

import pandas as pd

from scripts.lib.cohort.attrition import attrition_table, exclusions
from scripts.lib.cohort.dataset import check_groups, group_column, read_dataset, used_columns
from scripts.lib.cohort.flow import draw_flow
from scripts.lib.cohort.plausibility import implausible
from scripts.lib.cohort.review import left_out
from scripts.lib.cohort.variables import levels_of
from scripts.lib.job import run
from scripts.lib.tables import write_tsv


def main(snakemake):
    accounts, doubts = [], []
    for name, analysis in snakemake.params.settings["analyses"].items():
        files = snakemake.params.files[name]
        table = read_dataset(files["table"], analysis)
        doubts.append(implausible(table, analysis, name, files["table"]))
        group = group_column(analysis)
        known = [column for column in dict.fromkeys([group, analysis["outcome"]]) if column]
        columns = used_columns(analysis)
        criteria = [criterion["column"] for criterion in analysis["include"]]
        reviewed = left_out(table, [*columns.numbers, *columns.categories, *criteria])
        account = exclusions(table, analysis["include"], known, analysis["visit"], reviewed)
        analysed = table[account["step"].isna()]
        check_groups(analysed, analysis, files["table"])
        steps = attrition_table(name, table["subject"], account)
        accounts.append(steps)
        write_tsv(analysed, files["data"])
        levels = [] if group is None else levels_of(analysed[group], analysis["group_levels"])
        counts = pd.Series({level: (analysed[group] == level).sum() for level in levels if len(levels) <= 6}, dtype=int)
        unit = "lesions" if analysis["kind"] == "lesion" else "visits" if analysis["visit"] == "all" else ""
        draw_flow(steps, unit, counts, name, files["flow"])
    write_tsv(pd.concat(accounts, ignore_index=True), snakemake.output.attrition)
    write_tsv(pd.concat(doubts, ignore_index=True), snakemake.output.doubts)


if __name__ == "__main__":
    run(main, snakemake)
