"""What counts and what waits for a reader: the rule, and the evidence that it rests on."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import cKDTree

from angiolith.arteries.centrelines import Centreline, region_labels, resampled, voxel_centres
from angiolith.arteries.masks import search_reach
from angiolith.arteries.names import INDEX, LABELS
from angiolith.calcification.certainty import DEEP_VALLEY_FRACTION, Evidence, doubts_of, is_plausible
from angiolith.calcification.marks import (
    air_share,
    artery_beside,
    bone_gap_mm,
    has_twin,
    noise_sd_hu,
    parted_marks,
)
from angiolith.calcification.outline import drawn_on_bone
from angiolith.calcification.segment import find_lesions
from angiolith.core.images import Image
from angiolith.core.settings.arteries import ArteryRegionSettings
from angiolith.core.settings.calcification import CalcificationSegmentSettings, CalciumThresholdSettings

MARGIN_MM = 1.2
AFFINE = np.array([[0.5, 0, 0, -15], [0, 0.5, 0, -15], [0, 0, 1.25, -15], [0, 0, 0, 1]])
SHAPE = (61, 61, 25)
FREE = Evidence(
    artery="ICA",
    segment="cavernous",
    bone="free",
    bone_gap_mm=3.0,
    valley_share=0.0,
    outside_lumen_mm=0.2,
    line_sd_mm=2.0,
    air_share=0.0,
    peak_sds=40.0,
    volume_mm3=12.0,
)


@pytest.mark.parametrize(
    ("changes", "doubt"),
    [
        ({}, None),
        ({"bone": "attached"}, "continuous with bone"),
        ({"bone": "parted"}, "valley"),
        ({"bone_gap_mm": 0.75}, "next slice"),
        ({"line_sd_mm": 3.4}, "3.4 mm"),
        ({"outside_lumen_mm": 3.5}, "further from"),
        ({"artery": "PCA"}, "ligaments"),
        ({"air_share": 0.2}, "air"),
        ({"image_ends": True}, "image ends"),  # a tip of the condyle in the last slice
        ({"artery": "VA", "line_sd_mm": 3.5}, None),  # in fluid nothing else calcifies
        ({"artery": "VA", "line_sd_mm": 3.5, "outside_lumen_mm": 5.0}, None),
        ({"artery": "VA", "line_sd_mm": 3.5, "outside_lumen_mm": 7.0}, "further from"),
        ({"bone_gap_mm": 1.8}, "bone lies beside it"),  # a clinoid's tip
        ({"has_twin": True}, "a pair"),
        ({"has_twin": True, "artery": "VA"}, None),
        ({"artery": "VA", "bone_gap_mm": 1.8}, "bone lies beside it"),  # a ligament of the dens
        ({"artery": "BA", "bone_gap_mm": 1.8}, None),
        ({"artery": "BA", "bone": "parted", "bone_gap_mm": 0.0, "valley_share": 0.35}, None),
        ({"artery": "BA", "bone": "parted", "bone_gap_mm": 0.0, "valley_share": 0.6}, "valley"),
        ({"bone": "parted", "bone_gap_mm": 0.0, "valley_share": 0.2}, "valley"),  # at the siphon: processes, ligaments
        ({"bone": "attached", "bone_gap_mm": 0.0, "line_sd_mm": 3.4, "is_alone": True}, None),  # one side has it
        ({"bone": "attached", "bone_gap_mm": 0.0, "is_alone": True, "air_share": 0.2}, "air"),  # a wall of the sinus
        ({"is_noisy": True}, None),
        ({"is_noisy": True, "volume_mm3": 2.0}, "sharp kernel"),
        ({"volume_mm3": 2.0}, None),
        ({"peak_sds": 4.0}, "noise"),
        ({"peak_sds": 4.0, "line_sd_mm": 0.3}, "noise"),
        ({"bone": "attached", "bone_gap_mm": 0.0, "line_sd_mm": 0.4}, None),  # the artery's place is confirmed
    ],
)
def test_only_what_the_image_decides_is_sure(changes, doubt):
    doubts = doubts_of(replace(FREE, **changes), MARGIN_MM)
    assert bool(doubts) == bool(doubt)
    assert doubt is None or doubt in "; ".join(doubts)


@pytest.mark.parametrize(
    ("changes", "plausible"),
    [
        ({"bone": "parted"}, True),
        ({"bone": "parted", "volume_mm3": 1.5}, False),
        ({"bone": "parted", "air_share": 0.4}, False),
        ({"air_share": 0.4}, False),  # a septum of the sphenoid sinus
        ({"bone": "attached", "line_sd_mm": 1.2}, True),
        ({"bone": "attached", "line_sd_mm": 2.5}, True),
        ({"bone": "attached", "line_sd_mm": 2.5, "artery": "VA"}, False),
        ({"bone": "attached", "line_sd_mm": 2.5, "segment": "petrous"}, False),  # a septum of the carotid canal
        ({"bone": "parted", "valley_share": 1.0, "artery": "BA", "outside_lumen_mm": 2.0}, False),  # a ridge
        ({"bone": "parted", "valley_share": 0.6, "artery": "BA", "outside_lumen_mm": 2.0}, True),
        ({"bone": "parted", "valley_share": 0.6, "volume_mm3": 250.0}, False),
        ({"bone": "parted", "valley_share": 0.3, "volume_mm3": 250.0}, True),
        ({"bone": "parted", "valley_share": 0.6, "volume_mm3": 250.0, "one_sided_mm3": 40.0}, True),
        ({"bone": "parted", "valley_share": 0.6, "volume_mm3": 500.0, "one_sided_mm3": 40.0}, False),
        ({"bone": "attached", "segment": "petrous", "line_sd_mm": 2.5, "may_be_alone": True}, True),
        ({"bone": "attached", "may_be_alone": True, "air_share": 0.4}, False),  # a wall of the sphenoid sinus
        ({"artery": "PCA"}, True),
        ({"artery": "PCA", "has_twin": True}, False),  # ligaments of the clinoids are a pair
    ],
)
def test_what_cannot_be_calcium_is_no_candidate(changes, plausible):
    assert is_plausible(replace(FREE, **changes), MARGIN_MM) is plausible


def upright(artery: str, sd_mm: float, x_mm: float = 0.0, radius_mm: float = 2.5) -> Centreline:
    points = np.array([[x_mm, 0.0, -14], [x_mm, 0, 14]])
    side = "M" if artery == "BA" else "R"
    return resampled(Centreline(artery, side, points, np.full(2, radius_mm), np.full(2, sd_mm), np.array(["", ""])))


def found(ct: np.ndarray, sd_mm: float, artery: str = "ICA"):
    line = upright(artery, sd_mm, radius_mm=2.5 if artery == "ICA" else 1.6)
    region = region_labels(SHAPE, AFFINE, [line], search_reach(ArteryRegionSettings(wall_margin_mm=MARGIN_MM)))
    noisy = ct + np.random.default_rng(3).normal(0, 5, SHAPE)
    return find_lesions(
        Image(noisy.astype(np.float32), AFFINE),
        region,
        [line],
        40.0,
        CalciumThresholdSettings(),
        CalcificationSegmentSettings(),
        MARGIN_MM,
    )


def skull_base() -> tuple[np.ndarray, np.ndarray]:
    """Soft tissue with a clinoid process lateral to the artery, and the voxels' places."""
    at = voxel_centres(SHAPE, AFFINE)
    ct = np.full(SHAPE, 40.0)
    ct[(at[..., 0] > 4.5) & (np.abs(at[..., 1]) < 6)] = 900
    return ct, at


