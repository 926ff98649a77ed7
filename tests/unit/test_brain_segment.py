"""The brain's segmentation, with stand-ins for the networks that call a voxel by its brightness alone.

So every number below follows from the geometry of spheres and not from what a network has learnt.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from angiolith.brain.network import MIRRORED_MM, BrainModel, _mirrored, _starts, probabilities
from angiolith.brain.plausible import shallow_fraction, side_ratio, skin_fraction
from angiolith.brain.segment import TISSUES, extracted_brain, segment_brain
from angiolith.brain.shown import shown
from angiolith.brain.slices import has_thick_slices, slice_ventricles
from angiolith.brain.ventricles import fourth_ventricle, refined_tissues
from angiolith.core.images import Image
from angiolith.core.settings.brain import BrainSettings
from angiolith.core.tables import FAILED, OK

RADIUS_MM = 60.0
INNER_MM = 24.0
SCALP_MM = 24.0
SPHERE_CM3 = 4 / 3 * np.pi * 6.0**3  # 904.8
INNER_CM3 = 4 / 3 * np.pi * 2.4**3  # 57.9


class ByBrightness:
    """Brighter than 0.3: white matter; than 0.8: ventricles."""

    def __init__(self) -> None:
        self.given: list[np.ndarray] = []

    def run(self, names: None, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
        image = feed["image"][0, 0]
        self.given.append(image)
        said = np.zeros((1, 7, *image.shape), np.float32)
        said[0, 0] = image <= 0.3
        said[0, 2] = (image > 0.3) & (image <= 0.8)
        said[0, 4] = image > 0.8
        return [said]


def stand_in() -> BrainModel:
    network: Any = ByBrightness()
    return BrainModel(network, network)


def turned(degrees: float, voxel_mm: tuple[float, float, float], middle: tuple[float, float, float]) -> np.ndarray:
    """Affine of a grid turned about z and x, with this middle in the world for a grid of 0 extent."""
    angle = np.deg2rad(degrees)
    c, s = np.cos(angle), np.sin(angle)
    affine = np.eye(4)
    about_z = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    affine[:3, :3] = about_z @ about_x @ np.diag(voxel_mm)
    affine[:3, 3] = middle
    return affine


def sphere(
    shape: tuple[int, int, int],
    affine: np.ndarray,
    shift_mm: tuple[float, float, float] = (0, 0, 0),
    radius_mm: float = RADIUS_MM,
) -> tuple[Image, np.ndarray]:
    """A sphere with a brighter core and a dim scalp around it, and its mask; the shift is from the grid's middle."""
    affine = affine.copy()
    middle = affine[:3, :3] @ ((np.array(shape) - 1) / 2) + affine[:3, 3]
    centre = middle + shift_mm
    index = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), axis=-1)
    distance = np.linalg.norm(index @ affine[:3, :3].T + affine[:3, 3] - centre, axis=-1)
    scalp = (distance > radius_mm + 5) & (distance < radius_mm + SCALP_MM)
    levels = [distance < INNER_MM, distance < radius_mm, scalp]
    data = np.select(levels, [1.0, 0.6, 0.2], 0.0).astype(np.float32)
    return Image(700 * data, affine), distance < radius_mm


@pytest.mark.parametrize(
    ("shape", "voxel_mm", "degrees"),
    [
        ((160, 160, 150), (1.0, 1.0, 1.0), 0),
        ((160, 150, 50), (0.9, 1.0, 3.0), 20),
        ((290, 290, 24), (0.5, 0.5, 6.5), -8),
    ],
)
def test_a_sphere_is_found_on_its_own_grid(
    shape: tuple[int, int, int], voxel_mm: tuple[float, float, float], degrees: float
) -> None:
    image, truth = sphere(shape, turned(degrees, voxel_mm, (40, -30, 800)))
    result = segment_brain(image, False, stand_in(), BrainSettings())
    assert result.status == OK
    assert result.reason is None
    assert result.complete
    assert result.tissues.shape == image.data.shape
    dice = 2 * np.count_nonzero(result.brain & truth) / (np.count_nonzero(result.brain) + np.count_nonzero(truth))
    assert dice > 0.97
    assert result.volumes_cm3["brain"] == pytest.approx(SPHERE_CM3, rel=0.04)
    assert result.volumes_cm3["ventricles"] == pytest.approx(INNER_CM3, rel=0.1)
    assert result.volumes_cm3["grey"] == 0
    assert result.parenchyma.sum() + result.ventricles.sum() == result.brain.sum()


