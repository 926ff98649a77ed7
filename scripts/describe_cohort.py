"""Characteristics of an analysis' rows by group."""

from scripts.lib.cohort.dataset import read_dataset
from scripts.lib.cohort.describe import describe
from scripts.lib.job import run
from scripts.lib.tables import write_tsv


def main(snakemake):
    analysis = snakemake.params.settings["analysis"]
    table = describe(
        read_dataset(snakemake.input.data, analysis, renamed=True),
        analysis["describe"],
        analysis["group"] or analysis["outcome"],
        analysis["group_levels"],
        analysis["number_test"],
        analysis["count_test"],
    )
    write_tsv(table, snakemake.output.table1)


if __name__ == "__main__":
    run(main, snakemake)
