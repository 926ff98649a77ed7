"""Drift of quality measures by date and site: control charts, their points and their figure."""

from typing import Any

from angiolith.cohort.dataset import read_analysed
from angiolith.cohort.drift import drift_tables
from angiolith.cohort.drift_picture import draw_drift
from angiolith.cohort.printed_labels import printed_labels
from angiolith.core.settings.analyses import Analysis
from angiolith.core.tables import write_not_made, write_tsv
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    output = snakemake.output
    found = read_analysed(snakemake.input.data, Analysis.model_validate(snakemake.params.settings["analysis"]))
    asked = None if found is None else found[1].drift
    if found is None or asked is None:
        write_not_made(*output)
        return
    data, analysis = found
    summary, points = drift_tables(data, asked)
    write_tsv(summary, output.summary)
    write_tsv(points, output.points)
    labels = printed_labels(analysis.labels, analysis.columns, snakemake.input.get("dictionaries", []))
    draw_drift(summary, points, labels, output.figure)


if __name__ == "__main__":
    run(main, snakemake)
