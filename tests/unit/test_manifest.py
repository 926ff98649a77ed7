"""The BIDS index and the manifest: every layout the README promises, and every refusal by its message."""

from pathlib import Path

import pytest

from angiolith.core.manifest import (
    IndexSettings,
    ManifestError,
    Row,
    index_bids,
    manifest_text,
    read_manifest,
    visit_pairs,
    with_visits,
)


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_index_finds_every_documented_place(tmp_path):
    touch(
        tmp_path,
        "sub-01/ses-a/ct/sub-01_ses-a_ct.nii.gz",
        "sub-01/ses-a/anat/sub-01_ses-a_T1w.nii.gz",
        "sub-01/ses-a/anat/sub-01_ses-a_T2w.nii",
        "sub-01/ses-a/anat/sub-01_ses-a_FLAIR.nii.gz",
        "sub-01/ses-a/swi/sub-01_ses-a_swi.nii.gz",
        "sub-01/ses-a/anat/sub-01_ses-a_T2starw.nii.gz",
        "sub-01/ses-a/vwi/sub-01_ses-a_vwi.nii.gz",
        "sub-01/ses-a/vwi/sub-01_ses-a_ce-gadolinium_vwi.nii.gz",
        "sub-01/ses-a/angio/sub-01_ses-a_angio.nii.gz",
        "derivatives/readers/sub-01/ses-a/vwi/sub-01_ses-a_desc-reader1_dseg.nii.gz",
        "derivatives/readers/sub-01/ses-a/ct/sub-01_ses-a_space-T1w_desc-arteries_dseg.nii.gz",
        "derivatives/lst/sub-01/ses-a/anat/sub-01_ses-a_space-FLAIR_desc-wmh_mask.nii.gz",
    )
    (row,) = index_bids(tmp_path).rows
    assert row.key == ("01", "a")
    assert set(row.values) == {
        *("ct", "T1w", "T2w", "FLAIR", "swi", "T2starw", "vwi", "vwi_ce", "angio"),
        *("wall_reader1", "arteries", "wmh", "arteries_space"),
    }
    assert row.values["vwi_ce"].endswith("ce-gadolinium_vwi.nii.gz")
    assert row.values["arteries_space"] == "T1w"


def test_index_takes_ct_and_wall_from_anat_and_a_subject_without_sessions(tmp_path):
    touch(tmp_path, "sub-x/anat/sub-x_ct.nii.gz", "sub-x/anat/sub-x_acq-vwi_T1w.nii.gz", "sub-x/anat/sub-x_T1w.nii.gz")
    (row,) = index_bids(tmp_path).rows
    assert row.key == ("x", "1")
    assert row.values == {
        "ct": "sub-x/anat/sub-x_ct.nii.gz",
        "vwi": "sub-x/anat/sub-x_acq-vwi_T1w.nii.gz",
        "T1w": "sub-x/anat/sub-x_T1w.nii.gz",
    }


def test_index_reads_dates_of_session_and_ct(tmp_path):
    touch(tmp_path, "sub-1/ses-1/ct/sub-1_ses-1_ct.nii.gz")
    (tmp_path / "sub-1/sub-1_sessions.tsv").write_text("session_id\tacq_time\nses-1\t2020-02-03\n")
    scans = "filename\tacq_time\nct/sub-1_ses-1_ct.nii.gz\t2020-02-01\n"
    (tmp_path / "sub-1/ses-1/sub-1_ses-1_scans.tsv").write_text(scans)
    (row,) = index_bids(tmp_path).rows
    assert (row.get("acq_time"), row.get("ct_acq_time")) == ("2020-02-03", "2020-02-01")


def test_of_two_runs_the_last_is_used_and_a_plain_name_before_both(tmp_path):
    touch(tmp_path, *(f"sub-1/ses-1/anat/sub-1_ses-1_run-{run}_T1w.nii.gz" for run in (1, 2)))
    assert index_bids(tmp_path).rows[0].values["T1w"].endswith("run-2_T1w.nii.gz")
    touch(tmp_path, "sub-1/ses-1/anat/sub-1_ses-1_T1w.nii.gz")
    assert index_bids(tmp_path).rows[0].values["T1w"].endswith("sub-1_ses-1_T1w.nii.gz")


