"""Units as the report prints them."""

from __future__ import annotations

import re

POWERS = {"2": "²", "3": "³"}
POWER = re.compile(r"\b(mm|cm|m)([23])\b")


def with_powers(text: str) -> str:
    """A text with mm2, cm3 and the like as mm² and cm³; names of columns (`wmh_volume_cm3`) stay.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        The text for print.
    """
    return POWER.sub(lambda match: match[1] + POWERS[match[2]], text)
