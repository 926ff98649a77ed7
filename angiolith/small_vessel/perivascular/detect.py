"""Perivascular spaces in basal ganglia and centrum semiovale on T2w (bright) or T1w (dark), counted and graded.

A space is a thin line, or its cross-section: the second largest curvature of the image, across scales, is large along
it (a ridge filter; Lindeberg 1998, Frangi 1998). STRIVE-2 (Duering 2023): under 3 mm across, CSF-like. Grade by the
count on the fuller side of the fullest axial slice (Potter 2015).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage

from angiolith.brain.segment import TISSUES
from angiolith.core.distance import NEIGHBOURS_26, box_around, distance_mm
from angiolith.core.images import Image, crop, moved
from angiolith.core.robust import sd_about
from angiolith.core.settings.lacunes import LacuneDetectSettings
from angiolith.core.settings.perivascular import PvsDetectSettings, PvsGradeSettings
from angiolith.small_vessel.blobs import ball_diameter_mm
from angiolith.small_vessel.cavities import is_perivascular
from angiolith.small_vessel.grid import ball, closed, paste, smooth

BASAL_GANGLIA, CENTRUM = "basal_ganglia", "centrum_semiovale"
REGIONS = (BASAL_GANGLIA, CENTRUM)
MEASURES = tuple(
    name.format(region)
    for region in REGIONS
    for name in ("n_pvs_{}", "pvs_{}_count", "pvs_{}_side", "pvs_{}_grade", "pvs_{}_volume_cm3")
)
CANDIDATES = "n_perivascular_space_candidates"  # that wait for a reader
COLUMNS = ("pvs", "region", "side", "x_mm", "y_mm", "z_mm", "volume_mm3", "length_mm", "diameter_mm", "level")
# [mm] Scales (SD) of the ridge filter: spaces of 1 to 3 mm. Source: physics.
SCALES_MM = (0.7, 1.0, 1.4)
# [mm] Tissue around that a level is counted from (SD). Source: digital heads.
AROUND_MM = 4.0
# [mm] What is around a voxel, for the purity of its surroundings (SD). Source: digital heads.
PURITY_MM = 2.5
# [1] White matter's level ends halfway to the cortex's, within these limits (fluid: 1). Source: digital heads.
WHITE_LEVELS = (0.06, 0.25)
# [mm] Noise of single voxels is smoothed (SD) before levels are compared. Source: numerics.
QUIET_MM = 0.8
# [1] Of what lies one voxel around a space, at least this part is white or deep grey matter: sulci end beside cortex.
# Source: digital heads.
WITHIN_MIN = 0.75
# [mm] Neighbouring spaces are kept apart: a voxel belongs to one where its ridge is at least the fraction below of the
# highest within this distance. Source: digital heads.
APART_MM = 2.0
# [1] ... which is this. Source: digital heads.
APART_FRACTION = 0.4
# [1] What is above this level is fluid. Source: definition.
FLUID_LEVEL = 0.5
# [1] Least part of the surroundings that is no fluid, in the basal ganglia. Source: digital heads.
DRY_MIN = 0.9
# [mm] Holes of the pure regions up to twice as wide are filled. Source: digital heads.
FILLED_MM = 2.0
# [1] A space reaches to where its ridge is this fraction of the least one. Source: digital heads.
GROW_FRACTION = 0.5
# [SD] Fluid and white matter differ by so many of white matter's SDs, or the image shows no spaces. Source: choice.
CONTRAST_SDS = 3.0
# [voxels] Less white matter or fluid tells no level. Source: numerics.
VOXELS_MIN = 200
# [mm] Half width about the middle plane that belongs to neither side. Source: choice.
MIDDLE_MM = 2.0
# [%] Percentile of the levels of the lateral ventricles that is their roof: single voxels stick out. Source: numerics.
ROOF_PERCENTILE = 99.5


class PvsError(ValueError):
    """The image does not show perivascular spaces; the message says why."""


@dataclass(frozen=True)
class Regions:
    """Where spaces are looked for, on the grid of the image: masks by name, and the x (RAS mm) of the middle plane."""

    masks: dict[str, np.ndarray]
    middle_mm: float


def regions_of(tissues: np.ndarray, image: Image, settings: PvsDetectSettings) -> Regions:
    """Basal ganglia with their capsules, and the white matter above the lateral ventricles.

    Parameters
    ----------
    tissues : ndarray of int, shape of the image
        Map of `angiolith.brain.segment.TISSUES`.
    image : Image
        Its affine (RAS mm) is taken.
    settings : PvsDetectSettings
        Margins in mm.

    Returns
    -------
    Regions
        Masks on the image's grid, and the midline (RAS mm).

    Raises
    ------
    PvsError
        Where ventricles or deep grey matter are not seen.
    """
    ventricles, deep, white = (tissues == TISSUES[name] for name in ("ventricles", "deep_grey", "white"))
    if ventricles.sum() < VOXELS_MIN or deep.sum() < VOXELS_MIN:
        raise PvsError("ventricles or deep grey matter are not seen")
    from_ventricles = distance_mm(ventricles, image.voxel_mm)
    from_cortex = distance_mm((tissues == TISSUES["grey"]) | (tissues == TISSUES["csf"]), image.voxel_mm)
    inner = (from_ventricles > settings.ventricle_margin_mm) & (from_cortex > settings.cortex_margin_mm)
    points = moved(image.affine, np.argwhere(ventricles))
    roof = np.percentile(points[:, 2], ROOF_PERCENTILE)
    level = _coordinate(image, 2)
    around = distance_mm(deep, image.voxel_mm) <= settings.capsule_mm
    ganglia = (deep | (white & around)) & inner & (level < roof)
    return Regions({BASAL_GANGLIA: ganglia, CENTRUM: white & inner & (level > roof)}, float(np.median(points[:, 0])))


def _coordinate(image: Image, axis: int) -> np.ndarray:
    """The world coordinate (RAS mm) of every voxel along one axis."""
    row = image.affine[axis]
    steps = [row[k] * np.arange(n, dtype=np.float32) for k, n in enumerate(image.data.shape)]
    return np.asarray(steps[0][:, None, None] + steps[1][:, None] + steps[2] + np.float32(row[3]), np.float32)


def detect_pvs(
    image: Image,
    tissues: np.ndarray,
    excluded: np.ndarray | None,
    settings: PvsDetectSettings,
    lacunes: LacuneDetectSettings,
) -> tuple[pd.DataFrame, np.ndarray, Regions]:
    """Find perivascular spaces on a T2w or a T1w: fluid's level is taken from the ventricles.

    A space's volume is that of its fluid: the sum of its voxels' levels.

    Parameters
    ----------
    image : Image
        Any unit.
    tissues : ndarray of int, shape of the image
        Map of `angiolith.brain.segment.TISSUES`.
    excluded : ndarray of bool, shape of the image, or None
        WMH, lacunes and infarcts.
    settings : PvsDetectSettings
        Sizes in mm.
    lacunes : LacuneDetectSettings
        The size and form that set a space apart from a lacune.

    Returns
    -------
    tuple of DataFrame, ndarray and Regions
        The table (COLUMNS; middle in RAS mm), the label map (int32, label = `pvs`) and the regions.

    Raises
    ------
    PvsError
        Where voxels are too thick, or fluid and white matter do not differ.
    """
    longest = float(image.voxel_mm.max())
    if longest > settings.voxel_mm_max:
        limit = f"({settings.voxel_mm_max:g} mm is the limit)"
        raise PvsError(f"voxels of {longest:.1f} mm are too thick for perivascular spaces {limit}")
    box = box_around(tissues > 0, AROUND_MM, image.voxel_mm)
    part, inside = crop(image, box), tissues[box]
    found = regions_of(inside, part, settings)
    level, fluid = levels(part, inside)
    found = pure(found, fluid, inside, settings, part.voxel_mm)
    where = np.logical_or.reduce([*found.masks.values()])
    if excluded is not None:
        where &= ~excluded[box]
    ridge = ridges(level, where, part.voxel_mm)
    noise = ridge[where]
    least = max(settings.ridge_min, settings.ridge_mads * float(np.median(np.abs(noise - np.median(noise)))))
    highest = ndimage.maximum_filter(ridge, footprint=ball(APART_MM, part.voxel_mm))
    reach = where & (ridge >= np.maximum(GROW_FRACTION * least, APART_FRACTION * highest)) & (level > 0)
    core = reach & (ridge >= least) & (level >= settings.level_min)
    pieces, _ = ndimage.label(ndimage.binary_propagation(core, NEIGHBOURS_26, mask=reach), NEIGHBOURS_26)
    tissue = (inside == TISSUES["white"]) | (inside == TISSUES["deep_grey"])
    labels = np.zeros(pieces.shape, np.int32)
    rows: list[tuple[Any, ...]] = []
    for number, place in enumerate(ndimage.find_objects(pieces), start=1):
        voxels = np.argwhere(pieces[place] == number) + [s.start for s in place]
        index = tuple(voxels.T)
        extent = len(voxels) * part.voxel_volume_mm3
        volume = float(np.clip(level[index], 0, 1).sum()) * part.voxel_volume_mm3
        length, elongation = _form(moved(part.affine, voxels), part.voxel_mm)
        diameter = ball_diameter_mm(volume)
        width = float(2 * np.sqrt(volume / (np.pi * length)))
        if extent < settings.volume_mm3_min or width > settings.width_mm_max:
            continue
        if not is_perivascular(diameter, elongation, lacunes) or _within(pieces, number, tissue, place) < WITHIN_MIN:
            continue
        middle = moved(part.affine, voxels.mean(axis=0)[None])[0]
        region = BASAL_GANGLIA if found.masks[BASAL_GANGLIA][index].mean() > 0.5 else CENTRUM
        side = _side(middle[0], found)
        labels[index] = len(rows) + 1
        rows.append((len(rows) + 1, region, side, *middle, volume, length, width, float(level[index].max())))
    whole = Regions({name: paste(mask, box, tissues.shape) for name, mask in found.masks.items()}, found.middle_mm)
    return pd.DataFrame(rows, columns=list(COLUMNS)), paste(labels, box, tissues.shape), whole


def placed_spaces(
    spots: pd.DataFrame, labels: np.ndarray, image: Image, tissues: np.ndarray, settings: PvsDetectSettings
) -> tuple[pd.DataFrame, np.ndarray]:
    """Spots of another tool as a table of spaces with their label map.

    A spot is in the region that holds most of its voxels. Spots outside both regions are left out.

    Parameters
    ----------
    spots : DataFrame
        Number, middle (RAS mm), volume (mm3) and diameter (mm) of each label.
    labels : ndarray of int, shape of the image
        The spots.
    image : Image
        Its affine is taken.
    tissues : ndarray of int, shape of the image
        Map of `angiolith.brain.segment.TISSUES`. `regions_of` refuses it with a PvsError where ventricles or deep grey
        matter are not seen.
    settings : PvsDetectSettings
        Margins in mm.

    Returns
    -------
    tuple of DataFrame and ndarray
        COLUMNS, and the label map (int32).
    """
    regions = regions_of(tissues, image, settings)
    kept = np.zeros(labels.shape, np.int32)
    rows: list[tuple[Any, ...]] = []
    for spot in spots.itertuples(index=False):
        index = np.nonzero(labels == spot.number)
        region = _region(index, regions)
        if not region:
            continue
        kept[index] = len(rows) + 1
        length, _ = _form(moved(image.affine, np.argwhere(labels == spot.number)), image.voxel_mm)
        width = float(2 * np.sqrt(spot.volume_mm3 / (np.pi * length)))
        middle = (spot.x_mm, spot.y_mm, spot.z_mm)
        side = _side(spot.x_mm, regions)
        rows.append((len(rows) + 1, region, side, *middle, spot.volume_mm3, length, width, np.nan))
    return pd.DataFrame(rows, columns=list(COLUMNS)), kept


def _region(index: tuple[np.ndarray, ...], regions: Regions) -> str:
    """The region that holds most of these voxels; "" where none does."""
    fractions = {name: float(mask[index].mean()) for name, mask in regions.masks.items()}
    region = max(fractions, key=lambda name: fractions[name])
    return region if fractions[region] > 0.5 else ""


def with_regions(
    table: pd.DataFrame, labels: np.ndarray, image: Image, tissues: np.ndarray, settings: PvsDetectSettings
) -> pd.DataFrame:
    """The table with region and side of the spaces that a reader drew; outside both regions they have none.

    Parameters
    ----------
    table : DataFrame
        COLUMNS.
    labels : ndarray of int, shape of the image
        The spaces, label = `pvs`.
    image : Image
        Its affine is taken.
    tissues : ndarray of int, shape of the image
        Map of `angiolith.brain.segment.TISSUES`.
    settings : PvsDetectSettings
        Margins in mm.

    Returns
    -------
    DataFrame
        Region and side are "" where a space lies in none.
    """
    drawn = table["region"].isna()
    if not drawn.any():
        return table
    regions, table = regions_of(tissues, image, settings), table.copy()
    for at in table.index[drawn]:
        table.loc[at, "region"] = _region(np.nonzero(labels == table.loc[at, "pvs"]), regions)
        table.loc[at, "side"] = _side(float(table.loc[at, "x_mm"]), regions)
    return table


def _side(x_mm: float, regions: Regions) -> str:
    """R, L, or neither about the middle plane."""
    if abs(x_mm - regions.middle_mm) < MIDDLE_MM:
        return ""
    return "R" if x_mm > regions.middle_mm else "L"


def pure(
    regions: Regions, fluid: np.ndarray, tissues: np.ndarray, settings: PvsDetectSettings, voxel_mm: np.ndarray
) -> Regions:
    """The regions without what is no tissue around: sulci and cortex that the networks, at 2 mm, took for white matter.

    White matter's level reaches halfway to that of the cortex. Kept is the centrum semiovale where most of what lies
    within some mm has white matter's level, and the basal ganglia where next to nothing of it is fluid. Holes as wide
    as a space are filled.

    Parameters
    ----------
    regions : Regions
        Masks on one grid.
    fluid : ndarray of float, shape of the masks
        0 in white matter, 1 in fluid.
    tissues : ndarray of int, shape of the masks
        Map of `angiolith.brain.segment.TISSUES`.
    settings : PvsDetectSettings
        The least purity, 0 to 1.
    voxel_mm : ndarray, shape (3,)
        Voxel edges, mm.

    Returns
    -------
    Regions
        On the same grid.
    """
    sigma = PURITY_MM / voxel_mm
    grey = float(np.median(fluid[tissues == TISSUES["grey"]]))
    quiet = ndimage.gaussian_filter(fluid, QUIET_MM / voxel_mm)
    white = ndimage.gaussian_filter((quiet < np.clip(grey / 2, *WHITE_LEVELS)).astype(np.float32), sigma)
    dry = ndimage.gaussian_filter((fluid < FLUID_LEVEL).astype(np.float32), sigma)
    kept = {CENTRUM: white >= settings.purity_min, BASAL_GANGLIA: dry >= DRY_MIN}
    # what a wide space itself makes impure is filled again
    masks = {name: regions.masks[name] & closed(regions.masks[name] & kept[name], FILLED_MM, voxel_mm) for name in kept}
    return Regions(masks, regions.middle_mm)


def levels(image: Image, tissues: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The image in levels of fluid.

    Parameters
    ----------
    image : Image
        Any unit.
    tissues : ndarray of int, shape of the image
        Map of `angiolith.brain.segment.TISSUES`.

    Returns
    -------
    tuple of ndarray, shape of the image
        0 at the tissue around each voxel, and 0 at white matter's level; both 1 at fluid.

    Raises
    ------
    PvsError
        Where fluid and white matter are not seen, or do not differ.
    """
    white, fluid = image.data[tissues == TISSUES["white"]], image.data[tissues == TISSUES["ventricles"]]
    if min(white.size, fluid.size) < VOXELS_MIN:
        raise PvsError("white matter or ventricles are not seen")
    contrast = float(np.median(fluid) - np.median(white))
    if abs(contrast) < CONTRAST_SDS * sd_about(white, float(np.median(white))):
        raise PvsError("fluid and white matter do not differ")
    tissue = (tissues == TISSUES["white"]) | (tissues == TISSUES["deep_grey"])
    around = smooth(image.data, tissue, AROUND_MM, image.voxel_mm)
    level = np.where(tissue, (image.data - around) / np.float32(contrast), 0).astype(np.float32)
    return level, ((image.data - np.median(white)) / np.float32(contrast)).astype(np.float32)


