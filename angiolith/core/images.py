"""Images and transforms at the edge: NIfTI in and out (RAS+ world, mm), the bridge to SimpleITK, resampling.

The library's measuring functions take arrays and affines; this module is where files become arrays.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import SimpleITK as sitk

from angiolith.core.nifti import affine_problem, header_problem, packed, voxels
from angiolith.core.tables import atomic_path, write_not_made

# [HU] Air, and what padding becomes. Source: definition.
HU_AIR = -1024.0
# [%] Of an MRI's voxels: the head's bright part, without vessels and fat. Source: numerics.
MRI_PERCENTILE = 99.0
# [1] This percentile is brought below this value and above its half. Source: numerics.
MRI_HIGH = 1024.0
# [degrees] A grid with a larger shear (gantry tilt kept in the affine) is resampled orthogonal. Source: numerics.
SHEAR_DEG_MAX = 0.1
# [sign] From RAS to LPS coordinates. Source: definition.
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
# [axis, direction] Voxel axes to the right, to the front and up. Source: definition (nibabel).
CANONICAL = np.array([[0, 1], [1, 1], [2, 1]])
INTERPOLATORS = {"linear": sitk.sitkLinear, "nearest": sitk.sitkNearestNeighbor, "bspline": sitk.sitkBSpline}


class ImageError(ValueError):
    """An image cannot be used as it is; the message names the file, what is wrong and the remedy."""


@dataclass(frozen=True)
class Image:
    """A 3D image.

    data: array (i, j, k); affine: 4 x 4, voxel index -> world in mm, RAS+.
    """

    data: np.ndarray
    affine: np.ndarray

    @property
    def voxel_mm(self) -> np.ndarray:
        """Lengths of the three voxel edges, mm."""
        return voxel_edges_mm(self.affine)

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of one voxel, mm3: the determinant, so that it holds for a sheared grid too."""
        return volume_of_voxel_mm3(self.affine)

    def with_data(self, data: np.ndarray) -> Image:
        """The same grid with other data.

        Parameters
        ----------
        data : ndarray, shape of the image
            The new values.

        Returns
        -------
        Image
            With this image's affine.

        Raises
        ------
        ValueError
            If the shape differs.
        """
        if data.shape != self.data.shape:
            raise ValueError(f"shape {data.shape} does not fit the grid {self.data.shape}")
        return Image(data, self.affine)

    def placed(self, matrix: np.ndarray) -> Image:
        """The same voxels in another world.

        Parameters
        ----------
        matrix : ndarray, shape (4, 4)
            Maps this image's points to those of that world, RAS mm.

        Returns
        -------
        Image
            With the same array.
        """
        return Image(self.data, matrix @ self.affine)


