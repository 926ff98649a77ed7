"""Calcification on CT: which voxels, which lesions, and what is bone.

The artery tube comes first, then the bone is cut off: bone is what is large and dense outside the tube, calcium what is
dense within it. Where the two touch, the lesion is kept and marked; a piece of bone that only reaches into the tube is
left out and listed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.filters import apply_hysteresis_threshold

from angiolith.arteries.centrelines import Centreline, box_affine
from angiolith.arteries.density import calcium_hu_min, is_enhanced
from angiolith.arteries.names import BESIDE_SMOOTH_BONE, FLUID_SDS, INDEX
from angiolith.calcification.bone import (
    CALCIFIED_WALL_MM,
    LUMEN_FRACTION_MIN,
    behind,
    parted_by_valley,
    polar_position,
    through_openings,
    wall_distance_mm,
)
from angiolith.calcification.certainty import CONFIRMED_SD_MM, Evidence
from angiolith.calcification.marks import parted_marks, sort_marks
from angiolith.calcification.mirror import one_sided, pieces_at_arteries
from angiolith.core.distance import NEIGHBOURS_26
from angiolith.core.images import Image, bounding_box, mask_points
from angiolith.core.settings.calcification import CalcificationSegmentSettings, CalciumThresholdSettings

# [mm] Calcium beside bone is recognised this far outside the lumen, and followed further. Source: digital heads.
LUMEN_MARGIN_MM = 0.3
# [mm] Bone is looked for this far around the artery region. Source: numerics.
BONE_MARGIN_MM = 8.0


@dataclass(frozen=True)
class Found:
    """Lesions on the CT grid.

    labels: (i, j, k), one number per lesion from 1; touches_bone: {label: fraction of its voxels beside bone, or 0};
    left_out: pieces of bone that reach into the tube, as {volume_mm3, centre_mm, artery}; hu_min: threshold used;
    lumen_hu: HU of the lumen (NaN if unknown); contrast_enhanced; reason: why nothing was segmented, else None;
    doubts: {label: why the image does not decide between calcium and bone}: candidates; all others are sure;
    evidence: {label: what the image says of it}.
    """

    labels: np.ndarray
    touches_bone: dict[int, float]
    left_out: list[dict[str, Any]]
    hu_min: float
    lumen_hu: float
    contrast_enhanced: bool
    reason: str | None = None
    findings: list[str] = field(default_factory=list)
    doubts: dict[int, str] = field(default_factory=dict)
    evidence: dict[int, Evidence] = field(default_factory=dict)


def find_lesions(
    ct: Image,
    region: np.ndarray,
    lines: Sequence[Centreline],
    lumen_hu: float,
    threshold: CalciumThresholdSettings,
    settings: CalcificationSegmentSettings,
    wall_margin_mm: float,
    is_sharp: bool = False,
) -> Found:
    """Find the calcifications within the artery region.

    Lesions are 26-connected sets of voxels at `hu_min` or above; smaller than `lesion_volume_mm3_min` is noise. On a
    contrast-enhanced CT `hu_min` marks the lumen: refused, or raised above the lumen's HU (`on_contrast`).

    Parameters
    ----------
    ct : Image
        The CT, HU.
    region : np.ndarray
        Artery labels (i, j, k).
    lines : Sequence[Centreline]
        Centrelines of the arteries.
    lumen_hu : float
        Density of the lumen, HU; NaN where unknown.
    threshold : CalciumThresholdSettings
        Section `calcification.threshold`.
    settings : CalcificationSegmentSettings
        Section `calcification.segment`.
    wall_margin_mm : float
        Reach of calcium beyond the lumen, mm.
    is_sharp : bool
        The CT was made with a sharp kernel.

    Returns
    -------
    Found
        Lesions, candidates and the evidence for them.
    """
    enhanced = is_enhanced(lumen_hu, threshold)
    hu_min = threshold.hu_min
    empty = np.zeros(ct.data.shape, np.uint8)
    if enhanced and threshold.on_contrast == "refuse":
        reason = (
            f"contrast-enhanced CT (lumen {lumen_hu:.0f} HU): {hu_min:g} HU marks the lumen, not calcium; "
            "give a CT without contrast, or set calcification.threshold.on_contrast to adaptive"
        )
        return Found(empty, {}, [], hu_min, lumen_hu, True, reason)
    findings = []
    if enhanced:
        hu_min = calcium_hu_min(lumen_hu, threshold)
        findings.append(f"contrast-enhanced CT (lumen {lumen_hu:.0f} HU): threshold raised to {hu_min:.0f} HU")
    if not region.any():
        return Found(
            empty, {}, [], hu_min, lumen_hu, enhanced, "no artery lies within the CT's field of view", findings
        )

    box = bounding_box(region, np.ceil(BONE_MARGIN_MM / ct.voxel_mm).astype(int))
    part = Image(ct.data[box], box_affine(ct.affine, box))
    dense = part.data >= hu_min
    inside = region[box]
    bone = find_bone(part, dense, settings)
    free, _ = ndimage.label(dense, NEIGHBOURS_26)
    of_bone = np.isin(free, np.unique(free[bone]))
    of_bone &= dense
    depth, calcium, parted = depth_within(part, of_bone, inside, lines, hu_min, settings, wall_margin_mm)
    candidates = np.where(of_bone, calcium, dense)
    bone = of_bone & ~candidates
    pieces, count = ndimage.label(candidates, NEIGHBOURS_26)
    outside = outside_lumen(part, candidates & (inside > 0), inside, lines)
    outside[parted] = -np.inf  # judged already, with the line's uncertainty
    unsure_mm = {INDEX[line.name]: _unsure_mm(line, wall_margin_mm) for line in lines}
    labels, touches, left_out = _judge(pieces, count, bone, depth, outside, part, inside, unsure_mm, settings)
    unclear = np.isin(inside, [INDEX[line.name] for line in lines if line.sd_mm.max() > CONFIRMED_SD_MM])
    parted_off = parted_marks(part, of_bone, unclear, hu_min) if unclear.any() else []
    uncertain = [line for line in lines if line.sd_mm.max() > CONFIRMED_SD_MM]
    alone = one_sided(part, of_bone & unclear, lines)
    pieces_alone = pieces_at_arteries(part, alone, uncertain, wall_margin_mm, settings.bone_hu_min)
    marks = sort_marks(
        part, labels, parted_off, touches, of_bone, inside, lines, wall_margin_mm, parted, pieces_alone, alone, is_sharp
    )
    result = np.zeros(ct.data.shape, np.uint16)
    result[box] = marks.labels
    return Found(
        result,
        marks.touches_bone,
        left_out + marks.left_out,
        hu_min,
        lumen_hu,
        enhanced,
        None,
        findings,
        marks.doubts,
        marks.evidence,
    )


def depth_within(
    part: Image,
    of_bone: np.ndarray,
    region: np.ndarray,
    lines: Sequence[Centreline],
    hu_min: float,
    settings: CalcificationSegmentSettings,
    margin_mm: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What of the voxels `of_bone`, which hang together with bone, is an artery's calcium.

    It stands out from bone into the artery, or, where bone is smooth, a valley parts it from bone. Returns the depth
    (mm) inside the bone's wall at `hu_min` and inside the lumen, or inside what is artery for sure (its radius less the
    uncertainty of its place), whichever is more; and the voxels that are calcium: on rays from the centreline on which
    something is `protrusion_mm_min` deep (half of it beside such a place), what stands out and what lies behind it,
    through the wall, up to where bone reaches `bone_hu_min` (its half maximum: at `hu_min` it blooms into the calcium)
    and at most `margin_mm` outside the lumen, and what a valley parts; and the latter alone. All on `part`'s grid.

    Parameters
    ----------
    part : Image
        The CT about the arteries, HU.
    of_bone : np.ndarray
        Dense voxels that are connected with bone, bool (i, j, k).
    region : np.ndarray
        Artery labels (i, j, k).
    lines : Sequence[Centreline]
        Centrelines of the arteries.
    hu_min : float
        Threshold of calcium, HU.
    settings : CalcificationSegmentSettings
        Section `calcification.segment`.
    margin_mm : float
        Reach of calcium beyond the lumen, mm.

    Returns
    -------
    tuple[np.ndarray, np.ndarray, np.ndarray]
        Depth (i, j, k), mm; calcium, bool (i, j, k); and calcium that a valley parts, bool (i, j, k).
    """
    depth = np.zeros(part.data.shape)
    calcium, parted = (np.zeros(part.data.shape, bool) for _ in range(2))
    for line in lines:
        own = of_bone & (region == INDEX[line.name])
        if own.any():
            line = through_openings(part.data, part.affine, line, hu_min)
            seen = polar_position(mask_points(part.affine, own), line)
            wall, core = (wall_distance_mm(part.data, part.affine, line, hu) for hu in (hu_min, settings.bone_hu_min))
            to_lumen = line.radius_mm[seen.point] - seen.distance_mm
            inside = np.minimum(wall[seen.point, seen.angle] - seen.distance_mm, to_lumen + LUMEN_MARGIN_MM)
            inside = np.where(seen.beside, np.maximum(inside, to_lumen - line.sd_mm[seen.point]), 0)
            depth[own] = np.maximum(inside, 0)
            least = settings.protrusion_mm_min
            stands_out = apply_hysteresis_threshold(np.where(own, depth, 0), least / 2, least)[own]
            front = behind(stands_out, seen, wall.shape)
            before_bone = (seen.distance_mm < core[seen.point, seen.angle]) | (to_lumen > -CALCIFIED_WALL_MM)
            may = before_bone & (to_lumen > -margin_mm)
            calcium[own] = front & ((inside > 0) | may)
            if line.artery in BESIDE_SMOOTH_BONE:
                parted |= own & parted_by_valley(part.data, part.affine, of_bone, line, margin_mm)
    depth[parted] = np.maximum(depth[parted], settings.protrusion_mm_min)
    return depth, calcium | parted, parted


