"""Contrast enhancement of a plaque: the wall's signal before and after contrast, and the grade.

Grade (Qiao et al., Radiology 2014;271:534-42): 0, like normal intracranial wall; 1, more, but less than the pituitary
stalk; 2, like the stalk or more.
"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from scipy.ndimage import distance_transform_edt

from angiolith.core.images import Image, mask_points, matrix_ras, moved, rigid_transform, to_sitk
from angiolith.core.settings.vessel_wall import WallGradeSettings
from angiolith.vessel_wall.drawing import Segment
from angiolith.vessel_wall.points import cropped, sample

# [mm] Half edge of the tissue around a lesion that the images before and after contrast are aligned on. Source: digital
# heads.
NEIGHBOURHOOD_MM = 25.0
# [mm] The same of the other image: turned and moved, it still holds the neighbourhood. Source: physics.
ROOM_MM = 45.0
# [mm] Normal tissue is looked for farther than this from the vessel: blur and enhancement reach less. Source: digital
# heads.
CLEARANCE_MM = 2.0
# [number] Samples of the alignment. Source: numerics.
MATCHING_SAMPLES = 30000
# [number] Places at which normal tissue is compared. Source: numerics.
TISSUE_SAMPLES = 4000
# [number] Bins of the joint histogram. Source: numerics.
BINS = 32
# [mm] First step of the gradient descent. Source: numerics.
FIRST_STEP_MM = 0.5
# [mm] Last one. Source: numerics.
LAST_STEP_MM = 0.005
# [number] Most steps of the descent. Source: numerics.
STEPS_MAX = 60


def align_post(pre: Image, post: Image, centre: np.ndarray, start: np.ndarray | None, seed: int) -> np.ndarray:
    """Rigid matrix (4 x 4, RAS) from points of the pre-contrast image to the post-contrast one, fitted around a lesion.

    From there and from the scanner's frame, mutual information of the tissue within `NEIGHBOURHOOD_MM` is optimised;
    the better end counts.

    Parameters
    ----------
    pre : Image
        Image before contrast.
    post : Image
        Image after contrast.
    centre : np.ndarray
        Centre of the lesion (3,), RAS mm.
    start : np.ndarray | None
        First guess (4, 4), or None.
    seed : int
        Seed of the metric's samples.

    Returns
    -------
    np.ndarray
        Matrix (4, 4), RAS mm.

    Raises
    ------
    ValueError
        If the images do not overlap there.
    """
    near = cropped(pre, centre, NEIGHBOURHOOD_MM)
    fixed = to_sitk(near)
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(min(1.0, MATCHING_SAMPLES / near.data.size), seed)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(FIRST_STEP_MM, LAST_STEP_MM, STEPS_MAX)
    method.SetOptimizerScalesFromPhysicalShift()
    ends: list[tuple[float, int, sitk.Transform]] = []
    for guess in (np.eye(4),) if start is None else (start, np.eye(4)):
        rigid = rigid_transform(guess, centre)
        moving = to_sitk(cropped(post, moved(guess, centre[None])[0], ROOM_MM))
        method.SetInitialTransform(rigid, inPlace=True)
        try:
            method.Execute(fixed, moving)
        except RuntimeError:  # all samples fell outside the moving image
            continue
        ends.append((method.GetMetricValue(), len(ends), rigid))
    if not ends:
        raise ValueError("the post-contrast image does not cover the lesion")
    return matrix_ras(min(ends)[2])


def wall_points(segment: Segment) -> np.ndarray:
    """Centres (n, 3), RAS mm, of the deeper half of a drawn wall's voxels.

    There the signal has the least from the dark lumen and from what lies outside the vessel.

    Parameters
    ----------
    segment : Segment
        The drawn segment.

    Returns
    -------
    np.ndarray
        Points (n, 3), RAS mm.
    """
    depth = distance_transform_edt(segment.wall, sampling=segment.voxel_mm)
    return segment.points(segment.wall & (depth >= np.median(depth[segment.wall])))


def signal_gain(pre: Image, post: Image, to_post: np.ndarray, segment: Segment) -> float:
    """Median post/pre signal of the tissue around a lesion, outside the vessel: the scanner's own change of scale.

    Most of that tissue (brain) does not enhance. Tissue: voxels brighter than the median of the neighbourhood.

    Parameters
    ----------
    pre : Image
        Image before contrast.
    post : Image
        Image after contrast.
    to_post : np.ndarray
        Matrix (4, 4) from points of `pre` to `post`, RAS mm.
    segment : Segment
        The drawn segment.

    Returns
    -------
    float
        Ratio.
    """
    near = cropped(pre, segment.centre, NEIGHBOURHOOD_MM)
    points = mask_points(near.affine, near.data > np.median(near.data))
    points = points[:: max(1, len(points) // TISSUE_SAMPLES)]
    outside_mm = Image(distance_transform_edt(~segment.outer, sampling=segment.voxel_mm), segment.affine)
    points = points[sample(outside_mm, points, fill=np.inf) > CLEARANCE_MM]
    before = sample(pre, points)
    return float(np.nanmedian(sample(post, moved(to_post, points))[before > 0] / before[before > 0]))


def enhancement_ratio(pre: Image, post: Image, to_post: np.ndarray, points: np.ndarray, gain: float) -> float:
    """Mean post-contrast over mean pre-contrast signal at points (n, 3) of a wall, divided by the gain.

    NaN where no point lies in both images.

    Parameters
    ----------
    pre : Image
        Image before contrast.
    post : Image
        Image after contrast.
    to_post : np.ndarray
        Matrix (4, 4) from points of `pre` to `post`, RAS mm.
    points : np.ndarray
        Points of a wall (n, 3), RAS mm.
    gain : float
        Ratio of normal tissue (`signal_gain`).

    Returns
    -------
    float
        Ratio, or NaN.
    """
    before, after = sample(pre, points), sample(post, moved(to_post, points))
    both = np.isfinite(before) & np.isfinite(after)
    if not both.any() or before[both].mean() <= 0:
        return float("nan")
    return float(after[both].mean() / before[both].mean() / gain)


def enhancement_grade(plaque: float, normal_wall: float, stalk: float, grades: WallGradeSettings) -> tuple[float, str]:
    """Grade 0, 1 or 2 from three enhancement ratios; where it cannot be graded, NaN and the reason.

    "Like normal wall" means at most `normal_wall_tolerance` (relative) above the reference segment's wall.

    Parameters
    ----------
    plaque, normal_wall, stalk : float
        Enhancement ratios of plaque, reference wall and pituitary stalk; NaN where not measured.
    grades : WallGradeSettings
        Section `vessel_wall.grade`.

    Returns
    -------
    tuple[float, str]
        Grade (0, 1, 2 or NaN) and reason.
    """
    if np.isnan(plaque):
        return np.nan, "enhancement not measured: the wall lies outside the pre- or post-contrast image"
    if np.isnan(normal_wall):
        return np.nan, "no enhancement grade: there is no normal wall to compare with"
    if plaque <= normal_wall * (1 + grades.normal_wall_tolerance):
        return 0.0, ""
    if np.isnan(stalk):
        return np.nan, "no enhancement grade: the wall enhances, but the pituitary stalk (label 5) is not drawn"
    return (2.0 if plaque >= stalk else 1.0), ""
