"""The report in a real browser, from disk: pages open without an error, tables work, volumes show, marks go round."""

import io
import os
import subprocess

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Pillow
from scipy import ndimage

from angiolith.audit.trace import find_cell
from angiolith.cohort.review import picture_keys, read_review
from angiolith.core.tables import read_tsv, write_tsv
from angiolith.marks.decisions import read_decisions
from angiolith.pictures.marks import GAP_PX, PANEL_PX, TEXT_PX, WIDTH_PX, pages_of, row_top
from tests import made_report
from tests.browser.conftest import saved

pytestmark = pytest.mark.xdist_group("browser")
PAGES = ("index", "analysis-study", "errors", "methods", "review", "marks", "sub-001", "sub-003")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    files = made_report.write_run(folder)
    return folder, files, made_report.build(files, folder).parent


@pytest.fixture(scope="module")
def home(run):
    return run[2]


@pytest.mark.parametrize("name", PAGES)
def test_every_page_opens_from_disk_without_an_error(opened, home, name):
    page = opened(home / f"{name}.html")
    assert page.locator("h1").inner_text()
    assert page.evaluate("checks.broken()") == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")  # nothing hangs over the edge


@pytest.mark.parametrize("name", PAGES)
def test_every_page_can_be_read_without_scripts(opened, home, name):
    page = opened(home / f"{name}.html", java_script_enabled=False)
    assert len(page.locator("main").inner_text()) > 100
    assert page.locator("table[data-name] button").count() == 0  # no button that does nothing
    if name.startswith("sub-"):
        assert "needs scripts" in page.locator("noscript p").first.inner_text()


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_no_page_has_a_serious_finding_of_accessibility(opened, home, name, colours):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = opened(home / f"{name}.html", color_scheme=colours)
    found = axe.Axe().run(page, options={"resultTypes": ["violations"], "preload": False}).response["violations"]
    grave = [each for each in found if each["impact"] in ("serious", "critical")]
    assert [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in grave] == []


def column(page, table, at):
    return page.locator(f"{table} tbody tr td:nth-child({at})").all_inner_texts()


def test_tables_sort_by_number_and_back(opened, home):
    page = opened(home / "analysis-study.html")
    table = 'table[data-name="study_correlations"]'
    rising = page.locator(f"{table} th:nth-child(5) button")
    rising.focus()
    page.keyboard.press("Enter")  # a button, so by keyboard too
    assert [float(text) for text in column(page, table, 5)] == [-0.052, 0.21, 0.33]
    assert page.locator(f"{table} th:nth-child(5)").get_attribute("aria-sort") == "ascending"
    rising.click()
    assert [float(text) for text in column(page, table, 5)] == [0.33, 0.21, -0.052]


def cells(text):
    """The cells of a TSV, row by row; of a file, missing ones as it writes them."""
    return [line.split("\t") for line in text.splitlines()]


FILES = {  # tables of the cohort's page that are files, by name
    **{name: name for name in ("study_correlations", "study_associations", "doubtful_values", "printed_audit")},
    "study_table1": "study_table1_printed",
    "study_attrition": "attrition",
}


def of_tables(folder, name, page_table):
    """A cell of an exported table of a subject's page -> the same cell of the cohort's tables, cell by cell."""
    patients, change, lesions = (read_tsv(folder / f"{file}.tsv", dtype=str).fillna("n/a").to_dict("records")
                                 for file in ("patients", "change", "lesions"))  # fmt: skip
    header, *rows = page_table
    if name.endswith("_marks"):
        given = cells((folder / "marks.tsv").read_text())
        subject, rest = name.removesuffix("_marks").removeprefix("sub-").split("_ses-")
        at = given[0].index("kind")
        return [given[0], *(row for row in given[1:] if [*row[:2], row[at]] == [subject, *rest.split("_")])]
    if name.endswith("_plaques"):
        mine = [row for row in lesions if name == f"sub-{row['subject']}_ses-{row['session']}_plaques"]
        drawn = [row for row in mine if row["lesion"] != "n/a"]
        return [header, *([row.get(column, "n/a") for column in header] for row in drawn)]
    if name.endswith("_arteries"):
        (mine,) = [row for row in patients if name == f"sub-{row['subject']}_ses-{row['session']}_arteries"]
        return [header, *([row[0], *(mine.get(f"{column}_{row[0]}", "n/a") for column in header[1:])] for row in rows)]
    subject, expected = name.removeprefix("sub-").partition("_")[0], []
    for row in rows:
        values = {f"ses-{one['session']}": one.get(row[0], "n/a") for one in patients if one["subject"] == subject}
        changed = next((one for one in change if (one["subject"], one["measure"]) == (subject, row[0])), {})
        expected.append([*row[:2], *(values.get(at, changed.get(at, "n/a")) for at in header[2:])])
    return [header, *expected]


