"""The table of characteristics as Markdown and Word, and the attrition as a picture: content and bytes."""

import re

import pandas as pd
from docx import Document
from hypothesis import given, settings
from hypothesis import strategies as st

from angiolith.cohort.attrition import attrition_table
from angiolith.cohort.flow import draw_flow, flow_boxes
from angiolith.cohort.publish import characteristics_notes, markdown, write_docx

PRINTED = pd.DataFrame({"variable": ["age, mean (SD)", "site: a|b, n (%)"], "all": ["62.1 (8.0)", "3 (30.0)"]})


def test_markdown_is_a_pipe_table():
    text = markdown(PRINTED, "Table 1", ["a note"])
    assert text.split("\n")[2:6] == [
        "| variable | all |", "|---|---|", "| age, mean (SD) | 62.1 (8.0) |", "| site: a\\|b, n (%) | 3 (30.0) |",
    ]  # fmt: skip
    assert text.endswith("a note\n")


def test_the_notes_name_the_tests():
    notes = characteristics_notes(pd.DataFrame({"test": ["Student's t", None, "Fisher's exact"]}))
    assert "Fisher's exact, Student's t" in " ".join(notes)


def test_word_holds_every_cell_and_is_the_same_on_every_run(tmp_path):
    for name in ("a.docx", "b.docx"):
        write_docx(PRINTED, "Table 1", ["a note"], tmp_path / name)
    assert (tmp_path / "a.docx").read_bytes() == (tmp_path / "b.docx").read_bytes()
    document = Document(str(tmp_path / "a.docx"))
    cells = [[cell.text for cell in row.cells] for row in document.tables[0].rows]
    assert cells == [list(PRINTED.columns), *PRINTED.to_numpy().tolist()]
    assert [paragraph.text for paragraph in document.paragraphs] == ["Table 1", "a note"]


def steps_of(reasons):
    """Attrition of one row per subject; reasons: step (None: analysed) of each."""
    words = [None if step is None else f"reason {step}" for step in reasons]
    account = pd.DataFrame({"step": pd.array(reasons, dtype="Int64"), "reason": words})
    return attrition_table("mine", pd.Series([f"S{at}" for at in range(len(reasons))]), account)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(0, 4)), min_size=1, max_size=40))
def test_the_picture_accounts_for_everybody(reasons):
    """Whatever the input: those assessed are those excluded in some box and those analysed."""
    boxes = flow_boxes(steps_of(reasons), "", pd.Series(dtype=int))
    numbers = [[int(n) for n in re.findall(r"n = (\d+)", text)] for box in boxes for text in box]
    main, beside = numbers[::2], numbers[1::2]
    assert main[0] == [len(reasons)]
    assert main[-1] == [sum(step is None for step in reasons)]
    assert sum(excluded[0] for excluded in beside if excluded) == main[0][0] - main[-1][0]
    assert all(excluded[0] == sum(excluded[1:]) for excluded in beside if excluded)
    for before, after, excluded in zip(main[:-1], main[1:], beside[1:], strict=True):
        assert before[0] - after[0] == (excluded[0] if excluded else 0)


def test_the_picture_names_reasons_and_groups_and_is_the_same_on_every_run(tmp_path):
    steps = steps_of([None, 1, 1, 2, None, None])
    for name in ("a.svg", "b.svg"):
        draw_flow(steps, "", pd.Series({"culprit": 2, "other": 1}), "mine", tmp_path / name)
    text = (tmp_path / "a.svg").read_text()
    assert text == (tmp_path / "b.svg").read_text()
    for words in ("Assessed", "Excluded, n = 2", "reason 1: n = 2", "Analysed", "culprit: 2, other: 1"):
        assert words in text
