"""The site's navigation and figures are made from what they show."""

import re
from pathlib import Path

import pytest
import yaml

from angiolith.change import measure as change
from angiolith.cohort import image_status
from angiolith.small_vessel.acute import detect
from angiolith.small_vessel.acute import session as acute
from angiolith.small_vessel.atrophy import fractions as atrophy
from angiolith.small_vessel.location import lobes
from angiolith.small_vessel.location import session as places
from angiolith.small_vessel.perivascular import detect as perivascular
from angiolith.small_vessel.wmh import fazekas as wmh
from angiolith.steps import STEPS
from angiolith.vessel_wall import metrics
from website import columns, figures, navigation

ROOT = Path(__file__).parents[2]


def test_the_navigation_is_the_index():
    index = "# Title\n\n## Kind\n\n- [A page](a.md)\n- [Settings](../config/README.md)\n- [No page](../envs/a.json)\n"
    home, kind, about = navigation.navigation(index)
    assert home == {"Home": "README.md"}
    assert kind == {"Kind": [{"A page": "docs/a.md"}, {"Settings": "config/README.md"}]}
    assert {"All pages": "docs/README.md"} in about["About"]


def test_every_page_of_the_navigation_exists():
    made = navigation.navigation((ROOT / navigation.INDEX).read_text(encoding="utf-8"))
    pages = [page for section in made[1:] for entries in section.values() for one in entries for page in one.values()]
    assert len(pages) > 50
    assert [page for page in pages if not (ROOT / page).is_file()] == []


def test_the_site_opens_from_disk_and_loads_nothing():
    settings = yaml.safe_load((ROOT / "website/mkdocs.yml").read_text(encoding="utf-8"))
    assert settings["use_directory_urls"] is False
    assert settings["theme"]["font"] is False

    class Page:
        url = "docs/tutorial/first_run.html"

    assert navigation.on_post_page(f'src="{navigation.REMOTE}"', Page(), {}) == 'src="../../iframe-worker.js"'
    assert (ROOT / "website" / navigation.LOCAL).is_file()


@pytest.mark.parametrize("name", figures.FIGURES)
def test_figures_are_those_of_the_code(name):
    assert (ROOT / "docs/images" / name).read_text(encoding="utf-8") == figures.FIGURES[name](), (
        "python -m website.figures"
    )


def test_the_figure_of_the_workflow_has_every_rule():
    rules = {
        rule
        for file in (ROOT / "rules").glob("*.smk")
        for rule in re.findall(r"^rule (\w+):", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    drawn = set(re.findall(r"[a-z]+(?:_[a-z]+)+", (ROOT / "docs/images/workflow.svg").read_text(encoding="utf-8")))
    assert rules - drawn - {"seal_subject"} == set()  # which seals what is done: no figure of what is measured


def test_edges_that_follow_from_others_are_left_out():
    before = {"a": set(), "b": {"a"}, "c": {"a", "b"}}
    assert figures.reduced(before) == {"a": set(), "b": {"a"}, "c": {"b"}}
    assert figures.layers(before) == [["a"], ["b"], ["c"]]


def test_what_a_step_reads_is_what_another_one_makes():
    rules, images = figures.what_steps_read(figures.planned())
    assert set(rules) == set(STEPS)
    assert rules["segment_calcification"] == {"check_images", "map_arteries"}
    assert images["segment_calcification"] == {"ct"}


def test_the_reference_of_columns_is_that_of_the_code():
    assert columns.PAGE.read_text(encoding="utf-8") == columns.page(), "python -m website.columns"


@pytest.mark.parametrize(
    ("section", "names"),
    [
        ("plaque", metrics.COLUMNS),
        ("change", change.COLUMNS),
        ("cohort", image_status.COLUMNS),
        ("acute", acute.MEASURES),
        ("acute_lesions", detect.COLUMNS),
        ("small_vessel", (*wmh.MEASURES, *atrophy.MEASURES, *places.MEASURES, *lobes.MEASURES, *perivascular.MEASURES)),
    ],
)
def test_every_column_has_a_meaning(section, names):
    assert set(names) - {*columns.WRITTEN[section], *columns.WRITTEN["every table"]} == set()


def test_units_are_those_of_the_names():
    units = [columns.unit_of(name) for name in ("max_wall_mm", "a_mm2", "wmh_percent_icv", "x_mm3_ICA", "n_lacunes")]
    assert units == ["mm", "mm²", "%", "mm³", ""]
