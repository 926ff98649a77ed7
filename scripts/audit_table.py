"""Audit a printed table: every cell that can be recomputed, with its verdict; of one that cannot be read, why."""

from typing import Any

from angiolith.cohort.audit_table import audit, read_printed, unread
from angiolith.cohort.printed import PrintedError
from angiolith.core.tables import write_tsv
from angiolith.runtime.job import run, tell


def main(snakemake: Any) -> None:
    path = snakemake.input.printed
    try:
        table = audit(read_printed(path))
    except PrintedError as error:  # of a file that can be read, it names the cell alone
        problem = str(error) if str(error).startswith(str(path)) else f"{path}: {error}"
        tell(f"not audited: {problem}")
        table = unread(problem)
    write_tsv(table, snakemake.output.audit)


if __name__ == "__main__":
    run(main, snakemake)
