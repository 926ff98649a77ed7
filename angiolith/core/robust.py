"""Statistics that outliers do not move."""

from __future__ import annotations

import numpy as np

# [1] SD of a Gaussian in units of its median absolute deviation. Source: physics.
SD_OF_MAD = 1.4826


def sd_about(values: np.ndarray, centre: float) -> float:
    """Standard deviation of values about a centre, by their median absolute deviation from it.

    Parameters
    ----------
    values : np.ndarray
        Values of any shape.
    centre : float
        Value that deviations are taken from.

    Returns
    -------
    float
        1.4826 times the median absolute deviation: the standard deviation of a normal distribution.
    """
    return SD_OF_MAD * float(np.median(np.abs(values - centre)))
