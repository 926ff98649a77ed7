"""Which lesion of a patient is the culprit, and why a lesion is none or cannot be judged."""

from __future__ import annotations

from typing import Any

import pandas as pd

from angiolith.core.settings.vessel_wall import CulpritSettings

CULPRIT, NON_CULPRIT, OTHER = "culprit", "non-culprit", "other"
VERDICTS = (CULPRIT, NON_CULPRIT, OTHER)
TERRITORY = {"BA": "posterior", "VA": "posterior", "PCA": "posterior"}
TERRITORY |= {"ICA": "anterior", "MCA": "anterior", "ACA": "anterior"}
SIDES = {"L": "left", "R": "right"}
NO_CRITERIA = CulpritSettings(culprit_stenosis_percent_min=None, ct_mri_days_max=None)


def judge_culprits(lesions: pd.DataFrame, criteria: CulpritSettings = NO_CRITERIA) -> pd.DataFrame:
    """Judge every lesion; columns culprit ("culprit", "non-culprit", "other", missing) and culprit_reason.

    criteria: section `vessel_wall.culprit`, the study's criteria; default: none.

    Rule of the vertebrobasilar study: in a symptomatic patient the only or the most stenotic lesion in the symptomatic
    territory is the culprit; in an asymptomatic patient that lesion is the non-culprit one; further lesions are
    "other". A reader's call is taken as it is. Lesions that miss a criterion take no part: missing, with the reason.
    Missing, too, where it cannot be decided: symptoms unknown, stenosis unknown beside others, a shared highest
    stenosis.

    Parameters
    ----------
    lesions : pd.DataFrame
        One row per lesion, columns subject, symptomatic (bool or 0/1; stroke or TIA within 4 weeks),
        stenosis_percent, and where there are: session, artery, side, interval_ct_mri_days,
        culprit_reader (a reader's own call), symptomatic_territory ("posterior", "anterior", "left
        anterior", ..., or an artery).
    criteria : CulpritSettings
        Section `vessel_wall.culprit`.

    Returns
    -------
    pd.DataFrame
        Columns `culprit` and `culprit_reason`, index of `lesions`.

    Raises
    ------
    ValueError
        If `symptomatic` differs among one subject's rows, or for a call that is no verdict.
    """
    result = pd.DataFrame({"culprit": pd.NA, "culprit_reason": pd.NA}, index=lesions.index, dtype="string")
    symptoms = lesions["symptomatic"].map(_as_bool)
    differing = symptoms.groupby(lesions["subject"]).nunique()
    if (differing > 1).any():
        raise ValueError(f"sub-{differing.idxmax()}: symptomatic is given as both true and false")
    result["culprit_reason"] = exclusion_reasons(lesions, criteria)
    called = lesions["culprit_reader"] if "culprit_reader" in lesions else pd.Series(pd.NA, index=lesions.index)
    wrong = sorted({str(call) for call in called.dropna()} - set(VERDICTS))
    if wrong:
        raise ValueError(f"culprit_reader: {wrong[0]!r} is no verdict; use {', '.join(VERDICTS)}")
    keys = ["subject", "session"] if "session" in lesions else ["subject"]
    for _, patient in lesions.groupby(keys, dropna=False):
        in_question = patient[result.loc[patient.index, "culprit_reason"].isna() & called[patient.index].isna()]
        if (called[patient.index] == CULPRIT).any():
            result.loc[in_question.index] = [OTHER, "a reader called another lesion the culprit"]
        elif len(in_question):
            verdicts = _of_patient(in_question, symptoms[in_question.index[0]])
            for index, verdict in verdicts.items():
                result.loc[index] = list(verdict)
    given = called.notna()
    result.loc[given, "culprit"] = called[given].astype("string")
    result.loc[given, "culprit_reason"] = "a reader's call"
    return result


def _of_patient(lesions: pd.DataFrame, symptomatic: bool | None) -> dict[Any, tuple[Any, Any]]:
    """Index -> (verdict, reason) for the lesions of one patient that take part."""
    if symptomatic is None or pd.isna(symptomatic):
        return dict.fromkeys(lesions.index, (pd.NA, "not known whether the patient is symptomatic"))
    verdicts: dict[Any, tuple[Any, Any]] = {}
    if symptomatic and "symptomatic_territory" in lesions:
        outside = lesions.apply(lambda row: not _within(row, row["symptomatic_territory"]), axis=1)
        verdicts |= dict.fromkeys(lesions.index[outside], (OTHER, "outside the symptomatic territory"))
        lesions = lesions[~outside]
    stenosis = pd.to_numeric(lesions["stenosis_percent"], errors="coerce")
    if len(lesions) > 1 and stenosis.isna().any():
        unknown = "one of several lesions, and not all of them have a stenosis"
        return verdicts | dict.fromkeys(lesions.index, (pd.NA, unknown))
    most = stenosis == stenosis.max() if len(lesions) > 1 else pd.Series(True, index=lesions.index)
    if most.sum() > 1:
        tie = f"{int(most.sum())} lesions share the highest stenosis: a reader's call is needed"
        return verdicts | dict.fromkeys(lesions.index, (pd.NA, tie))
    verdicts |= dict.fromkeys(lesions.index, (OTHER, "not the most stenotic lesion"))
    why = "the only lesion" if len(lesions) == 1 else "the most stenotic lesion"
    return verdicts | dict.fromkeys(lesions.index[most], (CULPRIT if symptomatic else NON_CULPRIT, why))


def _within(row: pd.Series, territory: object) -> bool:
    """Whether a lesion lies in a territory; an unknown territory or artery leaves it in."""
    if pd.isna(territory) or pd.isna(row.get("artery")):
        return True
    words = str(territory).replace("-", " ").split()
    side = SIDES.get(str(row.get("side")))
    for word in words:
        if word in SIDES.values():
            if side is not None and word != side:
                return False
        elif word not in (row["artery"], TERRITORY.get(str(row["artery"]))):
            return False
    return True


def exclusion_reasons(lesions: pd.DataFrame, criteria: CulpritSettings) -> pd.Series:
    """Why a lesion misses a criterion of the study, missing where it meets them; the index is that of `lesions`.

    Parameters
    ----------
    lesions : pd.DataFrame
        One row per lesion.
    criteria : CulpritSettings
        Section `vessel_wall.culprit`.

    Returns
    -------
    pd.Series
        Text per lesion, missing where it meets the criteria.
    """
    reasons = pd.Series(pd.NA, index=lesions.index, dtype="string")
    stenosis_min, days_max = criteria.culprit_stenosis_percent_min, criteria.ct_mri_days_max
    if stenosis_min is not None:
        stenosis = pd.to_numeric(lesions["stenosis_percent"], errors="coerce")
        for index in stenosis.index[stenosis < stenosis_min]:
            reasons[index] = f"stenosis {stenosis[index]:.1f} %, under {stenosis_min:g} %"
    if days_max is not None and "interval_ct_mri_days" in lesions:
        days = pd.to_numeric(lesions["interval_ct_mri_days"], errors="coerce").abs()
        for index in days.index[days > days_max]:
            reasons[index] = f"CT and MRI {days[index]:.0f} days apart, over {days_max:g}"
    return reasons


def _as_bool(value: object) -> bool | None:
    """True, False or None (missing) of a cell; raises ValueError for anything else."""
    if pd.isna(value):
        return None
    text = str(value).strip().lower()
    if text in ("1", "1.0", "true", "yes"):
        return True
    if text in ("0", "0.0", "false", "no"):
        return False
    raise ValueError(f"symptomatic: {value!r} is neither true nor false (use true/false, yes/no or 1/0)")