def test_a_brain_far_from_the_middle_of_a_tall_image_is_found() -> None:
    affine = turned(0, (2.0, 2.0, 2.0), (0, 0, 0))
    image, truth = sphere((120, 120, 220), affine, shift_mm=(25, -20, 130))
    result = segment_brain(image, False, stand_in(), BrainSettings())
    assert result.status == OK
    assert np.count_nonzero(result.brain & truth) > 0.97 * np.count_nonzero(truth)


def test_a_cut_field_of_view_is_measured_as_a_part() -> None:
    image, truth = sphere((80, 80, 20), turned(0, (2.0, 2.0, 2.0), (0, 0, 0)))
    result = segment_brain(image, False, stand_in(), BrainSettings())
    assert not result.complete
    assert result.status == OK
    assert result.volumes_cm3["brain"] == pytest.approx(truth.sum() * 8 / 1000, rel=0.04)


def test_a_ct_is_shown_in_its_window() -> None:
    image, _ = sphere((90, 90, 90), turned(0, (2.0, 2.0, 2.0), (0, 0, 0)))
    hu = np.where(image.data > 600, 82.0, np.where(image.data > 0, 34.0, -1000.0)).astype(np.float32)
    network: Any = ByBrightness()
    working = probabilities(Image(hu, image.affine), True, BrainModel(network, network))
    shown = network.given[-1]
    assert shown.min() == 0
    assert shown.max() == pytest.approx(0.85)
    assert working.data.shape[0] == 7
    assert working.data.sum(axis=0) == pytest.approx(1)


@pytest.mark.parametrize(("level", "words"), [(0.0, "the image is empty"), (100.0, None)])
def test_an_image_without_a_brain_fails_with_the_reason(level: float, words: str | None) -> None:
    data = np.full((40, 40, 40), level, np.float32)
    result = segment_brain(Image(data, np.diag([2.0, 2.0, 2.0, 1])), False, stand_in(), BrainSettings())
    if words:
        assert (result.status, result.reason) == (FAILED, words)
        assert not result.brain.any()
    else:  # one bright cube is taken for a brain by brightness; it is cut on all sides
        assert not result.complete


@pytest.mark.parametrize(("radius_mm", "status"), [(57.0, FAILED), (60.0, OK), (77.0, OK), (80.0, FAILED)])
def test_impossible_volumes_fail(radius_mm: float, status: str) -> None:
    """776, 905, 1912 and 2145 cm3; 850 to 2000 are possible."""
    image, _ = sphere((90, 90, 90), turned(0, (2.0, 2.0, 2.0), (0, 0, 0)), radius_mm=radius_mm)
    result = segment_brain(image, False, stand_in(), BrainSettings())
    assert result.status == status
    assert status == OK or "850 to 2000 cm3 are possible" in str(result.reason)


def test_an_extracted_brain_is_kept_as_it_is() -> None:
    """What is brighter than nothing is the brain, also where the networks do not see it (its dim rim)."""
    image, truth = sphere((90, 90, 90), turned(0, (2.0, 2.0, 2.0), (0, 0, 0)))
    rim = ndimage.binary_dilation(truth, iterations=3)
    data = np.where(truth, image.data, np.where(rim, 70.0, 0.0)).astype(np.float32)
    result = segment_brain(image.with_data(data), False, stand_in(), BrainSettings())
    assert (result.brain == rim).all()
    assert extracted_brain(image, truth) is None  # of the head with its scalp
    assert (result.tissues[rim] > 0).all()


