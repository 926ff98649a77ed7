"""Pictures of every mark: a row each, the mark in its place, those that wait for a person first."""

import numpy as np
import pandas as pd
from PIL import ImageColor

from angiolith.core.images import Image
from angiolith.marks.verdicts import in_order
from angiolith.pictures.canvas import SKY, VERMILLION
from angiolith.pictures.marks import HEAD_PX, PANEL_PX, ROW_PX, TEXT_PX, WIDTH_PX, Mark, montage


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
