"""What the report says of each subject-session: stages with status and reason, numbers with units, pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from angiolith.cohort.collect import VISIT_NUMBER
from angiolith.cohort.layout import number_text
from angiolith.core.manifest import IMAGE_COLUMNS
from angiolith.core.tables import FAILED, MISSING, REVIEW, STATUSES, join_reasons, worst_status
from angiolith.marks.found import as_found, drawn_by_readers
from angiolith.marks.kinds import KINDS, PERIVASCULAR
from angiolith.marks.verdicts import in_order, waiting
from angiolith.pictures.marks import WIDTH_PX, pages_of
from angiolith.pictures.step import MONTAGES
from angiolith.report.plots import addresses_of
from angiolith.steps import PICTURES

STAGES = ("images", "registration", "calcification", "small vessel", "vessel wall")
LOGS = {  # the job whose log says more
    "images": "check_images",
    "registration": "check_registration",
    "calcification": "measure_calcification",
    "small vessel": "measure_wmh",
    "vessel wall": "measure_plaque",
}
ENDINGS = {"mm3": "mm³", "cm3": "cm³", "mm2": "mm²", "mm": "mm", "percent": "%", "percent_icv": "%", "hu": "HU"}


def unit_of(column: str) -> str:
    """The unit that a column's name ends with, for print.

    Parameters
    ----------
    column : str
        Name of the column.

    Returns
    -------
    str
        The unit; empty where there is none.
    """
    return next((unit for ending, unit in ENDINGS.items() if column.endswith(f"_{ending}")), "")


@dataclass(frozen=True)
class Measure:
    """A number of the cohort's tables and the stage that makes it; its label is among the texts."""

    column: str
    stage: str
    own_unit: str = ""

    @property
    def unit(self) -> str:
        """The measure's unit for print."""
        return self.own_unit or unit_of(self.column)


CALCIFICATION = (
    "severity_group worst_artery calcification_volume_mm3 agatston_equivalent n_calcifications"
    " n_calcification_candidates calcification_candidate_volume_mm3 calcification_mean_hu"
)
SMALL_VESSEL = (
    "wmh_volume_cm3 wmh_volume_low_cm3 wmh_volume_high_cm3 wmh_percent_icv wmh_periventricular_cm3 wmh_deep_cm3"
    " wmh_frontal_cm3 wmh_parietal_cm3 wmh_temporal_cm3 wmh_occipital_cm3 wmh_deep_structures_cm3"
    " wmh_infratentorial_cm3 wmh_aca_cm3 wmh_mca_cm3 wmh_pca_cm3 wmh_perforators_cm3"
    " n_wmh_lesions fazekas_periventricular fazekas_deep fazekas_total n_microbleeds"
    " n_microbleed_candidates n_lacunes n_lacune_candidates n_wmh_candidates n_infarct_candidates icv_cm3"
    " n_microbleeds_lobar n_microbleeds_deep n_microbleeds_infratentorial"
    " pvs_basal_ganglia_count pvs_basal_ganglia_grade pvs_centrum_semiovale_count pvs_centrum_semiovale_grade"
    " brain_percent_icv ventricle_percent_icv svd_score caa_score"
    " n_acute_infarcts n_recent_small_subcortical_infarcts acute_infarct_volume_cm3 n_acute_candidates"
    " acute_candidate_volume_cm3"
)
MEASURES = tuple(
    Measure(column, stage)
    for stage, columns in (("calcification", CALCIFICATION), ("small vessel", SMALL_VESSEL))
    for column in columns.split()
)
LESION_MEASURES = tuple(
    Measure(column, "vessel wall", "ratio" if column == "enhancement_ratio" else "")
    for column in [
        "stenosis_percent",
        "lumen_area_mm2",
        "outer_wall_area_mm2",
        "max_wall_mm",
        "min_wall_mm",
        "eccentricity_index",
        "remodeling_index",
        "plaque_length_mm",
        "plaque_class",
        "enhancement_ratio",
        "culprit",
    ]
)
PER_ARTERY = ("calcification_volume_mm3", "calcification_mean_hu", "woodcock")