@pytest.mark.parametrize("name", PAGES)
def test_what_a_table_hands_over_is_the_file_cell_by_cell(opened, run, tmp_path, name):
    folder, _, home = run
    page = opened(home / f"{name}.html", permissions=["clipboard-read", "clipboard-write"])
    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    for table in page.locator("table[data-name]").all():
        called = table.get_attribute("data-name")
        tools = table.locator("xpath=preceding-sibling::*[contains(@class, 'tools')][1]")
        with saved(page, tmp_path) as file:
            tools.get_by_role("button", name="Download").click()
        assert file.name == f"{called}.tsv"
        found = cells(file.text)
        assert len({len(row) for row in found}) == 1, called
        assert len(found) > 1, called
        if called in FILES:
            assert found == cells((folder / f"{FILES[called]}.tsv").read_text()), called
        elif called.startswith("sub-") and not called.endswith("_reasons"):
            assert found == of_tables(folder, called, found), called
            assert any(cell != "n/a" for row in found[1:] for cell in row[2:]), called
        tools.get_by_role("button", name="Copy").click()
        tools.get_by_role("button", name="Copied").wait_for()
        assert page.evaluate("navigator.clipboard.readText()").splitlines() == file.text.splitlines()
        pasted = page.evaluate(PASTED)
        assert pasted == found, called


PASTED = """async () => {
  const [item] = await navigator.clipboard.read();
  const page = new DOMParser().parseFromString(await (await item.getType("text/html")).text(), "text/html");
  return [...page.querySelector("table").rows].map((row) => [...row.cells].map((cell) => cell.textContent));
}"""


def test_the_footnote_of_a_p_value_is_a_column_and_no_digit_of_it(opened, home, tmp_path):
    page = opened(home / "analysis-study.html")
    table = page.locator('table[data-name="study_associations"]')
    assert table.locator("sup").all_inner_texts().count("1") == 1  # printed: a footnote
    with saved(page, tmp_path) as file:
        page.locator('.tools:has(+ table[data-name="study_associations"])').get_by_role(
            "button", name="Download"
        ).click()
    header, *rows = cells(file.text)
    p, note = header.index("p"), header.index("note")
    assert [row[p] for row in rows] == ["0.05", "0.14", "n/a"]
    assert [row[note] for row in rows] == ["n/a", "n/a", "complete separation"]


def test_the_list_of_sessions_and_the_summary_of_change_are_those_of_their_tables(opened, run, tmp_path):
    folder, _, home = run
    page = opened(home / "index.html")
    found = {}
    for name in ("sessions", "change"):
        with saved(page, tmp_path) as file:
            page.locator(f'.tools:has(+ table[data-name="{name}"])').get_by_role("button", name="Download").click()
        header, *rows = cells(file.text)
        found[name] = [dict(zip(header, row, strict=True)) for row in rows]
    patients = read_tsv(folder / "patients.tsv", dtype=str).fillna("n/a").to_dict("records")
    own = {"calcification": "calcification", "small_vessel": "smallvessel"}
    for row, patient in zip(found["sessions"], patients, strict=True):
        assert [row["subject"], row["session"]] == [patient["subject"], patient["session"]]
        for stage, prefix in own.items():
            for part in ("status", "reason"):
                assert row[f"{stage}_{part}"] == patient[f"{prefix}_{part}"]
    change = read_tsv(folder / "change.tsv")
    for row in found["change"]:
        mine = change[change["measure"] == row["measure"]].dropna(subset=["change"])
        assert int(row["n_subjects"]) == mine["subject"].nunique()
        assert float(row["change_median"]) == pytest.approx(mine["change"].median(), rel=1e-8)
        assert float(row["baseline_q3"]) == pytest.approx(mine["baseline"].quantile(0.75), rel=1e-8)


def test_the_overviews_numbers_are_those_of_the_patients(opened, run, tmp_path):
    folder, _, home = run
    page = opened(home / "index.html")
    with saved(page, tmp_path) as file:
        page.locator('.tools:has(+ table[data-name="measures"])').get_by_role("button", name="Download").click()
    patients = read_tsv(folder / "patients.tsv")
    header, *rows = cells(file.text)
    for row in rows:
        found = dict(zip(header, row, strict=True))
        known = patients[patients[found["measure"]].notna()]
        values = known.drop_duplicates("subject")[found["measure"]]
        assert int(found["n_subjects"]) == len(values)
        if found["median"] != "n/a":
            expected = values.quantile([0.25, 0.5, 0.75])
            assert [float(found[name]) for name in ("q1", "median", "q3")] == pytest.approx(expected.tolist(), rel=1e-8)


