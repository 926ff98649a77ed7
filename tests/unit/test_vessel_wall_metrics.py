"""Plaque metrics of drawn tubes with known walls: oblique, anisotropic grids; bad drawings; calcium; enhancement."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.transform import Rotation

from angiolith.core.config import plain
from angiolith.core.images import Image, linear_transform, write_image, write_transform
from angiolith.core.settings.vessel_wall import VesselWallSettings, WallGradeSettings, WallMeasureSettings
from angiolith.core.tables import read_tsv, write_json, write_tsv
from angiolith.vessel_wall import drawing, parts, sections
from angiolith.vessel_wall.culprit import judge_culprits
from angiolith.vessel_wall.enhancement import enhancement_grade
from angiolith.vessel_wall.session import CtSide, PostContrast, measure_session, plaque_table
from scripts.measure_plaque import main

SETTINGS, GRADES = WallMeasureSettings(), WallGradeSettings()
FINE = (0.25, 0.25, 0.25)
SLICES = (0.25, 0.25, 0.6)
OUTER_MM, SHIFT_MM, REFERENCE_LUMEN_MM, REFERENCE_OUTER_MM = 2.2, 0.5, 1.5, 2.0


def lumen_radius_mm(along):
    """A stenosis at 0 that narrows the lumen from 1.5 to 0.75 mm."""
    return 1.5 - 0.75 * np.exp(-(along**2) / 8)


def grid(voxel_mm, size_mm, seed):
    """A random oblique grid around a random place: affine, and vessel coordinates' origin at its middle."""
    rng = np.random.default_rng(seed)
    voxel_mm = np.array(voxel_mm)
    shape = np.ceil(np.array(size_mm) / voxel_mm).astype(int)
    affine = np.eye(4)
    affine[:3, :3] = Rotation.random(random_state=seed).as_matrix() * voxel_mm
    affine[:3, 3] = rng.uniform(-40, 40, 3)
    local = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1) * voxel_mm
    return affine, local - (shape - 1) * voxel_mm / 2 + rng.uniform(-0.5, 0.5, 3) * voxel_mm


def drawn_vessel(voxel_mm=FINE, tilt_deg=0.0, seed=0, lumen_shift=0.0, reference=True, cut_across=False):
    """A vessel tilted against the slices: a lesion of 12 mm with an eccentric stenosis, and a reference of 5 mm.

    The drawing ends at slices, or (cut_across) at planes across the vessel.
    """
    affine, local = grid(voxel_mm, (16, 16, 30), seed)
    turn = Rotation.from_euler("zx", [40 + 10 * seed, tilt_deg], degrees=True).as_matrix()
    x, y, along = np.moveaxis(local @ turn, -1, 0)
    along = along - 4.0
    height = along if cut_across else local[..., 2] - 4.0 * turn[2, 2]
    labels = np.zeros(local.shape[:3], np.uint8)
    lesion = abs(height) < 6
    labels[(np.hypot(x, y) < OUTER_MM) & lesion] = parts.WALL
    shift = SHIFT_MM + lumen_shift
    labels[(np.hypot(x - shift, y) < lumen_radius_mm(along)) & lesion] = parts.LUMEN
    if reference:
        normal = abs(height + 11) < 2.5
        labels[(np.hypot(x, y) < REFERENCE_OUTER_MM) & normal] = parts.REFERENCE_WALL
        labels[(np.hypot(x, y) < REFERENCE_LUMEN_MM) & normal] = parts.REFERENCE_LUMEN
    return Image(labels, affine)


SIGNALS = {parts.LUMEN: 15, parts.WALL: 80, parts.REFERENCE_LUMEN: 15, parts.REFERENCE_WALL: 80}


