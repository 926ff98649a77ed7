"""The WMH of one session: the user's mask, another tool's, or the built-in method's, and the tissues about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from angiolith.core.images import Image, ImageError, bounding_box, crop, read_image, require_same_grid
from angiolith.core.inputs import Inputs
from angiolith.core.settings.wmh import WmhReviewSettings, WmhSegmentSettings, WmhToolSettings
from angiolith.core.tables import FAILED, OK, REVIEW, join_reasons
from angiolith.small_vessel.grid import paste
from angiolith.small_vessel.session import NotMeasured, brain_on, priors_on, read_checked, to_reference
from angiolith.small_vessel.tissues import TISSUES, TissueError
from angiolith.small_vessel.wmh.posterior import read_model
from angiolith.small_vessel.wmh.segment import Wmh, segment_wmh
from angiolith.small_vessel.wmh.tool import ToolError, run_tool, tool_facts

BUILT_IN = "built-in"


@dataclass(frozen=True)
class SessionWmh:
    """Mask and tissue labels on the native FLAIR grid (None where not made), and the facts about them."""

    mask: Image | None
    tissues: Image | None
    facts: dict[str, Any]


def wmh_of(given: Inputs, settings: WmhSegmentSettings, tool: WmhToolSettings) -> SessionWmh:
    """Segment the session's FLAIR, or take a mask made elsewhere, and label the tissues."""
    facts: dict[str, Any] = {}
    tissues = None
    try:
        flair = read_checked(given, "FLAIR")
        mask, facts = mask_from_elsewhere(given, flair, tool)
        try:
            found = segment_flair(given, flair, settings)
        except NotMeasured as problem:
            if mask is None:
                raise
            reason = f"the given mask was taken, tissues are not labelled: {problem.reason}"
            facts |= {"status": REVIEW, "reason": reason}
        else:
            tissues = found.tissues
            status, reason = (found.status, found.reason) if mask is None else (OK, "")
            facts |= found.facts | {"status": status, "reason": join_reasons(reason)}
            mask = found.mask if mask is None else mask
    except NotMeasured as problem:
        return SessionWmh(None, None, facts | {"status": problem.status, "reason": problem.reason, "volume_cm3": None})
    labels = {str(label): name for label, name in TISSUES.items()}
    facts |= {"volume_cm3": round(float(mask.sum()) * flair.voxel_volume_mm3 / 1000, 6), "tissue_labels": labels}
    return SessionWmh(flair.with_data(mask), None if tissues is None else flair.with_data(tissues), facts)


def segment_flair(given: Inputs, flair: Image, settings: WmhSegmentSettings) -> Wmh:
    """Segment on the part of the grid that holds the brain; arrays come back on the whole grid."""
    way = to_reference(given, "FLAIR")
    brain = brain_on(given, flair, way)
    box = bounding_box(brain)
    part = crop(flair, box)
    priors = priors_on(given, part, brain[box], way, "wm", "gm", "ventricles")
    try:
        found = segment_wmh(part, brain[box], priors, read_model(given["model"]), settings)
    except TissueError as error:
        raise NotMeasured(FAILED, str(error)) from error
    mask, tissues = (paste(array, box, flair.data.shape) for array in (found.mask, found.tissues))
    return Wmh(mask, tissues, found.status, found.reason, found.facts)


def read_user_mask(path: str, flair: Image) -> np.ndarray:
    """The user's mask; NotMeasured if it is not on the FLAIR's grid."""
    try:
        mask = read_image(path)
        require_same_grid(mask, flair, "WMH mask and FLAIR")
    except ImageError as error:
        raise NotMeasured(FAILED, str(error).removeprefix(f"{path}: ")) from error
    return np.asarray(mask.data > 0.5)


def mask_from_elsewhere(given: Inputs, flair: Image, tool: WmhToolSettings) -> tuple[np.ndarray | None, dict[str, Any]]:
    """The user's mask, else that of the tool in the configuration, else None; and where it comes from."""
    if given.get("wmh"):
        return read_user_mask(given["wmh"], flair), {"source": "user"}
    if not tool.command:
        return None, {"source": BUILT_IN}
    images = {column: given[column] for column in ("FLAIR", "T1w") if given.get(column)}
    try:
        return run_tool(images, flair, tool), {"source": "tool", "tool": tool_facts(tool)}
    except ToolError as error:
        raise NotMeasured(FAILED, str(error)) from error


def reviewed(facts: dict[str, Any], settings: WmhReviewSettings) -> dict[str, Any]:
    """The facts with a very large volume, of the built-in method's mask, marked for review."""
    volume_cm3 = facts.get("volume_cm3")
    if facts.get("source") != BUILT_IN or volume_cm3 is None or volume_cm3 <= settings.review_volume_cm3:
        return facts
    reason = join_reasons(f"very large volume ({volume_cm3:.0f} cm3)", facts["reason"])
    return facts | {"status": REVIEW, "reason": reason}
