"""How findings are summed up at the end of what `verify` and `deidentify-check` print."""

from __future__ import annotations

from collections import Counter

from angiolith.core.wording import count_of


def counted(kinds: Counter[str]) -> str:
    """How many findings there are, and of what kinds.

    Parameters
    ----------
    kinds : Counter[str]
        Number of findings by kind.

    Returns
    -------
    str
        One line.
    """
    parts = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    return count_of(kinds.total(), "finding") + (f": {parts}" if parts else "")
