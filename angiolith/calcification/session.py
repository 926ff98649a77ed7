"""The calcification of one session: lesions found in its CT and artery map, and the tables measured from them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from angiolith.arteries.centrelines import from_table
from angiolith.arteries.density import noise_warning
from angiolith.arteries.names import LABELS, parse_name
from angiolith.calcification.columns import ARTERIES, LESIONS, PATIENTS
from angiolith.calcification.measure import (
    labelled,
    measure_arteries,
    measure_lesions,
    measure_patient,
    refused,
    spoiled_rows,
)
from angiolith.calcification.metal import find_metal, spoiled_arteries, without_spoiled
from angiolith.calcification.scoring import slice_step_mm
from angiolith.calcification.segment import find_lesions
from angiolith.calcification.tube_voltage import kvp_scale
from angiolith.core.images import Image, read_ct, read_image, require_same_grid
from angiolith.core.inputs import Inputs
from angiolith.core.settings.calcification import (
    CalcificationGradeSettings,
    CalcificationMeasureSettings,
    CalcificationSegmentSettings,
    CalciumThresholdSettings,
    SeveritySettings,
)
from angiolith.core.settings.section import Count
from angiolith.core.tables import FAILED, OK, REVIEW, join_reasons, read_json, read_tsv, was_made
from angiolith.marks.decisions import Decision
from angiolith.marks.drawings import read_drawings
from angiolith.marks.found import with_found
from angiolith.marks.kinds import CALCIFICATION
from angiolith.marks.verdicts import CANDIDATE, SURE, Decided, UndecidableError, decide


def segment_session(
    given: Inputs, threshold: CalciumThresholdSettings, settings: CalcificationSegmentSettings, wall_margin_mm: float
) -> tuple[Image | None, dict[str, Any]]:
    """Label map of the lesions on the CT's grid (None if not made), and the facts about it.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    threshold : CalciumThresholdSettings
        Section `calcification.threshold`.
    settings : CalcificationSegmentSettings
        Section `calcification.segment`.
    wall_margin_mm : float
        Reach of calcium beyond the lumen, mm.

    Returns
    -------
    tuple[Image | None, dict[str, Any]]
        The label map (None where it was not made), and the facts.
    """
    arteries, ct_check = read_json(given["arteries_facts"]), read_json(given["checks"])["images"]["ct"]
    scale, kvp_note = kvp_scale(ct_check.get("kvp"), threshold)
    threshold = threshold.model_copy(update={"hu_min": scale * threshold.hu_min})
    facts = {"status": FAILED, "reason": arteries["reason"], "hu_min": threshold.hu_min, "lesions": {}}
    facts |= {"kvp": ct_check.get("kvp"), "kvp_scale": scale}
    if not was_made(given["arteries"]):
        return None, facts
    ct, region = read_ct(given["ct"]), read_image(given["arteries"])
    require_same_grid(ct, region, "CT and artery map")
    lines = from_table(read_tsv(given["centrelines"]))
    lumen_hu, noise_hu = (np.nan if arteries.get(name) is None else arteries[name] for name in ("lumen_hu", "noise_hu"))
    noise = noise_warning(lumen_hu, noise_hu, threshold, ct_check.get("convolution_kernel"))
    facts |= {"lumen_hu": arteries["lumen_hu"], "noise_hu": arteries.get("noise_hu")}
    if noise and noise.forbids:
        return None, facts | {"reason": noise.text}
    found = find_lesions(
        ct,
        region.data.astype(np.uint8),
        list(lines.values()),
        lumen_hu,
        threshold,
        settings,
        wall_margin_mm,
        bool(ct_check.get("sharp_kernel")),
    )
    metal = find_metal(ct)
    found = without_spoiled(found, ct, metal)
    spoiled = spoiled_arteries(metal, lines, ct.affine) if metal else {}
    facts |= {
        "spoiled": {"-".join(name): reason for name, reason in spoiled.items()},
        "hu_min": found.hu_min,
        "contrast_enhanced": found.contrast_enhanced,
        "slice_step_mm": round(slice_step_mm(ct.affine), 4),
        "slice_thickness_mm": ct_check.get("slice_thickness_mm"),
        "voxel_mm": [round(float(v), 4) for v in ct.voxel_mm],
        "reason": found.reason,
    }
    if found.reason:
        return None, facts
    if noise:
        found.findings.append(noise.text)
    notes = [
        *found.findings,
        kvp_note,
        arteries["reason"],
        ct_check["reason"] if ct_check["status"] == REVIEW else None,
    ]
    facts |= {
        "status": REVIEW if found.findings or REVIEW in (arteries["status"], ct_check["status"]) else OK,
        "reason": join_reasons(*notes),
        "n_lesions": len(found.touches_bone),
        "lesions": {
            str(label): {
                "bone_contact_share": round(fraction, 4),
                "certainty": CANDIDATE if label in found.doubts else SURE,
                "doubt": found.doubts.get(label),
                "evidence": {
                    name: None if isinstance(value, float) and not np.isfinite(value) else value
                    for name, value in asdict(found.evidence[label]).items()
                },
            }
            for label, fraction in found.touches_bone.items()
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
    count: Count = "sure",
    decisions: Sequence[Decision] = (),
) -> tuple[CalcificationTables, Image | None]:
    """The tables of a session and the label map of their marks; decisions: those of readers on them.

    Of a session whose lesions could not be found, rows that say why, and no map. Where decisions do not fit the marks
    the session is failed: its marks are listed, none is counted.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    subject, session : str
        Labels.
    settings : CalcificationMeasureSettings
        Section `calcification.measure`.
    grades : CalcificationGradeSettings
        Section `calcification.grade`.
    severity : SeveritySettings
        Section `severity`.
    count : Count
        Which marks count: `sure`, `confirmed` or `all`.
    decisions : Sequence[Decision]
        Readers' decisions on this session.

    Returns
    -------
    tuple[CalcificationTables, Image | None]
        The tables, and the label map of their marks (None where there is none).
    """
    facts = read_json(given["facts"])
    if not was_made(given["lesions"]):
        rows = (refused(subject, session, facts["status"], facts["reason"], of) for of in (LESIONS, ARTERIES, PATIENTS))
        return CalcificationTables(*rows), None
    ct, region, labels = read_ct(given["ct"]), read_image(given["region"]), read_image(given["lesions"])
    require_same_grid(ct, region, "CT and artery map")
    require_same_grid(ct, labels, "CT and calcification map")
    lines = from_table(read_tsv(given["centrelines"]))
    sources = {(row.artery, row.side): row.source for row in read_tsv(given["lookup"]).itertuples()}
    contact = {int(label): fact["bone_contact_share"] for label, fact in facts["lesions"].items()}
    doubts = {int(label): fact["doubt"] for label, fact in facts["lesions"].items() if fact["certainty"] == CANDIDATE}
    region = region.with_data(region.data.astype(np.uint8))
    dense = ct.data >= facts["hu_min"]  # the threshold that was really used
    marks, problem = labels.data.astype(np.uint16), ""
    try:
        require_known_arteries(decisions, sources)
        decided = decide(marks, dense, doubts, decisions, read_drawings(given.get("drawings") or [], labels), count)
    except UndecidableError as error:
        decided, problem = decide(marks, dense, doubts, (), {}, count), f"decisions do not fit: {error}"

    def measured(of: Decided) -> pd.DataFrame:
        return measure_lesions(
            ct,
            of.labels,
            region.data,
            lines,
            contact,
            facts["hu_min"],
            settings,
            grades,
            facts["slice_thickness_mm"],
            of.verdicts,
            of.names,
            {int(label): fact["evidence"] for label, fact in facts["lesions"].items()},
            facts["kvp_scale"],
        )

    lesions = measured(decided)
    is_decided = bool(decisions) and not problem
    before = measured(decide(marks, dense, doubts, (), {}, count)) if is_decided else lesions
    lesions = with_found(lesions, before, CALCIFICATION.number)
    if problem:
        lesions = lesions.assign(counted=False, status=FAILED, reason=problem)
        tables = (refused(subject, session, FAILED, problem, of) for of in (ARTERIES, PATIENTS))
        return CalcificationTables(labelled(lesions, subject, session, LESIONS), *tables), ct.with_data(decided.labels)
    names = {"-".join(name): name for name in lines}
    spoiled = {names[name]: why for name, why in facts["spoiled"].items()}
    arteries = measure_arteries(lesions, lines, sources, region, severity, spoiled)
    if spoiled:
        lesions = pd.concat([lesions, spoiled_rows(spoiled)], ignore_index=True)
    patient = measure_patient(arteries)
    if facts["status"] == REVIEW and patient["status"] == OK:
        patient["status"] = REVIEW
    patient["reason"] = join_reasons(facts["reason"], patient["reason"])
    found = CalcificationTables(
        labelled(lesions, subject, session, LESIONS),
        labelled(arteries, subject, session, ARTERIES),
        labelled(pd.DataFrame([patient | {"count_rule": count}]), subject, session, PATIENTS),
    )
    return found, ct.with_data(decided.labels)


def require_known_arteries(decisions: Sequence[Decision], sources: Collection[tuple[str, str]]) -> None:
    """Raise UndecidableError for a decision on an artery that the session's artery map does not have: its calcium is
    not measured.

    Parameters
    ----------
    decisions : Sequence[Decision]
        Readers' decisions on this session.
    sources : Collection[tuple[str, str]]
        (artery, side) of the session's artery map.

    Raises
    ------
    UndecidableError
        For an artery that the session's artery map does not have.
    """
    for row in decisions:
        if row["artery"] and parse_name(row["artery"]) not in sources:
            raise UndecidableError(
                f"{row['reader']}: the session's artery map has no {row['artery']}; give a mask of it"
            )
