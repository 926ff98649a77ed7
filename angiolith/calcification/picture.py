"""The picture of the calcifications: CT slices through the arteries, each lesion in a colour of its own."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.ndimage import find_objects

from angiolith.core.images import Image, slice_axis
from angiolith.pictures.canvas import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    YELLOW,
    Outline,
    legend,
    new_figure,
    show,
)
from angiolith.pictures.planes import native_slice
from angiolith.pictures.windows import CT_WINDOW_HU, window_text

# [mm] Half width of the picture about the arteries. Source: layout.
ARTERY_HALF_MM = 42.0
LESION_COLOURS = (VERMILLION, YELLOW, GREEN, PURPLE, ORANGE)
# [number] Lesions that a panel names. Source: layout.
NAMED_IN_PANEL = 4
# [points] Dashes of what touches bone. Source: layout.
DASHED = (0, (1.6, 1.0))


def calcification_picture(
    title: str, caption: str, ct: Image, arteries: Image, calcification: Image, lesions: pd.DataFrame
) -> Figure:
    """Six axial CT slices about the arteries: their region, and each calcified lesion in it in its colour.

    Colours go by size and begin again after the fifth; lesions that touch bone are dashed. Each panel names its lesions
    in their colours, largest first.

    Parameters
    ----------
    title : str
        Heading.
    caption : str
        Text below the panels.
    ct : Image
        The CT, HU.
    arteries : Image
        Artery labels on the CT's grid.
    calcification : Image
        Lesions on the CT's grid.
    lesions : pd.DataFrame
        Rows with lesion (label), artery, side, volume_mm3, touches_bone.

    Returns
    -------
    Figure
        The figure.
    """
    head = f"{window_text(CT_WINDOW_HU, 'HU')}; {caption}"
    figure, axes = new_figure(2, 3, (3.2, 3.2), title, head)
    known = lesions[lesions["lesion"].notna()].sort_values("volume_mm3", ascending=False, kind="stable")
    bone = known["touches_bone"].astype(str).str.lower().isin(("true", "1", "1.0"))
    colours = [LESION_COLOURS[at % len(LESION_COLOURS)] for at in range(len(known))]
    drawn = list(zip(known["lesion"].astype(int), colours, bone, map(_name, known.itertuples()), strict=True))
    for ax, (number, centre) in zip(axes, _calcified_slices(arteries, calcification, lesions), strict=False):
        plane = native_slice(ct, number, centre, ARTERY_HALF_MM)
        labels = plane.values(calcification, order=0)
        here = [lesion for lesion in drawn if (labels == lesion[0]).any()]
        outlines = [Outline((plane.values(arteries, order=0) > 0).astype(float), SKY, width=0.8)]
        outlines += [
            Outline((labels == label).astype(float), colour, width=1.4, style=DASHED if touches else "solid")
            for label, colour, touches, _ in here
        ]
        names = [(name, colour) for _, colour, _, name in here]
        more = [(f"and {len(names) - NAMED_IN_PANEL} more", "white")] if len(names) > NAMED_IN_PANEL else []
        show(ax, plane, plane.values(ct, fill=-1000.0), CT_WINDOW_HU, outlines, names[:NAMED_IN_PANEL] + more)
    legend(
        figure,
        [("artery region", BLUE), ("calcification: a colour for each lesion", VERMILLION), ("dashed: bone", GREY)],
    )
    return figure


def _name(row: object) -> str:
    return f"{_artery_name(row)} {getattr(row, 'volume_mm3', float('nan')):.1f} mm³"


def _calcified_slices(
    arteries: Image, calcification: Image, lesions: pd.DataFrame, count: int = 6, apart_mm: float = 3.0
) -> list[tuple[int, np.ndarray]]:
    """(slice number, centre index (3,)): the largest lesions' slices, then slices evenly through the arteries."""
    axis = slice_axis(arteries.affine)
    apart = apart_mm / arteries.voxel_mm[axis]
    index = np.argwhere(arteries.data > 0)
    middle = index.mean(axis=0) if len(index) else np.array(arteries.data.shape) / 2
    chosen: list[tuple[int, np.ndarray]] = []
    boxes = find_objects(calcification.data.astype(np.int32))
    for row in lesions.sort_values("volume_mm3", ascending=False).itertuples():
        label = int(row.lesion) if pd.notna(row.lesion) else 0
        if len(chosen) == count or not 0 < label <= len(boxes) or boxes[label - 1] is None:
            continue
        inside = calcification.data[boxes[label - 1]] == label
        along = inside.sum(axis=tuple(a for a in range(3) if a != axis))
        number = boxes[label - 1][axis].start + int(along.argmax())
        if all(abs(number - other) >= apart for other, _ in chosen):
            chosen.append((number, middle.copy()))
    if len(index):
        for number in np.quantile(index[:, axis], np.linspace(0.1, 0.9, count)).astype(int):
            if len(chosen) < count and all(abs(number - other) >= apart for other, _ in chosen):
                chosen.append((int(number), middle.copy()))
    return sorted(chosen, key=lambda item: item[0])


def _artery_name(row: object) -> str:
    side, artery = getattr(row, "side", None), getattr(row, "artery", None)
    return f"{side} {artery}" if side in ("L", "R") else str(artery)
