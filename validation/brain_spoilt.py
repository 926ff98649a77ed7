"""Brain masks on what the real scans at hand do not show: `python -m validation.brain_spoilt`.

Cut fields of view, a removed face, slabs as vessel-wall MRI takes them, a T2* and a minimum-intensity projection as SWI
shows it, a large infarct and a tumour with oedema and mass effect. All are made of older adults' whole-head scans, so
that the truth within what is left is known. The networks know these heads; `--model` takes a state of the fit that does
not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from scipy import ndimage

from angiolith.brain.network import BrainModel, read_brain_model
from angiolith.brain.segment import segment_brain
from angiolith.core.images import Image, canonical, read_image
from angiolith.core.settings.brain import BrainSettings
from training.brain_labels import LABELS, N_OUTSIDE, brain_labels, outside_labels
from validation.brain import HELD_OUT, Case, cases, regions_on, scan_arguments
from validation.compare import markdown
from validation.small_vessel import dice

Made = tuple[Image, np.ndarray]

SLAB_MM = 60.0
WALL_SLAB_MM = 40.0  # what vessel-wall MRI of the circle of Willis covers, axial or coronal
WALL_HEIGHT = 0.3  # of the brain's height: where the circle lies
FACE_SLOPE = 1.0  # the plane through the brow falls so many mm to the front for each mm of height
FACE_MARGIN_MM = 8.0
T2_STAR = {  # grey levels, fluid 1
    **dict.fromkeys(("cortex", "hippocampus_amygdala", "cerebellar_cortex", "thalamus"), 0.72),
    **dict.fromkeys(("white", "cerebellar_white", "brainstem", "ventral_diencephalon"), 0.62),
    **{"caudate": 0.65, "putamen": 0.55, "pallidum": 0.35, "csf": 1.0, "ventricles": 1.0, "skull_dark": 0.05},
    "skull_bright": 0.25,
}
OUTSIDE_T2_STAR = (0.1, 0.25, 0.35, 0.4, 0.45, 0.5)
NOISE = 0.03
DROPOUT_MM = 14.0  # reach of the signal loss above the sphenoid sinus and the petrous bones
SLICE_MM = 4.0
PROJECTED_MM = 8.0
INFARCT_MM = (35.0, 45.0, 40.0)  # half axes: much of the middle cerebral artery's territory
TUMOUR_MM, OEDEMA_MM, PUSH_MM = 20.0, 38.0, 8.0


def cut(image: Image, brain: np.ndarray) -> Iterator[tuple[str, Made]]:
    """Fields of view that end within the head, and a head without a face."""
    rows = np.flatnonzero(brain.any(axis=(0, 1)))
    low, high = int(rows[0]), int(rows[-1]) + 1
    height, middle = high - low, (low + high) // 2
    half = round(SLAB_MM / 2 / image.voxel_mm[2])
    yield "upper third missing", _part(image, brain, 2, slice(0, high - height // 3))
    yield "lower third missing", _part(image, brain, 2, slice(low + height // 3, None))
    yield f"slab of {SLAB_MM:.0f} mm", _part(image, brain, 2, slice(middle - half, middle + half))
    at, half = low + round(WALL_HEIGHT * height), round(WALL_SLAB_MM / 2 / image.voxel_mm[2])
    yield f"axial slab of {WALL_SLAB_MM:.0f} mm, circle of Willis", _part(image, brain, 2, slice(at - half, at + half))
    columns = np.flatnonzero(brain.any(axis=(0, 2)))
    at = int(columns[0] + 0.6 * (columns[-1] - columns[0]))
    yield f"coronal slab of {WALL_SLAB_MM:.0f} mm", _part(image, brain, 1, slice(at - half, at + half))
    front = int(columns[-1])
    y, z = np.mgrid[0 : brain.shape[1], 0 : brain.shape[2]]
    beyond_mm = (y - front) * image.voxel_mm[1] + FACE_MARGIN_MM
    face = beyond_mm > FACE_SLOPE * (z - low - 0.3 * height) * image.voxel_mm[2]
    yield "face removed", (image.with_data(np.where(face[None] & ~brain, np.float32(0), image.data)), brain)


def lesions(image: Image, brain: np.ndarray, bright: bool) -> Iterator[tuple[str, Made]]:
    """A large infarct, and a tumour with a rim, oedema and mass effect, on the left. bright: as on FLAIR and T2w."""
    level = float(np.median(image.data[brain]))
    where = np.argwhere(brain)
    low, high = where.min(axis=0), where.max(axis=0)
    middle = low + np.array([0.25, 0.5, 0.55]) * (high - low)
    grid = np.stack(np.meshgrid(*(np.arange(n, dtype=np.float32) for n in brain.shape), indexing="ij"))
    away = (grid - middle.astype(np.float32)[:, None, None, None]) * image.voxel_mm[:, None, None, None]
    ellipse = np.sqrt(((away / np.array(INFARCT_MM)[:, None, None, None]) ** 2).sum(axis=0))
    part = brain / (1 + np.exp((ellipse - 1) / 0.04))
    change = np.where(part > 0, part * ((1.7 if bright else 0.45) * level - image.data), 0)
    yield "large infarct", (image.with_data((image.data + change).astype(np.float32)), brain)
    radius = np.sqrt((away**2).sum(axis=0))
    depth = ndimage.distance_transform_edt(brain, sampling=image.voxel_mm)
    push = PUSH_MM * np.exp(-(((radius - TUMOUR_MM) / 25) ** 2)) * np.clip(depth / 15, 0, 1)
    points = grid - push * away / np.maximum(radius, 1) / image.voxel_mm[:, None, None, None]
    moved = ndimage.map_coordinates(image.data, points, order=1, mode="nearest")
    oedema = brain * np.clip((OEDEMA_MM - radius) / 6, 0, 1)
    moved += oedema * ((1.5 if bright else 0.6) * level - moved)
    moved = np.where(brain & (radius < TUMOUR_MM), (0.9 if bright else 0.35) * level, moved)
    rim = brain & (np.abs(radius - TUMOUR_MM) < 3)
    moved = np.where(rim, (1.3 if bright else 1.8) * level, moved)
    yield "tumour, 40 mm, with oedema", (image.with_data(moved.astype(np.float32)), brain)


def susceptibility(image: Image, brain: np.ndarray, regions: np.ndarray) -> Iterator[tuple[str, Made]]:
    """A T2* of the head's regions (grey levels outside by the T1w's), its slices thick, and its lowest levels' map."""
    label = np.where(brain, brain_labels(regions), outside_labels(image.data, brain, float(image.voxel_mm[0])))
    table = np.zeros(256, np.float32)
    for name, value in T2_STAR.items():
        table[LABELS[name]] = value
    table[LABELS["outside_first"] : LABELS["outside_first"] + N_OUTSIDE] = OUTSIDE_T2_STAR
    table[LABELS["wmh"]] = 0.7
    random = np.random.default_rng(1)
    data = ndimage.gaussian_filter(table[label], 0.5)
    data += NOISE * random.standard_normal(data.shape, dtype=np.float32)
    where = np.argwhere(brain)
    low, size = where.min(axis=0), np.ptp(where, axis=0)
    for place in ((0.5, 0.75, 0.2), (0.2, 0.5, 0.15), (0.8, 0.5, 0.15)):
        at = low + np.array(place) * size
        grid = np.stack(np.meshgrid(*(np.arange(n, dtype=np.float32) for n in brain.shape), indexing="ij"))
        distance = (((grid - at[:, None, None, None]) * image.voxel_mm[:, None, None, None]) ** 2).sum(axis=0)
        data *= 1 - np.exp(-0.5 * distance / DROPOUT_MM**2)
    data = np.abs(data).astype(np.float32)
    step = round(SLICE_MM / image.voxel_mm[2])
    count = data.shape[2] // step
    thick = data[:, :, : count * step].reshape(*data.shape[:2], count, step).mean(axis=3)
    scale = np.diag([1.0, 1.0, float(step), 1.0])
    scale[2, 3] = (step - 1) / 2
    truth = brain[:, :, : count * step].reshape(*brain.shape[:2], count, step).mean(axis=3) > 0.5
    yield f"T2*, slices of {SLICE_MM:.0f} mm", (Image(thick, image.affine @ scale), truth)
    lowest = ndimage.minimum_filter1d(data, round(PROJECTED_MM / image.voxel_mm[2]), axis=2)
    yield f"minimum projection of {PROJECTED_MM:.0f} mm", (image.with_data(lowest), brain)


