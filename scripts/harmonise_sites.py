"""ComBat of an analysis' measures over its sites, or why it is refused."""

from typing import Any

from angiolith.cohort.dataset import read_analysed
from angiolith.cohort.harmonisation import harmonised_tables
from angiolith.core.settings.analyses import Analysis
from angiolith.core.tables import write_not_made, write_tsv
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    output = snakemake.output
    found = read_analysed(snakemake.input.data, Analysis.model_validate(snakemake.params.settings["analysis"]))
    asked = None if found is None else found[1].harmonise
    if found is None or asked is None:
        write_not_made(*output)
        return
    harmonised, sites = harmonised_tables(found[0], asked)
    write_tsv(harmonised, output.harmonised)
    write_tsv(sites, output.sites)


if __name__ == "__main__":
    run(main, snakemake)