def test_a_number_tells_the_line_that_traces_it(opened, home, tmp_path):
    page = opened(home / "analysis-study.html", permissions=["clipboard-read", "clipboard-write"])
    whole = page.locator('.wide:has(table[data-name="study_table1"])')
    before = whole.locator("table").inner_text()
    whole.get_by_role("button", name="Trace").press("Enter")  # by keyboard too
    assert whole.locator(".tracer:visible").count() == 7  # every cell that is not empty
    assert whole.locator("table").inner_text() == before
    whole.locator("tbody tr:nth-child(2) td:nth-child(3) .tracer").click()
    line = whole.get_by_role("status").locator("code").inner_text()
    whole.get_by_role("status").get_by_role("button", name="Copy").click()
    assert page.evaluate("navigator.clipboard.readText()") == line
    stand_in = tmp_path / "angiolith"  # prints the cell as it arrives behind the shell
    stand_in.write_text("#!/bin/sh\nprintf '%s' \"$3\"\n")
    stand_in.chmod(0o755)
    outside = os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    run = subprocess.run(line, shell=True, cwd=tmp_path, env=outside, capture_output=True, text=True, check=True)
    told = run.stdout
    assert find_cell(home.parent, told).value == "1 (25.0)"
    page.emulate_media(media="print")
    assert not whole.locator(".traced, .tools").first.is_visible()
    page.emulate_media(media="screen")
    whole.get_by_role("button", name="Trace").click()
    assert whole.locator(".tracer, .traced").count() == 0


def test_the_list_of_sessions_is_filtered_by_status(opened, home):
    page = opened(home / "index.html")
    page.fill("#filter", "failed")
    assert page.locator("table.index tbody tr:visible").count() == 1
    page.fill("#filter", "")
    assert page.locator("table.index tbody tr:visible").count() == 5


def picture_of(element):
    return np.asarray(Pillow.open(io.BytesIO(element.screenshot())).convert("RGB")).astype(int)


def disc_of(pixels):
    """The image without the black around it: the largest bright region, the thin crosshair taken away."""
    regions, _ = ndimage.label(ndimage.binary_opening(pixels.max(axis=2) > 60, iterations=4))
    return regions == np.bincount(regions.ravel())[1:].argmax() + 1


def vermillion(pixels):
    """Where the overlay is: red well above green (the crosshair is yellow, the image grey)."""
    return pixels[..., 0] - pixels[..., 1] > 50


def test_the_viewer_shows_image_and_overlay_where_they_lie_and_loads_on_demand(opened, home):
    page = opened(home / "sub-001.html")
    asked = []
    page.on("request", lambda request: asked.append(request.url.rsplit("/", 1)[-1]))
    viewer = page.locator("section.viewer").first
    viewer.get_by_role("button").click()
    page.wait_for_selector("section.viewer[data-ready=yes]")
    assert {name for name in asked if name.endswith(".js") and name != "niivue.umd.js"} == {
        f"sub-001_ses-01_{image}.js"
        for image in ("ct", "FLAIR", "vwi")  # shown, and those of the overlays that are on
    }
    viewer.locator("select").first.select_option(label="axial")
    page.wait_for_timeout(300)
    pixels = picture_of(viewer.locator("canvas").first)
    ball, coloured = disc_of(pixels), vermillion(pixels)
    rows, columns = np.nonzero(ball)
    middle, radius = (rows.mean(), columns.mean()), np.sqrt(ball.sum() / np.pi)
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), rel=0.06)  # round: voxels are as wide as high
    assert coloured.sum() / ball.sum() == pytest.approx((12 / 36) ** 2, rel=0.35)  # balls of 12 and 36 mm, 4 mm voxels
    rows, columns = np.nonzero(coloured)
    # The label lies 14 mm to the right (RAS: +x is the patient's right), which is on the left of the picture.
    assert (columns.mean() - middle[1]) / radius == pytest.approx(-14 / 36, abs=0.1)
    assert (rows.mean() - middle[0]) / radius == pytest.approx(0, abs=0.1)
    for name in ("calcification", "wmh"):
        viewer.locator(f"input[value={name}]").uncheck()
        page.wait_for_timeout(1000)
        page.wait_for_selector("section.viewer[data-ready=yes]")
    assert not vermillion(picture_of(viewer.locator("canvas").first)).any()


def test_the_panes_share_the_crosshair_and_say_where_it_is(opened, home):
    page = opened(home / "sub-001.html")
    viewer = page.locator("section.viewer").first
    viewer.get_by_role("button").click()
    page.wait_for_selector("section.viewer[data-ready=yes]")
    viewer.locator("canvas").first.click(position={"x": 120, "y": 120})
    page.wait_for_timeout(300)
    where = page.evaluate("checks.crosshairs()")
    np.testing.assert_allclose(where[0], where[1], atol=0.5)
    assert np.abs(where[0]).max() > 1
    said = viewer.locator(".place").inner_text()
    assert "mm: CT" in said
    assert "FLAIR" in said


