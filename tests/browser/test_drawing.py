"""Marks that are drawn in the viewer, with real strokes: the file holds them voxel by voxel, and the workflow counts
them."""

import nibabel as nib
import numpy as np
import pytest

from angiolith.core.images import Image, moved, read_image
from angiolith.core.tables import read_tsv
from angiolith.marks.decisions import read_decisions
from angiolith.marks.drawings import read_drawings
from angiolith.marks.verdicts import decide, mark_names
from angiolith.report.viewer import labels_layer
from angiolith.report.volumes import aligned, coarser, grey_nifti, label_nifti, layer, write_volume
from tests import made_report
from tests.browser.conftest import saved

pytestmark = pytest.mark.xdist_group("browser")
SHAPE, EDGES_MM = (56, 60, 26), (0.9, 0.9, 2.5)  # of the CT: oblique and anisotropic, as under a tilted gantry
BALL_MM = 20.0


def turned(degrees, axis):
    """4 x 4 rotation about an axis of the world."""
    angle, (i, j) = np.deg2rad(degrees), [(1, 2), (0, 2), (0, 1)][axis]
    matrix = np.eye(4)
    matrix[[i, i, j, j], [i, j, i, j]] = [np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)]
    return matrix


def ct():
    """A bright ball with a denser one in it, its map of one mark, and the transform to the reference."""
    affine = turned(14, 0) @ turned(-6, 2) @ np.diag([-EDGES_MM[0], EDGES_MM[1], EDGES_MM[2], 1])
    affine[:3, 3] = -affine[:3, :3] @ (np.array(SHAPE) - 1) / 2 + (3, -5, 11)
    way = turned(-9, 1) @ turned(5, 2)
    way[:3, 3] = (-2, 4, 6)
    places = moved(affine, np.argwhere(np.ones(SHAPE, bool))).reshape(*SHAPE, 3)
    middle = moved(affine, (np.array([SHAPE]) - 1) / 2)[0]
    away = np.linalg.norm(places - middle, axis=-1)
    hu = np.where(away < BALL_MM, 60.0, -900.0)
    hu[np.linalg.norm(places - (middle + (6, 0, 0)), axis=-1) < 8] = 400
    marks = (np.linalg.norm(places - (middle + (6, 0, 0)), axis=-1) < 4).astype(np.int32)
    return Image(hu.astype(np.float32), affine), Image(marks, affine), way


@pytest.fixture
def drawn(opened, tmp_path):
    """The page of marks of a run whose first CT is `ct`, the page's files, and the run's manifest."""
    files = made_report.write_run(tmp_path)
    home = made_report.build(files, tmp_path).parent
    image, marks, way = ct()
    shown = aligned(coarser(image, 2.0).placed(way))  # thinned out and turned, as reports have it
    dense = label_nifti(image.with_data((image.data >= 130).astype(np.uint8)).placed(way))
    layers = [
        layer(grey_nifti(shown, (-160, 1115)), name="ct", kind="grey", window=(0, 500), unit="HU"),
        labels_layer(marks, "calcification", "lesions", way),
        layer(dense, name="calcification_dense", kind="dense"),
    ]
    write_volume(layers, "sub-001_ses-01_ct", home / "volumes/sub-001_ses-01_ct.js")
    page = opened(home / "marks.html", "#001/01/calcification/1-00000001")
    page.fill("#reviewer", "AB")
    page.locator("#reviewer").press("Enter")
    page.keyboard.press("v")
    page.wait_for_selector("section.viewer[data-ready=yes]")
    page.wait_for_timeout(500)
    return page, files


def stroke(page, points, **options):
    """Drag over the first pane along points (pixels of the canvas); where NiiVue places them (mm of the reference)."""
    canvas = page.locator("section.viewer canvas[tabindex]").first
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    places = [page.evaluate(PLACE, [box["x"] + x, box["y"] + y]) for x, y in points]
    page.mouse.move(box["x"] + points[0][0], box["y"] + points[0][1])
    page.mouse.down(**options)
    for x, y in points[1:]:
        page.mouse.move(box["x"] + x, box["y"] + y)
    page.mouse.up(**options)
    page.wait_for_timeout(100)
    return np.array(places)


