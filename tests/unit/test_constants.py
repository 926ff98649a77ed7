"""Every chosen number is a named constant or a setting, with a unit and a source, and the reference page holds it."""

import pytest

from angiolith.core import constants_reference as reference

MODULES = [module for module in reference.modules() if not reference.is_pending(module)]
MEASURING = [
    *(module for module in MODULES if not module.endswith(reference.LAYOUT)),
]


def test_constants_have_unit_meaning_and_source():
    missing = [
        f"{one.module}: {one.name}" for module in MODULES for one in reference.constants_of(module) if not one.source
    ]
    assert missing == [], "write a comment above: # [unit] Meaning. Source: ..."


def test_settings_have_unit_and_source():
    missing = [
        one.key
        for one in reference.settings()
        if one.key.split(".")[0] not in reference.PENDING_SECTIONS and not (one.unit and one.source)
    ]
    assert missing == []


def test_no_number_inside_an_expression():
    looked_at = (
        name for name in MEASURING if name not in reference.FORMULAS and not reference.lies_in(name, reference.PENDING)
    )
    assert [line for module in looked_at for line in reference.inline_numbers(module)] == []


def test_pending_rooms_are_there():
    assert [room for room in reference.PENDING if not (reference.PACKAGE / room).exists()] == []


@pytest.mark.parametrize(
    ("text", "unit"), [("# [mm] Far away. Source: physics.\nFAR = 3", "mm"), ("FAR = 3  # mm", None)]
)
def test_a_comment_is_read(tmp_path, monkeypatch, text, unit):
    (tmp_path / "one.py").write_text(f"import os\n\n{text}\n", encoding="utf-8")
    monkeypatch.setattr(reference, "PACKAGE", tmp_path)
    (found,) = reference.constants_of("one.py")
    assert (found.name, found.value, found.unit) == ("FAR", "3", unit)


def test_a_number_in_a_function_is_found(tmp_path, monkeypatch):
    (tmp_path / "one.py").write_text("def f(x):\n    return x[7] > 0.7 and round(x, 9) < 1e-6\n", encoding="utf-8")
    monkeypatch.setattr(reference, "PACKAGE", tmp_path)
    assert [line.split(": ")[1] for line in reference.inline_numbers("one.py")] == ["0.7"]
