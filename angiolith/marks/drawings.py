"""The masks that readers drew of marks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from angiolith.core.images import Image, ImageError, read_image, require_same_grid
from angiolith.marks.verdicts import UndecidableError


def read_drawings(paths: Sequence[str], labels: Image) -> dict[str, np.ndarray]:
    """Path -> voxels of the masks that readers drew. Raises UndecidableError for one that is not on the grid of the
    session's marks."""
    found = {}
    for path in paths:
        try:
            mask = read_image(path)
            require_same_grid(mask, labels, f"{path} and the map of marks")
        except (ImageError, OSError) as error:
            raise UndecidableError(str(error)) from None
        found[str(path)] = np.asarray(mask.data > 0)
    return found
