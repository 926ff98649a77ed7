"""A skull base as real ones are: clinoids, carotid canals with thin walls and septa, ligaments, petrous cells, dens.

The bodies stand in MNI152 (mm, right side; the left is its mirror image with a variation of its own) and are drawn on a
fine grid of the head frame, about the subject's own arteries. Sizes and HU are from anatomy texts: cortical bone 700 to
1900 HU, cancellous 200 to 600 HU; the chances of ossified ligaments are round numbers near the published ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from phantoms.calcium import WALL_MM
from phantoms.geometry import Grid, distance_mm, resample, smooth_noise, smooth_step, voxels_near

if TYPE_CHECKING:
    from phantoms.anatomy import Anatomy
    from phantoms.calcium import Curves

BOX_MM = np.array([[-48.0, -78.0, -112.0], [48.0, 34.0, -10.0]])  # of MNI152
EDGE_MM = 0.6
HU_LIMITS = (150, 2200)
RAMP_MM = 3.0  # over which the drawn bone takes over at the box's faces
SURFACE_MM = 0.8  # width of a bone's surface on the fine grid
BRAIN_EDGE = 0.4  # share of brain at which bone ends
BRAIN_EDGE_MM = 3.0  # over which a brain's share goes from 0 to 1, about
N_SEPTA = (1, 6)  # of one carotid artery: from, to below
SEPTUM_MM = 3.8
CHANCES = {"interclinoid": 0.12, "caroticoclinoid": 0.15, "petroclinoid": 0.4, "apex cells": 0.3, "ponticulus": 0.12}
DISPLACED_MM = {"base": 1.4, "side": 1.1, "local": 0.8}  # sd on each axis
DISPLACED_LIMIT_SD = 1.7
LOCAL_SCALE_MM = 22.0
FADE_MM = (-12.0, -26.0)  # the base's own displacement: none above, whole below


@dataclass(frozen=True)
class SkullBase:
    """Volumes on a fine grid of the head frame: bone's share, HU of that bone, and where they stand for drawn bone."""

    grid: Grid
    share: np.ndarray
    hu: np.ndarray
    weight: np.ndarray

    def on(self, volume: np.ndarray, target: Grid, pose: np.ndarray, shift_mm: float = 0.0) -> np.ndarray:
        """One of the volumes on a scanner's grid (see geometry.resample); 0 outside the box."""
        shape = np.array(self.grid.shape) - 1
        box = self.grid.to_world(np.array([[0, 0, 0], shape], float))
        return resample(volume, self.grid, target, pose, box, shift_mm)


@dataclass(frozen=True)
class BaseShift:
    """How the skull base with its arteries lies beside that of MNI152: a shift of all, of each side, and of places."""

    whole: np.ndarray
    sides: np.ndarray
    waves: np.ndarray
    phases: np.ndarray

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Shift (n, 3) mm at points (n, 3) of MNI152."""
        right = np.clip(points[:, :1] / 20 + 0.5, 0, 1)
        total = self.whole + self.sides[0] * (1 - right) + self.sides[1] * right
        for axis in range(3):
            angle = points @ self.waves[axis].T + self.phases[axis]
            total[:, axis] += DISPLACED_MM["local"] * np.sqrt(2 / len(self.phases[axis])) * np.sin(angle).sum(axis=1)
        fade = np.clip((points[:, 2] - FADE_MM[0]) / (FADE_MM[1] - FADE_MM[0]), 0, 1)
        middle = 1 - 0.5 * np.exp(-((points[:, 0] / 8) ** 2))  # the basilar artery stays in its cistern
        return total * (fade * middle)[:, None]


def draw_shift(rng: np.random.Generator) -> BaseShift:
    """A skull base's displacement: about 3 mm along the carotids, less above and along the basilar artery."""

    def normal(*shape: int) -> np.ndarray:
        return np.clip(rng.standard_normal(shape), -DISPLACED_LIMIT_SD, DISPLACED_LIMIT_SD)

    waves = rng.standard_normal((3, 6, 3)) / LOCAL_SCALE_MM
    phases = rng.uniform(0, 2 * np.pi, (3, 6))
    return BaseShift(DISPLACED_MM["base"] * normal(3), DISPLACED_MM["side"] * normal(2, 3), waves, phases)


