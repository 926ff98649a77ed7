import pytest

from angiolith.core.wording import count_of


@pytest.mark.parametrize(
    ("number", "nouns", "text"),
    [
        (0, ("subject",), "0 subjects"),
        (1, ("subject",), "1 subject"),
        (2, ("subject",), "2 subjects"),
        (1, ("series", "series"), "1 series"),
        (2, ("analysis", "analyses"), "2 analyses"),
    ],
)
def test_a_noun_follows_its_number(number, nouns, text):
    assert count_of(number, *nouns) == text
