"""Plaque metrics of drawn tubes beside their analytic truth: `make validate` writes docs/plaque_accuracy.md with it.

    python -m validation.plaque --out docs/plaque_accuracy.md

No case is left out: what cannot be measured is counted.
"""

import argparse
import itertools
from pathlib import Path

import numpy as np
import pandas as pd

from angiolith.core.images import Image
from angiolith.core.settings.vessel_wall import WallGradeSettings, WallMeasureSettings
from angiolith.vessel_wall import drawing
from angiolith.vessel_wall.drawing import DrawingError
from angiolith.vessel_wall.metrics import Reference, measure_segment, reference_metrics, wall_metrics
from validation.compare import markdown
from validation.tubes import DIRECTIONS, Tube, draw

SETTINGS, GRADES = WallMeasureSettings(), WallGradeSettings()
STUDY_MM = (0.35, 0.35, 0.55)  # acquired at 0.7 x 0.7 x 1.1 mm, reconstructed on half the grid
GRIDS_MM = {
    "0.25 x 0.25 x 0.25": (0.25,) * 3,
    "0.2 x 0.2 x 0.6": (0.2, 0.2, 0.6),
    "0.35 x 0.35 x 0.55": STUDY_MM,
    "0.5 x 0.5 x 0.5": (0.5,) * 3,
}
SHAPES = {
    "concentric": Tube(length_mm=6),
    "eccentric": Tube(shift_mm=0.7, length_mm=6),
    "elliptic": Tube((0.6, 1.0), (1.6, 2.2), length_mm=6),
    "very narrow": Tube((0.3, 0.3), length_mm=6),
}
INTRODUCTION = (
    "Written by `make validate`. Tubes with an analytic wall are drawn as label maps, a voxel belonging to the part "
    "that holds its centre, at random places and turns on the grid, and measured as a reader's drawing is. So these "
    "are the errors of the measuring alone, with a perfect reader; a reader's own scatter comes on top. Directions: "
    "across = the vessel at right angles to the slices, oblique = 36 degrees from it, in plane = within the slices. "
    "Error: measured minus true, mean (SD). No head and no registration is in it: "
    "nothing here tests the template step."
)
THIN_WALLS = (
    "Concentric walls about a lumen of 2.4 mm. The drawing's staircase makes the thickest place thicker and the "
    "thinnest thinner, by about a quarter of a voxel edge each; the mean is free of it. So an eccentricity index is "
    "never 0, and a MinWT below a voxel edge is not to be read as a number. A wall thinner than the voxel leaves holes "
    "in a label map, and such a drawing is refused, not measured."
)


def measured(tube: Tube, voxel_mm, direction: str, seed: int) -> dict[str, object]:
    """Measured and true values of one drawing; `problem` where it could not be measured."""
    labels = Image(*draw(tube, voxel_mm, DIRECTIONS[direction], seed))
    row: dict[str, object] = {f"true_{name}": value for name, value in tube.truth.items()}
    try:
        pieces = drawing.pieces(labels, 1, 2)
        if len(pieces) != 1 or pieces[0].segment is None:
            raise DrawingError("; ".join(piece.reason for piece in pieces))
        lesion = measure_segment(pieces[0].segment, SETTINGS)
        row |= wall_metrics(lesion, SETTINGS, GRADES)
        for piece in drawing.pieces(labels, 3, 4):
            row |= reference_metrics(
                lesion, Reference(measure_segment(piece.segment, SETTINGS), "distal", None, 0.0), GRADES
            )
    except DrawingError as error:
        row["problem"] = str(error)
    return row


def error_text(rows: pd.DataFrame, name: str, digits: int = 2, percent: bool = True) -> str:
    error = (rows[name] - rows[f"true_{name}"]).dropna()
    text = f"{error.mean():+.{digits}f} ({error.std():.{digits}f})"
    relative = 100 * error / rows[f"true_{name}"]
    return text + (f", {relative.mean():+.0f} %" if percent else "")


def by_grid() -> pd.DataFrame:
    lines = []
    for (shape, tube), (grid, voxel_mm) in itertools.product(SHAPES.items(), GRIDS_MM.items()):
        for direction in DIRECTIONS:
            rows = pd.DataFrame([measured(tube, voxel_mm, direction, seed) for seed in range(4)])
            if "max_wall_mm" not in rows:
                lines.append({"shape": shape, "voxel, mm": grid, "vessel": direction, "not measured": len(rows)})
                continue
            lines.append(
                {
                    "shape": shape,
                    "voxel, mm": grid,
                    "vessel": direction,
                    "LA, mm2": error_text(rows, "lumen_area_mm2"),
                    "OWA, mm2": error_text(rows, "outer_wall_area_mm2"),
                    "MaxWT, mm": error_text(rows, "max_wall_mm"),
                    "MinWT, mm": error_text(rows, "min_wall_mm"),
                    "not measured": int(rows.max_wall_mm.isna().sum()),
                }
            )
    return pd.DataFrame(lines)


