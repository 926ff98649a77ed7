"""Which lesion of a patient is the culprit."""

from __future__ import annotations

import pandas as pd

CULPRIT, NON_CULPRIT, OTHER = "culprit", "non-culprit", "other"


def assign_culprit(lesions: pd.DataFrame) -> pd.Series:
    """Judge every lesion: "culprit", "non-culprit", "other" or missing; the index is that of `lesions`.

    lesions: one row per lesion, columns subject, symptomatic (bool or 0/1; stroke or TIA within 4 weeks),
    stenosis_percent, and where there are several sessions session. Rule of the vertebrobasilar study: in a symptomatic
    patient the only or the most stenotic lesion is the culprit; in an asymptomatic patient that lesion is the
    non-culprit one. A patient's further lesions are "other". Missing where it cannot be said: symptoms unknown, or
    several lesions of which some have no stenosis, or two share the highest. Raises ValueError if `symptomatic`
    differs among one subject's rows.
    """
    verdict = pd.Series(pd.NA, index=lesions.index, dtype="string", name="culprit")
    symptoms = lesions["symptomatic"].map(_as_bool)
    differing = symptoms.groupby(lesions["subject"]).nunique()
    if (differing > 1).any():
        raise ValueError(f"sub-{differing.idxmax()}: symptomatic is given as both true and false")
    keys = ["subject", "session"] if "session" in lesions else ["subject"]
    for _, patient in lesions.groupby(keys, dropna=False):
        symptomatic = symptoms[patient.index[0]]
        stenosis = pd.to_numeric(patient["stenosis_percent"], errors="coerce")
        if pd.isna(symptomatic) or (len(patient) > 1 and stenosis.isna().any()):
            continue
        most = stenosis == stenosis.max() if len(patient) > 1 else pd.Series(True, index=patient.index)
        if most.sum() > 1:
            continue
        verdict[patient.index] = OTHER
        verdict[most.index[most]] = CULPRIT if symptomatic else NON_CULPRIT
    return verdict


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