def moved(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (..., 3) through a 4 x 4 matrix; voxel indices through an affine.

    Parameters
    ----------
    matrix : np.ndarray
        Affine or transform (4, 4).
    points : np.ndarray
        Points (..., 3).

    Returns
    -------
    np.ndarray
        Mapped points (..., 3).
    """
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def mask_points(affine: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Centres (n, 3) of a mask's voxels in the world of its affine (RAS mm), in the order of np.argwhere.

    Parameters
    ----------
    affine : np.ndarray
        Voxel -> mm (4, 4).
    mask : np.ndarray
        Mask, bool (i, j, k).

    Returns
    -------
    np.ndarray
        Points (n, 3), RAS mm.
    """
    return moved(affine, np.argwhere(mask))


def slice_axis(affine: np.ndarray) -> int:
    """The grid axis that runs most nearly from foot to head: that along which axial slices are stacked.

    Parameters
    ----------
    affine : np.ndarray
        Voxel -> mm (4, 4).

    Returns
    -------
    int
        Index of the axis, 0 to 2.
    """
    return int(np.abs(affine[2, :3] / voxel_edges_mm(affine)).argmax())


def voxel_edges_mm(affine: np.ndarray) -> np.ndarray:
    """Lengths (3,) of the voxel edges of a grid, mm.

    Parameters
    ----------
    affine : np.ndarray
        Voxel -> mm (4, 4).

    Returns
    -------
    np.ndarray
        Edges (3,), mm.
    """
    return np.linalg.norm(affine[:3, :3], axis=0)


def volume_of_voxel_mm3(affine: np.ndarray) -> float:
    """Volume of one voxel of a grid, mm3; right for a sheared grid too.

    Parameters
    ----------
    affine : np.ndarray
        Voxel -> mm (4, 4).

    Returns
    -------
    float
        Volume, mm3.
    """
    return float(abs(np.linalg.det(affine[:3, :3])))


def shear_deg(affine: np.ndarray) -> float:
    """Largest deviation of the angles between the grid's axes from 90 degrees.

    Parameters
    ----------
    affine : np.ndarray
        Voxel -> mm (4, 4).

    Returns
    -------
    float
        Angle in degrees; 0 for an orthogonal grid.
    """
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    cosines = np.abs(axes.T @ axes - np.eye(3))
    return float(np.degrees(np.arcsin(np.clip(cosines.max(), 0, 1))))


def read_image(path: str | Path) -> Image:
    """Read a NIfTI image as float32 with its scaling applied.

    Parameters
    ----------
    path : str or Path
        A `.nii` or `.nii.gz` file of one 3D volume. A fourth dimension of length 1 is dropped.

    Returns
    -------
    Image
        Voxels in the file's unit, affine to RAS mm.

    Raises
    ------
    ImageError
        For a file that cannot be read, has no usable geometry, more than three dimensions, colour voxels, or values
        that are not finite. The message names the file and the remedy.
    """
    data, affine = nifti_voxels(path)
    if data.ndim != 3:
        raise ImageError(f"{path}: has {data.ndim} dimensions {data.shape}; give one 3D volume")
    return usable_image(path, data, affine)


def nifti_voxels(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Voxels and affine of a NIfTI file of any number of dimensions.

    Parameters
    ----------
    path : str or Path
        A `.nii` or `.nii.gz` file.

    Returns
    -------
    tuple of ndarray
        Voxels, float32 and scaled, without dimensions of length 1 behind the third; affine (4, 4) to RAS mm.

    Raises
    ------
    ImageError
        For a file that cannot be read, and for colour or complex voxels.
    """
    path = Path(path)
    file = open_nifti(path)
    with damage_named(path):
        data = voxels(file)
    while data.ndim > 3 and data.shape[-1] == 1:
        data = data[..., 0]
    return data, np.asarray(file.affine, dtype=float)


def open_nifti(path: str | Path) -> Any:
    """Open a NIfTI file and check its header; no voxel is read.

    Parameters
    ----------
    path : str or Path
        A `.nii` or `.nii.gz` file.

    Returns
    -------
    nibabel image
        The file.

    Raises
    ------
    ImageError
        For a file that is missing, empty or no NIfTI, or whose header cannot be believed.
    """
    path = Path(path)
    if not path.is_file():
        raise ImageError(f"{path}: the file does not exist")
    if path.stat().st_size == 0:
        raise ImageError(f"{path}: the file is empty; copy or convert it again")
    with damage_named(path):
        file: Any = nib.load(path)
        problem = header_problem(file)
    if problem:
        raise ImageError(f"{path}: {problem}")
    return file


@contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Give what reading a damaged file raises (nibabel, gzip and zlib raise many kinds) as one error.

    Parameters
    ----------
    path : Path
        Path of the file, for the message.

    Yields
    ------
    None
        Nothing.

    Raises
    ------
    ImageError
        For every error inside.
    """
    try:
        yield
    except Exception as error:
        why = str(error).splitlines()[0].replace(str(path), path.name) if str(error) else type(error).__name__
        raise ImageError(f"{path}: cannot be read as NIfTI ({why}); copy or convert it again") from error


def usable_image(path: str | Path, data: np.ndarray, affine: np.ndarray) -> Image:
    """One volume as an image.

    Parameters
    ----------
    path : str or Path
        Its file, for the message.
    data : ndarray, shape (i, j, k)
        Voxels.
    affine : ndarray, shape (4, 4)
        Voxel to RAS mm.

    Returns
    -------
    Image
        The volume.

    Raises
    ------
    ImageError
        For less than two voxels along an axis, an affine that is none, and values that are not finite.
    """
    if min(data.shape) < 2:
        raise ImageError(f"{path}: has the shape {data.shape}; at least two voxels along each axis are needed")
    if problem := affine_problem(affine):
        raise ImageError(f"{path}: {problem}")
    if not np.isfinite(data).all():
        raise ImageError(f"{path}: holds values that are not finite (NaN or infinity); convert it again from DICOM")
    return Image(data, affine)


def read_mri(path: str | Path) -> Image:
    """Read an MRI for measuring, in units of its own: its 99th percentile lies between 512 and 1024.

    MRI has no unit, and an image may be stored in any (1000, or 0.1 for the same tissue): limits that say "next to
    nothing" mean the same after this. The factor is a power of 2, which changes no digit.

    Parameters
    ----------
    path : str | Path
        Path of the NIfTI file.

    Returns
    -------
    Image
        The image, float32, scaled by a power of 2.
    """
    return in_own_unit(read_image(path))


def in_own_unit(image: Image) -> Image:
    """An MRI scaled in place by a power of 2, so that its 99th percentile lies between 512 and 1024.

    Parameters
    ----------
    image : Image
        An MRI; its data are changed.

    Returns
    -------
    Image
        The same image.
    """
    high = float(np.percentile(image.data, MRI_PERCENTILE))
    if high > 0:
        np.ldexp(image.data, int(np.floor(np.log2(MRI_HIGH / high))), out=image.data)
    return image


def read_ct(path: str | Path) -> Image:
    """Read a CT in HU for measuring: padding below -1024 HU becomes air, a sheared grid is resampled orthogonal.

    Every stage that touches the CT reads it here, so that all share one native grid. The shear is that of a gantry
    tilt kept in the affine; where there is none the voxels are untouched.

    Parameters
    ----------
    path : str or Path
        A CT as NIfTI, in HU. `read_image` refuses it with an ImageError where it cannot be used.

    Returns
    -------
    Image
        HU (float32), affine to RAS mm, axes at right angles.
    """
    image = read_image(path)
    np.maximum(image.data, np.float32(HU_AIR), out=image.data)
    if shear_deg(image.affine) > SHEAR_DEG_MAX:
        image = remove_shear(image, fill=HU_AIR)
    return image


def remove_shear(image: Image, fill: float) -> Image:
    """Resample a sheared grid (gantry tilt) onto an orthogonal one with the same in-plane axes and slice step.

    The slice normal replaces the sheared third axis; linear interpolation; the new grid covers the old one.

    Parameters
    ----------
    image : Image
        Image on a sheared grid.
    fill : float
        Value outside the old grid.

    Returns
    -------
    Image
        The image on an orthogonal grid, float32.
    """
    old = image.affine
    voxel_mm = image.voxel_mm
    first = old[:3, 0] / voxel_mm[0]
    second = old[:3, 1] - first * (first @ old[:3, 1])
    second /= np.linalg.norm(second)
    third = np.cross(first, second)
    third *= np.sign(third @ old[:3, 2])
    steps = np.array([voxel_mm[0], voxel_mm[1], abs(third @ old[:3, 2])])
    directions = np.stack([first, second, third], axis=1)
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in image.data.shape], indexing="ij")).reshape(3, -1)
    along = directions.T @ (old[:3, :3] @ corners + old[:3, 3:])
    low, high = along.min(axis=1), along.max(axis=1)
    shape = tuple(int(n) for n in np.ceil((high - low) / steps - 1e-6) + 1)
    affine = np.eye(4)
    affine[:3, :3] = directions * steps
    affine[:3, 3] = directions @ low
    from scipy.ndimage import affine_transform

    to_old = np.round(np.linalg.inv(old) @ affine, 9)  # else rounding puts the first or the last slice outside
    data = affine_transform(image.data, to_old[:3, :3], to_old[:3, 3], shape, order=1, cval=fill)
    return Image(data.astype(np.float32), affine)


