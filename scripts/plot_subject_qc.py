"""Draw the pictures by which a person checks a subject-session."""

from typing import Any

from angiolith.pictures.canvas import write_png
from angiolith.report.session_pictures import session_pictures
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    title = f"sub-{snakemake.wildcards.subject} ses-{snakemake.wildcards.session}"
    for name, picture in session_pictures(dict(snakemake.input.items()), title, snakemake.params.reference):
        write_png(picture, snakemake.output[name])


if __name__ == "__main__":
    run(main, snakemake)
