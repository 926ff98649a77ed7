"""Measure the calcification, with what readers decided: a table per lesion, per artery and side, and per patient."""

from typing import Any

from angiolith.calcification.session import measure_session
from angiolith.core.images import write_made
from angiolith.core.settings.calcification import (
    CalcificationGradeSettings,
    CalcificationMeasureSettings,
    SeveritySettings,
)
from angiolith.core.settings.section import step_settings
from angiolith.core.tables import write_tsv
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    settings, out = snakemake.params.settings, snakemake.output
    found, marks = measure_session(
        snakemake.input,
        snakemake.wildcards.subject,
        snakemake.wildcards.session,
        step_settings(settings, CalcificationMeasureSettings),
        step_settings(settings, CalcificationGradeSettings),
        step_settings(settings, SeveritySettings),
        settings["calcification"]["count"],
        snakemake.params.decisions,
    )
    write_tsv(found.lesions, out.lesions)
    write_tsv(found.arteries, out.arteries)
    write_tsv(found.patient, out.patient)
    write_made(marks, out.marks)


if __name__ == "__main__":
    run(main, snakemake)
