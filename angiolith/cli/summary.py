"""The last lines of a run: what is done, what failed and why, where to look, how to go on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from angiolith.cli.events import Job, RunState
from angiolith.cli.expected import duration
from angiolith.cli.request import Level, Prepared
from angiolith.core.wording import count_of

FAILED_SHOWN = 20
LOCKED = "Directory cannot be locked"
PLACE = ("WorkflowError in file", "File ", "  File ")


def summary(prepared: Prepared, state: RunState, elapsed: float) -> list[str]:
    """Lines on a run that ended of itself."""
    output = prepared.request.output_dir
    subjects = (
        f"{state.subjects_done} of {count_of(state.subjects, 'subject')} finished" if state.subjects else "no images"
    )
    if not state.planned:
        lines = [f"Nothing to do: {subjects}."]
    else:
        lines = [f"{state.n_ended} of {count_of(state.n_planned, 'job')} in {duration(elapsed)}; {subjects}."]
    failed = list(state.failed.values())
    for job in failed[:FAILED_SHOWN]:
        lines += [f"failed: {job.message}: {why(job)}", f"        {job.log}"]
    if len(failed) > FAILED_SHOWN:
        lines.append(f"... and {len(failed) - FAILED_SHOWN} more: angiolith status {output}")
    missing = state.n_planned - state.n_ended - len(failed)
    if failed and missing > 0:
        lines.append(
            f"{count_of(missing, 'job')} could not start after these failures. "
            "Correct the cause and run the same command again."
        )
    report = output / "report" / "index.html"
    if prepared.request.level is Level.GROUP and report.is_file():
        old = " (of an earlier run)" if state.planned["build_report"] > state.ended["build_report"] else ""
        lines.append(f"report: {report}{old}")
    elif not failed and prepared.request.level is Level.PARTICIPANT:
        lines.append("Next, the cohort and the report: the same command with `group` for `participant`.")
    return lines


def why(job: Job) -> str:
    """The reason of a failed job, in a line, from its log."""
    from angiolith.audit.progress import state_of

    path = Path(job.log)
    reason = state_of(path)[1] if path.is_file() else ""
    return reason or "it was ended from outside (memory, time, a signal)"


def start_problem(state: RunState) -> list[str]:
    """Why Snakemake did not begin, without its words on its own files."""
    text = "\n".join(state.errors or state.printed)
    if LOCKED in text:
        return [
            "The folder is locked: another run is on, or one was killed. If none is on, take the lock away with",
            "the same command and `--unlock`, then run it again.",
        ]
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith(PLACE)]
    return lines or ["Snakemake ended without a word; `--verbose` shows what it prints."]


def interrupted(state: RunState) -> Iterator[str]:
    yield f"Stopped after {state.n_ended} of {count_of(state.n_planned, 'job')}. What is finished stays finished."
    yield "Run the same command again to go on. If it says that the folder is locked, add --unlock once."
