"""Detect lacunes on T1w and FLAIR; the label map lies on the native FLAIR grid, the table's points in T1w space."""

import numpy as np
import pandas as pd

from angiolith.core.images import bounding_box, crop, resample, write_image
from angiolith.core.tables import FAILED, OK, REVIEW, write_json, write_not_made, write_tsv
from angiolith.runtime.job import run
from angiolith.small_vessel.grid import paste
from angiolith.small_vessel.lacunes.detect import COLUMNS, detect_lacunes
from angiolith.small_vessel.session import NotMeasured, brain_on, priors_on, read_checked, to_reference
from angiolith.small_vessel.tissues import TissueError


def detect(given, settings):
    """Table, label map on the T1w grid, T1w, FLAIR, and the way from FLAIR points to T1w points."""
    flair = read_checked(given, "FLAIR")
    t1w = read_checked(given, "T1w")
    way, flair_way = to_reference(given, "T1w"), to_reference(given, "FLAIR")
    brain = brain_on(given, t1w, way)
    box = bounding_box(brain)
    part = crop(t1w, box)
    priors = priors_on(given, part, brain[box], way, "wm", "gm", "ventricles", "deep_grey")
    on_t1w = resample(flair, part, flair_way.GetInverse()).data  # the T1w, where there is one, is the reference
    try:
        found, labels = detect_lacunes(part, on_t1w, brain[box], priors, settings)
    except TissueError as error:
        raise NotMeasured(FAILED, str(error)) from error
    return found, paste(labels, box, t1w.data.shape), t1w, flair, flair_way


def onto_flair(labels, t1w, flair, flair_to_t1w):
    """Label map on the FLAIR grid (nearest); a lacune between voxel centres keeps the one nearest its middle."""
    carried = resample(t1w.with_data(labels), flair, flair_to_t1w, interpolation="nearest").data.astype(np.int32)
    inverse, to_voxel = flair_to_t1w.GetInverse(), np.linalg.inv(flair.affine)
    for label in np.setdiff1d(np.unique(labels), [*np.unique(carried), 0]):
        middle = t1w.affine[:3, :3] @ np.argwhere(labels == label).mean(axis=0) + t1w.affine[:3, 3]
        flip = np.array([-1.0, -1.0, 1.0])
        point = np.array(inverse.TransformPoint((middle * flip).tolist())) * flip
        voxel = np.round(to_voxel[:3, :3] @ point + to_voxel[:3, 3]).astype(int)
        if ((voxel >= 0) & (voxel < carried.shape)).all():
            carried[tuple(voxel)] = label
    return carried


def main(snakemake):
    given, out = snakemake.input, snakemake.output
    settings = snakemake.params.settings["lacunes"]
    keys = {"subject": snakemake.wildcards.subject, "session": snakemake.wildcards.session}
    try:
        found, labels, t1w, flair, flair_way = detect(given, settings)
    except NotMeasured as problem:
        write_tsv(pd.DataFrame(columns=[*keys, *COLUMNS]), out.table)
        write_not_made(out.labels)
        write_json({**keys, "status": problem.status, "reason": problem.reason, "n_lacunes": None}, out.facts)
        return
    many = len(found) > settings["review_count"]
    write_tsv(found.assign(**keys)[[*keys, *COLUMNS]], out.table)
    write_image(onto_flair(labels, t1w, flair, flair_way), flair.affine, out.labels)
    reason = f"many spots ({len(found)}): look for perivascular spaces or sulci among them" if many else ""
    write_json({**keys, "status": REVIEW if many else OK, "reason": reason, "n_lacunes": len(found)}, out.facts)


if __name__ == "__main__":
    run(main, snakemake)
