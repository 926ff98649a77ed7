"""Describe the finished run as an RO-Crate, and its folder as BIDS derivatives."""

import datetime
from pathlib import Path
from typing import Any

from angiolith.audit.crate import bidsignore, crate_metadata, dataset_description, spatial_sidecar
from angiolith.audit.inventory import read_inventory
from angiolith.core.tables import atomic_path, copy_file, write_json
from angiolith.runtime.job import run
from angiolith.runtime.records import root_of, sweep


def main(snakemake: Any) -> None:
    made, params = snakemake.output, snakemake.params
    sweep(root_of(snakemake.log[0]))
    copies = {made.workflow: snakemake.input.workflow} | dict.fromkeys(made.methods, snakemake.input.methods)
    for target, source in copies.items():
        copy_file(source, target)
    with atomic_path(made.bidsignore) as temporary:
        temporary.write_text(bidsignore(), encoding="utf-8")
    write_json(dataset_description(params.version, params.title), made.description)
    for path in made.sidecars:
        write_json(spatial_sidecar(), path)
    seconds = Path(snakemake.input.inventory).stat().st_mtime  # the run ended when its inventory was written
    ended = datetime.datetime.fromtimestamp(int(seconds), tz=datetime.UTC)
    entries = read_inventory(root_of(snakemake.log[0]))
    write_json(crate_metadata(entries, params.version, ended, params.title, bool(made.methods)), made.crate)


if __name__ == "__main__":
    run(main, snakemake)
