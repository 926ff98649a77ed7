"""Quality-control pictures in the workflow, and what the report shows of a session: what they read and make."""

from __future__ import annotations

from angiolith.core.study import InputPaths, Session, Step, Study, Visits
from angiolith.marks.kinds import CALCIFICATION, INFARCT, LACUNE, MICROBLEED, PERIVASCULAR, PLAQUE, WMH, spots_of

DRAWN = ("registration", "calcification", "wmh", "wall")  # by plot_subject_qc
MONTAGES = {  # by the same: every mark of a kind; the images of which one at least must be there
    CALCIFICATION.montage: ("ct",),
    MICROBLEED.montage: ("swi", "T2starw"),
    LACUNE.montage: ("FLAIR",),
    WMH.montage: ("FLAIR",),
    INFARCT.montage: ("FLAIR",),
    PERIVASCULAR.montage: ("T2w", "T1w"),
    PLAQUE.montage: ("vwi",),
}
PARTS = ("table", "labels", "facts")  # of marks
FOUND_BY = {  # marks as the tool found them: rule and output of the label map
    CALCIFICATION.name: ("segment_calcification", "lesions"),
    **{kind.name: (kind.found_by, "labels") for kind in (MICROBLEED, LACUNE)},
    **{kind.name: (kind.decided_in, f"{kind.name}_found") for kind in (WMH, INFARCT)},
    PERIVASCULAR.name: (PERIVASCULAR.decided_in, "found"),
}
VIEWED = ("ct", "T1w", "T2w", "FLAIR", "swi", "T2starw", "vwi", "vwi_ce")


def reference_of(session: Session) -> str | None:
    """The image that the session's others are registered to.

    Parameters
    ----------
    session : Session
        The session.

    Returns
    -------
    str | None
        Column of the manifest, or None.
    """
    return session.row.reference


def volumes(study: Study) -> tuple[str, ...]:
    """The images that the report's viewer loads, if it has one.

    Parameters
    ----------
    study : Study
        The run's study.

    Returns
    -------
    tuple[str, ...]
        Columns; empty where the report has no viewer.
    """
    return VIEWED if study.config.report.viewer else ()


def picture_file(stem: str, name: str) -> str:
    """A picture as the report shows it: its name in the output folder.

    Parameters
    ----------
    stem : str
        Subject and session as in file names.
    name : str
        Name of the picture.

    Returns
    -------
    str
        Path below the output folder.
    """
    return f"report/pictures/{stem}_desc-{name}_qc.png"


def volume_file(stem: str, name: str) -> str:
    """A volume as the report's viewer loads it: its name in the output folder.

    Parameters
    ----------
    stem : str
        Subject and session as in file names.
    name : str
        Column of the image.

    Returns
    -------
    str
        Path below the output folder.
    """
    return f"report/volumes/{stem}_{name}.js"


def exported(study: Study, subject: str, session: str) -> dict[str, str]:
    """Pictures and volumes of one subject-session (or its wildcards), as the report shows them.

    Parameters
    ----------
    study : Study
        The run's study.
    subject, session : str
        Labels, or wildcards.

    Returns
    -------
    dict[str, str]
        Name -> path.
    """
    stem = f"sub-{subject}_ses-{session}"
    shown = {name: study.file(picture_file(stem, name)) for name in (*DRAWN, *MONTAGES)}
    return shown | {name: study.file(volume_file(stem, name)) for name in volumes(study)}


def change_pictures(study: Study, subject: str) -> dict[str, str]:
    """The picture of a subject's change between visits, and the same as the report shows it.

    Parameters
    ----------
    study : Study
        The run's study.
    subject : str
        Label, or wildcard.

    Returns
    -------
    dict[str, str]
        `picture` and `shown` -> path.
    """
    picture = study.file(f"sub-{subject}/figures/sub-{subject}_desc-change_qc.png")
    return {"picture": picture, "shown": study.file(picture_file(f"sub-{subject}", "change"))}


def _found(session: Session) -> InputPaths:
    """Label maps of the marks before any reader, as `<kind>_found`."""
    return {f"{name}_found": session.made(*made) for name, made in FOUND_BY.items()}


