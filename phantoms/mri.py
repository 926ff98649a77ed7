"""The MRI scanner: T1w, FLAIR, SWI and black-blood vessel-wall images of the head, each in its own pose and grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from phantoms.geometry import Grid, apply, oriented_grid, random_pose, smooth_noise, smooth_step, voxels_near
from phantoms.head import Head, sagittal_sinus
from phantoms.small_vessel import SmallVessel, paint
from phantoms.wall import WallPlaque, wall_distances

BRAIN_CENTRE = np.array([[0.0, -18.0, 0.0]])


@dataclass(frozen=True)
class Contrast:
    """Signal of each tissue in one sequence (arbitrary units), and the noise's sd in the same units."""

    grey: float
    white: float
    csf: float
    wmh: float
    muscle: float
    fat: float
    marrow: float
    blood: float
    noise: float
    air: float = 8.0
    compact: float = 35.0


CONTRASTS = {
    "T1w": Contrast(grey=520, white=720, csf=190, wmh=560, muscle=430, fat=980, marrow=640, blood=560, noise=22),
    "FLAIR": Contrast(grey=520, white=400, csf=75, wmh=730, muscle=230, fat=560, marrow=330, blood=60, noise=18),
    "swi": Contrast(grey=560, white=500, csf=620, wmh=530, muscle=330, fat=300, marrow=240, blood=520, noise=17),
    "vwi": Contrast(grey=430, white=500, csf=120, wmh=450, muscle=380, fat=200, marrow=170, blood=35, noise=16),
}
WALL_SIGNAL, PLAQUE_SIGNAL = 400.0, 470.0


@dataclass(frozen=True)
class Vein:
    """A small vein as SWI shows it: points (n, 3) of its course in the head frame, and the share of signal left."""

    points_mm: np.ndarray
    signal: float


@dataclass(frozen=True)
class MrScan:
    """An MR image (int16), its grid and its pose (head frame -> the image's world)."""

    image: np.ndarray
    grid: Grid
    pose: np.ndarray


def tissue_signal(rng: np.random.Generator, head: Head, contrast: Contrast, state: SmallVessel) -> np.ndarray:
    """Signal on the head grid: brain with WMH, skull, soft tissue, arteries; lesions of the brain are painted later."""
    signal = state.wmh * (1 + 0.12 * smooth_noise(rng, head.grid, 7.0)) * np.float32(contrast.wmh - contrast.white)
    for name, share in head.shares.items():
        signal += np.float32(getattr(contrast, name)) * share
    if state.infarct is not None and state.infarct_rim is not None:
        signal += state.infarct * (np.float32(contrast.csf) - signal) + state.infarct_rim * (contrast.wmh - signal)
    return signal * (1 + np.float32(0.012) * smooth_noise(rng, head.grid, 4.0))


def add_lacunes(signal: np.ndarray, head: Head, contrast: Contrast, state: SmallVessel, rims: bool) -> None:
    """Lacunes in place: like CSF; on FLAIR some carry a bright rim."""
    for blob in state.lacunes:
        if rims and blob.rim:
            paint(signal, head, blob, contrast.wmh * 0.9, grow_mm=1.6)
        paint(signal, head, blob, contrast.csf)


def add_susceptibility(signal: np.ndarray, head: Head, state: SmallVessel, calcium: list, veins: list[Vein]) -> None:
    """What SWI sees, in place: bleeds, veins, calcium, iron in the pallidum, dropout above the sinuses and ears."""
    for blob in state.microbleeds:
        paint(signal, head, blob, 60.0)
    for centre, radius, hu in calcium:
        voxels = voxels_near(centre[None], radius + 1.0, head.grid)
        gap = np.linalg.norm(head.grid.to_world(voxels) - centre, axis=1) - radius
        signal[tuple(voxels.T)] *= 1 - 0.8 * min(1.0, hu / 300) * smooth_step(gap, 1.2).astype(np.float32)
    for vein in veins:
        signal[tuple(voxels_near(vein.points_mm, 0.25, head.grid).T)] *= vein.signal
    signal *= 1 - 0.6 * sagittal_sinus(head)
    iron = _bump(head, (17, -1, 0), (5, 8, 5)) + 0.7 * _bump(head, (10, -18, -13), (4, 5, 2.5))
    signal *= 1 - 0.28 * np.clip(iron, 0, 1)
    loss = _bump(head, (8, 32, -24), (16, 18, 8)) + _bump(head, (52, -28, -34), (14, 16, 9))
    signal *= 1 - 0.75 * np.clip(loss, 0, 1)


