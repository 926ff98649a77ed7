"""The viewer's volumes: where they lie in the world, what their grey values mean, and the pinned viewer itself."""

import base64
import gzip
import hashlib
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from angiolith.core.images import Image, moved, write_image
from angiolith.core.tables import write_json
from angiolith.report.viewer import dense_of, labels_layer
from angiolith.report.volumes import aligned, coarser, grey_nifti, label_nifti, layer, marked, within, write_volume

NIIVUE = Path(__file__).parents[2] / "resources/niivue"
TURN = np.array([[0.0, -0.5, 0, 7], [0.6, 0, 0, -3], [0, 0, 1.5, 11], [0, 0, 0, 1]])  # oblique order, uneven voxels


def reread(nifti):
    file = nib.Nifti1Image.from_bytes(nifti)
    return Image(np.asarray(file.dataobj), file.affine)


def centroid(image):
    index = np.argwhere(image.data > 0)
    weights = image.data[image.data > 0]
    middle = np.average(index, axis=0, weights=weights)
    return (image.affine @ np.append(middle, 1))[:3]


def spot(affine=TURN, shape=(31, 40, 22)):
    data = np.zeros(shape, np.float32)
    data[10:14, 20:26, 8:11] = 100
    return Image(data, affine)


def test_thinning_out_keeps_place_and_mean():
    image = spot()
    thin = coarser(image, 1.25)  # 0.6 and 0.5 mm by two, 1.5 mm stays
    np.testing.assert_allclose(thin.voxel_mm, [1.2, 1.0, 1.5])
    np.testing.assert_allclose(centroid(thin), centroid(image), atol=1e-5)
    assert thin.data.sum() * thin.voxel_volume_mm3 == pytest.approx(image.data.sum() * image.voxel_volume_mm3)


def test_a_grid_that_is_coarse_already_stays():
    assert coarser(spot(), 0.9).data.shape == spot().data.shape
    assert coarser(spot(), 0.0).data.shape == spot().data.shape


def test_grey_values_give_the_images_values_back_to_half_a_step():
    rng = np.random.default_rng(3)
    image = Image(rng.uniform(-160, 1115, (9, 8, 7)).astype(np.float32), TURN)
    read = reread(grey_nifti(image, (-160.0, 1115.0)))
    np.testing.assert_allclose(read.data, image.data, atol=2.5 + 1e-3)
    np.testing.assert_allclose(read.affine, TURN, atol=1e-5)


def test_labels_keep_their_numbers_and_their_place_when_cropped():
    labels = np.zeros((20, 20, 20), np.int32)
    labels[3:5, 15:18, 9] = 300
    labels[8, 2, 2] = 7
    read = reread(label_nifti(Image(labels, TURN)))
    assert read.data.size < labels.size
    assert set(np.unique(read.data)) == {0, 7, 300}
    at = np.argwhere(read.data == 7)[0]
    np.testing.assert_allclose(read.affine @ np.append(at, 1), TURN @ [8, 2, 2, 1], atol=1e-4)


def test_an_empty_mask_crops_nothing():
    image = spot()
    assert within(image, np.zeros(image.data.shape, bool)).data.shape == image.data.shape


def test_points_mark_the_voxels_they_lie_in_and_those_outside_none():
    grid = spot()
    inside = (TURN @ [[4, 5], [6, 7], [2, 3], [1, 1]])[:3].T
    labels = marked(grid, {1: inside, 2: np.array([[1e3, 0, 0]])})
    assert [tuple(index) for index in np.argwhere(labels.data == 1)] == [(4, 6, 2), (5, 7, 3)]
    assert not (labels.data == 2).any()


def test_moving_takes_the_world_along():
    shift = np.eye(4)
    shift[:3, 3] = [1, 2, 3]
    np.testing.assert_allclose(centroid(spot().placed(shift)), centroid(spot()) + [1, 2, 3])


def test_the_file_is_one_call_with_what_was_put_in_and_the_same_every_time(tmp_path):
    nifti = label_nifti(Image(np.ones((3, 3, 3), np.uint8), TURN))
    for name in ("a.js", "b.js"):
        write_volume([layer(nifti, name="wmh", kind="region", labels={1: "WMH"})], "sub-1_ses-1_FLAIR", tmp_path / name)
    text = (tmp_path / "a.js").read_text()
    assert text == (tmp_path / "b.js").read_text()
    key, layers = json.loads("[" + text.removeprefix("angiolithVolume(").removesuffix(");\n") + "]")
    assert key == "sub-1_ses-1_FLAIR"
    assert gzip.decompress(base64.b64decode(layers[0]["data"])) == nifti


def test_the_viewer_is_the_pinned_one():
    pinned = json.loads((NIIVUE / "version.json").read_text())
    assert hashlib.sha256((NIIVUE / pinned["file"]).read_bytes()).hexdigest() == pinned["sha256"]
    assert pinned["version"] in (NIIVUE / pinned["file"]).read_text(encoding="utf-8")
    assert f"{pinned['package']}@{pinned['version']}" in (NIIVUE / "README.md").read_text()
    assert "BSD 2-Clause" in (NIIVUE / "LICENSE").read_text()


def test_an_oblique_image_is_shown_along_the_axes_where_it_lies():
    turn = Rotation.from_euler("xyz", [12, -8, 5], degrees=True).as_matrix()
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn @ np.diag([1.0, 1.0, 2.0]), [-20.0, -15.0, -30.0]
    data = np.zeros((40, 44, 30), np.float32)
    data[10:16, 20:26, 12:16] = 100
    middle = moved(affine, np.argwhere(data > 0)).mean(axis=0)
    found = aligned(Image(data, affine))
    assert np.allclose(found.affine[:3, :3], np.diag([1.0, 1.0, 2.0]))
    inside = np.argwhere(found.data > 50)
    np.testing.assert_allclose(moved(found.affine, inside).mean(axis=0), middle, atol=0.3)
    assert len(inside) * 2.0 == pytest.approx(6 * 6 * 4 * 2.0, rel=0.1)
    straight = Image(data, np.diag([-1.0, 1.0, 2.0, 1.0]))
    assert aligned(straight) is straight


def test_what_a_reader_draws_on_is_the_label_maps_own_grid_with_the_voxels_that_may_count(tmp_path):
    hu = np.full((9, 8, 7), 40.0, np.float32)
    hu[2:4, 3, 3], hu[6, 6, 6] = (129.0, 131.0), 130.0
    ct = Image(hu, TURN)
    marks = ct.with_data((hu > 130).astype(np.uint8))
    way = np.eye(4)
    way[:3, 3] = 1, -2, 3
    write_image(marks.data, marks.affine, tmp_path / "marks.nii.gz")
    write_json({"hu_min": 130.0}, tmp_path / "facts.json")
    given = {"calcification": str(tmp_path / "marks.nii.gz"), "calcification_facts": str(tmp_path / "facts.json")}
    shown = labels_layer(marks, "calcification", "lesions", way)
    assert shown["grid"]["shape"] == hu.shape
    np.testing.assert_allclose(shown["grid"]["affine"], TURN)
    np.testing.assert_allclose(shown["grid"]["to_reference"], way)
    (dense,) = dense_of(given, ct, way)
    read = reread(gzip.decompress(base64.b64decode(dense["data"])))
    places = moved(np.linalg.inv(way @ TURN) @ read.affine, np.argwhere(read.data > 0))
    assert np.rint(places).astype(int).tolist() == [[3, 3, 3], [6, 6, 6]]  # 130 HU and more; 129 not
    assert dense_of({"calcification": []}, ct, way) == []
