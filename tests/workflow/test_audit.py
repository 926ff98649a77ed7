"""Real jobs over files that are no images: inventory, verify, a second run, a killed run, a withdrawn subject.

An unreadable image gives rows with a status, so that the whole workflow runs in seconds.
"""

import html
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from angiolith.audit.deidentify import findings
from tests.hostile.images import head, save
from tests.workflow.planning import OF_COHORT, SNAKEMAKE, Workbench

pytestmark = pytest.mark.xdist_group("audit")
VALIDATOR = Path(sys.executable).with_name("bids-validator-deno")


SEEDS = ("Mustermann", "Erika", "4711-0815-77", "1950-01-02", "19500102", "Klinikum Beispielstadt", "erika@example.org")
ATTRIBUTES = {
    "PatientName": "Mustermann^Erika",
    "PatientID": "4711-0815-77",
    "PatientBirthDate": "19500102",
    "InstitutionName": "Klinikum Beispielstadt",
    "ProtocolName": "Kopf, Frau Mustermann",
    "ContrastBolusAgent": "nach Ruecksprache mit erika@example.org",
}


def seed(bench):
    """A CT, not in HU so that no job measures it, with a name in JSON, header and extension; columns that name her."""
    path = bench.bids / "sub-02/ses-01/ct/sub-02_ses-01_ct.nii.gz"
    save(path, head() + 1024, descrip=b"Mustermann^Erika", db_name=b"4711-0815-77", aux_file=b"19500102")
    image = nib.load(path)
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"Klinikum Beispielstadt"))
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), image.affine, image.header), path)
    path.with_name("sub-02_ses-01_ct.json").write_text(json.dumps(ATTRIBUTES))
    (bench.bids / "participants.tsv").write_text(
        "participant_id\tage\tpatient_name\tdate_of_birth\tMRN\te-mail\tremark\n"
        "sub-01\t60\tn/a\tn/a\tn/a\tn/a\t<script>alert(1)</script>\n"
        "sub-02\t70\tErika Mustermann\t1950-01-02\t4711-0815-77\terika@example.org\t=1+1\n"
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Two subjects, one of them with her name in many places, run to the end, and a snapshot of the folder."""
    bench = Workbench(tmp_path_factory.mktemp("audited") / "bench zwei (Übung)")
    for subject in ("01", "02"):
        bench.add_session(subject, "01", ("anat/{}_T1w",))
    seed(bench)
    bench.snakemake()
    bench.keep()
    return bench


@pytest.fixture
def bench(finished):
    """The finished run, put back as it was in its own place."""
    finished.put_back()
    return finished


def command(bench, name, *arguments):
    """A command of the project copy on the output folder: its exit status and what it printed."""
    line = [sys.executable, "-m", "angiolith.cli", name, str(bench.folder / "out"), *arguments]
    done = subprocess.run(line, cwd=bench.project, env=bench.environment, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


def test_a_finished_run_verifies_and_has_nothing_to_do(bench):
    assert command(bench, "verify") == (0, "")
    assert bench.plan() == {}


def test_nothing_that_names_the_patient_reaches_any_output(finished):
    assert {found.kind for found in findings(finished.snapshot / "bids", SEEDS)} >= {"name", "date", "face", "listed"}
    assert [found for found in findings(finished.snapshot / "out", SEEDS) if found.kind == "listed"] == []
    assert [found for found in findings(finished.snapshot / ".snakemake", SEEDS) if found.kind == "listed"] == []


def test_markup_in_a_clinical_table_is_no_markup_in_the_report(finished):
    assert "<script>alert(1)" not in (finished.snapshot / "out/report/index.html").read_text(encoding="utf-8")


def test_one_subject_made_again_has_the_same_bytes(bench):
    assert command(bench, "verify", "--rerun", "01") == (0, "")


def test_a_run_that_was_killed_is_found_and_finished_to_the_same_bytes(bench):
    inventory = (bench.folder / "out/audit/inventory.tsv").read_bytes()
    shutil.rmtree(bench.folder / "out/sub-02")
    (bench.folder / "out/cohort/patients.tsv").write_text("edited\n")
    snakemake = [SNAKEMAKE, "-s", str(bench.project / "Snakefile"), "--cores", "1", "--configfile", "my.yaml"]
    log = bench.folder / "out/logs/register_mri_to_template/02_01_T1w.log"
    log.unlink()
    with subprocess.Popen(
        snakemake,
        cwd=bench.folder,
        env=bench.environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as run:
        deadline = time.monotonic() + 120
        while not log.exists() and run.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        os.killpg(run.pid, signal.SIGSTOP)
        with pytest.raises(RuntimeError, match=r"[Ll]ock"):  # a second run on the same folder, while the first is on
            bench.snakemake()
        os.killpg(run.pid, signal.SIGKILL)
    status, printed = command(bench, "verify")
    assert status == 1
    assert "lost\tsub-02/ses-01/" in printed
    assert "changed\tcohort/patients.tsv\tnot the bytes that its job left: delete it" in printed
    (bench.folder / "out/cohort/patients.tsv").unlink()
    with pytest.raises(RuntimeError, match="--unlock"):
        bench.snakemake()
    bench.snakemake("--unlock")
    bench.snakemake()
    assert command(bench, "verify") == (0, "")
    assert (bench.folder / "out/audit/inventory.tsv").read_bytes() == inventory


ANALYSES = """
analyses:
  ratings: {kind: severity, table: patients, severity: fazekas_A, markers: [lacunes_A]}
  ages: {kind: severity, table: patients, outcome: sex, event: F, describe: [age], predictors: [age], severity: age,
    markers: [lacunes_A], changes: {age: {baseline: age, followup: lacunes_A}}, agreement: {ages: [age, lacunes_A]}}
"""


def test_a_clinical_table_that_cannot_be_used_stops_what_needs_it_and_nothing_else(bench):
    (bench.bids / "participants.tsv").write_text("participant_id\tage\tsex\nsub-01\t60\tF\nsub-02\t61,5\tM\n")
    ratings = bench.bids / "phenotype/readers.tsv"
    ratings.parent.mkdir()
    row = "sub-{0}\tses-01\tA\t{1}\t{1}\n"
    ratings.write_text(
        "participant_id\tsession_id\treader\tfazekas\tlacunes\n" + row.format("01", 2) + row.format("02", 3)
    )
    bench.configure(ANALYSES)
    printed = bench.snakemake()
    line = "bids/participants.tsv, row 3, age: '61,5' is not a number; write 61.5"
    assert f"left out: {line}" in printed
    assert command(bench, "verify") == (0, "")
    cohort = bench.folder / "out/cohort"
    assert (cohort / "ratings_correlations.tsv").stat().st_size > 0
    empty = {path.name for path in cohort.glob("ages_*") if path.stat().st_size == 0}
    assert {f"ages_{name}.tsv" for name in ("data", "table1", "associations", "correlations", "change")} <= empty
    errors = (bench.folder / "out/report/errors.html").read_text(encoding="utf-8")
    assert errors.count(html.escape(line).replace("&#x27;", "&#39;")) == 2  # the table, and the analysis that needs it
    assert command(bench, "withdraw", "02", "--images")[0] == 0  # looks into files that could not be made, too


def test_a_withdrawn_subject_is_nowhere_after_the_next_run(bench):
    assert command(bench, "withdraw", "02")[0] == 2  # still among the images
    assert command(bench, "withdraw", "02", "--images")[0] == 0
    assert bench.jobs() == dict.fromkeys(OF_COHORT, 1)
    bench.snakemake()
    assert command(bench, "verify", "--absent", "02") == (0, "")
    assert command(bench, "verify", "--absent", "01")[0] == 1


@pytest.mark.skipif(not VALIDATOR.is_file(), reason="bids-validator-deno is not in the environment")
def test_the_derivatives_pass_the_bids_validator(finished):
    out = finished.snapshot / "out"
    done = subprocess.run([VALIDATOR, out, "--json"], capture_output=True, text=True, check=False)
    issues = json.loads(done.stdout)["issues"]["issues"]
    errors = {issue["code"] for issue in issues if issue["severity"] == "error"}
    assert errors <= {"EMPTY_FILE", "NIFTI_HEADER_UNREADABLE"}  # masks that could not be made
