"""Pictures of every mark: a row each, the mark in its place, those that wait for a person first."""

import numpy as np
import pandas as pd
from matplotlib.text import Text
from PIL import ImageColor

from angiolith.core.images import Image, write_image
from angiolith.core.tables import write_tsv
from angiolith.marks.kinds import LACUNE
from angiolith.marks.verdicts import in_order
from angiolith.pictures.canvas import SKY, VERMILLION
from angiolith.pictures.marks import HEAD_PX, PANEL_PX, ROW_PX, TEXT_PX, WIDTH_PX, Mark, montage
from angiolith.report.mark_pictures import marks_of, places_of, session_montages, spot_lines


def test_every_mark_has_a_row_and_lies_in_the_middle_of_its_panels_with_its_outline_in_the_second():
    affine = np.array([[-0.5, 0, 0, 30], [0, 0.5, 0, -20], [0, 0, 1.0, 5], [0, 0, 0, 1.0]])
    data, labels = np.zeros((80, 80, 40), np.float32), np.zeros((80, 80, 40), np.uint8)
    marks = []
    for number, place in enumerate([(20, 30, 10), (50, 40, 30)], start=1):
        box = tuple(slice(at - 2, at + 3) for at in place)
        data[box], labels[box] = 500, number
        centre = affine[:3, :3] @ place + affine[:3, 3]
        marks.append(Mark(number, tuple(centre), ["R ICA", "12.0 mm³"], flagged=number == 2))
    picture = montage("t", "c", Image(data, affine), Image(labels, affine), marks[::-1], (0, 1000), 10.0)
    pixels = np.asarray(picture).astype(int)
    assert picture.size == (WIDTH_PX, HEAD_PX + 2 * ROW_PX)
    for row in range(2):
        top = HEAD_PX + row * ROW_PX
        for column in range(6):
            left = TEXT_PX + column * (PANEL_PX + 4)
            panel = pixels[top : top + PANEL_PX, left : left + PANEL_PX]
            line = (panel == ImageColor.getrgb(VERMILLION)).all(axis=2)
            assert line.any() == bool(column % 2)  # clean, outlined, clean, ...
            middle = PANEL_PX // 2
            assert 120 <= panel[middle, middle + 2, 0] <= 135  # half of the window, and no line over it
            if line.any():
                np.testing.assert_allclose(np.argwhere(line).mean(axis=0), middle, atol=2)
            assert not (panel == ImageColor.getrgb(SKY)).all(axis=2).any()  # the other one lies elsewhere


def test_marks_that_wait_stand_first_and_rejected_ones_last():
    lesions = pd.DataFrame(
        {
            "lesion": [1, 2, 3, 4, 5],
            "counted": [True, True, False, False, True],
            "certainty": ["sure", "sure", "sure", "candidate", "sure"],
            "decided_by": ["tool", "tool", "AB", "tool", "AB"],
            "status": ["ok", "review", "ok", "review", "ok"],
        }
    )
    assert in_order(lesions)["lesion"].tolist() == [4, 2, 1, 5, 3]


