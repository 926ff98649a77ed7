"""Segment the calcification of the arteries on the native CT grid."""

from typing import Any

import numpy as np

from angiolith.arteries.centrelines import from_table
from angiolith.arteries.names import LABELS
from angiolith.calcification.scoring import slice_step_mm
from angiolith.calcification.segment import find_lesions
from angiolith.core.images import read_ct, read_image, require_same_grid, write_image
from angiolith.core.settings.arteries import ArteryRegionSettings
from angiolith.core.settings.calcification import CalcificationSegmentSettings, CalciumThresholdSettings
from angiolith.core.settings.section import step_settings
from angiolith.core.tables import (
    FAILED,
    OK,
    REVIEW,
    join_reasons,
    read_json,
    read_tsv,
    was_made,
    write_json,
    write_not_made,
)
from angiolith.runtime.job import run


def main(snakemake: Any) -> None:
    threshold = step_settings(snakemake.params.settings, CalciumThresholdSettings)
    arteries, ct_check = read_json(snakemake.input.arteries_facts), read_json(snakemake.input.checks)["images"]["ct"]
    facts = {
        "status": FAILED,
        "reason": arteries["reason"],
        "hu_min": threshold.hu_min,
        "lesions": {},
    }
    if not was_made(snakemake.input.arteries):
        write_not_made(snakemake.output.lesions)
        write_json(facts, snakemake.output.facts)
        return
    ct, region = read_ct(snakemake.input.ct), read_image(snakemake.input.arteries)
    require_same_grid(ct, region, "CT and artery map")
    lines = from_table(read_tsv(snakemake.input.centrelines))
    found = find_lesions(
        ct,
        region.data.astype(np.uint8),
        list(lines.values()),
        np.nan if arteries["lumen_hu"] is None else arteries["lumen_hu"],
        threshold,
        step_settings(snakemake.params.settings, CalcificationSegmentSettings),
        step_settings(snakemake.params.settings, ArteryRegionSettings).wall_margin_mm,
    )
    facts |= {
        "hu_min": found.hu_min,
        "lumen_hu": arteries["lumen_hu"],
        "contrast_enhanced": found.contrast_enhanced,
        "slice_step_mm": round(slice_step_mm(ct.affine), 4),
        "slice_thickness_mm": ct_check.get("slice_thickness_mm"),
        "voxel_mm": [round(float(v), 4) for v in ct.voxel_mm],
        "reason": found.reason,
    }
    if found.reason:
        write_not_made(snakemake.output.lesions)
        write_json(facts, snakemake.output.facts)
        return
    write_image(found.labels, ct.affine, snakemake.output.lesions)
    notes = [*found.findings, arteries["reason"], ct_check["reason"] if ct_check["status"] == REVIEW else None]
    facts |= {
        "status": REVIEW if found.findings or REVIEW in (arteries["status"], ct_check["status"]) else OK,
        "reason": join_reasons(*notes),
        "n_lesions": len(found.touches_bone),
        "lesions": {str(label): {"bone_contact_share": round(share, 4)} for label, share in found.touches_bone.items()},
        "left_out": [piece | {"artery": "-".join(LABELS[piece["artery"]])} for piece in found.left_out],
    }
    write_json(facts, snakemake.output.facts)


if __name__ == "__main__":
    run(main, snakemake)
