"""The head that all subjects are drawn from: brain from the MNI152 maps, skull, face and neck from simple shapes.

Everything is a volume on one 1 mm grid in MNI152 space: shares of tissue, or signed distances in mm (negative inside),
which stay sharp when they are sampled on a finer grid. The brain is the MNI152 non-linear symmetric average (Fonov et
al. 2011, from nilearn's wheel); the rest is drawn here by hand.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from nilearn.datasets import load_mni152_gm_template, load_mni152_wm_template
from scipy import ndimage

from phantoms.arteries import LEFT_LANDMARKS
from phantoms.geometry import Curve, Grid, distance_mm, smooth_noise

FIRST_MM = (-92, -131, -112)
SHAPE = (185, 251, 211)
FAR_MM = 30.0  # bodies blend over less than this
DURA_MM = 0.7
CLOSING_MM = 13.0
ARACHNOID_MM = 1.6
VENTRICLE_REACH_MM = 14.0


def mni_grid() -> Grid:
    affine = np.eye(4)
    affine[:3, 3] = FIRST_MM
    return Grid(SHAPE, affine)


@dataclass(frozen=True)
class Anatomy:
    """Volumes (float32) on one 1 mm grid. Shares 0-1: grey, white, marrow (within bone), fat (within soft tissue).

    Signed distances in mm, negative inside: intracranial, bone, air, head. `ventricle` is the share of ventricular CSF.
    """

    grid: Grid
    grey: np.ndarray
    white: np.ndarray
    ventricle: np.ndarray
    intracranial: np.ndarray
    bone: np.ndarray
    marrow: np.ndarray
    air: np.ndarray
    head: np.ndarray
    fat: np.ndarray


class _Shapes:
    """Signed distances of simple bodies on the MNI grid; `mirror` bodies exist on both sides (given at x > 0)."""

    def __init__(self) -> None:
        axes = [np.arange(n, dtype=np.float32) + first for n, first in zip(SHAPE, FIRST_MM, strict=True)]
        self.x, self.y, self.z = np.meshgrid(*axes, indexing="ij", sparse=True)
        self.side = np.abs(self.x)

    def ellipsoid(self, centre: tuple, radii: tuple, mirror: bool = False) -> np.ndarray:
        x = self.side if mirror else self.x
        (a, b, c), (p, q, r) = centre, radii
        scaled = np.sqrt(((x - a) / p) ** 2 + ((self.y - b) / q) ** 2 + ((self.z - c) / r) ** 2)
        return (scaled - 1) * np.float32(min(radii))

    def capsule(self, start: tuple, end: tuple, radii: tuple, mirror: bool = False) -> np.ndarray:
        """A rod from start to end; its radius goes from radii[0] to radii[1]. Beyond FAR_MM from it: FAR_MM."""
        first, last = np.array(start, np.float32), np.array(end, np.float32)
        reach = max(radii) + FAR_MM
        low, high = np.minimum(first, last) - reach, np.maximum(first, last) + reach
        axes = [(self.side if mirror else self.x).ravel(), self.y.ravel(), self.z.ravel()]
        near = np.ix_(*(np.flatnonzero((a >= b) & (a <= c)) for a, b, c in zip(axes, low, high, strict=True)))
        dx, dy, dz = (a[n] - b for a, n, b in zip(axes, near, first, strict=True))
        axis = last - first
        t = np.clip((dx * axis[0] + dy * axis[1] + dz * axis[2]) / (axis @ axis), 0, 1)
        gap = np.sqrt((dx - t * axis[0]) ** 2 + (dy - t * axis[1]) ** 2 + (dz - t * axis[2]) ** 2)
        distance = np.full(SHAPE, FAR_MM, np.float32)
        distance[near] = np.minimum(gap - (radii[0] + (radii[1] - radii[0]) * t), FAR_MM)
        return distance

    def box(self, centre: tuple, half: tuple, mirror: bool = False) -> np.ndarray:
        x = self.side if mirror else self.x
        gaps = (
            np.abs(x - centre[0]) - half[0],
            np.abs(self.y - centre[1]) - half[1],
            np.abs(self.z - centre[2]) - half[2],
        )
        return np.maximum(np.maximum(gaps[0], gaps[1]), gaps[2])

    def chain(self, points: list[tuple], radii: list[float], mirror: bool = False) -> np.ndarray:
        return union(
            *(
                self.capsule(a, b, (p, q), mirror)
                for a, b, p, q in zip(points, points[1:], radii, radii[1:], strict=False)
            )
        )


def union(*bodies: np.ndarray) -> np.ndarray:
    result = bodies[0].copy()
    for body in bodies[1:]:
        np.minimum(result, body, out=result)
    return result


def smooth_union(a: np.ndarray, b: np.ndarray, blend_mm: float) -> np.ndarray:
    """Union with a rounded joint (polynomial smooth minimum)."""
    mix = np.clip(0.5 + 0.5 * (b - a) / blend_mm, 0, 1)
    return b + (a - b) * mix - blend_mm * mix * (1 - mix)


@lru_cache(maxsize=1)
def standard_head() -> Anatomy:
    """The head in MNI152 space (about 10 s, once per process)."""
    rng = np.random.default_rng(152)
    grid = mni_grid()
    shapes = _Shapes()
    with ThreadPoolExecutor(1) as beside:  # numpy lets go of the interpreter: a second core helps
        drawn = [beside.submit(draw, shapes) for draw in (_skull_base, _cisterns, _face_bones)]
        grey, white = _brain_maps(shapes)
        brain = grey + white
        to_brain = distance_mm(brain >= 0.5, grid.voxel_mm)
        inside = distance_mm(to_brain > CLOSING_MM, grid.voxel_mm)
        intracranial = _intracranial(shapes, to_brain, inside)
    ventricle = _ventricles(shapes, brain, inside)
    thickness = _skull_thickness(rng, grid, shapes)
    vault = np.maximum(DURA_MM - intracranial, intracranial - thickness)
    vault = np.maximum(np.maximum(vault, _gaps_of_the_spine(shapes)), -_soft_gaps(shapes))
    air = np.maximum(_air(rng, grid, shapes), 1.5 - intracranial)
    skull_base, cisterns, face = (part.result() for part in drawn)
    base = np.maximum(skull_base, 2.2 - to_brain)
    bone = np.maximum(union(np.maximum(union(vault, base), cisterns), face), -air)
    globe = shapes.ellipsoid((32, 60, -33), (12, 12.5, 12), mirror=True)
    orbit = shapes.capsule((32, 62, -33), (14, 22, -28), (17, 3), mirror=True)
    bone = np.maximum(bone, -orbit)
    head = np.maximum(_skin(shapes, intracranial, thickness), _margin(shapes))
    bone = np.maximum(bone, head + 2.5)
    air = np.maximum(air, head + 1.5)
    marrow = _marrow(rng, grid, bone)
    fat = _fat(rng, grid, shapes, head, intracranial - thickness, orbit, globe)
    return Anatomy(grid, grey, white, ventricle, intracranial, bone, marrow, air, head, fat)


def _brain_maps(shapes: _Shapes) -> tuple[np.ndarray, np.ndarray]:
    """Grey and white shares on the head's grid; the cord goes on below the template's edge as white matter."""
    maps = []
    for image in (load_mni152_gm_template(resolution=1), load_mni152_wm_template(resolution=1)):
        data = np.asarray(image.dataobj, dtype=np.float32)
        data /= data.max()
        volume = np.zeros(SHAPE, np.float32)
        start = np.round(image.affine[:3, 3]).astype(int) - FIRST_MM
        here = [slice(max(0, s), min(n, s + m)) for s, m, n in zip(start, data.shape, SHAPE, strict=True)]
        there = [slice(max(0, -s), max(0, -s) + h.stop - h.start) for s, h in zip(start, here, strict=True)]
        volume[tuple(here)] = data[tuple(there)]
        maps.append(volume)
    grey, white = maps
    cord = np.clip(0.5 - shapes.chain([(0, -47, -71), (0, -51, -85), (0, -52, -125)], [5.0, 4.8, 4.6]), 0, 1)
    cord = np.where(shapes.z < -69, cord, 0)
    return np.where(shapes.z < -69, 0, grey), np.maximum(np.where(shapes.z < -71, 0, white), cord)


def _intracranial(shapes: _Shapes, to_brain: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Signed distance of the arachnoid: the brain closed by a ball, so that cisterns belong, and the spinal canal.

    `inside`: depth within the brain dilated by the ball.
    """
    closed = np.where(inside > 0, CLOSING_MM - inside, to_brain)
    vault = np.clip((shapes.z + 25) / 20, 0, 1)  # gyri do not show on the inner table of the vault
    closed += vault * (ndimage.gaussian_filter(closed, 5.0) - closed) - ARACHNOID_MM
    cisterns = shapes.chain([(0, -9, -20), (0, -10.5, -31), (0, -17.5, -44), (0, -30, -58)], [7, 5.5, 6.5, 9])
    closed = smooth_union(closed, union(cisterns, shapes.ellipsoid((0, -3, -18), (14, 13, 8))), 3.0)
    canal = shapes.chain([(0, -43, -60), (0, -47, -72), (0, -51, -86), (0, -52, -125)], [13, 12.5, 9.5, 9])
    return union(np.maximum(closed, -68 - shapes.z), canal)


