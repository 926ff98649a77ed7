"""A copy of the project over a cohort of placeholder files, planned by Snakemake's dry run and finished by `--touch`.

Planning never reads an image, so that the job lists of a whole cohort are had in seconds.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from angiolith.runtime.seals import write_seal

ROOT = Path(__file__).parents[2]
SNAKEMAKE = str(Path(sys.executable).with_name("snakemake"))
BASELINE = ("ct/{}_ct", "anat/{}_T1w", "anat/{}_FLAIR", "anat/{}_swi", "vwi/{}_vwi", "vwi/{}_ce-gadolinium_vwi")
FOLLOWUP = ("anat/{}_T1w", "anat/{}_FLAIR", "anat/{}_swi")
OF_COHORT = (  # the cohort's jobs, without analyses
    *("collect metrics of the cohort", "assess agreement of the raters", "build the report"),
    *("write the inventory", "write the RO-Crate"),
)


class Workbench:
    """A project copy (`project`), a BIDS folder (`bids`) and a configuration, in one folder that Snakemake runs in."""

    def __init__(self, folder: Path, output_dir: str = "out") -> None:
        self.output_dir = output_dir
        self.folder, self.project, self.bids = folder, folder / "project", folder / "bids"
        ignored = shutil.ignore_patterns("__pycache__")
        for name in ("rules", "angiolith", "scripts", "config", "profiles", "resources", "envs"):
            shutil.copytree(ROOT / name, self.project / name, symlinks=True, ignore=ignored)
        shutil.copy(ROOT / "Snakefile", self.project / "Snakefile")
        self.configure("")
        self.planned: Counter[str] | None = None  # the last plan
        self.listed: Counter[str] | None = None  # its jobs, by their messages

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which jobs import the copy's own package, whatever is installed."""
        return os.environ | {"PYTHONPATH": str(self.project)}

    @property
    def snapshot(self) -> Path:
        return self.folder.with_name("snapshot")

    def keep(self) -> None:
        """Remember the folder as it is now."""
        shutil.copytree(self.folder, self.snapshot, symlinks=True)

    def put_back(self) -> None:
        """The folder as `keep` found it, in its own place."""
        shutil.rmtree(self.folder)
        shutil.copytree(self.snapshot, self.folder, symlinks=True)

    def configure(self, extra: str, output_dir: str | None = None) -> None:
        self.output_dir = output_dir or self.output_dir
        (self.folder / "my.yaml").write_text(f"bids_dir: bids\noutput_dir: {self.output_dir}\n{extra}")

    def add_session(self, subject: str, session: str, images: Sequence[str]) -> None:
        self.add_images(subject, session, images)
        self.write_participants()

    def add_images(self, subject: str, session: str, images: Sequence[str]) -> None:
        stem = f"sub-{subject}_ses-{session}"
        for image in images:
            path = self.bids / f"sub-{subject}/ses-{session}" / f"{image.format(stem)}.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{path.name} as it was scanned")

    def write_participants(self) -> None:
        subjects = sorted(path.name for path in self.bids.glob("sub-*"))
        (self.bids / "participants.tsv").write_text("participant_id\tage\n" + "".join(f"{s}\t60\n" for s in subjects))

    def snakemake(self, *arguments: str, **environment: str) -> str:
        command = [
            SNAKEMAKE,
            "-s",
            str(self.project / "Snakefile"),
            "--cores",
            "1",
            "--configfile",
            "my.yaml",
            *arguments,
        ]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment | environment, capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(done.stdout[-3000:] + done.stderr[-3000:])
        return done.stdout + done.stderr

    def plan(self, *arguments: str, **environment: str) -> Counter[str]:
        """Rule -> number of jobs of a dry run, without the target rule; empty if there is nothing to be done."""
        printed = self.snakemake("--dry-run", *arguments, **environment)
        if "Nothing to be done" in printed:
            self.planned = Counter()
            return self.planned
        table = re.search(r"^job +count\n-+ +-+\n(.*?)^total", printed, flags=re.MULTILINE | re.DOTALL)
        assert table, printed
        jobs = Counter({name: int(count) for name, count in (line.split() for line in table[1].splitlines())})
        del jobs["all"]
        self.planned = jobs
        return jobs

    def jobs(self, **environment: str) -> Counter[str]:
        """The message of every job of a dry run (what is done, subject, session), with how many jobs say so."""
        printed = self.snakemake("--dry-run", **environment)
        self.listed = Counter(re.findall(r"^Job \d+: (.*)$", printed, re.MULTILINE))
        return self.listed

    def planned_sessions(self, *arguments: str) -> set[str]:
        """Sessions (sub-X ses-Y) that a dry run has jobs for."""
        return set(
            re.findall(
                r"sub-\w+ ses-\w+", "\n".join(re.findall(r"^Job \d+: .*$", self.snakemake("-n", *arguments), re.M))
            )
        )

    def finish(self) -> None:
        """Pretend that the whole workflow ran: make its outputs and have Snakemake record them as made just now."""
        for name in self.outputs():
            if not (self.folder / name).exists():
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                (self.folder / name).write_text(f"{name}\n")
        for subject in sorted(path.name.removeprefix("sub-") for path in self.bids.glob("sub-*")):
            images = [path for path in self.bids.glob(f"**/sub-{subject}/**/*") if path.is_file()]
            own = self.folder / self.output_dir
            write_seal(own, subject, [path for path in images if not path.is_relative_to(own)])
        self.snakemake("--touch", "--forceall")

    def plan_despite_seals(self) -> Counter[str]:
        """What `plan` gives, found by Snakemake alone: every job of every subject is in the graph."""
        return self.plan(ANGIOLITH_IGNORE_SEALS="1")

    def outputs(self, **environment: str) -> list[str]:
        """Every file that a job of the graph makes."""
        names = (line.split("\t")[0] for line in self.snakemake("--summary", **environment).splitlines())
        return [name for name in names if name.startswith(f"{self.output_dir}/")]

    def seal(self) -> None:
        """End a run for real, by the jobs of its inventory: finished subjects are sealed from then on."""
        (self.folder / "out/audit/inventory.tsv").unlink()
        self.snakemake()

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace text in a file of the project copy; fails if it is not there."""
        path = self.project / name
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {name}"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")


def touch_later(path: Path) -> None:
    """Give a file a newer time stamp and leave its content."""
    later = time.time() + 5
    os.utime(path, (later, later))
