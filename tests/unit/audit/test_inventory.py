"""The inventory: what is in it, that it is the same on every run, and that only what changed is hashed."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from angiolith.audit.inventory import CACHE, INVENTORY, ROOT, Entry, Hasher, read_inventory
from angiolith.audit.verify import verify
from angiolith.core.tables import read_json
from angiolith.runtime.job import run
from angiolith.runtime.records import sweep
from angiolith.runtime.version import runtime_version
from tests.unit.audit.made_run import MadeRun, edit_keeping_times


def test_every_kind_is_there_with_the_bytes_hash(made):
    entries = read_inventory(made.root)
    by_name = {(entry.kind, entry.name): entry for entry in entries}
    path = made.root / "cohort/patients.tsv"
    assert by_name["output", "cohort/patients.tsv"] == Entry(
        "output",
        "cohort/patients.tsv",
        hashlib.sha256(path.read_bytes()).hexdigest(),
        str(path.stat().st_size),
        made_by="logs/collect_metrics/cohort.json",
    )
    assert by_name["setting", "wmh.segment.bias_voxel_mm"].value == "6.0"
    assert by_name["version", "python"].value == "3.11.7"
    assert by_name["code", "check_images"].value == made.params("check_images", {})["code"]
    assert ("source", "angiolith/core/image_checks.py") in by_name
    assert ("input", "../bids/participants.tsv") in by_name
    assert {kind for kind, _ in by_name} == {
        "input", "output", "record", "config", "setting", "code", "source", "runtime", "version", "host",
    }  # fmt: skip


def test_hashes_agree_with_sha256sum(made):
    files = [entry for entry in read_inventory(made.root) if entry.kind in ("input", "output", "record", "config")]
    listed = "".join(f"{entry.sha256}  {entry.name}\n" for entry in files)
    done = subprocess.run(["sha256sum", "--check", "--strict"], input=listed, cwd=made.root, text=True, check=False)
    assert done.returncode == 0


def test_two_runs_in_two_folders_give_the_same_bytes(tmp_path):
    texts = []
    for name in ("one", "another"):
        (tmp_path / name).mkdir()
        texts.append((MadeRun(tmp_path / name).root / INVENTORY).read_bytes())
    assert texts[0] == texts[1]


def test_only_what_changed_is_hashed(tmp_path, monkeypatch):
    monkeypatch.setattr("angiolith.audit.inventory.SETTLED_NS", -1)
    files = [tmp_path / name for name in "abc"]
    for path in files:
        path.write_text("first")

    def hashed():
        hasher = Hasher(tmp_path / "cache.json")
        digests = [hasher(path) for path in files]
        hasher.save()
        assert digests == [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
        return hasher.hashed

    assert hashed() == 3
    assert hashed() == 0
    edit_keeping_times(files[1], "other")
    assert hashed() == 1
    (tmp_path / "cache.json").write_text("{")
    assert hashed() == 3


def test_young_files_are_not_remembered(made):
    assert not any("patients.tsv" in name for name in read_json(made.root / CACHE))


class Snakemake:
    """What a script is given."""

    def __init__(self, folder):
        self.rule, self.threads, self.log = "check_images", 1, [str(folder / "out/logs/check_images/01_01.log")]
        self.scriptdir = str(ROOT / "scripts")
        self.input, self.output = [str(folder / "in.txt")], [str(folder / "out/made.txt")]
        self.wildcards, self.params = {"subject": "01"}, {"code": "abc", "settings": {"x": 1}}


def test_a_job_leaves_a_record_only_where_it_ended_well(tmp_path, capfd):
    snakemake = Snakemake(tmp_path)
    (tmp_path / "out/logs/check_images").mkdir(parents=True)
    (tmp_path / "in.txt").write_text("in")

    def makes(given):
        for name in ("made", "more"):
            (tmp_path / f"out/{name}.txt").write_text(name)
        return [str(tmp_path / "out/more.txt")]

    run(makes, snakemake)
    record = read_json(tmp_path / "out/logs/check_images/01_01.json")
    assert record["inputs"] == {"../in.txt": hashlib.sha256(b"in").hexdigest()}
    assert record["outputs"] == {f"{name}.txt": hashlib.sha256(name.encode()).hexdigest() for name in ("made", "more")}
    assert record["wildcards"] == {"subject": "01"}
    assert record["params"] == {"code": "abc", "settings": {"x": 1}}
    assert record["runtime"] == runtime_version()

    def fails(given):
        raise OSError("No space left on device")

    with pytest.raises(SystemExit):
        run(fails, snakemake)
    assert not (tmp_path / "out/logs/check_images/01_01.json").exists()
    assert "No space left on device" in capfd.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is needed")
def test_a_job_whose_log_is_on_a_full_disk_says_what_to_do(tmp_path, capfd):
    snakemake = Snakemake(tmp_path)
    log = Path(snakemake.log[0])
    log.parent.mkdir(parents=True)
    log.symlink_to("/dev/full")
    with pytest.raises(SystemExit):
        run(lambda given: print("a line"), snakemake)
    assert "make room on the disk, then run the same command again" in capfd.readouterr().err
    log.unlink()
    log.mkdir()
    with pytest.raises(SystemExit, match="IsADirectoryError"):
        run(lambda given: None, snakemake)


def test_what_a_killed_job_left_half_written_is_swept(made):
    left = made.root / "sub-01/ses-01/.writing-abc.json"
    left.write_text("{")
    sweep(made.root)
    assert not left.exists()
    assert verify(made.root) == []
