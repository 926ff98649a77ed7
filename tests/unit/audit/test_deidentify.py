"""What identifies a person is found, by kind and file; what does not is left alone."""

import gzip
import json
import zipfile

import nibabel as nib
import numpy as np
import pytest

from angiolith.audit.deidentify import findings
from angiolith.core.images import Image
from angiolith.report.volumes import grey_nifti, layer, write_volume
from tests.hostile.images import AFFINE, head, save
from tests.unit.cli.command import angiolith


def kinds(folder, *names):
    return {(found.kind, found.name) for found in findings(folder, names)}


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("sub-01_ct.json", json.dumps({"PatientName": "A^B"}), "name"),
        ("sub-01_ct.json", json.dumps({"global": {"const": {"StationName": "CT7"}}}), "name"),
        ("sub-01_ct.json", json.dumps({"Comment": "seen 2021-03-04"}), "date"),
        ("participants.tsv", "participant_id\tDate of Birth\nsub-01\t?\n", "name"),
        ("participants.tsv", "participant_id\tfirst_seen\nsub-01\t2020-02-03\n", "date"),
        ("sub-19500102_T1w.json", "{}", "label"),
        ("README.md", "ask jane.doe@example.org", "text"),
    ],
)
def test_text_that_identifies(tmp_path, name, text, kind):
    (tmp_path / name).write_text(text)
    assert kinds(tmp_path) == {(kind, name)}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sub-01_ct.json", json.dumps({"KVP": 120, "PatientSex": "F", "PatientName": ""})),
        ("participants.tsv", "participant_id\tage\tsex\tsite\thospital_days\nsub-01\t60\tF\tA\t3\n"),
        ("sub-01_sessions.tsv", "session_id\tacq_time\nses-01\t1890-02-03T09:00:00\n"),
        ("sub-01_desc-arteries_dseg.tsv", "index\tname\n1\tBA\n"),
    ],
)
def test_text_that_does_not(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert kinds(tmp_path) == set()


def test_a_face_in_the_reports_viewer(tmp_path):
    """A brain alone is none; the slabs of vessel-wall images are too small."""
    ball = np.linalg.norm(np.indices((60, 60, 60)) - 30, axis=0)
    for name, radius in (("sub-01_T1w", 25), ("sub-02_T1w", 15), ("sub-01_vwi_ce", 25)):
        image = Image((ball < radius).astype(np.float32), np.diag([4.0, 4.0, 4.0, 1.0]))
        grey = layer(grey_nifti(image, (0.0, 1.0)), name="T1w", kind="grey", window=(0.0, 1.0), unit="")
        path = tmp_path / f"report/volumes/{name}.js"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_volume([grey], name, path)
    (tmp_path / "report/volumes/sub-01_swi.js").touch()  # could not be made
    (tmp_path / "report/volumes/sub-01_ct.js").write_text("made elsewhere")
    assert kinds(tmp_path) == {("face", "report/volumes/sub-01_T1w.js"), ("name", "report/volumes/sub-01_ct.js")}


def test_a_header_an_extension_and_a_face(tmp_path):
    save(tmp_path / "anat/sub-01_T1w.nii.gz", head() + 1000, descrip=b"TE=2.9;Time=101500.000")
    save(tmp_path / "anat/sub-02_rec-defaced_T1w.nii.gz", head() + 1000)
    image = nib.Nifti1Image(np.zeros((3, 3, 3), np.uint8), AFFINE)
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"x"))
    nib.save(image, tmp_path / "mask.nii.gz")
    assert kinds(tmp_path) == {
        ("name", "anat/sub-01_T1w.nii.gz"),  # the time of day
        ("face", "anat/sub-01_T1w.nii.gz"),
        ("name", "mask.nii.gz"),
    }


def test_a_dicom_file(tmp_path):
    import pydicom

    dataset = pydicom.Dataset()
    dataset.PatientName, dataset.Modality = "A^B", "CT"
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.file_meta.MediaStorageSOPInstanceUID = "1.2"
    dataset.save_as(tmp_path / "IM0001", enforce_file_format=True)
    (found,) = findings(tmp_path)
    assert (found.kind, "PatientName" in found.why) == ("name", True)


def test_given_names_are_found_in_paths_and_in_what_is_packed(tmp_path):
    (tmp_path / "Mueller.txt").write_text("")
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(b"... MUELLER^HANS ..."))
    with zipfile.ZipFile(tmp_path / "table.docx", "w") as archive:
        archive.writestr("word/document.xml", "Herr Mueller")
    (tmp_path / "other.txt").write_text("nobody")
    assert kinds(tmp_path, "mueller", "") == {("listed", name) for name in ("Mueller.txt", "a.nii.gz", "table.docx")}


def test_the_command_says_by_its_exit_status_whether_anything_was_found(tmp_path):
    assert angiolith("deidentify-check", tmp_path).exit_code == 0
    (tmp_path / "participants.tsv").write_text("participant_id\tsurname\nsub-01\tx\n")
    done = angiolith("deidentify-check", tmp_path)
    assert done.exit_code == 1
    assert "surname" in done.stdout