def outside_lumen(part: Image, where: np.ndarray, region: np.ndarray, lines: Sequence[Centreline]) -> np.ndarray:
    """Distance (mm) of the voxels `where` outside the lumen of their artery, negative inside; infinite elsewhere.

    Parameters
    ----------
    part : Image
        The CT about the arteries, HU.
    where : np.ndarray
        Voxels to measure at, bool (i, j, k).
    region : np.ndarray
        Artery labels (i, j, k).
    lines : Sequence[Centreline]
        Centrelines of the arteries.

    Returns
    -------
    np.ndarray
        Distances (i, j, k), mm.
    """
    outside = np.full(part.data.shape, np.inf, np.float32)
    for line in lines:
        own = where & (region == INDEX[line.name])
        if own.any():
            points = mask_points(part.affine, own)
            distance, nearest = cKDTree(line.points).query(points)
            outside[own] = distance - line.radius_mm[nearest]
    return outside


def find_bone(part: Image, dense: np.ndarray, settings: CalcificationSegmentSettings) -> np.ndarray:
    """Cores of bone: components of voxels at `bone_hu_min` or above, larger than `bone_volume_mm3_min`.

    Parameters
    ----------
    part : Image
        The CT about the arteries, HU.
    dense : np.ndarray
        Dense voxels, bool (i, j, k).
    settings : CalcificationSegmentSettings
        Section `calcification.segment`.

    Returns
    -------
    np.ndarray
        Mask (i, j, k), bool.
    """
    cores, count = ndimage.label(part.data >= settings.bone_hu_min, NEIGHBOURS_26)
    volume_mm3 = np.bincount(cores.ravel(), minlength=count + 1) * part.voxel_volume_mm3
    large = volume_mm3 >= settings.bone_volume_mm3_min
    large[0] = False
    return large[cores] & dense


