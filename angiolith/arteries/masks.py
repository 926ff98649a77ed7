"""Arteries from label maps made elsewhere, and from an MR angiogram: labels on the CT grid and centrelines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.filters import apply_hysteresis_threshold
from skimage.graph import MCP_Geometric, route_through_array

from angiolith.arteries.centrelines import Centreline, box_affine, region_labels, resampled
from angiolith.arteries.names import BESIDE_SMOOTH_BONE, FLUID_SDS, INDEX, LABELS
from angiolith.core.distance import NEIGHBOURS_26
from angiolith.core.images import Image, bounding_box, moved
from angiolith.core.robust import SD_OF_MAD
from angiolith.core.settings.arteries import ArteryMapSettings, ArteryRegionSettings

# [mm] Smoothing (SD) of a mask's centreline. Source: digital heads.
SMOOTHING_MM = 1.0
# [mm] Finest cubic voxel in which a mask's path is looked for. Source: numerics.
FINEST_MM = 0.25
# [radii] Near its ends, so far from them, a path leaves the middle: its radius is that of one further in. Source:
# digital heads.
END_RADII = 1.5
# [mm] Smoothing (SD) of an angiogram before vessels are separated from tissue. Source: digital heads.
ANGIO_SIGMA_MM = 0.4
# [%] Of a vessel's surest voxels: its intensity, whose half with the tissue's is its edge. Source: digital heads.
VESSEL_PERCENTILE = 75
# [points] End of a path that gives the direction in which it is prolonged. Source: numerics.
DIRECTION_POINTS = 8
# which end of an artery is the proximal one: the end where this is smallest (x mirrored to the right, y, z)
# [axis] World axis along which an artery's proximal end lies first. Source: anatomy.
PROXIMAL_AXIS = {"ICA": 2, "BA": 2, "VA": 2, "ACA": 2, "MCA": 0, "PCA": 0, "Pcom": 1, "Acom": 0}


def canonical_labels(mask: np.ndarray, names: Mapping[int, tuple[str, str]]) -> np.ndarray:
    """The mask with the project's label numbers; labels that `names` does not hold become 0.

    Parameters
    ----------
    mask : np.ndarray
        Labels (i, j, k), whole numbers.
    names : Mapping[int, tuple[str, str]]
        Label -> (artery, side).

    Returns
    -------
    np.ndarray
        Labels (i, j, k), uint8.
    """
    table = np.zeros(int(mask.max(initial=0)) + 1, np.uint8)
    for label, name in names.items():
        table[label] = INDEX[name]
    return table[mask]


def widened(labels: np.ndarray, affine: np.ndarray, margin_mm: float) -> np.ndarray:
    """Every label grown by `margin_mm` (calcium lies in the wall, outside the lumen); nearest label wins.

    Parameters
    ----------
    labels : np.ndarray
        Labels (i, j, k).
    affine : np.ndarray
        Voxel -> mm (4, 4), RAS.
    margin_mm : float
        Growth, mm.

    Returns
    -------
    np.ndarray
        Labels (i, j, k).
    """
    if not labels.any():
        return labels
    voxel_mm = np.linalg.norm(affine[:3, :3], axis=0)
    box = bounding_box(labels, np.ceil(margin_mm / voxel_mm).astype(int) + 1)
    part = labels[box]
    distance, nearest = ndimage.distance_transform_edt(part == 0, sampling=voxel_mm, return_indices=True)
    result = np.zeros_like(labels)
    result[box] = np.where(distance <= margin_mm, part[tuple(nearest)], 0)
    return result


def centrelines_of_labels(labels: np.ndarray, affine: np.ndarray, sd_mm: float) -> dict[tuple[str, str], Centreline]:
    """A centreline for each label of the project's numbers that is long enough to have one (over 3 mm).

    Parameters
    ----------
    labels : np.ndarray
        Labels (i, j, k) of the project's numbers.
    affine : np.ndarray
        Voxel -> mm (4, 4), RAS.
    sd_mm : float
        Uncertainty of position, mm.

    Returns
    -------
    dict[tuple[str, str], Centreline]
        (artery, side) -> centreline.
    """
    lines = {}
    for index, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is not None and index in LABELS:
            line = centreline_of_mask(labels[box] == index, box_affine(affine, box), *LABELS[index], sd_mm)
            if line is not None:
                lines[line.name] = line
    return lines


def centreline_of_mask(mask: np.ndarray, affine: np.ndarray, artery: str, side: str, sd_mm: float) -> Centreline | None:
    """The path through the middle of a mask between its two ends, smoothed over 1 mm, with the radius of its sections.

    The mask is first resampled to cubic voxels of its smallest edge. The ends are the two voxels farthest apart within
    the mask; the path between them costs the less the farther it runs from the surface. Its last radius, where it turns
    to a corner of the mask's end, is replaced by a straight one. None where the path is under 3 mm.

    Parameters
    ----------
    mask : np.ndarray
        Mask of one artery, bool (i, j, k).
    affine : np.ndarray
        Voxel -> mm (4, 4), RAS.
    artery, side : str
        Name of the artery.
    sd_mm : float
        Uncertainty of position, mm.

    Returns
    -------
    Centreline | None
        The centreline, or None.
    """
    voxel_mm = np.linalg.norm(affine[:3, :3], axis=0)
    fine_mm = max(FINEST_MM, float(voxel_mm.min()))
    scale = voxel_mm / fine_mm
    cubic = ndimage.zoom(np.pad(mask, 2).astype(np.float32), scale, order=1, grid_mode=True, mode="nearest") > 0.5
    pieces, count = ndimage.label(cubic, NEIGHBOURS_26)
    if count == 0:
        return None
    cubic = pieces == np.argmax(np.bincount(pieces.ravel())[1:]) + 1
    path = _middle_path(cubic)
    arc_mm = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))]) * fine_mm
    if arc_mm[-1] < 3.0:
        return None
    radius = _radius_mm(np.argwhere(cubic), path, arc_mm, fine_mm)
    index = (path + 0.5) / scale - 0.5 - 2
    points = ndimage.gaussian_filter1d(moved(affine, index), SMOOTHING_MM / fine_mm, axis=0)
    inner = (arc_mm >= radius[0]) & (arc_mm <= arc_mm[-1] - radius[-1])
    if inner.sum() > 1:
        points, radius = points[inner], radius[inner]
    points = np.concatenate([_beyond(points, radius, 0), points, _beyond(points, radius, -1)])
    radius = np.concatenate([radius[:1], radius, radius[-1:]])
    proximal = points * np.array([-1 if side == "L" else 1, 1, 1])
    axis = PROXIMAL_AXIS[artery]
    order = slice(None) if proximal[0, axis] <= proximal[-1, axis] else slice(None, None, -1)
    count = len(points)
    return resampled(Centreline(artery, side, points[order], radius[order], np.full(count, sd_mm), np.full(count, "")))


def _middle_path(mask: np.ndarray) -> np.ndarray:
    """Voxels (n, 3) of the path through the middle of a connected mask from one of its ends to the other."""
    even = np.where(mask, 1.0, np.inf)
    anywhere = tuple(np.argwhere(mask)[0])
    start = _farthest_voxel(even, anywhere)
    end = _farthest_voxel(even, start)
    depth = ndimage.distance_transform_edt(mask)
    cost = np.where(mask, np.maximum(depth, 1) ** -3.0, np.inf)
    return np.array(route_through_array(cost, start, end, fully_connected=True, geometric=True)[0])


def _farthest_voxel(cost: np.ndarray, start: tuple[int, ...]) -> tuple[int, ...]:
    distance, _ = MCP_Geometric(cost).find_costs([start])
    distance[~np.isfinite(distance)] = -1
    return tuple(int(i) for i in np.unravel_index(distance.argmax(), distance.shape))


def _radius_mm(voxels: np.ndarray, path: np.ndarray, arc_mm: np.ndarray, voxel_mm: float) -> np.ndarray:
    """Radius (n,) of the round cross-sections that hold the volume around each point of the path, smoothed over 1 mm.

    Near the ends, where the path leaves the middle, it is that of one radius further in.
    """
    volume = np.bincount(cKDTree(path).query(voxels)[1], minlength=len(path)) * voxel_mm**3
    step_mm = np.gradient(arc_mm)
    volume, step_mm = (ndimage.gaussian_filter1d(v, SMOOTHING_MM / voxel_mm, mode="nearest") for v in (volume, step_mm))
    radius = np.sqrt(volume / step_mm / np.pi)
    margin = END_RADII * float(np.median(radius))
    inner = (arc_mm >= margin) & (arc_mm <= arc_mm[-1] - margin)
    return np.interp(arc_mm, arc_mm[inner], radius[inner]) if inner.any() else np.full(len(path), np.median(radius))


def _beyond(points: np.ndarray, radius: np.ndarray, end: int) -> np.ndarray:
    """One point (1, 3), a radius further than an end of the path."""
    inner = min(len(points) - 1, DIRECTION_POINTS)
    direction = points[0] - points[inner] if end == 0 else points[-1] - points[-1 - inner]
    return (points[end] + direction / max(float(np.linalg.norm(direction)), 1e-9) * radius[end])[None]


def segment_angio(
    angio: Image, atlas_lines: Sequence[Centreline], settings: ArteryMapSettings, region: ArteryRegionSettings
) -> np.ndarray:
    """Label map (uint8) of the bright vessels of a time-of-flight angiogram, on its own grid.

    Vessels are what stands above the tissue within the atlas tubes (median and MAD), down to half maximum, each voxel
    named by its nearest artery. An artery of which less than `angio_share_min` of the expected volume shows is left
    out.

    Parameters
    ----------
    angio : Image
        Time-of-flight angiogram.
    atlas_lines : Sequence[Centreline]
        The atlas in the angiogram's space.
    settings : ArteryMapSettings
        Section `arteries.map`.
    region : ArteryRegionSettings
        Section `arteries.region`.

    Returns
    -------
    np.ndarray
        Labels (i, j, k), uint8.
    """
    tubes = region_labels(angio.data.shape, angio.affine, atlas_lines, search_reach(region))
    if not tubes.any():
        return tubes
    box = bounding_box(tubes, 3)
    inside = tubes[box] > 0
    bright = ndimage.gaussian_filter(angio.data[box], ANGIO_SIGMA_MM / angio.voxel_mm)
    tissue = np.median(bright[inside])
    spread = SD_OF_MAD * np.median(np.abs(bright[inside] - tissue))
    surely = tissue + settings.angio_mads * spread
    labels = np.zeros_like(tubes)
    for line in atlas_lines:
        own = tubes[box] == INDEX[line.name]
        seeds = own & (bright > surely)
        if not seeds.any():
            continue
        half = (tissue + np.percentile(bright[seeds], VESSEL_PERCENTILE)) / 2
        vessel = apply_hysteresis_threshold(np.where(own, bright, tissue), half, max(surely, half))
        expected_mm3 = float(np.pi * np.mean(line.radius_mm**2) * line.arc_mm[-1])
        if vessel.sum() * angio.voxel_volume_mm3 >= settings.angio_share_min * expected_mm3:
            labels[box][vessel] = INDEX[line.name]
    return labels


def search_reach(region: ArteryRegionSettings) -> Callable[[Centreline], np.ndarray]:
    """Search radius along a centreline: lumen + wall margin + `search_sds` times the uncertainty of position, mm.

    Beside smooth bone the uncertainty counts `FLUID_SDS` times.

    Parameters
    ----------
    region : ArteryRegionSettings
        Section `arteries.region`.

    Returns
    -------
    Callable[[Centreline], np.ndarray]
        A function of a centreline that gives (n,), mm.
    """

    def reach_mm(line: Centreline) -> np.ndarray:
        sds = region.search_sds * (FLUID_SDS if line.artery in BESIDE_SMOOTH_BONE else 1.0)
        return np.asarray(line.radius_mm + region.wall_margin_mm + sds * line.sd_mm)

    return reach_mm
