"""Build the report: pages of the cohort, of every subject, of what went wrong, of the methods and of the review."""

from pathlib import Path
from typing import Any

from angiolith.core.config import Config
from angiolith.report.build import Written, build_report
from angiolith.runtime.job import run


def main(snakemake: Any) -> list[str]:
    params, output = snakemake.params, snakemake.output
    written = Written(
        page=Path(output.page),
        methods=Path(output.methods),
        errors=Path(output.errors[0]) if output.errors else None,
        review=Path(output.review[0]) if output.review else None,
        marks=Path(output.marks[0]) if output.marks else None,
        analyses=[Path(path) for path in output.analyses],
        assets=[Path(path) for path in output.assets],
    )
    settings = Config.model_validate(params.settings)
    return build_report(params.files, settings, params.pairs, params.version, written, snakemake.input.niivue)


if __name__ == "__main__":
    run(main, snakemake)
