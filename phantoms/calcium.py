"""Calcified plaques on the arterial wall: drawn by severity, rendered on any CT grid, measured for the truth.

A plaque is a patch of the wall in tube coordinates (arc length s, angle, distance from the axis): its face is the
superellipse |ds / (length/2)|^4 + |dangle / (arc/2)|^4 <= 1, so that its largest arc and its length are exact, and it
reaches from the outer face of the wall inwards by its thickness. Intimal-like plaques are thick with a short arc and
jut into the lumen; IEL-like ones are thin, long and run round the wall.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from phantoms.geometry import Curve, Grid, apply, voxels_near

WALL_MM = 0.6
GAP_MM = 3.0
INTIMAL, IEL = "intimal", "iel"
Curves = dict[tuple[str, str], Curve]


@dataclass(frozen=True)
class Calcification:
    """One calcified plaque. `at_mm`: arc length of its middle; `angle_deg`: its middle in the curve's frame."""

    artery: str
    side: str
    at_mm: float
    angle_deg: float
    arc_deg: float
    length_mm: float
    thickness_mm: float
    hu: float
    pattern: str

    @property
    def key(self) -> tuple[str, str]:
        return self.artery, self.side


# where plaques sit: share of the artery's length (first, last); ICA = carotid canal's end to terminus
SITES = {"ICA": (0.38, 0.95), "VA": (0.50, 0.97), "BA": (0.06, 0.85), "MCA": (0.04, 0.35)}
SITE_WEIGHTS = {"ICA": 0.62, "VA": 0.22, "BA": 0.09, "MCA": 0.07}
COUNTS = {"none": (0, 0), "mild": (1, 3), "moderate": (3, 6), "severe": (6, 11)}


def draw_calcifications(
    rng: np.random.Generator, curves: Curves, severity: str, iel_share: float | None = None
) -> list[Calcification]:
    """Plaques of one subject. `severity` sets number and size; `iel_share`: share of IEL-like ones (drawn if None)."""
    low, high = COUNTS[severity]
    iel_share = rng.uniform(0.2, 0.7) if iel_share is None else iel_share
    plaques: list[Calcification] = []
    wanted = int(rng.integers(low, high + 1))
    for _ in range(20 * wanted):
        if len(plaques) == wanted:
            break
        artery = str(rng.choice(list(SITES), p=list(SITE_WEIGHTS.values())))
        side = "M" if artery == "BA" else str(rng.choice(["L", "R"]))
        curve = curves[artery, side]
        plaque = _draw_plaque(rng, artery, side, curve, severity, rng.random() < iel_share)
        if all(apart(plaque, other, curves) for other in plaques):
            plaques.append(plaque)
    return plaques


def apart(a: Calcification, b: Calcification, curves: Curves) -> bool:
    """True where two plaques leave 3 mm between them, on one artery or across a junction."""
    reach = (a.length_mm + b.length_mm) / 2 + GAP_MM
    if a.key == b.key:
        return abs(a.at_mm - b.at_mm) > reach
    first, second = curves[a.key], curves[b.key]
    wide = first.radius_mm[first.index_at(a.at_mm)] + second.radius_mm[second.index_at(b.at_mm)]
    return bool(np.linalg.norm(first.point_at(a.at_mm) - second.point_at(b.at_mm)) > reach + wide)


def _draw_plaque(
    rng: np.random.Generator, artery: str, side: str, curve: Curve, severity: str, iel: bool
) -> Calcification:
    at_mm = curve.length_mm * rng.uniform(*SITES[artery])
    radius = float(curve.radius_mm[curve.index_at(at_mm)])
    size = {"mild": 0.6, "moderate": 1.0, "severe": 1.5}[severity]
    if iel:
        arc, length = rng.choice([rng.uniform(150, 270), rng.uniform(275, 360)]), rng.uniform(4, 9) * size
        thickness, hu = rng.uniform(0.6, 1.2), rng.uniform(500, 950)
    elif rng.random() < 0.35:  # spotty
        arc, length = rng.uniform(35, 85), rng.uniform(1.6, 2.9)
        thickness, hu = rng.uniform(0.9, 1.5), rng.uniform(400, 800)
    else:
        arc, length = rng.uniform(60, 170), rng.uniform(2.5, 6) * size
        thickness, hu = rng.uniform(1.5, 2.6), rng.uniform(450, 1100)
    thickness = min(thickness, radius + WALL_MM - 0.15)
    angle = rng.uniform(-180, 180)
    return Calcification(
        artery, side, at_mm, float(angle), float(arc), float(min(length, 14.0)), float(thickness), float(hu),
        IEL if iel else INTIMAL,
    )  # fmt: skip


