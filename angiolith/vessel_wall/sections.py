"""Cross-sections orthogonal to the vessel: planes along the axis of a drawn segment, sub-voxel contours in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.measure import find_contours

from angiolith.vessel_wall import contours
from angiolith.vessel_wall.axis import VesselAxis, find_axis
from angiolith.vessel_wall.drawing import Segment
from angiolith.vessel_wall.parts import DrawingError
from angiolith.vessel_wall.points import index_of

# [number] Vertices of a contour. Source: numerics.
CONTOUR_POINTS = 128
# [voxels] Smoothing (SD) of the signed distance. Source: digital tubes.
SMOOTHING_VOXELS = 1.0
# [voxels] Undulations of a contour shorter than this are the staircase of the label map. Source: digital tubes.
WAVELENGTH_VOXELS = 6.0
# [1] A piece of a section ends where less than this fraction of a voxel is drawn. Source: numerics.
OCCUPIED_MIN = 0.02
# [1] A section shows a lumen, or a wall, if it meets this fraction of a drawn voxel somewhere. Source: digital tubes.
DRAWN_MIN = 0.2
# [mm] Where the drawn wall is thinner than a voxel its contours may touch: they are kept this far apart. Source:
# numerics.
THINNEST_MM = 0.02
# [1] Width of a section: this quantile of the drawing's distance from the axis. Source: numerics.
WIDE_QUANTILE = 0.99
# [1] A piece of a section smaller than this fraction of its largest is none. Source: digital tubes.
PIECE_FRACTION_MIN = 0.1


@dataclass(frozen=True)
class CrossSection:
    """The vessel cut at right angles.

    lumen, outer: contours (n, 2), mm, in the plane's own axes; origin (3,) RAS mm: where the vessel's axis meets the
    plane; axes (2, 3): RAS unit vectors of the plane; along_mm: place on the vessel's axis.
    """

    lumen: np.ndarray
    outer: np.ndarray
    origin: np.ndarray
    axes: np.ndarray
    along_mm: float

    @property
    def lumen_area_mm2(self) -> float:
        """Area within the lumen's contour, mm2."""
        return contours.area_mm2(self.lumen)

    @property
    def outer_wall_area_mm2(self) -> float:
        """Area within the outer wall's contour, mm2."""
        return contours.area_mm2(self.outer)

    @property
    def wall_area_mm2(self) -> float:
        """Area between the two contours, mm2."""
        return self.outer_wall_area_mm2 - self.lumen_area_mm2

    def to_ras(self, points: np.ndarray) -> np.ndarray:
        """Points (n, 2) of the plane as RAS mm (n, 3).

        Parameters
        ----------
        points : np.ndarray
            Points (n, 2) in the plane, mm.

        Returns
        -------
        np.ndarray
            Points (n, 3), RAS mm.
        """
        return self.origin + points @ self.axes


@dataclass(frozen=True)
class Cuts:
    """The cross-sections of a segment in order along the vessel, and the places (along_mm) that show none."""

    sections: list[CrossSection]
    missed: list[float]


@dataclass(frozen=True)
class _Planes:
    """Where to cut: origins (n, 3) and axes (n, 2, 3) of the planes, RAS; along (n,) and ticks (pixels), mm."""

    origins: np.ndarray
    axes: np.ndarray
    along: np.ndarray
    ticks: np.ndarray

    @property
    def points(self) -> np.ndarray:
        """Pixel centres (n, rows, columns, 3), RAS mm."""
        first, second = self.axes[:, 0, None, None], self.axes[:, 1, None, None]
        return self.origins[:, None, None] + self.ticks[:, None, None] * first + self.ticks[None, :, None] * second

    @property
    def pixels(self) -> np.ndarray:
        """Pixel centres (rows x columns, 2), mm, in the plane's own axes."""
        return np.stack(np.meshgrid(self.ticks, self.ticks, indexing="ij"), axis=-1).reshape(-1, 2)


def cut(segment: Segment, step_mm: float) -> Cuts:
    """Cross-sections every `step_mm` (or a little less) along the vessel, where the drawing goes all around.

    On planes orthogonal to the axis the map's occupancy (trilinear) gives area and centre of lumen and outer wall, and
    the signed distance (shape-based interpolation: Raya and Udupa, IEEE Trans Med Imaging 1990;9:32-42), smoothed by a
    voxel, gives the shape: the level that encloses the occupancy's area. So a lumen of a single voxel has a contour, in
    whatever direction the slices lie.

    Parameters
    ----------
    segment : Segment
        The drawn segment.
    step_mm : float
        Largest distance of two cross-sections, mm.

    Returns
    -------
    Cuts
        Cross-sections, and positions (mm) where no lumen shows.

    Raises
    ------
    DrawingError
        Where no plane can be measured.
    """
    axis = find_axis(segment)
    planes = _planes(segment, axis, step_mm)
    index = np.moveaxis(index_of(segment.affine, planes.points), -1, 0)
    spacing = float(np.median(np.diff(planes.along))) if len(planes.along) > 1 else step_mm
    voxel_mm = float(segment.voxel_mm.min())
    fields, drawn = {}, np.ones(len(planes.along), dtype=bool)
    for name, mask in (("lumen", segment.lumen), ("outer", segment.outer)):
        occupancy = ndimage.map_coordinates(mask.astype(float), index, order=1)
        drawn = drawn & (occupancy.max(axis=(1, 2)) >= DRAWN_MIN)
        occupancy = ndimage.gaussian_filter1d(occupancy, voxel_mm / spacing, axis=0, mode="nearest")
        distance = ndimage.gaussian_filter(_signed_distance_mm(mask, segment.voxel_mm), SMOOTHING_VOXELS)
        fields[name] = occupancy, ndimage.map_coordinates(distance, index, order=1, mode="nearest")
    found, missed = [], []
    for at, along in enumerate(planes.along):
        outer = _contour(fields["outer"][0][at], fields["outer"][1][at], planes.ticks, voxel_mm, np.zeros(2))
        lumen = None
        if outer is not None:
            inside = contours.contains(outer, planes.pixels).reshape((len(planes.ticks),) * 2)
            occupancy, distance = (field[at] for field in fields["lumen"])
            lumen = _contour(occupancy * inside, distance, planes.ticks, voxel_mm, contours.centroid(outer))
        if not drawn[at] or lumen is None or outer is None or contours.area_mm2(outer) <= contours.area_mm2(lumen):
            missed.append(float(along))
            continue
        lumen = contours.kept_within(lumen, outer, THINNEST_MM)
        found.append(CrossSection(lumen, outer, planes.origins[at], planes.axes[at], float(along)))
    if not found:
        raise DrawingError("no cross-section shows a closed lumen within a closed outer wall")
    return Cuts(found, missed)


