"""Faults of slices' places are found by name; what can be put right is, and agrees with the DICOM files."""

import nibabel as nib
import numpy as np
import pytest

from angiolith.dicom.classify import Decision, classify
from angiolith.dicom.convert import ConversionProblem, convert
from angiolith.dicom.geometry import Fault
from angiolith.dicom.headers import read_headers
from angiolith.dicom.series import volumes_of
from angiolith.dicom.targets import SHARP_ALONE, Candidate, settle
from phantoms.pacs_export import ORIGINAL, SOFT, Study, mr, write_series
from tests.unit.dicom.made_export import small_head


def series(folder, data=None, affine=None, description="HEAD", **given):
    """The volumes of one CT series."""
    whole, place = small_head()
    study = Study(folder, "A^B", "1", "19500101", "20200101", "CT HEAD")
    data, affine = whole - 1000 if data is None else data, place if affine is None else affine
    write_series(study, data, affine, description, **{**SOFT, **given})
    return volumes_of(read_headers(folder)[0])


def moved(folder, place):
    """The slices' positions changed: `place(position, index)` gives the new one; index by height."""
    import pydicom

    files = sorted(folder.rglob("IM*"))
    for index, path in enumerate(files):
        dataset = pydicom.dcmread(path)
        position = place(np.array(dataset.ImagePositionPatient, float), index)
        if position is None:
            path.unlink()
            continue
        dataset.ImagePositionPatient = [float(part) for part in position]
        dataset.save_as(path)
    return volumes_of(read_headers(folder)[0])


def test_missing_slices_are_refused(tmp_path):
    series(tmp_path)
    (volume,) = moved(tmp_path, lambda position, index: None if index == 7 else position)
    assert Fault.MISSING in volume.geometry.faults
    assert classify(volume).decision is Decision.REFUSE
    assert "missing slices (1" in classify(volume).reason


def test_slices_at_one_position_are_refused(tmp_path):
    series(tmp_path)
    (volume,) = moved(tmp_path, lambda position, index: np.array([0.0, 0, 0]))
    assert Fault.ONE_POSITION in volume.geometry.faults
    assert "all slices at one position" in classify(volume).reason


def test_repeated_slices_are_refused_and_copies_are_not(tmp_path):
    series(tmp_path)
    first = sorted(tmp_path.rglob("IM*"))[0]
    (tmp_path / "copy").write_bytes(first.read_bytes())
    (volume,) = volumes_of(read_headers(tmp_path)[0])
    assert (volume.n_copies, volume.n_files, volume.geometry.refused) == (1, 21, "")
    (volume,) = moved(tmp_path, lambda position, index: position if index != 3 else position + [0, 0, 5])
    assert Fault.REPEATED in volume.geometry.faults


def test_two_acquisitions_of_one_series_are_two_volumes(tmp_path):
    volumes = series(tmp_path, moments=2)
    assert [(volume.part, volume.n_parts, volume.geometry.words) for volume in volumes] == [(1, 2, ""), (2, 2, "")]


def test_diffusion_images_are_one_image_of_four_dimensions(tmp_path):
    study = Study(tmp_path, "A^B", "1", "19500101", "20200101", "MRI BRAIN")
    weighted = mr("EP", 80, 4000, True, ImageType=["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"])
    write_series(study, *small_head(), "ep2d_diff", moments=2, **weighted)
    (volume,) = volumes_of(read_headers(tmp_path)[0])
    assert classify(volume).target == "dwi"
    path = tmp_path / "made.nii"
    path.write_bytes(convert(volume, None).nifti)
    assert nib.load(path).shape == (32, 32, 20, 2)


def test_a_trace_image_is_a_dwi_and_its_adc_map_is_the_adc(tmp_path):
    study = Study(tmp_path, "A^B", "1", "19500101", "20200101", "MRI BRAIN")
    for kind, moments in (("TRACEW", 2), ("ADC", 1)):
        given = mr("EP", 80, 4000, True, ImageType=["DERIVED", "PRIMARY", "DIFFUSION", kind, "ND"])
        write_series(study, *small_head(), f"ep2d_diff_{kind}", moments=moments, **given)
    verdicts = {classify(volume).target: classify(volume) for volume in volumes_of(read_headers(tmp_path)[0])}
    assert set(verdicts) == {"dwi", "adc"}
    assert "trace" in verdicts["dwi"].reason
    assert all(verdict.decision is Decision.TAKE for verdict in verdicts.values())


def test_a_time_course_is_one_and_left(tmp_path):
    (volume,) = series(tmp_path, moments=5)
    assert Fault.SEVERAL_VOLUMES in volume.geometry.faults
    assert "time course" in classify(volume).reason


@pytest.mark.parametrize("shear", [0.0, 0.3])
def test_tilt_and_uneven_steps_are_put_right(tmp_path, shear):
    """A tilted gantry moves along the table: positions follow a line that is not the slices' normal."""
    series(tmp_path)
    (volume,) = moved(
        tmp_path,
        lambda position, index: position + [0, shear * 5 * index, 0] + [0, 0, 2.5 * max(0, index - 9)],
    )
    if shear:  # the line must be straight: shear grows with the height
        (volume,) = moved(tmp_path, lambda position, index: position + [0, shear * 2.5 * max(0, index - 9), 0])
    assert Fault.UNEVEN in volume.geometry.faults
    assert (Fault.TILT in volume.geometry.faults) == bool(shear)
    made = convert(volume, None)
    path = tmp_path / "made.nii"
    path.write_bytes(made.nifti)
    image = nib.load(path)
    axes = image.affine[:3, :3] / np.linalg.norm(image.affine[:3, :3], axis=0)
    assert np.allclose(axes.T @ axes, np.eye(3), atol=1e-5)
    heights = [image.affine[:3, :] @ [0, 0, index, 1] for index in (0, image.shape[2] - 1)]
    assert heights[1][2] - heights[0][2] == pytest.approx(5 * 19 + 2.5 * 10, abs=0.01)


