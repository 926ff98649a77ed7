"""Fit an atlas centreline to the subject's CT: where in each cross-section does an artery of this radius lie?

Without contrast an artery is a disc of blood (about 45 HU) in CSF (about 8 HU), in fat, or in a canal of bone; it holds
no air, bone only surrounds it, and calcium fills at most a part of it. Each cross-section votes for every offset from
the atlas; the smoothest sequence of good offsets wins (dynamic programming, Viterbi), held near the atlas by the
uncertainty of its position.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import ndimage
from scipy.signal import fftconvolve

from scripts.lib.arteries.centrelines import STEP_MM, Centreline
from scripts.lib.images import Image

PIXEL_MM = 0.5  # of the sampled cross-sections, and step of the offsets
PLANE_STEP = 3  # every third point of the centreline has a cross-section
SOFT_HU = (-20.0, 100.0)
RING_GAP_MM, RING_MM = 0.5, 2.0  # the tissue around the vessel, to which its blood is compared
CONTRAST_HU = 25.0  # a disc this much above its ring is surely a vessel
CANAL_MM = (0.4, 1.5)  # where the wall of a bony canal lies, outside the lumen
DENSE_SHARE_MAX = 0.5  # calcium may fill this much of the lumen before more of it costs more: it must not push it away
BEND_MM = 0.5  # change of offset from one cross-section to the next that costs as much as one sd of position
CONTRAST_WEIGHT, CANAL_WEIGHT, DENSE_WEIGHT, EMPTY_WEIGHT = 6.0, 6.0, 8.0, 6.0


def refine(ct: Image, line: Centreline, settings: Mapping[str, Any], hu_min: float) -> Centreline:
    """The centreline moved onto the artery that the CT shows; its uncertainty becomes `refined_sd_mm` at most.

    ct: HU on its native grid; line: in the CT's space; settings: section `arteries`; hu_min: what is calcium or bone.
    A line that lies outside the image comes back as it is.
    """
    planes = np.unique(np.append(np.arange(0, len(line.points), PLANE_STEP), len(line.points) - 1))
    reach = int(np.ceil(2 * line.sd_mm.max() / PIXEL_MM))
    offsets = np.arange(-reach, reach + 1) * PIXEL_MM
    patches, inside = _patches(ct, line, planes, reach)
    if not inside.any():
        return line
    cost = (
        np.stack([_cost(patch, line.radius_mm[at], reach, hu_min) for patch, at in zip(patches, planes, strict=True)])
        * inside[:, None, None]
    )
    square = offsets[:, None] ** 2 + offsets[None] ** 2
    cost += square[None] / (2 * line.sd_mm[planes, None, None] ** 2)
    path = _smoothest(cost, BEND_MM / PIXEL_MM)
    moved = ndimage.gaussian_filter1d(offsets[path], 1.0, axis=0, mode="nearest")
    along = line.arc_mm
    first, second = line.frames()
    u = np.interp(along, along[planes], moved[:, 0])
    v = np.interp(along, along[planes], moved[:, 1])
    points = line.points + first * u[:, None] + second * v[:, None]
    sd = np.minimum(line.sd_mm, float(settings["refined_sd_mm"]))
    return replace(line, sd_mm=sd).moved(ndimage.gaussian_filter1d(points, 1.0 / STEP_MM, axis=0, mode="nearest"))


def _patches(ct: Image, line: Centreline, planes: np.ndarray, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """HU (planes, n, n) of the cross-sections, wide enough for all offsets and rings; whether each is in the image."""
    half = reach + int(np.ceil((line.radius_mm.max() + RING_GAP_MM + RING_MM) / PIXEL_MM))
    at = np.arange(-half, half + 1) * PIXEL_MM
    first, second = (normals[planes] for normals in line.frames())
    points = (
        line.points[planes][:, None, None]
        + first[:, None, None] * at[None, :, None, None]
        + second[:, None, None] * at[None, None, :, None]
    )
    inverse = np.linalg.inv(ct.affine)
    index = np.moveaxis(points @ inverse[:3, :3].T + inverse[:3, 3], -1, 0)
    centre = index[:, :, half, half]
    inside = ((centre >= 0) & (centre <= np.array(ct.data.shape)[:, None] - 1)).all(axis=0)
    return ndimage.map_coordinates(ct.data, index, order=1, mode="nearest"), np.asarray(inside)


def _cost(patch: np.ndarray, radius_mm: float, reach: int, hu_min: float) -> np.ndarray:
    """Cost (2 reach + 1, 2 reach + 1) of a vessel of this radius at every offset within one cross-section."""
    size = int(np.ceil((radius_mm + RING_GAP_MM + RING_MM) / PIXEL_MM))
    axis = np.arange(-size, size + 1) * PIXEL_MM
    distance = np.hypot(axis[:, None], axis[None])
    disc = distance <= max(radius_mm, PIXEL_MM)
    ring = (distance > radius_mm + RING_GAP_MM) & (distance <= radius_mm + RING_GAP_MM + RING_MM)
    canal = (distance > radius_mm + CANAL_MM[0]) & (distance <= radius_mm + CANAL_MM[1])
    dense, empty = patch >= hu_min, patch < SOFT_HU[0]
    soft = ~ndimage.binary_dilation(dense | empty)  # one pixel off: the blur of bone and air is no tissue
    hu = np.where(soft, np.clip(patch, *SOFT_HU), 0)

    def over(values: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        found = fftconvolve(values.astype(float), kernel.astype(float), mode="same")
        middle = len(patch) // 2
        return found[middle - reach : middle + reach + 1, middle - reach : middle + reach + 1]

    inner, outer = over(soft, disc), over(soft, ring)
    contrast = over(hu, disc) / np.maximum(inner, 1) - over(hu, ring) / np.maximum(outer, 1)
    # a ring that is mostly bone or air says nothing about contrast
    seen = np.clip(2 * outer / ring.sum(), 0, 1) * np.clip(2 * inner / disc.sum(), 0, 1)
    return (
        -CONTRAST_WEIGHT * seen * np.clip(contrast / CONTRAST_HU, -1, 1)
        - CANAL_WEIGHT * over(dense, canal) / canal.sum()
        + DENSE_WEIGHT * np.minimum(over(dense, disc) / disc.sum(), DENSE_SHARE_MAX)
        + EMPTY_WEIGHT * over(empty, disc) / disc.sum()
    )


def _smoothest(cost: np.ndarray, bend: float) -> np.ndarray:
    """Indices (planes, 2) of the cheapest path; a step of `bend` pixels between planes costs 1/2."""
    count, size = cost.shape[:2]
    index = np.arange(size)
    step = (index[:, None] - index[None]) ** 2 / (2 * bend**2)
    total = cost[0]
    came: list[tuple[np.ndarray, np.ndarray]] = []
    for plane in range(1, count):
        # the squared distance separates: first the best row for each column, then the best column
        by_row = total[:, None, :] + step[:, :, None]
        row = by_row.argmin(axis=0)
        best = np.take_along_axis(by_row, row[None], 0)[0]
        by_column = best[:, :, None] + step[None]
        column = by_column.argmin(axis=1)
        total = np.take_along_axis(by_column, column[:, None], 1)[:, 0] + cost[plane]
        came.append((row, column))
    at = np.unravel_index(int(total.argmin()), total.shape)
    path = [at]
    for row, column in reversed(came):
        j = column[at]
        at = (row[at[0], j], j)
        path.append(at)
    return np.array(path[::-1], int)
