"""A first automatic wall: from points on a vessel of a black-blood image to a label map of lumen and wall.

The path between the points is the darkest one; on cross-sections along it a lumen and an outer wall (closed curves of
few harmonics) are fitted to the image as the scanner would show them, blurred by its point spread. It is offered beside
the readers as one more, named "tool", and replaces none of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import ndimage
from scipy.optimize import OptimizeResult, least_squares
from scipy.spatial import cKDTree
from skimage.graph import MCP_Geometric

from scripts.lib.images import Image, mask_points, moved
from scripts.lib.vessel_wall.parts import SEGMENTS, DrawingError
from scripts.lib.vessel_wall.points import cropped, index_of

RENDER_MM = 0.1
LABEL_MM = 0.15
MARGIN_MM = 6.0
AWAY_FROM_ZERO = 5.0  # parameters are shifted by this, so that a step of their differences is one of mm
STEP_MM = 0.03
MOST_STEPS = 8
SHAPE_COST = 0.15  # per mm of second harmonic and per mm of change from the section before, in units of the noise
WAY_COST = 0.15  # of a mm in the darkest place, where a mm in the brightest costs about 1
DETOUR_MAX = 1.5  # longest way between two points, as a multiple of their distance
WALL_MM_MIN = 0.2
NEARBY_MM = 1.5
FIELD_MM = 5.0  # half width of a section
BLUR_SECTIONS = 6  # the image's blur is told from this many sections
NOISE_SHARE = 0.1  # of a section's own spread: noise and texture
LOW = np.array([-3, -3, 0.15, -0.6, -0.6, -3, -3, 0.6, -0.6, -0.6])  # of the parameters of lumen and outer wall, mm
HIGH = np.array([3, 3, 3.5, 0.6, 0.6, 3, 3, 5.0, 0.6, 0.6])


def trace(vwi: Image, points: Sequence[tuple[str | None, np.ndarray]], settings: Mapping[str, Any]) -> Image:
    """Label map (`parts.LABELS`) of the vessel between the points.

    points: (position, (n, 3) RAS mm) per segment, position None for a lesion, else one of `parts.REFERENCES`; two
    points or more of each, in order along the vessel. Raises DrawingError where no wall is found.
    """
    drawn = []
    for position, ends in points:
        if len(ends) < 2:
            raise DrawingError("a vessel needs two points, one at each end")
        axis = vessel_path(vwi, ends, settings["trace_step_mm"])
        drawn.append((position, axis, fit_sections(vwi, axis, settings)))
    return label_map(drawn)


def vessel_path(vwi: Image, ends: np.ndarray, step_mm: float) -> np.ndarray:
    """Points (n, 3) every `step_mm` along the darkest way through the given ones, smoothed; RAS mm."""
    half = float(np.linalg.norm(np.ptp(ends, axis=0))) / 2 + MARGIN_MM
    near = cropped(vwi, ends.mean(axis=0), half)
    smooth = ndimage.gaussian_filter(near.data, 0.5)
    low, high = np.percentile(smooth, [2, 90])
    cost = WAY_COST + np.clip((smooth - low) / max(high - low, 1e-9), 0, 1.5) ** 2
    search = MCP_Geometric(cost, sampling=tuple(near.voxel_mm))
    places = np.clip(np.rint(index_of(near.affine, ends)).astype(int), 0, np.array(near.data.shape) - 1)
    way: list[tuple[int, ...]] = []
    for start, end in itertools.pairwise(places):
        search.find_costs([tuple(start)], [tuple(end)])
        found = search.traceback(tuple(end))
        steps = np.diff(np.array(found, float), axis=0) * near.voxel_mm
        direct = float(np.linalg.norm((np.array(end) - np.array(start)) * near.voxel_mm))
        if np.linalg.norm(steps, axis=1).sum() > DETOUR_MAX * max(direct, 1.0):
            raise DrawingError(
                "the way between the points leaves the vessel: set a point in the lumen at each bend too"
            )
        way += found
    path = moved(near.affine, np.array(way, float))
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    even = np.arange(0, along[-1], step_mm)
    line = np.stack([np.interp(even, along, column) for column in path.T], axis=1)
    return ndimage.gaussian_filter1d(line, 1.5 / step_mm, axis=0, mode="nearest")


def fit_sections(vwi: Image, axis: np.ndarray, settings: Mapping[str, Any]) -> list[dict[str, np.ndarray]]:
    """Per point of the axis: the plane (origin, axes) and the fitted curves (parameters of `_curve`) in it."""
    near = cropped(vwi, axis.mean(axis=0), float(np.ptp(axis, axis=0).max()) / 2 + 2 * MARGIN_MM)
    coefficients = ndimage.spline_filter(near.data.astype(float), order=3)
    tangents = np.gradient(ndimage.gaussian_filter1d(axis, 2, axis=0, mode="nearest"), axis=0)
    tangents /= np.linalg.norm(tangents, axis=1)[:, None]
    blurs = np.array(settings["trace_psf_voxels"]) * float(near.voxel_mm.mean())
    ticks = np.arange(-FIELD_MM, FIELD_MM + 1e-9, RENDER_MM)
    grid = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1)
    every = max(1, round(float(near.voxel_mm.mean()) / 2 / RENDER_MM))
    first = np.eye(3)[int(np.abs(tangents[0]).argmin())]
    planes, images = [], []
    for origin, tangent in zip(axis, tangents, strict=True):
        first = first - (first @ tangent) * tangent
        first = first / np.linalg.norm(first)
        planes.append({"origin": origin, "axes": np.stack([first, np.cross(tangent, first)])})
        places = origin + grid[::every, ::every].reshape(-1, 2) @ planes[-1]["axes"]
        index = index_of(near.affine, places)
        images.append(ndimage.map_coordinates(coefficients, index.T, order=3, prefilter=False, mode="nearest"))
    section = SectionModel(ticks, every, float(np.median(blurs)))
    curves: list[np.ndarray] = []
    for values in images:
        starts = _starts(values, section.places) if not curves else [curves[-1]]
        fits = [section.fit(values, start, None if not curves else curves[-1]) for start in starts]
        best = min(fits, key=lambda fit: fit.cost)
        curves.append(best.x)
    some = np.linspace(0, len(curves) - 1, min(len(curves), BLUR_SECTIONS)).round().astype(int)
    models = [SectionModel(ticks, every, float(sigma)) for sigma in blurs]
    misfits = [sum(model.fit(images[at], curves[at], curves[at]).cost for at in some) for model in models]
    section = models[int(np.argmin(misfits))]
    # blood is equally dark all along: its level comes from the wider half of the sections, for a narrow lumen hides it
    radii = np.array([curve[2] for curve in curves])
    wide = np.flatnonzero(radii >= np.median(radii))
    level = float(np.median([section.levels(images[at], curves[at])[0] for at in wide]))
    again = [
        section.fit(values, curve, around, level).x
        for values, curve, around in zip(images, curves, [curves[0], *curves[:-1]], strict=True)
    ]
    smooth = ndimage.median_filter(np.array(again), size=(3, 1), mode="nearest")
    return [plane | {"curves": row} for plane, row in zip(planes, smooth, strict=True)]


def _starts(values: np.ndarray, places: np.ndarray) -> list[np.ndarray]:
    """Concentric circles that explain the section best: three for a start, parameters as in `_curve`."""
    distance = np.linalg.norm(places, axis=1)
    near = distance < 4.5
    tried = []
    for lumen in np.arange(0.4, 2.3, 0.3):
        for wall in np.arange(0.5, 2.1, 0.3):
            parts = np.stack([distance < lumen, (distance >= lumen) & (distance < lumen + wall)]).astype(float)
            design = np.stack([*parts, 1 - parts.sum(axis=0)], axis=1)[near]
            levels, rest = np.linalg.lstsq(design, values[near], rcond=None)[:2]
            if len(rest) and levels[1] > levels[0]:
                tried.append((float(rest[0]), lumen, wall))
    tried.sort()
    if not tried:
        raise DrawingError("no bright wall around a dark lumen at the given points: put them into the lumen")
    return [np.array([0, 0, lumen, 0, 0, 0, 0, lumen + wall, 0, 0], float) for _, lumen, wall in tried[:3]]


def _inside(curve: np.ndarray, places: np.ndarray) -> np.ndarray:
    """How far (mm) places (..., 2) lie inside a curve: centre (x, y), radius and its second harmonic (cos, sin)."""
    x, y = places[..., 0] - curve[0], places[..., 1] - curve[1]
    double = 2 * np.arctan2(y, x)
    return curve[2] + curve[3] * np.cos(double) + curve[4] * np.sin(double) - np.hypot(x, y)


class SectionModel:
    """What the scanner shows of a lumen and a wall on a cross-section: curves drawn finely, blurred, then sampled.

    ticks: the fine grid's coordinates, mm; every: its step between the image's samples; sigma: blur, mm.
    """

    def __init__(self, ticks: np.ndarray, every: int, sigma: float) -> None:
        self.grid = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1)
        self.every, self.sigma = every, sigma
        self.places = self.grid[::every, ::every].reshape(-1, 2)
        self.angle = np.arctan2(self.places[:, 1], self.places[:, 0])

    def design(self, curves: np.ndarray) -> np.ndarray:
        """Shares (n, 5) of lumen, wall, and surroundings (level and slopes) at the samples, for two curves (10,)."""
        shares = []
        for curve in (curves[:5], curves[5:]):
            sharp = np.clip(_inside(curve, self.grid) / RENDER_MM + 0.5, 0, 1)
            blurred = ndimage.gaussian_filter(sharp, self.sigma / RENDER_MM, mode="nearest")
            shares.append(blurred[:: self.every, :: self.every].ravel())
        lumen, outer = shares
        beside = 1 - outer
        return np.stack([lumen, outer - lumen, beside, beside * np.cos(self.angle), beside * np.sin(self.angle)], 1)

    def used(self, curves: np.ndarray) -> np.ndarray:
        """The samples (n,) that count: the vessel and what is close to it."""
        return np.linalg.norm(self.places - curves[5:7], axis=1) < curves[7] + NEARBY_MM

    def levels(self, values: np.ndarray, curves: np.ndarray) -> np.ndarray:
        """Grey levels (5,) of the design's parts."""
        used = self.used(curves)
        return np.linalg.lstsq(self.design(curves)[used], values[used], rcond=None)[0]

    def fit(
        self, values: np.ndarray, start: np.ndarray, around: np.ndarray | None, blood: float | None = None
    ) -> OptimizeResult:
        """Least squares of two curves' parameters (10) to a section; grey levels follow linearly at every step.

        around: curves of the section before, which hold these loosely; blood: the lumen's grey level, if known.
        """
        used = self.used(start)
        noise = max(1e-6, NOISE_SHARE * float(np.std(values[used]))) * np.sqrt(self.every)

        def rest(shifted: np.ndarray) -> np.ndarray:
            curves = shifted - AWAY_FROM_ZERO
            design, target = self.design(curves)[used], values[used]
            if blood is not None:
                target, design = target - blood * design[:, 0], design[:, 1:]
            misfit = (target - design @ np.linalg.lstsq(design, target, rcond=None)[0]) / noise
            harmonics = curves[[3, 4, 8, 9]] / SHAPE_COST
            change = np.zeros(10) if around is None else (curves - around) / (2 * SHAPE_COST)
            room = curves[7] - curves[2] - np.linalg.norm(curves[:2] - curves[5:7]) - WALL_MM_MIN
            return np.concatenate([misfit, harmonics, change, [min(room, 0) / RENDER_MM]])

        first = np.clip(start, LOW + 1e-3, HIGH - 1e-3) + AWAY_FROM_ZERO
        bounds = (LOW + AWAY_FROM_ZERO, HIGH + AWAY_FROM_ZERO)
        fit = least_squares(rest, first, bounds=bounds, diff_step=STEP_MM / AWAY_FROM_ZERO, max_nfev=MOST_STEPS)
        fit.x = fit.x - AWAY_FROM_ZERO
        return fit


def label_map(drawn: Sequence[tuple[str | None, np.ndarray, list[dict[str, np.ndarray]]]]) -> Image:
    """The fitted curves as labels on a grid of `LABEL_MM`, each place by the section it lies nearest to."""
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
        lumen, outer = (_inside(part, flat) for part in (curves[:5], curves[5:]))
        value = np.where(lumen > 0, lumen_label, np.where(outer > 0, wall_label, 0))
        value[beyond] = 0
        labels.reshape(-1)[near[value > 0]] = value[value > 0]
    return Image(labels, affine)
