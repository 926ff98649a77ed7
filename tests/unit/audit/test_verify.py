"""Each fault ends in the finding that names it, and in no other; an untouched run in none."""

from importlib import metadata

import pytest
import yaml

from angiolith.audit import verify as module
from angiolith.audit.inventory import INVENTORY, Entry
from angiolith.audit.verify import Unverifiable, other_versions, verify
from angiolith.runtime.records import sha256
from tests.unit.audit.made_run import edit_keeping_times
from tests.unit.cli.command import angiolith

PATIENTS = "cohort/patients.tsv"
CHECKS = "sub-01/ses-01/sub-01_ses-01_desc-check_images.json"


def found(made, **kwargs):
    return {(finding.kind, finding.name) for finding in verify(made.root, **kwargs)}


@pytest.mark.parametrize("quick", [False, True])
def test_an_untouched_run_has_no_finding(made, quick):
    assert found(made, quick=quick) == set()
    assert angiolith("verify", made.root).exit_code == 0


def test_a_moved_run_has_no_finding(made, tmp_path):
    made.folder.joinpath("elsewhere").mkdir()
    for name in ("out", "bids", "my.yaml"):
        (made.folder / name).rename(made.folder / "elsewhere" / name)
    assert verify(made.folder / "elsewhere/out") == []


def test_a_truncated_file(made):
    path = made.root / CHECKS
    path.write_bytes(path.read_bytes()[:5])
    assert found(made) == {("changed", CHECKS)}
    assert angiolith("verify", made.root).exit_code == 1


@pytest.mark.parametrize("quick", [False, True])
def test_an_edited_table_whose_time_stamp_was_put_back(made, quick):
    path = made.root / PATIENTS
    edit_keeping_times(path, path.read_text().replace("601", "501"))
    assert found(made, quick=quick) == {("changed", PATIENTS)}


def test_a_subjects_file_deleted_under_a_finished_table(made):
    (made.root / CHECKS).unlink()
    assert found(made) == {("lost", CHECKS)}


def test_a_replaced_image_makes_all_that_came_from_it_stale(made):
    image = made.bids / "sub-01/ses-01/anat/sub-01_ses-01_FLAIR.nii.gz"
    image.write_text("another scan")
    stale = {("stale", name) for name in (CHECKS, PATIENTS, "report/index.html", INVENTORY)}
    changed = {("changed", "../bids/sub-01/ses-01/anat/sub-01_ses-01_FLAIR.nii.gz")}
    assert found(made) == stale | changed


def test_a_changed_setting_is_named(made):
    config = yaml.safe_load((made.folder / "my.yaml").read_text())
    (made.folder / "my.yaml").write_text(yaml.safe_dump(config | {"check_images": {"voxel_mm_max": 9.0}}))
    findings = {finding.name: finding for finding in verify(made.root)}
    assert findings[CHECKS].kind == "stale"
    assert "check_images.voxel_mm_max" in findings[CHECKS].why
    assert findings["../my.yaml"].kind == "changed"


def test_a_setting_that_a_job_does_not_read_leaves_it_fresh(made):
    config = yaml.safe_load((made.folder / "my.yaml").read_text())
    (made.folder / "my.yaml").write_text(yaml.safe_dump(config | {"microbleeds": {"detect": {"diameter_mm_min": 3.0}}}))
    assert ("stale", CHECKS) not in found(made)
    assert ("stale", "report/index.html") in found(made)  # it prints every setting


def test_changed_code_is_named(made, monkeypatch):
    digest = module.code_digest
    monkeypatch.setattr(
        module, "code_digest", lambda script, root: "new" if script.stem == "collect_metrics" else digest(script, root)
    )
    module._digest_today.cache_clear()
    findings = {finding.name: finding for finding in verify(made.root)}
    module._digest_today.cache_clear()
    assert findings[PATIENTS].why.startswith("the code of collect_metrics changed")
    assert CHECKS not in findings


def test_another_runtime_makes_no_result_stale(made, monkeypatch):
    monkeypatch.setattr(module, "runtime_version", lambda: "9.9.9+other")
    done = angiolith("verify", made.root)
    assert (done.exit_code, done.stdout) == (0, "")
    told = "jobs ran with angiolith.runtime 0.1.0+made, here 9.9.9+other; no result depends on it\n"
    assert told in done.stderr


