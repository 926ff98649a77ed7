"""NIfTI files as they are stored: what of a header can be believed, voxels read to the checksum, packing."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
from isal import igzip
from nibabel.openers import ImageOpener

# [voxels] 1024 x 1024 x 572; more is no head, or a file made to fill the memory. Source: definition.
VOXELS_MAX = 600_000_000
# [bytes] More that follows the voxels is an error. Source: definition.
SURPLUS_BYTES = 1 << 20
# [bytes] A packed file states its length modulo this. Source: definition (RFC 1952).
LENGTH_MODULUS = 1 << 32
# [mm] Two transforms of one header that differ by more contradict each other. Source: definition.
PLACES_APART_MM = 1.0
# [1] Largest cosine between axes that count as orthogonal. Source: numerics.
NOT_ORTHOGONAL = 2e-3


def header_problem(file: Any) -> str:
    """Why a nibabel image must not be read, with the remedy; "" if it may. Looks at the header alone.

    Parameters
    ----------
    file : Any
        A nibabel image.

    Returns
    -------
    str
        The reason with its remedy, or an empty string.
    """
    kind = file.get_data_dtype()
    if kind.fields is not None:
        return "colour (RGB) voxels; give the image with its original grey values"
    if kind.kind == "c":
        return "complex voxels; give the magnitude image"
    size = " x ".join(map(str, file.shape))
    if not math.prod(file.shape):
        return f"the header says {size}: no voxels; convert it again from DICOM"
    if math.prod(file.shape) > VOXELS_MAX:
        return f"the header says {size} voxels, more than the {VOXELS_MAX} that are read; convert it again from DICOM"
    with ImageOpener(file.get_filename()) as stream:  # nibabel forgets the scale that it read
        stored = type(file.header).from_fileobj(stream, check=False)
    if np.isinf([float(stored[name]) for name in ("scl_slope", "scl_inter")]).any():
        return "the scale of its values (scl_slope, scl_inter) is infinite; convert it again from DICOM"
    return orientation_problem(file.header)


def voxels(file: Any) -> np.ndarray:
    """A nibabel image's voxels as float32, scaled.

    A packed file is unpacked to its end: nibabel stops where the voxels end, before the checksum, so that a damaged
    byte would be other values and no error.

    Parameters
    ----------
    file : Any
        A nibabel image.

    Returns
    -------
    np.ndarray
        Voxels (i, j, k), float32, in the header's scale.

    Raises
    ------
    ValueError
        If more than `SURPLUS_BYTES` follow the voxels, and what gzip raises for a damaged file.
    """
    path = Path(file.get_filename())
    if path.suffix == ".gz":
        stored = file.dataobj
        most = int(stored.offset) + math.prod(stored.shape) * stored.dtype.itemsize + SURPLUS_BYTES
        with igzip.open(path) as stream:
            content = stream.read(most)
            if stream.read(1):
                raise ValueError("it unpacks to more than its header says")
        file = type(file).from_stream(io.BytesIO(content))
    return np.asarray(file.dataobj, dtype=np.float32)


def length_problem(path: str | Path, file: Any) -> str:
    """Why a file cannot hold the voxels of its header, as after a copy that was broken off; "" if it can.

    A packed file states the length of its content in its last four bytes. It is unpacked only where these are not what
    the header asks for: it may be packed in several parts.

    Parameters
    ----------
    path : str or Path
        A `.nii` or `.nii.gz` file.
    file : Any
        The same as a nibabel image.

    Returns
    -------
    str
        The reason with its remedy, or an empty string.

    Raises
    ------
    OSError, EOFError, zlib.error
        What gzip raises for a damaged file.
    """
    stored = file.dataobj
    needed = int(stored.offset) + math.prod(stored.shape) * stored.dtype.itemsize
    size = Path(path).stat().st_size
    if str(path).endswith(".gz"):
        with open(path, "rb") as stream:
            stream.seek(max(size - 4, 0))
            stated = int.from_bytes(stream.read(), "little")
        if stated == needed % LENGTH_MODULUS:
            return ""
        with igzip.open(path) as stream:
            size = len(stream.read(needed))
    if size >= needed:
        return ""
    return f"the file is cut short: {size} bytes of {needed}; copy or convert it again"


def packed(content: bytes) -> bytes:
    """A file's content as gzip, the same bytes on every day; as small as zlib at level 1, in a fifth of its time.

    Parameters
    ----------
    content : bytes
        Content of a file.

    Returns
    -------
    bytes
        The gzip stream.
    """
    return bytes(igzip.compress(content, 3, mtime=0))


def orientation_problem(header: Any) -> str:
    """Why left and right, or the place of the image, are not known from its qform and sform; "" if they are.

    Where both have the same code (say, scanner) they must place the corners alike; a sheared sform (gantry tilt) is
    left out, since a qform cannot hold it. A mirrored pair is refused whatever the codes.

    Parameters
    ----------
    header : Any
        A nibabel header.

    Returns
    -------
    str
        The reason with its remedy, or an empty string.
    """
    (qform, qform_code), (sform, sform_code) = header.get_qform(coded=True), header.get_sform(coded=True)
    if qform is None and sform is None:
        return (
            "no orientation (the codes of qform and sform are 0): left and right are unknown; "
            "convert it again from DICOM"
        )
    if qform is None or sform is None:
        return ""
    if np.linalg.det(qform[:3, :3]) * np.linalg.det(sform[:3, :3]) < 0:
        return "qform and sform contradict each other in left and right; convert it again from DICOM"
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in header.get_data_shape()[:3]], indexing="ij")).reshape(3, -1)
    gap_mm = float(np.abs((qform - sform)[:3] @ np.vstack([corners, np.ones(corners.shape[1])])).max())
    if qform_code == sform_code and gap_mm > PLACES_APART_MM and _is_orthogonal(sform):
        return f"qform and sform place the image up to {gap_mm:.0f} mm apart; convert it again from DICOM"
    return ""


def affine_problem(affine: np.ndarray) -> str:
    """Why an affine (4 x 4) cannot be used; "" if it can. Judged by angles, so that a wrong unit is not called so.

    Parameters
    ----------
    affine : np.ndarray
        Voxel -> mm (4, 4).

    Returns
    -------
    str
        The reason with its remedy, or an empty string.
    """
    if not np.isfinite(affine).all():
        return "the affine holds values that are not finite; convert it again from DICOM"
    edges = np.linalg.norm(affine[:3, :3], axis=0)
    if edges.min() == 0 or abs(np.linalg.det(affine[:3, :3] / edges)) < 1e-3:
        return "the affine is singular; convert it again from DICOM"
    return ""


def _is_orthogonal(affine: np.ndarray) -> bool:
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return bool(np.abs(axes.T @ axes - np.eye(3)).max() < NOT_ORTHOGONAL)