def vessel_wall_image(labels, shape=(70, 70, 70), voxel_mm=0.65, signals=SIGNALS, seed=5):
    """An image around a drawing: its parts with given signals, on a background of noisy brain."""
    corner = labels.affine[:3, :3] @ (np.array(labels.data.shape) / 2) + labels.affine[:3, 3]
    affine = np.diag([voxel_mm, voxel_mm, voxel_mm, 1.0])
    affine[:3, 3] = corner - voxel_mm * np.array(shape) / 2
    data = np.random.default_rng(seed).normal(100, 3, shape)
    if signals:
        index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
        points = index * voxel_mm + affine[:3, 3]
        place = np.rint((points - labels.affine[:3, 3]) @ np.linalg.inv(labels.affine[:3, :3]).T).astype(int)
        inside = ((place >= 0) & (place < labels.data.shape)).all(-1)
        here = np.zeros(shape, int)
        here[inside] = labels.data[tuple(place[inside].T)]
        for label, value in signals.items():
            data[here == label] = value
        texture = np.sin(points[..., 0] / 3) + np.cos(points[..., 1] / 4) + np.sin(points[..., 2] / 2.5)
        data += np.where(here == 0, 8 * texture, 0)
    return Image(data.astype(np.float32), affine)


def measured(drawings, ct_side=None, post="no post-contrast image", vwi=None):
    first = next(labels for labels in drawings.values() if isinstance(labels, Image))
    vwi = vwi or vessel_wall_image(first)
    rows, _ = measure_session(vwi, drawings, ct_side or CtSide("no CT"), post, SETTINGS, GRADES)
    return plaque_table(rows, "001", "01")


@pytest.mark.parametrize(
    ("voxel_mm", "tilt_deg"), [(FINE, 0), (FINE, 30), (SLICES, 0), (SLICES, 30), ((0.2, 0.2, 0.65), 15)]
)
@pytest.mark.parametrize("seed", [1])
def test_metrics_of_an_eccentric_stenosis_on_oblique_grids(voxel_mm, tilt_deg, seed):
    row = measured({"reader1": drawn_vessel(voxel_mm, tilt_deg, seed)}).iloc[0]
    half_voxel = voxel_mm[0] / 2
    assert row.status == "ok"
    assert row.max_wall_mm == pytest.approx(OUTER_MM - 0.75 + SHIFT_MM, abs=half_voxel)
    assert row.min_wall_mm == pytest.approx(OUTER_MM - 0.75 - SHIFT_MM, abs=half_voxel)
    assert row.lumen_min_diameter_mm == pytest.approx(1.5, abs=half_voxel)
    assert row.lumen_equivalent_diameter_mm == pytest.approx(1.5, abs=half_voxel)
    assert row.outer_wall_area_mm2 == pytest.approx(np.pi * OUTER_MM**2, rel=0.03)
    assert row.wall_area_mm2 == pytest.approx(row.outer_wall_area_mm2 - row.lumen_area_mm2)
    assert row.remodeling_index == pytest.approx((OUTER_MM / REFERENCE_OUTER_MM) ** 2, rel=0.04)
    assert row.positive_remodeling
    assert row.stenosis_percent == pytest.approx(50, abs=5)
    assert row.reference_distance_mm == pytest.approx(11 / np.cos(np.radians(tilt_deg)), abs=0.6)


@pytest.mark.parametrize("tilt_deg", [0, 30])
def test_a_drawing_that_ends_across_the_vessel_is_measured_like_one_that_ends_at_slices(tilt_deg):
    row = measured({"reader1": drawn_vessel((0.2, 0.2, 0.6), tilt_deg, 2, cut_across=True)}).iloc[0]
    assert row.status == "ok"
    assert row.max_wall_mm == pytest.approx(OUTER_MM - 0.75 + SHIFT_MM, abs=0.1)
    assert row.stenosis_percent == pytest.approx(50, abs=5)
    assert row.remodeling_index == pytest.approx((OUTER_MM / REFERENCE_OUTER_MM) ** 2, rel=0.04)


