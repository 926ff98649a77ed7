"""Acute lesions on DWI: bright beside the tissue of both sides, with a low ADC, and what they may be.

STRIVE-2 (Duering 2023): a recent small subcortical infarct lies in the territory of one perforating arteriole and
measures up to about 20 mm in the axial plane. What is as bright at the mirrored place, and what lies at the brain's
surface near the air of the skull base, is a possible artefact: it is listed and in no volume.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage
from scipy.spatial import cKDTree

from angiolith.brain.segment import PARENCHYMA, TISSUES
from angiolith.core.distance import NEIGHBOURS_26, largest_distance
from angiolith.core.images import Image, moved, slice_axis
from angiolith.core.robust import sd_about
from angiolith.core.settings.acute import AcuteClassifySettings, AcuteDetectSettings
from angiolith.core.tables import REVIEW, join_reasons
from angiolith.marks.verdicts import CANDIDATE, TOOL
from angiolith.small_vessel.grid import depth_mm, window
from angiolith.small_vessel.spots import PLACE
from angiolith.small_vessel.tissues import correct_bias

SMALL, LARGE = "recent small subcortical", "territorial or cortical"
UNCLASSIFIED, ARTEFACT = "not classified", "possible artefact"
INFARCTS = (SMALL, LARGE, UNCLASSIFIED)
# [mm2/s] Tissue has at most this ADC, fluid more. Source: physiology.
TISSUE_ADC_MAX = 1.2e-3
# [voxels] Less tissue does not tell how bright it is. Source: numerics.
TISSUE_VOXELS_MIN = 500
# [mm] Voxel of the copy on which shading is estimated (N4). Source: numerics.
BIAS_VOXEL_MM = 6.0
# [steps] Iterations of N4 at each level. Source: numerics.
BIAS_ITERATIONS = 20
# [mm] The two sides of a brain are alike to this much. Source: choice.
SIDES_DIFFER_MM = 3.0
# [mm] Lost and piled up signal near air reaches so deep into the brain. Source: choice.
SURFACE_MM = 8.0
# [mm] Boxes of the template over the ethmoid and sphenoid sinus, and about the petrous bones. Source: anatomy.
SKULL_BASE_BOXES_MNI_MM = (
    ((-35.0, 10.0, -45.0), (35.0, 70.0, -8.0)),
    ((30.0, -50.0, -60.0), (70.0, 0.0, -18.0)),
    ((-70.0, -50.0, -60.0), (-30.0, 0.0, -18.0)),
)
# [mm] Box of the template about the brainstem: what is infratentorial elsewhere is cerebellum. Source: anatomy.
BRAINSTEM_BOX_MNI_MM = ((-18.0, -42.0, -60.0), (18.0, -8.0, -4.0))
COLUMNS = (
    *("acute_lesion", *PLACE, "side", "volume_mm3", "axial_diameter_mm", "n_slices"),
    *("dwi_sd", "adc_median_mm2_s", "perforator_fraction", "cortex_fraction", "symmetric_fraction"),
    *("skull_base_fraction", "kind", "counted", "certainty", "decided_by", "status", "reason"),
)
Points = Callable[[np.ndarray], np.ndarray]


class AcuteError(ValueError):
    """The images show too little tissue to be measured; the message says why."""


@dataclass(frozen=True)
class Places:
    """Where a point of the DWI lies: in the template, and at the mirrored place of the brain. RAS mm (n, 3) each."""

    in_template: Points
    mirrored: Points


@dataclass(frozen=True)
class Acute:
    """The lesions of a session on the DWI's grid: a row each, label map (int32; 0 for possible artefacts), facts."""

    table: pd.DataFrame
    labels: np.ndarray
    lesions: list[np.ndarray]
    """Voxels (n, 3) of every row."""
    facts: dict[str, Any]


