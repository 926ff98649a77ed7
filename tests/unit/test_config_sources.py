"""A configuration that cannot be read, or would plan something else than was meant, is refused by its place."""

import re

import pytest

from angiolith.core.config import ConfigError, validate
from angiolith.core.config.plan import check_plan, check_subjects
from angiolith.core.config.sources import place_of_key, read_config


def config_file(folder, text):
    path = folder / "my.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: [1\nc: 2\n", r"my\.yaml, line 3, column \d+: is no YAML: "),
        ("wmh:\n\tgrow: 1\n", r"my\.yaml, line 2, column 1: is no YAML: .*blanks, not tabs"),
        ("bids_dir: 'x\n", r"my\.yaml, line \d, column \d+: is no YAML"),
        ("bids_dir:/data\n", r"my\.yaml, line 1: holds no `key: value`; a blank must follow the colon"),
        ("- a\n", r"my\.yaml, line 1: holds no `key: value`"),
        ("a: 1\nb:\n  c: 1\n  c: 2\n", r"my\.yaml, line 4: the key 'c' stands in line 3 already; delete one"),
        ("title: M\u00fcller".encode("latin-1"), r"my\.yaml: is not UTF-8"),
    ],
)
def test_a_slip_is_one_line_with_its_place(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message) as caught:
        read_config(config_file(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_names_the_nearest_one(tmp_path):
    config_file(tmp_path, "")
    with pytest.raises(ConfigError, match=r"mi\.yaml: no such file \(looked for from /.*\); did you mean 'my\.yaml'\?"):
        read_config(tmp_path / "mi.yaml")
    with pytest.raises(ConfigError, match="there is no folder"):
        read_config(tmp_path / "nowhere/my.yaml")
    assert read_config(tmp_path / "my.yaml") == {}


def test_the_line_of_a_key_is_that_of_the_last_file_that_holds_it(tmp_path):
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("x: 1\nwmh:\n  segment:\n    seed: 2\nsubjects:\n- '01'\n- '02'\n")
    second.write_text("\nx: 2\n")
    files = [first, second]
    assert place_of_key(("x",), files) == f"{second}, line 2"
    assert place_of_key(("wmh", "segment", "seed"), files) == f"{first}, line 4"
    assert place_of_key(("subjects", 1), files) == f"{first}, line 7"
    assert place_of_key(("wmh", "segment", "lacking"), files) == f"{first}, line 3"
    assert place_of_key(("elsewhere",), files) == str(second)


def planned(folder, **content):
    check_plan(validate(content), [folder / "my.yaml"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "no input: give bids_dir, manifest, analyses or printed_tables"),
        ({"bids_dir": "a.tsv"}, "bids_dir: a.tsv: is a file"),
        ({"bids_dir": "b", "output_dir": "a.tsv"}, "output_dir: a.tsv is a file; give a folder"),
        ({"bids_dir": "b", "output_dir": " "}, "output_dir: is empty"),
        ({"bids_dir": "b", "participants": "aa.tsv"}, r"participants: aa.tsv: no such file .*; did you mean 'a.tsv'"),
        ({"bids_dir": "b", "participants": "b"}, "participants: b: is a folder; give a file"),
        ({"bids_dir": "b", "phenotype_dir": "ph"}, "phenotype_dir: ph: no such folder"),
        ({"bids_dir": "b", "review": "r.tsv"}, "review: r.tsv: no such file .*; save it on the report's review page"),
        ({"bids_dir": "b", "wmh_tool": {"weights": "w.onnx"}}, r"wmh_tool\.weights: w.onnx: no such file"),
        ({"printed_tables": {"t": "t.yaml"}}, r"printed_tables\.t: t.yaml: no such file"),
        ({"manifest": "a.tsv", "masks_dirs": ["x"]}, "masks_dirs: is for bids_dir; a manifest names its images"),
        (
            {"analyses": {"a": {"kind": "severity", "table": "patients"}}},
            r"analyses\.a\.table: 'patients' needs images",
        ),
        ({"bids_dir": "b", "analyses": {"a": {"kind": "severity", "table": "patient"}}}, "did you mean 'patients'"),
        (
            {"analyses": {"a": {"kind": "severity", "table": "in.csv"}}},
            r"it lies beside my\.yaml: write .*/sub/in\.csv",
        ),
        ({"analyses": {"a/b": {"kind": "severity", "table": "a.tsv"}}}, "analyses: 'a/b' begins the names of files"),
    ],
)
def test_what_is_not_there_is_said_with_its_key_before_anything_is_planned(tmp_path, monkeypatch, content, message):
    (tmp_path / "b").mkdir()
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.tsv").touch()
    (tmp_path / "sub/in.csv").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        planned(tmp_path / "sub", **content)
    assert re.search(message, str(caught.value)), str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_table_that_this_run_makes_need_not_be_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b").mkdir()
    analyses = {"a": {"kind": "severity", "table": "out/cohort/patients.tsv"}}
    planned(tmp_path, bids_dir="b", output_dir="out", analyses=analyses)


def test_every_unknown_subject_is_named(tmp_path):
    config = validate({"subjects": ["sub-01", "2", "x"]})
    with pytest.raises(ConfigError) as caught:
        check_subjects(config, ["01", "02"], [])
    lines = str(caught.value).splitlines()
    assert [line.split("; ")[1] for line in lines] == ["did you mean '02'?", "known: 01, 02"]
    with pytest.raises(ConfigError, match="there are no images to choose from"):
        check_subjects(config, [], [])
