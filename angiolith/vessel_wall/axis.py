"""Which way a drawn vessel runs, and where its drawing is cut off.

A drawing may end at a slice or at any other plane, slices may lie along, across or oblique to the vessel, and the
vessel may bend. So directions come from the surface between lumen and wall, which has no ends, place by place; the ends
are where the drawing faces along the vessel and the lumen lies bare; and the axis runs through the centres of the
drawing at equal fractions of the distance from one end to the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import Polynomial
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.graph import MCP_Geometric

from angiolith.core.distance import NEIGHBOURS_26
from angiolith.core.images import moved
from angiolith.vessel_wall.drawing import Segment
from angiolith.vessel_wall.parts import DrawingError

# [1] Fraction of the lumen's surface that may lie bare sideways: thin walls on a coarse grid. Source: digital tubes.
OPEN_FRACTION_MAX = 0.1
# [1] A bare place faces sideways below this cosine with the vessel's direction. Source: digital tubes.
SIDEWAYS = 0.5
# [voxels] A cut may leave the drawing by this many voxels (of the largest edge), no more. Source: digital tubes.
ROOM_VOXELS = 2.0
# [voxels] A longer stretch of wall without lumen (in largest edges) is no slip of the brush. Source: digital tubes.
GAP_VOXELS = 3.5
# [1] A cut is clear of an end when it has passed this fraction of it: single voxels stick out. Source: digital tubes.
END_FRACTION = 0.95
# [number] Centres that each degree of the axis' polynomial needs. Source: numerics.
POINTS_PER_DEGREE = 4
# [number] Highest degree of that polynomial. Source: digital tubes.
DEGREE_MAX = 4
# [mm] A direction is that of the surface within about this distance. Source: digital tubes.
NEIGHBOURHOOD_MM = 2.0
# [number] Places of the surface that tell the direction. Source: numerics.
DIRECTION_SAMPLES = 2000
# [mm] Step of the search along the axis. Source: numerics.
FINE_MM = 0.05


@dataclass(frozen=True)
class VesselAxis:
    """A curve (x, y, z)(t) in RAS mm, t roughly its arc length in mm.

    low, high: the stretch of t in which a cut across the vessel meets the drawing all around; low > high if none.
    """

    lines: tuple[Polynomial, ...]
    low: float
    high: float

    def point(self, t: float | np.ndarray) -> np.ndarray:
        """RAS mm, (3,) or (n, 3).

        Parameters
        ----------
        t : float | np.ndarray
            Position along the main direction, mm: one, or (n,).

        Returns
        -------
        np.ndarray
            Points (3,) or (n, 3), RAS mm.
        """
        return np.stack([line(t) for line in self.lines], axis=-1)

    def tangent(self, t: float) -> np.ndarray:
        """RAS unit vector (3,).

        Parameters
        ----------
        t : float
            Position along the main direction, mm.

        Returns
        -------
        np.ndarray
            Unit vector (3,), RAS.
        """
        vector = np.array([line.deriv()(t) for line in self.lines])
        return vector / np.linalg.norm(vector)


def find_axis(segment: Segment) -> VesselAxis:
    """The axis of a drawn vessel: centres of what lies within the outer wall, as a polynomial of low degree.

    Parameters
    ----------
    segment : Segment
        The drawn segment.

    Returns
    -------
    VesselAxis
        The axis with its two ends.

    Raises
    ------
    DrawingError
        For a lumen that lies bare sideways (it leaves the wall, or the wall is open), for a stretch of
        wall without lumen, and for a vessel that is too oblique to the few slices it is drawn on.
    """
    surface, normals = _inner_surface(segment)
    main = _direction(normals, np.ones(len(normals)))
    main = main * np.sign(main[int(np.abs(main).argmax())])
    first, last = _ends(segment, surface, normals, main)
    lines = _lines(segment, first, last, main)
    span = lines[0].domain
    fine = np.arange(span[0], span[1] + FINE_MM, FINE_MM)
    nearest = cKDTree(np.stack([line(fine) for line in lines], axis=-1))
    low, high = (fine[nearest.query(segment.points(end))[1]] for end in (first, last))
    axis = VesselAxis(lines, float(np.quantile(low, END_FRACTION)), float(np.quantile(high, 1 - END_FRACTION)))
    if axis.low - axis.high > ROOM_VOXELS * segment.voxel_mm.max():
        raise DrawingError("the vessel is too oblique to the few slices it is drawn on: draw it on more of them")
    return axis


def _lines(segment: Segment, first: np.ndarray, last: np.ndarray, main: np.ndarray) -> tuple[Polynomial, ...]:
    """x, y and z of the axis over t: centres of the drawing where its ways to the two ends (masks) have one ratio.

    A drawing too short for a curve gets a straight line through its middle along the main direction.
    """
    inside = np.where(segment.outer, 1.0, -1.0)
    along_axes = []
    for end in (first, last):
        search = MCP_Geometric(inside, sampling=tuple(segment.voxel_mm))
        along_axes.append(search.find_costs(np.argwhere(end).tolist())[0][segment.outer])
    between = along_axes[0] / np.maximum(along_axes[0] + along_axes[1], 1e-9)
    places, hollow = segment.points(segment.outer), segment.lumen[segment.outer]
    length, step = float(np.median(along_axes[0] + along_axes[1])), float(segment.voxel_mm.max())
    lumen_at = np.sort(np.concatenate([[0.0], between[hollow], [1.0]])) * length
    if np.diff(lumen_at).max() > GAP_VOXELS * step:
        raise DrawingError("a stretch of the wall is drawn without lumen: an occlusion, or an unfinished drawing")
    n_bins = max(1, int(length / step))
    bins = np.minimum((between * n_bins).astype(int), n_bins - 1)
    filled = np.bincount(bins, minlength=n_bins)
    used = np.flatnonzero(filled >= np.median(filled) / 3)  # a bin may fall between two slices
    along = (places - segment.centre) @ main
    if n_bins < POINTS_PER_DEGREE:
        span = [float(along.min()), float(along.max()) + 1e-6]
        return tuple(
            Polynomial([middle, slope]).convert(domain=span, window=span)
            for middle, slope in zip(segment.centre, main, strict=True)
        )
    centres = np.array([places[bins == at].mean(axis=0) for at in used])
    t = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(centres, axis=0), axis=1))])
    degree = int(np.clip(len(used) // POINTS_PER_DEGREE, 1, DEGREE_MAX))
    lines = [Polynomial.fit(t, column, degree, domain=[-t[1], 2 * t[-1] - t[-2]]) for column in centres.T]
    return tuple(lines)


def _inner_surface(segment: Segment) -> tuple[np.ndarray, np.ndarray]:
    """Places (n, 3), RAS mm, about the surface between lumen and wall, and vectors (n, 3) across it.

    The fraction of lumen among what is drawn nearby changes at that surface alone, not at the drawing's ends; the
    vectors are its gradient, so that the middle of a lumen of one voxel, where it has none, does not count.
    """
    if not (segment.lumen & ndimage.binary_dilation(segment.wall)).any():
        raise DrawingError("the lumen touches no wall: draw the wall around it")
    fraction = _smooth(segment.lumen, segment) / np.maximum(_smooth(segment.outer, segment), 1e-6)
    near = segment.outer & ndimage.binary_dilation(segment.lumen, NEIGHBOURS_26)
    near &= ~ndimage.binary_erosion(segment.lumen, NEIGHBOURS_26)
    places = np.argwhere(near)
    places = places[:: max(1, len(places) // DIRECTION_SAMPLES)]
    return moved(segment.affine, places), _gradient(fraction, segment, places)


def _direction(normals: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The direction that is most at right angles to all vectors (n, 3) with weights (n,)."""
    return np.linalg.eigh((normals * weights[:, None]).T @ normals)[1][:, 0]


