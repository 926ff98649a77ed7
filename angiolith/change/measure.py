"""All that changed between a subject's two visits: rows of the change table, the map of WMH and the motion."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from angiolith.change.half_way import change_row, half_of, waiting_status
from angiolith.change.inputs import ChangeRow, ChangeStepSettings, VisitInputs
from angiolith.change.motion import motion_between
from angiolith.change.spots import COUNTS, count_change
from angiolith.change.wmh import WMH_MEASURES, wmh_change
from angiolith.core.images import Image
from angiolith.core.tables import FAILED, MISSING, USABLE, read_tsv
from angiolith.small_vessel.session import NotMeasured
from angiolith.small_vessel.tissues import TissueError
from angiolith.small_vessel.wmh.fazekas import FAZEKAS
from angiolith.small_vessel.wmh.network import WmhModel

CALCIUM = {"calcification_volume_mm3": "total_volume_mm3", "agatston_equivalent": "agatston_equivalent"}
ATROPHY = ("brain_percent_icv", "ventricle_percent_icv")
KEYS = ("subject", "from_session", "to_session")
COLUMNS = (*KEYS, "interval_days", "measure", "baseline", "followup", "change", "change_per_year", "status", "reason")


@dataclass(frozen=True)
class Change:
    """Rows of the change table, the half-way map of WMH (None if not made), and the motion (4 x 4) from the first
    visit's reference points to the second's (None if they could not be registered)."""

    rows: list[ChangeRow]
    wmh_labels: Image | None
    motion: np.ndarray | None

    def table(self, subject: str, from_session: str, to_session: str) -> pd.DataFrame:
        """The rows with their keys, columns in their order.

        Parameters
        ----------
        subject : str
            Label of the subject.
        from_session, to_session : str
            Labels of the two visits.

        Returns
        -------
        pd.DataFrame
            The change table.
        """
        keys = dict(zip(KEYS, (subject, from_session, to_session), strict=True))
        return pd.DataFrame(self.rows).assign(**keys)[list(COLUMNS)]


def measure_change(
    visits: Sequence[VisitInputs], references: Sequence[str], days: float, model: WmhModel, settings: ChangeStepSettings
) -> Change:
    """Compare two visits; references: the image that each visit's others are registered to; days: between them.

    Parameters
    ----------
    visits : Sequence[VisitInputs]
        Per visit its input paths by name.
    references : Sequence[str]
        Per visit the column of its reference image.
    days : float
        Days between the visits; NaN where unknown.
    model : WmhModel
        The WMH network.
    settings : ChangeStepSettings
        Typed settings of the step.

    Returns
    -------
    Change
        Rows, half-way map of WMH and motion between the visits.
    """
    motion, labels = None, None
    try:
        motion = motion_between(visits, references, settings.rigid, settings.change.motion_gap_mm_max)
        half = half_of(motion)
    except (NotMeasured, ValueError) as problem:
        rows = not_measured((*WMH_MEASURES, *COUNTS), days, problem)
    else:
        rows, labels = mri_change(visits, model, half, days, settings)
    rows += fazekas_change(visits, days)
    rows += atrophy_change(visits, days)
    rows += calcium_change(visits, days)
    return Change(rows, labels, motion)


def mri_change(
    visits: Sequence[VisitInputs], model: WmhModel, half: np.ndarray, days: float, settings: ChangeStepSettings
) -> tuple[list[ChangeRow], Image | None]:
    """Rows of what is measured on MRI, each with its own status, and the half-way map of WMH (None if not made).

    Parameters
    ----------
    visits : Sequence[VisitInputs]
        Per visit its input paths by name.
    model : WmhModel
        The WMH network.
    half : np.ndarray
        Half of the motion between the visits (4, 4), RAS mm.
    days : float
        Days between the visits; NaN where unknown.
    settings : ChangeStepSettings
        Typed settings of the step.

    Returns
    -------
    tuple[list[ChangeRow], Image | None]
        Rows, and the label map (None where it was not made).
    """
    labels = None
    try:
        rows, labels = wmh_change(visits, model, half, days, settings)
    except (NotMeasured, TissueError, ValueError) as problem:
        rows = not_measured(WMH_MEASURES, days, problem)
    for measure, name in COUNTS.items():
        try:
            rows += count_change(visits, measure, name, half, days, settings)
        except NotMeasured as problem:
            rows += not_measured((measure,), days, problem)
    return rows, labels


def fazekas_change(visits: Sequence[VisitInputs], days: float) -> list[ChangeRow]:
    """Rows of the Fazekas grades: the difference of the visits' own grades, each measured on its own FLAIR.

    Parameters
    ----------
    visits : Sequence[VisitInputs]
        Per visit its input paths by name.
    days : float
        Days between the visits; NaN where unknown.

    Returns
    -------
    list[ChangeRow]
        Rows of the change table.
    """
    tables = own_rows(visits, "smallvessel")
    if len(tables) < 2:
        return not_measured(FAZEKAS, days, NotMeasured(MISSING, "a visit has no FLAIR"))
    if any(table["wmh_status"] not in USABLE for table in tables):
        return not_measured(FAZEKAS, days, NotMeasured(FAILED, "a visit's WMH were not measured"))
    first, last = tables
    return [change_row(measure, first[measure], last[measure], days) for measure in FAZEKAS]


def atrophy_change(visits: Sequence[VisitInputs], days: float) -> list[ChangeRow]:
    """Rows of brain and ventricles as parts of the intracranial volume: the difference of the visits' own values.

    Parameters
    ----------
    visits : Sequence[VisitInputs]
        Per visit its input paths by name.
    days : float
        Days between the visits; NaN where unknown.

    Returns
    -------
    list[ChangeRow]
        Rows of the change table.
    """
    tables = own_rows(visits, "smallvessel")
    if len(tables) < 2 or any(measure not in table for table in tables for measure in ATROPHY):
        return not_measured(ATROPHY, days, NotMeasured(MISSING, "a visit has no FLAIR"))
    first, last = tables
    if any(pd.isna(table[measure]) for table in tables for measure in ATROPHY):
        return not_measured(ATROPHY, days, NotMeasured(FAILED, "a visit's brain was not found as a whole"))
    return [change_row(measure, first[measure], last[measure], days) for measure in ATROPHY]


def calcium_change(visits: Sequence[VisitInputs], days: float) -> list[ChangeRow]:
    """Rows of calcification, of visits that both have a CT: measured in each CT's own space.

    Parameters
    ----------
    visits : Sequence[VisitInputs]
        Per visit its input paths by name.
    days : float
        Days between the visits; NaN where unknown.

    Returns
    -------
    list[ChangeRow]
        Rows; none where a visit has no CT.
    """
    tables = own_rows(visits, "calcification")
    if len(tables) < 2:
        return []
    if any(table["status"] not in USABLE for table in tables):
        reasons = "; ".join(str(table["reason"]) for table in tables if table["status"] not in USABLE)
        return [change_row(measure, None, None, days, FAILED, reasons) for measure in CALCIUM]
    first, last = tables
    status, reason = waiting_status(int(sum(table["n_candidates"] for table in tables)))
    return [
        change_row(measure, first[column], last[column], days, status, reason) for measure, column in CALCIUM.items()
    ]


def own_rows(visits: Sequence[VisitInputs], table: str) -> list[pd.Series]:
    """The row of this table that each visit that has one was given, measured in its own space.

    Parameters
    ----------
    visits : Sequence[VisitInputs]
        Per visit its input paths by name.
    table : str
        Name of the input table.

    Returns
    -------
    list[pd.Series]
        One row per visit that has the table.
    """
    return [read_tsv(visit[table]).iloc[0] for visit in visits if visit.get(table)]


def not_measured(measures: Iterable[str], days: float, problem: Exception) -> list[ChangeRow]:
    """A row per measure that says why it was not made.

    Parameters
    ----------
    measures : Iterable[str]
        Names of the measures.
    days : float
        Days between the visits; NaN where unknown.
    problem : Exception
        The error whose text is the reason.

    Returns
    -------
    list[ChangeRow]
        Rows without values.
    """
    status = getattr(problem, "status", FAILED)
    return [change_row(measure, None, None, days, status, str(problem)) for measure in measures]
