"""Rigid registration of CT to MRI, ours against ANTs' default: `make benchmark-registration`.

    python -m benchmarks.registration --run build/demo --session sub-001_ses-01

The same pair in the same run. Prints both times (CPU and wall, one thread each, files already read), both errors
against the truth of the digital head, and, for machines, the lines `ratio` (ANTs' wall time over ours) and `tre_mm`
(our mean error).
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"  # before any ITK is loaded: jobs side by side have one each

import numpy as np
import SimpleITK as sitk

from angiolith.brain.template import to_ants
from angiolith.core.images import Image, map_points, read_ct, read_image, read_transform
from angiolith.registration.rigid import register_rigid
from validation.poses import SETTINGS, Case, brain_points, true_transform

sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)


def ants_rigid(mri: Image, ct: Image) -> sitk.Transform:
    """ANTs' `registration(type_of_transform="Rigid")` with its own settings."""
    import ants

    fixed, moving = (to_ants(image) for image in (mri, ct))
    result = ants.registration(fixed, moving, type_of_transform="Rigid", random_seed=1)
    return read_transform(result["fwdtransforms"][0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True, help="folder with bids/ and truth/ of digital heads")
    parser.add_argument("--session", default="sub-001_ses-01")
    options = parser.parse_args()
    subject, session = options.session.split("_")
    folder = options.run / "bids" / subject / session
    mri = read_image(folder / f"anat/{options.session}_T1w.nii.gz")
    ct = read_ct(folder / f"ct/{options.session}_ct.nii.gz")
    truth = true_transform(options.run, options.session, "T1w", "ct")
    points = brain_points(options.run, Case.plain(options.session, "T1w"), mri)
    expected = points @ truth[:3, :3].T + truth[:3, 3]
    import ants  # noqa: F401 - its import is not what is timed

    walls, errors = {}, {}
    ways: dict[str, Callable[[], sitk.Transform]] = {
        "ANTs default": lambda: ants_rigid(mri, ct),
        "angiolith": lambda: register_rigid(mri, ct, SETTINGS, moving_is_ct=True).transform,
    }
    for name, register in ways.items():
        wall, cpu = time.perf_counter(), time.process_time()
        transform = register()
        walls[name], cpu_s = time.perf_counter() - wall, time.process_time() - cpu
        error = np.linalg.norm(map_points(transform, points) - expected, axis=1)
        errors[name] = error.mean()
        times = f"{walls[name]:.1f} s ({cpu_s:.1f} s CPU)"
        print(f"{name}: {times}, error mean {error.mean():.2f} mm, max {error.max():.2f} mm")
    print(f"ratio {walls['ANTs default'] / walls['angiolith']:.1f}")
    print(f"tre_mm {errors['angiolith']:.3f}")


if __name__ == "__main__":
    main()
