"""The picture by which a person checks a subject's change between two visits, from the files of its jobs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from angiolith.change.half_way import half_of
from angiolith.change.picture import change_picture
from angiolith.core.images import matrix_ras, read_image, read_transform
from angiolith.core.inputs import Inputs
from angiolith.core.tables import MISSING, join_reasons, read_tsv, was_made
from angiolith.pictures.canvas import absent


def draw_change(given: Inputs, sessions: Sequence[str], title: str) -> Figure:
    """The picture of the two visits' FLAIRs with the map of change; where none was made, one that says why.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    sessions : Sequence[str]
        Labels of the two visits.
    title : str
        Heading.

    Returns
    -------
    Figure
        The figure.
    """
    rows = read_tsv(given["change"])
    if not was_made(given["lesions"]):
        row = rows[rows["measure"] == "wmh_volume_cm3"].iloc[0]
        status = MISSING if row["status"] != row["status"] else row["status"]
        return absent(title, status, join_reasons(row["reason"]))
    half = half_of(matrix_ras(read_transform(given["motion"])))
    steps = (np.linalg.inv(half), half)
    flairs = [read_image(given[f"FLAIR_{visit}"]) for visit in ("first", "second")]
    matrices = [
        to_flair(given.get(f"FLAIR_to_reference_{visit}"), step)
        for visit, step in zip(("first", "second"), steps, strict=True)
    ]
    names = [f"ses-{session}" for session in sessions]
    return change_picture(title, caption_of(rows), flairs, matrices, read_image(given["lesions"]), names)


def to_flair(transform: str | None, step: np.ndarray) -> np.ndarray:
    """4 x 4 from half-way points to a FLAIR's; step: from half-way to the visit's reference.

    Parameters
    ----------
    transform : str | None
        Path of the transform from the reference to the FLAIR; None where the FLAIR is the reference.
    step : np.ndarray
        Matrix (4, 4) from half-way to the reference, RAS mm.

    Returns
    -------
    np.ndarray
        Matrix (4, 4), RAS mm.
    """
    return np.asarray((matrix_ras(read_transform(transform)) if transform else np.eye(4)) @ step)


def caption_of(rows: pd.DataFrame) -> str:
    """Growth, shrinkage and net change in words.

    Parameters
    ----------
    rows : pd.DataFrame
        The change table of one subject.

    Returns
    -------
    str
        One line.
    """
    value = rows.set_index("measure")["change"]
    text = f"WMH +{value['wmh_growth_cm3']:.1f} and -{value['wmh_shrinkage_cm3']:.1f} cm³"
    days = rows["interval_days"].iloc[0]
    return text + (f" in {days:.0f} days" if days == days else "")
