"""Each check on an image that has the fault and on one that has not."""

import numpy as np
import pytest

from angiolith.core.image_checks import check_image
from angiolith.core.images import Image
from angiolith.core.settings.check_images import CheckImagesSettings

SETTINGS = CheckImagesSettings()


def ct(voxel_mm=(3.0, 3.0, 3.0)):
    points = np.stack(np.meshgrid(*[np.linspace(-110, 110, 60)] * 3, indexing="ij"), -1)
    radius = np.linalg.norm(points, axis=-1)
    data = np.select([radius < 70, radius < 78, radius < 84], [35.0, 900.0, 20.0], -1000.0)
    data += np.random.default_rng(0).normal(0, 5, data.shape)
    return Image(np.maximum(data, -1024).astype(np.float32), np.diag([*voxel_mm, 1.0]))


def check(image, column="ct", **sidecar):
    return check_image(column, image, sidecar, SETTINGS)


def test_a_sound_ct_passes_without_a_word():
    found = check(ct())
    assert (found["status"], found["reason"], found["findings"]) == ("ok", None, [])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data + 1024, r"not in Hounsfield units; it looks shifted by \+1024"),
        (lambda data: (data + 1000) / 20 - 1000, "no bone"),
        (lambda data: np.full_like(data, 7), "all voxels hold the same value"),
    ],
)
def test_a_ct_that_is_not_in_hu_fails(change, message):
    image = ct()
    found = check(image.with_data(change(image.data)))
    assert found["status"] == "failed"
    import re

    assert re.search(message, found["reason"])


def test_wrong_units_fail():
    assert check(ct(voxel_mm=(3000.0, 3000.0, 3000.0)))["status"] == "failed"
    assert "unit is not mm" in check(ct(voxel_mm=(0.003, 0.003, 0.003)))["reason"]


def test_padding_tilt_tube_voltage_and_thickness_are_told():
    image = ct()
    padded = image.data.copy()
    padded[0] = -2048
    sheared = image.affine.copy()
    sheared[1, 2] = 3.0 * np.tan(np.radians(18.5))
    found = check(Image(padded, sheared), KVP=100, SliceThickness=5.0)
    assert found["status"] == "review"
    told = "; ".join(found["findings"])
    assert "padding of -2048 HU" in told
    assert "sheared by 18.5 deg" in told
    assert "100 kVp" in told
    assert "slices 5 mm thick every" in told


@pytest.mark.parametrize(("given", "taken"), [(2.5, 2.5), ("2.5", 2.5), (0, None), (-1, None), (25, None), ("x", None)])
def test_a_slice_thickness_that_cannot_be_one_is_told_and_not_taken(given, taken):
    found = check(ct(), SliceThickness=given)
    assert found["slice_thickness_mm"] == taken
    assert any("mm thick every" in line for line in found["findings"]) == (given != "x")


def test_a_short_field_of_view_is_for_review_and_a_slab_is_not():
    image = ct(voxel_mm=(3.0, 3.0, 1.0))
    assert "covers only 59 mm" in check(image)["reason"]
    mri = image.with_data(image.data + 1100)
    assert check(mri, "FLAIR")["status"] == "review"
    assert check(mri, "vwi")["status"] == "ok"


def test_a_ct_under_an_mri_name_fails():
    assert "looks like a CT" in check(ct(), "T1w")["reason"]
