"""Mediation of an analysis: natural direct and indirect effects."""

from typing import Any

from angiolith.cohort.associations import plan_of
from angiolith.cohort.dataset import read_analysed
from angiolith.cohort.mediation import mediation_table
from angiolith.core.settings.analyses import Analysis
from angiolith.core.tables import write_not_made, write_tsv
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    found = read_analysed(snakemake.input.data, Analysis.model_validate(snakemake.params.settings["analysis"]))
    if found is None or not found[1].mediation:
        write_not_made(*snakemake.output)
        return
    data, analysis = found
    write_tsv(mediation_table(data, plan_of(analysis), analysis.mediation), snakemake.output.mediation)


if __name__ == "__main__":
    run(main, snakemake)
