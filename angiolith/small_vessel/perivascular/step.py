"""Perivascular spaces in the workflow: what they read and make, and what is behind their numbers."""

from __future__ import annotations

from angiolith.core.study import InputPaths, Session, Step
from angiolith.marks.kinds import LACUNE, PERIVASCULAR, spots_of

IMAGES = ("T2w", "T1w")


def _inputs(session: Session) -> InputPaths:
    return {
        **{name: session.image(name) for name in IMAGES},
        "checks": session.checks,
        "brain_tissues": session.made("register_mri_to_template", "tissues"),
        **session.on_reference(*IMAGES, "FLAIR"),
        "wmh": session.made("segment_wmh", "mask"),
        "tissues": session.made("segment_wmh", "tissues"),
        "lacunes": spots_of(session, LACUNE, "labels"),
        "FLAIR": session.image("FLAIR"),
        "drawings": session.drawings(PERIVASCULAR.name),
        "weights": session.study.config.pvs_tool.weights or [],  # a change of them finds the spaces anew
    }


def pvs_decisions(session: Session) -> list[dict[str, str]]:
    """What readers decided on the session's perivascular spaces.

    It is a parameter of the job, so that a new decision runs this session's job alone.

    Parameters
    ----------
    session : Session
        The session.

    Returns
    -------
    list of dict
        A row per decision.
    """
    return session.decisions(PERIVASCULAR.name)


def _wanted(session: Session) -> bool:
    config = session.study.config
    wanted = config.perivascular.run or bool(config.pvs_tool.command)
    return wanted and session.has_mri and session.has(*IMAGES)


STEPS = (
    Step(
        "detect_perivascular",
        outputs={
            "table": "anat/desc-perivascular.tsv",
            "labels": "anat/desc-perivascular_dseg.nii.gz",
            "facts": "anat/desc-perivascular.json",
            "found": "anat/desc-perivascularfound_dseg.nii.gz",
        },
        runs_for=_wanted,
        session_inputs=_inputs,
        measures={PERIVASCULAR.measure: PERIVASCULAR.table},
        behind={"measure_wmh": {"pvs|perivascular": r"_desc-perivascular\."}},
    ),
)