def detect_acute(
    dwi: Image,
    adc: np.ndarray,
    tissues: np.ndarray,
    places: Places,
    settings: AcuteDetectSettings,
    classes: AcuteClassifySettings,
) -> Acute:
    """Find acute lesions.

    Parameters
    ----------
    dwi : Image
        Diffusion-weighted image of one b-value, any unit.
    adc : ndarray, shape of the DWI
        mm2/s; NaN where there is none.
    tissues : ndarray, shape of the DWI
        Map of `angiolith.brain.segment.TISSUES`; 0 outside of the brain.
    places : Places
        The transforms to the template and to the other side.
    settings : AcuteDetectSettings
        Section `acute.detect`.
    classes : AcuteClassifySettings
        Section `acute.classify`.

    Returns
    -------
    Acute
        A row per lesion (centre in RAS mm of the DWI; `side` L or R), the label map and the facts.

    Raises
    ------
    AcuteError
        Where there is too little tissue, or nothing differs.
    """
    brain = tissues > 0
    parenchyma = np.isin(tissues, [TISSUES[name] for name in PARENCHYMA])
    low = brain & (adc >= settings.adc_min_mm2_s) & (adc <= settings.adc_max_mm2_s)
    usual = parenchyma & ~low & (adc > settings.adc_max_mm2_s) & (adc <= TISSUE_ADC_MAX)
    if usual.sum() < TISSUE_VOXELS_MIN:
        raise AcuteError("too little tissue with a normal ADC in the brain: no DWI, or not registered")
    even = correct_bias(dwi, usual, BIAS_VOXEL_MM, BIAS_ITERATIONS).data
    middle = float(np.median(even[usual]))
    spread = sd_about(even[usual], middle)
    if spread <= 0:
        raise AcuteError("the DWI is without contrast in the brain")
    z_score = np.where(brain, (even - middle) / spread, -np.inf)
    bright = z_score >= settings.dwi_sd_min
    voxels = pieces(bright & low, dwi.voxel_mm, settings)
    depth = depth_mm(brain, dwi.voxel_mm)
    highest = ndimage.maximum_filter(z_score, size=window(SIDES_DIFFER_MM, dwi.voxel_mm))
    labels, rows = np.zeros(brain.shape, np.int32), []
    for number, where in enumerate(voxels, start=1):
        index = tuple(where.T)
        points = moved(dwi.affine, where)
        template = places.in_template(points)
        across = places.mirrored(points)
        apart = cKDTree(points).query(across)[0] > SIDES_DIFFER_MM + dwi.voxel_mm.max()  # not this lesion, at midline
        symmetric = apart & (at_points(highest, dwi, across) >= settings.dwi_sd_min)
        base = within(template, SKULL_BASE_BOXES_MNI_MM) & (depth[index] <= SURFACE_MM)
        measured = {
            "perforator_fraction": float(in_perforators(tissues[index], template).mean()),
            "cortex_fraction": float((tissues[index] == TISSUES["grey"]).mean()),
            "symmetric_fraction": float(symmetric.mean()),
            "skull_base_fraction": float(base.mean()),
            "axial_diameter_mm": axial_diameter_mm(where, dwi),
        }
        kind, why = kind_of(measured, settings, classes)
        labels[index] = 0 if kind == ARTEFACT else number
        rows.append(
            {
                "acute_lesion": number,
                **dict(zip(PLACE, map(float, points.mean(axis=0)), strict=True)),
                "side": "R" if template[:, 0].mean() > 0 else "L",
                "volume_mm3": len(where) * dwi.voxel_volume_mm3,
                "n_slices": len(np.unique(where[:, slice_axis(dwi.affine)])),
                "dwi_sd": float(np.median(z_score[index])),
                "adc_median_mm2_s": float(np.median(adc[index])),
                **measured,
                "kind": kind,
                "counted": False,
                "certainty": CANDIDATE,
                "decided_by": TOOL,
                "status": REVIEW,
                "reason": join_reasons(why, "a candidate until a reader draws or confirms it in a lesion mask"),
            }
        )
    shone = pieces(bright & brain & (adc > settings.adc_max_mm2_s), dwi.voxel_mm, settings)
    facts = {
        "tissue_dwi": round(middle, 3),
        "tissue_dwi_sd": round(spread, 3),
        "bright_without_low_adc_cm3": round(sum(map(len, shone)) * dwi.voxel_volume_mm3 / 1000, 3),
    }
    return Acute(pd.DataFrame(rows, columns=list(COLUMNS)), labels, voxels, facts)


def pieces(mask: np.ndarray, voxel_mm: np.ndarray, settings: AcuteDetectSettings) -> list[np.ndarray]:
    """The 26-connected pieces that are large enough and no thin layer, the largest first.

    Parameters
    ----------
    mask : ndarray of bool
        Voxels (i, j, k) that are bright and of low ADC.
    voxel_mm : ndarray, shape (3,)
        Voxel edges, mm.
    settings : AcuteDetectSettings
        Section `acute.detect`.

    Returns
    -------
    list of ndarray of int
        Voxels (n, 3) of each.
    """
    across = np.where(voxel_mm < settings.thin_voxel_mm, 2, 1)
    thick = ndimage.binary_opening(mask, np.ones(across, bool))
    labels, count = ndimage.label(mask, NEIGHBOURS_26)
    sizes = np.bincount(labels.ravel(), minlength=count + 1) * float(voxel_mm.prod())
    solid = np.unique(labels[thick])
    kept = [k for k in solid if k and sizes[k] >= settings.volume_mm3_min]
    return [np.argwhere(labels == k) for k in sorted(kept, key=lambda k: (-sizes[k], k))]


