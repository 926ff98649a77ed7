"""Hostile images in one cohort beside sound ones: every job ends, each has its row and reason, the sound are measured.

One of eight images that must be refused by default; every case of an image with ANGIOLITH_ALL_HOSTILE=1
(`make hostile-cohort`: some 400 jobs).
"""

import html
import os
import subprocess
import sys

import pytest

from angiolith.core.tables import read_tsv
from tests.hostile import CASES, images
from tests.hostile.case import FAILED, REVIEW
from tests.workflow.planning import Workbench

IMAGES = [case for case in CASES if case.image]
SOME = [case for case in IMAGES if case.outcome == FAILED][::8]
EVERY = bool(os.environ.get("ANGIOLITH_ALL_HOSTILE"))
HOSTILE = {f"h{at:02d}": case for at, case in enumerate(IMAGES if EVERY else SOME)}
SOUND = ("s1", "s2") if EVERY else ("s1",)
STATUS = {FAILED: {"failed"}, REVIEW: {"review"}}
pytestmark = [pytest.mark.workflow, pytest.mark.xdist_group("hostile")]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The cohort, run to its end, in a folder with a name of its own kind."""
    bench = Workbench(tmp_path_factory.mktemp("hostile") / "Studie 2 (Müller, 頭部)")
    given = {label: case.image for label, case in HOSTILE.items()}
    given |= dict.fromkeys(SOUND, ("ct", images.voxels(lambda hu: hu)))
    refused = {label for label, case in HOSTILE.items() if case.outcome == FAILED}
    with pytest.MonkeyPatch.context() as patch:
        for at, (label, (column, write)) in enumerate(given.items()):
            # noise of its own: else it would be one image under many subjects (refused images are not compared)
            patch.setattr(images, "SEED", 0 if label in refused else at + 1)
            stem = f"sub-{label}_ses-01"
            path = bench.bids / f"sub-{label}/ses-01" / ("ct" if column == "ct" else "anat") / f"{stem}_{column}.nii.gz"
            path.parent.mkdir(parents=True)
            write(path)
    bench.write_participants()
    bench.configure("report: {viewer: false}\n")
    bench.snakemake()
    return bench


def test_every_hostile_subject_has_a_row_with_its_reason(run):
    patients = read_tsv(run.folder / "out/cohort/patients.tsv").set_index("subject")
    for label, case in HOSTILE.items():
        row = patients.loc[label]
        assert row["images_status"] in STATUS.get(case.outcome, {"ok"}), (case.name, row["images_reason"])
        if case.outcome in STATUS:
            assert case.said in row["images_reason"], case.name
        if case.outcome == FAILED:
            assert row["calcification_status"] in ("failed", "missing"), case.name


def test_the_sound_ones_are_measured_to_the_end(run):
    patients = read_tsv(run.folder / "out/cohort/patients.tsv").set_index("subject")
    assert set(patients.index) == {*HOSTILE, *SOUND}
    for label in SOUND:
        assert patients.loc[label, "images_status"] == "ok"
        # on voxels of 6 mm nothing confirms where the carotid arteries lie: their volume is a lower bound
        assert patients.loc[label, "calcification_status"] == "review"
        assert "lower bound" in patients.loc[label, "calcification_reason"]
        assert (
            (run.folder / f"out/sub-{label}/ses-01/ct/sub-{label}_ses-01_space-ct_desc-arteries_dseg.nii.gz")
            .stat()
            .st_size
        )


def test_the_report_lists_each_with_its_reason(run):
    errors = html.unescape((run.folder / "out/report/errors.html").read_text(encoding="utf-8"))
    rows = {label: [line for line in errors.splitlines() if f">{label}<" in line] for label in HOSTILE}
    for label, case in HOSTILE.items():
        if case.outcome in STATUS:
            assert any(case.said in line for line in rows[label]), case.name
        assert (run.folder / f"out/report/sub-{label}.html").is_file()


def test_no_job_crashed_and_the_run_verifies(run):
    logs = [
        path for path in (run.folder / "out/logs").rglob("*.log") if "Traceback" in path.read_text(encoding="utf-8")
    ]
    assert logs == []
    command = [sys.executable, "-m", "angiolith.cli", "verify", str(run.folder / "out")]
    done = subprocess.run(command, cwd=run.project, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
