"""Change of masks made elsewhere and of microbleeds: balls of known size in two visits, each in its own pose."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from angiolith.brain.segment import TISSUES
from angiolith.change import wmh as change_of_wmh
from angiolith.change.half_way import GREW, SHRANK, STABLE, half_of
from angiolith.change.inputs import ChangeStepSettings
from angiolith.change.measure import fazekas_change
from angiolith.change.spots import count_change
from angiolith.change.wmh import wmh_change
from angiolith.core.images import Image, linear_transform, moved, read_image, write_image, write_transform
from angiolith.core.tables import read_tsv, write_not_made, write_tsv
from angiolith.small_vessel.session import NotMeasured
from angiolith.small_vessel.tissues import onto, template_prior

SETTINGS = ChangeStepSettings()
BALLS_MM = {  # centre (template, mm): radius at the first and the second visit
    (-28.0, 0.0, 30.0): (8.0, 11.0),
    (28.0, 0.0, 30.0): (7.0, 7.0),
    (28.0, -40.0, 24.0): (7.0, 0.0),
}
DAYS = 400.0


def cm3(*radii_mm):
    return sum(4 / 3 * np.pi * radius**3 / 1000 for radius in radii_mm)


def rigid(angles_deg, shift_mm):
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", angles_deg, degrees=True).as_matrix()
    matrix[:3, 3] = shift_mm
    return matrix


MOTION = rigid((6, -4, 9), (5, -3, 8))  # points of the first visit to points of the second


def places_of(shape, affine, here):
    """Points (..., 3) of a visit's voxels in the first visit's reference, mm."""
    return moved(np.linalg.inv(here) @ affine, np.moveaxis(np.indices(shape), 0, -1))


def visit_in(folder, number, voxel_mm):
    """Files of a visit: a FLAIR made of the template's maps, the brain, the mask of a tool, the way to the template."""
    folder.mkdir()
    here = (np.eye(4), MOTION)[number]
    grid = Image(np.zeros(np.ceil((150, 190, 130) / np.array(voxel_mm)).astype(int), np.float32), np.eye(4))
    affine = here @ np.block([[np.diag(voxel_mm), np.array([[-75.0], [-112.0], [-50.0]])], [0, 0, 0, 1]])
    grid = Image(grid.data, affine)
    back = linear_transform(np.linalg.inv(here))
    priors = {name: template_prior(name) for name in ("wm", "gm", "ventricles")}
    wm, gm = onto([priors["wm"], priors["gm"]], grid, back)
    brain = wm + gm > 0.3
    noise = np.random.default_rng(number).normal(0, 3, wm.shape)
    write_image((brain * (100 * wm + 120 * gm + 15 + noise)).astype(np.float32), affine, folder / "flair.nii.gz")
    write_image(np.ones(wm.shape, np.uint8), affine, folder / "brain.nii.gz")
    places = places_of(wm.shape, affine, here)
    mask = np.any([np.linalg.norm(places - ball, axis=-1) <= radii[number] for ball, radii in BALLS_MM.items()], axis=0)
    write_image(mask.astype(np.uint8), affine, folder / "wmh.nii.gz")
    write_transform(back, folder / "from_template.tfm")
    (folder / "checks.json").write_text(json.dumps({"images": {"FLAIR": {"status": "ok"}}}))
    names = {"FLAIR": "flair.nii.gz", "brain": "brain.nii.gz", "wmh": "wmh.nii.gz", "checks": "checks.json"}
    return {name: str(folder / file) for name, file in (names | {"from_template": "from_template.tfm"}).items()}


