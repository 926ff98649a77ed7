"""How far a run is: subjects and jobs that are done, running, failed or waiting, from the logs and records on the disk.

    angiolith status OUTPUT_DIR

A job that has ended well left a record beside its log; one whose log ends in a traceback has failed; a log with neither
belongs to a job that runs now, or was killed. Subjects are done when they are sealed (`seal_subject`). Nothing is asked
of Snakemake, so that the answer comes in seconds while a run is on, from any machine that sees the folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from angiolith.core.manifest import read_manifest
from angiolith.core.wording import count_of
from angiolith.runtime.records import LOGS, last_request

DONE, RUNNING, FAILED = "done", "running or killed", "failed"
SEAL_RULE = "seal_subject"


class Job(NamedTuple):
    """A job that has begun: its rule, the stem of its log, its state, and the last line of a failed one's log."""

    rule: str
    name: str
    state: str
    why: str = ""

    @property
    def subject(self) -> str:
        """Label of the job's subject."""
        return self.name.split("_")[0]


def jobs_begun(root: Path) -> Iterator[Job]:
    """Every job that has left a log.

    Parameters
    ----------
    root : Path
        The output folder.

    Yields
    ------
    Job
        One job with its state.
    """
    for folder in sorted(path for path in (root / LOGS).glob("*") if path.is_dir()):
        names: dict[str, set[str]] = {".log": set(), ".json": set()}
        with os.scandir(folder) as entries:
            for entry in entries:
                stem, ending = os.path.splitext(entry.name)
                names.setdefault(ending, set()).add(stem)
        for stem in sorted(names[".log"]):
            if stem in names[".json"]:
                yield Job(folder.name, stem, DONE)
            else:
                yield Job(folder.name, stem, *state_of(folder / f"{stem}.log"))


def state_of(log: Path) -> tuple[str, str]:
    """State of a job without a record, by its log.

    Parameters
    ----------
    log : Path
        Path of the log.

    Returns
    -------
    tuple[str, str]
        State, and the first error or an empty string.
    """
    _, found, after = log.read_text(encoding="utf-8", errors="replace").partition(
        "Traceback (most recent call last):\n"
    )
    errors = [line for line in after.splitlines() if line and not line[0].isspace() and ":" in line]
    return (FAILED, errors[0] if errors else "") if found else (RUNNING, "")


def asked_for(root: Path, subjects: set[str]) -> set[str]:
    """The subjects that the last `angiolith run` was asked for: all of them, or those of `--participant-label`.

    Parameters
    ----------
    root : Path
        The output folder.
    subjects : set[str]
        Labels of the manifest.

    Returns
    -------
    set[str]
        Labels.
    """
    asked = last_request(root).get("subjects")
    return subjects & {str(label) for label in asked} if asked else subjects


def progress(root: Path) -> str:
    """The run in a few lines: subjects by state, jobs of each rule by state, and the failed ones with their reasons.

    Parameters
    ----------
    root : Path
        The output folder.

    Returns
    -------
    str
        Text of several lines.
    """
    jobs = list(jobs_begun(root))
    subjects = asked_for(root, {row.subject for row in read_manifest(root / "manifest.tsv")})
    states = {
        state: {job.subject for job in jobs if job.state == state} & subjects for state in (DONE, RUNNING, FAILED)
    }
    sealed = {job.name for job in jobs if job.rule == SEAL_RULE and job.state == DONE} & subjects
    failed, now = states[FAILED], states[RUNNING] - states[FAILED]
    between = states[DONE] - sealed - failed - now
    waiting = subjects - states[DONE] - failed - now
    counts = {
        "done": len(sealed - failed - now),
        "failed": len(failed),
        "running or killed": len(now),
        "begun, no job now": len(between),
        "waiting": len(waiting),
    }
    lines = [
        f"{count_of(len(subjects), 'subject')}: " + ", ".join(f"{count} {name}" for name, count in counts.items()),
        "",
    ]
    lines.append(f"{'rule':28s}{'done':>8s}{'running':>9s}{'failed':>8s}")
    for rule in sorted({job.rule for job in jobs}):
        by_state = [sum(job.rule == rule and job.state == state for job in jobs) for state in (DONE, RUNNING, FAILED)]
        lines.append(f"{rule:28s}{by_state[0]:8d}{by_state[1]:9d}{by_state[2]:8d}")
    lines += [f"failed: {LOGS}/{job.rule}/{job.name}.log  {job.why}" for job in jobs if job.state == FAILED]
    return "\n".join(lines)
