"""Options that take several values, as BIDS Apps have them: `--participant-label 01 02`."""

from __future__ import annotations

from collections.abc import Sequence

SEVERAL = ("--participant-label", "--session-label", "--config")


def spread(arguments: Sequence[str]) -> list[str]:
    """`--config a b` as `--config a --config b`; a list ends at the next option or at `--`."""
    found: list[str] = []
    option, wanted = "", False  # the list that is read, and whether its first value is still to come
    for number, argument in enumerate(arguments):
        if argument == "--":
            return [*found, *arguments[number:]]
        if argument.startswith("-"):
            option = argument if argument in SEVERAL else ""
            wanted = bool(option)
        elif option and not wanted:
            found.append(option)
        else:
            wanted = False
        found.append(argument)
    return found
