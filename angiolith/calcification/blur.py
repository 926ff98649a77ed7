"""Sizes of calcium freed of the scanner's known blur: what a blurred layer shows at half maximum, inverted."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.special import ndtr

# [SD] Full width at half maximum of a Gaussian. Source: physics.
FWHM_SDS = 2.355
# [1] Fraction of the lumen's radius beyond which calcium counts for the arc: near the centre blur covers all angles.
# Source: digital tubes, 160 plaques (methods.md).
WALL_FRACTION = 0.75
# [SD of the blur] Widths of layers that are tabled: from, to, number. Source: numerics.
WIDTHS = (0.01, 20, 400)
# [SD of the blur] Places of their profiles: from, to, number. Source: numerics.
PLACES = (0, 12, 2401)
# [1] Places along a ray at which an arc is looked at, as fractions of the radius: from, to, number. Source: numerics.
RADII = (WALL_FRACTION, 1.5, 16)
# [degrees] Angles of the tabled arcs reach so far to either side. Source: numerics.
TURN_AND_HALF = 540


def deblurred_width_mm(fwhm_mm: np.ndarray, blur_mm: np.ndarray) -> np.ndarray:
    """Width of a layer that, blurred by a Gaussian of standard deviation `blur_mm`, shows `fwhm_mm` at half maximum.

    The profile of a layer of width t is Phi((x + t/2) / s) - Phi((x - t/2) / s); its half maximum is inverted by table.
    A width at or below that of the blur alone (2.355 s) gives 0. NaN stays NaN.

    Parameters
    ----------
    fwhm_mm : np.ndarray
        Width at half maximum as shown, mm.
    blur_mm : np.ndarray
        Standard deviation of the blur, mm.

    Returns
    -------
    np.ndarray
        Width, mm.
    """
    width, shown = _shown_widths()
    relative = np.asarray(fwhm_mm) / blur_mm
    return np.where(relative > shown[-1], relative, np.interp(relative, shown, width, left=0.0)) * blur_mm


@cache
def _shown_widths() -> tuple[np.ndarray, np.ndarray]:
    """Widths of layers and what they show at half maximum, (400,) each, in units of the blur."""
    width = np.linspace(*WIDTHS)
    at = np.linspace(*PLACES)
    profile = ndtr(at[None] + width[:, None] / 2) - ndtr(at[None] - width[:, None] / 2)
    half = (profile < profile[:, :1] / 2).argmax(axis=1)
    rows = np.arange(len(width))
    above, below = profile[rows, half - 1], profile[rows, half]
    return width, 2 * (at[half] - (profile[:, 0] / 2 - below) / (above - below) * (at[1] - at[0]))


def deblurred_arc_deg(shown_deg: float, radius: float) -> float:
    """Arc (degrees) of a layer on a circle that, blurred by a Gaussian in its plane, shows `shown_deg` at half maximum.

    As seen from the circle's centre the blur widens a short arc, the more the smaller the circle. Along each ray the
    highest value counts, beyond three quarters of the radius; the shown arc of every arc is tabled and inverted. Less
    than the blur alone shows gives 0.

    Parameters
    ----------
    shown_deg : float
        Arc at half maximum as shown, degrees.
    radius : float
        Radius of the layer in standard deviations of the blur.

    Returns
    -------
    float
        Arc, degrees.
    """
    angle = np.radians(np.arange(-TURN_AND_HALF, TURN_AND_HALF + 1))
    rays = np.linspace(*RADII)[:, None] * radius
    kernel = np.exp(-(rays**2 + radius**2 - 2 * rays * radius * np.cos(angle)) / 2)
    summed = np.cumsum(kernel, axis=1)
    half = np.arange(1, 180)  # of the arc, degrees
    at = np.arange(0, 181)
    ends = (TURN_AND_HALF + at[None] + sign * half[:, None] for sign in (-1, 1))
    low, high = (np.clip(end, 0, 2 * TURN_AND_HALF) for end in ends)
    seen = (summed[:, high] - summed[:, low]).max(axis=0)
    over = seen >= seen[:, :1] / 2
    shown = 2.0 * np.where(over.all(axis=1), 180, over.argmin(axis=1))
    return float(np.interp(shown_deg, shown, 2 * half, left=0.0, right=360.0)) if shown_deg < shown[-1] else shown_deg
