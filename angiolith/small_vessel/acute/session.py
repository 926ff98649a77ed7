"""The acute lesions of one session: its DWI and ADC, the lesions on the DWI's grid, what a reader's mask decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import SimpleITK as sitk

from angiolith.brain.segment import TISSUES
from angiolith.core.images import Image, ImageError, map_points, read_image, read_transform, resample
from angiolith.core.inputs import Inputs, refusal
from angiolith.core.series import read_series
from angiolith.core.settings.acute import AcuteClassifySettings, AcuteDetectSettings
from angiolith.core.tables import FAILED, OK, REVIEW, join_reasons, read_json, was_made
from angiolith.marks.verdicts import CANDIDATE, EXCLUDED, SURE
from angiolith.small_vessel.acute.detect import (
    COLUMNS,
    INFARCTS,
    SMALL,
    Acute,
    AcuteError,
    Places,
    detect_acute,
)
from angiolith.small_vessel.acute.diffusion import Diffusion, DiffusionError, diffusion_of, in_mm2_s, read_b_values
from angiolith.small_vessel.session import NotMeasured, between, read_checked, read_user_mask, to_reference
from angiolith.small_vessel.spots import PLACE

READER = "reader"
# [1] A lesion of which this fraction lies in a reader's lesion mask is confirmed. Source: choice.
CONFIRMED_FRACTION_MIN = 0.3


@dataclass(frozen=True)
class SessionAcute:
    """Table of lesions (points in the reference's space), label map on the DWI's grid (None if nothing was measured),
    facts, and the session's row for the cohort."""

    table: pd.DataFrame
    labels: Image | None
    facts: dict[str, Any]
    row: dict[str, Any]


def acute_of(given: Inputs, settings: AcuteDetectSettings, classes: AcuteClassifySettings) -> SessionAcute:
    """Find and classify the acute lesions of a session.

    Parameters
    ----------
    given : Inputs
        Paths of the DWI, its b-values, the ADC map, the tissues, the transforms, and a reader's lesion mask.
    settings : AcuteDetectSettings
        Section `acute.detect`.
    classes : AcuteClassifySettings
        Section `acute.classify`.

    Returns
    -------
    SessionAcute
        What was found. Where the images cannot be used, there is no count but the reason.
    """
    try:
        diffusion = read_diffusion(given, settings)
        transform = to_reference(given, "dwi")
        tissues = tissues_on(given, diffusion.dwi, transform)
        known = in_mm2_s(diffusion.adc, np.isin(tissues, PLAIN), tissues == TISSUES["ventricles"])
        found = detect_acute(diffusion.dwi, known[0], tissues, places_of(given, transform), settings, classes)
        drawn = lesion_on_dwi(given, diffusion.dwi)
    except NotMeasured as problem:
        return _nothing(problem.status, problem.reason)
    except (AcuteError, DiffusionError) as problem:
        return _nothing(FAILED, str(problem))
    table = found.table if drawn is None else decided(found, drawn)
    if len(table):
        table[PLACE] = map_points(transform, table[PLACE].to_numpy(float))
    facts = {
        "b_s_mm2": None if diffusion.b_s_mm2 is None else round(diffusion.b_s_mm2, 1),
        "adc_source": "computed" if diffusion.computed else "given",
        "adc_unit_mm2_s": known[1],
        **found.facts,
        "reader": drawn is not None,
    }
    row = session_row(table, drawn is not None)
    labels = found.labels if drawn is None else labels_of(found, table)
    return SessionAcute(table, diffusion.dwi.with_data(labels), row | facts, row)


PLAIN = [TISSUES["grey"], TISSUES["white"]]


def _nothing(status: str, reason: str) -> SessionAcute:
    row = dict.fromkeys(MEASURES) | {"status": status, "reason": reason}
    return SessionAcute(pd.DataFrame(columns=list(COLUMNS)), None, dict(row), row)


def read_diffusion(given: Inputs, settings: AcuteDetectSettings) -> Diffusion:
    """The session's DWI and ADC.

    Parameters
    ----------
    given : Inputs
        `dwi`, `bval`, `adc` and `checks`.
    settings : AcuteDetectSettings
        Section `acute.detect`.

    Returns
    -------
    Diffusion
        DWI and ADC on one grid.

    Raises
    ------
    NotMeasured
        For images that cannot be read or failed their check.
    DiffusionError
        For images that cannot be measured.
    """
    if reason := refusal(read_json(given["checks"]), "dwi", "adc"):
        raise NotMeasured(FAILED, reason)
    try:
        volumes = read_series(given["dwi"])
        adc = read_image(given["adc"]) if given.get("adc") else None
    except ImageError as error:
        raise NotMeasured(FAILED, str(error)) from error
    b_values = read_b_values(given["bval"], len(volumes)) if given.get("bval") else None
    return diffusion_of(volumes, b_values, adc, settings.b_s_mm2_min)


def tissues_on(given: Inputs, dwi: Image, transform: sitk.Transform) -> np.ndarray:
    """The map of the brain's tissues on the DWI's grid.

    Parameters
    ----------
    given : Inputs
        `brain_tissues` and `template_facts`.
    dwi : Image
        Its grid is taken.
    transform : sitk.Transform
        From points of the DWI to points of the reference.

    Returns
    -------
    ndarray of uint8, shape of the DWI

    Raises
    ------
    NotMeasured
        Where no brain was found, or the DWI shows none of it.
    """
    if not was_made(given["brain_tissues"]):
        raise NotMeasured(FAILED, f"registration to the template: {read_json(given['template_facts'])['reason']}")
    tissues = resample(read_image(given["brain_tissues"]), dwi, transform, interpolation="nearest").data
    if not tissues.any():
        raise NotMeasured(FAILED, "the brain lies outside of the DWI: the registration put it elsewhere")
    return np.asarray(np.round(tissues), np.uint8)


def places_of(given: Inputs, transform: sitk.Transform) -> Places:
    """How a point of the DWI gets to the template, and to its mirrored place by way of the template.

    Parameters
    ----------
    given : Inputs
        `from_template` and `to_template`, the fields between the reference and the template.
    transform : sitk.Transform
        From points of the DWI to points of the reference.

    Returns
    -------
    Places
        Functions of points (n, 3), RAS mm.

    Raises
    ------
    NotMeasured
        Where the reference was not registered to the template.
    """
    if not was_made(given["from_template"]):
        raise NotMeasured(FAILED, f"registration to the template: {read_json(given['template_facts'])['reason']}")
    onto, back = read_transform(given["from_template"]), read_transform(given["to_template"])
    home = transform.GetInverse()

    def in_template(points: np.ndarray) -> np.ndarray:
        return map_points(onto, map_points(transform, points))

    def mirrored(points: np.ndarray) -> np.ndarray:
        return map_points(home, map_points(back, in_template(points) * (-1.0, 1.0, 1.0)))

    return Places(in_template, mirrored)


def lesion_on_dwi(given: Inputs, dwi: Image) -> np.ndarray | None:
    """The lesion mask that a reader drew on the FLAIR, on the DWI's grid; None where there is none.

    Parameters
    ----------
    given : Inputs
        `lesion`, `FLAIR` and its transform.
    dwi : Image
        Its grid is taken.

    Returns
    -------
    ndarray of bool, shape of the DWI, or None
    """
    if not given.get("lesion"):
        return None
    flair = read_checked(given, "FLAIR")
    drawn = flair.with_data(read_user_mask(given["lesion"], flair, "lesion mask").astype(np.float32))
    return np.asarray(resample(drawn, dwi, between(given, "dwi", "FLAIR"), interpolation="nearest").data > 0)


def decided(found: Acute, drawn: np.ndarray) -> pd.DataFrame:
    """The table after a reader's lesion mask: what lies in it is sure, the rest is excluded.

    Parameters
    ----------
    found : Acute
        The lesions.
    drawn : ndarray of bool, shape of the DWI
        The reader's mask.

    Returns
    -------
    DataFrame
        The same rows, decided.
    """
    table = found.table.copy()
    for row, voxels in enumerate(found.lesions):
        inside = drawn[tuple(voxels.T)].mean() >= CONFIRMED_FRACTION_MIN
        why = "in a reader's lesion mask" if inside else "a reader's lesion mask leaves it out"
        values = (bool(inside), SURE if inside else EXCLUDED, READER, OK, why)
        table.loc[row, ["counted", "certainty", "decided_by", "status", "reason"]] = values
    return table


def labels_of(found: Acute, table: pd.DataFrame) -> np.ndarray:
    """The label map of the lesions that a reader's mask confirmed, possible artefacts among them.

    Parameters
    ----------
    found : Acute
        The lesions.
    table : DataFrame
        Their rows after `decided`.

    Returns
    -------
    ndarray of int32, shape of the DWI
    """
    labels = np.zeros_like(found.labels)
    for number, voxels, counted in zip(table["acute_lesion"], found.lesions, table["counted"], strict=True):
        if counted:
            labels[tuple(voxels.T)] = number
    return labels


MEASURES = (
    *("n_acute_infarcts", "n_recent_small_subcortical_infarcts", "acute_infarct_volume_cm3"),
    *("n_acute_candidates", "acute_candidate_volume_cm3"),
)


def session_row(table: pd.DataFrame, by_reader: bool) -> dict[str, Any]:
    """The session's row: what a reader confirmed, and what waits for one.

    Infarcts are counted where a reader decided, and where there is no candidate; else their number is not known.

    Parameters
    ----------
    table : DataFrame
        Rows of the lesions.
    by_reader : bool
        Whether a reader's lesion mask is there.

    Returns
    -------
    dict
        MEASURES, status and reason.
    """
    waiting = table[(table["certainty"] == CANDIDATE) & table["kind"].isin(INFARCTS)]
    doubtful = int(((table["certainty"] == CANDIDATE) & ~table["kind"].isin(INFARCTS)).sum())
    sure = table[table["certainty"] == SURE]
    known = by_reader or not len(table)
    counts = {
        "n_acute_infarcts": len(sure) if known else None,
        "n_recent_small_subcortical_infarcts": int((sure["kind"] == SMALL).sum()) if known else None,
        "acute_infarct_volume_cm3": round(float(sure["volume_mm3"].sum()) / 1000, 3) if known else None,
        "n_acute_candidates": len(waiting),
        "acute_candidate_volume_cm3": round(float(waiting["volume_mm3"].sum()) / 1000, 3),
    }
    kinds = ", ".join(f"{count} {kind}" for kind, count in waiting["kind"].value_counts(sort=False).items())
    reason = join_reasons(
        f"{len(waiting)} acute lesions wait for a reader ({kinds})" if len(waiting) else None,
        f"{doubtful} possible artefacts" if doubtful else None,
    )
    return counts | {"status": REVIEW if reason else OK, "reason": reason}
