"""`angiolith run` on a small folder: what it prints, its exit status, and the bytes of plain Snakemake."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.workflow.planning import ROOT

pytestmark = pytest.mark.workflow
OWN_BYTES = (  # these hold times, or the digest of a file that does
    *("logs/run_events.jsonl", "audit/.hashes.json", "ro-crate-metadata.json", "logs/write_ro_crate/cohort.json"),
)


def command(folder, *words):
    line = [sys.executable, "-m", "angiolith.cli", *words]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        line, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def angiolith(folder, *words):
    process = command(folder, *words)
    out, err = process.communicate(timeout=600)
    return process.returncode, out, err


def a_folder(folder):
    """Two subjects whose images are none: every job ends quickly, with a status and a reason."""
    for subject in ("01", "02"):
        path = folder / f"bids/sub-{subject}/ses-01/anat/sub-{subject}_ses-01_FLAIR.nii.gz"
        path.parent.mkdir(parents=True)
        path.write_text("no image")
    return folder


def made(folder):
    """Name -> bytes of all that a run left, but logs, times and memory."""
    root = folder / "out"
    paths = (path for path in sorted(root.rglob("*")) if path.is_file())
    names = {path.relative_to(root).as_posix(): path for path in paths if path.suffix not in (".log", ".seen")}
    return {
        name: path.read_bytes()
        for name, path in names.items()
        if not name.startswith("benchmarks/") and name not in OWN_BYTES
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A folder after `participant` and `group`, with what the two commands printed."""
    folder = a_folder(tmp_path_factory.mktemp("run"))
    said = [angiolith(folder, "run", "bids", "out", level, "--cores", "2") for level in ("participant", "group")]
    return folder, said


def test_participants_first_then_the_cohort(run):
    folder, ((status, told, err), (status_of_group, told_of_group, _)) = run
    assert (status, err) == (0, "")
    lines = told.splitlines()
    assert sum(line.startswith(("sub-01 is finished: ", "sub-02 is finished: ")) for line in lines) == 2
    assert "2 of 2 subjects finished." in told
    assert lines[-1] == "Next, the cohort and the report: the same command with `group` for `participant`."
    assert status_of_group == 0
    assert told_of_group.splitlines()[-1] == "report: out/report/index.html"
    jobs = [json.loads(line) for line in (folder / "out/logs/run_events.jsonl").read_text().splitlines()]
    assert {job["rule_name"] for job in jobs if job["event"] == "job_info"} == {
        *("collect_metrics", "assess_agreement", "build_report", "write_inventory", "write_ro_crate", "all")
    }


def test_plain_snakemake_with_the_printed_line_gives_the_same_bytes(run, tmp_path):
    folder, said = run
    plain = a_folder(tmp_path)
    (plain / "out/logs").mkdir(parents=True)
    shutil.copy(folder / "out/logs/run_config.yaml", plain / "out/logs/run_config.yaml")
    for _, told, _ in said:
        line = shlex.split(told.splitlines()[0])
        assert line[1:3] == ["-m", "snakemake"]
        subprocess.run(line, cwd=plain, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True, capture_output=True)
    ours, theirs = made(folder), made(plain)
    assert len(ours) > 30
    assert sorted(ours) == sorted(theirs)
    assert [name for name in ours if ours[name] != theirs[name]] == []


def test_the_same_command_again_has_nothing_to_do(run):
    folder, _ = run
    status, told, _ = angiolith(folder, "run", "bids", "out", "group", "--cores", "2")
    assert status == 0
    assert told.splitlines()[1:] == ["Nothing to do: 2 of 2 subjects finished.", "report: out/report/index.html"]
    status, told, _ = angiolith(folder, "verify", "out")
    assert (status, told) == (0, "")


def test_check_plan_and_status_agree(run):
    folder, _ = run
    assert "jobs:     none, 2 of 2 subjects finished" in angiolith(folder, "check", "bids", "out")[1]
    assert angiolith(folder, "plan", "bids", "out")[1] == "Nothing to do: 2 of 2 subjects finished.\n"
    assert angiolith(folder, "status", "out")[1].startswith("2 subjects: 2 done, 0 failed")


def test_a_failed_job_is_told_with_its_reason_and_log(tmp_path):
    folder = a_folder(tmp_path)
    facts = "sub-01_ses-01_desc-check_images.json"
    (folder / f"out/sub-01/ses-01/{facts}/x").mkdir(parents=True)  # a folder where a job's file is to be
    status, told, _ = angiolith(folder, "run", "bids", "out", "participant", "--cores", "2")
    assert status == 1
    log = "out/logs/register_mri_to_template/01_01_FLAIR.log"
    assert f"failed: find the brain on FLAIR, register it to the template: sub-01 ses-01 ({log})" in told
    assert "failed: find the brain on FLAIR, register it to the template: sub-01 ses-01: IsADirectoryError: " in told
    assert "1 of 2 subjects finished" in told
    assert "could not start after these failures" in told
    assert f"        {log}" in told.splitlines()


def test_ctrl_c_is_passed_on_and_a_killed_run_can_be_unlocked(tmp_path):
    folder = a_folder(tmp_path)
    process = command(folder, "run", "bids", "out", "participant", "--cores", "1")
    wait_for(folder / "out/logs/check_images")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Run the same command again to go on." in err
    locks = folder / ".snakemake/locks"
    assert not locks.is_dir() or not list(locks.iterdir())
    locks.mkdir(exist_ok=True)
    shutil.rmtree(folder / "out/sub-02", ignore_errors=True)  # on a slow machine all may be finished by then
    (locks / "0.output.lock").write_text(f"{next(open_outputs(folder))}\n")
    status, _, err = angiolith(folder, "run", "bids", "out", "participant", "--cores", "1")
    assert status == 2
    assert "--unlock" in err
    assert "Traceback" not in err
    assert angiolith(folder, "run", "bids", "out", "participant", "--unlock")[0] == 0
    assert angiolith(folder, "run", "bids", "out", "participant", "--dry-run")[0] == 0


def open_outputs(folder):
    """Outputs that are still to be made."""
    line = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "1", "--summary"]
    done = subprocess.run(
        [*line, "--configfile", "out/logs/run_config.yaml", "--", "participants"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    for row in done.stdout.splitlines()[1:]:
        name = row.split("\t")[0]
        if not (folder / name).exists():
            yield str(Path(name))


def wait_for(path):
    for _ in range(600):
        if path.exists():
            return
        time.sleep(0.1)
    raise TimeoutError(path)
