"""Pictures of a subject-session's registration, white matter and vessel wall, each to be judged in a moment."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter

from angiolith.core.images import Image, slice_axis
from angiolith.pictures.canvas import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    SKY,
    VERMILLION,
    Outline,
    legend,
    new_figure,
    show,
)
from angiolith.pictures.planes import VIEWS, Plane, native_slice
from angiolith.pictures.windows import BRAIN_WINDOW_HU, window_of, window_text
from angiolith.small_vessel.tissues import INFARCT, VENTRICLES
from angiolith.vessel_wall.thickness import METHODS

BONE_HU = 300.0
CT_AIR_HU = -500.0
HEAD_HALF_MM = (112.0, 130.0)
WALL_HALF_MM = 6.0


def head_middle(image: Image, brain: Image | None) -> np.ndarray:
    """RAS point (3,) to cut the head at: the brain's centre, else that of the bright half of the image.

    Parameters
    ----------
    image : Image
        The image.
    brain : Image | None
        Mask of the brain, or None.

    Returns
    -------
    np.ndarray
        Point (3,), RAS mm.
    """
    mask = brain if brain is not None and (brain.data > 0).any() else image
    index = np.argwhere(
        mask.data[::4, ::4, ::4] > (0 if mask is brain else np.percentile(mask.data[::4, ::4, ::4], 70))
    )
    return mask.affine[:3, :3] @ (4 * index.mean(axis=0)) + mask.affine[:3, 3]


def registration_picture(
    title: str, caption: str, reference: Image, ct: Image | None, to_ct: np.ndarray, brain: Image | None
) -> Figure:
    """Outline of the CT's bone, and of the template's brain mask, over the reference image in three planes.

    Parameters
    ----------
    title : str
        Heading.
    caption : str
        Text below the panels.
    reference : Image
        An MRI, or the CT itself (known by its values), then without `ct`.
    ct : Image | None
        The CT, HU, or None.
    to_ct : np.ndarray
        Matrix (4, 4) from the reference to the CT, RAS mm.
    brain : Image | None
        Mask of the brain, or None.

    Returns
    -------
    Figure
        The figure.
    """
    is_ct = float(reference.data.min()) < CT_AIR_HU
    window = BRAIN_WINDOW_HU if is_ct else window_of(reference)
    unit = "HU" if is_ct else "signal"
    figure, axes = new_figure(1, 3, (3.2, 3.7), title, f"{window_text(window, unit)}; {caption}")
    centre = head_middle(reference, brain)
    for ax, (view, (right, up)) in zip(axes, VIEWS.items(), strict=True):
        plane = Plane(centre, right, up, HEAD_HALF_MM, 1.0)
        outlines = []
        if ct is not None:
            bone = plane.values(ct, to_ct, fill=-1000.0)
            outlines.append(Outline(gaussian_filter(bone, 0.8), ORANGE, BONE_HU))
        if brain is not None:
            outlines.append(Outline(gaussian_filter(plane.values(brain).astype(float), 0.8), SKY))
        show(ax, plane, plane.values(reference), window, outlines, view, 50.0)
    names = [("CT bone", ORANGE)] if ct is not None else []
    legend(figure, names + ([("brain mask from the template", BLUE)] if brain is not None else []))
    return figure


def wmh_picture(title: str, caption: str, flair: Image, wmh: Image, tissues: Image | None) -> Figure:
    """Eight native FLAIR slices, from the lowest to the highest with WMH or an infarct, with their outlines.

    Parameters
    ----------
    title : str
        Heading.
    caption : str
        Text below the panels.
    flair : Image
        The FLAIR.
    wmh : Image
        Mask of WMH.
    tissues : Image | None
        Label map of WMH segmentation (`angiolith.small_vessel.tissues.TISSUES`), on the FLAIR's grid.

    Returns
    -------
    Figure
        The figure.
    """
    beside = [("ventricles", VENTRICLES, SKY, BLUE), ("infarct, no WMH", INFARCT, GREEN, GREEN)]
    parts = [(n, tissues.with_data(tissues.data == k), on, by) for n, k, on, by in beside if tissues is not None]
    parts = [part for part in parts if part[1].data.any()]
    infarct = tissues is not None and tissues.data == INFARCT
    window = window_of(flair)
    figure, axes = new_figure(2, 4, (2.35, 2.35), title, f"{window_text(window)}; {caption}")
    axis = slice_axis(flair.affine)
    others = tuple(a for a in range(3) if a != axis)
    extent = ((wmh.data > 0) | infarct).any(axis=others)
    if not extent.any():
        bright = (flair.data > window[1] / 4).sum(axis=others)
        extent = bright > 0.5 * bright.max()
    low, high = np.flatnonzero(extent)[[0, -1]]
    low, high = max(0, low - 1), min(flair.data.shape[axis] - 1, high + 1)
    head = np.argwhere(flair.data[::3, ::3, ::3] > window[1] / 5) * 3
    middle, half = head.mean(axis=0), 0.5 * float((np.ptp(head, axis=0) * flair.voxel_mm)[list(others)].max())
    for ax, number in zip(axes, np.linspace(low, high, len(axes)).round().astype(int), strict=True):
        plane = native_slice(flair, int(number), middle, min(half + 5, 115.0))
        outlines = [Outline(plane.values(wmh, order=0).astype(float), VERMILLION, width=0.9)]
        outlines += [Outline(plane.values(part, order=0).astype(float), on, width=0.8) for _, part, on, _ in parts]
        show(ax, plane, plane.values(flair), window, outlines, f"slice {number + 1}", 50.0)
    legend(figure, [("WMH", VERMILLION), *((name, by) for name, _, _, by in parts)])
    return figure


def wall_picture(title: str, caption: str, vwi: Image, contours: pd.DataFrame, notes: Mapping[int, str]) -> Figure:
    """Per lesion: its narrowest cross-section, its reference, and the wall's thickness around the lumen.

    The first reader's contours are solid, the second's dashed.

    Parameters
    ----------
    title : str
        Heading.
    caption : str
        Text below the panels.
    vwi : Image
        The vessel-wall image.
    contours : pd.DataFrame
        Table of measure_plaque (lesion, reader, section, contour, point, x_mm, y_mm, z_mm).
    notes : Mapping[int, str]
        Lesion -> text.

    Returns
    -------
    Figure
        The figure.
    """
    lesions = sorted(contours["lesion"].unique())[:3]
    window = window_of(vwi)
    head = f"{window_text(window)}; {caption}"
    figure, axes = new_figure(len(lesions), 3, (3.2, 3.2), title, head)
    for row, lesion in enumerate(lesions):
        own = contours[contours["lesion"] == lesion]
        at_lesion = own[own["section"] == "lesion"]
        normal = _normal(_points(at_lesion, min(at_lesion["reader"]), "outer"))
        view = list(VIEWS)[int(np.abs(normal)[[2, 1, 0]].argmax())]  # one view for all panels of the lesion
        panels = dict(zip(("lesion", "reference"), axes[3 * row : 3 * row + 2], strict=True))
        for section, ax in panels.items():
            here = own[own["section"] == section]
            if len(here):
                note = notes.get(int(lesion), "") if section == "lesion" else "reference"
                _cross_section(ax, vwi, window, here, view, note)
            else:
                ax.text(0.5, 0.5, "no reference segment drawn", color="white", ha="center", transform=ax.transAxes)
        _thickness_profile(axes[3 * row + 2], at_lesion, view)
    calcium = [("calcium on CT", VERMILLION)] if (contours["contour"] == "calcium").any() else []
    legend(figure, [("lumen", BLUE), ("outer wall", ORANGE), *calcium, ("second reader: dashed", GREY)])
    return figure


def _points(contours: pd.DataFrame, reader: str, contour: str) -> np.ndarray:
    own = contours[(contours["reader"] == reader) & (contours["contour"] == contour)]
    return own.sort_values("point")[["x_mm", "y_mm", "z_mm"]].to_numpy(float)


def _normal(points: np.ndarray) -> np.ndarray:
    """Unit vector across the plane that a contour (n, 3) lies in."""
    return np.linalg.svd(points - points.mean(axis=0), full_matrices=False)[2][2]


def _plane_of(points: np.ndarray, view: str) -> Plane:
    """The plane that a contour lies in, turned as near to a standard view as it can be."""
    centre, normal = points.mean(axis=0), _normal(points)
    right, up = VIEWS[view]
    up = up - (up @ normal) * normal
    up /= np.linalg.norm(up)
    across = np.cross(up, normal)
    across *= np.sign(across @ right)
    half = max(WALL_HALF_MM, 1.3 * float(np.linalg.norm(points - centre, axis=1).max()))
    return Plane(centre, across, up, (half, half), 0.15)


def _cross_section(
    ax: Axes, vwi: Image, window: tuple[float, float], contours: pd.DataFrame, view: str, note: str
) -> None:
    readers = sorted(contours["reader"].unique())
    plane = _plane_of(_points(contours, readers[0], "outer"), view)
    show(ax, plane, plane.values(vwi, order=3), window, (), note, 2.0, "bilinear")
    for reader, style in zip(readers, ("-", "--"), strict=False):
        for contour, colour in (("lumen", SKY), ("outer", ORANGE)):
            line = plane.place(_points(contours, reader, contour))
            ax.plot(*np.vstack([line, line[:1]]).T, style, color=colour, linewidth=1.4)
    calcium = plane.place(_points(contours, readers[0], "calcium"))
    ax.plot(*calcium.T, "o", color=VERMILLION, markersize=2.2, alpha=0.8)


def _thickness_profile(ax: Axes, contours: pd.DataFrame, view: str) -> None:
    """Laplace thickness by the direction in which the lumen's border is seen from its centre, as on a clock."""
    ax.set_facecolor("white")
    frame = ax.get_position()
    ax.set_position((frame.x0 + 0.055, frame.y0 + 0.06, frame.width - 0.075, frame.height - 0.1))
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(True)
    for reader, style in zip(sorted(contours["reader"].unique()), ("-", "--"), strict=False):
        lumen, outer = (_points(contours, reader, contour) for contour in ("lumen", "outer"))
        plane = _plane_of(outer, view)
        thickness = METHODS["laplace"](plane.place(lumen), plane.place(outer))
        seen = plane.place(lumen) - plane.place(lumen).mean(axis=0)
        hour = np.degrees(np.arctan2(seen[:, 0], seen[:, 1])) % 360 / 30
        order = hour.argsort()
        ax.plot(hour[order], thickness[order], style, color=BLUE, linewidth=1.6)
    ax.set_xlim(0, 12)
    ax.set_ylim(0, None)
    ax.set_xticks(range(0, 13, 3))
    ax.tick_params(labelsize=7.5)
    ax.set_yticks(np.arange(0, ax.get_ylim()[1] + 0.01, 0.5 if ax.get_ylim()[1] < 3 else 1.0))
    ax.set_xlabel("clock hour in the picture (12 = top)", fontsize=7.5)
    ax.set_title("wall thickness, mm", fontsize=8, loc="left", pad=4)
    ax.grid(axis="y", color="#dddddd", linewidth=0.6)
