"""The tables of calcification: one row per lesion, per artery and side, and per patient."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage

from angiolith.arteries.centrelines import Centreline, box_affine
from angiolith.arteries.names import LABELS, MEASURED
from angiolith.calcification.certainty import CONFIRMED_SD_MM, IN_BONE
from angiolith.calcification.columns import ARTERIES, LESIONS
from angiolith.calcification.geometry import LesionGeometry, measure_geometry
from angiolith.calcification.scoring import (
    ABSENT,
    GROUPS,
    HIGHEST_GRADE,
    agatston_equivalent,
    kockelkoren,
    severity_group,
    spotty,
    woodcock_grades,
)
from angiolith.calcification.segment import artery_of
from angiolith.calcification.shape import shape_features
from angiolith.core.images import Image, moved
from angiolith.core.settings.calcification import (
    CalcificationGradeSettings,
    CalcificationMeasureSettings,
    SeveritySettings,
)
from angiolith.core.tables import FAILED, MISSING, OK, REVIEW, join_reasons
from angiolith.marks.verdicts import Verdict, counted, verdict_columns, waiting

# [%] The percentiles in the columns p10_hu and p90_hu. Source: definition.
DENSITY_PERCENTILES = (10, 90)
# [mm] Room about a lesion in which it is measured. Source: numerics.
CROP_MARGIN_MM = 5.0
# [1] An artery of which less lies in the field of view is marked. Source: choice.
COVERED_FRACTION_MIN = 0.8
LOWER_BOUND = (
    "the artery's place is not confirmed: calcium that is one with bone can be missed, the volume is a lower bound"
)


def measure_lesions(
    ct: Image,
    labels: np.ndarray,
    region: np.ndarray,
    lines: Mapping[tuple[str, str], Centreline],
    bone_contact: Mapping[int, float],
    hu_min: float,
    settings: CalcificationMeasureSettings,
    grades: CalcificationGradeSettings,
    slice_mm: float | None = None,
    verdicts: Mapping[int, Verdict] | None = None,
    names: Mapping[int, str] | None = None,
    evidence: Mapping[int, Mapping[str, Any]] | None = None,
    kvp_scale: float = 1.0,
) -> pd.DataFrame:
    """One row per lesion (columns.LESIONS without subject and session), in the order of their numbers.

    Density and volume are those of the mask; arc, length and thickness are taken at half maximum. What cannot be
    measured is NaN, and the reason says why; status is review where a person should look.

    Parameters
    ----------
    ct : Image
        The CT, HU.
    labels : np.ndarray
        Lesions (i, j, k).
    region : np.ndarray
        Artery labels (i, j, k).
    lines : Mapping[tuple[str, str], Centreline]
        (artery, side) -> centreline.
    bone_contact : Mapping[int, float]
        Lesion -> fraction of its voxels beside bone, 0 to 1.
    hu_min : float
        Threshold of calcium, HU.
    settings : CalcificationMeasureSettings
        Section `calcification.measure`.
    grades : CalcificationGradeSettings
        Section `calcification.grade`.
    slice_mm : float | None
        Thickness of the slices, mm; None for their step.
    verdicts : Mapping[int, Verdict] | None
        What is held of a lesion (sure and counted where none is given).
    names : Mapping[int, str] | None
        Lesion -> name of its mark.
    evidence : Mapping[int, Mapping[str, Any]] | None
        What the tool's verdict rests on, by column (certainty.Evidence).
    kvp_scale : float
        Factor of the thresholds at the CT's tube voltage.

    Returns
    -------
    pd.DataFrame
        One row per lesion.
    """
    margin = np.ceil(CROP_MARGIN_MM / ct.voxel_mm).astype(int)
    rows = []
    for label, found in enumerate(ndimage.find_objects(labels), start=1):
        if found is None:
            continue
        box = tuple(slice(max(0, s.start - m), s.stop + m) for s, m in zip(found, margin, strict=True))
        part, affine = ct.data[box], box_affine(ct.affine, box)
        lesion = labels[box] == label
        verdict = (verdicts or {}).get(label, Verdict())
        given = (evidence or {}).get(label, {})
        held = (str(given["artery"]), str(given["side"])) if {"artery", "side"} <= given.keys() else None
        name = verdict.artery or held or LABELS.get(artery_of(lesion, region[box]), ("", ""))
        row = _lesion_row(label, name, part, affine, lesion, lines, bone_contact, hu_min, settings, grades, slice_mm)
        row["agatston_equivalent"] = agatston_equivalent(part, lesion, affine, kvp_scale)
        rest = {key: value for key, value in given.items() if key not in row}
        rows.append(row | rest | verdict_columns(verdict, row) | {"mark": (names or {}).get(label)})
    return pd.DataFrame(rows, columns=list(LESIONS)[2:])


def _lesion_row(
    label: int,
    name: tuple[str, str],
    ct: np.ndarray,
    affine: np.ndarray,
    lesion: np.ndarray,
    lines: Mapping[tuple[str, str], Centreline],
    bone_contact: Mapping[int, float],
    hu_min: float,
    settings: CalcificationMeasureSettings,
    grades: CalcificationGradeSettings,
    slice_mm: float | None,
) -> dict[str, Any]:
    artery, side = name
    line = lines.get(name)
    geometry = measure_geometry(ct, affine, lesion, line, hu_min, settings, slice_mm) if line else LesionGeometry()
    hu = ct[lesion]
    centre = affine[:3, :3] @ np.argwhere(lesion).mean(axis=0) + affine[:3, 3]
    shape = shape_features(lesion, affine)
    points = grades.kockelkoren
    layer = geometry.width_mm >= points.layer_width_min * geometry.thickness_mm
    even = bool(geometry.filled_share >= points.filled_share_min and layer)
    score, pattern = kockelkoren(geometry.arc_deg, geometry.length_mm, geometry.thickness_mm, even, points)
    unsure_mm = 0.5 * float(np.linalg.norm(affine[:3, :3], axis=0).min())
    thick_known = np.isfinite(geometry.thickness_mm)
    thickness_uncertain = bool(abs(geometry.thickness_mm - points.thick_mm_min) < unsure_mm) if thick_known else None
    too_coarse = geometry.radius_voxels < settings.radius_voxels_min
    contact = float(bone_contact.get(label, 0.0))
    reasons = [
        "touches bone" if contact > 0 else None,
        _not_measured(geometry) if line else "no centreline of its artery: arc, length and thickness not measured",
        "calcium covers the lumen's centre: arc unreliable" if geometry.centre_covered else None,
    ]
    return {
        "lesion": label,
        "artery": artery,
        "side": side,
        "segment": line.segment[np.linalg.norm(line.points - centre, axis=1).argmin()] if line else "",
        "volume_mm3": shape["VoxelVolume"],
        "mean_hu": float(hu.mean()),
        "max_hu": float(hu.max()),
        "median_hu": float(np.median(hu)),
        "p10_hu": float(np.percentile(hu, DENSITY_PERCENTILES[0])),
        "p90_hu": float(np.percentile(hu, DENSITY_PERCENTILES[1])),
        "kockelkoren_score": score,
        "pattern": pattern,
        "spotty": spotty(geometry.length_mm, geometry.arc_deg, grades),
        "touches_bone": contact > 0,
        "bone_contact_share": contact,
        "arc_reliable": bool(np.isfinite(geometry.arc_deg)) and not (geometry.centre_covered or too_coarse),
        "thickness_uncertain": thickness_uncertain,
        "status": REVIEW if any(reasons) else OK,
        "reason": join_reasons(*reasons),
        **{axis: float(value) for axis, value in zip(("x_mm", "y_mm", "z_mm"), centre, strict=True)},
        **{name: value for name, value in asdict(geometry).items() if name in LESIONS},
        **shape,
    }


def _not_measured(geometry: LesionGeometry) -> str | None:
    """Why arc, thickness or both of a lesion on its artery are not known; None where both are."""
    arc, thickness = np.isfinite(geometry.arc_deg), np.isfinite(geometry.thickness_mm)
    if arc and thickness:
        return None
    if np.isnan(geometry.half_max_hu):
        return "smaller than the cross-sections show: arc and thickness not measured"
    if not arc and not thickness:
        return "no larger than the scanner's blur: arc and thickness not measured"
    if not arc:
        return "no wider than the scanner's blur: arc not measured"
    if np.isnan(geometry.thickness_fwhm_mm):
        return "no ray shows both of its sides: thickness not measured"
    return "no thicker than the scanner's blur: thickness not measured"


def measure_arteries(
    lesions: pd.DataFrame,
    lines: Mapping[tuple[str, str], Centreline],
    sources: Mapping[tuple[str, str], str],
    region: Image,
    settings: SeveritySettings,
    spoiled: Mapping[tuple[str, str], str] | None = None,
) -> pd.DataFrame:
    """One row per artery and side (columns.ARTERIES without subject and session), calcified or not.

    No lesion: volume 0, density NaN. An artery that was not looked at, because nothing shows where it is or it lies
    outside the field of view, is missing, and one that metal spoils is failed: NaN, never 0.

    Parameters
    ----------
    lesions : pd.DataFrame
        Table of `measure_lesions`.
    lines : Mapping[tuple[str, str], Centreline]
        (artery, side) -> centreline.
    sources : Mapping[tuple[str, str], str]
        (artery, side) -> where its region comes from.
    region : Image
        Artery labels.
    settings : SeveritySettings
        Section `severity`.
    spoiled : Mapping[tuple[str, str], str] | None
        (artery, side) -> why metal spoils it.

    Returns
    -------
    pd.DataFrame
        One row per artery and side.
    """
    names = [*MEASURED, *(name for name in sources if name not in MEASURED)]
    rows = []
    for name in names:
        row: dict[str, Any] = {"artery": name[0], "side": name[1], "artery_source": sources.get(name), "reason": ""}
        covered = _covered_share(lines[name], region) if name in lines else np.nan
        if name not in sources or covered == 0:
            reason = "outside the CT's field of view" if name in sources else "no artery region"
            rows.append(row | {"status": MISSING, "reason": reason})
            continue
        if spoiled and name in spoiled:
            rows.append(row | {"status": FAILED, "reason": spoiled[name], "covered_share": covered})
            continue
        own = lesions[(lesions["artery"] == name[0]) & (lesions["side"] == name[1])]
        row |= artery_measures(own, settings) | {"covered_share": covered, "status": OK}
        if covered < COVERED_FRACTION_MIN:
            row |= {"status": REVIEW, "reason": f"only {covered:.0%} of the artery lies in the CT's field of view"}
        elif (own["status"] == REVIEW).any():
            row |= {"status": REVIEW, "reason": join_reasons(*own.loc[own["status"] == REVIEW, "reason"])}
        if name in lines and along_bone_unconfirmed(lines[name]):
            row |= {"status": REVIEW, "reason": join_reasons(row["reason"], LOWER_BOUND)}
            row |= {"severity_at_least": row["severity_group"] != GROUPS[-1], "severity_group_max": GROUPS[-1]}
        rows.append(row)
    return pd.DataFrame(rows, columns=list(ARTERIES)[2:])


def along_bone_unconfirmed(line: Centreline) -> bool:
    """Whether an artery runs along bone and no mask, angiogram or MRI confirms where: calcium can be missed there.

    Parameters
    ----------
    line : Centreline
        The artery's centreline.

    Returns
    -------
    bool
        True where both hold.
    """
    return line.artery in IN_BONE and float(np.median(line.sd_mm)) > CONFIRMED_SD_MM


def artery_measures(lesions: pd.DataFrame, settings: SeveritySettings) -> dict[str, Any]:
    """Sums over an artery's counted lesions: volumes, density (mean over all voxels), scores; the pattern of the larger
    volume; and what the candidates could add. What a lesion without thickness or pattern could change is missing.

    Parameters
    ----------
    lesions : pd.DataFrame
        Table of `measure_lesions`.
    settings : SeveritySettings
        Section `severity`.

    Returns
    -------
    dict[str, Any]
        Column -> value.
    """
    candidates = waiting(lesions)
    possible = lesions[lesions["counted"].astype(bool) | lesions.index.isin(candidates.index)]
    at_most = _severities(possible, settings)[1]
    lesions = counted(lesions)
    volume = float(lesions["volume_mm3"].sum())
    lowest, highest = _severities(lesions, settings)
    grades = _woodcock(lesions, settings)
    return {
        "n_lesions": len(lesions),
        "volume_mm3": volume,
        "volume_half_max_mm3": float(lesions["volume_half_max_mm3"].sum(skipna=False)),
        "mean_hu": float((lesions["mean_hu"] * lesions["volume_mm3"]).sum() / volume) if volume else np.nan,
        "max_hu": float(lesions["max_hu"].max()) if len(lesions) else np.nan,
        "agatston_equivalent": float(lesions["agatston_equivalent"].sum()),
        "woodcock": grades[0] if grades[0] == grades[1] else np.nan,
        "pattern": ABSENT if lesions.empty else _pattern(lesions),
        "severity_group": lowest if lowest == highest else None,
        "n_candidates": len(candidates),
        "candidate_volume_mm3": float(candidates["volume_mm3"].sum()),
        "severity_at_least": at_most != lowest,
        "severity_group_max": at_most,
    }


def _woodcock(lesions: pd.DataFrame, settings: SeveritySettings) -> tuple[int, int]:
    """Lowest and highest Woodcock-like grade of an artery with these lesions."""
    return woodcock_grades(lesions["thickness_mm"].to_numpy(float), lesions["length_mm"].to_numpy(float), settings)


def _severities(lesions: pd.DataFrame, settings: SeveritySettings) -> tuple[str, str]:
    """Lowest and highest severity group of an artery with these lesions."""
    volume = float(lesions["volume_mm3"].sum())
    lowest, highest = (severity_group(grade, volume, settings) for grade in _woodcock(lesions, settings))
    return lowest, highest


def _pattern(lesions: pd.DataFrame) -> str | None:
    """The pattern of the larger volume; None where the lesions without one could turn it."""
    known = lesions.groupby("pattern")["volume_mm3"].sum().sort_values(ascending=False, kind="stable")
    unknown = float(lesions.loc[lesions["pattern"].isna(), "volume_mm3"].sum())
    if known.empty or known.iloc[0] < known.iloc[1:].sum() + unknown:
        return None
    return str(known.index[0])


def _covered_share(line: Centreline, region: Image) -> float:
    """Fraction of an artery's centreline that lies within the grid."""
    inverse = np.linalg.inv(region.affine)
    index = moved(inverse, line.points)
    return float(((index > -0.5) & (index < np.array(region.data.shape) - 0.5)).all(axis=1).mean())


