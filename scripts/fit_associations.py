"""Regression models of an analysis: each predictor alone and in every model."""

from scripts.lib.cohort.associations import associations
from scripts.lib.cohort.dataset import read_dataset
from scripts.lib.job import run
from scripts.lib.tables import write_tsv


def main(snakemake):
    analysis = snakemake.params.settings["analysis"]
    table = associations(
        read_dataset(snakemake.input.data, analysis, renamed=True),
        analysis["outcome"],
        analysis["event"],
        analysis["predictors"],
        analysis["models"],
        analysis["regression"],
        analysis["references"],
        analysis["per"],
    )
    write_tsv(table, snakemake.output.associations)


if __name__ == "__main__":
    run(main, snakemake)
