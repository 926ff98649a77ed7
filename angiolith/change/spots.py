"""Change of counted lesions: microbleeds and lacunes of two visits, matched half-way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from angiolith.change.half_way import lesion_rows, match_points, settle_points
from angiolith.change.inputs import ChangeRow, ChangeStepSettings, VisitInputs
from angiolith.core.images import linear_transform, map_points
from angiolith.core.settings.microbleeds import MicrobleedDetectSettings
from angiolith.core.tables import MISSING, USABLE, read_json, read_tsv
from angiolith.marks.verdicts import EXCLUDED, TOOL
from angiolith.small_vessel.microbleeds.detect import MICROBLEED, darkness_of
from angiolith.small_vessel.session import NotMeasured, brain_on, read_checked, to_reference

COUNTS = {"n_microbleeds": MICROBLEED, "n_lacunes": "lacune"}


def count_change(
    visits: Sequence[VisitInputs], measure: str, name: str, half: np.ndarray, days: float, settings: ChangeStepSettings
) -> list[ChangeRow]:
    """Rows of counted lesions; a visit without CT borrows from the other's what is calcium and not blood.

    Microbleeds that only one visit counts are looked up on the other's image. What a reader decided is not overruled
    by the other visit's CT.

    Parameters
    ----------
    visits : Sequence[VisitInputs]
        Per visit its input paths by name.
    measure : str
        Name of the count.
    name : str
        Kind of spot, such as microbleed.
    half : np.ndarray
        Half of the motion between the visits (4, 4), RAS mm.
    days : float
        Days between the visits; NaN where unknown.
    settings : ChangeStepSettings
        Typed settings of the step.

    Returns
    -------
    list[ChangeRow]
        Rows of the change table.

    Raises
    ------
    NotMeasured
        Where a visit's image is missing or its spots were not measured.
    """
    steps = (half, np.linalg.inv(half))
    spots = [visit_spots(visit, name, step) for visit, step in zip(visits, steps, strict=True)]
    tolerance_mm = settings.change.match_mm
    counted = []
    for one, other in (spots, spots[::-1]):
        kept = one.counted.copy()
        if other.calcium_checked and not one.calcium_checked:
            of_tool = np.flatnonzero(kept & ~one.decided)
            taken = match_points(one.points[of_tool], other.points[other.excluded], tolerance_mm)
            kept[of_tool[[i for i, _ in taken]]] = False
        counted.append(one.points[kept])
    if name == MICROBLEED and any(map(len, counted)):
        darkness = [
            darkness_half_way(visit, step, settings.microbleeds) for visit, step in zip(visits, steps, strict=True)
        ]
        rejected = [one.points[one.decided & ~one.counted] for one in spots]
        counted = settle_points(counted, darkness, tolerance_mm, rejected)
    return lesion_rows(measure, counted[0], counted[1], tolerance_mm, days, sum(one.n_waiting for one in spots))


@dataclass(frozen=True)
class VisitSpots:
    """A visit's spots: points (n, 3) in half-way space; by spot whether it counts, whether the image shows it to be
    something else, whether readers decided on it; whether a CT tells calcium apart; how many wait for a reader."""

    points: np.ndarray
    counted: np.ndarray
    excluded: np.ndarray
    decided: np.ndarray
    calcium_checked: bool
    n_waiting: int


def visit_spots(visit: VisitInputs, name: str, step: np.ndarray) -> VisitSpots:
    """The spots of a visit; `step`: 4 x 4 from the visit's reference to half-way.

    Parameters
    ----------
    visit : VisitInputs
        Input paths of a visit by name.
    name : str
        Kind of spot.
    step : np.ndarray
        Matrix (4, 4) from the visit's reference to half-way, RAS mm.

    Returns
    -------
    VisitSpots
        Points (n, 3), half-way mm, and what is known of each.

    Raises
    ------
    NotMeasured
        Where the visit's image is missing or its spots were not measured.
    """
    facts = visit.get(f"{name}_facts")
    if not facts:
        raise NotMeasured(MISSING, f"a visit has no image for {name}s")
    found = read_json(facts)
    if found["status"] not in USABLE:
        raise NotMeasured(found["status"], found["reason"])
    table = read_tsv(visit[f"{name}_table"])
    transform = sitk.CompositeTransform([linear_transform(step), to_reference(visit, found.get("image", "T1w"))])
    points = map_points(transform, table[["x_mm", "y_mm", "z_mm"]].to_numpy(float)).reshape(-1, 3)
    return VisitSpots(
        points,
        table["counted"].astype(bool).to_numpy(),
        (table["certainty"] == EXCLUDED).to_numpy(),
        (table["decided_by"] != TOOL).to_numpy(),
        found.get("calcium_checked", True),
        int(found[f"n_{name}_candidates"]),
    )


def darkness_half_way(
    visit: VisitInputs, step: np.ndarray, settings: MicrobleedDetectSettings
) -> Callable[[np.ndarray], np.ndarray]:
    """How dark a visit's T2* or SWI is, as a function of half-way points; `step` as in `visit_spots`.

    Parameters
    ----------
    visit : VisitInputs
        Input paths of a visit by name.
    step : np.ndarray
        Matrix (4, 4) from the visit's reference to half-way, RAS mm.
    settings : MicrobleedDetectSettings
        Section `microbleeds.detect`.

    Returns
    -------
    Callable[[np.ndarray], np.ndarray]
        A function of points (n, 3), half-way mm, that gives the darkness (n,).
    """
    column = read_json(visit["microbleed_facts"])["image"]
    image, transform = read_checked(visit, column), to_reference(visit, column)
    darkness = darkness_of(image, brain_on(visit, image, transform), settings)
    from_half = sitk.CompositeTransform([transform.GetInverse(), linear_transform(np.linalg.inv(step))])
    return lambda points: darkness(map_points(from_half, points).reshape(-1, 3))
