"""The sealed bundle of sums and estimates that this site hands over to be pooled."""

from typing import Any

from angiolith.cohort.associations import plan_of
from angiolith.cohort.dataset import read_analysed
from angiolith.cohort.federation import bundle_of
from angiolith.core.settings.analyses import Analysis
from angiolith.core.tables import write_json, write_not_made
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    found = read_analysed(snakemake.input.data, Analysis.model_validate(snakemake.params.settings["analysis"]))
    if found is None or found[1].federation is None:
        write_not_made(*snakemake.output)
        return
    data, analysis = found
    own = found[1].federation
    write_json(bundle_of(data, plan_of(analysis), own.site, own.cell_min), snakemake.output.bundle)


if __name__ == "__main__":
    run(main, snakemake)
