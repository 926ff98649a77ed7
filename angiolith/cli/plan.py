"""`angiolith plan`: which jobs are left to be run, counted by what they do, or each with its reason."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from angiolith.cli.events import EventFile, RunState
from angiolith.cli.exits import UsageProblem, errors_on_one_line
from angiolith.cli.expected import duration, seconds_of_jobs
from angiolith.cli.options import (
    BidsDir,
    Configs,
    Cores,
    LevelArgument,
    OutputDir,
    ParticipantLabels,
    SessionLabels,
    request_of,
)
from angiolith.cli.request import LOCAL, Level, Prepared
from angiolith.core.wording import count_of

REASON_SHOWN = 90  # characters


def plan(
    bids_dir: BidsDir,
    output_dir: OutputDir,
    level: LevelArgument = Level.GROUP,
    participant_label: ParticipantLabels = None,
    session_label: SessionLabels = None,
    config: Configs = None,
    cores: Cores = None,
    jobs: Annotated[bool, typer.Option("--jobs", help="List every job and why it has to run.")] = False,
) -> None:
    """List the jobs that `run` would start now. Nothing is measured.

    Example: angiolith plan /data/stroke /data/results group

    Example: angiolith plan /data/stroke /data/results participant --participant-label 01 --jobs
    """
    from angiolith.cli.request import prepared
    from angiolith.core.manifest import ManifestError

    request = request_of(bids_dir, output_dir, level, participant_label, session_label, config, cores, LOCAL)
    with errors_on_one_line(ManifestError):
        ready = prepared(request)
        state = planned(ready)
    print("\n".join(list_of_jobs(state) if jobs else table_of_plan(state, ready)))


def planned(ready: Prepared) -> RunState:
    """What Snakemake would run. Raises UsageProblem where it cannot plan."""
    from angiolith.cli.process import with_events
    from angiolith.cli.request import config_for_plan, snakemake_line
    from angiolith.cli.summary import start_problem

    state = RunState(len(ready.subjects))
    with tempfile.TemporaryDirectory(prefix="angiolith-plan-") as folder:
        own = config_for_plan(ready, Path(folder, "config.yaml"))
        events = Path(folder, "events.jsonl")
        line = with_events(snakemake_line(ready, own, "--dry-run"), events, quiet=True)
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        for event in EventFile(events).new():
            state.apply(event)
        state.printed += (done.stderr or done.stdout).splitlines()
    if done.returncode:
        raise UsageProblem("\n".join(start_problem(state)))
    return state


def table_of_plan(state: RunState, ready: Prepared) -> Iterator[str]:
    """Jobs by what they do, with the time that they should take."""
    if not state.planned:
        yield f"Nothing to do: {state.subjects_done} of {count_of(state.subjects, 'subject')} finished."
        return
    yield f"{'job':28s}{'number':>8s}"
    for rule, count in sorted(state.planned.items()):
        yield f"{rule.replace('_', ' '):28s}{count:8d}"
    yield f"{'all':28s}{state.n_planned:8d}"
    cores = ready.cores or 1
    yield f"about {duration(seconds_of_jobs(state.planned, cores))} on {cores} core{'s' * (cores > 1)}"


def list_of_jobs(state: RunState) -> Iterator[str]:
    """Every job with the reason why it has to run."""
    for job in sorted(state.jobs.values(), key=lambda job: (job.subject, job.session, job.number)):
        more = "" if len(job.reason) <= REASON_SHOWN else " ..."
        yield f"{job.message}\t{job.reason[:REASON_SHOWN]}{more}"
    if not state.jobs:
        yield "Nothing to do."
