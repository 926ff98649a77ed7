"""Interactions of an analysis: a predictor's effect at each level of its modifier, and their figure."""

from typing import Any

from angiolith.cohort.dataset import read_analysed
from angiolith.cohort.interactions import interaction_table
from angiolith.cohort.interactions_picture import draw_interactions
from angiolith.cohort.outcome_models import outcome_models
from angiolith.cohort.printed_labels import printed_labels
from angiolith.core.settings.analyses import Analysis
from angiolith.core.tables import write_not_made, write_tsv
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    output = snakemake.output
    found = read_analysed(snakemake.input.data, Analysis.model_validate(snakemake.params.settings["analysis"]))
    if found is None or not found[1].any_interactions:
        write_not_made(*output)
        return
    data, analysis = found
    made = interaction_table(outcome_models(data, analysis, "interactions"))
    write_tsv(made, output.interactions)
    labels = printed_labels(analysis.labels, analysis.columns, snakemake.input.get("dictionaries", []))
    draw_interactions(made, labels, output.figure)


if __name__ == "__main__":
    run(main, snakemake)
