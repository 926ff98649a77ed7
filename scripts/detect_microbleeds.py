"""Detect microbleeds on T2* or SWI; a session without either gets no count, and the reason."""

from typing import Any

from angiolith.core.settings.microbleeds import MicrobleedDetectSettings, MicrobleedToolSettings
from angiolith.core.settings.section import step_settings
from angiolith.runtime.job import run
from angiolith.small_vessel.microbleeds.session import microbleeds_of


def main(snakemake: Any) -> None:
    out, settings = snakemake.output, snakemake.params.settings
    keys = {"subject": snakemake.wildcards.subject, "session": snakemake.wildcards.session}
    found = microbleeds_of(
        snakemake.input,
        step_settings(settings, MicrobleedDetectSettings),
        step_settings(settings, MicrobleedToolSettings),
    )
    found.write(keys, out.table, out.labels, out.facts)


if __name__ == "__main__":
    run(main, snakemake)
