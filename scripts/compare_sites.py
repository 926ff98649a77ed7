"""Models of an analysis at each site, pooled over the sites, and without each of them."""

from typing import Any

from angiolith.cohort.associations import plan_of
from angiolith.cohort.dataset import read_analysed
from angiolith.cohort.sites import compare_sites
from angiolith.core.settings.analyses import Analysis
from angiolith.core.tables import write_not_made, write_tsv
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    found = read_analysed(snakemake.input.data, Analysis.model_validate(snakemake.params.settings["analysis"]))
    if found is None or found[1].site is None:
        write_not_made(*snakemake.output)
        return
    data, analysis = found
    write_tsv(compare_sites(data, plan_of(analysis), found[1].site), snakemake.output.sites)


if __name__ == "__main__":
    run(main, snakemake)
