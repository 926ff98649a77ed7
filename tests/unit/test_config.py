"""The configuration: refusals name file, key and nearest key; the made files agree with the model."""

import pytest
import yaml

from angiolith.core.config import Config, ConfigError, plain, validate
from angiolith.core.config_files import FOLDER, README_MARK, made_files


def test_made_files_agree_with_the_model():
    for path, text in made_files().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run make config"


def test_default_file_is_the_model_defaults():
    content = yaml.safe_load((FOLDER / "config.yaml").read_text())
    assert plain(validate(content)) == plain(Config())


def test_every_key_stands_in_the_reference():
    reference = (FOLDER / "README.md").read_text(encoding="utf-8").split(README_MARK)[1]
    sections = [field.annotation for field in Config.model_fields.values() if hasattr(field.annotation, "model_fields")]
    for section in (Config, *sections):
        for name, field in section.model_fields.items():
            assert f"| `{name}` |" in reference
            nested = hasattr(field.annotation, "model_fields")
            assert nested or field.description, f"{section.__name__}.{name} is not described"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"bids_dr": "x"}, r"my\.yaml: bids_dr: unknown key; did you mean 'bids_dir'"),
        ({"calcification": {"hu_mn": 1}}, r"my\.yaml: calcification\.hu_mn: unknown key; did you mean 'hu_min'"),
        ({"registration": {"seed": "many"}}, r"my\.yaml: registration\.seed: .*integer.*'many'"),
        ({"calcification": {"hu_min": "130"}}, r"my\.yaml: calcification\.hu_min: .*number.*'130'"),
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
