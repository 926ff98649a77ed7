"""Measure the WMH mask and gather the session's small-vessel markers in one row."""

from typing import Any

import pandas as pd

from angiolith.core.settings.lacunes import LacuneReviewSettings
from angiolith.core.settings.location import PlaceSettings
from angiolith.core.settings.microbleeds import MicrobleedReviewSettings
from angiolith.core.settings.section import step_settings
from angiolith.core.settings.wmh import WmhGradeSettings, WmhMeasureSettings, WmhReviewSettings
from angiolith.core.tables import write_tsv
from angiolith.runtime.job import run
from angiolith.small_vessel.markers import ReviewLimits, markers_row


def main(snakemake: Any) -> None:
    settings = snakemake.params.settings
    limits = ReviewLimits(
        step_settings(settings, WmhReviewSettings),
        step_settings(settings, MicrobleedReviewSettings),
        step_settings(settings, LacuneReviewSettings),
    )
    row = markers_row(
        snakemake.input,
        step_settings(settings, WmhMeasureSettings),
        step_settings(settings, WmhGradeSettings),
        limits,
        step_settings(settings, PlaceSettings),
    )
    keys = {"subject": snakemake.wildcards.subject, "session": snakemake.wildcards.session}
    write_tsv(pd.DataFrame([keys | row]), snakemake.output.metrics)


if __name__ == "__main__":
    run(main, snakemake)
