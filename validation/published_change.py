"""Change between two real visits beside the published map of it (Lesjak 2016): place, sign, lesions found.

The map says where lesions changed and not in which way. That is read from the two FLAIRs themselves, laid over one
another by the transforms that are published with them: brighter at the second visit is growth. Nothing of it passes
through this project's registration or segmentation.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk
from scipy import ndimage
from scipy.signal import fftconvolve
from scipy.spatial import cKDTree

from angiolith.change.half_way import GREW, SHRANK, half_of
from angiolith.core.distance import NEIGHBOURS_26
from angiolith.core.images import (
    Image,
    map_points,
    mask_points,
    matrix_ras,
    moved,
    read_image,
    read_transform,
    resample,
)
from angiolith.small_vessel.grid import ball, depth_mm
from tests.real_data import REAL, ROOT, build_bids

FOLDER = REAL / "ms_longitudinal01"
NEAR_MM = 2.0  # half of a slice and what the two registrations differ by
LESIONS_TEXT = (
    "Each published lesion: its mean grey value at each visit, in medians of the brain; how much of the brain is "
    "brighter than it at its brighter visit; its change in robust SDs of the change of balls of its volume about all "
    "voxels of unchanged tissue; how much of it lies near our change of its sign. All but the last are read from the "
    "two FLAIRs as the published transforms lay them, without this project's segmentation. What changes without being "
    "brighter than most of the brain at either visit is a change of signal, not of WMH: no mask of WMH at either visit "
    "holds it."
)
TISSUE_LEVEL = 0.75  # of the brain's median: darker is CSF in part
INSIDE_MM = 3.0  # under the brain's surface


def run_workflow(folder: Path) -> Path:
    """The output folder of a run of the workflow up to this subject's change; kept if it is there."""
    out = folder / "out"
    if not (out / "sub-long/sub-long_desc-change_metrics.tsv").exists():
        build_bids(folder / "bids")
        (folder / "my.yaml").write_text("bids_dir: bids\noutput_dir: out\n", encoding="utf-8")
        snakemake = [str(Path(sys.executable).with_name("snakemake")), "-s", str(ROOT / "Snakefile"), "--cores", "1"]
        target = "out/sub-long/sub-long_desc-change_metrics.tsv"
        subprocess.run([*snakemake, "--configfile", "my.yaml", "--", target], cwd=folder, check=True)
    return out


def published_lesions() -> tuple[Image, pd.DataFrame]:
    """Labels of the published lesions (26-connected) in the common space, and a table of them (`LESIONS_TEXT`).

    Volumes are in cm3. A lesion grew if its mean grey value is higher at the second visit.
    """
    truth = read_image(FOLDER / "coregistered_gt.nii.gz")
    brain = read_image(FOLDER / "coregistered_brainmask.nii.gz").data > 0
    levels = []
    for visit in (1, 2):
        to_flair = read_transform(FOLDER / f"study{visit}_FLAIR_to_common_space.txt")
        level = resample(read_image(FOLDER / f"study{visit}_FLAIR.nii.gz"), truth, to_flair).data
        levels.append(level / np.median(level[brain]))
    labels, count = ndimage.label(truth.data > 0.5, NEIGHBOURS_26)
    numbers = range(1, count + 1)
    means = [ndimage.mean(level, labels, numbers) for level in levels]
    table = pd.DataFrame(
        {
            "volume_cm3": np.bincount(labels.ravel())[1:] * truth.voxel_volume_mm3 / 1000,
            "grew": means[1] > means[0],
            "level_first": means[0],
            "level_second": means[1],
        },
        index=pd.RangeIndex(1, count + 1, name="lesion"),
    )
    brightest = np.maximum(*means)
    share = [(levels[int(grew)][brain] > level).mean() for grew, level in zip(table.grew, brightest, strict=True)]
    table["brain_brighter_percent"] = 100 * np.array(share)
    change = np.where(brain, levels[1] - levels[0], 0)
    unchanged = (labels == 0) & (np.minimum(*levels) > TISSUE_LEVEL) & (depth_mm(brain, truth.voxel_mm) > INSIDE_MM)
    table["change_sd"] = [
        rise / spread_of_means(change, unchanged, volume_cm3, truth.voxel_mm)
        for rise, volume_cm3 in zip(means[1] - means[0], table.volume_cm3, strict=True)
    ]
    return truth.with_data(labels), table


