"""The CT scanner: Hounsfield units of the head on the scan's grid, with calcium, couch, head holder, blur and noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from phantoms.arteries import ARTERY_LABELS
from phantoms.calcium import WALL_MM, Calcification, CalciumPatch, render_plaque
from phantoms.geometry import Grid, apply, oriented_grid, random_pose, smooth_noise, smooth_step, voxels_near
from phantoms.head import Head, sagittal_sinus
from phantoms.skull_base import SkullBase
from phantoms.small_vessel import SmallVessel

# HU at 120 kVp: textbook values of a non-contrast scan
AIR, FAT, MUSCLE, GREY, WHITE, CSF, BLOOD, COMPACT_BONE, MARROW = -1000, -95, 52, 38, 29, 8, 45, 1450, 260
FILTER_MM = 0.9
Ball = tuple[np.ndarray, float, float]  # centre (head frame, mm), radius (mm), HU


@dataclass(frozen=True)
class CtProtocol:
    """How a CT is made: pixels, slices, kernel, noise; `padding_hu` is what the scanner writes outside its circle."""

    pixel_mm: float
    matrix: int
    thickness_mm: float
    increment_mm: float
    slices: int
    noise_hu: float
    blur_mm: float = 0.5
    padding_hu: int | None = None
    kvp: int = 120


PROTOCOLS = {
    "thin": CtProtocol(0.46, 464, 0.75, 0.75, 212, 8.0, 0.45),
    "standard": CtProtocol(0.488, 448, 1.25, 1.25, 128, 6.0, 0.5),
    "overlap": CtProtocol(0.47, 464, 2.0, 1.0, 160, 5.0, 0.5, padding_hu=-2048),
    "gap": CtProtocol(0.46, 480, 1.0, 1.5, 108, 6.5, 0.5, padding_hu=-3024),
    "thick": CtProtocol(0.488, 448, 2.5, 2.5, 64, 4.0, 0.55),
}


@dataclass(frozen=True)
class CtScan:
    """A CT and its truth: HU (int16), pose (head frame -> CT world), labels of arteries and plaques on its grid."""

    hu: np.ndarray
    grid: Grid
    pose: np.ndarray
    arteries: np.ndarray
    plaques: np.ndarray
    plaques_130: np.ndarray
    rows: list[dict[str, object]]


def soft_tissue_hu(rng: np.random.Generator, head: Head, state: SmallVessel, distractors: list[Ball]) -> np.ndarray:
    """HU of everything but bone and arteries (there: soft tissue) on the head grid.

    distractors: calcium that is no artery's, as (centre mm, radius mm, HU).
    """
    parts = head.shares
    bare = parts["compact"] + parts["marrow"] + parts["blood"]
    hu = (
        GREY * parts["grey"]
        + WHITE * parts["white"]
        + CSF * parts["csf"]
        + FAT * parts["fat"]
        + MUSCLE * parts["muscle"]
    )
    hu += AIR * parts["air"] + 25 * bare - 6 * state.wmh
    if state.infarct is not None and state.infarct_rim is not None:
        hu += state.infarct * (CSF - hu) - 8 * state.infarct_rim
    x, _, z = head.grid.axes_mm()
    falx = np.exp(-((x / 0.9) ** 2)) * (z > 18)
    hu += 32 * falx * parts["csf"] * (head.to_ventricle_mm > 12)
    hu += 48 * sagittal_sinus(head)
    hu += 1.5 * smooth_noise(rng, head.grid, 5.0)
    for centre, radius, value in distractors:
        voxels = voxels_near(centre[None], radius + 1.5, head.grid)
        gap = np.linalg.norm(head.grid.to_world(voxels) - centre, axis=1) - radius
        index = tuple(voxels.T)
        hu[index] += smooth_step(gap, 1.2) * (value - hu[index])
    return hu.astype(np.float32)


def draw_distractors(rng: np.random.Generator, head: Head) -> list[Ball]:
    """Calcium that is no artery's: pineal, choroid plexus, falx, globus pallidus, each in some; head-frame balls."""
    found: list[Ball] = []

    def add(point: tuple[float, float, float], radius: float, hu: float, sd: float) -> None:
        found.append((head.to_head(np.array([point]) + rng.normal(0, sd, 3))[0], radius, hu))

    if rng.random() < 0.8:
        for _ in range(int(rng.integers(1, 4))):
            add((0, -30, 3), rng.uniform(0.8, 2.0), rng.uniform(200, 500), 0.9)
    for side in (-1, 1):
        if rng.random() < 0.7:
            for _ in range(int(rng.integers(1, 5))):
                add((side * 24, -42, 8), rng.uniform(0.8, 2.2), rng.uniform(180, 450), 1.4)
        if rng.random() < 0.35:
            for _ in range(int(rng.integers(2, 6))):
                add((side * 19, -3, -1), rng.uniform(0.6, 1.6), rng.uniform(90, 220), 1.6)
    if rng.random() < 0.4:
        for _ in range(int(rng.integers(3, 9))):
            add((0, 40, 40), rng.uniform(0.8, 1.8), rng.uniform(250, 700), 3.0)
            found[-1][0][0] = head.to_head(np.array([[0.0, 40, 40]]))[0, 0]
    return found


