"""A plane cut through the patient: points in RAS mm, values of any image on them, letters for its edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates

from angiolith.core.images import Image, moved, slice_axis

LETTERS = (("L", "R"), ("P", "A"), ("I", "S"))  # towards the negative and the positive end of x, y, z
TO_LEFT, TO_BACK, UP, FORWARD = (np.array(v, float) for v in ((-1, 0, 0), (0, -1, 0), (0, 0, 1), (0, 1, 0)))
# Radiological convention: the patient's right is on the left of the picture.
VIEWS = {"axial": (TO_LEFT, FORWARD), "coronal": (TO_LEFT, UP), "sagittal": (TO_BACK, UP)}


@dataclass(frozen=True)
class Plane:
    """A rectangle about `centre` (3,), RAS mm; right, up: unit vectors; half_mm: half its extent along right and up."""

    centre: np.ndarray
    right: np.ndarray
    up: np.ndarray
    half_mm: tuple[float, float]
    step_mm: float

    @property
    def points(self) -> np.ndarray:
        """Centres of the picture's pixels (rows from the top, columns, 3), RAS mm."""
        across, upward = (self._ticks(half) for half in self.half_mm)
        return self.centre + across[None, :, None] * self.right + upward[::-1, None, None] * self.up

    def _ticks(self, half: float) -> np.ndarray:
        n = max(1, round(half / self.step_mm))
        return self.step_mm * (np.arange(2 * n) - n + 0.5)

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom, top of the picture, mm from its centre."""
        width, height = (float(len(self._ticks(half)) * self.step_mm / 2) for half in self.half_mm)
        return -width, width, -height, height

    @property
    def letters(self) -> dict[str, str]:
        """The patient's side at each edge of the picture: left, right, bottom, top."""
        ends = {"left": -self.right, "right": self.right, "bottom": -self.up, "top": self.up}
        return {edge: direction_letter(vector) for edge, vector in ends.items()}

    def values(self, image: Image, matrix: np.ndarray | None = None, order: int = 1, fill: float = 0.0) -> np.ndarray:
        """Values (rows, columns) of an image on the plane; matrix (4 x 4, RAS) maps its points to the image's.

        Parameters
        ----------
        image : Image
            The image.
        matrix : np.ndarray | None
            Matrix (4, 4) from the plane's space to the image's, RAS mm; None for the identity.
        order : int
            Order of the interpolating spline.
        fill : float
            Value outside the image.

        Returns
        -------
        np.ndarray
            Values (rows, columns).
        """
        to_index = np.linalg.inv(image.affine) @ (np.eye(4) if matrix is None else matrix)
        index = moved(to_index, self.points)
        data = image.data.astype(np.uint8) if image.data.dtype == bool else image.data
        return map_coordinates(data, np.moveaxis(index, -1, 0), order=order, cval=fill, prefilter=order > 1)

    def place(self, points: np.ndarray) -> np.ndarray:
        """Points (n, 3), RAS mm, as picture coordinates (n, 2), mm.

        Parameters
        ----------
        points : np.ndarray
            Points (n, 3), RAS mm.

        Returns
        -------
        np.ndarray
            Points (n, 2), mm.
        """
        return (points - self.centre) @ np.stack([self.right, self.up], axis=1)


def direction_letter(vector: np.ndarray) -> str:
    """The anatomical letter nearest to a RAS direction.

    Parameters
    ----------
    vector : np.ndarray
        Direction (3,), RAS.

    Returns
    -------
    str
        L, R, P, A, I or S.
    """
    axis = int(np.abs(vector).argmax())
    return LETTERS[axis][int(vector[axis] > 0)]


def native_slice(image: Image, number: int, centre: np.ndarray | None = None, half_mm: float | None = None) -> Plane:
    """The image's own axial slice as a plane, so that nothing is interpolated across slices.

    Parameters
    ----------
    image : Image
        The image.
    number : int
        Index of the slice.
    centre : np.ndarray | None
        Voxel indices (3,) to centre on; None for the middle.
    half_mm : float | None
        Half of the plane's edge, mm; None for the whole slice.

    Returns
    -------
    Plane
        The plane.
    """
    axis = slice_axis(image.affine)
    columns = image.affine[:3, :3] / image.voxel_mm
    in_plane = [a for a in range(3) if a != axis]
    first = max(in_plane, key=lambda a: abs(columns[0, a]))
    second = next(a for a in in_plane if a != first)
    right = -columns[:, first] * np.sign(columns[0, first])
    up = columns[:, second] * (np.sign(columns[1, second]) or 1.0)
    index = (np.array(image.data.shape) - 1) / 2 if centre is None else np.array(centre, float)
    index[axis] = number
    halves = [image.data.shape[a] * image.voxel_mm[a] / 2 if half_mm is None else half_mm for a in (first, second)]
    step = float(min(image.voxel_mm[in_plane]))
    place = image.affine[:3, :3] @ index + image.affine[:3, 3]
    return Plane(place, right, up, (float(halves[0]), float(halves[1])), step)