@dataclass(frozen=True)
class Stage:
    """One stage of a session: its status and why it is not ok."""

    name: str
    status: str
    reason: str = ""


@dataclass(frozen=True)
class Picture:
    """A QC picture: its name, its file as seen from the page, and a reader's verdict on it, if there is one."""

    name: str
    source: str
    verdict: Mapping[str, str] | None = None
    pages: list[dict[str, float]] = field(default_factory=list)
    """Of a picture of many marks: `top` and `height` (downwards) of each page, in percent of the picture's width."""


@dataclass(frozen=True)
class Session:
    """One row of the manifest as the report shows it; `values` are the printed cells of MEASURES by column."""

    subject: str
    session: str
    acq_time: str
    images: list[str]
    stages: list[Stage]
    values: dict[str, str]
    arteries: list[list[str]]
    lesions: list[tuple[str, list[str]]]  # address of the row, cells
    pictures: list[Picture] = field(default_factory=list)
    montages: list[Picture] = field(default_factory=list)  # of every mark
    marks: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)  # address, printed cells
    found: list[Mapping[str, str]] = field(default_factory=list)  # marks before any reader, printed cells
    address: str = ""  # of the row of patients.tsv
    n_waiting: int = 0  # marks that wait for a reader

    @property
    def marks_by_kind(self) -> dict[str, list[tuple[str, Mapping[str, str]]]]:
        """The marks of each kind that there is, in their order."""
        found: dict[str, list[tuple[str, Mapping[str, str]]]] = {}
        for address, mark in self.marks:
            found.setdefault(mark["kind"], []).append((address, mark))
        return found

    @property
    def found_by_kind(self) -> dict[str, list[Mapping[str, str]]]:
        """The marks of each kind as the tool found them, in the order of their picture."""
        found: dict[str, list[Mapping[str, str]]] = {}
        for mark in self.found:
            found.setdefault(mark["kind"], []).append(mark)
        return found

    @property
    def label(self) -> str:
        """Subject and session for print."""
        return f"sub-{self.subject} ses-{self.session}"

    @property
    def anchor(self) -> str:
        """Name of the session's place in its page."""
        return f"sub-{self.subject}_ses-{self.session}"

    @property
    def page(self) -> str:
        """File name of the subject's page."""
        return f"sub-{self.subject}.html"

    @property
    def status(self) -> str:
        """The gravest status of the stages that have an image; missing if none has."""
        made = [stage.status for stage in self.stages if stage.status != MISSING]
        return worst_status(*made) if made else MISSING


def cell(value: Any, dash: str = "–") -> str:
    """A value for print; a dash for missing.

    Parameters
    ----------
    value : Any
        Any value.
    dash : str
        Text for missing.

    Returns
    -------
    str
        The text.
    """
    if value is None or pd.isna(value):
        return dash
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e15 else number_text(float(value))
    return str(value)


