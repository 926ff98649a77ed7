"""Quality-check pictures: the right side is on the left, outlines lie where the structure is, files stay small."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Pillow

from angiolith.calcification.picture import calcification_picture
from angiolith.change.half_way import change_labels
from angiolith.change.picture import change_picture
from angiolith.core.images import Image, write_image
from angiolith.core.tables import write_json, write_tsv
from angiolith.pictures.canvas import absent, write_png
from angiolith.pictures.planes import VIEWS, Plane, direction_letter, native_slice
from angiolith.pictures.step import MONTAGES
from angiolith.report.pictures import registration_picture, wall_picture, wmh_picture
from angiolith.report.session_pictures import draw_calcification
from angiolith.small_vessel.tissues import INFARCT, VENTRICLES
from scripts.plot_subject_qc import main

VERMILLION, SKY, ORANGE, YELLOW = (213, 94, 0), (86, 180, 233), (230, 159, 0), (240, 228, 66)
GREEN = (0, 158, 115)
VERMILLION, SKY, ORANGE, YELLOW = (213, 94, 0), (86, 180, 233), (230, 159, 0), (240, 228, 66)
SIZE_MAX = 150_000
AXCODES = {"RAS": np.diag([1, 1, 1]), "LPS": np.diag([-1, -1, 1]), "PIR": np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]])}


def volume(axcode="RAS", voxel_mm=(1.3, 1.3, 1.3), size_mm=150.0, seed=0):
    """A noisy ball of 60 mm about the world's origin, on a grid with these axes."""
    voxel_mm = np.array(voxel_mm)
    affine = np.eye(4)
    affine[:3, :3] = AXCODES[axcode] * voxel_mm
    shape = np.ceil(size_mm / voxel_mm).astype(int)
    affine[:3, 3] = -affine[:3, :3] @ ((shape - 1) / 2)
    points = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1) @ affine[:3, :3].T + affine[:3, 3]
    data = np.random.default_rng(seed).normal(5, 3, shape) + 100 * (np.linalg.norm(points, axis=-1) < 60)
    return Image(data.astype(np.float32), affine), points


def ball(image_points, centre, radius_mm):
    return np.linalg.norm(image_points - np.array(centre), axis=-1) < radius_mm


def drawn(figure, path):
    write_png(figure, path)
    return np.asarray(Pillow.open(path).convert("RGB")).astype(int)


def places(pixels, colour):
    """(row, column) of the pixels of a colour, as shares of the picture's height and width."""
    near = np.abs(pixels - np.array(colour)).sum(axis=-1) < 90
    return np.argwhere(near) / np.array(near.shape)


@pytest.mark.parametrize(
    ("vector", "letter"), [((1, 0, 0), "R"), ((-0.9, 0.1, 0.2), "L"), ((0, -1, 0), "P"), ((0, 0.3, 0.9), "S")]
)
def test_letters_name_the_patients_side(vector, letter):
    assert direction_letter(np.array(vector)) == letter


def test_views_follow_the_radiological_convention():
    planes = {view: Plane(np.zeros(3), *axes, (10.0, 10.0), 1.0) for view, axes in VIEWS.items()}
    assert planes["axial"].letters == {"left": "R", "right": "L", "bottom": "P", "top": "A"}
    assert planes["coronal"].letters == {"left": "R", "right": "L", "bottom": "I", "top": "S"}
    assert planes["sagittal"].letters == {"left": "A", "right": "P", "bottom": "I", "top": "S"}


