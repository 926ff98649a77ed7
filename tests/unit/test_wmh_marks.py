"""Readers' decisions on WMH and suspected infarcts: the mask, its volume, and nothing of the segmentation itself."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from angiolith.core.images import read_image, write_image
from angiolith.core.tables import read_json, read_tsv
from angiolith.marks.decisions import COLUMNS
from angiolith.marks.kinds import INFARCT, WMH
from angiolith.marks.verdicts import waiting
from angiolith.small_vessel.tissues import INFARCT as INFARCT_TISSUE
from angiolith.small_vessel.wmh.marks import ASKED_MM3, NOT_SURE, decided_wmh, goes_with
from angiolith.small_vessel.wmh.segment import SUSPECTED

AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])  # 2 mm3 a voxel
BOXES = {  # corner, voxels, probability
    "large": ((5, 5, 5), (8, 8, 4), 0.95),
    "second": ((20, 5, 5), (5, 5, 4), 0.95),
    "small": ((30, 5, 5), (2, 2, 2), 0.95),
    "faint": ((30, 15, 5), (2, 2, 2), 0.5),
}
INFARCT_BOX = ((5, 25, 5), (10, 10, 5))


def within(name_or_box):
    corner, size = (BOXES[name_or_box] if isinstance(name_or_box, str) else name_or_box)[:2]
    return tuple(slice(at, at + n) for at, n in zip(corner, size, strict=True))


def decision(kind, mark, what, reader="AB", **cells):
    row = dict.fromkeys(COLUMNS, "") | {"mark": mark, "decision": what, "reader": reader, "kind": kind.name}
    return row | {"role": "reader", "date": "2026-11-30"} | cells


@pytest.fixture
def session(tmp_path):
    """Four lesions of known size, and a suspected infarct of which the first half is WMH by its probability."""
    mask, probability = np.zeros((40, 40, 20), np.uint8), np.zeros((40, 40, 20), np.float32)
    tissues = np.ones(mask.shape, np.uint8)
    for name, (_, _, likely) in BOXES.items():
        mask[within(name)], probability[within(name)] = 1, likely
    tissues[within(INFARCT_BOX)] = INFARCT_TISSUE
    probability[within(((5, 25, 5), (5, 10, 5)))] = 0.95
    for name, data in {"mask": mask, "probability": probability, "tissues": tissues}.items():
        write_image(data, AFFINE, tmp_path / f"{name}.nii.gz")
    facts = {
        **{"status": "review", "reason": f"{SUSPECTED} (1.0 cm3)", "volume_cm3": 2.0 * mask.sum() / 1000},
        **{"volume_interval_cm3": [0.7, 0.8], "suspected_infarct_cm3": 1.0},
        "thresholds": {"wmh": 0.3, "sure": 0.9, "possible": 0.1},
    }
    (tmp_path / "facts.json").write_text(json.dumps(facts))
    given = {f"wmh_{name}": str(tmp_path / f"{name}.nii.gz") for name in ("mask", "probability", "tissues")}
    given |= {"wmh_facts": str(tmp_path / "facts.json"), "drawings": []}
    return SimpleNamespace(given=given, folder=tmp_path, mask=mask > 0)


def drawn(session, name, box):
    data = np.zeros(session.mask.shape, np.uint8)
    data[within(box)] = 1
    write_image(data, AFFINE, session.folder / name)
    return str(session.folder / name)


def decide(session, *decisions):
    session.given["drawings"] = sorted({row["file"] for row in decisions if row["file"]})
    return decided_wmh(session.given, decisions)


def test_undecided_the_mask_is_that_of_the_segmentation_and_the_infarct_waits(session):
    found = decide(session)
    assert (found.mask.data == session.mask).all()
    assert found.wmh.facts["volume_cm3"] == 2.0 * session.mask.sum() / 1000
    assert found.wmh.facts["volume_interval_cm3"] == [0.7, 0.8]
    assert found.wmh.table["wmh"].tolist() == [1, 2, 3]  # the largest first; the small, sure one is not asked about
    assert found.wmh.table["volume_mm3"].tolist() == [512.0, 200.0, 16.0]
    assert 16.0 < ASKED_MM3 < 200.0
    assert found.wmh.table["reason"].tolist()[2] == NOT_SURE
    assert (found.wmh.table["counted"]).all()
    assert len(waiting(found.wmh.table)) == 0
    assert len(waiting(found.infarcts.table)) == 1
    assert found.infarcts.facts["n_infarct_candidates"] == 1


def test_a_rejected_lesion_leaves_the_mask_and_nothing_else_does(session):
    marks = decide(session).wmh.table["mark"].tolist()
    found = decide(session, decision(WMH, marks[1], "reject", note="artefact"))
    expected = session.mask.copy()
    expected[within("second")] = False
    assert (found.mask.data == expected).all()
    assert found.wmh.facts["volume_cm3"] == pytest.approx(2.0 * expected.sum() / 1000)
    low, high = found.wmh.facts["volume_interval_cm3"]
    sure = session.mask.copy()
    sure[within("faint")] = False
    assert low == pytest.approx(2.0 * (sure.sum() - 100) / 1000)  # nothing of the infarct
    assert high == pytest.approx(2.0 * expected.sum() / 1000)
    assert found.wmh.table.set_index("wmh").loc[2, "reason"] == "rejected by AB on 2026-11-30 (artefact)"
    assert (found.wmh.labels.data == 2).sum() == 100  # still in the label map, to be looked at


def test_readers_who_disagree_leave_a_lesion_out_until_it_is_settled(session):
    mark = decide(session).wmh.table["mark"].tolist()[0]
    rows = [decision(WMH, mark, "reject"), decision(WMH, mark, "keep", "CD")]
    found = decide(session, *rows)
    assert not found.mask.data[within("large")].any()
    assert (found.wmh.facts["n_wmh_candidates"], found.wmh.facts["status"]) == (1, "review")
    settled = decide(session, *rows, decision(WMH, mark, "keep", "EF", role="adjudicator"))
    assert (settled.mask.data == session.mask).all()


def test_drawn_lesions_join_the_mask(session):
    marks = decide(session).wmh.table["mark"].tolist()
    added = drawn(session, "added.nii.gz", ((20, 20, 5), (4, 4, 4)))
    redrawn = drawn(session, "redrawn.nii.gz", ((20, 5, 5), (2, 5, 4)))
    found = decide(session, decision(WMH, "", "add", file=added), decision(WMH, marks[1], "redraw", file=redrawn))
    expected = session.mask.copy()
    expected[within("second")] = False
    expected[within(((20, 5, 5), (2, 5, 4)))] = expected[within(((20, 20, 5), (4, 4, 4)))] = True
    assert (found.mask.data == expected).all()
    assert found.wmh.facts["volume_cm3"] == pytest.approx(2.0 * expected.sum() / 1000)


def test_a_rejected_infarct_gives_back_what_is_wmh_in_it(session):
    infarct = decide(session).infarcts.table["mark"].tolist()[0]
    kept = decide(session, decision(INFARCT, infarct, "keep"))
    assert (kept.mask.data == session.mask).all()
    assert (kept.wmh.facts["status"], kept.wmh.facts["reason"]) == ("ok", "")  # somebody has looked
    assert kept.infarcts.facts["infarct_cm3"] == 1.0
    none = decide(session, decision(INFARCT, infarct, "reject"))
    expected = session.mask.copy()
    expected[within(((5, 25, 5), (5, 10, 5)))] = True
    assert (none.mask.data == expected).all()
    assert (none.infarcts.facts["infarct_cm3"], none.wmh.facts["reason"]) == (0.0, "")
    names = [name.table["mark"].tolist() for name in (decide(session).wmh, none.wmh)]
    assert names[0] == names[1]  # decisions on lesions hold whatever is decided on infarcts


def test_an_added_infarct_is_no_wmh(session):
    found = decide(session, decision(INFARCT, "", "add", file=drawn(session, "infarct.nii.gz", BOXES["large"][:2])))
    assert not found.mask.data[within("large")].any()
    assert found.infarcts.facts["infarct_cm3"] == pytest.approx(1.0 + 0.512)


def test_decisions_that_fit_no_lesion_leave_no_volume(session):
    found = decide(session, decision(WMH, "1-00000000", "reject"))
    assert (found.wmh.facts["status"], found.wmh.facts["volume_cm3"]) == ("failed", None)
    assert "the segmentation has no mark 1-00000000" in found.wmh.facts["reason"]


def test_what_is_written_can_be_read(session):
    names = [f"{kind.name}_{part}" for kind in (WMH, INFARCT) for part in ("table", "labels", "facts")]
    out = {name: str(session.folder / f"out_{name}") + (".nii.gz" if "labels" in name else "") for name in names}
    out |= {name: str(session.folder / f"{name}.nii.gz") for name in ("wmh_mask", "wmh_found", "infarct_found")}
    decide(session).write({"subject": "01", "session": "a"}, out)
    assert (read_image(out["wmh_mask"]).data.astype(bool) == session.mask).all()
    assert read_tsv(out["wmh_table"])["wmh"].tolist() == [1, 2, 3]
    assert read_json(out["infarct_facts"])["n_infarct_candidates"] == 1


def test_a_rim_goes_with_the_nearer_lesion():
    line = np.zeros((20, 1, 1), bool)
    rejected, stays = line.copy(), line.copy()
    rejected[4], stays[9] = True, True
    found = goes_with(rejected, stays, np.ones(3))
    assert np.flatnonzero(found).tolist() == [1, 2, 3, 4, 5, 6]
