"""Vessel-wall plaques for the vessel-wall MRI: eccentric circles along a centreline, their truth and readers' contours.

At arc length s the wall's section is two circles: the lumen (radius r) and the outer wall (radius R), whose centres lie
e apart. So MaxWT = R - r + e and MinWT = R - r - e, exactly. Away from the plaque r is the artery's radius, R = r + 0.5
mm and e = 0; towards the middle they go to the plaque's set values along a smooth bump.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from phantoms.geometry import Curve, Grid, apply

NORMAL_WALL_MM = 0.5
MIN_WALL_MM = 0.35
THICK_WALL_MM = 1.0
SAME_SLICE_MM = 4.0


@dataclass(frozen=True)
class WallPlaque:
    """One plaque: where (artery, arc length and angle of its middle), how narrow, how remodelled, how enhancing."""

    artery: str
    side: str
    at_mm: float
    angle_deg: float
    length_mm: float
    stenosis_percent: float
    remodeling_index: float
    eccentricity: float
    enhancement_ratio: float
    reference_at_mm: float
    reference: str

    @property
    def key(self) -> tuple[str, str]:
        return self.artery, self.side


@dataclass(frozen=True)
class Section:
    """Lumen radius, outer radius, distance between their centres (mm); arrays over s."""

    lumen_mm: np.ndarray
    outer_mm: np.ndarray
    offset_mm: np.ndarray


def draw_wall_plaque(
    rng: np.random.Generator, curve: Curve, artery: str, side: str, symptomatic: bool, stenosis_percent: float | None
) -> WallPlaque:
    """A plaque on an artery; culprits (symptomatic) are longer, more often remodelled outwards, and enhance more.

    The proximal normal segment serves as reference where the artery has one, else the distal one.
    """
    length = rng.uniform(8, 15) if symptomatic else rng.uniform(6, 12)
    first, last = {"BA": (0.30, 0.62), "VA": (0.62, 0.80), "MCA": (0.14, 0.24), "ICA": (0.55, 0.70)}[artery]
    at = max(curve.length_mm * rng.uniform(first, last), length / 2 + 2.0)
    proximal, distal = at - length / 2 - 4.0, at + length / 2 + 4.0
    use_proximal = proximal > 3.0
    return WallPlaque(
        artery=artery,
        side=side,
        at_mm=float(at),
        angle_deg=float(rng.uniform(-180, 180)),
        length_mm=float(length),
        stenosis_percent=float(rng.uniform(50, 78) if stenosis_percent is None else stenosis_percent),
        remodeling_index=float(np.clip(rng.normal(1.22 if symptomatic else 1.02, 0.12), 0.85, 1.5)),
        eccentricity=float(rng.uniform(0.45, 0.85)),
        enhancement_ratio=float(np.clip(rng.normal(1.75 if symptomatic else 1.3, 0.15), 1.05, 2.2)),
        reference_at_mm=float(proximal if use_proximal else distal),
        reference="proximal" if use_proximal else "distal",
    )


def sections(plaque: WallPlaque | None, curve: Curve, along_mm: np.ndarray) -> Section:
    """The wall's section at arc lengths `along_mm`."""
    normal = np.interp(along_mm, curve.arc_mm, curve.radius_mm)
    if plaque is None:
        return Section(normal, normal + NORMAL_WALL_MM, np.zeros_like(normal))
    bump = np.clip(1 - ((along_mm - plaque.at_mm) / (plaque.length_mm / 2)) ** 2, 0, 1) ** 2
    reference = float(np.interp(plaque.reference_at_mm, curve.arc_mm, curve.radius_mm))
    narrowest = reference * (1 - plaque.stenosis_percent / 100)
    widest = max(np.sqrt(plaque.remodeling_index) * (reference + NORMAL_WALL_MM), narrowest + 2 * MIN_WALL_MM)
    offset = np.clip(plaque.eccentricity, 0, 1) * (widest - narrowest - MIN_WALL_MM)
    lumen = normal + bump * (narrowest - normal)
    return Section(lumen, normal + NORMAL_WALL_MM + bump * (widest - normal - NORMAL_WALL_MM), bump * offset)


