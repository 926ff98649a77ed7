"""CT to MRI on a real head with thick slices: the pseudo-CT turned, cut, cut short and averaged, beside its T1w.

    python -m validation.thick_ct --seeds 1 2 3

Each seed turns the CT by 20 degrees about a random axis, shifts it by up to 8 mm on each axis, takes the uppermost 30
mm of the head away and averages over slices of 5 mm. The error is the distance between where the found and the true
transform take the set's target points.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from angiolith.core.images import Image, map_points, moved, read_ct, read_image
from angiolith.core.settings.registration import RigidSettings
from angiolith.registration.rigid import register_rigid

ROOT = Path(__file__).parents[1]
TURN_DEG, SHIFT_MM = 20.0, 8.0
SLICE_MM, PLANE_MM, CUT_MM, MARGIN_MM = 5.0, 0.8, 30.0, 10.0
HEAD_HU = -200.0


def thick(ct: Image, seed: int) -> tuple[Image, np.ndarray]:
    """The degraded CT, and the 4 x 4 that takes points of the given one to points of it (RAS mm)."""
    rng = np.random.default_rng(seed)
    axis = rng.normal(size=3)
    turn = Rotation.from_rotvec(np.radians(TURN_DEG) * axis / np.linalg.norm(axis)).as_matrix()
    centre = moved(ct.affine, (np.array(ct.data.shape) - 1) / 2)
    motion = np.eye(4)
    motion[:3, :3] = turn
    motion[:3, 3] = centre - turn @ centre + rng.uniform(-SHIFT_MM, SHIFT_MM, 3)
    head = moved(motion, moved(ct.affine, np.argwhere(ct.data > HEAD_HU)[::50]))
    low, high = head.min(axis=0) - (MARGIN_MM, MARGIN_MM, 0), head.max(axis=0) + (MARGIN_MM, MARGIN_MM, -CUT_MM)
    step = np.array([PLANE_MM, PLANE_MM, SLICE_MM])
    shape = tuple(int(n) for n in np.ceil((high - low) / step))
    affine = np.diag([*step, 1.0])
    affine[:3, 3] = low
    data = np.zeros(shape, np.float32)
    parts = np.linspace(-0.4, 0.4, 5)
    for part in parts:
        at = affine.copy()
        at[2, 3] += part * SLICE_MM
        way = np.linalg.inv(motion @ ct.affine) @ at
        data += ndimage.affine_transform(ct.data, way[:3, :3], way[:3, 3], shape, np.float32, order=1, cval=-1000)
    return Image(data / len(parts), affine), motion


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--real", type=Path, default=Path(os.environ.get("ANGIOLITH_REAL_DATA", ROOT.parent / "shared/real"))
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(1, 11)))
    arguments = parser.parse_args()
    folder = arguments.real / "pseudo_ct"
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    ct, mri = read_ct(folder / "ct.nii.gz"), read_image(folder / "T1w.nii.gz")
    targets = np.array(truth["targets_t1_ras"])
    print("| seed | status | mean error, mm | largest | restarts apart, mm |\n|---|---|---|---|---|")
    for seed in arguments.seeds:
        moving, motion = thick(ct, seed)
        found = register_rigid(mri, moving, RigidSettings(), moving_is_ct=True)
        true = moved(motion @ np.linalg.inv(np.array(truth["ct_to_t1"])), targets)
        error = np.linalg.norm(map_points(found.transform, targets) - true, axis=1)
        cells = (found.status, f"{error.mean():.2f}", f"{error.max():.2f}", f"{found.restart_spread_mm:.2f}")
        print(f"| {seed} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
