"""Change between two visits by group, its correlation with severity, and the follow-up model."""

from scripts.lib.cohort.change import change_table
from scripts.lib.cohort.dataset import overall_severity, read_dataset
from scripts.lib.job import run
from scripts.lib.tables import write_tsv


def main(snakemake):
    analysis = snakemake.params.settings["analysis"]
    data = read_dataset(snakemake.input.data, analysis, renamed=True)
    table = change_table(
        data,
        analysis["changes"],
        overall_severity(data, analysis),
        analysis["group"],
        analysis["group_levels"],
        analysis["change_covariates"],
        analysis["references"],
        analysis["number_test"],
    )
    write_tsv(table, snakemake.output.change)


if __name__ == "__main__":
    run(main, snakemake)
