"""Detect lacunes on T1w and FLAIR; the label map lies on the native FLAIR grid, the table's points in T1w space."""

from typing import Any

from angiolith.core.settings.lacunes import LacuneDetectSettings, LacuneToolSettings
from angiolith.core.settings.section import step_settings
from angiolith.runtime.job import run
from angiolith.small_vessel.lacunes.session import lacunes_of


def main(snakemake: Any) -> None:
    out, settings = snakemake.output, snakemake.params.settings
    keys = {"subject": snakemake.wildcards.subject, "session": snakemake.wildcards.session}
    found = lacunes_of(
        snakemake.input,
        step_settings(settings, LacuneDetectSettings),
        step_settings(settings, LacuneToolSettings),
    )
    found.write(keys, out.table, out.labels, out.facts)


if __name__ == "__main__":
    run(main, snakemake)
