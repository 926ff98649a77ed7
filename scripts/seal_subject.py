"""Bundle a finished subject's rows of the cohort's tables, and seal the subject."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from angiolith.core.tables import write_json
from angiolith.runtime.job import run
from angiolith.runtime.records import LOGS, root_of
from angiolith.runtime.seals import write_seal
from angiolith.steps import MEASURES


def bundle(given: Any) -> dict[str, list[str]]:
    """Kind of table -> the texts of the subject's files of that kind, as the cohort's collecting job takes them."""
    return {name: [Path(path).read_text(encoding="utf-8") for path in given.get(name) or []] for name in MEASURES}


def records_of(root: Path, jobs: Iterable[str]) -> list[str]:
    """Names of the records of these jobs (stems of their logs, `<subject>_<session>...`), whatever their rule."""
    with os.scandir(root / LOGS) as rules:
        names = [f"{LOGS}/{rule.name}/{job}.json" for rule in rules if rule.name != "seal_subject" for job in jobs]
    return sorted(name for name in names if (root / name).is_file())


def main(snakemake: Any) -> None:
    given, subject = snakemake.input, snakemake.wildcards.subject
    root = Path(root_of(snakemake.log[0]))
    write_json(bundle(given), snakemake.output.measures)
    write_seal(root, subject, [*given.images, *given.results], records_of(root, snakemake.params.jobs))


if __name__ == "__main__":
    run(main, snakemake)
