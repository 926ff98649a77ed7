"""The demo cohort: specs, streams, files, independence, and the made data where it exists."""

import ast
import gzip
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from phantoms import bids
from phantoms.__main__ import COHORT
from phantoms.geometry import Grid, apply
from phantoms.spec import SubjectSpec, clinical, draw_spec, read_cohort, stream

ROOT = Path(__file__).parents[2]
MADE = ROOT / "build/demo"
needs_data = pytest.mark.skipif(not (MADE / "truth/sessions.tsv").is_file(), reason="no demo data: make demo-data")


def test_demo_and_pipeline_share_no_code():
    for folder, other in (
        ("phantoms", "angiolith"),
        ("phantoms", "scripts"),
        ("angiolith", "phantoms"),
        ("scripts", "phantoms"),
    ):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                assert not any(name.split(".")[0] == other for name in names), path


def test_demo_cohort_walks_every_path():
    specs = read_cohort(COHORT)
    assert len(specs) == 8
    assert {spec.calcification for spec in specs} == {"none", "mild", "moderate", "severe"}
    assert {"none", "broken"} < {spec.ct for spec in specs}
    assert sum(spec.wall_artery is not None for spec in specs) == 5
    assert sum(spec.symptomatic for spec in specs) == 4
    assert any(spec.followup_years is None for spec in specs)
    assert any(not spec.swi for spec in specs)


def test_cohort_file_names_an_unknown_key(tmp_path):
    path = tmp_path / "cohort.yaml"
    path.write_text("subjects:\n  - {age: 60, sex: F, symptomatic: true, calcium: mild}\n")
    with pytest.raises(ValueError, match=r"subject 1: unknown keys calcium"):
        read_cohort(path)
    with pytest.raises(ValueError, match="calcification: 'some'"):
        SubjectSpec(60, "F", True, calcification="some")


def test_drawn_specs_repeat_by_seed_and_follow_the_written_distribution():
    specs = [draw_spec(stream(7, "spec", number)) for number in range(400)]
    assert specs[:5] == [draw_spec(stream(7, "spec", number)) for number in range(5)]
    assert specs[0] != draw_spec(stream(8, "spec", 0))
    assert np.mean([spec.age for spec in specs]) == pytest.approx(64, abs=1.5)
    assert np.mean([spec.wall_artery is not None for spec in specs]) == pytest.approx(0.7, abs=0.08)
    old = [spec.wmh_cm3 for spec in specs if spec.age > 70]
    young = [spec.wmh_cm3 for spec in specs if spec.age < 58]
    assert np.median(old) > 1.5 * np.median(young)


def test_clinical_columns_are_documented():
    row = clinical(stream(1, "x"), SubjectSpec(60, "F", True))
    assert set(row) == set(bids.PARTICIPANTS_COLUMNS)


