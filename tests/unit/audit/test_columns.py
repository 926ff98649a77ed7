"""Which columns a row of an analysis' table is about, and what holds a column of the cohort's tables."""

import json

import pytest

from angiolith.audit.columns import analysed_columns, before_changes, holders
from angiolith.audit.lineage import Cell, Lineage, Step
from angiolith.audit.trace_text import trace_text
from angiolith.core.config import Analysis
from angiolith.runtime.records import Record
from angiolith.steps import MEASURES

MODELS = Analysis(
    kind="lesion",
    table="lesions",
    include=[{"column": "stenosis_percent", "minimum": 50, "reason": "no stenosis"}],
    group="culprit",
    outcome="culprit",
    describe=["age", "smoking"],
    predictors=["spotty", "volume"],
    models={"m1": ["age", "male"], "m2": ["m1", "ldl"]},
    formulas={"f": "spotty * site + age"},
    agreement={"area": ["area_a", "area_b"]},
)
MARKERS = Analysis(
    kind="severity",
    table="patients",
    columns={"wmh": "wmh_volume_cm3"},
    group="grade",
    severity="score",
    artery_severity={"ICA": "woodcock_ICA", "BA": "woodcock_BA"},
    markers=["wmh", "bleeds"],
    partial_for=["age"],
    changes={"wmh": {"baseline": "wmh_1", "followup": "wmh_2"}},
    change_covariates=["male"],
)
HEADER = ["subject", "culprit", "spotty", "volume", "site", "age", "male", "ldl"]


@pytest.mark.parametrize(
    ("row", "columns"),
    [
        ({"model": "univariable", "predictor": "spotty", "data": "complete cases"}, {"spotty"}),
        ({"model": "m1", "predictor": "volume", "data": "complete cases"}, {"volume", "age", "male"}),
        ({"model": "m2", "predictor": "spotty"}, {"spotty", "age", "male", "ldl"}),
        ({"model": "m1", "predictor": "spotty", "data": "multiple imputation"}, {"spotty", "age", "male", "ldl"}),
        ({"model": "f", "predictor": "spotty * site + age"}, {"spotty", "site", "age"}),
        ({"variable": "age, mean (SD)"}, {"age"}),
        ({"source": "mine", "measure": "area"}, {"area_a", "area_b"}),
    ],
)
def test_columns_of_a_model_of_a_characteristic_and_of_an_agreement(row, columns):
    assert analysed_columns(row, MODELS, HEADER) == columns | {"stenosis_percent", "culprit"}


@pytest.mark.parametrize(
    ("row", "columns"),
    [
        ({"group": "overall", "measure": "wmh"}, {"wmh", "score"}),
        ({"group": "ICA", "measure": "bleeds"}, {"bleeds", "woodcock_ICA"}),
        ({"group": "overall", "measure": "bleeds", "adjusted_for": "age"}, {"bleeds", "score", "age"}),
        (
            {"group": "all", "measure": "wmh_change_per_year", "part": "by group"},
            {"score", "wmh_1", "wmh_2", "interval_days"},
        ),
        (
            {"group": "per step", "measure": "wmh", "part": "mixed model", "note": "adjusted for male"},
            {"wmh", "score", "wmh_1", "wmh_2", "interval_days", "male"},
        ),
    ],
)
def test_columns_of_a_correlation_and_of_a_change(row, columns):
    assert analysed_columns(row, MARKERS, []) == columns | {"grade"}


def test_columns_before_changes_were_added_and_columns_renamed():
    assert before_changes("wmh", MARKERS) == {"wmh_volume_cm3"}
    assert before_changes("wmh_change", MARKERS) == {"wmh_1", "wmh_2"}
    assert before_changes("wmh_change_per_year", MARKERS) == {"wmh_1", "wmh_2", "interval_days"}


PLAQUE = "subject\tsession\tstatus\treason\tlesion\treader\tartery\tside\tstenosis_percent\tcalcium_volume_mm3\n"
CALCIUM = "subject\tsession\tstatus\tlesion\tartery\tside\tvolume_mm3\tmax_hu\tkockelkoren_score\tspotty\tcounted\n"


@pytest.mark.parametrize(
    ("column", "table", "kinds", "clinical"),
    [
        ("age", "patients", {}, True),
        ("acq_time", "patients", {}, False),
        ("images_reason", "lesions", {"checks": {"images_reason"}}, False),
        ("plaque_status", "lesions", {"plaque": {"plaque_status"}}, False),
        ("any_calcification", "lesions", {"plaque": {"calcium_volume_mm3"}}, False),
        ("culprit", "lesions", {"plaque": {"stenosis_percent", "artery", "side"}}, True),
        (
            "artery_any_spotty",
            "lesions",
            {"calcification_lesions": {"artery_any_spotty"}, "plaque": {"artery"}},
            False,
        ),
        ("unheard_of", "patients", {kind: {"unheard_of"} for kind in MEASURES}, False),
    ],
)
def test_what_holds_a_column(tmp_path, column, table, kinds, clinical):
    (tmp_path / "participants.tsv").write_text("participant_id\tage\tsymptomatic\nsub-01\t60\t1\n")
    texts = {"plaque": [PLAQUE], "calcification_lesions": [CALCIUM]}
    (tmp_path / "measures.json").write_text(json.dumps({kind: texts.get(kind, []) for kind in MEASURES}))
    found = holders([column], table, [tmp_path / "participants.tsv"], [tmp_path / "measures.json"])
    assert found == (kinds, {tmp_path / "participants.tsv"} if clinical else set())


def test_a_trace_names_the_reader_and_the_day_of_each_decision():
    row = {"mark": "3-1a2b3c4d", "decision": "reject", "artery": "", "reader": "AB", "date": "2026-11-30"}
    rows = [row | {"note": "clinoid", "file": "", "role": "reader"}]
    file = "sub-01/ses-a/ct/sub-01_ses-a_desc-calcification_patient.tsv"
    params = {"settings": {}, "decisions": rows}
    keys = {"subject": "01", "session": "a"}
    record = Record("logs/x.json", "measure_calcification", keys, {}, {file: "0"}, params, {})
    cell = Cell(file, "total_volume_mm3", "7", keys)
    said = trace_text(Lineage(cell, None, [Step(file, "0" * 64, 0, record)]))
    assert "decided by AB on 2026-11-30: reject 3-1a2b3c4d, clinoid" in said
