"""Arc, length, thickness against the analytic values of plaques in a tube, on oblique and uneven grids."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from scipy.special import ndtr

from angiolith.calcification.blur import deblurred_arc_deg, deblurred_width_mm
from angiolith.calcification.geometry import arc_extent, measure_geometry, settled
from angiolith.core.settings.calcification import CalcificationMeasureSettings
from tests.unit.calcified_tube import Plaque, axes_along, draw, grid_affine, straight_line

HU_MIN, SETTINGS = 130.0, CalcificationMeasureSettings()
FINE, UNEVEN = (0.45, 0.45, 0.625), (0.45, 0.45, 1.25)


def bins(*ranges: tuple[int, int]) -> np.ndarray:
    covered = np.zeros(360, bool)
    for start, stop in ranges:
        covered[start:stop] = True
    return covered


@pytest.mark.parametrize(
    ("covered", "extent", "amount"),
    [
        (bins((10, 100)), 90, 90),
        (bins((0, 20), (340, 360)), 40, 40),  # across 0 degrees: one arc
        (bins((10, 40), (70, 100)), 90, 60),  # a gap within counts to the extent, not to the coverage
        (bins((0, 360)), 360, 360),
        (bins(), 0, 0),
    ],
)
def test_arc_is_360_less_the_largest_gap(covered, extent, amount):
    assert arc_extent(covered) == (pytest.approx(extent), pytest.approx(amount))


def measured(plaque, voxel_mm, turn_deg, direction, radius_mm, noise_hu=5.0, line_radius_mm=None):
    shape = tuple(round(20 / v) for v in voxel_mm)
    affine, axes = grid_affine(voxel_mm, shape, turn_deg), axes_along(np.array(direction))
    ct = draw([plaque], axes, radius_mm, affine, shape, noise_hu=noise_hu)
    pieces, _ = ndimage.label(ct >= 130, np.ones((3, 3, 3)))
    lesion = pieces == np.bincount(pieces.ravel())[1:].argmax() + 1
    return measure_geometry(ct, affine, lesion, straight_line(axes, line_radius_mm or radius_mm), HU_MIN, SETTINGS)


@pytest.mark.parametrize("thickness_mm", [1.2, 1.8])
@pytest.mark.parametrize("start_deg", [0, 135])
def test_overlapping_slices_blur_by_their_thickness_not_by_their_step(thickness_mm, start_deg):
    """Slices of 2 mm every millimetre, an artery within them: what is thin across the slices looks thick."""
    plaque, axes = Plaque(1.9, thickness_mm, 90, 6, start_deg=start_deg), axes_along(np.array([1.0, 0.2, 0.0]))
    shape = (44, 44, 40)
    affine = grid_affine((0.45, 0.45, 0.5), shape)
    thick = ndimage.uniform_filter1d(draw([plaque], axes, 2.3, affine, shape), 4, axis=2, mode="nearest", origin=-1)
    every = affine @ np.diag([1, 1, 2, 1])  # of the slices that are kept
    every[:3, 3] = affine[:3, 3] + affine[:3, 2] / 2  # four are averaged from the one before: their middle
    ct = thick[:, :, ::2]
    by_thickness, by_step = (
        measure_geometry(ct, every, ct >= 130, straight_line(axes, 2.3), HU_MIN, SETTINGS, slice_mm).thickness_mm
        for slice_mm in (2.0, None)
    )
    assert by_thickness == pytest.approx(thickness_mm, abs=0.1)
    assert by_step > by_thickness + 0.04


@pytest.mark.parametrize(
    ("plaque", "radius_mm"),
    [
        (Plaque(1.9, 0.8, 60, 4), 2.3),
        (Plaque(1.9, 1.8, 80, 3, start_deg=320), 2.3),
        (Plaque(2.0, 0.7, 330, 8, start_deg=200, hu=400), 2.4),
        (Plaque(1.9, 1.2, 180, 6, start_deg=100), 2.3),
        (Plaque(1.3, 0.6, 120, 5, start_deg=300, hu=300), 1.6),
    ],
)
@pytest.mark.parametrize(
    ("voxel_mm", "turn_deg", "direction"),
    [(FINE, 0, (0, 0, 1)), (UNEVEN, 12, (0.2, 0.3, 1)), (UNEVEN, 12, (1, 0.3, 0.5))],
)
def test_plaque_in_a_tube(plaque, radius_mm, voxel_mm, turn_deg, direction):
    found = measured(plaque, voxel_mm, turn_deg, direction, radius_mm)
    assert found.arc_deg == pytest.approx(plaque.arc_deg, abs=12)
    assert found.length_mm == pytest.approx(plaque.length_mm, abs=2 * max(voxel_mm))
    if plaque.thickness_mm > 1:
        assert found.thickness_mm == pytest.approx(plaque.thickness_mm, abs=0.35)
    else:  # thinner than the blur: thin, or not measured
        assert not found.thickness_mm >= 1.1
    assert not found.thickness_fwhm_mm <= found.thickness_mm
    assert found.thickness_fwhm_mm > 0
    assert (found.thickness_mm >= 1.5) == (plaque.thickness_mm >= 1.5)
    assert found.filled_share > 0.65
    assert not found.centre_covered


@pytest.mark.parametrize(
    ("plaque", "gap_mm"),
    [
        (Plaque(1.7, 0.9, 70, 4, start_deg=65, hu=700), 0.3),
        (Plaque(1.5, 1.8, 80, 3, start_deg=60, hu=700), 0.6),
        (Plaque(1.7, 0.9, 200, 5, hu=700), 0.6),
    ],
)
@pytest.mark.parametrize("direction", [(0.2, 0.3, 1), (1, 0.3, 0.5)])
def test_bone_beside_a_plaque_adds_nothing_to_it(plaque, gap_mm, direction):
    """A canal of bone about half of the artery, longer than the plaque: interpolated into the lesion's voxels, it made
    arcs up to 88 degrees larger and plaques up to 3 mm longer."""
    shape = tuple(round(14 / v) for v in UNEVEN)
    affine, axes = grid_affine(UNEVEN, shape, 12), axes_along(np.array(direction))
    bone = Plaque(max(plaque.inner_mm + plaque.thickness_mm, 2.6) + gap_mm, 2.5, 200, 16, hu=1300)
    lesion = draw([plaque], axes, 2.0, affine, shape) >= 130
    ct = draw([plaque, bone], axes, 2.0, affine, shape)
    found = measure_geometry(ct, affine, lesion, straight_line(axes, 2.0), HU_MIN, SETTINGS)
    assert found.arc_deg == pytest.approx(plaque.arc_deg, abs=20)
    assert found.length_mm == pytest.approx(plaque.length_mm, abs=0.8)


@pytest.mark.parametrize("thickness_mm", [1.2, 1.8])
def test_thickness_is_told_where_no_bone_ends_the_rays(thickness_mm):
    """Bone lies tight behind two thirds of the plaque: what the rays there show is bounded by it, on either side of the
    truth."""
    shape, axes = tuple(round(14 / v) for v in FINE), axes_along(np.array((0.2, 0.3, 1)))
    affine = grid_affine(FINE, shape, 12)
    plaque, bone = Plaque(2.6 - thickness_mm, thickness_mm, 180, 5, hu=700), Plaque(2.7, 2.5, 120, 16, hu=1300)
    lesion = draw([plaque], axes, 2.0, affine, shape) >= 130
    ct = draw([plaque, bone], axes, 2.0, affine, shape)
    found = measure_geometry(ct, affine, lesion, straight_line(axes, 2.0), HU_MIN, SETTINGS)
    assert found.thickness_mm == pytest.approx(thickness_mm, abs=0.2)


def test_dense_calcium_blooms_at_the_threshold_and_not_at_half_maximum():
    plaque = Plaque(1.9, 1.2, 90, 5, hu=1000)
    found = measured(plaque, FINE, 0, (0, 0, 1), 2.3)
    assert found.arc_at_hu_min_deg > plaque.arc_deg + 15
    assert found.arc_deg == pytest.approx(plaque.arc_deg, abs=6)
    assert found.volume_half_max_mm3 == pytest.approx(plaque.volume_mm3, rel=0.2)


def test_two_pieces_in_one_cross_section_keep_their_gap_in_the_coverage():
    plaques = [Plaque(2.0, 1.2, 60, 5, start_deg=0), Plaque(2.0, 1.2, 60, 5, start_deg=120)]
    shape = (44, 44, 30)
    affine, axes = grid_affine(FINE, shape), axes_along(np.array([0, 0, 1.0]))
    ct = draw(plaques, axes, 2.4, affine, shape)
    found = measure_geometry(ct, affine, ct >= 130, straight_line(axes, 2.4), HU_MIN, SETTINGS)
    assert found.arc_deg == pytest.approx(180, abs=10)
    assert found.arc_coverage == pytest.approx(120 / 180, abs=0.08)


def test_calcium_over_the_lumens_centre_is_told():
    found = measured(Plaque(0.0, 2.0, 360, 6), FINE, 0, (0, 0, 1), 2.3)
    assert found.centre_covered


def test_radius_in_voxels_takes_the_longest_edge_within_the_plane():
    upright = measured(Plaque(1.9, 1.2, 180, 6), UNEVEN, 0, (0, 0, 1), 2.25)
    lying = measured(Plaque(1.9, 1.2, 180, 6), UNEVEN, 0, (1, 0, 0), 2.25)
    assert upright.radius_voxels == pytest.approx(2.25 / 0.45, rel=0.01)
    assert lying.radius_voxels == pytest.approx(2.25 / 1.25, rel=0.01)


def test_an_empty_lesion_has_no_geometry():
    empty = measure_geometry(
        np.zeros((5, 5, 5)), np.eye(4), np.zeros((5, 5, 5), bool), straight_line(np.eye(3), 2), HU_MIN, SETTINGS
    )
    assert np.isnan(empty.arc_deg)
    assert np.isnan(empty.thickness_mm)


@pytest.mark.parametrize("width_mm", [0.3, 0.8, 1.5, 4.0])
def test_blur_is_taken_out_exactly_of_a_gaussian_blurred_layer(width_mm):
    blur_mm = 0.55
    at = np.linspace(0, 6, 60001)
    profile = ndtr((at + width_mm / 2) / blur_mm) - ndtr((at - width_mm / 2) / blur_mm)
    fwhm_mm = 2 * at[(profile < profile[0] / 2).argmax()]
    assert deblurred_width_mm(np.array([fwhm_mm]), np.array([blur_mm]))[0] == pytest.approx(width_mm, abs=0.02)


def test_a_width_within_the_blur_is_zero_and_an_unknown_one_stays_unknown():
    found = deblurred_width_mm(np.array([1.0, np.nan]), np.array([0.6, 0.6]))
    assert found[0] == 0
    assert np.isnan(found[1])


@pytest.mark.parametrize("arc_deg", [150, 300])
def test_the_arc_from_a_line_that_lies_off_comes_near_that_from_the_true_one(arc_deg):
    voxel_mm, shape, plaque = FINE, (45, 45, 32), Plaque(1.6, 0.9, arc_deg, 6)
    affine, axes = grid_affine(voxel_mm, shape), axes_along(np.array((0, 0, 1)))
    ct = draw([plaque], axes, 2.0, affine, shape)
    lesion = ct >= 130
    true = straight_line(axes, 2.0)
    off = replace(true, points=true.points + 1.5 * axes[0], sd_mm=np.full(len(true.points), 0.8))
    moved = settled(off, np.argwhere(lesion) @ affine[:3, :3].T + affine[:3, 3], ct[lesion] - 40)
    left = np.linalg.norm((moved.points - true.points)[:, :2], axis=1)
    assert left.max() < 1.0
    at_true = measure_geometry(ct, affine, lesion, true, HU_MIN, SETTINGS).arc_deg
    assert measure_geometry(ct, affine, lesion, off, HU_MIN, SETTINGS).arc_deg == pytest.approx(at_true, abs=45)
    assert settled(true, np.argwhere(lesion) @ affine[:3, :3].T + affine[:3, 3], ct[lesion] - 40).points == (
        pytest.approx(true.points, abs=0.15)
    )


@pytest.mark.parametrize(("arc_deg", "radius_mm"), [(40, 1.3), (60, 2.3), (120, 1.3), (300, 2.3)])
def test_an_arc_freed_of_a_known_blur_is_that_drawn(arc_deg, radius_mm):
    pixel_mm, sd_mm = 0.05, 0.55
    at = np.arange(-120, 121) * pixel_mm
    x, y = np.meshgrid(at, at, indexing="ij")
    drawn = (np.abs(np.hypot(x, y) - radius_mm) < 0.1) & (np.abs(np.degrees(np.arctan2(y, x))) <= arc_deg / 2)
    seen = ndimage.gaussian_filter(drawn.astype(float), sd_mm / pixel_mm)
    angles, radii = np.radians(np.arange(-180, 180)), np.arange(0.75 * radius_mm, 2 * radius_mm, pixel_mm)
    rays = np.stack([np.outer(np.cos(angles), radii), np.outer(np.sin(angles), radii)]) / pixel_mm + 120
    along = ndimage.map_coordinates(seen, rays, order=1).max(axis=1)
    shown, _ = arc_extent(along >= along[180] / 2)
    assert shown >= arc_deg - 2
    assert deblurred_arc_deg(shown, radius_mm / sd_mm) == pytest.approx(arc_deg, abs=6)


def test_no_arc_is_told_from_the_blur_and_a_closed_one_stays_closed():
    assert deblurred_arc_deg(20.0, 3.0) == 0
    assert deblurred_arc_deg(360.0, 3.0) == 360


def test_thick_calcium_over_the_lumens_centre_has_its_thickness():
    affine, axes = grid_affine(FINE, (45, 45, 32)), axes_along(np.array((0, 0, 1)))
    plaque = Plaque(0.2, 2.4, 90, 6)
    ct = draw([plaque], axes, 2.0, affine, (45, 45, 32))
    off = replace(straight_line(axes, 2.0), points=straight_line(axes, 2.0).points + 0.5 * (axes[0] + axes[1]))
    geometry = measure_geometry(
        ct, affine, ct >= 130, replace(off, sd_mm=np.full(len(off.points), 0.1)), HU_MIN, SETTINGS
    )
    assert geometry.thickness_mm > 1.5
