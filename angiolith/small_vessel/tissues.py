"""The brain on FLAIR: template priors, bias, grey levels of the tissues, ventricles and a tissue label map.

Priors are the MNI152 (ICBM 2009a, symmetric) tissue maps of nilearn's wheel, brought to the FLAIR grid by the template
field; the labels themselves come from the FLAIR's own grey levels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from angiolith.brain.mni152 import mni152_map
from angiolith.core.distance import dilate_mm, distance_mm, erode_mm
from angiolith.core.images import RAS_TO_LPS, Image, bounding_box, from_sitk, moved, to_sitk
from angiolith.core.robust import sd_about

# [label] Labels of the tissue map. Source: definition.
OTHER, WHITE_MATTER, VENTRICLES, CORTEX, CSF, INFARCT = 1, 2, 3, 4, 5, 6
TISSUES = {
    OTHER: "brain, other",
    WHITE_MATTER: "white matter",
    VENTRICLES: "ventricles",
    CORTEX: "cortex",
    CSF: "CSF",
    INFARCT: "infarct",
}
# [mm] Points inside the lateral ventricles' horns of the template. Source: the ICBM 2009a template's maps.
HORN_SEEDS_MNI_MM = ((-8.0, 10.0, 14.0), (8.0, 10.0, 14.0), (-30.0, -10.0, -20.0), (30.0, -10.0, -20.0))
# [mm] Boxes about basal ganglia and thalamus, medial to the insula, and about the brainstem. Source: the ICBM 2009a
# template's maps.
DEEP_GREY_BOXES_MNI_MM = (
    ((-31.0, -35.0, -6.0), (31.0, 20.0, 22.0)),  # basal ganglia and thalamus, medial to the insula
    ((-14.0, -40.0, -52.0), (14.0, -14.0, -6.0)),  # brainstem
)
# [mm] Grid on which the transform to the template is read: it is kept at 4 mm. Source: numerics.
FIELD_MM = 4.0
# [mm] Grid of the template's hull: every third of its voxels. Source: numerics.
COARSE_MM = 3
# [mm] CSF deeper than this under the hull may be ventricle. Source: the ICBM 2009a template's maps.
UNDER_HULL_MM = 15
# [mm] Radius by which gaps of the hull are closed. Source: the ICBM 2009a template's maps.
SULCUS_MM = 15.0
# [voxels] Room about the hull. Source: numerics.
HULL_PAD = 8
# [mm] Slices thicker than this are averaged over when something finer is resampled onto them. Source: numerics.
THIN_MM = 1.5
# [voxels] The copy on which shading is fitted keeps at least so many along each axis. Source: numerics.
SHRUNKEN_MIN = 16
# [1] Convergence of N4. Source: numerics.
N4_THRESHOLD = 1e-4
# [1] White matter's level is taken where its prior exceeds this. Source: digital heads.
SURE_WHITE = 0.9
# [1] Grey matter's level is taken where its prior exceeds this. Source: digital heads.
SURE_GREY = 0.7
# [1] CSF's level is taken where the ventricles' prior exceeds this. Source: digital heads.
SURE_VENTRICLE = 0.7
# [voxels] Less white or grey matter does not tell its level. Source: numerics.
TISSUE_VOXELS_MIN = 500
# [voxels] Fewer voxels of ventricle do not tell CSF's. Source: numerics.
FLUID_VOXELS_MIN = 20
# [%] CSF's level among those voxels: partial volume lies above. Source: digital heads.
FLUID_PERCENTILE = 25
# [%] Ends of a histogram. Source: numerics.
HISTOGRAM_PERCENTILES = (1, 99)
# [number] Its bins. Source: numerics.
HISTOGRAM_BINS = 200
# [bins] Its smoothing (SD). Source: numerics.
HISTOGRAM_SIGMA = 5
# [1] A lower peak counts if it is at least this fraction of the highest. Source: digital heads.
LOWER_PEAK_MIN = 0.25
# [1] ... and the valley beyond it at most this fraction of it. Source: digital heads.
VALLEY_MAX = 0.9


def no_flair(fluid: float, white: float) -> str:
    """The message about an image whose fluid is not darker than its white matter.

    Parameters
    ----------
    fluid, white : float
        Grey levels of fluid and of white matter.

    Returns
    -------
    str
        The message.
    """
    levels = f"grey levels {fluid:.4g} and {white:.4g}"
    return f"the CSF is not darker than the white matter ({levels}): this is no FLAIR, or it is not aligned"


class TissueError(ValueError):
    """The FLAIR cannot be segmented; the message says why."""


@dataclass(frozen=True)
class Levels:
    """Grey levels of a FLAIR: CSF, white and grey matter, and the normal spread (SD) of white and grey matter."""

    csf: float
    wm: float
    gm: float
    wm_sd: float
    gm_sd: float


@cache
def template_prior(name: str) -> Image:
    """A prior in MNI152 space (0-1): `wm`, `gm`, `ventricles` (the lateral ones, temporal horns included), `deep_grey`.

    Deep grey: grey matter within boxes about the basal ganglia with the thalamus, and about the brainstem.

    Parameters
    ----------
    name : str
        Name of the prior.

    Returns
    -------
    Image
        The prior, 0 to 1, in MNI152 space.
    """
    if name == "ventricles":
        return _ventricles(template_prior("wm"), template_prior("gm"))
    if name != "deep_grey":
        return mni152_map(name)
    gm = template_prior("gm")
    to_voxel = np.linalg.inv(gm.affine)
    deep_grey = np.zeros_like(gm.data)
    for corners in DEEP_GREY_BOXES_MNI_MM:
        low, high = (to_voxel @ [*corner, 1.0] for corner in corners)
        box = tuple(slice(round(a), round(b)) for a, b in zip(low[:3], high[:3], strict=True))
        deep_grey[box] = gm.data[box]
    return gm.with_data(deep_grey)


def _ventricles(wm: Image, gm: Image) -> Image:
    """CSF (what grey and white matter leave over) deeper than 15 mm under the brain's closed hull, which falls into
    separate pieces there: those that hold or come nearest to four points inside the lateral ventricles' horns."""
    every = (slice(None, None, COARSE_MM),) * 3
    under = _depth_under_hull_mm(_csf(wm, gm, every) < 0.5) > UNDER_HULL_MM
    middle = tuple(
        slice(max(0, COARSE_MM * (s.start - 1)), min(n, COARSE_MM * (s.stop + 1)))
        for s, n in zip(bounding_box(under, 0), wm.data.shape, strict=True)
    )
    csf = _csf(wm, gm, middle)
    pieces, _ = ndimage.label((csf > 0.5) & under[np.ix_(*(np.arange(s.start, s.stop) // COARSE_MM for s in middle))])
    voxels = np.argwhere(pieces)
    to_voxel = np.linalg.inv(wm.affine)
    seeds = [(to_voxel @ [*seed, 1.0])[:3] - [s.start for s in middle] for seed in HORN_SEEDS_MNI_MM]
    nearest = [voxels[((voxels - seed) ** 2).sum(axis=1).argmin()] for seed in seeds]
    core = np.isin(pieces, [pieces[tuple(voxel)] for voxel in nearest])
    ventricles = np.zeros(wm.data.shape, np.float32)
    ventricles[middle] = np.where(ndimage.binary_dilation(core), csf, 0)
    return wm.with_data(ventricles)


def _csf(wm: Image, gm: Image, where: tuple[slice, ...]) -> np.ndarray:
    return np.clip(1 - wm.data[where] - gm.data[where], 0, 1)


def _depth_under_hull_mm(tissue: np.ndarray) -> np.ndarray:
    """Depth (mm, on a 3 mm grid) under the surface of the tissue once its gaps up to 30 mm are closed."""
    padded = np.pad(tissue, HULL_PAD)
    step_mm = np.full(3, float(COARSE_MM))
    hull = ndimage.binary_fill_holes(erode_mm(dilate_mm(padded, SULCUS_MM, step_mm), SULCUS_MM, step_mm))
    return distance_mm(~hull, step_mm)[HULL_PAD:-HULL_PAD, HULL_PAD:-HULL_PAD, HULL_PAD:-HULL_PAD]


def onto(
    images: Sequence[Image], grid: Image, transform: sitk.Transform | None = None, where: np.ndarray | None = None
) -> list[np.ndarray]:
    """Resample smooth images of one grid (linear) onto another, averaged over the thickness of slices above 1.5 mm.

    `transform` maps points of `grid` to points of the images; `where` (mask on the grid): the voxels that are needed,
    the rest stay 0. Returns float32 arrays of the grid's shape. A thick slice shows the mean of what it holds: its
    middle alone would lose thin structures.

    Parameters
    ----------
    images : Sequence[Image]
        Images of one grid.
    grid : Image
        Image whose grid is taken.
    transform : sitk.Transform | None
        Maps points of the grid to points of the images; None for the identity.
    where : np.ndarray | None
        Voxels that are needed, bool (i, j, k); None for all.

    Returns
    -------
    list[np.ndarray]
        Arrays (i, j, k), float32.
    """
    fields, step = _voxels_under(images[0], grid, transform or sitk.Transform(3, sitk.sitkIdentity))
    where = np.ones(grid.data.shape, bool) if where is None else where
    parts = np.maximum(1, np.round(grid.voxel_mm / THIN_MM).astype(int))
    axis = int(parts.argmax())
    values = np.zeros((len(images), int(where.sum())), np.float32)
    for part in range(parts[axis]):
        shift = np.zeros(3)
        shift[axis] = (part + 0.5) / parts[axis] - 0.5
        under = [_between(field, grid.data.shape, step, shift)[where] for field in fields]
        for value, image in zip(values, images, strict=True):
            value += ndimage.map_coordinates(image.data, under, np.float32, order=1) / parts[axis]
    found = [np.zeros(grid.data.shape, np.float32) for _ in images]
    for array, value in zip(found, values, strict=True):
        array[where] = value
    return found


def _between(coarse: np.ndarray, shape: tuple[int, ...], step: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """What lies between the points of `_voxels_under`'s coarse grid, linearly, at all voxels (shifted) of its grid."""
    fine = coarse
    for axis, n in enumerate(shape):
        at = np.clip((np.arange(n) + shift[axis]) / step[axis] + 0.5, 0, coarse.shape[axis] - 1)
        low = np.minimum(at.astype(int), coarse.shape[axis] - 2)
        weights = np.zeros((n, coarse.shape[axis]), np.float32)
        weights[np.arange(n), low] = 1 - (at - low)
        weights[np.arange(n), low + 1] = at - low
        fine = np.moveaxis(np.tensordot(weights, fine, axes=(1, axis)), 0, axis)
    return fine


def _voxels_under(image: Image, grid: Image, transform: sitk.Transform) -> tuple[list[np.ndarray], np.ndarray]:
    """Voxel coordinates in `image` (three arrays) under a coarse grid, and its step in voxels of `grid` (3,).

    The grid's first voxel lies half a step from the coarse grid's first. The transform to the template is smooth and
    kept at 4 mm: between such points a straight line is as good, and quick.
    """
    step = FIELD_MM / grid.voxel_mm
    shape = np.ceil(np.array(grid.data.shape) / step).astype(int) + 2
    scale = np.diag([*step, 1.0])
    scale[:3, 3] = -step / 2
    coarse = Image(np.empty(shape, np.float32), grid.affine @ scale)
    frame = to_sitk(coarse)
    field = sitk.TransformToDisplacementField(
        transform, sitk.sitkVectorFloat64, frame.GetSize(), frame.GetOrigin(), frame.GetSpacing(), frame.GetDirection()
    )
    shift = sitk.GetArrayViewFromImage(field).transpose(2, 1, 0, 3) @ RAS_TO_LPS[:3, :3]
    points = moved(coarse.affine, np.moveaxis(np.indices(coarse.data.shape), 0, -1)) + shift
    voxels = moved(np.linalg.inv(image.affine), points)
    return [voxels[..., axis].astype(np.float32) for axis in range(3)], step


def correct_bias(image: Image, mask: np.ndarray, voxel_mm: float, iterations: int) -> Image:
    """Divide out the slow shading (N4, Tustison 2010) fitted inside `mask` on a shrunken copy.

    Parameters
    ----------
    image : Image
        An MRI.
    mask : np.ndarray
        Where the shading is fitted, bool (i, j, k).
    voxel_mm : float
        Voxel edge of the copy that it is fitted on, mm.
    iterations : int
        Most iterations at each level.

    Returns
    -------
    Image
        The corrected image, float32.
    """
    # an affine is not exact: slices of 4 mm and of 3.9999999 mm must come to the same
    factors = [max(1, round(voxel_mm / step + 1e-3)) for step in image.voxel_mm]
    factors = [min(f, max(1, n // SHRUNKEN_MIN)) for f, n in zip(factors, image.data.shape, strict=True)]
    floor = float(np.percentile(image.data[mask], 1))
    whole = to_sitk(image.with_data(np.maximum(image.data, max(floor, 1e-3)).astype(np.float32)))
    small, small_mask = sitk.Shrink(whole, factors), sitk.Shrink(to_sitk(image.with_data(mask)), factors)
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations([iterations] * 3)
    n4.SetConvergenceThreshold(N4_THRESHOLD)
    n4.Execute(small, small_mask)
    field = from_sitk(n4.GetLogBiasFieldAsImage(whole)).data
    return image.with_data((image.data / np.exp(field)).astype(np.float32))


def grey_levels(flair: np.ndarray, brain: np.ndarray, priors: Mapping[str, np.ndarray]) -> Levels:
    """Grey levels of CSF, white and grey matter from voxels where the priors are sure.

    Levels are the modes of the histograms, of white matter the darker one where there are two (`white_and_fluid`). Grey
    matter's spread is that of the values above its mode, where CSF of the sulci does not reach.

    Parameters
    ----------
    flair : np.ndarray
        Intensities (i, j, k).
    brain : np.ndarray
        Mask of the brain, bool (i, j, k).
    priors : Mapping[str, np.ndarray]
        Name -> prior (i, j, k), 0 to 1.

    Returns
    -------
    Levels
        Levels and spreads.

    Raises
    ------
    TissueError
        Where a tissue is missing, or CSF is not darker than white matter.
    """
    certain = brain & (flair > 0)
    wm = flair[certain & (priors["wm"] > SURE_WHITE)]
    gm = flair[certain & (priors["gm"] > SURE_GREY)]
    csf = flair[brain & (priors["ventricles"] > SURE_VENTRICLE)]
    if min(wm.size, gm.size) < TISSUE_VOXELS_MIN:
        raise TissueError(
            f"too little brain inside the image: white or grey matter covers less than {TISSUE_VOXELS_MIN} voxels"
        )
    wm_level, dark, wm_sd = white_and_fluid(wm, csf, flair[brain], FLUID_PERCENTILE)
    gm_level = mode_of(gm)
    gm_sd = sd_about(gm[gm >= gm_level], gm_level)
    if wm_sd <= 0:
        raise TissueError(no_flair(dark, wm_level))
    return Levels(csf=dark, wm=wm_level, gm=gm_level, wm_sd=wm_sd, gm_sd=gm_sd)


def white_and_fluid(
    white: np.ndarray, fluid: np.ndarray, brain: np.ndarray, fluid_percentile: float
) -> tuple[float, float, float]:
    """Grey values of normal white matter (mode) and of fluid (percentile), and white matter's SD.

    The SD is that of the values below the mode: hyperintensities lie above and do not move it.

    Parameters
    ----------
    white : np.ndarray
        Grey values of white matter (n,).
    fluid : np.ndarray
        Grey values of fluid (m,).
    brain : np.ndarray
        Grey values of the whole brain (k,).
    fluid_percentile : float
        Percentile of fluid that is taken.

    Returns
    -------
    tuple[float, float, float]
        White matter, fluid, and SD of white matter.

    Raises
    ------
    TissueError
        Where fluid is not darker.
    """
    few = fluid.size < FLUID_VOXELS_MIN
    dark = float(np.percentile(brain, 1) if few else np.percentile(fluid, fluid_percentile))
    level = mode_of(white, fluid=dark)
    spread = sd_about(white[white <= level], level)
    if dark > level - 2 * spread:
        raise TissueError(no_flair(dark, level))
    return level, dark, spread


def mode_of(values: np.ndarray, fluid: float | None = None) -> float:
    """Mode of a sample: the highest point of its smoothed histogram between the 1st and 99th percentile.

    The lowest of several peaks that is farther from it than from the highest one counts instead of that, if it is a
    quarter as high and the valley beyond it a tenth deep. Where much of the deep white matter is hyperintense, the
    higher peak is that of the hyperintensities.

    Parameters
    ----------
    values : np.ndarray
        Grey values (n,).
    fluid : float | None
        Grey level of CSF, or None.

    Returns
    -------
    float
        The mode.
    """
    low, high = np.percentile(values, list(HISTOGRAM_PERCENTILES))
    if high <= low:
        return float(low)
    counts, edges = np.histogram(values, bins=HISTOGRAM_BINS, range=(low, high))
    smooth = ndimage.gaussian_filter1d(counts.astype(float), HISTOGRAM_SIGMA, mode="constant")
    levels = (edges[:-1] + edges[1:]) / 2
    peak = int(smooth.argmax())
    if fluid is not None:
        least = (fluid + levels[peak]) / 2
        rises = np.diff(smooth) > 0
        tops = np.flatnonzero(rises[:-1] & ~rises[1:]) + 1
        lower = tops[(tops < peak) & (levels[tops] > least) & (smooth[tops] >= LOWER_PEAK_MIN * smooth[peak])]
        peak = next((int(top) for top in lower if smooth[top:peak].min() <= VALLEY_MAX * smooth[top]), peak)
    return float(levels[peak])