def ridges(level: np.ndarray, where: np.ndarray, voxel_mm: np.ndarray) -> np.ndarray:
    """The largest second curvature over the scales.

    Parameters
    ----------
    level : ndarray of float, shape (i, j, k)
        `levels` of an image.
    where : ndarray of bool, shape (i, j, k)
        Voxels that are looked at.
    voxel_mm : ndarray, shape (3,)
        Voxel edges, mm.

    Returns
    -------
    ndarray of float32, shape (i, j, k)
        In levels, scale-normalised; 0 outside `where`.
    """
    found = np.zeros(level.shape, np.float32)
    for scale in SCALES_MM:
        sigma = scale / voxel_mm
        matrix = np.empty((int(where.sum()), 3, 3), np.float32)
        for a in range(3):
            for b in range(a, 3):
                order = np.bincount([a, b], minlength=3)
                second = ndimage.gaussian_filter(level, sigma, order=order.tolist())[where]
                matrix[:, a, b] = matrix[:, b, a] = second * scale**2 / (voxel_mm[a] * voxel_mm[b])
        middle = -np.linalg.eigvalsh(matrix)[:, 1]
        found[where] = np.maximum(found[where], middle)
    return found


def _within(pieces: np.ndarray, number: int, tissue: np.ndarray, place: tuple[slice, ...]) -> float:
    """The part of a piece's shell, one voxel thick, that is tissue."""
    wide = tuple(slice(max(0, s.start - 1), s.stop + 1) for s in place)
    own = pieces[wide] == number
    shell = ndimage.binary_dilation(own, NEIGHBOURS_26) & ~own
    return float(tissue[wide][shell].mean()) if shell.any() else 0.0


