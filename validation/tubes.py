"""Drawings of vessels with known walls, as label maps in any orientation to their grid; shares no code with scripts/.

A vessel runs straight or along an arc. Its section is two ellipses: the lumen, which may narrow towards the middle, and
the outer wall; their centres lie `shift_mm` apart along the first half axis.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

DIRECTIONS = {"across": (0.0, 0.0, 1.0), "oblique": (0.5, 0.3, 0.81), "in plane": (0.8, 0.6, 0.0)}


@dataclass(frozen=True)
class Tube:
    """Half axes of the narrowest lumen and of the outer wall, shift between their centres, length, mm.

    wide_mm: half axis of the lumen far from the narrowest place (half width of the narrowing: `narrow_mm`), None for a
    lumen that does not change; bend_mm: radius of the arc, None for a straight vessel; reference_mm: lumen and outer
    radius of a reference segment, drawn beyond the lesion.
    """

    lumen_mm: tuple[float, float] = (0.75, 0.75)
    outer_mm: tuple[float, float] = (2.0, 2.0)
    shift_mm: float = 0.0
    length_mm: float = 8.0
    wide_mm: float | None = None
    narrow_mm: float = 2.0
    bend_mm: float | None = None
    reference_mm: tuple[float, float] | None = None

    def lumen(self, along):
        """Size of the lumen relative to the narrowest, and its shift in mm, at places along the vessel."""
        if self.wide_mm is None:
            return np.ones_like(along), np.full_like(along, self.shift_mm)
        most = self.wide_mm / self.lumen_mm[0]
        plaque = np.exp(-((along / self.narrow_mm) ** 2) / 2)
        return most - (most - 1) * plaque, self.shift_mm * plaque

    @property
    def truth(self):
        """Analytic values of the narrowest section; walls of the ellipses along the first half axis."""
        (a, b), (outer_a, outer_b), e = self.lumen_mm, self.outer_mm, self.shift_mm
        lumen, outer = np.pi * a * b, np.pi * outer_a * outer_b
        found = {
            "lumen_area_mm2": lumen,
            "outer_wall_area_mm2": outer,
            "wall_area_mm2": outer - lumen,
            "max_wall_mm": max(outer_a - a + e, outer_b - b if e == 0 else 0),
            "min_wall_mm": min(outer_a - a - e, outer_b - b),
            "lumen_min_diameter_mm": 2 * min(a, b),
        }
        found["eccentricity_index"] = 1 - found["min_wall_mm"] / found["max_wall_mm"]
        found["normalized_wall_index"] = found["wall_area_mm2"] / outer
        if self.reference_mm:
            r, big = self.reference_mm
            found["stenosis_percent"] = 100 * (1 - min(a, b) / r)
            found["remodeling_index"] = outer / (np.pi * big**2)
        return found


def draw(tube: Tube, voxel_mm, direction, seed):
    """Labels (i, j, k) uint8 and affine (4 x 4): 1 lumen, 2 wall, 3 and 4 those of the reference.

    The vessel turns by a random angle about its own axis and lies at a random place between the voxels; the drawing
    ends at planes across it.
    """
    rng = np.random.default_rng(seed)
    voxel_mm = np.array(voxel_mm, float)
    axis = np.array(direction, float) / np.linalg.norm(direction)
    turn = Rotation.align_vectors([axis], [[0, 0, 1]])[0].as_matrix()
    turn = turn @ Rotation.from_euler("z", rng.uniform(0, 360), degrees=True).as_matrix()
    half = tube.length_mm / 2
    far = half + (7.0 if tube.reference_mm else 0.0)
    room = max(tube.outer_mm) + 1.5
    corners = np.array([[x, y, s] for x in (-room, room) for y in (-room, room) for s in (-far - 1, far + 1)]) @ turn.T
    low, high = corners.min(0), corners.max(0)
    if tube.bend_mm:
        low, high = low - half, high + half
    shape = np.ceil((high - low) / voxel_mm).astype(int) + 1
    local = low + rng.uniform(0, 1, 3) * voxel_mm + np.indices(shape).transpose(1, 2, 3, 0) * voxel_mm
    x, y, along = np.moveaxis(local @ turn, -1, 0)
    if tube.bend_mm:  # an arc in the plane of x and the axis
        reach = np.hypot(x + tube.bend_mm, along)
        along, x = tube.bend_mm * np.arctan2(along, x + tube.bend_mm), reach - tube.bend_mm
    labels = np.zeros(shape, np.uint8)
    lesion = abs(along) < half
    scale, shift = tube.lumen(along)
    outer = np.hypot(x / tube.outer_mm[0], y / tube.outer_mm[1]) < 1
    lumen = np.hypot((x - shift) / tube.lumen_mm[0], y / tube.lumen_mm[1]) < scale
    labels[lesion & outer] = 2
    labels[lesion & outer & lumen] = 1
    if tube.reference_mm:
        normal = abs(along - half - 4) < 2
        labels[normal & (np.hypot(x, y) < tube.reference_mm[1])] = 4
        labels[normal & (np.hypot(x, y) < tube.reference_mm[0])] = 3
    affine = np.eye(4)
    affine[:3, :3] = Rotation.random(random_state=seed).as_matrix() * voxel_mm
    affine[:3, 3] = rng.uniform(-40, 40, 3)
    return labels, affine