PLACE = """([x, y]) => {
  const { nv, canvas } = checks.panes()[0];
  const box = canvas.getBoundingClientRect();
  return [...nv.screenXY2mm((x - box.left) * nv.uiData.dpr, (y - box.top) * nv.uiData.dpr)].slice(0, 3);
}"""
BOARD = "document.querySelector('.drawing:not([hidden]) [role=status]')?.textContent ?? ''"


def crosshair_pixel(page):
    """Pixel of the first pane's axial plane at which the crosshair stands: the middle of the mark."""
    return page.evaluate(
        """() => { const { nv } = checks.panes()[0];
          const [left, top, width, height] = nv.screenSlices.find((one) => one.axCorSag === 0).leftTopWidthHeight;
          const mm = (x, y) => [...nv.screenXY2mm(left + x, top + y)].slice(0, 2);
          const [o, right, down] = [mm(5, 5), mm(15, 5), mm(5, 15)];
          const at = checks.crosshairs()[0];
          const pixels = [(at[0] - o[0]) / (right[0] - o[0]), (at[1] - o[1]) / (down[1] - o[1])];
          return [left + 5 + 10 * pixels[0], top + 5 + 10 * pixels[1]]
            .map((value) => value / nv.uiData.dpr); }"""
    )


def ball_about(place_mm, radius_mm, world):
    """Voxels whose centre lies within the radius, and the nearest one: by numpy alone."""
    centres = moved(world, np.argwhere(np.ones(SHAPE, bool))).reshape(*SHAPE, 3)
    away = np.linalg.norm(centres - place_mm, axis=-1)
    found = away <= radius_mm
    found.flat[away.argmin()] = True
    return found


def finished(page, tmp_path):
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    return path


def decisions_of(page, files, tmp_path):
    with saved(page, tmp_path) as table:
        page.click("#save")
    manifest = read_tsv(files["manifest"])
    known = set(zip(manifest["subject"], manifest["session"], strict=True))
    (rows,) = read_decisions([tmp_path / table.name], known).values()
    return rows


def test_what_is_added_in_the_viewer_is_what_the_workflow_counts_voxel_by_voxel(drawn, tmp_path):
    page, files = drawn
    image, marks, way = ct()
    world = way @ image.affine
    page.locator("#new-kind").select_option("calcification")
    page.keyboard.press("a")
    assert "Say whose artery" in page.locator("#message").inner_text()
    page.locator("#new-artery").select_option("R-ICA")
    page.keyboard.press("a")
    page.wait_for_function(f"({BOARD}).startsWith('0 voxels')")
    assert page.evaluate("checks.panes()[0].nv.scene.pan2Dxyzmm[3]") >= 4  # near enough for a mark of few millimetres
    page.keyboard.press("0")  # the whole image again
    page.wait_for_timeout(200)
    page.keyboard.press("b")  # a ball
    for _ in range(2):
        page.keyboard.press("]")
    x, y = crosshair_pixel(page)
    places = stroke(page, [(x + 12, y + 9)])
    expected = ball_about(places[0], 2.0, world)
    places = stroke(page, [(x - 30, y - 25)])
    expected |= ball_about(places[0], 2.0, world)
    stroke(page, [(x, y)])
    page.keyboard.press("z")  # that one is taken back
    page.keyboard.press("e")
    places = stroke(page, [(x + 12, y + 3)])
    expected &= ~ball_about(places[0], 2.0, world)
    said = page.evaluate(BOARD)
    assert said.startswith(f"{expected.sum()} voxels; {(expected & (image.data >= 130)).sum()} at the threshold")
    assert (expected & (image.data >= 130)).sum() > 3
    assert (expected & (image.data < 130)).sum() > 3  # of what is drawn, the dense voxels count
    page.keyboard.press("ArrowRight")
    assert page.locator("#message").inner_text() == "Finish the drawing first, or cancel it."
    path = finished(page, tmp_path)
    assert path.name == "sub-001_ses-01_desc-calcificationadd1AB_mask.nii.gz"
    mask = read_image(path)
    np.testing.assert_array_equal(mask.data > 0, expected)
    np.testing.assert_allclose(mask.affine, image.affine, atol=1e-6)
    assert nib.load(path).get_data_dtype() == np.uint8
    (row,) = decisions_of(page, files, tmp_path)
    assert [row[name] for name in ("kind", "mark", "decision", "artery", "reader")] == [
        *("calcification", "", "add", "R-ICA", "AB"),
    ]
    dense = image.data >= 130
    marked = decide(marks.data, dense, {}, [row], read_drawings([row["file"]], marks), "sure")
    np.testing.assert_array_equal(marked.labels == 2, expected & dense)
    assert marked.verdicts[2].counted
    page.reload()  # the row is kept, and can be taken back
    assert page.locator("#list button[data-state=add]").count() == 1
    page.locator("#list button[data-state=add]").click()
    page.keyboard.press("Backspace")
    assert page.locator("#list button[data-state=add]").count() == 0