def test_a_given_mask_is_kept_and_its_tissues_are_told_by_the_networks() -> None:
    """Shifted and larger than what the networks see, so that neither their outline nor their doubt can be in it."""
    image, truth = sphere((90, 90, 90), turned(0, (2.0, 2.0, 2.0), (0, 0, 0)))
    given = ndimage.shift(ndimage.binary_dilation(truth, iterations=2), (2, 0, 0), order=0)
    result = segment_brain(image, False, stand_in(), BrainSettings(), given)
    assert (result.brain == given).all()
    assert ((result.tissues > 0) == given).all()
    assert result.volumes_cm3["ventricles"] == pytest.approx(INNER_CM3, rel=0.05)
    assert result.status == OK


def test_a_given_mask_of_impossible_volume_fails() -> None:
    image, truth = sphere((90, 90, 90), turned(0, (2.0, 2.0, 2.0), (0, 0, 0)))
    result = segment_brain(image, False, stand_in(), BrainSettings(), ndimage.binary_erosion(truth, iterations=4))
    assert result.status == FAILED
    assert "850 to 2000 cm3 are possible" in str(result.reason)


def test_too_much_ventricle_fails() -> None:
    image, _ = sphere((90, 90, 90), turned(0, (2.0, 2.0, 2.0), (0, 0, 0)))
    result = segment_brain(image, False, stand_in(), BrainSettings(ventricle_fraction_max=0.02))
    assert result.status == FAILED
    assert "ventricles of" in str(result.reason)


def test_sides_are_compared_about_the_inner_structures() -> None:
    tissues = np.zeros((60, 20, 20), np.uint8)
    tissues[10:50, 5:15, 5:15] = TISSUES["white"]
    tissues[20:24, 8:12, 8:12] = TISSUES["ventricles"]
    tissues[0:60, 0:3, 0:3] = TISSUES["infratentorial"]  # takes no part
    image = Image(tissues.astype(np.float32), np.diag([-2.0, 2.0, 2.0, 1]))
    # the plane lies between the 12th and the 13th of 40 layers
    upper = (tissues > 0) & (tissues != TISSUES["infratentorial"])
    assert side_ratio(upper, tissues == TISSUES["ventricles"], image) == pytest.approx(28 / 12)


def ball(radius_mm: float, shift_mm: float = 0.0) -> np.ndarray:
    """On a grid of 90^3 voxels of 2 mm."""
    index = np.indices((90, 90, 90)) * 2.0 - 89.0
    index[0] -= shift_mm
    return np.asarray((index**2).sum(axis=0) < radius_mm**2)


def test_a_mask_that_reaches_the_skin_is_told() -> None:
    head = Image(np.where(ball(80), 100.0, 0.0).astype(np.float32), np.diag([2.0, 2.0, 2.0, 1]))
    assert skin_fraction(head, ball(70), False) == 0
    assert skin_fraction(head, ball(80), False) > 0.9
    assert 0.1 < skin_fraction(head, ball(70, 10), False) < 0.4  # touches it on one side


def test_ventricles_at_the_brains_surface_are_told() -> None:
    head = Image(np.zeros((90, 90, 90), np.float32), np.diag([2.0, 2.0, 2.0, 1]))
    assert shallow_fraction(head, ball(70), ball(20)) == 0
    assert shallow_fraction(head, ball(70), ball(70) & ~ball(60)) > 0.2
    assert shallow_fraction(head, ball(70), np.zeros((90, 90, 90), bool)) == 0


@pytest.mark.parametrize(("fluid", "kept"), [(10.0, True), (200.0, True), (99.0, False)])
def test_ventricles_follow_the_images_own_levels(fluid: float, kept: bool) -> None:
    """The networks call a ball of 24 mm ventricle with 0.8; the fluid in it fills 16 mm, dark, bright or not told."""
    noise = np.random.default_rng(3).normal(0, 4, (90, 90, 90))
    image = Image((np.where(ball(16), fluid, 100.0) + noise).astype(np.float32), np.diag([2.0, 2.0, 2.0, 1]))
    said = np.zeros((7, 90, 90, 90), np.float32)
    said[4] = np.where(ball(24), 0.8, 0)
    said[2] = 1 - said[4]
    tissues = np.where(ball(24), 4, np.where(ball(70), 2, 0)).astype(np.uint8)
    found = refined_tissues(image, Image(said, image.affine), tissues)
    assert ((found == 4) == (ball(16) if kept else ball(24))).mean() > 0.999
    assert (found[ball(24) & (found != 4)] == 2).all()
    assert ((found > 0) == (tissues > 0)).all()


