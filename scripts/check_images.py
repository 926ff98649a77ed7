"""Check every image of a subject-session before anything is measured on it."""

from pathlib import Path

from angiolith.core.image_checks import check_image, note_copies
from angiolith.core.images import ImageError, read_image
from angiolith.core.names import beside
from angiolith.core.settings.check_images import CheckImagesSettings
from angiolith.core.settings.section import step_settings
from angiolith.core.tables import FAILED, OK, join_reasons, read_json, worst_status, write_json
from angiolith.runtime.job import run


def check_file(column: str, path: str, settings: CheckImagesSettings) -> dict:
    """Check one file; a file that cannot be read is a row that says why."""
    try:
        image = read_image(path)
    except ImageError as error:
        reason = str(error).removeprefix(f"{path}: ")
        return {"path": path, "status": FAILED, "reason": reason, "findings": []}
    facts, told = read_sidecar(Path(beside(path, ".json")))
    return {"path": path, **check_image(column, image, facts, settings, told)}


def read_sidecar(path: Path) -> tuple[dict, list[str]]:
    """What the JSON beside an image says, and what to tell of one that cannot be read."""
    try:
        facts = read_json(path) if path.is_file() else {}
        if isinstance(facts, dict):
            return facts, []
    except ValueError:  # no JSON, or not UTF-8
        pass
    return {}, [
        "review: the JSON beside it cannot be read: tube voltage and slice thickness are unknown; write it again"
    ]


def main(snakemake):
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