def thin_walls() -> pd.DataFrame:
    lines = []
    for grid in ("0.25 x 0.25 x 0.25", "0.35 x 0.35 x 0.55"):
        for wall in (0.3, 0.5, 0.7, 1.0, 1.5):
            tube = Tube((1.2, 1.2), (1.2 + wall, 1.2 + wall), length_mm=6)
            cases = itertools.product(DIRECTIONS, range(3))
            rows = pd.DataFrame([measured(tube, GRIDS_MM[grid], *case) for case in cases]).reindex(
                columns=["max_wall_mm", "mean_wall_mm", "min_wall_mm", "wall_area_mm2", "true_wall_area_mm2"]
            )
            done = rows.dropna()
            lines.append(
                {
                    "voxel, mm": grid,
                    "true wall, mm": wall,
                    "MaxWT": f"{done.max_wall_mm.mean():.2f}",
                    "mean": f"{done.mean_wall_mm.mean():.2f}",
                    "MinWT": f"{done.min_wall_mm.mean():.2f}",
                    "WA error": f"{100 * (done.wall_area_mm2 / done.true_wall_area_mm2 - 1).mean():+.0f} %",
                    "not measured": f"{len(rows) - len(done)} of {len(rows)}",
                }
            )
    return pd.DataFrame(lines)


def plaques() -> pd.DataFrame:
    """72 plaques at the study's resolution, with reference segments of 1.5 mm lumen radius and 0.6 mm wall."""
    rows = []
    design = itertools.product((30, 50, 65, 80), (1.9, 2.2, 2.5), DIRECTIONS, range(2))
    for number, (stenosis, outer, direction, again) in enumerate(design):
        lumen = 1.5 * (1 - stenosis / 100)
        tube = Tube(
            (lumen, lumen),
            (outer, outer),
            shift_mm=(0.3, 0.7)[again] * (outer - lumen - 0.3),
            wide_mm=1.5,
            reference_mm=(1.5, 2.1),
        )
        rows.append({"stenosis": stenosis, "outer": outer, **measured(tube, STUDY_MM, direction, 100 + number)})
    return pd.DataFrame(rows)


def plaque_lines(rows: pd.DataFrame, group: str, name: str) -> pd.DataFrame:
    measures = {
        "LA, mm2": ("lumen_area_mm2", 2, True),
        "OWA, mm2": ("outer_wall_area_mm2", 2, True),
        "WA, mm2": ("wall_area_mm2", 2, True),
        "NWI": ("normalized_wall_index", 3, False),
        "MaxWT, mm": ("max_wall_mm", 2, True),
        "MinWT, mm": ("min_wall_mm", 2, False),
        "EI": ("eccentricity_index", 2, False),
        "RI": ("remodeling_index", 2, False),
        "stenosis, points": ("stenosis_percent", 1, False),
    }
    lines = []
    for value, part in [*rows.groupby(group), ("all", rows)]:
        line = {name: value, "plaques": len(part), "not measured": int(part.max_wall_mm.isna().sum())}
        lines.append(line | {title: error_text(part, *how) for title, how in measures.items()})
    return pd.DataFrame(lines)


def report() -> str:
    rows = plaques()
    rows["wall"] = pd.cut(rows.true_max_wall_mm, [0, 1.5, 2, 2.5, 5], labels=["to 1.5", "1.5-2", "2-2.5", "over 2.5"])
    return (
        "\n\n".join(
            [
                "# Plaque metrics: truth and measurement",
                INTRODUCTION,
                "## Plaques at the study's resolution",
                "0.7 x 0.7 x 1.1 mm reconstructed at 0.35 x 0.35 x 0.55 mm; a third each across, oblique and in plane.",
                plaque_lines_text(rows),
                "## By shape, voxel and direction",
                markdown(by_grid().fillna("")),
                "## Thin walls",
                THIN_WALLS,
                markdown(thin_walls()),
            ]
        )
        + "\n"
    )


def plaque_lines_text(rows: pd.DataFrame) -> str:
    by_stenosis = markdown(plaque_lines(rows, "stenosis", "true stenosis, %"))
    return by_stenosis + "\n\n" + markdown(plaque_lines(rows, "wall", "true MaxWT, mm"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.write_text(report(), encoding="utf-8")
    print(f"{options.out} written")


if __name__ == "__main__":
    np.seterr(all="ignore")
    main()
