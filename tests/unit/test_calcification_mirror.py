"""What one side of the skull base has alone, on drawn bone that is its own mirror image but for calcium."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from angiolith.arteries.centrelines import Centreline, voxel_centres
from angiolith.calcification.mirror import Alone, one_sided, pieces_at_arteries, with_rim
from angiolith.calcification.outline import without_paired
from angiolith.core.images import Image

VOXEL_MM, SHAPE = 0.75, (90, 56, 56)
MARGIN_MM, HU_MIN, BONE_HU = 1.2, 130.0, 300.0
RADIUS_MM, OUT_MM = 2.4, 14.0  # of a carotid, and its distance from the middle
TURN = Rotation.from_euler("yz", [4.0, -3.0], degrees=True)  # of the head in the scanner


def carotid(side: str, artery: str = "ICA") -> Centreline:
    along = np.arange(-16.0, 16.5, 0.5)
    out = OUT_MM if side == "R" else -OUT_MM
    points = np.stack([np.full(len(along), out), np.zeros(len(along)), along], axis=1)
    radius, sd = np.full(len(along), RADIUS_MM), np.full(len(along), 3.0)
    return Centreline(artery, side, TURN.apply(points), radius, sd, np.full(len(along), "cavernous"))


LINES = [carotid("L"), carotid("R")]


def skull(*plaques: tuple[float, float]) -> Image:
    """Bone with two canals along the third axis, and plaques in one wall: (side of the head, place along it, mm)."""
    affine = np.diag([VOXEL_MM, VOXEL_MM, VOXEL_MM, 1.0])
    affine[:3, 3] = -(np.array(SHAPE) - 1) / 2 * VOXEL_MM
    at = TURN.inv().apply(voxel_centres(SHAPE, affine).reshape(-1, 3)).reshape(*SHAPE, 3)
    field = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=(60, 80, 80)), 2.5)
    place = np.stack([np.abs(at[..., 0]), at[..., 1] + 30, at[..., 2] + 30])
    value = ndimage.map_coordinates(field, place, order=1, mode="nearest")
    hu = np.where(value > 0, 700.0, 40.0)
    across = np.hypot(np.abs(at[..., 0]) - OUT_MM, at[..., 1])
    hu[across < RADIUS_MM + 0.3] = 40.0
    for side, along in plaques:
        wall = (np.sign(at[..., 0]) == side) & (at[..., 1] > 0) & (np.abs(at[..., 2] - along) < 3)
        hu[wall & (across < RADIUS_MM + 0.3) & (across > 0.6)] = 900.0
    return Image(ndimage.gaussian_filter(hu, 0.5 / VOXEL_MM).astype(np.float32), affine)


BARE = skull()


def alone_in(ct: Image) -> Alone:
    return one_sided(ct, ct.data >= HU_MIN, LINES)


def counted(ct: Image, alone: Alone, lines: list[Centreline] = LINES) -> list[np.ndarray]:
    pieces = pieces_at_arteries(ct, alone, lines, MARGIN_MM, BONE_HU)
    return [piece.index for piece in pieces if piece.in_wall]


def plaque_of(ct: Image) -> np.ndarray:
    return (ct.data >= HU_MIN) & (ct.data > BARE.data + 90)


def test_bone_that_has_its_mirror_image_is_not_alone_however_the_head_is_turned():
    assert alone_in(BARE).surely.sum() < 0.002 * (BARE.data >= HU_MIN).sum()
    assert not pieces_at_arteries(BARE, alone_in(BARE), LINES, MARGIN_MM, BONE_HU)


def test_a_plaque_of_one_side_is_found_in_the_wall_and_drawn_with_its_rim():
    ct = skull((1, 0.0))
    plaque, alone = plaque_of(ct), alone_in(ct)
    (piece,) = counted(ct, alone)
    drawn = np.zeros(SHAPE, bool)
    drawn[tuple(with_rim(ct, piece, alone.there).T)] = True
    assert (drawn & plaque).sum() > 0.6 * plaque.sum() > len(piece)
    assert (drawn & plaque).sum() > 0.9 * drawn.sum()


def test_plaques_at_the_same_place_of_both_sides_are_not_distinguished_from_bone():
    ct = skull((1, 0.0), (-1, 0.0))
    assert not pieces_at_arteries(ct, alone_in(ct), LINES, MARGIN_MM, BONE_HU)


def test_without_the_carotid_of_the_other_side_nothing_is_alone():
    ct = skull((1, 0.0))
    assert not one_sided(ct, ct.data >= HU_MIN, LINES[:1]).surely.any()


def test_nothing_counts_where_the_image_ends_before_the_other_side():
    ct = skull((1, 0.0))
    half = SHAPE[0] // 2  # the left side is not in the image
    affine = ct.affine.copy()
    affine[:3, 3] += affine[:3, 0] * half
    part = Image(ct.data[half:], affine)
    alone = one_sided(part, part.data >= HU_MIN, LINES)
    assert not pieces_at_arteries(part, alone, LINES, MARGIN_MM, BONE_HU)


@pytest.mark.parametrize(
    ("out_mm", "half_mm", "hu", "artery", "found"),
    [
        (0.0, 1.8, 600.0, "ICA", "in wall"),
        (0.0, 1.8, 250.0, "ICA", ""),  # as bone's partial volume
        (0.0, 1.2, 600.0, "ICA", "may be"),  # small, but within the lumen
        (0.0, 0.6, 600.0, "ICA", ""),  # a rim that the match left
        (3.0, 1.8, 600.0, "ICA", "may be"),  # half of it outside the wall: it may be a process beside the canal
        (4.5, 1.8, 600.0, "ICA", ""),  # a process of bone beside the canal
        (2.5, 3.0, 600.0, "ICA", "may be"),  # bone that goes on outside
        (3.5, 1.8, 600.0, "BA", "in wall"),  # in fluid, as far as the line may be off
        (3.5, 1.5, 600.0, "BA", "may be"),
        (9.0, 1.8, 600.0, "BA", ""),
        (0.0, 1.8, 600.0, "VA", ""),  # C1 turns against the skull
    ],
)
def test_one_sided_pieces_count_in_lumen_and_wall_alone(out_mm, half_mm, hu, artery, found):
    line = carotid("R", artery)
    centre = TURN.apply([OUT_MM + out_mm, 0.0, 0.0])
    near = np.linalg.norm(voxel_centres(SHAPE, BARE.affine) - centre, axis=-1) <= half_mm
    ct = Image(np.where(near, hu, 40.0).astype(np.float32), BARE.affine)
    pieces = pieces_at_arteries(ct, Alone(near, near, ~near), [line], MARGIN_MM, BONE_HU)
    assert ["in wall" if piece.in_wall else "may be" for piece in pieces] == [found] * bool(found)


def test_in_thick_slices_bone_of_the_next_one_is_not_taken_for_a_plaque():
    ct = skull((1, 0.0))
    affine = ct.affine @ np.diag([1, 1, 4, 1.0])
    thick = Image(ct.data.reshape(*SHAPE[:2], -1, 4).mean(axis=3), affine)
    everything = Alone(thick.data >= HU_MIN, thick.data >= HU_MIN, thick.data < HU_MIN)
    assert not counted(thick, everything)


def test_what_the_other_side_has_as_dense_is_taken_off_a_mark_that_is_one_sided():
    ct = skull((1, 0.0))
    plaque, alone = plaque_of(ct), alone_in(ct)
    beside = ndimage.binary_dilation(plaque, iterations=2) & (ct.data >= HU_MIN)
    mark = np.argwhere(plaque | (beside & alone.paired))
    drawn = np.zeros(SHAPE, bool)
    drawn[tuple(without_paired(mark, alone).T)] = True
    assert 0.9 * plaque.sum() < drawn.sum() < len(mark)
    assert not (drawn & alone.paired).any()


def test_calcium_of_both_siphons_keeps_what_was_drawn():
    ct = skull((1, 0.0), (-1, 0.0))
    alone, mark = alone_in(ct), np.argwhere(plaque_of(ct))
    assert len(without_paired(mark, alone)) == len(mark)
