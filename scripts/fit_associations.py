"""Regression models of an analysis: each predictor alone and in every model, formulas, and what to know of the fits."""

from typing import Any

from angiolith.cohort.associations import associations, plan_of
from angiolith.cohort.dataset import read_analysed
from angiolith.cohort.layout import models_cells
from angiolith.cohort.printed_labels import printed_labels
from angiolith.cohort.publish import models_notes, with_addresses, write_printed
from angiolith.core.settings.analyses import Analysis
from angiolith.core.tables import write_not_made, write_tsv
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    output = snakemake.output
    analysis = Analysis.model_validate(snakemake.params.settings["analysis"])
    found = read_analysed(snakemake.input.data, analysis)
    if found is None:
        write_not_made(output.associations, output.diagnostics, *output.printed)
        return
    data, analysis = found
    table, diagnostics = associations(data, plan_of(analysis))
    labels = printed_labels(analysis.labels, analysis.columns, snakemake.input.get("dictionaries", []))
    write_tsv(table, output.associations)
    write_tsv(diagnostics, output.diagnostics)
    title = f"Models: {analysis.title or snakemake.wildcards.analysis}"
    cells = models_cells(with_addresses(table, output.associations), analysis.primary, labels)
    write_printed(cells, title, models_notes(table, analysis.primary), output.printed)


if __name__ == "__main__":
    run(main, snakemake)
