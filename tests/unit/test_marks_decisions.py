"""Readers' decisions: their table, checked row by row, and what they do to a session's marks."""

import numpy as np
import pytest

from angiolith.marks.decisions import COLUMNS, DecisionError, read_decisions, unknown_marks
from angiolith.marks.verdicts import UndecidableError, decide, mark_names, readings, waiting

SESSIONS = {("01", "a"), ("02", "a")}
HEADER = "subject\tsession\tmark\tdecision\tartery\treader\tdate\tnote"
ROW = "01\ta\t1-0123abcd\tkeep\tn/a\tAB\t2026-11-30\tn/a"


def written(path, *rows, header=HEADER):
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def row(mark, decision, reader="AB", **cells):
    return dict.fromkeys(COLUMNS, "") | {"mark": mark, "decision": decision, "reader": reader} | {
        "role": "reader", "kind": "calcification", "date": "2026-11-30"} | cells  # fmt: skip


def test_rows_are_read_by_session_with_prefixes_taken_off_and_missing_cells_empty(tmp_path):
    table = written(tmp_path / "d.tsv", ROW, "sub-02\tses-a\t2-0123abcd\tmove\tR-ICA\tCD\t2026-11-30\tclinoid")
    found = read_decisions([table], SESSIONS)
    assert set(found) == SESSIONS
    (first,), (second,) = found["01", "a"], found["02", "a"]
    assert (first["mark"], first["artery"], first["note"], first["role"]) == ("1-0123abcd", "", "", "reader")
    assert (second["decision"], second["artery"], second["note"]) == ("move", "R-ICA", "clinoid")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (ROW.replace("01\ta", "03\ta"), "row 2, subject: there is no sub-03 ses-a"),
        (ROW.replace("\ta\t", "\tb\t"), "row 2, session: there is no sub-01 ses-b"),
        (ROW.replace("keep", "kep"), "row 2, decision: 'kep'; write one of keep, reject, move, add, redraw"),
        (ROW.replace("1-0123abcd", "1"), "row 2, mark: '1' is no mark; copy the column `mark`"),
        (ROW.replace("1-0123abcd", "n/a"), "row 2, mark: is empty; keep needs it"),
        (ROW.replace("keep\tn/a", "move\tn/a"), "row 2, artery: is empty; move needs it"),
        (ROW.replace("keep\tn/a", "move\tR-ICB"), "row 2, artery: 'R-ICB' is none; did you mean 'R-ICA'?"),
        (ROW.replace("AB", "n/a"), "row 2, reader: is empty"),
        (ROW.replace("2026-11-30", "30.11.2026"), "row 2, date: '30.11.2026' is not a date"),
        (ROW.replace("keep\tn/a", "add\tBA"), "row 2, file: is empty; add needs it"),
        (ROW + "\tmore", "row 2: 9 cells for 8 columns"),
    ],
)
def test_a_row_that_cannot_be_taken_is_refused_with_file_and_row(tmp_path, line, said):
    table = written(tmp_path / "d.tsv", line)
    with pytest.raises(DecisionError) as told:
        read_decisions([table], SESSIONS)
    assert str(told.value).startswith(f"{table}, {said}")


def test_columns_and_rows_that_stand_twice_are_refused(tmp_path):
    with pytest.raises(DecisionError, match=r"row 1: unknown column 'marks'; did you mean 'mark'"):
        read_decisions([written(tmp_path / "d.tsv", header=HEADER.replace("mark", "marks"))], SESSIONS)
    with pytest.raises(DecisionError, match=r"row 3: AB decided on this mark in .*row 2 already"):
        read_decisions([written(tmp_path / "e.tsv", ROW, ROW.replace("keep", "reject"))], SESSIONS)
    other_reader = written(tmp_path / "f.tsv", ROW, ROW.replace("AB", "CD"))
    assert len(read_decisions([other_reader], SESSIONS)["01", "a"]) == 2


def marks():
    """Three marks in a small grid, all dense, and one dense voxel pair that is no mark."""
    labels = np.zeros((8, 8, 4), np.uint16)
    labels[1, 1, :2], labels[4, 4, :2], labels[6, 6, :3] = 1, 2, 3
    dense = labels > 0
    dense[1, 6, :2] = True
    return labels, dense


def test_a_marks_name_is_its_voxels_and_survives_a_new_number():
    labels, _ = marks()
    names = mark_names(labels)
    assert [name.partition("-")[0] for name in names.values()] == ["1", "2", "3"]
    swapped = np.choose(labels, [0, 2, 1, 3])
    assert {name[2:] for name in mark_names(swapped).values()} == {name[2:] for name in names.values()}
    grown = labels.copy()
    grown[1, 1, 2] = 1
    assert mark_names(grown)[1] != names[1]
    assert (mark_names(grown)[2], mark_names(grown)[3]) == (names[2], names[3])


