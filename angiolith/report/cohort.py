"""What the run found, read for the report: sessions, subjects, the cohort's tables and the analyses."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Any

import pandas as pd

from angiolith.cohort.printed_labels import printed_labels
from angiolith.cohort.review import CHANGE, KEYS, picture_keys, read_review
from angiolith.core.cells import row_addresses
from angiolith.core.config import Config
from angiolith.core.inputs import Inputs
from angiolith.core.tables import read_json, read_tsv, was_made
from angiolith.marks.verdicts import waiting
from angiolith.report.analyses import (
    AnalysisView,
    Printed,
    analysis_view,
    printed_changes,
    printed_rows,
    unused_tables,
)
from angiolith.report.analysis_plan import PlanView, read_plan
from angiolith.report.sessions import (
    MEASURES,
    Picture,
    Session,
    cohort_numbers,
    collect_sessions,
)
from angiolith.report.subjects import Subject, collect_subjects
from angiolith.runtime.records import name_in

Verdicts = dict[tuple[str, str, str], dict[str, Any]]
"""The reader's verdicts by (subject, session, picture)."""

PICTURE_KINDS = {".png": "png", ".svg": "svg+xml"}


@dataclass(frozen=True)
class Cohort:
    """All that the pages are filled with."""

    sessions: list[Session]
    subjects: list[Subject]
    numbers: list[Any]
    waits: Mapping[str, int]
    patients: pd.DataFrame | None
    change: pd.DataFrame | None
    changes: Printed | None
    verdicts: Verdicts
    agreement: Printed | None
    analyses: list[AnalysisView]
    unused: list[tuple[str, str, str]]
    plan: PlanView | None


def read_cohort(
    files: Inputs, settings: Config, pairs: Mapping[str, Sequence[str]], texts: Mapping[str, Any], root: Path
) -> Cohort:
    """Read what the run found; root: its output folder.

    Parameters
    ----------
    files : Inputs
        Every file that is read, by what it is.
    settings : Config
        The whole configuration.
    pairs : Mapping[str, Sequence[str]]
        Subject -> its first and last session.
    texts : Mapping[str, Any]
        Texts of the report.
    root : Path
        The output folder.

    Returns
    -------
    Cohort
        What the run found.
    """
    sessions: list[Session] = []
    subjects: list[Subject] = []
    numbers: list[Any] = []
    waits: dict[str, int] = {}
    patients, change, changes, verdicts = None, None, None, {}
    if files["sessions"]:
        manifest = read_tsv(files["manifest"])
        patients, change = (addressed(files[name], root) for name in ("patients", "change"))
        verdicts = read_verdicts(files, manifest, pairs)
        marks = addressed(files["marks"], root)
        waits = waiting(marks)["kind"].value_counts().to_dict()
        sessions = read_sessions(files, root, manifest, patients, marks, verdicts, texts)
        subjects = collect_subjects(sessions, change, change_pictures(pairs, verdicts), texts["measures"])
        numbers = cohort_numbers(patients, texts["measures"], texts["levels"])
        changes = printed_changes(change, texts["cohort"]["change_header"])
    agreement = printed_rows(addressed(files["agreement"], root)) if files["agreement"] else None
    analyses = read_analyses(files, root, settings, texts)
    unused = unused_tables(read_tsv(files["clinical_tables"]) if sessions else None, analyses)
    plan = read_plan(files["analysis_plan"], settings.analyses)
    return Cohort(
        sessions, subjects, numbers, waits, patients, change, changes, verdicts, agreement, analyses, unused, plan
    )


def read_sessions(
    files: Inputs,
    root: Path,
    manifest: pd.DataFrame,
    patients: pd.DataFrame,
    marks: pd.DataFrame,
    verdicts: Verdicts,
    texts: Mapping[str, Any],
) -> list[Session]:
    """The sessions of the manifest that the report is of, with what their checks say.

    Parameters
    ----------
    files : Inputs
        Every file that is read, by what it is.
    root : Path
        The output folder.
    manifest : pd.DataFrame
        The manifest.
    patients : pd.DataFrame
        The patients' table.
    marks : pd.DataFrame
        Table of marks.
    verdicts : Verdicts
        (subject, session, picture) -> row of the review.
    texts : Mapping[str, Any]
        Texts of the report.

    Returns
    -------
    list[Session]
        Sessions.
    """
    keys = [(subject, session) for subject, visits in files["sessions"].items() for session in visits]
    rows = manifest.set_index(["subject", "session"], drop=False).loc[keys].reset_index(drop=True)

    def of_sessions(pattern: str, chosen: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Any]:
        return {key: read_json(str(pattern).format(subject=key[0], session=key[1])) for key in chosen}

    has_ct = rows["ct"].notna() if "ct" in rows and files["registration"] else [False] * len(rows)
    return collect_sessions(
        rows,
        patients,
        addressed(files["lesions"], root),
        of_sessions(files["checks"], keys),
        of_sessions(files["registration"], compress(keys, has_ct)),
        verdicts,
        texts,
        marks,
    )


