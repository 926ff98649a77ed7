"""A seal holds while nothing has changed, and never longer."""

import os
import subprocess

import pytest

from angiolith.core.tables import write_json
from angiolith.runtime import seals
from angiolith.runtime.records import sha256
from angiolith.runtime.seals import Seals, rules_digest, seal_path, seen_path, write_seal


@pytest.fixture
def root(tmp_path):
    """An output folder with two subjects, each made from one image, an hour old."""
    for subject in ("01", "02"):
        for name in (f"bids/sub-{subject}.nii", f"out/sub-{subject}/a.tsv", f"out/sub-{subject}/ses-1/b.json"):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
        write_json({}, tmp_path / "out/audit/subjects" / f"sub-{subject}" / "measures.json")
        write_seal(tmp_path / "out", subject, [tmp_path / f"bids/sub-{subject}.nii"])
    return tmp_path / "out"


def opened(root, **plans):
    return Seals(root, {"01": "plan", "02": "plan"} | {name[1:]: plan for name, plan in plans.items()})


def sealed(root, **plans):
    return opened(root, **plans).sealed()


def test_a_seal_holds_from_the_end_of_the_run_on(root):
    assert sealed(root) == set()
    opened(root).stamp(["01"])
    assert sealed(root) == {"01"}
    assert sealed(root, _01="another plan") == set()


def test_sha256sum_reads_a_seal(root):
    done = subprocess.run(["sha256sum", "--check", "--quiet", seal_path(root, "01")], cwd=root, check=False)
    assert done.returncode == 0
    assert "../bids/sub-01.nii" in seal_path(root, "01").read_text()
    (root / "sub-01/a.tsv").write_text("edited")
    done = subprocess.run(["sha256sum", "--check", "--status", seal_path(root, "01")], cwd=root, check=False)
    assert done.returncode == 1


def edit_and_put_the_time_back(path):
    before = path.stat()
    path.write_text("x" * before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("name", ["../bids/sub-01.nii", "sub-01/a.tsv", "audit/subjects/sub-01/measures.json"])
@pytest.mark.parametrize(
    "change", [lambda path: path.write_text("new"), lambda path: path.unlink(), edit_and_put_the_time_back]
)
def test_any_change_of_a_file_opens_its_subject_alone(root, name, change):
    opened(root).stamp(["01", "02"])
    assert sealed(root) == {"01", "02"}
    change(root / name)
    judged = opened(root)
    assert judged.sealed() == {"02"}
    assert name in judged.reasons["01"]
    opened(root).stamp(["01"])  # Snakemake may not see it: a run does not seal it again
    assert sealed(root) == {"02"}


def test_a_broken_seal_or_note_opens_the_subject(root):
    opened(root).stamp(["01", "02"])
    seal_path(root, "01").write_text(seal_path(root, "01").read_text().replace(sha256(root / "sub-01/a.tsv"), "0" * 64))
    seen_path(root, "02").unlink()
    assert sealed(root) == set()
    opened(root).stamp(["01", "02"])
    assert sealed(root) == {"02"}


def test_a_touched_file_is_hashed_once_and_a_young_one_every_time(root, monkeypatch):
    opened(root).stamp(["01"])
    monkeypatch.setattr(seals, "UNSETTLED_NS", -1)  # files have settled
    first, second = opened(root), opened(root)
    assert first.sealed() == second.sealed() == {"01"}
    assert first.hashed_bytes > 0
    assert second.hashed_bytes == 0
    monkeypatch.undo()
    for judged in (opened(root), opened(root)):
        assert judged.sealed() == {"01"}
        assert judged.hashed_bytes > 0


def test_what_cannot_be_hashed_in_time_is_left_to_snakemake(root, monkeypatch):
    opened(root).stamp(["01"])
    monkeypatch.setattr(seals, "HASHED_BYTES_MAX", 5)
    assert sealed(root) == set()


@pytest.mark.parametrize("part", ["inputs", "outputs"])
def test_a_file_that_is_not_what_its_job_read_or_left_is_never_sealed(root, part):
    """The image changed while a job ran: Snakemake finds it older than the result."""
    files = {"inputs": {"../bids/sub-01.nii": "0" * 64}, "outputs": {"sub-01/a.tsv": "0" * 64}}
    record = {"rule": "check_images", "wildcards": {}, "inputs": {}, "outputs": {}, "params": {}, "versions": {}}
    write_json(record | {part: files[part]}, root / "logs/check_images/01_1.json")
    write_seal(root, "01", [root / "../bids/sub-01.nii"], ["logs/check_images/01_1.json"])
    judged = opened(root)
    judged.stamp(["01"])
    assert judged.sealed() == set()
    verb = {"inputs": "read", "outputs": "left"}[part]
    assert judged.reasons["01"] == f"{next(iter(files[part]))} is not what check_images {verb}"


def test_comments_and_blank_lines_of_rules_do_not_count(tmp_path):
    rules = tmp_path / "a.smk"
    digests = set()
    for text in ("rule a:\n    input:\n        1,\n", "# why\n\nrule a:\n    input:\n        1,  # one\n\n"):
        rules.write_text(text)
        digests.add(rules_digest([rules]))
    assert len(digests) == 1
    rules.write_text("rule a:\n    input:\n        2,\n")
    assert rules_digest([rules]) not in digests