def kind_of(
    measured: dict[str, float], settings: AcuteDetectSettings, classes: AcuteClassifySettings
) -> tuple[str, str]:
    """What a lesion may be, and why it is not classified or may be an artefact.

    Parameters
    ----------
    measured : dict of str to float
        `symmetric_fraction`, `skull_base_fraction`, `perforator_fraction`, `cortex_fraction` and `axial_diameter_mm`.
    settings : AcuteDetectSettings
        Section `acute.detect`.
    classes : AcuteClassifySettings
        Section `acute.classify`.

    Returns
    -------
    tuple of str
        SMALL, LARGE, UNCLASSIFIED or ARTEFACT, and the reason; it is empty for the first two.
    """
    if measured["symmetric_fraction"] > settings.symmetric_fraction_min:
        return ARTEFACT, "as bright at the mirrored place: an artefact, a tract, or infarcts of both sides"
    if measured["skull_base_fraction"] > settings.skull_base_fraction_min:
        return ARTEFACT, "at the brain's surface near the air of the skull base"
    if measured["axial_diameter_mm"] > classes.axial_mm_max or (
        measured["cortex_fraction"] > classes.cortex_fraction_min
    ):
        return LARGE, ""
    if measured["perforator_fraction"] >= classes.perforator_fraction_min:
        return SMALL, ""
    return UNCLASSIFIED, "small, and neither in the cortex nor in the territory of perforating arterioles"


def in_perforators(tissues: np.ndarray, template: np.ndarray) -> np.ndarray:
    """Which voxels lie in white matter, deep grey matter or the brainstem.

    Parameters
    ----------
    tissues : ndarray, shape (n,)
        Values of `angiolith.brain.segment.TISSUES`.
    template : ndarray, shape (n, 3)
        The voxels' places in the template, RAS mm.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    supratentorial = np.isin(tissues, [TISSUES["white"], TISSUES["deep_grey"]])
    brainstem = (tissues == TISSUES["infratentorial"]) & within(template, (BRAINSTEM_BOX_MNI_MM,))
    return np.asarray(supratentorial | brainstem)


def within(points: np.ndarray, boxes: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]) -> np.ndarray:
    """Which points lie in one of the boxes.

    Parameters
    ----------
    points : ndarray, shape (n, 3)
        mm.
    boxes : tuple
        Lowest and highest corner of each, mm.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    inside = [((points >= np.array(low)) & (points <= np.array(high))).all(axis=1) for low, high in boxes]
    return np.asarray(np.any(inside, axis=0))


def at_points(values: np.ndarray, grid: Image, points: np.ndarray) -> np.ndarray:
    """Values of the voxels nearest to points; minus infinity outside of the grid.

    Parameters
    ----------
    values : ndarray, shape of the grid
    grid : Image
        Its affine is taken.
    points : ndarray, shape (n, 3)
        RAS mm.

    Returns
    -------
    ndarray, shape (n,)
    """
    index = np.round(moved(np.linalg.inv(grid.affine), points)).astype(int)
    inside = ((index >= 0) & (index < np.array(values.shape))).all(axis=1)
    found = np.full(len(points), -np.inf)
    found[inside] = values[tuple(index[inside].T)]
    return found


def axial_diameter_mm(voxels: np.ndarray, grid: Image) -> float:
    """Largest diameter of a lesion in one axial slice: between the centres of two voxels, and one voxel more.

    Parameters
    ----------
    voxels : ndarray of int, shape (n, 3)
    grid : Image
        Its affine is taken.

    Returns
    -------
    float
        mm.
    """
    axis = slice_axis(grid.affine)
    edge_mm = float(np.delete(grid.voxel_mm, axis).mean())
    slices = (moved(grid.affine, voxels[voxels[:, axis] == k]) for k in np.unique(voxels[:, axis]))
    return edge_mm + max((largest_distance(points) for points in slices if len(points) > 1), default=0.0)
