"""Restricted cubic splines of an analysis' predictors: tests of non-linearity, curves and their figure."""

from typing import Any

from angiolith.cohort.dataset import read_analysed
from angiolith.cohort.outcome_models import outcome_models
from angiolith.cohort.printed_labels import printed_labels
from angiolith.cohort.splines import spline_tables
from angiolith.cohort.splines_picture import draw_splines
from angiolith.core.settings.analyses import Analysis
from angiolith.core.tables import write_not_made, write_tsv
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    output = snakemake.output
    found = read_analysed(snakemake.input.data, Analysis.model_validate(snakemake.params.settings["analysis"]))
    if found is None or not found[1].any_splines:
        write_not_made(*output)
        return
    data, analysis = found
    tests, curves = spline_tables(outcome_models(data, analysis, "splines"))
    write_tsv(tests, output.tests)
    write_tsv(curves, output.curves)
    labels = printed_labels(analysis.labels, analysis.columns, snakemake.input.get("dictionaries", []))
    draw_splines(tests, curves, labels, output.figure)


if __name__ == "__main__":
    run(main, snakemake)
