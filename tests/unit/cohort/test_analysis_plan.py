"""The analysis plan: sealed once, and every deviation from it listed."""

import json

import pytest
import yaml
from typer.testing import CliRunner

from angiolith.cli import app
from angiolith.cohort.analysis_plan import PlanError, check_plan, deviations, sealed_plan
from angiolith.core.settings.analyses import Analysis
from angiolith.report.analysis_plan import read_plan

STUDY = {"kind": "severity", "table": "t.tsv", "outcome": "y", "predictors": ["x"], "models": {"m1": ["age"]}}
PLAN = sealed_plan({"study": STUDY, "gone": STUDY}, "2026-01-01T00:00:00+00:00")


def test_every_deviation_is_named_once():
    now = {"study": STUDY | {"models": {"m1": ["age", "sex"]}, "predictors": ["z"]}, "new": STUDY}
    assert deviations(PLAN, now) == [
        ("study.predictors", '["x"]', '["z"]'),
        ("study.models.m1", '["age"]', '["age", "sex"]'),
        ("gone", "an analysis", "not there"),
        ("new", "not there", "an analysis"),
    ]
    assert deviations(PLAN, PLAN["analyses"]) == []


def test_a_key_that_the_plan_did_not_know_yet_is_no_deviation_with_its_default():
    now = {"study": STUDY | {"splines": {}}, "gone": STUDY}
    assert deviations(PLAN, now) == []
    assert deviations(PLAN, now | {"study": STUDY | {"splines": {"x": 4}}}) == [("study.splines.x", "not there", "4")]


def test_the_report_reads_a_plan_or_says_why_it_cannot(tmp_path):
    path, now = (
        tmp_path / "plan.json",
        {"study": Analysis(**(STUDY | {"predictors": ["z"]})), "gone": Analysis(**STUDY)},
    )
    assert read_plan(None, now) is None
    path.write_text(json.dumps(PLAN))
    view = read_plan(path, now)
    assert view.sealed == "2026-01-01T00:00:00+00:00"
    assert view.table.to_numpy().tolist() == [["study.predictors", '["x"]', '["z"]']]
    path.write_text(json.dumps(PLAN | {"sealed": "2020-01-01T00:00:00+00:00"}))
    assert "changed after it was sealed" in read_plan(path, now).problem
    path.write_text("{")
    assert "cannot be read" in read_plan(path, now).problem


def test_a_plan_that_was_changed_is_refused():
    changed = json.loads(json.dumps(PLAN))
    changed["analyses"]["study"]["outcome"] = "z"
    with pytest.raises(PlanError, match="changed after it was sealed"):
        check_plan(changed)
    with pytest.raises(PlanError, match="no analysis plan"):
        check_plan({})


def test_the_commands_seal_a_configuration_and_check_it(tmp_path):
    config, plan = tmp_path / "study.yaml", tmp_path / "plan.json"
    config.write_text(yaml.safe_dump({"analyses": {"study": STUDY}}))
    run = CliRunner().invoke
    done = run(app, ["seal-plan", str(config), str(plan)])
    assert done.exit_code == 0, done.output
    assert run(app, ["check-plan", str(config), str(plan)]).exit_code == 0
    assert run(app, ["seal-plan", str(config), str(plan)]).exit_code == 2  # never written over
    config.write_text(yaml.safe_dump({"analyses": {"study": STUDY | {"predictors": ["z"]}}}))
    found = run(app, ["check-plan", str(config), str(plan)])
    assert found.exit_code == 1
    assert 'study.predictors: planned ["x"], now ["z"]' in found.output
