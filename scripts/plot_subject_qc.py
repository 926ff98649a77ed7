"""Draw the pictures by which a person checks a subject-session."""

from typing import Any

from matplotlib.figure import Figure

from angiolith.pictures.canvas import save_png, write_png
from angiolith.report.mark_pictures import session_montages
from angiolith.report.session_pictures import session_pictures
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    title = f"sub-{snakemake.wildcards.subject} ses-{snakemake.wildcards.session}"
    given = dict(snakemake.input.items())
    for name, picture in session_pictures(given, title, snakemake.params.reference):
        write_png(picture, snakemake.output[name])
    for name, marks in session_montages(given, title):
        if isinstance(marks, Figure):  # says why there is nothing to see
            write_png(marks, snakemake.output[name])
        else:
            save_png(marks, snakemake.output[name])


if __name__ == "__main__":
    run(main, snakemake)
