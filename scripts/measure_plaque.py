"""Measure every drawn lesion of the vessel wall: areas, thickness, stenosis, remodelling, calcium, enhancement."""

from typing import Any

import pandas as pd

from angiolith.core.settings.section import step_settings
from angiolith.core.settings.vessel_wall import WallConsensusSettings, WallGradeSettings, WallMeasureSettings
from angiolith.core.tables import write_tsv
from angiolith.runtime.job import run
from angiolith.vessel_wall.consensus import consensus
from angiolith.vessel_wall.decide import decided_plaques
from angiolith.vessel_wall.inputs import measure_drawings
from angiolith.vessel_wall.session import OUTLINE_COLUMNS, plaque_table


def main(snakemake: Any) -> None:
    settings, out = snakemake.params.settings, snakemake.output
    grades = step_settings(settings, WallGradeSettings)
    rows, outlines = measure_drawings(
        dict(snakemake.input.items()), step_settings(settings, WallMeasureSettings), grades
    )
    plaques = plaque_table(rows, snakemake.wildcards.subject, snakemake.wildcards.session)
    plaques = decided_plaques(plaques, outlines, snakemake.params.decisions)
    write_tsv(plaques, out.metrics)
    write_tsv(consensus(plaques, step_settings(settings, WallConsensusSettings), grades), out.consensus)
    write_tsv(pd.DataFrame(outlines, columns=OUTLINE_COLUMNS), out.contours)


if __name__ == "__main__":
    run(main, snakemake)
