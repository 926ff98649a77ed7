"""One subject's head: the standard head with its own size, shape, atrophy and arteries.

The subject's volumes stay on the standard head's voxel grid; size goes into the grid's affine (voxels of about 0.93
mm), shape into a smooth displacement of the voxels. `to_head` maps MNI152 points to the head frame exactly as the
volumes went, so that landmarks are known in both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from scipy import ndimage

from phantoms.anatomy import Anatomy, outward_field, standard_head
from phantoms.arteries import draw_arteries
from phantoms.calcium import Curves
from phantoms.geometry import Grid, apply, distance_mm, resample, smooth_noise, smooth_step, voxels_near
from phantoms.model_head import draw_model_head
from phantoms.skull_base import SkullBase, draw_shift, draw_skull_base

HEAD_MARGIN_MM = 12.0
TEMPLATE, MODEL = "template", "model"  # whose brain and shape a head has
ANATOMIES = (TEMPLATE, MODEL)
GEOMETRIC, ANATOMICAL = "geometric", "anatomical"
SKULL_BASES = (GEOMETRIC, ANATOMICAL)
COMPACT_HU, CANCELLOUS_HU = 1450, 250  # of bone without marrow, and of marrow alone
BONE_EDGE_MM = 1.2  # width of a bone's surface on the head's grid


@dataclass(frozen=True)
class Head:
    """A subject: anatomy on its grid, share of CSF, arteries in the head frame (mm) and their share of the voxels.

    `shares`: what each voxel is made of (grey, white, csf, fat, muscle, compact, marrow, blood, air; sum 1).
    """

    anatomy: Anatomy
    csf: np.ndarray
    to_ventricle_mm: np.ndarray
    curves: Curves
    artery_share: np.ndarray
    displacement: np.ndarray
    shares: dict[str, np.ndarray]
    skull_base: SkullBase | None = None

    @property
    def grid(self) -> Grid:
        return self.anatomy.grid

    def to_head(self, points: np.ndarray) -> np.ndarray:
        """MNI152 points (n, 3) -> head-frame points (n, 3)."""
        return _to_head(points, self.displacement, self.grid)

    @cached_property
    def extent_mm(self) -> np.ndarray:
        """Box (2, 3) that holds the head in the head frame; it goes on below, where the neck does."""
        box = self.box_of(self.anatomy.head < 1)
        box[0, 2] -= 100
        return box

    def box_of(self, mask: np.ndarray) -> np.ndarray:
        """Box (2, 3) that holds a mask (not empty) in the head frame, a voxel wider."""
        spans = [np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis})))[[0, -1]] for axis in range(3)]
        return self.grid.to_world(np.array(spans, float).T + np.array([[-1], [1]]))

    def on_grid(
        self,
        volume: np.ndarray,
        target: Grid,
        pose: np.ndarray,
        shift_mm: float = 0.0,
        extent_mm: np.ndarray | None = None,
    ) -> np.ndarray:
        """A head-frame volume on a scanner's grid (see geometry.resample); `extent_mm`: a box smaller than the head."""
        return resample(volume, self.grid, target, pose, self.extent_mm if extent_mm is None else extent_mm, shift_mm)

    def sample(self, volume: np.ndarray, points: np.ndarray) -> np.ndarray:
        """A volume's values at head-frame points (n, 3)."""
        return ndimage.map_coordinates(volume, self.grid.to_index(points).T, order=1, mode="nearest")


def make_head(
    rng: np.random.Generator,
    ventricle_growth_mm: float,
    atrophy: float,
    hypoplastic_va: str | None,
    anatomy_of: str = TEMPLATE,
    skull_base: str = GEOMETRIC,
) -> Head:
    """Draw a subject's head.

    ventricle_growth_mm: how far the ventricles' walls move outwards from MNI152's; atrophy (0-1): how far sulci open;
    anatomy_of: "template" (brain and shape of MNI152) or "model" (of other heads, see shape_model);
    skull_base: "geometric" or "anatomical" (see skull_base), whose arteries lie some mm beside those of MNI152.
    """
    if anatomy_of == MODEL:
        drawn = draw_model_head(rng, ventricle_growth_mm)
        standard, size, displacement = drawn.anatomy, drawn.size, drawn.displacement
        grid = Grid(standard.grid.shape, np.diag([*size, 1.0]) @ standard.grid.affine)
        atrophy -= drawn.atrophy
    else:
        standard = standard_head()
        size = rng.normal(0.93, 0.025) * (1 + rng.normal(0, 0.015, 3))
        grid = Grid(standard.grid.shape, np.diag([*size, 1.0]) @ standard.grid.affine)
        displacement = np.stack(
            [1.8 * smooth_noise(rng, grid, 40.0) + 0.45 * smooth_noise(rng, grid, 11.0) for _ in range(3)]
        )
        displacement -= np.float32(ventricle_growth_mm) * away_from_ventricles()
    near = standard.head < HEAD_MARGIN_MM  # beyond it nothing is drawn: nothing need be moved
    coordinates = displacement[:, near] + np.argwhere(near).T.astype(np.float32)
    mm = np.float32(size.mean())

    def warp(volume: np.ndarray) -> np.ndarray:
        moved = volume.copy()
        moved[near] = ndimage.map_coordinates(volume, coordinates, order=1, mode="nearest", output=np.float32)
        return moved

    anatomy = replace(
        standard,
        grid=grid,
        **{name: warp(getattr(standard, name)) for name in ("grey", "white", "ventricle", "marrow", "fat")},
        **{name: warp(getattr(standard, name)) * mm for name in ("intracranial", "bone", "air", "head")},
    )
    anatomy, csf = _sharpened(anatomy, atrophy)
    shift = draw_shift(rng) if skull_base == ANATOMICAL else None

    def placed(points: np.ndarray) -> np.ndarray:
        return _to_head(points if shift is None else points + shift(points), displacement, grid)

    curves = draw_arteries(rng, placed, hypoplastic_va)
    base = None if shift is None else draw_skull_base(rng, anatomy, curves, displacement, shift)
    if base is not None:
        anatomy = _with_base(anatomy, base)
    share = np.zeros(grid.shape, np.float32)
    for curve in curves.values():
        voxels = voxels_near(curve.points, float(curve.radius_mm.max()) + 1.0, grid)
        _, distance, _, nearest = curve.locate(grid.to_world(voxels))
        inside = smooth_step(distance - curve.radius_mm[nearest], 1.0)
        share[tuple(voxels.T)] = np.maximum(share[tuple(voxels.T)], inside)
    to_ventricle = distance_mm(anatomy.ventricle >= 0.5, grid.voxel_mm)
    return Head(anatomy, csf, to_ventricle, curves, share, displacement, _shares(anatomy, csf, share), base)