def write_image(data: np.ndarray, affine: np.ndarray, path: str | Path) -> None:
    """Write a NIfTI image (mm, scanner space), atomically, with the array's own type; booleans as uint8.

    Integer labels are checked against the type: uint8 where they fit, else uint16 or int32.

    Parameters
    ----------
    data : np.ndarray
        Voxels (i, j, k); bool, integer or float.
    affine : np.ndarray
        Voxel -> mm (4, 4), RAS.
    path : str | Path
        Path of the file to write, .nii or .nii.gz.
    """
    if data.dtype == bool:
        data = data.astype(np.uint8)
    if np.issubdtype(data.dtype, np.integer):
        low, high = int(data.min(initial=0)), int(data.max(initial=0))
        types = (np.uint8, np.uint16, np.int32)
        data = data.astype(next(t for t in types if low >= np.iinfo(t).min and high <= np.iinfo(t).max))
    elif data.dtype == np.float64:
        data = data.astype(np.float32)
    image = nib.Nifti1Image(data, affine)
    image.set_qform(affine, code=1)
    image.set_sform(affine, code=1)
    image.header.set_xyzt_units("mm")
    with atomic_path(path) as temporary:
        content = image.to_bytes()
        temporary.write_bytes(packed(content) if temporary.suffix == ".gz" else content)


