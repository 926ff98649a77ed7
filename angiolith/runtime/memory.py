"""The memory that a job asks for, by the images that it reads: a CT of thin slices has four times the usual voxels."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

# [bytes] Peak memory for each voxel of the largest image that a job reads: 17 were measured in segment_calcification on
# CTs of 300 and 600 slices of 512 x 512, and a picture of such a CT takes 19. Source: measured.
BYTES_PER_VOXEL = 20
# [MB] Python and its libraries. Source: measured.
START_MB = 500
NIFTI1_BYTES, NIFTI2_BYTES = 348, 540  # the first number of a header


def memory(least_mb: int) -> Callable[..., int]:
    """A rule's `mem_mb`: what its usual images need, more where they are large, and more with each attempt.

    Headers are read, no voxels. A file that is not there yet, or whose header cannot be read, counts nothing.

    Parameters
    ----------
    least_mb : int
        Memory for usual images, MB.

    Returns
    -------
    Callable[..., int]
        A function of wildcards, inputs and attempt that gives MB.
    """

    def mem_mb(wildcards: object, input: Iterable[str], attempt: int = 1) -> int:
        voxels = max((voxels_of(str(path)) for path in input), default=0)
        return attempt * max(least_mb, math.ceil(START_MB + BYTES_PER_VOXEL * voxels / 1e6))

    return mem_mb


@cache
def voxels_of(path: str) -> int:
    """Number of voxels that a NIfTI file's header states; 0 for any other file.

    Parameters
    ----------
    path : str
        Path of the file.

    Returns
    -------
    int
        Number of voxels.
    """
    if not path.endswith((".nii", ".nii.gz")) or not Path(path).is_file():
        return 0
    try:
        with gzip.open(path) if path.endswith(".gz") else open(path, "rb") as stream:
            header = stream.read(80)
        for order in "<>":
            first = struct.unpack_from(f"{order}i", header)[0]
            if first in (NIFTI1_BYTES, NIFTI2_BYTES):
                at, kind = (40, "8h") if first == NIFTI1_BYTES else (16, "8q")
                count, *sizes = struct.unpack_from(f"{order}{kind}", header, at)
                return math.prod(max(1, size) for size in sizes[: max(0, min(count, 7))])
    except (OSError, EOFError, struct.error, zlib.error):
        return 0
    return 0
