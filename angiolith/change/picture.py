"""The picture of a subject's two visits: the same slices before and after, with what stayed, grew and shrank."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from angiolith.change.half_way import GREW, SHRANK, STABLE
from angiolith.core.images import Image
from angiolith.pictures.canvas import BLUE, OLIVE, SKY, VERMILLION, YELLOW, Outline, legend, new_figure, show
from angiolith.pictures.planes import VIEWS, Plane
from angiolith.pictures.windows import window_of, window_text

# [number] Slices that are shown. Source: layout.
SLICES = 4
# [mm] They lie at least this far apart. Source: layout.
APART_MM = 6.0
# [mm] Margin about what is shown. Source: layout.
MARGIN_MM = 12.0


def change_picture(
    title: str,
    caption: str,
    flairs: Sequence[Image],
    from_half_way: Sequence[np.ndarray],
    lesions: Image,
    visits: Sequence[str],
) -> Figure:
    """The four axial slices of half-way space with most change, at the first visit (above) and at the last (below).

    Each FLAIR has its own window.

    Parameters
    ----------
    title : str
        Heading.
    caption : str
        Text below the panels.
    flairs : Sequence[Image]
        FLAIR of each visit.
    from_half_way : Sequence[np.ndarray]
        Per visit a matrix (4, 4) from half-way points to its FLAIR, RAS mm.
    lesions : Image
        Label map of `change_labels` on the half-way grid, whose axes are those of the world.
    visits : Sequence[str]
        Names of the visits.

    Returns
    -------
    Figure
        The figure.
    """
    windows = [window_of(flair) for flair in flairs]
    windows_text = " and ".join(window_text(window) for window in windows)
    figure, axes = new_figure(2, SLICES, (2.4, 2.7), title, f"{windows_text}; {caption}")
    middle, half = _frame(lesions)
    for column, height_mm in enumerate(sorted(_heights(lesions))):
        plane = Plane(np.array([*middle[:2], height_mm]), *VIEWS["axial"], half, 0.8)
        labels = plane.values(lesions, order=0)
        for row, own in enumerate((SHRANK, GREW)):
            outlines = [
                Outline((labels == STABLE).astype(float), SKY, width=0.8),
                Outline((labels == own).astype(float), VERMILLION if own == GREW else YELLOW, width=1.2),
            ]
            values = plane.values(flairs[row], from_half_way[row])
            show(axes[row * SLICES + column], plane, values, windows[row], outlines, visits[row], 50.0)
    legend(figure, [("at both visits", BLUE), ("last visit only", VERMILLION), ("first visit only", OLIVE)])
    return figure


def _frame(lesions: Image) -> tuple[np.ndarray, tuple[float, float]]:
    """The middle of the map's grid, and half its width and length with a margin (it is cropped to the brain)."""
    shape = np.array(lesions.data.shape)
    middle = (lesions.affine @ np.append((shape - 1) / 2, 1.0))[:3]
    width, depth = (shape * lesions.voxel_mm)[:2] / 2 + MARGIN_MM
    return middle, (float(width), float(depth))


def _heights(lesions: Image) -> list[float]:
    """Levels (mm) of the slices with most change, apart from each other; else evenly through the map."""
    changed = np.isin(lesions.data, (GREW, SHRANK)).sum(axis=(0, 1)).astype(float)
    heights = lesions.affine[2, 3] + lesions.affine[2, 2] * np.arange(len(changed))
    chosen: list[float] = []
    for at in np.argsort(-changed, kind="stable"):
        if changed[at] and len(chosen) < SLICES and all(abs(heights[at] - other) >= APART_MM for other in chosen):
            chosen.append(float(heights[at]))
    even = np.quantile(heights, np.linspace(0.35, 0.8, SLICES))
    spare = [float(height) for height in even if all(abs(height - other) >= APART_MM for other in chosen)]
    return (chosen + spare)[:SLICES]
