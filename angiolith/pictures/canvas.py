"""Figures for checking: panels in mm with scale bar and side letters, colours that colour-blind readers tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from PIL import Image as Pillow

from angiolith.core.tables import atomic_path
from angiolith.pictures.planes import Plane

# Okabe and Ito's palette: distinct under all common colour vision deficiencies.
ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, VERMILLION, PURPLE, GREY, OLIVE = "#0072B2", "#D55E00", "#CC79A7", "#6b7079", "#8a7900"
LINE_COLOURS = (ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILLION, PURPLE, OLIVE)
DPI = 100
HEADER_INCH, FOOTER_INCH = 0.42, 0.3
CAPTION_LETTERS_PER_INCH = 17
GREYS_IN_FILE = 40
NOTE_LINE = 0.048  # of a panel's vertical size
READABLE = [withStroke(linewidth=1.6, foreground="black")]  # white letters over any grey


@dataclass(frozen=True)
class Outline:
    """A line on a panel where `values` (rows, columns of the plane) crosses `level`."""

    values: np.ndarray
    colour: str
    level: float = 0.5
    width: float = 1.1
    style: str | tuple[float, tuple[float, ...]] = "solid"


def new_figure(
    rows: int, columns: int, panel_inch: tuple[float, float], title: str, caption: str
) -> tuple[Figure, list[Axes]]:
    """A white figure of black panels with a heading and a caption; returns it and its axes, row by row.

    Parameters
    ----------
    rows, columns : int
        Number of panels.
    panel_inch : tuple[float, float]
        Size of a panel (x, y), inches.
    title : str
        Heading.
    caption : str
        Text below the panels.

    Returns
    -------
    tuple[Figure, list[Axes]]
        The figure and its axes, row by row.
    """
    width, height = columns * panel_inch[0], rows * panel_inch[1] + HEADER_INCH + FOOTER_INCH
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    figure.text(0.008, 1 - 0.15 / height, title, fontsize=10.5, weight="bold", va="top")
    caption = shorten(caption, int(CAPTION_LETTERS_PER_INCH * width), placeholder=" ...")
    figure.text(0.008, 0.08 / height, caption, fontsize=8, color="#333333", va="bottom")
    grid = figure.add_gridspec(
        rows,
        columns,
        left=0.004,
        right=0.996,
        bottom=FOOTER_INCH / height,
        top=1 - HEADER_INCH / height,
        wspace=0.015,
        hspace=0.015 * panel_inch[0] / panel_inch[1],
    )
    axes = [figure.add_subplot(grid[row, column]) for row in range(rows) for column in range(columns)]
    for ax in axes:
        ax.set_facecolor("black")
        ax.set_xticks([])
        ax.set_yticks([])
        for spine in ax.spines.values():
            spine.set_visible(False)
    return figure, axes


def show(
    ax: Axes,
    plane: Plane,
    values: np.ndarray,
    window: tuple[float, float],
    outlines: Sequence[Outline] = (),
    notes: str | Sequence[tuple[str, str]] = "",
    scale_bar_mm: float = 20.0,
    interpolation: str = "nearest",
) -> None:
    """Draw grey values on a panel with outlines, side letters, a scale bar and notes in its corner.

    Parameters
    ----------
    ax : Axes
        Axes of the panel.
    plane : Plane
        The plane, for its extent in mm.
    values : np.ndarray
        Grey values (rows, columns).
    window : tuple[float, float]
        Values shown black and white.
    outlines : Sequence[Outline]
        Outlines to draw.
    notes : str | Sequence[tuple[str, str]]
        A text, or lines of (text, colour).
    scale_bar_mm : float
        Length of the scale bar, mm; 0 for none.
    interpolation : str
        Matplotlib's name of an interpolation.
    """
    ax.imshow(values, cmap="gray", vmin=window[0], vmax=window[1], extent=plane.extent, interpolation=interpolation)
    left, right, bottom, top = plane.extent
    across = np.linspace(left, right, values.shape[1] * 2 + 1)[1::2]
    upward = np.linspace(top, bottom, values.shape[0] * 2 + 1)[1::2]
    for outline in outlines:
        if np.nanmin(outline.values) < outline.level < np.nanmax(outline.values):
            ax.contour(
                across,
                upward,
                outline.values,
                [outline.level],
                colors=outline.colour,
                linewidths=outline.width,
                linestyles=[outline.style],
            )
    ax.set_xlim(left, right)
    ax.set_ylim(bottom, top)
    ax.set_aspect("equal", adjustable="box")
    _letters(ax, plane)
    _scale_bar(ax, plane, scale_bar_mm)
    lines = [(notes, "white")] if isinstance(notes, str) else notes
    for at, (text, colour) in enumerate(lines):
        _label(ax, text, 0.02, 0.985 - NOTE_LINE * at, "left", "top", colour)


def _label(ax: Axes, text: str, x: float, y: float, horizontal: str, vertical: str, colour: str = "white") -> None:
    """Text at a place of the panel, in fractions of its width and vertical size."""
    item = ax.text(x, y, text, color=colour, fontsize=8, transform=ax.transAxes, path_effects=READABLE)
    item.set(horizontalalignment=horizontal, verticalalignment=vertical)


def _letters(ax: Axes, plane: Plane) -> None:
    places = {"left": (0.02, 0.5, "left", "center"), "right": (0.98, 0.5, "right", "center")}
    places |= {"top": (0.5, 0.985, "center", "top"), "bottom": (0.5, 0.015, "center", "bottom")}
    for edge, place in places.items():
        _label(ax, plane.letters[edge], *place)


def _scale_bar(ax: Axes, plane: Plane, length_mm: float) -> None:
    left, right, bottom, top = plane.extent
    end, height = right - 0.04 * (right - left), bottom + 0.05 * (top - bottom)
    for colour, width in (("black", 4), ("white", 2)):
        ax.plot([end - length_mm, end], [height, height], color=colour, linewidth=width, solid_capstyle="butt")
    _label(ax, f"{length_mm:g} mm", 0.96 - length_mm / (right - left) / 2, 0.062, "center", "bottom")


def legend(figure: Figure, entries: Sequence[tuple[str, str]]) -> None:
    """Coloured names (text, colour) at the right of the heading line.

    Parameters
    ----------
    figure : Figure
        The figure.
    entries : Sequence[tuple[str, str]]
        Pairs of text and colour.
    """
    right = 0.992
    height = figure.get_figheight()
    for text, colour in reversed(entries):
        item = figure.text(right, 1 - 0.16 / height, f"━ {text}", fontsize=8.5, color=colour, ha="right", va="top")
        box = item.get_window_extent(FigureCanvasAgg(figure).get_renderer())
        right -= (box.width + 12) / (figure.get_figwidth() * DPI)


def write_png(figure: Figure, path: str | Path) -> None:
    """Write the figure as a PNG of few colours (small, and the same bytes for the same picture); atomically.

    Parameters
    ----------
    figure : Figure
        The figure.
    path : str | Path
        Path of the PNG to write.
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    save_png(Pillow.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB"), path)


def save_png(picture: Pillow.Image, path: str | Path) -> None:
    """Write an RGB picture as `write_png` does.

    Parameters
    ----------
    picture : Pillow.Image
        An RGB picture.
    path : str | Path
        Path of the PNG to write.
    """
    few = picture.quantize(palette=_palette(), dither=Pillow.Dither.NONE)
    with atomic_path(path) as temporary:
        few.save(temporary, format="PNG", optimize=True)


def _palette() -> Pillow.Image:
    """Greys, and the line colours pure and mixed with black, grey and white (their smoothed edges)."""
    levels = np.append(np.linspace(0, 246, GREYS_IN_FILE - 1), 255)  # no grey so near to white that white becomes it
    greys = np.repeat(levels[:, None], 3, axis=1)
    lines = np.array([to_rgb(colour) for colour in LINE_COLOURS]) * 255
    mixed = [
        fraction * line + (1 - fraction) * 255 * under
        for line in lines
        for under in (0, 0.5, 1)
        for fraction in (0.4, 0.7)
    ]
    colours = np.rint(np.vstack([greys, lines, mixed])).astype(int)
    palette = Pillow.new("P", (1, 1))
    palette.putpalette(colours.ravel().tolist())
    return palette


def absent(title: str, status: str, reason: str) -> Figure:
    """A small picture that says why there is none.

    Parameters
    ----------
    title : str
        Heading.
    status : str
        Status of the missing picture.
    reason : str
        Reason for the status.

    Returns
    -------
    Figure
        The figure.
    """
    figure = Figure(figsize=(6.4, 1.1), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    figure.text(0.015, 0.86, title, fontsize=10.5, weight="bold", va="top")
    figure.text(0.015, 0.5, f"{status}: {reason}", fontsize=9, color="#555555", va="top", wrap=True)
    return figure
