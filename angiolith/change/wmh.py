"""Change of white matter hyperintensities: both visits read onto the half-way grid and segmented there together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from angiolith.brain.given import user_brain
from angiolith.change.half_way import (
    HALF_WAY_MEASURES,
    Visit,
    change_labels,
    either,
    half_way_grid,
    wmh_pair,
    wmh_rows,
)
from angiolith.change.inputs import ChangeRow, ChangeStepSettings, VisitInputs
from angiolith.change.readers import decided_of, infarcts_of, with_readers
from angiolith.core.images import Image, bounding_box, crop, linear_transform, matrix_ras, read_image, resample
from angiolith.core.settings.brain import BrainSettings
from angiolith.core.tables import FAILED, join_reasons, was_made
from angiolith.small_vessel.grid import of_same_volume
from angiolith.small_vessel.session import NotMeasured, read_checked, read_user_mask, to_reference
from angiolith.small_vessel.wmh.network import WmhModel
from angiolith.small_vessel.wmh.session import flair_brain

WMH_MEASURES = (*HALF_WAY_MEASURES, "wmh_growth_cm3", "wmh_shrinkage_cm3")


def wmh_change(
    visits: Sequence[VisitInputs], model: WmhModel, half: np.ndarray, days: float, settings: ChangeStepSettings
) -> tuple[list[ChangeRow], Image]:
    """Rows of WMH, and their map on the half-way grid; `half`: square root of the motion between the references.

    Parameters
    ----------
    visits : Sequence[VisitInputs]
        Per visit its input paths by name.
    model : WmhModel
        The WMH network.
    half : np.ndarray
        Half of the motion between the visits (4, 4), RAS mm.
    days : float
        Days between the visits; NaN where unknown.
    settings : ChangeStepSettings
        Typed settings of the step.

    Returns
    -------
    tuple[list[ChangeRow], Image]
        Rows of the change table, and the label map on the half-way grid.

    Raises
    ------
    NotMeasured
        Where the visits show no common part of the brain.
    """
    flairs = [read_checked(visit, "FLAIR") for visit in visits]
    steps = (half, np.linalg.inv(half))
    to_half = [step @ matrix_ras(to_reference(visit, "FLAIR")) for step, visit in zip(steps, visits, strict=True)]
    from_half = [np.linalg.inv(step) for step in steps]
    grid = half_way_grid(flairs, to_half, settings.change.half_way_voxel_mm)
    pair = [
        read_visit(visit, flair, grid, back, settings.brain)
        for visit, flair, back in zip(visits, flairs, from_half, strict=True)
    ]
    decided = [
        decided_of(visit, grid, half_to_flair(visit, back)) for visit, back in zip(visits, from_half, strict=True)
    ]
    shared = pair[0].brain & pair[1].brain
    if not shared.any():
        raise NotMeasured(FAILED, "the two visits show no common part of the brain")
    box = bounding_box(shared)
    part = crop(grid, box)
    decided = [one.cut(box) if one else None for one in decided]
    pair = [cut(visit, box) for visit in pair]
    infarcts = infarcts_of(decided, part.voxel_mm)
    if infarcts[0] is not None:
        pair = [replace(visit, lesion=either([visit.lesion, one])) for visit, one in zip(pair, infarcts, strict=True)]
    found = wmh_pair(pair, model, settings.wmh, settings.change.difference_probability_min)
    if any(decided):
        masks, remark = with_readers(found.masks, decided, part.voxel_mm)
        found = replace(found, masks=masks, reason=join_reasons(found.reason, remark))
    return wmh_rows(found, part.affine, days, settings.wmh_measure), part.with_data(change_labels(*found.masks))


def half_to_flair(visit: VisitInputs, from_half: np.ndarray) -> sitk.Transform:
    """From half-way points to those of a visit's FLAIR.

    Parameters
    ----------
    visit : mapping
        Its transforms.
    from_half : ndarray, shape (4, 4)
        From half-way points to points of its reference, RAS mm.

    Returns
    -------
    sitk.Transform
    """
    return sitk.CompositeTransform([to_reference(visit, "FLAIR").GetInverse(), linear_transform(from_half)])


def cut(visit: Visit, box: tuple[slice, ...]) -> Visit:
    """The part of a visit within a box.

    Parameters
    ----------
    visit : Visit
        A visit on the half-way grid.
    box : tuple[slice, ...]
        One slice per axis.

    Returns
    -------
    Visit
        The visit's part within the box.
    """
    mask, lesion = (None if drawn is None else drawn[box] for drawn in (visit.user_mask, visit.lesion))
    return Visit(crop(visit.flair, box), visit.brain[box], visit.brain_tissues[box], mask, lesion)


def read_visit(visit: VisitInputs, flair: Image, grid: Image, from_half: np.ndarray, limits: BrainSettings) -> Visit:
    """A visit on the half-way grid; `from_half`: 4 x 4 from half-way points to points of its reference.

    Parameters
    ----------
    visit : VisitInputs
        Input paths of a visit by name.
    flair : Image
        The visit's FLAIR.
    grid : Image
        Empty image on the half-way grid.
    from_half : np.ndarray
        Matrix (4, 4) from half-way points to the reference, RAS mm.
    limits : BrainSettings
        Section `brain`.

    Returns
    -------
    Visit
        FLAIR, brain, tissues and masks on the half-way grid.

    Raises
    ------
    NotMeasured
        Where the visit has no WMH mask or no brain was found.
    """
    transform = half_to_flair(visit, from_half)
    mask = None
    if visit.get("wmh"):
        if not was_made(visit["wmh"]):
            raise NotMeasured(FAILED, "a visit has no WMH mask: its WMH were not segmented")
        drawn = read_image(visit["wmh"])
        mask = of_same_volume(resample(drawn.with_data((drawn.data > 0.5).astype(np.float32)), grid, transform).data)
    there = resample(flair, grid, transform)
    lesion = None
    if visit.get("lesion"):
        drawn = flair.with_data(read_user_mask(visit["lesion"], flair, "lesion mask").astype(np.float32))
        lesion = resample(drawn, grid, transform).data > 0.5
    given = None
    if visit.get("given_brain"):
        drawn = flair.with_data((user_brain(visit, flair) > 0).astype(np.float32))
        given = resample(drawn, grid, transform).data > 0.5
    try:
        found = flair_brain(visit, there, limits, given)
    except NotMeasured:
        if mask is None:
            raise
        return Visit(there, np.ones(grid.data.shape, bool), np.zeros(grid.data.shape, np.uint8), mask, lesion)
    return Visit(there, found.brain, found.tissues, mask, lesion)
