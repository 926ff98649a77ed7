"""What is counted, and what waits, on one real head CT as it is, thinned, turned, reformatted, noisy and sharpened.

    python -m validation.calcification_real --name normal --ct ct.nii.gz --out build/real

The same head in several series should hold the same calcium. Each series is registered anew, from the CT alone. Rows
go to `--out`/<name>_series.tsv.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk

from angiolith.core.images import Image, read_ct, resample
from angiolith.core.tables import write_tsv
from validation.calcification_implants import marks_of, sharpened, way_of

NOISE_HU, SEED = 15.0, 7
TURN_DEG, SHIFT_MM = (6.0, -4.0, 9.0), (3.3, -2.1, 4.7)
THIN_TO_MM = (2.5, 5.0)
SHARP = "sharp kernel, gain"
GAINS = (2.0, 3.0)


def series(ct: Image) -> Iterator[tuple[str, Callable[[], Image]]]:
    """Names of the series and what makes each."""
    slice_axis = int(ct.voxel_mm.argmax())
    yield "as it is", lambda: ct
    for to_mm in THIN_TO_MM:
        count = round(to_mm / float(ct.voxel_mm[slice_axis]))
        if count > 1:
            yield f"slices of {to_mm:g} mm", lambda count=count: averaged(ct, slice_axis, count)  # type: ignore[misc]
    yield "coronal, 2.5 mm", lambda: averaged(ct, 1, round(2.5 / float(ct.voxel_mm[1])))
    yield "turned and shifted", lambda: turned(ct)
    yield f"noise of {NOISE_HU:g} HU more", lambda: noisy(ct)
    for gain in GAINS:
        yield f"{SHARP} {gain:g}", lambda gain=gain: sharpened(ct, gain)  # type: ignore[misc]


def averaged(ct: Image, axis: int, count: int) -> Image:
    """The CT with `count` planes along an axis averaged into one."""
    kept = ct.data.shape[axis] // count * count
    data = np.moveaxis(ct.data, axis, 0)[:kept]
    data = np.moveaxis(data.reshape(kept // count, count, *data.shape[1:]).mean(axis=1), 0, axis)
    affine = ct.affine.copy()
    affine[:3, 3] += affine[:3, axis] * (count - 1) / 2
    affine[:3, axis] *= count
    return Image(np.ascontiguousarray(data, np.float32), affine)


def turned(ct: Image) -> Image:
    """The CT turned and shifted within its grid, linearly interpolated."""
    middle = ct.affine[:3, :3] @ (np.array(ct.data.shape) / 2) + ct.affine[:3, 3]
    way = sitk.Euler3DTransform()
    way.SetCenter((middle * np.array([-1, -1, 1])).tolist())
    way.SetRotation(*np.radians(TURN_DEG).tolist())
    way.SetTranslation(SHIFT_MM)
    return resample(ct, ct, way, fill=-1024.0)


def noisy(ct: Image) -> Image:
    noise = np.random.default_rng(SEED).normal(0, NOISE_HU, ct.data.shape)
    return ct.with_data((ct.data + noise).astype(np.float32))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--name", required=True)
    parser.add_argument("--ct", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, make in series(read_ct(str(options.ct))):
        ct = make()
        found = marks_of(ct, way_of(ct), name.startswith(SHARP))
        volume = {label: float((found.labels == label).sum()) * ct.voxel_volume_mm3 for label in found.touches_bone}
        waiting = [label for label in volume if label in found.doubts]
        rows.append(
            {"head": options.name, "series": name, "candidates": len(waiting)}
            | {"counted": len(volume) - len(waiting)}
            | {"counted_mm3": sum(mm3 for label, mm3 in volume.items() if label not in found.doubts)}
            | {"candidate_mm3": sum(volume[label] for label in waiting)}
            | {"which": ", ".join(f"{found.evidence[label].artery} {volume[label]:.0f}" for label in volume)}
        )
        print(rows[-1], flush=True)
        write_tsv(pd.DataFrame(rows), str(options.out / f"{options.name}_series.tsv"))


if __name__ == "__main__":
    main()
