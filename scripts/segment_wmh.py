"""Segment white matter hyperintensities on the native FLAIR, or take a mask made elsewhere; label the tissues."""

from typing import Any

from angiolith.core.images import write_made
from angiolith.core.settings.brain import BrainSettings, BrainToolSettings
from angiolith.core.settings.section import step_settings
from angiolith.core.settings.wmh import WmhSegmentSettings, WmhToolSettings
from angiolith.core.tables import write_json
from angiolith.runtime.job import run
from angiolith.small_vessel.wmh.session import wmh_of


def main(snakemake: Any) -> None:
    settings, out = snakemake.params.settings, snakemake.output
    found = wmh_of(
        snakemake.input,
        step_settings(settings, WmhSegmentSettings),
        step_settings(settings, WmhToolSettings),
        step_settings(settings, BrainSettings),
        step_settings(settings, BrainToolSettings),
    )
    for image, path in ((found.mask, out.mask), (found.probability, out.probability), (found.tissues, out.tissues)):
        write_made(image, path)
    write_json(found.facts, out.facts)


if __name__ == "__main__":
    run(main, snakemake)