def collect_sessions(
    manifest: pd.DataFrame,
    patients: pd.DataFrame,
    lesions: pd.DataFrame,
    checks: Mapping[tuple[str, str], Mapping[str, Any]],
    registrations: Mapping[tuple[str, str], Mapping[str, Any]],
    verdicts: Mapping[tuple[str, str, str], Mapping[str, str]],
    texts: Mapping[str, Any],
    marks: pd.DataFrame,
) -> list[Session]:
    """Every row of the manifest, in its order.

    The index of patients, lesions and marks may be the rows' addresses.

    Parameters
    ----------
    manifest : pd.DataFrame
        The manifest.
    patients : pd.DataFrame
        The patients' table.
    lesions : pd.DataFrame
        The lesions' table.
    checks, registrations : Mapping[tuple[str, str], Mapping[str, Any]]
        (subject, session) -> content of the status file.
    verdicts : Mapping[tuple[str, str, str], Mapping[str, str]]
        (subject, session, picture) -> row of the review.
    texts : Mapping[str, Any]
        Texts of the report.
    marks : pd.DataFrame
        Table of marks.

    Returns
    -------
    list[Session]
        Sessions.
    """
    by_session = dict(list(lesions.groupby(["subject", "session"])))
    marked = dict(list(marks.groupby(["subject", "session"])))
    rows = {(row["subject"], row["session"]): row for row in patients.to_dict("records")}
    addresses = dict(zip(rows, addresses_of(patients), strict=True))
    names = sorted({name.rsplit("_", 1)[1] for name in patients if re.fullmatch("woodcock_[A-Z]+", name)})
    sessions = []
    for row in manifest.to_dict("records"):
        key = (row["subject"], row["session"])
        values, plaques = rows[key], by_session.get(key, lesions.iloc[:0])
        images = [name for name in IMAGE_COLUMNS if pd.notna(row.get(name))]
        sessions.append(
            Session(
                *key,
                acq_time=cell(row.get("acq_time")).split("T")[0],
                images=images,
                stages=_stages(values, plaques, checks.get(key), registrations.get(key), texts["missing"]),
                values=_printed_values(values, texts["at_least"], texts["levels"]),
                arteries=[_artery_row(values, name) for name in names if _is_measured(values, name)],
                lesions=_lesion_rows(plaques),
                pictures=_pictures(key, images, verdicts),
                montages=_montages(key, images, pd.notna(values.get("pvs_status")), marked.get(key, marks.iloc[:0])),
                marks=_marks(marked.get(key, marks.iloc[:0])),
                found=_found_marks(marked.get(key, marks.iloc[:0])),
                address=addresses[key],
                n_waiting=len(waiting(marked[key])) if key in marked else 0,
            )
        )
    return sessions


def _is_measured(values: Mapping[str, Any], artery: str) -> bool:
    return any(pd.notna(values.get(f"{name}_{artery}")) for name in PER_ARTERY)


def _printed_values(values: Mapping[str, Any], at_least: str, levels: Mapping[str, str]) -> dict[str, str]:
    """The printed cells of MEASURES; a severity that candidates could raise is printed as at least that."""
    printed = {m.column: cell(values[m.column]) for m in MEASURES if m.column in values}
    if "severity_group" in printed:
        printed["severity_group"] = levels.get(printed["severity_group"], printed["severity_group"])
    if values.get("severity_at_least") == 1:
        printed["severity_group"] = at_least.replace("{severity}", printed["severity_group"])
    return printed


def _artery_row(values: Mapping[str, Any], artery: str) -> list[str]:
    return [artery, *(cell(values.get(f"{name}_{artery}")) for name in PER_ARTERY)]


def _pictures(
    key: tuple[str, str], images: Sequence[str], verdicts: Mapping[tuple[str, str, str], Mapping[str, str]]
) -> list[Picture]:
    stem = f"pictures/sub-{key[0]}_ses-{key[1]}"
    return [
        Picture(name, f"{stem}_desc-{name}_qc.png", verdicts.get((*key, name)))
        for name, picture in PICTURES.items()
        if set(picture.images) & set(images)
    ]


def _montages(key: tuple[str, str], images: Sequence[str], with_pvs: bool, marks: pd.DataFrame) -> list[Picture]:
    """with_pvs: perivascular spaces were looked for, which is off by default; marks: of the session."""
    of_kind = {kind.montage: marks[marks["kind"] == name] for name, kind in KINDS.items()}
    stem = f"pictures/sub-{key[0]}_ses-{key[1]}"
    wanted = {name: shown for name, shown in MONTAGES.items() if with_pvs or name != PERIVASCULAR.montage}
    return [
        Picture(name, f"{stem}_desc-{name}_qc.png", pages=_pages(of_kind[name]))
        for name, shown in wanted.items()
        if set(shown) & set(images)
    ]


