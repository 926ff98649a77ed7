"""The WMH of one session: the user's mask, another tool's, or the built-in method's, and the tissues about them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from angiolith.brain.given import given_brain
from angiolith.brain.network import read_brain_model
from angiolith.brain.segment import BrainSegmentation, segment_brain
from angiolith.core.images import Image, ImageError, read_image, resample
from angiolith.core.inputs import Inputs
from angiolith.core.settings.brain import BrainSettings, BrainToolSettings
from angiolith.core.settings.wmh import WmhReviewSettings, WmhSegmentSettings, WmhToolSettings
from angiolith.core.tables import FAILED, OK, REVIEW, join_reasons, read_json, was_made
from angiolith.core.tool import ToolError, run_tool, tool_facts
from angiolith.small_vessel.acute.left_out import LeftOut, acute_left_out
from angiolith.small_vessel.session import NotMeasured, read_checked, read_user_mask, to_reference
from angiolith.small_vessel.tissues import TISSUES, TissueError
from angiolith.small_vessel.wmh.network import read_wmh_model
from angiolith.small_vessel.wmh.segment import SUSPECTED, Wmh, segment_wmh
from angiolith.small_vessel.wmh.shown import OTHERS

BUILT_IN = "built-in"


@dataclass(frozen=True)
class SessionWmh:
    """Mask, probability and tissue labels on the native FLAIR grid (None where not made), and the facts about them."""

    mask: Image | None
    probability: Image | None
    tissues: Image | None
    facts: dict[str, Any]


def wmh_of(
    given: Inputs,
    settings: WmhSegmentSettings,
    tool: WmhToolSettings,
    limits: BrainSettings,
    brain_tool: BrainToolSettings,
) -> SessionWmh:
    """Segment the session's FLAIR, or take a mask made elsewhere, and label the tissues.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    settings : WmhSegmentSettings
        Section `wmh.segment`.
    tool : WmhToolSettings
        Section `wmh_tool`.
    limits : BrainSettings
        Section `brain`.
    brain_tool : BrainToolSettings
        Section `brain_tool`.

    Returns
    -------
    SessionWmh
        Mask, probability and tissues (None where they were not made), and the facts.
    """
    facts: dict[str, Any] = {}
    tissues = probability = None
    try:
        flair = read_checked(given, "FLAIR")
        acute = acute_left_out(given, flair)
        mask, facts = mask_from_elsewhere(given, flair, tool)
        try:
            found = segment_flair(given, flair, settings, limits, brain_tool, acute)
        except NotMeasured as problem:
            if mask is None:
                raise
            reason = f"the given mask was taken, tissues are not labelled: {problem.reason}"
            facts |= {"status": REVIEW, "reason": join_reasons(reason, facts.get("reason"))}
        else:
            tissues = found.tissues
            status, reason = (found.status, found.reason) if mask is None else (OK, str(facts.get("reason", "")))
            facts |= found.facts | {"status": status, "reason": join_reasons(reason)}
            if mask is None:
                mask, probability = found.mask, flair.with_data(found.probability)
                if acute is not None:
                    acute_cm3 = f"{SUSPECTED} ({acute.volume_cm3:.2f} cm3 acute on DWI)"
                    facts |= {"status": REVIEW, "reason": join_reasons(facts["reason"], acute_cm3)}
            else:
                facts.pop("volume_interval_cm3")
    except NotMeasured as problem:
        return SessionWmh(
            None, None, None, facts | {"status": problem.status, "reason": problem.reason, "volume_cm3": None}
        )
    labels = {str(label): name for label, name in TISSUES.items()}
    facts |= {"volume_cm3": round(float(mask.sum()) * flair.voxel_volume_mm3 / 1000, 6), "tissue_labels": labels}
    labelled = None if tissues is None else flair.with_data(tissues)
    return SessionWmh(flair.with_data(mask), probability, labelled, facts)


def segment_flair(
    given: Inputs,
    flair: Image,
    settings: WmhSegmentSettings,
    limits: BrainSettings,
    brain_tool: BrainToolSettings,
    acute: LeftOut | None = None,
) -> Wmh:
    """Segment within the brain: that of the registration step where the FLAIR is the reference, else found here.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    flair : Image
        The FLAIR.
    settings : WmhSegmentSettings
        Section `wmh.segment`.
    limits : BrainSettings
        Section `brain`.
    brain_tool : BrainToolSettings
        Section `brain_tool`.
    acute : LeftOut | None
        Acute lesions on DWI, on the FLAIR's grid.

    Returns
    -------
    Wmh
        The segmentation.

    Raises
    ------
    NotMeasured
        Where there is no brain, or the image has no contrast of a FLAIR.
    """
    brain, tissues = made_brain(given) if given.get("brain_tissues") else own_brain(given, flair, limits, brain_tool)
    lesion = read_user_mask(given["lesion"], flair, "lesion mask") if given.get("lesion") else None
    try:
        others = others_on(given, flair)
        apart = None if acute is None else acute.mask
        return segment_wmh(flair, brain, tissues, read_wmh_model(given["model"]), settings, lesion, others, apart)
    except TissueError as error:
        raise NotMeasured(FAILED, str(error)) from error


def others_on(given: Inputs, flair: Image) -> dict[str, Image]:
    """The session's T1w and T2w on the FLAIR's grid; those that cannot be read or were not registered are left out.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    flair : Image
        The FLAIR.

    Returns
    -------
    dict[str, Image]
        Column -> image on the FLAIR's grid.
    """
    found = {}
    for name in OTHERS:
        try:
            image = read_checked(given, name)
            to_image = [to_reference(given, name).GetInverse(), to_reference(given, "FLAIR")]
        except NotMeasured:
            continue
        found[name] = resample(image, flair, sitk.CompositeTransform(to_image))
    return found


def made_brain(given: Inputs) -> tuple[np.ndarray, np.ndarray]:
    """Brain mask and tissue map on the FLAIR's grid as the registration step made them; NotMeasured if it did not.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.

    Returns
    -------
    tuple[np.ndarray, np.ndarray]
        Mask (i, j, k), bool, and tissue map (i, j, k), uint8.

    Raises
    ------
    NotMeasured
        Where the registration step found no brain.
    """
    if not was_made(given["brain_tissues"]):
        raise NotMeasured(FAILED, f"the brain on the FLAIR: {read_json(given['brain_facts'])['reason']}")
    tissues = read_image(given["brain_tissues"]).data.astype(np.uint8)
    return tissues > 0, tissues


def own_brain(
    given: Inputs, flair: Image, limits: BrainSettings, brain_tool: BrainToolSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Brain mask and tissue map of a FLAIR that is not the session's reference; NotMeasured if there is none.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    flair : Image
        The FLAIR.
    limits : BrainSettings
        Section `brain`.
    brain_tool : BrainToolSettings
        Section `brain_tool`.

    Returns
    -------
    tuple[np.ndarray, np.ndarray]
        Mask (i, j, k), bool, and tissue map (i, j, k), uint8.

    Raises
    ------
    NotMeasured
        Where no brain is found.
    """
    try:
        mask, _ = given_brain(given, "FLAIR", flair, brain_tool)
    except (ImageError, ToolError) as error:
        raise NotMeasured(FAILED, f"the brain on the FLAIR: {error}") from error
    found = flair_brain(given, flair, limits, mask)
    return found.brain, found.tissues