def scan_ct(
    rng: np.random.Generator,
    head: Head,
    soft_hu: np.ndarray,
    plaques: list[Calcification],
    protocol: CtProtocol,
    dental_metal: bool = False,
) -> CtScan:
    """Scan the head. The pose tilts the head by some degrees, as heads lie in a holder."""
    pose = random_pose(rng, 5.0, 6.0)
    shape = (protocol.matrix, protocol.matrix, protocol.slices)
    voxel = (protocol.pixel_mm, protocol.pixel_mm, protocol.increment_mm)
    middle = apply(pose, np.array([[0.0, -10.0, 6.0]]))[0]
    grid = oriented_grid(shape, voxel, "LAS", middle, np.zeros(3))
    steps = max(1, round(protocol.thickness_mm / 1.25))
    offsets = ((np.arange(steps) + 0.5) / steps - 0.5) * protocol.thickness_mm
    bone_hu = (COMPACT_BONE + (MARROW - COMPACT_BONE) * head.anatomy.marrow).astype(np.float32)
    hu = np.zeros(shape, np.float32)
    for offset in offsets:
        bone = smooth_step(head.on_grid(head.anatomy.bone, grid, pose, offset), 1.0 + protocol.blur_mm)
        soft = head.on_grid(soft_hu, grid, pose, offset)
        of_bone = head.on_grid(bone_hu, grid, pose, offset)
        if head.skull_base is not None:
            _refine(bone, of_bone, head.skull_base, grid, pose, offset, protocol.blur_mm)
        hu += soft + bone * (of_bone - soft)
    hu /= np.float32(steps)
    arteries = _add_arteries(rng, hu, head, grid, pose, protocol)
    patches = [
        render_plaque(p, head.curves[p.key], grid, pose, protocol.thickness_mm, protocol.blur_mm) for p in plaques
    ]
    labels, labels_130, rows = _add_calcium(hu, head, grid, pose, patches)
    if dental_metal:
        _add_streaks(rng, hu, grid, apply(pose, head.to_head(np.array([[24.0, 68.0, -84.0]])))[0])
    _add_couch(hu, grid, middle)
    noise = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), (FILTER_MM, FILTER_MM, 0.3))
    hu += noise * np.float32(protocol.noise_hu / noise.std())
    result = np.clip(np.round(hu), -1024, 3071).astype(np.int16)
    if protocol.padding_hu is not None:
        i, j = np.ogrid[: shape[0], : shape[1]]
        outside = np.hypot(i - shape[0] / 2 + 0.5, j - shape[1] / 2 + 0.5) > shape[0] / 2
        result[outside] = protocol.padding_hu
    return CtScan(result, grid, pose, arteries, labels, labels_130, rows)


def _refine(
    bone: np.ndarray,
    bone_hu: np.ndarray,
    base: SkullBase,
    grid: Grid,
    pose: np.ndarray,
    offset_mm: float,
    blur_mm: float,
) -> None:
    """Bone's share and HU in place where the skull base has its own, blurred as the scanner does."""
    weight = base.on(base.weight, grid, pose, offset_mm)
    sigma = blur_mm / base.grid.voxel_mm
    share = ndimage.gaussian_filter(base.share, sigma)
    density = ndimage.gaussian_filter(base.share * base.hu, sigma) / np.maximum(share, 0.01)
    bone += weight * (base.on(share, grid, pose, offset_mm) - bone)
    bone_hu += weight * (base.on(density, grid, pose, offset_mm) - bone_hu)


def _add_arteries(
    rng: np.random.Generator, hu: np.ndarray, head: Head, grid: Grid, pose: np.ndarray, protocol: CtProtocol
) -> np.ndarray:
    """Blood and wall into the HU, bone kept off by a gap of 0.2-1.2 mm that varies along; labels of lumen with wall."""
    labels = np.zeros(hu.shape, np.uint8)
    nearest_gap = np.full(hu.shape, 99.0, np.float32)
    for key, curve in head.curves.items():
        room = 0.7 + 0.5 * np.sin(curve.arc_mm / 7 + rng.uniform(0, 6.28))
        voxels = voxels_near(apply(pose, curve.points), float(curve.radius_mm.max()) + WALL_MM + 2.0, grid)
        if len(voxels) == 0:
            continue
        along, distance, _, nearest = curve.locate(apply(np.linalg.inv(pose) @ grid.affine, voxels))
        gap = distance - curve.radius_mm[nearest] - WALL_MM
        inside = (along >= 0) & (along <= curve.length_mm)
        index = tuple(voxels[inside].T)
        gap, room = gap[inside], room[nearest[inside]]
        if head.skull_base is not None:
            room = room * 0  # its bone is cut about the arteries as it lies
        soft = np.clip(hu[index], -100, 45)
        cleared = smooth_step(gap - room, 1.0)
        hu[index] += cleared * (np.minimum(hu[index], np.maximum(soft, 20)) - hu[index])
        hu[index] += smooth_step(gap, 1.0) * (BLOOD - hu[index])
        closer = (gap <= 0) & (gap < nearest_gap[index])
        closer_index = tuple(axis[closer] for axis in index)
        labels[closer_index] = ARTERY_LABELS[key]
        nearest_gap[closer_index] = gap[closer]
    return labels


