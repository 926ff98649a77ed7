"""The artery region in the workflow: what it reads and makes."""

from __future__ import annotations

from angiolith.core.study import InputPaths, Session, Step


def mask_space(session: Session) -> str:
    """The image on whose grid (or in whose space) the session's artery mask lies.

    Parameters
    ----------
    session : Session
        The session.

    Returns
    -------
    str
        Column of the manifest.
    """
    return session.row.get("arteries_space") or "ct"


def _inputs(session: Session) -> InputPaths:
    space = mask_space(session)
    drawn_elsewhere = session.has("arteries") and space != "ct"
    return {
        "ct": session.image("ct"),
        "checks": session.checks,
        "registration": session.output("check_registration", "checks"),
        "mri": session.image(session.reference) if session.has_mri else [],
        "ct_to_reference": session.to_reference("ct"),
        "reference_to_template": session.made("register_mri_to_template", "to_template"),
        "atlas": session.study.resource("artery_atlas/centrelines.tsv"),  # control points in MNI152
        "mask": session.image("arteries"),
        "tool_weights": session.study.config.artery_tool.weights or [],  # a change of them makes the masks anew
        "mask_lookup": session.mask_lookup(),
        "mask_to_reference": session.to_reference(space) if drawn_elsewhere else [],
        "angio": session.image("angio"),
        "angio_to_reference": session.to_reference("angio"),
    }


STEPS = (
    Step(
        "map_arteries",
        outputs={
            "labels": "ct/space-ct_desc-arteries_dseg.nii.gz",
            "lookup": "ct/space-ct_desc-arteries_dseg.tsv",
            "centrelines": "ct/space-ct_desc-centrelines.tsv",
            "facts": "ct/desc-arteries.json",
        },
        runs_for=lambda session: session.has("ct"),
        session_inputs=_inputs,
    ),
)