def _unsure_mm(line: Centreline, wall_margin_mm: float) -> float:
    """Distance (mm) from a line's lumen up to which what is free of bone may be its calcium; more in fluid."""
    sd_mm = float(np.median(line.sd_mm))
    in_fluid = line.artery in BESIDE_SMOOTH_BONE and sd_mm > CONFIRMED_SD_MM
    return FLUID_SDS * sd_mm + wall_margin_mm if in_fluid else sd_mm


def _judge(
    pieces: np.ndarray,
    count: int,
    bone: np.ndarray,
    depth: np.ndarray,
    outside: np.ndarray,
    part: Image,
    region: np.ndarray,
    unsure_mm: Mapping[int, float],
    settings: CalcificationSegmentSettings,
) -> tuple[np.ndarray, dict[int, float], list[dict[str, Any]]]:
    """Number the pieces that are lesions from 1; tell which touch bone and which are bone reaching in.

    unsure_mm: {artery: distance from its lumen's wall up to which a piece that is free of bone may be its calcium}.
    """
    labels = np.zeros(pieces.shape, np.uint16)
    touches: dict[int, float] = {}
    left_out = []
    beside_bone = ndimage.binary_dilation(bone, NEIGHBOURS_26)
    for number, box in enumerate(ndimage.find_objects(pieces, count), start=1):
        piece = pieces[box] == number
        volume_mm3 = float(piece.sum()) * part.voxel_volume_mm3
        if not (region[box][piece] > 0).any() or volume_mm3 < settings.lesion_volume_mm3_min:
            continue
        if piece.sum() < settings.lesion_voxels_min:
            continue
        contact = float(beside_bone[box][piece].mean())
        beyond_mm = unsure_mm.get(artery_of(piece, region[box]), 0.0)
        deepest = float(depth[box][piece].max())
        if contact > 0:
            in_lumen = float((outside[box][piece & (region[box] > 0)] < 0).mean())
            faint = part.data[box][piece].max() < settings.bone_hu_min  # bone's partial volume looks like this
            is_bone = faint or deepest < settings.protrusion_mm_min or in_lumen < LUMEN_FRACTION_MIN
        else:  # beside the artery, not of it, however its line may be off
            is_bone = float((outside[box][piece & (region[box] > 0)] < beyond_mm).mean()) < LUMEN_FRACTION_MIN
        if is_bone:
            centre = np.argwhere(piece).mean(axis=0) + [s.start for s in box]
            centre_mm = part.affine[:3, :3] @ centre + part.affine[:3, 3]
            left_out.append(
                {
                    "volume_mm3": round(volume_mm3, 3),
                    "centre_mm": [round(float(v), 2) for v in centre_mm],
                    "artery": artery_of(piece, region[box]),
                    "bone_contact_share": round(contact, 3),
                    "depth_mm": round(deepest, 2),
                }
            )
            continue
        new = len(touches) + 1
        labels[box][piece] = new
        touches[new] = contact
    return labels, touches, left_out


def artery_of(lesion: np.ndarray, region: np.ndarray) -> int:
    """Number of the artery that holds most of a lesion's voxels (0 if none does).

    Parameters
    ----------
    lesion : np.ndarray
        Voxels of the lesion, bool (i, j, k).
    region : np.ndarray
        Artery labels (i, j, k).

    Returns
    -------
    int
        Number of the artery.
    """
    found = region[lesion]
    found = found[found > 0]
    return int(np.bincount(found).argmax()) if len(found) else 0


def centreline_of(label: int, lines: Mapping[tuple[str, str], Centreline]) -> Centreline | None:
    """The centreline of an artery's number, if there is one.

    Parameters
    ----------
    label : int
        Number of the artery.
    lines : Mapping[tuple[str, str], Centreline]
        (artery, side) -> centreline.

    Returns
    -------
    Centreline | None
        The centreline, or None.
    """
    return next((line for name, line in lines.items() if INDEX[name] == label), None)
