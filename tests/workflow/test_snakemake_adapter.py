"""What the adapter changes in the installed Snakemake. Each test looks at the behaviour without the function, and fails
when it is no longer needed, and at that with it, and fails when it no longer works."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.workflow.planning import ROOT, SNAKEMAKE

COUNTS_TIMERS = """
import threading
from angiolith.runtime.snakemake_adapter import drop_default_start_limit

timers = []

class Timer(threading.Timer):
    def __init__(self, *arguments):
        timers.append(arguments)
        super().__init__(*arguments)

threading.Timer = Timer

onstart:
    if "adapted" in config:
        drop_default_start_limit(workflow)

onsuccess:
    print(len(timers), "timers")

rule all:
    input: expand("{name}.txt", name=range(12))

rule make:
    output: "{name}.txt"
    shell: "touch {output}"
"""

LEAVES_OUT = """
from angiolith.runtime.snakemake_adapter import leave_out, rerun_triggers, is_forced

print("settings while the Snakefile is read:", workflow.dag_settings)

rule all:
    input: "a.seal", "b.seal"

rule seal:
    input: "{name}.made"
    output: "{name}.seal"
    shell: "touch {output}"

rule make:
    output: "{name}.made"
    shell: "touch {output}"

def files():
    print("triggers:", *sorted(rerun_triggers(workflow)), "forced:", is_forced(workflow))
    return {"a.seal"}

if "adapted" in config:
    leave_out(workflow.get_rule("seal"), files)
"""

TELLS_ENDED = """
from angiolith.runtime.snakemake_adapter import ended, plain_params

def tell():
    print("ended:", *sorted(job.wildcards.name for job in ended(workflow, "seal")))

onsuccess:
    tell()

onerror:
    tell()

rule all:
    input: "a.seal", "b.seal", "c.seal"

rule seal:
    input: "{name}.made"
    output: "{name}.seal"
    params: one=1, computed=lambda wildcards: wildcards.name
    shell: "touch {output}"

rule make:
    output: "{name}.made"
    shell: "test {wildcards.name} != b && touch {output}"

print(plain_params(workflow, "name"), plain_params(workflow, "other"))
"""


@pytest.fixture
def printed(tmp_path):
    """Run Snakemake on a text; returns what it printed."""

    def run(text: str, *arguments: str) -> str:
        (tmp_path / "Snakefile").write_text(text)
        command = [SNAKEMAKE, "--cores", "1", *arguments]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout + done.stderr

    run.folder = Path(tmp_path)
    return run


def timers(text: str) -> int:
    return int(next(line for line in text.splitlines() if line.endswith(" timers")).split()[0])


def in_graph(summary: str) -> set[str]:
    """Files that a job of the graph makes."""
    return {line.split("\t")[0] for line in summary.splitlines() if line.startswith(("a.", "b."))}


def test_without_the_default_limit_on_starts_no_look_for_jobs_sets_a_timer(printed):
    assert timers(printed(COUNTS_TIMERS, "--config", "adapted=1")) == 0
    assert timers(printed(COUNTS_TIMERS, "--forceall")) >= 12, "drop_default_start_limit is no longer needed"


def test_a_limit_on_starts_that_the_user_sets_stays(printed):
    assert timers(printed(COUNTS_TIMERS, "--config", "adapted=1", "--max-jobs-per-timespan", "50/1s")) >= 12


def test_files_that_are_left_out_have_no_job(printed):
    for name in "ab":
        (printed.folder / f"{name}.seal").write_text("sealed")
    every = {"a.seal", "a.made", "b.seal", "b.made"}
    assert in_graph(printed(LEAVES_OUT, "--summary")) == every, "leave_out is no longer needed"
    assert in_graph(printed(LEAVES_OUT, "--summary", "--config", "adapted=1")) == {"b.seal", "b.made"}


def test_settings_of_the_graph_are_not_there_while_the_snakefile_is_read(printed):
    """Else `leave_out` could be a wildcard constraint."""
    assert "settings while the Snakefile is read: None" in printed(LEAVES_OUT, "--dry-run")


def test_triggers_and_forced_jobs_are_seen(printed):
    adapted = ("--dry-run", "--config", "adapted=1")
    assert "triggers: MTIME PARAMS forced: False" in printed(
        LEAVES_OUT, *adapted, "--rerun-triggers", "mtime", "params"
    )
    assert "triggers: CODE INPUT MTIME PARAMS SOFTWARE_ENV forced: False" in printed(LEAVES_OUT, *adapted)
    assert "forced: True" in printed(LEAVES_OUT, *adapted, "--forceall")
    assert "forced: True" in printed(LEAVES_OUT, *adapted, "--forcerun", "make")


def test_ended_jobs_are_those_done_now_or_before(printed):
    text = printed(TELLS_ENDED, "--keep-going")
    assert "{'seal': [1], 'make': []} {}" in text
    assert "ended: a c\n" in text  # b fails
    (printed.folder / "c.seal").unlink()
    assert "ended: a c\n" in printed(TELLS_ENDED, "--keep-going")  # a was done before
    (printed.folder / "c.seal").unlink()
    assert "ended: c\n" in printed(TELLS_ENDED, "--until", "c.seal")  # the rest was not looked at
    (printed.folder / "c.seal").unlink()
    assert "ended:\n" in printed(TELLS_ENDED, "--allowed-rules", "seal", "--", "c.seal")
