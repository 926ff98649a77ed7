"""Readers' decisions on microbleeds and lacunes: which spots count, and what the counts and tables are."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.transform import Rotation

from angiolith.cohort.gather import marks_table
from angiolith.core.images import Image, linear_transform, moved, read_image, write_image, write_transform
from angiolith.core.settings.lacunes import LacuneReviewSettings
from angiolith.core.settings.location import PlaceSettings
from angiolith.core.settings.microbleeds import MicrobleedReviewSettings
from angiolith.core.settings.wmh import WmhGradeSettings, WmhMeasureSettings, WmhReviewSettings
from angiolith.core.tables import read_json, read_tsv, write_not_made, write_tsv
from angiolith.marks.decisions import COLUMNS
from angiolith.marks.kinds import IN_SPOT_RULE, LACUNE, MICROBLEED, SPOTS
from angiolith.marks.verdicts import waiting
from angiolith.report.mark_pictures import centres_of
from angiolith.small_vessel.markers import ReviewLimits, markers_row
from scripts.decide_marks import main

AFFINE = np.array([[-1.0, 0, 0, 20], [0, 1.0, 0, -20], [0, 0, 2.0, -20], [0, 0, 0, 1]])
TO_T1W = np.eye(4)
TO_T1W[:3, :3], TO_T1W[:3, 3] = Rotation.from_rotvec([0.1, -0.2, 0.3]).as_matrix(), [4.0, -3.0, 2.0]
PLACES = {1: (10, 10, 5), 2: (20, 12, 8), 3: (30, 30, 12)}


def decision(kind, mark, what, reader="AB", **cells):
    row = dict.fromkeys(COLUMNS, "") | {"mark": mark, "decision": what, "reader": reader, "kind": kind.name}
    return row | {"role": "reader", "date": "2026-11-30"} | cells


@pytest.fixture
def session(tmp_path):
    """Three spots of each kind: microbleeds two sure and one that is calcium; lacunes one a candidate."""
    labels = np.zeros((40, 40, 20), np.int32)
    for number, place in PLACES.items():
        labels[tuple(slice(at, at + 2) for at in place)] = number
    centres = moved(AFFINE, np.array(list(PLACES.values())) + 0.5)
    given = {"drawings": []}
    for kind, places in ((MICROBLEED, centres), (LACUNE, moved(TO_T1W, centres))):
        table = pd.DataFrame(places, columns=["x_mm", "y_mm", "z_mm"])
        table = table.assign(diameter_mm=3.1, volume_mm3=16.0, elongation=1.2, status="ok", reason=None)
        table.insert(0, kind.number, [1, 2, 3])
        if kind == MICROBLEED:
            table["kind"] = ["microbleed", "microbleed", "calcification"]
        else:
            table["certainty"], table["reason"] = ["sure", "sure", "candidate"], [None, None, "shallow on FLAIR"]
        write_tsv(table, tmp_path / f"{kind.name}.tsv")
        write_image(labels, AFFINE, tmp_path / f"{kind.name}.nii.gz")
        facts = {"status": "ok", "reason": "", f"n_{kind.plural}": 2}
        (tmp_path / f"{kind.name}.json").write_text(json.dumps(facts))
        given |= {
            f"{kind.name}_{part}": str(tmp_path / f"{kind.name}{ending}")
            for part, ending in (("table", ".tsv"), ("labels", ".nii.gz"), ("facts", ".json"))
        }
    transform = tmp_path / "xfm.tfm"
    write_transform(linear_transform(np.linalg.inv(TO_T1W)), transform)  # resamples the FLAIR onto the T1w
    given |= {"FLAIR_to_reference": str(transform), "FLAIR_to_reference_facts": ""}
    return SimpleNamespace(given=given, folder=tmp_path, labels=labels)


def run(session, decisions=(), **counts):
    """Tables and facts by kind of the job with these decisions, and the paths that it wrote."""
    out = {
        f"{kind.name}_{part}": str(session.folder / f"out_{kind.name}{ending}")
        for kind in IN_SPOT_RULE
        for part, ending in (("table", ".tsv"), ("labels", ".nii.gz"), ("facts", ".json"))
    } | {f"{name}": str(session.folder / f"out_{name}.nii.gz") for name in ("wmh_mask", "wmh_found", "infarct_found")}
    settings = {kind.plural: {"count": counts.get(kind.plural, "sure")} for kind in SPOTS}
    drawings = sorted({row["file"] for row in decisions if row["file"]})
    main(
        SimpleNamespace(
            input=session.given | {"drawings": drawings},
            output=out,
            wildcards=SimpleNamespace(subject="01", session="a"),
            params=SimpleNamespace(settings=settings, decisions=list(decisions)),
        )
    )
    tables = {kind.name: read_tsv(out[f"{kind.name}_table"]) for kind in SPOTS}
    facts = {kind.name: read_json(out[f"{kind.name}_facts"]) for kind in SPOTS}
    return tables, facts, out


def test_without_decisions_the_tool_decides(session):
    tables, facts, _ = run(session)
    bleeds, lacunes = tables["microbleed"], tables["lacune"]
    assert bleeds["counted"].tolist() == [True, True, False]
    assert bleeds["certainty"].tolist() == ["sure", "sure", "excluded"]
    assert bleeds["reason"].tolist()[2] == "calcification"
    assert lacunes["counted"].tolist() == [True, True, False]
    assert (lacunes.loc[2, "certainty"], lacunes.loc[2, "status"]) == ("candidate", "review")
    assert lacunes.loc[2, "reason"] == "candidate: shallow on FLAIR"
    assert len(waiting(bleeds)) == 0  # what the CT shows to be calcium waits for nobody
    assert (facts["microbleed"]["n_microbleeds"], facts["microbleed"]["status"]) == (2, "ok")
    assert (facts["lacune"]["n_lacunes"], facts["lacune"]["n_lacune_candidates"]) == (2, 1)
    assert facts["lacune"]["status"] == "review"
    assert facts["lacune"]["reason"] == "candidates that wait for a reader: 1"


def test_a_decision_changes_its_spot_its_count_and_nothing_else(session):
    before, _, _ = run(session)
    name = before["microbleed"]["mark"].tolist()
    tables, facts, _ = run(session, [decision(MICROBLEED, name[0], "reject", note="vessel")])
    assert tables["microbleed"]["counted"].tolist() == [False, True, False]
    assert tables["microbleed"].loc[0, "reason"] == "rejected by AB on 2026-11-30 (vessel)"
    assert tables["microbleed"].loc[0, "decided_by"] == "AB"
    pd.testing.assert_frame_equal(tables["microbleed"].iloc[1:], before["microbleed"].iloc[1:])
    pd.testing.assert_frame_equal(tables["lacune"], before["lacune"])
    assert (facts["microbleed"]["n_microbleeds"], facts["lacune"]["n_lacunes"]) == (1, 2)
    kept, facts, _ = run(session, [decision(MICROBLEED, name[2], "keep")])  # against the CT
    assert (kept["microbleed"]["counted"].sum(), facts["microbleed"]["n_microbleeds"]) == (3, 3)
    lacune = before["lacune"].loc[2, "mark"]
    kept, facts, _ = run(session, [decision(LACUNE, lacune, "keep")])
    assert facts["lacune"] | {"reason": ""} == facts["lacune"]
    assert (facts["lacune"]["n_lacunes"], facts["lacune"]["n_lacune_candidates"], facts["lacune"]["status"]) == (
        3,
        0,
        "ok",
    )
    assert "shallow" not in kept["lacune"].loc[2, "reason"]


@pytest.mark.parametrize(("count", "lacunes"), [("sure", 2), ("confirmed", 1), ("all", 3)])
def test_which_spots_count_is_a_setting(session, count, lacunes):
    before, _, _ = run(session)
    rows = [decision(LACUNE, before["lacune"].loc[0, "mark"], "keep")]
    assert run(session, rows, lacunes=count)[1]["lacune"]["n_lacunes"] == lacunes


def test_a_drawn_spot_has_a_place_a_size_and_no_other_measure(session):
    drawn = np.zeros_like(session.labels)
    drawn[5:8, 25:28, 3:5] = 1
    path = str(session.folder / "drawn.nii.gz")
    write_image(drawn.astype(np.uint8), AFFINE, path)
    before, _, _ = run(session)
    less = str(session.folder / "less.nii.gz")
    write_image((session.labels == 1).astype(np.uint8) * (np.arange(20) == 5), AFFINE, less)
    rows = [
        decision(LACUNE, "", "add", file=path),
        decision(LACUNE, before["lacune"].loc[0, "mark"], "redraw", file=less),
    ]
    tables, facts, out = run(session, rows)
    found = tables["lacune"].set_index("lacune")
    assert facts["lacune"]["n_lacunes"] == 3
    assert found.loc[4, "volume_mm3"] == pytest.approx(18 * 2.0)
    place = moved(TO_T1W, moved(AFFINE, np.array([[6.0, 26.0, 3.5]])))[0]  # the table's points are in the T1w's space
    np.testing.assert_allclose(found.loc[4, ["x_mm", "y_mm", "z_mm"]].to_numpy(float), place, atol=1e-6)
    assert np.isnan(found.loc[4, "elongation"])
    assert found.loc[1, "volume_mm3"] == pytest.approx(8.0)
    assert found.loc[1, "mark"] == before["lacune"].loc[0, "mark"]  # drawn anew, it keeps its name
    assert found.loc[2, "elongation"] == 1.2
    labels = read_image(out["lacune_labels"])
    np.testing.assert_allclose(centres_of(labels)[4], moved(AFFINE, np.array([[6.0, 26.0, 3.5]]))[0])
    assert (read_image(out["microbleed_labels"]).data == session.labels).all()


def test_decisions_that_fit_no_spot_fail_the_kind_and_count_nothing(session):
    tables, facts, out = run(session, [decision(LACUNE, "1-00000000", "keep")])
    assert (facts["lacune"]["status"], facts["lacune"]["n_lacunes"]) == ("failed", None)
    assert "no mark 1-00000000" in facts["lacune"]["reason"]
    assert not tables["lacune"]["counted"].any()
    assert facts["microbleed"]["n_microbleeds"] == 2  # the other kind is not touched
    given = {"lacune_facts": out["lacune_facts"], "microbleed_facts": out["microbleed_facts"]}
    limits = ReviewLimits(WmhReviewSettings(), MicrobleedReviewSettings(), LacuneReviewSettings())
    row = markers_row(given, WmhMeasureSettings(), WmhGradeSettings(), limits, PlaceSettings())
    assert (row["n_lacunes"], row["lacune_status"], row["n_microbleeds"]) == (None, "failed", 2)


def test_a_kind_without_an_image_is_missing_and_a_decision_on_it_is_reported(session):
    for part in ("table", "labels", "facts"):
        session.given[f"microbleed_{part}"] = []
    write_not_made(session.folder / "lacune.nii.gz")
    facts = {"status": "failed", "reason": "FLAIR: cut", "n_lacunes": None}
    (session.folder / "lacune.json").write_text(json.dumps(facts))
    tables, facts, _ = run(session, [decision(LACUNE, "1-00000000", "keep")])
    assert tables["microbleed"].empty
    assert {"counted", "mark", "kind"} <= set(tables["microbleed"].columns)
    assert (facts["microbleed"]["status"], facts["microbleed"]["reason"]) == ("missing", "no T2* or SWI")
    assert facts["lacune"]["reason"] == "FLAIR: cut; decisions do not fit: lacunes were not measured"


def test_the_cohorts_table_of_marks_holds_every_kind_those_that_wait_first(session):
    tables, _, _ = run(session)
    calcium = pd.DataFrame({"subject": ["01"], "session": ["a"], "lesion": [1], "artery": ["BA"], "counted": [True]})
    calcium = calcium.assign(certainty="sure", decided_by="tool", status="ok")
    found = marks_table({"calcification": calcium} | tables)
    assert found["kind"].tolist() == ["calcification"] + ["microbleed"] * 3 + ["lacune"] * 3
    assert found["lesion"].tolist() == [1, 1, 2, 3, 3, 1, 2]
    assert found["counted"].dtype == bool


def test_centres_are_those_of_the_labels():
    labels = np.zeros((6, 6, 6), np.int32)
    labels[1:3, 2, 2], labels[4, 4, 4] = 5, 7
    found = centres_of(Image(labels, np.diag([2.0, 2.0, 2.0, 1.0])))
    assert found == {5: (3.0, 4.0, 4.0), 7: (8.0, 8.0, 8.0)}