def test_mean_error_over_many_grids_is_far_below_a_voxel():
    rows = pd.concat(measured({"reader1": drawn_vessel(FINE, 20, seed)}) for seed in range(4))
    assert rows.max_wall_mm.mean() == pytest.approx(OUTER_MM - 0.75 + SHIFT_MM, abs=0.04)
    assert rows.min_wall_mm.mean() == pytest.approx(OUTER_MM - 0.75 - SHIFT_MM, abs=0.04)
    assert rows.stenosis_percent.mean() == pytest.approx(50, abs=2)


def test_an_oblique_vessel_is_cut_at_right_angles_not_along_the_slices():
    segment = drawing.pieces(drawn_vessel(FINE, 40, 3), 1, 2)[0].segment
    found = sections.cut(segment, 0.5).sections
    areas = [section.outer_wall_area_mm2 for section in found]
    assert np.median(areas) == pytest.approx(np.pi * OUTER_MM**2, rel=0.02)  # along the slices: 31 % more
    assert np.ptp([section.along_mm for section in found]) > 8


def test_plaque_length_is_the_run_of_thick_wall_about_the_narrowest_place():
    """Wall R - r(s) + e reaches 1.6 mm where r(s) <= 1.1: 8 ln(0.75 / 0.4) = s^2."""
    settings = SETTINGS.model_copy(update={"plaque_wall_mm_min": OUTER_MM - 1.1 + SHIFT_MM})
    labels = drawn_vessel(FINE, 10, 2)
    rows, _ = measure_session(vessel_wall_image(labels), {"reader1": labels}, CtSide("no CT"), "none", settings, GRADES)
    assert rows[0]["plaque_length_mm"] == pytest.approx(2 * np.sqrt(8 * np.log(0.75 / 0.4)), abs=1.0)
    assert not rows[0]["plaque_length_limited"]


def test_without_reference_the_comparing_columns_are_missing_and_the_row_says_so():
    row = measured({"reader1": drawn_vessel(reference=False)}).iloc[0]
    assert row.status == "review"
    assert "no reference segment" in row.reason
    assert np.isnan(row.stenosis_percent)
    assert row.lumen_area_mm2 > 0


def test_a_drawing_of_one_slice_is_measured_in_its_slice():
    labels = drawn_vessel(SLICES)
    middle = int(np.argwhere(labels.data == parts.LUMEN)[:, 2].mean())
    one = np.where(np.arange(labels.data.shape[2]) == middle, labels.data, 0)
    row = measured({"reader1": Image(one, labels.affine)}).iloc[0]
    assert row.n_sections >= 1
    assert row.outer_wall_area_mm2 == pytest.approx(np.pi * OUTER_MM**2, rel=0.04)


def malformed(kind):
    labels = drawn_vessel(FINE, 0, 1)
    data, (lumen, wall) = labels.data.copy(), (labels.data == parts.LUMEN, labels.data == parts.WALL)
    along = np.indices(data.shape)[2]
    middle = int(np.argwhere(lumen)[:, 2].mean())
    if kind == "empty":
        data[:] = 0
    elif kind == "unknown label":
        data[0, 0, 0] = 12
    elif kind == "no lumen":
        data[lumen] = parts.WALL
    elif kind == "open wall":
        data[wall & (np.indices(data.shape)[0] < np.argwhere(lumen)[:, 0].mean())] = 0
    elif kind == "two lumens":
        data[lumen & (abs(along - middle) < 4)] = parts.WALL
    elif kind == "elsewhere":
        shifted = labels.affine.copy()
        shifted[:3, 3] += (0, 300, 0)
        return Image(data, shifted)
    return Image(data, labels.affine)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("empty", "no lesion is drawn"),
        ("unknown label", "unknown labels 12"),
        ("no lumen", "wall without lumen"),
        ("open wall", "no wall beside it"),
        ("two lumens", "lumen is in 2 pieces"),
        ("elsewhere", "another space"),
    ],
)
def test_a_malformed_drawing_is_one_failed_row_with_one_clear_reason(kind, said):
    table = measured({"reader1": malformed(kind)}, vwi=vessel_wall_image(drawn_vessel(FINE, 0, 1)))
    assert len(table) == 1
    assert table.status[0] == "failed"
    assert said in table.reason[0]
    assert np.isnan(table.lumen_area_mm2[0])


