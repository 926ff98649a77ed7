"""Perivascular spaces: tubes of known place in a drawn brain; what is none; count and grade; what is refused."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from angiolith.brain.segment import TISSUES
from angiolith.core.images import Image, write_image
from angiolith.core.settings.lacunes import LacuneDetectSettings
from angiolith.core.settings.perivascular import PvsDetectSettings, PvsGradeSettings, PvsToolSettings
from angiolith.core.tables import write_json
from angiolith.marks.decisions import COLUMNS as DECISION_COLUMNS
from angiolith.small_vessel.cavities import is_perivascular
from angiolith.small_vessel.perivascular.detect import PvsError, detect_pvs, potter_grade, pvs_measures, pvs_row
from angiolith.small_vessel.perivascular.session import pvs_of

DETECT, GRADE, LACUNES = PvsDetectSettings(), PvsGradeSettings(), LacuneDetectSettings()
SHAPE = (96, 90, 92)
AFFINE = np.array([[-1.0, 0, 0, 48], [0, 1.0, 0, -45], [0, 0, 1.0, -30], [0, 0, 0, 1]])
LEVELS = {
    "T1w": {"outside": 40, "grey": 620, "white": 880, "csf": 190, "ventricles": 190, "deep_grey": 740},
    "T2w": {"outside": 40, "grey": 480, "white": 330, "csf": 1200, "ventricles": 1200, "deep_grey": 390},
}
IN_CENTRUM = [((x, y, 42.0), (0.2, 0.3, 1.0)) for x in (-20.0, -12.0, 14.0) for y in (-15.0, 0.0, 15.0)]
IN_GANGLIA = [((x, y, 5.0), (0.0, 0.1, 1.0)) for x in (-24.0, 24.0) for y in (-8.0, 6.0)]


def world():
    return np.moveaxis(np.moveaxis(np.indices(SHAPE), 0, -1) @ AFFINE[:3, :3].T + AFFINE[:3, 3], -1, 0)


@pytest.fixture(scope="module")
def tissues():
    x, y, z = world()
    found = np.zeros(SHAPE, np.uint8)
    brain = (abs(x) < 42) & (abs(y) < 40) & (z > -24) & (z < 56)
    found[brain] = TISSUES["grey"]
    found[(abs(x) < 37) & (abs(y) < 35) & (z > -19) & (z < 51)] = TISSUES["white"]
    found[(abs(x) < 5) & (abs(y) < 20) & (z > 4) & (z < 24)] = TISSUES["ventricles"]
    found[(abs(x) > 16) & (abs(x) < 30) & (abs(y) < 15) & (z > -6) & (z < 16)] = TISSUES["deep_grey"]
    return found


def scan(tissues, tubes, contrast, radius_mm=1.0, length_mm=8.0, balls=()):
    """An image of the tissues with fluid tubes (middle, direction) and balls (middle, radius), and noise."""
    levels = LEVELS[contrast]
    signal = np.full(SHAPE, float(levels["outside"]))
    for name, value in TISSUES.items():
        signal[tissues == value] = levels.get(name, levels["grey"])
    signal = ndimage.gaussian_filter(signal, 0.6)
    points = np.moveaxis(world(), 0, -1)
    for middle, direction in tubes:
        along = np.array(direction) / np.linalg.norm(direction)
        away = points - middle
        on = np.clip(away @ along, -length_mm / 2, length_mm / 2)
        share = np.clip(radius_mm + 0.5 - np.linalg.norm(away - on[..., None] * along, axis=-1), 0, 1)
        signal += share * (levels["csf"] - signal)
    for middle, radius in balls:
        share = np.clip(radius + 0.5 - np.linalg.norm(points - middle, axis=-1), 0, 1)
        signal += share * (levels["csf"] - signal)
    noise = np.random.default_rng(4).normal(0, 15, SHAPE)
    return Image((signal + noise).astype(np.float32), AFFINE)


@pytest.mark.parametrize("contrast", ["T1w", "T2w"])
def test_neighbours_are_two_spaces_and_a_space_beside_cortex_is_found(tissues, contrast):
    upright = (0.0, 0.0, 1.0)
    beside = [((-20.0, 0.0, 42.0), upright), ((-16.5, 0.0, 42.0), upright), ((24.0, 8.0, 5.0), upright)]
    table, _, _ = detect_pvs(scan(tissues, beside, contrast), tissues, None, DETECT, LACUNES)
    assert table["region"].value_counts().to_dict() == {"centrum_semiovale": 2, "basal_ganglia": 1}


@pytest.mark.parametrize("contrast", ["T1w", "T2w"])
def test_tubes_are_found_in_both_regions_and_on_both_sides(tissues, contrast):
    image = scan(tissues, [*IN_CENTRUM, *IN_GANGLIA], contrast)
    table, labels, _ = detect_pvs(image, tissues, None, DETECT, LACUNES)
    assert table["region"].value_counts().to_dict() == {"centrum_semiovale": 9, "basal_ganglia": 4}
    for middle, _ in [*IN_CENTRUM, *IN_GANGLIA]:
        assert np.linalg.norm(table[["x_mm", "y_mm", "z_mm"]] - middle, axis=1).min() < 1.5
    assert sorted(np.unique(labels)) == list(range(14))
    found = pvs_measures(labels, table, image, DETECT, GRADE)
    assert (found["pvs_centrum_semiovale_count"], found["pvs_centrum_semiovale_side"]) == (6, "L")
    assert (found["pvs_basal_ganglia_count"], found["pvs_basal_ganglia_grade"]) == (2, 1)
    assert found["pvs_centrum_semiovale_volume_cm3"] == pytest.approx(9 * np.pi * 8 / 1000, rel=0.6)


def test_a_brain_without_spaces_has_none(tissues):
    for contrast in ("T1w", "T2w"):
        assert detect_pvs(scan(tissues, [], contrast), tissues, None, DETECT, LACUNES)[0].empty


def test_a_lacune_and_what_is_masked_out_are_no_spaces(tissues):
    lacune = scan(tissues, [], "T1w", balls=[((18.0, 0.0, 40.0), 4.0)])
    assert detect_pvs(lacune, tissues, None, DETECT, LACUNES)[0].empty
    image = scan(tissues, IN_CENTRUM, "T1w")
    everything = np.ones(SHAPE, bool)
    assert detect_pvs(image, tissues, everything, DETECT, LACUNES)[0].empty


def test_thick_slices_and_an_image_without_contrast_are_refused(tissues):
    image = scan(tissues, IN_CENTRUM, "T1w")
    thick = Image(image.data[:, :, ::3].copy(), AFFINE @ np.diag([1, 1, 3, 1.0]))
    with pytest.raises(PvsError, match=r"voxels of 3.0 mm are too thick .*1.5 mm is the limit"):
        detect_pvs(thick, tissues[:, :, ::3], None, DETECT, LACUNES)
    flat = image.with_data(np.random.default_rng(1).normal(500, 20, SHAPE).astype(np.float32))
    with pytest.raises(PvsError, match="do not differ"):
        detect_pvs(flat, tissues, None, DETECT, LACUNES)


def test_one_rule_tells_a_lacune_from_a_perivascular_space():
    assert is_perivascular(2.9, 1.0, LACUNES)
    assert is_perivascular(6.0, 2.5, LACUNES)
    assert not is_perivascular(3.0, 2.0, LACUNES)


def test_potters_grades_at_their_borders():
    counts = {0: 0, 1: 1, 10: 1, 11: 2, 20: 2, 21: 3, 40: 3, 41: 4, 90: 4}
    assert {count: potter_grade(count, GRADE) for count in counts} == counts


def test_a_session_takes_its_thin_t1w_where_the_t2w_is_thick(tissues, tmp_path):
    image = scan(tissues, IN_CENTRUM, "T1w")
    write_image(image.data, AFFINE, tmp_path / "T1w.nii.gz")
    write_image(image.data[:, :, ::4], AFFINE @ np.diag([1, 1, 4, 1.0]), tmp_path / "T2w.nii.gz")
    write_image(tissues, AFFINE, tmp_path / "tissues.nii.gz")
    write_json({"images": {}}, tmp_path / "checks.json")
    given = {name: tmp_path / f"{name}.nii.gz" for name in ("T1w", "T2w")}
    given |= {"checks": tmp_path / "checks.json", "brain_tissues": tmp_path / "tissues.nii.gz"}
    found = pvs_of(given, DETECT, GRADE, LACUNES, PvsToolSettings())
    assert (found.facts["status"], found.facts["image"]) == ("review", "T1w")
    assert pvs_row(found.facts)["n_pvs_centrum_semiovale"] == 9
    only_thick = {name: path for name, path in given.items() if name != "T1w"}
    failed = pvs_of(only_thick, DETECT, GRADE, LACUNES, PvsToolSettings())
    assert failed.labels is None
    assert failed.facts["status"] == "failed"
    assert "T2w: voxels of 4.0 mm" in failed.facts["reason"]
    assert pvs_row(json.loads(json.dumps(failed.facts)))["pvs_basal_ganglia_grade"] is None


def test_t1w_gives_no_grade_of_the_basal_ganglia_unless_a_reader_confirmed_the_spaces(tissues, tmp_path):
    image = scan(tissues, IN_CENTRUM, "T1w")
    write_image(image.data, AFFINE, tmp_path / "T1w.nii.gz")
    write_image(tissues, AFFINE, tmp_path / "tissues.nii.gz")
    write_json({"images": {}}, tmp_path / "checks.json")
    given = {"T1w": tmp_path / "T1w.nii.gz", "checks": tmp_path / "checks.json"}
    given |= {"brain_tissues": tmp_path / "tissues.nii.gz"}
    found = pvs_of(given, DETECT, GRADE, LACUNES, PvsToolSettings()).facts
    assert found["pvs_basal_ganglia_grade"] is None
    assert "T1w does not decide" in found["reason"]
    assert found["pvs_centrum_semiovale_grade"] == 1
    confirmed = pvs_of(given, DETECT, GRADE, LACUNES, PvsToolSettings(), "confirmed").facts
    assert confirmed["pvs_basal_ganglia_grade"] == 0


def decision(mark, what, **cells):
    row = dict.fromkeys(DECISION_COLUMNS, "") | {"mark": mark, "decision": what, "reader": "AB", "role": "reader"}
    return row | {"kind": "perivascular_space", "date": "2026-11-30"} | cells


def test_a_readers_decision_changes_its_space_the_counts_and_nothing_else(tissues, tmp_path):
    image = scan(tissues, IN_CENTRUM, "T1w")
    write_image(image.data, AFFINE, tmp_path / "T1w.nii.gz")
    write_image(tissues, AFFINE, tmp_path / "tissues.nii.gz")
    write_json({"images": {}}, tmp_path / "checks.json")
    given = {"T1w": tmp_path / "T1w.nii.gz", "checks": tmp_path / "checks.json"}
    given |= {"brain_tissues": tmp_path / "tissues.nii.gz"}

    def spaces(decisions=(), count="sure", **more):
        return pvs_of(given | more, DETECT, GRADE, LACUNES, PvsToolSettings(), count, decisions)

    before = spaces()
    assert before.table["counted"].all()
    assert before.table["mark"].is_unique
    after = spaces([decision(before.table.loc[0, "mark"], "reject", note="sulcus")])
    assert after.facts["n_pvs_centrum_semiovale"] == before.facts["n_pvs_centrum_semiovale"] - 1 == 8
    volume = before.table["volume_mm3"].iloc[1:].sum() / 1000
    assert after.facts["pvs_centrum_semiovale_volume_cm3"] == pytest.approx(volume)
    assert after.table.loc[0, "reason"] == "rejected by AB on 2026-11-30 (sulcus)"
    pd.testing.assert_frame_equal(after.table.iloc[1:], before.table.iloc[1:])
    other_kind = decision(before.table.loc[0, "mark"], "reject") | {"kind": "lacune"}
    pd.testing.assert_frame_equal(spaces([other_kind]).table, before.table)
    confirmed = spaces(count="confirmed")
    assert confirmed.facts["n_pvs_centrum_semiovale"] == 0
    assert pvs_row(confirmed.facts)["n_perivascular_space_candidates"] == 9
    drawn = np.zeros(SHAPE, np.uint8)
    free = np.argwhere(before.labels.data == before.table.loc[0, "pvs"])
    drawn[tuple(free.T)] = 1
    write_image(drawn, AFFINE, tmp_path / "drawn.nii.gz")
    path = str(tmp_path / "drawn.nii.gz")
    redrawn = spaces([decision(before.table.loc[0, "mark"], "redraw", file=path)], drawings=[path])
    assert redrawn.table.loc[0, "region"] == before.table.loc[0, "region"]
    stale = spaces([decision("1-0000beef", "reject")])
    assert stale.facts["status"] == "failed"
    assert "decisions do not fit" in stale.facts["reason"]
    assert pvs_row(stale.facts)["n_pvs_centrum_semiovale"] is None