def _form(points_mm: np.ndarray, voxel_mm: np.ndarray) -> tuple[float, float]:
    """Length (mm) along the longest axis, and the ratio of the longest to the middle axis."""
    centred = points_mm - points_mm.mean(axis=0)
    spread = centred.T @ centred / len(centred) + np.eye(3) * float(np.mean(voxel_mm**2)) / 12
    values, axes = np.linalg.eigh(spread)
    along = centred @ axes[:, 2]
    return float(np.ptp(along) + voxel_mm.mean()), float(np.sqrt(values[2] / values[1]))


def fullest(
    labels: np.ndarray, table: pd.DataFrame, image: Image, region: str, settings: PvsDetectSettings
) -> tuple[int, str]:
    """The count of a region's spaces on the fuller side of the fullest axial slab.

    Parameters
    ----------
    labels : ndarray of int, shape of the image
        The spaces.
    table : DataFrame
        COLUMNS.
    image : Image
        Its affine is taken.
    region : str
        One of REGIONS.
    settings : PvsDetectSettings
        The slab's thickness, mm.

    Returns
    -------
    tuple of int and str
        The count, and that side: "L", "R", or "" for none.
    """
    best, best_side = 0, ""
    level = _coordinate(image, 2)
    for side in ("L", "R"):
        wanted = table.loc[(table["region"] == region) & (table["side"] == side), "pvs"]
        if wanted.empty:
            continue
        voxels = np.isin(labels, wanted)
        at = pd.DataFrame({"pvs": labels[voxels], "z": level[voxels]}).groupby("pvs")["z"].agg(["min", "max"])
        for bottom in np.arange(at["min"].min() - settings.slab_mm, at["max"].max(), 1.0):
            count = int(((at["max"] >= bottom) & (at["min"] < bottom + settings.slab_mm)).sum())
            if count > best:
                best, best_side = count, side
    return best, best_side


