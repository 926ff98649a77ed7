"""All lesions of one subject-session: readers' drawings and surrounding images in, rows of the plaque table out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from angiolith.core.images import Image, mask_points
from angiolith.core.settings.vessel_wall import WallGradeSettings, WallMeasureSettings
from angiolith.core.tables import FAILED, join_reasons
from angiolith.vessel_wall import drawing, enhancement, metrics, parts, surroundings
from angiolith.vessel_wall.drawing import Piece
from angiolith.vessel_wall.metrics import MeasuredSegment
from angiolith.vessel_wall.parts import DrawingError
from angiolith.vessel_wall.points import sample
from angiolith.vessel_wall.sections import CrossSection

Artery = tuple[str, str]
# [1] Black blood, blurred with its wall, is still darker than this fraction of the wall. Source: digital heads.
DARKER = 0.9
OUTLINE_COLUMNS = ["lesion", "reader", "section", "contour", "point", "x_mm", "y_mm", "z_mm"]


@dataclass(frozen=True)
class CtSide:
    """What the CT gives; what is None could not be had, and `reason` says why.

    to_ct: 4 x 4, RAS, points of the vessel-wall image -> points of the CT; arteries: label map on the CT grid;
    names: index -> (artery, side); calcification: label map on the CT grid; lesions: the table of its lesions.
    """

    reason: str = ""
    to_ct: np.ndarray | None = None
    ct: Image | None = None
    arteries: Image | None = None
    names: Mapping[int, Artery] = field(default_factory=dict)
    calcification: Image | None = None
    lesions: pd.DataFrame | None = None


@dataclass(frozen=True)
class PostContrast:
    """The post-contrast image, and a first guess (4 x 4, RAS) of the transform from pre- to post-contrast points."""

    image: Image
    start: np.ndarray | None = None


def measure_session(
    vwi: Image,
    drawings: Mapping[str, Image | str],
    ct_side: CtSide,
    post: PostContrast | str,
    settings: WallMeasureSettings,
    grades: WallGradeSettings,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of the plaque table (without subject and session), and rows of the contour table.

    A drawing that cannot be used is one row with status failed; a lesion that cannot be measured is its own failed row.

    Parameters
    ----------
    vwi : Image
        The vessel-wall image.
    drawings : Mapping[str, Image | str]
        Reader -> label map, or the reason why it could not be read.
    ct_side : CtSide
        What the CT gives.
    post : PostContrast | str
        The post-contrast image, or the reason why there is none.
    settings : WallMeasureSettings
        Section `vessel_wall.measure`.
    grades : WallGradeSettings
        Section `vessel_wall.grade`.

    Returns
    -------
    tuple[list[dict[str, Any]], list[dict[str, Any]]]
        Rows of the plaque table, and rows of the contour table.
    """
    rows, outlines = [], []
    found: dict[str, list[Piece]] = {}
    references: dict[str, list[surroundings.Candidate]] = {}
    findings: dict[str, str] = {}
    for reader, labels in drawings.items():
        if isinstance(labels, str):
            rows.append(not_measured(FAILED, labels, reader))
            continue
        try:
            drawing.check_labels(labels, vwi)
        except DrawingError as error:
            rows.append(not_measured(FAILED, str(error), reader))
            continue
        found[reader] = drawing.pieces(labels, parts.LUMEN, parts.WALL)
        references[reader], findings[reader] = _references(labels, ct_side, settings)
    for reader, lesions in drawing.numbered(found, settings.same_lesion_mm_max).items():
        labels = drawings[reader]
        assert isinstance(labels, Image)
        for number, piece in lesions:
            row, cut = _lesion_row(
                piece, references[reader], findings[reader], labels, vwi, ct_side, post, settings, grades
            )
            if reader == parts.TOOL:
                row = metrics.traced(row)
            rows.append(row | {"lesion": number, "reader": reader})
            for name, section in cut.items():
                outlines += _outline_rows(number, reader, name, section)
                if name == "lesion" and ct_side.calcification is not None and ct_side.to_ct is not None:
                    points = surroundings.calcium_on(section, ct_side.calcification, ct_side.to_ct)
                    outlines += _point_rows(number, reader, name, "calcium", points)
    return rows, outlines


def not_measured(status: str, reason: str, reader: str | None = None) -> dict[str, Any]:
    """A row that says why there is nothing.

    Parameters
    ----------
    status : str
        Status of the row.
    reason : str
        Reason for the status.
    reader : str | None
        The reader, or None.

    Returns
    -------
    dict[str, Any]
        Column -> value.
    """
    return {"lesion": None, "reader": reader, "status": status, "reason": reason}


def plaque_table(rows: list[dict[str, Any]], subject: str, session: str) -> pd.DataFrame:
    """The rows as a table with all columns in their order; lesions by number, then reader.

    Parameters
    ----------
    rows : list[dict[str, Any]]
        Rows of `measure_session`.
    subject, session : str
        Labels.

    Returns
    -------
    pd.DataFrame
        The plaque table.
    """
    table = pd.DataFrame(
        [{"subject": subject, "session": session, **row} for row in rows], columns=list(metrics.COLUMNS)
    )
    for column in ("lesion", "enhancement_grade", "n_calcium_lesions", "n_spotty_calcium"):
        table[column] = pd.to_numeric(table[column]).astype("Int64")
    return table.sort_values(["lesion", "reader"], kind="stable", ignore_index=True)


