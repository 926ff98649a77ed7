"""Change between a subject's first and last visit in the workflow: what it reads and makes, and its picture."""

from __future__ import annotations

from collections.abc import Sequence

from angiolith.core.manifest import REFERENCES
from angiolith.core.study import InputPaths, Paths, Picture, Session, Step, Visits
from angiolith.marks.kinds import INFARCT, LACUNE, MICROBLEED, WMH, spots_of
from angiolith.small_vessel.wmh import step as wmh

MEASURED_ON = ("FLAIR", "swi", "T2starw")


def sessions_of(visits: Visits) -> list[str]:
    """Labels of the two visits.

    Parameters
    ----------
    visits : Visits
        First and last visit of a subject.

    Returns
    -------
    list[str]
        Two labels.
    """
    return [session.row.session for session in visits.both]


def acq_times(visits: Visits) -> Sequence[str | None]:
    """Dates of the two visits.

    Parameters
    ----------
    visits : Visits
        First and last visit of a subject.

    Returns
    -------
    Sequence[str | None]
        Two ISO texts, None where unknown.
    """
    return [session.row.get("acq_time") for session in visits.both]


def references(visits: Visits) -> Sequence[str | None]:
    """The images that the two visits are registered by.

    Parameters
    ----------
    visits : Visits
        First and last visit of a subject.

    Returns
    -------
    Sequence[str | None]
        Two columns of the manifest, None where a visit has no reference.
    """
    return [session.row.reference for session in visits.both]


def _of_visit(session: Session) -> InputPaths:
    only_as_reference = [name for name in REFERENCES if name not in MEASURED_ON]
    return {
        **{name: session.image(name) if session.reference == name else [] for name in only_as_reference},
        **{name: session.image(name) for name in MEASURED_ON},
        "wmh": wmh.from_elsewhere(session),
        "lesion": session.image("lesion"),
        "checks": session.checks,
        **wmh.models(session.study),
        "given_brain": session.image("brain_FLAIR"),
        **session.from_template(),
        **session.on_reference(*MEASURED_ON),
        "microbleed_table": spots_of(session, MICROBLEED, "table"),
        "microbleed_facts": spots_of(session, MICROBLEED, "facts"),
        "lacune_table": spots_of(session, LACUNE, "table"),
        "lacune_facts": spots_of(session, LACUNE, "facts"),
        **_readers_wmh(session),
        "smallvessel": _small_vessel(session),
        "calcification": session.made("measure_calcification", "patient"),
    }


def _readers_wmh(session: Session) -> InputPaths:
    """What readers made of the visit's WMH; nothing where they decided on none: then the visit is segmented half-way
    and its own mask is not used."""
    decided = bool(session.decisions(WMH.name, INFARCT.name))
    made = {
        "wmh_segmented": session.made("segment_wmh", "mask"),
        **{f"wmh_{part}": spots_of(session, WMH, part) for part in ("mask", "labels", "table")},
        **{f"infarct_{part}": spots_of(session, INFARCT, part) for part in ("labels", "table")},
    }
    return made if decided else {name: [] for name in made}


def _small_vessel(session: Session) -> Paths:
    return session.output("measure_wmh", "metrics") if session.has("FLAIR") else []


def _inputs(visits: Visits) -> InputPaths:
    return visits.of_both(_of_visit)


PICTURE = Picture("change", images=(), takes_out=("change",))  # of the two visits; its session is the last one
STEPS = (
    Step(
        "measure_change",
        outputs={
            "change": "desc-change_metrics.tsv",
            "lesions": "space-halfway_desc-wmhchange_dseg.nii.gz",
            "motion": "from-last_to-first_mode-image_xfm.tfm",
        },
        visits_inputs=_inputs,
        measures={"change": "change"},
        pictures=(PICTURE,),
        behind={"measure_change": {"interval_days|to_session": "(?!)"}},  # from the manifest's dates alone
    ),
)
