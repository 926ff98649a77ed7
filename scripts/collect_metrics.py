"""Join all measures, the participants and the ratings into the cohort's tables."""

import json
from collections import defaultdict
from io import StringIO
from typing import Any

import pandas as pd

from angiolith.cohort.clinical import ClinicalTables
from angiolith.cohort.collect import (
    CHANGE_COLUMNS,
    KEYS,
    as_measured,
    change_rows,
    lesions_table,
    patients_table,
)
from angiolith.cohort.image_status import image_status
from angiolith.cohort.ratings import ratings_table
from angiolith.cohort.review import judged, judged_changes, picture_keys, read_review, taken_out, without_calcium
from angiolith.core.settings.section import step_settings
from angiolith.core.settings.vessel_wall import CulpritSettings
from angiolith.core.tables import read_json, read_tsv, write_tsv
from angiolith.runtime.job import run, tell

ARTERY_COLUMNS = ["artery", "side", "volume_mm3", "mean_hu", "woodcock"]
CALCIUM_COLUMNS = ["lesion", "artery", "side", "volume_mm3", "max_hu", "kockelkoren_score", "spotty"]


def read_all(texts, columns):
    """The rows of all tables (TSV texts) below each other, with at least these columns.

    Tables of one header are parsed at once: that is ten times as fast as one by one, and their columns get one type.
    """
    bodies: dict[str, list[str]] = {}
    for text in texts:
        header, _, body = text.partition("\n")
        bodies.setdefault(header, []).append(body)
    joined: list[Any] = [StringIO("".join([header, "\n", *parts])) for header, parts in bodies.items()]
    tables = [as_measured(read_tsv(text)) for text in joined]
    names = list(dict.fromkeys([*columns, *(name for table in tables for name in table.columns)]))
    return pd.concat(tables, ignore_index=True).reindex(columns=names) if tables else pd.DataFrame(columns=names)


def measures_of(paths):
    """Kind of table -> the texts of all subjects' tables of that kind, in the subjects' order."""
    texts: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        for kind, tables in read_json(path).items():
            texts[kind] += tables
    return texts


def main(snakemake):
    given = snakemake.input
    manifest = read_tsv(given.manifest, dtype=str)
    subjects = snakemake.params.settings["subjects"]
    review = None
    if given.get("review"):
        review = read_review(given.review, picture_keys(manifest, snakemake.params.pairs))
    if subjects is not None:
        manifest = manifest[manifest["subject"].isin(subjects)].reset_index(drop=True)
    clinical = ClinicalTables(given.get("participants"), given.get("phenotype") or [], manifest["subject"])
    state = [*KEYS, "status", "reason"]
    measures = measures_of(given.measures)
    images = image_status(map(json.loads, measures["checks"]))
    measured = {
        "calcification": read_all(measures["calcification"], state),
        "arteries": read_all(measures["calcification_arteries"], [*state, *ARTERY_COLUMNS]),
        "calcium": read_all(measures["calcification_lesions"], [*state, *CALCIUM_COLUMNS]),
        "small vessel": read_all(measures["small_vessel"], state),
        "vessel wall": read_all(
            measures["plaque"], [*state, "lesion", "reader", "artery", "side", "stenosis_percent", "calcium_volume_mm3"]
        ),
        "changes": read_all(measures["change"], CHANGE_COLUMNS),
    }

    def cohort(tables):
        """The patients' and the lesions' table."""
        patients = patients_table(
            manifest,
            clinical.participants,
            clinical.ratings,
            calcification=tables["calcification"],
            arteries=tables["arteries"],
            small_vessel=tables["small vessel"],
            changes=tables["changes"],
            images=images,
        )
        criteria = step_settings(snakemake.params.settings, CulpritSettings)
        return patients, lesions_table(manifest, patients, tables["vessel wall"], tables["calcium"], criteria)

    patients, lesions = clinical.fit(lambda: cohort(measured))
    if review is not None:
        kinds = {"arteries": "calcification", "calcium": "calcification"}
        kept = {
            name: judged_changes(table, review) if name == "changes" else judged(table, review, kinds.get(name, name))
            for name, table in measured.items()
        }
        kept["vessel wall"] = without_calcium(kept["vessel wall"], review)
        judged_patients, judged_lesions = cohort(kept)
        patients = taken_out(patients, judged_patients, review)
        lesions = taken_out(lesions, judged_lesions.reset_index(drop=True), review)
        measured = kept
    write_tsv(patients, snakemake.output.patients)
    write_tsv(lesions, snakemake.output.lesions)
    write_tsv(change_rows(manifest, measured["changes"]), snakemake.output.change)
    write_tsv(ratings_table(measured["vessel wall"], clinical.ratings, patients), snakemake.output.ratings)
    account = clinical.account()
    write_tsv(account, snakemake.output.clinical)
    for reason in account["reason"].dropna():
        tell(f"left out: {reason}")


if __name__ == "__main__":
    run(main, snakemake)
