"""The rigid motion between two visits, by registrations there and back that must agree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from angiolith.change.half_way import symmetric_motion
from angiolith.change.inputs import VisitInputs
from angiolith.core.images import Image
from angiolith.core.settings.registration import RigidSettings
from angiolith.core.tables import FAILED, MISSING
from angiolith.registration.rigid import register_both_ways, register_rigid
from angiolith.small_vessel.session import NotMeasured, read_checked


def motion_between(
    visits: Sequence[VisitInputs], columns: Sequence[str], rigid: RigidSettings, gap_mm_max: float
) -> np.ndarray:
    """4 x 4 from the first visit's reference points to the second's; NotMeasured if the two cannot be registered.

    One search there and one back, which must agree; where they do not, both with the restarts of any registration.

    Parameters
    ----------
    visits : Sequence[VisitInputs]
        Per visit its input paths by name.
    columns : Sequence[str]
        Per visit the column of its reference image.
    rigid : RigidSettings
        Section `registration.rigid`.
    gap_mm_max : float
        Largest disagreement of the two directions, mm.

    Returns
    -------
    np.ndarray
        Matrix (4, 4), RAS mm.

    Raises
    ------
    NotMeasured
        Where a visit has no MRI, or the registrations fail or disagree.
    """
    images: list[Image] = []
    for visit, column in zip(visits, columns, strict=True):
        if column not in visit or not visit[column]:
            raise NotMeasured(MISSING, "a visit has no MRI")
        images.append(read_checked(visit, column))
    motion, gap_mm = symmetric_motion(*register_both_ways(images[0], images[1], rigid))
    if gap_mm <= gap_mm_max:
        return motion
    forward = register_rigid(images[0], images[1], rigid)
    backward = register_rigid(images[1], images[0], rigid)
    for result in (forward, backward):
        if result.status == FAILED:
            raise NotMeasured(FAILED, f"registration of the two visits: {result.reason}")
    motion, gap_mm = symmetric_motion(forward.matrix_ras, backward.matrix_ras)
    if gap_mm > gap_mm_max:
        raise NotMeasured(FAILED, f"registration of the two visits: there and back differ by {gap_mm:.1f} mm")
    return motion