def ball(at: np.ndarray, x_mm: float, radius_mm: float) -> np.ndarray:
    return np.linalg.norm(at - np.array([x_mm, 0, 0]), axis=-1) < radius_mm


def blurred(ct: np.ndarray) -> np.ndarray:
    return ndimage.gaussian_filter(ct, (1.0, 1.0, 0.4))


def test_a_free_speck_beside_the_carotid_counts_though_its_line_is_uncertain():
    ct, at = skull_base()
    ct[ball(at, -2.3, 1.3)] = 900
    marks = found(blurred(ct), 2.0)
    assert len(marks.touches_bone) == 1
    assert marks.doubts == {}
    assert marks.evidence[1].bone == "free"


def test_bone_alone_gives_nothing_and_calcium_that_a_valley_parts_from_it_is_a_candidate():
    ct, at = skull_base()
    assert found(blurred(ct), 2.0).touches_bone == {}
    ct[ball(at, 2.2, 1.3)] = 900  # blooms into the clinoid at 130 HU, apart at half its height
    marks = found(blurred(ct), 2.0)
    assert list(marks.doubts) == [1]
    assert marks.evidence[1].bone == "parted"
    assert 0.5 < (marks.labels == 1).sum() / (blurred(ct)[ball(at, 2.2, 2.2)] >= 130).sum() < 2.0


