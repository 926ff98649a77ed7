"""Whether a spot is lobar, deep or infratentorial, by the brain's tissues around it.

MARS (Gregoire 2009): deep are basal ganglia, thalamus, internal and external capsule, corpus callosum, deep and
periventricular white matter; infratentorial are brainstem and cerebellum; the rest is lobar.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from angiolith.brain.segment import PARENCHYMA, TISSUES
from angiolith.core.images import Image, moved
from angiolith.core.settings.location import PlaceSettings

LOBAR, DEEP, INFRATENTORIAL, UNKNOWN = "lobar", "deep", "infratentorial", ""
PLACES = (LOBAR, DEEP, INFRATENTORIAL)
SITES = {"deep_grey": "basal ganglia or thalamus", "white_matter": "white matter", "infratentorial": "infratentorial"}
# [mm] Room about a spot beyond the largest distance that is asked for. Source: numerics.
ROOM_MM = 2.0
Counts = dict[str, int]


def distances_mm(point: np.ndarray, tissues: Image, reach_mm: float) -> dict[str, float]:
    """Distance of a point from the nearest voxel of every tissue.

    Parameters
    ----------
    point : ndarray, shape (3,)
        RAS mm.
    tissues : Image
        Map of `angiolith.brain.segment.TISSUES`.
    reach_mm : float
        How far is looked, mm.

    Returns
    -------
    dict of str to float
        mm by tissue; infinite beyond `reach_mm`.
    """
    to_voxel = np.linalg.inv(tissues.affine)
    middle = moved(to_voxel, point[None])[0]
    reach = np.ceil(reach_mm / tissues.voxel_mm).astype(int)
    low = np.maximum(np.round(middle).astype(int) - reach, 0)
    high = np.minimum(np.round(middle).astype(int) + reach + 1, tissues.data.shape)
    found = dict.fromkeys(TISSUES, float("inf"))
    if (high <= low).any():
        return found
    part = tissues.data[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))]
    for name, value in TISSUES.items():
        voxels = np.argwhere(part == value)
        if len(voxels):
            away = np.linalg.norm(moved(tissues.affine, voxels + low) - point, axis=1).min()
            found[name] = float(away) if away <= reach_mm else float("inf")
    return found


def place_of(point: np.ndarray, tissues: Image, settings: PlaceSettings) -> tuple[str, str]:
    """MARS' place of a spot, and its site (Gregoire 2009).

    Parameters
    ----------
    point : ndarray, shape (3,)
        RAS mm, in the world of `tissues`.
    tissues : Image
        Map of `angiolith.brain.segment.TISSUES`.
    settings : PlaceSettings
        Margins in mm.

    Returns
    -------
    tuple of str
        One of PLACES and one of SITES; both UNKNOWN where no brain is near.
    """
    reach_mm = max(settings.deep_grey_margin_mm, settings.periventricular_mm) + ROOM_MM
    away = distances_mm(point, tissues, reach_mm)
    nearest = min(PARENCHYMA, key=lambda name: away[name])
    if not np.isfinite(away[nearest]):
        return UNKNOWN, UNKNOWN
    if nearest == "infratentorial":
        return INFRATENTORIAL, "infratentorial"
    if away["deep_grey"] <= settings.deep_grey_margin_mm:
        return DEEP, "deep_grey"
    near = nearest == "white" and away["ventricles"] <= settings.periventricular_mm
    return DEEP if near else LOBAR, "white_matter"


def counts(points: Iterable[np.ndarray], tissues: Image, settings: PlaceSettings) -> tuple[Counts, Counts]:
    """How many spots lie in each place, and at each site.

    Parameters
    ----------
    points : iterable of ndarray, shape (3,)
        RAS mm, in the world of `tissues`.
    tissues : Image
        Map of `angiolith.brain.segment.TISSUES`.
    settings : PlaceSettings
        Margins in mm.

    Returns
    -------
    tuple of dict
        Counts by PLACES and by SITES. Spots far from the brain are in neither.
    """
    places, sites = dict.fromkeys(PLACES, 0), dict.fromkeys(SITES, 0)
    for point in points:
        place, site = place_of(np.asarray(point, float), tissues, settings)
        if place != UNKNOWN:
            places[place] += 1
            sites[site] += 1
    return places, sites
