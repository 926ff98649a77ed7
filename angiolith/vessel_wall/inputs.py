"""What the measuring of a session's vessel wall is given: drawings, the CT's side and the post-contrast image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from angiolith.core.images import Image, bounding_box, crop, matrix_ras, read_ct, read_image, read_transform
from angiolith.core.inputs import Inputs, refusal
from angiolith.core.manifest_checks import WALL_READERS
from angiolith.core.settings.vessel_wall import WallGradeSettings, WallMeasureSettings
from angiolith.core.tables import FAILED, MISSING, read_json, read_tsv, was_made
from angiolith.vessel_wall.label_maps import read_drawing
from angiolith.vessel_wall.parts import TOOL
from angiolith.vessel_wall.session import CtSide, PostContrast, measure_session, not_measured


def measure_drawings(
    given: Inputs, settings: WallMeasureSettings, grades: WallGradeSettings
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of the plaque table and of the contour table for what the session has.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    settings : WallMeasureSettings
        Section `vessel_wall.measure`.
    grades : WallGradeSettings
        Section `vessel_wall.grade`.

    Returns
    -------
    tuple[list[dict[str, Any]], list[dict[str, Any]]]
        Rows of the plaque table, and rows of the contour table.
    """
    paths = {reader: given[f"wall_{reader}"] for reader in WALL_READERS if given.get(f"wall_{reader}")}
    if not given.get("vwi") or not (paths or given.get("wall_tool")):
        wanting = "vessel-wall image" if not given.get("vwi") else "reader's drawing of the vessel wall"
        return [not_measured(MISSING, f"no {wanting}")], []
    checks = read_json(given["checks"])
    problem = refusal(checks, "vwi")
    if problem:
        return [not_measured(FAILED, problem)], []
    vwi = read_image(given["vwi"])
    drawings: dict[str, Image | str] = {reader: drawing_of(path, vwi) for reader, path in paths.items()}
    if given.get("wall_tool"):
        made = was_made(given["wall_tool"])
        drawings[TOOL] = drawing_of(given["wall_tool"], vwi) if made else read_json(given["wall_tool_facts"])["reason"]
    post = read_post_contrast(given, checks)
    return measure_session(vwi, drawings, read_ct_side(given), post, settings, grades)


def drawing_of(path: str | Path, vwi: Image) -> Image | str:
    """The reader's label map, or the reason why it cannot be read.

    Parameters
    ----------
    path : str | Path
        Path of the drawing.
    vwi : Image
        The vessel-wall image.

    Returns
    -------
    Image | str
        The label map, or the reason.
    """
    try:
        return read_drawing(path, vwi)
    except ValueError as error:
        return str(error)


def read_ct_side(given: Inputs) -> CtSide:
    """What the CT gives, or the reason why it gives nothing.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.

    Returns
    -------
    CtSide
        Arteries, calcification and the transform to the CT, or the reason why they are missing.
    """
    nothing = "artery not named, calcium not measured: "
    if not given.get("ct"):
        return CtSide(nothing + "no CT")
    if not given.get("ct_to_reference") and not given.get("vwi_to_reference"):
        return CtSide(nothing + "the session has no MRI that both images could be registered to")
    registered = {"CT": read_json(given["registration"])}
    if given.get("vwi_to_reference_facts"):
        registered["vwi"] = read_json(given["vwi_to_reference_facts"])
    for column, found in registered.items():
        if found["status"] == FAILED:
            return CtSide(f"{nothing}registration of the {column}: {found['reason']}")
    made = {name: was_made(given[name]) for name in ("arteries", "calcification")}
    missing = " and ".join(name for name, done in made.items() if not done)
    arteries = read_image(given["arteries"]) if made["arteries"] else None
    calcification, ct = None, None
    lesions = read_tsv(given["calcification_lesions"]) if given.get("calcification_lesions") else None
    if made["calcification"]:
        labels = counted_marks(read_image(given["calcification"]), lesions)
        calcification, ct = labelled_part(labels, labels, read_ct(given["ct"]))
    names = read_tsv(given["artery_names"]) if made["arteries"] else pd.DataFrame(columns=["index", "artery", "side"])
    return CtSide(
        reason=f"the CT's {missing} could not be mapped" if missing else "",
        to_ct=vwi_to_ct(given),
        ct=ct,
        arteries=labelled_part(arteries, arteries)[0] if arteries else None,
        names={int(index): (artery, side) for index, artery, side in names[["index", "artery", "side"]].to_numpy()},
        calcification=calcification,
        lesions=lesions,
    )


def counted_marks(labels: Image, lesions: pd.DataFrame | None) -> Image:
    """The label map of the calcifications without those that their table says are not counted.

    Parameters
    ----------
    labels : Image
        Label map of the calcifications.
    lesions : pd.DataFrame | None
        Their table, or None.

    Returns
    -------
    Image
        The label map of the counted ones.
    """
    if lesions is None:
        return labels
    kept = lesions.loc[lesions["counted"].isin([True]), "lesion"]
    return labels.with_data(np.where(np.isin(labels.data, kept), labels.data, 0))


def vwi_to_ct(given: Inputs) -> np.ndarray | None:
    """4 x 4, RAS, from points of the vessel-wall image to those of the CT; None if one of them was not registered.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.

    Returns
    -------
    np.ndarray | None
        Matrix (4, 4), RAS mm, or None.
    """
    of_ct, of_vwi = matrix_to_reference(given, "ct"), matrix_to_reference(given, "vwi")
    return None if of_ct is None or of_vwi is None else np.linalg.inv(of_ct) @ of_vwi


def read_post_contrast(given: Inputs, checks: dict[str, Any]) -> PostContrast | str:
    """The post-contrast image with a first guess of its place, or the reason why there is none.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    checks : dict[str, Any]
        Content of the session's image checks.

    Returns
    -------
    PostContrast | str
        The image with a first guess, or the reason.
    """
    if not given.get("vwi_ce"):
        return "no post-contrast image"
    problem = refusal(checks, "vwi_ce")
    if problem:
        return problem
    before, after = (matrix_to_reference(given, column) for column in ("vwi", "vwi_ce"))
    start = None if before is None or after is None else np.linalg.inv(after) @ before
    return PostContrast(read_image(given["vwi_ce"]), start)


def matrix_to_reference(given: Inputs, column: str) -> np.ndarray | None:
    """4 x 4, RAS, from the image's own points to those of the session's reference; identity for the reference itself.

    None if the image was not registered.

    Parameters
    ----------
    given : Inputs
        Paths of the job's inputs.
    column : str
        Column of the image.

    Returns
    -------
    np.ndarray | None
        Matrix (4, 4), RAS mm, or None.
    """
    transform = given.get(f"{column}_to_reference")
    if not transform:
        return np.eye(4)
    return np.linalg.inv(matrix_ras(read_transform(transform))) if was_made(transform) else None


def labelled_part(labels: Image, *images: Image) -> list[Image]:
    """The images of one grid (a head's CT is large) within the box of its labels; whole where there are none.

    Parameters
    ----------
    labels : Image
        Label map.
    *images : Image
        Images of the same grid.

    Returns
    -------
    list[Image]
        The images' parts.
    """
    box = bounding_box(labels.data) if labels.data.any() else tuple(slice(n) for n in labels.data.shape)
    return [crop(image, box) for image in images]
