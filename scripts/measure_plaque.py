"""Measure every drawn lesion of the vessel wall: areas, thickness, stenosis, remodelling, calcium, enhancement."""

import numpy as np
import pandas as pd

from angiolith.core.images import bounding_box, crop, matrix_ras, read_ct, read_image, read_transform
from angiolith.core.manifest_checks import WALL_READERS
from angiolith.core.settings.section import step_settings
from angiolith.core.settings.vessel_wall import WallConsensusSettings, WallGradeSettings, WallMeasureSettings
from angiolith.core.tables import FAILED, MISSING, read_json, read_tsv, was_made, write_tsv
from angiolith.registration.job import refusal
from angiolith.runtime.job import run
from angiolith.vessel_wall.consensus import consensus
from angiolith.vessel_wall.label_maps import read_drawing
from angiolith.vessel_wall.parts import TOOL
from angiolith.vessel_wall.session import (
    OUTLINE_COLUMNS,
    CtSide,
    PostContrast,
    measure_session,
    not_measured,
    plaque_table,
)


def drawing_of(path, vwi):
    """The reader's label map, or the reason why it cannot be read."""
    try:
        return read_drawing(path, vwi)
    except ValueError as error:
        return str(error)


def matrix_to_reference(given, column):
    """4 x 4, RAS, from the image's own points to those of the session's reference; identity for the reference itself.

    None if the image was not registered.
    """
    transform = given.get(f"{column}_to_reference")
    if not transform:
        return np.eye(4)
    return np.linalg.inv(matrix_ras(read_transform(transform))) if was_made(transform) else None


def labelled_part(labels, *images):
    """The images of one grid (a head's CT is large) within the box of its labels; whole where there are none."""
    box = bounding_box(labels.data) if labels.data.any() else tuple(slice(n) for n in labels.data.shape)
    return [crop(image, box) for image in images]


def read_ct_side(given):
    """What the CT gives, or the reason why it gives nothing."""
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
    arteries, calcification = (read_image(given[name]) if done else None for name, done in made.items())
    ct = read_ct(given["ct"]) if calcification else None
    if calcification:
        calcification, ct = labelled_part(calcification, calcification, ct)
    names = read_tsv(given["artery_names"]) if made["arteries"] else pd.DataFrame(columns=["index", "artery", "side"])
    return CtSide(
        reason=f"the CT's {missing} could not be mapped" if missing else "",
        to_ct=np.linalg.inv(matrix_to_reference(given, "ct")) @ matrix_to_reference(given, "vwi"),
        ct=ct,
        arteries=labelled_part(arteries, arteries)[0] if arteries else None,
        names={int(index): (artery, side) for index, artery, side in names[["index", "artery", "side"]].to_numpy()},
        calcification=calcification,
        lesions=read_tsv(given["calcification_lesions"]) if given.get("calcification_lesions") else None,
    )


def read_post_contrast(given, checks):
    """The post-contrast image with a first guess of its place, or the reason why there is none."""
    if not given.get("vwi_ce"):
        return "no post-contrast image"
    problem = refusal(checks, "vwi_ce")
    if problem:
        return problem
    matrices = {column: matrix_to_reference(given, column) for column in ("vwi", "vwi_ce")}
    known = all(matrix is not None for matrix in matrices.values())
    start = np.linalg.inv(matrices["vwi_ce"]) @ matrices["vwi"] if known else None
    return PostContrast(read_image(given["vwi_ce"]), start)


def measure(given, settings, grades):
    """Rows of the plaque table and of the contour table for what the session has."""
    paths = {reader: given[f"wall_{reader}"] for reader in WALL_READERS if given.get(f"wall_{reader}")}
    if not given.get("vwi") or not (paths or given.get("wall_tool")):
        wanting = "vessel-wall image" if not given.get("vwi") else "reader's drawing of the vessel wall"
        return [not_measured(MISSING, f"no {wanting}")], []
    checks = read_json(given["checks"])
    problem = refusal(checks, "vwi")
    if problem:
        return [not_measured(FAILED, problem)], []
    vwi = read_image(given["vwi"])
    drawings = {reader: drawing_of(path, vwi) for reader, path in paths.items()}
    if given.get("wall_tool"):
        made = was_made(given["wall_tool"])
        drawings[TOOL] = drawing_of(given["wall_tool"], vwi) if made else read_json(given["wall_tool_facts"])["reason"]
    post = read_post_contrast(given, checks)
    return measure_session(vwi, drawings, read_ct_side(given), post, settings, grades)


def main(snakemake):
    given = dict(snakemake.input.items())
    settings, grades = (
        step_settings(snakemake.params.settings, WallMeasureSettings),
        step_settings(snakemake.params.settings, WallGradeSettings),
    )
    rows, outlines = measure(given, settings, grades)
    keys = (snakemake.wildcards.subject, snakemake.wildcards.session)
    plaques = plaque_table(rows, *keys)
    write_tsv(plaques, snakemake.output.metrics)
    common = consensus(plaques, step_settings(snakemake.params.settings, WallConsensusSettings), grades)
    write_tsv(common, snakemake.output.consensus)
    write_tsv(pd.DataFrame(outlines, columns=OUTLINE_COLUMNS), snakemake.output.contours)


if __name__ == "__main__":
    run(main, snakemake)
