"""Microbleeds in the workflow: what they read and make, and what is behind their numbers."""

from __future__ import annotations

from angiolith.core.study import InputPaths, Session, Step

IMAGES = ("swi", "T2starw")  # either will do


def _inputs(session: Session) -> InputPaths:
    return {
        **{name: session.image(name) for name in (*IMAGES, "ct")},
        "checks": session.checks,
        **session.from_template(),
        **session.on_reference(*IMAGES),
        "ct_to_reference": session.to_reference("ct"),
        "model": session.study.resource("spot_models/microbleeds.json"),
        "weights": session.study.config.cmb_tool.weights or [],  # a change of them finds the spots anew
    }


STEPS = (
    Step(
        "detect_microbleeds",
        outputs={
            "table": "anat/desc-microbleeds.tsv",
            "labels": "anat/desc-microbleeds_dseg.nii.gz",
            "facts": "anat/desc-microbleeds.json",
        },
        runs_for=lambda session: session.has(*IMAGES),
        session_inputs=_inputs,
        behind={
            "measure_wmh": {
                "n_microbleeds_": r"_desc-(microbleedmarks|braintissues)[._]|_from-(swi|T2starw)_",
                "microbleed": r"_desc-microbleedmarks\.",
            },
            "measure_change": {"microbleed": r"^(?!.*(_desc-calcification|_desc-smallvessel|_desc-lacune|wmh))"},
        },
    ),
)
