"""How dense is the blood? Tells a contrast-enhanced CT from a plain one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from angiolith.arteries.centrelines import Centreline, box_around_line
from angiolith.core.images import Image, crop, moved
from angiolith.core.settings.calcification import CalciumThresholdSettings

# [HU] What is this dense is metal (or enamel, which spoils as much). Cortical bone has 1600 HU (ICRU-44, NIST XCOM, 70
# keV), calcified wall less; 12-bit scanners saturate at 3071. Source: physics.
METAL_HU_MIN = 3000.0
CLEAR_OF_BONE = ("ACA", "MCA", "PCA")
# [mm] Radius about the centreline, besides the uncertainty of its position, in which blood is looked for. Source:
# digital heads.
BALL_MM = 1.0
# [%] Of the ball's voxels: the brightest, without single noisy ones. Source: digital heads.
BRIGHTEST_PERCENTILE = 95
# [%] Of these along the artery: calcium and bone brighten a part of it, contrast the whole. Source: digital heads.
ALONG_PERCENTILE = 25
# [1] An artery of which fewer points lie in the field of view is not judged. Source: digital heads.
POINTS_MIN = 5
# [mm] The noise is looked at this far beside the arteries, in brain. Source: anatomy.
CONTROL_MM = 10.0
# [HU] Median of a ball in brain, sulci and white matter included. Source: anatomy.
BRAIN_HU = (5.0, 60.0)
# [HU] Noise above which the brightest voxels of a ball no longer show the lumen; a soft kernel has 4 to 10. Source:
# physics.
NOISY_HU = 15.0
# [mm] Standard deviations of the Gaussians that are tried in turn: the last is a cerebral artery's radius. Source:
# anatomy.
SMOOTH_MM = (0.6, 0.9, 1.3)
# [1] Calcium is seen where its threshold lies this many standard deviations of the noise above blood: beyond that a
# voxel in a thousand passes it by noise. Source: physics.
NOISE_SDS_MIN = 3.0
# [%] Percentiles of a Gaussian one SD to either side of its middle. Source: physics.
ONE_SD = (16, 84)
# [HU] Density of blood without contrast. Source: physics.
BLOOD_HU = 40.0


@dataclass(frozen=True)
class LumenDensity:
    """HU of the arteries' lumen (NaN: not seen), standard deviation of the noise beside them (HU; NaN: not seen), and
    the standard deviation of the Gaussian (mm) by which the image was smoothed to see the lumen through the noise."""

    hu: float
    noise_hu: float
    smoothed_mm: float = 0.0


def lumen_density(ct: Image, lines: Iterable[Centreline]) -> LumenDensity:
    """Density of the arteries' lumen; NaN without an anterior, middle or posterior cerebral artery in the image.

    Those three run clear of bone for most of their length. At each point of a centreline: the brightest voxels of a
    ball that allows for the uncertainty of position; of these values the lower quartile along the artery (calcium and
    bone brighten a part, contrast the whole); of these the median over the arteries. The brightest voxels of noise
    are bright, too: where the noise beside the arteries exceeds NOISY_HU, the image is smoothed until it does not, and
    the brightest voxels of equal balls beside the arteries are taken off. What smoothing takes from a
    cylinder's peak is given back.

    Parameters
    ----------
    ct : Image
        The CT, HU.
    lines : Iterable[Centreline]
        Centrelines in the CT's space.

    Returns
    -------
    LumenDensity
        Density and noise, HU; NaN where unknown.
    """
    clear = [line for line in lines if line.artery in CLEAR_OF_BONE]
    if not clear:
        return LumenDensity(np.nan, np.nan)
    reach = CONTROL_MM + BALL_MM + max(float(np.median(line.sd_mm)) for line in clear) + 4 * SMOOTH_MM[-1]
    box = box_around_line(np.concatenate([line.points for line in clear]), reach, ct.data.shape, ct.affine)
    if box is None:
        return LumenDensity(np.nan, np.nan)
    part = crop(ct, box)
    noise = _noise_hu(part, clear)
    if not noise > NOISY_HU:
        return LumenDensity(_brightest(part, clear), noise)
    smoothed_mm = SMOOTH_MM[0]
    for smoothed_mm in SMOOTH_MM:
        smooth = part.with_data(ndimage.gaussian_filter(part.data, smoothed_mm / part.voxel_mm))
        if not _noise_hu(smooth, clear) > NOISY_HU:
            break
    beside = np.array([value for line in clear for value in _beside(smooth, line)])
    top, brain = np.median(beside, axis=0) if len(beside) else (BLOOD_HU, BLOOD_HU)
    radius_mm = float(np.median(np.concatenate([line.radius_mm for line in clear])))
    kept = 1 - np.exp(-(radius_mm**2) / (2 * smoothed_mm**2))  # of a cylinder's peak on its axis
    return LumenDensity(brain + (_brightest(smooth, clear) - top) / kept, noise, smoothed_mm)


def _brightest(ct: Image, lines: Iterable[Centreline]) -> float:
    """HU of what is bright along the lines; NaN where none lies in the image."""
    values = []
    for line in lines:
        hu = _in_balls(ct, line, line.points[::2])
        if len(hu) >= POINTS_MIN:
            values.append(_top(hu))
    return float(np.median(values)) if values else np.nan


def _top(hu: np.ndarray) -> float:
    """What is bright in each of the balls (points, n), taken along the artery."""
    return float(np.percentile(np.percentile(hu, BRIGHTEST_PERCENTILE, axis=1), ALONG_PERCENTILE))


def _in_balls(ct: Image, line: Centreline, points: np.ndarray) -> np.ndarray:
    """HU (points, n) of the balls around those of the points whose ball lies within the image and holds no metal."""
    offsets = _ball(BALL_MM + float(np.median(line.sd_mm)))
    nearest = np.rint(moved(np.linalg.inv(ct.affine), points[:, None] + offsets[None])).astype(int)
    inside = ((nearest >= 0) & (nearest < ct.data.shape)).all(axis=(1, 2))
    hu = ct.data[tuple(np.moveaxis(nearest[inside], -1, 0))].reshape(int(inside.sum()), len(offsets))
    return np.asarray(hu[~(hu >= METAL_HU_MIN).any(axis=1)])


def _brain_beside(ct: Image, line: Centreline) -> Iterator[np.ndarray]:
    """HU (points, n) of the balls in brain beside a line, CONTROL_MM away, for each of four sides."""
    first, second = line.frames()
    for normal in (first, -first, second, -second):
        hu = _in_balls(ct, line, (line.points + CONTROL_MM * normal)[::2])
        middle = np.median(hu, axis=1)
        yield hu[(middle > BRAIN_HU[0]) & (middle < BRAIN_HU[1])]


def _beside(ct: Image, line: Centreline) -> list[tuple[float, float]]:
    """(brightest, median) HU of balls in brain beside a line, CONTROL_MM away on four sides, one pair for each side."""
    return [(_top(hu), float(np.median(hu))) for hu in _brain_beside(ct, line) if len(hu) >= POINTS_MIN]


def _noise_hu(ct: Image, lines: Iterable[Centreline]) -> float:
    """Standard deviation of the noise in brain beside the lines: the median ball's; NaN without brain there."""
    balls = [hu for line in lines for hu in _brain_beside(ct, line) if len(hu)]
    spread = [half for hu in balls for half in np.diff(np.percentile(hu, list(ONE_SD), axis=1), axis=0)[0] / 2]
    return float(np.median(spread)) if spread else np.nan


