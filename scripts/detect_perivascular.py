"""Detect perivascular spaces on T2w or T1w; table and label map lie in the space of that image."""

from typing import Any

from angiolith.core.images import write_made
from angiolith.core.settings.lacunes import LacuneDetectSettings
from angiolith.core.settings.perivascular import PvsDetectSettings, PvsGradeSettings, PvsToolSettings
from angiolith.core.settings.section import step_settings
from angiolith.runtime.job import run
from angiolith.small_vessel.perivascular.session import pvs_of


def main(snakemake: Any) -> None:
    out, settings = snakemake.output, snakemake.params.settings
    keys = {"subject": snakemake.wildcards.subject, "session": snakemake.wildcards.session}
    found = pvs_of(
        snakemake.input,
        step_settings(settings, PvsDetectSettings),
        step_settings(settings, PvsGradeSettings),
        step_settings(settings, LacuneDetectSettings),
        step_settings(settings, PvsToolSettings),
        settings["perivascular"]["count"],
        snakemake.params.decisions,
    )
    found.write(keys, out.table, out.labels, out.facts)
    write_made(found.found, out.found)


if __name__ == "__main__":
    run(main, snakemake)