def _with_base(anatomy: Anatomy, base: SkullBase) -> Anatomy:
    """The anatomy with the skull base's bone and marrow, on its own grid."""
    share, hu, weight = (base.on(v, anatomy.grid, np.eye(4)) for v in (base.share, base.hu, base.weight))
    bone = anatomy.bone + weight * ((0.5 - share) * np.float32(BONE_EDGE_MM) - anatomy.bone)
    marrow = anatomy.marrow + weight * (
        np.clip((COMPACT_HU - hu) / (COMPACT_HU - CANCELLOUS_HU), 0, 1) - anatomy.marrow
    )
    return replace(anatomy, bone=bone.astype(np.float32), marrow=marrow.astype(np.float32))


def _shares(a: Anatomy, csf: np.ndarray, blood: np.ndarray) -> dict[str, np.ndarray]:
    """Air goes before arteries, arteries before bone, bone before brain and soft tissue."""
    air = np.maximum(smooth_step(a.air, 1.0), 1 - smooth_step(a.head, 1.0))
    left = 1 - air
    blood = blood * left
    left -= blood
    bone = smooth_step(a.bone, BONE_EDGE_MM) * left
    left -= bone
    soft = (1 - a.grey - a.white - csf) * left
    parts = {
        "grey": a.grey * left, "white": a.white * left, "csf": csf * left, "fat": a.fat * soft,
        "muscle": (1 - a.fat) * soft, "compact": bone * (1 - a.marrow), "marrow": bone * a.marrow,
        "blood": blood, "air": air,
    }  # fmt: skip
    return {name: part.astype(np.float32, copy=False) for name, part in parts.items()}


def sagittal_sinus(head: Head) -> np.ndarray:
    """Share of the superior sagittal sinus, a wedge along the midline under the vault: blood that no artery carries."""
    x, y, z = head.grid.axes_mm()
    wedge = np.maximum(np.abs(x) - 4.5 - 0.7 * head.anatomy.intracranial, np.abs(head.anatomy.intracranial + 2) - 2.5)
    upper = (z > 30) | ((y < -60) & (z > 0))
    return (smooth_step(wedge, 1.0) * upper * head.csf).astype(np.float32)


def _to_head(points: np.ndarray, displacement: np.ndarray, grid: Grid) -> np.ndarray:
    target = standard_head().grid.to_index(np.asarray(points, float))
    index = target.copy()
    for _ in range(12):
        moved = np.stack([ndimage.map_coordinates(axis, index.T, order=1, mode="nearest") for axis in displacement], -1)
        index = target - moved
    return apply(grid.affine, index)


@lru_cache(maxsize=1)
def away_from_ventricles() -> np.ndarray:
    """Unit-length field (3, ...) on the standard grid that points away from the ventricles and fades over 14 mm."""
    standard = standard_head()
    return outward_field(standard.ventricle, standard.grid)


def _sharpened(anatomy: Anatomy, atrophy: float) -> tuple[Anatomy, np.ndarray]:
    """Grey, white and CSF shares of one person from the average's probabilities.

    An average brain is blurred; a steeper share at each border gives one brain's sharpness. Atrophy moves the border of
    brain and CSF towards the brain, so that sulci open.
    """
    inside = smooth_step(anatomy.intracranial, 1.0).astype(np.float32)
    grey, white, csf = sharpened_shares(anatomy.grey, anatomy.white, inside, atrophy)
    return replace(anatomy, grey=grey, white=white), csf


def sharpened_shares(
    grey: np.ndarray, white: np.ndarray, inside: np.ndarray, atrophy: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Grey, white and CSF shares of one person from an average's, within the intracranial share `inside`."""
    brain = grey + white
    border = np.float32(0.52 + 0.16 * atrophy)
    share = np.clip((brain - border) / 0.35 + 0.5, 0, 1) * inside
    sharp_white = np.clip((white / np.maximum(brain, 0.05) - 0.5) / 0.6 + 0.5, 0, 1) * share
    return share - sharp_white, sharp_white, inside - share