def measure_patient(arteries: pd.DataFrame) -> dict[str, Any]:
    """The patient's row (columns.PATIENTS without subject and session): sums, and the group of the worst artery.

    Worst: the gravest group, then the larger volume. An artery that was not seen, or only in part, marks the row for
    review, and so does one whose grade is not known. Group and grade are missing where such an artery could be the
    worst. Without an artery that metal spoils there are no sums.

    Parameters
    ----------
    arteries : pd.DataFrame
        Table of `measure_arteries`.

    Returns
    -------
    dict[str, Any]
        Column -> value.
    """
    seen = arteries[arteries["volume_mm3"].notna()]
    names = [f"{row.side}-{row.artery}" if row.side != "M" else str(row.artery) for row in arteries.itertuples()]
    spoiled = [name for name, status in zip(names, arteries["status"], strict=True) if status == FAILED]
    of_metal = f"metal: calcium is not measured of {', '.join(spoiled)}, there are no sums" if spoiled else None
    if seen.empty:
        return {"status": FAILED, "reason": of_metal or "no artery lies in the CT's field of view"}
    worst = _worst_artery(seen.assign(name=pd.Series(names, arteries.index)), bool(spoiled))
    grades = seen["woodcock"]
    grade_known = (grades.notna().all() and not spoiled) or grades.max() == HIGHEST_GRADE
    sums = seen[["volume_mm3", "agatston_equivalent", "n_lesions"]].sum() if not spoiled else None
    unseen = [
        name
        for name, volume, covered in zip(names, arteries["volume_mm3"], arteries["covered_share"], strict=True)
        if (np.isnan(volume) or covered < COVERED_FRACTION_MIN) and name not in spoiled
    ]
    n_candidates, candidate_volume_mm3 = int(seen["n_candidates"].sum()), float(seen["candidate_volume_mm3"].sum())
    at_most = GROUPS[-1] if spoiled else max(seen["severity_group_max"], key=GROUPS.index)
    why = arteries["reason"].fillna("")
    touching = int(why.str.contains("touches bone").sum())
    unconfirmed = int(why.str.contains(LOWER_BOUND, regex=False).sum())
    reasons = [
        f"not, or only in part, in the field of view: {', '.join(unseen)}" if unseen else None,
        f"calcium touches bone on {touching} artery(ies)" if touching else None,
        f"the volume of {unconfirmed} artery(ies) along bone is a lower bound" if unconfirmed else None,
        f"candidates that wait for a reader: {n_candidates} ({candidate_volume_mm3:.1f} mm3)" if n_candidates else None,
        of_metal,
        None if worst is not None or spoiled else "a lesion's thickness is not measured: severity not known",
    ]
    return {
        "severity_group": None if worst is None else worst["severity_group"],
        "severity_grade": int(grades.max()) if grade_known else np.nan,
        "worst_artery": None if worst is None else worst["name"] if worst["volume_mm3"] > 0 else "",
        "total_volume_mm3": np.nan if sums is None else float(sums["volume_mm3"]),
        "agatston_equivalent": np.nan if sums is None else float(sums["agatston_equivalent"]),
        "n_lesions": np.nan if sums is None else int(sums["n_lesions"]),
        "n_candidates": n_candidates,
        "candidate_volume_mm3": candidate_volume_mm3,
        "severity_at_least": worst is None or at_most != worst["severity_group"],
        "severity_group_max": at_most,
        "status": REVIEW if any(reasons) else OK,
        "reason": join_reasons(*reasons),
    }


