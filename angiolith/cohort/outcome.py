"""The event of a yes/no outcome: which of its two values it is, and refusals where that is not clear."""

from __future__ import annotations

import pandas as pd

from angiolith.cohort.external import StudyTableError, category_text
from angiolith.cohort.missing_codes import NUMBERS_FOR_MISSING
from angiolith.core.names import nearest
from angiolith.core.settings.analyses import Analysis

NO_YES = {"0", "1"}
# [number] Levels that a message names. Source: layout.
SHOWN_LEVELS = 6


class OutcomeError(ValueError):
    """An outcome that is not yes or no, or whose event is not named."""


def event_of(values: pd.Series, event: str | float | None) -> str:
    """The value of a yes/no outcome that is its event, as text.

    An outcome with one value only has the event that is named.

    Parameters
    ----------
    values : pd.Series
        Outcome of the analysed rows.
    event : str | float | None
        The event as the configuration names it; None for 1 of 0 and 1.

    Returns
    -------
    str
        The event as text.

    Raises
    ------
    OutcomeError
        For more than two values, for two that are not 0 and 1 where no event is named, and for an event that neither
        value is.
    """
    levels = sorted(set(values.dropna().map(category_text)))
    shown = ", ".join(levels[:SHOWN_LEVELS]) + (" ..." if len(levels) > SHOWN_LEVELS else "")
    if len(levels) > 2:
        codes = [level for level in levels if level in NUMBERS_FOR_MISSING]
        hint = f"; {' and '.join(codes)} often means missing: name it under missing_codes" if codes else ""
        raise OutcomeError(
            f"{values.name} has {len(levels)} values ({shown}), and a yes/no outcome has two: choose two by a "
            f"criterion under include, or make a column with two{hint}"
        )
    if event is None:
        if not set(levels) <= NO_YES:
            raise OutcomeError(
                f"{values.name} has the values {shown}, not 0 and 1: name the event, e.g. event: {levels[-1]!r}"
            )
        return "1"
    wanted = category_text(event)
    if len(levels) == 2 and wanted not in levels:
        raise OutcomeError(
            f"event: {values.name} has no value {wanted!r}, only {', '.join(levels)}; {nearest(wanted, levels)}"
        )
    return wanted


def response_of(values: pd.Series, regression: str, event: str | float | None) -> tuple[pd.Series, str | None]:
    """The outcome as a model takes it, and its event as text (None of a linear model).

    Parameters
    ----------
    values : pd.Series
        Outcome of the analysed rows.
    regression : str
        Logistic gives 1 for the event and 0 for the other value, linear the numbers as they are.
    event : str | float | None
        The event as the configuration names it; None for 1 of 0 and 1.

    Returns
    -------
    tuple[pd.Series, str | None]
        The outcome as numbers, and the event as text or None.

    Raises
    ------
    OutcomeError
        As `event_of`.
    """
    if regression != "logistic":
        return values.astype(float), None
    named = event_of(values, event)
    return (values.map(category_text) == named).astype(float), named


def check_outcome(table: pd.DataFrame, analysis: Analysis, path: str) -> None:
    """Raise StudyTableError where the outcome of the rows that are analysed is no yes/no outcome with a known event.

    Parameters
    ----------
    table : pd.DataFrame
        Analysed rows.
    analysis : Analysis
        The analysis' section.
    path : str
        Path of the table, for messages.

    Raises
    ------
    StudyTableError
        Where the outcome has no known event.
    """
    asked = analysis.predictors or analysis.formulas or analysis.mediation
    if analysis.outcome is None or analysis.regression != "logistic" or not asked:
        return
    try:
        event_of(table[analysis.outcome], analysis.event)
    except OutcomeError as error:
        raise StudyTableError(f"{path}: {error}") from None
