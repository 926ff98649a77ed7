"""White matter hyperintensities in the workflow: what they read and make, their picture, and what is behind a number.

`measure_wmh` puts them into one table with microbleeds and lacunes.
"""

from __future__ import annotations

from angiolith.core.study import InputPaths, Paths, Picture, Session, Step, Study
from angiolith.marks.kinds import INFARCT, LACUNE, MICROBLEED, WMH, spots_of
from angiolith.small_vessel.acute.step import acute_lesions


def models(study: Study) -> dict[str, str]:
    """The networks that segment WMH: those of the brain and its tissues, and that of WMH.

    Parameters
    ----------
    study : Study
        The run's study.

    Returns
    -------
    dict[str, str]
        Name of the input -> path.
    """
    return {
        **{f"brain_{name}": study.resource(f"brain_model/{name}.onnx") for name in ("whole", "part", "slices")},
        "model": study.resource("wmh_model/wmh.onnx"),
    }


def from_elsewhere(session: Session) -> Paths:
    """The WMH mask of a session that the built-in method did not make: the user's, or an external tool's.

    Parameters
    ----------
    session : Session
        The session.

    Returns
    -------
    Paths
        The path, or an empty list.
    """
    if session.study.config.wmh_tool.command:
        return session.made("segment_wmh", "mask")
    return session.image("wmh")


def _segment(session: Session) -> InputPaths:
    tool = session.study.config.wmh_tool
    return {
        "FLAIR": session.image("FLAIR"),
        "T1w": session.image("T1w"),
        "T2w": session.image("T2w"),
        "wmh": session.image("wmh"),
        "weights": tool.weights or [],  # a change of them makes the masks anew
        **_brain(session),
        "lesion": session.image("lesion"),
        "checks": session.checks,
        **session.on_reference("FLAIR", "T1w", "T2w"),
        **acute_lesions(session),
        **models(session.study),
    }


def _brain(session: Session) -> InputPaths:
    """The FLAIR's brain, where it was found already: on the reference; else what it is to be found by."""
    if session.reference == "FLAIR":
        outputs = {"brain_tissues": "tissues", "brain_facts": "facts"}
        return {name: session.made("register_mri_to_template", output) for name, output in outputs.items()}
    weights: Paths = session.study.config.brain_tool.weights or []
    return {"given_brain": session.image("brain_FLAIR"), "brain_weights": weights}


def _measure(session: Session) -> InputPaths:
    return {
        "mask": spots_of(session, WMH, "mask"),
        "tissues": session.made("segment_wmh", "tissues"),
        "wmh_facts": spots_of(session, WMH, "facts"),
        "infarct_facts": spots_of(session, INFARCT, "facts"),
        "brain": session.made("register_mri_to_template", "brain"),
        "brain_tissues": session.made("register_mri_to_template", "tissues"),
        "brain_facts": session.made("register_mri_to_template", "facts"),
        "from_template": session.made("register_mri_to_template", "from_template"),
        "lobes": session.study.resource("lobe_atlas/lobes.nii.gz"),
        "territories": session.study.resource("territory_atlas/territories.nii.gz"),
        **session.on_reference("swi", "T2starw", "T1w", "FLAIR"),
        **_lesion(session),
        "microbleed_table": spots_of(session, MICROBLEED, "table"),
        "lacune_table": spots_of(session, LACUNE, "table"),
        "pvs_facts": session.made("detect_perivascular", "facts"),
        "microbleed_facts": spots_of(session, MICROBLEED, "facts"),
        "lacune_facts": spots_of(session, LACUNE, "facts"),
    }


def _lesion(session: Session) -> InputPaths:
    """A reader's lesion mask and the FLAIR that it lies on; nothing where there is none."""
    if not session.image("lesion"):
        return {}
    flair = {"FLAIR": session.image("FLAIR"), "checks": session.checks}
    return {"lesion": session.image("lesion"), **flair}


OF_REGIONS = "wmh_(frontal|parietal|temporal|occipital|deep_structures|infratentorial|aca|mca|pca|perforators)_"
PICTURE = Picture("wmh", images=("FLAIR",), takes_out=("small vessel",))
STEPS = (
    Step(
        "segment_wmh",
        outputs={
            "mask": "anat/space-FLAIR_desc-wmh_mask.nii.gz",
            "probability": "anat/space-FLAIR_desc-wmh_probseg.nii.gz",
            "tissues": "anat/space-FLAIR_desc-tissues_dseg.nii.gz",
            "facts": "anat/desc-wmh.json",
        },
        runs_for=lambda session: session.has("FLAIR"),
        session_inputs=_segment,
        pictures=(PICTURE,),
        behind={
            "measure_wmh": {
                "brain_|ventricle_|sulcal_": r"_to-MNI152_mode-image_xfm\.json",
                OF_REGIONS: r"_desc-wmhmarks_|_from-(MNI152|FLAIR)_|(lobe|territory)_atlas",
                "n_infarct": r"_desc-infarctmarks\.",
                "wmh|fazekas": r"_desc-(wmhmarks|tissues|brain)[_.]",
                "icv": r"_desc-brain_",
            },
            "measure_change": {
                "fazekas": r"_desc-smallvessel_",
                "wmh": r"^(?!.*_(desc-(calcification|smallvessel|microbleed|lacune)|(from-)?(swi|T2starw)[_.]))",
            },
        },
    ),
    Step(
        "measure_wmh",
        outputs={"metrics": "anat/desc-smallvessel_metrics.tsv"},
        runs_for=lambda session: session.has("FLAIR", "swi", "T2starw"),
        session_inputs=_measure,
        measures={"small_vessel": "metrics"},
    ),
)
