"""Masks and measures that go back to a PACS read back to the same voxels and numbers, by other readers."""

import nibabel as nib
import numpy as np
import pydicom
import pytest

from angiolith.core.images import write_image
from angiolith.dicom.giving_back import GivingProblem, give_back
from angiolith.dicom.importing import Order, import_dicom
from phantoms.pacs_export import SOFT, Study, mr, write_series
from tests.unit.dicom.made_export import small_head

LESIONS = (
    "subject\tsession\tlesion\tartery\tside\tvolume_mm3\tmean_hu\tstatus\tcertainty\treason\n"
    "001\t01\t2\tICA\tL\t187.240724\t356.586639\tok\tsure\t\n"
    "001\t01\t5\tBA\tM\t12.5\tn/a\treview\tcandidate\ttouches bone\n"
)
METRICS = (
    "subject\tsession\twmh_volume_cm3\tn_wmh_lesions\tn_microbleeds\tbrain_volume_cm3\twmh_status\tmicrobleed_status\t"
    "status\treason\n001\t01\t3.25\t7\tn/a\t1234.5\tok\tmissing\treview\tno SWI\n"
)
WMH = "subject\tsession\twmh\tvolume_mm3\tregion\tstatus\tcertainty\n001\t01\t1\t3250\tfrontal\tok\tsure\n"
ARTERIES = (
    "subject\tsession\tartery\tside\tn_lesions\tvolume_mm3\tseverity_group\tstatus\treason\n"
    "001\t01\tICA\tL\t1\t187.240724\tsevere\tok\t\n001\t01\tMCA\tR\t0\t0\tnone_or_mild\tok\t\n"
)


@pytest.fixture(scope="module")
def sent(tmp_path_factory):
    folder = tmp_path_factory.mktemp("back")
    data, affine = small_head()
    study = Study(folder / "export", "Sonnenschein^Clara", "77001234", "19500203", "20200110", "CT HEAD")
    write_series(study, data - 1000, affine, "HEAD", **SOFT)
    scan = Study(folder / "export", "Sonnenschein^Clara", "77001234", "19500203", "20200112", "MRI BRAIN")
    write_series(scan, *small_head(turned_deg=12), "flair", **mr("SE", 120, 9000, InversionTime=2500))
    bids, out = folder / "bids", folder / "out"
    import_dicom(Order(folder / "export", bids, folder / "key.tsv", folder / "bids_series.tsv"), lambda text: None)
    ct, flair = (
        nib.load(bids / f"sub-001/ses-01/{name}.nii.gz")
        for name in ("ct/sub-001_ses-01_ct", "anat/sub-001_ses-01_FLAIR")
    )
    labels = np.zeros(ct.shape, np.uint8)
    labels[10:12, 9:14, 8] = 2
    labels[20:25, 4:6, 3:7] = 5
    wmh = np.zeros(flair.shape, np.uint8)
    wmh[12:19, 13:15, 6:9] = 1
    place = out / "sub-001/ses-01"
    write_image(labels, ct.affine, place / "ct/sub-001_ses-01_space-ct_desc-marks_dseg.nii.gz")
    (place / "ct/sub-001_ses-01_desc-calcification_lesions.tsv").write_text(LESIONS)
    (place / "ct/sub-001_ses-01_desc-calcification_arteries.tsv").write_text(ARTERIES)
    write_image(wmh, flair.affine, place / "anat/sub-001_ses-01_desc-wmhmarks_dseg.nii.gz")
    (place / "anat/sub-001_ses-01_desc-wmhmarks.tsv").write_text(WMH)
    (place / "anat/sub-001_ses-01_desc-smallvessel_metrics.tsv").write_text(METRICS)
    give_back(bids, out, folder / "export", folder / "bids_series.tsv", folder / "send", print)
    return folder, {"ct": (labels, ct.affine), "flair": (wmh, flair.affine)}


def voxels(dataset, segment):
    """Places (RAS mm) of a segment's voxels, read frame by frame from the file's own description."""
    shared = dataset.SharedFunctionalGroupsSequence[0]
    orientation = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float)
    spacing = np.array(shared.PixelMeasuresSequence[0].PixelSpacing, float)
    places = []
    for frame, pixels in zip(dataset.PerFrameFunctionalGroupsSequence, dataset.pixel_array, strict=True):
        described = frame if "SegmentIdentificationSequence" in frame else shared  # shared where there is one segment
        if described.SegmentIdentificationSequence[0].ReferencedSegmentNumber != segment:
            continue
        corner = np.array(frame.PlanePositionSequence[0].ImagePositionPatient, float)
        for row, column in np.argwhere(pixels):
            place = corner + orientation[:3] * spacing[1] * column + orientation[3:] * spacing[0] * row
            places.append(place * [-1, -1, 1])
    return np.array(sorted(places, key=tuple))


def in_world(mask, affine):
    places = np.argwhere(mask) @ affine[:3, :3].T + affine[:3, 3]
    return np.array(sorted(places, key=tuple))


