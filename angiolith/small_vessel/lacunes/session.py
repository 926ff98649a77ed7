"""The lacunes of one session: by the built-in detector on the T1w grid, or by another tool; labels on the FLAIR's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import SimpleITK as sitk

from angiolith.core.images import Image, bounding_box, crop, map_points, moved, resample
from angiolith.core.inputs import Inputs
from angiolith.core.settings.lacunes import LacuneDetectSettings, LacuneToolSettings
from angiolith.core.tables import FAILED, OK, REVIEW
from angiolith.marks.verdicts import SURE
from angiolith.small_vessel.acute.left_out import LeftOut, acute_left_out
from angiolith.small_vessel.grid import paste
from angiolith.small_vessel.lacunes.detect import COLUMNS, detect_lacunes
from angiolith.small_vessel.probability import read_spot_model
from angiolith.small_vessel.session import NotMeasured, brain_on, priors_on, read_checked, read_user_mask, to_reference
from angiolith.small_vessel.spot_tool import BUILT_IN, spots_by_tool
from angiolith.small_vessel.spots import PLACE, Spots
from angiolith.small_vessel.tissues import TissueError


def lacunes_of(given: Inputs, settings: LacuneDetectSettings, tool: LacuneToolSettings) -> Spots:
    """Lacunes of a session, by the built-in detector or a tool.

    Parameters
    ----------
    given : Inputs
        Paths of the images, the brain, the transforms and the model of the probability.
    settings : LacuneDetectSettings
        Sizes in mm, and the probabilities from which a lacune counts or is a candidate.
    tool : LacuneToolSettings
        The other tool's command, if there is one.

    Returns
    -------
    Spots
        Points of the table in the reference's space, labels on the native FLAIR grid. Where the images cannot be used,
        there is no count but the reason.
    """
    try:
        flair = read_checked(given, "FLAIR")
        acute = None if tool.command else acute_left_out(given, flair)
        table, labels, source = (
            _by_tool(given, flair, tool) if tool.command else _built_in(given, flair, settings, acute)
        )
    except NotMeasured as problem:
        facts = {"status": problem.status, "reason": problem.reason, "n_lacunes": None}
        return Spots(pd.DataFrame(columns=list(COLUMNS)), None, facts)
    state = {"status": OK, "reason": ""}
    if acute is not None:
        state = {"status": REVIEW, "reason": f"no lacune is looked for in {acute.volume_cm3:.2f} cm3 acute on DWI"}
    return Spots(table, flair.with_data(labels), source | state | {"n_lacunes": len(table)})


def _by_tool(given: Inputs, flair: Image, tool: LacuneToolSettings) -> tuple[pd.DataFrame, np.ndarray, dict[str, Any]]:
    images = {column: given[column] for column in ("FLAIR", "T1w") if given.get(column)}
    found, labels, source = spots_by_tool(images, flair, tool)
    if len(found):
        found[PLACE] = map_points(to_reference(given, "FLAIR"), found[PLACE].to_numpy(float))
    found = found.rename(columns={"number": "lacune"}).assign(status=OK, reason="", certainty=SURE)
    return found.reindex(columns=list(COLUMNS)), labels, source


def _built_in(
    given: Inputs, flair: Image, settings: LacuneDetectSettings, acute: LeftOut | None
) -> tuple[pd.DataFrame, np.ndarray, dict[str, Any]]:
    t1w = read_checked(given, "T1w")
    t1w_transform, flair_transform = to_reference(given, "T1w"), to_reference(given, "FLAIR")
    brain = brain_on(given, t1w, t1w_transform)
    box = bounding_box(brain)
    part = crop(t1w, box)
    priors = priors_on(given, part, brain[box], t1w_transform, "wm", "gm", "ventricles", "deep_grey")
    to_flair = flair_transform.GetInverse()  # the T1w, where there is one, is the reference
    on_t1w = resample(flair, part, to_flair).data
    lesion, drawn = None, None if acute is None else acute.mask
    if given.get("lesion"):
        drawn = read_user_mask(given["lesion"], flair, "lesion mask")
    if drawn is not None:
        lesion = resample(flair.with_data(drawn), part, to_flair, interpolation="nearest").data > 0
    try:
        model = read_spot_model(given["model"])
        found, labels = detect_lacunes(part, on_t1w, brain[box], priors, settings, lesion, model)
    except TissueError as error:
        raise NotMeasured(FAILED, str(error)) from error
    whole = t1w.with_data(paste(labels, box, t1w.data.shape))
    return found[list(COLUMNS)], onto_flair(whole, flair, flair_transform), BUILT_IN


def onto_flair(labels: Image, flair: Image, flair_to_t1w: sitk.Transform) -> np.ndarray:
    """Label map on the FLAIR grid (nearest); a lacune between voxel centres keeps the one nearest its middle.

    Parameters
    ----------
    labels : Image
        Label map on the T1w grid.
    flair : Image
        Its affine and shape are taken.
    flair_to_t1w : sitk.Transform
        From points of the FLAIR to points of the T1w.

    Returns
    -------
    ndarray of int32, shape of the FLAIR
    """
    carried = resample(labels, flair, flair_to_t1w, interpolation="nearest").data.astype(np.int32)
    inverse, to_voxel = flair_to_t1w.GetInverse(), np.linalg.inv(flair.affine)
    for label in np.setdiff1d(np.unique(labels.data), [*np.unique(carried), 0]):
        middle = moved(labels.affine, np.argwhere(labels.data == label).mean(axis=0)[None])
        voxel = np.round(moved(to_voxel, map_points(inverse, middle))[0]).astype(int)
        if ((voxel >= 0) & (voxel < carried.shape)).all():
            carried[tuple(voxel)] = label
    return carried