def test_a_window_is_set_by_hand_and_from_the_list(opened, home):
    page = opened(home / "sub-001.html")
    viewer = page.locator("section.viewer").first
    viewer.get_by_role("button").click()
    page.wait_for_selector("section.viewer[data-ready=yes]")
    assert page.evaluate("checks.window()") == [0, 200]
    viewer.locator(".pane").first.locator("select").nth(1).select_option(label="brain (0 … 80 HU)")
    assert page.evaluate("checks.window()") == [0, 80]
    high = viewer.locator(".pane").first.locator("input").nth(1)
    high.fill("150")
    high.press("Enter")
    assert page.evaluate("checks.window()") == [0, 150]


def test_marks_go_from_the_keyboard_into_a_table_into_the_workflow_and_back(opened, run, tmp_path):
    folder, files, home = run
    page = opened(home / "review.html", "#001/01/wmh")
    assert "sub-001 ses-01: White matter" in page.locator("#which-picture").inner_text()
    page.fill("#reviewer", "AB")
    page.locator("#reviewer").press("Enter")
    page.keyboard.press("n")
    page.keyboard.type("motion\t")  # a tab would break the table: it leaves the field
    page.locator("h1").click()
    page.keyboard.press("f")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("p")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("2")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("1")
    page.keyboard.press("Backspace")
    with saved(page, tmp_path) as file:
        page.click("#save")
    known = picture_keys(read_tsv(files["manifest"]), files["pairs"])
    table = read_review(tmp_path / file.name, known)
    assert table.to_numpy().tolist() == [
        ["001", "01", "wmh", "fail", "AB", "motion"],
        ["001", "01", "wall", "pass", "AB", ""],
        ["001", "02", "registration", "doubtful", "AB", ""],
    ]
    page.reload()
    assert "3 of" in page.locator("#progress").inner_text()  # kept in the browser
    again = made_report.build(files | {"review": tmp_path / file.name}, folder).parent
    fresh = opened(again / "review.html")  # another browser: the marks come from the workflow
    assert "3 of" in fresh.locator("#progress").inner_text()
    shown = opened(again / "sub-001.html")
    caption = shown.locator("figure:has-text('hyperintensities') figcaption").first.inner_text()
    assert "fail AB motion" in " ".join(caption.split())
    made_report.build(files, folder)


def with_initials(page, initials="AB"):
    page.locator("#reviewer").fill(initials)
    page.locator("#reviewer").press("Enter")
    return page


def test_decisions_go_from_the_page_of_marks_into_a_table_that_the_workflow_takes(opened, run, tmp_path):
    _, files, home = run
    page = opened(home / "marks.html", "#001/01/calcification/2-00000002")
    assert "sub-001 ses-01: Calcification 2 · R ICA · 188.2 mm³ · 643 HU" in page.locator("#which-picture").inner_text()
    page.keyboard.press("k")
    assert page.locator("#message").inner_text() == "Write your initials first."
    assert "0 of" in page.locator("#progress").inner_text()
    with_initials(page)
    page.locator("#onward").uncheck()
    page.get_by_role("button", name="keep", exact=True).click()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("n")
    page.keyboard.type("dens")
    page.keyboard.press("Enter")
    page.keyboard.press("r")
    page.keyboard.press("ArrowRight")
    page.locator("#artery").select_option("L-PCA")
    page.locator("#kinds").select_option("microbleed")
    page.keyboard.press("1")
    with saved(page, tmp_path) as file:
        page.click("#save")
    assert file.name == "marks.tsv"
    manifest = read_tsv(files["manifest"])
    decisions = read_decisions([tmp_path / file.name], set(zip(manifest["subject"], manifest["session"], strict=True)))
    (of_session,) = decisions.values()
    names = ("kind", "mark", "decision", "artery", "reader", "note")
    assert sorted([row[name] for name in names] for row in of_session) == [
        ["calcification", "1-00000001", "reject", "", "AB", "dens"],
        ["calcification", "2-00000002", "keep", "", "AB", ""],
        ["calcification", "3-00000003", "move", "L-PCA", "AB", ""],
        ["microbleed", "1-0000000a", "keep", "", "AB", ""],
    ]
    seconds = [row.split("\t")[-1] for row in file.text.splitlines()]
    assert seconds[0] == "seconds"
    assert all(text.isdigit() for text in seconds[1:])
    page.reload()
    assert "4 of" in page.locator("#progress").inner_text()  # kept in the browser
    fresh = opened(home / "marks.html")  # another reader's browser: nothing of the first
    assert "0 of" in fresh.locator("#progress").inner_text()
    fresh.set_input_files("#load", tmp_path / file.name)
    fresh.wait_for_function("document.getElementById('message').textContent.includes('4 decisions')")
    stale = (tmp_path / file.name).read_text().replace("2-00000002", "2-0000beef")
    (tmp_path / "stale.tsv").write_text(stale)
    fresh.set_input_files("#load", tmp_path / "stale.tsv")
    fresh.wait_for_function("document.getElementById('message').textContent.includes('has no mark 2-0000beef')")


