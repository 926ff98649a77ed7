"""A first automatic wall: from points on a vessel of a black-blood image to a label map of lumen and wall.

The path between the points is the darkest one; on cross-sections along it a lumen and an outer wall (closed curves of
few harmonics) are fitted to the image as the scanner would show them (`section_model`). It is offered beside
the readers as one more, named "tool", and replaces none of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from scipy import interpolate, ndimage, signal
from scipy.spatial import cKDTree
from skimage.graph import MCP_Geometric

from angiolith.core.images import Image, mask_points, moved
from angiolith.core.settings.vessel_wall import WallTraceSettings
from angiolith.vessel_wall.parts import SEGMENTS, DrawingError
from angiolith.vessel_wall.points import cropped, index_of
from angiolith.vessel_wall.section_model import SectionModel, inside_mm

# [mm] Grid of the traced labels: at 0.15 their steps alone are 3 to 9 % of a narrow lumen. Source: digital tubes.
LABEL_MM = 0.12
# [number] Sections that stand for each fitted one in the labels. Source: numerics.
BETWEEN = 4
# [mm] Room about the vessel that is looked at. Source: digital tubes.
MARGIN_MM = 6.0
# [number] Samples between voxels at which splines no longer blur what k-space holds. Source: numerics.
FINER = 2
# [mm] Length of vessel over which curves are smoothed by a parabola. Source: digital tubes.
SMOOTH_MM = 2.4
# [1] Cost of a mm in the darkest place, where a mm in the brightest costs about 1. Source: digital tubes.
PATH_COST = 0.15
# [1] Longest path between two points, as a multiple of their distance. Source: digital tubes.
DETOUR_MAX = 1.5
# [%] Darkest grey level of that cost. Source: digital tubes.
DARK_PERCENTILE = 2
# [%] Brightest one. Source: digital tubes.
BRIGHT_PERCENTILE = 90
# [1] Brighter places cost no more than at this multiple of the range. Source: digital tubes.
BRIGHT_MAX = 1.5
# [voxels] Smoothing (SD) of the image in which the way is looked for. Source: digital tubes.
IMAGE_SIGMA_VOXELS = 0.5
# [mm] Smoothing (SD) of the way. Source: digital tubes.
PATH_SIGMA_MM = 1.5
# [mm] Radius within which first circles are tried. Source: digital tubes.
START_FIELD_MM = 4.5
# [mm] Radii of lumens that are tried: from, to, step. Source: anatomy.
START_LUMENS_MM = (0.4, 2.3, 0.3)
# [mm] Thicknesses of walls that are tried: from, to, step. Source: anatomy.
START_WALLS_MM = (0.5, 2.1, 0.3)


def trace(vwi: Image, points: Sequence[tuple[str | None, np.ndarray]], settings: WallTraceSettings) -> Image:
    """Label map (`parts.LABELS`) of the vessel between the points.

    Parameters
    ----------
    vwi : Image
        The vessel-wall image.
    points : Sequence[tuple[str | None, np.ndarray]]
        (position, (n, 3) RAS mm) per segment, position None for a lesion, else one of
        `parts.REFERENCES`; two points or more of each, in order along the vessel.
    settings : WallTraceSettings
        Section `vessel_wall.trace`.

    Returns
    -------
    Image
        The label map.

    Raises
    ------
    DrawingError
        For a segment with one point, and where no wall is found.
    """
    drawn = []
    for position, ends in points:
        if len(ends) < 2:
            raise DrawingError("a vessel needs two points, one at each end")
        axis = vessel_path(vwi, ends, settings.trace_step_mm)
        drawn.append((position, axis, fit_sections(vwi, axis, settings)))
    return label_map(drawn)


def vessel_path(vwi: Image, ends: np.ndarray, step_mm: float) -> np.ndarray:
    """Points (n, 3) every `step_mm` along the darkest way through the given ones, smoothed; RAS mm.

    Parameters
    ----------
    vwi : Image
        The vessel-wall image.
    ends : np.ndarray
        Points (n, 3) on the vessel in their order, RAS mm.
    step_mm : float
        Distance of the path's points, mm.

    Returns
    -------
    np.ndarray
        Points (m, 3), RAS mm.

    Raises
    ------
    DrawingError
        Where the path leaves the vessel.
    """
    half = float(np.linalg.norm(np.ptp(ends, axis=0))) / 2 + MARGIN_MM
    near = cropped(vwi, ends.mean(axis=0), half)
    smooth = ndimage.gaussian_filter(near.data, IMAGE_SIGMA_VOXELS)
    low, high = np.percentile(smooth, [DARK_PERCENTILE, BRIGHT_PERCENTILE])
    cost = PATH_COST + np.clip((smooth - low) / max(high - low, 1e-9), 0, BRIGHT_MAX) ** 2
    search = MCP_Geometric(cost, sampling=tuple(near.voxel_mm))
    places = np.clip(np.rint(index_of(near.affine, ends)).astype(int), 0, np.array(near.data.shape) - 1)
    route: list[tuple[int, ...]] = []
    for start, end in itertools.pairwise(places):
        search.find_costs([tuple(start)], [tuple(end)])
        found = search.traceback(tuple(end))
        steps = np.diff(np.array(found, float), axis=0) * near.voxel_mm
        direct = float(np.linalg.norm((np.array(end) - np.array(start)) * near.voxel_mm))
        if np.linalg.norm(steps, axis=1).sum() > DETOUR_MAX * max(direct, 1.0):
            raise DrawingError(
                "the path between the points leaves the vessel: set a point in the lumen at each bend too"
            )
        route += found
    path = moved(near.affine, np.array(route, float))
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    even = np.arange(0, along[-1], step_mm)
    line = np.stack([np.interp(even, along, column) for column in path.T], axis=1)
    return ndimage.gaussian_filter1d(line, PATH_SIGMA_MM / step_mm, axis=0, mode="nearest")


def fit_sections(vwi: Image, axis: np.ndarray, settings: WallTraceSettings) -> list[dict[str, np.ndarray]]:
    """Per point of the axis: the plane (origin, axes) and the fitted curves (parameters of `inside_mm`) in it.

    A first fit of each section tells the noise, and blood's level from the wider half of the sections (a narrow lumen
    hides it); then the floor that the noise gives a magnitude image is taken off, and each is fitted again. Curves vary
    smoothly along the vessel: a parabola through the sections within `SMOOTH_MM`.

    Parameters
    ----------
    vwi : Image
        The vessel-wall image.
    axis : np.ndarray
        Points along the vessel (n, 3), RAS mm.
    settings : WallTraceSettings
        Section `vessel_wall.trace`.

    Returns
    -------
    list[dict[str, np.ndarray]]
        Per point `origin` (3,), `axes` (2, 3) and `curves` (10,).
    """
    near = cropped(vwi, axis.mean(axis=0), float(np.ptp(axis, axis=0).max()) / 2 + 2 * MARGIN_MM)
    voxel_mm = np.array(settings.trace_acquired_voxel_mm or near.voxel_mm)
    fine = near.data.astype(float)
    for along in range(3):  # the image between its voxels, as its k-space has it
        fine = signal.resample(fine, FINER * fine.shape[along], axis=along)
    coefficients = ndimage.spline_filter(fine, order=3)
    sections = []
    for origin, axes in planes(axis):
        model = SectionModel(axes, (near.affine[:3, :3] / near.voxel_mm).T, voxel_mm)
        index = FINER * index_of(near.affine, origin + model.places @ axes)
        values = ndimage.map_coordinates(coefficients, index.T, order=3, prefilter=False, mode="nearest")
        sections.append((model, values, {"origin": origin, "axes": axes}))
    curves: list[np.ndarray] = []
    for model, values, _ in sections:
        starts = _starts(values, model.places) if not curves else [curves[-1]]
        fits = [model.fit(values, start, None if not curves else curves[-1]) for start in starts]
        curves.append(min(fits, key=lambda fit: fit.cost).x)
    fitted = [(model, values, curve) for (model, values, _), curve in zip(sections, curves, strict=True)]
    noise = float(np.median([model.noise(values, curve) for model, values, curve in fitted]))
    cleared = [values - model.floor(values, curve, noise) for model, values, curve in fitted]
    radii = np.array([curve[2] for curve in curves])
    wide = np.flatnonzero(radii >= np.median(radii))
    blood = float(np.median([sections[at][0].levels(cleared[at], curves[at])[0] for at in wide]))
    before = [curves[0], *curves[:-1]]
    again = [
        model.fit(values, curve, around, blood).x
        for (model, _, curve), values, around in zip(fitted, cleared, before, strict=True)
    ]
    reach = min(2 * round(SMOOTH_MM / settings.trace_step_mm / 2) + 1, len(again) - 1 + len(again) % 2)
    smooth = signal.savgol_filter(again, reach, min(2, reach - 1), axis=0)
    return [plane | {"curves": row} for (_, _, plane), row in zip(sections, smooth, strict=True)]


def planes(axis: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Per point of the axis: origin (3,) and axes (2, 3), RAS, of the plane across it, turning as little as can be.

    Parameters
    ----------
    axis : np.ndarray
        Points along the vessel (n, 3), RAS mm.

    Yields
    ------
    tuple[np.ndarray, np.ndarray]
        Origin (3,) and axes (2, 3), RAS mm.
    """
    tangents = np.gradient(ndimage.gaussian_filter1d(axis, 2, axis=0, mode="nearest"), axis=0)
    tangents /= np.linalg.norm(tangents, axis=1)[:, None]
    first = np.eye(3)[int(np.abs(tangents[0]).argmin())]
    for origin, tangent in zip(axis, tangents, strict=True):
        first = first - (first @ tangent) * tangent
        first = first / np.linalg.norm(first)
        yield origin, np.stack([first, np.cross(tangent, first)])


