"""The wheel, installed in a folder of its own and used outside the checkout: command, machine check and a dry run."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.workflow.planning import ROOT

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the installed wheel (`site`) and a BIDS folder of one subject (`bids`)."""
    folder = tmp_path_factory.mktemp("installed")
    source = folder / "source"
    shutil.copytree(ROOT, source, symlinks=True, ignore=shutil.ignore_patterns(".*", "build", "tests", "__pycache__"))
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel"], cwd=source, check=True)
    (wheel,) = (source / "dist").glob("*.whl")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile"]
    subprocess.run([*install, "--target", str(folder / "site"), str(wheel)], check=True)
    shutil.rmtree(source)
    image = folder / "bids/sub-01/anat/sub-01_FLAIR.nii.gz"
    image.parent.mkdir(parents=True)
    image.write_text("planning reads no image")
    return folder


def angiolith(place, *words):
    environment = os.environ | {"PYTHONPATH": str(place / "site")}
    line = [sys.executable, str(place / "site/bin/angiolith"), *words]
    return subprocess.run(line, cwd=place, env=environment, capture_output=True, text=True, timeout=120)


def test_help_and_doctor(place):
    help_text = angiolith(place, "--help").stdout
    assert "doctor" in help_text
    assert "deidentify-check" in help_text
    told = angiolith(place, "doctor").stdout.splitlines()
    assert f"ok       workflow            {place / 'site/angiolith/workflow'}" in told


def test_dry_run_plans_with_the_installed_workflow(place):
    done = angiolith(place, "run", "bids", "out", "group", "--dry-run", "--cores", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert str(place / "site/angiolith/workflow/Snakefile") in done.stdout
    jobs = dict(line.rsplit(maxsplit=1) for line in done.stdout.splitlines()[2:-1])
    assert jobs["segment wmh"] == jobs["build report"] == "1"


def test_files_made_from_the_model_agree_in_the_installation(place):
    environment = os.environ | {"PYTHONPATH": str(place / "site")}
    line = [sys.executable, "-m", "angiolith.core.config_files", "--check"]
    assert subprocess.run(line, cwd=place, env=environment, check=False).returncode == 0
