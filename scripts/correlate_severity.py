"""Severity of calcification, overall and per artery, against every marker: correlations and models."""

from typing import Any

from angiolith.cohort.attrition import independent_rows
from angiolith.cohort.correlations import correlations
from angiolith.cohort.dataset import measures_of, read_analysed, severities_of
from angiolith.cohort.marker_models import marker_tables
from angiolith.core.settings.analyses import Analysis
from angiolith.core.tables import write_not_made, write_tsv
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    analysis = Analysis.model_validate(snakemake.params.settings["analysis"])
    found = read_analysed(snakemake.input.data, analysis)
    if found is None:
        write_not_made(*snakemake.output)
        return
    data, analysis = found
    data, _ = independent_rows(data, analysis.kind)
    severities = severities_of(data, analysis)
    table = correlations(data, severities, measures_of(analysis), analysis.correlations, analysis.partial_for)
    asked = (analysis.marker_models, analysis.marker_covariates, analysis.references)
    models, cuts = marker_tables(data, severities, *asked)
    write_tsv(table, snakemake.output.correlations)
    write_tsv(models, snakemake.output.markers)
    write_tsv(cuts, snakemake.output.cuts)


if __name__ == "__main__":
    run(main, snakemake)
