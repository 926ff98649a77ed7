"""Atrophy: brain and fluid as parts of the intracranial volume, which is the brain mask with all fluid in the dura.

What a reader drew as a lesion (infarct and cavity) is neither tissue nor fluid; the intracranial volume holds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from angiolith.brain.segment import PARENCHYMA, TISSUES
from angiolith.core.images import read_image, resample
from angiolith.core.inputs import Inputs
from angiolith.core.tables import USABLE, read_json, was_made
from angiolith.small_vessel.session import NotMeasured, read_checked, read_user_mask, to_reference

# [1] A voxel of which the mask covers at least half is in it. Source: definition.
HALF = 0.5
MEASURES = (
    *("brain_volume_cm3", "brain_percent_icv", "ventricle_volume_cm3", "ventricle_percent_icv"),
    "sulcal_csf_percent_icv",
)


def atrophy_row(given: Inputs) -> dict[str, float | None]:
    """The measures of a session, without the lesion that a reader drew.

    Parameters
    ----------
    given : Inputs
        `brain_facts` and `brain_tissues` of the job that found the brain; with a `lesion` mask also `FLAIR`, on whose
        grid it lies, `checks`, and the transform to the reference.

    Returns
    -------
    dict of str to float or None
        MEASURES, in cm3 and %. All are missing where a lesion mask cannot be laid onto the reference.
    """
    facts = read_json(given["brain_facts"]) if given.get("brain_facts") else {}
    if not given.get("lesion") or not was_made(given["brain_tissues"]):
        return atrophy(facts)
    try:
        return atrophy(facts, lesion_volumes_cm3(given))
    except NotMeasured:
        return atrophy({})


def lesion_volumes_cm3(given: Inputs) -> dict[str, float]:
    """Volume of every tissue of the reference within the lesion mask.

    Parameters
    ----------
    given : Inputs
        As in `atrophy_row`. A mask or a FLAIR that cannot be used is refused with NotMeasured.

    Returns
    -------
    dict of str to float
        cm3 by tissue.
    """
    flair, tissues = read_checked(given, "FLAIR"), read_image(given["brain_tissues"])
    drawn = flair.with_data(read_user_mask(given["lesion"], flair, "lesion mask").astype(np.float32))
    inside = resample(drawn, tissues, to_reference(given, "FLAIR").GetInverse()).data >= HALF
    voxel_cm3 = tissues.voxel_volume_mm3 / 1000
    return {name: float((inside & (tissues.data == value)).sum() * voxel_cm3) for name, value in TISSUES.items()}


def atrophy(facts: Mapping[str, Any], lesion_cm3: Mapping[str, float] | None = None) -> dict[str, float | None]:
    """Volumes and percentages of a session's brain.

    Parameters
    ----------
    facts : mapping
        Of the job that found the brain: `status`, `complete`, and `volumes_cm3` of the mask (`brain`) and of every
        tissue.
    lesion_cm3 : mapping, optional
        What of every tissue is lesion (cm3), and is left out.

    Returns
    -------
    dict of str to float or None
        MEASURES, in cm3 and %. All are missing where the brain is not whole.
    """
    found: dict[str, float | None] = dict.fromkeys(MEASURES)
    volumes = facts.get("volumes_cm3") or {}
    volumes = {name: volume - (lesion_cm3 or {}).get(name, 0.0) for name, volume in volumes.items()}
    icv = volumes.get("brain")
    if facts.get("status") not in USABLE or not facts.get("complete") or not icv:
        return found
    tissue = sum(volumes[name] for name in PARENCHYMA)
    return {
        "brain_volume_cm3": round(tissue, 1),
        "brain_percent_icv": round(100 * tissue / icv, 2),
        "ventricle_volume_cm3": round(volumes["ventricles"], 1),
        "ventricle_percent_icv": round(100 * volumes["ventricles"] / icv, 2),
        "sulcal_csf_percent_icv": round(100 * volumes["csf"] / icv, 2),
    }
