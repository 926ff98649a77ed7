"""A head CT as it is most often sent: a scout, two axial kernels, two reformats and their key images, in one folder.

Written in the words, kernels and image types of four makers; every series is taken, left or asked, and none is lost.
"""

import numpy as np
import pytest

from angiolith.dicom.importing import Order, import_dicom
from phantoms.pacs_export import Study, reformatted, write_captures, write_series
from tests.unit.dicom.made_export import small_head

MAKERS = {  # soft kernel, sharp kernel, ImageType of slices and of reformats, descriptions of the seven series
    "GE": (
        ("STANDARD", "BONEPLUS"),
        (["ORIGINAL", "PRIMARY", "AXIAL"], ["DERIVED", "SECONDARY", "REFORMATTED", "AVERAGE"]),
        ("Scout", "HEAD WO 2.5 STD", "HEAD WO 1.25 BONE", "Sag Head", "Cor Head", "Sag Head Key Images", "KEY IMAGES"),
    ),
    "Siemens": (
        ("H31s", "H60s"),
        (["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SPI"], ["DERIVED", "SECONDARY", "AXIAL", "CT_SOM5 MPR"]),
        (
            "Topogram 0.6 T20s",
            "HeadSeq 4.0 H31s",
            "HeadSeq 1.0 H60s",
            "MPR sag",
            "MPR cor",
            "MPR sag ssave",
            "Snapshot",
        ),
    ),
    "Philips": (
        ("UB", "YC"),
        (["ORIGINAL", "PRIMARY", "AXIAL", "HELIX"], ["DERIVED", "SECONDARY", "MPR"]),
        ("Surview", "Brain, iDose (3)", "Bone, iDose (3)", "Sagittal", "Coronal", "sag key slices", "Key images"),
    ),
    "Canon": (
        ("FC26", "FC30"),
        (["ORIGINAL", "PRIMARY", "AXIAL"], ["DERIVED", "SECONDARY", "MPR"]),
        ("Scanogram", "Head 5.0", "Head Bone 1.0", "Sagittal 3.0", "Coronal 3.0", "Key Images", "Screen Save"),
    ),
}


@pytest.mark.parametrize("captured", [True, False], ids=["key images as captures", "key images as CT"])
@pytest.mark.parametrize("maker", MAKERS)
def test_one_axial_series_is_taken_and_the_other_six_are_left_each_with_its_reason(tmp_path, maker, captured):
    kernels, types, names = MAKERS[maker]
    data, affine = small_head()
    data = data - 1000
    study = Study(tmp_path / "export", "Sonnenschein^Clara", "77001234", "19500203", "20200110", "CT HEAD")
    known = {"Manufacturer": maker, "KVP": 120, "BodyPartExamined": "HEAD"}
    lateral, turned = reformatted(data, affine, "sagittal")
    write_series(study, lateral[:, :, :1], turned, names[0], ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], **known)
    for kernel, name in zip(kernels, names[1:3], strict=True):
        write_series(study, data, affine, name, ImageType=types[0], ConvolutionKernel=kernel, **known)
    planes = [reformatted(data, affine, plane) for plane in ("sagittal", "coronal")]
    for (slices, place), name in zip(planes, names[3:5], strict=True):
        write_series(study, slices, place, name, ImageType=types[1], ConvolutionKernel=kernels[0], **known)
    for (slices, place), name in zip(planes, names[5:], strict=True):
        if captured:
            write_captures(study, name, 3)
        else:
            write_series(study, slices[:, :, 6:9], place, name, ImageType=types[1], **known)
    order = Order(tmp_path / "export", tmp_path / "bids", tmp_path / "key.tsv", tmp_path / "bids_series.tsv")
    done = import_dicom(order, lambda text: None)
    assert done.n_files == study.files
    assert not done.others
    assert [row.get("decision") for row in done.rows] == ["leave", "take", *["leave"] * 5]
    reasons = [row.get("reason") for row in done.rows]
    assert reasons[0].startswith("scout")
    assert reasons[1].startswith("axial head CT")
    assert reasons[2] == "series 2 is taken: the softer kernel"
    assert reasons[3:5] == ["sagittal reformat", "coronal reformat"]
    assert all("key images" in reason or "capture" in reason or "screen" in reason for reason in reasons[5:])
    images = sorted(path.name for path in (tmp_path / "bids").rglob("*.nii.gz"))
    assert images == ["sub-001_ses-01_ct.nii.gz"]


def test_series_without_words_are_told_by_plane_kernel_and_slices(tmp_path):
    """No description, body part or kernel: the axial pair is asked, nothing is guessed and nothing is lost."""
    data, affine = small_head()
    study = Study(tmp_path / "export", "X", "1", "19500203", "20200110", "")
    lateral, turned = reformatted(data - 1000, affine, "sagittal")
    write_series(study, lateral[:, :, :1], turned, "", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    for _ in range(2):
        write_series(study, data - 1000, affine, "", ImageType=["ORIGINAL", "PRIMARY", "AXIAL"])
    for plane in ("sagittal", "coronal"):
        slices, place = reformatted(data - 1000, affine, plane)
        write_series(study, slices, place, "", ImageType=["DERIVED", "SECONDARY"])
        write_series(study, slices[:, :, 6:8], place, "", ImageType=["DERIVED", "SECONDARY"])
    order = Order(tmp_path / "export", tmp_path / "bids", tmp_path / "key.tsv", tmp_path / "bids_series.tsv")
    done = import_dicom(order, lambda text: None)
    assert [row.get("decision") for row in done.rows] == ["leave", "ask", "ask", *["leave"] * 4]
    assert len(np.unique([row.get("series_uid") for row in done.rows])) == 7
