"""Numbers in messages: 1 subject, 2 subjects."""

from __future__ import annotations


def count_of(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun, in the singular or the plural.

    Parameters
    ----------
    number : int
        How many.
    noun : str
        The noun in the singular.
    plural : str
        Its plural, where it is not the noun with an s.

    Returns
    -------
    str
        Such as "1 subject", "0 subjects" or "2 series".
    """
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"
