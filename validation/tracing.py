"""The tool's own wall on simulated black-blood MRI, truth against measured: writes docs/tracing_accuracy.md.

    python -m validation.tracing --out docs/tracing_accuracy.md

Not part of `make validate`: it takes minutes. Seeds 0 to 7 and 2000 to 2011 were looked at while the method was
written, 1000 to 1011 by an earlier version of it; those from 3000 on were run once, after it was finished.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from angiolith.core.images import Image
from angiolith.core.settings.vessel_wall import WallGradeSettings, WallMeasureSettings, WallTraceSettings
from angiolith.vessel_wall import drawing
from angiolith.vessel_wall.metrics import measure_segment, wall_metrics
from angiolith.vessel_wall.parts import DrawingError
from angiolith.vessel_wall.tracing import trace
from validation.compare import markdown
from validation.tubes import Tube
from validation.wall_mri import wall_mri

SETTINGS, GRADES = WallMeasureSettings(), WallGradeSettings()
AREAS = ("lumen_area_mm2", "outer_wall_area_mm2", "wall_area_mm2")
WALLS = ("max_wall_mm", "min_wall_mm")
DEVELOPED, HELD_OUT = range(2000, 2008), range(3000, 3024)


def measured(seed: int) -> dict[str, float]:
    """Truth and measurement of one plaque: 30 to 75 % stenosis, 0.5 to 0.7 mm voxels, two points."""
    rng = np.random.default_rng(seed)
    stenosis, outer = rng.uniform(0.3, 0.75), rng.uniform(1.9, 2.5)
    lumen = 1.5 * (1 - stenosis)
    shift = rng.uniform(0.2, 0.75) * (outer - lumen - 0.35)
    tube = Tube((lumen, lumen), (outer, outer), shift_mm=shift, wide_mm=1.5, length_mm=10)
    voxel_mm = rng.uniform(0.5, 0.7)
    data, affine, axis = wall_mri(tube, voxel_mm, seed)
    row = {"seed": seed, "voxel": voxel_mm, "stenosis": 100 * stenosis, "problem": ""}
    row |= {f"true_{name}": value for name, value in tube.truth.items()}
    try:
        labels = trace(Image(data, affine), [(None, axis[[2, -3]])], WallTraceSettings())
        (piece,) = drawing.pieces(labels, 1, 2)
        if piece.segment is None:
            raise DrawingError(piece.reason)
        return row | wall_metrics(measure_segment(piece.segment, SETTINGS), SETTINGS, GRADES)
    except (DrawingError, ValueError) as error:
        return row | {"problem": str(error)}


def lines(rows: pd.DataFrame) -> pd.DataFrame:
    result = []
    for name in (*AREAS, *WALLS):
        error = (rows[name] - rows[f"true_{name}"]).dropna()
        bound, scale = (0.2, 1) if name in WALLS else (10, 100 / rows.loc[error.index, f"true_{name}"])
        scaled = error * scale
        percent = [] if name in WALLS else [f"{scaled.mean():+.1f} ({scaled.std():.1f})"]
        result.append(
            {
                "measure": name,
                "mean error": f"{error.mean():+.2f}",
                "SD": f"{error.std():.2f}",
                "mean (SD), %": "".join(percent),
                "worst": f"{error[error.abs().idxmax()]:+.2f}",
                "goal": "0.2 mm" if name in WALLS else "10 %",
                "within it": f"{(scaled.abs() <= bound).sum()} of {len(rows)}",
            }
        )
    return pd.DataFrame(result)


def cases(rows: pd.DataFrame) -> pd.DataFrame:
    table = pd.DataFrame({"seed": rows.seed, "voxel, mm": rows.voxel.round(2), "stenosis, %": rows.stenosis.round(0)})
    for name in ("lumen_area_mm2", "outer_wall_area_mm2", "max_wall_mm", "min_wall_mm"):
        pairs = zip(rows[f"true_{name}"], rows[name], strict=True)
        table[f"{name}: true / traced"] = [f"{true:.2f} / {found:.2f}" for true, found in pairs]
    return table.assign(problem=rows.problem)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    held, developed = (pd.DataFrame([measured(seed) for seed in seeds]) for seeds in (HELD_OUT, DEVELOPED))
    parts = [
        "# The wall that the tool traces, on simulated MRI",
        "Written by `python -m validation.tracing`. Eccentric plaques with a narrowing, on a vessel of 30 mm "
        "bending radius: isotropic voxels of 0.5 to 0.7 mm, k-space cut to the matrix (sinc point spread), Rician "
        "noise (18 times below the wall's signal), a wall whose signal varies by 10 %, CSF and brain beside; the MRI "
        "is made by code that shares nothing with the tracing. The two points lie on the axis. Goals: largest wall "
        "thickness within 0.2 mm, areas within 10 %. These are not patients: no neighbouring vessels, no flow "
        "artefacts, no motion.",
        f"## Held out: seeds {HELD_OUT[0]} to {HELD_OUT[-1]}, run once after the method was finished",
        "An earlier version of the method, which took the point spread for a Gaussian, was run on seeds 1000 to 1011 "
        "and was changed for what they showed (lumen too large, wall too small); so those do not stand here.",
        markdown(lines(held)),
        f"## Seen while it was written: seeds {DEVELOPED[0]} to {DEVELOPED[-1]}",
        markdown(lines(developed)),
        "## Held out, plaque by plaque",
        markdown(cases(held)),
    ]
    options.out.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    print(f"{options.out} written")


if __name__ == "__main__":
    main()
