"""Job lists for every combination of what a subject may have: what can be measured is planned, the rest is not."""

import subprocess
import sys

import pytest

from tests.workflow.planning import BASELINE, FOLLOWUP, Workbench

AUDIT = {"write_inventory", "write_ro_crate"}
ALWAYS = {"check_images", "collect_metrics", "assess_agreement", "build_report", "plot_subject_qc"} | AUDIT


@pytest.mark.parametrize(
    ("images", "expected", "absent"),
    [
        (
            ("ct/{}_ct",),
            {"map_arteries", "register_mri_to_template"},
            {"register_ct_to_mri", "segment_wmh", "measure_plaque"},
        ),
        (("anat/{}_T1w",), set(), {"segment_wmh", "detect_microbleeds", "map_arteries", "measure_plaque"}),
        (("anat/{}_FLAIR",), {"segment_wmh", "measure_wmh", "detect_lacunes"}, {"detect_microbleeds", "map_arteries"}),
        (("anat/{}_T2starw",), {"detect_microbleeds", "measure_wmh"}, {"segment_wmh", "map_arteries"}),
        (("anat/{}_FLAIR", "dwi/{}_dwi"), {"detect_acute", "register_mri_contrasts", "segment_wmh"}, {"map_arteries"}),
        (
            ("anat/{}_ct", "anat/{}_FLAIR"),
            {"register_ct_to_mri", "segment_calcification", "segment_wmh"},
            {"measure_plaque"},
        ),
        (("vwi/{}_vwi", "anat/{}_T1w"), {"measure_plaque"}, {"map_arteries", "segment_wmh"}),
        (
            BASELINE,
            {"measure_plaque", "measure_calcification", "detect_microbleeds", "detect_lacunes"},
            {"measure_change", "detect_acute"},
        ),
    ],
)
def test_any_modality_may_be_missing(tmp_path, images, expected, absent):
    bench = Workbench(tmp_path)
    bench.add_session("01", "01", images)
    jobs = set(bench.plan())
    assert jobs >= ALWAYS | expected
    assert not jobs & absent


def test_two_visits_give_a_change(tmp_path):
    bench = Workbench(tmp_path)
    bench.add_session("01", "01", BASELINE)
    bench.add_session("01", "02", FOLLOWUP)
    assert bench.plan()["measure_change"] == 1


def test_visits_in_no_known_order_give_no_change_and_all_else(tmp_path):
    bench = Workbench(tmp_path)
    bench.add_session("01", "A", BASELINE)
    bench.add_session("01", "B", FOLLOWUP)
    jobs = bench.plan()
    assert "measure_change" not in jobs
    assert jobs["segment_wmh"] == 2
    assert "no change between visits is measured: which visit" in (tmp_path / "out/manifest_report.tsv").read_text()
    bench.configure("session_order: [B, A]\n")
    assert bench.plan()["measure_change"] == 1


def test_a_sidecar_at_the_root_reruns_the_checks_of_every_ct(tmp_path):
    bench = Workbench(tmp_path)
    bench.add_session("01", "01", ("ct/{}_ct", "anat/{}_T1w"))
    bench.add_session("02", "01", ("anat/{}_T1w",))
    bench.finish()
    assert bench.plan() == {}
    (bench.bids / "ct.json").write_text('{"KVP": 80}')
    assert bench.plan()["check_images"] == 1


def test_analyses_need_no_images(tmp_path):
    bench = Workbench(tmp_path)
    (tmp_path / "mine.tsv").write_text("subject\tgroup\tage\n1\ta\t60\n")
    (tmp_path / "my.yaml").write_text(
        "output_dir: out\nanalyses:\n  mine: {kind: severity, table: mine.tsv, group: group, describe: [age]}\n"
    )
    assert set(bench.plan()) == {"build_attrition", "describe_cohort", "build_report"} | AUDIT


