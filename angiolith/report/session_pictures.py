"""The pictures by which a person checks a subject-session: what is drawn, with which words, or why nothing is."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from angiolith.calcification.picture import calcification_picture
from angiolith.core.images import matrix_ras, read_ct, read_image, read_transform
from angiolith.core.inputs import Inputs, refusal
from angiolith.core.tables import FAILED, MISSING, join_reasons, read_json, read_tsv, was_made
from angiolith.pictures.canvas import absent
from angiolith.report.pictures import registration_picture, wall_picture, wmh_picture

NAMES = {"wmh": "white matter hyperintensities", "wall": "vessel wall"}


class NoPicture(Exception):
    """There is nothing to draw; status and reason say why."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


def session_pictures(given: Inputs, title: str, reference: str) -> Iterator[tuple[str, Figure]]:
    """Name and picture of every stage; where there is nothing to draw, the picture says why.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    title : str
        Heading.
    reference : str
        Column of the reference image.

    Yields
    ------
    tuple[str, Figure]
        Name and picture.
    """
    drawers: dict[str, Callable[[], Figure]] = {
        "registration": lambda: draw_registration(given, title, reference),
        "calcification": lambda: draw_calcification(given, title),
        "wmh": lambda: draw_wmh(given, title),
        "wall": lambda: draw_wall(given, title),
    }
    for name, draw in drawers.items():
        try:
            yield name, draw()
        except NoPicture as why:
            yield name, absent(f"{title}: {NAMES.get(name, name)}", why.status, why.reason)


def draw_registration(given: Inputs, title: str, reference_name: str) -> Figure:
    """The CT's bone and the template's brain over the reference image.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    title : str
        Heading.
    reference_name : str
        Column of the reference image.

    Returns
    -------
    Figure
        The figure.

    Raises
    ------
    NoPicture
        Where there is no reference image, or it may not be used.
    """
    if not given.get("reference"):
        raise NoPicture(MISSING, "no image to register to")
    reason = refusal(read_json(given["checks"]), reference_name)
    if reason:
        raise NoPicture(FAILED, reason)
    is_ct = reference_name == "ct"
    reference = (read_ct if is_ct else read_image)(given["reference"])
    brain = read_image(given["brain"]) if was_made(given.get("brain") or None) else None
    template = read_json(given["template"])
    subtitle = [f"template: {template['status']}" + (f" ({template['reason']})" if template["reason"] else "")]
    ct, to_ct = None, np.eye(4)
    if not is_ct and given.get("ct"):
        found = read_json(given["registration"])
        spread, contrast = found["restart_spread_mm"], found["bone_contrast"]
        subtitle.insert(0, f"CT: {found['status']}" + (f" ({found['reason']})" if found["reason"] else ""))
        if was_made(given["ct_to_reference"]):
            ct, to_ct = read_ct(given["ct"]), matrix_ras(read_transform(given["ct_to_reference"]))
        if spread is not None and contrast is not None:
            subtitle.insert(1, f"starts agree within {spread:.2f} mm, bone/soft signal {contrast:.2f}")
    elif not is_ct:
        subtitle.insert(0, "no CT")
    return registration_picture(
        f"{title}: registration to {reference_name}", ", ".join(subtitle), reference, ct, to_ct, brain
    )


def draw_calcification(given: Inputs, title: str) -> Figure:
    """The calcifications on CT slices through the arteries.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    title : str
        Heading.

    Returns
    -------
    Figure
        The figure.

    Raises
    ------
    NoPicture
        Where a file was not made.
    """
    require(
        given,
        ("ct", "CT", "calcification_facts"),
        ("arteries", "artery map", "artery_facts"),
        ("calcification", "calcification map", "calcification_facts"),
    )
    lesions = read_tsv(given["lesions"])
    patient = first_row(given["patient"])
    subtitle = f"{counted(patient['n_lesions'], 'lesion')}, {number(patient['total_volume_mm3'])} mm³, "
    if patient["n_candidates"]:
        subtitle += f"{counted(patient['n_candidates'], 'candidate')} ({number(patient['candidate_volume_mm3'])} mm³), "
    known = pd.notna(patient["severity_group"])
    subtitle += "severity at least " if known and patient["severity_at_least"] else "severity "
    subtitle += f"{word(patient['severity_group'])}, {patient['status']}; calcification from "
    subtitle += f"{read_json(given['calcification_facts'])['hu_min']:g} HU"
    arteries, calcification = (read_image(given[name]) for name in ("arteries", "calcification"))
    return calcification_picture(
        f"{title}: calcification", subtitle, read_ct(given["ct"]), arteries, calcification, lesions
    )


