"""Scans for the WMH network, made ready once and kept: real ones with masks, and digital heads.

    python -m training.wmh_scans --real /path/to/real --out FOLDER --digital 40

Each file holds the working slices (angiolith.small_vessel.wmh.working), the truth as fraction of each pixel, the normal
rim where it was drawn, and the step between slices.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from nibabel.orientations import apply_orientation

from angiolith.brain.network import BrainModel, read_brain_model
from angiolith.brain.segment import segment_brain
from angiolith.core.images import Image, is_same_grid, read_image, resample, to_sitk
from angiolith.core.settings.brain import BrainSettings
from angiolith.core.settings.wmh import WmhSegmentSettings
from angiolith.small_vessel.tissues import TissueError
from angiolith.small_vessel.wmh.working import Working, make_working, plane
from training.brain_labels import register_rigid
from training.flairs import draw_head, draw_scan

SEED = 11
SCANS_PER_HEAD = 2
OLDER = [f"older_adults/sub-{n:02d}" for n in range(1, 13)]
THICK = [f"ms_thick_slices/sub-{n:02d}" for n in range(1, 4)]
LOW_LOAD = [f"low_load/sub-{n:02d}" for n in range(1, 5)]  # measured on, never fitted on
PATIENTS = ("ms_patient07", "ms_patient26")


def real_cases(root: Path) -> list[tuple[str, Path, Path, Path | None]]:
    """Name, FLAIR, truth and normal rim of every real scan that may be trained on."""
    cases: list[tuple[str, Path, Path, Path | None]] = []
    for stem in OLDER:
        name = stem.replace("/", "_")
        cases.append(
            (name, root / f"{stem}_FLAIR.nii.gz", root / f"{stem}_space-FLAIR_desc-silverwmh_mask.nii.gz", None)
        )
    for stem in THICK:
        truth, rim = (root / f"{stem}_desc-{kind}_mask.nii.gz" for kind in ("lesions", "normalrim"))
        cases.append((stem.replace("/", "_"), root / f"{stem}_FLAIR.nii.gz", truth, rim))
    for name in PATIENTS:
        cases.append((name, root / name / "FLAIR.nii.gz", root / name / "lesions_consensus.nii.gz", None))
    return cases


def others_of(flair: Path, grid: Image) -> dict[str, Image]:
    """T1w and T2w that lie beside a FLAIR, on its grid; moved rigidly where theirs is another."""
    found = {}
    for name, endings in (("T1w", ("T1w", "T1")), ("T2w", ("T2w", "T2"))):
        paths = [flair.with_name(flair.name.replace("FLAIR", ending)) for ending in endings]
        path = next((path for path in paths if path.is_file()), None)
        if path is None:
            continue
        image = read_image(path)
        if not is_same_grid(image, grid):
            to_flair = register_rigid(to_sitk(image), to_sitk(grid), SEED).GetInverse()
            image = resample(image, grid, to_flair)
        found[name] = image
    return found


def ready(flair: Image, model: BrainModel, others: dict[str, Image] | None = None) -> Working:
    """The working slices of a FLAIR, by the brain network and the workflow's settings."""
    found = segment_brain(flair, False, model, BrainSettings())
    if not found.brain.any():
        raise TissueError(found.reason or "no brain")
    settings = WmhSegmentSettings()
    return make_working(flair, found.brain, found.tissues, settings.bias_voxel_mm, settings.bias_iterations, others)


def on_working(mask: np.ndarray, working: Working) -> np.ndarray:
    """A mask on the image's grid as fraction of every working pixel (uint8, 0-255)."""
    oriented = apply_orientation(mask[working.box].astype(np.float32), working.orientation)
    return np.round(255 * plane(oriented, working.scale, working.flair.shape)).astype(np.uint8)


def keep(path: Path, working: Working, truth: np.ndarray, rim: np.ndarray | None) -> None:
    """Write one scan."""
    arrays = {"truth": on_working(truth, working), "brain": working.brain}
    arrays["rim"] = np.zeros_like(arrays["truth"]) if rim is None else on_working(rim, working)
    np.savez(
        path,
        flair=working.flair.astype(np.float16),
        maps=working.maps.astype(np.float16),
        others=working.others.astype(np.float16),
        step_mm=working.step_mm,
        **arrays,
    )
    print(path.name, working.flair.shape, round(working.step_mm, 2), [round(v, 2) for v in working.levels], flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--digital", type=int, default=40)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    model = read_brain_model(Path("resources/brain_model"))
    for name, flair, truth, rim in real_cases(arguments.real):
        path = arguments.out / f"{name}.npz"
        if not path.exists():
            grid = read_image(flair)
            working = ready(grid, model, others_of(flair, grid))
            keep(path, working, read_image(truth).data > 0.5, None if rim is None else read_image(rim).data > 0.5)
    for number in range(0, arguments.digital, SCANS_PER_HEAD):
        paths = [arguments.out / f"digital_{number + k:03d}.npz" for k in range(SCANS_PER_HEAD)]
        if all(path.exists() for path in paths):
            continue
        rng = np.random.default_rng([SEED, number])
        head = draw_head(rng)
        for path in paths:
            scan = draw_scan(rng, head)
            try:
                keep(path, ready(scan.flair, model), scan.truth, None)
            except TissueError as problem:
                print(f"{path.name}: left out: {problem}", flush=True)


if __name__ == "__main__":
    main()
