"""What the report says of each subject-session: stages with status and reason, numbers with units, pictures."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from scripts.lib.cohort.layout import number_text
from scripts.lib.manifest import IMAGE_COLUMNS
from scripts.lib.tables import MISSING, STATUSES, join_reasons, worst_status

STAGES = ("images", "registration", "calcification", "small vessel", "vessel wall")
PICTURES = {
    "registration": "Registration",
    "calcification": "Calcification",
    "wmh": "White matter hyperintensities",
    "wall": "Vessel wall",
}


@dataclass(frozen=True)
class Measure:
    """A number of the patient table and how it is printed."""

    column: str
    label: str
    unit: str
    stage: str


MEASURES = (
    Measure("severity_group", "Calcification severity", "", "calcification"),
    Measure("worst_artery", "Worst artery", "", "calcification"),
    Measure("calcification_volume_mm3", "Calcification volume", "mm³", "calcification"),
    Measure("agatston_equivalent", "Agatston equivalent", "", "calcification"),
    Measure("wmh_volume_cm3", "WMH volume", "cm³", "small vessel"),
    Measure("wmh_percent_icv", "WMH share of intracranial volume", "%", "small vessel"),
    Measure("fazekas_periventricular", "Fazekas, periventricular", "", "small vessel"),
    Measure("fazekas_deep", "Fazekas, deep", "", "small vessel"),
    Measure("n_microbleeds", "Microbleeds", "", "small vessel"),
    Measure("n_lacunes", "Lacunes", "", "small vessel"),
)
LESION_MEASURES = (
    Measure("stenosis_percent", "Stenosis", "%", "vessel wall"),
    Measure("lumen_area_mm2", "Lumen", "mm²", "vessel wall"),
    Measure("outer_wall_area_mm2", "Outer wall", "mm²", "vessel wall"),
    Measure("max_wall_mm", "Wall, thickest", "mm", "vessel wall"),
    Measure("min_wall_mm", "thinnest", "mm", "vessel wall"),
    Measure("eccentricity_index", "Eccentricity", "", "vessel wall"),
    Measure("remodeling_index", "Remodelling", "", "vessel wall"),
    Measure("plaque_length_mm", "Length", "mm", "vessel wall"),
    Measure("plaque_class", "Class", "", "vessel wall"),
    Measure("enhancement_ratio", "Enhancement", "ratio", "vessel wall"),
    Measure("culprit", "Culprit", "", "vessel wall"),
)


@dataclass(frozen=True)
class Stage:
    """One stage of a session: its status and why it is not ok."""

    name: str
    status: str
    reason: str = ""


@dataclass(frozen=True)
class Session:
    """One row of the manifest as the report shows it; numbers and lesions hold (label, value, unit) and cell texts."""

    subject: str
    session: str
    acq_time: str
    images: list[str]
    stages: list[Stage]
    numbers: list[tuple[str, str, str]]
    lesions: list[list[str]]
    pictures: list[tuple[str, str]] = field(default_factory=list)

    @property
    def anchor(self) -> str:
        return f"sub-{self.subject}_ses-{self.session}"

    @property
    def status(self) -> str:
        """The gravest status of the stages that have an image; missing if none has."""
        made = [stage.status for stage in self.stages if stage.status != MISSING]
        return worst_status(*made) if made else MISSING


def cell(value: Any) -> str:
    """A value for print; an en dash for missing."""
    if value is None or pd.isna(value):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e15 else number_text(float(value))
    return str(value)


def collect_sessions(
    manifest: pd.DataFrame,
    patients: pd.DataFrame,
    lesions: pd.DataFrame,
    checks: Mapping[tuple[str, str], Mapping[str, Any]],
    registrations: Mapping[tuple[str, str], Mapping[str, Any]],
    pictures: Mapping[tuple[str, str], Mapping[str, str]],
) -> list[Session]:
    """Every row of the manifest, in its order.

    patients, lesions: the cohort's tables; checks, registrations: contents of the status files by (subject, session);
    pictures: by (subject, session) a source (data URI or relative path) for each name in `PICTURES`.
    """
    by_session = dict(list(lesions.groupby(["subject", "session"])))
    rows = {(row["subject"], row["session"]): row for row in patients.to_dict("records")}
    sessions = []
    for row in manifest.to_dict("records"):
        key = (row["subject"], row["session"])
        values, plaques = rows[key], by_session.get(key, lesions.iloc[:0])
        sessions.append(
            Session(
                *key,
                acq_time=cell(row.get("acq_time")).split("T")[0],
                images=[name for name in IMAGE_COLUMNS if pd.notna(row.get(name))],
                stages=_stages(values, plaques, checks.get(key), registrations.get(key)),
                numbers=[(m.label, cell(values[m.column]), m.unit) for m in MEASURES if m.column in values],
                lesions=_lesion_rows(plaques),
                pictures=[(PICTURES[name], source) for name, source in pictures.get(key, {}).items()],
            )
        )
    return sessions


def _stages(
    values: Mapping[str, Any],
    plaques: pd.DataFrame,
    check: Mapping[str, Any] | None,
    registration: Mapping[str, Any] | None,
) -> list[Stage]:
    stages = [_of_facts("images", check, "no image"), _of_facts("registration", registration, "no CT")]
    for name, prefix in (("calcification", "calcification"), ("small vessel", "smallvessel")):
        stages.append(Stage(name, values[f"{prefix}_status"], _text(values[f"{prefix}_reason"])))
    statuses = plaques["plaque_status"].dropna()
    made = [status for status in statuses if status != MISSING]
    reason = join_reasons(*plaques["plaque_reason"].dropna())
    stages.append(Stage("vessel wall", worst_status(*made) if made else MISSING, reason))
    return stages


def _of_facts(name: str, facts: Mapping[str, Any] | None, absent: str) -> Stage:
    return Stage(name, facts["status"], _text(facts.get("reason"))) if facts else Stage(name, MISSING, absent)


def _text(value: Any) -> str:
    return "" if value is None or pd.isna(value) else str(value)


def _lesion_rows(plaques: pd.DataFrame) -> list[list[str]]:
    rows = []
    for row in plaques[plaques["lesion"].notna()].to_dict("records"):
        artery = " ".join(part for part in (_side(row.get("side")), cell(row.get("artery"))) if part)
        values = [cell(row.get(measure.column)) for measure in LESION_MEASURES]
        rows.append([cell(row["lesion"]), artery, *values, row["plaque_status"], _text(row["plaque_reason"])])
    return rows


def _side(side: Any) -> str:
    return side if side in ("L", "R") else ""


def status_counts(sessions: Sequence[Session]) -> list[tuple[str, dict[str, int]]]:
    """Per stage, how many sessions have each status."""
    return [
        (name, {status: sum(session.stages[at].status == status for session in sessions) for status in STATUSES})
        for at, name in enumerate(STAGES)
    ]


def problems(sessions: Sequence[Session]) -> list[tuple[Session, Stage]]:
    """Every stage that failed or wants a look, failed ones first."""
    found = [(session, stage) for session in sessions for stage in session.stages]
    order = {status: at for at, status in enumerate(("failed", "review"))}
    wanted = [pair for pair in found if pair[1].status in order]
    return sorted(wanted, key=lambda pair: order[pair[1].status])


def missing_stages(sessions: Sequence[Session]) -> list[tuple[str, str, int]]:
    """Stages without an input: stage, reason and how many sessions."""
    counts: dict[tuple[str, str], int] = {}
    for session in sessions:
        for stage in session.stages:
            if stage.status == MISSING:
                counts[stage.name, stage.reason] = counts.get((stage.name, stage.reason), 0) + 1
    return [(name, reason, count) for (name, reason), count in sorted(counts.items())]


def picture_source(path: str | Path, page: str | Path, embed: bool) -> str:
    """The picture itself as a data URI, or its path relative to the page."""
    if embed:
        kind = {".png": "png", ".svg": "svg+xml"}[Path(path).suffix]
        return f"data:image/{kind};base64," + base64.b64encode(Path(path).read_bytes()).decode("ascii")
    return Path(os.path.relpath(path, Path(page).parent)).as_posix()


def cohort_numbers(patients: pd.DataFrame) -> list[tuple[str, str, str, int]]:
    """Each measure over the sessions that have it: label, summary, unit, number of sessions.

    A number as median [quartiles]; a category as counts.
    """
    rows = []
    for measure in MEASURES:
        values = patients[measure.column].dropna() if measure.column in patients else pd.Series(dtype=float)
        if not len(values):
            continue
        if pd.api.types.is_numeric_dtype(values):
            low, middle, high = (number_text(float(v)) for v in values.quantile([0.25, 0.5, 0.75]))
            summary = f"{middle} [{low}, {high}]"
        else:
            summary = ", ".join(f"{name} {count}" for name, count in values.value_counts().items())
        rows.append((measure.label, summary, measure.unit, len(values)))
    return rows
