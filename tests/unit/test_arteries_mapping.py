"""Which source an artery is taken from, and what is told about it."""

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from angiolith.arteries.centrelines import Centreline, region_labels, resampled
from angiolith.arteries.mapping import map_arteries, traced_from_angio, traced_from_mask
from angiolith.arteries.names import INDEX
from angiolith.core.images import Image, linear_transform
from angiolith.core.settings.arteries import ArteryMapSettings, ArteryRegionSettings
from angiolith.core.settings.calcification import CalciumThresholdSettings

SETTINGS, REGION = ArteryMapSettings(refine=False), ArteryRegionSettings()
THRESHOLD = CalciumThresholdSettings()
IDENTITY = sitk.Transform(3, sitk.sitkIdentity)
SHAPE = (60, 60, 40)
AFFINE = np.array([[0.5, 0, 0, -15], [0, 0.5, 0, -15], [0, 0, 0.75, -15], [0, 0, 0, 1]])
CT = Image(np.full(SHAPE, 35, np.float32), AFFINE)


def straight(artery: str, side: str, x_mm: float) -> Centreline:
    points = np.array([[x_mm, 0, -12.0], [x_mm, 0, 12.0]])
    return resampled(Centreline(artery, side, points, np.full(2, 1.6), np.full(2, 1.0), np.array(["", ""])))


ATLAS = [straight("ICA", "L", -6.0), straight("ICA", "R", 6.0)]


def mask_of(line: Centreline, label: int, shape=SHAPE, affine=AFFINE) -> Image:
    tube = region_labels(shape, affine, [line], lambda each: each.radius_mm)
    return Image(np.where(tube > 0, label, 0).astype(np.float32), affine)


def test_the_atlas_alone():
    found = map_arteries(CT, None, ATLAS, SETTINGS, REGION, THRESHOLD, [])
    assert found.sources == {("ICA", "L"): "atlas", ("ICA", "R"): "atlas"}
    assert (found.source, found.status, found.reason) == ("atlas", "ok", "")
    assert set(np.unique(found.labels)) == {0, 4, 6}


def test_a_mask_comes_first_and_the_atlas_completes_it():
    traced, told = traced_from_mask(mask_of(straight("ICA", "R", 5.0), 4), IDENTITY, None)
    assert told is None
    found = map_arteries(CT, traced, ATLAS, SETTINGS, REGION, THRESHOLD, [told])
    assert found.sources == {("ICA", "R"): "user", ("ICA", "L"): "atlas"}
    assert found.source == "user"
    assert np.median(found.lines["ICA", "R"].points[:, 0]) == pytest.approx(5.0, abs=0.3)
    alone = map_arteries(
        CT, traced, ATLAS, SETTINGS.model_copy(update={"complete_from_atlas": False}), REGION, THRESHOLD, []
    )
    assert list(alone.lines) == [("ICA", "R")]
    assert set(np.unique(alone.labels)) == {0, 4}


def test_a_mask_in_another_images_space_is_brought_over_labels_intact():
    """The mask's image lies 20 mm aside and has other voxels; its labels are numbered by its own lookup."""
    shift = np.eye(4)
    shift[0, 3] = 20.0
    affine = np.diag([0.4, 0.6, 0.5, 1.0])
    affine[:3, 3] = [8, -15, -15]
    aside = straight("BA", "M", 20.0 + 2.0)
    mask = mask_of(aside, 300, (80, 50, 60), affine)
    lookup = pd.DataFrame({"index": [300], "name": ["basilar"]})
    traced, _ = traced_from_mask(mask, linear_transform(shift), lookup)
    found = map_arteries(CT, traced, [], SETTINGS, REGION, THRESHOLD, [])
    at = np.argwhere(found.labels == INDEX["BA", "M"]) @ AFFINE[:3, :3].T + AFFINE[:3, 3]
    assert at[:, 0].mean() == pytest.approx(2.0, abs=0.2)
    assert np.median(found.lines["BA", "M"].points[:, 0]) == pytest.approx(2.0, abs=0.3)
    assert np.median(found.lines["BA", "M"].radius_mm) == pytest.approx(1.6, abs=0.25)


def test_unknown_labels_are_told_and_a_mask_without_known_ones_is_not_used():
    known = mask_of(straight("ICA", "R", 5.0), 4)
    both = known.with_data(known.data + mask_of(straight("ICA", "L", -9.0), 77).data)
    traced, told = traced_from_mask(both, IDENTITY, None)
    assert traced is not None
    assert "77" in told
    assert map_arteries(CT, traced, ATLAS, SETTINGS, REGION, THRESHOLD, [told]).status == "review"
    assert traced_from_mask(known.with_data(known.data * 20), IDENTITY, None)[0] is None
    assert traced_from_mask(known.with_data(known.data * 0), IDENTITY, None) == (None, "the artery mask is empty")
    assert traced_from_mask(known.with_data(known.data * 0.3), IDENTITY, None)[0] is None


def test_an_angiogram_is_used_where_there_is_no_mask_but_not_a_ct_angiogram():
    tissue = np.random.default_rng(0).normal(100, 8, SHAPE).astype(np.float32)
    bright = np.where(mask_of(straight("ICA", "R", 7.0), 1).data > 0, 300, tissue).astype(np.float32)
    traced, told = traced_from_angio(Image(bright, AFFINE), IDENTITY, ATLAS, SETTINGS, REGION)
    assert told is None
    found = map_arteries(CT, traced, ATLAS, SETTINGS, REGION, THRESHOLD, [told])
    assert found.sources == {("ICA", "R"): "angio", ("ICA", "L"): "atlas"}
    assert np.median(found.lines["ICA", "R"].points[:, 0]) == pytest.approx(7.0, abs=0.3)
    assert "CT angiogram" in traced_from_angio(Image(bright - 1000, AFFINE), IDENTITY, ATLAS, SETTINGS, REGION)[1]
    assert "stands out" in traced_from_angio(Image(tissue, AFFINE), IDENTITY, ATLAS, SETTINGS, REGION)[1]


def test_without_any_source_it_failed_and_says_why():
    found = map_arteries(CT, None, [], SETTINGS, REGION, THRESHOLD, ["no atlas: the registration failed"])
    assert found.status == "failed"
    assert found.reason.startswith("no atlas")
