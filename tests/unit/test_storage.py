"""One image stored in several ways gives one result: units, data type, order and direction of the axes."""

import os
from itertools import permutations, product
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from angiolith.brain.network import read_brain_model
from angiolith.brain.segment import segment_brain
from angiolith.core.images import Image, canonical, map_points, moved, read_image, read_mri, write_image
from angiolith.core.settings.brain import BrainSettings
from angiolith.core.settings.registration import RigidSettings
from angiolith.registration.head import shrink
from angiolith.registration.rigid import register_rigid

REAL = Path(os.environ.get("ANGIOLITH_REAL_DATA", "../shared/real")) / "older_adults"
ROOT = Path(__file__).parents[2]
WAYS = list(product(permutations(range(3)), product((1, -1), repeat=3)))


def stored(image, order, signs):
    """The same image with its axes in another order and direction."""
    turn = np.array([[axis, sign] for axis, sign in zip(order, signs, strict=True)])
    data = nib.orientations.apply_orientation(image.data, turn)
    return Image(np.ascontiguousarray(data), image.affine @ nib.orientations.inv_ornt_aff(turn, image.data.shape))


def oblique(shape=(11, 14, 9)):
    affine = np.array([[1.9, 0.1, 0.05, -10], [-0.1, 2.1, 0.2, -12], [0.02, -0.2, 3.0, -14], [0, 0, 0, 1.0]])
    return Image(np.random.default_rng(0).normal(100, 20, shape).astype(np.float32), affine)


@pytest.mark.parametrize(("order", "signs"), WAYS)
def test_axes_become_canonical_and_every_voxel_keeps_its_place(order, signs):
    image = oblique()
    turned = stored(image, order, signs)
    at = np.array([[0, 0, 0], [3, 2, 1]])
    assert not (order != (0, 1, 2) and np.array_equal(turned.affine, image.affine))
    back = canonical(turned)
    assert np.array_equal(back.data, image.data)
    assert back.affine == pytest.approx(image.affine)
    there = np.rint(moved(np.linalg.inv(turned.affine), moved(image.affine, at))).astype(int)
    assert np.array_equal(turned.data[tuple(there.T)], image.data[tuple(at.T)])


@pytest.mark.parametrize(("order", "signs"), WAYS[::5])
def test_a_reduced_copy_does_not_depend_on_the_order_of_the_axes(order, signs):
    image = oblique()
    first, other = shrink(image, 4.0), shrink(stored(image, order, signs), 4.0)
    assert np.array_equal(first.data, other.data)
    assert other.affine == pytest.approx(first.affine)


@pytest.mark.parametrize("unit", [1e-4, 1e-2, 7.0, 1e5])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "<i2"])
def test_an_mri_is_read_in_units_of_its_own(unit, dtype, tmp_path):
    image = oblique()
    values = np.round(image.data)
    whole = values if dtype == "<i2" else values * unit
    file = nib.Nifti1Image(whole.astype(dtype), image.affine)
    if dtype == "<i2":
        file.header.set_slope_inter(unit, 0)
    nib.save(file, tmp_path / "a.nii.gz")
    write_image(values.astype(np.float32), image.affine, tmp_path / "b.nii.gz")
    plain, other = read_mri(tmp_path / "b.nii.gz").data, read_mri(tmp_path / "a.nii.gz").data
    assert 512 <= np.percentile(other, 99) <= 1024
    ratio = other / plain
    assert ratio == pytest.approx(np.full(ratio.shape, ratio.flat[0]), rel=1e-6)


@pytest.fixture(scope="module")
def head():
    """(T1w, FLAIR) of a real older adult."""
    if not REAL.exists():
        pytest.skip(f"{REAL} is absent")
    return tuple(read_image(next(REAL.rglob(f"*sub-09*_{name}.nii.gz"))) for name in ("T1w", "FLAIR"))


def test_the_brain_of_a_real_head_does_not_depend_on_how_it_was_stored(head):
    t1, _ = head
    model = read_brain_model(ROOT / "resources/brain_model")
    found = segment_brain(t1, False, model, BrainSettings())
    for other in (t1.with_data(t1.data * np.float32(1e-4)), stored(t1, (2, 0, 1), (-1, 1, -1))):
        again = segment_brain(other, False, model, BrainSettings())
        assert again.volumes_cm3 == pytest.approx(found.volumes_cm3, rel=1e-3)


def test_a_registration_of_a_real_head_does_not_depend_on_how_it_was_stored(head):
    points = np.array([[x, y, z] for x in (-40, 40) for y in (-60, 20) for z in (-10, 50)], float)
    found = map_points(register_rigid(*head, RigidSettings()).transform, points)
    ways = (
        (stored(image, (2, 0, 1), (-1, 1, -1)) for image in head),
        (head[0], head[1].with_data(head[1].data * 1e-4)),
    )
    for first, second in ways:
        again = map_points(register_rigid(first, second, RigidSettings()).transform, points)
        assert np.linalg.norm(again - found, axis=1).max() < 0.05