@pytest.mark.parametrize(("fluid", "found"), [(20.0, True), (180.0, True), (104.0, False)])
def test_the_fourth_ventricle_is_fluid_deep_within_what_the_networks_call_infratentorial(
    fluid: float, found: bool
) -> None:
    """A ball of 10 mm in a ball of 44 mm; a fissure that opens to the surface and a large cyst are none."""
    noise = np.random.default_rng(3).normal(0, 4, (90, 90, 90))
    tissues = np.where(ball(70), 1, 0).astype(np.uint8)
    tissues[ball(44)] = TISSUES["infratentorial"]
    tissues[:20][ball(70)[:20]] = TISSUES["ventricles"]
    fissure = np.zeros((90, 90, 90), bool)
    fissure[60:70, 40:50, 40:50] = True
    wet = ball(10) | fissure | (tissues == TISSUES["ventricles"])
    image = Image((np.where(wet, fluid, 100.0) + noise).astype(np.float32), np.diag([2.0, 2.0, 2.0, 1]))
    mask = fourth_ventricle(image, tissues)
    assert (mask == (ball(10) if found else np.zeros_like(mask))).mean() > 0.9999
    cyst = Image((np.where(wet | ball(20), fluid, 100.0) + noise).astype(np.float32), image.affine)
    assert not fourth_ventricle(cyst, tissues).any()


def test_parts_cover_the_brain() -> None:
    for low in range(0, 60, 7):
        for high in range(low + 2, 129, 5):
            starts = _starts(low, high)
            assert all(start % 2 == 0 and 0 <= start <= 64 for start in starts)
            seen = np.zeros(128, bool)
            for start in starts:
                seen[start : start + 64] = True
            assert seen[low:high].all()


def test_a_slab_is_continued_by_its_mirror_image_and_keeps_its_place() -> None:
    data = np.random.default_rng(0).random((60, 20, 70)).astype(np.float32)
    slab = Image(data, turned(20, (2.0, 2.0, 2.0), (5.0, -7.0, 9.0)))
    longer = _mirrored(slab)
    count = round(MIRRORED_MM / 2)
    assert longer.data.shape == (60, 20 + 2 * count, 70)
    np.testing.assert_array_equal(longer.data[:, count : count + 20], data)
    np.testing.assert_array_equal(longer.data[:, count - 1], data[:, 1])
    np.testing.assert_allclose(longer.affine @ (3, count + 4, 5, 1), slab.affine @ (3, 4, 5, 1), atol=1e-5)
    whole = Image(np.zeros((60, 60, 70), np.float32), slab.affine)
    assert _mirrored(whole) is whole
    few = Image(np.zeros((60, 60, 3), np.float32), np.diag([2.0, 2.0, 6.0, 1.0]))
    assert _mirrored(few).data.shape == (60, 60, 7)


