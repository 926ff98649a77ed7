"""The phantoms' anatomical skull base: bone about the arteries as real heads have it, on a head of simple shapes."""

import numpy as np
import pytest

from phantoms.anatomy import Anatomy
from phantoms.arteries import LEFT_LANDMARKS, draw_arteries
from phantoms.geometry import Grid, apply
from phantoms.skull_base import BOX_MM, SkullBase, draw_shift, draw_skull_base


def simple_anatomy() -> Anatomy:
    """An ellipsoid of fluid in MNI152: no brain, no air."""
    affine = np.eye(4)
    affine[:3, 3] = BOX_MM[0] - 6
    grid = Grid((108, 124, 114), affine)
    x, y, z = grid.axes_mm()
    inside = ((np.sqrt((x / 66) ** 2 + ((y + 18) / 84) ** 2 + ((z - 10) / 72) ** 2) - 1) * 66).astype(np.float32)
    empty = np.zeros(grid.shape, np.float32)
    return Anatomy(grid, empty, empty, empty, inside, empty + 20, empty, empty + 20, empty - 50, empty)


@pytest.fixture(scope="module")
def drawn() -> tuple[SkullBase, dict]:
    rng = np.random.default_rng(3)
    shift = draw_shift(rng)
    curves = draw_arteries(rng, lambda points: points + shift(points))
    anatomy = simple_anatomy()
    return draw_skull_base(rng, anatomy, curves, np.zeros((3, *anatomy.grid.shape), np.float32), shift), curves


def at(base: SkullBase, volume: np.ndarray, points: np.ndarray) -> np.ndarray:
    index = np.round(base.grid.to_index(points)).astype(int)
    within = ((index >= 0) & (index < base.grid.shape)).all(axis=1)
    return volume[tuple(index[within].T)]


def test_no_bone_lies_in_the_lumen(drawn):
    base, curves = drawn
    for curve in curves.values():
        assert (at(base, base.share, curve.points) == 0).all()


def test_the_petrous_carotid_has_bone_around_it(drawn):
    base, curves = drawn
    for side in "LR":
        curve = curves["ICA", side]
        petrous = np.flatnonzero((curve.points[:, 2] > -50) & (curve.points[:, 2] < -43))
        found = []
        for k in petrous[::10]:
            turn = np.deg2rad(np.arange(0, 360, 20))[:, None]
            ring = np.cos(turn) * curve.normals[k] + np.sin(turn) * curve.binormals[k]
            depths = [at(base, base.share, curve.points[k] + (curve.radius_mm[k] + mm) * ring) for mm in (1, 1.6, 2.2)]
            found.append(np.max(depths, axis=0) > 0.5)
        assert np.mean(found) > 0.6


def test_density_is_that_of_bone(drawn):
    base, _ = drawn
    hu = base.hu[(base.share > 0.9) & (base.weight == 1)]
    assert 150 <= np.percentile(hu, 5) < 700
    assert 1100 < np.percentile(hu, 95) < 2000


def test_clinoids_stand_beside_both_carotids(drawn):
    base, curves = drawn
    volume = base.share * base.weight
    for side, sign in (("L", -1), ("R", 1)):
        curve = curves["ICA", side]
        genu = curve.points[np.argmax(curve.points[:, 1])]
        x, y, z = base.grid.axes_mm()
        near = (sign * (x - genu[0]) > 0) & (np.abs(x - genu[0]) < 9) & (np.abs(y - genu[1] + 3) < 7)
        bone_mm3 = volume[near & (z > genu[2] - 1) & (z < genu[2] + 8)].sum() * base.grid.voxel_mm3
        assert 30 < bone_mm3 < 500


def test_the_base_lies_two_to_five_millimetres_beside_the_atlas():
    petrous = np.array(LEFT_LANDMARKS["ICA"])[3:10, :3]
    moved = [np.linalg.norm(draw_shift(np.random.default_rng(seed))(petrous), axis=1).mean() for seed in range(60)]
    assert 2.0 < np.median(moved) < 5.0
    assert np.max(moved) < 9.0


def test_the_shift_ends_below_the_circle_of_willis():
    high = apply(np.eye(4), np.array([[10.0, 5, -11], [-30, 4, 0]]))
    assert (draw_shift(np.random.default_rng(1))(high) == 0).all()
