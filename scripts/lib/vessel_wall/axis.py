"""Which way a drawn vessel runs, and where its drawing is cut off.

A drawing may end at a slice or at any other plane, and slices may lie oblique to the vessel. So the direction comes
from the surface between lumen and wall, which has no ends, and the ends from where the lumen lies bare.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import Polynomial
from scipy import ndimage

from scripts.lib.vessel_wall.drawing import DrawingError, Segment
from scripts.lib.vessel_wall.points import moved

OPEN_SHARE_MAX = 0.1  # share of the lumen's surface that may lie bare sideways: thin walls on a coarse grid
SIDEWAYS = 0.5  # a bare place faces sideways below this cosine with the vessel's direction
ROOM_VOXELS = 2.0  # a cut may leave the drawing by this many voxels (of the largest edge), no more
POINTS_PER_DEGREE = 4
DEGREE_MAX = 3


@dataclass(frozen=True)
class VesselAxis:
    """A curve (x, y)(t) in a frame of RAS unit vectors: origin (3,), direction of t, and the two across it.

    low, high: the stretch of t (mm) in which a cut across the vessel meets the drawing all around; low > high if none.
    """

    origin: np.ndarray
    frame: np.ndarray
    lines: tuple[Polynomial, Polynomial]
    low: float
    high: float

    def point(self, t: float) -> np.ndarray:
        """RAS mm (3,)."""
        return self.origin + np.array([t, self.lines[0](t), self.lines[1](t)]) @ self.frame

    def tangent(self, t: float) -> np.ndarray:
        """RAS unit vector (3,)."""
        vector = np.array([1.0, self.lines[0].deriv()(t), self.lines[1].deriv()(t)]) @ self.frame
        return vector / np.linalg.norm(vector)


def find_axis(segment: Segment) -> VesselAxis:
    """The axis of a drawn vessel: centres of the outer wall across its main direction, as a polynomial of low degree.

    Raises DrawingError for a lumen that lies bare sideways (it leaves the wall, or the wall is open) and for a stretch
    of wall without lumen.
    """
    frame = _frame(_direction(segment))
    origin = segment.centre
    low, high = _ends(segment, frame[0], origin)
    places = (segment.points(segment.outer) - origin) @ frame.T
    hollow = (segment.points(segment.lumen) - origin) @ frame.T
    step = float(segment.voxel_mm.max())
    centres = []
    for start in np.arange(low, high - step + 1e-9, step):
        here = places[(places[:, 0] >= start) & (places[:, 0] < start + step)]
        if len(here) and not ((hollow[:, 0] >= start) & (hollow[:, 0] < start + step)).any():
            raise DrawingError("a stretch of the wall is drawn without lumen: an occlusion, or an unfinished drawing")
        if len(here):
            centres.append(here.mean(axis=0))
    if len(centres) < 3:
        middle = places.mean(axis=0)
        return VesselAxis(origin, frame, (Polynomial([middle[1]]), Polynomial([middle[2]])), low, high)
    along = np.array(centres)
    degree = int(np.clip(len(centres) // POINTS_PER_DEGREE, 1, DEGREE_MAX))
    first, second = (Polynomial.fit(along[:, 0], along[:, column], degree) for column in (1, 2))
    return VesselAxis(origin, frame, (first, second), low, high)


def _frame(direction: np.ndarray) -> np.ndarray:
    """Rows: the direction and two unit vectors across it."""
    first = np.cross(direction, np.eye(3)[int(np.abs(direction).argmin())])
    first /= np.linalg.norm(first)
    return np.stack([direction, first, np.cross(direction, first)])


def _smooth(mask: np.ndarray, segment: Segment) -> np.ndarray:
    return ndimage.gaussian_filter(mask.astype(float), segment.voxel_mm.max() / segment.voxel_mm)


def _normals(field: np.ndarray, segment: Segment, index: np.ndarray) -> np.ndarray:
    """Unit vectors (n, 3), RAS, along the gradient of a field at voxels (n, 3)."""
    gradient = np.stack([part[tuple(index.T)] for part in np.gradient(field)], axis=-1)
    gradient = gradient @ np.linalg.inv(segment.affine[:3, :3])
    return gradient / np.maximum(np.linalg.norm(gradient, axis=1), 1e-12)[:, None]


def _direction(segment: Segment) -> np.ndarray:
    """The direction that is most at right angles to all normals of the surface between lumen and wall.

    The share of lumen among what is drawn nearby has no gradient at the drawing's ends, only at that surface.
    """
    share = _smooth(segment.lumen, segment) / np.maximum(_smooth(segment.outer, segment), 1e-6)
    surface = np.argwhere(segment.lumen & ndimage.binary_dilation(segment.wall))
    if not len(surface):
        raise DrawingError("the lumen touches no wall: draw the wall around it")
    normals = _normals(share, segment, surface)
    direction = np.linalg.eigh(normals.T @ normals)[1][:, 0]
    return direction * np.sign(direction[int(np.abs(direction).argmax())])


def _ends(segment: Segment, direction: np.ndarray, origin: np.ndarray) -> tuple[float, float]:
    """Where along the direction (mm from the origin) the drawing begins and ends to be cut off."""
    faces = _bare_faces(segment)
    facing = -_normals(_smooth(segment.outer, segment), segment, faces["outside"]) @ direction
    place = (moved(segment.affine, faces["drawn"]) - origin) @ direction
    surface = segment.lumen & ndimage.binary_dilation(~segment.lumen)
    bare_lumen = segment.lumen[tuple(faces["drawn"].T)]
    open_share = (bare_lumen & (np.abs(facing) < SIDEWAYS)).sum() / surface.sum()
    if open_share > OPEN_SHARE_MAX:
        raise DrawingError(
            f"{100 * open_share:.0f} % of the lumen's surface has no wall beside it: "
            "the lumen leaves the wall, or the wall is not closed"
        )
    low = float(place[facing <= -SIDEWAYS].max(initial=place.min()))
    high = float(place[facing >= SIDEWAYS].min(initial=place.max()))
    if low - high > ROOM_VOXELS * segment.voxel_mm.max():
        raise DrawingError("the vessel is too oblique to the few slices it is drawn on: draw it on more of them")
    return low, high


def _bare_faces(segment: Segment) -> dict[str, np.ndarray]:
    """Pairs of neighbours, one drawn and one outside the drawing: their voxel indices, (n, 3) each."""
    drawn, outside = [], []
    for step in np.vstack([np.eye(3, dtype=int), -np.eye(3, dtype=int)]):
        index = np.argwhere(segment.outer)
        bare = ~segment.outer[tuple((index + step).T)]  # the margin keeps every neighbour on the grid
        drawn.append(index[bare])
        outside.append(index[bare] + step)
    return {"drawn": np.concatenate(drawn), "outside": np.concatenate(outside)}
