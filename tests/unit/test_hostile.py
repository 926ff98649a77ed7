"""Every hostile input is answered by one line that names the file, what is wrong and the remedy; docs say the same."""

from functools import cache
from pathlib import Path

import pytest

from tests.hostile import CASES
from tests.hostile.case import TAKEN
from tests.hostile.kinds import KINDS
from validation.hostile import page

pytestmark = pytest.mark.xdist_group("hostile")
DOCS = Path(__file__).parents[2] / "docs/hostile_inputs.md"


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Case -> its answer; each is made once."""
    return cache(lambda case: case.answer(tmp_path_factory.mktemp("case")))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_answered_by_one_line(case, answers):
    outcome, line = answers(case)
    assert (outcome, case.said in line) == (case.outcome, True), line
    assert "\n" not in line
    assert "Traceback" not in line
    if outcome != TAKEN:
        assert any(mark in line for mark in (";", ":")), line  # what is wrong, and what to do


def test_there_are_sixty_and_each_has_its_own_name():
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names) >= 60


def test_every_kind_names_cases_that_are_there():
    names = {case.name for case in CASES}
    assert [name for _, of_kind, _ in KINDS for name in of_kind if name not in names] == []


def test_the_table_in_the_docs_is_what_they_say_today(answers):
    assert DOCS.read_text(encoding="utf-8") == page(answers)
