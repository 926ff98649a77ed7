"""The small-vessel markers of one session in one row: WMH measured and graded, microbleeds, lacunes, what to review."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from angiolith.core.images import read_image
from angiolith.core.inputs import Inputs
from angiolith.core.settings.lacunes import LacuneReviewSettings
from angiolith.core.settings.location import PlaceSettings
from angiolith.core.settings.microbleeds import MicrobleedReviewSettings
from angiolith.core.settings.wmh import WmhGradeSettings, WmhMeasureSettings, WmhReviewSettings
from angiolith.core.tables import FAILED, MISSING, OK, REVIEW, USABLE, join_reasons, read_json, was_made
from angiolith.small_vessel.atrophy.fractions import atrophy_row
from angiolith.small_vessel.location.session import places_row, wmh_regions_row
from angiolith.small_vessel.perivascular.detect import pvs_row
from angiolith.small_vessel.tissues import VENTRICLES
from angiolith.small_vessel.wmh.fazekas import MEASURES, measure_wmh
from angiolith.small_vessel.wmh.session import reviewed

ABSENT = {"WMH": "no FLAIR", "microbleeds": "no T2* or SWI", "lacunes": "no T1w and FLAIR"}
MANY_MICROBLEEDS = "look for noise or vessels among them"
MANY_LACUNES = "look for perivascular spaces or sulci among them"


@dataclass(frozen=True)
class ReviewLimits:
    """What is marked for review, per marker."""

    wmh: WmhReviewSettings
    microbleeds: MicrobleedReviewSettings
    lacunes: LacuneReviewSettings


def markers_row(
    given: Inputs,
    settings: WmhMeasureSettings,
    cut_points: WmhGradeSettings,
    limits: ReviewLimits,
    place: PlaceSettings,
) -> dict[str, Any]:
    """The row of the session, without subject and session: measures (missing: None or NaN), statuses and reasons.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    settings : WmhMeasureSettings
        Section `wmh.measure`.
    cut_points : WmhGradeSettings
        Section `wmh.grade`.
    limits : ReviewLimits
        Limits beyond which a count or volume is for review.
    place : PlaceSettings
        Settings of the places of spots.

    Returns
    -------
    dict[str, Any]
        Column -> value.
    """
    found = {
        "WMH": reviewed(facts_of(given, "wmh_facts", "WMH"), limits.wmh),
        "microbleeds": many(
            facts_of(given, "microbleed_facts", "microbleeds"),
            "n_microbleeds",
            limits.microbleeds.review_count,
            MANY_MICROBLEEDS,
        ),
        "lacunes": many(
            facts_of(given, "lacune_facts", "lacunes"), "n_lacunes", limits.lacunes.review_count, MANY_LACUNES
        ),
    }
    icv_cm3 = np.nan
    if given.get("brain") and was_made(given["brain"]):
        brain = read_image(given["brain"])
        icv_cm3 = float((brain.data > 0.5).sum() * brain.voxel_volume_mm3 / 1000)
    measures = dict.fromkeys(MEASURES, np.nan)
    if given.get("mask") and was_made(given["mask"]):
        mask = read_image(given["mask"])
        tissues = read_image(given["tissues"]).data if was_made(given["tissues"]) else None
        ventricles = None if tissues is None else tissues == VENTRICLES
        measures = measure_wmh(mask.data > 0.5, ventricles, mask.affine, icv_cm3, settings, cut_points)
    interval = found["WMH"].get("volume_interval_cm3") or (np.nan, np.nan)
    return {
        **measures,
        "wmh_volume_low_cm3": interval[0],
        "wmh_volume_high_cm3": interval[1],
        "n_microbleeds": found["microbleeds"].get("n_microbleeds"),
        "n_lacunes": found["lacunes"].get("n_lacunes"),
        "n_microbleed_candidates": found["microbleeds"].get("n_microbleed_candidates"),
        "n_lacune_candidates": found["lacunes"].get("n_lacune_candidates"),
        "n_wmh_candidates": found["WMH"].get("n_wmh_candidates"),
        "n_infarct_candidates": facts_of(given, "infarct_facts", "WMH").get("n_infarct_candidates"),
        "icv_cm3": icv_cm3,
        **places_row(given, place),
        **wmh_regions_row(given),
        **pvs_row(read_json(given["pvs_facts"]) if given.get("pvs_facts") else {}),
        **atrophy_row(given),
        "wmh_status": found["WMH"]["status"],
        "microbleed_status": found["microbleeds"]["status"],
        "lacune_status": found["lacunes"]["status"],
        "status": row_status(facts["status"] for facts in found.values()),
        "reason": join_reasons(*(f"{what}: {facts['reason']}" for what, facts in found.items() if facts["reason"])),
    }


def facts_of(given: Inputs, name: str, what: str) -> dict[str, Any]:
    """Status file of a marker; missing, with the reason, where the session has no image for it.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    name : str
        Input that holds the facts.
    what : str
        Name of the marker.

    Returns
    -------
    dict[str, Any]
        The facts.
    """
    facts: dict[str, Any] = read_json(given[name]) if given.get(name) else {"status": MISSING, "reason": ABSENT[what]}
    return facts


def many(facts: dict[str, Any], name: str, count_max: int, look_for: str) -> dict[str, Any]:
    """The facts with a count above the limit marked for review.

    Parameters
    ----------
    facts : dict[str, Any]
        Facts of the marker.
    name : str
        Key of the count.
    count_max : int
        Largest count without a review.
    look_for : str
        What a reader should look for.

    Returns
    -------
    dict[str, Any]
        The facts.
    """
    count = facts.get(name)
    if count is None or count <= count_max:
        return facts
    return facts | {"status": REVIEW, "reason": join_reasons(f"many spots ({count}): {look_for}", facts["reason"])}


def row_status(statuses: Iterable[str]) -> str:
    """ok if all markers that the session has images for are; review if only some can be used; else failed.

    missing where the session has no image for any.

    Parameters
    ----------
    statuses : Iterable[str]
        Statuses of the markers.

    Returns
    -------
    str
        One status.
    """
    made = [status for status in statuses if status != MISSING]
    if not made:
        return MISSING
    if all(status == OK for status in made):
        return OK
    return REVIEW if any(status in USABLE for status in made) else FAILED