def pvs_row(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The measures of a session from the facts of its perivascular spaces.

    Parameters
    ----------
    facts : mapping
        Of the job that found them.

    Returns
    -------
    dict
        MEASURES, with status, reason and image.
    """
    rest = {f"pvs_{name}": facts.get(name) for name in ("image", "status", "reason")}
    rest |= {CANDIDATES: facts.get(CANDIDATES)}
    return {name: facts.get(name) for name in MEASURES} | rest


def potter_grade(count: int, settings: PvsGradeSettings) -> int:
    """Potter's grade of a count (Potter 2015).

    Parameters
    ----------
    count : int
        Spaces on the fuller side of the fullest slab.
    settings : PvsGradeSettings
        Counts from which each grade begins.

    Returns
    -------
    int
        0 to 4.
    """
    return sum(count >= least for least in settings.potter)


def pvs_measures(
    labels: np.ndarray, table: pd.DataFrame, image: Image, settings: PvsDetectSettings, grades: PvsGradeSettings
) -> dict[str, Any]:
    """The measures of each region's spaces.

    Parameters
    ----------
    labels : ndarray of int, shape of the image
        The spaces.
    table : DataFrame
        COLUMNS.
    image : Image
        Its affine is taken.
    settings : PvsDetectSettings
        The slab's thickness, mm.
    grades : PvsGradeSettings
        Counts from which each grade begins.

    Returns
    -------
    dict
        Number of spaces, count in the fullest slab with its side, grade and volume (cm3), by region.
    """
    found: dict[str, Any] = {}
    for region in REGIONS:
        own = table[table["region"] == region]
        count, side = fullest(labels, table, image, region, settings)
        found |= {
            f"n_pvs_{region}": len(own),
            f"pvs_{region}_count": count,
            f"pvs_{region}_side": side,
            f"pvs_{region}_grade": potter_grade(count, grades),
            f"pvs_{region}_volume_cm3": float(own["volume_mm3"].sum()) / 1000,
        }
    return found
