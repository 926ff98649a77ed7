"""Detect microbleeds on T2* or SWI; a session without either gets no count, and the reason."""

import numpy as np
import pandas as pd
import SimpleITK as sitk

from angiolith.core.images import ImageError, map_points, read_ct, write_image
from angiolith.core.tables import OK, REVIEW, join_reasons, was_made, write_json, write_not_made, write_tsv
from angiolith.runtime.job import run
from angiolith.small_vessel.microbleeds.detect import (
    CALCIUM,
    COLUMNS,
    MICROBLEED,
    OUTSIDE,
    detect_microbleeds,
    hu_percentile,
)
from angiolith.small_vessel.session import NotMeasured, brain_on, priors_on, read_checked, to_reference


def calcium_lookup(given, image_to_reference):
    """HU about a point of the image on the registered CT, and why there is none (then the lookup is None)."""
    if not given.get("ct"):
        return None, "no CT"
    transform = given.get("ct_to_reference")
    if not transform or not was_made(transform):
        return None, "the CT is not registered"
    try:
        ct = read_ct(given["ct"])
    except ImageError:
        return None, "the CT cannot be read"
    to_ct = sitk.CompositeTransform([sitk.ReadTransform(str(transform)), image_to_reference])
    return lambda point, radius_mm: hu_percentile(ct, map_points(to_ct, point[None])[0], radius_mm), ""


def main(snakemake):
    given, out = snakemake.input, snakemake.output
    settings = snakemake.params.settings["microbleeds"]
    column = "swi" if given.get("swi") else "T2starw"
    labels = {"subject": snakemake.wildcards.subject, "session": snakemake.wildcards.session}
    facts = {**labels, "image": column, "n_microbleeds": None, "n_calcifications": None, "n_outside_tissue": None}
    facts["calcium_checked"] = False
    try:
        image = read_checked(given, column, name="T2* or SWI" if not given.get(column) else column)
        way = to_reference(given, column)
        brain = brain_on(given, image, way)
        priors = priors_on(given, image, brain, way, "wm", "gm")
        hu_at, no_ct = calcium_lookup(given, way)
        found, label_map = detect_microbleeds(image, brain, settings, hu_at, priors["wm"] + priors["gm"])
    except NotMeasured as problem:
        write_tsv(pd.DataFrame(columns=[*labels, *COLUMNS]), out.table)
        write_not_made(out.labels)
        write_json(facts | {"status": problem.status, "reason": problem.reason}, out.facts)
        return
    count = int((found["kind"] == MICROBLEED).sum())
    many = count > settings["review_count"]
    doubt = f"{count} spots not told from calcium: {no_ct}" if count and hu_at is None else ""
    facts |= {
        "status": REVIEW if many else OK,
        "reason": join_reasons(f"many spots ({count}): look for noise or vessels among them" if many else "", doubt),
        "n_microbleeds": count,
        "n_calcifications": int((found["kind"] == CALCIUM).sum()),
        "n_outside_tissue": int((found["kind"] == OUTSIDE).sum()),
        "calcium_checked": hu_at is not None,
    }
    found = found.assign(**labels)[[*labels, *COLUMNS]]
    write_tsv(found.astype({"hu_p90": np.float64}), out.table)
    write_image(label_map, image.affine, out.labels)
    write_json(facts, out.facts)


if __name__ == "__main__":
    run(main, snakemake)
