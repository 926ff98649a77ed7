"""Associations of an analysis per standard deviation, with E-values."""

from typing import Any

from angiolith.cohort.associations import plan_of
from angiolith.cohort.dataset import read_analysed
from angiolith.cohort.effect_sizes import effect_sizes
from angiolith.core.settings.analyses import Analysis
from angiolith.core.tables import write_not_made, write_tsv
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    found = read_analysed(snakemake.input.data, Analysis.model_validate(snakemake.params.settings["analysis"]))
    if found is None or not found[1].effect_sizes:
        write_not_made(*snakemake.output)
        return
    data, analysis = found
    write_tsv(effect_sizes(data, plan_of(analysis)), snakemake.output.effect_sizes)


if __name__ == "__main__":
    run(main, snakemake)
