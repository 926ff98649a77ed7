"""Thick FLAIR slices with drawn ventricles, made ready for `training.fit_slices`.

    python -m training.slice_scans --real FOLDER --model resources/brain_model --out FOLDER

Every scan of the folder `ms_thick_slices` becomes one file of `grey`, `truth` and `likely`: what the two networks of
the head say of it and of its mirror image, also earlier ones (--model may be given more than once), so that the fit
sees how much this varies.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from angiolith.brain.network import BrainModel, probabilities, read_brain_model
from angiolith.brain.shown import GREY_RANGE
from angiolith.brain.ventricles import MARGIN, fluid_and_tissue, probabilities_in
from angiolith.core.images import Image, bounding_box, canonical, read_image


def said(image: Image, models: Sequence[BrainModel]) -> np.ndarray:
    """Probabilities (twice as many as networks, 7, x, y, z) on the image's own grid: of it and of its mirror image."""
    whole = tuple(slice(0, n) for n in image.data.shape)
    turned = image.with_data(np.ascontiguousarray(image.data[::-1]))
    found = []
    for model in models:
        found.append(probabilities_in(image, probabilities(image, False, model), whole))
        found.append(probabilities_in(turned, probabilities(turned, False, model), whole)[:, ::-1])
    return np.stack(found)


def made_ready(image: Image, truth: np.ndarray, likely: np.ndarray) -> dict[str, np.ndarray]:
    """Grey values, truth and probabilities in the box of the brain."""
    brain = likely[0, 0] < 0.5
    levels = fluid_and_tissue(image.data, likely[0], brain, image.voxel_mm)
    if levels is None:
        raise ValueError("fluid and tissue do not differ")
    fluid, level = levels
    box = bounding_box(brain, MARGIN)
    grey = np.clip((image.data[box] - level) / (level - fluid), *GREY_RANGE).astype(np.float32)
    parts = likely[(slice(None), slice(None), *box)].astype(np.float16)
    return {"grey": grey, "truth": truth[box], "likely": parts}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", type=Path, required=True)
    parser.add_argument("--model", type=Path, action="append", required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    models = [read_brain_model(folder) for folder in arguments.model]
    for path in sorted(arguments.real.glob("*_FLAIR.nii.gz")):
        image = canonical(read_image(path))
        drawn = path.with_name(path.name.replace("_FLAIR", "_desc-ventricles_mask"))
        truth = canonical(read_image(drawn)).data > 0
        name = path.name.split("_")[0].replace("sub", "thick")
        np.savez(arguments.out / f"{name}.npz", **made_ready(image, truth, said(image, models)))
        print(name, flush=True)


if __name__ == "__main__":
    main()
