"""Where the microbleeds, lacunes and WMH of one session lie: spots by the tissues around them, WMH by an atlas."""

from __future__ import annotations

from typing import Any

import numpy as np
import SimpleITK as sitk

from angiolith.core.images import Image, map_points, read_image, read_transform
from angiolith.core.inputs import Inputs
from angiolith.core.settings.location import PlaceSettings
from angiolith.core.tables import read_json, read_tsv, was_made
from angiolith.marks.verdicts import counted
from angiolith.small_vessel.location.lobes import MEASURES as OF_WMH
from angiolith.small_vessel.location.lobes import TERRITORIES, wmh_by_region
from angiolith.small_vessel.location.places import PLACES, SITES, counts
from angiolith.small_vessel.session import NotMeasured, to_reference
from angiolith.small_vessel.spots import PLACE

MEASURES = (*(f"n_microbleeds_{place}" for place in PLACES), *(f"n_lacunes_{site}" for site in SITES))


def places_row(given: Inputs, settings: PlaceSettings) -> dict[str, Any]:
    """Counts of counted microbleeds and lacunes by place, for one session.

    Parameters
    ----------
    given : Inputs
        Paths of the tissue map, of the tables and facts of each kind of spot, and of the transforms.
    settings : PlaceSettings
        Margins in mm.

    Returns
    -------
    dict
        MEASURES; missing where the spots or the brain are.
    """
    row: dict[str, Any] = dict.fromkeys(MEASURES)
    tissues_file = given.get("brain_tissues")
    if not tissues_file or not was_made(tissues_file):
        return row
    tissues: Image | None = None
    for kind in ("microbleed", "lacune"):
        facts = read_json(given[f"{kind}_facts"]) if given.get(f"{kind}_facts") else {}
        if facts.get(f"n_{kind}s") is None:
            continue
        spots = counted(read_tsv(given[f"{kind}_table"]))
        try:
            transform = to_reference(given, facts.get("image", "T1w"))
        except NotMeasured:
            continue
        tissues = tissues or read_image(tissues_file)
        points = spots[PLACE].to_numpy(float)
        places, sites = counts(map_points(transform, points) if len(points) else np.empty((0, 3)), tissues, settings)
        if kind == "microbleed":
            row |= {f"n_microbleeds_{place}": n for place, n in places.items()}
        else:
            row |= {f"n_lacunes_{site}": n for site, n in sites.items()}
    return row


def wmh_regions_row(given: Inputs) -> dict[str, Any]:
    """WMH volume by region and by arterial territory, for one session.

    Parameters
    ----------
    given : Inputs
        Paths of the mask, the atlases and the transforms.

    Returns
    -------
    dict
        `lobes.MEASURES`, cm3; missing where there is no mask, or no transform to the template.
    """
    row: dict[str, Any] = dict.fromkeys(OF_WMH)
    made = [given.get("mask"), given.get("from_template")]
    if not all(path and was_made(path) for path in made):
        return row
    try:
        to_template = sitk.CompositeTransform(
            [read_transform(given["from_template"]), to_reference(given, "FLAIR")]  # the last one is applied first
        )
    except NotMeasured:
        return row
    mask = read_image(given["mask"])
    mask = mask.with_data(mask.data > 0.5)
    territories = wmh_by_region(mask, read_image(given["territories"]), to_template, TERRITORIES)
    return territories | wmh_by_region(mask, read_image(given["lobes"]), to_template)
