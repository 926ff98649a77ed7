"""CTs on which calcium looks like something else: metal, noise, contrast, blur."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import ndimage

from angiolith import Image
from angiolith.api import segment_calcification
from angiolith.core.tables import join_reasons, worst_status
from tests.hostile.case import FAILED, REVIEW, TAKEN, Answer, Case

# [mm] Voxels of the CT. Source: definition.
VOXEL_MM = (0.6, 0.6, 0.8)
SHAPE = (64, 64, 36)
RADIUS_MM = 1.5  # of the artery, along the third axis
PSF_MM = 0.5  # standard deviation


def ct_and_artery(
    change: Callable[[np.ndarray, np.ndarray], np.ndarray], lumen_hu: float = 40, noise_hu: float = 5
) -> tuple[Image, Image]:
    """Brain with a middle cerebral artery, and its mask. change: (HU, points (i, j, k, 3) in mm) -> HU, before blur."""
    index = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), -1)
    points = (index - (np.array(SHAPE) - 1) / 2) * VOXEL_MM
    lumen = np.hypot(points[..., 0], points[..., 1]) <= RADIUS_MM
    hu = ndimage.gaussian_filter(change(np.where(lumen, lumen_hu, 35.0), points), PSF_MM / np.array(VOXEL_MM))
    noise = np.random.default_rng(0).normal(0, 1, SHAPE)
    if noise_hu > 10:  # a sharp kernel's noise is correlated
        noise = ndimage.gaussian_filter(noise, 0.35 / np.array(VOXEL_MM))
    data = hu + noise * (noise_hu / noise.std())
    affine = np.diag([*VOXEL_MM, 1.0])
    return Image(data.astype(np.float32), affine), Image(lumen.astype(np.uint8), affine)


def rod(points: np.ndarray, axis: int, length_mm: float, radius_mm: float) -> np.ndarray:
    across = np.delete(points, axis, axis=-1)
    return (np.abs(points[..., axis]) <= length_mm / 2) & (np.linalg.norm(across, axis=-1) <= radius_mm)


def metal(shape: Callable[[np.ndarray], np.ndarray], hu: float) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    return lambda data, points: np.where(shape(points), hu, data)


def measured(
    change: Callable[[np.ndarray, np.ndarray], np.ndarray] = lambda data, points: data,
    stored: Callable[[np.ndarray], np.ndarray] = lambda data: data,
    **scan: float,
) -> Callable[[Path], Answer]:
    """The status and reason of the patient's row, or that of the CT where nothing was measured."""

    def make(_: Path) -> Answer:
        ct, artery = ct_and_artery(change, **scan)
        found = segment_calcification(ct.with_data(stored(ct.data)), artery, {1: "R-MCA"})
        if not found.patient:
            return Answer(FAILED, found.reason)
        artery_row = found.arteries.set_index(["artery", "side"]).loc["MCA", "R"]
        status = worst_status(artery_row["status"], found.status)
        volume = "n/a" if np.isnan(artery_row["volume_mm3"]) else f"{artery_row['volume_mm3']:.0f} mm3"
        reason = join_reasons(artery_row["reason"], found.reason) or "nothing was reported"
        return Answer({"ok": TAKEN, "review": REVIEW, "failed": FAILED}[status], f"R-MCA {volume}: {reason}")

    return make


def clipped(data: np.ndarray) -> np.ndarray:
    return np.minimum(data, 3071)


def wrapped(data: np.ndarray) -> np.ndarray:
    return ((np.round(data) + 1024) % 4096 - 1024).astype(np.float32)


SMALL_CLIP = metal(lambda p: rod(p, 0, 5, 0.8), 18000)
LARGE_CLIP = metal(lambda p: rod(p, 0, 12, 2.0), 12000)
COIL = metal(lambda p: np.linalg.norm(p, axis=-1) <= 4, 19000)
STENT = metal(lambda p: rod(p, 2, 16, 1.9) & ~rod(p, 2, 17, 1.5), 9000)
ELECTRODE = metal(lambda p: rod(p, 2, 24, 0.7), 30000)
BESIDE = metal(lambda p: rod(p - np.array([-12.0, 8.0, 0]), 2, 6, 1.5), 25000)
DENSE = metal(lambda p: np.linalg.norm(p - np.array([1.6, 0, 0]), axis=-1) <= 1.4, 2900)
DOT = metal(lambda p: np.linalg.norm(p - np.array([1.6, 0, 0]), axis=-1) <= 0.6, 2300)

CASES: tuple[Case, ...] = (
    Case("a small clip at an artery (8,900 HU)", FAILED, "metal", measured(SMALL_CLIP)),
    Case("a large clip, clipped at 3071 HU", FAILED, "metal", measured(LARGE_CLIP, clipped)),
    Case("a large clip, begun again at -1024 HU (12 bits)", FAILED, "metal", measured(LARGE_CLIP, wrapped)),
    Case("a coil", FAILED, "metal", measured(COIL, clipped)),
    Case("a stent", FAILED, "metal", measured(STENT, clipped)),
    Case("an electrode", FAILED, "metal", measured(ELECTRODE, clipped)),
    Case("a filling in the slices of an artery, 14 mm off", FAILED, "metal", measured(BESIDE, clipped)),
    Case("a calcification denser than bone", REVIEW, "calcium or metal", measured(DENSE)),
    Case("noise of 50 HU (a sharp kernel)", FAILED, "noise alone passes it", measured(noise_hu=55)),
    Case("noise of 22 HU (a kernel for bone edges)", REVIEW, "may be noise", measured(noise_hu=24)),
    Case("a contrast-enhanced CT", FAILED, "contrast-enhanced", measured(lumen_hu=300)),
    Case(
        "a contrast-enhanced CT with noise of 20 HU", FAILED, "contrast-enhanced", measured(lumen_hu=300, noise_hu=20)
    ),
    Case("a dot of calcium no larger than the scanner's blur", REVIEW, "not measured", measured(DOT)),
)
