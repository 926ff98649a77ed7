"""The cohort's tables from the subjects' measures, the clinical tables and a reader's review."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
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
    readers_of,
)
from angiolith.cohort.image_status import image_status
from angiolith.cohort.ratings import ratings_table
from angiolith.cohort.review import judged, judged_changes, picture_keys, read_review, taken_out, without_calcium
from angiolith.core.inputs import Inputs
from angiolith.core.settings.burden import CaaScoreSettings, SvdScoreSettings
from angiolith.core.settings.vessel_wall import CulpritSettings
from angiolith.core.tables import FOUND, read_json, read_tsv
from angiolith.marks.decisions import read_decisions
from angiolith.marks.found import PARTS
from angiolith.marks.kinds import KINDS, PLAQUE
from angiolith.marks.verdicts import in_order, readings
from angiolith.small_vessel.burden.scores import burden_table, with_scores
from angiolith.vessel_wall.parts import TOOL

STATE = (*KEYS, "status", "reason")
COLUMNS = {  # kind of measure: what it is called here, and the columns that its table has at least
    "calcification": ("calcification", STATE),
    "calcification_arteries": ("arteries", (*STATE, "artery", "side", "volume_mm3", "mean_hu", "woodcock")),
    "calcification_lesions": (
        "calcium",
        (*STATE, "lesion", "artery", "side", "volume_mm3", "max_hu", "kockelkoren_score", "spotty", "counted"),
    ),
    "small_vessel": ("small vessel", STATE),
    "acute": ("acute lesions", STATE),
    "plaque": (
        "vessel wall",
        (*STATE, "lesion", "reader", "artery", "side", "stenosis_percent", "calcium_volume_mm3"),
    ),
    "change": ("changes", CHANGE_COLUMNS),
}
MARK_COLUMNS = [
    *("subject", "session", "lesion", "mark", "artery", "side", "volume_mm3", "max_hu"),
    *("counted", "certainty", "decided_by", "status", "reason", "kind", "diameter_mm", "probability"),
    "stenosis_percent",
    *(f"{FOUND}{name}" for name in PARTS),
]
REVIEWED_WITH = {"arteries": "calcification", "calcium": "calcification", "acute lesions": "small vessel"}
Tables = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Gathered:
    """The cohort's tables; marks: every mark of every kind as measured; clinical: what was used of each clinical
    table; burden: points and scores of small-vessel disease by session and rater."""

    patients: pd.DataFrame
    lesions: pd.DataFrame
    change: pd.DataFrame
    ratings: pd.DataFrame
    marks: pd.DataFrame
    clinical: pd.DataFrame
    burden: pd.DataFrame


@dataclass(frozen=True)
class Rules:
    """By which rules culprits are judged and scores are given."""

    culprit: CulpritSettings
    svd_score: SvdScoreSettings
    caa_score: CaaScoreSettings


def gather(given: Inputs, subjects: Sequence[str] | None, pairs: Mapping[str, Sequence[str]], rules: Rules) -> Gathered:
    """Join all measures, the participants and the ratings; subjects: only these; pairs: subject -> its two visits.

    Measures that a reader's review took out are missing, with the reason.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    subjects : Sequence[str] | None
        Labels of the subjects that are taken; None for all.
    pairs : Mapping[str, Sequence[str]]
        Subject -> its first and last session.
    rules : Rules
        Settings of the tables.

    Returns
    -------
    Gathered
        The cohort's tables.
    """
    manifest = read_tsv(given["manifest"], dtype=str)
    review = read_review(given["review"], picture_keys(manifest, pairs)) if given.get("review") else None
    visits = list(zip(manifest["subject"], manifest["session"], strict=True))
    if subjects is not None:
        manifest = manifest[manifest["subject"].isin(subjects)].reset_index(drop=True)
    clinical = ClinicalTables(given.get("participants"), given.get("phenotype") or [], visits)
    texts = measures_of(given["measures"])
    images = image_status(map(json.loads, texts["checks"]))
    measured = {name: read_all(texts[kind], columns) for kind, (name, columns) in COLUMNS.items()}

    def cohort(tables: Tables) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The patients' and the lesions' table."""
        patients = patients_table(
            manifest,
            clinical.participants,
            clinical.ratings,
            calcification=tables["calcification"],
            arteries=tables["arteries"],
            small_vessel=tables["small vessel"],
            acute=tables["acute lesions"],
            changes=tables["changes"],
            images=images,
        )
        patients = with_scores(patients, scores(patients), TOOL)
        return patients, lesions_table(manifest, patients, tables["vessel wall"], tables["calcium"], rules.culprit)

    def scores(patients: pd.DataFrame) -> pd.DataFrame:
        return burden_table(patients, readers_of(clinical.ratings), rules.svd_score, rules.caa_score, TOOL)

    marks = marks_table({name: read_all(texts[kind.measure], STATE) for name, kind in KINDS.items()})
    patients, lesions = clinical.fit(lambda: cohort(measured))
    if review is not None:
        patients, lesions, measured = reviewed(patients, lesions, measured, review, cohort)
    read = readings(read_decisions(given.get("decisions") or [], set(visits)))
    ratings = ratings_table(measured["vessel wall"], clinical.ratings, patients, read)
    changes = change_rows(manifest, measured["changes"])
    return Gathered(patients, lesions, changes, ratings, marks, clinical.account(), scores(patients))