def _worst_artery(seen: pd.DataFrame, others: bool) -> pd.Series | None:
    """The row of the gravest group, then of the larger volume; None where an artery without a group could be it.

    others: there are arteries of which nothing is known.
    """
    is_known = seen["severity_group"].notna()
    known = seen[is_known].assign(rank=seen["severity_group"][is_known].map(GROUPS.index))
    could_be = len(GROUPS) - 1 if others else seen["severity_group_max"][~is_known].map(GROUPS.index).max()
    if (others or len(known) < len(seen)) and not known["rank"].max() >= could_be:
        return None
    return known.sort_values(["rank", "volume_mm3"]).iloc[-1]


def spoiled_rows(spoiled: Mapping[tuple[str, str], str]) -> pd.DataFrame:
    """A row without a lesion for each artery that metal spoils: none was found there, and none can be ruled out.

    Parameters
    ----------
    spoiled : Mapping[tuple[str, str], str]
        (artery, side) -> why metal spoils it.

    Returns
    -------
    pd.DataFrame
        One row per artery.
    """
    rows = [
        {"artery": name[0], "side": name[1], "status": FAILED, "reason": reason} for name, reason in spoiled.items()
    ]
    return pd.DataFrame(rows, columns=list(LESIONS)[2:])


def labelled(table: pd.DataFrame, subject: str, session: str, columns: Iterable[str]) -> pd.DataFrame:
    """The table with its subject and session in front, all columns in the contract's order.

    Parameters
    ----------
    table : pd.DataFrame
        Any table.
    subject, session : str
        Labels.
    columns : Iterable[str]
        Columns in their order.

    Returns
    -------
    pd.DataFrame
        The table.
    """
    return table.assign(subject=subject, session=session).reindex(columns=list(columns))


def refused(subject: str, session: str, status: str, reason: str, columns: Iterable[str]) -> pd.DataFrame:
    """The one row that a session gets whose CT could not be measured: all measures missing, status and reason.

    Parameters
    ----------
    subject, session : str
        Labels.
    status : str
        Status of the row.
    reason : str
        Reason for the status.
    columns : Iterable[str]
        Columns in their order.

    Returns
    -------
    pd.DataFrame
        One row.
    """
    row = {"subject": subject, "session": session, "status": status, "reason": reason}
    return pd.DataFrame([row], columns=list(columns))
