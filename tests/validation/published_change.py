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
from scipy.spatial import cKDTree

from scripts.lib.images import Image, map_points, mask_points, matrix_ras, moved, read_image, read_transform, resample
from scripts.lib.longitudinal import GREW, SHRANK, half_of
from scripts.lib.small_vessel.grid import NEIGHBOURS_26
from tests.real_data import REAL, ROOT, build_bids

FOLDER = REAL / "ms_longitudinal01"
NEAR_MM = 2.0  # half of a slice and what the two registrations differ by


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
    """Labels of the published lesions (26-connected) in the common space; of each its volume (cm3) and whether it grew.

    Grew: its mean grey value, in medians of the brain, is higher at the second visit.
    """
    truth = read_image(FOLDER / "coregistered_gt.nii.gz")
    brain = read_image(FOLDER / "coregistered_brainmask.nii.gz").data > 0
    levels = []
    for visit in (1, 2):
        to_flair = read_transform(FOLDER / f"study{visit}_FLAIR_to_common_space.txt")
        level = resample(read_image(FOLDER / f"study{visit}_FLAIR.nii.gz"), truth, to_flair).data
        levels.append(level / np.median(level[brain]))
    labels, count = ndimage.label(truth.data > 0.5, NEIGHBOURS_26)
    rise = ndimage.mean(levels[1] - levels[0], labels, range(1, count + 1))
    volume_cm3 = np.bincount(labels.ravel())[1:] * truth.voxel_volume_mm3 / 1000
    table = pd.DataFrame({"volume_cm3": volume_cm3, "grew": rise > 0}, index=pd.RangeIndex(1, count + 1, name="lesion"))
    return truth.with_data(labels), table


def agreement(out: Path) -> dict[str, float]:
    """How the workflow's change lies beside the published one; distances in half-way space, near is within 2 mm.

    `share_grown_found`: of the published growth's volume, near our growth; `share_grown_wrong_sign`: near our loss and
    not near our growth; `lesions_grown_found`: of its lesions, with any voxel near our growth; `net_there_grown_cm3`:
    our growth less our loss near the published growth; the same for what shrank. `ppv`: of our growth, near published
    growth; `large_pieces_true`: of our pieces of growth of 0.1 cm3 and more, with any voxel there.
    """
    labels, lesions = published_lesions()
    changed = read_image(out / "sub-long/sub-long_space-halfway_desc-wmhchange_dseg.nii.gz")
    motion = matrix_ras(read_transform(out / "sub-long/sub-long_from-last_to-first_mode-image_xfm.tfm"))
    to_flair = read_transform(out / "sub-long/ses-01/anat/sub-long_ses-01_from-FLAIR_to-T1w_mode-image_xfm.tfm")
    way = sitk.CompositeTransform(
        [to_flair.GetInverse(), read_transform(FOLDER / "study1_FLAIR_to_common_space.txt")]
    )  # common space to the first FLAIR, from there to its T1w
    lesion = labels.data[labels.data > 0]
    places = moved(half_of(motion), map_points(way, mask_points(labels.affine, labels.data > 0)))
    points = {kind: mask_points(changed.affine, changed.data == kind) for kind in (GREW, SHRANK)}
    voxel_cm3 = changed.voxel_volume_mm3 / 1000

    def near(some: np.ndarray, others: np.ndarray) -> np.ndarray:
        return cKDTree(others).query(some)[0] <= NEAR_MM if len(others) else np.zeros(len(some), bool)

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
