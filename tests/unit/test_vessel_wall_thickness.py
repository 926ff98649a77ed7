"""Contour geometry and wall thickness against analytic answers on circles and ellipses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from angiolith.vessel_wall import contours
from angiolith.vessel_wall.thickness import METHODS, centre_ray_mm, closest_point_mm, laplace_mm

LAPLACE_TOLERANCE_MM = 0.005


def ellipse(first, second=None, centre=(0.0, 0.0), turn_deg=0.0, n=128):
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    points = np.stack([first * np.cos(angle), (second or first) * np.sin(angle)], axis=1)
    c, s = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    return points @ np.array([[c, s], [-s, c]]) + centre


def eccentric_laplace_mm(lumen, radius, outer_radius, eccentricity):
    """Exact lengths of the field lines between two eccentric circles, the outer one about the origin.

    The Moebius map w = (z - p) / (z - q), with p and q the two points inverse to each other in both circles, makes the
    circles concentric; field lines are radii there.
    """
    total = (outer_radius**2 - radius**2 + eccentricity**2) / eccentricity
    q = (total + np.sqrt(total**2 - 4 * outer_radius**2)) / 2
    p = total - q
    z = lumen[:, 0] + 1j * lumen[:, 1]
    w = (z - p) / (z - q)
    w_outer = abs((outer_radius - p) / (outer_radius - q))
    scale = np.linspace(1, w_outer / abs(w), 2001)
    path = (p - q * w * scale) / (1 - w * scale)
    return abs(np.diff(path, axis=0)).sum(axis=0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("radius", "outer"), [(1.0, 2.0), (0.5, 2.5), (1.5, 1.8)])
def test_concentric_circles_have_wall_R_minus_r_all_around(method, radius, outer):
    wall = METHODS[method](ellipse(radius, centre=(3, -1)), ellipse(outer, centre=(3, -1)))
    np.testing.assert_allclose(wall, outer - radius, atol=LAPLACE_TOLERANCE_MM)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("radius", "outer", "shift"), [(1.0, 2.0, 0.5), (1.0, 2.0, 0.9), (1.0, 1.4, 0.3)])
def test_eccentric_circles_have_max_R_minus_r_plus_e_and_min_R_minus_r_minus_e(method, radius, outer, shift):
    wall = METHODS[method](ellipse(radius, centre=(shift, 0)), ellipse(outer))
    assert wall.max() == pytest.approx(outer - radius + shift, abs=LAPLACE_TOLERANCE_MM)
    assert wall.min() == pytest.approx(outer - radius - shift, abs=LAPLACE_TOLERANCE_MM)


@pytest.mark.parametrize(("radius", "outer", "shift"), [(1.0, 2.0, 0.5), (0.6, 2.2, 1.1)])
def test_laplace_thickness_follows_the_exact_field_lines_all_around(radius, outer, shift):
    lumen = ellipse(radius, centre=(shift, 0))
    exact = eccentric_laplace_mm(lumen, radius, outer, shift)
    np.testing.assert_allclose(laplace_mm(lumen, ellipse(outer)), exact, atol=2 * LAPLACE_TOLERANCE_MM)


def test_ellipses_have_the_difference_of_their_half_axes_along_the_axes():
    lumen, outer = ellipse(1.5, 0.8, turn_deg=30), ellipse(2.5, 1.5, turn_deg=30)
    for method in (laplace_mm, centre_ray_mm):
        wall = method(lumen, outer)
        assert wall[[0, 64]] == pytest.approx([1.0, 1.0], abs=0.01), method
        assert wall[[32, 96]] == pytest.approx([0.7, 0.7], abs=0.01), method


def test_methods_agree_on_order_closest_point_is_never_the_thickest():
    lumen, outer = ellipse(1.2, 0.6, centre=(0.4, 0.1)), ellipse(2.4, 1.9)
    closest = closest_point_mm(lumen, outer)
    assert (closest <= laplace_mm(lumen, outer) + LAPLACE_TOLERANCE_MM).all()
    assert (closest <= centre_ray_mm(lumen, outer) + LAPLACE_TOLERANCE_MM).all()


@settings(max_examples=25, deadline=None)
@given(first=st.floats(0.4, 3), ratio=st.floats(0.3, 1), turn=st.floats(0, 180), x=st.floats(-50, 50))
def test_geometry_of_any_ellipse(first, ratio, turn, x):
    second = first * ratio
    polygon = ellipse(first, second, (x, -x), turn, n=512)
    assert contours.area_mm2(polygon) == pytest.approx(np.pi * first * second, rel=1e-3)
    assert contours.min_diameter_mm(polygon) == pytest.approx(2 * second, rel=1e-3)
    np.testing.assert_allclose(contours.centroid(polygon), (x, -x), atol=1e-6)
    assert contours.area_mm2(contours.scaled_to_area(polygon, 3.0)) == pytest.approx(3.0)


def test_signed_distance_of_a_circle_is_its_radius_less_the_distance_from_its_centre():
    points = np.array([[0.0, 0.0], [1.2, 0.0], [0.0, 2.5], [1.5, 2.0]])
    expected = 2.0 - np.linalg.norm(points, axis=1)
    found = contours.signed_distance_mm(ellipse(2.0, n=720), points)
    np.testing.assert_allclose(found, expected, atol=0.005)


def test_smoothing_removes_a_staircase_and_keeps_the_ellipse():
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    true = np.stack([2.0 * np.cos(angle), 1.2 * np.sin(angle)], axis=1)
    stairs = np.round(true / 0.25) * 0.25
    smooth = contours.smoothed(stairs, wavelength_mm=1.5, n_points=128)
    rough_error = abs(contours.distance_mm(true, stairs)).max()
    assert abs(contours.distance_mm(true, smooth)).max() < 0.6 * rough_error


def test_kept_within_draws_back_only_what_leaves_the_outer_contour():
    inner, outer = ellipse(1.0, centre=(0.6, 0)), ellipse(1.5)
    kept = contours.kept_within(inner, outer, gap_mm=0.02)
    assert contours.signed_distance_mm(outer, kept).min() >= 0.015
    inside = contours.signed_distance_mm(outer, inner) > 0.03
    np.testing.assert_allclose(kept[inside], inner[inside], atol=1e-12)
