"""The report's first page in five sentences: who was measured, what the cohort shows, and what waits for a reader."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from angiolith.report.analyses import AnalysisView
from angiolith.report.sessions import MEASURES, Session, measured, median_text

FINDINGS_MAX = 2  # answers of analyses within the sentence on them; the others stand with their analyses


def sentences(
    sessions: Sequence[Session],
    patients: pd.DataFrame | None,
    analyses: Sequence[AnalysisView],
    texts: Mapping[str, Any],
) -> list[str]:
    """What the cohort shows, in at most four sentences; the fifth, on what waits for a reader, has links of its own.

    Parameters
    ----------
    sessions : Sequence[Session]
        Sessions of the report; none in a report of tables alone.
    patients : pd.DataFrame | None
        The patients' table, or None.
    analyses : Sequence[AnalysisView]
        What the pages show of each analysis.
    texts : Mapping[str, Any]
        Texts of the report.

    Returns
    -------
    list[str]
        One sentence on the subjects, on calcification, on small-vessel disease and on the analyses, as far as there is
        anything to state.
    """
    words = texts["cohort"]["summary_sentences"]
    found = [_who(sessions, words)] if sessions else []
    if patients is not None:
        values = {measure.column: series for measure, series in measured(patients)}
        found += [_calcification(values, words, texts["levels"]), _small_vessel(values, words)]
    found.append(_analyses(analyses, words))
    return list(filter(None, found))


def _who(sessions: Sequence[Session], words: Mapping[str, str]) -> str:
    visits = Counter(session.subject for session in sessions)
    twice = sum(count > 1 for count in visits.values())
    return words["subjects"].format(subjects=len(visits), sessions=len(sessions), twice=twice)


def _median(values: pd.Series, column: str) -> str:
    unit = next(measure.unit for measure in MEASURES if measure.column == column)
    return median_text(values, unit)


def _calcification(values: Mapping[str, pd.Series], words: Mapping[str, str], levels: Mapping[str, str]) -> str:
    volume = values.get("calcification_volume_mm3")
    if volume is None:
        return ""
    groups = values.get("severity_group", pd.Series(dtype=object)).value_counts()
    named = [f"{levels.get(str(name), str(name))} {count}" for name, count in groups.items()]
    return words["calcification"].format(
        n=len(volume), volume=_median(volume, "calcification_volume_mm3"), groups=", ".join(named) or "–"
    )


def _small_vessel(values: Mapping[str, pd.Series], words: Mapping[str, str]) -> str:
    volume = values.get("wmh_volume_cm3")
    if volume is None:
        return ""
    counts = [values.get(name, pd.Series(dtype=float)) for name in ("n_microbleeds", "n_lacunes")]
    microbleeds, lacunes = (f"{int((count > 0).sum())} / {len(count)}" for count in counts)
    return words["small_vessel"].format(
        n=len(volume), volume=_median(volume, "wmh_volume_cm3"), microbleeds=microbleeds, lacunes=lacunes
    )


def _analyses(analyses: Sequence[AnalysisView], words: Mapping[str, str]) -> str:
    if not analyses:
        return ""
    made = [analysis for analysis in analyses if not analysis.problem]
    answers = [f"{analysis.title}: {analysis.finding.rstrip('.')}" for analysis in made if analysis.finding]
    text = words["analyses"].format(made=len(made), all=len(analyses))
    return "; ".join([text, *answers[:FINDINGS_MAX]]) + "."
