"""Label maps of real heads for the brain network: regions inside the skull, grey-level classes outside it.

Every head of the folder `older_adults` (T1w, FLAIR, regions drawn by MUSE) becomes one `.npz` on the T1w's grid, in RAS
order at 2 mm: `label` (see LABELS), `t1w`, `flair` (0 where its field of view ends), both scaled to 0..255.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

Array = np.ndarray

LABELS = {
    "air": 0,
    "cortex": 1,
    "white": 2,
    "csf": 3,
    "ventricles": 4,
    "thalamus": 5,
    "caudate": 6,
    "putamen": 7,
    "pallidum": 8,
    "hippocampus_amygdala": 9,
    "ventral_diencephalon": 10,
    "cerebellar_cortex": 11,
    "cerebellar_white": 12,
    "brainstem": 13,
    "wmh": 14,
    "skull_dark": 20,  # dark on T1w and near the brain: compact bone
    "skull_bright": 21,  # marrow, dura and sinuses between brain and scalp
    "outside_first": 22,  # then five more, from dark to bright on T1w
}
N_OUTSIDE = 6
MUSE = {
    "ventricles": (4, 11, 49, 50, 51, 52),
    "csf": (1, 46),
    "thalamus": (59, 60),
    "caudate": (36, 37),
    "putamen": (57, 58),
    "pallidum": (55, 56),
    "hippocampus_amygdala": (31, 32, 47, 48),
    "ventral_diencephalon": (23, 30, 61, 62, 75, 76),
    "cerebellar_cortex": (38, 39, 71, 72, 73),
    "cerebellar_white": (40, 41),
    "brainstem": (35,),
    "white": (69, *range(81, 96)),
    "cortex": tuple(range(100, 208)),
}
SKULL_REACH_MM = 14.0
DIPLOE_REACH_MM = 7.0
SCALP_MM = 3.0
GREY_SIGMA = 0.6  # voxels: grey-level classes of the smoothed image are not speckled


def brain_labels(muse: Array) -> Array:
    """The generator's labels of MUSE regions."""
    table = np.zeros(256, np.uint8)
    for name, values in MUSE.items():
        table[list(values)] = LABELS[name]
    return table[muse]


def outside_labels(t1w: Array, inside: Array, voxel_mm: float) -> Array:
    """Skull and grey-level classes of the head outside the intracranial volume."""
    smooth = ndimage.gaussian_filter(t1w.astype(np.float32), GREY_SIGMA)
    white = np.percentile(smooth[inside], 80)
    head = _head(smooth > 0.15 * white) | inside
    outside = head & ~inside
    levels = np.quantile(smooth[outside], np.linspace(0, 1, N_OUTSIDE + 1)[1:-1])
    labels = np.where(outside, LABELS["outside_first"] + np.digitize(smooth, levels), 0).astype(np.uint8)
    away = ndimage.distance_transform_edt(~inside) * voxel_mm
    depth = ndimage.distance_transform_edt(head) * voxel_mm
    dark = smooth < 0.45 * white
    labels[outside & dark & (away <= SKULL_REACH_MM) & (depth > SCALP_MM)] = LABELS["skull_dark"]
    labels[outside & ~dark & (away <= DIPLOE_REACH_MM) & (depth > SCALP_MM)] = LABELS["skull_bright"]
    return labels


def _head(bright: Array) -> Array:
    """The largest bright component, closed and filled."""
    parts, _ = ndimage.label(bright)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    head = ndimage.binary_closing(np.pad(parts == sizes.argmax(), 8), iterations=6)[8:-8, 8:-8, 8:-8]
    for axis in range(3):
        head = np.moveaxis(head, axis, 0)
        head = np.stack([ndimage.binary_fill_holes(plane) for plane in head])
        head = np.moveaxis(head, 0, axis)
    return np.asarray(head, bool)


def _read(path: Path) -> sitk.Image:
    return sitk.DICOMOrient(sitk.ReadImage(str(path)), "LPS")


def _array(image: sitk.Image) -> Array:
    """In RAS order: x to the right, y to the front, z up."""
    return np.asarray(sitk.GetArrayFromImage(image)).transpose(2, 1, 0)[::-1, ::-1]


def register_rigid(fixed: sitk.Image, moving: sitk.Image, seed: int) -> sitk.Transform:
    """FLAIR to T1w of one session, from where the scanner put them."""
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(40)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(0.2, seed)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-3, 150, relaxationFactor=0.6)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([2, 1])
    method.SetSmoothingSigmasPerLevel([1.0, 0.5])
    start = sitk.CenteredTransformInitializer(
        fixed, fixed, sitk.Euler3DTransform(), sitk.CenteredTransformInitializerFilter.GEOMETRY
    )
    method.SetInitialTransform(start, inPlace=False)
    return method.Execute(sitk.Cast(fixed, sitk.sitkFloat32), sitk.Cast(moving, sitk.sitkFloat32))


def _scaled(image: Array) -> Array:
    top = np.percentile(image[image > 0], 99.8)
    return (np.clip(image / top, 0, 1) * 255).astype(np.uint8)


def make_head(folder: Path, subject: str, seed: int) -> dict[str, Array]:
    """Label, T1w, FLAIR and the voxel size of one subject."""
    t1w = _read(folder / f"{subject}_T1w.nii.gz")
    muse = _read(folder / f"{subject}_space-T1w_desc-muse_dseg.nii.gz")
    flair = _read(folder / f"{subject}_FLAIR.nii.gz")
    wmh = _read(folder / f"{subject}_space-FLAIR_desc-silverwmh_mask.nii.gz")
    transform = register_rigid(t1w, flair, seed)
    moved = sitk.Resample(sitk.Cast(flair, sitk.sitkFloat32), t1w, transform, sitk.sitkLinear, 0.0)
    moved_wmh = sitk.Resample(sitk.Cast(wmh, sitk.sitkFloat32), t1w, transform, sitk.sitkLinear, 0.0)
    regions = _array(muse).astype(int)
    label = brain_labels(regions)
    inside = regions > 0
    label[(_array(moved_wmh) > 0.5) & np.isin(label, (1, 2))] = LABELS["wmh"]
    outside = outside_labels(_array(t1w), inside, float(t1w.GetSpacing()[0]))
    label[~inside] = outside[~inside]
    return {"label": label, "t1w": _scaled(_array(t1w)), "flair": _scaled(_array(moved))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("heads", type=Path, help="the folder older_adults")
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for path in sorted(arguments.heads.glob("*_T1w.nii.gz")):
        subject = path.name.split("_")[0]
        np.savez_compressed(arguments.out / f"{subject}.npz", **make_head(arguments.heads, subject, arguments.seed))
        print(subject, flush=True)


if __name__ == "__main__":
    main()
