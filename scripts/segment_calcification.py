"""Segment the calcification of the arteries on the native CT grid."""

from typing import Any

from angiolith.calcification.session import segment_session
from angiolith.core.images import write_image
from angiolith.core.settings.arteries import ArteryRegionSettings
from angiolith.core.settings.calcification import CalcificationSegmentSettings, CalciumThresholdSettings
from angiolith.core.settings.section import step_settings
from angiolith.core.tables import write_json, write_not_made
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    settings, out = snakemake.params.settings, snakemake.output
    lesions, facts = segment_session(
        snakemake.input,
        step_settings(settings, CalciumThresholdSettings),
        step_settings(settings, CalcificationSegmentSettings),
        step_settings(settings, ArteryRegionSettings).wall_margin_mm,
    )
    if lesions is None:
        write_not_made(out.lesions)
    else:
        write_image(lesions.data, lesions.affine, out.lesions)
    write_json(facts, out.facts)


if __name__ == "__main__":
    run(main, snakemake)
