"""Check every image of a subject-session before anything is measured on it."""

from typing import Any

from angiolith.core.image_checks import check_file, note_copies
from angiolith.core.settings.check_images import CheckImagesSettings
from angiolith.core.settings.section import step_settings
from angiolith.core.tables import OK, join_reasons, worst_status, write_json
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    settings = step_settings(snakemake.params.settings, CheckImagesSettings)
    images = {column: check_file(column, path, settings) for column, path in snakemake.params.columns.items()}
    note_copies(images)
    content = {
        "subject": snakemake.wildcards.subject,
        "session": snakemake.wildcards.session,
        "status": worst_status(*(found["status"] for found in images.values())) if images else OK,
        "reason": join_reasons(
            *(f"{column}: {found['reason']}" for column, found in images.items() if found["reason"])
        ),
        "images": images,
    }
    write_json(content, snakemake.output.checks)


if __name__ == "__main__":
    run(main, snakemake)
