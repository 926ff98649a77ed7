"""Apply every analysis' criteria: the rows that are analysed, and an account of all others."""

import pandas as pd

from scripts.lib.cohort.attrition import attrition_table, exclusions
from scripts.lib.cohort.dataset import check_groups, group_column, read_dataset
from scripts.lib.job import run
from scripts.lib.tables import write_tsv


def main(snakemake):
    accounts = []
    for name, analysis in snakemake.params.settings["analyses"].items():
        files = snakemake.params.files[name]
        table = read_dataset(files["table"], analysis)
        known = [column for column in dict.fromkeys([group_column(analysis), analysis["outcome"]]) if column]
        account = exclusions(table, analysis["include"], known, analysis["visit"])
        analysed = table[account["step"].isna()]
        check_groups(analysed, analysis, files["table"])
        accounts.append(attrition_table(name, table["subject"], account))
        write_tsv(analysed, files["data"])
    write_tsv(pd.concat(accounts, ignore_index=True), snakemake.output.attrition)


if __name__ == "__main__":
    run(main, snakemake)
