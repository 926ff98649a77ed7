"""Registration in the workflow: what it reads and makes, and its picture."""

from __future__ import annotations

from angiolith.core.study import InputPaths, Picture, Session, Step


def _ct_to_mri(session: Session) -> InputPaths:
    return {"fixed": session.image(session.reference), "moving": session.image("ct"), "checks": session.checks}


def _contrasts(session: Session) -> InputPaths:
    fixed, moving = session.image(session.reference), session.image(session.contrast)
    return {"fixed": fixed, "moving": moving, "checks": session.checks}


def _template(session: Session) -> InputPaths:
    return {
        "reference": session.image(session.reference),
        "model": [session.study.resource(f"brain_model/{name}.onnx") for name in ("whole", "part", "slices")],
        "checks": session.checks,
        "given_brain": session.image(f"brain_{session.reference}"),
        "weights": session.study.config.brain_tool.weights or [],  # a change of them makes the masks anew
    }


def _check(session: Session) -> InputPaths:
    return {
        "ct": session.image("ct"),
        "mri": session.image(session.reference) if session.has_mri else [],
        "transform": session.to_reference("ct"),
        "facts": session.to_reference("ct", ".json"),
        "template": session.made("register_mri_to_template", "facts"),
    }


PICTURE = Picture(
    "registration",
    images=("T1w", "FLAIR", "T2w", "T2starw", "swi", "ct"),
    takes_out=("calcification", "small vessel"),  # arteries, brain and ventricles come by way of it
)
STEPS = (
    Step(
        "register_ct_to_mri",
        outputs={
            "transform": "ct/from-ct_to-{reference}_mode-image_xfm.tfm",
            "facts": "ct/from-ct_to-{reference}_mode-image_xfm.json",
        },
        runs_for=lambda session: session.has("ct") and session.has_mri,
        session_inputs=_ct_to_mri,
    ),
    Step(
        "register_mri_contrasts",
        outputs={
            "transform": "anat/from-{contrast}_to-{reference}_mode-image_xfm.tfm",
            "facts": "anat/from-{contrast}_to-{reference}_mode-image_xfm.json",
        },
        runs_for=lambda session: session.has_mri,
        session_inputs=_contrasts,
    ),
    Step(
        "register_mri_to_template",
        outputs={
            "to_template": "anat/from-{reference}_to-MNI152_mode-image_xfm.nii.gz",
            "from_template": "anat/from-MNI152_to-{reference}_mode-image_xfm.nii.gz",
            "brain": "anat/space-{reference}_desc-brain_mask.nii.gz",
            "tissues": "anat/space-{reference}_desc-braintissues_dseg.nii.gz",
            "facts": "anat/from-{reference}_to-MNI152_mode-image_xfm.json",
        },
        runs_for=lambda session: session.row.reference is not None,
        session_inputs=_template,
    ),
    Step(
        "check_registration",
        outputs={"checks": "ct/desc-registration_qc.json"},
        runs_for=lambda session: session.has("ct"),
        session_inputs=_check,
        pictures=(PICTURE,),
    ),
)
