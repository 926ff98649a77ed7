"""A small CT of one artery with one plaque, for tests that need truth in a second rather than a whole head."""

from __future__ import annotations

import numpy as np

from phantoms.calcium import WALL_MM, Calcification, CalciumPatch, render_plaque
from phantoms.ct import BLOOD, CSF
from phantoms.geometry import Curve, Grid, apply, smooth_step


def tube_ct(
    plaque: Calcification,
    curve: Curve,
    grid: Grid,
    pose: np.ndarray | None = None,
    thickness_mm: float | None = None,
    blur_mm: float = 0.5,
    noise_hu: float = 0.0,
    seed: int = 0,
) -> tuple[np.ndarray, CalciumPatch]:
    """HU (float32) of an artery in CSF with one plaque on its wall, and the plaque as rendered: its volume and shares.

    `pose` maps the curve's frame to the grid's world (default: the same); `thickness_mm` is the slice thickness
    (default: the slice step). Raises ValueError where the grid does not hold the plaque.
    """
    pose = np.eye(4) if pose is None else pose
    indices = np.stack(np.unravel_index(np.arange(np.prod(grid.shape)), grid.shape), -1)
    along, distance, _, nearest = curve.locate(apply(np.linalg.inv(pose) @ grid.affine, indices))
    within = (along >= 0) & (along <= curve.length_mm)
    blood = within * smooth_step(distance - curve.radius_mm[nearest] - WALL_MM, 1.0)
    hu = (CSF + (BLOOD - CSF) * blood).reshape(grid.shape)
    depth = float(grid.voxel_mm[2]) if thickness_mm is None else thickness_mm
    patch = render_plaque(plaque, curve, grid, pose, depth, blur_mm)
    if patch is None:
        raise ValueError("the grid does not hold the plaque")
    hu[patch.box] += patch.blurred * (plaque.hu - hu[patch.box])
    hu += noise_hu * np.random.default_rng(seed).standard_normal(grid.shape)
    return hu.astype(np.float32), patch
