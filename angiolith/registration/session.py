"""Registrations of one session: refuse what failed its check, register, and judge by other means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import SimpleITK as sitk

from angiolith.core.images import read_ct, read_mri
from angiolith.core.inputs import Inputs, refusal
from angiolith.core.series import read_mean
from angiolith.core.settings.registration import RegistrationReviewSettings, RigidSettings
from angiolith.core.tables import FAILED, OK, REVIEW, join_reasons, read_json
from angiolith.registration.rigid import register_rigid

READERS = {"ct": read_ct, "dwi": read_mean}  # of images that are not read as other MRI


def register_pair(
    given: Inputs, fixed: str, moving: str, settings: RigidSettings
) -> tuple[sitk.Transform | None, dict[str, Any]]:
    """Register the session's image of the column `moving` to that of `fixed`.

    Returns the transform from fixed to moving points (None if it failed), and the facts: status, reason, spread of the
    restarts, mutual information, matrix.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs: `fixed`, `moving` and `checks`.
    fixed, moving : str
        Columns of the manifest.
    settings : RigidSettings
        Section `registration.rigid`.

    Returns
    -------
    tuple[sitk.Transform | None, dict[str, Any]]
        The transform from fixed to moving points (None if it failed), and the facts for its sidecar.
    """
    facts: dict[str, Any] = {"fixed": fixed, "moving": moving, "restart_spread_mm": None}
    if reason := refusal(read_json(given["checks"]), fixed, moving):
        return None, facts | {"status": FAILED, "reason": reason}
    is_ct = moving == "ct"
    try:
        images = read_mri(given["fixed"]), READERS.get(moving, read_mri)(given["moving"])
        result = register_rigid(*images, settings, moving_is_ct=is_ct)
    except ValueError as error:
        return None, facts | {"status": FAILED, "reason": str(error)}
    facts |= {
        "status": result.status,
        "reason": result.reason,
        "restart_spread_mm": round(result.restart_spread_mm, 4),
        "mutual_information": round(-result.metric, 6),
        "matrix_ras": result.matrix_ras.tolist(),
    }
    return None if result.status == FAILED else result.transform, facts


def judge(measures: Mapping[str, float], settings: RegistrationReviewSettings) -> tuple[str, str]:
    """Status and reason from the alignment's measures.

    Parameters
    ----------
    measures : Mapping[str, float]
        `head_overlap`, `bone_contrast` and `second_search_mm`.
    settings : RegistrationReviewSettings
        Section `registration.review`.

    Returns
    -------
    tuple[str, str]
        Status (ok, review, failed) and reason.
    """
    reasons, doubts = [], []
    if measures["head_overlap"] < settings.overlap_min:
        reasons.append(f"the heads overlap by {measures['head_overlap']:.2f} only")
    if measures["bone_contrast"] > settings.bone_contrast_max:
        reasons.append(f"the CT's bone is not dark on the MRI (ratio {measures['bone_contrast']:.2f})")
    if measures["second_search_mm"] > settings.second_search_mm_max:
        doubts.append(f"a second search ends {measures['second_search_mm']:.1f} mm away: look at the picture")
    return (FAILED if reasons else REVIEW if doubts else OK), join_reasons(*reasons, *doubts)