def _margin(shapes: _Shapes) -> np.ndarray:
    """Positive within 2 mm of the volume's faces but the lower one: there is air, and the neck may go on."""
    lower = np.add(FIRST_MM, 2)
    upper = np.add(FIRST_MM, SHAPE) - 3
    sides = np.maximum(np.maximum(lower[0] - shapes.x, shapes.x - upper[0]), shapes.z - upper[2])
    return np.maximum(sides, np.maximum(lower[1] - shapes.y, shapes.y - upper[1])).astype(np.float32)


def _ventricles(shapes: _Shapes, brain: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Share of ventricular CSF: CSF within the brain's depth and the boxes that hold the ventricles."""
    deep = inside > CLOSING_MM + 14
    lateral = shapes.box((20, -8, 4), (26, 48, 28), mirror=True) < 0
    fourth = shapes.box((0, -46, -36), (9, 12, 18)) < 0
    csf = np.where((deep & lateral) | fourth, 1 - np.clip(brain, 0, 1), 0).astype(np.float32)
    labels, _ = ndimage.label(csf > 0.5)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    keep = np.isin(labels, np.flatnonzero(sizes > 200))
    return csf * ndimage.binary_dilation(keep, iterations=2)


def outward_field(ventricle: np.ndarray, grid: Grid) -> np.ndarray:
    """Unit-length field (3, ...) that points away from the ventricles and fades over 14 mm."""
    distance = distance_mm(ventricle >= 0.5, grid.voxel_mm)
    smooth = ndimage.gaussian_filter(distance, 2.0)
    return (np.stack(np.gradient(smooth)) * np.exp(-((distance / VENTRICLE_REACH_MM) ** 2))).astype(np.float32)


def _skull_thickness(rng: np.random.Generator, grid: Grid, shapes: _Shapes) -> np.ndarray:
    """Outer distance of the skull's shell from the arachnoid, mm: thin temporal squama and base, thick occiput."""
    thickness = 7.5 + 0.7 * smooth_noise(rng, grid, 35.0)
    thickness = thickness + 2.5 * np.exp(
        -(((shapes.y + 100) / 30) ** 2) - ((shapes.z + 10) / 30) ** 2 - (shapes.x / 30) ** 2
    )
    squama = np.exp(-(((shapes.side - 70) / 22) ** 2) - ((shapes.y + 5) / 35) ** 2 - ((shapes.z + 18) / 28) ** 2)
    thickness = thickness - 4.2 * squama
    floor = 1 / (1 + np.exp((shapes.z + 30 - 0.12 * shapes.y) / 4))
    thickness = thickness + (4.2 - thickness) * floor * (np.abs(shapes.side) < 62)
    sella = np.exp(-((shapes.x / 16) ** 2) - ((shapes.y - 2) / 14) ** 2 - ((shapes.z + 28) / 12) ** 2)
    return (thickness - 2.4 * sella).astype(np.float32)


def _gaps_of_the_spine(shapes: _Shapes) -> np.ndarray:
    """Positive where the shell around the canal is open: below the occiput, between atlas and axis."""
    z = shapes.z + 0.15 * (shapes.y + 45)
    below = -(z + 67.5)
    atlas, axis = np.abs(z + 79) - 4.5, np.abs(z + 99) - 10.5
    return np.where(below > 0, union(atlas, axis), -5.0)


def _skull_base(shapes: _Shapes) -> np.ndarray:
    """Petrous pyramids, clivus, sphenoid body and wings, clinoids, condyles, vertebral bodies."""
    petrous = union(
        shapes.capsule((11, -13, -41), (38, -27, -39), (5.5, 9), mirror=True),
        shapes.capsule((38, -27, -39), (58, -38, -43), (9, 12), mirror=True),
    )
    mastoid = shapes.capsule((57, -38, -42), (55, -34, -62), (11, 7), mirror=True)
    clivus = union(
        *(shapes.chain([(x, -0.5, -34), (x, -10.5, -49), (x, -23.5, -64)], [5.5, 5.5, 3.5]) for x in (-6, 0, 6))
    )
    body = shapes.box((0, 10, -41), (12, 18, 11.5))
    dorsum = shapes.box((0, -5.2, -28.5), (7, 1.3, 4.5))
    posterior_clinoid = shapes.ellipsoid((7.2, -5.2, -24.2), (2.2, 1.8, 1.8), mirror=True)
    wing = shapes.chain([(12, 14, -24), (28, 20, -22), (45, 20, -19)], [4.5, 3.2, 3.0], mirror=True)
    anterior_clinoid = shapes.capsule((13, 14, -23.5), (13.5, 5.5, -22.5), (3.4, 1.7), mirror=True)
    planum = shapes.box((0, 24, -29), (16, 16, 2.5))
    greater_wing = shapes.chain([(16, 22, -40), (32, 32, -38), (44, 34, -30)], [4, 3, 3], mirror=True)
    condyle = shapes.ellipsoid((17, -33, -68), (6, 9, 6), mirror=True)
    lateral_mass = shapes.ellipsoid((22, -37, -79), (9, 8, 7), mirror=True)
    dens = shapes.chain([(0, -36, -74), (0, -37, -90), (0, -37, -125)], [4.5, 6.5, 8.5])
    large = union(petrous, mastoid, clivus, body, wing, planum, greater_wing, condyle, lateral_mass, dens)
    return union(np.maximum(large, -_soft_gaps(shapes)), dorsum, posterior_clinoid, anterior_clinoid)


def _soft_gaps(shapes: _Shapes) -> np.ndarray:
    """Pituitary fossa and cavernous sinuses: soft tissue within the sphenoid bone."""
    sella = shapes.ellipsoid((0, 1.5, -28.5), (7.5, 5.5, 7))
    return union(sella, shapes.chain([(15, -6.5, -35), (15.5, 1, -31), (15.5, 8, -28.5)], [4.2, 5.2, 4.2], mirror=True))


def _cisterns(shapes: _Shapes) -> np.ndarray:
    """Positive where the arteries and their cisterns or sinuses keep bone away."""
    keep = np.full(SHAPE, 40.0, np.float32)
    for artery, margin in (("BA", 2.2), ("VA", 1.6), ("ICA", 0.8)):
        for side in (1, -1) if artery != "BA" else (1,):
            rows = np.array(LEFT_LANDMARKS[artery]) * [side, 1, 1, 1]
            curve = Curve(rows[:, :3], rows[:, 3], 1.0)
            index = np.round(curve.points - FIRST_MM).astype(int)
            low, high = index.min(0).clip(0) - 8, index.max(0) + 9
            box = tuple(slice(max(0, a), min(n, b)) for a, b, n in zip(low, high, SHAPE, strict=True))
            points = np.stack(np.meshgrid(*(np.arange(s.start, s.stop) for s in box), indexing="ij"), -1) + FIRST_MM
            _, distance, _, nearest = curve.locate(points.reshape(-1, 3).astype(float))
            tube = (distance - curve.radius_mm[nearest] - margin).reshape(keep[box].shape)
            keep[box] = np.minimum(keep[box], tube.astype(np.float32))
    return -keep


def _air(rng: np.random.Generator, grid: Grid, shapes: _Shapes) -> np.ndarray:
    """Sinuses, nasal cavity, pharynx, mastoid cells and ear canals; cells are cut by thin septa."""
    septa = np.abs(smooth_noise(rng, grid, 7.0)) * 6 - 1.2
    sphenoid = shapes.ellipsoid((5.2, 15, -42), (4.9, 13.5, 8.5), mirror=True)
    ethmoid = np.maximum(shapes.box((6, 42, -34), (5, 20, 9), mirror=True), -septa)
    frontal = shapes.ellipsoid((9, 73, -9), (8, 4.5, 9), mirror=True)
    maxillary = shapes.ellipsoid((27, 46, -58), (14, 17, 16), mirror=True)
    nasal = np.maximum(shapes.box((6, 50, -58), (4.5, 34, 14), mirror=True), -septa)
    pharynx = shapes.chain([(0, 12, -62), (0, 0, -76), (0, -6, -125)], [7, 8, 7])
    mastoid = np.maximum(shapes.capsule((54, -38, -40), (55, -35, -58), (10, 6), mirror=True), -septa)
    canal = shapes.capsule((44, -24, -43), (80, -24, -46), (2.5, 3.0), mirror=True)
    return union(sphenoid, ethmoid, frontal, maxillary, nasal, pharynx, mastoid, canal)


def _face_bones(shapes: _Shapes) -> np.ndarray:
    orbit = shapes.capsule((32, 62, -33), (14, 22, -28), (17, 3), mirror=True)
    rim = np.maximum(np.abs(orbit - 1.5) - 1.5, shapes.y - 70)
    maxilla = np.abs(shapes.ellipsoid((27, 46, -58), (15, 18, 17), mirror=True)) - 0.9
    palate = shapes.box((0, 52, -76), (20, 24, 2))
    teeth = np.maximum(np.abs(shapes.ellipsoid((0, 50, -84), (25, 33, 20)) + 3) - 3.5, np.abs(shapes.z + 84) - 9)
    teeth = np.maximum(teeth, 50 - shapes.y)
    mandible = shapes.chain([(50, -8, -50), (48, 2, -88), (32, 44, -106), (5, 70, -112)], [4.5, 4.5, 6, 7], mirror=True)
    zygoma = shapes.chain([(40, 60, -45), (56, 42, -48), (62, 12, -46), (61, -10, -44)], [6, 4, 2.6, 3.2], mirror=True)
    nose = shapes.capsule((0, 82, -22), (0, 92, -38), (4, 2.5))
    septum = shapes.box((0, 48, -55), (0.8, 34, 18))
    return union(rim, maxilla, palate, teeth, mandible, zygoma, nose, septum)


def _skin(shapes: _Shapes, intracranial: np.ndarray, thickness: np.ndarray) -> np.ndarray:
    """Signed distance of the skin: the vault with its scalp, blended with face, nose, ears and neck."""
    temporal = 6 * np.exp(-(((shapes.y - 12) / 28) ** 2) - ((shapes.z + 25) / 28) ** 2 - ((shapes.side - 75) / 30) ** 2)
    vault = np.maximum(intracranial - thickness - 6.0 - temporal, -62 - shapes.z)
    face = shapes.ellipsoid((0, 36, -58), (67, 56, 68))
    cheek = shapes.ellipsoid((48, 6, -66), (24, 42, 46), mirror=True)
    jaw = shapes.ellipsoid((0, 45, -95), (54, 48, 40))
    nose = shapes.chain([(0, 80, -18), (0, 96, -40), (0, 102, -52), (0, 86, -60)], [7, 8, 9, 8])
    neck = shapes.chain([(0, -38, -58), (0, -38, -180)], [60, 58])
    nape = shapes.capsule((0, -62, -50), (0, -56, -180), (52, 42))
    ear = shapes.ellipsoid((79, -32, -36), (8, 14, 24), mirror=True)
    head = smooth_union(vault, smooth_union(smooth_union(face, cheek, 14.0), jaw, 18.0), 14.0)
    head = smooth_union(head, smooth_union(neck, nape, 10.0), 16.0)
    return smooth_union(smooth_union(head, nose, 8.0), ear, 4.0).astype(np.float32)


def _marrow(rng: np.random.Generator, grid: Grid, bone: np.ndarray) -> np.ndarray:
    """Share of marrow (diploe) inside bone: the deeper below the compact surface the more, patchy."""
    patchy = 0.85 + 0.2 * smooth_noise(rng, grid, 4.0)
    return (np.clip((-bone - 0.9) / 2.6, 0, 1) * np.clip(patchy, 0.3, 1)).astype(np.float32)


def _fat(
    rng: np.random.Generator,
    grid: Grid,
    shapes: _Shapes,
    head: np.ndarray,
    from_skull: np.ndarray,
    orbit: np.ndarray,
    globe: np.ndarray,
) -> np.ndarray:
    """Share of fat in soft tissue: under the skin, between muscles, in the orbits; the globes hold none."""
    under_skin = np.clip((-head - 1.6) / 1.0, 0, 1) * np.clip((6.5 + head) / 1.5, 0, 1)
    planes = np.abs(smooth_noise(rng, grid, 11.0))  # fat lies in planes between the muscles
    muscle = np.clip((0.22 - planes) / 0.2, 0, 0.8) * (head < -6)
    fat = np.maximum(under_skin, muscle)
    cone = union(
        shapes.capsule((25, 58, -33), (14, 24, -28), (2, 1.5), mirror=True),
        shapes.capsule((42, 58, -33), (16, 24, -28), (2, 1.5), mirror=True),
        shapes.capsule((32, 50, -33), (13, 22, -28), (2, 2), mirror=True),
        globe,
    )
    fat = np.where(orbit < 0, np.clip(0.5 + cone, 0, 1), fat)
    return np.where(from_skull < 1.0, np.minimum(fat, 0.3), fat).astype(np.float32)
