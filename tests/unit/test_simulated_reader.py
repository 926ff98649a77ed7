"""What a simulated reader's decisions make of implants' volumes."""

import pandas as pd

from validation.simulated_reader import is_seen, readings, volumes_after

ROWS = pd.DataFrame(
    {
        "kind": "implant",
        "found": ["counted", "candidate", "missed", "missed", "missed"],
        "true_mm3": [100.0, 80.0, 60.0, 40.0, 2.0],
        "visible_mm3": [100.0, 72.0, 54.0, 12.0, 2.0],
        "voxels": [100, 80, 60, 40, 2],
        "found_mm3": [95.0, 20.0, 0.0, 0.0, 0.0],
    }
)


def test_a_reader_adds_what_can_be_seen_and_not_what_lies_in_bone_or_is_tiny():
    assert is_seen(ROWS).tolist() == [True, True, True, False, False]
    assert volumes_after(ROWS, False, True).tolist() == [95.0, 20.0, 54.0, 0.0, 0.0]


def test_a_kept_mark_is_redrawn_only_where_it_is_off_by_more_than_15_percent():
    assert volumes_after(ROWS, True, False).tolist() == [95.0, 72.0, 0.0, 0.0, 0.0]


def test_each_kind_of_decision_is_stated_with_how_many_there_are():
    table = readings(ROWS).set_index("decisions")
    assert table["redrawn"].tolist() == [0, 1, 0, 1]
    assert table["added"].tolist() == [0, 0, 1, 1]
    assert table.loc["kept or rejected", "ICC, whole"] == table["ICC, whole"].min()
    assert table.loc["redrawn and added", "ICC, visible"] > 0.95
