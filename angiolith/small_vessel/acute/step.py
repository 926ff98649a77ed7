"""Acute lesions on DWI in the workflow: what they read and make, and what others read of them."""

from __future__ import annotations

from angiolith.core.study import InputPaths, Session, Step

RULE = "detect_acute"


def _inputs(session: Session) -> InputPaths:
    flair = {"FLAIR": session.image("FLAIR"), **session.on_reference("FLAIR")} if session.image("lesion") else {}
    return {
        "dwi": session.image("dwi"),
        "bval": session.b_values(),
        "adc": session.image("adc"),
        "checks": session.checks,
        "lesion": session.image("lesion"),
        **flair,
        **session.on_reference("dwi"),
        **session.from_template(),
        "to_template": session.made("register_mri_to_template", "to_template"),
        "brain_tissues": session.made("register_mri_to_template", "tissues"),
    }


def acute_lesions(session: Session) -> InputPaths:
    """What others read of a session's acute lesions; nothing where there is no DWI, or where a reader's mask decides.

    Parameters
    ----------
    session : Session
        The session.

    Returns
    -------
    dict of str to paths
        `acute`, the label map, and the DWI's transform.
    """
    if session.image("lesion") or not session.study.steps[RULE].runs_for(session):
        return {}
    return {"acute": session.made(RULE, "labels"), **session.on_reference("dwi")}


STEPS = (
    Step(
        RULE,
        outputs={
            "table": "dwi/desc-acute_lesions.tsv",
            "labels": "dwi/desc-acute_dseg.nii.gz",
            "facts": "dwi/desc-acute.json",
            "metrics": "dwi/desc-acute_metrics.tsv",
        },
        runs_for=lambda session: session.has("dwi") and session.has_mri,
        session_inputs=_inputs,
        measures={"acute": "metrics"},
    ),
)
