"""The calcification of one session: lesions found in its CT and artery map, and the tables measured from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from angiolith.arteries.centrelines import from_table
from angiolith.arteries.names import LABELS
from angiolith.calcification.columns import ARTERIES, LESIONS, PATIENTS
from angiolith.calcification.measure import labelled, measure_arteries, measure_lesions, measure_patient, refused
from angiolith.calcification.scoring import slice_step_mm
from angiolith.calcification.segment import find_lesions
from angiolith.calcification.verdicts import CANDIDATE, SURE, tool_verdicts
from angiolith.core.images import Image, read_ct, read_image, require_same_grid
from angiolith.core.inputs import Inputs
from angiolith.core.settings.calcification import (
    CalcificationGradeSettings,
    CalcificationMeasureSettings,
    CalcificationSegmentSettings,
    CalciumThresholdSettings,
    SeveritySettings,
)
from angiolith.core.tables import FAILED, OK, REVIEW, join_reasons, read_json, read_tsv, was_made


def segment_session(
    given: Inputs, threshold: CalciumThresholdSettings, settings: CalcificationSegmentSettings, wall_margin_mm: float
) -> tuple[Image | None, dict[str, Any]]:
    """Label map of the lesions on the CT's grid (None if not made), and the facts about it."""
    arteries, ct_check = read_json(given["arteries_facts"]), read_json(given["checks"])["images"]["ct"]
    facts = {"status": FAILED, "reason": arteries["reason"], "hu_min": threshold.hu_min, "lesions": {}}
    if not was_made(given["arteries"]):
        return None, facts
    ct, region = read_ct(given["ct"]), read_image(given["arteries"])
    require_same_grid(ct, region, "CT and artery map")
    lines = from_table(read_tsv(given["centrelines"]))
    found = find_lesions(
        ct,
        region.data.astype(np.uint8),
        list(lines.values()),
        np.nan if arteries["lumen_hu"] is None else arteries["lumen_hu"],
        threshold,
        settings,
        wall_margin_mm,
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
        return None, facts
    notes = [*found.findings, arteries["reason"], ct_check["reason"] if ct_check["status"] == REVIEW else None]
    facts |= {
        "status": REVIEW if found.findings or REVIEW in (arteries["status"], ct_check["status"]) else OK,
        "reason": join_reasons(*notes),
        "n_lesions": len(found.touches_bone),
        "lesions": {
            str(label): {
                "bone_contact_share": round(share, 4),
                "certainty": CANDIDATE if label in found.doubts else SURE,
                "doubt": found.doubts.get(label),
            }
            for label, share in found.touches_bone.items()
        },
        "left_out": [piece | {"artery": "-".join(LABELS[piece["artery"]])} for piece in found.left_out],
    }
    return ct.with_data(found.labels), facts


@dataclass(frozen=True)
class CalcificationTables:
    """One table per lesion, per artery and side, and per patient."""

    lesions: pd.DataFrame
    arteries: pd.DataFrame
    patient: pd.DataFrame


def measure_session(
    given: Inputs,
    subject: str,
    session: str,
    settings: CalcificationMeasureSettings,
    grades: CalcificationGradeSettings,
    severity: SeveritySettings,
) -> CalcificationTables:
    """The tables of a session; of one whose lesions could not be found, rows that say why."""
    facts = read_json(given["facts"])
    if not was_made(given["lesions"]):
        rows = (refused(subject, session, facts["status"], facts["reason"], of) for of in (LESIONS, ARTERIES, PATIENTS))
        return CalcificationTables(*rows)
    ct, region, labels = read_ct(given["ct"]), read_image(given["region"]), read_image(given["lesions"])
    require_same_grid(ct, region, "CT and artery map")
    require_same_grid(ct, labels, "CT and calcification map")
    lines = from_table(read_tsv(given["centrelines"]))
    sources = {(row.artery, row.side): row.source for row in read_tsv(given["lookup"]).itertuples()}
    contact = {int(label): fact["bone_contact_share"] for label, fact in facts["lesions"].items()}
    doubts = {int(label): fact["doubt"] for label, fact in facts["lesions"].items() if fact["certainty"] == CANDIDATE}
    region = region.with_data(region.data.astype(np.uint8))
    lesions = measure_lesions(
        ct,
        labels.data.astype(np.uint16),
        region.data,
        lines,
        contact,
        facts["hu_min"],  # the threshold that was really used
        settings,
        grades,
        facts["slice_thickness_mm"],
        tool_verdicts(doubts),
    )
    arteries = measure_arteries(lesions, lines, sources, region, severity)
    patient = measure_patient(arteries)
    if facts["status"] == REVIEW and patient["status"] == OK:
        patient["status"] = REVIEW
    patient["reason"] = join_reasons(facts["reason"], patient["reason"])
    return CalcificationTables(
        labelled(lesions, subject, session, LESIONS),
        labelled(arteries, subject, session, ARTERIES),
        labelled(pd.DataFrame([patient]), subject, session, PATIENTS),
    )
