"""The public interface: images in as arrays with affines, measures out as tables, without a workflow.

Every function can be called as `angiolith.<name>`. Coordinates are RAS+, in mm; an affine maps voxel indices to them.
Results that could not be had carry a status ("ok", "review", "failed") and a reason; they are never a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
import SimpleITK as sitk

from angiolith.arteries.density import noise_warning
from angiolith.arteries.mapping import map_arteries, traced_from_mask
from angiolith.brain.network import BrainModel, read_brain_model
from angiolith.brain.segment import segment_brain
from angiolith.brain.template import register_to_template
from angiolith.calcification.measure import measure_arteries, measure_lesions, measure_patient
from angiolith.calcification.metal import find_metal, spoiled_arteries, without_spoiled
from angiolith.calcification.segment import find_lesions
from angiolith.core.images import Image, linear_transform, read_ct, read_image, require_same_grid, resample
from angiolith.core.settings.arteries import ArteryMapSettings, ArteryRegionSettings
from angiolith.core.settings.brain import BrainSettings
from angiolith.core.settings.calcification import CalcificationSettings, SeveritySettings
from angiolith.core.settings.registration import RegistrationSettings
from angiolith.core.settings.vessel_wall import VesselWallSettings
from angiolith.core.settings.wmh import WmhSettings
from angiolith.core.tables import FAILED, REVIEW, join_reasons
from angiolith.marks.verdicts import mark_names, tool_verdicts
from angiolith.registration.rigid import register_rigid
from angiolith.runtime.paths import workflow_root
from angiolith.small_vessel.tissues import TissueError, onto, template_prior
from angiolith.small_vessel.wmh.fazekas import measure_wmh as _measure_wmh
from angiolith.small_vessel.wmh.network import read_wmh_model
from angiolith.small_vessel.wmh.segment import segment_wmh as _segment_wmh
from angiolith.vessel_wall.session import CtSide, measure_session, plaque_table

if TYPE_CHECKING:
    from angiolith.small_vessel.wmh.network import WmhModel

__all__ = [
    "Brain",
    "Calcification",
    "Image",
    "Registration",
    "WmhSegmentation",
    "carry",
    "find_brain",
    "measure_plaque",
    "measure_wmh",
    "read_ct",
    "read_image",
    "register_ct_to_mri",
    "segment_calcification",
    "segment_wmh",
]


@dataclass(frozen=True)
class Registration:
    """A rigid registration of a CT and an MRI.

    Attributes
    ----------
    mri_to_ct : ndarray, shape (4, 4)
        Maps points of the MRI to points of the CT, RAS mm.
    restart_spread_mm : float
        How far independent starts ended apart, mean over the head, mm.
    status : str
        "ok", or "failed" where the starts did not agree.
    reason : str
        Why it failed, or "".
    """

    mri_to_ct: np.ndarray
    restart_spread_mm: float
    status: str
    reason: str


@dataclass(frozen=True)
class Calcification:
    """Calcified lesions of the arteries.

    Attributes
    ----------
    labels : Image
        One label per lesion (uint16) on the CT's grid.
    lesions, arteries : DataFrame
        A row per lesion, and per artery and side; columns as in `*_desc-calcification_lesions.tsv` and `_arteries.tsv`.
    patient : dict
        Sums over the arteries, and the severity of the worst one.
    status, reason : str
        "failed" with the reason where nothing was measured.
    """

    labels: Image
    lesions: pd.DataFrame
    arteries: pd.DataFrame
    patient: Mapping[str, object]
    status: str
    reason: str


@dataclass(frozen=True)
class Brain:
    """The brain of an MRI.

    Attributes
    ----------
    mask : ndarray of bool, shape of the image
        Tissue, ventricles and the fluid within the dura.
    priors : dict of str to ndarray of float32, shape of the image
        Probabilities (0 to 1) of the template's "wm", "gm" and "ventricles", brought to the image.
    status, reason : str
        "review" where the match with the template is poor, "failed" where no brain was found.
    """

    mask: np.ndarray
    priors: Mapping[str, np.ndarray]
    status: str
    reason: str


@dataclass(frozen=True)
class WmhSegmentation:
    """White matter hyperintensities of a FLAIR.

    Attributes
    ----------
    mask : Image
        Hyperintensities (bool) on the FLAIR's grid.
    probability : Image
        Probability of hyperintensity, 0 to 1.
    tissues : Image
        Labels (uint8): 1 brain, other; 2 white matter; 3 ventricles; 4 cortex; 5 CSF; 6 infarct, suspected or given.
    volume_interval_cm3 : tuple of float
        Lower and upper bound of the volume.
    status, reason : str
        "review" where a person should look at the mask.
    """

    mask: Image
    probability: Image
    tissues: Image
    volume_interval_cm3: tuple[float, float]
    status: str
    reason: str


def register_ct_to_mri(ct: Image, mri: Image, settings: RegistrationSettings | None = None) -> Registration:
    """Register a head CT and an MRI of the same person rigidly.

    Parameters
    ----------
    ct : Image
        Head CT, HU (see `read_ct`).
    mri : Image
        MRI of the head, any contrast.
    settings : RegistrationSettings, optional
        Section `registration` of the configuration.

    Returns
    -------
    Registration

    Raises
    ------
    ValueError
        If an image shows no head.

    Notes
    -----
    Mutual information (Mattes 2003) from many starts; the ends of independent starts must agree.
    """
    found = register_rigid(mri, ct, (settings or RegistrationSettings()).rigid, moving_is_ct=True)
    return Registration(found.matrix_ras, found.restart_spread_mm, found.status, found.reason or "")


def carry(
    image: Image, grid: Image, grid_to_image: np.ndarray, interpolation: Literal["linear", "nearest"] = "linear"
) -> Image:
    """Resample an image onto another grid.

    Parameters
    ----------
    image : Image
        What is resampled.
    grid : Image
        Its affine and shape are taken.
    grid_to_image : ndarray, shape (4, 4)
        Maps points of the grid to points of the image, RAS mm; such as `Registration.mri_to_ct` for a CT onto an MRI.
    interpolation : {"linear", "nearest"}
        "nearest" for label maps.

    Returns
    -------
    Image
        On the grid of `grid`; 0 where the image does not reach.
    """
    return resample(image, grid, linear_transform(grid_to_image), interpolation=interpolation)


def segment_calcification(
    ct: Image,
    arteries: Image,
    names: Mapping[int, str] | None = None,
    settings: CalcificationSettings | None = None,
    severity: SeveritySettings | None = None,
) -> Calcification:
    """Segment and measure the calcification of the arteries that a mask shows.

    Parameters
    ----------
    ct : Image
        Head CT without contrast, HU.
    arteries : Image
        Label map of the arteries (lumen) on the CT's grid.
    names : dict of int to str, optional
        What the labels are called ("R-ICA", "Left MCA", "BA", ...); default: the numbers of TopCoW.
    settings, severity : CalcificationSettings and SeveritySettings, optional
        Sections `calcification` and `severity` of the configuration.

    Returns
    -------
    Calcification

    Raises
    ------
    ImageError
        If the grids differ.

    Notes
    -----
    Voxels of 130 HU or more within the wall (Agatston 1990); Kockelkoren score (PLoS One 2017, 12:e0168360).
    """
    require_same_grid(ct, arteries, "CT and artery mask")
    settings, severity = settings or CalcificationSettings(), severity or SeveritySettings()
    lookup = None if names is None else pd.DataFrame({"index": list(names), "name": list(names.values())})
    region = ArteryRegionSettings()
    traced, remark = traced_from_mask(arteries, sitk.Transform(3, sitk.sitkIdentity), lookup)
    found = map_arteries(ct, traced, [], ArteryMapSettings(), region, settings.threshold, [remark])
    if found.status == FAILED:
        return _no_calcification(ct, found.reason)
    lines = list(found.lines.values())
    noise = noise_warning(found.lumen_hu, found.noise_hu, settings.threshold)
    if noise and noise.forbids:
        return _no_calcification(ct, noise.text)
    pieces = find_lesions(
        ct, found.labels, lines, found.lumen_hu, settings.threshold, settings.segment, region.wall_margin_mm
    )
    if pieces.reason:
        return _no_calcification(ct, pieces.reason)
    metal = find_metal(ct)
    pieces = without_spoiled(pieces, ct, metal)
    spoiled = spoiled_arteries(metal, found.lines, ct.affine) if metal else {}
    lesions = measure_lesions(
        ct,
        pieces.labels,
        found.labels,
        found.lines,
        pieces.touches_bone,
        pieces.hu_min,
        settings.measure,
        settings.grade,
        verdicts=tool_verdicts(pieces.doubts),
        names=mark_names(pieces.labels),
        evidence={label: asdict(each) for label, each in pieces.evidence.items()},
    )
    rows = measure_arteries(lesions, found.lines, found.sources, ct.with_data(found.labels), severity, spoiled)
    status = REVIEW if metal or noise else found.status
    reason = join_reasons(metal.finding if metal else None, noise.text if noise else None, found.reason)
    return Calcification(ct.with_data(pieces.labels), lesions, rows, measure_patient(rows), status, reason)


def _no_calcification(ct: Image, reason: str) -> Calcification:
    nothing = pd.DataFrame()
    return Calcification(ct.with_data(np.zeros(ct.data.shape, np.uint16)), nothing, nothing, {}, FAILED, reason)


def find_brain(
    image: Image, settings: RegistrationSettings | None = None, limits: BrainSettings | None = None
) -> Brain:
    """Find the brain of an MRI and the template's tissue probabilities on it.

    Parameters
    ----------
    image : Image
        MRI of the head, of any contrast; its brain may have been extracted.
    settings : RegistrationSettings, optional
        Section `registration` of the configuration.
    limits : BrainSettings, optional
        Section `brain`: what a brain must satisfy.

    Returns
    -------
    Brain

    Notes
    -----
    The mask holds everything within the dura; small networks find it (resources/brain_model). The probabilities
    come by way of the MNI152 template (ICBM 2009a, symmetric): rigid, affine, then SyN (Avants 2008) on coarse grids.
    """
    settings, limits = settings or RegistrationSettings(), limits or BrainSettings()
    found = segment_brain(image, False, _brain_model(), limits)
    if found.status == FAILED:
        return Brain(found.brain, {}, found.status, found.reason or "")
    transform = register_to_template(image, found, False, settings.rigid, settings.template)
    names = ("wm", "gm", "ventricles")
    maps = onto([template_prior(name) for name in names], image, transform.reference_to_template, found.brain)
    return Brain(found.brain, dict(zip(names, maps, strict=True)), transform.status, transform.reason or "")


@cache
def _brain_model() -> BrainModel:
    return read_brain_model(workflow_root() / "resources/brain_model")


def segment_wmh(
    flair: Image,
    brain: np.ndarray | None = None,
    brain_tissues: np.ndarray | None = None,
    lesion: np.ndarray | None = None,
    settings: WmhSettings | None = None,
    t1w: Image | None = None,
    t2w: Image | None = None,
) -> WmhSegmentation:
    """Segment white matter hyperintensities.

    Parameters
    ----------
    flair : Image
        FLAIR of the head, or of an extracted brain.
    brain : ndarray of bool, shape of the FLAIR, optional
        Tissue, ventricles and the fluid within the dura.
    brain_tissues : ndarray of int, shape of the FLAIR, optional
        1 grey matter, 2 white matter, 3 CSF, 4 ventricles, 5 deep grey matter, 6 infratentorial. Brain and tissues are
        found by the project's network if they are not given.
    lesion : ndarray of bool, shape of the FLAIR, optional
        An infarct or another lesion that a reader drew: never counted as hyperintensity.
    settings : WmhSettings, optional
        Section `wmh` of the configuration.
    t1w, t2w : Image, optional
        T1w and T2w of the session, registered to the FLAIR and resampled onto its grid.

    Returns
    -------
    WmhSegmentation

    Raises
    ------
    TissueError
        If the image shows no FLAIR contrast or too little brain.
    """
    if brain is None or brain_tissues is None:
        found = segment_brain(flair, False, _brain_model(), BrainSettings())
        if found.status == FAILED:
            raise TissueError(f"the brain on the FLAIR: {found.reason}")
        brain, brain_tissues = found.brain, found.tissues
    others = {name: image for name, image in (("T1w", t1w), ("T2w", t2w)) if image is not None}
    step_settings = (settings or WmhSettings()).segment
    wmh = _segment_wmh(flair, brain, brain_tissues, _wmh_model(), step_settings, lesion, others)
    low, high = wmh.facts["volume_interval_cm3"]
    mask, likely, tissues = (flair.with_data(array) for array in (wmh.mask, wmh.probability, wmh.tissues))
    return WmhSegmentation(mask, likely, tissues, (low, high), wmh.status, wmh.reason)


@cache
def _wmh_model() -> WmhModel:
    return read_wmh_model(workflow_root() / "resources/wmh_model/wmh.onnx")


def measure_wmh(
    mask: Image,
    ventricles: np.ndarray | None = None,
    icv_cm3: float = float("nan"),
    settings: WmhSettings | None = None,
) -> dict[str, float]:
    """Volumes, count and Fazekas grades of a mask of white matter hyperintensities.

    Parameters
    ----------
    mask : Image
        Hyperintensities: voxels above 0.5.
    ventricles : ndarray of bool, shape of the mask, optional
        The lateral ventricles. Without them there are no regions and no grades (NaN).
    icv_cm3 : float, optional
        Intracranial volume, cm3.
    settings : WmhSettings, optional
        Section `wmh` of the configuration.

    Returns
    -------
    dict of str to float
        `wmh_volume_cm3`, `wmh_percent_icv`, `wmh_periventricular_cm3`, `wmh_deep_cm3`, `n_wmh_lesions`,
        `fazekas_periventricular`, `fazekas_deep`, `fazekas_total`.

    Notes
    -----
    Grades after Fazekas 1987, from distances and diameters by the cut-points in the settings.

    Examples
    --------
    A lesion of 2 x 2 x 2 voxels of 1 mm, 5 mm beside a ventricle:

    >>> import numpy as np, angiolith
    >>> mask, ventricles = np.zeros((2, 20, 20, 20), bool)
    >>> ventricles[5:8, 8:12, 8:12] = True
    >>> mask[12:14, 9:11, 9:11] = True
    >>> found = angiolith.measure_wmh(angiolith.Image(mask, np.eye(4)), ventricles, icv_cm3=0.8)
    >>> found["wmh_volume_cm3"], found["wmh_percent_icv"], found["wmh_periventricular_cm3"], found["n_wmh_lesions"]
    (0.008, 1.0, 0.008, 1.0)
    >>> found["fazekas_periventricular"], found["fazekas_deep"]  # it does not touch the ventricle, and is small
    (0.0, 1.0)
    """
    settings = settings or WmhSettings()
    return _measure_wmh(mask.data > 0.5, ventricles, mask.affine, icv_cm3, settings.measure, settings.grade)


def measure_plaque(vwi: Image, drawing: Image, settings: VesselWallSettings | None = None) -> pd.DataFrame:
    """Measure the plaques that a reader drew on vessel-wall MRI.

    Parameters
    ----------
    vwi : Image
        Vessel-wall MRI before contrast.
    drawing : Image
        Label map of a reader: 1 lumen and 2 wall of a lesion, 3 lumen and 4 wall of a reference segment. Its grid may
        be finer than the image's; both share one space.
    settings : VesselWallSettings, optional
        Section `vessel_wall` of the configuration.

    Returns
    -------
    DataFrame
        A row per lesion: areas (mm2) at the narrowest cross-section, wall thickness (mm), stenosis (%), remodelling
        index; columns as in `*_desc-plaque_metrics.tsv`. What cannot be measured is missing, with status and reason.

    Notes
    -----
    Stenosis after Samuels 2000 (WASID); thickness along the field lines of a Laplace field (Jones 2000).
    """
    settings = settings or VesselWallSettings()
    rows, _ = measure_session(
        vwi, {"reader": drawing}, CtSide("no CT"), "no post-contrast image", settings.measure, settings.grade
    )
    return plaque_table(rows, "n/a", "n/a").drop(columns=["subject", "session"])
