"""The readers' common row, and the plot of their agreement."""

import numpy as np
import pandas as pd

from angiolith.cohort.agreement_picture import bland_altman_figure
from angiolith.core.settings.vessel_wall import WallConsensusSettings, WallGradeSettings
from angiolith.vessel_wall.consensus import consensus
from angiolith.vessel_wall.metrics import COLUMNS

SETTINGS, GRADES = WallConsensusSettings(), WallGradeSettings()


def rows(*readers):
    base = {"subject": "001", "session": "1", "lesion": 1, "status": "ok", "outer_wall_area_mm2": 12.0}
    base |= {"max_wall_mm": 2.0, "remodeling_index": 1.1, "plaque_class": "calcified", "artery": "BA"}
    made = [base | {"reader": f"reader{n}", **given} for n, given in enumerate(readers, start=1)]
    return pd.DataFrame(made).reindex(columns=list(COLUMNS))


def test_numbers_are_means_bounds_are_kept_and_agreeing_classes_stay():
    row = consensus(
        rows({"lumen_area_mm2": 2.0, "remodeling_index": 1.0}, {"lumen_area_mm2": 2.2}), SETTINGS, GRADES
    ).iloc[0]
    assert (row.reader, row.readers, row.status) == ("consensus", "reader1, reader2", "ok")
    assert row.lumen_area_mm2 == 2.1
    assert (row.remodeling_index, row.positive_remodeling) == (1.05, True)
    assert (row.plaque_class, row.artery) == ("calcified", "BA")


def test_what_readers_differ_in_is_theirs_to_settle():
    table = rows({"lumen_area_mm2": 2.0}, {"lumen_area_mm2": 3.0, "plaque_class": "non-calcified"})
    row = consensus(table, SETTINGS, GRADES).iloc[0]
    assert row.status == "review"
    assert row.reason == ("to settle together: plaque_class: calcified / non-calcified; lumen_area_mm2 differs by 40 %")
    assert pd.isna(row.plaque_class)
    alone = consensus(rows({"lumen_area_mm2": 2.0}, {"status": "failed"}), SETTINGS, GRADES).iloc[0]
    assert "only 1 of 2 readers" in alone.reason


def test_three_readers_settle_as_two_do():
    row = consensus(
        rows({"lumen_area_mm2": 2.0}, {"lumen_area_mm2": 2.1}, {"lumen_area_mm2": 2.5}), SETTINGS, GRADES
    ).iloc[0]
    assert row.readers == "reader1, reader2, reader3"
    assert row.lumen_area_mm2 == np.mean([2.0, 2.1, 2.5])
    assert row.reason == "to settle together: lumen_area_mm2 differs by 23 %"  # the widest apart, of the mean
    one_of_three = consensus(
        rows({"lumen_area_mm2": 2.0}, {"lumen_area_mm2": 2.0}, {"status": "failed"}), SETTINGS, GRADES
    )
    assert "only 2 of 3 readers" in one_of_three.iloc[0].reason


def test_bland_altman_plots_one_panel_per_measure_of_two_readers():
    rng = np.random.default_rng(0)
    area = pd.DataFrame(rng.normal(3, 1, (9, 2)), columns=["reader1", "reader2"])
    figure = bland_altman_figure({"plaque": {"lumen_area_mm2": area, "plaque_class": area.astype(str)}})
    (axes,) = figure.axes
    bias = (area.reader2 - area.reader1).mean()
    assert axes.lines[1].get_ydata()[0] == bias
    assert bland_altman_figure({}) is not None
