"""The picture of a scan: the slices with most disagreement, plain, and with the truth and each tool's mask."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from angiolith.core.images import Image, bounding_box, slice_axis
from angiolith.pictures.canvas import BLUE, SKY, VERMILLION, Outline, legend, new_figure, show
from angiolith.pictures.planes import native_slice
from angiolith.pictures.windows import CT_WINDOW_HU, window_of, window_text

# [number] Slices of a picture. Source: layout.
SLICES = 5
# [mm] Slices of a picture lie at least this far apart. Source: layout.
APART_MM = 5.0
# [mm] Margin about the masks, and the least and largest half width. Source: layout.
AROUND_MM, HALF_MM = 25.0, (35.0, 115.0)
TRUTH_COLOUR, TOOL_COLOUR = SKY, VERMILLION


def compared_picture(
    title: str, caption: str, image: Image | None, truth: Image, masks: Mapping[str, Image], is_ct: bool = False
) -> Figure:
    """Rows: the image alone, then a row for each tool; columns: native slices of the truth, from the lowest.

    Parameters
    ----------
    title : str
        Heading.
    caption : str
        Text below the panels.
    image : Image | None
        The image, or None.
    truth : Image
        Mask of the truth.
    masks : Mapping[str, Image]
        Tool -> mask.
    is_ct : bool
        True for a CT.

    Returns
    -------
    Figure
        The figure.
    """
    numbers = shown_slices(truth, masks)
    window = (0.0, 1.0) if image is None else CT_WINDOW_HU if is_ct else window_of(image)
    head = f"{window_text(window)}; {caption}" if image else caption
    figure, axes = new_figure(1 + len(masks), SLICES, (2.1, 2.1), title, head)
    centre, half = _part(truth, masks)
    for column, number in enumerate(numbers):
        plane = native_slice(truth, number, centre, half)
        grey = plane.values(image) if image else np.zeros(plane.points.shape[:2])
        true = Outline(plane.values(truth, order=0).astype(float), TRUTH_COLOUR, width=0.9)
        show(axes[column], plane, grey, window, (), f"slice {number + 1}", 20.0)
        for row, (tool, mask) in enumerate(masks.items(), start=1):
            found = Outline(plane.values(mask, order=0).astype(float), TOOL_COLOUR, width=0.9)
            show(axes[row * SLICES + column], plane, grey, window, (true, found), tool, 20.0)
    legend(figure, [("truth", BLUE), ("mask", TOOL_COLOUR)])
    return figure


def shown_slices(truth: Image, masks: Mapping[str, Image]) -> list[int]:
    """Native slices with most voxels that one has and the other has not, then those of the truth; sorted.

    Parameters
    ----------
    truth : Image
        Mask of the truth.
    masks : Mapping[str, Image]
        Tool -> mask.

    Returns
    -------
    list[int]
        Indices of slices.
    """
    axis = slice_axis(truth.affine)
    others = tuple(a for a in range(3) if a != axis)
    wrong = sum((mask.data ^ truth.data).sum(axis=others) for mask in masks.values())
    weight = np.asarray(wrong, float) + truth.data.sum(axis=others) / truth.data.size
    apart = max(1, round(APART_MM / float(truth.voxel_mm[axis])))
    taken: list[int] = []
    for number in np.argsort(-weight, kind="stable"):
        if weight[number] > 0 and all(abs(number - other) >= apart for other in taken):
            taken.append(int(number))
    middle = truth.data.shape[axis] // 2
    return sorted(taken[:SLICES]) or [middle]


def _part(truth: Image, masks: Mapping[str, Image]) -> tuple[np.ndarray, float]:
    """Voxel to centre on and half width (mm) of what is shown."""
    every = truth.data | np.logical_or.reduce([mask.data for mask in masks.values()])
    if not every.any():
        return (np.array(truth.data.shape) - 1) / 2, HALF_MM[1]
    box = bounding_box(every, 0)
    centre = np.array([(side.start + side.stop - 1) / 2 for side in box])
    wide = [(side.stop - side.start) * edge for side, edge in zip(box, truth.voxel_mm, strict=True)]
    wide.pop(slice_axis(truth.affine))
    return centre, float(np.clip(max(wide) / 2 + AROUND_MM, *HALF_MM))
