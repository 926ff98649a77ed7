"""`angiolith check`: what a BIDS folder holds, what is left out and why, and what a run of it would cost."""

from __future__ import annotations

import os
import shlex
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from angiolith.cli.exits import errors_on_one_line
from angiolith.cli.options import BidsDir, Configs, Cores, OutputDir, ParticipantLabels, SessionLabels, request_of
from angiolith.cli.request import LOCAL, Level, Prepared, Request, cores_here
from angiolith.core.wording import count_of

if TYPE_CHECKING:
    from angiolith.cli.events import RunState
    from angiolith.core.manifest_table import FileNote

SHOWN = 6  # rows, and files that are left out; --all shows each


def check(
    bids_dir: BidsDir,
    output_dir: OutputDir,
    participant_label: ParticipantLabels = None,
    session_label: SessionLabels = None,
    config: Configs = None,
    cores: Cores = None,
    every: Annotated[bool, typer.Option("--all", help="Show every session and every file that is left out.")] = False,
) -> None:
    """Show which images of a folder are found, which files are left out and why, and what a run would cost.

    Nothing is measured, and of images only the headers are read; only the manifest is written into OUTPUT_DIR.

    Example: angiolith check /data/stroke /data/results
    """
    from angiolith.cli.plan import planned
    from angiolith.cli.request import prepared
    from angiolith.core.manifest import ManifestError

    request = request_of(bids_dir, output_dir, Level.GROUP, participant_label, session_label, config, cores, LOCAL)
    with errors_on_one_line(ManifestError):
        ready = prepared(request)
        state = planned(ready)
    shown = None if every else SHOWN
    for line in (*found(ready, shown), *unreadable(ready, shown), *left_out(ready, shown), *costs(ready, state)):
        print(line)
    print(f"run it:   {shlex.join(run_words(request))}")


def found(ready: Prepared, shown: int | None) -> Iterator[str]:
    """Sessions with their images, counted and (the first) listed."""
    from angiolith.core.manifest import IMAGE_COLUMNS
    from angiolith.core.manifest_checks import MASK_COLUMNS

    rows, columns = ready.rows, (*IMAGE_COLUMNS, *MASK_COLUMNS)
    visits = Counter(row.subject for row in rows)
    several = sum(count > 1 for count in visits.values())
    subjects, sessions = count_of(len(visits), "subject"), count_of(len(rows), "session")
    yield f"images:   {subjects} ({several} with two visits or more), {sessions}"
    counts = Counter(column for row in rows for column in columns if column in row.values)
    yield "          " + (", ".join(f"{counts[name]} {name}" for name in columns if counts[name]) or "none")
    for row in rows[:shown]:
        images = " ".join(name for name in columns if name in row.values) or "no image that is read"
        yield f"          sub-{row.subject} ses-{row.session}: {images}"
    if shown is not None and len(rows) > shown:
        yield f"          ... and {count_of(len(rows) - shown, 'more session')} (--all)"


def unreadable(ready: Prepared, shown: int | None) -> Iterator[str]:
    """Images that are cut short or whose header cannot be read or believed, with the reason."""
    from angiolith.core.images import ImageError, damage_named, open_nifti
    from angiolith.core.manifest import IMAGE_COLUMNS
    from angiolith.core.manifest_checks import MASK_COLUMNS, NIFTI
    from angiolith.core.nifti import length_problem

    config, problems = ready.config, []
    folder = Path(config.bids_dir) if config.bids_dir else Path(config.manifest or "").parent
    for row in ready.rows:
        for path in (row.values[name] for name in (*IMAGE_COLUMNS, *MASK_COLUMNS) if name in row.values):
            if not path.endswith(NIFTI):  # points, and drawings in other formats
                continue
            try:
                file = open_nifti(folder / path)
                with damage_named(folder / path):
                    problem = length_problem(folder / path, file)
                problems += [f"{folder / path}: {problem}"] if problem else []
            except ImageError as error:
                problems.append(str(error))
    if problems:
        yield f"damaged:  {count_of(len(problems), 'image')} of which nothing will be measured"
    yield from (f"          {problem}" for problem in problems[:shown])
    if shown is not None and len(problems) > shown:
        yield f"          ... and {len(problems) - shown} more (--all)"


def left_out(ready: Prepared, shown: int | None) -> Iterator[str]:
    """Files that are not read, and notes on visits, with the reasons."""
    from angiolith.core.manifest_table import LEFT_OUT, NOTE

    subjects = {*ready.subjects}
    notes = [note for note in ready.index.files if _concerns(note, subjects)]
    files = [note for note in notes if note.status == LEFT_OUT]
    yield f"left out: {count_of(sum(note.n_files for note in files), 'file')}"
    for note in files[:shown]:
        yield f"          {note.path}{f' ({note.n_files} files)' if note.n_files > 1 else ''}: {note.reason}"
    if shown is not None and len(files) > shown:
        yield f"          ... and {count_of(len(files) - shown, 'more line')} (--all)"
    for note in [note for note in notes if note.status == NOTE][:shown]:
        yield f"note:     {note.path}: {note.reason}"


def _concerns(note: FileNote, subjects: set[str]) -> bool:
    from angiolith.core.manifest_table import NOT_APPLICABLE

    return note.subject in subjects or note.subject == NOT_APPLICABLE


def costs(ready: Prepared, state: RunState) -> Iterator[str]:
    """Jobs, time and disk of the run that would start now."""
    from angiolith.cli.expected import MB_PER_SESSION, duration, seconds_of_jobs, size

    cores = ready.cores or 1
    if not state.planned:
        yield f"jobs:     none, {state.subjects_done} of {count_of(state.subjects, 'subject')} finished"
        return
    yield f"jobs:     {state.n_planned}; {state.subjects_done} of {count_of(state.subjects, 'subject')} finished"
    seconds = seconds_of_jobs(state.planned, cores)
    images = f"with images of 0.5 to 1 mm{busy(cores_here())}"
    yield f"time:     about {duration(seconds)} on {count_of(cores, 'core')}, {images}"
    open_sessions = len({(job.subject, job.session) for job in state.jobs.values() if job.session})
    free = shutil.disk_usage(existing(ready.request.output_dir)).free / 1e6
    needed = open_sessions * MB_PER_SESSION
    short = "; NOT ENOUGH: free some, or give another OUTPUT_DIR" if needed > free else ""
    yield f"disk:     about {size(needed)} in {ready.request.output_dir}, {size(free)} are free{short}"


def busy(cores: int) -> str:
    """How other work on this machine lengthens a run; nothing where it leaves cores free or is not known."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load < cores:
        return ""
    return f"; longer now, about {load:.0f} processes share its {count_of(cores, 'core')}"


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    path = folder.absolute()
    while not path.exists():
        path = path.parent
    return path


def run_words(request: Request) -> list[str]:
    """The command that runs what was checked."""
    words = ["angiolith", "run", str(request.bids_dir or "-"), str(request.output_dir), Level.GROUP.value]
    for option, values in (
        ("--participant-label", request.participants),
        ("--session-label", request.sessions),
        ("--config", request.configs),
    ):
        words += [option, *map(str, values)] if values else []
    return [*words, *(["--cores", str(request.cores)] if request.cores else [])]
