"""Where the face is: in front of and below a plane that touches the brain, with a margin.

In the space of MNI152 its normal points 50 degrees down from the front, so that it passes below the brow and in front
of the skull base: all that lies beyond it is face (eyes, nose, mouth, chin). The brain lies behind it by construction.
After the shear plane of Schimke and Hale (Quickshear defacing for neuroimages, HealthSec 2011), whose angle follows the
outline of each brain; one angle for all makes the faces of a CT and an MRI end at the same place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from angiolith.core.images import mask_points

# [degrees] Of the plane's normal, down from the front of MNI152. Source: anatomy; eyes go, the foramen magnum stays.
NORMAL_DEG = 50.0
# [degrees] By which a brain's long axis rises above the front of MNI152. Source: the template's brain mask.
LONG_AXIS_RISE_DEG = 10.2
# [mm] Between the brain and the plane. Source: choice; a brain mask ends within 2 mm of the brain.
MARGIN_MM = 10.0
# [degrees] A long axis further from the scanner's front is no whole brain's. Source: choice.
PITCH_DEG_MAX = 60.0


class FaceError(ValueError):
    """No plane can be laid in front of this brain; the message says why."""


@dataclass(frozen=True)
class FacePlane:
    """Points p (RAS mm) with normal @ p > offset_mm are face; normal (3,) points to the front and down."""

    normal: np.ndarray
    offset_mm: float

    def placed(self, matrix: np.ndarray) -> FacePlane:
        """The same plane in another world; matrix: 4 x 4, rigid, from this world's points to that one's, RAS mm.

        Parameters
        ----------
        matrix : np.ndarray
            Rigid matrix (4, 4), RAS mm.

        Returns
        -------
        FacePlane
            The plane in the other world.
        """
        normal = matrix[:3, :3] @ self.normal
        return FacePlane(normal, self.offset_mm + float(normal @ matrix[:3, 3]))

    def face(self, shape: tuple[int, ...], affine: np.ndarray) -> np.ndarray:
        """Mask of the voxels of a grid whose centres are face.

        Parameters
        ----------
        shape : tuple[int, ...]
            Shape of the grid (i, j, k).
        affine : np.ndarray
            Voxel -> mm (4, 4), RAS.

        Returns
        -------
        np.ndarray
            Mask (i, j, k), bool.
        """
        in_voxels = self.normal @ affine[:3, :3]
        at = sum(
            step * np.arange(n).reshape([-1 if axis == this else 1 for axis in range(3)])
            for this, (step, n) in enumerate(zip(in_voxels, shape, strict=True))
        )
        return np.broadcast_to(at > self.offset_mm - self.normal @ affine[:3, 3], shape)


def face_plane(brain: np.ndarray, affine: np.ndarray) -> FacePlane:
    """The plane in front of a whole brain.

    Parameters
    ----------
    brain : np.ndarray
        Mask of the whole brain, bool (i, j, k).
    affine : np.ndarray
        Voxel -> mm (4, 4), RAS.

    Returns
    -------
    FacePlane
        The plane.

    Raises
    ------
    FaceError
        For an empty mask, and for one without a long axis from back to front.
    """
    points = mask_points(affine, brain)
    if not len(points):
        raise FaceError("there is no brain in the image")
    front = long_axis(points)
    right = np.array([1.0, 0.0, 0.0])
    right -= front * (right @ front)
    right /= np.linalg.norm(right)
    up = np.cross(right, front)
    angle = np.radians(NORMAL_DEG + LONG_AXIS_RISE_DEG)
    normal = np.cos(angle) * front - np.sin(angle) * up
    return FacePlane(normal, float((points @ normal).max()) + MARGIN_MM)


def long_axis(points: np.ndarray) -> np.ndarray:
    """Unit vector (3,) along the brain from back to front, by the largest spread of its points in the sagittal plane.

    Parameters
    ----------
    points : np.ndarray
        Points of the brain (n, 3), RAS mm.

    Returns
    -------
    np.ndarray
        Unit vector (3,), RAS.

    Raises
    ------
    FaceError
        Where the axis is further than PITCH_DEG_MAX from the front.
    """
    away = points - points.mean(axis=0)
    spread = np.cov(away[:, 1:].T)
    axis = np.linalg.eigh(spread)[1][:, -1]
    axis = axis * np.sign(axis[0] or 1.0)
    if axis[0] < np.cos(np.radians(PITCH_DEG_MAX)):
        raise FaceError("the brain has no long axis from back to front; the image shows a part of it")
    return np.array([0.0, *axis])
