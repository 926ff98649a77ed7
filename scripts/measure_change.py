"""Measure the change between a subject's two visits in the space half-way between them."""

from typing import Any

from angiolith.change.half_way import interval_days
from angiolith.change.inputs import ChangeStepSettings, visits_of
from angiolith.change.measure import measure_change
from angiolith.core.images import linear_transform, write_made, write_transform
from angiolith.core.tables import write_not_made, write_tsv
from angiolith.runtime.job import run
from angiolith.small_vessel.wmh.network import read_wmh_model


def main(snakemake: Any) -> None:
    params, output = snakemake.params, snakemake.output
    found = measure_change(
        visits_of(snakemake.input),
        params.references,
        interval_days(*params.acq_times),
        read_wmh_model(snakemake.input.model_first),
        ChangeStepSettings.of_job(params.settings),
    )
    write_tsv(found.table(snakemake.wildcards.subject, *params.sessions), output.change)
    write_made(found.wmh_labels, output.lesions)
    if found.motion is None:
        write_not_made(output.motion)
    else:
        write_transform(linear_transform(found.motion), output.motion)


if __name__ == "__main__":
    run(main, snakemake)