def test_a_free_plaque_counts_where_the_line_of_a_vertebral_artery_lies_beside_it():
    """In fluid nothing else calcifies: the plaque shows where the artery is, the line need not."""
    ct, at = skull_base()
    ct[ball(at, -5.5, 1.5)] = 700
    ct = blurred(ct)
    marks = found(ct, 3.5, "VA")
    assert (len(marks.touches_bone), marks.doubts) == (1, {})
    assert (marks.labels == 1).sum() == pytest.approx((ct[ball(at, -5.5, 3.0)] >= 130).sum(), rel=0.05)
    assert found(ct, 3.5).doubts  # the same beside a carotid: a process may lie there


@pytest.mark.parametrize(("x_mm", "counts"), [(2.2, True), (2.7, False)])
def test_a_basilar_plaque_counts_where_a_deep_valley_parts_it_from_the_clivus(x_mm, counts):
    ct, at = skull_base()
    ct[ball(at, x_mm, 1.3)] = 900
    marks = found(blurred(ct), 2.0, "BA")
    assert len(marks.touches_bone) == 1
    assert (marks.evidence[1].bone, marks.doubts == {}) == ("parted", counts)
    assert (marks.evidence[1].valley_share <= DEEP_VALLEY_FRACTION) is counts


@pytest.mark.parametrize(
    ("other", "bone", "x_mm", "expected"),
    [
        ("ACA", "free", 3.5, "ICA"),  # the region of A1 reaches over the end of the carotid
        ("ACA", "free", 7.5, "ACA"),
        ("ACA", "parted", 7.0, "ICA"),
        ("PCA", "parted", 3.5, "ICA"),
        ("PCA", "free", 3.5, "PCA"),  # an ossified petroclinoid ligament
        ("MCA", "free", 3.5, "MCA"),
    ],
)
def test_a_mark_of_the_siphon_is_the_carotids_where_another_region_reaches_over_it(other, bone, x_mm, expected):
    lines = [upright("ICA", 2.0), upright(other, 2.0, 6.0, 1.2)]
    points = np.array([[x_mm, 0.0, 0.0], [x_mm, 0.5, 0.0]])
    labels = np.full(2, INDEX[other, "R"])
    assert LABELS[artery_beside(points, labels, lines, MARGIN_MM, bone)] == (expected, "R")


@pytest.mark.parametrize(
    ("sd_mm", "x_mm", "expected"), [(0.0, 2.0, "ICA"), (0.0, 7.5, "ACA"), (0.4, 3.5, "ICA"), (0.4, 3.9, "ACA")]
)
def test_a_carotid_whose_place_is_confirmed_takes_only_the_marks_in_its_wall(sd_mm, x_mm, expected):
    """`arteries.map.mask_sd_mm` may be 0."""
    lines = [upright("ICA", sd_mm), upright("ACA", sd_mm, 6.0, 1.2)]
    points = np.array([[x_mm, 0.0, 0.0], [x_mm, 0.5, 0.0]])
    assert LABELS[artery_beside(points, np.full(2, INDEX["ACA", "R"]), lines, MARGIN_MM, "free")][0] == expected


@pytest.mark.parametrize(
    ("of_va_mm", "of_ba_mm", "x_mm", "expected"),
    [(2.5, 0.4, 2.0, "BA"), (2.5, 0.4, 4.5, "VA"), (0.4, 0.4, 2.0, "VA"), (2.5, 2.0, 2.0, "VA")],
)
def test_a_mark_in_the_wall_of_a_confirmed_basilar_artery_is_its_own(of_va_mm, of_ba_mm, x_mm, expected):
    """The region of an uncertain vertebral line reaches over it."""
    lines = [upright("BA", of_ba_mm), upright("VA", of_va_mm, 6.0)]
    points = np.array([[x_mm, 0.0, 0.0], [x_mm, 0.5, 0.0]])
    labels = np.full(2, INDEX["VA", "R"])
    assert LABELS[artery_beside(points, labels, lines, MARGIN_MM, "free")][0] == expected


@pytest.mark.parametrize(("twin_mm", "expected"), [((13.5, 1.0, 0.0), True), ((17.0, 1.0, 0.0), False)])
def test_a_mark_at_the_mirrored_place_is_its_twin(twin_mm, expected):
    """The carotids lie at x = 0 and 10 mm: their mirror is the plane at 5 mm."""
    right, left = upright("ICA", 2.0), replace(upright("ICA", 2.0, 10.0), side="L")
    lines = {INDEX[line.name]: line for line in (right, left)}
    dense = cKDTree(np.array([twin_mm]))
    assert has_twin(np.array([-2.0, 0.0, 0.0]), dense, lines, INDEX["ICA", "R"]) is expected
    assert not has_twin(np.array([-2.0, 0.0, 0.0]), dense, {INDEX["ICA", "R"]: right}, INDEX["ICA", "R"])


