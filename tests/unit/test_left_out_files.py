"""Every NIfTI, mask and drawing of a BIDS folder is taken or listed with the reason; own results are no masks."""

import json

import pytest

from angiolith.core.manifest import IndexSettings, ManifestError, index_bids, read_report, report_text, session_notes
from tests.unit.test_manifest import touch

T1W = "sub-01/ses-02/anat/sub-01_ses-02_T1w.nii.gz"
WMH = "sub-01/ses-02/anat/sub-01_ses-02_space-FLAIR_desc-wmh_mask.nii.gz"
READER = "sub-01/ses-02/vwi/sub-01_ses-02_desc-reader1_dseg.nii.gz"


def left(root, *names, **settings):
    """Path -> reason of what was left out beside one T1w."""
    index = index_bids(touch(root, T1W, *names), IndexSettings(**settings))
    taken = {note.path for note in index.files if note.status == "taken"}
    found = {note.path: note.reason for note in index.files if note.status == "left out"}
    assert not taken & found.keys()
    return found


ANAT = "sub-01/ses-02/anat/sub-01_ses-02"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("sub-01/anat/sub-01_FLAIR.nii.gz", "sub-01 has ses-*/ folders and this lies in none of them"),
        (f"{ANAT}_T2star.nii.gz", "did you mean _T2starw?"),
        ("sub-01/ses-02/ct/sub-01_ses-02_CT.nii.gz", "did you mean _ct?"),
        (f"{ANAT}_T1W.nii.gz", "did you mean _T1w?"),
        (f"{ANAT}_flair.nii.gz", "did you mean _FLAIR?"),
        (f"{ANAT}_UNIT1.nii.gz", "UNIT1"),
        (f"{ANAT}_T2FLAIR.nii.gz", "did you mean _FLAIR?"),
        (f"{ANAT}_mprage.nii.gz", "did you mean _T1w?"),
        (f"{ANAT}_TOF.nii.gz", "did you mean _angio?"),
        (f"{ANAT}_PDw.nii.gz", "_PDw images are not measured"),
        (f"{ANAT}_thing.nii.gz", "the suffix _thing is not known"),
        ("sub-01/sub-01_ses-02_FLAIR.nii.gz", "lies in none of them"),
        ("sub-01/ses-02/sub-01_ses-02_FLAIR.nii.gz", "lies in no folder of its kind"),
        ("sub-01/ses-02/CT/sub-01_ses-02_ct.nii.gz", "the folder CT/ is not read; did you mean ct/?"),
        ("sub-01/ses-02/mri/sub-01_ses-02_FLAIR.nii.gz", "_FLAIR is looked for in anat/"),
        ("sub-01/ses-02/ct/sub-01_ses-02_T2w.nii.gz", "_T2w is looked for in anat/, not in ct/"),
        (f"{ANAT}_FLAIR.NII.GZ", "capitals"),
        ("sub-01/ses-02/anat/._sub-01_ses-02_FLAIR.nii.gz", "a hidden file"),
        (f"{ANAT}_FLAIR.mgz", "not NIFTI"),
        ("sub-01/ses-02/anat/nii/sub-01_ses-02_FLAIR.nii.gz", "lies in no folder of its kind"),
        ("sub-01/ses-02/vwi/sub-01_ses-02_desc-reader1_dseg.nii.gz", "looked for in derivatives/<name>/"),
        (f"{ANAT}_desc-wmh_mask.nii.gz", "looked for in derivatives/<name>/"),
        ("sub-01/session-02/anat/sub-01_FLAIR.nii.gz", "lies in none of them"),
        (
            f"derivatives/a/{READER.replace('ses-02/', 'ses-2/').replace('ses-02_', 'ses-2_')}",
            "ses-2 is no session of sub-01's images; did you mean '02'?",
        ),
        (f"derivatives/a/{READER.replace('reader1', 'Reader1')}", "did you mean desc-reader1_dseg?"),
        (f"derivatives/a/{READER.replace('reader1', 'R2')}", "did you mean desc-reader2_dseg?"),
        (f"derivatives/a/{READER.replace('_dseg', '_mask')}", "did you mean desc-reader1_dseg?"),
        (f"derivatives/a/{READER.replace('sub-01', 'sub-1')}", "sub-1 has no images; did you mean '01'?"),
        (f"derivatives/a/{WMH.replace('desc-wmh', 'desc-WMH')}", "did you mean desc-wmh_mask?"),
        (f"derivatives/a/{WMH.replace('desc-wmh', 'label-WMH')}", "did you mean desc-wmh_mask?"),
        (f"derivatives/a/{WMH.replace('space-FLAIR', 'space-T1w')}", "a WMH mask in the space T1w"),
        (f"derivatives/a/{WMH.replace('desc-wmh_mask', 'desc-artery_dseg')}", "did you mean desc-arteries_dseg?"),
        (
            f"derivatives/a/{READER.replace('reader1_dseg.nii.gz', 'vessels_points.csv')}",
            "did you mean desc-vessel_points?",
        ),
        ("derivatives/a/sub-01/vwi/sub-01_desc-reader1_dseg.nii.gz", "a path without ses- is no session"),
    ],
)
def test_what_is_not_read_is_listed_with_the_reason(tmp_path, name, why):
    found = left(tmp_path, name)
    assert list(found) == [name]
    assert why in found[name]


