"""Regression models of an analysis: each predictor alone and in every model, formulas, and what to know of the fits."""

from typing import Any

from angiolith.cohort.associations import associations, plan_of
from angiolith.cohort.dataset import read_analysed
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
    table, diagnostics = associations(data, plan_of(analysis))
    write_tsv(table, snakemake.output.associations)
    write_tsv(diagnostics, snakemake.output.diagnostics)


if __name__ == "__main__":
    run(main, snakemake)