def _ends(
    segment: Segment, surface: np.ndarray, normals: np.ndarray, main: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Masks of the drawn voxels at which the drawing is cut off, against and along the main direction."""
    drawn, outside = _bare_faces(segment)
    facing = -_gradient(_smooth(segment.outer, segment), segment, outside)
    facing /= np.maximum(np.linalg.norm(facing, axis=1), 1e-12)[:, None]
    # directions change little within a neighbourhood: one for each of its cells
    reach = max(NEIGHBOURHOOD_MM, 2 * float(segment.voxel_mm.max()))
    cells, cell_of = np.unique(np.rint(moved(segment.affine, drawn) / (reach / 2)), axis=0, return_inverse=True)
    directions = []
    for centre in cells * (reach / 2):
        gaps = np.linalg.norm(surface - centre, axis=1)
        direction = _direction(normals, np.exp(-0.5 * ((gaps - gaps.min()) / reach) ** 2))
        directions.append(direction * (1 if direction @ main >= 0 else -1))
    cosines = (facing * np.array(directions)[cell_of.ravel()]).sum(axis=1)
    lumen = segment.lumen[tuple(drawn.T)]
    inner = segment.lumen & ndimage.binary_dilation(~segment.lumen)
    open_share = (lumen & (np.abs(cosines) < SIDEWAYS)).sum() / inner.sum()
    if open_share > OPEN_FRACTION_MAX:
        raise DrawingError(
            f"{100 * open_share:.0f} % of the lumen's surface has no wall beside it: "
            "the lumen leaves the wall, or the wall is not closed"
        )
    ends = []
    for sign in (-1, 1):
        mask = np.zeros(segment.outer.shape, dtype=bool)
        mask[tuple(drawn[sign * cosines >= SIDEWAYS].T)] = True
        parts = ndimage.label(mask, structure=NEIGHBOURS_26)[0]
        here = sign * cosines >= SIDEWAYS
        bare = lumen & here if (lumen & here).any() else here  # the lumen, if not drawn to the very end
        if not bare.any():
            raise DrawingError("the drawing has no ends: draw a stretch of vessel, open where it goes on")
        ends.append(parts == np.bincount(parts[tuple(drawn[bare].T)]).argmax())  # steps of the outline are no ends
    return ends[0], ends[1]


def _smooth(mask: np.ndarray, segment: Segment) -> np.ndarray:
    return ndimage.gaussian_filter(mask.astype(float), segment.voxel_mm.max() / segment.voxel_mm)


def _gradient(field: np.ndarray, segment: Segment, index: np.ndarray) -> np.ndarray:
    """Gradient (n, 3), RAS, of a field at voxels (n, 3)."""
    gradient = np.stack([part[tuple(index.T)] for part in np.gradient(field)], axis=-1)
    return gradient @ np.linalg.inv(segment.affine[:3, :3])


def _bare_faces(segment: Segment) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of neighbours, one drawn and one outside the drawing: their voxel indices, (n, 3) each."""
    drawn, outside = [], []
    index = np.argwhere(segment.outer)
    for step in np.vstack([np.eye(3, dtype=int), -np.eye(3, dtype=int)]):
        bare = ~segment.outer[tuple((index + step).T)]  # the margin keeps every neighbour on the grid
        drawn.append(index[bare])
        outside.append(index[bare] + step)
    return np.concatenate(drawn), np.concatenate(outside)