def _bump(head: Head, centre: tuple[float, float, float], radii: tuple[float, float, float]) -> np.ndarray:
    """A soft bump (1 in its middle) about an MNI point and its mirror image."""
    field = np.zeros(head.grid.shape, np.float32)
    for side in (-1, 1):
        middle = head.grid.to_index(head.to_head(np.array([centre]) * [side, 1, 1]))[0]
        reach = np.ceil(2.5 * np.array(radii)).astype(int)
        low = np.maximum(np.round(middle).astype(int) - reach, 0)
        box = tuple(slice(a, b) for a, b in zip(low, np.round(middle).astype(int) + reach, strict=True))
        x, y, z = np.ogrid[box]
        square = sum(((axis - m) * 0.93 / r) ** 2 for axis, m, r in zip((x, y, z), middle, radii, strict=True))
        field[box] = np.maximum(field[box], np.exp(-square * 1.2))
    return field


def draw_veins(rng: np.random.Generator, head: Head) -> list[Vein]:
    """A person's cortical and medullary veins: gently bent lines through sulci and out of the ventricles' walls."""
    a = head.anatomy
    sulci = np.argwhere((head.csf > 0.6) & (a.intracranial < -3) & (a.intracranial > -22) & (head.to_ventricle_mm > 15))
    walls = np.argwhere((head.to_ventricle_mm > 1) & (head.to_ventricle_mm < 3) & (a.white > 0.8))
    veins = []
    for places, count, length in ((sulci, 70, 35), (walls, 40, 22)):
        for start in places[rng.integers(len(places), size=count)]:
            direction = rng.normal(0, 1, 3)
            turns = direction / np.linalg.norm(direction) + np.cumsum(rng.normal(0, 0.08, (length, 3)), axis=0)
            veins.append(head.grid.to_world(start + np.cumsum(turns, axis=0)))
    inside = [vein[head.sample(a.intracranial, vein) < -2] for vein in veins]
    return [Vein(vein, float(rng.uniform(0.3, 0.65))) for vein in inside if len(vein) > 3]


def session_poses(rng: np.random.Generator, names: list[str]) -> dict[str, np.ndarray]:
    """Head frame -> world of each MR image: one position on the table, and a little motion between the sequences."""
    table = random_pose(rng, 4.0, 6.0)
    return {name: random_pose(rng, 0.7, 0.8) @ table for name in names}


def mr_grid(name: str, rng: np.random.Generator, pose: np.ndarray) -> Grid:
    """The sequence's grid: 1 mm sagittal T1w, thick oblique FLAIR, 2 mm SWI; tilted towards the AC-PC line."""
    centre = apply(pose, BRAIN_CENTRE)[0]
    if name == "T1w":
        return oriented_grid(
            (240, 240, 176), (1.0, 1.0, 1.0), "PSR", centre + np.array([0, 6, -12]), rng.uniform(-2, 2, 3)
        )
    tilt = np.array([rng.uniform(-14, -4), *rng.uniform(-3, 3, 2)])
    if name == "FLAIR":
        step = float(rng.choice([4.0, 4.5, 5.0]))
        return oriented_grid((244, 264, round(158 / step)), (0.9, 0.9, step), "LAS", centre + np.array([0, 0, 4]), tilt)
    return oriented_grid((236, 256, 78), (0.92, 0.92, 2.0), "LAS", centre + np.array([0, 0, 6]), tilt)


