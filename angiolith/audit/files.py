"""Files that account for a run: a subject's measures and seal, the inventory, and all that a run is for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from angiolith.cohort.files import cohort_tables
from angiolith.core.manifest import IMAGE_COLUMNS
from angiolith.core.manifest_checks import MASK_COLUMNS
from angiolith.core.study import InputPaths, Paths, Session, Study
from angiolith.pictures.step import change_pictures, exported
from angiolith.report.files import lost_page, report_file
from angiolith.runtime.seals import SEALS

# of a subject


def measures_file(study: Study, subject: str) -> str:
    """A subject's rows of the cohort's tables.

    Parameters
    ----------
    study : Study
        The run's study.
    subject : str
        Label of the subject.

    Returns
    -------
    str
        The path.
    """
    return study.file(f"{SEALS}/sub-{subject}/measures.json")


def seal_file(study: Study, subject: str) -> str:
    """The hashes of a finished subject's files.

    Parameters
    ----------
    study : Study
        The run's study.
    subject : str
        Label of the subject.

    Returns
    -------
    str
        The path.
    """
    return study.file(f"{SEALS}/sub-{subject}/seal.sha256")


def subject_measures(study: Study, subject: str) -> dict[str, list[str]]:
    """The subject's tables that the cohort's are collected from, by what they hold.

    Parameters
    ----------
    study : Study
        The run's study.
    subject : str
        Label of the subject.

    Returns
    -------
    dict[str, list[str]]
        Kind of measure -> paths.
    """
    sessions, found = study.sessions_of(subject), {}
    for step in study.steps.values():
        for kind, output in step.measures.items():
            if step.of_visits:
                found[kind] = [study.visits(subject).output(step.rule, output)] if subject in study.pairs else []
            else:
                found[kind] = [session.output(step.rule, output) for session in sessions if step.runs_for(session)]
    return found


def subject_results(study: Study, subject: str) -> list[str]:
    """What is looked at in the report and is no table: with the measures, all that the subject's jobs are run for.

    Parameters
    ----------
    study : Study
        The run's study.
    subject : str
        Label of the subject.

    Returns
    -------
    list[str]
        Paths.
    """
    sessions, registration = study.sessions_of(subject), study.steps["check_registration"]
    pictures = study.steps["plot_subject_qc"].outputs
    return [
        *(session.output(registration.rule, "checks") for session in sessions if registration.runs_for(session)),
        *(session.output("plot_subject_qc", name) for name in pictures for session in sessions),
        *(path for session in sessions for path in exported(study, subject, session.row.session).values()),
        *(change_pictures(study, subject).values() if subject in study.pairs else ()),
    ]


def subject_images(study: Study, subject: str) -> list[str]:
    """Every file that the subject's rows of the manifest name, lookup tables of masks included.

    Parameters
    ----------
    study : Study
        The run's study.
    subject : str
        Label of the subject.

    Returns
    -------
    list[str]
        Paths.
    """
    sessions = study.sessions_of(subject)
    named = [session.image(column) for session in sessions for column in (*IMAGE_COLUMNS, *MASK_COLUMNS)]
    beside = [
        path
        for session in sessions
        for path in (session.mask_lookup(), session.b_values(), *session.sidecars(), *session.drawings())
    ]
    return [path for path in (*named, *beside) if isinstance(path, str)]


def sealed_inputs(study: Study, subject: str) -> InputPaths:
    """All that a subject was made from or consists of, as far as the cohort and the report ask for it.

    Parameters
    ----------
    study : Study
        The run's study.
    subject : str
        Label of the subject.

    Returns
    -------
    InputPaths
        Name -> paths.
    """
    results, images = subject_results(study, subject), subject_images(study, subject)
    return {**subject_measures(study, subject), "results": results, "images": images}


def subject_logs(study: Study, subject: str) -> list[str]:
    """Stems of the logs that the subject's jobs may have: subject, session, contrast, reference.

    Parameters
    ----------
    study : Study
        The run's study.
    subject : str
        Label of the subject.

    Returns
    -------
    list[str]
        File names without folder and ending.
    """
    stems = [subject]
    for row in study.rows_of.get(subject, []):
        session = f"{subject}_{row.session}"
        stems += [session, f"{session}_{row.reference}"]
        stems += [f"{session}_{column}_{row.reference}" for column in IMAGE_COLUMNS if row.get(column)]
    return stems


def subject_facts(study: Study, subject: str) -> list[Any]:
    """What the jobs of a subject are planned from: its rows of the manifest, what lies beside images and masks, and
    what readers decided on its marks.

    Parameters
    ----------
    study : Study
        The run's study.
    subject : str
        Label of the subject.

    Returns
    -------
    list[Any]
        Plain values.
    """
    sessions = study.sessions_of(subject)
    return [*map(_facts, sessions), [session.decisions() for session in sessions]]


def _facts(session: Session) -> tuple[str, dict[str, str], list[Paths], list[str], list[str]]:
    beside = [session.mask_lookup(), session.b_values()]
    return session.row.session, dict(session.row.values), beside, session.sidecars(), session.notes()


# of the run


def audit_file(study: Study, name: str) -> str:
    """Path of a file about the run as a whole.

    Parameters
    ----------
    study : Study
        The run's study.
    name : str
        File name below `audit/`.

    Returns
    -------
    str
        The path.
    """
    return study.file(f"audit/{name}")


def deliverables(study: Study) -> list[str]:
    """What a run is for: everything that the inventory lists follows from these.

    Parameters
    ----------
    study : Study
        The run's study.

    Returns
    -------
    list[str]
        Paths.
    """
    return [
        *finished_subjects(study),
        *cohort_tables(study),
        report_file(study, "index.html"),
        *lost_page(study),
    ]


def finished_subjects(study: Study) -> list[str]:
    """What tells that every subject is finished: its rows of the cohort's tables, and its seal.

    Parameters
    ----------
    study : Study
        The run's study.

    Returns
    -------
    list[str]
        Paths.
    """
    return [
        *(measures_file(study, subject) for subject in study.subjects),
        *(seal_file(study, subject) for subject in study.subjects),
    ]


def results_that_must_stay(study: Study, sealed: frozenset[str]) -> list[str]:
    """All results of the subjects that are finished and not sealed, so that one that was deleted is made again.

    A subject without a seal on disk has its sealing job to run, which asks for the same files.

    Parameters
    ----------
    study : Study
        The run's study.
    sealed : frozenset[str]
        Labels of sealed subjects.

    Returns
    -------
    list[str]
        Paths.
    """
    found: list[str] = []
    for subject in study.subjects:
        if subject not in sealed and Path(seal_file(study, subject)).exists():
            found += [path for paths in subject_measures(study, subject).values() for path in paths]
            found += subject_results(study, subject)
    return found


def spatial_sidecars(study: Study) -> list[str]:
    """Sidecars that BIDS wants of label maps, one for each space and kind (they are inherited by all subjects).

    Parameters
    ----------
    study : Study
        The run's study.

    Returns
    -------
    list[str]
        Paths.
    """
    spaces = {row.reference for row in study.rows if row.reference}
    spaces |= {"FLAIR" for row in study.rows if row.get("FLAIR")}
    kinds = {(space, kind) for space in spaces for kind in ("dseg", "mask")}
    return [study.file(f"space-{space}_{kind}.json") for space, kind in sorted(kinds)]
