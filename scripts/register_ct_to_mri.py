"""Register the CT to the session's reference MRI, rigidly."""

from scripts.lib.job import run
from scripts.lib.register_job import register_pair


def main(snakemake):
    register_pair(snakemake, moving_column="ct")


if __name__ == "__main__":
    run(main, snakemake)