def test_same_image_same_bytes_and_no_time_stamp(tmp_path):
    grid = Grid((5, 6, 7), np.diag([0.5, 0.6, 2.0, 1.0]))
    data = np.arange(210, dtype=np.int16).reshape(grid.shape)
    for name in ("a.nii.gz", "b.nii.gz"):
        bids.write_nifti(tmp_path / name, data, grid)
    content = (tmp_path / "a.nii.gz").read_bytes()
    assert content == (tmp_path / "b.nii.gz").read_bytes()
    assert content[4:8] == b"\0\0\0\0"
    image = nib.load(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(np.asarray(image.dataobj), data)
    np.testing.assert_allclose(image.affine, grid.affine)


def test_truncated_file_cannot_be_read(tmp_path):
    path = tmp_path / "ct.nii.gz"
    bids.write_nifti(
        path, np.random.default_rng(0).integers(0, 99, (20, 20, 20)).astype(np.int16), Grid((20,) * 3, np.eye(4))
    )
    bids.truncate(path)
    with pytest.raises(EOFError), gzip.open(path) as file:
        file.read()


def truth(name: str) -> pd.DataFrame:
    return pd.read_csv(MADE / f"truth/{name}.tsv", sep="\t", dtype={"subject": str, "session": str})


def load(path: str) -> tuple[np.ndarray, np.ndarray]:
    image = nib.load(MADE / path)
    return np.asarray(image.dataobj), image.affine


@needs_data
def test_made_cohort_has_the_images_of_its_specs():
    for number, spec in enumerate(read_cohort(COHORT), start=1):
        folder = MADE / f"bids/sub-{number:03d}"
        first = folder / "ses-01"
        assert (first / f"ct/sub-{number:03d}_ses-01_ct.nii.gz").is_file() == (spec.ct != "none")
        assert (first / f"anat/sub-{number:03d}_ses-01_swi.nii.gz").is_file() == spec.swi
        assert (first / "vwi").is_dir() == (spec.wall_artery is not None)
        assert (folder / "ses-02").is_dir() == (spec.followup_years is not None)
        readers = MADE / f"bids/derivatives/readers/sub-{number:03d}"
        assert readers.is_dir() == (spec.wall_artery is not None and spec.readers)
    participants = pd.read_csv(MADE / "bids/participants.tsv", sep="\t")
    assert list(participants.participant_id) == [f"sub-{number:03d}" for number in range(1, 9)]


@needs_data
def test_made_ct_has_hounsfield_units():
    hu, affine = load("bids/sub-001/ses-01/ct/sub-001_ses-01_ct.nii.gz")
    arteries, _ = load("truth/sub-001_ses-01_space-ct_arteries.nii.gz")
    calcium, _ = load("truth/sub-001_ses-01_space-ct_calcification130.nii.gz")
    assert np.percentile(hu, 2) == pytest.approx(-1000, abs=30)
    assert 1000 < np.percentile(hu[hu > 300], 95) < 2000
    assert np.median(hu[(arteries > 0) & (calcium == 0)]) == pytest.approx(45, abs=4)
    brain_box = apply(np.linalg.inv(affine), _to_ct("001", np.array([[-28.0, -10, 34], [28, -10, 34]])))
    for i, j, k in np.round(brain_box).astype(int):
        assert np.mean(hu[i - 6 : i + 7, j - 6 : j + 7, k - 1 : k + 2]) == pytest.approx(30, abs=6)


def _to_ct(subject: str, points: np.ndarray) -> np.ndarray:
    path = MADE / f"truth/sub-{subject}_ses-01_transforms.json"
    return apply(np.array(json.loads(path.read_text())["head_to"]["ct"]), 0.93 * points)


@needs_data
def test_made_calcium_is_where_and_as_much_as_the_table_says():
    table = truth("calcifications")
    for subject, rows in table[table.subject != "007"].groupby("subject"):
        labels, affine = load(f"truth/sub-{subject}_ses-01_space-ct_calcification130.nii.gz")
        hu, _ = load(f"bids/sub-{subject}/ses-01/ct/sub-{subject}_ses-01_ct.nii.gz")
        voxel = abs(np.linalg.det(affine[:3, :3]))
        for row in rows.itertuples():
            voxels = np.argwhere(labels == row.lesion)
            assert len(voxels) * voxel == pytest.approx(row.volume_130hu_mm3, rel=1e-3)
            assert hu[labels == row.lesion].mean() > 130
            centre = apply(affine, voxels).mean(0)
            away = np.linalg.norm(centre - [row.x_mm, row.y_mm, row.z_mm])
            assert away < row.lumen_radius_mm + 1.5


@needs_data
def test_poses_of_all_images_agree_on_where_things_are():
    bleeds = truth("microbleeds")
    for row in bleeds[bleeds.subject.isin(["001", "003"]) & (bleeds.diameter_mm > 3.5)].itertuples():
        image, affine = load(
            f"bids/sub-{row.subject}/ses-{row.session}/anat/sub-{row.subject}_ses-{row.session}_swi.nii.gz"
        )
        i, j, k = np.round(apply(np.linalg.inv(affine), np.array([[row.x_mm, row.y_mm, row.z_mm]]))[0]).astype(int)
        assert image[i, j, k] < 0.5 * np.median(image[i - 8 : i + 9, j - 8 : j + 9, k])
    both = (
        bleeds[bleeds.subject == "001"]
        .pivot(index="lesion", columns="session", values=["x_mm", "y_mm", "z_mm"])
        .dropna()
    )
    poses = [
        np.array(json.loads((MADE / f"truth/sub-001_ses-0{n}_transforms.json").read_text())["head_to"]["swi"])
        for n in (1, 2)
    ]
    heads = [
        apply(np.linalg.inv(pose), both.xs(session, axis=1, level="session").to_numpy())
        for pose, session in zip(poses, ("01", "02"), strict=True)
    ]
    np.testing.assert_allclose(heads[0], heads[1], atol=0.01)


@needs_data
def test_made_wmh_masks_grow_as_the_change_table_says():
    change = truth("change").query("measure == 'wmh_volume_cm3'").set_index("subject")
    small = truth("smallvessel").set_index(["subject", "session"])
    specs = read_cohort(COHORT)
    for subject, row in change.iterrows():
        growth = row.followup / row.baseline - 1
        assert growth == pytest.approx(specs[int(subject) - 1].wmh_growth, abs=0.04)
        mask, affine = load(f"truth/sub-{subject}_ses-01_space-FLAIR_wmh.nii.gz")
        flair, _ = load(f"bids/sub-{subject}/ses-01/anat/sub-{subject}_ses-01_FLAIR.nii.gz")
        brain, _ = load(f"truth/sub-{subject}_ses-01_space-FLAIR_brain.nii.gz")
        volume = mask.sum() * abs(np.linalg.det(affine[:3, :3])) / 1000
        assert volume == pytest.approx(small.loc[(subject, "01"), "wmh_mask_cm3"], rel=1e-3)
        assert np.median(flair[mask > 0]) > 1.15 * np.median(flair[(brain > 0) & (mask == 0)])
