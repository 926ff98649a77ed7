"""Outcomes over time of an analysis: curves, risks with numbers at risk, and models of the hazard."""

from typing import Any

from angiolith.cohort.dataset import group_column, read_analysed
from angiolith.cohort.printed_labels import printed_labels
from angiolith.cohort.survival.curves_picture import draw_curves
from angiolith.cohort.survival.outcomes import outcome_tables
from angiolith.core.settings.analyses import Analysis
from angiolith.core.tables import write_not_made, write_tsv
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    output = snakemake.output
    found = read_analysed(snakemake.input.data, Analysis.model_validate(snakemake.params.settings["analysis"]))
    if found is None or not found[1].follow_up:
        write_not_made(*output)
        return
    data, analysis = found
    column = group_column(analysis)
    group = data[column] if column and analysis.group_levels else None
    levels = analysis.group_levels
    curves, risks, hazards = outcome_tables(data, analysis.follow_up, group, levels, analysis.references, analysis.per)
    write_tsv(curves, output.curves)
    write_tsv(risks, output.risks)
    write_tsv(hazards, output.hazards)
    labels = printed_labels(analysis.labels, analysis.columns, snakemake.input.get("dictionaries", []))
    draw_curves(curves, risks, analysis.follow_up, labels, output.figure)


if __name__ == "__main__":
    run(main, snakemake)
