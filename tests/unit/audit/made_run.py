"""A finished run of placeholder files with records and inventory: two subjects, a measure each, a cohort table."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from angiolith.audit.inventory import INVENTORY, ROOT, inventory, write_inventory
from angiolith.core.config import plain, validate
from angiolith.core.manifest import index_bids, manifest_text
from angiolith.runtime import records
from angiolith.runtime.code_digest import code_digest

TARGETS = ("cohort/patients.tsv", "report/index.html")


class MadeRun:
    """`root` is the output folder; `bids` and `my.yaml` lie beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root, self.bids = folder, folder / "out", folder / "bids"
        for subject in ("01", "02"):
            image = self.bids / f"sub-{subject}/ses-01/anat/sub-{subject}_ses-01_FLAIR.nii.gz"
            image.parent.mkdir(parents=True)
            image.write_text(f"scan of {subject}")
        (self.bids / "participants.tsv").write_text("participant_id\tage\nsub-01\t60\nsub-02\t70\n")
        (folder / "my.yaml").write_text(yaml.safe_dump({"bids_dir": "bids", "output_dir": "out"}))
        self.make()

    def measure(self, subject: str) -> str:
        return f"sub-{subject}/ses-01/sub-{subject}_ses-01_desc-check_images.json"

    def settings(self) -> dict:
        return plain(validate(yaml.safe_load((self.folder / "my.yaml").read_text())))

    def make(self) -> None:
        """Run every job of the workflow."""
        self.root.mkdir(exist_ok=True)
        (self.root / "manifest.tsv").write_text(manifest_text(index_bids(self.bids).rows))
        for subject in ("01", "02"):
            if (self.bids / f"sub-{subject}").is_dir():
                self.make_session(subject)
        self.make_cohort()
        self.make_inventory()

    def make_session(self, subject: str, text: str = "ok") -> None:
        image = f"../bids/sub-{subject}/ses-01/anat/sub-{subject}_ses-01_FLAIR.nii.gz"
        wildcards = {"subject": subject, "session": "01"}
        content = {self.measure(subject): f'{{"status": "{text}"}}\n'}
        self.job("check_images", wildcards, [image], content, {"check_images": self.settings()["check_images"]})

    def make_cohort(self) -> None:
        subjects = [row.subject for row in index_bids(self.bids).rows]
        inputs = ["manifest.tsv", "../bids/participants.tsv", *map(self.measure, subjects)]
        table = "subject\tsession\tage\n" + "".join(f"{subject}\t01\t6{subject}\n" for subject in subjects)
        self.job("collect_metrics", {}, inputs, {TARGETS[0]: table}, {"subjects": None})
        page = "".join(f"<p>sub-{subject}</p>" for subject in subjects)
        self.job("build_report", {}, [TARGETS[0]], {TARGETS[1]: page}, self.settings())

    def make_inventory(self) -> None:
        log = self.log("write_inventory", {})
        configs = ["../my.yaml"]
        read = records.begin(log, [self.root / name for name in TARGETS])
        write_inventory(inventory(self.root, TARGETS, self.settings(), configs), self.root / INVENTORY)
        params = self.params("write_inventory", self.settings())
        params |= {"configs": configs, "overrides": {}, "workdir": ".."}
        records.finish(log, "write_inventory", {}, read, [self.root / INVENTORY], params, {}, "0.1.0+made")

    def job(
        self,
        rule: str,
        wildcards: Mapping[str, str],
        inputs: Sequence[str],
        outputs: Mapping[str, str],
        settings: Mapping,
    ) -> None:
        log = self.log(rule, wildcards)
        read = records.begin(log, [self.root / name for name in inputs])
        for name, text in outputs.items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(text)
        versions = {"python": "3.11.7"}
        made = [self.root / name for name in outputs]
        records.finish(log, rule, wildcards, read, made, self.params(rule, settings), versions, "0.1.0+made")

    def log(self, rule: str, wildcards: Mapping[str, str]) -> Path:
        log = self.root / "logs" / rule / f"{'_'.join(wildcards.values()) or 'cohort'}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("1.0 s\n")
        return log

    def params(self, rule: str, settings: Mapping) -> dict:
        return {"settings": settings, "code": code_digest(ROOT / f"scripts/{rule}.py", ROOT)}


def edit_keeping_times(path: Path, text: str) -> None:
    """Rewrite a file in place with as many bytes as it had, and put its time stamps back."""
    before = path.stat()
    assert len(text) == before.st_size
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def settle(root: Path) -> None:
    """Let files look old enough to be remembered: as if the run had ended a while ago."""
    ago = time.time_ns() - 10**10
    for path in root.rglob("*"):
        os.utime(path, ns=(ago, ago))
