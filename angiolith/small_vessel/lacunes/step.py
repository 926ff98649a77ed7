"""Lacunes in the workflow: what they read and make, and what is behind their numbers."""

from __future__ import annotations

from angiolith.core.study import InputPaths, Session, Step
from angiolith.small_vessel.acute.step import acute_lesions

OF_OTHERS = r"_desc-calcification|_desc-smallvessel|_desc-microbleed|_(from-)?(swi|T2starw)[_.]|wmh"


def _inputs(session: Session) -> InputPaths:
    return {
        "FLAIR": session.image("FLAIR"),
        "T1w": session.image("T1w"),
        "lesion": session.image("lesion"),
        "checks": session.checks,
        **session.from_template(),
        **session.on_reference("FLAIR"),
        **acute_lesions(session),
        "model": session.study.resource("spot_models/lacunes.json"),
        "weights": session.study.config.lacune_tool.weights or [],  # a change of them finds the spots anew
    }


STEPS = (
    Step(
        "detect_lacunes",
        outputs={
            "table": "anat/desc-lacunes.tsv",
            "labels": "anat/desc-lacunes_dseg.nii.gz",
            "facts": "anat/desc-lacunes.json",
        },
        runs_for=lambda session: session.has("FLAIR"),
        session_inputs=_inputs,
        behind={
            "measure_wmh": {
                "n_lacunes_": r"_desc-(lacunemarks|braintissues)[._]|_from-T1w_",
                "lacune": r"_desc-lacunemarks\.",
            },
            "measure_change": {"lacune": rf"^(?!.*({OF_OTHERS}))"},
        },
    ),
)
