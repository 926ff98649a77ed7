"""Draw the picture by which a person checks the change between a subject's two visits."""

from typing import Any

from angiolith.change.subject_picture import draw_change
from angiolith.core.tables import copy_file
from angiolith.pictures.canvas import write_png
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    title = f"sub-{snakemake.wildcards.subject}: change between the visits"
    picture = draw_change(dict(snakemake.input.items()), snakemake.params.sessions, title)
    write_png(picture, snakemake.output.picture)
    copy_file(snakemake.output.picture, snakemake.output.shown)


if __name__ == "__main__":
    run(main, snakemake)