def test_a_mark_is_drawn_anew_from_its_own_voxels_and_grows_to_all_that_is_dense(drawn, tmp_path):
    page, files = drawn
    image, marks, _ = ct()
    page.keyboard.press("d")
    page.wait_for_function(f"({BOARD}).startsWith('{int(marks.data.sum())} voxels')")
    page.keyboard.press("g")
    path = finished(page, tmp_path)
    assert path.name == "sub-001_ses-01_desc-calcification1AB_mask.nii.gz"
    mask = read_image(path).data > 0
    dense = image.data >= 130
    assert (mask >= (marks.data > 0)).all()
    assert (dense >= mask).all()
    assert mask.sum() > 2 * marks.data.sum()
    (row,) = decisions_of(page, files, tmp_path)
    assert (row["decision"], row["mark"]) == ("redraw", "1-00000001")
    row |= {"mark": mark_names(marks.data)[1]}  # the made table's name is not that of the voxels
    decided = decide(marks.data, dense, {}, [row], read_drawings([row["file"]], marks), "sure")
    np.testing.assert_array_equal(decided.labels == 1, mask)


def test_a_disc_paints_one_layer_and_a_stroke_joins_its_points(drawn, tmp_path):
    page, _ = drawn
    image, _, way = ct()
    page.locator("#new-artery").select_option("BA")
    page.keyboard.press("a")
    page.wait_for_function(f"({BOARD}).startsWith('0 voxels')")
    assert page.evaluate("checks.panes()[0].nv.scene.pan2Dxyzmm[3]") >= 4  # near enough for a mark of few millimetres
    page.keyboard.press("0")  # the whole image again
    page.wait_for_timeout(200)
    x, y = crosshair_pixel(page)
    places = stroke(page, [(x - 30, y), (x, y + 12), (x + 35, y)])
    mask = read_image(finished(page, tmp_path)).data > 0
    centres = moved(way @ image.affine, np.argwhere(mask))
    assert np.ptp(places[:, 2]) < 1e-3  # one axial plane of the patient
    layer_mm = np.abs((way @ image.affine)[2, :3]).sum() / 2
    assert (np.abs(centres[:, 2] - places[0, 2]) <= layer_mm + 1e-3).all()
    for start, end in ((0, 1), (1, 2)):  # no gap along the way
        for part in np.linspace(0, 1, 30):
            point = places[start] + part * (places[end] - places[start])
            assert np.linalg.norm(centres - point, axis=1).min() < max(EDGES_MM)


def test_a_plaque_is_not_drawn_here_and_the_page_says_where(drawn):
    page, _ = drawn
    assert "plaque" not in page.locator("#new-kind option").evaluate_all("all => all.map((one) => one.value)")
    page.locator("#new-kind").select_option("microbleed")
    page.keyboard.press("a")
    page.wait_for_function("document.getElementById('message').textContent.includes('no map of this kind')")
