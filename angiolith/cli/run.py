"""`angiolith run`: the workflow on a BIDS folder, by plain Snakemake."""

from __future__ import annotations

import shlex
import sys
import time
from typing import Annotated

import typer

from angiolith.cli.exits import Exit, errors_on_one_line
from angiolith.cli.options import (
    BidsDir,
    Configs,
    Cores,
    LevelArgument,
    OutputDir,
    ParticipantLabels,
    Profile,
    SessionLabels,
    SnakemakeOptions,
    request_of,
)
from angiolith.cli.request import LOCAL, Prepared, Request
from angiolith.runtime.records import DRY_RUN_CONFIG, LOGS, RUN_CONFIG, RUN_EVENTS


def run(
    bids_dir: BidsDir,
    output_dir: OutputDir,
    level: LevelArgument,
    snakemake_options: SnakemakeOptions = None,
    participant_label: ParticipantLabels = None,
    session_label: SessionLabels = None,
    config: Configs = None,
    cores: Cores = None,
    profile: Profile = LOCAL,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Say which jobs would run, and run none.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show Snakemake's own lines.")] = False,
    unlock: Annotated[bool, typer.Option("--unlock", help="Take away the lock that a killed run left.")] = False,
) -> None:
    """Measure a BIDS folder: every subject (participant), then the cohort and the report (group).

    Run the same command again to go on after a stop, or after images were added: only what is missing is done.
    `participant` stops before the cohort; `group` does all that is missing, that of the subjects too.
    Whatever stands after `--` goes to Snakemake as it is. The line that is printed is all that runs.

    Example: angiolith run /data/stroke /data/results group --cores 4

    Example: angiolith run /data/stroke /data/results participant --participant-label 01 02 --config my.yaml
    """
    request = request_of(
        bids_dir,
        output_dir,
        level,
        participant_label,
        session_label,
        config,
        cores,
        profile,
        snakemake_options,
    )
    raise SystemExit(run_request(request, dry_run, verbose, unlock))


def run_request(request: Request, dry_run: bool = False, verbose: bool = False, unlock: bool = False) -> Exit:
    """Prepare, run, tell; returns the exit status."""
    from angiolith.cli.plan import planned, table_of_plan
    from angiolith.cli.process import with_events
    from angiolith.cli.request import config_for_plan, prepared, snakemake_line, write_own_config
    from angiolith.core.manifest import ManifestError

    with errors_on_one_line(ManifestError):
        ready = prepared(request)
        logs = ready.request.output_dir / LOGS
        if dry_run or unlock:
            own = config_for_plan(ready, logs / DRY_RUN_CONFIG)
        else:
            own = write_own_config(ready, logs / RUN_CONFIG)
        more = [*(["--dry-run"] if dry_run else []), *(["--unlock"] if unlock else [])]
        line = snakemake_line(ready, own, *more)
        if not (dry_run or unlock):
            line = with_events(line, logs / RUN_EVENTS, not verbose)
        print(shlex.join(line), flush=True)
        if unlock:
            return unlocked(line)
        if dry_run and not verbose:
            print("\n".join(table_of_plan(planned(ready), ready)))
            return Exit.OK
    return execute(ready, line, verbose)


def execute(ready: Prepared, line: list[str], verbose: bool) -> Exit:
    """Start Snakemake and follow it to its end."""
    from rich.console import Console

    from angiolith.cli.display import Display, Lines, Screen, Silent
    from angiolith.cli.events import RunState
    from angiolith.cli.process import run_snakemake
    from angiolith.cli.summary import interrupted, start_problem, summary

    events = ready.request.output_dir / LOGS / RUN_EVENTS
    state = RunState(len(ready.subjects))
    console = Console()
    display: Display = Silent() if verbose else Lines(ready.cores)
    if console.is_terminal and not verbose:
        display = Screen(console, ready.cores)
    begun = time.monotonic()
    try:
        status = run_snakemake(line, events, state, display, verbose)
    except KeyboardInterrupt:
        display.close()
        print("\n".join(interrupted(state)), file=sys.stderr)
        return Exit.INTERRUPTED
    display.close()
    if status and not state.failed:
        print("\n".join(start_problem(state)), file=sys.stderr)
        return Exit.USAGE if not state.n_ended else Exit.FOUND
    print("\n".join(summary(ready, state, time.monotonic() - begun)))
    return Exit.FOUND if status else Exit.OK


def unlocked(line: list[str]) -> Exit:
    """Take the lock away."""
    import subprocess

    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        print((done.stderr or done.stdout).strip(), file=sys.stderr)
        return Exit.USAGE
    print("The lock is gone. Run the same command without --unlock.")
    return Exit.OK
