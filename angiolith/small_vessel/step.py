"""Readers' decisions on the marks of small-vessel disease in the workflow: what they read and make."""

from __future__ import annotations

from angiolith.core.study import InputPaths, Session, Step
from angiolith.marks.kinds import IN_SPOT_RULE, INFARCT, LACUNE, SPOT_RULE, SPOTS, WMH, MarkKind

PARTS = ("table", "labels", "facts")
DECIDED_WMH = "wmh_mask"  # output: the WMH mask after the readers


def _inputs(session: Session) -> InputPaths:
    found: InputPaths = {f"{kind.name}_{part}": session.made(kind.found_by, part) for kind in SPOTS for part in PARTS}
    found |= {f"wmh_{name}": session.made(WMH.found_by, name) for name in ("mask", "probability", "tissues", "facts")}
    drawings = session.drawings(*(kind.name for kind in IN_SPOT_RULE))
    return {**found, **session.on_reference("FLAIR"), "drawings": drawings}


def _inputs_of(kind: MarkKind) -> str:
    """Pattern of the inputs that a kind's outputs are made from."""
    if kind in (WMH, INFARCT):
        return "_desc-(wmh|tissues)[_.]"
    others = [f"_desc-{other.plural}" for other in SPOTS if other != kind] + ["_desc-(wmh|tissues)[_.]"]
    return f"^(?!.*({'|'.join(others if kind == LACUNE else [*others, '_from-FLAIR'])}))"


def spot_decisions(session: Session) -> list[dict[str, str]]:
    """What readers decided on the session's marks of small-vessel disease that `decide_marks` applies.

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
    return session.decisions(*(kind.name for kind in IN_SPOT_RULE))


STEPS = (
    Step(
        SPOT_RULE,
        outputs={
            f"{kind.name}_{part}": f"anat/desc-{kind.name}marks{ending}"
            for kind in IN_SPOT_RULE
            for part, ending in zip(PARTS, (".tsv", "_dseg.nii.gz", ".json"), strict=True)
        }
        | {f"{kind.name}_found": f"anat/desc-{kind.name}found_dseg.nii.gz" for kind in (WMH, INFARCT)}
        | {DECIDED_WMH: "anat/space-FLAIR_desc-wmhmarks_mask.nii.gz"},
        runs_for=lambda session: session.has("FLAIR", "swi", "T2starw"),
        session_inputs=_inputs,
        measures={kind.measure: kind.table for kind in IN_SPOT_RULE},
        made_from={rf"_desc-{kind.name}(marks|found)": _inputs_of(kind) for kind in IN_SPOT_RULE},
    ),
)
