"""Metal is never calcium, and an artery beside it never a measured zero: clips, coils, stents, electrodes, teeth."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from angiolith.arteries.centrelines import Centreline, region_labels
from angiolith.calcification.certainty import Evidence
from angiolith.calcification.measure import measure_arteries, measure_lesions, measure_patient, spoiled_rows
from angiolith.calcification.metal import METAL_HU_MIN, Metal, find_metal, spoiled_arteries, without_spoiled
from angiolith.calcification.segment import Found, find_lesions
from angiolith.core.images import Image, crop, mask_points, read_ct
from angiolith.core.settings.calcification import (
    CalcificationGradeSettings,
    CalcificationMeasureSettings,
    CalcificationSegmentSettings,
    CalciumThresholdSettings,
    SeveritySettings,
)
from angiolith.marks.verdicts import tool_verdicts
from tests.unit.calcified_tube import axes_along, grid_affine, straight_line

REAL = Path(os.environ.get("ANGIOLITH_REAL_DATA", "../shared/real"))
LINE = straight_line(axes_along(np.array([0.1, 0.2, 1.0])), 2.0)
FINE, THICK = (0.45, 0.45, 0.625), (0.45, 0.45, 4.0)
PSF_MM = 0.45  # standard deviation


def rod(points, length_mm, radius_mm):
    return (np.abs(points[..., 2]) <= length_mm / 2) & (np.hypot(points[..., 0], points[..., 1]) <= radius_mm)


METALS = {  # (shape, HU of the metal itself)
    "small clip": (lambda p: rod(p[..., [2, 1, 0]], 5, 0.7), 20000),
    "large clip": (lambda p: rod(p[..., [2, 1, 0]], 12, 2.0), 12000),
    "titanium clip": (lambda p: rod(p[..., [2, 1, 0]], 7, 1.2), 9000),
    "small coil": (lambda p: np.linalg.norm(p, axis=-1) <= 1.5, 19000),
    "large coil": (lambda p: np.linalg.norm(p, axis=-1) <= 6, 19000),
    "stent": (lambda p: rod(p, 15, 1.9) & ~rod(p, 16, 1.6), 9000),
    "electrode": (lambda p: rod(p, 30, 0.65), 30000),
}


def with_metal(ct, centre_mm, name, stored="extended"):
    """The CT with metal at a place, blurred; stored: extended numbers, clipped at 3071 or begun again at -1024."""
    shape, hu = METALS[name]
    inside = np.zeros(ct.data.shape)
    for shift in np.stack(np.meshgrid(*[(-0.33, 0, 0.33)] * 3, indexing="ij"), axis=-1).reshape(-1, 3):
        affine = ct.affine.copy()
        affine[:3, 3] += ct.affine[:3, :3] @ shift - centre_mm
        inside += shape(mask_points(affine, np.ones(ct.data.shape, bool)).reshape(*ct.data.shape, 3)) / 27
    blurred = ndimage.gaussian_filter(inside, PSF_MM / ct.voxel_mm)
    data = np.round(ct.data + blurred * (hu - ct.data))
    if stored == "clipped":
        data = np.minimum(data, 3071)
    elif stored == "wrapped":
        data = (data + 1024) % 4096 - 1024
    return ct.with_data(data.astype(np.float32))


def a_head(voxel_mm=FINE, size_mm=24.0):
    shape = tuple(round(size_mm / v) for v in voxel_mm)
    return Image(np.random.default_rng(0).normal(35, 6, shape).astype(np.float32), grid_affine(voxel_mm, shape))


def measured(ct, line=LINE):
    """(lesions, arteries by name, patient) of a CT with one artery."""
    lines = {line.name: line}
    region = region_labels(ct.data.shape, ct.affine, [line], lambda each: each.radius_mm + 2)
    threshold, segment = CalciumThresholdSettings(), CalcificationSegmentSettings()
    metal = find_metal(ct)
    found = find_lesions(ct, region, [line], 40.0, threshold, segment, 1.5)
    found = without_spoiled(found, ct, metal)
    spoiled = spoiled_arteries(metal, lines, ct.affine) if metal else {}
    lesions = measure_lesions(
        ct,
        found.labels,
        region,
        lines,
        found.touches_bone,
        found.hu_min,
        CalcificationMeasureSettings(),
        CalcificationGradeSettings(),
        verdicts=tool_verdicts(found.doubts),
    )
    arteries = measure_arteries(lesions, lines, {line.name: "atlas"}, ct.with_data(region), SeveritySettings(), spoiled)
    return lesions, arteries.set_index(["artery", "side"]).loc[line.name], measure_patient(arteries)


def never_a_wrong_number(lesions, artery, patient):
    assert artery["status"] in ("failed", "review")
    assert patient["status"] in ("failed", "review")
    if artery["status"] == "failed":
        assert pd.isna(artery["volume_mm3"])
        assert pd.isna(patient.get("total_volume_mm3"))
        assert "metal" in artery["reason"]
        assert "metal" in patient["reason"]
    assert not lesions["counted"].astype(bool).any()


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        *((name, "clipped") for name in METALS),
        ("small clip", "extended"),
        ("stent", "wrapped"),
        ("large coil", "wrapped"),
    ],
)
def test_metal_at_an_artery_of_a_digital_head(name, stored):
    lesions, artery, patient = measured(with_metal(a_head(), np.zeros(3), name, stored))
    never_a_wrong_number(lesions, artery, patient)


@pytest.mark.parametrize("name", ["small clip", "large coil"])
def test_metal_in_thick_slices(name):
    never_a_wrong_number(*measured(with_metal(a_head(THICK), np.zeros(3), name, "clipped")))


def test_metal_in_the_same_slices_spoils_an_artery_some_way_off_and_not_far_above():
    head = a_head((1.2, 1.2, 2.0), size_mm=90.0)
    ct = with_metal(head, np.array([-35.0, 20, 0]), "large clip")
    metal = find_metal(ct)
    names = {}
    for at_mm in (0.0, 30.0):  # along the foot-head axis
        points = np.stack([np.linspace(10, 30, 41), np.zeros(41), np.full(41, at_mm)], axis=1)
        line = Centreline("MCA", "R", points, np.full(41, 1.5), np.full(41, 0.5), np.full(41, "M1"))
        names[at_mm] = spoiled_arteries(metal, {line.name: line}, ct.affine)
    assert "metal (one piece" in names[0.0]["MCA", "R"]
    assert names[30.0] == {}


def test_dense_calcium_is_no_metal_and_what_is_denser_than_bone_is_a_candidate():
    head = a_head()
    points = mask_points(head.affine, np.ones(head.data.shape, bool)).reshape(*head.data.shape, 3)
    beside = points - LINE.points[len(LINE.points) // 2] - [1.8, 0, 0]
    lump = ndimage.gaussian_filter((np.linalg.norm(beside, axis=-1) < 1.6).astype(float), PSF_MM / head.voxel_mm)
    for hu, is_counted in ((1500, True), (2800, False)):
        ct = head.with_data((head.data + lump * hu).astype(np.float32))
        assert find_metal(ct) is None
        lesions, artery, _ = measured(ct)
        assert lesions["counted"].tolist() == [is_counted]
        assert ("calcium or metal" in lesions["reason"][0]) == (not is_counted)
        assert (artery["volume_mm3"] > 5) == is_counted


def test_lesions_keep_their_own_evidence_where_metal_takes_one_before_them():
    labels = np.zeros((12, 6, 6), np.uint16)
    labels[1:3, 1:3, 1:3], labels[6:8, 1:3, 1:3], labels[9:11, 1:3, 1:3] = 1, 2, 3
    said = {label: Evidence("ICA", "", "free", float(label), 0.0, 0.0, 0.4, 0.0, 20.0, 8.0) for label in (1, 2, 3)}
    found = Found(labels, dict.fromkeys((1, 2, 3), 0.1), [], 130.0, 40.0, False, doubts={3: "bone"}, evidence=said)
    metal = Metal(np.arange(12)[:, None, None] < np.full(labels.shape, 4), 1, 5.0, False)
    left = without_spoiled(found, Image(np.full(labels.shape, 500, np.float32), np.eye(4)), metal)
    assert {label: left.evidence[label].bone_gap_mm for label in left.evidence} == {1: 2.0, 2: 3.0}
    assert set(left.touches_bone) == {1, 2}
    assert left.doubts == {2: "bone"}


def test_the_table_of_lesions_has_a_failed_row_for_a_spoiled_artery():
    row = spoiled_rows({("MCA", "L"): "metal"}).iloc[0]
    assert (row["artery"], row["side"], row["status"], row["reason"]) == ("MCA", "L", "failed", "metal")
    assert pd.isna(row["lesion"])


@pytest.fixture(scope="module")
def real_head():
    path = REAL / "ct_normal_head" / "ct.nii.gz"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    return read_ct(path)


def test_saturated_metal_beside_air_is_not_said_to_have_begun_again():
    ct = with_metal(a_head(), np.zeros(3), "large clip", "clipped")
    beside_air = ct.data.copy()
    beside_air[:3, :3] = -1000
    beside_air[3:6, 3:6] = ct.data.max()
    assert not find_metal(ct.with_data(beside_air)).wrapped


def test_the_teeth_of_a_real_head_spoil_their_slices_alone(real_head):
    metal = find_metal(real_head)
    assert metal.volume_mm3 == pytest.approx(288, abs=5)
    slices = np.flatnonzero(metal.spoiled.any(axis=(0, 1)))
    assert slices.max() <= 6


@pytest.mark.parametrize(
    ("name", "stored"), [("small clip", "extended"), ("small clip", "wrapped"), ("stent", "clipped")]
)
def test_metal_at_the_place_of_an_artery_in_a_real_head(real_head, name, stored):
    middle = np.array(real_head.data.shape) // 2
    part = crop(real_head, tuple(slice(m - n, m + n) for m, n in zip(middle, (28, 28, 12), strict=True)))
    centre = (part.affine @ [28, 28, 12, 1])[:3]
    line = Centreline("MCA", "R", LINE.points + centre, LINE.radius_mm, LINE.sd_mm, np.full(len(LINE.points), "M1"))
    assert part.data.max() < METAL_HU_MIN
    never_a_wrong_number(*measured(with_metal(part, centre, name, stored), line))