def test_a_drawing_beside_the_vessel_is_flagged():
    labels = drawn_vessel()
    beside = labels.affine.copy()
    beside[:3, 3] += 4 * labels.affine[:3, 0] / FINE[0]
    row = measured({"reader1": Image(labels.data, beside)}, vwi=vessel_wall_image(labels)).iloc[0]
    assert row.status == "review"
    assert "does the drawing fit the image" in row.reason


def test_one_reader_failing_does_not_touch_the_other():
    table = measured({"reader1": "cannot be read as NIfTI", "reader2": drawn_vessel()})
    assert dict(zip(table.reader, table.status, strict=True)) == {"reader1": "failed", "reader2": "ok"}


def test_readers_share_lesion_numbers_by_place_whatever_the_order():
    def at(*centres):
        return [drawing.Piece(np.array(centre, float), None, "test") for centre in centres]

    numbered = drawing.numbered(
        {"reader1": at((0, 0, 0), (0, 0, 20)), "reader2": at((1, 0, 19), (0, 0, 40), (1, 1, 0))}, reach_mm=5
    )
    assert [number for number, _ in numbered["reader1"]] == [1, 2]
    assert [number for number, _ in numbered["reader2"]] == [2, 3, 1]


def ct_with_calcium(labels, in_plaque, elsewhere, voxel_mm=0.4):
    """A CT in another pose, with calcium at the voxels `in_plaque` of the drawing, and some far away."""
    to_ct = np.eye(4)
    to_ct[:3, :3] = Rotation.from_euler("xyz", [5, -8, 12], degrees=True).as_matrix()
    to_ct[:3, 3] = (4, -7, 3)
    points = np.argwhere(in_plaque) @ labels.affine[:3, :3].T + labels.affine[:3, 3]
    points = points @ to_ct[:3, :3].T + to_ct[:3, 3]
    affine = np.diag([voxel_mm, voxel_mm, voxel_mm, 1.0])
    affine[:3, 3] = points.min(axis=0) - 10
    shape = np.ceil((np.ptp(points, axis=0) + 20) / voxel_mm).astype(int)
    calcium = np.zeros(shape, np.uint8)
    calcium[tuple(np.rint((points - affine[:3, 3]) / voxel_mm).astype(int).T)] = 1
    n_inside = int(calcium.sum())
    if elsewhere:
        calcium[:5, :5, :5] = 2
    hu = np.where(calcium == 1, 400.0, np.where(calcium == 2, 900.0, 40.0))
    arteries = np.full(shape, 1, np.uint8)
    side = CtSide("", to_ct, Image(hu, affine), Image(arteries, affine), {1: ("BA", "M")}, Image(calcium, affine))
    return side, n_inside * voxel_mm**3


def test_calcium_is_counted_on_the_ct_grid_through_the_transform():
    labels = drawn_vessel(FINE, 20, 4)
    wall = labels.data == parts.WALL
    part = wall & (np.indices(labels.data.shape)[2] < np.quantile(np.argwhere(wall)[:, 2], 0.2))
    side, volume_mm3 = ct_with_calcium(labels, part, elsewhere=True)
    row = measured({"reader1": labels}, side).iloc[0]
    assert (row.artery, row.side) == ("BA", "M")
    assert row.calcium_volume_mm3 == pytest.approx(volume_mm3, rel=1e-6)
    assert row.calcium_mean_hu == pytest.approx(400)
    assert row.calcium_percent == pytest.approx(100 * volume_mm3 / (wall.sum() * 0.25**3), rel=1e-6)
    assert row.plaque_class == "partially calcified"


