"""The way to the template, on the template's own brain moved by a known affine and given another contrast."""

import numpy as np
import pytest
from scipy.ndimage import affine_transform, gaussian_filter
from scipy.spatial.transform import Rotation

from angiolith.brain.template import load_template, register_to_template
from angiolith.core.images import Image, map_points, shear_deg
from angiolith.core.settings.registration import RigidSettings, TemplateReviewSettings

SETTINGS, LIMITS = RigidSettings(), TemplateReviewSettings()
TO_SUBJECT = np.eye(4)
TO_SUBJECT[:3, :3] = Rotation.from_euler("xyz", [8, -5, 11], degrees=True).as_matrix() @ np.diag([1.06, 0.95, 1.04])
TO_SUBJECT[:3, 3] = (5.0, -9.0, 12.0)


@pytest.fixture(scope="module")
def moved():
    """(subject's image, result, template's mask): a T2-like brain on a 1.5 x 1.5 x 3 mm grid."""
    template, brain = load_template(2)
    affine = np.diag([1.5, 1.5, 3.0, 1.0])
    affine[:3, 3] = (-110.0, -140.0, -100.0)
    shape = (150, 180, 70)
    to_template = np.linalg.inv(template.affine) @ np.linalg.inv(TO_SUBJECT) @ affine
    inverted = np.where(brain.data, 1.2 - gaussian_filter(template.data, 0.5), 0)
    data = affine_transform(inverted, to_template[:3, :3], to_template[:3, 3], shape, order=1)
    noise = np.random.default_rng(0).normal(0, 0.02, shape)
    subject = Image(np.where(data > 0.01, (data + noise) * 400, 0).astype(np.float32), affine)
    return subject, register_to_template(subject, False, SETTINGS, LIMITS), brain


def test_points_go_where_the_affine_takes_them(moved):
    _, result, brain = moved
    points = np.argwhere(brain.data)[::997] @ brain.affine[:3, :3].T + brain.affine[:3, 3]
    expected = points @ TO_SUBJECT[:3, :3].T + TO_SUBJECT[:3, 3]
    there = map_points(result.template_to_reference, points)
    assert np.linalg.norm(there - expected, axis=1).mean() < 1.5
    back = map_points(result.reference_to_template, there)
    assert np.linalg.norm(back - points, axis=1).mean() < 1.0
    assert result.status == "ok"


def test_the_brain_is_found(moved):
    subject, result, _ = moved
    truth = subject.data > 0
    dice = 2 * (truth & result.brain).sum() / (truth.sum() + result.brain.sum())
    assert dice > 0.95


def test_an_empty_match_is_for_review():
    limits = TemplateReviewSettings(template_correlation_min=1.1)
    template, _ = load_template(2)
    result = register_to_template(template, False, SETTINGS, limits)
    assert result.status == "review"
    assert "poor match to the template" in result.reason
    assert shear_deg(template.affine) == 0
