"""A face is cut at the same place whatever the image, the brain stays whole, and nothing else in a file changes."""

import gzip
import json
import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from angiolith.audit.deface import deface, renamed
from angiolith.brain import deface as session_faces
from angiolith.brain.deface import SessionFaces, without_face
from angiolith.brain.face import MARGIN_MM, FaceError, FacePlane, face_plane
from angiolith.brain.given import user_brain
from angiolith.brain.segment import BrainSegmentation, segment_brain
from angiolith.core.images import ImageError, linear_transform, mask_points, read_image
from angiolith.core.manifest import index_bids
from angiolith.core.settings.brain import BrainSettings
from angiolith.registration.rigid import RigidResult

REAL = Path(os.environ.get("ANGIOLITH_REAL_DATA", "../shared/real"))
NOSE, BROW, EYE = [0.0, 105.0, -55.0], [0.0, 78.0, -2.0], [32.0, 68.0, -40.0]  # near MNI152, mm
FORAMEN, PETROUS = [0.0, -28.0, -62.0], [24.0, -8.0, -45.0]


def turned(degrees):
    """A rotation about the axis from left to right: the chin to the chest."""
    angle = np.radians(degrees)
    matrix = np.eye(4)
    matrix[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return matrix


def ellipsoid(affine, shape, pose):
    """Mask of an ellipsoid of a brain's size whose long axis rises by 10.2 degrees, in a pose."""
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1).reshape(-1, 3)
    points = np.c_[grid @ affine[:3, :3].T + affine[:3, 3], np.ones(len(grid))]
    own = (np.linalg.inv(pose @ turned(10.2)) @ points.T)[:3].T - [0, -15, 10]
    return ((own / [65, 85, 60]) ** 2).sum(axis=1).reshape(shape) <= 1


def grid_of(voxel_mm=(2.0, 2.0, 3.0)):
    affine = turned(7) @ np.diag([*voxel_mm, 1.0])
    shape = np.ceil(np.array([200, 260, 260]) / voxel_mm).astype(int)
    affine[:3, 3] = -affine[:3, :3] @ ((shape - 1) / 2)
    return affine, tuple(shape.tolist())


@pytest.mark.parametrize("pitch_deg", [-20, 0, 25])
def test_the_plane_turns_with_the_head_and_keeps_its_margin_from_the_brain(pitch_deg):
    affine, shape = grid_of()
    brain = ellipsoid(affine, shape, turned(pitch_deg))
    plane = face_plane(brain, affine)
    assert plane.offset_mm - (mask_points(affine, brain) @ plane.normal).max() == pytest.approx(MARGIN_MM)
    assert not (plane.face(shape, affine) & brain).any()
    upright = turned(pitch_deg)[:3, :3].T @ plane.normal
    assert np.degrees(np.arctan2(-upright[2], upright[1])) == pytest.approx(50, abs=2)
    there = {
        name: turned(pitch_deg)[:3, :3] @ point @ plane.normal - plane.offset_mm
        for name, point in {"nose": NOSE, "eye": EYE, "foramen": FORAMEN, "petrous": PETROUS}.items()
    }
    assert min(there["nose"], there["eye"]) > 0
    assert max(there["foramen"], there["petrous"]) < -MARGIN_MM


def test_the_mask_of_a_face_is_that_of_its_points_and_the_plane_moves_with_a_rigid_transform():
    affine, shape = grid_of((4.0, 3.0, 5.0))
    plane = FacePlane(np.array([0.0, 0.6, -0.8]), 31.0)
    points = mask_points(affine, np.ones(shape, bool))
    np.testing.assert_array_equal(plane.face(shape, affine).ravel(), points @ plane.normal > 31.0)
    way = turned(30)
    way[:3, 3] = [3, -20, 11]
    np.testing.assert_array_equal(plane.placed(way).face(shape, way @ affine), plane.face(shape, affine))


def test_no_plane_is_laid_at_what_has_no_long_axis_to_the_front():
    affine, shape = grid_of()
    with pytest.raises(FaceError, match="no long axis"):
        face_plane(ellipsoid(affine, shape, turned(80)), affine)
    with pytest.raises(FaceError, match="no brain"):
        face_plane(np.zeros(shape, bool), affine)


@pytest.mark.parametrize(("is_ct", "kind", "slope", "inter"), [(True, np.uint16, 1, -1024), (False, ">i2", 0.5, 0)])
def test_only_the_face_changes_in_a_file(tmp_path, is_ct, kind, slope, inter):
    affine, shape = grid_of((10.0, 10.0, 10.0))
    raw = np.random.default_rng(1).integers(100, 2000, shape).astype(kind)
    header = nib.Nifti1Header(endianness=">" if kind == ">i2" else "<")
    header.set_data_dtype(kind)
    image = nib.Nifti1Image(raw, affine, header)
    image.header.set_slope_inter(slope, inter)
    image.header["descrip"] = b"as it was"
    path = tmp_path / "sub-1_ct.nii.gz"
    image.to_filename(path)
    before, plane = read_image(path).data, FacePlane(np.array([0.0, 0.6, -0.8]), 20.0)
    content, fraction = without_face(path, plane, is_ct)
    old = gzip.decompress(path.read_bytes())
    path.write_bytes(content)
    face = plane.face(shape, affine)
    after = read_image(path).data
    np.testing.assert_array_equal(after[~face], before[~face])
    assert set(np.unique(after[face])) == {-1024.0 if is_ct else 0.0}
    assert fraction == pytest.approx(face.mean())
    assert gzip.decompress(content)[:352] == old[:352]


