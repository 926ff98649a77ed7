"""The brain of one session: refuse what failed its check, find the brain on the reference image, go to the template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from angiolith.brain.network import BrainModel
from angiolith.brain.segment import segment_brain
from angiolith.brain.template import TemplateResult, register_to_template
from angiolith.core.images import Image, ImageError, read_ct, read_mri
from angiolith.core.inputs import Inputs, refusal
from angiolith.core.settings.brain import BrainSettings
from angiolith.core.settings.registration import RigidSettings, TemplateReviewSettings
from angiolith.core.tables import FAILED, read_json


@dataclass(frozen=True)
class BrainAndWay:
    """Brain mask on the reference's grid and the transform to the template, or neither; the facts say why."""

    brain: Image | None
    way: TemplateResult | None
    facts: dict[str, Any]


def brain_and_way(
    given: Inputs,
    reference: str,
    model: BrainModel,
    settings: BrainSettings,
    rigid: RigidSettings,
    limits: TemplateReviewSettings,
) -> BrainAndWay:
    """Brain and way to the template of the session's image of the column `reference`.

    given: `reference` and `checks`.
    """
    facts: dict[str, Any] = {"status": FAILED, "reason": None, "reference": reference}
    if reason := refusal(read_json(given["checks"]), reference):
        return BrainAndWay(None, None, facts | {"reason": reason})
    is_ct = reference == "ct"
    try:
        image = (read_ct if is_ct else read_mri)(given["reference"])
        found = segment_brain(image, is_ct, model, settings)
        facts |= {"volumes_cm3": {name: round(value, 1) for name, value in found.volumes_cm3.items()}}
        facts |= {"complete": found.complete, "doubtful_fraction": round(found.doubtful_fraction, 4)}
        if found.status == FAILED:
            return BrainAndWay(None, None, facts | {"reason": found.reason})
        way = register_to_template(image, found, is_ct, rigid, limits)
    except (ImageError, ValueError) as error:
        return BrainAndWay(None, None, facts | {"reason": str(error)})
    facts |= {"status": way.status, "reason": way.reason, "match": round(way.match, 4)}
    facts |= {"overlap": round(way.overlap, 4), "scales": [round(scale, 4) for scale in way.scales]}
    if way.status == FAILED:
        return BrainAndWay(None, None, facts)
    return BrainAndWay(image.with_data(found.brain), way, facts)
