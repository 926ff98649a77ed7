"""What the CT says of a lesion: which artery it lies in, where its reference segment stands, how much calcium it holds.

`to_ct`: 4 x 4 matrix, RAS, from points of the vessel-wall image to points of the CT.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

from angiolith.core.images import Image, mask_points, moved
from angiolith.core.settings.vessel_wall import WallGradeSettings, WallMeasureSettings
from angiolith.core.tables import FAILED
from angiolith.vessel_wall.drawing import Segment
from angiolith.vessel_wall.metrics import MeasuredSegment, Reference
from angiolith.vessel_wall.points import sample
from angiolith.vessel_wall.sections import CrossSection

# [RAS direction] Direction of flow, to tell proximal from distal. Source: anatomy.
FLOW = {"BA": (0, 0, 1), "VA": (0, 0, 1), "ICA": (0, 0, 1), "PCA": (0, -1, 0), "ACA": (0, 0.5, 1)}
# [RAS direction] The same of the middle cerebral arteries, which run away from the midline. Source: anatomy.
FLOW_SIDED = {("MCA", "R"): (1, 0, 0), ("MCA", "L"): (-1, 0, 0)}
# [number] Voxels of a lumen that are asked for the nearest artery. Source: numerics.
LUMEN_SAMPLES = 200
# [mm] Calcium so far outside the outer wall is shown on the picture of a section. Source: layout.
SHOWN_MM = 2.0
FEEDING = {"MCA": "ICA", "ACA": "ICA", "BA": "VA", "PCA": "BA"}
PREFERENCE = ("proximal", "distal", "feeding", "unspecified")  # the order of WASID


def artery_of(
    segment: Segment,
    arteries: Image,
    names: Mapping[int, tuple[str, str]],
    to_ct: np.ndarray,
    reach_mm: float,
) -> tuple[str, str] | None:
    """(artery, side) of a drawn segment: the label of the artery map that most of its lumen lies nearest to.

    None if no label lies within `reach_mm` of at least half of the lumen.

    Parameters
    ----------
    segment : Segment
        The drawn segment.
    arteries : Image
        Label map on the CT grid.
    names : Mapping[int, tuple[str, str]]
        Index -> (artery, side).
    to_ct : np.ndarray
        Matrix (4, 4) from points of the vessel-wall image to the CT, RAS mm.
    reach_mm : float
        Largest distance of a label, mm.

    Returns
    -------
    tuple[str, str] | None
        (artery, side), or None.
    """
    lumen = moved(to_ct, segment.points(segment.lumen)[:: max(1, int(segment.lumen.sum()) // LUMEN_SAMPLES)])
    low, high = lumen.min(axis=0) - reach_mm, lumen.max(axis=0) + reach_mm
    points = mask_points(arteries.affine, arteries.data > 0)
    near = ((points >= low) & (points <= high)).all(axis=1)
    if not near.any():
        return None
    labels = arteries.data[arteries.data > 0][near].astype(int)
    gaps, nearest = cKDTree(points[near]).query(lumen, distance_upper_bound=reach_mm)
    found = labels[nearest[np.isfinite(gaps)]]
    if len(found) < len(lumen) / 2:
        return None
    values, counts = np.unique(found, return_counts=True)
    return names.get(int(values[counts.argmax()]))


@dataclass(frozen=True)
class Candidate:
    """A measured reference segment, its artery and side if known, and its position if the reader stated it, else ""."""

    measured: MeasuredSegment
    artery: tuple[str, str] | None
    position: str = ""


def choose_reference(
    lesion: MeasuredSegment, candidates: Sequence[Candidate], artery: tuple[str, str] | None
) -> Reference | None:
    """The reference segment for a lesion: proximal before distal before feeding artery, then the nearest; None if none.

    The reader's word on the position counts; else it follows from the direction of flow of the lesion's artery, and
    where that is unknown the position is "unspecified".

    Parameters
    ----------
    lesion : MeasuredSegment
        The measured lesion.
    candidates : Sequence[Candidate]
        Measured reference segments.
    artery : tuple[str, str] | None
        Name and side of the lesion's artery, or None.

    Returns
    -------
    Reference | None
        The reference segment, or None.
    """
    found = []
    for one in candidates:
        offset = one.measured.segment.centre - lesion.segment.centre
        distance = float(np.linalg.norm(offset))
        position = one.position or _position_by_flow(offset, one.artery, artery)
        found.append(Reference(one.measured, position, one.artery[0] if one.artery else None, distance))
    return min(found, key=lambda item: (PREFERENCE.index(item.position), item.distance_mm), default=None)


def _position_by_flow(offset: np.ndarray, own: tuple[str, str] | None, artery: tuple[str, str] | None) -> str:
    """Position of a reference segment on the artery `own`, `offset` (3,) away from a lesion on `artery`."""
    if artery and own and own[0] == FEEDING.get(artery[0]):
        return "feeding"
    flow = (FLOW_SIDED.get(artery) or FLOW.get(artery[0])) if artery else None
    if not flow:
        return "unspecified"
    return "proximal" if offset @ np.array(flow) < 0 else "distal"


def spoiled_by_metal(lesions: pd.DataFrame | None, artery: tuple[str, str] | None) -> str:
    """Why metal left no calcium to be measured on an artery (name, side), or "".

    Parameters
    ----------
    lesions : pd.DataFrame | None
        The CT's table of lesions, which has a failed row without a lesion for such an artery.
    artery : tuple[str, str] | None
        Name and side of the lesion's artery, or None.

    Returns
    -------
    str
        The reason, or an empty string.
    """
    if lesions is None or artery is None:
        return ""
    rows = lesions.reindex(columns=["artery", "side", "status", "reason"])
    own_mask = rows[(rows["status"] == FAILED) & (rows["artery"] == artery[0]) & (rows["side"] == artery[1])]
    return "" if own_mask.empty else str(own_mask["reason"].iloc[0])


def calcium_in(
    segment: Segment,
    calcification: Image,
    ct: Image,
    to_ct: np.ndarray,
    lesions: pd.DataFrame | None,
    settings: WallMeasureSettings,
    grades: WallGradeSettings,
) -> dict[str, Any]:
    """Calcium within a plaque: volume, HU, fraction of the plaque, the plaque's class, and what the CT's lesions are.

    A calcified voxel belongs to the plaque if its centre lies within the outer wall or at most `calcium_margin_mm`
    outside (registration and blooming). Fraction: calcium volume over drawn wall volume, which is the calcified
    fraction of the plaque's area pooled over its sections. Class: non-calcified without calcium, partially calcified
    below `calcified_percent_min`, calcified from it. Volume is that of whole native CT voxels; HU are NaN without
    calcium. Pattern: that of the CT lesion with the most calcium in the plaque; a CT lesion is counted from
    `calcium_lesion_voxels_min` voxels in the plaque on. The spotty ones are not counted (NaN) where it is not known of
    one of them whether it is spotty.

    Parameters
    ----------
    segment : Segment
        The drawn segment.
    calcification : Image
        Label map of the counted calcifications.
    ct : Image
        The CT, HU.
    to_ct : np.ndarray
        Matrix (4, 4) from points of the vessel-wall image to the CT, RAS mm.
    lesions : pd.DataFrame | None
        The CT's table of lesions, or None.
    settings : WallMeasureSettings
        Section `vessel_wall.measure`.
    grades : WallGradeSettings
        Section `vessel_wall.grade`.

    Returns
    -------
    dict[str, Any]
        Column -> value.
    """
    mask = calcification.data > 0
    points = moved(np.linalg.inv(to_ct), mask_points(calcification.affine, mask))
    room = np.ceil(settings.calcium_margin_mm / segment.voxel_mm).astype(int) + 1
    outer = np.pad(segment.outer, [(n, n) for n in room])
    affine = segment.affine.copy()
    affine[:3, 3] = moved(segment.affine, -room[None])[0]
    outside_mm = Image(distance_transform_edt(~outer, sampling=segment.voxel_mm), affine)
    inside = sample(outside_mm, points, fill=np.inf) <= settings.calcium_margin_mm
    volume = float(inside.sum() * calcification.voxel_volume_mm3)
    percent = min(100.0, 100 * volume / float(segment.wall.sum() * segment.voxel_volume_mm3))
    kind = "calcified" if percent >= grades.calcified_percent_min else "partially calcified"
    hu = ct.data[mask][inside]
    row: dict[str, Any] = {
        "calcium_volume_mm3": volume,
        "calcium_percent": percent,
        "calcium_mean_hu": float(hu.mean()) if volume else np.nan,
        "calcium_max_hu": float(hu.max()) if volume else np.nan,
        "plaque_class": kind if volume else "non-calcified",
    }
    if lesions is None:
        return row
    numbers, counts = np.unique(calcification.data[mask][inside].astype(int), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    numbers = numbers[order][counts[order] >= settings.calcium_lesion_voxels_min]
    here = lesions.drop_duplicates("lesion").set_index("lesion").reindex(numbers)
    pattern = here["pattern"].iloc[0] if len(here) else None
    row["calcium_pattern"] = None if pd.isna(pattern) else pattern
    row["n_calcium_lesions"] = len(numbers)
    spotty_known = here["spotty"].notna().all()
    row["n_spotty_calcium"] = int((here["spotty"].astype(str) == "True").sum()) if spotty_known else np.nan
    return row


def calcium_on(section: CrossSection, calcification: Image, to_ct: np.ndarray) -> np.ndarray:
    """Calcified CT voxels close to a cross-section of the wall, set onto its plane: points (n, 3), RAS mm.

    Close: within half a CT slice of the plane (1 mm at least) and `SHOWN_MM` of the outer wall.

    Parameters
    ----------
    section : CrossSection
        The cross-section.
    calcification : Image
        Label map of the calcifications.
    to_ct : np.ndarray
        Matrix (4, 4) from points of the vessel-wall image to the CT, RAS mm.

    Returns
    -------
    np.ndarray
        Points (n, 3), RAS mm.
    """
    points = moved(np.linalg.inv(to_ct), mask_points(calcification.affine, calcification.data > 0))
    offset = points - section.origin
    flat = offset @ section.axes.T
    off_plane_mm = np.linalg.norm(offset - flat @ section.axes, axis=1)
    near = off_plane_mm <= max(1.0, float(calcification.voxel_mm.max()) / 2)
    flat = flat[near & (np.linalg.norm(flat, axis=1) < np.linalg.norm(section.outer, axis=1).max() + SHOWN_MM)]
    return section.to_ras(flat)
