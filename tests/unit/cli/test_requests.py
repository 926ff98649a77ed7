"""What a run is asked for: refused in one line with status 2, or written as configuration and command."""

import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import yaml

from angiolith.cli.check import unreadable
from angiolith.cli.exits import UsageProblem
from angiolith.cli.lists import spread
from angiolith.cli.options import request_of
from angiolith.cli.request import Level, prepared, profile_options, snakemake_line, write_own_config
from angiolith.runtime.paths import workflow_root
from angiolith.runtime.records import LOGS, RUN_CONFIG
from tests.unit.cli.command import angiolith


@pytest.fixture
def bids(tmp_path, monkeypatch):
    """Three sessions of two subjects, in the working folder."""
    monkeypatch.chdir(tmp_path)
    for subject, session in (("01", "a"), ("01", "b"), ("02", "a")):
        path = Path(f"bids/sub-{subject}/ses-{session}/anat/sub-{subject}_ses-{session}_FLAIR.nii.gz")
        path.parent.mkdir(parents=True)
        path.write_text("an image")
    return Path("bids")


def request(*, bids="bids", output="out", level=Level.GROUP, participants=(), sessions=(), configs=(), profile="local"):
    return request_of(Path(bids), Path(output), level, participants, sessions, configs, 2, profile)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere", "out", "group"], "nowhere: no such folder (BIDS_DIR)"),
        (["bids", "bids", "group"], "bids: is the BIDS folder itself; give another OUTPUT_DIR"),
        (["bids", "./bids/../bids", "group"], "bids: is the BIDS folder itself; give another OUTPUT_DIR"),
        (
            ["bids", "out", "group", "--participant-label", "01", "2"],
            "--participant-label 2: not in bids; did you mean '02'?",
        ),
        (["bids", "out", "group", "--session-label", "ses-c"], "--session-label c: not in bids; known: a, b"),
        (
            ["bids", "out", "group", "--participant-label", "02", "--session-label", "b"],
            "--session-label b: not in bids; known: a",
        ),
        (["bids", "out", "group", "--profile", "slrum"], "--profile slrum: no such profile or folder; did you mean"),
        (["bids", "out", "group", "--cores", "0"], "--cores 0: give at least 1"),
        (["bids", "out", "group", "--config", "my.yaml"], "my.yaml: no such file (looked for from "),
        (["bids", "a-file", "group"], "a-file: is a file; give a folder as OUTPUT_DIR"),
        (["empty", "out", "group"], "empty: holds no sub-*/ folder with images"),
    ],
)
@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_mistake_is_answered_in_one_line(bids, command, words, told):
    Path("a-file").touch()
    Path("empty").mkdir()
    if "--profile" in words and command == "plan":
        pytest.skip("a plan is the same everywhere")
    done = angiolith(command, *words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("bids_dir: elsewhere\n", "bids_dir: the configuration says elsewhere, the command line bids (BIDS_DIR)"),
        ("output_dir: results\n", "output_dir: the configuration says results, the command line out (OUTPUT_DIR)"),
        ("manifest: tables/mine.tsv\n", "manifest: the configuration says tables, the command line bids (BIDS_DIR)"),
        ("wmh_tol: {}\n", "my.yaml, line 1: wmh_tol: unknown key; did you mean 'wmh_tool'?"),
        ("a: [\n", "my.yaml, line 2, column 1: is no YAML"),
        ("words\n", "my.yaml, line 1: holds no `key: value`"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(bids, text, told):
    Path("my.yaml").write_text(text)
    done = angiolith("run", "bids", "out", "group", "--config", "my.yaml")
    assert (done.exit_code, done.stdout) == (2, "")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_folders_that_the_configuration_gives_too_may_be_written_otherwise(bids):
    Path("my.yaml").write_text(f"bids_dir: {bids.absolute()}\noutput_dir: ./out/\n")
    assert prepared(request(configs=[Path("my.yaml")])).own_settings == {"output_dir": "out", "bids_dir": "bids"}


def test_labels_stay_text_and_choose_the_rows(bids):
    ready = prepared(request(participants=["sub-01,02"], sessions=["a"]))
    assert [row.key for row in ready.rows] == [("01", "a"), ("02", "a")]
    own = write_own_config(ready, Path("out/logs/run_config.yaml"))
    assert yaml.safe_load(own.read_text()) == {
        "output_dir": "out",
        "bids_dir": "bids",
        "subjects": ["01", "02"],
        "sessions": ["a"],
    }


def test_the_line_is_plain_snakemake(bids):
    Path("my.yaml").write_text("wmh_tool: {}\n")
    ready = prepared(request(configs=[Path("my.yaml")], level=Level.PARTICIPANT))
    assert snakemake_line(ready, Path("own.yaml")) == [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(workflow_root() / "Snakefile")),
        *("--configfile", "my.yaml", "own.yaml", "--cores", "2", "participants"),
    ]
    assert snakemake_line(prepared(request()), Path("own.yaml"))[-1] == "2"


def test_a_manifest_of_ones_own_lies_in_the_bids_folder(bids):
    Path("bids/mine.tsv").write_text("subject\tsession\tFLAIR\n01\ta\tsub-01/ses-a/anat/sub-01_ses-a_FLAIR.nii.gz\n")
    Path("my.yaml").write_text("manifest: bids/mine.tsv\n")
    ready = prepared(request(configs=[Path("my.yaml")]))
    assert "bids_dir" not in ready.own_settings
    assert ready.subjects == ["01"]


def test_tables_without_images_are_asked_for_by_a_dash(bids):
    with pytest.raises(UsageProblem, match="no input"):
        prepared(request(bids="-"))
    Path("printed.yaml").touch()
    Path("my.yaml").write_text("printed_tables: {one: printed.yaml}\n")
    ready = prepared(request(bids="-", configs=[Path("my.yaml")]))
    assert ready.own_settings == {"output_dir": "out"}
    assert ready.rows == []


def test_a_profile_is_one_of_the_projects_or_a_folder(tmp_path):
    profiles = workflow_root() / "config/profiles"
    assert profile_options("local") == []
    assert profile_options("slurm") == [
        *("--workflow-profile", str(profiles / "cluster")),
        *("--profile", str(profiles / "slurm")),
    ]
    assert profile_options(str(tmp_path)) == ["--profile", str(tmp_path)]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("run a b group --participant-label 01 02 --cores 2", "01 --participant-label 02 --cores 2"),
        ("run a b group --participant-label 01 --participant-label 02", "01 --participant-label 02"),
        ("run a b group --participant-label 01 02 -- --jobs 5 6", "01 --participant-label 02 -- --jobs 5 6"),
        ("run a b group --participant-label 01", "01"),
    ],
)
def test_an_option_may_be_followed_by_several_values(given, meant):
    assert " ".join(spread(given.split())) == f"run a b group --participant-label {meant}"


