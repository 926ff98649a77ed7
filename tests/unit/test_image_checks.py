"""Each check on an image that has the fault and on one that has not."""

import nibabel as nib
import numpy as np
import pytest

from angiolith.core.bids.sidecars import Sidecars
from angiolith.core.image_checks import check_file, check_image
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


STATED = {"KVP": 120, "ContrastBolusAgent": "none", "ConvolutionKernel": "H31s"}


def test_a_sound_ct_passes_without_a_word():
    found = check(ct(), **STATED)
    assert (found["status"], found["reason"], found["findings"]) == ("ok", None, [])
    facts = [found[name] for name in ("kvp", "contrast_agent", "convolution_kernel", "sharp_kernel")]
    assert facts == [120.0, "none", "H31s", False]


def test_free_text_of_a_sidecar_is_never_handed_on():
    named = check(ct(), **STATED | {"ContrastBolusAgent": "ask Erika", "ConvolutionKernel": "H31s as Erika wanted it"})
    assert (named["contrast_agent"], named["convolution_kernel"], named["sharp_kernel"]) == ("given", None, None)
    assert "Erika" not in str(named)


def test_what_no_sidecar_says_is_unknown_and_said():
    found = check(ct())
    assert found["status"] == "ok"
    assert found["reason"] == (
        "its JSON does not say: tube voltage (KVP), contrast agent (ContrastBolusAgent), kernel "
        "(130 HU is defined at 120 kVp without contrast)"
    )
    assert [found[name] for name in ("kvp", "contrast_agent", "convolution_kernel", "sharp_kernel")] == [None] * 4
    assert "does not say: tube voltage (KVP) (" in check(ct(), **STATED | {"KVP": 0})["reason"]
    assert "does not say: contrast agent" in check(ct(), KVP="120", ConvolutionKernel="H31s")["reason"]


@pytest.mark.parametrize("key", ["GantryDetectorTilt", "GantryTiltDetector", "GantryTilt"])
def test_the_gantry_tilt_is_read_however_it_is_spelt(key):
    assert check(ct(), **STATED, **{key: -18.5})["reason"] == "gantry tilt -18.5 deg in the DICOM header"


def test_a_sharp_kernel_is_for_review():
    found = check(ct(), **STATED | {"ConvolutionKernel": ["H60s", "3"]})
    assert found["status"] == "review"
    assert found["reason"].startswith("review: sharp kernel (H60s\\3)")


@pytest.mark.parametrize("key", ["ContrastBolusAgent", "ContrastBolusIngredient"])
def test_a_contrast_agent_is_for_review_on_ct_and_on_mri_but_not_on_the_wall(key):
    assert "a contrast agent was given" in check(ct(), **STATED | {"ContrastBolusAgent": None, key: "IODINE"})["reason"]
    mri = ct().with_data(ct().data + 1100)
    assert "made before or after it?" in check(mri, "FLAIR", **{key: "Gadovist"})["reason"]
    assert check(mri, "vwi_ce", **{key: "Gadovist"})["reason"] is None


@pytest.mark.parametrize(
    ("column", "types", "what"),
    [
        ("swi", ["ORIGINAL", "PRIMARY", "P", "ND"], "a phase image"),
        ("FLAIR", ["ORIGINAL", "PRIMARY", "PHASE MAP"], "a phase image"),
        ("T2starw", ["DERIVED", "PRIMARY", "MNIP"], "a minimum-intensity projection"),
        ("ct", ["ORIGINAL", "PRIMARY", "LOCALIZER"], "a localiser"),
        ("swi", ["ORIGINAL", "PRIMARY", "M", "SWI"], None),
        ("T1w", ["DERIVED", "SECONDARY", "MPR"], None),
    ],
)
def test_an_image_that_its_sidecar_calls_another_kind_is_not_measured(column, types, what):
    image = ct() if column == "ct" else ct().with_data(ct().data + 1100)
    found = check(image, column, ImageType=types)
    assert (found["status"] == "failed") == bool(what)
    assert not what or found["reason"].startswith(f"{what} (ImageType of its sidecar) under the name {column}")


@pytest.mark.parametrize("level", ["", "sub-1", "sub-1/ses-1", "sub-1/ses-1/ct"])
def test_sidecars_are_inherited_and_the_nearest_goes_first(tmp_path, level):
    image = tmp_path / "sub-1/ses-1/ct/sub-1_ses-1_acq-thin_ct.nii.gz"
    image.parent.mkdir(parents=True)
    nib.save(nib.Nifti1Image(ct().data, ct().affine), image)
    (tmp_path / "ct.json").write_text('{"KVP": 80, "ContrastBolusAgent": "IOMERON", "ConvolutionKernel": "H31s"}')
    others = {"T1w.json": 1, "acq-thick_ct.json": 2, "sub-1/sub-1_ses-2_ct.json": 3, "sub-1/ses-1/sub-2_ct.json": 4}
    for name, kvp in others.items():
        (tmp_path / name).write_text(f'{{"KVP": {kvp}}}')
    prefix = {"": "", "sub-1": "sub-1_", "sub-1/ses-1": "sub-1_ses-1_", "sub-1/ses-1/ct": "sub-1_ses-1_acq-thin_"}[
        level
    ]
    if level:
        (tmp_path / level / f"{prefix}ct.json").write_text('{"KVP": 100}')
    found = check_file("ct", str(image), SETTINGS, Sidecars(tmp_path).paths(image))
    assert found["kvp"] == (100.0 if level else 80.0)
    assert found["contrast_agent"] == "given"
    assert found["status"] == "review"


def test_inherited_sidecars_are_found_from_within_the_folder(tmp_path, monkeypatch):
    (tmp_path / "sub-1/ct").mkdir(parents=True)
    for name in ("ct.json", "sub-1/ct/sub-1_ct.json"):
        (tmp_path / name).write_text("{}")
    monkeypatch.chdir(tmp_path)
    assert Sidecars(".").paths("sub-1/ct/sub-1_ct.nii.gz") == ["ct.json", "sub-1/ct/sub-1_ct.json"]


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
