"""Calcification in the workflow: what it reads and makes, what of it the cohort collects, its picture and traces."""

from __future__ import annotations

from angiolith.core.study import InputPaths, Picture, Session, Step
from angiolith.marks.kinds import CALCIFICATION


def _segment(session: Session) -> InputPaths:
    return {
        "ct": session.image("ct"),
        "checks": session.checks,
        "arteries": session.output("map_arteries", "labels"),
        "centrelines": session.output("map_arteries", "centrelines"),
        "arteries_facts": session.output("map_arteries", "facts"),
    }


def _measure(session: Session) -> InputPaths:
    return {
        "ct": session.image("ct"),
        "region": session.output("map_arteries", "labels"),
        "lookup": session.output("map_arteries", "lookup"),
        "centrelines": session.output("map_arteries", "centrelines"),
        "lesions": session.output("segment_calcification", "lesions"),
        "facts": session.output("segment_calcification", "facts"),
        "drawings": session.drawings(CALCIFICATION.name),
    }


def decisions(session: Session) -> list[dict[str, str]]:
    """What readers decided on the session's calcifications: a parameter, so that a new one runs this session's
    job alone.

    Parameters
    ----------
    session : Session
        The session.

    Returns
    -------
    list[dict[str, str]]
        Decisions.
    """
    return session.decisions(CALCIFICATION.name)


PICTURE = Picture("calcification", images=("ct",), takes_out=("calcification",))
CHANGES = ("calcification_volume_mm3", "agatston_equivalent")  # measures of change that are seen on CT
STEPS = (
    Step(
        "segment_calcification",
        outputs={
            "lesions": "ct/space-ct_desc-calcification_dseg.nii.gz",
            "facts": "ct/desc-calcification.json",
        },
        runs_for=lambda session: session.has("ct"),
        session_inputs=_segment,
    ),
    Step(
        "measure_calcification",
        outputs={
            "lesions": "ct/desc-calcification_lesions.tsv",
            "arteries": "ct/desc-calcification_arteries.tsv",
            "patient": "ct/desc-calcification_patient.tsv",
            "marks": "ct/space-ct_desc-marks_dseg.nii.gz",
        },
        runs_for=lambda session: session.has("ct"),
        session_inputs=_measure,
        measures={
            "calcification": "patient",
            "calcification_arteries": "arteries",
            "calcification_lesions": "lesions",
        },
        pictures=(PICTURE,),
        behind={"measure_change": {"calcification|agatston": r"_desc-calcification_"}},
    ),
)
