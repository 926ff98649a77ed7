"""Zero inflation of the counts among the markers of an analysis."""

from typing import Any

from angiolith.cohort.attrition import independent_rows
from angiolith.cohort.dataset import read_analysed, severities_of
from angiolith.cohort.zeros import zeros_table
from angiolith.core.settings.analyses import Analysis
from angiolith.core.tables import write_not_made, write_tsv
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    found = read_analysed(snakemake.input.data, Analysis.model_validate(snakemake.params.settings["analysis"]))
    if found is None or not found[1].zero_inflation:
        write_not_made(*snakemake.output)
        return
    data, analysis = found
    data, _ = independent_rows(data, analysis.kind)
    counts = [name for name, kind in analysis.marker_models.items() if kind == "negative-binomial"]
    severities, covariates = severities_of(data, analysis), analysis.marker_covariates
    write_tsv(zeros_table(data, severities, counts, covariates, analysis.references), snakemake.output.zeros)


if __name__ == "__main__":
    run(main, snakemake)
