"""List every input, output, setting, code digest, library version and host fact of the run, with SHA-256."""

from pathlib import Path

from scripts.lib.audit.inventory import inventory, write_inventory
from scripts.lib.audit.records import name_in, root_of
from scripts.lib.job import run
from scripts.lib.tables import WRITING


def sweep(root):
    """Delete what killed jobs left half written; every other job of the run has ended when this one starts."""
    left = sorted(Path(root).rglob(f"{WRITING}*"))
    for path in left:
        path.unlink()
    return left


def main(snakemake):
    root = root_of(snakemake.log[0])
    targets = [name_in(root, path) for path in snakemake.input]
    params = snakemake.params
    for path in sweep(root):
        print(f"removed {path}, left by a job that was killed")
    write_inventory(inventory(Path(root), targets, params.settings, params.configs), snakemake.output.inventory)


if __name__ == "__main__":
    run(main, snakemake)