def brain_of_levels(visit, flair, limits, given=None):
    """What the brain network would find: white matter where the FLAIR is bright, ventricles in the middle."""
    if np.ptp(flair.data[flair.data > 0]) < 1:
        raise NotMeasured("failed", "no brain")
    brain = flair.data > 10
    tissues = np.where(brain, TISSUES["white"], 0).astype(np.uint8)
    middle = tuple(slice(n // 2 - 4, n // 2 + 4) for n in brain.shape)
    brain[middle], tissues[middle] = True, TISSUES["ventricles"]
    return SimpleNamespace(brain=brain, tissues=tissues)


@pytest.fixture(scope="module", autouse=True)
def _no_network():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(change_of_wmh, "flair_brain", brain_of_levels)
        yield


@pytest.fixture(scope="module")
def visits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("visits")
    return visit_in(folder / "first", 0, (1.8, 1.8, 3.0)), visit_in(folder / "second", 1, (2.0, 2.0, 2.5))


def changes(visits, motion):
    rows, labels = wmh_change(visits, None, half_of(motion), DAYS, SETTINGS)  # no model: nothing is segmented
    return {row["measure"]: row for row in rows}, labels


@pytest.fixture(scope="module")
def there(visits):
    return changes(visits, MOTION)


def test_masks_made_elsewhere_give_the_growth_that_they_hold(there):
    rows, labels = there
    first, second = cm3(8.0, 7.0, 7.0), cm3(11.0, 7.0)
    volume = rows["wmh_volume_cm3"]
    assert (volume["baseline"], volume["followup"]) == pytest.approx((first, second), rel=0.03)
    assert volume["change"] == pytest.approx(second - first, abs=0.03 * second)
    assert volume["change_per_year"] == pytest.approx(volume["change"] * 365.25 / DAYS)
    assert rows["wmh_growth_cm3"]["change"] == pytest.approx(cm3(11.0) - cm3(8.0), rel=0.1)
    assert rows["wmh_shrinkage_cm3"]["change"] == pytest.approx(cm3(7.0), rel=0.2)
    assert (rows["n_wmh_lesions"]["baseline"], rows["n_wmh_lesions"]["followup"]) == (3, 2)
    assert rows["wmh_periventricular_cm3"]["followup"] + rows["wmh_deep_cm3"]["followup"] == pytest.approx(
        volume["followup"]
    )
    voxel_cm3 = labels.voxel_volume_mm3 / 1000
    for label, expected in ((STABLE, cm3(8.0, 7.0)), (GREW, cm3(11.0) - cm3(8.0)), (SHRANK, cm3(7.0))):
        assert (labels.data == label).sum() * voxel_cm3 == pytest.approx(expected, rel=0.2)


def test_exchanged_visits_change_the_sign(there, visits):
    there, back = there[0], changes(visits[::-1], np.linalg.inv(MOTION))[0]
    assert back["wmh_volume_cm3"]["change"] == pytest.approx(-there["wmh_volume_cm3"]["change"], abs=1e-9)
    assert back["wmh_growth_cm3"]["change"] == pytest.approx(there["wmh_shrinkage_cm3"]["change"], abs=1e-9)


def test_masks_are_measured_where_the_flair_shows_no_tissues(visits, tmp_path):
    flat = dict(visits[0], FLAIR=str(tmp_path / "flat.nii.gz"))
    grid = Image(np.full((83, 105, 43), 100.0, np.float32), np.diag([1.8, 1.8, 3.0, 1.0]))
    grid.affine[:3, 3] = (-75.0, -112.0, -50.0)
    write_image(grid.data, grid.affine, flat["FLAIR"])
    rows, _ = changes((flat, visits[1]), MOTION)
    assert rows["wmh_volume_cm3"]["followup"] == pytest.approx(cm3(11.0, 7.0), rel=0.03)
    assert rows["wmh_volume_cm3"]["status"] == "review"
    assert "tissues are not labelled" in rows["wmh_volume_cm3"]["reason"]
    assert np.isnan(rows["wmh_deep_cm3"]["change"])


def test_a_tool_that_gave_no_mask_is_named(visits, tmp_path):
    failed = dict(visits[1], wmh=str(tmp_path / "mask.nii.gz"))
    write_not_made(failed["wmh"])
    with pytest.raises(NotMeasured, match="a visit has no WMH mask"):
        changes((visits[0], failed), MOTION)


def test_the_change_of_a_grade_is_that_of_the_visits_own_grades(tmp_path):
    given = []
    for visit, grades, status in ((1, (2, 1, 3), "ok"), (2, (3, 1, 4), "review"), (3, (1, 1, 2), "failed")):
        names = ("fazekas_periventricular", "fazekas_deep", "fazekas_total")
        row = dict(zip(names, map(float, grades), strict=True)) | {"wmh_status": status}
        write_tsv(pd.DataFrame([row]), tmp_path / f"{visit}.tsv")
        given.append({"smallvessel": str(tmp_path / f"{visit}.tsv")})
    assert [row["change"] for row in fazekas_change(given[:2], DAYS)] == [1.0, 0.0, 1.0]
    assert {row["status"] for row in fazekas_change(given[1:], DAYS)} == {"failed"}
    assert {row["status"] for row in fazekas_change([given[0], {}], DAYS)} == {"missing"}


SPOTS_MM = {  # centre (first visit's reference, mm): share of the surroundings left at the first and the second visit
    (20.0, 10.0, 5.0): (0.1, 0.1),
    (-15.0, -12.0, 12.0): (0.55, 0.3),  # missed at the first visit, by a hair
    (5.0, 20.0, -12.0): (1.0, 0.1),
    (10.0, -20.0, -8.0): (1.0, 0.1),
    (-20.0, 15.0, -5.0): (0.1, 1.0),
}


def spots_in(folder, number):
    """Files of a visit: an SWI with its spots, and a table of those that are dark enough to be counted."""
    folder.mkdir()
    here = (np.eye(4), MOTION)[number]
    affine = here @ np.block([[np.diag([0.9, 0.9, 2.0]), -np.array([[38.0], [38.0], [38.0]])], [0, 0, 0, 1]])
    places = places_of((85, 85, 39), affine, here)
    brain = np.linalg.norm(places, axis=-1) < 36
    data = 100.0 * brain + np.random.default_rng(number).normal(0, 3, brain.shape)
    for centre, left in SPOTS_MM.items():
        data = np.where(np.linalg.norm(places - centre, axis=-1) < 2.0, 100 * left[number], data)
    counted = [centre for centre, left in SPOTS_MM.items() if left[number] < 0.5]
    table = pd.DataFrame(moved(here, np.array(counted)), columns=["x_mm", "y_mm", "z_mm"])
    write_tsv(table.assign(counted=True, certainty="sure", decided_by="tool"), folder / "bleeds.tsv")
    write_image(np.maximum(data, 0).astype(np.float32), affine, folder / "swi.nii.gz")
    write_image(brain.astype(np.uint8), affine, folder / "brain.nii.gz")
    (folder / "checks.json").write_text(json.dumps({"images": {"swi": {"status": "ok"}}}))
    facts = {"status": "ok", "reason": "", "image": "swi", "calcium_checked": True, "n_microbleed_candidates": 0}
    (folder / "bleeds.json").write_text(json.dumps(facts))
    files = {"swi": "swi.nii.gz", "brain": "brain.nii.gz", "checks": "checks.json"}
    files |= {"microbleed_table": "bleeds.tsv", "microbleed_facts": "bleeds.json"}
    return {name: str(folder / file) for name, file in files.items()}


def test_a_microbleed_is_new_only_where_the_other_image_shows_nothing(tmp_path):
    visits, settings = [spots_in(tmp_path / str(k), k) for k in (0, 1)], SETTINGS
    for given, motion, counts, changes in (
        (visits, MOTION, (3, 4), [1, 2, 1]),
        (visits[::-1], np.linalg.inv(MOTION), (4, 3), [-1, 1, 2]),
    ):
        rows = count_change(given, "n_microbleeds", "microbleed", half_of(motion), DAYS, settings)
        assert (rows[0]["baseline"], rows[0]["followup"]) == counts
        assert [row["change"] for row in rows] == changes
    visits[0]["checks"] = str(tmp_path / "other.json")
    (tmp_path / "other.json").write_text(json.dumps({"images": {"swi": {"status": "failed", "reason": "cut"}}}))
    with pytest.raises(NotMeasured, match="swi: cut"):
        count_change(visits, "n_microbleeds", "microbleed", half_of(MOTION), DAYS, settings)


def test_a_spot_that_a_reader_rejected_counts_at_neither_visit_and_candidates_are_reported(tmp_path):
    visits = [spots_in(tmp_path / str(k), k) for k in (0, 1)]
    table = read_tsv(visits[1]["microbleed_table"])
    rejected = table["x_mm"].sub(moved(MOTION, np.array([[-15.0, -12.0, 12.0]]))[0, 0]).abs() < 0.01
    assert rejected.sum() == 1  # dark at both visits, counted at the second alone before the visits are compared
    write_tsv(
        table.assign(counted=~rejected, decided_by=np.where(rejected, "AB", "tool")), visits[1]["microbleed_table"]
    )
    rows = count_change(visits, "n_microbleeds", "microbleed", half_of(MOTION), DAYS, SETTINGS)
    assert (rows[0]["baseline"], rows[0]["followup"], rows[0]["status"]) == (2, 3, "ok")
    first = read_tsv(visits[0]["microbleed_table"])
    write_tsv(first.assign(decided_by="AB", counted=False), visits[0]["microbleed_table"])
    rows = count_change(visits, "n_microbleeds", "microbleed", half_of(MOTION), DAYS, SETTINGS)
    assert rows[0]["baseline"] == 0  # the reader's rejections hold, whatever the other visit shows
    facts = json.loads(Path(visits[0]["microbleed_facts"]).read_text()) | {"n_microbleed_candidates": 2}
    Path(visits[0]["microbleed_facts"]).write_text(json.dumps(facts))
    rows = count_change(visits, "n_microbleeds", "microbleed", half_of(MOTION), DAYS, SETTINGS)
    assert {row["status"] for row in rows} == {"review"}
    assert "wait for a reader: 2" in rows[0]["reason"]


def with_marks(visit, folder, decided):
    """The visit with its WMH as marks (1 is the largest), decided on as {number: counts}; 0 is drawn and added."""
    folder.mkdir()
    mask = read_image(visit["wmh"])
    pieces, count = ndimage.label(mask.data > 0, np.ones((3, 3, 3)))
    order = np.argsort(-np.bincount(pieces.ravel())[1:])
    labels = np.zeros(mask.data.shape, np.int32)
    for number, at in enumerate(order, start=1):
        labels[pieces == at + 1] = number
    after = np.isin(labels, [number for number in range(1, count + 1) if decided.get(number, True)])
    if 0 in decided:
        labels[decided[0]] = count + 1
        after = after | decided[0]
    rows = [
        {"wmh": number, "counted": decided.get(number, True), "certainty": "sure"}
        | {"decided_by": "AB" if number in decided or number > count else "tool"}
        for number in range(1, int(labels.max()) + 1)
    ]
    write_tsv(pd.DataFrame(rows), folder / "wmh.tsv")
    write_tsv(pd.DataFrame(columns=["infarct", "counted", "certainty", "decided_by"]), folder / "infarct.tsv")
    for name, data in {"labels": labels, "after": after, "no_infarct": np.zeros_like(labels)}.items():
        write_image(data.astype(np.uint8), mask.affine, folder / f"{name}.nii.gz")
    added = {"wmh_segmented": visit["wmh"], "wmh_mask": str(folder / "after.nii.gz")}
    added |= {"wmh_labels": str(folder / "labels.nii.gz"), "wmh_table": str(folder / "wmh.tsv")}
    added |= {"infarct_labels": str(folder / "no_infarct.nii.gz"), "infarct_table": str(folder / "infarct.tsv")}
    return visit | added


def test_wmh_that_a_reader_rejected_at_one_visit_count_at_neither(visits, tmp_path):
    plain = [with_marks(visit, tmp_path / str(at), {}) for at, visit in enumerate(visits)]
    rows, _ = changes(plain, MOTION)
    assert rows["wmh_volume_cm3"] == changes(visits, MOTION)[0]["wmh_volume_cm3"]  # nothing decided, nothing changed
    first = with_marks(visits[0], tmp_path / "first", {1: False})  # the ball that grew from 8 to 11 mm
    rows, _ = changes((first, plain[1]), MOTION)
    assert rows["wmh_volume_cm3"]["baseline"] == pytest.approx(cm3(7.0, 7.0), rel=0.08)
    assert rows["wmh_volume_cm3"]["followup"] == pytest.approx(cm3(7.0), rel=0.08)
    assert rows["wmh_growth_cm3"]["change"] == pytest.approx(0, abs=0.2)
    assert rows["n_wmh_lesions"]["followup"] == 1
    kept = with_marks(visits[1], tmp_path / "kept", {1: True})  # a reader kept it at the other visit
    rows, _ = changes((first, kept), MOTION)
    assert rows["wmh_volume_cm3"]["followup"] == pytest.approx(cm3(11.0, 7.0), rel=0.08)
    assert rows["wmh_growth_cm3"]["change"] == pytest.approx(cm3(11.0), rel=0.08)


def test_wmh_that_a_reader_drew_count_at_the_visit_at_which_they_were_drawn(visits, tmp_path):
    mask = read_image(visits[1]["wmh"])
    places = places_of(mask.data.shape, mask.affine, MOTION)
    drawn = np.linalg.norm(places - (-28.0, -40.0, 24.0), axis=-1) <= 6.0
    first = with_marks(visits[0], tmp_path / "first", {})
    rows, _ = changes((first, with_marks(visits[1], tmp_path / "second", {0: drawn})), MOTION)
    assert rows["wmh_volume_cm3"]["baseline"] == pytest.approx(cm3(8.0, 7.0, 7.0), rel=0.08)
    assert rows["wmh_volume_cm3"]["followup"] == pytest.approx(cm3(11.0, 7.0, 6.0), rel=0.03)
    assert (rows["wmh_volume_cm3"]["status"], "other visit" in rows["wmh_volume_cm3"]["reason"]) == ("review", True)
