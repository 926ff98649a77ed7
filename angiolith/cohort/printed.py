"""A printed number: the text, and every value that rounds to it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

NUMBER = re.compile(r"([<>≤≥]?)\s*(-?\d*\.?\d+)")
# [1] Slack for rounding of floating-point numbers. Source: numerics.
ROUNDING_SLACK = 1e-9


class PrintedError(ValueError):
    """A printed table cannot be read."""


@dataclass(frozen=True)
class Printed:
    """text as printed; low and high: the ends of the values that it stands for; unit: one in the last digit."""

    text: str
    value: float
    low: float
    high: float
    unit: float

    def covers(self, value: float) -> bool:
        """Whether the value rounds to what is printed.

        Parameters
        ----------
        value : float
            A value.

        Returns
        -------
        bool
            True where it does.
        """
        return self.low - ROUNDING_SLACK <= value <= self.high + ROUNDING_SLACK

    def meets(self, found: tuple[float, float], slack: int = 0) -> bool:
        """Whether some value of the range rounds to it; slack: by so many units of the last digit more.

        Parameters
        ----------
        found : tuple[float, float]
            Least and greatest value of a result.
        slack : int
            Units of the last digit that are allowed besides.

        Returns
        -------
        bool
            True where it does.
        """
        reach = slack * self.unit + ROUNDING_SLACK
        return found[0] <= self.high + reach and found[1] >= self.low - reach

    def is_rounded_twice(self, found: tuple[float, float]) -> bool:
        """Whether one exact result gives the print by rounding first to one digit more (0.6945 to 0.695 to 0.70).

        Parameters
        ----------
        found : tuple[float, float]
            Least and greatest value of a result.

        Returns
        -------
        bool
            True where it is.
        """
        once = round(found[0] * 10 / self.unit) / 10
        return found[0] == found[1] and abs(math.floor(once + 0.5) * self.unit - self.value) < ROUNDING_SLACK


def printed_number(text: str) -> Printed:
    """Read "0.50" (0.495 to 0.505), "<0.001" (all below), ">0.05" (all above).

    Parameters
    ----------
    text : str
        A printed number.

    Returns
    -------
    Printed
        The number with the range of values that round to it.

    Raises
    ------
    PrintedError
        For text that is no printed number.
    """
    match = NUMBER.fullmatch(str(text).strip())
    if match is None:
        raise PrintedError(f"{text!r} is not a printed number")
    sign, digits = match.groups()
    value = float(digits)
    unit = 10.0 ** -len(digits.partition(".")[2])
    if sign in ("<", "≤"):
        return Printed(str(text), value, float("-inf"), value, unit)
    if sign in (">", "≥"):
        return Printed(str(text), value, value, float("inf"), unit)
    return Printed(str(text), value, value - unit / 2, value + unit / 2, unit)
