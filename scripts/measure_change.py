"""Measure the change between a subject's two visits in the space half-way between them."""

import numpy as np
import pandas as pd
import SimpleITK as sitk

from angiolith.change.half_way import (
    HALF_WAY_MEASURES,
    Visit,
    change_labels,
    change_row,
    half_of,
    half_way_grid,
    interval_days,
    lesion_rows,
    match_points,
    settle_points,
    symmetric_motion,
    wmh_pair,
    wmh_rows,
)
from angiolith.core.images import (
    Image,
    bounding_box,
    crop,
    linear_transform,
    map_points,
    matrix_ras,
    read_image,
    resample,
    write_image,
    write_transform,
)
from angiolith.core.tables import FAILED, MISSING, USABLE, read_json, read_tsv, was_made, write_not_made, write_tsv
from angiolith.registration.rigid import register_both_ways, register_rigid
from angiolith.runtime.job import run
from angiolith.small_vessel.grid import of_same_volume
from angiolith.small_vessel.microbleeds.detect import MICROBLEED, darkness_of
from angiolith.small_vessel.session import NotMeasured, brain_on, priors_on, read_checked, to_reference
from angiolith.small_vessel.tissues import TissueError
from angiolith.small_vessel.wmh.fazekas import FAZEKAS
from angiolith.small_vessel.wmh.posterior import read_model

WMH_MEASURES = (*HALF_WAY_MEASURES, "wmh_growth_cm3", "wmh_shrinkage_cm3")
COUNTS = {"n_microbleeds": MICROBLEED, "n_lacunes": "lacune"}
CALCIUM = {"calcification_volume_mm3": "total_volume_mm3", "agatston_equivalent": "agatston_equivalent"}
KEYS = ("subject", "from_session", "to_session")
COLUMNS = (*KEYS, "interval_days", "measure", "baseline", "followup", "change", "change_per_year", "status", "reason")


def visits_of(given):
    """The two visits' inputs, by the names that the jobs of one session use (listed as `<name>_<visit>`)."""
    names = {name.rsplit("_", 1)[0] for name, _ in given.items() if name.endswith(("_first", "_second"))}
    return tuple({name: given.get(f"{name}_{which}") for name in names} for which in ("first", "second"))


def motion_between(visits, columns, settings):
    """4 x 4 from the first visit's reference points to the second's; NotMeasured if the two cannot be registered.

    One search there and one back, which must agree; where they do not, both with the restarts of any registration.
    """
    images: list[Image] = []
    for visit, column in zip(visits, columns, strict=True):
        if column not in visit or not visit[column]:
            raise NotMeasured(MISSING, "a visit has no MRI")
        images.append(read_checked(visit, column))
    limit_mm = settings["change"]["motion_gap_mm_max"]
    motion, gap_mm = symmetric_motion(*register_both_ways(images[0], images[1], settings["registration"]))
    if gap_mm <= limit_mm:
        return motion
    forward = register_rigid(images[0], images[1], settings["registration"])
    backward = register_rigid(images[1], images[0], settings["registration"])
    for result in (forward, backward):
        if result.status == FAILED:
            raise NotMeasured(FAILED, f"registration of the two visits: {result.reason}")
    motion, gap_mm = symmetric_motion(forward.matrix_ras, backward.matrix_ras)
    if gap_mm > limit_mm:
        raise NotMeasured(FAILED, f"registration of the two visits: there and back differ by {gap_mm:.1f} mm")
    return motion


def read_visit(visit, flair, brain, grid, from_half):
    """A visit on the half-way grid; `from_half`: 4 x 4 from half-way points to points of its reference."""
    half_to_reference = linear_transform(from_half)
    half_to_flair = sitk.CompositeTransform([to_reference(visit, "FLAIR").GetInverse(), half_to_reference])
    mask = None
    if visit.get("wmh"):
        if not was_made(visit["wmh"]):
            raise NotMeasured(FAILED, "a visit has no WMH mask: its WMH were not segmented")
        drawn = read_image(visit["wmh"])
        mask = of_same_volume(
            resample(drawn.with_data((drawn.data > 0.5).astype(np.float32)), grid, half_to_flair).data
        )
    return Visit(
        flair=resample(flair, grid, half_to_flair),
        brain=brain,
        priors=priors_on(visit, grid, brain, half_to_reference, "wm", "gm", "ventricles"),
        user_mask=mask,
    )


def wmh_change(visits, model, half, days, settings):
    """Rows of WMH, and their map on the half-way grid; `half`: square root of the motion between the references."""
    flairs = [read_checked(visit, "FLAIR") for visit in visits]
    steps = (half, np.linalg.inv(half))
    to_half = [step @ matrix_ras(to_reference(visit, "FLAIR")) for step, visit in zip(steps, visits, strict=True)]
    from_half = [np.linalg.inv(step) for step in steps]
    grid = half_way_grid(flairs, to_half, settings["change"]["half_way_voxel_mm"])
    brains = [brain_on(visit, grid, linear_transform(back)) for visit, back in zip(visits, from_half, strict=True)]
    shared = brains[0] & brains[1]
    if not shared.any():
        raise NotMeasured(FAILED, "the two visits show no common part of the brain")
    box = bounding_box(shared)
    part = crop(grid, box)
    pair = [
        read_visit(visit, flair, brain[box], part, back)
        for visit, flair, brain, back in zip(visits, flairs, brains, from_half, strict=True)
    ]
    found = wmh_pair(pair, model, settings["wmh"], settings["change"]["difference_sd_min"])
    return wmh_rows(found, part.affine, days, settings["wmh"]), part.with_data(change_labels(*found.masks))