@pytest.mark.parametrize("axcode", AXCODES)
def test_native_slices_show_a_landmark_at_its_side_whatever_the_storage_order(axcode):
    image, points = volume(axcode, (1.0, 1.0, 4.0) if axcode != "PIR" else (1.0, 4.0, 1.0))
    right_front = image.with_data(ball(points, (30, 20, 0), 6).astype(np.float32))
    axis = int(np.abs(image.affine[2, :3]).argmax())
    plane = native_slice(image, image.data.shape[axis] // 2)
    assert plane.letters == {"left": "R", "right": "L", "bottom": "P", "top": "A"}
    shown = plane.values(right_front)
    row, column = np.array(np.unravel_index(shown.argmax(), shown.shape)) / shown.shape
    assert row < 0.5
    assert column < 0.5
    np.testing.assert_allclose(plane.place(np.array([[30.0, 20.0, 0.0]])), [[-30, 20]], atol=1e-9)


def test_each_calcification_is_outlined_on_its_side_in_a_colour_of_its_own(tmp_path):
    ct, points = volume()
    arteries, calcium = np.zeros(ct.data.shape, np.uint8), np.zeros(ct.data.shape, np.uint8)
    arteries[ball(points, (20, 0, 0), 9) | ball(points, (-20, 0, 0), 9)] = 4
    calcium[ball(points, (20, 0, 0), 5)] = 1
    calcium[ball(points, (-20, 0, 0), 5)] = 2
    lesions = pd.DataFrame(
        {
            "lesion": [1, 2],
            "artery": ["ICA"] * 2,
            "side": ["R", "L"],
            "volume_mm3": [500.0, 500.0],
            "touches_bone": [False, True],
        }
    )
    figure = calcification_picture("title", "caption", ct, ct.with_data(arteries), ct.with_data(calcium), lesions)
    pixels = drawn(figure, tmp_path / "qc.png")
    columns = {}
    for name, colour in (("right", VERMILLION), ("left", YELLOW)):
        found = places(pixels[60:-30], colour)
        drawings = found[:, 0] % 0.5 > 0.1  # below the names, which stand in the panels' upper left
        columns[name] = found[drawings, 1] % (1 / 3) * 3
    assert 0 < np.median(columns["right"]) < 0.5 < np.median(columns["left"])
    assert (tmp_path / "qc.png").stat().st_size < SIZE_MAX


def test_a_cohort_free_of_calcium_still_gets_its_picture(tmp_path):
    ct, points = volume()
    arteries = ball(points, (20, 0, 0), 9).astype(np.uint8)
    none = pd.DataFrame(
        {"lesion": [None], "artery": [None], "side": [None], "volume_mm3": [0.0], "touches_bone": [None]}
    )
    figure = calcification_picture("t", "c", ct, ct.with_data(arteries), ct.with_data(np.zeros_like(arteries)), none)
    assert len(places(drawn(figure, tmp_path / "qc.png")[60:-30], SKY)) > 50


def test_registration_shows_the_bone_where_the_transform_puts_it(tmp_path):
    mri, _ = volume()
    ct, points = volume()
    shell = ball(points, (0, 0, 0), 62) & ~ball(points, (0, 0, 0), 55)
    ct = ct.with_data(np.where(shell, 900.0, -1000.0).astype(np.float32))
    shifted = np.eye(4)
    shifted[:3, 3] = (25, 0, 0)  # the CT's bone comes to lie 25 mm to the patient's left
    middles = {}
    for name, matrix in (("true", np.eye(4)), ("shifted", shifted)):
        pixels = drawn(registration_picture("t", "c", mri, ct, matrix, None), tmp_path / "qc.png")[60:-30]
        axial = pixels[:, : pixels.shape[1] // 3]
        middles[name] = places(axial, ORANGE)[:, 1].mean()
    assert middles["true"] == pytest.approx(0.5, abs=0.02)
    assert middles["shifted"] > middles["true"] + 0.08
    assert (tmp_path / "qc.png").stat().st_size < SIZE_MAX


def test_wmh_outline_and_empty_mask(tmp_path):
    flair, points = volume("LPS", (0.9, 0.9, 5.0))
    mask = ball(points, (30, 0, 0), 10).astype(np.uint8)
    pixels = drawn(wmh_picture("t", "c", flair, flair.with_data(mask), None), tmp_path / "qc.png")
    assert len(places(pixels[60:-30], VERMILLION)) > 30
    nothing = flair.with_data(np.zeros_like(mask))
    empty = wmh_picture("t", "c", flair, nothing, flair.with_data(VENTRICLES * mask))
    assert len(places(drawn(empty, tmp_path / "qc.png")[60:-30], VERMILLION)) == 0
    infarct = drawn(wmh_picture("t", "c", flair, nothing, flair.with_data(INFARCT * mask)), tmp_path / "qc.png")
    assert len(places(infarct[60:-30], GREEN)) > 30
    assert (tmp_path / "qc.png").stat().st_size < SIZE_MAX


def circle_rows(section, reader, radii, centre):
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    rows = []
    for contour, radius in zip(("lumen", "outer"), radii, strict=True):
        points = np.stack([radius * np.cos(angle), radius * np.sin(angle), np.zeros(64)], axis=1) + centre
        rows += [(1, reader, section, contour, at, *point) for at, point in enumerate(points)]
    return rows


def test_wall_picture_draws_both_contours_to_scale(tmp_path):
    vwi, _ = volume(voxel_mm=(0.65, 0.65, 0.65), size_mm=40.0)
    rows = circle_rows("lesion", "reader1", (1.0, 2.5), (3, -2, 1)) + circle_rows(
        "reference", "reader1", (1.5, 2.0), (3, -2, 9)
    )
    columns = ["lesion", "reader", "section", "contour", "point", "x_mm", "y_mm", "z_mm"]
    figure = wall_picture("t", "c", vwi, pd.DataFrame(rows, columns=columns), {1: "lesion 1"})
    pixels = drawn(figure, tmp_path / "qc.png")[60:-30]
    lesion = pixels[:, : pixels.shape[1] // 3]
    widths = {name: np.ptp(places(lesion, colour)[:, 1]) for name, colour in (("lumen", SKY), ("outer", ORANGE))}
    assert widths["outer"] / widths["lumen"] == pytest.approx(2.5, rel=0.06)
    assert (tmp_path / "qc.png").stat().st_size < SIZE_MAX


def test_the_same_picture_gives_the_same_bytes(tmp_path):
    for name in ("a.png", "b.png"):
        write_png(absent("title", "missing", "no CT"), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_script_says_why_in_place_of_each_picture_it_cannot_draw(tmp_path):
    write_json({"images": {}}, tmp_path / "checks.json")
    names = ("registration", "calcification", "wmh", "wall", *MONTAGES)
    output = {name: tmp_path / f"{name}.png" for name in names}
    labels = SimpleNamespace(subject="001", session="01")
    given = {"checks": tmp_path / "checks.json", "ct": [], "FLAIR": []}
    main(SimpleNamespace(input=given, output=output, wildcards=labels, params=SimpleNamespace(reference=None)))
    for path in output.values():
        assert Pillow.open(path).size[1] < 200


def test_change_shows_both_visits_with_growth_below_and_shrinkage_above(tmp_path):
    flair, _ = volume(size_mm=160.0)
    grid = np.diag([2.0, 2.0, 2.0, 1.0])
    grid[:3, 3] = -60
    places_mm = np.stack(np.meshgrid(*[np.arange(61)] * 3, indexing="ij"), -1) * 2.0 - 60
    first = ball(places_mm, (20, 0, 0), 9) | ball(places_mm, (20, 30, 0), 6)
    last = ball(places_mm, (20, 0, 0), 9) | ball(places_mm, (-20, 0, 0), 6)
    lesions = Image(change_labels(first, last), grid)
    figure = change_picture("t", "c", (flair, flair), (np.eye(4), np.eye(4)), lesions, ("ses-01", "ses-02"))
    pixels = drawn(figure, tmp_path / "qc.png")[50:-30]
    upper, lower = np.array_split(pixels, 2)
    assert len(places(upper, YELLOW)) > 20 < len(places(lower, VERMILLION))
    assert not len(places(upper, VERMILLION)) + len(places(lower, YELLOW))
    assert (places(lower, VERMILLION)[:, 1] % 0.25 * 4).mean() > 0.5  # -x is the patient's left: right in the picture
    assert (tmp_path / "qc.png").stat().st_size < SIZE_MAX


def test_change_labels_tell_stable_from_new_and_gone():
    first, last = np.array([True, True, False, False]), np.array([True, False, True, False])
    assert change_labels(first, last).tolist() == [1, 3, 2, 0]


def test_a_severity_that_is_not_known_is_printed_as_n_a(tmp_path, monkeypatch):
    image, points = volume(voxel_mm=(6, 6, 6))
    given = {name: str(tmp_path / name) for name in ("calcification_facts", "artery_facts", "lesions", "patient")}
    given |= {name: str(tmp_path / f"{name}.nii.gz") for name in ("ct", "arteries", "calcification")}
    write_image(image.data, image.affine, given["ct"])
    for name in ("arteries", "calcification"):
        write_image(ball(points, (0, 0, 0), 20).astype(np.uint8), image.affine, given[name])
    write_json({"hu_min": 130.0}, given["calcification_facts"])
    write_tsv(pd.DataFrame({"lesion": [1]}), given["lesions"])
    patient = {"severity_group": None, "total_volume_mm3": 1.5, "n_lesions": 1, "n_candidates": 0, "status": "review"}
    patient["severity_at_least"] = True
    write_tsv(pd.DataFrame([patient]), given["patient"])
    captions = []
    monkeypatch.setattr(
        "angiolith.report.session_pictures.calcification_picture", lambda title, said, *_: captions.append(said)
    )
    draw_calcification(given, "sub-01")
    assert captions == ["1 lesion, 1.5 mm³, severity n/a, review; calcification from 130 HU"]
