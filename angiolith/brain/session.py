"""The brain of one session: refuse what failed its check, find the brain on the reference image, go to the template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from angiolith.brain.given import given_brain
from angiolith.brain.network import BrainModel
from angiolith.brain.segment import segment_brain
from angiolith.brain.template import TemplateResult, register_to_template
from angiolith.core.images import Image, ImageError, read_ct, read_mri
from angiolith.core.inputs import Inputs, refusal
from angiolith.core.settings.brain import BrainSettings, BrainToolSettings
from angiolith.core.settings.registration import RigidSettings, TemplateReviewSettings
from angiolith.core.tables import FAILED, read_json
from angiolith.core.tool import ToolError


@dataclass(frozen=True)
class BrainAndTransform:
    """Brain mask on the reference's grid and the transform to the template, or neither; the facts say why.

    tissues: map of the brain's tissues (`angiolith.brain.segment.TISSUES`; 0 outside the brain), None if no plausible
    brain was found. It is there where the brain was found and the transform was not.
    """

    brain: Image | None
    to_template: TemplateResult | None
    tissues: Image | None
    facts: dict[str, Any]


def brain_and_transform(
    given: Inputs,
    reference: str,
    model: BrainModel,
    settings: BrainSettings,
    tool: BrainToolSettings,
    rigid: RigidSettings,
    limits: TemplateReviewSettings,
) -> BrainAndTransform:
    """Brain of, and transform to the template from, the session's image of the column `reference`.

    Parameters
    ----------
    given : Inputs
        `reference` and `checks`; `given_brain`, where the user gives a mask of the brain.
    reference : str
        Column of the reference image.
    model : BrainModel
        The two networks.
    settings : BrainSettings
        Section `brain`.
    tool : BrainToolSettings
        Section `brain_tool`.
    rigid : RigidSettings
        Section `registration.rigid`.
    limits : TemplateReviewSettings
        Section `registration.template`.

    Returns
    -------
    BrainAndTransform
        Brain, tissues and transform to the template (None where they were not made), and the facts.
    """
    facts: dict[str, Any] = {"status": FAILED, "reason": None, "reference": reference}
    if reason := refusal(read_json(given["checks"]), reference):
        return BrainAndTransform(None, None, None, facts | {"reason": reason})
    is_ct = reference == "ct"
    tissues = None
    try:
        image = (read_ct if is_ct else read_mri)(given["reference"])
        mask, source = given_brain(given, "reference", image, tool)
        facts |= source
        found = segment_brain(image, is_ct, model, settings, mask)
        facts |= {"volumes_cm3": {name: round(value, 1) for name, value in found.volumes_cm3.items()}}
        facts |= {"complete": found.complete, "doubtful_fraction": round(found.doubtful_fraction, 4)}
        if found.status == FAILED:
            return BrainAndTransform(None, None, None, facts | {"reason": found.reason})
        tissues = image.with_data(found.tissues)
        to_template = register_to_template(image, found, is_ct, rigid, limits)
    except (ImageError, ToolError, ValueError) as error:
        return BrainAndTransform(None, None, tissues, facts | {"reason": str(error)})
    facts |= {"status": to_template.status, "reason": to_template.reason, "match": round(to_template.match, 4)}
    facts |= {"overlap": round(to_template.overlap, 4), "scales": [round(scale, 4) for scale in to_template.scales]}
    if to_template.status == FAILED:
        return BrainAndTransform(None, None, tissues, facts)
    return BrainAndTransform(image.with_data(found.brain), to_template, tissues, facts)