def scan_mr(
    rng: np.random.Generator,
    signal: np.ndarray,
    head: Head,
    grid: Grid,
    pose: np.ndarray,
    noise: float,
    ghost: float = 0.0,
) -> MrScan:
    """Scan a head-frame signal: slice profile, bias field, N/2 ghost along the second axis, Rician noise."""
    steps = max(1, round(grid.voxel_mm[2] / 1.1))
    offsets = ((np.arange(steps) + 0.5) / steps - 0.5) * grid.voxel_mm[2]
    image = np.mean([head.on_grid(signal, grid, pose, offset) for offset in offsets], axis=0)
    return MrScan(_receive(rng, image, grid, noise, ghost), grid, pose)


def _receive(rng: np.random.Generator, image: np.ndarray, grid: Grid, noise: float, ghost: float = 0.0) -> np.ndarray:
    image = image * np.exp(0.10 * smooth_noise(rng, grid, 90.0))
    if ghost:
        image += np.float32(ghost) * np.roll(image, image.shape[1] // 2, axis=1)
    real = image + noise * rng.standard_normal(image.shape, dtype=np.float32)
    imaginary = noise * rng.standard_normal(image.shape, dtype=np.float32)
    return np.round(np.hypot(real, imaginary)).astype(np.int16)


def wall_grid(rng: np.random.Generator, pose: np.ndarray, focus_mm: np.ndarray) -> Grid:
    """A slab of 0.65 mm voxels, 72 slices, centred on a head-frame point, a little oblique."""
    tilt = np.array([rng.uniform(-12, 6), *rng.uniform(-4, 4, 2)])
    centre = apply(pose, focus_mm[None])[0] * [0.2, 0.35, 1] + apply(pose, BRAIN_CENTRE)[0] * [0.8, 0.65, 0]
    return oriented_grid((272, 304, 72), (0.65, 0.65, 0.65), "LAS", centre, tilt)


def scan_wall(
    rng: np.random.Generator,
    signal: np.ndarray,
    head: Head,
    grid: Grid,
    pose: np.ndarray,
    plaques: list[WallPlaque],
    contrast_agent: bool,
) -> MrScan:
    """Black-blood image: dark lumen, grey wall, plaque; contrast agent brightens plaque, a little the normal wall."""
    image = head.on_grid(signal, grid, pose)
    shares = np.zeros((3, *grid.shape), np.float32)  # surrounding CSF, wall with lumen, lumen
    wall = np.full(grid.shape, WALL_SIGNAL * (1.08 if contrast_agent else 1.0), np.float32)
    to_head = np.linalg.inv(pose) @ grid.affine
    corners = [np.array([i, j, k]) / 4 for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)]
    for key, curve in head.curves.items():
        plaque = next((p for p in plaques if p.key == key), None)
        voxels = voxels_near(apply(pose, curve.points), 5.5 if plaque else float(curve.radius_mm.max()) + 2.0, grid)
        if len(voxels) == 0:
            continue
        share = np.zeros((3, len(voxels)), np.float32)
        for corner in corners:
            lumen, outer, along = wall_distances(plaque, curve, apply(to_head, voxels + corner))
            inside = (along >= 0) & (along <= curve.length_mm)
            share += inside * np.stack([smooth_step(d, w) for d, w in ((outer - 1.2, 0.8), (outer, 0.3), (lumen, 0.3))])
        index = tuple(voxels.T)
        shares[:, *index] = np.maximum(shares[:, *index], share / len(corners))
        if plaque:
            diseased = np.abs(along - plaque.at_mm) <= plaque.length_mm / 2
            ratio = plaque.enhancement_ratio if contrast_agent else 1.0
            wall[index] = np.where(diseased, PLAQUE_SIGNAL * ratio, wall[index])
    image += shares[0] * (CONTRASTS["vwi"].csf - image)
    image += shares[1] * (wall - image)
    image += shares[2] * (CONTRASTS["vwi"].blood - image)
    return MrScan(_receive(rng, image, grid, CONTRASTS["vwi"].noise), grid, pose)