def test_readers_keep_reject_and_move_and_the_rest_stays_the_tools():
    labels, dense = marks()
    one, two, three = mark_names(labels).values()
    rows = [row(one, "keep", note="seen on bone window"), row(two, "reject"), row(three, "move", artery="R-MCA")]
    found = decide(labels, dense, {1: "clinoid", 2: "clinoid"}, rows, {}, "sure")
    first, second, third = (found.verdicts[number] for number in (1, 2, 3))
    assert (first.counted, first.certainty, first.decided_by) == (True, "sure", "AB")
    assert first.reason == "kept by AB on 2026-11-30 (seen on bone window)"
    assert (second.counted, second.certainty) == (False, "sure")
    assert (third.counted, third.artery) == (True, ("MCA", "R"))
    alone = decide(labels, dense, {1: "clinoid"}, (), {}, "sure").verdicts
    assert (alone[1].counted, alone[1].certainty, alone[1].decided_by) == (False, "candidate", "tool")
    assert (alone[2].counted, alone[2].decided_by) == (True, "tool")


def test_readers_who_disagree_leave_a_candidate_until_an_adjudicator_decides():
    labels, dense = marks()
    one, *_ = mark_names(labels).values()
    rows = [row(one, "keep"), row(one, "reject", "CD")]
    split = decide(labels, dense, {}, rows, {}, "sure").verdicts[1]
    assert (split.counted, split.certainty, split.decided_by) == (False, "candidate", "AB, CD")
    assert "readers disagree, needs adjudication" in split.reason
    settled = decide(labels, dense, {}, [*rows, row(one, "keep", "EF", role="adjudicator")], {}, "sure").verdicts[1]
    assert (settled.counted, settled.certainty, settled.decided_by) == (True, "sure", "EF")
    agreed = decide(labels, dense, {}, [row(one, "reject"), row(one, "reject", "CD")], {}, "all").verdicts[1]
    assert (agreed.counted, agreed.certainty, agreed.decided_by) == (False, "sure", "AB, CD")
    assert readings({("01", "a"): rows})["answer"].tolist() == ["yes", "no"]


@pytest.mark.parametrize(
    ("count", "counted"), [("sure", [False, True, True]), ("confirmed", [False, False, True]), ("all", [True] * 3)]
)
def test_which_marks_count_is_a_setting(count, counted):
    labels, dense = marks()
    names = list(mark_names(labels).values())
    found = decide(labels, dense, {1: "clinoid"}, [row(names[2], "keep")], {}, count).verdicts
    assert [found[number].counted for number in (1, 2, 3)] == counted


def test_a_mark_is_added_and_redrawn_within_what_is_dense():
    labels, dense = marks()
    names = mark_names(labels)
    drawn = np.zeros(labels.shape, bool)
    drawn[1, 5:8, :] = True  # generous: two voxels of it are dense
    part = np.zeros(labels.shape, bool)
    part[6, 6, :2] = True
    rows = [row("", "add", file="new.nii.gz", artery="BA"), row(names[3], "redraw", file="less.nii.gz")]
    found = decide(labels, dense, {}, rows, {"new.nii.gz": drawn, "less.nii.gz": part}, "sure")
    assert ((found.labels == 4).sum(), (found.labels == 3).sum(), (labels == 3).sum()) == (2, 2, 3)
    assert (found.verdicts[4].counted, found.verdicts[4].artery, found.verdicts[4].decided_by) == (
        True,
        ("BA", "M"),
        "AB",
    )
    assert (found.names[3], found.names[4][:2]) == (names[3], "4-")
    other = [*rows, row(names[1], "keep", "CD")]
    alone = decide(labels, dense, {}, other, {"new.nii.gz": drawn, "less.nii.gz": part}, "sure").verdicts[4]
    assert (alone.certainty, alone.counted) == ("candidate", False)
    assert "not added by CD" in alone.reason


def test_decisions_that_fit_no_mark_are_refused(tmp_path):
    labels, dense = marks()
    with pytest.raises(UndecidableError, match="no mark 1-0123abcd"):
        decide(labels, dense, {}, [row("1-0123abcd", "keep")], {}, "sure")
    with pytest.raises(UndecidableError, match="overlaps mark 1; redraw that one"):
        decide(labels, dense, {}, [row("", "add", file="f", artery="BA")], {"f": labels == 1}, "sure")
    with pytest.raises(UndecidableError, match="no voxel that may belong to a mark"):
        decide(labels, dense, {}, [row("", "add", file="f", artery="BA")], {"f": ~dense}, "sure")
    table = written(tmp_path / "d.tsv", ROW)
    (said,) = unknown_marks([table], {("01", "a", "calcification"): ["1-aaaaaaaa"]})
    assert said.startswith(
        f"{table}, row 2, mark: the segmentation has no mark 1-0123abcd (its mark 1 is 1-aaaaaaaa now)"
    )
    assert unknown_marks([table], {("01", "a", "calcification"): ["7-0123abcd"]}) == unknown_marks([table], {}) == []


def test_what_waits_for_a_reader():
    import pandas as pd

    table = pd.DataFrame(
        {
            "counted": [True, False, False, False],
            "certainty": ["sure", "candidate", "sure", "sure"],
            "decided_by": ["tool", "tool", "AB", "tool"],  # the last: a sure one where only confirmed ones count
        }
    )
    assert waiting(table).index.tolist() == [1, 3]