def _subject(session: Session) -> InputPaths:
    return {
        **_found(session),
        "checks": session.checks,
        "reference": session.image(session.reference),
        "brain": session.made("register_mri_to_template", "brain"),
        "template": session.made("register_mri_to_template", "facts"),
        "ct": session.image("ct"),
        "ct_to_reference": session.to_reference("ct"),
        "registration": session.made("check_registration", "checks"),
        "arteries": session.made("map_arteries", "labels"),
        "artery_facts": session.made("map_arteries", "facts"),
        "calcification": session.made("measure_calcification", "marks"),
        "calcification_facts": session.made("segment_calcification", "facts"),
        "lesions": session.made("measure_calcification", "lesions"),
        "patient": session.made("measure_calcification", "patient"),
        "FLAIR": session.image("FLAIR"),
        "wmh": spots_of(session, WMH, "mask"),
        "tissues": session.made("segment_wmh", "tissues"),
        **{f"{kind.name}_{part}": spots_of(session, kind, part) for kind in (WMH, INFARCT) for part in PARTS},
        "small_vessel": session.output("measure_wmh", "metrics") if session.has("FLAIR") else [],
        "lacunes": spots_of(session, LACUNE, "labels"),
        "lacune_table": spots_of(session, LACUNE, "table"),
        "lacune_facts": spots_of(session, LACUNE, "facts"),
        "swi": session.image("swi"),
        "T2starw": session.image("T2starw"),
        "microbleeds": spots_of(session, MICROBLEED, "labels"),
        "microbleed_table": spots_of(session, MICROBLEED, "table"),
        "microbleed_facts": spots_of(session, MICROBLEED, "facts"),
        "T2w": session.image("T2w"),
        "T1w": session.image("T1w"),
        "perivascular": session.made("detect_perivascular", "labels"),
        "perivascular_space_table": session.made("detect_perivascular", "table"),
        "perivascular_facts": session.made("detect_perivascular", "facts"),
        "vwi": session.image("vwi"),
        "plaque": session.made("measure_plaque", "metrics"),
        "contours": session.made("measure_plaque", "contours"),
    }


def _of_visit(session: Session) -> InputPaths:
    return {
        "checks": session.checks,
        "FLAIR": session.image("FLAIR"),
        "FLAIR_to_reference": session.to_reference("FLAIR"),
    }


def _change(visits: Visits) -> InputPaths:
    change = {name: visits.output("measure_change", name) for name in ("change", "motion", "lesions")}
    return {**visits.of_both(_of_visit), **change}


def _export(session: Session) -> InputPaths:
    names = volumes(session.study)
    return {
        **{f"{name}_picture": session.output("plot_subject_qc", name) for name in (*DRAWN, *MONTAGES)},
        **{name: session.image(name) for name in names},
        **{f"{name}_to_reference": session.to_reference(name) for name in names},
        **_found(session),
        "checks": session.checks,
        "arteries": session.made("map_arteries", "labels"),
        "artery_names": session.made("map_arteries", "lookup"),
        "calcification": session.made("measure_calcification", "marks"),
        "lesions": session.made("measure_calcification", "lesions"),
        "calcification_facts": session.made("segment_calcification", "facts"),
        "wmh": spots_of(session, WMH, "mask"),
        "wmh_labels": spots_of(session, WMH, "labels"),
        "wmh_segmented": session.made("segment_wmh", "mask"),
        "infarcts": spots_of(session, INFARCT, "labels"),
        "perivascular": session.made("detect_perivascular", "labels"),
        "lacunes": spots_of(session, LACUNE, "labels"),
        "microbleeds": spots_of(session, MICROBLEED, "labels"),
        "contours": session.made("measure_plaque", "contours"),
    }


STEPS = (
    Step(
        "plot_subject_qc",
        outputs={name: f"figures/desc-{name}_qc.png" for name in (*DRAWN, *MONTAGES)},
        session_inputs=_subject,
    ),
    Step("plot_change_qc", outputs={}, visits_inputs=_change),  # change_pictures
    Step("export_session", outputs={}, session_inputs=_export),  # exported
)
