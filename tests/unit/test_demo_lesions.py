"""The digital head's lesions against analytic answers: calcified plaques, eccentric wall plaques, readers' contours."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from phantoms.arteries import LEFT_LANDMARKS, artery_names, draw_arteries
from phantoms.calcium import WALL_MM, Calcification, apart, draw_calcifications, woodcock_grade
from phantoms.geometry import Curve, apply, oriented_grid, random_pose
from phantoms.tube import tube_ct
from phantoms.wall import WallPlaque, draw_labels, draw_wall_plaque, plaque_truth, sections, wall_distances

STRAIGHT = Curve(np.array([[0.0, 0, z] for z in np.linspace(0, 30, 7)]), np.full(7, 2.0))
RING = Calcification("ICA", "L", 15.0, 0.0, 360.0, 5.0, 1.0, 800.0, "iel")
PATCH = Calcification("ICA", "L", 15.0, 30.0, 100.0, 4.0, 1.5, 700.0, "intimal")
WALL = WallPlaque("BA", "M", 15.0, 40.0, 10.0, 60.0, 1.2, 0.7, 1.5, 5.0, "proximal")


def oblique(voxel_mm: tuple[float, float, float], shape: tuple[int, int, int], pose: np.ndarray):
    return oriented_grid(shape, voxel_mm, "LAS", apply(pose, np.array([[0.0, 0, 15]]))[0], np.array([8.0, -5, 12]))


@pytest.mark.parametrize("voxel_mm", [(0.4, 0.4, 0.4), (0.45, 0.45, 1.25), (0.5, 0.5, 2.5)])
def test_volume_of_a_calcified_ring_is_analytic(voxel_mm):
    pose = random_pose(np.random.default_rng(2), 10.0, 5.0)
    grid = oblique(voxel_mm, (60, 60, round(40 / voxel_mm[2])), pose)
    _, patch = tube_ct(RING, STRAIGHT, grid, pose)
    outer = 2.0 + WALL_MM
    expected = np.pi * (outer**2 - (outer - 1.0) ** 2) * 5.0
    assert patch.volume_mm3 == pytest.approx(expected, rel=0.03)


def test_overlapping_slices_do_not_count_calcium_twice():
    grid = oblique((0.45, 0.45, 0.7), (60, 60, 60), np.eye(4))
    thin, thick = (tube_ct(RING, STRAIGHT, grid, thickness_mm=t)[1] for t in (0.7, 2.0))
    assert thick.volume_mm3 == pytest.approx(thin.volume_mm3, rel=0.02)
    assert thick.share.sum() * grid.voxel_mm3 == pytest.approx(thin.volume_mm3, rel=0.03)


def test_volume_of_a_patch_is_that_of_a_superellipse_on_a_shell():
    grid = oblique((0.3, 0.3, 0.3), (50, 50, 60), np.eye(4))
    _, patch = tube_ct(PATCH, STRAIGHT, grid)
    share_of_box = 0.92704  # area of |x|^4 + |y|^4 <= 1 over that of its square: Gamma(1/4)^2 / (8 sqrt(pi))
    outer, inner = 2.0 + WALL_MM, 2.0 + WALL_MM - 1.5
    shell = np.radians(100.0) * (outer**2 - inner**2) / 2 * 4.0
    assert patch.volume_mm3 == pytest.approx(share_of_box * shell, rel=0.03)


def test_plaque_has_its_arc_length_and_thickness():
    grid = oblique((0.25, 0.25, 0.25), (60, 60, 60), np.eye(4))
    _, patch = tube_ct(PATCH, STRAIGHT, grid)
    voxels = np.argwhere(patch.share >= 0.5) + [s.start for s in patch.box]
    along, distance, angle, _ = STRAIGHT.locate(grid.to_world(voxels))
    assert np.ptp(along) == pytest.approx(4.0, abs=0.3)
    assert np.ptp(angle) == pytest.approx(100.0, abs=8.0)
    assert np.ptp(distance) == pytest.approx(1.5, abs=0.3)


def test_hu_lie_between_blood_and_the_plaques_own():
    hu, patch = tube_ct(PATCH, STRAIGHT, oblique((0.45, 0.45, 0.6), (50, 50, 60), np.eye(4)))
    assert hu.min() >= 7.9
    assert 300 < hu.max() <= PATCH.hu
    core = patch.share == 1
    assert core.any()
    assert hu[patch.box][core].mean() > 0.6 * PATCH.hu


def test_a_grid_without_the_plaque_is_refused():
    grid = oriented_grid((10, 10, 10), (0.5, 0.5, 0.5), "RAS", np.array([50.0, 0, 0]), np.zeros(3))
    with pytest.raises(ValueError, match="does not hold"):
        tube_ct(PATCH, STRAIGHT, grid)


def test_woodcock_grades():
    thin_short, thick_short = replace(RING, length_mm=4.0), replace(PATCH, length_mm=4.0)
    thin_long, thick_long = replace(RING, length_mm=12.0), replace(PATCH, length_mm=12.0)
    grades = [woodcock_grade(p) for p in ([], [thin_short], [thick_short], [thin_long], [thick_long])]
    assert grades == [0, 1, 2, 2, 3]


def test_arteries_join_and_mirror():
    curves = draw_arteries(np.random.default_rng(3), lambda points: points)
    assert list(curves) == artery_names()
    for side in "LR":
        np.testing.assert_allclose(curves["ICA", side].points[-1], curves["MCA", side].points[0], atol=1e-6)
        np.testing.assert_allclose(curves["VA", side].points[-1], curves["BA", "M"].points[0], atol=1e-6)
        np.testing.assert_allclose(curves["PCA", side].points[0], curves["BA", "M"].points[-1], atol=1e-6)
        end = np.abs(LEFT_LANDMARKS["MCA"][-1][0])
        assert abs(curves["MCA", side].points[-1][0]) == pytest.approx(end, abs=6)
    assert curves["MCA", "L"].points[-1][0] < -30 < 30 < curves["MCA", "R"].points[-1][0]
    thin = draw_arteries(np.random.default_rng(3), lambda points: points, hypoplastic_va="L")
    assert thin["VA", "L"].radius_mm.mean() == pytest.approx(0.55 * curves["VA", "L"].radius_mm.mean())


def test_severity_sets_number_and_plaques_stay_apart():
    curves = draw_arteries(np.random.default_rng(5), lambda points: points)
    volumes = {}
    for severity in ("none", "mild", "moderate", "severe"):
        plaques = [draw_calcifications(np.random.default_rng(seed), curves, severity) for seed in range(30)]
        volumes[severity] = np.mean([sum(p.arc_deg * p.length_mm * p.thickness_mm for p in some) for some in plaques])
        for some in plaques:
            for a in some:
                near = [b for b in some if b is not a and b.key == a.key]
                assert all(abs(a.at_mm - b.at_mm) > (a.length_mm + b.length_mm) / 2 for b in near)
    assert volumes["none"] == 0 < volumes["mild"] < volumes["moderate"] < volumes["severe"]


def test_wall_truth_is_that_of_eccentric_circles():
    truth = plaque_truth(WALL, STRAIGHT)
    lumen = 2.0 * 0.4
    outer = np.sqrt(1.2) * 2.5
    offset = 0.7 * (outer - lumen - 0.35)
    assert truth["lumen_area_mm2"] == pytest.approx(np.pi * lumen**2, rel=1e-3)
    assert truth["max_wall_mm"] == pytest.approx(outer - lumen + offset, rel=1e-3)
    assert truth["min_wall_mm"] == pytest.approx(outer - lumen - offset, rel=1e-3)
    assert truth["remodeling_index"] == pytest.approx(1.2, rel=1e-3)
    assert truth["stenosis_percent"] == pytest.approx(60, abs=0.1)


def test_wall_distances_agree_with_the_sections():
    section = sections(WALL, STRAIGHT, np.array([15.0]))
    turn = np.radians(WALL.angle_deg)
    towards = np.cos(turn) * STRAIGHT.normals[75] + np.sin(turn) * STRAIGHT.binormals[75]
    thick_side = np.array([0, 0, 15.0]) + float(section.outer_mm[0]) * towards
    lumen, outer, _ = wall_distances(WALL, STRAIGHT, thick_side[None])
    assert outer[0] == pytest.approx(0, abs=1e-6)
    assert lumen[0] == pytest.approx(float(section.outer_mm[0] + section.offset_mm[0] - section.lumen_mm[0]), abs=1e-6)


def test_drawn_labels_hold_the_areas():
    pose = random_pose(np.random.default_rng(8), 15.0, 4.0)
    labels, grid = draw_labels(WALL, STRAIGHT, pose, None)
    middle = round(grid.to_index(apply(pose, STRAIGHT.point_at(WALL.at_mm)[None]))[0, 2])
    pixel = grid.voxel_mm[0] * grid.voxel_mm[1]
    truth = plaque_truth(WALL, STRAIGHT)
    assert (labels[:, :, middle] == 1).sum() * pixel == pytest.approx(truth["lumen_area_mm2"], rel=0.08)
    assert np.isin(labels[:, :, middle], (1, 2)).sum() * pixel == pytest.approx(truth["outer_wall_area_mm2"], rel=0.04)
    reference = round(grid.to_index(apply(pose, STRAIGHT.point_at(WALL.reference_at_mm)[None]))[0, 2])
    assert (labels[:, :, reference] == 3).sum() * pixel == pytest.approx(truth["reference_lumen_area_mm2"], rel=0.04)
    assert set(np.unique(labels)) == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("key", [("BA", "M"), ("VA", "L"), ("MCA", "R")])
def test_contours_on_bent_arteries_are_closed(key):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        curve = draw_arteries(rng, lambda points: points)[key]
        labels, _ = draw_labels(draw_wall_plaque(rng, curve, *key, True, None), curve, np.eye(4), None)
        outside = ndimage.binary_dilation(labels == 0, np.ones((3, 3, 1)))
        lumen = np.isin(labels, (1, 3))
        assert (lumen & outside).sum() <= 0.01 * lumen.sum()
        assert set(np.unique(labels)) == {0, 1, 2, 3, 4}


def test_plaques_across_a_junction_are_kept_apart():
    curves = draw_arteries(np.random.default_rng(5), lambda points: points)
    last = replace(RING, artery="VA", side="L", at_mm=curves["VA", "L"].length_mm - 1)
    first = replace(RING, artery="BA", side="M", at_mm=1.0)
    assert not apart(last, first, curves)
    assert apart(last, replace(first, at_mm=curves["BA", "M"].length_mm - 3), curves)