def test_files_of_a_kind_that_is_not_measured_are_counted(tmp_path):
    names = [f"sub-01/ses-02/func/sub-01_ses-02_task-rest_run-{n}_bold.nii.gz" for n in (1, 2)]
    derived = [
        f"derivatives/fmriprep/sub-01/ses-02/anat/sub-01_ses-02_space-MNI_{n}.nii.gz" for n in ("T1w", "boldref")
    ]
    index = index_bids(touch(tmp_path, T1W, *names, *derived))
    counted = {note.path: (note.n_files, note.reason) for note in index.files if note.status == "left out"}
    assert counted == {
        "sub-01/ses-02/func": (2, "images in func/ are not measured"),
        "derivatives/fmriprep": (2, "no masks or drawings that are read (config/README.md has their names)"),
    }


def test_folders_that_are_nearly_a_subjects_are_named(tmp_path):
    found = left(
        tmp_path,
        "sub_02/anat/x_T1w.nii.gz",
        "Sub-03/anat/x_T1w.nii.gz",
        "derivatives/lab/readers/" + READER,
        "derivatives/" + READER,
    )
    assert "did you mean sub-02?" in found["sub_02"]
    assert "did you mean sub-03?" in found["Sub-03"]
    assert "too deep" in found["derivatives/lab/readers"]
    assert "derivatives/<name>/" in found["derivatives/sub-01"]


def test_a_folder_whose_images_are_all_misnamed_is_refused_by_their_names(tmp_path):
    touch(tmp_path, "sub-01/anat/sub-01_T1W.nii.gz", "sub-02/sub-02_T1w.nii.gz")
    with pytest.raises(
        ManifestError, match=r"holds no image that is read; sub-01/anat/sub-01_T1W.nii.gz: .*did you mean _T1w"
    ):
        index_bids(tmp_path)


def test_the_report_is_read_as_it_was_written_and_near_misses_stand_in_their_session(tmp_path):
    index = index_bids(touch(tmp_path, T1W, f"{ANAT}_flair.nii.gz"))
    (tmp_path / "r.tsv").write_text(report_text(index.files))
    assert read_report(tmp_path / "r.tsv") == index.files
    (told,) = session_notes(index.files)["01", "02"]
    assert told.startswith("review: sub-01_ses-02_flair.nii.gz was not read")


OWN = {"GeneratedBy": [{"Name": "Angiolith", "Version": "0.1.0"}]}


@pytest.mark.parametrize("folder", ["derivatives/angiolith", "derivatives/results_2020"])
def test_own_results_are_never_read_whatever_the_folder_is_called(tmp_path, folder):
    assert left(tmp_path, f"{folder}/{WMH}", output_dir=tmp_path / "elsewhere") == {}  # a user's folder of any name
    assert index_bids(tmp_path).rows[0].get("wmh")
    (tmp_path / folder / "dataset_description.json").write_text(json.dumps(OWN))
    found = left(tmp_path)
    assert "results of angiolith" in found[folder]
    assert not index_bids(tmp_path).rows[0].get("wmh")


def test_an_unfinished_run_is_known_by_its_manifest_and_logs(tmp_path):
    old = touch(tmp_path, T1W, f"derivatives/old/{WMH}", "derivatives/old/logs/check_images/x.log") / "derivatives/old"
    assert index_bids(tmp_path).rows[0].get("wmh")
    (old / "manifest.tsv").write_text("subject\tsession\tacq_time\n")
    assert not index_bids(tmp_path).rows[0].get("wmh")