def test_pattern_and_spotty_count_are_those_of_the_ct_s_lesions_in_the_plaque():
    labels = drawn_vessel(FINE, 0, 2)
    wall = labels.data == parts.WALL
    side, _ = ct_with_calcium(labels, wall, elsewhere=True)
    lesions = pd.DataFrame({"lesion": [1, 2], "pattern": ["iel", "intimal"], "spotty": [True, True]})
    with_table = replace(side, lesions=lesions)
    row = measured({"reader1": labels}, with_table).iloc[0]
    assert (row.calcium_pattern, row.n_calcium_lesions, row.n_spotty_calcium) == ("iel", 1, 1)
    assert row.calcium_max_hu == 400
    unknown = lesions.assign(pattern=[None, "intimal"], spotty=[None, True])
    row = measured({"reader1": labels}, replace(side, lesions=unknown)).iloc[0]
    assert (row.calcium_pattern, row.n_calcium_lesions) == (None, 1)
    assert pd.isna(row.n_spotty_calcium)
    metal = pd.DataFrame([{"artery": "BA", "side": "M", "status": "failed", "reason": "metal"}])
    spoiled = pd.concat([lesions.assign(status="ok"), metal], ignore_index=True)
    row = measured({"reader1": labels}, replace(side, lesions=spoiled)).iloc[0]
    assert pd.isna(row.calcium_volume_mm3)
    assert pd.isna(row.plaque_class)
    assert "calcium not measured: metal" in row.reason
    _, outlines = measure_session(vessel_wall_image(labels), {"reader1": labels}, with_table, "none", SETTINGS, GRADES)
    table = pd.DataFrame(outlines)
    dots = table.loc[table.contour == "calcium", ["x_mm", "y_mm", "z_mm"]].to_numpy()
    outer = table.loc[(table.contour == "outer") & (table.section == "lesion"), ["x_mm", "y_mm", "z_mm"]].to_numpy()
    normal = np.linalg.svd(outer - outer.mean(axis=0))[2][2]
    assert len(dots) > 20
    assert np.abs((dots - outer.mean(axis=0)) @ normal).max() < 0.01


def test_the_reader_s_word_on_the_reference_counts():
    labels = drawn_vessel(FINE, 0, 0)
    feeding = np.where(labels.data > 2, labels.data + 7, labels.data)
    assert measured({"reader1": Image(feeding, labels.affine)}).reference[0] == "feeding"


def test_plaque_classes_at_their_bounds():
    labels = drawn_vessel(FINE, 0, 2)
    wall = labels.data == parts.WALL
    assert measured({"reader1": labels}, ct_with_calcium(labels, wall, False)[0]).plaque_class[0] == "calcified"
    side, _ = ct_with_calcium(labels, wall, False)
    empty = CtSide(
        "",
        side.to_ct,
        side.ct,
        side.arteries,
        side.names,
        Image(np.zeros_like(side.calcification.data), side.ct.affine),
    )
    row = measured({"reader1": labels}, empty).iloc[0]
    assert (row.plaque_class, row.calcium_volume_mm3) == ("non-calcified", 0)
    assert np.isnan(row.calcium_mean_hu)


def test_reference_below_a_basilar_lesion_is_proximal_and_above_it_distal():
    labels = drawn_vessel(FINE, 0, 0)
    upright = labels.affine.copy()
    upright[:3, :3] = np.diag(FINE)
    for sign, expected in ((1, "proximal"), (-1, "distal")):
        turned = upright.copy()
        turned[:3, :3] = np.diag([FINE[0], sign * FINE[1], sign * FINE[2]])
        image = Image(labels.data, turned)
        side, _ = ct_with_calcium(image, labels.data == parts.WALL, False)
        assert measured({"reader1": image}, side).reference[0] == expected