def marks_table(tables: Tables) -> pd.DataFrame:
    """Every mark of the cohort with what is held of it (columns MARK_COLUMNS): kind by kind, and in each session first
    those that wait for a reader. tables: of all subjects, by kind of mark; `lesion`: the mark's number of its kind.

    Parameters
    ----------
    tables : Tables
        Kind of mark -> marks of all subjects.

    Returns
    -------
    pd.DataFrame
        One row per mark.
    """
    parts = []
    for name, table in tables.items():
        number = KINDS[name].number
        found = table.reindex(columns=[*table.columns, *{number, *MARK_COLUMNS} - {*table.columns}])
        found = found[found[number].notna()].drop_duplicates([*KEYS, number])  # plaques have a row per reader
        found = found[found["mark"].notna()] if KINDS[name] == PLAQUE else found  # without: not measured
        found = found.assign(lesion=found[number].astype(int), counted=found["counted"] == 1, kind=name)
        parts += [in_order(part[MARK_COLUMNS]) for _, part in found.groupby(KEYS, sort=False)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=MARK_COLUMNS)


def reviewed(
    patients: pd.DataFrame,
    lesions: pd.DataFrame,
    measured: Tables,
    review: Any,
    cohort: Callable[[Tables], tuple[pd.DataFrame, pd.DataFrame]],
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, pd.DataFrame]]:
    """Patients, lesions and measures without what the review took out.

    Parameters
    ----------
    patients : pd.DataFrame
        The patients' table without the review.
    lesions : pd.DataFrame
        The lesions' table without the review.
    measured : Tables
        Kind of measure -> table of all subjects.
    review : Any
        The reader's verdicts.
    cohort : Callable[[Tables], tuple[pd.DataFrame, pd.DataFrame]]
        Makes the patients' and the lesions' table from measures.

    Returns
    -------
    tuple[pd.DataFrame, pd.DataFrame, dict[str, pd.DataFrame]]
        Patients, lesions and measures with the review.
    """
    kept = {
        name: judged_changes(table, review)
        if name == "changes"
        else judged(table, review, REVIEWED_WITH.get(name, name))
        for name, table in measured.items()
    }
    kept["vessel wall"] = without_calcium(kept["vessel wall"], review)
    judged_patients, judged_lesions = cohort(kept)
    return (
        taken_out(patients, judged_patients, review),
        taken_out(lesions, judged_lesions.reset_index(drop=True), review),
        kept,
    )


def read_all(texts: Iterable[str], columns: Sequence[str]) -> pd.DataFrame:
    """The rows of all tables (TSV texts) below each other, with at least these columns.

    Tables of one header are parsed at once: that is ten times as fast as one by one, and their columns get one type.

    Parameters
    ----------
    texts : Iterable[str]
        TSV texts.
    columns : Sequence[str]
        Columns that the table must have.

    Returns
    -------
    pd.DataFrame
        One table.
    """
    bodies: dict[str, list[str]] = {}
    for text in texts:
        header, _, body = text.partition("\n")
        bodies.setdefault(header, []).append(body)
    joined: list[Any] = [StringIO("".join([header, "\n", *parts])) for header, parts in bodies.items()]
    tables = [as_measured(read_tsv(text)) for text in joined]
    names = list(dict.fromkeys([*columns, *(name for table in tables for name in table.columns)]))
    return pd.concat(tables, ignore_index=True).reindex(columns=names) if tables else pd.DataFrame(columns=names)


def measures_of(paths: Iterable[str]) -> dict[str, list[str]]:
    """Kind of table -> the texts of all subjects' tables of that kind, in the subjects' order.

    Parameters
    ----------
    paths : Iterable[str]
        Paths of the subjects' measures.json.

    Returns
    -------
    dict[str, list[str]]
        Kind -> TSV texts.
    """
    texts: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        for kind, tables in read_json(path).items():
            texts[kind] += tables
    return texts
