"""One lock, and everything else agrees with it."""

import re
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
    recipe = (ROOT / "envs/Containerfile").read_text()
    assert "--require-hashes -r envs/requirements.lock" in recipe
    assert f"python:{python.split('=')[1]}-slim" in recipe
