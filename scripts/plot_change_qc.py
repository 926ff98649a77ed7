"""Draw the picture by which a person checks the change between a subject's two visits."""

import numpy as np

from angiolith.change.half_way import half_of
from angiolith.change.picture import change_picture
from angiolith.core.images import matrix_ras, read_image, read_transform
from angiolith.core.tables import MISSING, copy_file, join_reasons, read_tsv, was_made
from angiolith.pictures.canvas import absent, write_png
from angiolith.runtime.job import run


def to_flair(transform, step):
    """4 x 4 from half-way points to a FLAIR's; step: from half-way to the visit's reference."""
    return (matrix_ras(read_transform(transform)) if transform else np.eye(4)) @ step


def caption_of(rows):
    """Growth, shrinkage and net change in words."""
    value = rows.set_index("measure")["change"]
    said = f"WMH +{value['wmh_growth_cm3']:.1f} and -{value['wmh_shrinkage_cm3']:.1f} cm³"
    days = rows["interval_days"].iloc[0]
    return said + (f" in {days:.0f} days" if days == days else "")


def draw(given, sessions, title):
    rows = read_tsv(given["change"])
    if not was_made(given["lesions"]):
        row = rows[rows["measure"] == "wmh_volume_cm3"].iloc[0]
        status = MISSING if row["status"] != row["status"] else row["status"]
        return absent(title, status, join_reasons(row["reason"]))
    half = half_of(matrix_ras(read_transform(given["motion"])))
    steps = (np.linalg.inv(half), half)
    flairs = [read_image(given[f"FLAIR_{visit}"]) for visit in ("first", "second")]
    ways = [
        to_flair(given.get(f"FLAIR_to_reference_{visit}"), step)
        for visit, step in zip(("first", "second"), steps, strict=True)
    ]
    names = [f"ses-{session}" for session in sessions]
    return change_picture(title, caption_of(rows), flairs, ways, read_image(given["lesions"]), names)


def main(snakemake):
    title = f"sub-{snakemake.wildcards.subject}: change between the visits"
    write_png(draw(dict(snakemake.input.items()), snakemake.params.sessions, title), snakemake.output.picture)
    copy_file(snakemake.output.picture, snakemake.output.shown)


if __name__ == "__main__":
    run(main, snakemake)
