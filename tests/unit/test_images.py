"""Images at the edge: geometry kept through SimpleITK, shear taken out, refusals that name the file."""

import gzip

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from scipy.ndimage import center_of_mass
from scipy.spatial.transform import Rotation

from angiolith.core.images import (
    Image,
    ImageError,
    from_sitk,
    linear_transform,
    map_points,
    matrix_ras,
    read_ct,
    read_image,
    read_transform,
    remove_shear,
    require_same_grid,
    resample,
    rigid_transform,
    shear_deg,
    to_sitk,
    write_image,
    write_transform,
)


def oblique_affine(voxel_mm=(0.9, 0.9, 4.0), angles_deg=(12, -7, 20)):
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", angles_deg, degrees=True).as_matrix() * voxel_mm
    affine[:3, 3] = (-80.0, 25.0, 13.0)
    return affine


def ball(affine, shape, centre, radius_mm):
    points = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1) @ affine[:3, :3].T + affine[:3, 3]
    return (np.linalg.norm(points - centre, axis=-1) < radius_mm).astype(np.float32)


def test_round_trip_through_sitk_keeps_world_positions():
    image = Image(np.random.default_rng(0).normal(size=(5, 6, 7)).astype(np.float32), oblique_affine())
    back = from_sitk(to_sitk(image))
    np.testing.assert_array_equal(back.data, image.data)
    np.testing.assert_allclose(back.affine, image.affine, atol=1e-6)


@pytest.mark.parametrize(("labels", "kind"), [(255, np.uint8), (256, np.uint16), (70000, np.int32)])
def test_label_maps_are_never_wrapped(tmp_path, labels, kind):
    data = np.zeros((3, 3, 3), np.int64)
    data[1, 1, 1] = labels
    write_image(data, oblique_affine(), tmp_path / "labels.nii.gz")
    stored = nib.load(tmp_path / "labels.nii.gz")
    assert stored.get_data_dtype() == kind
    assert read_image(tmp_path / "labels.nii.gz").data.max() == labels


def test_writing_twice_gives_the_same_bytes(tmp_path):
    data = np.random.default_rng(1).normal(size=(8, 8, 8)).astype(np.float32)
    for name in ("a.nii.gz", "b.nii.gz"):
        write_image(data, oblique_affine(), tmp_path / name)
    assert gzip.decompress((tmp_path / "a.nii.gz").read_bytes()) == gzip.decompress(
        (tmp_path / "b.nii.gz").read_bytes()
    )
    assert (tmp_path / "a.nii.gz").read_bytes()[10:] == (tmp_path / "b.nii.gz").read_bytes()[10:]


def test_padding_is_clamped_and_hu_scaling_is_applied(tmp_path):
    hu = np.full((4, 4, 4), 1000.0)
    hu[0] = -3024
    file = nib.Nifti1Image(hu, np.eye(4))
    file.set_data_dtype(np.uint16)
    nib.save(file, tmp_path / "ct.nii.gz")
    assert nib.load(tmp_path / "ct.nii.gz").dataobj.get_unscaled().min() == 0  # on disk the values are not HU
    data = read_ct(tmp_path / "ct.nii.gz").data
    assert data.min() == -1024
    assert data.max() == pytest.approx(1000, abs=0.1)


def test_shear_is_resampled_out_where_the_world_stays():
    sheared = oblique_affine((0.5, 0.5, 2.0))
    sheared[:3, 2] += sheared[:3, 1] / 0.5 * 2.0 * np.tan(np.radians(18.5))
    assert shear_deg(sheared) == pytest.approx(18.5, abs=1e-6)
    shape, radius_mm = (120, 120, 30), 14.0
    centre = sheared[:3, :3] @ (np.array(shape) / 2) + sheared[:3, 3]
    image = Image(ball(sheared, shape, centre, radius_mm), sheared)
    straight = remove_shear(image, fill=0)
    assert shear_deg(straight.affine) < 1e-6
    np.testing.assert_allclose(straight.voxel_mm, [0.5, 0.5, 2.0], rtol=1e-6)
    volume = straight.data.sum() * straight.voxel_volume_mm3
    assert volume == pytest.approx(4 / 3 * np.pi * radius_mm**3, rel=0.01)
    found = np.argwhere(straight.data > 0.5).mean(axis=0)
    np.testing.assert_allclose(straight.affine[:3, :3] @ found + straight.affine[:3, 3], centre, atol=0.2)


def test_voxel_volume_uses_the_perpendicular_step_of_a_sheared_grid():
    sheared = np.diag([0.5, 0.5, 2.0, 1.0])
    sheared[1, 2] = 2.0 * np.tan(np.radians(18.5))
    assert Image(np.zeros((2, 2, 2)), sheared).voxel_volume_mm3 == pytest.approx(0.5)


