"""Shape of a lesion under PyRadiomics' names and definitions (van Griethuysen et al. 2017)."""

from __future__ import annotations

import numpy as np
from skimage.measure import marching_cubes, mesh_surface_area

from angiolith.core.distance import largest_distance


def shape_features(lesion: np.ndarray, affine: np.ndarray) -> dict[str, float]:
    """VoxelVolume and MeshVolume (mm3), SurfaceArea (mm2), Sphericity, Maximum3DDiameter (mm) of a mask.

    The mesh is that of marching cubes at 0.5 on the mask itself (vertices halfway between voxel centres); Sphericity =
    (36 pi V^2)^(1/3) / A with the mesh's volume; the diameter is the largest distance between its vertices. All NaN
    for an empty mask, VoxelVolume 0.

    Parameters
    ----------
    lesion : np.ndarray
        Voxels of the lesion, bool (i, j, k).
    affine : np.ndarray
        Voxel -> mm (4, 4).

    Returns
    -------
    dict[str, float]
        Feature -> value.
    """
    voxel_mm3 = float(abs(np.linalg.det(affine[:3, :3])))
    if not lesion.any():
        return {"VoxelVolume": 0.0} | dict.fromkeys(
            ("MeshVolume", "SurfaceArea", "Sphericity", "Maximum3DDiameter"), np.nan
        )
    vertices, faces, _, _ = marching_cubes(np.pad(lesion, 1).astype(np.float32), 0.5, method="lorensen")
    points = vertices @ affine[:3, :3].T
    corners = points[faces]
    volume = abs(float(np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum())) / 6
    area = float(mesh_surface_area(points, faces))
    return {
        "VoxelVolume": float(lesion.sum()) * voxel_mm3,
        "MeshVolume": volume,
        "SurfaceArea": area,
        "Sphericity": float((36 * np.pi * volume**2) ** (1 / 3) / area),
        "Maximum3DDiameter": largest_distance(points),
    }
