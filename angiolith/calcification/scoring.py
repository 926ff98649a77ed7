"""Scores of calcification: Agatston, Kockelkoren, spotty, the Woodcock-like grade, the severity groups."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from angiolith.core.images import slice_axis
from angiolith.core.settings.calcification import CalcificationGradeSettings, KockelkorenSettings, SeveritySettings

# [HU] Peaks from which a slice's calcium weighs 1, 2, 3, 4. Source: Agatston 1990.
AGATSTON_HU = (130.0, 200.0, 300.0, 400.0)
# [mm] Contiguous slices of this thickness define the score. Source: Agatston 1990.
AGATSTON_SLICE_MM = 3.0
INTIMAL, IEL, ABSENT = "intimal", "iel", "absent"
# [grade] Highest of the Woodcock-like grades. Source: Woodcock 1999.
HIGHEST_GRADE = 3
GROUPS = ("none_or_mild", "moderate", "severe")
# [pixels] Neighbours by edge or corner within a slice. Source: definition.
CONNECTED = np.ones((3, 3), int)


def slice_step_mm(affine: np.ndarray) -> float:
    """Perpendicular distance between slices, mm: not the nominal thickness, and right for a sheared grid too.

    Parameters
    ----------
    affine : np.ndarray
        Voxel -> mm (4, 4).

    Returns
    -------
    float
        Distance, mm.
    """
    axis = slice_axis(affine)
    first, second = (affine[:3, i] for i in range(3) if i != axis)
    normal = np.cross(first, second)
    return float(abs(affine[:3, axis] @ normal) / np.linalg.norm(normal))


def agatston_equivalent(ct: np.ndarray, lesion: np.ndarray, affine: np.ndarray, kvp_scale: float = 1.0) -> float:
    """Agatston score of a lesion, scaled by slice step / 3 mm since it is defined on contiguous 3 mm slices.

    Sum over slices and over the lesion's pieces in the slice (8-connected) of area in mm2 times the weight of the
    piece's peak HU: 1 (130-199), 2 (200-299), 3 (300-399), 4 (400 and more); a peak under 130 weighs 0.

    Parameters
    ----------
    ct : np.ndarray
        HU (i, j, k).
    lesion : np.ndarray
        Voxels of the lesion, bool (i, j, k).
    affine : np.ndarray
        Voxel -> mm (4, 4).
    kvp_scale : float
        Factor of the thresholds at the CT's tube voltage.

    Returns
    -------
    float
        Score.
    """
    axis = slice_axis(affine)
    first, second = (affine[:3, i] for i in range(3) if i != axis)
    pixel_mm2 = float(np.linalg.norm(np.cross(first, second)))
    steps_hu = kvp_scale * np.array(AGATSTON_HU)
    total = 0.0
    for values, mask in zip(np.moveaxis(ct, axis, 0), np.moveaxis(lesion, axis, 0), strict=True):
        if not mask.any():
            continue
        pieces, count = ndimage.label(mask, CONNECTED)
        peaks = ndimage.maximum(values, pieces, np.arange(1, count + 1))
        pixels = np.bincount(pieces.ravel())[1:]
        total += float((pixels * np.searchsorted(steps_hu, peaks, side="right")).sum()) * pixel_mm2
    return total * slice_step_mm(affine) / AGATSTON_SLICE_MM


def kockelkoren(
    arc_deg: float, length_mm: float, thickness_mm: float, even: bool, points: KockelkorenSettings
) -> tuple[float, str | None]:
    """Kockelkoren score of a lesion and the pattern it stands for (PLoS One 2017, 12:e0168360).

    NaN and None where arc or thickness is not known. Circularity counts the arc; a dot is shorter than
    `dot_length_mm_max` and narrower than `dot_arc_deg_max`; morphology is indistinguishable for a dot, continuous for
    an even lesion over at least `continuous_arc_deg_min`, else irregular.

    Parameters
    ----------
    arc_deg : float
        Arc, degrees; NaN where not known.
    length_mm : float
        Length along the artery, mm.
    thickness_mm : float
        Thickness, mm; NaN where not known.
    even : bool
        Whether the lesion is of one piece, without gaps, and a layer rather than a lump.
    points : KockelkorenSettings
        Section `calcification.grade.kockelkoren`: points per feature and the cut-off.

    Returns
    -------
    tuple[float, str | None]
        Score and pattern; NaN and None where arc or thickness is not known.
    """
    if not (np.isfinite(arc_deg) and np.isfinite(thickness_mm)):
        return np.nan, None
    dot = length_mm < points.dot_length_mm_max and arc_deg < points.dot_arc_deg_max
    circularity = points.arc_dot if dot else points.arc_points[int(np.searchsorted([90, 270], arc_deg, side="right"))]
    thickness = points.thick if thickness_mm >= points.thick_mm_min else points.thin
    continuous = even and arc_deg >= points.continuous_arc_deg_min
    morphology = points.indistinguishable if dot else points.continuous if continuous else points.irregular
    score = circularity + thickness + morphology
    return float(score), IEL if score >= points.iel_min else INTIMAL


def spotty(length_mm: float, arc_deg: float, settings: CalcificationGradeSettings) -> bool | None:
    """Spotty calcification: shorter than 3 mm and under 90 degrees by default; None where either is not known.

    Parameters
    ----------
    length_mm : float
        Length along the artery, mm.
    arc_deg : float
        Arc, degrees; NaN where not known.
    settings : CalcificationGradeSettings
        Section `calcification.grade`.

    Returns
    -------
    bool | None
        True, False, or None where it is not known.
    """
    if not (np.isfinite(length_mm) and np.isfinite(arc_deg)):
        return None
    return bool(length_mm < settings.spotty_length_mm_max and arc_deg < settings.spotty_arc_deg_max)


def woodcock_grades(thickness_mm: np.ndarray, length_mm: np.ndarray, settings: SeveritySettings) -> tuple[int, int]:
    """Lowest and highest Woodcock-like grade that an artery can have by its lesions' thickness and length, (n,) each.

    The highest lesion counts. Where a thickness or length is not known (NaN), the lesion may be thin or thick, short or
    long; without such lesions, or where another decides, both grades are the same.

    0 none; 1 thin and discontinuous; 2 thin and continuous, or thick and discontinuous; 3 thick and continuous (after
    Woodcock et al. 1999). Continuous: at least `continuous_length_mm_min` along the artery.

    Parameters
    ----------
    thickness_mm, length_mm : np.ndarray
        Thickness and length of the lesions (n,), mm; NaN where not known.
    settings : SeveritySettings
        Section `severity`.

    Returns
    -------
    tuple[int, int]
        Lowest and highest grade, 0 to 3.
    """
    if len(length_mm) == 0:
        return 0, 0
    sizes = np.stack([thickness_mm, length_mm]).astype(float)
    limits = np.array([[settings.thick_mm_min], [settings.continuous_length_mm_min]])
    lowest, highest = (
        int((1 + (np.nan_to_num(sizes, nan=unknown) >= limits).sum(axis=0)).max()) for unknown in (-np.inf, np.inf)
    )
    return lowest, highest


def severity_group(grade: int, volume_mm3: float, settings: SeveritySettings) -> str:
    """Group of an artery: by its grade, by its volume, or by the higher of the two (`rule` in section `severity`).

    Parameters
    ----------
    grade : int
        Woodcock-like grade, 0 to 3.
    volume_mm3 : float
        Volume of calcium, mm3.
    settings : SeveritySettings
        Section `severity`.

    Returns
    -------
    str
        Name of the group.
    """
    by_grade = int(np.searchsorted(settings.grade_cuts, grade, side="right"))
    by_volume = int(np.searchsorted(settings.volume_mm3_cuts, volume_mm3, side="right"))
    return GROUPS[{"grade": by_grade, "volume": by_volume, "higher": max(by_grade, by_volume)}[settings.rule]]
