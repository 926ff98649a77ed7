"""Several raters' ratings of the same thing: readers of the vessel wall, reader ratings, the tool; one long table."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from angiolith.cohort.collect import KEYS
from angiolith.core.tables import USABLE
from angiolith.marks.kinds import KINDS
from angiolith.vessel_wall.parts import TOOL

COLUMNS = ["source", "subject", "session", "lesion", "measure", "rater", "value"]
MARKS = {name: f"{name}_marks" for name in KINDS}  # sources: readers' decisions on the marks of each kind
ANSWERS = {"calcification": "calcium"}  # what the measure is called, where not like the kind of mark
THING = ["subject", "session", "lesion"]
PLAQUE_MEASURES = [
    "lumen_area_mm2",
    "outer_wall_area_mm2",
    "wall_area_mm2",
    "max_wall_mm",
    "min_wall_mm",
    "eccentricity_index",
    "remodeling_index",
    "stenosis_percent",
    "plaque_length_mm",
    "plaque_area_mm2",
    "plaque_volume_mm3",
    "calcium_volume_mm3",
    "enhancement_ratio",
    "enhancement_grade",
    "positive_remodeling",
    "plaque_class",
]


def ratings_table(
    plaques: pd.DataFrame, ratings: Mapping[str, pd.DataFrame], patients: pd.DataFrame, marks: pd.DataFrame
) -> pd.DataFrame:
    """Long table of all ratings, with the columns `COLUMNS`; values are text, missing ones are left out.

    Parameters
    ----------
    plaques : pd.DataFrame
        One row per lesion and reader.
    ratings : Mapping[str, pd.DataFrame]
        Phenotype tables by name, of which those with a `reader` and a `session_id` column take part.
    patients : pd.DataFrame
        The patients' table, for the tool's own values.
    marks : pd.DataFrame
        Whether each reader took a mark for what the tool did (sources of `MARKS`).

    Returns
    -------
    pd.DataFrame
        One row per rating.
    """
    seen = plaques[plaques["lesion"].notna() & plaques["status"].isin(USABLE)]
    measures = [name for name in PLAQUE_MEASURES if name in seen.columns]
    parts = [_long(seen.rename(columns={"reader": "rater"}), "plaque", measures, THING)]
    of_marks = marks.rename(columns={"reader": "rater", "mark": "lesion"})
    for kind, source in MARKS.items():
        name = ANSWERS.get(kind, kind)
        parts.append(_long(of_marks[of_marks["kind"] == kind].rename(columns={"answer": name}), source, [name], THING))
    for source, table in ratings.items():
        if not {"reader", "session_id"} <= set(table.columns):
            continue
        names = {"participant_id": "subject", "session_id": "session", "reader": "rater"}
        rated = table.rename(columns=names)
        rated = rated.assign(
            subject=rated["subject"].str.removeprefix("sub-"), session=rated["session"].str.removeprefix("ses-")
        )
        measures = [name for name in rated.columns if name not in (*KEYS, "rater")]
        parts.append(_long(rated, source, measures, KEYS))
        own = [name for name in measures if name in patients.columns]
        if own:
            parts.append(_long(patients[[*KEYS, *own]].assign(rater=TOOL), source, own, KEYS))
    return pd.concat(parts, ignore_index=True).reindex(columns=COLUMNS)


def _long(table: pd.DataFrame, source: str, measures: list[str], keys: list[str]) -> pd.DataFrame:
    text = table.assign(**{name: table[name].astype(object) for name in measures})
    long = text.melt(id_vars=[*keys, "rater"], value_vars=measures, var_name="measure", value_name="value")
    return long.dropna(subset=["value"]).assign(source=source)


def rated_things(long: pd.DataFrame) -> dict[str, dict[str, pd.DataFrame]]:
    """Source -> measure -> table with one row per rated thing and one column per rater, the tool last.

    Measures of one rater only are left out; so are things that only the tool looked at.

    Parameters
    ----------
    long : pd.DataFrame
        Table of `ratings_table`.

    Returns
    -------
    dict[str, dict[str, pd.DataFrame]]
        Source -> measure -> table.
    """
    result: dict[str, dict[str, pd.DataFrame]] = {}
    for (source, measure), part in long.groupby(["source", "measure"], sort=False):
        part = part.assign(lesion=part["lesion"].fillna(0))
        wide = part.pivot(index=THING, columns="rater", values="value")
        readers = [name for name in wide.columns if name != TOOL]
        wide = wide[readers + ([TOOL] if TOOL in wide.columns else [])].dropna(subset=readers, how="all")
        numbers = wide.apply(pd.to_numeric, errors="coerce")
        if wide.shape[1] > 1:
            result.setdefault(str(source), {})[str(measure)] = numbers if numbers.notna().equals(wide.notna()) else wide
    return result