def test_check_names_images_that_cannot_be_read(bids):
    good, cut, text = sorted(bids.rglob("*.nii.gz"))
    noise = np.random.default_rng(0).normal(size=(30, 30, 30)).astype(np.float32)
    nib.save(nib.Nifti1Image(noise, np.eye(4)), good)
    cut.write_bytes(good.read_bytes()[:50_000])

    lines = list(unreadable(prepared(request()), shown=1))

    assert lines[0] == "damaged:  2 images of which nothing will be measured"
    assert lines[1].startswith(f"          {cut}: cannot be read as NIfTI (Compressed file ended")
    assert lines[2] == "          ... and 1 more (--all)"
    cut.unlink()
    text.unlink()
    assert list(unreadable(prepared(request()), shown=1)) == []


def test_check_takes_points_and_drawings_of_other_formats_for_no_damaged_images(bids):
    image = bids / "sub-01/ses-a/vwi/sub-01_ses-a_vwi.nii.gz"
    image.parent.mkdir(parents=True)
    nib.save(nib.Nifti1Image(np.ones((9, 9, 9), np.float32), np.eye(4)), image)
    for other in bids.rglob("*FLAIR.nii.gz"):
        other.unlink()
    for name in ("desc-vessel_points.csv", "desc-reader1_rois.csv", "desc-reader2_seg.dcm"):
        path = bids / f"derivatives/r/sub-01/ses-a/vwi/sub-01_ses-a_{name}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    ready = prepared(request())
    assert {"wall_points", "wall_reader1", "wall_reader2"} <= set(ready.rows[0].values)
    assert list(unreadable(ready, shown=None)) == []


@pytest.mark.parametrize("first_is_absolute", [True, False])
def test_the_folders_keep_the_names_that_the_last_run_gave_them(bids, first_is_absolute):
    names = [("bids", "out"), (str(bids.resolve()), str(Path("out").resolve()))]
    first, second = reversed(names) if first_is_absolute else names
    before = prepared(request(bids=first[0], output=first[1]))
    write_own_config(before, before.request.output_dir / LOGS / RUN_CONFIG)

    after = prepared(request(bids=second[0], output=second[1]))

    assert after.own_settings == before.own_settings == {"output_dir": first[1], "bids_dir": first[0]}
    assert (str(after.request.bids_dir), str(after.request.output_dir)) == first


def test_a_run_from_another_working_folder_gets_a_note(bids, monkeypatch, capsys):
    before = prepared(request())
    write_own_config(before, before.request.output_dir / LOGS / RUN_CONFIG)
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")

    after = prepared(request(bids="../bids", output="../out"))

    assert after.own_settings["output_dir"] == "../out"
    assert "note: the last run of ../out was started where this folder is called out." in capsys.readouterr().err
