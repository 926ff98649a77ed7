"""What a person sees while a run goes on: one screen that is drawn anew, or plain lines where there is no terminal."""

from __future__ import annotations

import time
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from angiolith.cli.events import RunState
from angiolith.cli.expected import duration
from angiolith.core.wording import count_of

RUNNING_SHOWN = 4
FAILED_SHOWN = 3
LINE_EVERY_S = 60.0


class Display(Protocol):
    """Receives the state several times a second, and of lines that jobs print."""

    def show(self, state: RunState, elapsed: float) -> None: ...

    def note(self, line: str) -> None: ...

    def close(self) -> None: ...


def screen(state: RunState, elapsed: float, cores: int | None) -> RenderableType:
    """The progress display: subjects, jobs, what runs now, failures so far, times."""
    if not state.planned:
        return Text(f"planning the run ... {duration(elapsed)}")
    bars = Table.grid(padding=(0, 2))
    for name, done, total in (
        ("subjects", state.subjects_done, state.subjects),
        ("jobs", state.n_ended, state.n_planned),
    ):
        bars.add_row(name, ProgressBar(total=max(total, 1), completed=done, width=40), f"{done} of {total}")
    lines: list[RenderableType] = [bars]
    now = sorted(state.running.values(), key=lambda job: job.began)
    for number, job in enumerate(now[:RUNNING_SHOWN]):
        lines.append(Text(f"{'now' if number == 0 else '':10s}{job.message}", style="cyan"))
    if len(now) > RUNNING_SHOWN:
        lines.append(Text(f"{'':10s}and {len(now) - RUNNING_SHOWN} more"))
    for job in list(state.failed.values())[-FAILED_SHOWN:]:
        lines.append(Text(f"{'failed':10s}{job.message} ({job.log})", style="red"))
    lines.append(Text(f"{'time':10s}{times(state, elapsed, cores)}"))
    return Group(*lines)


def times(state: RunState, elapsed: float, cores: int | None) -> str:
    left = state.seconds_left(elapsed, cores)
    failures = f"{len(state.failed)} failed" if state.failed else "none failed"
    return f"{duration(elapsed)} so far, about {duration(left) if left is not None else '?'} left; {failures}"


class Screen:
    """On a terminal: the progress display, drawn in place."""

    def __init__(self, console: Console, cores: int | None) -> None:
        self.cores = cores
        self.live = Live(console=console, refresh_per_second=4, transient=True)
        self.live.start()

    def show(self, state: RunState, elapsed: float) -> None:
        self.live.update(screen(state, elapsed, self.cores))

    def note(self, line: str) -> None:
        self.live.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        self.live.update("")
        self.live.stop()


class Lines:
    """Without a terminal: a line for each subject that is finished, each failure, and every minute."""

    def __init__(self, cores: int | None) -> None:
        self.cores = cores
        self.sealed, self.failed, self.reported_at = 0, 0, time.monotonic()

    def show(self, state: RunState, elapsed: float) -> None:
        for subject in state.sealed[self.sealed :]:
            self.note(f"sub-{subject} is finished: {self._stand(state, elapsed)}")
        for job in list(state.failed.values())[self.failed :]:
            self.note(f"failed: {job.message} ({job.log})")
        self.sealed, self.failed = len(state.sealed), len(state.failed)
        if time.monotonic() - self.reported_at > LINE_EVERY_S and state.planned:
            self.note(self._stand(state, elapsed))

    def _stand(self, state: RunState, elapsed: float) -> str:
        subjects = f"{state.subjects_done} of {count_of(state.subjects, 'subject')}"
        jobs = f"{state.n_ended} of {count_of(state.n_planned, 'job')}"
        return f"{subjects}, {jobs}, {times(state, elapsed, self.cores)}"

    def note(self, line: str) -> None:
        print(line, flush=True)
        self.reported_at = time.monotonic()

    def close(self) -> None:
        pass


class Silent:
    """With Snakemake's own lines on the terminal nothing is added."""

    def show(self, state: RunState, elapsed: float) -> None:
        pass

    def note(self, line: str) -> None:
        pass

    def close(self) -> None:
        pass