def test_transforms_map_points_in_ras(tmp_path):
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", [5, 10, -20], degrees=True).as_matrix()
    matrix[:3, 3] = (3.0, -4.0, 5.0)
    points = np.random.default_rng(2).uniform(-50, 50, (10, 3))
    expected = points @ matrix[:3, :3].T + matrix[:3, 3]
    transform = linear_transform(matrix)
    np.testing.assert_allclose(map_points(transform, points), expected, atol=1e-9)
    np.testing.assert_allclose(matrix_ras(transform), matrix, atol=1e-9)
    write_transform(transform, tmp_path / "t.tfm")
    np.testing.assert_allclose(map_points(read_transform(tmp_path / "t.tfm"), points), expected, atol=1e-6)
    grid = sitk.TransformToDisplacementField(
        transform, sitk.sitkVectorFloat64, [15] * 3, [-70.0] * 3, [10.0] * 3, np.eye(3).ravel().tolist()
    )
    write_transform(sitk.DisplacementFieldTransform(grid), tmp_path / "t.nii.gz")
    np.testing.assert_allclose(map_points(read_transform(tmp_path / "t.nii.gz"), points), expected, atol=1e-3)


def test_resampling_moves_a_ball_to_where_the_transform_says():
    affine, shape = oblique_affine((2.0, 2.0, 2.0)), (40, 40, 40)
    centre = affine[:3, :3] @ (np.array(shape) / 2) + affine[:3, 3]
    shift = np.eye(4)
    shift[:3, 3] = (6.0, 0.0, -4.0)
    moved = resample(
        Image(ball(affine, shape, centre, 10.0), affine), Image(np.zeros(shape), affine), linear_transform(shift)
    )
    found = affine[:3, :3] @ center_of_mass(moved.data) + affine[:3, 3]
    np.testing.assert_allclose(found, centre - shift[:3, 3], atol=0.05)


def test_grids_that_differ_by_a_shift_are_not_the_same():
    first = Image(np.zeros((4, 4, 4)), oblique_affine())
    second = Image(np.zeros((4, 4, 4)), oblique_affine())
    require_same_grid(first, second, "same")
    moved = oblique_affine()
    moved[0, 3] += 0.1
    with pytest.raises(ImageError, match="lesions: the grids differ"):
        require_same_grid(first, Image(np.zeros((4, 4, 4)), moved), "lesions")


def bad_files(folder):
    (folder / "empty.nii.gz").write_bytes(b"")
    (folder / "garbage.nii.gz").write_bytes(b"not an image" * 100)
    noise = np.random.default_rng(0).normal(size=(30, 30, 30)).astype(np.float32)
    nib.save(nib.Nifti1Image(noise, np.eye(4)), folder / "long.nii.gz")
    long = (folder / "long.nii.gz").read_bytes()
    (folder / "truncated.nii.gz").write_bytes(long[: len(long) // 2])
    nib.save(nib.Nifti1Image(np.ones((4, 4, 4, 3), np.float32), np.eye(4)), folder / "series.nii.gz")
    values = np.ones((4, 4, 4), np.float32)
    values[0, 0, 0] = np.nan
    nib.save(nib.Nifti1Image(values, np.eye(4)), folder / "nan.nii.gz")
    rgb = np.zeros((4, 4, 4), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nib.save(nib.Nifti1Image(rgb, np.eye(4)), folder / "rgb.nii.gz")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent", "does not exist"),
        ("empty", "file is empty; copy or convert"),
        ("garbage", "cannot be read as NIfTI"),
        ("truncated", "cannot be read as NIfTI"),
        ("series", "has 4 dimensions"),
        ("nan", "not finite"),
        ("rgb", "colour"),
    ],
)
def test_bad_files_are_refused_by_name(tmp_path, name, message):
    bad_files(tmp_path)
    with pytest.raises(ImageError, match=message) as caught:
        read_image(tmp_path / f"{name}.nii.gz")
    assert f"{name}.nii.gz" in str(caught.value)


def test_a_shear_loses_no_slice_to_rounding():
    """The first slice of the new grid lies in the plane of the old first one: by rounding it could fall outside."""
    tilt = np.radians(14.0)
    affine = np.eye(4)
    affine[:3, :3] = np.array([[-0.418, 0, 0], [0, -0.418 * np.cos(tilt), 0], [0, 0.418 * np.sin(tilt), 5]])
    affine[:3, 3] = [106.791015625, 256.61886606561, -61.951915066986]
    straight = remove_shear(Image(np.full((40, 40, 6), 100, np.float32), affine), fill=-1024)
    filled = [(straight.data[:, :, index] > 0).mean() for index in range(straight.data.shape[2])]
    assert min(filled) > 0.6


def test_a_rigid_matrix_becomes_angles_about_a_centre():
    matrix = oblique_affine(voxel_mm=1.0)
    kept = np.round(matrix, 7)  # as text keeps it: no longer an exact turn
    transform = rigid_transform(kept, np.array([4.0, -9.0, 30.0]))
    assert transform.GetCenter() == (-4.0, 9.0, 30.0)
    np.testing.assert_allclose(matrix_ras(transform), matrix, atol=1e-5)
