"""The table of steps: every rule of a session or of two visits, in the order of the work.

Rules take their inputs and outputs from it, the cohort the measures that it collects, review the pictures and what a
failed one takes out, `trace` what is behind a number. What a step reads and makes stands in its concept's folder.
"""

from __future__ import annotations

import re

from angiolith.arteries import step as arteries
from angiolith.calcification import step as calcification
from angiolith.change import step as change
from angiolith.core.study import InputPaths, Session, Step
from angiolith.pictures import step as pictures
from angiolith.registration import step as registration
from angiolith.small_vessel import step as small_vessel
from angiolith.small_vessel.acute import step as acute
from angiolith.small_vessel.lacunes import step as lacunes
from angiolith.small_vessel.microbleeds import step as microbleeds
from angiolith.small_vessel.perivascular import step as perivascular
from angiolith.small_vessel.wmh import step as wmh
from angiolith.vessel_wall import step as vessel_wall


def _check_images(session: Session) -> InputPaths:
    return {"images": list(session.images().values()), "sidecars": session.sidecars()}


CHECK_IMAGES = Step(
    "check_images",
    outputs={"checks": "desc-check_images.json"},
    session_inputs=_check_images,
    measures={"checks": "checks"},
)
STEPS = {
    step.rule: step
    for step in (
        CHECK_IMAGES,
        *registration.STEPS,
        *arteries.STEPS,
        *calcification.STEPS,
        *acute.STEPS,
        *microbleeds.STEPS,
        *lacunes.STEPS,
        *small_vessel.STEPS,
        *perivascular.STEPS,
        *wmh.STEPS,
        *vessel_wall.STEPS,
        *change.STEPS,
        *pictures.STEPS,
    )
}
MEASURES = {  # kind of measure -> how the names of its files end
    kind: step.outputs[output].rpartition("/")[2] for step in STEPS.values() for kind, output in step.measures.items()
}
PICTURES = {picture.name: picture for step in STEPS.values() for picture in step.pictures}


def made_from(rule: str, output: str) -> str:
    """For `trace`: the inputs that an output of a rule is made from.

    Parameters
    ----------
    rule : str
        Its name.
    output : str
        Path of the output.

    Returns
    -------
    str
        Pattern of the inputs; of all where the step does not state it.
    """
    parts = STEPS[rule].made_from if rule in STEPS else {}
    return next((inputs for of, inputs in parts.items() if re.search(of, output)), ".")


def behind(rule: str) -> dict[str, str]:
    """For `trace`: which inputs of a rule are behind the columns of a table that several markers share.

    Parameters
    ----------
    rule : str
        Its name.

    Returns
    -------
    dict of str to str
        Pattern of columns to pattern of inputs; empty for a rule whose inputs are behind all of its columns.
    """
    return {column: inputs for step in STEPS.values() for column, inputs in step.behind.get(rule, {}).items()}