def test_a_printed_table_is_audited_without_any_analysis(tmp_path):
    bench = Workbench(tmp_path)
    (tmp_path / "printed.yaml").write_text("groups: {a: 10}\ntables: {}\n")
    (tmp_path / "my.yaml").write_text("output_dir: out\nprinted_tables: {theirs: printed.yaml}\n")
    assert set(bench.plan()) == {"audit_table", "build_report"} | AUDIT


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bids_dri: bids\n", r"my.yaml, line 1: bids_dri: unknown key; did you mean 'bids_dir'"),
        ("bids_dir: nowhere\n", r"my.yaml, line 1: bids_dir: nowhere: no such folder \(looked for from /"),
        ("manifest: nothing.tsv\n", r"my.yaml, line 1: manifest: nothing.tsv: no such file"),
        ("output_dir: out\n", r"my.yaml: no input: give bids_dir, manifest, analyses or printed_tables"),
        ("{bids}\nsubjects: ['1']\n", r"my.yaml, line 3: subjects: '1' is no subject of the images; did you mean '01'"),
        ("{bids}\nsubjects: []\n", r"my.yaml, line 3: subjects: names nobody; delete the key"),
        ("{bids}\nsubjects: [01]\n", r"my.yaml, line 3: subjects.0: .*given: 1\); write it in quotes"),
        (
            "bids_dir: bids\noutput_dir: bids\n",
            r"my.yaml, line 2: output_dir: bids is the BIDS folder bids; give",
        ),
        ("bids_dir: bids\noutput_dir: .\n", r"my.yaml, line 2: output_dir: . holds the BIDS folder"),
        ("{bids}\nsession_order: [pre]\n", r"my.yaml, line 3: session_order: no session is called 'pre'; known: 01"),
        ("{bids}\nbids_dir: other\n", r"my.yaml, line 3: the key 'bids_dir' stands in line 1 already; delete one"),
        (
            "analyses:\n  a:\n    kind: severity\n    table: sutdy.csv\n",
            r"my.yaml, line 4: analyses.a.table: sutdy.csv: no such file .*; did you mean 'study.csv'",
        ),
        ("{bids}\nparticipants: p.tsv\n", r"my.yaml, line 3: participants: p.tsv: no such file"),
        (
            "{bids}\nanalyses: {my one: {kind: severity, table: study.csv}}\n",
            r"my.yaml, line 3: analyses: .my one. begins the names of files: use letters",
        ),
    ],
)
def test_a_wrong_configuration_is_one_clear_line(tmp_path, text, message):
    bench = Workbench(tmp_path)
    bench.add_session("01", "01", ("anat/{}_T1w",))
    (tmp_path / "study.csv").write_text("subject,age\n1,60\n")
    (tmp_path / "my.yaml").write_text(text.replace("{bids}", "bids_dir: bids\noutput_dir: out"))
    with pytest.raises(RuntimeError, match=message) as caught:
        bench.plan()
    assert "Traceback" not in str(caught.value)


def test_the_name_of_an_analysis_may_have_underscores(tmp_path):
    bench = Workbench(tmp_path)
    (tmp_path / "study.csv").write_text("subject,group,age\n1,a,60\n")
    (tmp_path / "my.yaml").write_text(
        "output_dir: out\nanalyses:\n  my_own_one: {kind: severity, table: study.csv, group: group, describe: [age]}\n"
    )
    assert set(bench.plan()) == {"build_attrition", "describe_cohort", "build_report"} | AUDIT


def test_subjects_may_be_given_with_their_prefix(tmp_path):
    bench = Workbench(tmp_path)
    for subject in ("01", "02"):
        bench.add_session(subject, "01", ("anat/{}_T1w",))
    bench.configure("subjects: [sub-02]\n")
    assert bench.planned_sessions() == {"sub-02 ses-01"}


def test_an_environment_in_a_folder_with_blanks_is_refused_before_its_jobs_fail(tmp_path):
    bench = Workbench(tmp_path)
    bench.add_session("01", "01", ("anat/{}_T1w",))
    (tmp_path / "my environment").symlink_to(sys.prefix)
    command = [tmp_path / "my environment/bin/python", "-m", "snakemake", "--snakefile", bench.project / "Snakefile"]
    options = ["--configfile", "my.yaml", "--cores", "1", "--dry-run"]
    run = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode
    assert "my environment/bin/python: Snakemake cannot start jobs with a Python whose path holds blanks" in run.stdout


def test_a_wall_is_traced_only_where_asked_for_and_points_are_given(tmp_path):
    bench = Workbench(tmp_path)
    bench.add_session("01", "01", ("vwi/{}_vwi", "anat/{}_T1w"))
    points = bench.bids / "derivatives/readers/sub-01/ses-01/vwi/sub-01_ses-01_desc-vessel_points.csv"
    points.parent.mkdir(parents=True)
    points.write_text("segment,x_mm,y_mm,z_mm\n")
    assert "trace_wall" not in bench.plan()
    bench.configure("vessel_wall: {trace: {trace_wall: true}}\n")
    assert bench.plan()["trace_wall"] == 1


@pytest.mark.parametrize(
    "output_dir", ["bids/derivatives/angiolith", "bids/derivatives/mine", "bids/results", "bids/derivatives"]
)
def test_the_readmes_example_run_twice_has_nothing_to_do(tmp_path, output_dir):
    """Results among the images' own folder, with masks of every kind among them, are not taken for the user's masks."""
    bench = Workbench(tmp_path, output_dir)
    bench.add_session("01", "01", BASELINE)
    bench.add_session("01", "02", FOLLOWUP)
    first = bench.plan()
    assert first["map_arteries"] == 1
    bench.finish()
    assert (tmp_path / output_dir / "sub-01/ses-01/anat/sub-01_ses-01_space-FLAIR_desc-wmh_mask.nii.gz").is_file()
    assert bench.plan() == {}
    assert bench.plan_despite_seals() == {}
    bench.configure("", "another")  # nor for masks in a run to another folder
    assert bench.plan() == first
