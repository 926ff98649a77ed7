"""Following a lumen on a drawn MR image: bright or dark, off to one side of other tissue, or not there at all."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import cKDTree

from angiolith.arteries.centrelines import Centreline, resampled, voxel_centres
from angiolith.arteries.lumen import INNER_WALL_MM, follow_lumen
from angiolith.core.images import Image

SHAPE, AFFINE = (40, 40, 44), np.array([[0, 0.3, 0.95, -26], [1, 0, 0, -20], [0, 0.95, -0.3, -12], [0, 0, 0, 1.0]])
SIGNAL, TISSUE, MARROW, NOISE = 560.0, 150.0, 640.0, 22.0


def curve(radius_mm: float) -> Centreline:
    z = np.linspace(-13, 13, 53)
    points = np.stack([2.5 * np.sin(z / 8), 1.5 * np.cos(z / 6), z], axis=1)
    return resampled(Centreline("ICA", "L", points, np.full(53, radius_mm), np.full(53, 0.8), np.full(53, "cavernous")))


def mri_of(line: Centreline, lumen: float = SIGNAL) -> Image:
    """The lumen in tissue, marrow 3.6 mm to one side of it; voxels of 1 mm, oblique, with noise."""
    fine = np.eye(4)
    fine[:3, :3] = AFFINE[:3, :3] / 3
    fine[:3, 3] = AFFINE[:3, 3] - AFFINE[:3, :3].sum(axis=1) / 3
    centres = voxel_centres(tuple(3 * n for n in SHAPE), fine).reshape(-1, 3)
    distance, nearest = cKDTree(line.points).query(centres)
    values = np.where(centres[:, 0] - line.points[nearest, 0] > 3.6, MARROW, TISSUE)
    values[distance <= line.radius_mm[0]] = lumen
    whole = values.reshape([v for n in SHAPE for v in (n, 3)]).mean(axis=(1, 3, 5))
    return Image((whole + np.random.default_rng(3).normal(0, NOISE, SHAPE)).astype(np.float32), AFFINE)


def error_mm(found: Centreline, true: Centreline) -> np.ndarray:
    middle = np.abs(true.points[:, 2]) < 10
    return cKDTree(found.points).query(true.points[middle])[0]


@pytest.mark.parametrize("lumen", [SIGNAL, 20.0])
def test_a_line_that_lies_off_is_led_to_the_lumen(lumen):
    true = curve(2.2)
    start = true.moved(true.points + (0.6, -0.6, 0))
    found = follow_lumen(mri_of(true, lumen), start, 0.4)
    assert error_mm(start, true).mean() > 0.6
    assert error_mm(found, true).mean() < 0.25
    assert found.sd_mm == pytest.approx(0.4)


@pytest.mark.parametrize("radius_mm", [1.9, 2.3, 2.7])
def test_the_calibre_is_that_of_the_lumen_and_its_inner_wall(radius_mm):
    true = curve(radius_mm)
    start = replace(true, radius_mm=np.full(len(true.points), 2.4))
    assert follow_lumen(mri_of(true), start, 0.4).radius_mm == pytest.approx(radius_mm + INNER_WALL_MM, abs=0.25)


def test_a_calibre_that_voxels_do_not_tell_is_left_as_it_is():
    true = curve(1.6)
    start = replace(true, radius_mm=np.full(len(true.points), 1.4))
    assert follow_lumen(mri_of(true), start, 0.4).radius_mm == pytest.approx(1.4)


def test_without_a_lumen_the_line_stays():
    true = curve(2.2)
    image = mri_of(true)
    noise = ndimage.gaussian_filter(np.random.default_rng(4).normal(0, 60, SHAPE), 0.5).astype(np.float32)
    for empty in (image.with_data(noise), image.with_data(np.zeros(SHAPE, np.float32))):
        found = follow_lumen(empty, true, 0.4)
        assert found.points == pytest.approx(true.points)
        assert found.sd_mm == pytest.approx(0.8)
    elsewhere = image.affine.copy()
    elsewhere[2, 3] += 200
    assert follow_lumen(Image(image.data, elsewhere), true, 0.4) is true