def is_enhanced(lumen_hu: float, threshold: CalciumThresholdSettings) -> bool:
    """Whether the CT is contrast-enhanced; False where the lumen's density (HU) is unknown (NaN).

    Parameters
    ----------
    lumen_hu : float
        Density of the lumen, HU; NaN where unknown.
    threshold : CalciumThresholdSettings
        Section `calcification.threshold`.

    Returns
    -------
    bool
        True from `contrast_hu_min` on.
    """
    return bool(lumen_hu >= threshold.contrast_hu_min)


@dataclass(frozen=True)
class Noise:
    """What is reported of an image's noise; forbids: calcium cannot be distinguished from it."""

    text: str
    forbids: bool


def noise_warning(
    lumen_hu: float, noise_hu: float, threshold: CalciumThresholdSettings, kernel: str | None = None
) -> Noise | None:
    """What noise of this standard deviation (HU) does to calcium; None where it is low or not known.

    Parameters
    ----------
    lumen_hu : float
        Density of the lumen, HU; NaN where unknown.
    noise_hu : float
        Noise beside the arteries, SD, HU.
    threshold : CalciumThresholdSettings
        Section `calcification.threshold`.
    kernel : str | None
        Reconstruction kernel, or None.

    Returns
    -------
    Noise | None
        The sentence and whether it forbids a measurement, or None.
    """
    if not noise_hu > NOISY_HU:
        return None
    blood_hu = lumen_hu if is_enhanced(lumen_hu, threshold) else BLOOD_HU
    hu_min = calcium_hu_min(lumen_hu, threshold)
    sds = (hu_min - blood_hu) / noise_hu
    forbids = sds < NOISE_SDS_MIN
    what = "noise alone passes it" if forbids else "small calcifications may be noise"
    noise = f"noise of {noise_hu:.0f} HU (SD; kernel {kernel or 'not stated'})"
    return Noise(
        f"{noise}: {hu_min:g} HU is {sds:.1f} SD above blood, {what}; give a reconstruction with a soft kernel", forbids
    )


def calcium_hu_min(lumen_hu: float, threshold: CalciumThresholdSettings) -> float:
    """Density (HU) from which a voxel is calcium: on a contrast-enhanced CT raised above the lumen's (HU).

    Parameters
    ----------
    lumen_hu : float
        Density of the lumen, HU; NaN where unknown.
    threshold : CalciumThresholdSettings
        Section `calcification.threshold`.

    Returns
    -------
    float
        Threshold, HU.
    """
    if not is_enhanced(lumen_hu, threshold):
        return threshold.hu_min
    return max(threshold.hu_min, lumen_hu + threshold.adaptive_hu_above_lumen)


def _ball(radius_mm: float) -> np.ndarray:
    axis = np.arange(-np.ceil(radius_mm), np.ceil(radius_mm) + 0.5, 0.5)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    return grid[np.linalg.norm(grid, axis=1) <= radius_mm]
