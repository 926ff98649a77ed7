"""Arteries from masks and angiograms: centrelines and radii of known tubes, labels, margins."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from angiolith.arteries.centrelines import Centreline, resampled, voxel_centres
from angiolith.arteries.masks import (
    canonical_labels,
    centreline_of_mask,
    centrelines_of_labels,
    segment_angio,
    widened,
)
from angiolith.arteries.names import INDEX
from angiolith.core.images import Image
from angiolith.core.settings.arteries import ArteryMapSettings, ArteryRegionSettings

SETTINGS, REGION = ArteryMapSettings(), ArteryRegionSettings()


def oblique(voxel_mm, shape, turn_deg=25.0) -> np.ndarray:
    c, s = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    affine = np.eye(4)
    affine[:3, :3] = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]) @ np.diag(voxel_mm)
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return affine


def siphon(radius_mm: float = 2.0, side: str = "R") -> Centreline:
    """An S of two quarter circles of 8 mm."""
    angle = np.linspace(0, np.pi / 2, 40)
    lower = np.stack([0 * angle, 8 * np.cos(angle), 8 * np.sin(angle) - 8], axis=1)
    upper = np.stack([0 * angle, -8 * np.sin(angle), 8 - 8 * np.cos(angle)], axis=1)
    points = np.concatenate([lower, upper[1:]])
    n = len(points)
    return resampled(Centreline("ICA", side, points, np.full(n, radius_mm), np.full(n, 1.0), np.full(n, "")))


def tube(line: Centreline, affine, shape, radius_mm=None) -> np.ndarray:
    centres = voxel_centres(shape, affine)
    distance = cKDTree(line.points).query(centres.reshape(-1, 3))[0].reshape(shape)
    return distance <= (radius_mm or line.radius_mm[0])


@pytest.mark.parametrize("voxel_mm", [(0.4, 0.4, 0.4), (0.45, 0.45, 0.9)])
def test_centreline_and_radius_of_a_bent_tube(voxel_mm):
    shape = tuple(round(30 / v) for v in voxel_mm)
    affine, true = oblique(voxel_mm, shape), siphon()
    found = centreline_of_mask(tube(true, affine, shape), affine, "ICA", "R", 0.3)
    assert cKDTree(found.points).query(true.points)[0].max() < 1.0
    assert cKDTree(found.points).query(true.points)[0].mean() < 0.45
    assert np.median(found.radius_mm) == pytest.approx(2.0, abs=0.25)
    assert found.arc_mm[-1] == pytest.approx(true.arc_mm[-1] + 2 * 2.0, abs=2.5)  # the mask has round ends
    assert found.points[0, 2] < found.points[-1, 2]  # a carotid begins below


def test_specks_and_nothing_have_no_centreline():
    mask = np.zeros((9, 9, 9), bool)
    assert centreline_of_mask(mask, np.eye(4), "BA", "M", 0.3) is None
    mask[4, 4, 4] = True
    assert centreline_of_mask(mask, np.eye(4) * 0.5, "BA", "M", 0.3) is None


def test_labels_are_renumbered_and_unknown_ones_dropped():
    mask = np.array([[[0, 1, 2, 300]]])
    assert canonical_labels(mask, {1: ("ICA", "L"), 300: ("BA", "M")}).tolist() == [[[0, 6, 0, 1]]]


def test_each_label_has_its_line_by_name():
    shape = (60, 60, 60)
    affine = oblique((0.5, 0.5, 0.5), shape, 0)
    true = siphon()
    labels = np.where(tube(true, affine, shape), INDEX["ICA", "R"], 0).astype(np.uint8)
    lines = centrelines_of_labels(labels, affine, 0.3)
    assert list(lines) == [("ICA", "R")]
    assert lines["ICA", "R"].sd_mm == pytest.approx(0.3)


def test_widening_is_in_mm_on_an_uneven_grid():
    labels = np.zeros((21, 21, 21), np.uint8)
    labels[10, 10, 10] = 4
    wide = widened(labels, np.diag([0.5, 0.5, 2.0, 1]), 2.0)
    assert wide[14, 10, 10] == wide[10, 6, 10] == wide[10, 10, 11] == 4
    assert wide[15, 10, 10] == wide[10, 10, 12] == 0


def test_a_time_of_flight_angiogram_gives_the_artery_beside_the_atlas_line():
    shape = (70, 70, 70)
    affine, true = oblique((0.45, 0.45, 0.45), shape, 10), siphon(1.8)
    rng = np.random.default_rng(3)
    data = 100 + rng.normal(0, 12, shape)
    inside = tube(true, affine, shape)
    data[inside] += 180
    angio = Image(data.astype(np.float32), affine)
    n = len(true.points)
    atlas = [
        resampled(
            Centreline(
                "ICA", "R", true.points + np.array([1.5, -1, 0.5]), np.full(n, 2.0), np.full(n, 2.0), np.full(n, "")
            )
        ),
        resampled(
            Centreline("MCA", "R", true.points + np.array([9, 0, 0]), np.full(n, 1.5), np.full(n, 1.0), np.full(n, ""))
        ),
    ]
    labels = segment_angio(angio, atlas, SETTINGS, REGION)
    found = labels == INDEX["ICA", "R"]
    assert 2 * (found & inside).sum() / (found.sum() + inside.sum()) > 0.85
    assert not (labels == INDEX["MCA", "R"]).any()  # nothing bright there: not taken
