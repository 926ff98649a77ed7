"""Every key of the configuration is changed once: which rules' settings hold it, against a table to be read.

settings_reruns.tsv: key, and the rules that run again by themselves when it changes; what reads their outputs follows.
build_report and write_inventory print every setting: they run again for each key, and are left out of the table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from angiolith.core.config import Config, plain, settings_of, validate

ROOT = Path(__file__).parents[2]
TABLE = Path(__file__).with_name("settings_reruns.tsv")
PLANNED = {  # which jobs there are, not how they work: files, folders, subjects, tables
    *(
        "bids_dir",
        "manifest",
        "participants",
        "phenotype_dir",
        "review",
        "decisions",
        "output_dir",
        "printed_tables",
        "analysis_plan",
        "analyses",
    ),
    *(
        "report.title",
        "report.notice",
        "report.texts",
        "report.viewer",
        "masks_dirs",
        "images",
        "session_order",
        "sessions",
    ),
    "perivascular.run",
}
OTHER_VALUE: dict[Any, Any] = {bool: lambda value: not value, int: lambda value: value + 1, str: lambda _: "other"}
OTHER_VALUE |= {float: lambda value: (value or 1.0) * 0.9, list: lambda value: [*reversed(value)] if value else ["01"]}


def sections_of_rules() -> dict[str, tuple[str, ...]]:
    """Rule -> the dotted sections that `settings(...)` hands to it, as the rule files have it."""
    found = {}
    for path in sorted((ROOT / "rules").glob("*.smk")):
        for block in re.split(r"^rule ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            if given := re.search(r"settings=settings\(([^)]*)\)", block):
                found[block.partition(":")[0]] = tuple(re.findall(r'"([\w.]+)"', given[1]))
    return found


def keys(section: type[BaseModel], above: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every key that holds a value, with its field."""
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys(field.annotation, f"{above}{name}.")
        else:
            yield above + name, field


def changed(key: str, field: FieldInfo) -> Config:
    """The default configuration with another value of this key."""
    content = plain(Config())
    *above, last = key.split(".")
    section = content
    for part in above:
        section = section[part]
    section[last] = other(section[last], field.annotation)
    return validate(content)


def other(value: Any, annotation: Any) -> Any:
    if get_origin(annotation) is Literal:
        return next(choice for choice in get_args(annotation) if choice != value)
    if value is None:
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        kind = next((get_origin(each) or each for each in kinds if get_origin(each) or isinstance(each, type)), list)
        return [1.0, 1.0, 1.0] if "Positive" in str(annotation) or "Gt" in str(annotation) else OTHER_VALUE[kind]([])
    return OTHER_VALUE[type(value)](value)


def rules_by_key() -> dict[str, str]:
    base, sections = Config(), sections_of_rules()
    found = {}
    for key, field in keys(Config):
        if key in PLANNED:
            continue
        after = changed(key, field)
        moved = [rule for rule, given in sections.items() if settings_of(base, *given) != settings_of(after, *given)]
        found[key] = " ".join(moved)
    return found


def table() -> dict[str, str]:
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "key\trules"
    return dict(line.split("\t") for line in lines[1:])


def test_each_key_reruns_the_rules_that_the_table_says():
    assert rules_by_key() == table()


def test_every_key_that_is_no_file_or_folder_reaches_a_rule():
    assert [key for key, rules in table().items() if not rules] == []


@pytest.mark.parametrize(
    ("rule", "never"),
    [
        ("segment_wmh", ("wmh.grade.", "wmh.measure.", "wmh.review.")),
        ("map_arteries", ("calcification.grade.", "calcification.measure.", "calcification.segment.", "severity.")),
        ("segment_calcification", ("calcification.grade.", "calcification.measure.", "severity.")),
        ("trace_wall", ("vessel_wall.culprit.", "vessel_wall.grade.", "vessel_wall.measure.")),
        ("measure_plaque", ("vessel_wall.culprit.", "vessel_wall.trace.")),
        ("detect_microbleeds", ("microbleeds.review.",)),
        ("detect_lacunes", ("lacunes.review.",)),
    ],
)
def test_what_is_judged_later_does_not_make_anew(rule, never):
    assert [key for key, rules in table().items() if rule in rules.split() and key.startswith(never)] == []
