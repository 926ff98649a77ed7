"""A picture of every mark: one row each, in three planes, clean and with its outline side by side, numbered as in the
list. What waits for a person comes first. Rows stand in pages, one below the other, each with its own head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from textwrap import wrap

import numpy as np
from matplotlib import get_data_path
from PIL import Image as Pillow
from PIL import ImageColor, ImageDraw, ImageFont
from scipy.ndimage import binary_erosion

from angiolith.core.images import Image
from angiolith.pictures.canvas import BLUE, SKY, VERMILLION
from angiolith.pictures.planes import VIEWS, Plane

PANEL_PX, GAP_PX = 150, 4
TEXT_PX, HEAD_PX = 190, 44
ROW_PX = PANEL_PX + GAP_PX
PER_PAGE = 9  # as many rows as an A4 page holds at its width
PAGE_PX = HEAD_PX + PER_PAGE * ROW_PX
WIDTH_PX = TEXT_PX + 2 * len(VIEWS) * (PANEL_PX + GAP_PX)
BAR_MM = 5.0
DOT_PX = 0.8  # half of a dot of a line
LETTERS_IN_LINE = 30


@dataclass(frozen=True)
class Mark:
    """A mark to be shown: its number in list and label map, its centre (RAS mm), lines of text; flagged: waits for a
    person; half_mm: half of its panels' width, where it is not that of all; line_mm: points (n, 3), RAS mm, of a line
    that is drawn in each panel whatever its depth, as of a cross-section that lies obliquely to all planes."""

    number: int
    centre_mm: tuple[float, float, float]
    lines: Sequence[str]
    flagged: bool = False
    half_mm: float | None = None
    line_mm: np.ndarray | None = None


def row_top(row: int) -> int:
    """Where a row of the picture begins.

    Parameters
    ----------
    row : int
        From 0.

    Returns
    -------
    int
        Pixels from the picture's top.
    """
    page, at = divmod(row, PER_PAGE)
    return page * PAGE_PX + HEAD_PX + at * ROW_PX


def pages_of(n_marks: int) -> list[tuple[int, int]]:
    """The pages of a picture: where each begins, and its extent downwards.

    Parameters
    ----------
    n_marks : int
        Rows.

    Returns
    -------
    list[tuple[int, int]]
        Pixels; one page where there is no mark.
    """
    starts = range(0, max(n_marks, 1), PER_PAGE)
    return [(row_top(row) - HEAD_PX, HEAD_PX + ROW_PX * (min(row + PER_PAGE, max(n_marks, 1)) - row)) for row in starts]


def stacked(parts: Sequence[Pillow.Image]) -> Pillow.Image:
    """Pictures of one width, one below the other.

    Parameters
    ----------
    parts : Sequence[Pillow.Image]
        At least one.

    Returns
    -------
    Pillow.Image
        The picture, RGB.
    """
    whole = Pillow.new("RGB", (parts[0].width, sum(part.height for part in parts)), "white")
    top = 0
    for part in parts:
        whole.paste(part, (0, top))
        top += part.height
    return whole


def montage(
    title: str,
    caption: str,
    image: Image,
    labels: Image,
    marks: Sequence[Mark],
    window: tuple[float, float],
    half_mm: float,
) -> Pillow.Image:
    """All marks in the order given, one below the other, PER_PAGE to a page.

    The mark itself is outlined in vermillion, others in sky blue.

    Parameters
    ----------
    title : str
        Heading.
    caption : str
        Text below the heading.
    image : Image
        Grey values.
    labels : Image
        Label map of the marks, in the same space.
    marks : Sequence[Mark]
        The marks to show.
    window : tuple[float, float]
        Values shown black and white.
    half_mm : float
        Half of a panel's width, mm.

    Returns
    -------
    Pillow.Image
        The picture, RGB.
    """
    pages = pages_of(len(marks))
    picture = Pillow.new("RGB", (WIDTH_PX, sum(pages[-1])), "white")
    pen = ImageDraw.Draw(picture)
    for page, (top, _) in enumerate(pages, start=1):
        of_pages = f" (page {page} of {len(pages)})" if len(pages) > 1 else ""
        pen.text((4, top + 3), title + of_pages, "black", _font(15))
        pen.text((4, top + 24), f"{caption}; outline:", "#333333", _font(12))
        left = 8 + pen.textlength(f"{caption}; outline:", _font(12))
        for text, colour in ("the mark", VERMILLION), ("others", BLUE):
            pen.text((left, top + 24), text, colour, _font(12))
            left += 8 + pen.textlength(text, _font(12))
    if not marks:
        pen.text((4, HEAD_PX + 8), "none found", "#333333", _font(14))
    for row, mark in enumerate(marks):
        top = row_top(row)
        pen.text((6, top + 2), str(mark.number), VERMILLION if mark.flagged else "black", _font(26))
        for at, line in enumerate(_wrapped(mark.lines)):
            pen.text((6, top + 36 + 14 * at), line, "black", _font(11.5))
        for column, (view, outlined) in enumerate(product(VIEWS, (False, True))):
            left = TEXT_PX + column * (PANEL_PX + GAP_PX)
            panel = _panel(image, labels, mark, view, outlined, window, mark.half_mm or half_mm)
            picture.paste(panel, (left, top))
    return picture


def _panel(
    image: Image, labels: Image, mark: Mark, view: str, outlined: bool, window: tuple[float, float], half_mm: float
) -> Pillow.Image:
    """One plane through a mark's centre, with side letters and, on the clean one, a scale bar."""
    right, up = VIEWS[view]
    plane = Plane(np.array(mark.centre_mm), right, up, (half_mm, half_mm), 2 * half_mm / PANEL_PX)
    low, high = window
    values = plane.values(image, fill=low)
    grey = np.rint(255 * np.clip((values - low) / (high - low), 0, 1)).astype(np.uint8)
    colour = np.repeat(grey[:, :, None], 3, axis=2)
    if outlined:
        here = plane.values(labels, order=0)
        for mask, line in ((here > 0) & (here != mark.number), SKY), (here == mark.number, VERMILLION):
            colour[mask & ~binary_erosion(mask)] = ImageColor.getrgb(line)
    panel = Pillow.fromarray(colour).resize((PANEL_PX, PANEL_PX))
    pen = ImageDraw.Draw(panel)
    letters, middle = plane.letters, PANEL_PX // 2
    if outlined and mark.line_mm is not None:
        away = (mark.line_mm - np.array(mark.centre_mm)) * PANEL_PX / (2 * half_mm)
        across, upwards = away @ np.asarray(right, float), away @ np.asarray(up, float)
        for x, y in zip(middle + across, middle - upwards, strict=True):
            pen.ellipse((x - DOT_PX, y - DOT_PX, x + DOT_PX, y + DOT_PX), VERMILLION)
    places = {"left": (3, middle, "lm"), "right": (PANEL_PX - 3, middle, "rm"), "top": (middle, 2, "ma")}
    for edge, (x, y, anchor) in places.items():
        pen.text((x, y), letters[edge], "white", _font(11), anchor, stroke_width=1, stroke_fill="black")
    if not outlined:
        bar = BAR_MM / (2 * half_mm) * PANEL_PX
        for width, line in (4, "black"), (2, "white"):
            pen.line((PANEL_PX - 8 - bar, PANEL_PX - 8, PANEL_PX - 8, PANEL_PX - 8), line, width)
        pen.text((PANEL_PX - 8, PANEL_PX - 12), f"{BAR_MM:g} mm", "white", _font(10), "rd", stroke_width=1,
                 stroke_fill="black")  # fmt: skip
    return panel


def _wrapped(lines: Sequence[str]) -> list[str]:
    """The lines broken to the width of the text column, as many as there is room for."""
    parts, rows = [part for line in lines for part in wrap(line, LETTERS_IN_LINE)], (ROW_PX - 38) // 14
    if len(parts) > rows:
        parts = [*parts[: rows - 1], f"{parts[rows - 1][: LETTERS_IN_LINE - 4].rstrip()} ..."]
    return parts


@cache
def _font(size: float) -> ImageFont.FreeTypeFont:
    """Matplotlib's own font: the same on every machine."""
    return ImageFont.truetype(f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf", size)