def _denser(axis: np.ndarray, sections: list[dict[str, np.ndarray]]) -> tuple[np.ndarray, list[dict[str, np.ndarray]]]:
    """The axis and its sections with `BETWEEN` - 1 more after each."""
    at = np.arange(BETWEEN * (len(axis) - 1) + 1) / BETWEEN

    def between(rows: np.ndarray) -> np.ndarray:
        return interpolate.interp1d(np.arange(len(axis)), rows, axis=0)(at) if len(axis) > 1 else rows

    names = ("origin", "axes", "curves")
    columns = [between(np.array([section[name] for section in sections])) for name in names]
    return between(axis), [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _starts(values: np.ndarray, places: np.ndarray) -> list[np.ndarray]:
    """Concentric circles that explain the section best: three for a start, parameters as in `inside_mm`."""
    distance = np.linalg.norm(places, axis=1)
    near = distance < START_FIELD_MM
    tried = []
    for lumen in np.arange(*START_LUMENS_MM):
        for wall in np.arange(*START_WALLS_MM):
            parts = np.stack([distance < lumen, (distance >= lumen) & (distance < lumen + wall)]).astype(float)
            design = np.stack([*parts, 1 - parts.sum(axis=0)], axis=1)[near]
            levels, rest = np.linalg.lstsq(design, values[near], rcond=None)[:2]
            if len(rest) and levels[1] > levels[0]:
                tried.append((float(rest[0]), lumen, wall))
    tried.sort()
    if not tried:
        raise DrawingError("no bright wall around a dark lumen at the given points: put them into the lumen")
    return [np.array([0, 0, lumen, 0, 0, 0, 0, lumen + wall, 0, 0], float) for _, lumen, wall in tried[:3]]


def label_map(drawn: Sequence[tuple[str | None, np.ndarray, list[dict[str, np.ndarray]]]]) -> Image:
    """The fitted curves as labels on a grid of `LABEL_MM`, each place by the section it lies nearest to.

    Sections between the fitted ones are interpolated, so that the labels have no steps of the fit's own spacing.

    Parameters
    ----------
    drawn : Sequence[tuple[str | None, np.ndarray, list[dict[str, np.ndarray]]]]
        Per segment its position, axis (n, 3) and fitted sections.

    Returns
    -------
    Image
        The label map, uint8.
    """
    drawn = [(position, *_denser(axis, sections)) for position, axis, sections in drawn]
    every = np.concatenate([axis for _, axis, _ in drawn])
    low, high = every.min(axis=0) - MARGIN_MM, every.max(axis=0) + MARGIN_MM
    labels = np.zeros(np.ceil((high - low) / LABEL_MM).astype(int), np.uint8)
    affine = np.diag([LABEL_MM, LABEL_MM, LABEL_MM, 1.0])
    affine[:3, 3] = low
    places = mask_points(affine, np.ones(labels.shape, dtype=bool))
    for position, axis, sections in drawn:
        gaps, nearest = cKDTree(axis).query(places, distance_upper_bound=MARGIN_MM)
        near = np.flatnonzero(np.isfinite(gaps))
        at = nearest[near]
        origins = np.array([section["origin"] for section in sections])[at]
        axes = np.array([section["axes"] for section in sections])[at]
        offset = places[near] - origins
        flat = np.einsum("nij,nj->ni", axes, offset)
        beyond = np.linalg.norm(offset, axis=1) ** 2 - (flat**2).sum(axis=1) > np.square(LABEL_MM * 3)
        curves = np.array([section["curves"] for section in sections])[at].T
        lumen_label, wall_label = SEGMENTS[position]
        lumen, outer = (inside_mm(part, flat) for part in (curves[:5], curves[5:]))
        value = np.where(lumen > 0, lumen_label, np.where(outer > 0, wall_label, 0))
        value[beyond] = 0
        labels.reshape(-1)[near[value > 0]] = value[value > 0]
    return Image(labels, affine)
