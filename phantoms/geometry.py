"""Grids, rigid poses, curves in space and smooth random fields: the geometry that the digital head is built with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy.interpolate import CubicSpline, make_interp_spline
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation


@dataclass(frozen=True)
class Grid:
    """A voxel grid: shape and the 4x4 affine from voxel index to world (RAS mm)."""

    shape: tuple[int, int, int]
    affine: np.ndarray

    @property
    def voxel_mm(self) -> np.ndarray:
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    @property
    def voxel_mm3(self) -> float:
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    def axes_mm(self) -> list[np.ndarray]:
        """World x, y, z along the axes of a grid that is not rotated, shaped to broadcast over its volume."""
        lines = [
            self.affine[k, 3] + self.affine[k, k] * np.arange(n, dtype=np.float32) for k, n in enumerate(self.shape)
        ]
        return [line.reshape([-1 if k == axis else 1 for axis in range(3)]) for k, line in enumerate(lines)]

    def to_index(self, points: np.ndarray) -> np.ndarray:
        """World points (n, 3) -> continuous voxel indices (n, 3)."""
        return apply(np.linalg.inv(self.affine), points)

    def to_world(self, indices: np.ndarray) -> np.ndarray:
        """Voxel indices (n, 3) -> world points (n, 3)."""
        return apply(self.affine, indices)


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (n, 3) through a 4x4 matrix."""
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def rigid(rotation_deg: np.ndarray, shift_mm: np.ndarray, centre_mm: np.ndarray | None = None) -> np.ndarray:
    """4x4 rigid matrix: rotation by xyz Euler angles about a centre, then a shift."""
    centre = np.zeros(3) if centre_mm is None else np.asarray(centre_mm, float)
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", rotation_deg, degrees=True).as_matrix()
    matrix[:3, 3] = centre + np.asarray(shift_mm, float) - matrix[:3, :3] @ centre
    return matrix


def random_pose(rng: np.random.Generator, rotation_sd_deg: float, shift_sd_mm: float) -> np.ndarray:
    """A random rigid pose of the head (about a point in mid-brain), rotations and shifts cut at two sd."""
    rotation = rotation_sd_deg * np.clip(rng.standard_normal(3), -2, 2)
    shift = shift_sd_mm * np.clip(rng.standard_normal(3), -2, 2)
    return rigid(rotation, shift, np.array([0.0, -18.0, 5.0]))


def oriented_grid(
    shape: tuple[int, int, int],
    voxel_mm: tuple[float, float, float],
    axes: str,
    centre_mm: np.ndarray,
    tilt_deg: np.ndarray,
) -> Grid:
    """A grid whose voxel axes run to `axes` (e.g. "RAS", "ASR"), tilted by xyz angles, centred at a world point."""
    directions = {"R": (1, 0, 0), "L": (-1, 0, 0), "A": (0, 1, 0), "P": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1)}
    matrix = np.array([directions[axis] for axis in axes], float).T * np.asarray(voxel_mm)
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", tilt_deg, degrees=True).as_matrix() @ matrix
    affine[:3, 3] = centre_mm - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Grid(shape, affine)


