"""Rigid registration on analytic heads, and the self-check that must see a wrong one."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

from angiolith.core.image_checks import is_brain_extracted
from angiolith.core.images import Image, linear_transform, map_points, rigid_transform
from angiolith.core.settings.registration import RegistrationReviewSettings, RigidSettings
from angiolith.registration import rigid
from angiolith.registration.alignment import alignment_measures
from angiolith.registration.prepared import is_part_of, prepare, prepare_ct_brain
from angiolith.registration.rigid import displacement_mm, head_starts, register_rigid, second_search_mm, slab_starts
from angiolith.registration.session import judge

SETTINGS = RigidSettings()
HU = {"air": -1000, "scalp": 20, "skull": 900, "brain": 35, "ventricle": 5}
T1 = {"air": 0, "scalp": 180, "skull": 25, "brain": 110, "ventricle": 35}


def head(values, affine, shape, noise, seed):
    """A head of ellipsoids with off-centre structures, so that no rotation maps it onto itself."""
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1).astype(np.float32)
    points = grid @ affine[:3, :3].T + affine[:3, 3]

    def inside(centre, radii):
        return (((points - centre) / radii) ** 2).sum(-1) < 1

    data = np.full(shape, float(values["air"]))
    data[inside((0, 0, 0), (76, 94, 88))] = values["scalp"]
    data[inside((0, 25, -75), (45, 50, 45))] = values["scalp"]
    data[inside((0, 0, 0), (70, 88, 82))] = values["skull"]
    data[inside((0, 0, 0), (64, 81, 76))] = values["brain"]
    data[inside((18, 12, 10), (8, 30, 11))] = values["ventricle"]
    data[inside((-16, 6, 14), (6, 24, 9))] = values["ventricle"]
    data[inside((30, -45, -20), (12, 9, 14))] = values["ventricle"]
    data[inside((0, 70, -60), (18, 14, 16))] = values["air"]
    data = gaussian_filter(data, 0.6 / np.linalg.norm(affine[:3, :3], axis=0))
    return Image((data + np.random.default_rng(seed).normal(0, noise, shape)).astype(np.float32), affine)


def axial(voxel_mm, shape):
    affine = np.diag([*voxel_mm, 1.0])
    affine[:3, 3] = -np.array(voxel_mm) * (np.array(shape) - 1) / 2
    return affine


@pytest.fixture(scope="module")
def pair():
    """A T1w at 1.5 mm and a CT (1 x 1 x 2.5 mm) of the same head in another pose; the pose maps MRI to CT points."""
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("xyz", [12, -8, 15], degrees=True).as_matrix()
    pose[:3, 3] = (14.0, -22.0, 9.0)
    mri = head(T1, axial((1.5, 1.5, 1.5), (128, 150, 150)), (128, 150, 150), 4, 1)
    ct_grid = axial((1.0, 1.0, 2.5), (220, 240, 90))
    in_head = head(HU, np.linalg.inv(pose) @ ct_grid, (220, 240, 90), 8, 2)
    return mri, Image(in_head.data, ct_grid), pose


def in_brain(image, to_head):
    """Which voxels lie in the head's brain (ventricles too); to_head: 4 x 4 from the image's world to the head's."""
    index = np.stack(np.meshgrid(*map(np.arange, image.data.shape), indexing="ij"), -1)
    affine = to_head @ image.affine
    return (((index @ affine[:3, :3].T + affine[:3, 3]) / (64, 81, 76)) ** 2).sum(-1) < 1


def error_mm(transform, pose):
    points = np.random.default_rng(3).uniform(-60, 60, (200, 3))
    expected = points @ pose[:3, :3].T + pose[:3, 3]
    return np.linalg.norm(map_points(transform, points) - expected, axis=1)


def test_ct_to_mri_is_found_to_half_a_millimetre(pair):
    mri, ct, pose = pair
    result = register_rigid(mri, ct, SETTINGS, moving_is_ct=True)
    assert result.status == "ok"
    assert error_mm(result.transform, pose).mean() < 0.5
    assert result.restart_spread_mm < 1.0
    again = register_rigid(mri, ct, SETTINGS, moving_is_ct=True)
    np.testing.assert_array_equal(result.matrix_ras, again.matrix_ras)


def test_ends_that_differ_before_the_last_level_may_agree_at_it(pair, monkeypatch):
    mri, ct, pose = pair
    settings = SETTINGS.model_copy(update={"restart_spread_mm_max": 0.3})
    centre = prepare(mri, False, SETTINGS.fine_mm).centre
    ends = []
    for shift_mm in (-1.0, 1.0):
        off = pose.copy()
        off[:3, 3] += shift_mm
        ends.append(rigid_transform(off, centre))
    apart = displacement_mm(*ends, prepare(mri, False, SETTINGS.fine_mm))
    monkeypatch.setattr(rigid, "_ends", lambda *_: (*ends, apart, -1.0))
    monkeypatch.setattr(rigid, "best_end", lambda *_: ends[0])
    result = register_rigid(mri, ct, settings, moving_is_ct=True)
    assert apart > 3
    assert result.status == "ok"
    assert result.restart_spread_mm < 0.3
    assert error_mm(result.transform, pose).mean() < 0.5
    monkeypatch.setattr(rigid, "LAST_MM_MAX", 1.0)
    assert register_rigid(mri, ct, settings, moving_is_ct=True).status == "failed"


