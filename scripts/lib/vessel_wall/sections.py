"""Cross-sections orthogonal to the vessel: planes along the axis of a drawn segment, sub-voxel contours in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from skimage.measure import find_contours

from scripts.lib.vessel_wall import contours
from scripts.lib.vessel_wall.axis import VesselAxis, find_axis
from scripts.lib.vessel_wall.drawing import DrawingError, Segment
from scripts.lib.vessel_wall.points import index_of

CONTOUR_POINTS = 128
SMOOTHING_VOXELS = 1.0
WAVELENGTH_VOXELS = 6.0  # undulations of a contour shorter than this many voxels are the staircase of the label map
THINNEST_MM = 0.02  # where the drawn wall is thinner than a voxel its contours may touch


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
        return contours.area_mm2(self.lumen)

    @property
    def outer_wall_area_mm2(self) -> float:
        return contours.area_mm2(self.outer)

    @property
    def wall_area_mm2(self) -> float:
        return self.outer_wall_area_mm2 - self.lumen_area_mm2

    def to_ras(self, points: np.ndarray) -> np.ndarray:
        """Points (n, 2) of the plane as RAS mm (n, 3)."""
        return self.origin + points @ self.axes


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


def cut(segment: Segment, step_mm: float) -> list[CrossSection]:
    """Cross-sections every `step_mm` (or a little less) along the vessel, where the drawing goes all around.

    Masks and their signed distances (shape-based interpolation: Raya and Udupa, IEEE Trans Med Imaging 1990;9:32-42)
    are sampled on the planes, smoothed there and along the vessel. A contour takes its shape from the distance and its
    area from the mask, because smoothing alone would shrink a small lumen. Raises DrawingError for a drawing that
    cannot be cut.
    """
    axis = find_axis(segment)
    planes = _planes(segment, axis, step_mm)
    index = np.moveaxis(index_of(segment.affine, planes.points), -1, 0)
    voxel_mm = float(segment.voxel_mm.min())
    pixel_mm = float(planes.ticks[1] - planes.ticks[0])
    spacing = float(np.median(np.diff(planes.along))) if len(planes.along) > 1 else step_mm
    sigma = SMOOTHING_VOXELS * voxel_mm / np.array([spacing, pixel_mm, pixel_mm])

    def on_planes(field: np.ndarray) -> np.ndarray:
        sampled = ndimage.map_coordinates(field, index, order=1)
        return ndimage.gaussian_filter(sampled, sigma, mode="nearest")

    areas = {name: on_planes(mask.astype(float)) for name, mask in (("lumen", segment.lumen), ("outer", segment.outer))}
    distances = {name: on_planes(_signed_distance_mm(mask, segment.voxel_mm)) for name, mask in _masks(segment)}
    found = []
    for at in range(len(planes.along)):
        lumen, outer = (_contour(distances[name][at], areas[name][at], planes.ticks, voxel_mm) for name in areas)
        if lumen is None or outer is None or contours.area_mm2(outer) <= contours.area_mm2(lumen):
            continue
        lumen = contours.kept_within(lumen, outer, THINNEST_MM)
        found.append(CrossSection(lumen, outer, planes.origins[at], planes.axes[at], float(planes.along[at])))
    if not found:
        raise DrawingError("no cross-section shows a closed lumen within a closed outer wall")
    return found


def _masks(segment: Segment) -> tuple[tuple[str, np.ndarray], tuple[str, np.ndarray]]:
    return ("lumen", segment.lumen), ("outer", segment.outer)


def _planes(segment: Segment, axis: VesselAxis, step_mm: float) -> _Planes:
    """Planes across the axis from its low to its high end; one in the middle where these leave no room between."""
    room = axis.high - axis.low
    places = (
        axis.low + room * np.linspace(0, 1, 1 + int(np.ceil(room / step_mm))) if room > 0 else [-room / 2 + axis.low]
    )
    origins = np.array([axis.point(t) for t in places])
    axes = []
    for t in places:
        tangent = axis.tangent(t)
        first = axis.frame[1] - (axis.frame[1] @ tangent) * tangent  # turns as little as it can along the vessel
        first /= np.linalg.norm(first)
        axes.append(np.stack([first, np.cross(tangent, first)]))
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(origins, axis=0), axis=1))])
    voxel_mm = float(segment.voxel_mm.min())
    offsets = segment.points(segment.outer) - origins[len(origins) // 2]
    across = offsets - (offsets @ axis.frame[0])[:, None] * axis.frame[0]
    half = int(np.ceil((np.linalg.norm(across, axis=1).max() + 4 * voxel_mm) / (voxel_mm / 2)))
    return _Planes(origins, np.array(axes), along, voxel_mm / 2 * np.arange(-half, half + 1))


def _signed_distance_mm(mask: np.ndarray, voxel_mm: np.ndarray) -> np.ndarray:
    """Distance to the mask's border, positive inside, negative outside."""
    inside = ndimage.distance_transform_edt(mask, sampling=voxel_mm)
    return inside - ndimage.distance_transform_edt(~mask, sampling=voxel_mm)


def _contour(distance: np.ndarray, mask: np.ndarray, ticks: np.ndarray, voxel_mm: float) -> np.ndarray | None:
    """The closed contour (n, 2), mm, nearest to the plane's origin; None where there is none."""
    step = ticks[1] - ticks[0]
    closed = [line[:-1] * step + ticks[0] for line in find_contours(distance, 0.0) if (line[0] == line[-1]).all()]
    areas = [contours.area_mm2(line) for line in closed]
    large = [line for line, area in zip(closed, areas, strict=True) if area >= 0.1 * max(areas)]
    shape = min(large, key=lambda line: float(np.linalg.norm(contours.centroid(line))), default=None)
    if shape is None:
        return None
    shape = contours.smoothed(shape, WAVELENGTH_VOXELS * voxel_mm, CONTOUR_POINTS)
    low, high = shape.min(axis=0) - 3 * voxel_mm, shape.max(axis=0) + 3 * voxel_mm
    rows, columns = ((ticks >= a) & (ticks <= b) for a, b in zip(low, high, strict=True))
    return contours.scaled_to_area(shape, float(mask[np.ix_(rows, columns)].sum()) * step**2)


def narrowest(sections: Sequence[CrossSection], window_mm: float) -> int:
    """Index of the narrowest cross-section: least lumen area after a running mean over `window_mm` along the vessel.

    The mean keeps the choice from falling on the plane with the luckiest noise.
    """
    areas = np.array([section.lumen_area_mm2 for section in sections])
    along = np.array([section.along_mm for section in sections])
    near = np.abs(along[:, None] - along[None]) <= window_mm / 2 + 1e-9
    return int((near @ areas / near.sum(axis=1)).argmin())
