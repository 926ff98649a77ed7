"""Audit a printed table: every cell that can be recomputed, with its verdict."""

from scripts.lib.cohort.audit_table import audit, read_printed
from scripts.lib.job import run
from scripts.lib.tables import write_tsv


def main(snakemake):
    write_tsv(audit(read_printed(snakemake.input.printed)), snakemake.output.audit)


if __name__ == "__main__":
    run(main, snakemake)
