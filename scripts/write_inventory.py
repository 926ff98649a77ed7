"""List every input, output, setting, code digest, library version and host fact of the run, with SHA-256."""

from pathlib import Path
from typing import Any

from angiolith.audit.inventory import inventory, write_inventory
from angiolith.runtime.job import run
from angiolith.runtime.records import name_in, root_of, sweep


def main(snakemake: Any) -> None:
    root = root_of(snakemake.log[0])
    targets = [name_in(root, path) for path in snakemake.input]
    params = snakemake.params
    sweep(root)
    write_inventory(inventory(Path(root), targets, params.settings, params.configs), snakemake.output.inventory)


if __name__ == "__main__":
    run(main, snakemake)
