"""Centrelines: names, splines, frames, regions; and the shipped atlas."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from angiolith.arteries.centrelines import (
    COLUMNS,
    Centreline,
    from_control_points,
    from_table,
    region_labels,
    resampled,
    to_table,
    voxel_centres,
)
from angiolith.arteries.names import INDEX, LABELS, MEASURED, label_names, lookup_table, parse_name
from angiolith.core.tables import read_tsv

ATLAS = Path(__file__).parents[2] / "resources/artery_atlas/centrelines.tsv"


def half_circle(radius_mm=15.0, count=13) -> pd.DataFrame:
    angle = np.linspace(0, np.pi, count)
    return pd.DataFrame(
        {"artery": "ICA", "side": "R", "segment": "cavernous", "point": np.arange(count)}
        | {"x_mm": radius_mm * np.cos(angle), "y_mm": radius_mm * np.sin(angle), "z_mm": 0.0}
        | {"radius_mm": 2.0, "sd_mm": 1.0}
    )


def test_a_spline_through_points_of_a_circle_stays_on_it_at_even_steps():
    (line,) = from_control_points(half_circle().sample(frac=1, random_state=0))  # rows in any order
    assert np.linalg.norm(line.points, axis=1) == pytest.approx(15.0, abs=0.02)
    assert line.arc_mm[-1] == pytest.approx(15 * np.pi, rel=1e-3)
    assert np.diff(line.arc_mm) == pytest.approx(0.5, abs=0.01)


def test_control_points_are_mapped_and_radius_kept():
    (line,) = from_control_points(half_circle(), lambda points: points + np.array([10, 0, 5]))
    assert line.points[0] == pytest.approx([25, 0, 5])
    assert line.radius_mm == pytest.approx(2.0)


def test_frames_are_orthonormal_and_do_not_turn_on_a_plane_curve():
    (line,) = from_control_points(half_circle())
    first, second = line.frames()
    tangents = line.tangents
    for a, b in ((first, second), (first, tangents), (second, tangents)):
        assert np.abs(np.einsum("ij,ij->i", a, b)).max() < 1e-6
    upright = np.stack([first @ [0, 0, 1], second @ [0, 0, 1]])  # the plane's normal keeps its place in the frame
    assert upright.std(axis=1) == pytest.approx(0, abs=1e-6)


def test_tables_keep_what_centrelines_hold():
    (line,) = from_control_points(half_circle())
    table = to_table([line])
    assert set(table.columns) == set(COLUMNS)
    back = from_table(table.sample(frac=1, random_state=1))["ICA", "R"]
    assert back.points == pytest.approx(line.points)
    assert (back.segment == line.segment).all()


def test_the_region_is_a_tube_of_the_reach_on_an_oblique_grid():
    turn = np.radians(20)
    affine = np.eye(4)
    affine[:3, :3] = np.array([[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]]) @ np.diag(
        [0.6, 0.6, 1.1]
    )
    affine[:3, 3] = affine[:3, :3] @ np.array([-20, -20, -12])
    points = np.array([[0, 0, -8.0], [0, 0, 8.0]])
    line = resampled(Centreline("BA", "M", points, np.full(2, 1.5), np.ones(2), np.array(["", ""])))
    labels = region_labels((41, 41, 25), affine, [line], lambda each: each.radius_mm + 1)
    centres = voxel_centres(labels.shape, affine)
    beyond = np.maximum(np.abs(centres[..., 2]) - 8, 0)
    true = np.sqrt(centres[..., 0] ** 2 + centres[..., 1] ** 2 + beyond**2) <= 2.5
    assert set(np.unique(labels)) == {0, INDEX["BA", "M"]}
    assert (true ^ (labels > 0)).sum() / true.sum() < 0.02


def test_between_two_arteries_the_nearer_by_share_of_its_reach_wins():
    ends = np.array([[0, 0, 0.0], [0, 0, 10.0]])
    lines = [
        resampled(Centreline(name, "R", ends + np.array([x, 0, 0]), np.full(2, r), np.ones(2), np.array(["", ""])))
        for name, x, r in (("ICA", 0.0, 3.0), ("MCA", 6.0, 1.0))
    ]
    labels = region_labels((12, 3, 11), np.eye(4), lines, lambda each: each.radius_mm * 2)
    assert labels[5, 0, 5] == INDEX["MCA", "R"]  # 1 of 2 mm, against 5 of 6
    assert labels[3, 0, 5] == INDEX["ICA", "R"]


@pytest.mark.parametrize(
    ("name", "parsed"),
    [
        ("R-ICA", ("ICA", "R")),
        ("ICA_L", ("ICA", "L")),
        ("Left internal carotid artery", ("ICA", "L")),
        ("rh.MCA", ("MCA", "R")),
        ("BA", ("BA", "M")),
        ("basilar artery", ("BA", "M")),
        ("L-Pcom", ("Pcom", "L")),
        ("vertebral_right", ("VA", "R")),
        ("ICA", None),
        ("background", None),
    ],
)
def test_names_are_read_as_people_write_them(name, parsed):
    assert parse_name(name) == parsed


def test_labels_mean_topcow_without_a_lookup_and_the_lookup_where_there_is_one():
    names, unknown = label_names({1, 4, 15}, None)
    assert names == {1: ("BA", "M"), 4: ("ICA", "R")}
    assert unknown == [15]
    lookup = pd.DataFrame({"index": [1, 2], "name": ["left ICA", "vein"]})
    assert label_names({1, 2}, lookup) == ({1: ("ICA", "L")}, [2])


def test_the_lookup_names_each_label_and_its_source():
    table = lookup_table({("BA", "M"): "atlas", ("ICA", "L"): "user"})
    assert table.to_dict("records")[1] == {
        "index": 6,
        "name": "L-ICA",
        "artery": "ICA",
        "side": "L",
        "source": "user",
    }


def test_the_atlas_is_complete_symmetric_and_joined():
    atlas = read_tsv(ATLAS)
    assert list(atlas.columns) == COLUMNS
    lines = {line.name: line for line in from_control_points(atlas)}
    assert set(lines) == set(MEASURED) <= set(LABELS.values())
    for artery in ("ICA", "MCA", "ACA", "PCA", "VA"):
        assert lines[artery, "L"].points * [-1, 1, 1] == pytest.approx(lines[artery, "R"].points, abs=1e-6)
        assert lines[artery, "R"].points[:, 0].max() > 0
    ends = {name: (line.points[0], line.points[-1]) for name, line in lines.items()}
    for side in "LR":
        carotid_top = ends["ICA", side][1]
        assert ends["MCA", side][0] == pytest.approx(carotid_top)
        assert ends["ACA", side][0] == pytest.approx(carotid_top)
        assert ends["PCA", side][0] == pytest.approx(ends["BA", "M"][1])
        assert ends["VA", side][1] == pytest.approx(ends["BA", "M"][0])
    assert (atlas["radius_mm"].between(0.8, 3.5) & atlas["sd_mm"].between(1, 5)).all()
