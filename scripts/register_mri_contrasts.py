"""Register another MRI contrast of the session to its reference MRI, rigidly."""

from scripts.lib.job import run
from scripts.lib.register_job import register_pair


def main(snakemake):
    register_pair(snakemake, moving_column=snakemake.wildcards.contrast)


if __name__ == "__main__":
    run(main, snakemake)
