"""The configuration: refusals name file, key and nearest key; the made files agree with the model."""

import pytest
import yaml

from angiolith.core.config import Config, ConfigError, plain, settings_of, validate
from angiolith.core.config_files import FOLDER, README_MARK, made_files
from angiolith.core.settings.section import StepSettings, step_settings
from angiolith.core.settings.wmh import WmhGradeSettings, WmhSegmentSettings


def test_made_files_agree_with_the_model():
    for path, text in made_files().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run make config"


def test_default_file_is_the_model_defaults():
    content = yaml.safe_load((FOLDER / "config.yaml").read_text())
    assert plain(validate(content)) == plain(Config())


def sections_of(section):
    """The section and all sections within it."""
    inner = [field.annotation for field in section.model_fields.values() if hasattr(field.annotation, "model_fields")]
    return [section, *(found for each in inner for found in sections_of(each))]


def test_every_key_stands_in_the_reference():
    reference = (FOLDER / "README.md").read_text(encoding="utf-8").split(README_MARK)[1]
    for section in sections_of(Config):
        for name, field in section.model_fields.items():
            assert f"| `{name}` |" in reference
            nested = hasattr(field.annotation, "model_fields")
            assert nested or field.description, f"{section.__name__}.{name} is not described"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"bids_dr": "x"}, r"my\.yaml, line 1: bids_dr: unknown key; did you mean 'bids_dir'"),
        (
            {"calcification": {"threshold": {"hu_mn": 1}}},
            r"my\.yaml, line 3: calcification\.threshold\.hu_mn: unknown key; did you mean 'hu_min'",
        ),
        (
            {"registration": {"rigid": {"seed": "many"}}},
            r"my\.yaml, line 3: registration\.rigid\.seed: .*integer.*'many'",
        ),
        (
            {"calcification": {"threshold": {"hu_min": "130"}}},
            r"my\.yaml, line 3: calcification\.threshold\.hu_min: .*number.*'130'",
        ),
        ({"bids_dir": "a", "manifest": "b"}, "not both"),
    ],
)
def test_refusals_name_file_key_and_nearest_key(tmp_path, content, message):
    file = tmp_path / "my.yaml"
    file.write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigError, match=message):
        validate(content, [FOLDER / "config.yaml", file])


def test_all_problems_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        validate({"a": 1, "b": 2})
    assert len(str(caught.value).splitlines()) == 2


MOVED = {  # keys of version 0.1 and where they are now
    "wmh.fazekas_deep_mm": "wmh.grade.fazekas_deep_mm",
    "wmh.bias_voxel_mm": "wmh.segment.bias_voxel_mm",
    "calcification.kockelkoren": "calcification.grade.kockelkoren",
    "calcification.hu_min": "calcification.threshold.hu_min",
    "arteries.wall_margin_mm": "arteries.region.wall_margin_mm",
    "registration.seed": "registration.rigid.seed",
    "vessel_wall.seed": "vessel_wall.measure.seed",
    "vessel_wall.trace_wall": "vessel_wall.trace.trace_wall",
    "lacunes.review_count": "lacunes.review.review_count",
    "microbleeds.review_count": "microbleeds.review.review_count",
    "report.viewer_voxel_mm": "report.volumes.viewer_voxel_mm",
}


@pytest.mark.parametrize(("old", "new"), MOVED.items())
def test_an_old_key_is_refused_with_its_new_place(tmp_path, old, new):
    file = tmp_path / "my.yaml"
    section, key = old.split(".")
    file.write_text(yaml.safe_dump({section: {key: 1}}))
    with pytest.raises(ConfigError) as caught:
        validate({section: {key: 1}}, [FOLDER / "config.yaml", file])
    assert str(caught.value) == f"{file}, line 2: {old} moved to {new}"


def test_every_step_section_stands_where_it_says_and_comes_back_typed():
    config = validate({"wmh": {"grade": {"fazekas_deep_mm": [8.0, 16.0]}}})
    for section in StepSettings.__subclasses__():
        given = settings_of(config, section.KEY)
        assert step_settings(given, section) == section.model_validate(given_at(given, section.KEY))
    given = settings_of(config, "wmh.grade", "wmh_tool")
    assert list(given) == ["wmh", "wmh_tool"]
    assert list(given["wmh"]) == ["grade"]
    assert step_settings(given, WmhGradeSettings).fazekas_deep_mm == [8.0, 16.0]
    with pytest.raises(KeyError, match=r"wmh\.segment is not among the rule's settings"):
        step_settings(given, WmhSegmentSettings)


def given_at(given, key):
    for part in key.split("."):
        given = given[part]
    return given
