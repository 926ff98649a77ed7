"""What a change makes run again: exactly what depends on it, and nothing where nothing changed; the same jobs whether
the finished subjects are sealed or Snakemake looks at all their jobs."""

import os
import re
from collections import Counter

import pytest

from tests.workflow.planning import BASELINE, FOLLOWUP, OF_COHORT, Workbench, touch_later

COHORT = {"collect_metrics", "assess_agreement", "build_report", "write_inventory", "write_ro_crate"}
SESSION_CT = {
    "check_images",
    "register_ct_to_mri",
    "check_registration",
    "map_arteries",
    "segment_calcification",
    "measure_calcification",
}


SEAL = ("seal",)
CHANGE = ("measure change between visits", "plot change between visits")
MRI = (  # T1w, FLAIR, SWI; what every session has is among them
    *("check images", "find the brain on T1w, register it to the template"),
    *("register FLAIR to T1w", "register swi to T1w"),
    *("segment white matter hyperintensities", "detect microbleeds", "detect lacunes"),
    "apply decisions on marks",
    *("measure white matter hyperintensities", "plot quality checks", "export to the report"),
)
CT = (
    *("register CT to T1w", "check the CT's registration", "map arteries"),
    *("segment calcification", "measure calcification"),
)
DRAWN = ("register vwi to T1w", "register vwi_ce to T1w")
WALL = (*DRAWN, "measure plaque")


