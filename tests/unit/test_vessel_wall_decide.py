"""Readers' decisions on plaques: a rejected plaque leaves with the reason, a renamed one keeps its measures."""

import numpy as np
import pandas as pd
import pytest

from angiolith.cohort.collect import one_reader, plaque_columns
from angiolith.cohort.gather import marks_table
from angiolith.marks.decisions import COLUMNS, DecisionError, read_decisions
from angiolith.marks.kinds import PLAQUE
from angiolith.vessel_wall.decide import decided_plaques, plaque_names
from angiolith.vessel_wall.session import not_measured, plaque_table


def decision(mark, what, reader="AB", **cells):
    row = dict.fromkeys(COLUMNS, "") | {"mark": mark, "decision": what, "reader": reader, "kind": PLAQUE.name}
    return row | {"role": "reader", "date": "2026-11-30"} | cells


def measured(lesion, reader, stenosis):
    found = {"lesion": lesion, "reader": reader, "artery": "MCA", "side": "R", "stenosis_percent": stenosis}
    return found | {"lumen_area_mm2": 3.0, "enhancement_grade": 1, "eccentric": True, "status": "ok", "reason": None}


ROWS = [measured(1, "A", 40.0), measured(1, "B", 50.0), measured(2, "A", 60.0), not_measured("failed", "torn", "B")]
OUTLINES = [
    {"lesion": lesion, "reader": reader, "section": "lesion", "contour": "lumen", "point": 0}
    | {"x_mm": float(lesion), "y_mm": float(shift), "z_mm": 0.0}
    for lesion, reader, shift in ((1, "A", 0), (1, "B", 1), (2, "A", 0))
]


@pytest.fixture
def plaques():
    return plaque_table(ROWS, "01", "a")


def test_undecided_plaques_keep_all_that_was_measured(plaques):
    found = decided_plaques(plaques, OUTLINES, [])
    pd.testing.assert_frame_equal(found[plaques.columns], plaques)
    assert found["mark"].nunique() == 2
    assert found.loc[found["lesion"].isna(), "mark"].isna().all()  # what was not measured is no mark
    assert found.loc[found["lesion"].notna(), "counted"].all()


def test_a_name_follows_the_drawing_and_not_its_number():
    names = plaque_names(OUTLINES)
    renumbered = [row | {"lesion": 3 - row["lesion"]} for row in OUTLINES]
    assert plaque_names(renumbered)[2].split("-")[1] == names[1].split("-")[1]
    moved = [row | {"x_mm": row["x_mm"] + 0.1} for row in OUTLINES]
    assert plaque_names(moved)[1] != names[1]


def test_a_rejected_plaque_leaves_with_the_reason_and_no_other_does(plaques):
    name = plaque_names(OUTLINES)[1]
    found = decided_plaques(plaques, OUTLINES, [decision(name, "reject", note="vein")])
    gone = found[found["lesion"] == 1]
    counted = decided_plaques(plaques.assign(n_sections=9), OUTLINES, [decision(name, "reject")])
    assert counted["n_sections"].isna().tolist() == (counted["lesion"] == 1).fillna(False).tolist()
    assert gone["status"].tolist() == ["failed", "failed"]
    assert gone["reason"].tolist() == ["rejected by AB on 2026-11-30 (vein)"] * 2
    assert gone[["stenosis_percent", "lumen_area_mm2", "enhancement_grade", "eccentric"]].isna().all(axis=None)
    assert gone["artery"].tolist() == ["MCA", "MCA"]
    rest = found[found["lesion"] != 1]
    pd.testing.assert_frame_equal(rest[plaques.columns], plaques[plaques["lesion"] != 1])
    cohort = plaque_columns(one_reader(found.assign(lesion=found["lesion"].astype(float))))
    assert cohort.set_index("lesion").loc[1, "plaque_reason"] == "rejected by AB on 2026-11-30 (vein)"
    assert np.isnan(cohort.set_index("lesion").loc[1, "stenosis_percent"])
    marks = marks_table({PLAQUE.name: found})
    assert sorted(zip(marks["lesion"], marks["counted"], strict=True)) == [(1, False), (2, True)]


def test_a_plaque_of_another_artery_keeps_its_measures(plaques):
    found = decided_plaques(plaques, OUTLINES, [decision(plaque_names(OUTLINES)[2], "move", artery="L-ICA")])
    row = found[found["lesion"] == 2].iloc[0]
    assert (row["artery"], row["side"], row["stenosis_percent"]) == ("ICA", "L", 60.0)
    assert (row["decided_by"], row["status"]) == ("AB", "ok")


def test_readers_who_disagree_leave_a_plaque_out_until_it_is_settled(plaques):
    name = plaque_names(OUTLINES)[1]
    rows = [decision(name, "keep"), decision(name, "reject", "CD")]
    found = decided_plaques(plaques, OUTLINES, rows).iloc[0]
    assert (found["status"], found["certainty"]) == ("failed", "candidate")
    assert "needs adjudication" in found["reason"]
    settled = decided_plaques(plaques, OUTLINES, [*rows, decision(name, "keep", "EF", role="adjudicator")])
    assert settled.iloc[0]["stenosis_percent"] == 40.0


def test_a_decision_that_names_no_plaque_fails_them_all(plaques):
    found = decided_plaques(plaques, OUTLINES, [decision("1-00000000", "reject")])
    assert (found["status"] == "failed").all()
    assert found["reason"].iloc[0].startswith("decisions do not fit: decision of AB: the segmentation has no mark")


def test_a_plaque_is_drawn_elsewhere(tmp_path):
    path = tmp_path / "marks.tsv"
    header = "subject\tsession\tmark\tdecision\tartery\treader\tdate\tnote\tkind\tfile\n"
    path.write_text(header + "01\ta\tn/a\tadd\tR-MCA\tAB\t2026-11-30\tn/a\tplaque\tdrawn.nii.gz\n")
    with pytest.raises(DecisionError, match="decision: 'add'; write one of keep, reject, move"):
        read_decisions([path], {("01", "a")})
