"""Labels of columns and levels for print: those of the configuration, else those of the BIDS data dictionaries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from angiolith.cohort.dictionaries import dictionary_beside
from angiolith.cohort.plausibility import quantity_of

# [characters] A longer description is no label. Source: layout.
LONG_NAME_MAX = 40


def printed_labels(
    own: Mapping[str, str], columns: Mapping[str, str], dictionaries: Iterable[str | Path]
) -> dict[str, str]:
    """The labels of an analysis. own: those of the configuration; columns: name here -> name in the file.

    A dictionary's label is its LongName, else a short Description, with Units. A level's label is not read: the same
    code means another thing in another column. A dictionary that cannot be read gives none.
    """
    given: dict[str, str] = {}
    for path in dictionaries:
        try:
            said = dictionary_beside(path)
        except ValueError:
            continue
        given |= {name: text for name, entry in said.items() if (text := _label(name, entry))}
    renamed = {here: given[theirs] for here, theirs in columns.items() if theirs in given}
    return given | renamed | dict(own)


def _label(name: str, entry: Mapping[str, Any]) -> str:
    long_name, description, units = (str(entry.get(key) or "").strip() for key in ("LongName", "Description", "Units"))
    known = quantity_of(name)
    units = known[1].replace("_", "/") if known else units  # values are in the unit that the column's name ends in
    text = long_name or (description if len(description) <= LONG_NAME_MAX else "")
    return f"{text}, {units}" if text and units and units not in text else text