def write_montage(home, n_rows, who="sub-001_ses-01", kind="calcification"):
    """A picture of marks whose every panel has a grey of its own; the grey of a panel by row and number."""
    picture = np.full((sum(pages_of(n_rows)[-1]), WIDTH_PX), 255, np.uint8)
    for row in range(n_rows):
        for number in range(6):
            top, left = row_top(row), TEXT_PX + number * (PANEL_PX + GAP_PX)
            picture[top : top + PANEL_PX, left : left + PANEL_PX] = grey_of(row, number)
    Pillow.fromarray(picture).save(home / f"pictures/{who}_desc-{kind}marks_qc.png")


def grey_of(row, number):
    return 20 + 60 * (row % 3) + 8 * number


def shown_row(page, key):
    page.wait_for_function("key => document.getElementById('tiles').dataset.of === key", arg=key)


def test_the_page_of_marks_shows_the_marks_own_row(opened, home):
    write_montage(home, 3)
    # the second row: one that waits stands before it
    page = opened(home / "marks.html", "#001/01/calcification/1-00000001")
    shown_row(page, "001/01/calcification/1-00000001")
    assert page.locator(".tile").count() == 6
    for number in range(6):
        tile = Pillow.open(io.BytesIO(page.locator(".tile").nth(number).screenshot())).convert("L")
        assert set(np.unique(np.asarray(tile)[2:-2, 2:-2])) == {grey_of(1, number)}  # its own panel, and no text
    assert "AB" not in page.locator("main").inner_text()  # nor what another reader decided
    assert "rejected" not in page.locator(".work").inner_text()
    page.keyboard.press("o")
    assert page.locator(".tile:visible").count() == 3
    page.keyboard.press("o")
    assert page.locator(".tile:visible").count() == 6


def test_a_second_reader_sees_what_the_first_saw_before_any_decision(opened, tmp_path):
    seen = []
    for decided in (False, True):
        place = tmp_path / str(decided)
        place.mkdir()
        files = made_report.write_run(place)
        marks = read_tsv(files["marks"])
        marks = marks[marks["decided_by"] == "tool"]
        if decided:  # every mark, and one is added and one drawn anew
            marks = marks.assign(decided_by="AB", certainty="sure", status="ok", reason="rejected by AB", counted=False)
            marks.loc[marks.index[0], "volume_mm3"] = 1.0
            new = marks.iloc[[0]].assign(lesion=9, mark="9-00000009", reason="added by AB")
            new[[name for name in new if name.startswith("found_")]] = np.nan
            marks = pd.concat([marks, new])
        write_tsv(marks, files["marks"])
        page = opened(made_report.build(files, place).parent / "marks.html")
        given = page.evaluate("window.angiolithReview")
        added = given.pop("added")
        assert [mark[3] for mark in added] == (["9-00000009"] if decided else [])
        page.keyboard.press("ArrowRight")
        seen.append((given, page.locator("main").inner_html(), page.locator("main").screenshot()))
    assert seen[0] == seen[1]


def test_a_picture_of_many_marks_is_shown_page_by_page(opened, tmp_path):
    files = made_report.write_run(tmp_path)
    marks = read_tsv(files["marks"])
    first = marks[marks["kind"] == "lacune"].iloc[[0]]
    many = first.loc[first.index.repeat(20)].assign(lesion=range(1, 21))
    many["mark"] = [f"{number}-{number:08x}" for number in many["lesion"]]
    write_tsv(many, files["marks"])
    home = made_report.build(files, tmp_path).parent
    write_montage(home, 20, kind="lacune")
    page = opened(home / "sub-001.html")
    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    pages = page.locator(".montage-page:has(img[src*='sub-001_ses-01_desc-lacunemarks'])")
    assert pages.count() == 3
    for at, (top, height) in enumerate(pages_of(20)):
        pages.nth(at).scroll_into_view_if_needed()
        page.wait_for_timeout(300)
        box = pages.nth(at).bounding_box()
        assert box["height"] / box["width"] == pytest.approx(height / WIDTH_PX, rel=0.01)
        shot = np.asarray(Pillow.open(io.BytesIO(pages.nth(at).screenshot())).convert("L"))
        scale, row = shot.shape[1] / WIDTH_PX, 9 * at
        middle = int((row_top(row) - top + PANEL_PX / 2) * scale), int((TEXT_PX + PANEL_PX / 2) * scale)
        assert abs(int(shot[middle]) - grey_of(row, 0)) <= 3


