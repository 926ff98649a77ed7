"""Change of counted lesions: microbleeds and lacunes of two visits, matched half-way."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import SimpleITK as sitk

from angiolith.change.half_way import lesion_rows, match_points, settle_points
from angiolith.change.inputs import ChangeRow, ChangeStepSettings, VisitInputs
from angiolith.core.images import linear_transform, map_points
from angiolith.core.settings.microbleeds import MicrobleedDetectSettings
from angiolith.core.tables import MISSING, USABLE, read_json, read_tsv
from angiolith.small_vessel.microbleeds.detect import MICROBLEED, darkness_of
from angiolith.small_vessel.session import NotMeasured, brain_on, read_checked, to_reference

COUNTS = {"n_microbleeds": MICROBLEED, "n_lacunes": "lacune"}


def count_change(
    visits: Sequence[VisitInputs], measure: str, name: str, half: np.ndarray, days: float, settings: ChangeStepSettings
) -> list[ChangeRow]:
    """Rows of counted lesions; a visit without CT borrows from the other's what is calcium and not blood.

    Microbleeds that only one visit counts are looked up on the other's image.
    """
    steps = (half, np.linalg.inv(half))
    spots = [lesion_points(visit, name, step) for visit, step in zip(visits, steps, strict=True)]
    tolerance_mm = settings.change.match_mm
    counted = []
    for (points, counts, checked), (others, other_counts, other_checked) in (spots, spots[::-1]):
        kept = counts.copy()
        if other_checked and not checked:
            kept[[i for i, _ in match_points(points, others[~other_counts], tolerance_mm)]] = False
        counted.append(points[kept])
    if name == MICROBLEED and any(map(len, counted)):
        darkness = [
            darkness_half_way(visit, step, settings.microbleeds) for visit, step in zip(visits, steps, strict=True)
        ]
        counted = settle_points(counted, darkness, tolerance_mm)
    return lesion_rows(measure, counted[0], counted[1], tolerance_mm, days)


def lesion_points(visit: VisitInputs, name: str, step: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    """Points (n, 3) of a visit's spots in half-way space, which of them count, and whether a CT told calcium apart.

    `step`: 4 x 4 from the visit's reference to half-way.
    """
    facts = visit.get(f"{name}_facts")
    if not facts:
        raise NotMeasured(MISSING, f"a visit has no image for {name}s")
    found = read_json(facts)
    if found["status"] not in USABLE:
        raise NotMeasured(found["status"], found["reason"])
    table = read_tsv(visit[f"{name}_table"])
    way = sitk.CompositeTransform([linear_transform(step), to_reference(visit, found.get("image", "T1w"))])
    points = map_points(way, table[["x_mm", "y_mm", "z_mm"]].to_numpy(float)).reshape(-1, 3)
    counted = (table["kind"] == name).to_numpy() if "kind" in table else np.ones(len(table), bool)
    return points, counted, found.get("calcium_checked", True)


def darkness_half_way(
    visit: VisitInputs, step: np.ndarray, settings: MicrobleedDetectSettings
) -> Callable[[np.ndarray], np.ndarray]:
    """How dark a visit's T2* or SWI is, as a function of half-way points; `step` as in `lesion_points`."""
    column = read_json(visit["microbleed_facts"])["image"]
    image, way = read_checked(visit, column), to_reference(visit, column)
    darkness = darkness_of(image, brain_on(visit, image, way), settings)
    from_half = sitk.CompositeTransform([way.GetInverse(), linear_transform(np.linalg.inv(step))])
    return lambda points: darkness(map_points(from_half, points).reshape(-1, 3))
