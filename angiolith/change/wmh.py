"""Change of white matter hyperintensities: both visits read onto the half-way grid and segmented there together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk

from angiolith.change.half_way import HALF_WAY_MEASURES, Visit, change_labels, half_way_grid, wmh_pair, wmh_rows
from angiolith.change.inputs import ChangeRow, ChangeStepSettings, VisitInputs
from angiolith.core.images import Image, bounding_box, crop, linear_transform, matrix_ras, read_image, resample
from angiolith.core.tables import FAILED, was_made
from angiolith.small_vessel.grid import of_same_volume
from angiolith.small_vessel.session import NotMeasured, brain_on, priors_on, read_checked, to_reference
from angiolith.small_vessel.wmh.posterior import Model

WMH_MEASURES = (*HALF_WAY_MEASURES, "wmh_growth_cm3", "wmh_shrinkage_cm3")


def wmh_change(
    visits: Sequence[VisitInputs], model: Model, half: np.ndarray, days: float, settings: ChangeStepSettings
) -> tuple[list[ChangeRow], Image]:
    """Rows of WMH, and their map on the half-way grid; `half`: square root of the motion between the references."""
    flairs = [read_checked(visit, "FLAIR") for visit in visits]
    steps = (half, np.linalg.inv(half))
    to_half = [step @ matrix_ras(to_reference(visit, "FLAIR")) for step, visit in zip(steps, visits, strict=True)]
    from_half = [np.linalg.inv(step) for step in steps]
    grid = half_way_grid(flairs, to_half, settings.change.half_way_voxel_mm)
    brains = [brain_on(visit, grid, linear_transform(back)) for visit, back in zip(visits, from_half, strict=True)]
    shared = brains[0] & brains[1]
    if not shared.any():
        raise NotMeasured(FAILED, "the two visits show no common part of the brain")
    box = bounding_box(shared)
    part = crop(grid, box)
    pair = [
        read_visit(visit, flair, brain[box], part, back)
        for visit, flair, brain, back in zip(visits, flairs, brains, from_half, strict=True)
    ]
    found = wmh_pair(pair, model, settings.wmh, settings.change.difference_sd_min)
    return wmh_rows(found, part.affine, days, settings.wmh_measure), part.with_data(change_labels(*found.masks))


def read_visit(visit: VisitInputs, flair: Image, brain: np.ndarray, grid: Image, from_half: np.ndarray) -> Visit:
    """A visit on the half-way grid; `from_half`: 4 x 4 from half-way points to points of its reference."""
    half_to_reference = linear_transform(from_half)
    half_to_flair = sitk.CompositeTransform([to_reference(visit, "FLAIR").GetInverse(), half_to_reference])
    mask = None
    if visit.get("wmh"):
        if not was_made(visit["wmh"]):
            raise NotMeasured(FAILED, "a visit has no WMH mask: its WMH were not segmented")
        drawn = read_image(visit["wmh"])
        mask = of_same_volume(
            resample(drawn.with_data((drawn.data > 0.5).astype(np.float32)), grid, half_to_flair).data
        )
    return Visit(
        flair=resample(flair, grid, half_to_flair),
        brain=brain,
        priors=priors_on(visit, grid, brain, half_to_reference, "wm", "gm", "ventricles"),
        user_mask=mask,
    )
