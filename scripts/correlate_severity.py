"""Correlate the severity of calcification, overall and per artery, with every marker and its change."""

from scripts.lib.cohort.correlations import correlations
from scripts.lib.cohort.dataset import measures_of, read_dataset, severities_of
from scripts.lib.job import run
from scripts.lib.tables import write_tsv


def main(snakemake):
    analysis = snakemake.params.settings["analysis"]
    data = read_dataset(snakemake.input.data, analysis, renamed=True)
    table = correlations(data, severities_of(data, analysis), measures_of(analysis))
    write_tsv(table, snakemake.output.correlations)


if __name__ == "__main__":
    run(main, snakemake)
