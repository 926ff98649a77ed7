"""The masks that readers drew of marks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from angiolith.core.images import Image, ImageError, read_image, require_same_grid
from angiolith.marks.verdicts import UndecidableError


def read_drawings(paths: Sequence[str], labels: Image) -> dict[str, np.ndarray]:
    """Path -> voxels of the masks that readers drew.

    Parameters
    ----------
    paths : Sequence[str]
        Paths of masks.
    labels : Image
        The session's map of marks.

    Returns
    -------
    dict[str, np.ndarray]
        Path -> mask (i, j, k), bool.

    Raises
    ------
    UndecidableError
        For a mask that cannot be read or lies on another grid.
    """
    found = {}
    for path in paths:
        try:
            mask = read_image(path)
            require_same_grid(mask, labels, f"{path} and the map of marks")
        except (ImageError, OSError) as error:
            raise UndecidableError(str(error)) from None
        found[str(path)] = np.asarray(mask.data > 0)
    return found
