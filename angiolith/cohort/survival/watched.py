"""Rows of an outcome over time: when each ended, and by what."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from angiolith.cohort.external import category_text
from angiolith.core.settings.analyses import FollowUp


@dataclass(frozen=True)
class Watched:
    """Rows whose time and event are known, and how many are not. state: 0 censored, 1 the event, 2 a competing one."""

    table: pd.DataFrame
    time: np.ndarray
    state: np.ndarray
    entry: np.ndarray | None
    note: str

    @property
    def event(self) -> np.ndarray:
        """(n,) bool: whether the event ended the row.

        Returns
        -------
        ndarray of bool, shape (n,)
            By row.
        """
        return self.state == 1


def watched(table: pd.DataFrame, settings: FollowUp) -> Watched:
    """The rows that can be followed: with an event's column and a time above zero (and after the entry).

    Parameters
    ----------
    table : DataFrame
        The rows of the analysis.
    settings : FollowUp
        Columns of time, event and entry.

    Returns
    -------
    Watched
        The rows, their times and states.
    """
    words = table[settings.event].map(category_text, na_action="ignore")
    state = np.select(
        [words.isin(list(map(category_text, values))) for values in (settings.event_values, settings.competing_values)],
        [1, 2],
        0,
    )
    begin = table[settings.entry].fillna(0.0) if settings.entry else pd.Series(0.0, table.index)
    known = words.notna() & (table[settings.time] > begin)
    left = int((~known).sum())
    note = f"{left} row(s) without event or a time after the entry left out" if left else ""
    entry = begin[known].to_numpy(float) if settings.entry else None
    return Watched(table[known], table.loc[known, settings.time].to_numpy(float), state[known], entry, note)
