"""Plaque metrics of one lesion from its cross-sections and those of its reference segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from angiolith.core.settings.vessel_wall import WallGradeSettings, WallMeasureSettings
from angiolith.core.tables import OK, REVIEW, USABLE, join_reasons
from angiolith.vessel_wall import contours
from angiolith.vessel_wall.drawing import Segment
from angiolith.vessel_wall.sections import CrossSection, cut, narrowest
from angiolith.vessel_wall.thickness import METHODS

COLUMNS = (
    *("subject", "session", "lesion", "artery", "side", "reader"),
    *("lumen_area_mm2", "outer_wall_area_mm2", "wall_area_mm2", "max_wall_mm", "min_wall_mm", "eccentricity_index"),
    *(
        "remodeling_index",
        "positive_remodeling",
        "stenosis_percent",
        "reference",
        "plaque_length_mm",
        "plaque_area_mm2",
    ),
    *("enhancement_ratio", "enhancement_grade", "plaque_class", "status", "reason"),
    *("normalized_wall_index", "lumen_min_diameter_mm", "lumen_equivalent_diameter_mm", "eccentric", "mean_wall_mm"),
    *(f"{end}_wall_{method}_mm" for method in METHODS for end in ("max", "min")),
    *("reference_artery", "reference_distance_mm", "reference_lumen_area_mm2", "reference_outer_wall_area_mm2"),
    *("reference_wall_area_mm2", "reference_diameter_mm", "stenosis_area_percent", "plaque_length_limited"),
    *("plaque_volume_mm3", "calcium_volume_mm3", "calcium_percent", "calcium_mean_hu", "enhancement_gain"),
    *("n_sections", "narrowest_x_mm", "narrowest_y_mm", "narrowest_z_mm", "n_sections_missed"),
    *("calcium_max_hu", "calcium_pattern", "n_calcium_lesions", "n_spotty_calcium"),
)


@dataclass(frozen=True)
class MeasuredSegment:
    """A segment, its cross-sections in order along the vessel, and the index of the narrowest one.

    missed: the places (along_mm) between them that show no lumen within a wall.
    """

    segment: Segment
    sections: list[CrossSection]
    at: int
    missed: tuple[float, ...] = ()

    @property
    def narrowest(self) -> CrossSection:
        """The narrowest cross-section."""
        return self.sections[self.at]


@dataclass(frozen=True)
class Reference:
    """The normal segment a lesion is compared with: its measures, and where it stands (`PREFERENCE`)."""

    measured: MeasuredSegment
    position: str
    artery: str | None
    distance_mm: float


def measure_segment(segment: Segment, settings: WallMeasureSettings) -> MeasuredSegment:
    """Cut a segment and find its narrowest place; raises DrawingError where no closed cross-section is found.

    Parameters
    ----------
    segment : Segment
        The drawn segment.
    settings : WallMeasureSettings
        Section `vessel_wall.measure`.

    Returns
    -------
    MeasuredSegment
        The segment with its cross-sections.

    Raises
    ------
    DrawingError
        Where no closed cross-section is found.
    """
    cuts = cut(segment, settings.section_step_mm)
    at = narrowest(cuts.sections, settings.narrowest_window_mm)
    return MeasuredSegment(segment, cuts.sections, at, tuple(cuts.missed))


def missed_sections(lesion: MeasuredSegment) -> str:
    """What to say of cross-sections that show no lumen, or "".

    Parameters
    ----------
    lesion : MeasuredSegment
        The measured lesion.

    Returns
    -------
    str
        One sentence, or an empty string.
    """
    if not lesion.missed:
        return ""
    total = len(lesion.missed) + len(lesion.sections)
    return (
        f"{len(lesion.missed)} of {total} cross-sections show no lumen, the first {lesion.missed[0]:.1f} mm from the "
        "lesion's end: the narrowest place may be there, look at the drawing"
    )


def wall_thickness_mm(section: CrossSection, method: str) -> np.ndarray:
    """Thickness (n,) at every vertex of the section's lumen contour, by one of the methods of `thickness`.

    Parameters
    ----------
    section : CrossSection
        The cross-section.
    method : str
        A key of METHODS.

    Returns
    -------
    np.ndarray
        Thickness (n,), mm; NaN where a method reaches no outer wall.
    """
    return METHODS[method](section.lumen, section.outer)


def wall_metrics(lesion: MeasuredSegment, settings: WallMeasureSettings, grades: WallGradeSettings) -> dict[str, Any]:
    """Metrics of the narrowest cross-section and of the plaque along the vessel; keys are columns of `COLUMNS`.

    Wall area WA = OWA - LA; normalised wall index NWI = WA / OWA; eccentricity index EI = (MaxWT - MinWT) / MaxWT.
    The plaque is the contiguous run of cross-sections about the narrowest one whose largest thickness reaches
    `plaque_wall_mm_min`; its volume is that of the wall over the run. Length and volume are NaN where the narrowest
    section itself does not reach it.

    Parameters
    ----------
    lesion : MeasuredSegment
        The measured lesion.
    settings : WallMeasureSettings
        Section `vessel_wall.measure`.
    grades : WallGradeSettings
        Section `vessel_wall.grade`.

    Returns
    -------
    dict[str, Any]
        Column -> value.
    """
    section = lesion.narrowest
    owa, wa = section.outer_wall_area_mm2, section.wall_area_mm2
    row: dict[str, Any] = {
        "lumen_area_mm2": section.lumen_area_mm2,
        "outer_wall_area_mm2": owa,
        "wall_area_mm2": wa,
        "normalized_wall_index": wa / owa,
        "lumen_min_diameter_mm": contours.min_diameter_mm(section.lumen),
        "lumen_equivalent_diameter_mm": contours.equivalent_diameter_mm(section.lumen_area_mm2),
        "n_sections": len(lesion.sections),
        "n_sections_missed": len(lesion.missed),
    }
    for method in METHODS:
        thickness = wall_thickness_mm(section, method)
        row[f"max_wall_{method}_mm"], row[f"min_wall_{method}_mm"] = np.nanmax(thickness), np.nanmin(thickness)
        if method == settings.thickness_method:
            row["mean_wall_mm"] = np.nanmean(thickness)
    thickest = row[f"max_wall_{settings.thickness_method}_mm"]
    thinnest = row[f"min_wall_{settings.thickness_method}_mm"]
    index = (thickest - thinnest) / thickest
    row |= {"max_wall_mm": thickest, "min_wall_mm": thinnest, "eccentricity_index": index}
    row["eccentric"] = bool(index >= grades.eccentric_index_min)
    row |= dict(zip(("narrowest_x_mm", "narrowest_y_mm", "narrowest_z_mm"), section.origin, strict=True))
    return row | _along_the_vessel(lesion, settings)


def _along_the_vessel(lesion: MeasuredSegment, settings: WallMeasureSettings) -> dict[str, Any]:
    run = plaque_run(lesion, settings)
    if not run:
        return {"plaque_length_mm": np.nan, "plaque_volume_mm3": np.nan, "plaque_length_limited": None}
    along = np.array([section.along_mm for section in lesion.sections])
    alone = float(lesion.segment.voxel_mm.max())
    stretch = (
        np.gradient(along) if len(along) > 1 else np.array([alone])
    )  # a section stands for half way to its neighbours
    areas = np.array([section.wall_area_mm2 for section in lesion.sections])
    return {
        "plaque_length_mm": float(stretch[run].sum()),
        "plaque_volume_mm3": float((areas * stretch)[run].sum()),
        "plaque_length_limited": bool(run[0] == 0 or run[-1] == len(along) - 1),
    }


def plaque_run(lesion: MeasuredSegment, settings: WallMeasureSettings) -> list[int]:
    """Indices of the contiguous cross-sections about the narrowest one whose wall is thick enough for a plaque.

    Parameters
    ----------
    lesion : MeasuredSegment
        The measured lesion.
    settings : WallMeasureSettings
        Section `vessel_wall.measure`.

    Returns
    -------
    list[int]
        Indices, sorted; empty where the narrowest section is too thin.
    """
    run: list[int] = []
    for direction in (-1, 1):
        at = lesion.at
        while 0 <= at < len(lesion.sections):
            thickness = wall_thickness_mm(lesion.sections[at], settings.thickness_method)
            if np.nanmax(thickness) < settings.plaque_wall_mm_min:
                break
            run.append(at)
            at += direction
    return sorted(set(run))


def reference_metrics(lesion: MeasuredSegment, reference: Reference, grades: WallGradeSettings) -> dict[str, Any]:
    """What compares the lesion's narrowest section with the reference segment (medians over its sections).

    WASID stenosis = (1 - Dstenosis / Dnormal) x 100, with D the least lumen diameter (Samuels et al., AJNR
    2000;21:643-6); remodelling index = OWA(narrowest) / OWA(reference); plaque area = WA(narrowest) - WA(reference),
    the wall that the plaque added.

    Parameters
    ----------
    lesion : MeasuredSegment
        The measured lesion.
    reference : Reference
        The reference segment.
    grades : WallGradeSettings
        Section `vessel_wall.grade`.

    Returns
    -------
    dict[str, Any]
        Column -> value.
    """
    sections = reference.measured.sections

    def median(values: Sequence[float]) -> float:
        return float(np.median(values))

    diameter = median([contours.min_diameter_mm(section.lumen) for section in sections])
    lumen_area = median([section.lumen_area_mm2 for section in sections])
    outer_area = median([section.outer_wall_area_mm2 for section in sections])
    wall_area = median([section.wall_area_mm2 for section in sections])
    here = lesion.narrowest
    remodeling = here.outer_wall_area_mm2 / outer_area
    return {
        "stenosis_percent": 100 * (1 - contours.min_diameter_mm(here.lumen) / diameter),
        "stenosis_area_percent": 100 * (1 - here.lumen_area_mm2 / lumen_area),
        "remodeling_index": remodeling,
        "positive_remodeling": bool(remodeling >= grades.positive_remodeling_min),
        "plaque_area_mm2": here.wall_area_mm2 - wall_area,
        "reference": reference.position,
        "reference_artery": reference.artery,
        "reference_distance_mm": reference.distance_mm,
        "reference_diameter_mm": diameter,
        "reference_lumen_area_mm2": lumen_area,
        "reference_outer_wall_area_mm2": outer_area,
        "reference_wall_area_mm2": wall_area,
    }


def judged(row: Mapping[str, Any], findings: Sequence[str], notes: Sequence[str]) -> dict[str, Any]:
    """The row with status and reason: review for findings that a person should look at; notes say what is missing.

    Parameters
    ----------
    row : Mapping[str, Any]
        The row as measured.
    findings : Sequence[str]
        What needs review.
    notes : Sequence[str]
        What is missing.

    Returns
    -------
    dict[str, Any]
        The row with status and reason.
    """
    if row["stenosis_percent"] < 0:
        findings = [*findings, "the lesion is wider than its reference segment: check which is which"]
    status = REVIEW if any(findings) else OK
    return {**row, "status": status, "reason": join_reasons(*findings, *notes) or None}


def traced(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the tool's own tracing: never better than review.

    Parameters
    ----------
    row : Mapping[str, Any]
        A row of the plaque table.

    Returns
    -------
    dict[str, Any]
        The row, with status review where it was usable.
    """
    if row["status"] not in USABLE:
        return dict(row)
    return {**row, "status": REVIEW, "reason": join_reasons("traced by the tool: look at the contours", row["reason"])}