def test_the_next_mark_is_there_at_once_in_a_picture_of_many(opened, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    files = made_report.write_run(folder)
    marks = read_tsv(files["marks"])
    first = marks[(marks["kind"] == "calcification") & (marks["subject"] == marks["subject"].iloc[0])].iloc[[0]]
    many = first.loc[first.index.repeat(300)].assign(lesion=range(1, 301))
    many["mark"] = [f"{number}-{number:08x}" for number in many["lesion"]]
    write_tsv(many, files["marks"])
    home = made_report.build(files, folder).parent
    write_montage(home, 300)
    page = opened(home / "marks.html")
    shown_row(page, "001/01/calcification/1-00000001")
    page.wait_for_timeout(1000)  # the reader looks at it
    waited = page.evaluate(
        """async () => {
          const taken = [];
          for (let number = 2; number < 17; number++) {
            const key = `001/01/calcification/${number}-${number.toString(16).padStart(8, "0")}`;
            const begin = performance.now();
            document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
            const { dataset } = document.getElementById("tiles");
            while (dataset.of !== key && performance.now() - begin < 5000)
              await new Promise((done) => setTimeout(done, 1));
            taken.push(performance.now() - begin);
            await new Promise((done) => setTimeout(done, 100));
          }
          return taken;
        }"""
    )
    assert np.median(waited) < 200, waited


def test_the_list_the_filters_and_the_way_to_the_next_undecided_mark(opened, home):
    page = with_initials(opened(home / "marks.html"))
    entries = page.locator("#list button")
    assert page.locator("#list-of").inner_text().startswith("sub-001 ses-01: 0 of 5 decided, 0 min ")
    assert page.locator("[data-criteria=calcification] svg").count() == 2  # what it is, and what is taken for it
    assert entries.count() == 5  # of this session: three calcifications, a microbleed, a lacune
    assert "waits for a reader" in entries.first.get_attribute("aria-label")
    assert "clinoid" in page.locator("#said").inner_text()  # why the tool does not count it
    page.keyboard.press("k")  # and on by itself
    assert entries.nth(1).get_attribute("aria-current") == "true"
    assert entries.first.get_attribute("data-state") == "keep"
    entries.nth(3).click()
    assert "Microbleed 1 · 4.50 mm" in page.locator("#which-picture").inner_text()
    assert page.locator("#of-artery").is_hidden()
    assert page.locator("[data-criteria=microbleed]").is_visible()
    assert page.locator("[data-criteria=lacune]").is_hidden()
    page.locator("#which").select_option("flagged")
    page.locator("#who").fill("sub-002")
    assert page.locator("#which-picture").inner_text().startswith("sub-002 ses-01: Calcification 2")
    page.locator("#who").press("Enter")
    page.locator("#kinds").select_option("lacune")
    assert page.locator("#which-picture").inner_text() == "No mark to show."
    page.keyboard.press("k")  # nothing to decide on, nothing happens
    assert "1 of" in page.locator("#progress").inner_text()
    assert page.locator("#bar").evaluate("bar => bar.value") == 1


def test_a_note_is_kept_though_nothing_is_decided_and_is_no_decision(opened, home, tmp_path):
    page = with_initials(opened(home / "marks.html"))
    page.keyboard.press("n")
    page.keyboard.type("ask the neuroradiologist")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    assert page.locator("#note").input_value() == ""
    page.reload()
    assert page.locator("#note").input_value() == "ask the neuroradiologist"
    assert "0 of" in page.locator("#progress").inner_text()
    page.keyboard.press("r")
    with saved(page, tmp_path) as file:
        page.click("#save")
    assert len(file.text.splitlines()) == 2
    assert "\tAB\t" in file.text
    assert "ask the neuroradiologist" in file.text


def test_an_adjudicator_settles_what_two_readers_differ_on(opened, run, tmp_path):
    _, files, home = run
    for initials, keys in (("AB", "krk"), ("CD", "kkk")):
        page = with_initials(opened(home / "marks.html"), initials)
        for key in keys:
            page.keyboard.press(key)
        with saved(page, tmp_path) as file:
            page.click("#save")
        (tmp_path / f"{initials}.tsv").write_text(file.text)
    page = with_initials(opened(home / "marks.html"), "EF")
    page.set_input_files("#others", [tmp_path / "AB.tsv"])
    page.wait_for_function("document.getElementById('message').textContent.includes('two readers or more')")
    page.set_input_files("#others", [tmp_path / "AB.tsv", tmp_path / "CD.tsv"])
    page.wait_for_function("document.getElementById('message').textContent.includes('3 marks decided')")
    assert "(1 of 1)" in page.locator("#which-picture").inner_text()
    assert "AB: rejected · CD: kept" in page.locator("#said").inner_text()
    page.keyboard.press("r")
    with saved(page, tmp_path) as file:
        page.click("#save")
    (tmp_path / "EF.tsv").write_text(file.text)
    manifest = read_tsv(files["manifest"])
    known = set(zip(manifest["subject"], manifest["session"], strict=True))
    (of_session,) = read_decisions([tmp_path / f"{name}.tsv" for name in ("AB", "CD", "EF")], known).values()
    assert sorted((row["reader"], row["role"]) for row in of_session) == [
        *[("AB", "reader")] * 3, *[("CD", "reader")] * 3, ("EF", "adjudicator")
    ]  # fmt: skip


def test_the_cohorts_page_says_what_waits_for_a_reader(opened, home):
    page = opened(home / "index.html")
    assert "Waiting for a reader: 4 microbleeds, 3 calcifications" in page.locator("#overview").inner_text()


def test_a_mark_opens_in_the_viewer_with_the_crosshair_on_it(opened, home):
    page = opened(home / "marks.html", "#001/01/calcification/1-00000001")
    page.keyboard.press("v")
    page.wait_for_selector("section.viewer[data-ready=yes]")
    page.wait_for_function("checks.panes()[0].viewer.at?.[0] > 5")
    where = page.evaluate("checks.crosshairs()")
    np.testing.assert_allclose(where[0], [14, 0, 0], atol=2.5)  # the ball of label 1; voxels of 4 mm
    np.testing.assert_allclose(where[0], where[1], atol=0.01)


def test_an_overlay_that_is_switched_keeps_window_and_place(opened, home):
    page = opened(home / "sub-001.html")
    viewer = page.locator("section.viewer").first
    viewer.get_by_role("button").click()
    page.wait_for_selector("section.viewer[data-ready=yes]")
    viewer.locator(".pane").first.locator("select").nth(1).select_option(label="brain (0 … 80 HU)")
    viewer.locator("canvas").first.click(position={"x": 120, "y": 120})
    page.wait_for_timeout(300)
    where = page.evaluate("checks.crosshairs()")
    np.testing.assert_allclose(where[0], where[1], atol=0.01)
    page.evaluate("checks.panes()[0].nv.scene.pan2Dxyzmm = [3, 4, 5, 1.5]")
    viewer.locator("input[value=calcification]").uncheck()
    page.wait_for_timeout(1000)
    page.wait_for_selector("section.viewer[data-ready=yes]")
    assert page.evaluate("checks.window()") == [0, 80]
    assert viewer.locator(".pane").first.locator("select").nth(1).evaluate("list => list.selectedIndex") == 1
    np.testing.assert_allclose(page.evaluate("checks.crosshairs()"), where, atol=0.01)
    assert page.evaluate("[...checks.panes()[0].nv.scene.pan2Dxyzmm]") == [3, 4, 5, 1.5]


def test_keys_and_drags_of_the_viewer_act_on_both_panes_and_say_so(opened, home):
    page = opened(home / "sub-001.html")
    viewer = page.locator("section.viewer").first
    viewer.get_by_role("button").click()
    page.wait_for_selector("section.viewer[data-ready=yes]")
    canvas = viewer.locator("canvas").first
    canvas.click(position={"x": 150, "y": 150})
    page.wait_for_timeout(300)
    assert page.evaluate(SAME_PLACES) < 0.01  # a pixel of one pane is that of the other: plane, place and zoom
    before = page.evaluate("checks.crosshairs()")
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 150, box["y"] + 150)
    page.mouse.wheel(0, 120)
    page.wait_for_timeout(400)
    where = page.evaluate("checks.crosshairs()")
    assert np.abs(np.subtract(where[0], before[0])).max() > 1  # a slice on
    np.testing.assert_allclose(where[0], where[1], atol=0.01)
    page.keyboard.press("+")
    page.keyboard.press("+")
    page.keyboard.press("v")
    page.wait_for_timeout(400)
    assert page.evaluate("checks.panes().map(({ nv }) => nv.opts.sliceType)") == [0, 0]
    assert page.evaluate("checks.panes().map(({ nv }) => nv.scene.pan2Dxyzmm[3])") == pytest.approx([1.44, 1.44])
    assert page.evaluate(SAME_PLACES) < 0.01
    window = page.evaluate("checks.window()")
    page.mouse.move(box["x"] + 150, box["y"] + 150)
    page.mouse.down(button="right")
    page.mouse.move(box["x"] + 230, box["y"] + 110, steps=5)
    page.wait_for_timeout(400)
    page.mouse.up(button="right")
    dragged = page.evaluate("checks.window()")
    assert dragged[1] - dragged[0] > window[1] - window[0]  # to the right: wider
    assert sum(dragged) > sum(window)  # upwards: a higher level
    shown = (
        viewer.locator(".pane").first.locator("input").evaluate_all("boxes => boxes.map((box) => Number(box.value))")
    )
    assert shown == pytest.approx(dragged, rel=1e-3)
    np.testing.assert_allclose(page.evaluate("checks.crosshairs()"), where, atol=0.01)
    page.keyboard.press("x")
    assert page.evaluate("checks.panes().map(({ nv }) => nv.opts.crosshairWidth)") == [0, 0]
    page.keyboard.press("o")
    page.wait_for_function("checks.panes().every(({ nv }) => nv.overlayOutlineWidth === 1)")
    page.wait_for_selector("section.viewer[data-ready=yes]")
    assert page.evaluate("checks.window()") == pytest.approx(dragged)
    box_of = "const { left, top, width } = pane.getBoundingClientRect(); return [left, top, width];"
    places = f"panes => panes.map((pane) => {{ {box_of} }})"
    wide = viewer.locator(".pane").evaluate_all(places)
    canvas.focus()
    page.keyboard.press("f")
    one, other = viewer.locator(".pane").evaluate_all(places)
    assert one == other  # one upon the other
    assert one[2] == pytest.approx(wide[0][2], abs=2)
    seen = "panes => panes.map((pane) => getComputedStyle(pane).opacity)"
    found = {tuple(viewer.locator(".pane").evaluate_all(seen))}
    page.wait_for_timeout(700)
    found.add(tuple(viewer.locator(".pane").evaluate_all(seen)))
    assert found == {("1", "0"), ("0", "1")}
    page.keyboard.press("f")
    assert viewer.locator(".pane").evaluate_all(seen) == ["1", "1"]


