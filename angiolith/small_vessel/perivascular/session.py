"""The perivascular spaces of one session: its T2w, else its T1w, with the brain's tissues and what is masked out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from angiolith.core.images import Image, is_same_grid, read_image, resample
from angiolith.core.inputs import Inputs
from angiolith.core.settings.lacunes import LacuneDetectSettings
from angiolith.core.settings.perivascular import PvsDetectSettings, PvsGradeSettings, PvsToolSettings
from angiolith.core.settings.section import Count
from angiolith.core.tables import FAILED, MISSING, OK, REVIEW, join_reasons, was_made
from angiolith.marks.decisions import Decision
from angiolith.marks.kinds import PERIVASCULAR
from angiolith.marks.verdicts import counted, waiting
from angiolith.small_vessel.decide import VERDICT, decided_table
from angiolith.small_vessel.perivascular.detect import (
    CANDIDATES,
    PvsError,
    detect_pvs,
    placed_spaces,
    pvs_measures,
    with_regions,
)
from angiolith.small_vessel.perivascular.detect import COLUMNS as OF_SPACES
from angiolith.small_vessel.session import NotMeasured, between, read_checked, to_reference
from angiolith.small_vessel.spot_tool import BUILT_IN, spots_by_tool
from angiolith.small_vessel.spots import Spots
from angiolith.small_vessel.tissues import INFARCT

IMAGES = ("T2w", "T1w")  # the first whose voxels are thin enough
COLUMNS = (*OF_SPACES, "status", "reason", *VERDICT)
BASAL_GANGLIA_GRADE = "pvs_basal_ganglia_grade"
NOT_ON_T1W = "T1w does not decide the grade of the basal ganglia: a T2w or a reader does"


def pvs_of(
    given: Inputs,
    settings: PvsDetectSettings,
    grades: PvsGradeSettings,
    lacunes: LacuneDetectSettings,
    tool: PvsToolSettings,
    count: Count = "sure",
    decisions: Sequence[Decision] = (),
) -> Spots:
    """Perivascular spaces of the session's T2w or T1w, or those of a tool on its image, with what readers decided.

    Parameters
    ----------
    given : Inputs
        Paths of the images, the tissues, the masks and the transforms.
    settings : PvsDetectSettings
        Sizes in mm.
    grades : PvsGradeSettings
        Counts from which each grade begins.
    lacunes : LacuneDetectSettings
        The size and form that set a space apart from a lacune.
    tool : PvsToolSettings
        The other tool's command, if there is one.
    count : Count
        Which spaces enter counts, grades and volumes.
    decisions : sequence of Decision
        Rows of this session, of every kind of mark.

    Returns
    -------
    Spots
        None, with the reason, where no image can be used.
    """
    reasons: dict[str, str] = {}
    status = MISSING
    wanted = [tool.image] if tool.command else IMAGES
    for column in (column for column in wanted if given.get(column)):
        try:
            image = read_checked(given, column)
            tissues = _tissues_on(given, image, column)
            source = BUILT_IN
            if tool.command:
                images = {name: given[name] for name in (*IMAGES, "FLAIR") if given.get(name)}
                spots, labels, source = spots_by_tool(images | {"image": given[column]}, image, tool)
                found, labels = placed_spaces(spots, labels, image, tissues, settings)
            else:
                found, labels, _ = detect_pvs(image, tissues, _excluded(given, image, column), settings, lacunes)
        except (NotMeasured, PvsError) as problem:
            reasons[column] = str(problem)
            status = FAILED
            continue
        facts = source | {"status": OK, "reason": "", "image": column}
        own = [row for row in decisions if row["kind"] == PERIVASCULAR.name]
        rows, after, misfit = decided_table(
            found.assign(status=OK, reason=None),
            image.with_data(labels),
            PERIVASCULAR,
            own,
            given.get("drawings") or [],
            count,
        )
        rows = with_regions(rows, after.data, image, tissues, settings).reindex(columns=list(COLUMNS))
        if misfit:
            return Spots(rows, after, facts | {"status": FAILED, "reason": misfit}, image.with_data(labels))
        n_waiting = len(waiting(rows))
        facts |= pvs_measures(after.data, counted(rows), image, settings, grades) | {CANDIDATES: n_waiting}
        undecided = column == "T1w" and not tool.command and count != "confirmed"
        reason = join_reasons(
            f"candidates that wait for a reader: {n_waiting}" if n_waiting else None, NOT_ON_T1W if undecided else None
        )
        if undecided:
            facts[BASAL_GANGLIA_GRADE] = None
        facts |= {"status": REVIEW, "reason": reason} if reason else {}
        return Spots(rows, after, facts, image.with_data(labels))
    reason = "; ".join(f"{column}: {reason}" for column, reason in reasons.items()) or f"no {' or '.join(wanted)}"
    facts = {"status": status, "reason": reason, "image": None}
    return Spots(pd.DataFrame(columns=list(COLUMNS)), None, facts)


def _tissues_on(given: Inputs, image: Image, column: str) -> np.ndarray:
    """The brain's tissues on the grid of an image."""
    if not given.get("brain_tissues") or not was_made(given["brain_tissues"]):
        raise NotMeasured(FAILED, "the brain was not found")
    transform = to_reference(given, column)
    tissues = read_image(given["brain_tissues"])
    on_image = tissues if is_same_grid(tissues, image) else resample(tissues, image, transform, interpolation="nearest")
    return on_image.data.astype(np.uint8)


def _excluded(given: Inputs, image: Image, column: str) -> np.ndarray | None:
    """WMH, lacunes and infarcts, which lie on the FLAIR's grid, on the grid of an image; None where there are none."""
    parts = [(given.get("wmh"), 0), (given.get("lacunes"), 0), (given.get("tissues"), INFARCT - 1)]
    masks = [(read_image(path), least) for path, least in parts if path and was_made(path)]
    if not masks:
        return None
    try:
        to_flair = between(given, column, "FLAIR")
    except NotMeasured:
        return None
    first = masks[0][0]
    mask = np.logical_or.reduce([each.data > least for each, least in masks])
    return resample(first.with_data(mask.astype(np.float32)), image, to_flair, interpolation="nearest").data > 0.5