def _part(image: Image, brain: np.ndarray, axis: int, part: slice) -> Made:
    box = tuple(part if k == axis else slice(None) for k in range(3))
    affine = image.affine.copy()
    affine[:3, 3] += affine[:3, axis] * (part.start or 0)
    return Image(image.data[box], affine), brain[box]


def rows_of(case: Case, model: BrainModel) -> list[dict[str, float | str]]:
    """One row for each thing that is done to a scan."""
    stored = read_image(case.path)
    image = canonical(stored)
    regions = canonical(stored.with_data(regions_on(case).astype(np.float32))).data.astype(int)
    brain = regions > 0
    flair = "FLAIR" in case.name
    makers: list[Callable[[], Iterator[tuple[str, Made]]]] = [
        lambda: cut(image, brain),
        lambda: lesions(image, brain, flair),
    ]
    if not flair:
        makers.append(lambda: susceptibility(image, brain, regions))
    rows: list[dict[str, float | str]] = []
    for name, (changed, truth) in (made for maker in makers for made in maker()):
        result = segment_brain(changed, False, model, BrainSettings())
        rows.append(
            {
                "scan": case.name,
                "what": name,
                "status": result.status,
                "brain Dice": dice(result.brain, truth),
                "volume error": float(result.brain.sum() / truth.sum() - 1),
                "reason": result.reason or "",
            }
        )
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    arguments = scan_arguments(__doc__, HELD_OUT).parse_args()
    model = read_brain_model(arguments.model)
    scans = [case for case in cases(arguments.real, tuple(arguments.older), None) if case.regions]
    table = pd.DataFrame([row for case in scans for row in rows_of(case, model)]).sort_values("brain Dice")
    text = markdown(table)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