def read_analyses(files: Inputs, root: Path, settings: Config, texts: Mapping[str, Any]) -> list[AnalysisView]:
    """Every analysis of the configuration with the tables that it has.

    Parameters
    ----------
    files : Inputs
        Every file that is read, by what it is.
    root : Path
        The output folder.
    settings : Config
        The whole configuration.
    texts : Mapping[str, Any]
        Texts of the report.

    Returns
    -------
    list[AnalysisView]
        What the pages show of each analysis.
    """
    if not files["analyses"]:
        return []
    attrition = addressed(files["attrition"], root, dtype={"excluded_subjects": str, "waiting_subjects": str})
    missing = read_tsv(files["missing_columns"])
    units = {measure.column: measure.unit for measure in MEASURES}
    measures = {
        name: f"{label}, {units[name]}" if units.get(name) else label for name, label in texts["measures"].items()
    }
    return [
        analysis_view(
            name,
            settings.analyses[name],
            attrition,
            {part: read_part(part, path, root) for part, path in entry["tables"].items() if was_made(path)}
            | {"missing": missing[missing["analysis"] == name].drop(columns="analysis")},
            texts["cohort"],
            embedded(entry["flow"]),
            {part: embedded(path) for part, path in entry["figures"].items() if was_made(path)},
            measures
            | printed_labels(settings.analyses[name].labels, settings.analyses[name].columns, files["dictionaries"]),
        )
        for name, entry in files["analyses"].items()
    ]


def read_part(part: str, path: str, root: Path) -> pd.DataFrame:
    """A table of an analysis: the analysed rows as they are, what is printed as text, all but these with addresses.

    Parameters
    ----------
    part : str
        Name of the table.
    path : str
        Path of the file.
    root : Path
        The output folder.

    Returns
    -------
    pd.DataFrame
        The table.
    """
    if part == "data":
        return read_tsv(path)
    return addressed(path, root, dtype=str).fillna("") if part.endswith("_printed") else addressed(path, root)


def read_verdicts(files: Inputs, manifest: pd.DataFrame, pairs: Mapping[str, Sequence[str]]) -> Verdicts:
    """The rows of the review by (subject, session, picture).

    Parameters
    ----------
    files : Inputs
        Every file that is read, by what it is.
    manifest : pd.DataFrame
        The manifest.
    pairs : Mapping[str, Sequence[str]]
        Subject -> its first and last session.

    Returns
    -------
    Verdicts
        (subject, session, picture) -> row of the review.
    """
    if not files["review"]:
        return {}
    review = read_review(files["review"], picture_keys(manifest, pairs))
    return {tuple(row[key] for key in KEYS): row for row in review.to_dict("records")}


def change_pictures(pairs: Mapping[str, Sequence[str]], verdicts: Verdicts) -> dict[str, Picture]:
    """Subject -> the picture of its two visits.

    Parameters
    ----------
    pairs : Mapping[str, Sequence[str]]
        Subject -> its first and last session.
    verdicts : Verdicts
        (subject, session, picture) -> row of the review.

    Returns
    -------
    dict[str, Picture]
        Subject -> picture.
    """
    return {
        subject: Picture(
            CHANGE, f"pictures/sub-{subject}_desc-change_qc.png", verdicts.get((subject, visits[-1], CHANGE))
        )
        for subject, visits in pairs.items()
    }


def embedded(path: str | Path) -> str:
    """A small picture as a data URI.

    Parameters
    ----------
    path : str | Path
        Path of the file.

    Returns
    -------
    str
        A data URI.
    """
    kind = PICTURE_KINDS[Path(path).suffix]
    return f"data:image/{kind};base64," + base64.b64encode(Path(path).read_bytes()).decode("ascii")


def addressed(path: str | Path, root: Path, **types: Any) -> pd.DataFrame:
    """A table of the run; its index are the addresses that `trace` takes for its rows.

    Parameters
    ----------
    path : str | Path
        Path of the file.
    root : Path
        The output folder.
    **types : Any
        Passed on to `read_tsv`.

    Returns
    -------
    pd.DataFrame
        The table.
    """
    addresses = row_addresses(name_in(root, path), read_tsv(path, dtype=str))
    return read_tsv(path, **types).set_axis(addresses, axis="index")