def _references(
    labels: Image, ct_side: CtSide, settings: WallMeasureSettings
) -> tuple[list[surroundings.Candidate], str]:
    """The measurable reference segments with their arteries, and what was wrong with the others."""
    measured, wrong = [], []
    for position, (lumen, wall) in parts.REFERENCES.items():
        for piece in drawing.pieces(labels, lumen, wall):
            try:
                if piece.segment is None:
                    raise DrawingError(piece.reason)
                found = metrics.measure_segment(piece.segment, settings)
                measured.append(surroundings.Candidate(found, _artery(piece.segment, ct_side, settings), position))
            except DrawingError as error:
                wrong.append(f"reference segment: {error}")
    return measured, join_reasons(*wrong)


def _artery(segment: drawing.Segment, ct_side: CtSide, settings: WallMeasureSettings) -> Artery | None:
    if ct_side.arteries is None or ct_side.to_ct is None:
        return None
    return surroundings.artery_of(segment, ct_side.arteries, ct_side.names, ct_side.to_ct, settings.artery_reach_mm)


def _lesion_row(
    piece: Piece,
    references: list[surroundings.Candidate],
    reference_finding: str,
    labels: Image,
    vwi: Image,
    ct_side: CtSide,
    post: PostContrast | str,
    settings: WallMeasureSettings,
    grades: WallGradeSettings,
) -> tuple[dict[str, Any], dict[str, CrossSection]]:
    """The lesion's row, and the cross-sections that were measured, by name."""
    if piece.segment is None:
        return {"status": FAILED, "reason": piece.reason}, {}
    try:
        lesion = metrics.measure_segment(piece.segment, settings)
    except DrawingError as error:
        return {"status": FAILED, "reason": str(error)}, {}
    findings = [piece.segment.finding, metrics.missed_sections(lesion), reference_finding, _fit(piece.segment, vwi)]
    artery = _artery(piece.segment, ct_side, settings)
    row: dict[str, Any] = dict.fromkeys(metrics.COLUMNS[2:]) | {"stenosis_percent": np.nan}
    row |= metrics.wall_metrics(lesion, settings, grades)
    row["artery"], row["side"] = artery or (None, None)
    if ct_side.arteries is not None and artery is None:
        findings.append("no artery of the artery map lies near the lesion: its registration to the CT may be wrong")
    reference = surroundings.choose_reference(lesion, references, artery)
    cut = {"lesion": lesion.narrowest}
    if reference:
        row |= metrics.reference_metrics(lesion, reference, grades)
        cut["reference"] = reference.measured.narrowest
    elif not reference_finding:
        findings.append("no reference segment drawn: stenosis, remodelling and plaque area not measured")
    notes = [ct_side.reason]
    if why := surroundings.spoiled_by_metal(ct_side.lesions, artery):
        notes.append(f"calcium not measured: {why}")
    elif ct_side.calcification is not None and ct_side.ct is not None and ct_side.to_ct is not None:
        row |= surroundings.calcium_in(
            piece.segment, ct_side.calcification, ct_side.ct, ct_side.to_ct, ct_side.lesions, settings, grades
        )
    notes.append(_enhancement(row, lesion, reference, labels, vwi, post, settings, grades))
    return metrics.judged(row, findings, notes), cut


def _fit(segment: drawing.Segment, vwi: Image) -> str:
    """What is wrong if the drawn lumen is not darker than the drawn wall, as black blood has to be, or ""."""
    lumen = sample(vwi, segment.points(segment.lumen)).mean()
    wall = sample(vwi, enhancement.wall_points(segment)).mean()
    return (
        ""
        if lumen < DARKER * wall
        else "the drawn lumen is not darker than the drawn wall: does the drawing fit the image?"
    )


def _enhancement(
    row: dict[str, Any],
    lesion: MeasuredSegment,
    reference: metrics.Reference | None,
    labels: Image,
    vwi: Image,
    post: PostContrast | str,
    settings: WallMeasureSettings,
    grades: WallGradeSettings,
) -> str:
    """Add the enhancement columns to the row; returns why they are missing, or ""."""
    if isinstance(post, str):
        return f"enhancement not measured: {post}"
    centre = lesion.segment.centre
    try:
        to_post = enhancement.align_post(vwi, post.image, centre, post.start, settings.seed)
    except ValueError as error:
        return f"enhancement not measured: {error}"
    gain = enhancement.signal_gain(vwi, post.image, to_post, lesion.segment)

    def ratio(points: np.ndarray) -> float:
        return enhancement.enhancement_ratio(vwi, post.image, to_post, points, gain) if len(points) else np.nan

    plaque = ratio(enhancement.wall_points(lesion.segment))
    normal = ratio(enhancement.wall_points(reference.measured.segment)) if reference else np.nan
    stalk = ratio(mask_points(labels.affine, labels.data == parts.PITUITARY_STALK))
    row["enhancement_ratio"], row["enhancement_gain"] = plaque, gain
    row["enhancement_grade"], reason = enhancement.enhancement_grade(plaque, normal, stalk, grades)
    return reason


def _outline_rows(lesion: int, reader: str, name: str, section: CrossSection) -> list[dict[str, Any]]:
    """Contour points of a cross-section, RAS mm of the vessel-wall image."""
    return [
        row
        for contour, polygon in (("lumen", section.lumen), ("outer", section.outer))
        for row in _point_rows(lesion, reader, name, contour, section.to_ras(polygon))
    ]


def _point_rows(lesion: int, reader: str, name: str, contour: str, points: np.ndarray) -> list[dict[str, Any]]:
    return [
        dict(zip(OUTLINE_COLUMNS, (lesion, reader, name, contour, at, *place), strict=True))
        for at, place in enumerate(points.tolist())
    ]