def _pages(marks: pd.DataFrame) -> list[dict[str, float]]:
    """The pages of a kind's picture: marks as the tool found them, then those that readers drew; none without marks."""
    found, drawn = len(as_found(marks)), len(drawn_by_readers(marks))
    if not found and not drawn:
        return []
    pages = pages_of(found)
    if drawn:
        below = sum(pages[-1])
        pages += [(below + top, height) for top, height in pages_of(drawn)]
    return [{"top": 100 * top / WIDTH_PX, "height": 100 * height / WIDTH_PX} for top, height in pages]


def _marks(table: pd.DataFrame) -> list[tuple[str, Mapping[str, str]]]:
    rows = ({str(name): cell(value, "") for name, value in row.items()} for row in table.to_dict("records"))
    return list(zip(addresses_of(table), rows, strict=True))


def _found_marks(table: pd.DataFrame) -> list[Mapping[str, str]]:
    """The marks before any reader, kind by kind in the order of their pictures."""
    held = as_found(table)
    parts = [in_order(part) for _, part in held.assign(counted=held["counted"] == 1).groupby("kind", sort=False)]
    return [mark for part in parts for _, mark in _marks(part)]


def mark_artery(mark: Mapping[str, str]) -> str:
    """The artery of a mark as it is read: R ICA, BA.

    Parameters
    ----------
    mark : Mapping[str, str]
        A row of marks, as text.

    Returns
    -------
    str
        The text.
    """
    return f"{mark['side']} {mark['artery']}" if mark["side"] in ("L", "R") else mark["artery"] or "–"


def _stages(
    values: Mapping[str, Any],
    plaques: pd.DataFrame,
    check: Mapping[str, Any] | None,
    registration: Mapping[str, Any] | None,
    absent: Mapping[str, str],
) -> list[Stage]:
    stages = [_of_facts("images", check, absent["no_image"]), _of_facts("registration", registration, absent["no_ct"])]
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


def _lesion_rows(plaques: pd.DataFrame) -> list[tuple[str, list[str]]]:
    rows = []
    drawn = plaques[plaques["lesion"].notna()]
    for address, row in zip(addresses_of(drawn), drawn.to_dict("records"), strict=True):
        side = row.get("side")
        artery = " ".join(part for part in (side if side in ("L", "R") else "", cell(row.get("artery"))) if part)
        values = [cell(row.get(measure.column)) for measure in LESION_MEASURES]
        cells = [cell(row["lesion"]), artery, *values, row["plaque_status"], _text(row["plaque_reason"])]
        rows.append((address, cells))
    return rows


def status_counts(sessions: Sequence[Session]) -> list[tuple[str, dict[str, int]]]:
    """Per stage, how many sessions have each status.

    Parameters
    ----------
    sessions : Sequence[Session]
        Sessions of the report.

    Returns
    -------
    list[tuple[str, dict[str, int]]]
        Stage, and status -> number of sessions.
    """
    return [
        (name, {status: sum(session.stages[at].status == status for session in sessions) for status in STATUSES})
        for at, name in enumerate(STAGES)
    ]


def problems(sessions: Sequence[Session]) -> list[tuple[Session, Stage]]:
    """Every stage that failed or needs review, failed ones first.

    Parameters
    ----------
    sessions : Sequence[Session]
        Sessions of the report.

    Returns
    -------
    list[tuple[Session, Stage]]
        Pairs of session and stage.
    """
    found = [(session, stage) for session in sessions for stage in session.stages]
    order = {status: at for at, status in enumerate((FAILED, REVIEW))}
    wanted = [pair for pair in found if pair[1].status in order]
    return sorted(wanted, key=lambda pair: order[pair[1].status])