SAME_PLACES = """(() => {
  const [one, other] = checks.panes().map(({ nv }) => nv);
  const pixels = [[60, 60], [100, 150], [200, 80], [140, 240]];
  const places = pixels.map((place) => [one.canvasPos2frac(place), other.canvasPos2frac(place)]);
  const inside = places.filter(([first, second]) => first[0] >= 0 && second[0] >= 0);
  return inside.length ? Math.max(...inside.flatMap(([first, second]) => [0, 1, 2].map((axis) =>
    Math.abs(one.frac2mm(first)[axis] - other.frac2mm(second)[axis])))) : Infinity;
})()"""


def test_a_table_that_does_not_fit_is_refused_by_row(opened, run, tmp_path):
    _, _, home = run
    page = opened(home / "review.html")
    table = read_tsv(io.StringIO("subject\tsession\tpicture\tverdict\treviewer\tnote\n009\t01\twmh\tfail\tn/a\tn/a\n"))
    write_tsv(table, tmp_path / "other.tsv")
    page.set_input_files("#load", tmp_path / "other.tsv")
    page.wait_for_function("document.getElementById('message').textContent")
    assert page.locator("#message").inner_text() == "row 2: there is no picture wmh of sub-009 ses-01"
    write_tsv(table.assign(subject="001"), tmp_path / "good.tsv")
    page.set_input_files("#load", tmp_path / "good.tsv")
    page.wait_for_function("document.getElementById('message').textContent.includes('1 marks')")