def lesion_points(visit, name, step):
    """Points (n, 3) of a visit's spots in half-way space, which of them count, and whether a CT told calcium apart.

    `step`: 4 x 4 from the visit's reference to half-way.
    """
    facts = visit.get(f"{name}_facts")
    if not facts:
        raise NotMeasured(MISSING, f"a visit has no image for {name}s")
    found = read_json(facts)
    if found["status"] not in USABLE:
        raise NotMeasured(found["status"], found["reason"])
    table = read_tsv(visit[f"{name}_table"])
    way = sitk.CompositeTransform([linear_transform(step), to_reference(visit, found.get("image", "T1w"))])
    points = map_points(way, table[["x_mm", "y_mm", "z_mm"]].to_numpy(float)).reshape(-1, 3)
    counted = (table["kind"] == name).to_numpy() if "kind" in table else np.ones(len(table), bool)
    return points, counted, found.get("calcium_checked", True)


def darkness_half_way(visit, step, settings):
    """How dark a visit's T2* or SWI is, as a function of half-way points; `step` as in `lesion_points`."""
    column = read_json(visit["microbleed_facts"])["image"]
    image, way = read_checked(visit, column), to_reference(visit, column)
    darkness = darkness_of(image, brain_on(visit, image, way), settings["microbleeds"])
    from_half = sitk.CompositeTransform([way.GetInverse(), linear_transform(np.linalg.inv(step))])
    return lambda points: darkness(map_points(from_half, points).reshape(-1, 3))


def count_change(visits, measure, name, half, days, settings):
    """Rows of counted lesions; a visit without CT borrows from the other's what is calcium and not blood.

    Microbleeds that only one visit counts are looked up on the other's image.
    """
    steps = (half, np.linalg.inv(half))
    spots = [lesion_points(visit, name, step) for visit, step in zip(visits, steps, strict=True)]
    tolerance_mm = settings["change"]["match_mm"]
    counted = []
    for (points, counts, checked), (others, other_counts, other_checked) in (spots, spots[::-1]):
        kept = counts.copy()
        if other_checked and not checked:
            kept[[i for i, _ in match_points(points, others[~other_counts], tolerance_mm)]] = False
        counted.append(points[kept])
    if name == MICROBLEED and any(map(len, counted)):
        darkness = [darkness_half_way(visit, step, settings) for visit, step in zip(visits, steps, strict=True)]
        counted = settle_points(counted, darkness, tolerance_mm)
    return lesion_rows(measure, counted[0], counted[1], tolerance_mm, days)


def own_rows(visits, table):
    """The row of this table that each visit that has one was given, measured in its own space."""
    return [read_tsv(visit[table]).iloc[0] for visit in visits if visit.get(table)]


def fazekas_change(visits, days):
    """Rows of the Fazekas grades: the difference of the visits' own grades, each measured on its own FLAIR."""
    tables = own_rows(visits, "smallvessel")
    if len(tables) < 2:
        return not_measured(FAZEKAS, days, NotMeasured(MISSING, "a visit has no FLAIR"))
    if any(table["wmh_status"] not in USABLE for table in tables):
        return not_measured(FAZEKAS, days, NotMeasured(FAILED, "a visit's WMH were not measured"))
    first, last = tables
    return [change_row(measure, first[measure], last[measure], days) for measure in FAZEKAS]


def calcium_change(visits, days):
    """Rows of calcification, of visits that both have a CT: measured in each CT's own space."""
    tables = own_rows(visits, "calcification")
    if len(tables) < 2:
        return []
    if any(table["status"] not in USABLE for table in tables):
        reasons = "; ".join(str(table["reason"]) for table in tables if table["status"] not in USABLE)
        return [change_row(measure, None, None, days, FAILED, reasons) for measure in CALCIUM]
    first, last = tables
    return [change_row(measure, first[column], last[column], days) for measure, column in CALCIUM.items()]


def mri_change(visits, model, half, days, settings):
    """Rows of what is measured on MRI, each with its own status, and the half-way map of WMH (None if not made)."""
    labels = None
    try:
        rows, labels = wmh_change(visits, model, half, days, settings)
    except (NotMeasured, TissueError, ValueError) as problem:
        rows = not_measured(WMH_MEASURES, days, problem)
    for measure, name in COUNTS.items():
        try:
            rows += count_change(visits, measure, name, half, days, settings)
        except NotMeasured as problem:
            rows += not_measured((measure,), days, problem)
    return rows, labels


def main(snakemake):
    params, settings = snakemake.params, snakemake.params.settings
    days = interval_days(*params.acq_times)
    visits, output = visits_of(snakemake.input), snakemake.output
    motion, labels = None, None
    try:
        motion = motion_between(visits, params.references, settings)
        half = half_of(motion)
    except (NotMeasured, ValueError) as problem:
        rows = not_measured((*WMH_MEASURES, *COUNTS), days, problem)
    else:
        model = read_model(snakemake.input.wmh_model)
        rows, labels = mri_change(visits, model, half, days, settings)
    rows += fazekas_change(visits, days)
    rows += calcium_change(visits, days)
    keys = dict(zip(KEYS, (snakemake.wildcards.subject, *params.sessions), strict=True))
    write_tsv(pd.DataFrame(rows).assign(**keys)[list(COLUMNS)], output.change)
    if labels is None:
        write_not_made(output.lesions)
    else:
        write_image(labels.data, labels.affine, output.lesions)
    if motion is None:
        write_not_made(output.motion)
    else:
        write_transform(linear_transform(motion), output.motion)


def not_measured(measures, days, problem):
    """A row per measure that says why it was not made."""
    status = getattr(problem, "status", FAILED)
    return [change_row(measure, None, None, days, status, str(problem)) for measure in measures]


if __name__ == "__main__":
    run(main, snakemake)
