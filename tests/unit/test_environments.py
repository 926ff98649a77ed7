"""One lock, and everything else agrees with it."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "envs/requirements.lock").read_text()
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def locked():
    """Name -> versions (more than one where they depend on the Python version)."""
    found = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", LOCK, flags=re.MULTILINE):
        found.setdefault(canonicalize_name(name), []).append(version)
    return found


def test_every_requirement_is_locked_at_a_version_it_allows():
    versions = locked()
    wanted = PYPROJECT["project"]["dependencies"] + PYPROJECT["dependency-groups"]["dev"]
    for requirement in map(Requirement, wanted):
        assert all(requirement.specifier.contains(v) for v in versions[canonicalize_name(requirement.name)]), (
            requirement
        )


def test_every_locked_package_has_hashes_and_no_address():
    blocks = re.split(r"^(?=[A-Za-z0-9])", LOCK, flags=re.MULTILINE)[1:]
    assert len(blocks) > 50
    for block in blocks:
        assert "--hash=sha256:" in block, block.splitlines()[0]
    assert "://" not in LOCK
    assert "index-url" not in LOCK


def test_conda_and_container_take_the_lock():
    environment = yaml.safe_load((ROOT / "envs/environment.yaml").read_text())
    pip = next(item["pip"] for item in environment["dependencies"] if isinstance(item, dict))
    pins = {}
    for requirement in map(Requirement, pip):
        pins.setdefault(canonicalize_name(requirement.name), []).append(str(requirement.specifier).removeprefix("=="))
    assert pins == locked()
    python = next(item for item in environment["dependencies"] if str(item).startswith("python="))
    assert Requirement(f"python{PYPROJECT['project']['requires-python']}").specifier.contains(python.split("=")[1])
    for recipe in ("Containerfile", "apptainer.def"):
        text = (ROOT / "envs" / recipe).read_text()
        assert re.search(r"--require-hashes -r (/angiolith/)?envs/requirements\.lock", text), recipe
        assert f"python:{python.split('=')[1]}-slim" in text, recipe


def test_the_apptainer_image_holds_what_a_run_needs():
    copied = re.findall(r"^    (\S+) /angiolith/\1$", (ROOT / "envs/apptainer.def").read_text(), flags=re.MULTILINE)
    assert {
        "Snakefile",
        "angiolith",
        "config",
        "profiles",
        "resources",
        "rules",
        "scripts",
        "envs",
        "pyproject.toml",
    } <= set(copied)


def test_slurms_lock_holds_what_its_group_asks_for_with_hashes():
    text = (ROOT / "envs/slurm.lock").read_text()
    pins = dict(
        re.findall(r"^([A-Za-z0-9._-]+)==(\S+)(?: \\\n +--hash=sha256:[0-9a-f]{64})+$", text, flags=re.MULTILINE)
    )
    wanted = {
        requirement.name: requirement for requirement in map(Requirement, PYPROJECT["dependency-groups"]["slurm"])
    }
    assert pins.keys() == wanted.keys()
    assert all(wanted[name].specifier.contains(version) for name, version in pins.items())


def test_a_relocatable_environment_runs_where_it_was_moved_to(tmp_path):
    lock = tmp_path / "one.lock"
    lock.write_text("")  # pip itself is the package that is moved
    built, moved = tmp_path / "built", tmp_path / "moved"
    subprocess.run([ROOT / "envs/relocatable.sh", built, lock], check=True, env=os.environ | {"PYTHON": sys.executable})
    built.rename(moved)
    said = subprocess.run([moved / "bin/pip", "--version"], check=True, capture_output=True, text=True).stdout
    assert str(moved) in said
    assert str(built) not in said
