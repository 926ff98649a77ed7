"""Trace lumen and wall between the points that a reader set on a vessel: one more reader, "tool"."""

from pathlib import Path
from typing import Any

import numpy as np

from angiolith.core.images import read_image, write_image
from angiolith.core.inputs import refusal
from angiolith.core.settings.section import step_settings
from angiolith.core.settings.vessel_wall import WallTraceSettings
from angiolith.core.tables import FAILED, REVIEW, read_json, write_json, write_not_made
from angiolith.runtime.job import run
from angiolith.vessel_wall.parts import DrawingError
from angiolith.vessel_wall.polygons import read_points
from angiolith.vessel_wall.tracing import trace


def main(snakemake: Any) -> None:
    given, made = snakemake.input, snakemake.output
    problem = refusal(read_json(given.checks), "vwi")
    try:
        if problem:
            raise DrawingError(problem)
        points = read_points(Path(given.points))
        labels = trace(read_image(given.vwi), points, step_settings(snakemake.params.settings, WallTraceSettings))
        write_image(np.asarray(labels.data), labels.affine, made.labels)
        facts = {"status": REVIEW, "reason": "traced by the tool: look at the contours"}
    except DrawingError as error:
        write_not_made(made.labels)
        facts = {"status": FAILED, "reason": str(error)}
    write_json(facts, made.facts)


if __name__ == "__main__":
    run(main, snakemake)