def test_a_ct_goes_to_a_brain_without_its_skull(pair):
    """Within the brain's outline this head has three structures only: a brain of folds does better."""
    mri, ct, pose = pair
    brain = mri.with_data(np.where(in_brain(mri, np.eye(4)), mri.data, 0).astype(np.float32))
    result = register_rigid(brain, ct, SETTINGS, moving_is_ct=True)
    assert result.status == "ok"
    assert error_mm(result.transform, pose).mean() < 1.0


def test_the_check_tells_a_right_alignment_from_a_wrong_one(pair):
    mri, ct, pose = pair
    right = alignment_measures(ct, mri, linear_transform(pose))
    assert right["head_overlap"] > 0.95
    assert right["bone_contrast"] < 0.6
    shifted = pose.copy()
    shifted[1, 3] += 10
    assert alignment_measures(ct, mri, linear_transform(shifted))["bone_contrast"] > right["bone_contrast"] + 0.2
    away = pose.copy()
    away[0, 3] += 90
    assert alignment_measures(ct, mri, linear_transform(away))["head_overlap"] < 0.6


def test_a_second_search_sees_an_error_of_1_2_mm_and_none_where_there_is_none(pair):
    mri, ct, pose = pair
    off = pose.copy()
    off[:3, 3] += np.array([1.2, -1.2, 1.2]) / np.sqrt(3)
    right, wrong = (second_search_mm(mri, ct, linear_transform(matrix), SETTINGS) for matrix in (pose, off))
    assert right < 0.5
    assert wrong == pytest.approx(1.2, abs=0.4)
    measures = {"head_overlap": 1.0, "bone_contrast": 0.5}
    assert judge(measures | {"second_search_mm": right}, RegistrationReviewSettings()) == ("ok", "")
    status, reason = judge(measures | {"second_search_mm": wrong}, RegistrationReviewSettings())
    assert status == "review"
    assert "a second search ends 1." in reason


def test_an_image_without_a_head_is_refused(pair):
    mri, _, _ = pair
    empty = Image(np.full((60, 60, 60), -1000, np.float32), axial((2.0, 2.0, 2.0), (60, 60, 60)))
    with pytest.raises(ValueError, match="no head"):
        register_rigid(mri, empty, SETTINGS, moving_is_ct=True)


def test_brain_extraction_is_recognised(pair):
    mri, _, _ = pair
    assert not is_brain_extracted(mri)
    assert is_brain_extracted(mri.with_data(np.where(in_brain(mri, np.eye(4)), mri.data, 0)))


def test_half_a_head_starts_from_the_others_halves(pair):
    mri, ct, pose = pair
    upper = ct.affine.copy()
    upper[:3, 3] += 45 * ct.affine[:3, 2]
    whole, half = prepare(mri, False, 2.0), prepare(Image(ct.data[:, :, 45:], upper), True, 2.0)
    assert is_part_of(half, whole)
    assert not is_part_of(whole, half)
    assert not is_part_of(prepare(ct, True, 2.0), whole)
    truth = linear_transform(np.linalg.inv(pose))
    nearest = min(displacement_mm(start, truth, half) for start in head_starts(half, whole))
    centres_alone = displacement_mm(head_starts(whole, half)[1].GetInverse(), truth, half)
    assert nearest < 20 < centres_alone


def test_a_brain_without_its_skull_is_compared_with_the_cts_brain(pair):
    mri, ct, pose = pair
    found = prepare_ct_brain(ct)
    assert found.is_brain
    true = in_brain(found.image, np.linalg.inv(pose))
    assert 2 * (found.mask & true).sum() / (found.mask.sum() + true.sum()) > 0.95
    brain = mri.with_data(np.where(in_brain(mri, np.eye(4)), mri.data, 0).astype(np.float32))
    away = pose.copy()
    away[2, 3] += 25
    right, wrong = (alignment_measures(ct, brain, linear_transform(matrix)) for matrix in (pose, away))
    assert right["head_overlap"] > 0.9 > wrong["head_overlap"]


def test_a_slab_at_the_skull_base_has_a_start_near_it():
    """Turned by more than any start is: what is left to search is less than the slab is high."""
    mri = head(T1, axial((1.5, 1.5, 1.5), (128, 150, 150)), (128, 150, 150), 4, 1)
    low = np.eye(4)
    low[2, 3] = 20  # slices from 82 to 34 mm below the head's centre
    slab = prepare(Image(mri.data[:, :, 20:52], mri.affine @ low), False, 2.0)
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("xyz", [35, 0, 0], degrees=True).as_matrix()
    grid = axial((2.0, 2.0, 2.5), (120, 130, 100))
    ct = prepare(Image(head(HU, np.linalg.inv(pose) @ grid, (120, 130, 100), 8, 2).data, grid), True, 2.0)
    first, second = (
        min(displacement_mm(start, linear_transform(pose), slab) for start in starts)
        for starts in (head_starts(slab, ct), slab_starts(slab, ct))
    )
    assert second < 25 < first
