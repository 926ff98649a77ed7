"""What a second reader is shown is what the tool found, whatever the first reader decided."""

import numpy as np
import pandas as pd
import pytest

from angiolith.cohort.gather import marks_table
from angiolith.core.images import Image, write_image
from angiolith.core.tables import read_tsv, write_tsv
from angiolith.marks.decisions import COLUMNS
from angiolith.marks.found import as_found, drawn_by_readers
from angiolith.marks.kinds import LACUNE, PLAQUE
from angiolith.marks.verdicts import mark_names
from angiolith.pictures.marks import HEAD_PX, PAGE_PX, PER_PAGE, ROW_PX, Mark, montage, pages_of, row_top, stacked
from angiolith.report.mark_pictures import draw_lacunes
from angiolith.report.review import mark_items
from angiolith.report.sessions import Session, _found_marks, _marks, _pages
from angiolith.small_vessel.decide import decided_table
from angiolith.vessel_wall.decide import decided_plaques

AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])
PLACES = {1: (5, 5, 3), 2: (15, 8, 6), 3: (22, 22, 9), 4: (8, 24, 12)}


@pytest.fixture
def session(tmp_path):
    """Four lacunes, the third a candidate; masks that a reader drew: the second anew, and a fifth."""
    labels = np.zeros((32, 32, 18), np.int32)
    for number, place in PLACES.items():
        labels[tuple(slice(at, at + 3) for at in place)] = number
    table = pd.DataFrame({"lacune": list(PLACES), "x_mm": 1.0, "y_mm": 1.0, "z_mm": 1.0, "diameter_mm": 4.0})
    table = table.assign(volume_mm3=54.0, status="ok", reason=[None, None, "shallow", None])
    table["certainty"] = ["sure", "sure", "candidate", "sure"]
    for name, box in {"anew": np.s_[15:19, 8:11, 6:9], "new": np.s_[26:29, 5:8, 12:15]}.items():
        mask = np.zeros(labels.shape, np.uint8)
        mask[box] = 1
        write_image(mask, AFFINE, tmp_path / f"{name}.nii.gz")
    rng = np.random.default_rng(5)
    write_image(rng.normal(100, 20, labels.shape).astype(np.float32), AFFINE, tmp_path / "flair.nii.gz")
    return tmp_path, Image(labels, AFFINE), table


def decisions(folder, labels):
    """One of each kind by one reader."""
    names = mark_names(labels.data)
    row = dict.fromkeys(COLUMNS, "") | {"kind": "lacune", "reader": "AB", "date": "2026-12-01", "role": "reader"}
    return [
        row | {"mark": names[1], "decision": "reject"},
        row | {"mark": names[2], "decision": "redraw", "file": str(folder / "anew.nii.gz")},
        row | {"mark": names[3], "decision": "keep", "note": "rim"},
        row | {"decision": "add", "file": str(folder / "new.nii.gz")},
    ]


def decided(session, rows):
    """The table after the readers as it is read again, and the label map."""
    folder, labels, table = session
    drawings = [row["file"] for row in rows if row["file"]]
    found, after, problem = decided_table(table, labels, LACUNE, rows, drawings, "sure")
    assert not problem
    write_tsv(found.assign(subject="01", session="a"), folder / "lacunes.tsv")
    return read_tsv(folder / "lacunes.tsv", dtype={"subject": str}), after


def items(table):
    """What the page of marks is given of a table of lacunes."""
    marks = marks_table({"lacune": table})
    marks.index = [str(at) for at in range(len(marks))]
    given = Session("01", "a", "", [], [], {}, [], [], marks=_marks(marks), found=_found_marks(marks))
    return mark_items([given])


def test_the_second_readers_marks_are_equal_to_those_before_the_first_readers_decisions(session):
    before, _ = decided(session, [])
    after, _ = decided(session, decisions(session[0], session[1]))
    assert after["decided_by"].tolist() == ["AB", "AB", "AB", "tool", "AB"]
    first, second = items(before), items(after)
    assert len(first["items"]) == 4
    assert first["items"][0][3].startswith("3-")  # what the tool doubts comes first
    assert first["items"][0][5]
    assert [mark[3] for mark in second.pop("added")] == [after["mark"].iloc[-1]]  # for an adjudicator alone
    assert first.pop("added") == []
    assert second == first