def test_the_files_behind_a_changed_code_are_named(made, monkeypatch):
    monkeypatch.setattr(module, "code_digest", lambda script, root: "new")
    path = made.root / INVENTORY
    lines = path.read_text().splitlines(keepends=True)
    name, digest = next(line.split("\t")[1:3] for line in lines if line.startswith("source\tscripts/collect_metrics"))
    path.write_text(path.read_text().replace(digest, "0" * 64))
    module._digest_today.cache_clear()
    done = angiolith("verify", made.root)
    module._digest_today.cache_clear()
    assert done.exit_code == 1
    assert f"changed in the project since: {name}\n" in done.stderr
    assert ": 1 changed, " in done.stderr
    assert " stale" in done.stderr


def test_a_job_killed_before_it_ended(made):
    """It took its old record away, wrote part of a file and died."""
    (made.root / "logs/check_images/01_01.json").unlink()
    (made.root / CHECKS).write_text('{"sta')
    (made.root / "sub-01/ses-01/.writing-abc.json").write_text("{")
    assert {finding for finding in found(made) if finding[0] != "stale"} == {
        ("lost", "logs/check_images/01_01.json"),
        ("unrecorded", CHECKS),
        ("added", "sub-01/ses-01/.writing-abc.json"),
    }
    assert ("stale", PATIENTS) in found(made)


def test_a_job_that_ran_again_without_what_follows(made):
    made.make_session("01", text="review")
    assert {("outdated", CHECKS), ("stale", PATIENTS)} <= found(made)
    made.make_cohort()
    made.make_inventory()
    assert found(made) == set()


@pytest.mark.parametrize("name", ["cohort/old.tsv", "sub-03/ses-01/anat/x.nii.gz", "logs/check_images/03_01.json"])
def test_a_file_that_belongs_to_nothing(made, name):
    path = made.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((made.root / "logs/check_images/01_01.json").read_bytes())
    assert found(made) == {("added", name)}


def test_logs_and_benchmarks_may_lie_there(made):
    for name in ("logs/check_images/03_01.log", "benchmarks/check_images/03_01.tsv"):
        (made.root / name).parent.mkdir(parents=True, exist_ok=True)
        (made.root / name).write_text("1.0")
    assert found(made) == set()


def test_a_subject_added_to_the_images(made):
    image = made.bids / "sub-03/ses-01/anat/sub-03_ses-01_FLAIR.nii.gz"
    image.parent.mkdir(parents=True)
    image.write_text("new")
    (finding,) = verify(made.root)
    assert (finding.kind, finding.name) == ("stale", "manifest.tsv")
    assert "sub-03 ses-01" in finding.why


def test_ratings_that_came_after_the_run(made):
    (made.bids / "phenotype").mkdir()
    (made.bids / "phenotype/fazekas.tsv").write_text("participant_id\tfazekas\nsub-01\t2\n")
    assert found(made) == {("added", "../bids/phenotype/fazekas.tsv")}


def test_a_changed_clinical_value(made):
    table = made.bids / "participants.tsv"
    table.write_text(table.read_text().replace("70", "71"))
    assert {("changed", "../bids/participants.tsv"), ("stale", PATIENTS)} <= found(made)
    assert ("stale", CHECKS) not in found(made)


def test_an_edited_inventory_and_an_edited_record(made):
    table = made.root / INVENTORY
    table.write_text(table.read_text().replace(sha256(made.root / PATIENTS), "0" * 64))
    assert ("changed", INVENTORY) in found(made)
    record = made.root / "logs/collect_metrics/cohort.json"
    record.write_text(record.read_text().replace("3.11.7", "3.11.8"))
    assert ("outdated", "logs/collect_metrics/cohort.json") in found(made)


def test_a_library_of_another_version_is_told_and_no_finding():
    entries = [Entry("version", "numpy", value="0.1"), Entry("version", "numpy", value=metadata.version("numpy"))]
    (note,) = other_versions([*entries, Entry("setting", "numpy", value="x")])
    assert note == f"made with numpy 0.1, here {metadata.version('numpy')}"
    assert other_versions([Entry("version", "no-such-library", value="1")]) == [
        "made with no-such-library 1, here missing"
    ]


def test_nothing_to_verify_against(made):
    (made.root / INVENTORY).unlink()
    with pytest.raises(Unverifiable, match="run the workflow to its end"):
        verify(made.root)
    assert angiolith("verify", made.root).exit_code == 2


def test_a_broken_record_is_named(made):
    (made.root / "logs/check_images/01_01.json").write_text("{")
    with pytest.raises(Unverifiable, match=r"01_01\.json: not a job's record"):
        verify(made.root)