def write_made(image: Image | None, path: str | Path) -> None:
    """Write an image with `write_image`; of one that could not be made (None), the empty file of `write_not_made`.

    Parameters
    ----------
    image : Image | None
        The image, or None.
    path : str | Path
        Path of the file to write.
    """
    if image is None:
        write_not_made(path)
    else:
        write_image(image.data, image.affine, path)


def canonical(image: Image) -> Image:
    """The same image with its axes in the order and direction nearest to right, front, up, however it was stored.

    No voxel changes; the affine goes along. What samples voxels in their order, or begins blocks at one end of an axis,
    gives the same for every way in which one image can be stored.

    Parameters
    ----------
    image : Image
        An image with axes in any order.

    Returns
    -------
    Image
        The image with axes nearest to RAS.
    """
    turn = nib.orientations.io_orientation(image.affine)
    if (turn == CANONICAL).all():
        return image
    data = np.ascontiguousarray(nib.orientations.apply_orientation(image.data, turn))
    return Image(data, image.affine @ nib.orientations.inv_ornt_aff(turn, image.data.shape))


def bounding_box(mask: np.ndarray, margin: int | np.ndarray = 4) -> tuple[slice, ...]:
    """Slices of the box around the mask, widened by `margin` voxels (one number, or one per axis) within the array.

    The mask must not be empty.

    Parameters
    ----------
    mask : np.ndarray
        Mask that is not empty, bool (i, j, k).
    margin : int | np.ndarray
        Voxels on every side: one number, or one per axis (3,).

    Returns
    -------
    tuple[slice, ...]
        One slice per axis.
    """
    held = [np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    return tuple(
        slice(max(0, int(at[0]) - reach), min(n, int(at[-1]) + 1 + reach))
        for at, n, reach in zip(held, mask.shape, np.broadcast_to(margin, 3).tolist(), strict=True)
    )


def crop(image: Image, box: tuple[slice, ...]) -> Image:
    """The part of an image within the box; its affine moves along.

    Parameters
    ----------
    image : Image
        The image.
    box : tuple[slice, ...]
        One slice per axis.

    Returns
    -------
    Image
        The part, with its own affine.
    """
    shift = np.eye(4)
    shift[:3, 3] = [s.start for s in box]
    return Image(image.data[box], image.affine @ shift)


def is_same_grid(first: Image, second: Image) -> bool:
    """Whether both images have the same shape and (to 1e-3 mm at every corner) the same affine.

    Parameters
    ----------
    first, second : Image
        Images.

    Returns
    -------
    bool
        True where shape and affine agree.
    """
    if first.data.shape != second.data.shape:
        return False
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in first.data.shape], indexing="ij")).reshape(3, -1)
    gap = (first.affine - second.affine)[:3] @ np.vstack([corners, np.ones(8)])
    return bool(np.abs(gap).max() < 1e-3)


