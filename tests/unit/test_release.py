"""What a release says of itself: one version everywhere, links that lead somewhere, a complete list of pages."""

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from envs.write_sbom import components, sbom

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "envs/requirements.lock").read_text(encoding="utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def test_one_version_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    codemeta = json.loads((ROOT / "codemeta.json").read_text(encoding="utf-8"))
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    versions = {citation["version"], codemeta["version"], newest[1], PROJECT["version"]}
    assert versions == {PROJECT["version"]}
    assert citation["license"] == PROJECT["license"]
    assert codemeta["license"].endswith("/" + PROJECT["license"])
    assert codemeta["dateModified"] == citation["date-released"]


def test_the_citation_has_what_the_format_asks_for():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= set(citation)
    assert all("name" in author or "family-names" in author for author in citation["authors"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", citation["date-released"])  # a string: an unquoted date is none in YAML
    assert len(set(citation["keywords"])) == len(citation["keywords"])


def test_the_bill_of_materials_is_that_of_the_lock():
    assert (ROOT / "envs/sbom.cdx.json").read_text(encoding="utf-8") == sbom(LOCK, PROJECT), "python envs/write_sbom.py"


def test_every_pin_of_the_lock_is_in_the_bill():
    made = components(LOCK)
    assert len(made) == LOCK.count("==") - LOCK.count(" == ") > 100
    assert len({package["bom-ref"] for package in made}) == len(made)


def test_a_package_for_some_machines_alone_says_so():
    lock = "colorama==0.4.6 ; sys_platform == 'win32' \\\n    --hash=sha256:00\nrich==15.0.0 \\\n    --hash=sha256:00\n"
    first, second = components(lock)
    assert first["purl"] == "pkg:pypi/colorama@0.4.6"
    assert first["properties"][0]["value"] == "sys_platform == 'win32'"
    assert (second["version"], "properties" in second) == ("15.0.0", False)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_to_files_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


def test_every_page_stands_in_the_index():
    index = ROOT / "docs/README.md"
    named = {(index.parent / link).resolve() for link in re.findall(r"\]\(([^)]+)\)", index.read_text("utf-8"))}
    assert set((ROOT / "docs").rglob("*.md")) - {index} - named == set()


def test_files_that_the_pages_name_exist():
    """Paths in backticks that begin with a folder of the project."""
    folders = "angiolith|scripts|rules|tests|validation|benchmarks|training|phantoms|config|resources|envs|demo|website"
    named = re.compile(rf"`((?:{folders})/[\w./-]+)`")
    gone = {
        f"{page.name}: {path}"
        for page in [*PAGES, ROOT / "config/README.md"]
        if page.name != "CHANGELOG.md"
        for path in named.findall(page.read_text(encoding="utf-8"))
        if not (ROOT / path).exists()
    }
    assert gone == set()