def _planes(segment: Segment, axis: VesselAxis, step_mm: float) -> _Planes:
    """Planes across the axis from its low to its high end; one in the middle where these leave no room between."""
    room = axis.high - axis.low
    places = axis.low + room * (np.linspace(0, 1, 1 + int(np.ceil(room / step_mm))) if room > 0 else np.array([0.5]))
    origins = axis.point(places)
    axes: list[np.ndarray] = []
    for t in places:
        tangent = axis.tangent(t)
        # the first axis turns as little as it can along the vessel
        near = axes[-1][0] if axes else np.eye(3)[int(np.abs(tangent).argmin())]
        first = near - (near @ tangent) * tangent
        first /= np.linalg.norm(first)
        axes.append(np.stack([first, np.cross(tangent, first)]))
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(origins, axis=0), axis=1))])
    voxel_mm = float(segment.voxel_mm.min())
    outer = segment.points(segment.outer)
    widest = cKDTree(axis.point(np.linspace(axis.low, axis.high, 100))).query(outer)[0]
    middle = cKDTree(outer).query(origins)[0].max()
    cap = float(np.linalg.norm(segment.voxel_mm))
    half_mm = float(np.quantile(widest, WIDE_QUANTILE)) + middle + 2 * cap
    half = int(np.ceil(half_mm / (voxel_mm / 2)))
    return _Planes(origins, np.array(axes), along, voxel_mm / 2 * np.arange(-half, half + 1))


def _signed_distance_mm(mask: np.ndarray, voxel_mm: np.ndarray) -> np.ndarray:
    """Distance to the mask's border, positive inside, negative outside."""
    inside = ndimage.distance_transform_edt(mask, sampling=voxel_mm)
    return inside - ndimage.distance_transform_edt(~mask, sampling=voxel_mm)


def _contour(
    occupancy: np.ndarray, distance: np.ndarray, ticks: np.ndarray, voxel_mm: float, near: np.ndarray
) -> np.ndarray | None:
    """The closed contour (n, 2), mm, of the connected piece of occupancy nearest to a point; None where there is none.

    Its area and centre of gravity are those of the piece, its shape is a level of the distance.
    """
    step = ticks[1] - ticks[0]
    parts, count = ndimage.label(occupancy > OCCUPIED_MIN)
    if not count:
        return None
    centres = np.array(ndimage.center_of_mass(occupancy, parts, range(1, count + 1))) * step + ticks[0]
    areas = ndimage.sum_labels(occupancy, parts, range(1, count + 1)) * step**2
    gaps = np.where(areas >= PIECE_FRACTION_MIN * areas.max(), np.linalg.norm(centres - near, axis=1), np.inf)
    chosen = int(gaps.argmin())
    area, centre = float(areas[chosen]), centres[chosen]
    here = ndimage.distance_transform_edt(parts != chosen + 1) * step <= 2 * voxel_mm
    values = np.where(here, distance, distance.min())
    ranked = np.sort(values[here])[::-1]
    level = ranked[min(len(ranked) - 1, max(4, round(area / step**2)))]
    closed = [line[:-1] * step + ticks[0] for line in find_contours(values, level) if (line[0] == line[-1]).all()]
    shape = max(closed, key=contours.area_mm2, default=None)
    if shape is None or len(shape) < 4:
        return None
    shape = contours.smoothed(shape, WAVELENGTH_VOXELS * voxel_mm, CONTOUR_POINTS)
    shape = contours.scaled_to_area(shape, area)
    return shape + centre - contours.centroid(shape)


def narrowest(sections: Sequence[CrossSection], window_mm: float) -> int:
    """Index of the narrowest cross-section: least lumen area after a running mean over `window_mm` along the vessel.

    The mean keeps the choice from falling on the plane with the luckiest noise.

    Parameters
    ----------
    sections : Sequence[CrossSection]
        Cross-sections along the vessel.
    window_mm : float
        Width of the running mean, mm.

    Returns
    -------
    int
        Index.
    """
    areas = np.array([section.lumen_area_mm2 for section in sections])
    along = np.array([section.along_mm for section in sections])
    near = np.abs(along[:, None] - along[None]) <= window_mm / 2 + 1e-9
    return int((near @ areas / near.sum(axis=1)).argmin())