@pytest.mark.parametrize("folder", ["derivatives/angiolith", "derivatives", "out", "sourcedata/x"])
def test_the_output_folder_of_this_run_changes_nothing_in_the_index(tmp_path, folder):
    touch(tmp_path, T1W)
    before = index_bids(tmp_path, IndexSettings(output_dir=tmp_path / folder))
    out = touch(tmp_path, f"{folder}/{WMH}", f"{folder}/logs/x/y.log") / folder
    (out / "manifest.tsv").write_text("subject\tsession\n")
    assert index_bids(tmp_path, IndexSettings(output_dir=out)) == before


def test_the_output_folder_is_known_through_a_link(tmp_path):
    touch(tmp_path, f"bids/{T1W}", f"disk/out/{WMH}", "disk/out/logs/x/y.log")
    (tmp_path / "disk/out/manifest.tsv").write_text("subject\tsession\n")
    (tmp_path / "bids/derivatives").mkdir()
    (tmp_path / "bids/derivatives/angiolith").symlink_to(tmp_path / "disk/out")
    index = index_bids(tmp_path / "bids", IndexSettings(output_dir=tmp_path / "bids/derivatives/angiolith"))
    assert not index.rows[0].get("wmh")


@pytest.mark.parametrize(
    ("output_dir", "why"),
    [
        ("bids", "is the BIDS folder"),
        (".", "holds the BIDS folder"),
        ("bids/sub-01/results", "which holds inputs"),
        ("bids/phenotype", "which holds inputs"),
        ("bids/derivatives/readers", "holds masks or drawings of yours"),
    ],
)
def test_an_output_folder_among_the_inputs_is_refused(tmp_path, output_dir, why):
    touch(tmp_path / "bids", T1W, f"derivatives/readers/{READER}", "phenotype/x.tsv")
    with pytest.raises(ManifestError, match="give a folder of its own") as caught:
        index_bids(tmp_path / "bids", IndexSettings(output_dir=tmp_path / output_dir))
    assert why in str(caught.value)


def test_masks_dirs_names_the_folder_to_use(tmp_path):
    touch(tmp_path, T1W, f"derivatives/lst/{WMH}", f"derivatives/samseg/{WMH}")
    with pytest.raises(ManifestError, match="masks_dirs"):
        index_bids(tmp_path)
    (row,) = index_bids(tmp_path, IndexSettings(masks_dirs=["derivatives/samseg"])).rows
    assert row.get("wmh") == f"derivatives/samseg/{WMH}"
    with pytest.raises(ManifestError, match=r"no such folder in .*; did you mean 'derivatives/samseg'"):
        index_bids(tmp_path, IndexSettings(masks_dirs=["derivatives/samsegg"]))
    (tmp_path / "derivatives/lst/dataset_description.json").write_text(json.dumps(OWN))
    with pytest.raises(ManifestError, match="holds results of angiolith"):
        index_bids(tmp_path, IndexSettings(masks_dirs=["derivatives/lst"]))


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("anat/sub-01_ses-02_desc-brain_mask.nii.gz", "brain_T1w"),
        ("anat/sub-01_ses-02_space-FLAIR_desc-brain_mask.nii.gz", "brain_FLAIR"),
        ("ct/sub-01_ses-02_desc-brain_mask.nii.gz", "brain_ct"),
    ],
)
def test_a_brain_mask_belongs_to_the_image_that_its_name_says(tmp_path, name, column):
    touch(tmp_path, T1W, f"derivatives/synthstrip/sub-01/ses-02/{name}")
    assert index_bids(tmp_path).rows[0].get(column) == f"derivatives/synthstrip/sub-01/ses-02/{name}"


def test_a_brain_mask_of_a_template_or_of_functional_images_is_not_taken(tmp_path):
    func, template = "func/sub-01_ses-02_desc-brain_mask", "anat/sub-01_ses-02_space-MNI152_desc-brain_mask"
    touch(tmp_path, T1W, *(f"derivatives/fmriprep/sub-01/ses-02/{name}.nii.gz" for name in (func, template)))
    (reason,) = (why for path, why in left(tmp_path).items() if "MNI152" in path)
    assert "a brain mask in the space MNI152" in reason
    assert not any(column.startswith("brain") for column in index_bids(tmp_path).rows[0].values)
