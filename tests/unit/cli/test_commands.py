"""Every command: its help with an example, what it prints, its exit status for what a user may do wrong."""

import importlib
import resource
import subprocess
import sys
from typing import NamedTuple

import pytest
import typer.main

from angiolith.cli import app
from angiolith.runtime.version import project_version
from tests.unit.audit.made_run import MadeRun
from tests.unit.cli.command import angiolith

doctor = importlib.import_module("angiolith.cli.doctor")  # the package's own `doctor` is the command
COMMANDS = sorted(typer.main.get_command(app).commands)


@pytest.fixture
def made(tmp_path):
    return MadeRun(tmp_path)


def test_the_commands():
    running = ["check", "doctor", "import-dicom", "import-redcap", "new-study", "plan", "run", "status"]
    results = ["audit-table", "check-plan", "compare", "pool", "review", "seal-plan", "trace"]
    keeping = ["deface", "deidentify-check", "export-dicom", "publish", "verify", "withdraw"]
    assert sorted(running + results + keeping) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(command):
    done = angiolith(command, "--help")
    assert done.exit_code == 0
    assert f"Example: angiolith {command} " in " ".join(done.stdout.split())


def test_help_comes_at_once():
    """0.2 s of processor were measured; a start of ten times that is a library that is loaded too early."""
    command = [sys.executable, "-m", "angiolith.cli", "--help"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2
    slow = "import sys, angiolith.cli; print(sorted({'pandas', 'numpy', 'pydantic', 'snakemake'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", slow], check=True, capture_output=True, text=True).stdout == "[]\n"


def test_completion_knows_the_commands():
    environment = {"_ANGIOLITH_COMPLETE": "complete_bash", "COMP_WORDS": "angiolith wi", "COMP_CWORD": "1"}
    program = "from angiolith.cli import app; app(prog_name='angiolith')"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["withdraw"]


@pytest.mark.parametrize("command", ["status", "trace", "review", "withdraw"])
def test_a_folder_without_a_run_is_told_in_one_line(tmp_path, command):
    more = {"trace": ["patients:01:age"], "withdraw": ["01"]}.get(command, [])
    done = angiolith(command, tmp_path, *more)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == f"{tmp_path}: no run has begun here (it has no manifest.tsv)\n"


def test_verify_without_an_inventory(tmp_path):
    done = angiolith("verify", tmp_path)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "run the workflow to its end first" in done.stderr


def test_verify_finds_what_was_edited(made):
    (made.root / "cohort/patients.tsv").write_text("other")
    done = angiolith("verify", made.root)
    assert done.exit_code == 1
    assert done.stdout.startswith("changed\tcohort/patients.tsv\t")


def test_verify_looks_for_a_withdrawn_subject(made):
    done = angiolith("verify", made.root, "--absent", "sub-02")
    assert done.exit_code == 1
    assert "still names sub-02: delete it" in done.stdout
    done = angiolith("verify", made.root, "--absent", "no label")
    assert (done.exit_code, done.stderr) == (2, "'no label' is not a subject's label: letters and digits only\n")


def test_status_counts_subjects(made):
    done = angiolith("status", made.root)
    assert done.exit_code == 0
    assert done.stdout.startswith("2 subjects: 0 done, 0 failed")


def test_trace_lists_what_is_behind_a_cell(made):
    done = angiolith("trace", made.root, "patients:sub-01:age")
    assert done.exit_code == 0
    assert "601" in done.stdout
    done = angiolith("trace", made.root, "patients:sub-01:aeg")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "did you mean 'age'?" in done.stderr


def test_withdraw_purges_only_when_the_images_are_gone(made):
    done = angiolith("withdraw", made.root, "sub-02")
    assert done.exit_code == 2
    assert "still among the images" in done.stderr
    assert done.stderr.count("\n") == 1
    (made.root / "logs/run_config.yaml").write_text("subjects: ['02']\n")
    done = angiolith("withdraw", made.root, "sub-02", "--images")
    assert done.exit_code == 0
    assert f"angiolith verify {made.root} --absent 02" in done.stderr
    assert not (made.bids / "sub-02").exists()
    assert not (made.root / "logs/run_config.yaml").exists()


def test_deidentify_check_needs_folders_and_names_that_exist(tmp_path):
    for words, told in (
        ([tmp_path / "x"], f"{tmp_path / 'x'}: no such folder\n"),
        ([tmp_path, "--names", tmp_path / "n"], f"{tmp_path / 'n'}: no such file (--names)\n"),
    ):
        done = angiolith("deidentify-check", *words)
        assert (done.exit_code, done.stderr) == (2, told)