class DarkIsFluid:
    """A stand-in for the network of slices: darker than half the way to fluid is ventricle."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def run(self, names: None, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
        image = feed["image"]
        self.shapes.append(image.shape)
        wet = (image[:, 0] < -0.5).astype(np.float32)
        return [np.stack([1 - wet, wet], 1)]


@pytest.mark.parametrize(
    ("voxel_mm", "thick"), [((1, 1, 6), True), ((6, 1, 1), False), ((1, 1, 3), False), ((2, 2, 6), False)]
)
def test_thick_slices_are_axial_and_have_fine_pixels(voxel_mm: tuple[float, ...], thick: bool) -> None:
    affine = np.diag([*map(float, voxel_mm), 1.0])
    assert has_thick_slices(Image(np.zeros((4, 4, 4), np.float32), affine)) == thick
    stored_otherwise = Image(np.zeros((4, 4, 4), np.float32), affine[:, [2, 0, 1, 3]])
    assert has_thick_slices(stored_otherwise) == thick


def test_the_network_of_slices_sees_a_slice_between_its_neighbours() -> None:
    grey = np.arange(5, dtype=np.float32) * np.ones((3, 4, 1), np.float32)
    likely = np.arange(7, dtype=np.float32)[:, None, None, None] * np.ones((7, 3, 4, 5), np.float32)
    channels = shown(grey, likely)
    assert channels.shape == (5, 10, 3, 4)
    assert channels[:, :3, 0, 0].tolist() == [[0, 0, 1], [1, 0, 2], [2, 1, 3], [3, 2, 4], [4, 3, 4]]
    assert channels[2, 3:, 0, 0].tolist() == list(range(7))


@pytest.mark.parametrize("pixel_mm", [0.9, 1.2])
@pytest.mark.parametrize("flipped", [False, True])
def test_ventricles_of_slices_are_the_same_however_the_image_is_stored(pixel_mm: float, flipped: bool) -> None:
    grey = np.zeros((50, 61, 7), np.float32)
    grey[10:30, 20:31, 2:5] = -1
    affine = np.diag([pixel_mm, pixel_mm, 6.0, 1.0])
    given, axes = grey, (0, 1, 2)
    if flipped:  # slices first, from left to right
        axes = (2, 0, 1)
        given = grey.transpose(axes)[:, ::-1]
        affine = affine[:, [2, 0, 1, 3]] @ np.diag([1.0, -1.0, 1.0, 1.0])
    network: Any = DarkIsFluid()
    likely = np.zeros((7, *given.shape), np.float32)
    found = slice_ventricles(given, likely, affine, np.array([pixel_mm, pixel_mm, 6.0])[list(axes)], network)
    back = found[:, ::-1].transpose(np.argsort(axes)) if flipped else found
    assert (back != (grey < 0)).sum() <= (0 if pixel_mm == 0.9 else 2 * (20 + 11) * 3)
    assert all(n % 16 == 0 for shape in network.shapes for n in shape[2:])


@pytest.mark.parametrize(("fluid", "cortex", "asked"), [(10.0, 110.0, True), (200.0, 60.0, False), (10.0, 70.0, False)])
def test_thick_slices_of_a_flair_are_shown_to_their_network(fluid: float, cortex: float, asked: bool) -> None:
    """It finds what the two others had called infratentorial, and undoes what they had called ventricle."""
    inside = ball(60)[:, :, ::3]
    core, missed = ball(20)[:, :, ::3], np.zeros(inside.shape, bool)
    missed[60:66, 45:51, 12:16] = True
    noise = np.random.default_rng(3).normal(0, 4, inside.shape)
    outer = inside & ~ball(52)[:, :, ::3]
    values = (np.where(core | missed, fluid, np.where(outer, cortex, 100.0)) + noise).astype(np.float32)
    image = Image(values, np.diag([1.0, 1.0, 6.0, 1.0]))
    said = np.zeros((7, *inside.shape), np.float32)
    said[4] = np.where(ball(24)[:, :, ::3], 0.99, 0)
    said[6] = np.where(missed & (said[4] == 0), 1, 0)
    said[1] = outer & (said[6] == 0)
    said[2] = 1 - said[1] - said[4] - said[6]
    tissues = np.where(inside, said.argmax(0), 0).astype(np.uint8)
    network: Any = DarkIsFluid()
    found = refined_tissues(image, Image(said, image.affine), tissues, slices=network)
    assert bool(network.shapes) == asked
    if asked:
        np.testing.assert_array_equal(found == 4, core | missed)
        assert ((found > 0) == inside).all()
    ct: Any = DarkIsFluid()
    refined_tissues(image, Image(said, image.affine), tissues, True, ct)
    assert not ct.shapes