def require_same_grid(first: Image, second: Image, what: str) -> None:
    """Raise ImageError unless both images have one grid (`is_same_grid`).

    Parameters
    ----------
    first, second : Image
        Images.
    what : str
        What the two are, for the message.

    Raises
    ------
    ImageError
        Where the grids differ.
    """
    if not is_same_grid(first, second):
        raise ImageError(
            f"{what}: the grids differ (shapes {first.data.shape} and {second.data.shape}, or their affines); "
            "resample one onto the other's grid, masks with nearest neighbour"
        )


def to_sitk(image: Image) -> sitk.Image:
    """SimpleITK image of the same voxels; raises ImageError for a sheared grid, which ITK cannot hold.

    Parameters
    ----------
    image : Image
        Image on an orthogonal grid; a mask becomes uint8.

    Returns
    -------
    sitk.Image
        The SimpleITK image, in LPS.

    Raises
    ------
    ImageError
        For a sheared grid, which ITK cannot hold.
    """
    if shear_deg(image.affine) > SHEAR_DEG_MAX:
        raise ImageError("a sheared grid must be resampled first (remove_shear)")
    data = image.data.astype(np.uint8) if image.data.dtype == bool else image.data
    result = sitk.GetImageFromArray(np.ascontiguousarray(data.transpose(2, 1, 0)))
    lps = RAS_TO_LPS @ image.affine
    directions = lps[:3, :3] / image.voxel_mm
    u, _, vt = np.linalg.svd(directions)  # the nearest orthonormal matrix: files round their cosines
    result.SetSpacing([float(v) for v in image.voxel_mm])
    result.SetDirection((u @ vt).ravel().tolist())
    result.SetOrigin(lps[:3, 3].tolist())
    return result


def affine_of_sitk(image: sitk.Image) -> np.ndarray:
    """The RAS affine (4 x 4, voxel -> mm) of a SimpleITK image.

    Parameters
    ----------
    image : sitk.Image
        A SimpleITK image.

    Returns
    -------
    np.ndarray
        Affine (4, 4), RAS mm.
    """
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return RAS_TO_LPS @ affine


def from_sitk(image: sitk.Image) -> Image:
    """Back from SimpleITK to an Image in RAS.

    Parameters
    ----------
    image : sitk.Image
        A SimpleITK image.

    Returns
    -------
    Image
        The same voxels, axes (i, j, k), affine in RAS.
    """
    return Image(sitk.GetArrayFromImage(image).transpose(2, 1, 0), affine_of_sitk(image))


def read_transform(path: str | Path) -> sitk.Transform:
    """Read a transform: an ITK .tfm, or a displacement field (.nii.gz) holding the whole mapping.

    "from-A_to-B" resamples image A onto B's grid: it maps points of B (LPS mm, as ITK has it) to points of A.
    Use `map_points` for points in RAS.

    Parameters
    ----------
    path : str | Path
        Path of a .tfm, or of a displacement field .nii.gz.

    Returns
    -------
    sitk.Transform
        The ITK transform, which maps LPS mm to LPS mm.
    """
    if str(path).endswith(".nii.gz"):
        return sitk.DisplacementFieldTransform(sitk.ReadImage(str(path), sitk.sitkVectorFloat64))
    return sitk.ReadTransform(str(path))


def write_transform(transform: sitk.Transform, path: str | Path) -> None:
    """Write an ITK transform as .tfm, or a displacement field transform as .nii.gz (float32); atomically.

    Parameters
    ----------
    transform : sitk.Transform
        An ITK transform.
    path : str | Path
        Path of the file to write, .tfm or .nii.gz.
    """
    with atomic_path(path) as temporary:
        if str(path).endswith(".nii.gz"):
            field = sitk.DisplacementFieldTransform(transform).GetDisplacementField()
            plain = temporary.with_suffix("")
            try:
                sitk.WriteImage(sitk.Cast(field, sitk.sitkVectorFloat32), str(plain))
                temporary.write_bytes(packed(plain.read_bytes()))
            finally:
                plain.unlink(missing_ok=True)
        else:
            sitk.WriteTransform(transform, str(temporary))


