"""What the network of thick slices is shown, shared by its fit and its use."""

from __future__ import annotations

import numpy as np

# [mm] Pixels of what the network sees. Source: definition (fitted at it).
PIXEL_MM = 0.9
# [contrast of tissue to fluid] Grey values beyond are cut; tissue is 0, fluid -1. Source: definition (fitted at it).
GREY_RANGE = (-1.5, 2.0)
# [contrast of tissue to fluid] Beyond the image. Source: definition (fitted at it).
NOTHING = -1.2
# [pixels] The sides of what the network takes are multiples of it. Source: definition (the network's halvings).
EVERY = 16


def shown(grey: np.ndarray, likely: np.ndarray) -> np.ndarray:
    """What the network sees of every slice: it, the one below, the one above, and the seven probabilities.

    Parameters
    ----------
    grey : np.ndarray
        Grey values (x, y, slices); tissue 0, fluid -1.
    likely : np.ndarray
        Probabilities (7, x, y, slices) of `angiolith.brain.network.CLASSES`.

    Returns
    -------
    np.ndarray
        Channels (slices, 10, x, y), float32.
    """
    count = grey.shape[2]
    here = np.arange(count)
    stacks = [grey[..., k] for k in (here, np.maximum(here - 1, 0), np.minimum(here + 1, count - 1))]
    return np.moveaxis(np.stack([*stacks, *likely]), -1, 0).astype(np.float32)