def test_enhancement_ratio_is_found_though_gain_and_pose_changed():
    labels = drawn_vessel(FINE, 0, 6)
    vwi = vessel_wall_image(labels)
    post = vessel_wall_image(labels, signals=SIGNALS | {parts.WALL: 80 * 1.5}, seed=6)
    moved = post.affine.copy()
    moved[:3, 3] += (1.5, -1.0, 0.8)
    post = Image(post.data * 1.3, moved)
    row = measured({"reader1": labels}, post=PostContrast(post), vwi=vwi).iloc[0]
    assert row.enhancement_gain == pytest.approx(1.3, rel=0.03)
    assert row.enhancement_ratio == pytest.approx(1.5, rel=0.07)
    assert "pituitary stalk" in row.reason


@pytest.mark.parametrize(
    ("plaque", "normal", "stalk", "grade"),
    [(1.09, 1.0, 2.0, 0), (1.11, 1.0, 2.0, 1), (1.99, 1.0, 2.0, 1), (2.0, 1.0, 2.0, 2), (1.05, 1.0, np.nan, 0)],
)
def test_enhancement_grade_bounds(plaque, normal, stalk, grade):
    assert enhancement_grade(plaque, normal, stalk, GRADES) == (grade, "")


def test_enhancement_grade_without_its_comparisons_is_missing_with_a_reason():
    for arguments in ((np.nan, 1.0, 2.0), (1.5, np.nan, 2.0), (1.5, 1.0, np.nan)):
        grade, reason = enhancement_grade(*arguments, GRADES)
        assert np.isnan(grade)
        assert reason


def test_culprit_is_the_only_or_most_stenotic_lesion_of_a_symptomatic_patient():
    lesions = pd.DataFrame(
        {
            "subject": ["a", "a", "b", "c", "c", "d", "e", "e", "f", "f"],
            "symptomatic": [1, 1, True, False, False, "yes", 1, 1, None, None],
            "stenosis_percent": [60, 80, np.nan, 70, 55, 50, 60, np.nan, 40, 50],
        }
    )
    verdict = judge_culprits(lesions)["culprit"]
    assert verdict.fillna("?").tolist() == [
        *("other", "culprit", "culprit", "non-culprit", "other", "culprit", "?", "?", "?", "?"),
    ]
    shuffled = lesions.sample(frac=1, random_state=3)
    pd.testing.assert_series_equal(judge_culprits(shuffled)["culprit"].sort_index(), verdict)


def test_culprit_refuses_contradictions():
    lesions = pd.DataFrame({"subject": ["a", "a"], "symptomatic": [1, 0], "stenosis_percent": [60, 70]})
    with pytest.raises(ValueError, match="sub-a"):
        judge_culprits(lesions)["culprit"]
    with pytest.raises(ValueError, match="maybe"):
        judge_culprits(lesions.assign(symptomatic="maybe"))["culprit"]


def run_script(folder, **inputs):
    """The plaque and contour tables that the rule's script writes for these inputs."""
    output = SimpleNamespace(
        metrics=folder / "metrics.tsv", contours=folder / "contours.tsv", consensus=folder / "consensus.tsv"
    )
    labels = SimpleNamespace(subject="001", session="01")
    main(
        SimpleNamespace(
            input=inputs,
            output=output,
            wildcards=labels,
            params=SimpleNamespace(settings={"vessel_wall": plain(VesselWallSettings())}, decisions=[]),
        )
    )
    return read_tsv(output.metrics), read_tsv(output.contours)


