"""Readers' decisions on the spots of small-vessel disease in the workflow: what they read and make."""

from __future__ import annotations

from angiolith.core.study import InputPaths, Session, Step
from angiolith.marks.kinds import LACUNE, SPOT_RULE, SPOTS, MarkKind

PARTS = ("table", "labels", "facts")


def _inputs(session: Session) -> InputPaths:
    found: InputPaths = {f"{kind.name}_{part}": session.made(kind.found_by, part) for kind in SPOTS for part in PARTS}
    return {**found, **session.on_reference("FLAIR"), "drawings": session.drawings(*(kind.name for kind in SPOTS))}


def _without_others(kind: MarkKind) -> str:
    """Pattern of the inputs that a kind's outputs are made from."""
    others = [f"_desc-{other.plural}" for other in SPOTS if other != kind]
    return f"^(?!.*({'|'.join(others if kind == LACUNE else [*others, '_from-FLAIR'])}))"


def spot_decisions(session: Session) -> list[dict[str, str]]:
    """What readers decided on the session's spots: a parameter, so that a new one runs this session's job alone."""
    return session.decisions(*(kind.name for kind in SPOTS))


STEPS = (
    Step(
        SPOT_RULE,
        outputs={
            f"{kind.name}_{part}": f"anat/desc-{kind.name}marks{ending}"
            for kind in SPOTS
            for part, ending in zip(PARTS, (".tsv", "_dseg.nii.gz", ".json"), strict=True)
        },
        runs_for=lambda session: session.has("FLAIR", "swi", "T2starw"),
        session_inputs=_inputs,
        measures={kind.measure: kind.table for kind in SPOTS},
        made_from={rf"_desc-{kind.name}marks": _without_others(kind) for kind in SPOTS},
    ),
)