def test_manifest_round_trip_keeps_labels_as_text(tmp_path):
    rows = [Row("007", "01", {"ct": "a.nii.gz"}), Row("7", "01", {"T1w": "b.nii.gz", "acq_time": "2020-01-01"})]
    path = tmp_path / "manifest.tsv"
    path.write_text(manifest_text(rows))
    assert read_manifest(path) == rows


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("subject\tsession\tFlair\n1\t1\ta\n", r"unknown column 'Flair'; did you mean 'FLAIR'"),
        ("subject\tct\n1\ta\n", "column 'session' is missing"),
        ("subject\tsession\tct\n1\t1\ta.nii.gz\n1\t1\tb.nii.gz\n", "row 3: sub-1 ses-1 stands in row 2"),
        ("subject\tsession\tct\n../1\t1\ta\n", r"row 2, subject: '\.\./1' may hold letters and digits only"),
    ],
)
def test_bad_manifests_are_refused_by_file_row_and_column(tmp_path, text, message):
    path = tmp_path / "m.tsv"
    path.write_text(text)
    with pytest.raises(ManifestError, match=message) as caught:
        read_manifest(path)
    assert "m.tsv" in str(caught.value)


def test_reference_is_the_best_mri_and_a_lone_ct_serves_itself():
    assert Row("1", "1", {"ct": "", "FLAIR": "", "T1w": ""}).reference == "T1w"
    assert Row("1", "1", {"ct": "", "FLAIR": ""}).reference == "FLAIR"
    assert Row("1", "1", {"ct": ""}).reference == "ct"
    assert Row("1", "1", {}).reference is None


def test_visits_are_ordered_by_date_and_by_number_where_a_date_is_missing():
    rows = [Row("1", "b", {"acq_time": "2020-01-01"}), Row("1", "a", {"acq_time": "2021-01-01"}), Row("2", "a", {})]
    assert visit_pairs(with_visits(rows)) == {"1": ("b", "a")}
    undated = [Row("1", "2", {"acq_time": "2020-01-01"}), Row("1", "1", {})]
    assert visit_pairs(with_visits(undated)) == {"1": ("1", "2")}


def test_readers_drawings_in_all_formats_are_found(tmp_path):
    stem = "sub-1/ses-1/vwi/sub-1_ses-1"
    names = (
        f"{stem}_vwi.nii.gz",
        f"derivatives/r/{stem}_desc-reader1_rois.csv",
        f"derivatives/r/{stem}_desc-reader2_seg.dcm",
        f"derivatives/r/{stem}_desc-reader4_dseg.nii.gz",
    )
    names += (f"derivatives/r/{stem}_desc-vessel_points.csv",)
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    (row,) = index_bids(tmp_path).rows
    assert row.get("wall_reader1").endswith("_rois.csv")
    assert row.get("wall_reader2").endswith("_seg.dcm")
    assert row.get("wall_reader4").endswith("_dseg.nii.gz")
    assert row.get("wall_points").endswith("_points.csv")
    (tmp_path / f"derivatives/r/{stem}_desc-reader5_dseg.nii.gz").write_text("x")
    with pytest.raises(ManifestError, match="reader1 to reader4"):
        index_bids(tmp_path)


def test_links_that_lead_nowhere_matter_only_where_an_image_is_used(tmp_path):
    touch(tmp_path, "sub-1/ses-1/anat/sub-1_ses-1_T1w.nii.gz")
    (tmp_path / "sub-1/ses-1/func").mkdir()
    (tmp_path / "sub-1/ses-1/func/sub-1_ses-1_task-rest_bold.nii.gz").symlink_to("not_fetched")
    assert index_bids(tmp_path).rows[0].get("T1w")
    (tmp_path / "sub-1/ses-1/anat/sub-1_ses-1_FLAIR.nii.gz").symlink_to("not_fetched")
    with pytest.raises(ManifestError, match="fetch it"):
        index_bids(tmp_path)


def test_a_folder_of_dicom_or_of_other_names_is_refused_with_the_command_that_helps(tmp_path):
    (touch(tmp_path / "export", "p1/s1/IM1") / "p1/s1/IM1").write_bytes(bytes(128) + b"DICM")
    with pytest.raises(ManifestError, match=r"DICOM files: angiolith import-dicom .*export BIDS_DIR"):
        index_bids(tmp_path / "export")
    with pytest.raises(ManifestError, match=r"images under other names \(.*scan\.nii\.gz\)"):
        index_bids(touch(tmp_path / "loose", "p1/scan.nii.gz"))


@pytest.mark.parametrize(("output", "noted"), [("results", True), ("derivatives/angiolith", False), ("../out", False)])
def test_results_among_the_images_are_noted(tmp_path, output, noted):
    root = touch(tmp_path / "bids", "sub-01/ct/sub-01_ct.nii.gz")
    files = index_bids(root, IndexSettings(output_dir=root / output)).files
    assert any("BIDS has derivatives/" in note.reason for note in files) is noted