def test_script_brings_the_images_together_through_the_transforms_files(tmp_path):
    labels = drawn_vessel(FINE, 10, 3)
    side, volume_mm3 = ct_with_calcium(labels, labels.data == parts.WALL, elsewhere=True)
    vwi = vessel_wall_image(labels)
    reference_to_vwi = np.eye(4)
    reference_to_vwi[:3, 3] = (3, 1, -2)
    paths = {name: tmp_path / f"{name}.nii.gz" for name in ("vwi", "wall_reader1", "ct", "arteries", "calcification")}
    images = {
        "vwi": vwi,
        "wall_reader1": labels,
        "ct": side.ct,
        "arteries": side.arteries,
        "calcification": side.calcification,
    }
    for name, image in images.items():
        write_image(image.data, image.affine, paths[name])
    transforms = {f"{name}_to_reference": tmp_path / f"{name}.tfm" for name in ("ct", "vwi")}
    write_transform(linear_transform(side.to_ct @ reference_to_vwi), transforms["ct_to_reference"])
    write_transform(linear_transform(reference_to_vwi), transforms["vwi_to_reference"])
    write_tsv(pd.DataFrame({"index": [1], "name": ["BA"], "artery": ["BA"], "side": ["M"]}), tmp_path / "arteries.tsv")
    write_json({"images": {"vwi": {"status": "ok", "reason": None}}}, tmp_path / "checks.json")
    write_json({"status": "ok", "reason": None}, tmp_path / "registration.json")
    others = {
        "artery_names": tmp_path / "arteries.tsv",
        "checks": tmp_path / "checks.json",
        "registration": tmp_path / "registration.json",
        "wall_reader2": [],
    }
    table, outlines = run_script(tmp_path, **paths, **transforms, **others)
    assert table[["subject", "session", "artery", "side", "reader"]].iloc[0].tolist() == [
        "001",
        "01",
        "BA",
        "M",
        "reader1",
    ]
    assert table.calcium_volume_mm3[0] == pytest.approx(volume_mm3, rel=0.01)
    assert set(outlines.section) == {"lesion", "reference"}
    lumen = outlines[(outlines.section == "lesion") & (outlines.contour == "lumen")][
        ["x_mm", "y_mm", "z_mm"]
    ].to_numpy()
    centre = table[["narrowest_x_mm", "narrowest_y_mm", "narrowest_z_mm"]].iloc[0].to_numpy(float)
    assert np.linalg.norm(lumen - centre, axis=1).max() < 1.5 + SHIFT_MM

    write_json({"status": "failed", "reason": "two starts disagree"}, tmp_path / "registration.json")
    table, _ = run_script(tmp_path, **paths, **transforms, **others)
    assert np.isnan(table.calcium_volume_mm3[0])
    assert "two starts disagree" in table.reason[0]
    assert table.lumen_area_mm2[0] > 0


def test_script_of_a_session_without_contours_writes_one_missing_row(tmp_path):
    table, outlines = run_script(tmp_path, vwi="any.nii.gz", wall_reader1=[], wall_reader2=[])
    assert table.status.tolist() == ["missing"]
    assert "no reader's drawing" in table.reason[0]
    assert len(outlines) == 0


def test_the_traced_wall_is_one_more_reader_for_review_and_no_part_of_the_consensus(tmp_path):
    labels = drawn_vessel(FINE, 10, 3, reference=False)
    for name, image in {"vwi": vessel_wall_image(labels), "reader": labels}.items():
        write_image(image.data, image.affine, tmp_path / f"{name}.nii.gz")
    write_json({"images": {"vwi": {"status": "ok", "reason": None}}}, tmp_path / "checks.json")
    write_json({"status": "failed", "reason": "no bright wall"}, tmp_path / "tool.json")
    (tmp_path / "empty.nii.gz").touch()
    given = {"vwi": tmp_path / "vwi.nii.gz", "checks": tmp_path / "checks.json", "wall_reader2": []}
    given |= {"wall_reader1": tmp_path / "reader.nii.gz", "wall_tool_facts": tmp_path / "tool.json"}
    table, _ = run_script(tmp_path, **given, wall_tool=tmp_path / "reader.nii.gz")
    rows = table.set_index("reader")
    assert rows.status["tool"] == "review"
    assert rows.reason["tool"].startswith("traced by the tool")
    assert read_tsv(tmp_path / "consensus.tsv").readers.tolist() == ["reader1"]
    table, _ = run_script(tmp_path, **given, wall_tool=tmp_path / "empty.nii.gz")
    assert table.set_index("reader").reason["tool"] == "no bright wall"