def linear_transform(matrix_ras: np.ndarray) -> sitk.AffineTransform:
    """ITK transform of a 4 x 4 matrix that maps RAS points to RAS points.

    Parameters
    ----------
    matrix_ras : np.ndarray
        Matrix (4, 4), RAS mm to RAS mm.

    Returns
    -------
    sitk.AffineTransform
        The ITK transform, in LPS.
    """
    lps = RAS_TO_LPS @ np.asarray(matrix_ras, float) @ RAS_TO_LPS
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(lps[:3, :3].ravel().tolist())
    transform.SetTranslation(lps[:3, 3].tolist())
    return transform


def rigid_transform(matrix_ras: np.ndarray, centre_ras: np.ndarray) -> sitk.Euler3DTransform:
    """ITK transform, by angles about a centre (3,), of a rigid 4 x 4 matrix; both RAS mm.

    A matrix whose turn is inexact, as one that was kept as text, is taken for the nearest turn.

    Parameters
    ----------
    matrix_ras : np.ndarray
        Rigid matrix (4, 4), RAS mm to RAS mm.
    centre_ras : np.ndarray
        Centre of rotation (3,), RAS mm.

    Returns
    -------
    sitk.Euler3DTransform
        The ITK transform, in LPS.
    """
    lps = RAS_TO_LPS @ np.asarray(matrix_ras, float) @ RAS_TO_LPS
    left, _, right = np.linalg.svd(lps[:3, :3])
    centre = RAS_TO_LPS[:3, :3] @ centre_ras
    transform = sitk.Euler3DTransform()
    transform.SetCenter(centre.tolist())
    transform.SetMatrix((left @ right).ravel().tolist())
    transform.SetTranslation((moved(lps, centre[None])[0] - centre).tolist())
    return transform


def matrix_ras(transform: sitk.Transform) -> np.ndarray:
    """The 4 x 4 RAS -> RAS matrix of a linear ITK transform (any centre, composites of linear ones included).

    Parameters
    ----------
    transform : sitk.Transform
        A linear ITK transform.

    Returns
    -------
    np.ndarray
        Matrix (4, 4), RAS mm to RAS mm.
    """
    points = np.vstack([np.zeros(3), np.eye(3)])
    image = map_points(transform, points)
    matrix = np.eye(4)
    matrix[:3, :3] = (image[1:] - image[0]).T
    matrix[:3, 3] = image[0]
    return matrix


def map_points(transform: sitk.Transform, points_ras: np.ndarray) -> np.ndarray:
    """Map points (n, 3), RAS mm, through an ITK transform; returns (n, 3), RAS mm.

    Parameters
    ----------
    transform : sitk.Transform
        An ITK transform.
    points_ras : np.ndarray
        Points (n, 3), RAS mm.

    Returns
    -------
    np.ndarray
        Mapped points (n, 3), RAS mm.
    """
    flip = np.array([-1.0, -1.0, 1.0])
    points = np.asarray(points_ras, float).reshape(-1, 3) * flip
    return np.array([transform.TransformPoint(point) for point in points.tolist()]).reshape(-1, 3) * flip


def resample(
    moving: Image,
    fixed: Image,
    transform: sitk.Transform | None = None,
    interpolation: str = "linear",
    fill: float = 0.0,
) -> Image:
    """Resample `moving` onto the grid of `fixed`; `transform` maps points of `fixed` to points of `moving`.

    Label maps and masks take interpolation="nearest" and keep their integer type. Outside `moving`: `fill`.

    Parameters
    ----------
    moving : Image
        Image to resample.
    fixed : Image
        Image whose grid is taken.
    transform : sitk.Transform | None
        Maps points of `fixed` to points of `moving`; None for the identity.
    interpolation : str
        A key of INTERPOLATORS: "linear" for intensities, "nearest" for labels.
    fill : float
        Value outside `moving`.

    Returns
    -------
    Image
        The moving image on the grid of `fixed`.
    """
    resampler = sitk.ResampleImageFilter()
    resampler.SetReferenceImage(to_sitk(fixed))
    resampler.SetInterpolator(INTERPOLATORS[interpolation])
    resampler.SetDefaultPixelValue(fill)
    resampler.SetTransform(transform if transform is not None else sitk.Transform(3, sitk.sitkIdentity))
    return Image(from_sitk(resampler.Execute(to_sitk(moving))).data, fixed.affine)
