"""Which marks count: what is sure is counted, what could be calcium or bone is a candidate and waits for a reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

SURE, CANDIDATE = "sure", "candidate"
TOOL = "tool"


@dataclass(frozen=True)
class Verdict:
    """What is held of one mark.

    counted: it enters sums and grades; certainty: sure, or candidate where the image does not decide; decided_by: tool,
    or the reader's initials; reason: why a person should look, or what the reader said.
    """

    counted: bool = True
    certainty: str = SURE
    decided_by: str = TOOL
    reason: str | None = None


def tool_verdicts(doubts: Mapping[int, str]) -> dict[int, Verdict]:
    """The tool's verdicts on the marks that it doubts; doubts: {mark: why the image does not decide}."""
    return {
        mark: Verdict(counted=False, certainty=CANDIDATE, reason=f"candidate: {doubt}")
        for mark, doubt in doubts.items()
    }


def counted(lesions: pd.DataFrame) -> pd.DataFrame:
    """The marks that enter sums and grades."""
    return lesions[lesions["counted"].astype(bool)]


def waiting(lesions: pd.DataFrame) -> pd.DataFrame:
    """The candidates that no reader has decided on and that no sum holds."""
    return lesions[(lesions["certainty"] == CANDIDATE) & ~lesions["counted"].astype(bool)]
