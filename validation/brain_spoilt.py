"""Brain masks where the field of view ends within the head or the face is gone: `python -m validation.brain_spoilt`.

Made of older adults' whole-head scans, so that the truth within what is left is known. The networks know these heads;
`--model` takes a state of the fit that does not.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from angiolith.brain.network import BrainModel, read_brain_model
from angiolith.brain.segment import segment_brain
from angiolith.core.images import Image, canonical, read_image
from angiolith.core.settings.brain import BrainSettings
from validation.brain import HELD_OUT, Case, cases, regions_on, scan_arguments
from validation.compare import markdown
from validation.small_vessel import dice

SLAB_MM = 60.0
FACE_SLOPE = 1.0  # the plane through the brow falls so many mm to the front for each mm of height
FACE_MARGIN_MM = 8.0


def spoilt(image: Image, brain: np.ndarray) -> dict[str, tuple[Image, np.ndarray]]:
    """What is done -> the image and the true brain within it (axes to the right, the front and up)."""
    rows = np.flatnonzero(brain.any(axis=(0, 1)))
    low, high = int(rows[0]), int(rows[-1]) + 1
    height, middle = high - low, (low + high) // 2
    half = round(SLAB_MM / 2 / image.voxel_mm[2])
    parts = {
        "upper third missing": slice(0, high - height // 3),
        "lower third missing": slice(low + height // 3, None),
        f"slab of {SLAB_MM:.0f} mm": slice(middle - half, middle + half),
    }
    found = {name: (_part(image, part), brain[:, :, part]) for name, part in parts.items()}
    front = int(np.flatnonzero(brain.any(axis=(0, 2)))[-1])
    y, z = np.mgrid[0 : brain.shape[1], 0 : brain.shape[2]]
    beyond_mm = (y - front) * image.voxel_mm[1] + FACE_MARGIN_MM
    face = beyond_mm > FACE_SLOPE * (z - low - 0.3 * height) * image.voxel_mm[2]
    found["face removed"] = (image.with_data(np.where(face[None] & ~brain, np.float32(0), image.data)), brain)
    return found


def _part(image: Image, part: slice) -> Image:
    affine = image.affine.copy()
    affine[:3, 3] += affine[:3, 2] * (part.start or 0)
    return Image(image.data[:, :, part], affine)


def rows_of(case: Case, model: BrainModel) -> list[dict[str, float | str]]:
    """One row for each thing that is done to a scan."""
    stored = read_image(case.path)
    image = canonical(stored)
    brain = canonical(stored.with_data(regions_on(case).astype(np.float32))).data > 0
    rows: list[dict[str, float | str]] = []
    for name, (changed, truth) in spoilt(image, brain).items():
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