def test_masks_come_back_voxel_for_voxel(sent):
    folder, given = sent
    calcium = pydicom.dcmread(folder / "send/sub-001_ses-01/calcification_seg.dcm")
    labels, affine = given["ct"]
    assert [(item.SegmentLabel, item.TrackingID) for item in calcium.SegmentSequence] == [
        ("calcification 2 ICA L", "calcification 2"),
        ("calcification 5 BA (candidate)", "calcification 5"),
    ]
    for order, label in ((1, 2), (2, 5)):
        there, here = voxels(calcium, order), in_world(labels == label, affine)
        assert there.shape == here.shape
        assert np.abs(np.sort(there, axis=0) - np.sort(here, axis=0)).max() < 1e-3
    wmh = pydicom.dcmread(folder / "send/sub-001_ses-01/white_matter_hyperintensity_seg.dcm")
    there, here = voxels(wmh, 1), in_world(*given["flair"])
    assert np.abs(np.sort(there, axis=0) - np.sort(here, axis=0)).max() < 1e-3


def items(dataset):
    for item in dataset.get("ContentSequence", []):
        yield item
        yield from items(item)


def test_measures_come_back_number_for_number(sent):
    found = {}
    for path in sorted((sent[0] / "send").rglob("*_sr.dcm")):
        dataset = pydicom.dcmread(path)
        assert "Research use only" in dataset.SeriesDescription
        assert (dataset.CompletionFlag, dataset.VerificationFlag) == ("PARTIAL", "UNVERIFIED")
        for item in items(dataset):
            if item.ValueType == "NUM":
                code = item.ConceptNameCodeSequence[0]
                unit = item.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue
                name = code.get("CodeValue") or code.LongCodeValue
                assert (
                    code.CodingSchemeDesignator == dataset.CodingSchemeIdentificationSequence[0].CodingSchemeDesignator
                )
                found.setdefault(name, []).append((float(item.MeasuredValueSequence[0].NumericValue), unit))
    assert found == {
        "volume_mm3": [(3250.0, "mm3"), (187.240724, "mm3"), (12.5, "mm3"), (187.240724, "mm3"), (0.0, "mm3")],
        "n_lesions": [(1.0, "1"), (0.0, "1")],
        "mean_hu": [(356.586639, "[hnsf'U]")],
        "wmh_volume_cm3": [(3.25, "cm3")],
        "n_wmh_lesions": [(7.0, "1")],
        "brain_volume_cm3": [(1234.5, "cm3")],
    }


def test_objects_belong_to_the_study_and_the_frame_of_their_images(sent):
    folder = sent[0]
    source = {
        pydicom.dcmread(path, stop_before_pixels=True).StudyInstanceUID: path
        for path in (folder / "export").rglob("IM*")
    }
    for path in (folder / "send").rglob("*.dcm"):
        dataset = pydicom.dcmread(path)
        image = pydicom.dcmread(source[dataset.StudyInstanceUID], stop_before_pixels=True)
        assert (dataset.PatientID, dataset.PatientName) == (image.PatientID, image.PatientName)
        if dataset.Modality == "SEG":
            assert dataset.FrameOfReferenceUID == image.FrameOfReferenceUID


def test_classes_stand_beside_the_numbers(sent):
    found = set()
    for path in (sent[0] / "send").rglob("*_sr.dcm"):
        for item in items(pydicom.dcmread(path)):
            if (
                item.ValueType == "CODE"
                and item.ConceptNameCodeSequence[0].get("CodingSchemeDesignator") == "99ANGIOLITH"
            ):
                names = [
                    one[0].get("CodeValue") or one[0].LongCodeValue
                    for one in (item.ConceptNameCodeSequence, item.ConceptCodeSequence)
                ]
                found.add(tuple(names))
    assert {("severity_group", "severe"), ("certainty", "candidate"), ("microbleed_status", "missing")} < found


def test_frames_lie_on_the_slices_of_their_source_as_they_are(sent):
    folder = sent[0]
    sources = {}
    for path in (folder / "export").rglob("IM*"):
        source = pydicom.dcmread(path, stop_before_pixels=True)
        sources[source.SOPInstanceUID] = source
    for path in (folder / "send").rglob("*_seg.dcm"):
        made = pydicom.dcmread(path)
        for frame in made.PerFrameFunctionalGroupsSequence:
            uid = frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
            place = frame.PlanePositionSequence[0].ImagePositionPatient
            assert place == pytest.approx(sources[uid].ImagePositionPatient, abs=1e-9)
            shared = made.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0]
            turned = shared.ImageOrientationPatient
            assert turned == pytest.approx(sources[uid].ImageOrientationPatient, abs=1e-9)
            assert (made.Rows, made.Columns) == (sources[uid].Rows, sources[uid].Columns)


def test_objects_are_the_same_bytes_when_made_again_and_lie_in_no_shared_folder(sent):
    folder = sent[0]
    first = {path.name: path.read_bytes() for path in (folder / "send").rglob("*.dcm")}
    give_back(folder / "bids", folder / "out", folder / "export", folder / "bids_series.tsv", folder / "again", print)
    assert {path.name: path.read_bytes() for path in (folder / "again").rglob("*.dcm")} == first
    with pytest.raises(GivingProblem, match="name the patients"):
        give_back(
            folder / "bids", folder / "out", folder / "export", folder / "bids_series.tsv", folder / "bids/send", print
        )
