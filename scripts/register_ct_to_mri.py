"""Register the CT to the session's reference MRI, rigidly."""

from typing import Any

from angiolith.registration.job import register_pair
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    register_pair(snakemake, moving_column="ct")


if __name__ == "__main__":
    run(main, snakemake)
