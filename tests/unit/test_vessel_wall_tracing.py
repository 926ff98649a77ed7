"""The tool's own wall on made-up black-blood MRI of a wide plaque; more cases: validation/tracing.py."""

from types import SimpleNamespace

import numpy as np
import pytest

from angiolith.core.config import plain
from angiolith.core.images import Image, read_image, write_image
from angiolith.core.settings.vessel_wall import (
    VesselWallSettings,
    WallGradeSettings,
    WallMeasureSettings,
    WallTraceSettings,
)
from angiolith.core.tables import read_json, write_json
from angiolith.vessel_wall import drawing
from angiolith.vessel_wall.metrics import measure_segment, wall_metrics
from angiolith.vessel_wall.parts import DrawingError
from angiolith.vessel_wall.tracing import trace
from scripts.trace_wall import main
from validation.tubes import Tube
from validation.wall_mri import wall_mri

SETTINGS, GRADES = WallMeasureSettings(), WallGradeSettings()
TUBE = Tube((0.9, 0.9), (2.1, 2.1), shift_mm=0.5, wide_mm=1.4, length_mm=8)


def run_script(folder, points, status="ok"):
    data, affine, axis = wall_mri(TUBE, 0.6, seed=2000)
    write_image(data, affine, folder / "vwi.nii.gz")
    rows = [f"lesion,{x:.3f},{y:.3f},{z:.3f}" for x, y, z in points(axis)]
    (folder / "points.csv").write_text("\n".join(["segment,x_mm,y_mm,z_mm", *rows]))
    write_json({"images": {"vwi": {"status": status, "reason": "all black"}}}, folder / "checks.json")
    names = {"vwi": "vwi.nii.gz", "points": "points.csv", "checks": "checks.json"}
    given = SimpleNamespace(**{name: folder / path for name, path in names.items()})
    made = SimpleNamespace(labels=folder / "labels.nii.gz", facts=folder / "labels.json")
    main(
        SimpleNamespace(
            input=given, output=made, params=SimpleNamespace(settings={"vessel_wall": plain(VesselWallSettings())})
        )
    )
    return made, read_json(made.facts)


def test_a_plaque_is_traced_between_two_points(tmp_path):
    made, facts = run_script(tmp_path, lambda axis: axis[[2, -3]])
    assert facts["status"] == "review"
    (piece,) = drawing.pieces(read_image(made.labels), 1, 2)
    row = wall_metrics(measure_segment(piece.segment, SETTINGS), SETTINGS, GRADES)
    for name in ("max_wall_mm", "min_wall_mm"):
        assert row[name] == pytest.approx(TUBE.truth[name], abs=0.2), name
    assert row["outer_wall_area_mm2"] == pytest.approx(TUBE.truth["outer_wall_area_mm2"], rel=0.1)
    assert row["lumen_area_mm2"] == pytest.approx(TUBE.truth["lumen_area_mm2"], rel=0.1)


@pytest.mark.parametrize(("n_points", "status", "said"), [(1, "ok", "two points"), (2, "failed", "all black")])
def test_what_cannot_be_traced_is_an_empty_file_and_a_reason(tmp_path, n_points, status, said):
    made, facts = run_script(tmp_path, lambda axis: axis[:n_points], status)
    assert made.labels.stat().st_size == 0
    assert facts["status"] == "failed"
    assert said in facts["reason"]


def test_points_where_there_is_no_vessel_are_refused():
    flat = np.random.default_rng(0).normal(100, 2, (30, 30, 30)).astype(np.float32)
    flat[13:17, 13:17] = 200  # a bright rod: no dark lumen
    with pytest.raises(DrawingError, match=r"no bright wall|leaves the vessel"):
        trace(
            Image(flat, np.diag([0.6, 0.6, 0.6, 1])), [(None, np.array([[9, 9, 5], [9, 9, 12.0]]))], WallTraceSettings()
        )
