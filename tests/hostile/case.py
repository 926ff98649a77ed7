"""What a case is, and how the project's own scripts are called on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

TAKEN = "taken as it is"
TOLD = "measured, reported"
REVIEW = "row: review"
FAILED = "row: failed"
TABLE_OUT = "table left out, all else is made"
ANALYSIS_OUT = "analysis not made, the others are"
REFUSED = "refused before any job"
LEFT_OUT = "not used, reported"
CHOSEN = "one is chosen, reported"
NO_CHANGE = "no change is measured, all else is made"


class Answer(NamedTuple):
    """What becomes of the input, and the line that states it."""

    outcome: str
    line: str


@dataclass(frozen=True)
class Case:
    """A hostile input: `make` writes it into an empty folder and returns the answer; `said` is part of its line.

    image: of a case of one image its column in the manifest, and what writes it to a path.
    """

    name: str
    outcome: str
    said: str
    make: Callable[[Path], Answer]
    image: tuple[str, Callable[[Path], None]] | None = None

    def answer(self, folder: Path) -> Answer:
        """The answer, its line without the name of the folder."""
        outcome, line = self.make(folder)
        return Answer(outcome, line.replace(f"{folder}/", "").replace(str(folder), "."))


class Given(dict):
    """Inputs, outputs or params as Snakemake hands them to a script."""

    __getattr__ = dict.__getitem__


def refusal(kind: type[Exception], call: Callable[[], object], outcome: str = REFUSED) -> Answer:
    """The answer of a call that must raise this kind of error; another kind is a crash and goes on."""
    try:
        call()
    except kind as error:
        return Answer(outcome, str(error))
    return Answer(TAKEN, "nothing was reported")
