"""Measure the calcification: one table per lesion, per artery and side, and per patient."""

from typing import Any

import numpy as np
import pandas as pd

from angiolith.arteries.centrelines import from_table
from angiolith.calcification.columns import ARTERIES, LESIONS, PATIENTS
from angiolith.calcification.measure import (
    labelled,
    measure_arteries,
    measure_lesions,
    measure_patient,
    refused,
)
from angiolith.core.images import read_ct, read_image, require_same_grid
from angiolith.core.settings.calcification import (
    CalcificationGradeSettings,
    CalcificationMeasureSettings,
    SeveritySettings,
)
from angiolith.core.settings.section import step_settings
from angiolith.core.tables import OK, REVIEW, join_reasons, read_json, read_tsv, was_made, write_tsv
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    out = snakemake.output
    who = (snakemake.wildcards.subject, snakemake.wildcards.session)
    facts = read_json(snakemake.input.facts)
    if not was_made(snakemake.input.lesions):
        for path, columns in (
            (out.lesions, LESIONS),
            (out.arteries, ARTERIES),
            (out.patient, PATIENTS),
        ):
            write_tsv(refused(*who, facts["status"], facts["reason"], columns), path)
        return
    ct, region, labels = (read(path) for read, path in _images(snakemake.input))
    require_same_grid(ct, region, "CT and artery map")
    require_same_grid(ct, labels, "CT and calcification map")
    lines = from_table(read_tsv(snakemake.input.centrelines))
    sources = {(row.artery, row.side): row.source for row in read_tsv(snakemake.input.lookup).itertuples()}
    contact = {int(label): fact["bone_contact_share"] for label, fact in facts["lesions"].items()}
    settings = step_settings(snakemake.params.settings, CalcificationMeasureSettings)
    grades = step_settings(snakemake.params.settings, CalcificationGradeSettings)
    hu_min = facts["hu_min"]  # the threshold that was really used
    region = region.with_data(region.data.astype(np.uint8))
    slice_mm = facts["slice_thickness_mm"]
    lesions = measure_lesions(
        ct, labels.data.astype(np.uint16), region.data, lines, contact, hu_min, settings, grades, slice_mm
    )
    arteries = measure_arteries(
        lesions, lines, sources, region, step_settings(snakemake.params.settings, SeveritySettings)
    )
    patient = measure_patient(arteries)
    if facts["status"] == REVIEW and patient["status"] == OK:
        patient["status"] = REVIEW
    patient["reason"] = join_reasons(facts["reason"], patient["reason"])
    write_tsv(labelled(lesions, *who, LESIONS), out.lesions)
    write_tsv(labelled(arteries, *who, ARTERIES), out.arteries)
    write_tsv(labelled(pd.DataFrame([patient]), *who, PATIENTS), out.patient)


def _images(files):
    return (read_ct, files.ct), (read_image, files.region), (read_image, files.lesions)


if __name__ == "__main__":
    run(main, snakemake)
