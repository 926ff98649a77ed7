"""Associations of predictors with a declared error of measurement: as measured, and corrected for it."""

from typing import Any

from angiolith.cohort.associations import plan_of
from angiolith.cohort.dataset import read_analysed
from angiolith.cohort.robustness.measurement_error import error_corrected
from angiolith.core.settings.analyses import Analysis
from angiolith.core.tables import write_not_made, write_tsv
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    found = read_analysed(snakemake.input.data, Analysis.model_validate(snakemake.params.settings["analysis"]))
    if found is None:
        write_not_made(*snakemake.output)
        return
    data, analysis = found
    write_tsv(error_corrected(data, plan_of(analysis), analysis.measurement_error), snakemake.output.corrected)


if __name__ == "__main__":
    run(main, snakemake)