def test_audit_table_prints_what_agrees():
    done = angiolith("audit-table", "demo/published/vba.yaml")
    assert done.exit_code == 0
    assert "consistent" in done.stdout


def test_audit_table_refuses_a_file_that_is_none(tmp_path):
    done = angiolith("audit-table", tmp_path / "x.yaml")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "x.yaml" in done.stderr


def test_review_says_which_calcifications_wait_and_checks_decisions(made, tmp_path):
    marks = made.root / "cohort/marks.tsv"
    marks.parent.mkdir(exist_ok=True)
    header = "kind\tsubject\tsession\tlesion\tmark\tcounted\tcertainty\tdecided_by\n"
    rows = ("1\t1-0000aaaa\tFalse\tcandidate\ttool", "2\t2-0000bbbb\tTrue\tsure\ttool")
    marks.write_text(header + "".join(f"calcification\t01\t01\t{row}\n" for row in rows))
    done = angiolith("review", made.root)
    assert "calcifications: 2, of which 1 wait for a reader\nmicrobleeds:    0, of which 0 wait" in done.stdout
    assert "sub-01 ses-01: 1\n" in done.stdout
    columns = "subject\tsession\tmark\tdecision\tartery\treader\tdate\tnote\n"
    table = tmp_path / "decisions.tsv"
    table.write_text(columns + "01\t01\t1-0000aaaa\tkeep\tn/a\tAB\t2026-11-30\tn/a\n")
    assert f"decisions: [{table}]" in angiolith("review", made.root, "--decisions", table).stdout
    table.write_text(table.read_text().replace("1-0000aaaa", "1-0000cccc"))
    done = angiolith("review", made.root, "--decisions", table)
    assert done.exit_code == 2
    assert f"{table}, row 2, mark: the segmentation has no mark 1-0000cccc" in done.stderr
    marks.unlink()


def test_review_says_what_waits_and_checks_a_table(made, tmp_path):
    done = angiolith("review", made.root)
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert "marked:   0 of 4 pictures (0 pass, 0 doubtful, 0 fail)" in lines
    assert "waiting:  4" in lines
    table = tmp_path / "marks.tsv"
    table.write_text("subject\tsession\tpicture\tverdict\treviewer\tnote\n01\t01\twmh\tpass\tAB\t\n")
    done = angiolith("review", made.root, "--table", table)
    assert "marked:   1 of 4 pictures (1 pass, 0 doubtful, 0 fail)" in done.stdout
    assert f"review: {table}" in done.stdout
    table.write_text(table.read_text().replace("wmh", "wmg"))
    done = angiolith("review", made.root, "--table", table)
    assert done.exit_code == 2
    assert "marks.tsv, row 2: there is no picture 'wmg' of sub-01 ses-01; did you mean 'wmh'?" in done.stderr


class Usage(NamedTuple):
    free: float


def test_doctor_says_what_is_missing(monkeypatch, tmp_path):
    assert angiolith("doctor", tmp_path).exit_code == 0
    monkeypatch.setattr(doctor, "memory_gb", lambda: 1.0)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _path: Usage(1e9))
    monkeypatch.setattr(sys, "executable", "/a b/python")
    done = angiolith("doctor", tmp_path)
    assert done.exit_code == 1
    wrong = [line for line in done.stdout.splitlines() if line.startswith("NOT OK")]
    assert [line.split()[2] for line in wrong] == ["path", "memory", "disk"]
    assert "use --cores 1" in done.stdout


def test_the_lock_is_read():
    lock = 'numpy==2.1.0 ; python_version >= "3.11" \\\n    --hash=sha256:00\nscikit_image==0.25 \\\n'
    assert doctor.locked_versions(lock) == {"numpy": "2.1.0", "scikit-image": "0.25"}


def test_check_says_that_a_busy_machine_takes_longer(monkeypatch):
    check = importlib.import_module("angiolith.cli.check")
    monkeypatch.setattr(check.os, "getloadavg", lambda: (1.4, 0, 0), raising=False)
    assert check.busy(2) == ""
    monkeypatch.setattr(check.os, "getloadavg", lambda: (17.2, 0, 0), raising=False)
    assert check.busy(2) == "; longer now, about 17 processes share its 2 cores"


def test_version():
    done = angiolith("--version")
    assert (done.exit_code, done.stdout.strip()) == (0, project_version())