def inside_plaque(plaque: Calcification, curve: Curve, points: np.ndarray) -> np.ndarray:
    """True for the head-frame points (n, 3) that lie in the plaque."""
    along, distance, angle, nearest = curve.locate(points)
    outer = curve.radius_mm[nearest] + WALL_MM
    turn = (angle - plaque.angle_deg + 180) % 360 - 180
    reach = ((along - plaque.at_mm) / (plaque.length_mm / 2)) ** 4
    if plaque.arc_deg < 359:
        reach = reach + (turn / (plaque.arc_deg / 2)) ** 4
    return (reach <= 1) & (distance <= outer) & (distance >= outer - plaque.thickness_mm)


@dataclass(frozen=True)
class CalciumPatch:
    """A plaque on a CT grid: `box` (slices), and the share of each voxel that is calcium before and after the blur."""

    plaque: Calcification
    box: tuple[slice, slice, slice]
    share: np.ndarray
    blurred: np.ndarray
    volume_mm3: float


def render_plaque(
    plaque: Calcification, curve: Curve, grid: Grid, pose: np.ndarray, thickness_mm: float, blur_mm: float
) -> CalciumPatch | None:
    """The plaque on a CT grid (None where it lies outside the scan).

    Each voxel is supersampled (steps <= 0.17 mm in plane, <= 0.25 mm through it) over its area and its slice thickness,
    then blurred in plane by the scanner's point spread (Gaussian sd). `volume_mm3` is the sum of the shares over
    voxel-sized cells (not over overlapping slices).
    """
    reach = plaque.length_mm / 2 + float(curve.radius_mm.max()) + WALL_MM
    centre = curve.point_at(plaque.at_mm)
    near = curve.points[np.linalg.norm(curve.points - centre, axis=1) < reach]
    voxels = voxels_near(apply(pose, near), float(curve.radius_mm.max()) + WALL_MM + thickness_mm / 2, grid)
    if len(voxels) == 0:
        return None
    voxel = grid.voxel_mm
    counts = [int(np.ceil(voxel[0] / 0.17)), int(np.ceil(voxel[1] / 0.17)), int(np.ceil(voxel[2] / 0.25))]
    to_head = np.linalg.inv(pose) @ grid.affine
    cell = _share(plaque, curve, voxels, to_head, counts, 1.0)
    share = cell
    if abs(thickness_mm - voxel[2]) > 0.01:
        counts[2] = int(np.ceil(thickness_mm / 0.25))
        share = _share(plaque, curve, voxels, to_head, counts, thickness_mm / voxel[2])
    hit = voxels[share > 0]
    if len(hit) == 0:
        return None
    margin = np.array([*np.ceil(3.5 * blur_mm / voxel[:2]).astype(int), 1])
    low = np.maximum(hit.min(0) - margin, 0)
    high = np.minimum(hit.max(0) + margin + 1, grid.shape)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    dense = np.zeros(high - low)
    dense[tuple((hit - low).T)] = share[share > 0]
    blurred = ndimage.gaussian_filter(dense, (blur_mm / voxel[0], blur_mm / voxel[1], 0.0))
    return CalciumPatch(plaque, box, dense, blurred, float(cell.sum() * grid.voxel_mm3))  # type: ignore[arg-type]


def _share(
    plaque: Calcification, curve: Curve, voxels: np.ndarray, to_head: np.ndarray, counts: list[int], depth: float
) -> np.ndarray:
    """Share of each voxel inside the plaque; `depth` stretches the sampled cell along the slice axis."""
    total = np.zeros(len(voxels))
    steps = [(np.arange(n) + 0.5) / n - 0.5 for n in counts]
    for i in steps[0]:
        for j in steps[1]:
            for k in steps[2] * depth:
                total += inside_plaque(plaque, curve, apply(to_head, voxels + np.array([i, j, k])))
    return total / np.prod(counts)


def woodcock_grade(plaques: list[Calcification]) -> int:
    """Grade of one artery: 0 none; 1 thin, discontinuous; 2 thin continuous or thick discontinuous; 3 thick continuous.

    Thick: a plaque of 1.5 mm or more. Continuous: plaques cover 10 mm or more of the artery.
    """
    if not plaques:
        return 0
    thick = max(plaque.thickness_mm for plaque in plaques) >= 1.5
    continuous = sum(plaque.length_mm for plaque in plaques) >= 10.0
    return 1 + int(thick) + int(continuous)