def test_every_kind_of_mark_has_a_picture_and_one_that_says_why_there_is_none(tmp_path):
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    labels = np.zeros((24, 24, 24), np.uint8)
    labels[4:7, 4:7, 4:7], labels[14:18, 14:18, 14:18] = 1, 2
    for name, data in {"image": np.where(labels > 0, 500, 20).astype(np.float32), "labels": labels}.items():
        write_image(data, affine, tmp_path / f"{name}.nii.gz")
    table = pd.DataFrame(
        {"x_mm": [5.0, 16.0], "y_mm": [5.0, 16.0], "z_mm": [5.0, 16.0], "volume_mm3": [27.0, 64.0], "status": "ok"}
        | {"reason": [None, "a candidate"], "counted": [True, False], "certainty": ["sure", "candidate"]}
        | {"decided_by": "tool"}
    )
    calcium = table.assign(lesion=[1, 2], artery=["ICA", None], side=["L", None], max_hu=[500.0, 400.0])
    write_tsv(calcium, tmp_path / "lesions.tsv")
    write_tsv(table.assign(lacune=[1, 2], diameter_mm=[3.7, 5.0]), tmp_path / "lacunes.tsv")
    image, mask = str(tmp_path / "image.nii.gz"), str(tmp_path / "labels.nii.gz")
    given = {"ct": image, "calcification": mask, "lesions": str(tmp_path / "lesions.tsv")}
    given |= {"FLAIR": image, "lacunes": mask, "lacune_table": str(tmp_path / "lacunes.tsv")}
    given |= {"wmh_labels": mask, "wmh_table": str(tmp_path / "wmh.tsv")}
    write_tsv(table.assign(wmh=[1, 2], diameter_mm=[3.7, 5.0]), tmp_path / "wmh.tsv")
    found = dict(session_montages(given, "sub-01"))
    assert list(found) == [
        f"{name}marks" for name in ("calcification", "microbleed", "lacune", "wmh", "infarct", "perivascular", "plaque")
    ]
    for name in ("calcificationmarks", "lacunemarks", "wmhmarks"):
        assert found[name].size == (WIDTH_PX, HEAD_PX + 2 * ROW_PX)
    assert any("no swi" in text.get_text() for text in found["microbleedmarks"].findobj(Text))


def test_what_is_said_of_a_mark_and_where_it_lies(tmp_path):
    table = pd.DataFrame(
        {"lacune": [1, 2], "x_mm": [5.0, 16.0], "y_mm": 5.0, "z_mm": 5.0, "diameter_mm": 3.0, "volume_mm3": 14.1}
        | {"status": ["ok", "review"], "reason": [None, "small"], "counted": [True, False]}
        | {"certainty": ["sure", "candidate"], "decided_by": "tool"}
    )
    write_tsv(table, tmp_path / "lacunes.tsv")
    marks, n_waiting = marks_of(str(tmp_path / "lacunes.tsv"), LACUNE, spot_lines, {2: (1.0, 2.0, 3.0)})
    assert [(mark.number, mark.centre_mm, mark.flagged) for mark in marks] == [
        (2, (1.0, 2.0, 3.0), True),
        (1, (5.0, 5.0, 5.0), False),
    ]
    assert list(marks[0].lines) == ["3.0 mm, 14.1 mm³", "not counted, candidate (tool)", "small"]
    assert n_waiting == 1


def test_a_bent_mark_is_looked_at_where_it_is_and_whole():
    labels = np.zeros((60, 60, 10), np.uint8)
    labels[10:50, 10, 5] = labels[10, 10:50, 5] = labels[49, 10:50, 5] = 7  # a U: its middle lies outside of it
    (centre, half_mm), *others = places_of(Image(labels, np.eye(4))).values()
    assert others == []
    assert labels[tuple(np.rint(centre).astype(int))] == 7
    ends = np.argwhere(labels == 7)
    assert (np.abs(ends - centre) <= half_mm).all()


def test_a_line_is_drawn_in_every_outlined_panel_where_it_lies():
    image = Image(np.zeros((40, 40, 40), np.float32), np.eye(4))
    ring = np.array([(20 + 5 * np.cos(at), 20 + 5 * np.sin(at), 20.0) for at in np.linspace(0, 2 * np.pi, 200)])
    mark = Mark(1, (20.0, 20.0, 20.0), ["BA"], line_mm=ring)
    pixels = np.asarray(montage("t", "c", image, image, [mark], (0, 100), 10.0)).astype(int)
    found = []
    for column in range(6):
        left = TEXT_PX + column * (PANEL_PX + 4)
        panel = pixels[HEAD_PX : HEAD_PX + PANEL_PX, left : left + PANEL_PX]
        found.append(np.argwhere((panel == ImageColor.getrgb(VERMILLION)).all(axis=2)))
    assert [len(places) > 0 for places in found] == [False, True] * 3
    np.testing.assert_allclose(np.ptp(found[1], axis=0), 75, atol=3)  # a circle of 10 mm in 20 mm of 150 pixels
    assert np.ptp(found[3], axis=0)[0] <= 3  # its plane from the side
