"""What counts as a lesion: thresholds, connections, bone, contrast."""

import numpy as np
import pytest
from scipy import ndimage

from angiolith.arteries.centrelines import Centreline, region_labels, resampled, voxel_centres
from angiolith.arteries.density import lumen_density
from angiolith.arteries.names import INDEX
from angiolith.calcification.bone import through_openings
from angiolith.calcification.segment import find_lesions
from angiolith.core.images import Image
from angiolith.core.settings.arteries import ArteryRegionSettings
from angiolith.core.settings.calcification import CalcificationSegmentSettings, CalciumThresholdSettings

THRESHOLD, SETTINGS = CalciumThresholdSettings(), CalcificationSegmentSettings()
MARGIN_MM = ArteryRegionSettings().wall_margin_mm
AFFINE = np.array([[0.5, 0, 0, -15], [0, 0.5, 0, -15], [0, 0, 0.7, -14.7], [0, 0, 0, 1]])
SHAPE = (61, 61, 43)


def line_along_z(artery="BA", side="M", radius_mm=2.2, x_mm=0.0, sd_mm=0.5) -> Centreline:
    points = np.array([[x_mm, 0, -14.0], [x_mm, 0, 14.0]])
    return resampled(Centreline(artery, side, points, np.full(2, radius_mm), np.full(2, sd_mm), np.array(["", ""])))


def find(ct, line=None, **changes):
    line = line or line_along_z()
    region = region_labels(SHAPE, AFFINE, [line], lambda each: each.radius_mm + MARGIN_MM + 0.5)
    return find_lesions(
        Image(ct.astype(np.float32), AFFINE),
        region,
        [line],
        np.nan,
        THRESHOLD,
        SETTINGS.model_copy(update=changes),
        MARGIN_MM,
    )


def soft_tissue() -> np.ndarray:
    return np.full(SHAPE, 35.0)


