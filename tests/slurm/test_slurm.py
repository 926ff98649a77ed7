"""A small cohort through a real Slurm of one node: the same bytes as a local run, whatever happens to its jobs.

Needs slurm-wlm, munge, root and `make slurm`; else skipped, or failed where ANGIOLITH_REQUIRE_SLURM is set.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from angiolith.runtime.records import sha256
from tests.workflow.planning import SNAKEMAKE, Workbench

START = Path(__file__).with_name("start.sh")
NOT_INSTALLED = [name for name in ("slurmctld", "slurmd", "munged", "squeue") if not shutil.which(name)]
if not importlib.util.find_spec("snakemake_executor_plugin_slurm"):
    NOT_INSTALLED.append("snakemake-executor-plugin-slurm (make slurm)")
if os.geteuid():
    NOT_INSTALLED.append("root")
PROFILES = Path(__file__).parents[2] / "config/profiles"
BY_SLURM = ("--workflow-profile", PROFILES / "cluster", "--profile", PROFILES / "slurm")
ASK_OFTEN = ("--slurm-init-seconds-before-status-checks", "2", "--max-status-checks-per-second", "2")
TIMES = re.compile(r"(\.log|\.seen|ro-crate-metadata\.json)$|^benchmarks/|^audit/\.|^logs/write_ro_crate/")

pytestmark = [
    pytest.mark.xdist_group("slurm"),
    pytest.mark.skipif(
        bool(NOT_INSTALLED) and not os.environ.get("ANGIOLITH_REQUIRE_SLURM"),
        reason=f"no Slurm: {', '.join(NOT_INSTALLED)}",
    ),
]


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """A Slurm of one idle node."""
    assert not NOT_INSTALLED
    folder = tmp_path_factory.mktemp("slurm")
    subprocess.run([START, folder], check=True)
    yield "localhost"
    subprocess.run(["scancel", "--user", "root"], check=False)
    subprocess.run([START, "--stop", folder], check=True)


def slurm(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def accepted(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def set_node(node: str, *state: str) -> None:
    """Slurm takes no new state for a node while it is still clearing up after a job."""
    wait_for(lambda: accepted("scontrol", "update", f"NodeName={node}", *state), f"the node to take {state}", 120)


def resume(node: str) -> None:
    """Back into service; Slurm refuses that for a node that is back by itself (a lost one that answers again)."""
    back = ("scontrol", "update", f"NodeName={node}", "State=RESUME")
    wait_for(lambda: accepted(*back) or in_service(node), "the node to be back in service", 120)


def in_service(node: str) -> bool:
    return not re.search("down|drain", slurm("sinfo", "--noheader", f"--nodes={node}", "--format=%T"))


def wait_for(condition: Callable[[], object], what: str, seconds: float = 600) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.3)


def running() -> list[str]:
    return slurm("squeue", "--noheader", "--states=RUNNING", "--format=%i").split()


def made(bench: Workbench) -> dict[str, str]:
    """Hash of every file of a run that holds no times."""
    out = bench.folder / "out"
    names = (path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    return {name: sha256(out / name) for name in names if not TIMES.search(name)}


def cohort(folder: Path) -> Workbench:
    bench = Workbench(folder)
    for subject in ("01", "02"):
        bench.add_session(subject, "01", ("anat/{}_T1w",))
    return bench


def start(bench: Workbench, *arguments: str) -> subprocess.Popen[str]:
    command = [SNAKEMAKE, "-s", "project/Snakefile", "--configfile", "my.yaml", *BY_SLURM, *ASK_OFTEN]
    return subprocess.Popen(
        [*command, *ASK_OFTEN, *arguments],
        cwd=bench.folder,
        env=bench.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_killed_cancelled_and_lost_jobs_end_in_the_bytes_of_a_local_run(node, tmp_path):
    """First a session's jobs get too little memory; then one is cancelled, and the node goes down and is drained."""
    local, sent = cohort(tmp_path / "local"), cohort(tmp_path / "sent")
    of_session = ("check_images", "register_mri_to_template", "plot_subject_qc", "export_session")
    little = [f"{rule}:mem_mb=60 if attempt < 2 else 1500" for rule in of_session]
    run = start(sent, "--set-resources", *little, "--retries", "3")
    try:
        wait_for(lambda: "MinMemoryNode=1500M" in slurm("scontrol", "show", "jobs") and running(), "a second attempt")
        wait_for(lambda: any(accepted("scancel", job) for job in running()), "a job that can be cancelled")
        set_node(node, "State=DOWN", "Reason=test")
        resume(node)
        set_node(node, "State=DRAIN", "Reason=maintenance")
        wait_for(
            lambda: "PENDING" in slurm("squeue", "--noheader", "--format=%T"), "jobs that wait for the drained node"
        )
        resume(node)
        local.snakemake()
        printed, _ = run.communicate(timeout=1500)
    finally:
        run.kill()
    assert run.returncode == 0, printed[-4000:]
    said = "".join(path.read_text() for path in (sent.folder / "slurm_logs").rglob("*.log"))
    assert "exceeded memory limit" in said
    assert "CANCELLED" in said
    assert made(sent) == made(local)
    assert sent.plan() == {}


SLOW = """
rule slow:
    output: "slow.txt"
    resources: runtime=1
    shell: "sleep 600; touch {output}"
"""


def test_a_job_over_its_time_ends_with_the_reason(node, tmp_path):
    (tmp_path / "Snakefile").write_text(SLOW)
    command = [SNAKEMAKE, *BY_SLURM, *ASK_OFTEN, "--retries", "0", "slow.txt"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode
    assert "TIMEOUT" in done.stdout + done.stderr
