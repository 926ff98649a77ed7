"""The page on the command line is the one that the commands make."""

from angiolith.cli.reference import PAGE, reference


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == reference(), "run `make config`"
