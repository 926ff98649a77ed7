"""The three scripts in a row on a small drawn CT: files, statuses, and inputs that could not be made."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from angiolith.core.config import Config, plain
from angiolith.core.images import linear_transform, read_image, write_image, write_transform
from angiolith.core.tables import read_json, read_tsv, was_made, write_json, write_not_made, write_tsv
from angiolith.marks.decisions import COLUMNS
from scripts import map_arteries, measure_calcification, segment_calcification
from tests.unit.calcified_tube import Plaque, draw, grid_affine, straight_line

PLAQUE = Plaque(1.2, 1.6, 200, 5)
NAMES = {
    "labels": "arteries.nii.gz",
    "lookup": "arteries.tsv",
    "centrelines": "centrelines.tsv",
    "arteries_facts": "arteries.json",
    "lesions_map": "calcification.nii.gz",
    "facts": "calcification.json",
    "lesions": "lesions.tsv",
    "arteries": "arteries_measures.tsv",
    "patient": "patient.tsv",
    "marks": "marks.nii.gz",
}


class Files(dict):
    __getattr__ = dict.__getitem__


@pytest.fixture
def session(tmp_path):
    """Paths of a session whose reference lies 4 mm beside the CT, and an atlas of one straight artery through both."""
    shape, voxel_mm = (60, 60, 34), (0.45, 0.45, 0.8)
    affine = grid_affine(voxel_mm, shape, 8.0)
    axes = np.eye(3)
    write_image(draw([PLAQUE], axes, 1.6, affine, shape, noise_hu=4).astype(np.float32), affine, tmp_path / "ct.nii.gz")
    line = straight_line(axes, 1.6, 20.0)
    atlas = pd.DataFrame({"artery": "BA", "side": "M", "segment": "basilar", "point": range(len(line.points))})
    atlas[["x_mm", "y_mm", "z_mm"]] = line.points + np.array(
        [9.0, 0.5, 0]
    )  # 5 and 4 mm aside: template to reference to CT
    write_tsv(atlas.assign(radius_mm=1.6, sd_mm=2.0), tmp_path / "atlas.tsv")
    for name, shift_mm in (("to_ct.tfm", -4.0), ("to_reference.tfm", -5.0)):
        matrix = np.eye(4)
        matrix[0, 3] = shift_mm
        write_transform(linear_transform(matrix), tmp_path / name)
    write_json({"images": {"ct": {"status": "ok", "reason": None}}}, tmp_path / "checks.json")
    write_json({"status": "ok", "reason": None}, tmp_path / "registration.json")
    return Files({key: tmp_path / name for key, name in NAMES.items()}) | {"folder": tmp_path}


def run_all(session, decisions=(), **changes):
    folder = session["folder"]
    settings = plain(Config())
    common = {"wildcards": SimpleNamespace(subject="01", session="02")}
    inputs = {
        "ct": folder / "ct.nii.gz",
        "checks": folder / "checks.json",
        "registration": folder / "registration.json",
        "ct_to_reference": folder / "to_ct.tfm",
        "reference_to_template": folder / "to_reference.tfm",
        "atlas": folder / "atlas.tsv",
        "mask": [],
    }
    outputs = {"labels": session["labels"], "lookup": session["lookup"], "centrelines": session["centrelines"]}
    jobs = [
        (map_arteries, inputs | changes, outputs | {"facts": session["arteries_facts"]}),
        (
            segment_calcification,
            {"ct": inputs["ct"], "checks": inputs["checks"], "arteries": session["labels"]}
            | {"centrelines": session["centrelines"], "arteries_facts": session["arteries_facts"]},
            {"lesions": session["lesions_map"], "facts": session["facts"]},
        ),
        (
            measure_calcification,
            {"ct": inputs["ct"], "region": session["labels"], "lookup": session["lookup"], "facts": session["facts"]}
            | {"centrelines": session["centrelines"], "lesions": session["lesions_map"]}
            | {"drawings": sorted({row["file"] for row in decisions if row["file"]})},
            {name: session[name] for name in ("lesions", "arteries", "patient", "marks")},
        ),
    ]
    for script, given, made in jobs:
        params = SimpleNamespace(settings=settings, mask_space=changes.get("mask_space", "ct"), decisions=decisions)
        script.main(SimpleNamespace(input=Files(given), output=Files(made), params=params, **common))
    return read_tsv(session["lesions"]), read_tsv(session["arteries"]), read_tsv(session["patient"])


def test_from_ct_and_atlas_to_the_tables(session):
    lesions, arteries, patient = run_all(session)
    nothing_seen = {"lumen_hu": None, "noise_hu": None}
    assert read_json(session["arteries_facts"]) == {"status": "ok", "reason": "", "source": "atlas", **nothing_seen}
    assert read_json(session["facts"])["status"] == "ok"
    assert read_image(session["lesions_map"]).data.max() == 1
    (row,) = lesions.to_dict("records")
    assert (row["subject"], row["session"], row["artery"], row["status"]) == ("01", "02", "BA", "ok")
    assert row["arc_deg"] == pytest.approx(PLAQUE.arc_deg, abs=45)  # the centre is found, not given
    assert row["length_mm"] == pytest.approx(PLAQUE.length_mm, abs=1.6)
    assert row["volume_half_max_mm3"] == pytest.approx(PLAQUE.volume_mm3, rel=0.3)
    basilar = arteries.set_index("artery").loc["BA"]
    assert (basilar["n_lesions"], basilar["artery_source"]) == (1, "atlas")
    assert (arteries["status"] == "missing").sum() == 10
    assert patient.loc[0, "worst_artery"] == "BA"
    assert patient.loc[0, "total_volume_mm3"] == pytest.approx(row["volume_mm3"])


def test_a_lone_ct_needs_no_rigid_transform(session):
    folder = session["folder"]
    matrix = np.eye(4)
    matrix[0, 3] = -9.0
    write_transform(linear_transform(matrix), folder / "both.tfm")
    lesions, _, _ = run_all(session, ct_to_reference=[], reference_to_template=folder / "both.tfm")
    assert len(lesions) == 1


def test_a_mask_in_the_ct_serves_when_the_registration_failed(session):
    folder = session["folder"]
    ct = read_image(folder / "ct.nii.gz")
    i, j, _ = np.indices(ct.data.shape)
    write_image(((np.hypot(i - 29.5, j - 29.5) * 0.45 < 1.6) * 1).astype(np.uint8), ct.affine, folder / "mask.nii.gz")
    write_not_made(folder / "failed.tfm")
    lesions, arteries, _ = run_all(session, mask=folder / "mask.nii.gz", ct_to_reference=folder / "failed.tfm")
    facts = read_json(session["arteries_facts"])
    assert (facts["status"], facts["source"]) == ("review", "user")
    assert "no atlas" in facts["reason"]
    assert len(lesions) == 1
    assert arteries.set_index("artery").loc["BA", "artery_source"] == "user"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"ct_to_reference": "failed"}, "no artery could be placed"), ({"checks": "bad"}, "truncated")],
)
def test_what_cannot_be_measured_is_one_row_that_says_why(session, changes, reason):
    folder = session["folder"]
    write_not_made(folder / "failed.tfm")
    if "checks" in changes:
        write_json({"images": {"ct": {"status": "failed", "reason": "truncated file"}}}, folder / "checks.json")
        changes = {}
    else:
        changes = {"ct_to_reference": folder / "failed.tfm"}
    tables = run_all(session, **changes)
    assert not was_made(session["lesions_map"])
    for table in tables:
        assert table["status"].tolist() == ["failed"]
        assert reason in table["reason"][0]


def test_contrast_is_refused_with_a_row(session):
    folder = session["folder"]
    ct = read_image(folder / "ct.nii.gz")
    atlas = read_tsv(folder / "atlas.tsv").assign(artery="MCA", side="L")
    write_tsv(atlas, folder / "atlas.tsv")
    bright = np.where(ct.data > 25, np.maximum(ct.data, 350), ct.data)
    write_image(bright.astype(np.float32), ct.affine, folder / "ct.nii.gz")
    lesions, _, patient = run_all(session)
    assert read_json(session["facts"])["contrast_enhanced"]
    assert "contrast-enhanced" in lesions["reason"][0]
    assert patient["total_volume_mm3"].isna().all()


def decision(mark, what="reject", **cells):
    said = {"mark": mark, "decision": what, "reader": "AB", "role": "reader", "kind": "calcification"}
    return dict.fromkeys(COLUMNS, "") | said | {"date": "2026-11-30"} | cells


def test_a_readers_decision_changes_the_sums_and_not_the_segmentation(session):
    lesions, _, before = run_all(session)
    mark, segmented = lesions.loc[0, "mark"], session["lesions_map"].read_bytes()
    rejected, arteries, patient = run_all(session, [decision(mark, note="not in the wall")])
    assert session["lesions_map"].read_bytes() == segmented
    assert rejected.loc[0, ["counted", "certainty", "decided_by", "mark"]].tolist() == [False, "sure", "AB", mark]
    assert rejected.loc[0, "reason"] == "rejected by AB on 2026-11-30 (not in the wall)"
    basilar = arteries.set_index("artery").loc["BA"]
    assert (basilar["n_lesions"], basilar["volume_mm3"], basilar["n_candidates"]) == (0, 0, 0)
    assert (patient.loc[0, "total_volume_mm3"], patient.loc[0, "severity_group"]) == (0, "none_or_mild")
    kept, _, after = run_all(session, [decision(mark, "keep")])
    assert (kept.loc[0, "counted"], kept.loc[0, "decided_by"], kept.loc[0, "status"]) == (True, "AB", "ok")
    measures = ["total_volume_mm3", "n_lesions", "severity_group", "count_rule"]
    assert after.loc[0, measures].tolist() == before.loc[0, measures].tolist()
    assert read_image(session["marks"]).data.max() == 1


def test_a_decision_on_a_mark_of_another_segmentation_fails_the_session_and_counts_nothing(session):
    lesions, _, _ = run_all(session)
    listed, _, patient = run_all(session, [decision("1-00000000")])
    assert listed["mark"].tolist() == lesions["mark"].tolist()  # still there, to be decided on anew
    assert listed[["counted", "status"]].to_numpy().tolist() == [[False, "failed"]]
    assert patient.loc[0, "status"] == "failed"
    assert f"no mark 1-00000000 (its mark 1 is {lesions.loc[0, 'mark']} now)" in patient.loc[0, "reason"]
    assert np.isnan(patient.loc[0, "total_volume_mm3"])


def test_a_mark_is_moved_only_to_an_artery_that_the_session_has(session):
    lesions, _, _ = run_all(session)
    _, _, patient = run_all(session, [decision(lesions.loc[0, "mark"], "move", artery="R-MCA")])
    assert "artery map has no R-MCA" in patient.loc[0, "reason"]


def test_a_reader_draws_what_the_tool_missed(session):
    run_all(session)
    folder, ct = session["folder"], read_image(session["folder"] / "ct.nii.gz")
    found = read_image(session["lesions_map"]).data > 0
    half = found & (np.indices(found.shape)[2] <= np.argwhere(found)[:, 2].mean())
    write_image(half.astype(np.uint8), ct.affine, folder / "half.nii.gz")
    (mark,) = run_all(session)[0]["mark"]
    lesions, _, _ = run_all(session, [decision(mark, "redraw", file=str(folder / "half.nii.gz"))])
    dense = half & (ct.data >= 130)
    assert lesions.loc[0, "volume_mm3"] == pytest.approx(dense.sum() * 0.45 * 0.45 * 0.8)
    assert (lesions.loc[0, "mark"], lesions.loc[0, "decided_by"]) == (mark, "AB")
