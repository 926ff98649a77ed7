"""Cross-sections of drawn tubes with analytic answers: along, oblique to and across the slices, bent, very narrow."""

import numpy as np
import pytest

from angiolith.core.images import Image
from angiolith.core.settings.vessel_wall import WallGradeSettings, WallMeasureSettings
from angiolith.vessel_wall import drawing, sections
from angiolith.vessel_wall.metrics import measure_segment, wall_metrics
from validation.tubes import DIRECTIONS, Tube, draw

SETTINGS, GRADES = WallMeasureSettings(), WallGradeSettings()
FINE, SLICES, STUDY = (0.25, 0.25, 0.25), (0.2, 0.2, 0.6), (0.35, 0.35, 0.55)


def segment_of(tube, voxel_mm, direction, seed=1):
    (piece,) = drawing.pieces(Image(*draw(tube, voxel_mm, DIRECTIONS[direction], seed)), 1, 2)
    assert piece.segment is not None, piece.reason
    return piece.segment


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("voxel_mm", [FINE, SLICES, STUDY])
def test_a_lumen_of_about_a_voxel_is_measured_however_the_slices_lie(voxel_mm, direction):
    tube = Tube((0.3, 0.3), wide_mm=1.2)
    measured = measure_segment(segment_of(tube, voxel_mm, direction), SETTINGS)
    row = wall_metrics(measured, SETTINGS, GRADES)
    assert measured.missed == ()
    assert row["lumen_area_mm2"] == pytest.approx(np.pi * 0.09, abs=0.15)  # a voxel's face: 0.06 to 0.19 mm2
    assert row["outer_wall_area_mm2"] == pytest.approx(np.pi * 4, rel=0.06)
    assert row["max_wall_mm"] == pytest.approx(1.7, abs=0.2)
    middle = measured.sections[0].along_mm + np.ptp([section.along_mm for section in measured.sections]) / 2
    assert measured.narrowest.along_mm == pytest.approx(middle, abs=1.0)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize(
    "tube",
    [Tube(), Tube(shift_mm=0.7), Tube((0.6, 1.0), (1.6, 2.2)), Tube((0.5, 0.5), wide_mm=1.3, bend_mm=8, length_mm=12)],
    ids=["concentric", "eccentric", "elliptic", "bent by 86 degrees"],
)
def test_areas_and_walls_of_tubes_are_right_to_a_fraction_of_a_voxel(tube, direction):
    row = wall_metrics(measure_segment(segment_of(tube, FINE, direction), SETTINGS), SETTINGS, GRADES)
    for name, true in tube.truth.items():
        if name.endswith("_area_mm2"):
            assert row[name] == pytest.approx(true, rel=0.05, abs=0.1), name
        elif name.endswith("_mm"):
            assert row[name] == pytest.approx(true, abs=0.15), name


def test_a_vessel_that_bends_over_few_slices_is_cut_across_all_along():
    """The bent tube's outer wall keeps its area; planes across the mean direction would see up to a third more."""
    tube = Tube((0.5, 0.5), (1.8, 1.8), wide_mm=1.2, bend_mm=7, length_mm=9)
    cuts = sections.cut(segment_of(tube, SLICES, "across"), 0.5)
    areas = [section.outer_wall_area_mm2 for section in cuts.sections]
    assert np.median(areas) == pytest.approx(np.pi * 1.8**2, rel=0.03)
    assert np.ptp([section.along_mm for section in cuts.sections]) > 6


def test_sections_that_show_no_lumen_are_named_not_dropped():
    segment = segment_of(Tube((0.5, 0.5)), FINE, "across")
    middle = int(np.argwhere(segment.lumen)[:, 2].mean())
    hidden = segment.lumen & (abs(np.indices(segment.lumen.shape)[2] - middle - 0.5) > 1)
    found = sections.cut(drawing.Segment(hidden, segment.outer, segment.affine), 0.25)
    assert found.missed
    assert len(found.missed) + len(found.sections) == len(sections.cut(segment, 0.25).sections)
