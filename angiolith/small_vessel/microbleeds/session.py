"""The microbleeds of one session: its T2* or SWI, and its registered CT that tells calcium from blood."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import SimpleITK as sitk

from angiolith.core.images import Image, ImageError, map_points, read_ct
from angiolith.core.inputs import Inputs
from angiolith.core.settings.microbleeds import MicrobleedDetectSettings, MicrobleedToolSettings
from angiolith.core.tables import OK, was_made
from angiolith.marks.verdicts import SURE
from angiolith.small_vessel.microbleeds.detect import (
    CALCIUM,
    COLUMNS,
    MICROBLEED,
    OUTSIDE,
    detect_microbleeds,
    hu_percentile,
)
from angiolith.small_vessel.probability import read_spot_model
from angiolith.small_vessel.session import NotMeasured, brain_on, priors_on, read_checked, to_reference
from angiolith.small_vessel.spot_tool import BUILT_IN, spots_by_tool
from angiolith.small_vessel.spots import PLACE, Spots

CalciumLookup = Callable[[np.ndarray, float], float]


def microbleeds_of(given: Inputs, settings: MicrobleedDetectSettings, tool: MicrobleedToolSettings) -> Spots:
    """Microbleeds of a session, by the built-in detector or a tool, on its SWI, else on its T2*.

    Parameters
    ----------
    given : Inputs
        Paths of the images, the brain, the transforms and the model of the probability.
    settings : MicrobleedDetectSettings
        Sizes in mm, and the probabilities from which a microbleed counts or is a candidate.
    tool : MicrobleedToolSettings
        The other tool's command, if there is one.

    Returns
    -------
    Spots
        A session without either image has no count but the reason.
    """
    column = "swi" if given.get("swi") else "T2starw"
    facts: dict[str, Any] = {"image": column, "n_microbleeds": None, "n_calcifications": None, "n_outside_tissue": None}
    facts["calcium_checked"] = False
    try:
        image = read_checked(given, column, name="T2* or SWI" if not given.get(column) else column)
        transform = to_reference(given, column)
        hu_at, no_ct = calcium_lookup(given, transform)
        if tool.command:
            table, labels, source = _by_tool(given[column], image, hu_at, settings, tool)
        else:
            brain = brain_on(given, image, transform)
            priors = priors_on(given, image, brain, transform, "wm", "gm")
            tissue, model = priors["wm"] + priors["gm"], read_spot_model(given["model"])
            table, labels = detect_microbleeds(image, brain, settings, hu_at, tissue, model)
            source = BUILT_IN
    except NotMeasured as problem:
        facts |= {"status": problem.status, "reason": problem.reason}
        return Spots(pd.DataFrame(columns=list(COLUMNS)), None, facts)
    kinds = table["kind"]
    count = int(((kinds == MICROBLEED) & (table["certainty"] == SURE)).sum())
    facts |= source | {
        "status": OK,
        "reason": f"{count} spots not distinguished from calcium: {no_ct}" if count and hu_at is None else "",
        "n_microbleeds": count,
        "n_calcifications": int((kinds == CALCIUM).sum()),
        "n_outside_tissue": int((kinds == OUTSIDE).sum()),
        "calcium_checked": hu_at is not None,
    }
    return Spots(table.astype({"hu_p90": np.float64}), image.with_data(labels), facts)


def _by_tool(
    path: str,
    image: Image,
    hu_at: CalciumLookup | None,
    settings: MicrobleedDetectSettings,
    tool: MicrobleedToolSettings,
) -> tuple[pd.DataFrame, np.ndarray, dict[str, Any]]:
    """Table, label map and source of a tool's spots; what the CT shows to be calcium is of that kind."""
    found, labels, source = spots_by_tool({"image": path}, image, tool)
    rows = found.rename(columns={"number": "microbleed"})
    points, radii = rows[PLACE].to_numpy(float), rows["diameter_mm"].to_numpy(float) / 2
    least = settings.calcium_radius_mm_min
    hu = [hu_at(point, max(radius, least)) if hu_at else np.nan for point, radius in zip(points, radii, strict=True)]
    rows["hu_p90"] = np.array(hu, float)
    rows["kind"] = np.where(rows["hu_p90"] >= settings.calcium_hu_min, CALCIUM, MICROBLEED)
    return rows.assign(status=OK, reason="", certainty=SURE).reindex(columns=list(COLUMNS)), labels, source


def calcium_lookup(given: Inputs, image_to_reference: sitk.Transform) -> tuple[CalciumLookup | None, str]:
    """HU of the registered CT about points of an image.

    Parameters
    ----------
    given : Inputs
        Paths of the CT and of its transform to the reference.
    image_to_reference : sitk.Transform
        From points of the image to points of the reference.

    Returns
    -------
    tuple of callable or None, and str
        The lookup, of a point (RAS mm) and a radius (mm); or why there is none.
    """
    if not given.get("ct"):
        return None, "no CT"
    transform = given.get("ct_to_reference")
    if not transform or not was_made(transform):
        return None, "the CT is not registered"
    try:
        ct = read_ct(given["ct"])
    except ImageError:
        return None, "the CT cannot be read"
    to_ct = sitk.CompositeTransform([sitk.ReadTransform(str(transform)), image_to_reference])
    return lambda point, radius_mm: hu_percentile(ct, map_points(to_ct, point[None])[0], radius_mm), ""
