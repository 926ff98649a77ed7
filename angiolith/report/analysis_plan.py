"""The sealed analysis plan as the report shows it: when it was sealed, and every later deviation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from angiolith.cohort.analysis_plan import PlanError, deviations
from angiolith.core.config import plain
from angiolith.core.settings.analyses import Analysis
from angiolith.report.analyses import Printed, printed_rows

COLUMNS = ["key", "planned", "now"]


@dataclass(frozen=True)
class PlanView:
    """A sealed plan: its date and digest, and the deviations (columns COLUMNS); problem: why it cannot be used."""

    sealed: str
    digest: str
    table: pd.DataFrame
    problem: str = ""

    @property
    def printed(self) -> Printed | None:
        """The deviations for print; None where there is none."""
        return printed_rows(self.table)


def read_plan(path: str | Path | None, analyses: Mapping[str, Analysis]) -> PlanView | None:
    """The plan beside the analyses of this run; None where the configuration names none.

    Parameters
    ----------
    path : str | Path | None
        Path of the plan, or None.
    analyses : Mapping[str, Analysis]
        Name -> section.

    Returns
    -------
    PlanView | None
        The plan with its deviations, or None.
    """
    if not path:
        return None
    none = pd.DataFrame(columns=COLUMNS)
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        found = deviations(content, {name: plain(analysis) for name, analysis in analyses.items()})
    except PlanError as why:
        return PlanView("", "", none, f"{Path(path).name} {why}")
    except (ValueError, AttributeError, TypeError) as why:
        return PlanView("", "", none, f"{Path(path).name} cannot be read: {why}")
    return PlanView(str(content["sealed"]), str(content["sha256"]), pd.DataFrame(found, columns=COLUMNS))
