"""Measure the WMH mask and gather the session's small-vessel markers in one row."""

import numpy as np
import pandas as pd

from angiolith.core.images import read_image
from angiolith.core.tables import FAILED, MISSING, OK, REVIEW, USABLE, join_reasons, read_json, was_made, write_tsv
from angiolith.runtime.job import run
from angiolith.small_vessel.tissues import VENTRICLES
from angiolith.small_vessel.wmh.fazekas import MEASURES, measure_wmh

ABSENT = {"WMH": "no FLAIR", "microbleeds": "no T2* or SWI", "lacunes": "no T1w and FLAIR"}


def facts_of(given, name, what):
    """Status file of a marker; missing, with the reason, where the session has no image for it."""
    return read_json(given[name]) if given.get(name) else {"status": MISSING, "reason": ABSENT[what]}


def main(snakemake):
    given = snakemake.input
    settings = snakemake.params.settings["wmh"]
    found = {
        "WMH": facts_of(given, "wmh_facts", "WMH"),
        "microbleeds": facts_of(given, "microbleed_facts", "microbleeds"),
        "lacunes": facts_of(given, "lacune_facts", "lacunes"),
    }
    icv_cm3 = np.nan
    if given.get("brain") and was_made(given["brain"]):
        brain = read_image(given["brain"])
        icv_cm3 = float((brain.data > 0.5).sum() * brain.voxel_volume_mm3 / 1000)
    measures = dict.fromkeys(MEASURES, np.nan)
    if given.get("mask") and was_made(given["mask"]):
        mask = read_image(given["mask"])
        tissues = read_image(given["tissues"]).data if was_made(given["tissues"]) else None
        ventricles = None if tissues is None else tissues == VENTRICLES
        measures = measure_wmh(mask.data > 0.5, ventricles, mask.affine, icv_cm3, settings)
    statuses = [facts["status"] for facts in found.values()]
    row = {
        "subject": snakemake.wildcards.subject,
        "session": snakemake.wildcards.session,
        **measures,
        "n_microbleeds": found["microbleeds"].get("n_microbleeds"),
        "n_lacunes": found["lacunes"].get("n_lacunes"),
        "icv_cm3": icv_cm3,
        "wmh_status": found["WMH"]["status"],
        "microbleed_status": found["microbleeds"]["status"],
        "lacune_status": found["lacunes"]["status"],
        "status": row_status(statuses),
        "reason": join_reasons(*(f"{what}: {facts['reason']}" for what, facts in found.items() if facts["reason"])),
    }
    write_tsv(pd.DataFrame([row]), snakemake.output.metrics)


def row_status(statuses):
    """ok if all markers that the session has images for are; review if only some can be used; else failed.

    missing where the session has no image for any.
    """
    made = [status for status in statuses if status != MISSING]
    if not made:
        return MISSING
    if all(status == OK for status in made):
        return OK
    return REVIEW if any(status in USABLE for status in made) else FAILED


if __name__ == "__main__":
    run(main, snakemake)