@pytest.mark.parametrize("name", ["index", "analysis-study", "sub-001", "methods"])
def test_the_print_view_is_whole(opened, home, name):
    page = opened(home / f"{name}.html")
    page.emulate_media(media="print")
    assert page.locator("nav").is_hidden()
    assert page.locator(".tools").count() == 0 or page.locator(".tools").first.is_hidden()
    assert page.evaluate("checks.lost()") == 0
    pdf = page.pdf(format="A4", print_background=False)
    assert pdf.startswith(b"%PDF")
    assert page.evaluate("document.querySelector('main').scrollWidth <= document.querySelector('main').clientWidth + 1")


@pytest.mark.parametrize("name", PAGES)
def test_contrast_meets_wcag_aa_and_controls_have_names(opened, home, name):
    page = opened(home / f"{name}.html")
    assert page.evaluate("checks.faint()") == []
    assert page.evaluate("checks.nameless()") == []
    assert page.evaluate("document.documentElement.lang") == "en"


@pytest.mark.parametrize("name", PAGES)
def test_contrast_meets_wcag_aa_on_a_dark_screen(opened, home, name):
    page = opened(home / f"{name}.html", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 29)"
    assert page.evaluate("checks.faint()") == []
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_a_reader_reaches_everything_by_keyboard(opened, home):
    page = opened(home / "index.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    reached = set()
    for _ in range(150):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.outerHTML.slice(0, 60)"))
    assert any('id="filter"' in text for text in reached)
    assert any("sorter" in text for text in reached)