def test_order_position_and_orientation_do_not_matter(tmp_path):
    """Instance numbers against the heights, oblique slices, feet first, prone: the places decide."""
    data, affine = small_head(turned_deg=20)
    order = list(np.random.default_rng(1).permutation(data.shape[2]))
    (volume,) = series(tmp_path, data - 1000, affine, order=order, PatientPosition="FFP")
    made = convert(volume, None)
    path = tmp_path / "made.nii"
    path.write_bytes(made.nifti)
    image = nib.load(path)
    spot = np.argwhere(image.get_fdata() > -200).mean(axis=0)
    assert np.allclose(image.affine @ [*spot, 1], affine @ [*np.argwhere(data > 800).mean(axis=0), 1], atol=0.01)


def test_mixed_orientations_are_volumes_of_their_own(tmp_path):
    data, affine = small_head()
    study = Study(tmp_path, "A^B", "1", "19500101", "20200101", "MRI BRAIN")
    write_series(study, data, affine, "loc", **mr("GR", 4, 8))
    study.series = 0
    write_series(study, data, small_head(turned_deg=40)[1], "loc", **mr("GR", 4, 8))
    volumes = volumes_of(read_headers(tmp_path)[0])
    assert len(volumes) == 2


def test_burnt_in_text_is_refused(tmp_path):
    (volume,) = series(tmp_path, BurnedInAnnotation="YES")
    assert classify(volume).decision is Decision.REFUSE
    assert "burnt" in classify(volume).reason


@pytest.mark.parametrize(
    ("given", "decision", "words"),
    [
        ({"description": "", "BodyPartExamined": "ABDOMEN"}, "leave", "another region"),
        ({"description": "AX", "ImageType": ["DERIVED", "SECONDARY", "REFORMATTED"]}, "ask", "reformat"),
        ({"description": "HEAD W/O", "ContrastBolusAgent": "IOHEXOL"}, "ask", "names a contrast agent"),
        ({"description": "HEAD WITH CONTRAST"}, "leave", "after contrast"),
        ({"description": "LOW DOSE HEAD"}, "take", "axial head CT"),
        ({"description": "HEAD", "ImageType": [*ORIGINAL, "LOCALIZER"]}, "leave", "scout"),
        ({"description": "HEAD/NECK"}, "ask", "another region"),
        ({"description": "SINUS", "BodyPartExamined": ""}, "leave", "sinuses"),
    ],
)
def test_head_cts_are_told_from_others(tmp_path, given, decision, words):
    (volume,) = series(tmp_path, **given)
    verdict = classify(volume)
    assert (verdict.decision, words in verdict.reason) == (decision, True), verdict


def test_pixels_that_cannot_be_read_are_a_fault_of_their_series_alone(tmp_path, monkeypatch):
    (volume,) = series(tmp_path)

    def broken(path):
        raise RuntimeError("no decoder")

    monkeypatch.setattr("angiolith.dicom.compare.read_slice", broken)
    with pytest.raises(ConversionProblem, match="cannot be read"):
        convert(volume, None)


def test_directions_that_are_none_are_no_positions(tmp_path):
    (volume,) = series(tmp_path, ImageOrientationPatient=[0, 0, 0, 0, 0, 0])
    assert Fault.NO_POSITION in volume.geometry.faults
    assert classify(volume).decision in (Decision.LEAVE, Decision.REFUSE)


def test_what_does_not_agree_with_its_files_is_not_written(tmp_path, monkeypatch):
    (volume,) = series(tmp_path)
    monkeypatch.setattr("angiolith.dicom.convert.CORRELATION_MIN", 1.1)
    with pytest.raises(ConversionProblem, match="does not agree"):
        convert(volume, None)


def test_slices_without_pixel_spacing_are_refused_by_name(tmp_path):
    (volume,) = series(tmp_path, PixelSpacing=None)
    assert classify(volume).decision is Decision.REFUSE
    assert classify(volume).reason == "no pixel spacing in the header"


def test_files_that_state_no_modality_are_what_their_class_says(tmp_path):
    (volume,) = series(tmp_path, Modality=None)
    assert volume.text("Modality") == "CT"
    assert classify(volume).target == "ct"


def test_a_sharp_series_that_is_taken_alone_says_so_and_one_beside_a_soft_one_does_not(tmp_path):
    sharp = {"ConvolutionKernel": "BONEPLUS"}
    alone = settle([Candidate(volume, classify(volume)) for volume in series(tmp_path / "a", **sharp)])
    assert alone[0].verdict.reason == f"axial head CT; {SHARP_ALONE}"
    study, (data, affine) = Study(tmp_path / "b", "A^B", "1", "19500101", "20200101", "CT HEAD"), small_head()
    for given in (SOFT, SOFT | sharp):
        write_series(study, data - 1000, affine, "HEAD", **given)
    both = settle([Candidate(one, classify(one)) for one in volumes_of(read_headers(tmp_path / "b")[0])])
    assert [one.verdict.decision for one in both] == [Decision.TAKE, Decision.LEAVE]
    assert SHARP_ALONE not in both[0].verdict.reason
