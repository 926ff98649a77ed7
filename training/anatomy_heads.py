"""Real heads beside MNI152 for the phantoms' model of anatomy: tissue of each head, registered by its labels.

Every head of the folder `older_adults` becomes one `.npz` (see `Registered`). The registration sees labels only: grey
matter, white matter, ventricles and the intracranial volume of both brains, never the contrast of an image.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import ants
import nibabel as nib
import numpy as np
from scipy import ndimage

from phantoms.anatomy import mni_grid, standard_head
from phantoms.geometry import Grid
from phantoms.shape_model import on_grid
from training.brain_labels import LABELS, brain_labels

Array = np.ndarray

FIT_FIRST_MM = (-92, -131, -74)  # corner and shape of the fit's grid: the brain of MNI152 and some room, every 2 mm
FIT_SHAPE = (93, 112, 84)
FIT_MM = 2.0
SMOOTH_VOXELS = 0.6  # label maps of 2 mm, before they are interpolated
GREY = ("cortex", "thalamus", "caudate", "putamen", "pallidum", "hippocampus_amygdala", "cerebellar_cortex")
WHITE = ("white", "cerebellar_white", "brainstem", "ventral_diencephalon", "wmh")
REGISTER_MM = 3.0
SYN_ITERATIONS = (60, 50, 20)
CHANNEL_WEIGHT = 1.0
LEVELS = {"csf": 1.0, "grey": 2.0, "white": 3.0}  # of the composite image: fluid, grey, white


@dataclass(frozen=True)
class Registered:
    """One head in the frame of MNI152 (all arrays on the fit's grid; positions are RAS mm).

    affine: 4x4, MNI152 -> the head's world. field: (3, ...) mm, from a place of the head, brought to MNI152 by the
    affine, to its place in MNI152. linear: (4, ...) grey, white, ventricle and intracranial shares after the affine
    alone. warped: the same shares in MNI152.
    """

    affine: Array
    field: Array
    linear: Array
    warped: Array


def fit_grid() -> Grid:
    """The grid on which heads are compared, in MNI152."""
    affine = np.diag([FIT_MM, FIT_MM, FIT_MM, 1.0])
    affine[:3, 3] = FIT_FIRST_MM
    return Grid(FIT_SHAPE, affine)


@lru_cache(maxsize=1)
def template_shares() -> Array:
    """(4, ...) grey, white, ventricle and intracranial shares of MNI152 on the fit's grid."""
    head = standard_head()
    start = np.subtract(FIT_FIRST_MM, mni_grid().affine[:3, 3]).astype(int)
    parts = (head.grey, head.white, head.ventricle, (head.intracranial < 0).astype(np.float32))
    box = tuple(slice(s, s + int(FIT_MM) * n, int(FIT_MM)) for s, n in zip(start, FIT_SHAPE, strict=True))
    return np.stack([ndimage.gaussian_filter(part, 0.8)[box] for part in parts])


def coarser(grid: Grid, edge_mm: float) -> Grid:
    """A grid of larger voxels over the same part of space."""
    shape = tuple(int(np.ceil((n - 1) * size / edge_mm)) + 1 for n, size in zip(grid.shape, grid.voxel_mm, strict=True))
    affine = np.diag([edge_mm, edge_mm, edge_mm, 1.0])
    affine[:3, 3] = grid.affine[:3, 3]
    return Grid((shape[0], shape[1], shape[2]), affine)


def reduced(volume: Array, source: Grid, target: Grid) -> Array:
    """A volume on a coarser grid, smoothed before."""
    sigma = 0.4 * target.voxel_mm[0] / source.voxel_mm[0]
    return on_grid(ndimage.gaussian_filter(volume, sigma), source, target)


def head_shares(regions: Array) -> Array:
    """(4, ...) grey, white, ventricle and intracranial shares of MUSE regions, a little smooth."""
    label = brain_labels(regions)
    masks = [
        np.isin(label, [LABELS[name] for name in GREY]),
        np.isin(label, [LABELS[name] for name in WHITE]),
        label == LABELS["ventricles"],
        regions > 0,
    ]
    return np.stack([ndimage.gaussian_filter(mask.astype(np.float32), SMOOTH_VOXELS) for mask in masks])


def composite(shares: Array) -> Array:
    """One image of shares: fluid, grey and white matter on three levels."""
    grey, white, _, inside = shares
    fluid = np.clip(inside - grey - white, 0, 1)
    return LEVELS["csf"] * fluid + LEVELS["grey"] * grey + LEVELS["white"] * white


def as_ants(data: Array, affine: Array) -> ants.ANTsImage:
    """An array in RAS order as ANTs counts (LPS)."""
    origin = affine[:3, 3] * [-1, -1, 1]
    spacing = np.diag(affine)[:3]
    return ants.from_numpy(
        np.ascontiguousarray(data, np.float32), list(origin), list(spacing), np.diag([-1.0, -1.0, 1.0])
    )


def register(regions: Array, affine: Array, seed: int = 1) -> Registered:
    """Register one head to MNI152 by its labels: affine, then SyN."""
    grid = fit_grid()
    fixed = template_shares()
    moving = head_shares(regions)
    coarse = coarser(grid, REGISTER_MM)
    still = [as_ants(reduced(part, grid, coarse), coarse.affine) for part in (composite(fixed), *fixed)]
    moved = [as_ants(part, affine) for part in (composite(moving), *moving)]
    rough = ants.registration(still[0], moved[0], type_of_transform="Affine", aff_metric="mattes", random_seed=seed)
    extras = [
        ("meansquares", still[k], moved[k], CHANNEL_WEIGHT, 0) for k in (2, 3, 4)
    ]  # white, ventricles, intracranial volume
    fine = ants.registration(
        still[0],
        moved[0],
        type_of_transform="SyNOnly",
        initial_transform=rough["fwdtransforms"][0],
        syn_metric="meansquares",
        reg_iterations=SYN_ITERATIONS,
        flow_sigma=3.0,
        total_sigma=0.5,
        multivariate_extras=extras,
        random_seed=seed,
    )
    inverse = next(path for path in fine["invtransforms"] if path.endswith(".nii.gz"))
    vectors = ants.image_read(inverse)
    vectors = np.moveaxis(vectors.numpy(), -1, 0) * np.array([-1, -1, 1], np.float32)[:, None, None, None]
    field = np.stack([on_grid(part, coarse, grid) for part in vectors])
    whole = as_ants(fixed[0], grid.affine)
    linear = [ants.apply_transforms(whole, part, rough["fwdtransforms"]).numpy() for part in moved[1:]]
    warped = [ants.apply_transforms(whole, part, fine["fwdtransforms"]).numpy() for part in moved[1:]]
    return Registered(_ras_affine(rough["fwdtransforms"][0]), field, np.stack(linear), np.stack(warped))


def _ras_affine(path: str) -> Array:
    """4x4 RAS matrix of an ANTs affine (fixed -> moving)."""
    transform = ants.read_transform(path)
    points = np.vstack([np.zeros(3), np.eye(3)]) * 100.0
    flip = np.array([-1, -1, 1])
    moved = np.array([transform.apply_to_point(list(point * flip)) for point in points]) * flip
    matrix = np.eye(4)
    matrix[:3, 3] = moved[0]
    matrix[:3, :3] = ((moved[1:] - moved[0]) / 100.0).T
    return matrix


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("heads", type=Path, help="the folder older_adults")
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for path in sorted(arguments.heads.glob("*_desc-muse_dseg.nii.gz")):
        subject = path.name.split("_")[0]
        target = arguments.out / f"{subject}.npz"
        if target.exists():
            continue
        muse = nib.as_closest_canonical(nib.load(path))
        found = register(np.asarray(muse.dataobj).astype(int), muse.affine)
        np.savez_compressed(target, **vars(found))
        print(subject, flush=True)


if __name__ == "__main__":
    main()
