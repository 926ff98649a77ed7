"""Atrophy: brain and fluid as parts of the intracranial volume, which is the brain mask with all fluid in the dura."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from angiolith.brain.segment import PARENCHYMA
from angiolith.core.tables import USABLE

MEASURES = (
    *("brain_volume_cm3", "brain_percent_icv", "ventricle_volume_cm3", "ventricle_percent_icv"),
    "sulcal_csf_percent_icv",
)


def atrophy(facts: Mapping[str, Any]) -> dict[str, float | None]:
    """Volumes and percentages of a session's brain.

    Parameters
    ----------
    facts : mapping
        Of the job that found the brain: `status`, `complete`, and `volumes_cm3` of the mask (`brain`) and of every
        tissue.

    Returns
    -------
    dict of str to float or None
        MEASURES, in cm3 and %. All are missing where the brain is not whole.
    """
    found: dict[str, float | None] = dict.fromkeys(MEASURES)
    volumes = facts.get("volumes_cm3") or {}
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
