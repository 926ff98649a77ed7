"""Texts that are no numbers or dates: every reading is named, none is taken silently."""

import pytest

from angiolith.cohort.plausibility import QUANTITIES, unit_doubt
from angiolith.cohort.readings import date_remedy, number_readings, number_remedy


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("12,5", ["12.5"]),
        ("0,250", ["0.250"]),  # a group of thousands never begins with zero
        ("1,234", ["1234", "1.234"]),
        ("-1,234", ["-1234", "-1.234"]),
        ("1,234,567", ["1234567"]),
        ("1,234.5", ["1234.5"]),
        ("1.234,5", ["1234.5"]),
        ("1.234.567", ["1234567"]),
        ("1 234,5", ["1234.5"]),
        ("1'234", ["1234"]),
        ('"60"', ["60"]),
        ("1234,567", ["1234.567"]),
        ("12,34,56", []),
        ("sixty", []),
    ],
)
def test_every_number_that_a_text_may_stand_for(text, readings):
    assert number_readings(text) == readings


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("1,234", "write 1234 if its comma groups thousands, 1.234 if it is a decimal comma"),
        ("45%", "in percent or as a fraction"),
        ("130 mg/dl", "in the unit that the column's name says (mg/dl is given here)"),
        ("<0.3", "detection limit"),
    ],
)
def test_the_remedy_of_a_number(text, remedy):
    assert remedy in number_remedy(text)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("01/02/2024", "write YYYY-MM-DD: 2024-02-01 if the day stands first, 2024-01-02 if the month does"),
        ("31.01.2024", "write YYYY-MM-DD: 2024-01-31"),
        ("01-31-2024", "write YYYY-MM-DD: 2024-01-31"),
        ("02/02/2024", "write YYYY-MM-DD: 2024-02-02"),
        ("01/02/24", "write YYYY-MM-DD"),
        ("40/40/2024", "write YYYY-MM-DD"),
    ],
)
def test_the_remedy_of_a_date(text, remedy):
    assert date_remedy(text) == f"; {remedy}"


def test_a_median_that_fits_several_units_names_them_all():
    ldl = next(quantity for quantity in QUANTITIES if "ldl" in quantity.names)
    # 45 mg/dl: 2.5 mmol/l times 18, the factor of glucose; neither mmol/l (2.5) nor g/l (1.2) as it stands
    assert unit_doubt(45.0, ldl, "mg_dl").startswith("looks like mmol/l times 18")
    # 1.8 under mg/dl: 1.8 mmol/l are 70 mg/dl, 1.8 g/l are 180
    both = "looks like mmol/l, not mg/dl, or looks like g/l, not mg/dl: name the unit under units, whichever it is"
    assert unit_doubt(1.8, ldl, "mg_dl") == both