def test_the_second_readers_picture_is_equal_pixel_by_pixel_and_drawn_marks_stand_below(session):
    folder, labels, _ = session
    given = {"FLAIR": str(folder / "flair.nii.gz"), "lacune_table": str(folder / "lacunes.tsv")}
    given |= {"lacunes": str(folder / "after.nii.gz"), "lacune_found": str(folder / "before.nii.gz")}
    write_image(labels.data, AFFINE, folder / "before.nii.gz")
    pictures, pages = [], []
    for rows in ([], decisions(folder, labels)):
        table, after = decided(session, rows)
        write_image(after.data, AFFINE, folder / "after.nii.gz")
        pictures.append(np.asarray(draw_lacunes(given, "sub-01")))
        pages.append(_pages(marks_table({"lacune": table})))
    before, after = pictures
    assert before.shape[0] == HEAD_PX + 4 * ROW_PX
    np.testing.assert_array_equal(after[: len(before)], before)
    assert after.shape[0] == len(before) + HEAD_PX + 2 * ROW_PX  # drawn anew, and added
    assert [len(each) for each in pages] == [1, 2]
    assert pages[1][0] == pages[0][0]
    assert sum(pages[1][1].values()) == pytest.approx(100 * after.shape[0] / after.shape[1])


def test_a_table_without_readers_is_what_was_found(session):
    before, _ = decided(session, [])
    pd.testing.assert_frame_equal(as_found(before)[before.columns], before, check_dtype=False)
    assert drawn_by_readers(before).empty
    plain = before[["lacune", "status"]]
    assert as_found(plain) is plain


def test_a_plaque_that_a_reader_rejected_or_moved_is_found_as_it_was():
    ring = [(x, y, 0.0) for x, y in ((1, 0), (0, 1), (-1, 0), (0, -1))]
    outlines = [
        {"lesion": n, "section": "lesion", "contour": "lumen", "x_mm": x + n, "y_mm": y, "z_mm": z}
        for n in (1, 2)
        for x, y, z in ring
    ]
    plaques = pd.DataFrame({"subject": "01", "session": "a", "lesion": [1, 2], "artery": ["BA", "MCA"]})
    plaques = plaques.assign(side=["M", "L"], reader="reader1", stenosis_percent=[61.0, 40.0], status="ok", reason=None)
    names = decided_plaques(plaques, outlines, [])["mark"]
    row = dict.fromkeys(COLUMNS, "") | {"kind": PLAQUE.name, "reader": "AB", "date": "2026-12-01", "role": "reader"}
    rows = [
        row | {"mark": names[0], "decision": "reject"},
        row | {"mark": names[1], "decision": "move", "artery": "BA"},
    ]
    after = decided_plaques(plaques, outlines, rows)
    assert pd.isna(after["stenosis_percent"][0])
    assert after["artery"][1] == "BA"
    found = as_found(after)
    assert found["stenosis_percent"].tolist() == [61.0, 40.0]
    assert found["artery"].tolist() == ["BA", "MCA"]
    assert found["counted"].tolist() == [True, True]
    assert set(found["decided_by"]) == {"tool"}


@pytest.mark.parametrize(("n", "expected"), [(0, 1), (1, 1), (PER_PAGE, 1), (PER_PAGE + 1, 2), (24, 3)])
def test_a_picture_of_many_marks_is_split_into_pages_each_with_its_head(n, expected):
    image = Image(np.zeros((9, 9, 9), np.float32), np.eye(4))
    marks = [Mark(number, (4.0, 4.0, 4.0), []) for number in range(1, n + 1)]
    picture = montage("heading", "caption", image, image, marks, (0, 1), 3.0)
    pages = pages_of(n)
    assert len(pages) == expected
    assert sum(pages[-1]) == picture.height
    assert all(height <= PAGE_PX for _, height in pages)
    pixels = np.asarray(picture)
    for top, _ in pages:
        assert (pixels[top : top + HEAD_PX] < 100).any()  # its heading
    assert [row_top(row) for row in range(2)] == [HEAD_PX, HEAD_PX + ROW_PX]
    if n > PER_PAGE:
        assert row_top(PER_PAGE) == pages[1][0] + HEAD_PX
    assert stacked([picture, picture]).height == 2 * picture.height