def listed(jobs):
    """Messages of jobs, from what is done for each session, subject and ("") the cohort."""
    return Counter(
        f"seal {who}" if job == "seal" else f"{job}: {who}" if who else job
        for who, done in jobs.items()
        for job in done
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Two subjects with two visits and one with one, all done and sealed, and a snapshot of the folder."""
    bench = Workbench(tmp_path_factory.mktemp("finished") / "bench")
    for subject in ("01", "02", "03"):
        bench.add_session(subject, "01", BASELINE)
    for subject in ("01", "02"):
        bench.add_session(subject, "02", FOLLOWUP)
    bench.finish()
    bench.seal()
    bench.keep()
    return bench


@pytest.fixture
def bench(finished):
    """The finished run, put back as it was in its own place. What a test planned last must not depend on seals."""
    finished.put_back()
    finished.planned = finished.listed = None
    yield finished
    if (planned := finished.planned) is not None:
        assert planned == finished.plan_despite_seals()
    if (listed := finished.listed) is not None:
        assert listed == finished.jobs(ANGIOLITH_IGNORE_SEALS="1")


def subjects_in_graph(bench):
    """Subjects that Snakemake has jobs of, to be run or not."""
    return set(re.findall(r"out/sub-(\w+)/", "\n".join(bench.outputs())))


def test_a_finished_run_has_nothing_to_do(bench):
    assert bench.plan() == {}


def test_a_lost_page_of_a_subject_is_made_again(bench):
    for subject in ("01", "02", "03"):
        (bench.folder / f"out/report/sub-{subject}.html").write_text("a page")
    assert bench.plan() == {}
    (bench.folder / "out/report/sub-02.html").unlink()
    assert set(bench.plan()) == {"build_report", "write_inventory", "write_ro_crate"}


def test_a_fresh_clone_over_old_results_has_nothing_to_do(bench):
    for path in bench.project.rglob("*"):
        if path.is_file():
            touch_later(path)
    assert bench.plan() == {}


def test_touching_an_unchanged_input_runs_nothing(bench):
    touch_later(bench.bids / "sub-01/ses-01/ct/sub-01_ses-01_ct.nii.gz")
    assert bench.plan() == {}


def test_a_comment_runs_nothing(bench):
    bench.edit("angiolith/registration/rigid.py", "def register_rigid(", "# a comment\n\n\ndef register_rigid(")
    assert bench.plan() == {}


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("job.py", "then run the same command again", "and run the command again"),
        ("seals.py", '"# not sealed: "', '"# open: "'),
        ("snakemake_adapter.py", "ask later", "ask when it is there"),
    ],
)
def test_rewording_a_message_of_the_runtime_runs_nothing(bench, file, old, new):
    bench.edit(f"angiolith/runtime/{file}", old, new)
    assert bench.plan() == {}
    assert subjects_in_graph(bench) == set()


def test_what_every_job_depends_on_runs_every_job(bench):
    bench.edit("angiolith/core/reproducible.py", "SEED = 0", "SEED = 1")
    jobs = bench.plan()
    assert set(jobs) >= {*SESSION_CT, *COHORT, "segment_wmh", "detect_lacunes", "measure_change", "seal_subject"}
    assert jobs["check_images"] == 5


def test_editing_a_library_function_runs_what_depends_on_it(bench):
    bench.edit("angiolith/calcification/scoring.py", "def ", "def edited() -> None:\n    return None\n\n\ndef ")
    jobs = bench.plan()
    assert jobs["measure_calcification"] == 3
    upstream = {
        "check_images",
        "register_ct_to_mri",
        "register_mri_contrasts",
        "register_mri_to_template",
        "map_arteries",
    }
    assert not upstream & set(jobs)
    assert not {"segment_wmh", "detect_microbleeds", "detect_lacunes", "measure_wmh"} & set(jobs)
    assert set(jobs) >= COHORT


def test_changing_one_setting_runs_the_rules_that_read_it(bench):
    bench.configure("microbleeds: {detect: {diameter_mm_min: 2.5}}\n")
    jobs = bench.plan()
    assert jobs["detect_microbleeds"] == 5
    assert not SESSION_CT & set(jobs)
    assert "segment_wmh" not in jobs


def test_cut_points_run_no_segmentation(bench):
    bench.configure("wmh: {grade: {fazekas_deep_mm: [8.0, 16.0]}}\n")
    follows = {"measure_change", "plot_subject_qc", "plot_change_qc", "export_session", "seal_subject"}
    assert set(bench.plan()) - COHORT == {"measure_wmh"} | follows


def test_adding_a_case_runs_its_jobs_and_the_cohorts(bench):
    bench.add_session("04", "01", BASELINE)
    assert bench.jobs() == listed({"sub-04 ses-01": MRI + CT + WALL, "sub-04": SEAL, "": OF_COHORT})


def test_adding_a_visit_runs_it_and_the_subjects_change(bench):
    bench.add_session("03", "02", FOLLOWUP)
    assert bench.jobs() == listed({"sub-03 ses-02": MRI, "sub-03": CHANGE + SEAL, "": OF_COHORT})


def test_changing_a_clinical_value_runs_the_cohort_alone(bench):
    table = bench.bids / "participants.tsv"
    table.write_text(table.read_text().replace("sub-02\t60", "sub-02\t61"))
    assert bench.jobs() == listed({"": OF_COHORT})


@pytest.mark.parametrize(
    ("image", "session", "jobs"),
    [
        ("ses-01/ct/sub-02_ses-01_ct", "sub-02 ses-01", MRI + CT + DRAWN),  # no wall is drawn: the plaque needs no CT
        ("ses-02/anat/sub-02_ses-02_swi", "sub-02 ses-02", MRI),
    ],
)
def test_replacing_an_image_runs_its_session_and_the_subjects_change(bench, image, session, jobs):
    """The images of a session are checked together, and every job of the session reads what the check says."""
    path = bench.bids / "sub-02" / f"{image}.nii.gz"
    path.write_text("another scan")
    touch_later(path)
    assert bench.jobs() == listed({session: jobs, "sub-02": CHANGE + SEAL, "": OF_COHORT})


def test_one_subject_can_be_asked_for(bench):
    bench.configure('subjects: ["02"]\n')
    (bench.folder / "out/sub-02/ses-01/sub-02_ses-01_desc-check_images.json").unlink()
    assert bench.planned_sessions() == {"sub-02 ses-01"}


def test_a_changed_sidecar_runs_its_session_alone(bench):
    (bench.bids / "sub-02/ses-01/ct/sub-02_ses-01_ct.json").write_text('{"KVP": 100}')
    assert bench.planned_sessions() == {"sub-02 ses-01"}


def test_sealed_subjects_are_not_in_the_graph(bench):
    assert subjects_in_graph(bench) == set()
    bench.add_session("04", "01", BASELINE)
    assert subjects_in_graph(bench) == {"04"}
    image = bench.bids / "sub-02/ses-01/ct/sub-02_ses-01_ct.nii.gz"
    image.write_text("another scan")
    assert subjects_in_graph(bench) == {"02", "04"}
    assert bench.planned_sessions() == {"sub-02 ses-01", "sub-04 ses-01"}


def test_forced_jobs_are_not_passed_over(bench):
    assert bench.plan("--forcerun", "segment_wmh")["segment_wmh"] == 5
    assert bench.plan("--forceall")["check_images"] == 5
    bench.planned = None


def test_a_result_that_was_deleted_is_made_again(bench):
    (bench.folder / "out/sub-03/ses-01/figures/sub-03_ses-01_desc-wmh_qc.png").unlink()
    assert bench.plan()["plot_subject_qc"] == 1
    assert subjects_in_graph(bench) == {"03"}


def test_an_edit_with_its_time_stamp_put_back_opens_the_subject(bench):
    image = bench.bids / "sub-02/ses-01/ct/sub-02_ses-01_ct.nii.gz"
    before = image.stat()
    image.write_text(image.read_text().replace("scanned", "faked!!"))
    os.utime(image, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert image.stat().st_size == before.st_size
    assert subjects_in_graph(bench) == {"02"}


def test_a_lookup_table_beside_a_mask_opens_its_subject(bench):
    mask = bench.bids / "derivatives/readers/sub-01/ses-01/ct/sub-01_ses-01_desc-arteries_dseg.nii.gz"
    mask.parent.mkdir(parents=True)
    mask.write_text("a mask")
    assert bench.plan()["map_arteries"] == 1
    bench.finish()
    bench.seal()
    assert subjects_in_graph(bench) == set()
    mask.with_name("sub-01_ses-01_desc-arteries_dseg.tsv").write_text("index\tname\n")
    assert subjects_in_graph(bench) == {"01"}
    assert bench.plan()["map_arteries"] == 1


def test_an_edited_rule_opens_all_and_the_next_run_seals_them_again(bench):
    bench.edit("rules/small_vessel.smk", "mem_mb=2500", "mem_mb=2600")
    assert subjects_in_graph(bench) == {"01", "02", "03"}
    bench.seal()
    assert subjects_in_graph(bench) == set()
    bench.edit("rules/small_vessel.smk", "mem_mb=2600,", "mem_mb=2600,  # a comment")
    assert subjects_in_graph(bench) == set()


def test_a_run_that_touches_seals_nothing(bench):
    bench.add_session("04", "01", BASELINE)
    bench.finish()
    assert "04" in subjects_in_graph(bench)


def test_a_readers_verdict_runs_the_cohort_alone(bench):
    columns = "subject\tsession\tpicture\tverdict\treviewer\tnote\n"
    (bench.folder / "review.tsv").write_text(columns + "02\t01\twmh\tfail\tAB\tmotion\n")
    bench.configure("review: review.tsv\n")
    jobs = bench.plan()
    assert set(jobs) <= COHORT
    assert jobs["collect_metrics"] == jobs["build_report"] == 1
    bench.finish()
    assert bench.plan() == {}
    (bench.folder / "review.tsv").write_text(columns + "02\t01\twmh\tpass\tAB\tn/a\n")
    assert bench.plan()["collect_metrics"] == 1


def test_a_readers_decision_on_a_mark_runs_its_session_and_what_follows(bench):
    columns = "subject\tsession\tmark\tdecision\tartery\treader\tdate\tnote\n"
    of_spot = (
        columns.replace("note", "note\tkind") + "02\t01\t3-1a2b3c4d\treject\tn/a\tAB\t2026-11-30\tvein\tmicrobleed\n"
    )
    (bench.folder / "marks.tsv").write_text(of_spot)
    bench.configure("decisions: [marks.tsv]\n")
    jobs = bench.plan()
    assert jobs["decide_marks"] == jobs["measure_wmh"] == jobs["measure_change"] == 1
    assert not {"detect_microbleeds", "detect_lacunes", "measure_calcification", "segment_wmh"} & set(jobs)
    (bench.folder / "marks.tsv").write_text(of_spot.replace("microbleed", "wmh"))
    bench.configure("decisions: [marks.tsv]\n")
    jobs = bench.plan()
    assert jobs["decide_marks"] == jobs["measure_wmh"] == jobs["measure_change"] == 1
    assert not {"segment_wmh", "detect_lacunes", "detect_perivascular", "measure_calcification"} & set(jobs)
    (bench.folder / "marks.tsv").write_text(of_spot.replace("microbleed", "plaque"))
    bench.configure("decisions: [marks.tsv]\n")
    assert set(bench.plan()) - COHORT == {"measure_plaque", "plot_subject_qc", "export_session", "seal_subject"}
    said = columns + "02\t01\t3-1a2b3c4d\treject\tn/a\tAB\t2026-11-30\tclinoid\n"
    (bench.folder / "marks.tsv").write_text(said)
    bench.configure("decisions: [marks.tsv]\n")
    jobs = bench.plan()
    assert jobs["measure_calcification"] == jobs["collect_metrics"] == 1
    assert not {"segment_calcification", "map_arteries", "segment_wmh", "register_ct_to_mri"} & set(jobs)
    assert subjects_in_graph(bench) == {"02"}
    (bench.folder / "marks.tsv").write_text(said.replace("02\t01", "02\t09"))
    with pytest.raises(RuntimeError, match=r"marks.tsv, row 2, session: there is no sub-02 ses-09"):
        bench.plan()
    (bench.folder / "marks.tsv").write_text(said)


def test_the_viewers_voxels_run_the_export_alone(bench):
    bench.configure("report: {volumes: {viewer_voxel_mm: 2.0}}\n")
    assert set(bench.plan()) - COHORT == {"export_session", "seal_subject"}