def resample(
    volume: np.ndarray, source: Grid, target: Grid, pose: np.ndarray, extent_mm: np.ndarray, shift_mm: float = 0.0
) -> np.ndarray:
    """Sample a head-frame volume (float32) linearly on a scanner's grid; beyond the volume's edge its value goes on.

    `pose` maps head-frame points to the scanner's world; `extent_mm` (2, 3) bounds the head in the head frame: outside
    it nothing is sampled, the volume's upper corner fills. `shift_mm` moves the samples along the slice axis (for slice
    profiles).
    """
    step = np.eye(4)
    step[2, 3] = shift_mm / target.voxel_mm[2]
    to_target = np.linalg.inv(target.affine @ step) @ pose
    corners = np.array([extent_mm[[i, j, k], range(3)] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    corners = apply(to_target, corners)
    low = np.clip(np.floor(corners.min(0)), 0, target.shape).astype(int)
    high = np.clip(np.ceil(corners.max(0)) + 1, 0, target.shape).astype(int)
    matrix = np.linalg.inv(to_target @ source.affine)
    image = np.full(target.shape, volume[0, 0, -1], np.float32)
    image[tuple(map(slice, low, high))] = _sampled(volume, matrix[:3, :3], apply(matrix, low[None])[0], high - low)
    return image


def _sampled(volume: np.ndarray, matrix: np.ndarray, offset: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """scipy's affine_transform(order=1, mode="nearest"), by ITK's sampler: half its time."""
    affine = sitk.AffineTransform(3)
    affine.SetMatrix(matrix[::-1, ::-1].ravel().tolist())  # SimpleITK counts an array's axes from the last
    affine.SetTranslation(offset[::-1].tolist())
    sampler = sitk.ResampleImageFilter()
    sampler.SetSize([int(n) for n in shape[::-1]])
    sampler.SetTransform(affine)
    sampler.SetInterpolator(sitk.sitkLinear)
    sampler.SetUseNearestNeighborExtrapolator(True)
    return sitk.GetArrayFromImage(sampler.Execute(sitk.GetImageFromArray(volume)))


def distance_mm(mask: np.ndarray, voxel_mm: np.ndarray) -> np.ndarray:
    """Distance (float32, mm) of every voxel to the mask, by ITK (Maurer 2003): a third of scipy's time."""
    image = sitk.GetImageFromArray(mask.view(np.uint8))
    image.SetSpacing([float(edge) for edge in voxel_mm[::-1]])  # SimpleITK counts an array's axes from the last
    found = sitk.SignedMaurerDistanceMap(image, insideIsPositive=False, squaredDistance=False, useImageSpacing=True)
    return np.maximum(sitk.GetArrayViewFromImage(found), 0)


def smooth_noise(rng: np.random.Generator, grid: Grid, scale_mm: float) -> np.ndarray:
    """A smooth random field (float32, mean 0, sd about 1): cubic B-splines with knots `scale_mm` apart."""
    steps = [np.arange(n) * size / scale_mm for n, size in zip(grid.shape, grid.voxel_mm, strict=True)]
    field = rng.standard_normal([int(step[-1]) + 5 for step in steps], dtype=np.float32)
    for axis, step in enumerate(steps):
        basis = _cubic_basis(step + rng.uniform(1.0, 2.0), field.shape[axis])
        field = np.moveaxis(np.tensordot(basis, field, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(field) / np.float32(NOISE_SD)


NOISE_SD = (151 / 315) ** 1.5  # of a sum of cubic B-splines with unit normal weights, in three dimensions


def _cubic_basis(positions: np.ndarray, knots: int) -> np.ndarray:
    """Cubic B-spline weights (positions x knots)."""
    t = np.abs(positions[:, None] - np.arange(knots)[None])
    return np.where(t < 1, 2 / 3 - t**2 + t**3 / 2, np.where(t < 2, (2 - t) ** 3 / 6, 0)).astype(np.float32)


def smooth_step(distance_mm: np.ndarray, width_mm: float) -> np.ndarray:
    """Share of a voxel inside a surface from the signed distance (negative inside): 1 inside, 0 out, linear edge."""
    return np.clip(0.5 - distance_mm / width_mm, 0.0, 1.0)


def ball_offsets(radius_mm: float, voxel_mm: np.ndarray) -> np.ndarray:
    """Integer voxel offsets (n, 3) whose centres lie within `radius_mm` plus half a voxel diagonal."""
    reach = np.ceil(radius_mm / voxel_mm).astype(int) + 1
    axes = [np.arange(-n, n + 1) for n in reach]
    offsets = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    return offsets[np.linalg.norm(offsets * voxel_mm, axis=1) <= radius_mm + np.linalg.norm(voxel_mm) / 2]


def voxels_near(points: np.ndarray, radius_mm: float, grid: Grid) -> np.ndarray:
    """Indices (n, 3) of the grid's voxels within `radius_mm` of any of the world points (m, 3); sorted, unique."""
    centres = np.unique(np.round(grid.to_index(points)).astype(int), axis=0)
    near = (centres[:, None] + ball_offsets(radius_mm, grid.voxel_mm)[None]).reshape(-1, 3)
    inside = np.all((near >= 0) & (near < np.array(grid.shape)), axis=1)
    flat = np.unique(np.ravel_multi_index(tuple(near[inside].T), grid.shape))
    return np.stack(np.unravel_index(flat, grid.shape), -1)


class Curve:
    """A smooth curve through landmarks with a radius and a twist-free frame, sampled every `step_mm`.

    points, tangents, normals, binormals: (n, 3); arc_mm, radius_mm: (n,).
    """

    def __init__(self, landmarks: np.ndarray, radius_mm: np.ndarray, step_mm: float = 0.2) -> None:
        landmarks = np.asarray(landmarks, float)
        chord = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(landmarks, axis=0), axis=1) ** 0.5)])
        spline = CubicSpline(chord, landmarks)
        fine = np.linspace(0, chord[-1], 40 * len(landmarks))
        length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(spline(fine), axis=0), axis=1))])
        self.arc_mm = np.linspace(0.0, length[-1], max(2, int(length[-1] / step_mm) + 1))
        parameter = np.interp(self.arc_mm, length, fine)
        self.points = spline(parameter)
        self.radius_mm = make_interp_spline(chord, np.asarray(radius_mm, float), k=1)(parameter)
        tangents = spline(parameter, 1)
        self.tangents = tangents / np.linalg.norm(tangents, axis=1, keepdims=True)
        self.normals = self._transported_normals()
        self.binormals = np.cross(self.tangents, self.normals)
        self._tree = cKDTree(self.points)

    def _transported_normals(self) -> np.ndarray:
        first = np.eye(3)[np.argmin(np.abs(self.tangents[0]))]
        normals = [first - self.tangents[0] * (first @ self.tangents[0])]
        for tangent in self.tangents:
            normal = normals[-1] - tangent * (normals[-1] @ tangent)
            normals.append(normal / np.linalg.norm(normal))
        return np.array(normals[1:])

    @property
    def length_mm(self) -> float:
        return float(self.arc_mm[-1])

    def index_at(self, arc_mm: float) -> int:
        """Index of the sample nearest to an arc length."""
        return int(np.clip(np.searchsorted(self.arc_mm, arc_mm), 0, len(self.arc_mm) - 1))

    def point_at(self, arc_mm: float) -> np.ndarray:
        """The sampled point nearest to an arc length."""
        return self.points[self.index_at(arc_mm)]

    def locate(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Tube coordinates of points (n, 3): arc length mm, distance from the axis mm, angle deg (-180..180), index.

        Beyond the curve's ends the arc length runs on below 0 or above the length.
        """
        _, nearest = self._tree.query(points)
        offset = points - self.points[nearest]
        along = np.einsum("ij,ij->i", offset, self.tangents[nearest])
        u = np.einsum("ij,ij->i", offset, self.normals[nearest])
        v = np.einsum("ij,ij->i", offset, self.binormals[nearest])
        return self.arc_mm[nearest] + along, np.hypot(u, v), np.degrees(np.arctan2(v, u)), nearest

    def mapped(self, matrix: np.ndarray) -> np.ndarray:
        """The sampled points through a 4x4 matrix."""
        return apply(matrix, self.points)
