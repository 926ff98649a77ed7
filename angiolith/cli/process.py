"""Snakemake as a process: started, watched, interrupted once."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from angiolith.cli.display import Display
from angiolith.cli.events import EventFile, RunState

LOOK_EVERY_S = 0.2
PLUGIN = "--logger-angiolith"


def with_events(line: Sequence[str], events: Path, quiet: bool) -> list[str]:
    """The command with the options that make Snakemake report what happens; they change nothing that is computed."""
    words = list(line)
    at = words.index("--snakefile")
    return [*words[:at], *logger_options(events, quiet), *words[at:]]


def logger_options(events: Path, quiet: bool) -> list[str]:
    return ["--logger", "angiolith", f"{PLUGIN}-events", str(events), *([f"{PLUGIN}-quiet"] if quiet else [])]


def run_snakemake(line: Sequence[str], events: Path, state: RunState, display: Display, passed_on: bool) -> int:
    """Run the command, keep `state` and the display at the latest events; returns its exit status.

    `passed_on`: Snakemake's output goes to the terminal as it is. Else what is printed there (by jobs, or by a Python
    that cannot start) goes to the display. Ctrl-C is passed on to Snakemake and its jobs, once.
    """
    events.parent.mkdir(parents=True, exist_ok=True)
    events.unlink(missing_ok=True)
    output: queue.SimpleQueue[str] = queue.SimpleQueue()
    target = None if passed_on else subprocess.PIPE
    started = time.monotonic()
    process = subprocess.Popen(
        line, stdout=target, stderr=None if passed_on else subprocess.STDOUT, text=True, start_new_session=True
    )
    reader = threading.Thread(target=_read, args=(process.stdout, output), daemon=True)
    reader.start()
    reported = EventFile(events)
    with _interrupts_passed_to(process, display):
        ended = False
        while not ended:
            ended = process.poll() is not None  # before the last look at what it left
            if ended:
                reader.join(timeout=2)
            for event in reported.new():
                state.apply(event)
            while not output.empty():
                text = output.get()
                state.printed.append(text)
                if not text.startswith(OF_SNAKEMAKE):
                    display.note(text)
            display.show(state, time.monotonic() - started)
            if not ended:
                time.sleep(LOOK_EVERY_S)
    return process.returncode


OF_SNAKEMAKE = ("Using workflow specific profile", "Using profile")  # printed before a logger is there


def _read(stream: IO[str] | None, output: queue.SimpleQueue[str]) -> None:
    if stream is not None:
        for line in stream:
            if line.strip():
                output.put(line.rstrip())


@contextmanager
def _interrupts_passed_to(process: subprocess.Popen[str], display: Display) -> Iterator[None]:
    """Ctrl-C: the first interrupts Snakemake and its jobs and waits, the second ends them."""
    presses: list[int] = []

    def pressed(number: int, _frame: object) -> None:
        presses.append(number)
        first = len(presses) == 1 and number == signal.SIGINT
        if len(presses) <= 2:
            display.note("stopping: waiting for Snakemake and the running jobs" if first else "ending all jobs now")
            _signal(process, signal.SIGINT if first else signal.SIGTERM)

    watched = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, pressed) for number in watched}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if presses:
            raise KeyboardInterrupt


def _signal(process: subprocess.Popen[str], number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
