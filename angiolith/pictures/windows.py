"""Windows that grey values are shown in, and how a caption says them."""

from __future__ import annotations

import numpy as np

from angiolith.core.images import Image

CT_WINDOW_HU = (-100.0, 900.0)  # safe for bone: calcium and bone look different, and neither is cut off
BRAIN_WINDOW_HU = (-20.0, 90.0)
NOISE_FRACTION = 0.06  # of the window: what lies below is background, shown black


def window_of(image: Image) -> tuple[float, float]:
    """Display window of an MRI: from the noise of the background to a little above the brightest tissue.

    Parameters
    ----------
    image : Image
        An MRI.

    Returns
    -------
    tuple[float, float]
        Values shown black and white.
    """
    sample = image.data[::3, ::3, ::2]
    head = sample[sample > np.percentile(sample, 50)]
    top = 1.15 * max(float(np.percentile(head if head.size else sample, 99.7)), 1e-6)
    return NOISE_FRACTION * top, top


def window_text(window: tuple[float, float], unit: str = "signal") -> str:
    """The window for a caption.

    Parameters
    ----------
    window : tuple[float, float]
        Values shown black and white.
    unit : str
        Unit of the values.

    Returns
    -------
    str
        The text.
    """
    return f"window {window[0]:.0f} to {window[1]:.0f} {unit}"
