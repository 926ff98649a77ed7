"""Check every image of a subject-session before anything is measured on it."""

from typing import Any

from angiolith.core.image_checks import check_file, needs_review, note_copies
from angiolith.core.settings.check_images import CheckImagesSettings
from angiolith.core.settings.section import step_settings
from angiolith.core.tables import OK, REVIEW, join_reasons, worst_status, write_json
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    settings = step_settings(snakemake.params.settings, CheckImagesSettings)
    columns, sidecars, notes = snakemake.params.columns, snakemake.params.sidecars, snakemake.params.notes
    images = {column: check_file(column, path, settings, sidecars[column]) for column, path in columns.items()}
    note_copies(images)
    content = {
        "subject": snakemake.wildcards.subject,
        "session": snakemake.wildcards.session,
        "status": worst_status(*(found["status"] for found in images.values()), REVIEW if needs_review(notes) else OK),
        "reason": join_reasons(
            *(f"{column}: {found['reason']}" for column, found in images.items() if found["reason"]), *notes
        ),
        "notes": notes,
        "images": images,
    }
    write_json(content, snakemake.output.checks)


if __name__ == "__main__":
    run(main, snakemake)