def advice(stage: Stage, texts: Mapping[str, Any]) -> str:
    """What to do about a stage that is not ok: for each part of its reason the first advice whose pattern it fits.

    Parameters
    ----------
    stage : Stage
        The stage.
    texts : Mapping[str, Any]
        `problems` of the texts.

    Returns
    -------
    str
        One or more sentences.
    """
    parts = stage.reason.split("; ")
    fitting = [next((text for pattern, text in texts["advice"] if re.search(pattern, part)), None) for part in parts]
    return " ".join(dict.fromkeys(filter(None, fitting))) or texts["default"][stage.status]


def missing_stages(sessions: Sequence[Session]) -> list[tuple[str, str, int]]:
    """Stages without an input: stage, reason and how many sessions.

    Parameters
    ----------
    sessions : Sequence[Session]
        Sessions of the report.

    Returns
    -------
    list[tuple[str, str, int]]
        Stage, reason and number of sessions.
    """
    counts: dict[tuple[str, str], int] = {}
    for session in sessions:
        for stage in session.stages:
            if stage.status == MISSING:
                counts[stage.name, stage.reason] = counts.get((stage.name, stage.reason), 0) + 1
    return [(name, reason, count) for (name, reason), count in sorted(counts.items())]


def measured(patients: pd.DataFrame) -> Iterator[tuple[Measure, pd.Series]]:
    """Every measure that a subject has, with its value at the first visit that has one: visits are not pooled.

    Parameters
    ----------
    patients : pd.DataFrame
        The patients' table.

    Yields
    ------
    tuple[Measure, pd.Series]
        Measure and values by subject.
    """
    rows = patients.sort_values(VISIT_NUMBER, kind="stable") if VISIT_NUMBER in patients else patients
    for measure in MEASURES:
        known = rows[rows[measure.column].notna()] if measure.column in rows else rows.iloc[:0]
        values = known.drop_duplicates("subject")[measure.column] if len(known) else pd.Series(dtype=float)
        if len(values):
            yield measure, values


def counts_of(values: pd.Series, levels: Mapping[str, str] | None = None) -> str:
    """The categories, the most frequent first, each with its number of subjects; levels: what they are called.

    Parameters
    ----------
    values : pd.Series
        Categories by subject.
    levels : Mapping[str, str] | None
        What the categories are called, or None.

    Returns
    -------
    str
        One line.
    """
    named = levels or {}
    return ", ".join(f"{named.get(str(name), name)} {count}" for name, count in values.value_counts().items())


def median_text(values: pd.Series, unit: str = "") -> str:
    """Median and quartiles as they are printed: 3.20 cm³ [1.10, 5.40].

    Parameters
    ----------
    values : pd.Series
        Numbers, none of them missing.
    unit : str
        Unit of the median, or nothing.

    Returns
    -------
    str
        The text.
    """
    low, middle, high = (number_text(float(value)) for value in values.quantile([0.25, 0.5, 0.75]))
    return f"{' '.join(filter(None, (middle, unit)))} [{low}, {high}]"


def cohort_numbers(
    patients: pd.DataFrame, labels: Mapping[str, str], levels: Mapping[str, str] | None = None
) -> list[tuple[str, str, str, int]]:
    """Each measure over the subjects that have it: label, summary, unit, number of subjects.

    A number as median [quartiles]; a category as counts.

    Parameters
    ----------
    patients : pd.DataFrame
        The patients' table.
    labels : Mapping[str, str]
        Column -> label.
    levels : Mapping[str, str] | None
        What the categories are called, or None.

    Returns
    -------
    list[tuple[str, str, str, int]]
        Label, summary, unit and number of subjects.
    """
    rows = []
    for measure, values in measured(patients):
        summary = median_text(values) if pd.api.types.is_numeric_dtype(values) else counts_of(values, levels)
        rows.append((labels[measure.column], summary, measure.unit, len(values)))
    return rows
