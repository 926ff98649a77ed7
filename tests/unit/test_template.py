"""The way to the template, on the template's own brain moved by a known affine and given another contrast."""

import numpy as np
import pytest
from scipy.ndimage import affine_transform, gaussian_filter
from scipy.spatial.transform import Rotation

from angiolith.brain.mni152 import mni152_map
from angiolith.brain.segment import TISSUES, BrainSegmentation
from angiolith.brain.template import load_template, register_to_template
from angiolith.core.images import Image, map_points, shear_deg
from angiolith.core.settings.registration import RigidSettings, TemplateReviewSettings
from angiolith.registration.head import shrink

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
    gm, wm = (shrink(mni152_map(name), 2).data for name in ("gm", "wm"))
    kinds = np.select([~brain.data, wm > 0.5, gm > 0.5], [0, TISSUES["white"], TISSUES["grey"]], TISSUES["ventricles"])
    tissues = affine_transform(kinds.astype(np.uint8), to_template[:3, :3], to_template[:3, 3], shape, order=0)
    noise = np.random.default_rng(0).normal(0, 0.02, shape)
    subject = Image(np.where(data > 0.01, (data + noise) * 400, 0).astype(np.float32), affine)
    return subject, register_to_template(subject, segmented(tissues), False, SETTINGS, LIMITS), brain


def segmented(tissues):
    return BrainSegmentation(tissues > 0, tissues.astype(np.uint8), {}, True, 0.0, "ok", None)


def test_points_go_where_the_affine_takes_them(moved):
    _, result, brain = moved
    points = np.argwhere(brain.data)[::997] @ brain.affine[:3, :3].T + brain.affine[:3, 3]
    expected = points @ TO_SUBJECT[:3, :3].T + TO_SUBJECT[:3, 3]
    there = map_points(result.template_to_reference, points)
    assert np.linalg.norm(there - expected, axis=1).mean() < 1.5
    back = map_points(result.reference_to_template, there)
    assert np.linalg.norm(back - points, axis=1).mean() < 1.0
    assert result.status == "ok"


def test_the_scales_are_those_of_the_affine(moved):
    _, result, _ = moved
    assert result.scales == pytest.approx((1.06, 1.04, 0.95), abs=0.02)
    assert result.overlap > 0.95
    assert result.match > 0.85


@pytest.mark.parametrize(
    ("limits", "status", "words"),
    [
        ({"template_correlation_min": 1.1}, "review", "poor match to the template"),
        ({"template_overlap_min": 1.1}, "failed", "overlaps this one by"),
        ({"scale_max": 0.9}, "failed", "times as large as the template's"),
    ],
)
def test_what_does_not_fit_says_so(limits, status, words):
    template, brain = load_template(4)
    found = segmented(np.where(brain.data, np.where(template.data > 0.75, TISSUES["white"], TISSUES["grey"]), 0))
    result = register_to_template(template, found, False, SETTINGS, TemplateReviewSettings(**limits))
    assert result.status == status
    assert words in result.reason
    assert shear_deg(template.affine) == 0