def polar() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distance from the z axis (mm), angle about it (degrees), z (mm) of every voxel."""
    centres = voxel_centres(SHAPE, AFFINE)
    angle = np.degrees(np.arctan2(centres[..., 1], centres[..., 0]))
    return np.hypot(centres[..., 0], centres[..., 1]), angle, centres[..., 2]


def plaque(inner_mm, outer_mm, half_arc_deg, half_length_mm) -> np.ndarray:
    radius, angle, z = polar()
    return (radius >= inner_mm) & (radius <= outer_mm) & (np.abs(angle) <= half_arc_deg) & (np.abs(z) <= half_length_mm)


@pytest.mark.parametrize(("hu", "lesions"), [(129, 0), (129.99, 0), (130, 1), (131, 1)])
def test_the_threshold_counts(hu, lesions):
    ct = soft_tissue()
    ct[plaque(1.5, 2.5, 30, 2)] = hu
    found = find(ct)
    assert found.labels.max() == lesions
    assert (found.labels > 0).sum() == (plaque(1.5, 2.5, 30, 2).sum() if lesions else 0)


def test_voxels_that_meet_at_a_corner_are_one_lesion_and_a_gap_makes_two():
    ct = soft_tissue()
    ct[34:36, 30:32, 20:22] = 300
    ct[36:38, 32:34, 22:24] = 300  # touches at one corner
    ct[24:27, 30:32, 20:22] = 300
    found = find(ct)
    assert found.labels.max() == 2
    assert found.touches_bone == {1: 0.0, 2: 0.0}
    assert found.labels[34, 30, 20] == found.labels[37, 33, 23] != found.labels[24, 30, 20]


def test_noise_is_smaller_than_a_lesion():
    ct = soft_tissue()
    ct[34, 30, 20] = 900  # 0.175 mm3
    assert find(ct).labels.max() == 0
    assert find(ct, lesion_volume_mm3_min=0.1, lesion_voxels_min=1).labels.max() == 1


def test_nothing_calcified_is_an_answer_and_no_artery_is_none():
    assert find(soft_tissue()).labels.max() == 0
    assert find(soft_tissue()).reason is None
    outside = line_along_z(x_mm=400.0)
    assert "field of view" in find(soft_tissue(), outside).reason


def test_calcium_beside_the_artery_is_left_out_and_told():
    ct = soft_tissue()
    radius, _, z = polar()
    ct[(radius > 2.9) & (radius < 4.4) & (np.abs(z) < 2) & (voxel_centres(SHAPE, AFFINE)[..., 0] > 2.5)] = 500
    found = find(ct)
    assert found.labels.max() == 0
    assert len(found.left_out) == 1
    assert found.left_out[0]["artery"] == INDEX["BA", "M"]


def canal(ct: np.ndarray, radius_mm: float = 2.9) -> np.ndarray:
    radius, _, _ = polar()
    ct[radius > radius_mm] = 800
    return ct


def test_the_wall_of_a_bony_canal_is_no_calcium():
    found = find(canal(soft_tissue()))
    assert found.labels.max() == 0


@pytest.mark.parametrize("hu", [350, 800, 1200])
def test_calcium_that_stands_out_from_bone_is_found_and_marked(hu):
    ct = canal(soft_tissue())
    true = plaque(1.2, 2.9, 40, 3)
    ct[true] = hu
    ct = ndimage.gaussian_filter(ct, (0.8, 0.8, 0.3))
    found = find(ct)
    assert found.labels.max() == 1
    assert found.touches_bone[1] > 0
    mine = found.labels == 1
    assert (mine & true).sum() / true.sum() > 0.8
    assert (mine & ndimage.binary_dilation(true, iterations=2)).sum() / mine.sum() > 0.9


@pytest.mark.parametrize(
    ("half_arc_deg", "half_length_mm", "sd_mm"),
    [(180, 9, 0.5), (40, 8, 0.2)],  # a long ring leaves too little room; a long plaque where the place is known
)
def test_calcium_that_lines_a_canal_for_long_is_found(half_arc_deg, half_length_mm, sd_mm):
    ct = canal(soft_tissue())
    true = plaque(1.0, 2.9, half_arc_deg, half_length_mm)
    ct[true] = 700
    found = find(ndimage.gaussian_filter(ct, (0.8, 0.8, 0.3)), line_along_z(sd_mm=sd_mm))
    assert found.labels.max() == 1
    mine = found.labels == 1
    assert (mine & true).sum() / true.sum() > 0.8
    assert (mine & ndimage.binary_dilation(true, iterations=2)).sum() / mine.sum() > 0.9


def test_what_is_fainter_than_bones_edge_and_lies_on_it_is_its_partial_volume():
    for hu, lesions in ((220, 0), (320, 1)):
        ct = canal(soft_tissue(), 3.9)
        ct[plaque(1.2, 4.0, 40, 3)] = hu
        found = find(ct)
        assert (found.labels.max(), len(found.left_out)) == (lesions, 1 - lesions)


def test_bone_at_the_end_of_a_line_is_no_calcium():
    ct = soft_tissue()
    ct[polar()[2] > 13.0] = 900
    assert find(ct, line_along_z(sd_mm=0.2)).labels.max() == 0


def test_bone_beside_the_artery_on_one_side_is_left_out():
    ct = soft_tissue()
    ct[voxel_centres(SHAPE, AFFINE)[..., 0] > 2.6] = 900  # a flat surface that the wall touches
    assert find(ndimage.gaussian_filter(ct, 0.8)).labels.max() == 0


def vessels(lumen_hu: float) -> tuple[np.ndarray, list[Centreline]]:
    """Two cerebral arteries of radius 1.3 mm in tissue, centrelines 1 mm beside their true place."""
    ct = soft_tissue()
    lines = []
    for side, x_mm in (("R", 6.0), ("L", -6.0)):
        centres = voxel_centres(SHAPE, AFFINE)
        ct[np.hypot(centres[..., 0] - x_mm, centres[..., 1]) < 1.3] = lumen_hu
        lines.append(line_along_z("MCA", side, 1.3, x_mm + 1.0))
    return ndimage.gaussian_filter(ct, 0.8), lines


def test_contrast_is_refused_with_its_reason_or_stepped_over():
    ct, lines = vessels(350.0)
    ct[46:48, 28:33, 20:24] = 900  # calcium in the wall of the right one
    region = region_labels(SHAPE, AFFINE, lines, lambda each: each.radius_mm + 2.2)
    image = Image(ct.astype(np.float32), AFFINE)
    lumen_hu = lumen_density(image, lines).hu
    refused = find_lesions(image, region, lines, lumen_hu, THRESHOLD, SETTINGS, MARGIN_MM)
    assert refused.contrast_enhanced
    assert "contrast-enhanced" in refused.reason
    assert not refused.labels.any()
    adapted = find_lesions(
        image, region, lines, lumen_hu, CalciumThresholdSettings(on_contrast="adaptive"), SETTINGS, MARGIN_MM
    )
    assert adapted.reason is None
    assert adapted.hu_min > 400
    assert adapted.labels.max() == 1
    assert "threshold raised" in adapted.findings[0]


def test_plain_blood_with_calcium_and_bone_nearby_is_not_contrast():
    ct, lines = vessels(45.0)
    ct[:, :, :10] = 900  # bone at one end
    ct[40:45, 25:35, 20:25] = 600
    assert lumen_density(Image(ct.astype(np.float32), AFFINE), lines).hu < 60
    assert np.isnan(lumen_density(Image(ct, AFFINE), [line_along_z("ICA", "R")]).hu)


def test_calcium_that_closes_a_canal_is_found_where_the_line_is_sure():
    ct = canal(soft_tissue())
    true = plaque(0.0, 2.7, 180, 3)  # nothing of the lumen shows over 6 mm
    ct[true] = 600
    confirmed, uncertain = (find(ct, line_along_z(sd_mm=sd_mm)) for sd_mm in (0.5, 0.8))
    sure = confirmed.labels > 0
    assert confirmed.doubts == {}
    assert (sure & true).sum() / true.sum() > 0.8
    assert not sure[plaque(0.0, 2.7, 180, 99) & ~true].any()
    assert set(uncertain.doubts) == set(uncertain.touches_bone)  # it may run in bone: a reader decides


def test_a_line_in_thick_calcium_is_led_through_the_open_lumen():
    ct = soft_tissue()
    radius, angle, z = polar()
    ct[(radius <= 2.2) & (np.abs(angle) < 70) & (np.abs(z) < 4)] = 700
    line = line_along_z(x_mm=0.8)
    led = through_openings(ct, AFFINE, line, 130.0)
    middle, end = len(line.points) // 2, 2
    assert led.points[middle, 0] < 0.2
    assert led.points[middle, 1:] == pytest.approx(line.points[middle, 1:], abs=0.7)
    assert led.points[end] == pytest.approx(line.points[end], abs=1e-6)
    unsure = line_along_z(x_mm=0.8, sd_mm=1.0)
    assert through_openings(ct, AFFINE, unsure, 130.0) is unsure


def test_calcium_that_a_valley_parts_from_bone_is_whole_where_the_line_is_off():
    bone = canal(soft_tissue(), 3.4)
    true = plaque(1.6, 2.8, 50, 6)  # too long to stand out from the canal's wall
    ct = bone.copy()
    ct[true] = 900
    blurred = ndimage.gaussian_filter(ct, (0.8, 0.8, 0.3))
    pieces, _ = ndimage.label(blurred >= 130, np.ones((3, 3, 3)))
    assert np.isin(pieces[true], pieces[0, 0]).mean() > 0.9  # hangs together with bone
    for x_mm in (0.0, -0.6):
        mine = find(blurred, line_along_z(x_mm=x_mm)).labels > 0
        assert (mine & true).sum() / true.sum() > 0.9
        assert (mine & ndimage.binary_dilation(true, iterations=2)).sum() / mine.sum() > 0.9