def wall_distances(
    plaque: WallPlaque | None, curve: Curve, points: np.ndarray, change: dict[str, np.ndarray] | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Signed distances (mm, negative inside) of head-frame points to lumen and outer wall, and their arc lengths.

    The axis is the outer wall's centre; the lumen's centre is shifted away from the plaque's thick side. `change`
    perturbs a reader's contours: arrays over the curve's samples `lumen` and `outer` (factors), `shift` (mm).
    """
    along, distance, angle, nearest = curve.locate(points)
    section = sections(plaque, curve, along)
    lumen, outer, offset = section.lumen_mm, section.outer_mm, section.offset_mm
    if change is not None:
        lumen, outer = lumen * change["lumen"][nearest], outer * change["outer"][nearest]
        offset = offset + change["shift"][nearest]
    turn = np.radians(angle - (plaque.angle_deg if plaque else 0.0))
    x, y = distance * np.cos(turn), distance * np.sin(turn)
    return np.hypot(x + offset, y) - lumen, distance - outer, along


def plaque_truth(plaque: WallPlaque, curve: Curve) -> dict[str, object]:
    """The analytic values of the contract's columns at the narrowest section and its reference."""
    fine = np.arange(plaque.at_mm - plaque.length_mm / 2, plaque.at_mm + plaque.length_mm / 2, 0.02)
    section = sections(plaque, curve, fine)
    k = int(np.argmin(section.lumen_mm))
    lumen, outer, offset = (float(v[k]) for v in (section.lumen_mm, section.outer_mm, section.offset_mm))
    reference = sections(plaque, curve, np.array([plaque.reference_at_mm]))
    reference_lumen, reference_outer = float(reference.lumen_mm[0]), float(reference.outer_mm[0])
    thickest = section.outer_mm - section.lumen_mm + section.offset_mm
    lumen_area, outer_area = np.pi * lumen**2, np.pi * outer**2
    max_wall, min_wall = outer - lumen + offset, outer - lumen - offset
    return {
        "artery": plaque.artery,
        "side": plaque.side,
        "lumen_area_mm2": lumen_area,
        "outer_wall_area_mm2": outer_area,
        "wall_area_mm2": outer_area - lumen_area,
        "max_wall_mm": max_wall,
        "min_wall_mm": min_wall,
        "eccentricity_index": (max_wall - min_wall) / max_wall,
        "remodeling_index": outer_area / (np.pi * reference_outer**2),
        "stenosis_percent": 100 * (1 - lumen / reference_lumen),
        "reference": plaque.reference,
        "reference_lumen_area_mm2": np.pi * reference_lumen**2,
        "reference_outer_wall_area_mm2": np.pi * reference_outer**2,
        "plaque_length_mm": plaque.length_mm,
        "length_wall_over_1mm": 0.02 * float((thickest > THICK_WALL_MM).sum()),
        "plaque_volume_mm3": 0.02 * float(np.pi * (section.outer_mm**2 - section.lumen_mm**2).sum()),
        "enhancement_ratio": plaque.enhancement_ratio,
    }


def reader_changes(rng: np.random.Generator, curve: Curve, reader: int) -> dict[str, np.ndarray]:
    """A reader's way with contours, over the curve's samples (smooth over about 2 mm).

    Reader 1: no bias, radii scatter by 2 %, centres by 0.04 mm. Reader 2: draws the lumen 2 % larger and the outer wall
    1 % larger, radii scatter by 3 %, centres by 0.08 mm.
    """
    bias_lumen, bias_outer, scatter, shift = ((0.0, 0.0, 0.02, 0.04), (0.02, 0.01, 0.03, 0.08))[reader - 1]

    def wobble(sd: float) -> np.ndarray:
        knots = rng.standard_normal(int(curve.length_mm / 2) + 3)
        return sd * np.interp(curve.arc_mm, 2.0 * np.arange(len(knots)), knots)

    return {
        "lumen": 1 + bias_lumen + wobble(scatter),
        "outer": 1 + bias_outer + wobble(scatter),
        "shift": wobble(shift),
    }


def draw_labels(
    plaque: WallPlaque, curve: Curve, pose: np.ndarray, change: dict[str, np.ndarray] | None, pixel_mm: float = 0.2
) -> tuple[np.ndarray, Grid]:
    """Contours as a label map on slices across the vessel (0.2 x 0.2 x 0.6 mm), in the vessel-wall MRI's world.

    Labels: 1 lumen, 2 wall of the plaque's segment; 3 lumen, 4 wall of the 2 mm long reference segment. A slice belongs
    to a segment as a whole, by where the centreline crosses it.
    """
    within = np.abs(curve.arc_mm - plaque.at_mm) <= plaque.length_mm / 2
    tangent = pose[:3, :3] @ curve.tangents[within].mean(axis=0)
    turn, _ = Rotation.align_vectors(tangent[None], np.array([[0.0, 0.0, 1.0]]))
    ends = [plaque.at_mm - plaque.length_mm / 2, plaque.at_mm + plaque.length_mm / 2]
    ends += [plaque.reference_at_mm - 1, plaque.reference_at_mm + 1]
    used = (curve.arc_mm >= min(ends)) & (curve.arc_mm <= max(ends))
    local = turn.inv().apply(apply(pose, curve.points[used]))
    margin = np.array([5.0, 5.0, 1.2])
    low, high = local.min(0) - margin, local.max(0) + margin
    voxel = np.array([pixel_mm, pixel_mm, 0.6])
    shape = tuple(int(n) for n in np.ceil((high - low) / voxel))
    affine = np.eye(4)
    affine[:3, :3] = turn.as_matrix() @ np.diag(voxel)
    affine[:3, 3] = turn.apply(low)
    grid = Grid(shape, affine)  # type: ignore[arg-type]
    indices = np.stack(np.unravel_index(np.arange(np.prod(shape)), shape), -1)
    lumen, outer, along = wall_distances(plaque, curve, apply(np.linalg.inv(pose) @ affine, indices), change)
    heights = low[2] + voxel[2] * np.arange(shape[2])
    crossing = curve.arc_mm[used][np.abs(local[:, 2][:, None] - heights).argmin(0)]
    missed = np.abs(local[:, 2][:, None] - heights).min(0) > voxel[2] / 2
    slice_at = np.where(missed, np.inf, crossing)[indices[:, 2]]
    labels = np.where(lumen <= 0, 1, np.where(outer <= 0, 2, 0))
    labels[np.abs(along - crossing[indices[:, 2]]) > SAME_SLICE_MM] = 0
    in_plaque = np.abs(slice_at - plaque.at_mm) <= plaque.length_mm / 2
    in_reference = np.abs(slice_at - plaque.reference_at_mm) <= 1.0
    labels = np.where(in_plaque, labels, np.where(in_reference & (labels > 0), labels + 2, 0))
    return labels.reshape(shape).astype(np.uint8), grid