def draw_wmh(given: Inputs, title: str) -> Figure:
    """White matter hyperintensities on FLAIR slices.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    title : str
        Heading.

    Returns
    -------
    Figure
        The figure.

    Raises
    ------
    NoPicture
        Where a file was not made.
    """
    require(given, ("FLAIR", "FLAIR", "wmh_facts"), ("wmh", "WMH mask", "wmh_facts"))
    flair, wmh = read_image(given["FLAIR"]), read_image(given["wmh"])
    row = first_row(given["small_vessel"])
    subtitle = (
        f"{number(row['wmh_volume_cm3'])} cm³, {counted(row['n_wmh_lesions'], 'lesion')}, Fazekas periventricular "
    )
    subtitle += (
        f"{number(row['fazekas_periventricular'], 0)}, deep {number(row['fazekas_deep'], 0)}, {row['wmh_status']}"
    )
    made = was_made(given.get("tissues") or None)
    tissues = read_image(given["tissues"]) if made else None
    return wmh_picture(f"{title}: white matter hyperintensities", subtitle, flair, wmh, tissues)


def draw_wall(given: Inputs, title: str) -> Figure:
    """Cross-sections of the vessel wall.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    title : str
        Heading.

    Returns
    -------
    Figure
        The figure.

    Raises
    ------
    NoPicture
        Where there is no vessel-wall image, or nothing was measured.
    """
    metrics = read_tsv(given["plaque"]) if given.get("plaque") else None
    if metrics is None:
        raise NoPicture(MISSING, "no vessel-wall image")
    contours = read_tsv(given["contours"])
    if not len(contours):
        raise NoPicture(metrics["status"].iloc[0], join_reasons(*metrics["reason"].dropna()))
    notes = {
        int(row.lesion): f"{number_of(row)}\nwall {number(row.min_wall_mm, 2)} to {number(row.max_wall_mm, 2)} mm"
        f"\nstenosis {number(row.stenosis_percent, 0)} %"
        for row in metrics[metrics["lumen_area_mm2"].notna()].iloc[::-1].itertuples()
    }
    readers = ", ".join(sorted(contours["reader"].unique()))
    subtitle = f"{counted(contours['lesion'].nunique(), 'lesion')}, narrowest cross-section, {readers}"
    return wall_picture(f"{title}: vessel wall", subtitle, read_image(given["vwi"]), contours, notes)


def require(given: Inputs, *names: tuple[str, str, str]) -> None:
    """Raise NoPicture unless every file is given and was made; `names` are (input, what it is, its status file).

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    *names : tuple[str, str, str]
        Input, what it is, and input of its facts.

    Raises
    ------
    NoPicture
        Where a file is missing or was not made.
    """
    for name, what, facts in names:
        if not given.get(name):
            raise NoPicture(MISSING, f"no {what}")
        if not was_made(given[name]):
            found = read_json(given[facts])
            raise NoPicture(found["status"], found["reason"])


def first_row(path: str) -> dict[Hashable, Any]:
    """The first row of a measure table as a dict.

    Parameters
    ----------
    path : str
        Path of the table.

    Returns
    -------
    dict[Hashable, Any]
        Column -> value.
    """
    return read_tsv(path).iloc[0].to_dict()


def number(value: float, digits: int = 1, missing: str = "n/a") -> str:
    """A number for a caption; `missing` for NaN.

    Parameters
    ----------
    value : float
        A number.
    digits : int
        Decimals.
    missing : str
        Text for NaN.

    Returns
    -------
    str
        The text.
    """
    return missing if pd.isna(value) else f"{value:.{digits}f}"


def word(value: Any) -> str:
    """A category for a caption; n/a for missing.

    Parameters
    ----------
    value : Any
        A category.

    Returns
    -------
    str
        The text.
    """
    return "n/a" if pd.isna(value) else str(value)


def counted(count: float, what: str) -> str:
    """A number of things, in words; n/a for NaN.

    Parameters
    ----------
    count : float
        A number of things.
    what : str
        Their name in the singular.

    Returns
    -------
    str
        The text.
    """
    return f"{number(count, 0)} {what}" + ("" if count == 1 else "s")


def number_of(row: Any) -> str:
    """How a lesion is called in a picture.

    Parameters
    ----------
    row : Any
        A row of the plaque table.

    Returns
    -------
    str
        One line.
    """
    artery = row.artery if isinstance(row.artery, str) else "artery not named"
    return f"lesion {int(row.lesion)}, " + (f"{row.side} {artery}" if row.side in ("L", "R") else artery)