def _add_calcium(
    hu: np.ndarray, head: Head, grid: Grid, pose: np.ndarray, patches: list[CalciumPatch | None]
) -> tuple[np.ndarray, np.ndarray, list[dict[str, object]]]:
    """Calcium into the HU; labels where it fills half a voxel, where it alone lifts blood to 130 HU, and truth rows.

    A plaque touches bone where, without noise, 130 HU of something else lies next to its own 130 HU.
    """
    labels, labels_130 = (np.zeros(hu.shape, np.uint8) for _ in range(2))
    rows: list[dict[str, object]] = []
    for number, patch in enumerate(patches, start=1):
        if patch is None:
            continue
        plaque, curve = patch.plaque, head.curves[patch.plaque.key]
        box = hu[patch.box]
        soft = BLOOD + patch.blurred * (plaque.hu - BLOOD)
        above = soft >= 130
        labels[patch.box][patch.share >= 0.5] = number
        labels_130[patch.box][above] = number
        touches = bool((ndimage.binary_dilation(above, np.ones((3, 3, 3))) & (box >= 130) & ~above).any())
        box += patch.blurred * (plaque.hu - np.minimum(box, plaque.hu))
        centre = curve.point_at(plaque.at_mm)
        at = apply(pose, centre[None])[0]
        rows.append(
            {
                "lesion": number,
                "artery": plaque.artery,
                "side": plaque.side,
                "volume_mm3": patch.volume_mm3,
                "volume_130hu_mm3": float(above.sum() * grid.voxel_mm3),
                "material_hu": plaque.hu,
                "mean_hu": float(soft[above].mean()) if above.any() else np.nan,
                "max_hu": float(soft.max()),
                "arc_deg": min(plaque.arc_deg, 360.0),
                "length_mm": plaque.length_mm,
                "thickness_mm": plaque.thickness_mm,
                "pattern": plaque.pattern,
                "spotty": plaque.length_mm < 3 and plaque.arc_deg < 90,
                "touches_bone": touches,
                "lumen_radius_mm": float(curve.radius_mm[curve.index_at(plaque.at_mm)]),
                "x_mm": at[0],
                "y_mm": at[1],
                "z_mm": at[2],
            }
        )
    return labels, labels_130, rows


def _add_streaks(rng: np.random.Generator, hu: np.ndarray, grid: Grid, metal: np.ndarray) -> None:
    """A metal filling and its streaks: rays in the slices that hold it."""
    index = grid.to_index(metal[None])[0]
    reach = int(np.ceil(5 / grid.voxel_mm[2]))
    for k in range(max(0, int(index[2]) - reach), min(hu.shape[2], int(index[2]) + reach + 1)):
        i, j = np.ogrid[: hu.shape[0], : hu.shape[1]]
        dx, dy = (i - index[0]) * grid.voxel_mm[0], (j - index[1]) * grid.voxel_mm[1]
        distance = np.hypot(dx, dy)
        rays = sum(np.cos(n * np.arctan2(dy, dx) + rng.uniform(0, 6.28)) for n in (5, 9, 14)) / 3
        hu[:, :, k] += np.where(hu[:, :, k] > -700, 700 * rays * np.exp(-distance / 30), 0)
        hu[:, :, k][distance < 3] = 3071


def _add_couch(hu: np.ndarray, grid: Grid, middle: np.ndarray) -> None:
    """A head holder (a foam shell with dense skins, open in front) and the couch's top, where there is air."""
    origin = grid.affine[:3, 3]
    x = (origin[0] + grid.affine[0, 0] * np.arange(hu.shape[0]) - middle[0])[:, None]
    y = (origin[1] + grid.affine[1, 1] * np.arange(hu.shape[1]) - middle[1])[None]
    shell = (np.hypot(x / 98, (y + 8) / 112) - 1) * 103
    holder = np.where(np.abs(np.abs(shell - 3) - 3) < 1.2, 220, np.where(np.abs(shell - 3) < 3, -900, AIR))
    holder = np.where(y < 10, holder, AIR)
    holder = np.where((np.abs(y + 126) < 1.2) & (np.abs(x) < 100), 120, holder).astype(np.float32)
    holder = ndimage.gaussian_filter(holder, 1.0)[:, :, None]
    np.maximum(hu, np.where((hu < -500) & (holder > -990), holder, AIR), out=hu)