def flair_brain(
    given: Inputs, flair: Image, limits: BrainSettings, mask: np.ndarray | None = None
) -> BrainSegmentation:
    """The brain and its tissues on a FLAIR, by the networks of inputs `brain_whole`, `brain_part` and `brain_slices`.

    NotMeasured if no plausible brain is found.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    flair : Image
        The FLAIR.
    limits : BrainSettings
        Section `brain`.
    mask : np.ndarray | None
        Mask of the brain made elsewhere, bool (i, j, k), or None.

    Returns
    -------
    BrainSegmentation
        The segmented brain.

    Raises
    ------
    NotMeasured
        Where no plausible brain is found.
    """
    found = segment_brain(flair, False, read_brain_model(Path(given["brain_whole"]).parent), limits, mask)
    if found.status == FAILED:
        raise NotMeasured(FAILED, f"the brain on the FLAIR: {found.reason}")
    return found


def mask_from_elsewhere(given: Inputs, flair: Image, tool: WmhToolSettings) -> tuple[np.ndarray | None, dict[str, Any]]:
    """The user's mask, else that of the tool in the configuration, else None; and where it comes from.

    A lesion that a reader drew is taken out of either.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    flair : Image
        The FLAIR.
    tool : WmhToolSettings
        Section `wmh_tool`.

    Returns
    -------
    tuple[np.ndarray | None, dict[str, Any]]
        Mask (i, j, k), bool, or None; and the facts of its source.

    Raises
    ------
    NotMeasured
        Where the tool fails.
    """
    if given.get("wmh"):
        return outside_lesion(given, flair, read_user_mask(given["wmh"], flair), {"source": "user"})
    if not tool.command:
        return None, {"source": BUILT_IN}
    images = {column: given[column] for column in ("FLAIR", "T1w") if given.get(column)}
    try:
        mask = run_tool(images, flair, tool)
    except ToolError as error:
        raise NotMeasured(FAILED, str(error)) from error
    return outside_lesion(given, flair, mask, {"source": "tool", "tool": tool_facts(tool)})


def outside_lesion(
    given: Inputs, flair: Image, mask: np.ndarray, facts: dict[str, Any]
) -> tuple[np.ndarray, dict[str, Any]]:
    """A WMH mask without the lesion that a reader drew, and the facts with a remark where they overlapped.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    flair : Image
        The FLAIR.
    mask : np.ndarray
        Mask of WMH, bool (i, j, k).
    facts : dict[str, Any]
        Facts of the mask.

    Returns
    -------
    tuple[np.ndarray, dict[str, Any]]
        The mask and its facts.
    """
    if not given.get("lesion"):
        return mask, facts
    lesion = read_user_mask(given["lesion"], flair, "lesion mask")
    common_cm3 = float((mask & lesion).sum()) * flair.voxel_volume_mm3 / 1000
    remark = f"{common_cm3:.2f} cm3 of the WMH mask lie in the lesion mask: not counted as WMH"
    return mask & ~lesion, facts | ({"reason": remark} if common_cm3 else {})


def reviewed(facts: dict[str, Any], settings: WmhReviewSettings) -> dict[str, Any]:
    """The facts with a very large volume, of the built-in method's mask, marked for review.

    Parameters
    ----------
    facts : dict[str, Any]
        Facts of the mask.
    settings : WmhReviewSettings
        Section `wmh.review`.

    Returns
    -------
    dict[str, Any]
        The facts, with status review where the volume is very large.
    """
    volume_cm3 = facts.get("volume_cm3")
    if facts.get("source") != BUILT_IN or volume_cm3 is None or volume_cm3 <= settings.review_volume_cm3:
        return facts
    reason = join_reasons(f"very large volume ({volume_cm3:.0f} cm3)", facts["reason"])
    return facts | {"status": REVIEW, "reason": reason}