def test_a_file_of_several_volumes_is_refused_and_one_with_a_fourth_axis_of_one_is_not(tmp_path):
    affine, shape = grid_of((20.0, 20.0, 20.0))
    plane = FacePlane(np.array([0.0, 0.6, -0.8]), 20.0)
    for number in (1, 2):
        path = tmp_path / f"{number}_bold.nii.gz"
        nib.Nifti1Image(np.full((*shape, number), 7, np.int16), affine).to_filename(path)
    path = tmp_path / "1_bold.nii.gz"
    path.write_bytes(without_face(path, plane, False)[0])
    np.testing.assert_array_equal(read_image(path).data == 0, plane.face(shape, affine))
    with pytest.raises(ImageError, match="3D volume"):
        without_face(tmp_path / "2_bold.nii.gz", plane, False)


def test_names_say_that_a_face_was_removed():
    assert renamed("sub-1/ses-1/anat/sub-1_ses-1_T1w.nii.gz") == "sub-1/ses-1/anat/sub-1_ses-1_rec-defaced_T1w.nii.gz"
    assert renamed("a/sub-1_acq-x_ce-gd_run-1_vwi.nii") == "a/sub-1_acq-x_ce-gd_rec-defaced_run-1_vwi.nii"
    assert renamed("a/sub-1_rec-soft_ct.nii.gz") == "a/sub-1_rec-softdefaced_ct.nii.gz"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A BIDS folder of two images, one of which shows no whole brain, and the networks replaced by an ellipsoid."""

    def found(image, is_ct, model, settings):
        whole = image.data.max() > 500
        brain = ellipsoid(image.affine, image.data.shape, turned(0))
        return BrainSegmentation(brain, brain.astype(np.uint8), {}, bool(whole), 0.0, "ok", None)

    monkeypatch.setattr(session_faces, "segment_brain", found)
    monkeypatch.setattr(session_faces, "is_brain_extracted", lambda image: False)
    affine, shape = grid_of((8.0, 8.0, 8.0))
    bids = tmp_path / "bids"
    for suffix, high in (("T1w", 100), ("FLAIR", 900), ("dwi", 5)):
        path = bids / f"sub-1/ses-1/{'dwi' if suffix == 'dwi' else 'anat'}/sub-1_ses-1_{suffix}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        nib.Nifti1Image(np.full(shape, high, np.int16), affine).to_filename(path)
    (bids / "sub-1/ses-1/anat/sub-1_ses-1_FLAIR.json").write_text('{"EchoTime": 0.1}')
    lines = ["filename\tacq_time\n", "anat/sub-1_ses-1_FLAIR.nii.gz\tn/a\n", "dwi/sub-1_ses-1_dwi.nii.gz\tn/a\n"]
    (bids / "sub-1/ses-1/sub-1_ses-1_scans.tsv").write_text("".join(lines))
    (bids / "participants.tsv").write_text("participant_id\nsub-1\n")
    return bids, tmp_path / "copy"


def test_a_folder_is_copied_without_faces_and_without_what_it_cannot_vouch_for(folder):
    bids, copy = folder
    done = deface(bids, copy, None, lambda text: None)
    assert set(done.written) == {f"sub-1/ses-1/anat/sub-1_ses-1_{suffix}.nii.gz" for suffix in ("FLAIR", "T1w")}
    assert list(done.left_out) == ["sub-1/ses-1/dwi/sub-1_ses-1_dwi.nii.gz"]
    files = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()}
    stem = "sub-1/ses-1/anat/sub-1_ses-1_rec-defaced"
    tables = {"participants.tsv", "sub-1/ses-1/sub-1_ses-1_scans.tsv"}
    tissues = {path for path in files if path.startswith("derivatives/")}
    assert files - tissues == {f"{stem}_FLAIR.nii.gz", f"{stem}_FLAIR.json", f"{stem}_T1w.nii.gz"} | tables
    assert json.loads((copy / f"{stem}_FLAIR.json").read_text()) == {"EchoTime": 0.1, "Defaced": True}
    scans = (copy / "sub-1/ses-1/sub-1_ses-1_scans.tsv").read_text()
    assert scans == "filename\tacq_time\nanat/sub-1_ses-1_rec-defaced_FLAIR.nii.gz\tn/a\n"
    cut = [read_image(copy / f"{stem}_{suffix}.nii.gz").data == 0 for suffix in ("T1w", "FLAIR")]
    np.testing.assert_array_equal(*cut)  # the T1w, which shows no whole brain, by the FLAIR's


def test_the_tissues_that_are_found_with_the_face_go_along_and_are_what_the_workflow_measures(folder):
    bids, copy = folder
    done = deface(bids, copy, None, lambda text: None)
    assert len(done.tissues) == 2
    rows = index_bids(copy).rows
    stem = "derivatives/tissues_before_defacing/sub-1/ses-1/anat/sub-1_ses-1_space"
    maps = {name: f"{stem}-{name}_desc-braintissues_dseg.nii.gz" for name in ("T1w", "FLAIR")}
    assert {name: rows[0].get(f"brain_{name}") for name in maps} == maps
    for name in ("T1w", "FLAIR"):
        with_face = read_image(bids / f"sub-1/ses-1/anat/sub-1_ses-1_{name}.nii.gz")
        without = read_image(copy / rows[0].get(name))
        known = session_faces.segment_brain(with_face, False, None, None)
        given = user_brain({"given_brain": copy / rows[0].get(f"brain_{name}")}, without)
        found = segment_brain(without, False, None, BrainSettings(), given)  # without the networks
        np.testing.assert_array_equal(found.brain, known.brain)
        np.testing.assert_array_equal(found.tissues, known.tissues)


def test_a_mask_of_the_users_own_is_not_replaced_and_a_map_of_other_labels_is_refused(folder):
    bids, copy = folder
    image = nib.load(bids / "sub-1/ses-1/anat/sub-1_ses-1_T1w.nii.gz")
    mask = bids / "derivatives/mine/sub-1/ses-1/anat/sub-1_ses-1_space-T1w_desc-brain_mask.nii.gz"
    mask.parent.mkdir(parents=True)
    nib.Nifti1Image(np.ones(image.shape, np.uint8), image.affine).to_filename(mask)
    done = deface(bids, copy, None, lambda text: None)
    assert [Path(path).name for path in done.tissues] == ["sub-1_ses-1_space-FLAIR_desc-braintissues_dseg.nii.gz"]
    other = mask.with_name("sub-1_ses-1_space-T1w_desc-braintissues_dseg.nii.gz")
    nib.Nifti1Image(np.full(image.shape, 17, np.uint8), image.affine).to_filename(other)
    with pytest.raises(ImageError, match="labels are 0 to 6"):
        user_brain({"given_brain": other}, read_image(bids / "sub-1/ses-1/anat/sub-1_ses-1_T1w.nii.gz"))


@pytest.mark.parametrize(
    ("shift_mm", "status", "joined"), [(3.0, "ok", True), (-20.0, "ok", False), (3.0, "failed", False)]
)
def test_one_plane_serves_a_session_unless_it_comes_near_to_a_brain(folder, monkeypatch, shift_mm, status, joined):
    bids, _ = folder
    anat = bids / "sub-1/ses-1/anat"
    other, shape = grid_of((9.0, 9.0, 9.0))
    nib.Nifti1Image(np.full(shape, 900, np.int16), other).to_filename(anat / "sub-1_ses-1_T2w.nii.gz")
    way = np.eye(4)
    way[1, 3] = shift_mm
    found = RigidResult(linear_transform(way), 0.1, -1.0, status, None)
    monkeypatch.setattr(session_faces, "register_rigid", lambda *given: found)
    faces = SessionFaces(None)
    first, second = (faces.plane(anat / f"sub-1_ses-1_{suffix}.nii.gz", suffix) for suffix in ("FLAIR", "T2w"))
    own = face_plane(ellipsoid(other, shape, turned(0)), other)
    expected = first.placed(way) if joined else own
    assert second.offset_mm == pytest.approx(expected.offset_mm)
    np.testing.assert_allclose(second.normal, expected.normal)


def test_a_second_run_makes_only_what_is_new(folder):
    bids, copy = folder
    deface(bids, copy, None, lambda text: None)
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*") if path.is_file()}
    again = deface(bids, copy, None, lambda text: None)
    assert (again.written, again.present) == ({}, 2)
    assert {path: path.stat().st_mtime_ns for path in copy.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("content", [b"{", b"[1]", b'{"a": "\xe9"}'])
def test_a_sidecar_or_table_of_scans_that_cannot_be_read_is_left_out_and_ends_nothing(folder, content):
    bids, copy = folder
    sidecar, scans = "sub-1/ses-1/anat/sub-1_ses-1_FLAIR.json", "sub-1/ses-1/sub-1_ses-1_scans.tsv"
    (bids / sidecar).write_bytes(content)
    (bids / scans).write_bytes(b"filename\tnote\nanat/sub-1_ses-1_FLAIR.nii.gz\t\xe9\n")
    told = []
    done = deface(bids, copy, None, told.append)
    assert {sidecar, scans} < set(done.left_out)
    assert any(line.startswith(f"{sidecar}: left out: is no JSON") for line in told)
    assert not list((copy / "sub-1").rglob("*.json"))
    assert (copy / "participants.tsv").is_file()


def test_the_copy_lies_outside_of_the_folder(folder):
    bids, _ = folder
    with pytest.raises(FileExistsError, match="outside"):
        deface(bids, bids / "defaced", None, lambda text: None)
