"""Real whole-head FLAIRs of thick slices, ventricles drawn by hand, as heads for `training.brain_warps`.

    python -m training.thick_heads FOLDER OUT --model resources/brain_model --subjects sub-01 sub-03

Every scan of the folder `ms_thick_slices` becomes one `.npz` on the networks' field (2 mm): `label`, `flair` and an
empty `t1w`. Ventricles are the readers'; every other class is what earlier networks say where the readers saw no
ventricle. What the field of view leaves out is to be ignored.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from angiolith.brain import network
from angiolith.brain.network import CLASSES, BrainModel, probabilities, read_brain_model
from angiolith.core.images import Image, read_image, resample
from angiolith.registration.head import shrink
from training.brain_labels import LABELS
from training.brain_sampler import IGNORE

LABEL_OF = ("air", "cortex", "white", "csf", "ventricles", "thalamus", "cerebellar_white")  # of CLASSES
VENTRICLES = CLASSES.index("ventricles")
TOP_PERCENTILE = 99.8


def make_head(image: Image, drawn: np.ndarray, model: BrainModel) -> dict[str, np.ndarray]:
    """Label, T1w (nothing) and FLAIR (uint8, 128^3) of a scan whose ventricles are drawn."""
    said = probabilities(image, False, model)
    affine = np.diag([network.VOXEL_MM] * 3 + [1.0])
    middle = said.affine[:3, 3] + network.VOXEL_MM * (np.array(said.data.shape[1:]) - 1) / 2
    affine[:3, 3] = middle - network.VOXEL_MM * (network.EDGE - 1) / 2
    field = Image(np.zeros((network.EDGE,) * 3, np.float32), affine)

    def on_field(data: np.ndarray, source: Image) -> np.ndarray:
        return np.asarray(resample(source.with_data(data.astype(np.float32)), field).data)

    classes = np.stack([on_field(said.data[k] + 1e-3, Image(said.data[k], said.affine)) for k in range(len(CLASSES))])
    classes[0] += classes.sum(axis=0) == 0
    classes[VENTRICLES] = 0
    label = np.array([LABELS[name] for name in LABEL_OF], np.uint8)[classes.argmax(axis=0)]
    label[on_field(drawn, image) > 0.5] = LABELS["ventricles"]
    label[on_field(np.ones(image.data.shape), image) < 0.5] = IGNORE
    small = shrink(image, network.VOXEL_MM)
    flair = on_field(small.data, small)
    top = np.percentile(flair[flair > 0], TOP_PERCENTILE)
    grey = (np.clip(flair / top, 0, 1) * 255).astype(np.uint8)
    return {"label": label, "t1w": np.zeros_like(grey), "flair": grey}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--subjects", nargs="+", required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    model = read_brain_model(arguments.model)
    for subject in arguments.subjects:
        image = read_image(arguments.folder / f"{subject}_FLAIR.nii.gz")
        drawn = read_image(arguments.folder / f"{subject}_desc-ventricles_mask.nii.gz").data > 0
        np.savez_compressed(arguments.out / f"thick-{subject[-2:]}.npz", **make_head(image, drawn, model))
        print(subject, flush=True)


if __name__ == "__main__":
    main()
