"""What the two rigid registration rules share: refuse what failed its check, register, write transform and sidecar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from angiolith.core.images import read_ct, read_image, write_transform
from angiolith.core.settings.registration import RegistrationReviewSettings, RigidSettings
from angiolith.core.settings.section import step_settings
from angiolith.core.tables import FAILED, OK, join_reasons, read_json, write_json, write_not_made
from angiolith.registration.rigid import register_rigid


def refusal(checks: Mapping[str, Any], *columns: str) -> str:
    """Why these images may not be used (check_images' failures), or an empty string."""
    found = checks["images"]
    return join_reasons(*(f"{c}: {found[c]['reason']}" for c in columns if c in found and found[c]["status"] == FAILED))


def register_pair(snakemake: Any, moving_column: str) -> None:
    """Register `input.moving` to `input.fixed`; write the transform and a JSON with status, reason, spread, matrix."""
    fixed_column = snakemake.wildcards.reference
    content: dict[str, Any] = {"fixed": fixed_column, "moving": moving_column, "restart_spread_mm": None}
    reason = refusal(read_json(snakemake.input.checks), fixed_column, moving_column)
    if not reason:
        read_moving = read_ct if moving_column == "ct" else read_image
        try:
            result = register_rigid(
                read_image(snakemake.input.fixed),
                read_moving(snakemake.input.moving),
                step_settings(snakemake.params.settings, RigidSettings),
                moving_is_ct=moving_column == "ct",
            )
        except ValueError as error:
            reason = str(error)
    if reason:
        write_not_made(snakemake.output.transform)
        write_json(content | {"status": FAILED, "reason": reason}, snakemake.output.facts)
        return
    content |= {
        "status": result.status,
        "reason": result.reason,
        "restart_spread_mm": round(result.restart_spread_mm, 4),
        "mutual_information": round(-result.metric, 6),
        "matrix_ras": result.matrix_ras.tolist(),
    }
    if result.status == FAILED:
        write_not_made(snakemake.output.transform)
    else:
        write_transform(result.transform, snakemake.output.transform)
    write_json(content, snakemake.output.facts)


def judge(measures: Mapping[str, float], settings: RegistrationReviewSettings) -> tuple[str, str]:
    """Status and reason from the alignment's measures."""
    reasons = []
    if measures["head_overlap"] < settings.overlap_min:
        reasons.append(f"the heads overlap by {measures['head_overlap']:.2f} only")
    if measures["bone_contrast"] > settings.bone_contrast_max:
        reasons.append(f"the CT's bone is not dark on the MRI (ratio {measures['bone_contrast']:.2f})")
    return (FAILED if reasons else OK), join_reasons(*reasons)
