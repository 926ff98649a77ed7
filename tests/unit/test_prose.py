"""The lint of the documentation's prose measures what a reader reads, and its limits only fall."""

import inspect

import pytest

from tests import prose, prose_sources

PAGE = """# A title of any length is no sentence and is not counted here

The first sentence has seven words here. `A code of many words` is one word, e.g. here. It took 1.5 s.

| a table | is no sentence |
|---|---|

```
code is no sentence
```

- One item
- Another item, [with a link](https://example.org/a/b)
"""


def test_sentences_without_code_tables_and_titles():
    figures = prose.measure(PAGE)
    assert [prose.count_words(sentence) for sentence in figures.sentences] == [7, 6, 4, 2, 5]
    assert figures.mean_words == 4.8
    assert figures.longest == "The first sentence has seven words here."


@pytest.mark.parametrize(
    "text",
    [
        "Forty heads that nothing was\nchosen on.",
        "Found on made heads.",
        "Maps travel back along the same way.",
        "The share of calcium.",
        "An error is said.",
        "This wants a look.",
        "It is not minded.",
        "Half its height.",
        "| a table | is told |",
    ],
)
def test_house_words_are_found(text):
    assert len(prose.measure(text).house_words) == 1


@pytest.mark.parametrize("text", ["They share one limit.", "`told` is a key.", "In this way it works."])
def test_other_words_are_not(text):
    assert prose.measure(text).house_words == ()


def test_a_page_over_its_limits_is_named_with_the_remedy():
    figures = prose.measure("One two three four five six. It is told.")
    assert prose.complaints("a.md", figures, (4.5, 6, 1)) == []
    lines = prose.complaints("a.md", figures, (4.4, 5, 0))
    assert len(lines) == 3
    assert all(line.startswith("a.md: ") for line in lines)
    assert "split" in lines[0]
    assert "'told' -> reported" in lines[2]


def test_limits_fall_and_never_rise():
    worse = prose.measure(" ".join(["word"] * 50) + ".")
    better = prose.measure("Three words here.")
    assert prose.reached(worse, (30.0, 45, 0)) == (30.0, 45, 0)
    assert prose.reached(better, (30.0, 45, 3)) == (prose.GOAL_MEAN, prose.GOAL_LONGEST, 0)


def test_all_that_a_user_reads_is_judged():
    names = prose_sources.sources().keys()
    assert {"README.md", "config/README.md", "docs/methods.md"} <= names
    assert {"docs/reference/command_line.md", "docs/reference/constants.md", "docs/hostile_inputs.md"} <= names
    assert {"angiolith/report/texts.yaml", "docstrings of angiolith", "messages of angiolith/cohort"} <= names


def test_a_docstring_is_judged_by_its_sentences():
    docstring = """Find the edge.

    Parameters
    ----------
    image, mask : ndarray of a certain and long type
        Voxels by position.

    bone.py    what is bone

    >>> no sentence at all
    """
    text = prose_sources.prose_of_docstring(inspect.cleandoc(docstring))
    assert prose.measure(text).sentences == ("Find the edge.", "Voxels by position.", "bone.py: what is bone")


def test_messages_and_docstrings_of_a_module(tmp_path):
    module = tmp_path / "module.py"
    module.write_text(
        '"""A page."""\nNAME = "told"\n\ndef f(n):\n    """One."""\n    raise E(f"it is told {n} times")\n'
    )
    source = prose_sources.texts_in(module)
    assert source.markdown == ["A page.", "One."]
    assert [word for word, _ in prose.measure_source(source).house_words] == ["told"]


def test_texts_of_the_report_without_places_of_values():
    texts = {"a": ["{who}: one {% if x %}two{% endif %}"], "citations": {"Told 1999": "told"}}
    assert list(prose_sources.leaves(texts)) == ["`value`: one  two "]
