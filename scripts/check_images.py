"""Check every image of a subject-session before anything is measured on it."""

from pathlib import Path

from scripts.lib.image_checks import check_image
from scripts.lib.images import ImageError, read_image
from scripts.lib.job import run
from scripts.lib.tables import FAILED, OK, join_reasons, read_json, worst_status, write_json


def check_file(column: str, path: str, settings: dict) -> dict:
    """Check one file; a file that cannot be read is a row that says why."""
    try:
        image = read_image(path)
    except ImageError as error:
        reason = str(error).removeprefix(f"{path}: ")
        return {"path": path, "status": FAILED, "reason": reason, "findings": []}
    sidecar = Path(path.removesuffix(".gz").removesuffix(".nii") + ".json")
    facts = read_json(sidecar) if sidecar.is_file() else {}
    return {"path": path, **check_image(column, image, facts, settings)}


def main(snakemake):
    settings = snakemake.params.settings["check_images"]
    images = {column: check_file(column, path, settings) for column, path in snakemake.params.columns.items()}
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