@dataclass
class _Bones:
    """The bones at points of MNI152: signed distance, and HU and shell of the bone that is nearest."""

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    distance: np.ndarray = field(init=False)
    cortical: np.ndarray = field(init=False)
    cancellous: np.ndarray = field(init=False)
    shell: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.distance = np.full(self.x.shape, 20.0, np.float32)
        self.cortical, self.cancellous, self.shell = (
            np.full(self.x.shape, value, np.float32) for value in (1100, 350, 1.0)
        )

    def near(self, low: np.ndarray, high: np.ndarray, reach: float) -> np.ndarray:
        """Indices of the points in a box."""
        mask = np.ones(self.x.shape, bool)
        for axis, a, b in zip((self.x, self.y, self.z), low - reach, high + reach, strict=True):
            mask &= (axis > a) & (axis < b)
        return np.flatnonzero(mask)

    def rod(self, start: np.ndarray, end: np.ndarray, radii: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
        """Indices near a rod, and their signed distance from it; its radius goes from the first to the second."""
        at = self.near(np.minimum(start, end), np.maximum(start, end), max(radii) + 6)
        axis = end - start
        offset = np.stack([self.x[at], self.y[at], self.z[at]], -1) - start
        t = np.clip(offset @ axis / max(float(axis @ axis), 1e-6), 0, 1)
        gap = np.linalg.norm(offset - t[:, None] * axis, axis=1)
        return at, gap - (radii[0] + (radii[1] - radii[0]) * t)

    def ellipsoid(self, centre: np.ndarray, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Indices near an ellipsoid, and about their signed distance from it."""
        at = self.near(centre - radii, centre + radii, 6)
        scaled = (np.stack([self.x[at], self.y[at], self.z[at]], -1) - centre) / radii
        return at, (np.linalg.norm(scaled, axis=1) - 1) * float(radii.min())

    def add(self, body: tuple[np.ndarray, np.ndarray], hu: tuple[float, float], shell_mm: float = 1.0) -> None:
        """A bone with its cortical and cancellous HU and its shell's thickness."""
        at, distance = body
        closer = distance < self.distance[at]
        at = at[closer]
        self.distance[at] = distance[closer]
        self.cortical[at], self.cancellous[at], self.shell[at] = *hu, shell_mm

    def cut(self, body: tuple[np.ndarray, np.ndarray]) -> None:
        """Soft tissue, fluid or air where a body is."""
        at, distance = body
        self.distance[at] = np.maximum(self.distance[at], -distance)


class _Side:
    """One side's variation: points mirrored and moved a little, radii scaled."""

    def __init__(self, rng: np.random.Generator, side: int) -> None:
        self.rng, self.side = rng, side

    def at(self, x: float, y: float, z: float, sd_mm: float = 0.7) -> np.ndarray:
        """A place on this side."""
        moved = np.array([x, y, z]) + sd_mm * np.clip(self.rng.standard_normal(3), -2, 2)
        return moved * [self.side, 1, 1]

    def size(self, mm: float, sd: float = 0.12) -> float:
        """A radius or length."""
        return float(mm * np.clip(self.rng.normal(1, sd), 0.6, 1.5))

    def hu(self, cortical: tuple[float, float], cancellous: tuple[float, float]) -> tuple[float, float]:
        """Cortical and cancellous HU within limits."""
        return float(self.rng.uniform(*cortical)), float(self.rng.uniform(*cancellous))


def _chain(bones: _Bones, places: list[np.ndarray], radii: list[float], hu: tuple[float, float], shell: float) -> None:
    for a, b, p, q in zip(places, places[1:], radii, radii[1:], strict=False):
        bones.add(bones.rod(a, b, (p, q)), hu, shell)


def _large_bones(bones: _Bones, one: _Side) -> None:
    """Petrous pyramid, wings, condyle, C1's mass, half of sphenoid body and clivus."""
    at, size = one.at, one.size
    petrous = one.hu((1300, 1900), (500, 900))
    places = [at(12, -13, -41), at(24, -20, -40), at(38, -27, -39), at(58, -38, -43)]
    _chain(bones, places, [size(4.5), size(6.5), size(9), size(12)], petrous, 1.2)
    _chain(bones, [at(25, -21, -42), at(27, -22.5, -53)], [size(6.5), size(5)], petrous, 1.2)  # about the canal's entry
    sphenoid = one.hu((800, 1300), (200, 400))
    _chain(bones, [at(5, 26, -42), at(6, 12, -40), at(5.5, -2, -40)], [9, 9, 7], sphenoid, 0.7)
    clivus = one.hu((750, 1200), (180, 380))
    for x in (0.0, 4.0, 7.0):
        places = [at(x, -1, -36, 0.4), at(x, -11, -49, 0.4), at(x, -23, -64, 0.4)]
        _chain(bones, places, [size(5.5), size(5.5), 3.5], clivus, 0.9)
    wing = one.hu((900, 1400), (300, 600))
    _chain(bones, [at(9, 17, -25), at(26, 20, -22), at(45, 20, -19)], [4.0, size(2.6), size(2.6)], wing, 1.0)
    _chain(bones, [at(16, 22, -40), at(32, 32, -38)], [4.0, 3.0], wing, 0.9)
    occipital = one.hu((800, 1300), (250, 450))
    bones.add(bones.ellipsoid(at(16.5, -33, -67), np.array([size(5.5), size(9.5), size(5.5)])), occipital, 1.0)
    bones.add(bones.ellipsoid(at(11, -28, -59.5), np.array([size(3.2), size(5), size(3.2)])), occipital, 0.9)
    _chain(bones, [at(15, -30, -65), at(24, -34, -60)], [4.0, 4.0], occipital, 1.0)
    atlas = one.hu((750, 1200), (250, 450))
    bones.add(bones.ellipsoid(at(21, -37, -79), np.array([size(8), size(7), size(6.5)])), atlas, 0.9)
    bones.add(bones.rod(at(24, -37, -79), at(37, -39, -79), (4.0, size(2.6))), atlas, 0.8)
    arch = [at(17, -31.5, -80), at(8, -26.5, -80), np.array([0, -25.0, -80])]
    _chain(bones, arch, [3.0, size(3.0), 3.2], atlas, 1.0)
    rear = [at(24, -45, -80), at(19, -62, -79), np.array([0, -71, -78.0])]
    _chain(bones, rear, [size(2.6), 2.6, 3.0], atlas, 0.9)
    axis = one.hu((750, 1200), (250, 450))
    top = size(-72.5, 0.02)
    _chain(
        bones,
        [np.array([0, -32.5, top - 4]), np.array([0, -33, -88]), np.array([0, -34, -112])],
        [4.6, 5.2, 8],
        axis,
        0.9,
    )
    bones.add(bones.ellipsoid(at(16, -37, -96), np.array([9.0, 8, 7])), axis, 0.9)
    bones.add(bones.rod(at(29, -20, -60), at(24, -8, -88, 2.0), (1.8, size(1.2))), occipital, 0.8)


def _openings(bones: _Bones, one: _Side) -> None:
    """Sella, cavernous sinus, foramen lacerum, canals of nerves, jugular foramen."""
    at, size = one.at, one.size
    bones.cut(bones.ellipsoid(np.array([0, 1.8, -28.5]), np.array([7.5, 5.8, 6.6])))
    for a, b, r in (((14, -7, -35), (15, 1, -31), 4.4), ((15, 1, -31), (15.5, 8, -28), 4.6)):
        bones.cut(bones.rod(at(*a, 0.3), at(*b, 0.3), (r, r)))
    bones.cut(bones.rod(at(12.5, -8.5, -38), at(12.5, -7, -49), (size(3.6), size(3.0))))
    bones.cut(bones.rod(at(17, -21, -38), at(31, -26.5, -39), (size(2.5), 2.0)))
    bones.cut(bones.rod(at(6, -31, -61.5), at(20, -29, -66), (size(1.9), 2.0)))
    bones.cut(bones.rod(at(17, -29, -56), at(25, -29, -64), (size(3.4), 4.0)))
    bones.cut(bones.rod(at(22, -8, -37), at(24, -5, -50), (2.4, 2.4)))
    bones.cut(bones.ellipsoid(at(38, -29, -40), np.array([2.2, 1.4, 1.8])))


def _small_bones(bones: _Bones, one: _Side) -> None:
    """Clinoids, optic strut, dorsum, lingula, and the ligaments that have turned to bone."""
    at, size, rng = one.at, one.size, one.rng
    clinoid = one.hu((800, 1350), (350, 700))
    base, tip = at(15.5, 14, -22.8, 0.5), at(14.0, size(5.0), -22.2, 0.7)
    bones.add(bones.rod(base, tip, (size(4.0), size(1.7, 0.2))), clinoid, float(rng.uniform(0.6, 1.2)))
    bones.add(bones.rod(at(14.5, 13.5, -24, 0.4), at(9.5, 14.5, -28.5, 0.5), (1.7, size(1.5))), clinoid, 0.8)
    rear = one.hu((700, 1250), (250, 550))
    thickness = size(1.4, 0.3)
    foot, shoulder = np.array([0, -5.2, -35.0]), at(5.0, -5.2, -25.5, 0.4)
    for level in np.linspace(0, 1, 5):
        height = foot[2] + level * (shoulder[2] - foot[2])
        bones.add(
            bones.rod(np.array([0, -5.2, height]), np.array([shoulder[0], -5.2, height]), (thickness, thickness)),
            rear,
            0.7,
        )
    knob = at(7.0, -5.0, -24.2, 0.8)
    bones.add(bones.ellipsoid(knob, np.array([size(2.0, 0.25), size(1.6, 0.25), size(1.7, 0.25)])), rear, 0.7)
    lip = one.hu((700, 1100), (300, 500))
    bones.add(bones.rod(at(16.3, -7, -41, 0.5), at(16.5, -2, -37, 0.5), (0.8, size(0.7, 0.3))), lip, 0.8)
    bones.add(bones.rod(at(9.4, -4, -36, 0.4), at(9.4, 8, -32, 0.4), (0.7, 0.7)), lip, 0.7)  # medial wall of the sulcus
    if rng.random() < CHANCES["interclinoid"]:
        bones.add(bones.rod(tip, knob, (size(0.8), size(0.7))), one.hu((500, 900), (500, 700)))
    if rng.random() < CHANCES["caroticoclinoid"]:
        bones.add(bones.rod(tip, at(8.3, 5.5, -27, 0.4), (size(0.9), size(0.8))), one.hu((600, 1000), (500, 700)))
    if rng.random() < CHANCES["petroclinoid"]:
        apex = at(17, -14, -35.5, 0.8)
        first, last = sorted(rng.uniform(0, 1, 2)) if rng.random() < 0.6 else (0.0, 1.0)
        a, b = knob + first * (apex - knob), knob + last * (apex - knob)
        bones.add(bones.rod(a, b, (size(0.7, 0.3), size(0.7, 0.3))), one.hu((350, 900), (350, 600)))
    if rng.random() < CHANCES["ponticulus"]:
        bones.add(bones.rod(at(21, -44, -73.5), at(22, -53, -76.5), (0.9, 0.8)), one.hu((500, 900), (400, 600)))


def _cells(bones: _Bones, one: _Side, walls: np.ndarray) -> None:
    """Air cells of the mastoid and, in some, of the petrous apex, with thin septa; `walls` is positive within these."""
    regions = [bones.rod(one.at(42, -32, -43), one.at(60, -38, -44), (one.size(5), one.size(8)))]
    if one.rng.random() < CHANCES["apex cells"]:
        regions.append(bones.rod(one.at(15, -14, -40), one.at(25, -20, -40), (one.size(3.2), one.size(4))))
    for at, distance in regions:
        bones.cut((at, np.maximum(distance, walls[at])))


def draw_skull_base(
    rng: np.random.Generator, anatomy: Anatomy, curves: Curves, displacement: np.ndarray, shift: BaseShift
) -> SkullBase:
    """The skull base of one head.

    anatomy and curves are the head's, whose grid has MNI152's voxels of 1 mm, scaled; displacement (3, ...) in voxels
    leads from a voxel of its grid to MNI152's.
    """
    grid, points = _fine_grid(anatomy, displacement)
    moved = points - shift(points)
    noise = [smooth_noise(rng, grid, scale).ravel() for scale in (1.8, 4.5, 9.0)]
    bones = _Bones(*(np.ascontiguousarray(moved[:, axis]) for axis in range(3)))
    inside = _sampled(anatomy.intracranial, anatomy.grid, grid)
    _add_floor(bones, inside, noise[2])
    sides = [_Side(rng, side) for side in (-1, 1)]
    for one in sides:
        _large_bones(bones, one)
    bones.distance += 0.3 * noise[1]
    for one in sides:
        _openings(bones, one)
        _cells(bones, one, 0.9 - 3.5 * np.abs(noise[1]))
    free = bones.distance.copy()  # of what gives way to brain; the small bones do not
    for one in sides:
        capsule = one.hu((1600, 2000), (1500, 1900))
        bones.add(bones.ellipsoid(one.at(33, -25.5, -40), np.array([4.5, 3.2, 3.2])), capsule, 2.0)
        _small_bones(bones, one)
    small = bones.distance < free
    bones.cut((np.arange(len(inside)), _sampled(anatomy.air, anatomy.grid, grid)))
    brain = _sampled(anatomy.grey + anatomy.white, anatomy.grid, grid)
    bones.cut((np.flatnonzero(~small), (BRAIN_EDGE - brain[~small]) * BRAIN_EDGE_MM))
    _clear_arteries(rng, bones, curves, grid, noise)
    depth = distance_mm((bones.distance >= 0).reshape(grid.shape), grid.voxel_mm).ravel() - 0.5 * EDGE_MM
    core = np.clip((depth - bones.shell * (1 + 0.3 * noise[1])) / 0.8 + 0.5, 0, 1)
    hu = bones.cortical * (1 + 0.06 * noise[1]) + core * (
        bones.cancellous * (1 + 0.22 * noise[0] + 0.12 * noise[2]) - bones.cortical
    )
    share = smooth_step(bones.distance, SURFACE_MM)
    share *= _sampled((anatomy.head < -2).astype(np.float32), anatomy.grid, grid)
    low, high = BOX_MM
    faces = np.minimum(points - low, high - points).min(axis=1)
    weight = np.clip(faces / RAMP_MM, 0, 1)
    weight.reshape(grid.shape)[[0, -1]] = 0
    weight.reshape(grid.shape)[:, [0, -1]] = 0
    weight.reshape(grid.shape)[:, :, -1] = 0
    return SkullBase(
        grid, *(v.astype(np.float32).reshape(grid.shape) for v in (share, np.clip(hu, *HU_LIMITS), weight))
    )


def _fine_grid(anatomy: Anatomy, displacement: np.ndarray) -> tuple[Grid, np.ndarray]:
    """The fine grid in the head frame, and its voxels' places in MNI152 (n, 3)."""
    voxel = anatomy.grid.voxel_mm
    first = np.linalg.inv(anatomy.grid.affine)
    start = BOX_MM @ np.diag(voxel)
    shape = np.ceil((start[1] - start[0]) / EDGE_MM).astype(int)
    affine = np.diag([EDGE_MM] * 3 + [1.0])
    affine[:3, 3] = start[0]
    grid = Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine)
    index = np.indices(grid.shape, np.float32).reshape(3, -1)
    coarse = (first @ affine)[:3, :3] @ index + (first @ affine)[:3, 3:]
    moved = np.stack([_sampled(part, anatomy.grid, grid) for part in displacement]) + coarse
    mni = np.linalg.inv(np.diag([*voxel, 1.0])) @ anatomy.grid.affine
    return grid, (mni[:3, :3] @ moved + mni[:3, 3:]).T.astype(np.float32)


def _sampled(volume: np.ndarray, source: Grid, target: Grid) -> np.ndarray:
    """A head-frame volume at a grid's voxels (n,)."""
    box = target.to_world(np.array([[-2.0] * 3, np.add(target.shape, 2)]))
    return resample(np.ascontiguousarray(volume, np.float32), source, target, np.eye(4), box).ravel()


def _add_floor(bones: _Bones, inside: np.ndarray, noise: np.ndarray) -> None:
    """The floor of the middle and posterior fossa: a shell under the dura, but for the sella's surroundings."""
    thickness = 2.6 + 0.8 * noise
    shell = np.maximum(0.7 - inside, inside - thickness)
    shell = np.maximum(shell, -63 - bones.z)
    around = 1 - np.sqrt((bones.x / 20) ** 2 + ((bones.y - 1) / 14) ** 2 + ((bones.z + 27) / 10) ** 2)
    bones.add((np.arange(len(shell)), np.maximum(shell, around * 10)), (1150.0, 400.0), 0.9)


def _clear_arteries(
    rng: np.random.Generator, bones: _Bones, curves: Curves, grid: Grid, noise: list[np.ndarray]
) -> None:
    """Room for each artery, from none to a millimetre; the carotid canal's own thin wall, and septa that touch it."""
    for (artery, _), curve in curves.items():
        voxels = voxels_near(curve.points, float(curve.radius_mm.max()) + WALL_MM + 3.5, grid)
        if len(voxels) == 0:
            continue
        flat = np.ravel_multi_index(tuple(voxels.T), grid.shape)
        _, distance, _, nearest = curve.locate(grid.to_world(voxels))
        gap = (distance - curve.radius_mm[nearest] - WALL_MM).astype(np.float32)
        room = np.clip(0.35 + 0.4 * noise[1][flat], 0.0, 1.2) if artery in ("ICA", "VA") else np.full(len(flat), 1.2)
        near_bone = bones.distance[flat] < 2.0
        bones.cut((flat, gap - room))
        if artery != "ICA":
            continue
        petrous = near_bone & (bones.z[flat] > -58) & (bones.z[flat] < -36)
        thick = np.clip(0.8 + 0.35 * noise[1][flat], 0.4, 1.3)
        wall = np.maximum(np.abs(gap - room - thick / 2) - thick / 2, np.where(noise[2][flat] > -0.8, -5.0, 5.0))
        bones.add((flat[petrous], wall[petrous]), (float(rng.uniform(700, 1400)), 500.0), 0.8)
        _add_septa(rng, bones, flat, gap)


def _add_septa(rng: np.random.Generator, bones: _Bones, near: np.ndarray, gap: np.ndarray) -> None:
    """Thin plates and spicules that end on the carotid's wall. near: indices of points about it, gap: from its wall."""
    places = np.stack([bones.x[near], bones.y[near], bones.z[near]], -1)
    level = (places[:, 2] > -50) & (places[:, 2] < -25)
    starts, ends = np.flatnonzero(level & (gap > 0) & (gap < 0.4)), np.flatnonzero(level & (gap > 2.0))
    for _ in range(int(rng.integers(*N_SEPTA))):
        start = places[rng.choice(starts)]
        reach = np.linalg.norm(places[ends] - start, axis=1)
        if not (reach < SEPTUM_MM).any():
            continue
        end = places[rng.choice(ends[reach < SEPTUM_MM])]
        radius = float(rng.uniform(0.35, 0.75))
        hu = (float(rng.uniform(500, 1200)), 600.0)
        bones.add(bones.rod(start, end, (radius, radius)), hu)
    bones.cut((near, gap))
