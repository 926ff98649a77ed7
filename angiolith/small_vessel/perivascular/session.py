"""The perivascular spaces of one session: its T2w, else its T1w, with the brain's tissues and what is masked out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import SimpleITK as sitk

from angiolith.core.images import Image, is_same_grid, read_image, resample
from angiolith.core.inputs import Inputs
from angiolith.core.settings.lacunes import LacuneDetectSettings
from angiolith.core.settings.perivascular import PvsDetectSettings, PvsGradeSettings, PvsToolSettings
from angiolith.core.tables import FAILED, MISSING, OK, was_made
from angiolith.small_vessel.perivascular.detect import COLUMNS, PvsError, detect_pvs, placed_spaces, pvs_measures
from angiolith.small_vessel.session import NotMeasured, read_checked, to_reference
from angiolith.small_vessel.spot_tool import BUILT_IN, spots_by_tool
from angiolith.small_vessel.spots import Spots
from angiolith.small_vessel.tissues import INFARCT

IMAGES = ("T2w", "T1w")  # the first whose voxels are thin enough


def pvs_of(
    given: Inputs,
    settings: PvsDetectSettings,
    grades: PvsGradeSettings,
    lacunes: LacuneDetectSettings,
    tool: PvsToolSettings,
) -> Spots:
    """Perivascular spaces of the session's T2w or T1w, or those of a tool on its image.

    Parameters
    ----------
    given : Inputs
        Paths of the images, the tissues, the masks and the transforms.
    settings : PvsDetectSettings
        Sizes in mm.
    grades : PvsGradeSettings
        Counts from which each grade begins.
    lacunes : LacuneDetectSettings
        The size and form that set a space apart from a lacune.
    tool : PvsToolSettings
        The other tool's command, if there is one.

    Returns
    -------
    Spots
        None, with the reason, where no image can be used.
    """
    reasons: dict[str, str] = {}
    status = MISSING
    wanted = [tool.image] if tool.command else IMAGES
    for column in (column for column in wanted if given.get(column)):
        try:
            image = read_checked(given, column)
            tissues, way = _tissues_on(given, image, column)
            source = BUILT_IN
            if tool.command:
                images = {name: given[name] for name in (*IMAGES, "FLAIR") if given.get(name)}
                spots, labels, source = spots_by_tool(images | {"image": given[column]}, image, tool)
                found, labels = placed_spaces(spots, labels, image, tissues, settings)
            else:
                found, labels, _ = detect_pvs(image, tissues, _excluded(given, image, way), settings, lacunes)
        except (NotMeasured, PvsError) as problem:
            reasons[column] = str(problem)
            status = FAILED
            continue
        facts = source | {"status": OK, "reason": "", "image": column}
        facts |= pvs_measures(labels, found, image, settings, grades)
        return Spots(found, image.with_data(labels), facts)
    reason = "; ".join(f"{column}: {reason}" for column, reason in reasons.items()) or f"no {' or '.join(wanted)}"
    facts = {"status": status, "reason": reason, "image": None}
    return Spots(pd.DataFrame(columns=list(COLUMNS)), None, facts)


def _tissues_on(given: Inputs, image: Image, column: str) -> tuple[np.ndarray, sitk.Transform]:
    """The brain's tissues on the grid of an image, and the way from its points to the reference's."""
    if not given.get("brain_tissues") or not was_made(given["brain_tissues"]):
        raise NotMeasured(FAILED, "the brain was not found")
    way = to_reference(given, column)
    tissues = read_image(given["brain_tissues"])
    on_image = tissues if is_same_grid(tissues, image) else resample(tissues, image, way, interpolation="nearest")
    return on_image.data.astype(np.uint8), way


def _excluded(given: Inputs, image: Image, way: sitk.Transform) -> np.ndarray | None:
    """WMH, lacunes and infarcts, which lie on the FLAIR's grid, on the grid of an image; None where there are none."""
    parts = [(given.get("wmh"), 0), (given.get("lacunes"), 0), (given.get("tissues"), INFARCT - 1)]
    masks = [(read_image(path), least) for path, least in parts if path and was_made(path)]
    if not masks:
        return None
    try:
        to_flair = sitk.CompositeTransform([to_reference(given, "FLAIR").GetInverse(), way])
    except NotMeasured:
        return None
    first = masks[0][0]
    mask = np.logical_or.reduce([each.data > least for each, least in masks])
    return resample(first.with_data(mask.astype(np.float32)), image, to_flair, interpolation="nearest").data > 0.5