def spread_of_means(change: np.ndarray, where: np.ndarray, volume_cm3: float, voxel_mm: np.ndarray) -> float:
    """Robust SD (1.4826 x median absolute) of the mean change of balls of this volume about the voxels of `where`."""
    radius_mm = float((3 * 1000 * volume_cm3 / (4 * np.pi)) ** (1 / 3))
    element = ball(radius_mm, voxel_mm).astype(np.float32)
    means = fftconvolve(change, element / element.sum(), mode="same")
    return 1.4826 * float(np.median(np.abs(means[where])))


def lesion_table(out: Path) -> pd.DataFrame:
    """The published lesions, and how much of each (%) lies near a change of the workflow's of its sign."""
    labels, lesions = published_lesions()
    lesion, places, points, _ = laid_over(out, labels)
    found = []
    for number, grew in lesions.grew.items():
        some = places[lesion == number]
        found.append(100 * float(near(some, points[GREW if grew else SHRANK]).mean()))
    table = lesions.assign(found_percent=found, grew=np.where(lesions.grew, "grew", "shrank"))
    return table.rename(columns={"grew": "published"}).sort_values(["published", "volume_cm3"], ascending=[True, False])


def laid_over(out: Path, labels: Image) -> tuple[np.ndarray, np.ndarray, dict[int, np.ndarray], Image]:
    """Of each published voxel its lesion and its place (mm, half-way); places of our growth and loss; our map."""
    changed = read_image(out / "sub-long/sub-long_space-halfway_desc-wmhchange_dseg.nii.gz")
    motion = matrix_ras(read_transform(out / "sub-long/sub-long_from-last_to-first_mode-image_xfm.tfm"))
    to_flair = read_transform(out / "sub-long/ses-01/anat/sub-long_ses-01_from-FLAIR_to-T1w_mode-image_xfm.tfm")
    way = sitk.CompositeTransform(
        [to_flair.GetInverse(), read_transform(FOLDER / "study1_FLAIR_to_common_space.txt")]
    )  # common space to the first FLAIR, from there to its T1w
    places = moved(half_of(motion), map_points(way, mask_points(labels.affine, labels.data > 0)))
    points = {kind: mask_points(changed.affine, changed.data == kind) for kind in (GREW, SHRANK)}
    return labels.data[labels.data > 0], places, points, changed


def near(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which points have one of the others within 2 mm."""
    return cKDTree(others).query(some)[0] <= NEAR_MM if len(others) else np.zeros(len(some), bool)


def agreement(out: Path) -> dict[str, float]:
    """How the workflow's change lies beside the published one; distances in half-way space, near is within 2 mm.

    `share_grown_found`: of the published growth's volume, near our growth; `share_grown_wrong_sign`: near our loss and
    not near our growth; `lesions_grown_found`: of its lesions, with any voxel near our growth; `net_there_grown_cm3`:
    our growth less our loss near the published growth; the same for what shrank. `ppv`: of our growth, near published
    growth; `large_pieces_true`: of our pieces of growth of 0.1 cm3 and more, with any voxel there.
    """
    labels, lesions = published_lesions()
    lesion, places, points, changed = laid_over(out, labels)
    voxel_cm3 = changed.voxel_volume_mm3 / 1000
    found: dict[str, float] = {
        f"our_{n}_cm3": len(points[k]) * voxel_cm3 for n, k in (("growth", GREW), ("loss", SHRANK))
    }
    for name, grew, mine, other in (("grown", True, GREW, SHRANK), ("shrunk", False, SHRANK, GREW)):
        wanted = lesions.index[lesions.grew == grew]
        part = np.isin(lesion, wanted)
        there, wrong = near(places[part], points[mine]), near(places[part], points[other])
        net = near(points[GREW], places[part]).sum() - near(points[SHRANK], places[part]).sum()
        found |= {
            f"published_{name}_cm3": float(lesions.volume_cm3[wanted].sum()),
            f"share_{name}_found": float(there.mean()),
            f"share_{name}_wrong_sign": float((wrong & ~there).mean()),
            f"lesions_{name}": len(wanted),
            f"lesions_{name}_found": int(sum(there[lesion[part] == number].any() for number in wanted)),
            f"net_there_{name}_cm3": float(net * voxel_cm3),
        }
    growth = near(points[GREW], places[np.isin(lesion, lesions.index[lesions.grew])])
    pieces, _ = ndimage.label(changed.data == GREW, NEIGHBOURS_26)
    piece = pieces[pieces > 0]
    large = np.flatnonzero(np.bincount(piece) * voxel_cm3 >= 0.1)
    met = [number for number in large if growth[piece == number].any()]
    return found | {"ppv": float(growth.mean()), "large_pieces": len(large), "large_pieces_true": len(met)}
