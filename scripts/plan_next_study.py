"""Sizes of a study to come, from what the cohort of an analysis shows."""

from typing import Any

from angiolith.cohort.dataset import read_analysed
from angiolith.cohort.next_study import next_study
from angiolith.core.settings.analyses import Analysis
from angiolith.core.tables import write_not_made, write_tsv
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    found = read_analysed(snakemake.input.data, Analysis.model_validate(snakemake.params.settings["analysis"]))
    if found is None or found[1].next_study is None:
        write_not_made(*snakemake.output)
        return
    data, analysis = found
    write_tsv(next_study(data, analysis, found[1].next_study), snakemake.output.sizes)


if __name__ == "__main__":
    run(main, snakemake)
