"""How a run stands, from the events that Snakemake's logger plugin (`snakemake_logger_plugin_angiolith`) writes."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from angiolith.cli.expected import seconds_of

SEAL_RULE = "seal_subject"  # the last job of each subject
TARGETS = ("all", "participants", "total")  # of Snakemake's counts: no jobs of ours


@dataclass(frozen=True)
class Job:
    """A job that began: what it says of itself, its subject ("" for the cohort's), its log, when it began."""

    number: int
    rule: str
    message: str
    subject: str
    session: str
    log: str
    reason: str
    began: float


@dataclass
class RunState:
    """A run so far. `subjects`: how many the manifest has."""

    subjects: int
    planned: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    jobs: dict[int, Job] = field(default_factory=dict)
    running: dict[int, Job] = field(default_factory=dict)
    failed: dict[int, Job] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    printed: list[str] = field(default_factory=list)  # lines that Snakemake's logger did not write
    sealed: list[str] = field(default_factory=list)  # subjects, in the order in which they were finished

    def apply(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind == "run_info":
            counts = {rule: int(count) for rule, count in event["stats"].items() if rule not in TARGETS}
            self.planned = Counter(counts)
        elif kind == "job_info" and event["rule_name"] not in TARGETS:
            self._begin(event)
        elif kind == "job_finished":
            job = self.running.pop(event["job_id"], None)
            if job:
                self.ended[job.rule] += 1
                self.failed.pop(job.number, None)  # it was tried again
                self.sealed += [job.subject] if job.rule == SEAL_RULE else []
        elif kind == "job_error":
            self._fail(event["jobid"])
        elif kind == "group_error":
            for each in event["job_error_info"] or ():
                self._fail(each["jobid"])
        elif kind == "error":
            self.errors.append(event["message"])

    def _begin(self, event: dict[str, Any]) -> None:
        wildcards = event["wildcards"] or {}
        job = Job(
            number=event["jobid"],
            rule=event["rule_name"],
            message=event["rule_msg"] or event["rule_name"],
            subject=wildcards.get("subject", ""),
            session=wildcards.get("session", ""),
            log=next(iter(event["log"] or ()), ""),
            reason=event["reason"] or "",
            began=event["time"],
        )
        self.jobs[job.number] = self.running[job.number] = job

    def _fail(self, number: int) -> None:
        job = self.running.pop(number, None) or self.jobs.get(number)
        if job:
            self.failed[number] = job

    @property
    def n_planned(self) -> int:
        return self.planned.total()

    @property
    def n_ended(self) -> int:
        return self.ended.total()

    @property
    def subjects_done(self) -> int:
        """Subjects that are finished, those that were so before the run included."""
        return self.subjects - self.planned[SEAL_RULE] + len(self.sealed)

    @property
    def subjects_failed(self) -> list[str]:
        return sorted({job.subject for job in self.failed.values() if job.subject})

    def seconds_left(self, elapsed: float, cores: int | None, now: float | None = None) -> float | None:
        """Time that the jobs that are left should take, at the pace so far; None before any is known.

        A running job counts as done by the time for which it has run at `now` (seconds since 1970; default: this
        moment), at most by what it should take: without that the time left would grow while no job ends.
        """
        now = time.time() if now is None else now
        done = sum(count * seconds_of(rule) for rule, count in self.ended.items())
        left = sum(count * seconds_of(rule) for rule, count in (self.planned - self.ended).items())
        begun = sum(min(max(now - job.began, 0.0), seconds_of(job.rule)) for job in self.running.values())
        done, left = done + begun, max(left - begun, 0.0)
        if not self.planned:
            return None
        if done < FIRST_PART * (done + left):  # too few to tell the machine's pace
            return left / cores if cores else None
        return left * elapsed / done


FIRST_PART = 0.05  # of the work: until then, time left rests on the times of the demo cohort


class EventFile:
    """Reads the events that were added to a file since it was read last."""

    def __init__(self, path: Path) -> None:
        self.path, self.position = path, 0

    def new(self) -> Iterator[dict[str, Any]]:
        if not self.path.is_file():
            return
        with self.path.open(encoding="utf-8") as file:
            file.seek(self.position)
            text = file.read()
            whole = text.rfind("\n") + 1  # a line that is being written is read the next time
            self.position += len(text[:whole].encode())
        for line in text[:whole].splitlines():
            yield json.loads(line)