def test_a_tip_of_bone_whose_stalk_lies_in_the_next_slice_is_not_free():
    bone = np.zeros((20, 20, 6), bool)
    bone[10, 10, 2] = True
    gap = bone_gap_mm(bone, np.array([0.5, 0.5, 5.0]))
    assert gap[10, 10, 3] == pytest.approx(0.75)
    assert gap[14, 10, 2] == pytest.approx(2.0)
    assert np.isinf(bone_gap_mm(np.zeros_like(bone), np.ones(3))).all()


def test_noise_and_air_are_measured():
    rng = np.random.default_rng(0)
    assert noise_sd_hu(40 + rng.normal(0, 8, (40, 40, 20))) == pytest.approx(8, rel=0.1)
    ct = Image(np.full(SHAPE, 40.0, np.float32), AFFINE)
    ct.data[30:] = -900
    index = np.argwhere(ball(voxel_centres(SHAPE, AFFINE), -1.2, 1.0))
    assert 0.1 < air_share(ct, index) < 0.6
    assert air_share(ct, index - np.array([12, 0, 0])) == 0


def test_one_mark_is_parted_once():
    ct, at = skull_base()
    ct[ball(at, 2.2, 1.3)] = 900
    image = Image(blurred(ct), AFFINE)
    dense = image.data >= 130
    marks = parted_marks(image, dense, np.ones(SHAPE, bool), 130.0)
    assert len(marks) == 1


def test_in_thick_slices_a_mark_may_part_from_bone_within_its_slice_alone():
    """Bone of the slice below shines through: calcium that is free in its own slice hangs together with it."""
    ct = np.full((40, 40, 6), 40.0, np.float32)
    ct[:, :, :2] = 900.0
    ct[10:30, 18:22, 2] = 390.0  # bone below, seen through the calcium's slice
    ct[10:30, 18:22, 3] = 380.0
    near = np.ones(ct.shape, bool)

    def marks(slice_mm):
        image = Image(ct, np.diag([0.5, 0.5, slice_mm, 1.0]))
        return parted_marks(image, ct >= 130, near, 130.0)

    assert marks(1.25) == []
    thick = marks(2.5)
    assert [mark.fraction for mark in thick] == [1.0]
    assert set(thick[0].index[:, 2]) == {2, 3}
    assert len(thick[0].index) == 160


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"outside_lumen_mm": 2.0}, False),
        ({"outside_lumen_mm": 2.0, "valley_share": 0.6}, True),
        ({"segment": "petrous"}, False),
        ({"segment": "petrous", "valley_share": 0.6}, True),
    ],
)
def test_a_mark_that_parts_within_its_slices_alone_is_a_candidate_in_the_wall_of_the_siphon(changes, expected):
    within = replace(FREE, bone="parted", bone_gap_mm=0.0, **{"valley_share": 1.0} | changes)
    assert doubts_of(within, MARGIN_MM)
    assert is_plausible(within, MARGIN_MM) is expected


def test_of_a_candidate_on_bone_the_calcium_of_the_wall_is_drawn():
    """Of its own voxels what the wall may reach; with them what hangs together with them in lumen and wall."""
    line = upright("ICA", 1.0)
    at = voxel_centres(SHAPE, AFFINE)
    across = np.hypot(at[..., 0], at[..., 1])
    side = (at[..., 0] > 0) & (np.abs(at[..., 1]) < 2) & (np.abs(at[..., 2]) < 2.6)
    calcium, bone = side & (across > 1.5) & (across < 3.5), side & (across >= 3.5)
    ct = np.full(SHAPE, 40.0, np.float32)
    ct[calcium | bone] = 600.0
    ct[side & (across <= 1.5)] = 200.0  # its blur
    mark = (calcium | bone) & (across > 2.8) & (across < 9)
    drawn = drawn_on_bone(Image(ct, AFFINE), np.argwhere(mark), (ct > 130) & ~mark, line, MARGIN_MM)
    reached = across[tuple(drawn.T)]
    assert reached.max() == pytest.approx(2.5 + MARGIN_MM + 1.0, abs=0.3)
    assert reached.min() == pytest.approx(1.5, abs=0.3)
    assert (ct[tuple(drawn.T)] == 600).all()
    far = side & (across > 6)
    assert len(drawn_on_bone(Image(ct, AFFINE), np.argwhere(far), (ct > 130) & ~far, line, MARGIN_MM)) == far.sum()
