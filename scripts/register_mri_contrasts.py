"""Register another MRI contrast of the session to its reference MRI, rigidly."""

from typing import Any

from angiolith.registration.job import register_pair
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    register_pair(snakemake, moving_column=snakemake.wildcards.contrast)


if __name__ == "__main__":
    run(main, snakemake)
