"""Sizes of calcium freed of the scanner's known blur: what a blurred layer shows at half maximum, inverted."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.special import ndtr

# [SD] Full width at half maximum of a Gaussian. Source: physics.
FWHM_SDS = 2.355
# [1] Share of the lumen's radius beyond which calcium counts for the arc: near the centre the blur covers all angles.
# Source: digital tubes, 160 plaques (methods.md).
WALL_SHARE = 0.75


def deblurred_width_mm(fwhm_mm: np.ndarray, blur_mm: np.ndarray) -> np.ndarray:
    """Width of a layer that, blurred by a Gaussian of standard deviation `blur_mm`, shows `fwhm_mm` at half maximum.

    The profile of a layer of width t is Phi((x + t/2) / s) - Phi((x - t/2) / s); its half maximum is inverted by table.
    A width at or below that of the blur alone (2.355 s) gives 0. NaN stays NaN.
    """
    width, shown = _shown_widths()
    relative = np.asarray(fwhm_mm) / blur_mm
    return np.where(relative > shown[-1], relative, np.interp(relative, shown, width, left=0.0)) * blur_mm


@cache
def _shown_widths() -> tuple[np.ndarray, np.ndarray]:
    """Widths of layers and what they show at half maximum, (400,) each, in units of the blur."""
    width = np.linspace(0.01, 20, 400)
    at = np.linspace(0, 12, 2401)
    profile = ndtr(at[None] + width[:, None] / 2) - ndtr(at[None] - width[:, None] / 2)
    half = (profile < profile[:, :1] / 2).argmax(axis=1)
    rows = np.arange(len(width))
    above, below = profile[rows, half - 1], profile[rows, half]
    return width, 2 * (at[half] - (profile[:, 0] / 2 - below) / (above - below) * (at[1] - at[0]))


def deblurred_arc_deg(shown_deg: float, radius: float) -> float:
    """Arc (degrees) of a layer on a circle that, blurred by a Gaussian in its plane, shows `shown_deg` at half maximum.

    radius: of the layer, in standard deviations of the blur. As seen from the circle's centre the blur widens a short
    arc, the more the smaller the circle. Along each ray the highest value counts, beyond three quarters of the radius;
    the shown arc of every arc is tabled and inverted. Less than the blur alone shows gives 0.
    """
    angle = np.radians(np.arange(-540, 541))
    rays = np.linspace(WALL_SHARE, 1.5, 16)[:, None] * radius
    kernel = np.exp(-(rays**2 + radius**2 - 2 * rays * radius * np.cos(angle)) / 2)
    summed = np.cumsum(kernel, axis=1)
    half = np.arange(1, 180)  # of the arc, degrees
    at = np.arange(0, 181)
    low, high = (np.clip(540 + at[None] + sign * half[:, None], 0, 1080) for sign in (-1, 1))
    seen = (summed[:, high] - summed[:, low]).max(axis=0)
    over = seen >= seen[:, :1] / 2
    shown = 2.0 * np.where(over.all(axis=1), 180, over.argmin(axis=1))
    return float(np.interp(shown_deg, shown, 2 * half, left=0.0, right=360.0)) if shown_deg < shown[-1] else shown_deg
