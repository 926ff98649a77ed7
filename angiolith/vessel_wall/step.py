"""The vessel wall in the workflow: what it reads and makes, what of it the cohort collects, and its picture."""

from __future__ import annotations

from angiolith.core.manifest_checks import WALL_READERS
from angiolith.core.study import InputPaths, Paths, Picture, Session, Step
from angiolith.marks.kinds import PLAQUE


def is_traced(session: Session) -> bool:
    """Whether the tool traces the wall: the configuration asks for it, and the session has points.

    Parameters
    ----------
    session : Session
        The session.

    Returns
    -------
    bool
        True where it does.
    """
    return session.study.config.vessel_wall.trace.trace_wall and session.has("vwi") and session.has("wall_points")


def is_drawn(session: Session) -> bool:
    """Whether the session has a vessel-wall image and a drawing of it, by a reader or by the tool.

    Parameters
    ----------
    session : Session
        The session.

    Returns
    -------
    bool
        True where it has.
    """
    readers = [f"wall_{reader}" for reader in WALL_READERS]
    return session.has("vwi") and (session.has(*readers) or is_traced(session))


def _trace(session: Session) -> InputPaths:
    return {"vwi": session.image("vwi"), "points": session.image("wall_points"), "checks": session.checks}


def plaque_decisions(session: Session) -> list[dict[str, str]]:
    """What readers decided on the session's plaques.

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
    return session.decisions(PLAQUE.name)


def _measure(session: Session) -> InputPaths:
    drawn = is_drawn(session)
    with_ct = drawn and session.has("ct")

    def where_drawn(path: Paths) -> Paths:
        return path if drawn else []

    def of_ct(rule: str, name: str) -> Paths:
        return session.output(rule, name) if with_ct else []

    return {
        **{f"wall_{reader}": where_drawn(session.image(f"wall_{reader}")) for reader in WALL_READERS},
        "vwi": session.image("vwi"),
        "vwi_ce": where_drawn(session.image("vwi_ce")),
        "wall_tool": session.made("trace_wall", "labels"),
        "wall_tool_facts": session.made("trace_wall", "facts"),
        "checks": where_drawn(session.checks),
        "ct": where_drawn(session.image("ct")),
        "arteries": of_ct("map_arteries", "labels"),
        "artery_names": of_ct("map_arteries", "lookup"),
        "calcification": of_ct("measure_calcification", "marks"),
        "calcification_lesions": of_ct("measure_calcification", "lesions"),
        "ct_to_reference": where_drawn(session.to_reference("ct")),
        "registration": of_ct("check_registration", "checks"),
        "vwi_to_reference": where_drawn(session.to_reference("vwi")),
        "vwi_to_reference_facts": where_drawn(session.to_reference("vwi", ".json")),
        "vwi_ce_to_reference": where_drawn(session.to_reference("vwi_ce")),
    }


PICTURE = Picture("wall", images=("vwi",), takes_out=("vessel wall",))
OF_CT = (
    "plaque_class",
    "n_calcium_lesions",
    "n_spotty_calcium",
)  # from CT; as all that begin with calcium_
STEPS = (
    Step(
        "trace_wall",
        outputs={"labels": "vwi/desc-tool_dseg.nii.gz", "facts": "vwi/desc-tool_dseg.json"},
        runs_for=is_traced,
        session_inputs=_trace,
    ),
    Step(
        "measure_plaque",
        outputs={
            "metrics": "vwi/desc-plaque_metrics.tsv",
            "contours": "vwi/desc-plaque_contours.tsv",
            "consensus": "vwi/desc-plaque_consensus.tsv",
        },
        runs_for=lambda session: session.has("vwi"),
        session_inputs=_measure,
        measures={"plaque": "metrics"},
        pictures=(PICTURE,),
    ),
)
