"""`angiolith doctor`: whether this machine can run the workflow, in a line for each thing, with what to do."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from angiolith.cli.exits import Exit

OK, NOT_OK, OPTIONAL = "ok", "NOT OK", "optional"
MEMORY_PER_JOB_GB = 3.0  # no rule asks for more (docs/cluster.md)
DISK_GB = 5.0
DISTRIBUTION = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)")
PROGRAMS = (
    ("dcm2niix", "turns DICOM into NIfTI; it comes with the environment (pip install dcm2niix)"),
    ("Rscript", "checks the statistics against R in the tests; nothing needs it to run"),
    ("chromium", "the tests of the report's pages; nothing needs it to run"),
    ("sbatch", "sends jobs to Slurm (--profile slurm); docs/cluster.md"),
)


class Found(NamedTuple):
    """One thing that was looked at: ok, NOT OK (with a remedy) or optional."""

    state: str
    what: str
    advice: str


def doctor(
    output_dir: Annotated[
        Path, typer.Argument(metavar="[OUTPUT_DIR]", help="Where results are to go; default: this folder.")
    ] = Path("."),
) -> None:
    """Check whether this machine can run the workflow: Python, libraries, memory, cores, disk, optional programs.

    Status 0: it can; 1: something is missing (its line says what to do).

    Example: angiolith doctor /data/results
    """
    found = [*machine(output_dir), *libraries(), *programs()]
    for state, what, advice in found:
        print(f"{state:9s}{what:20s}{advice}")
    raise SystemExit(Exit.FOUND if any(one.state == NOT_OK for one in found) else Exit.OK)


def machine(output_dir: Path) -> Iterator[Found]:
    """Python, paths, cores, memory, disk."""
    from angiolith.cli.check import existing
    from angiolith.cli.request import cores_here
    from angiolith.runtime.paths import workflow_root

    version = ".".join(map(str, sys.version_info[:3]))
    fits = (3, 11) <= sys.version_info < (3, 14)
    yield Found(OK if fits else NOT_OK, "Python", version if fits else f"{version}: 3.11 to 3.13 is needed")
    blank = " " in sys.executable
    remedy = ": holds blanks, with which no job can start; make the environment in a folder without"
    yield Found(NOT_OK if blank else OK, "path of Python", f"{sys.executable}{remedy if blank else ''}")
    root = workflow_root()
    there = (root / "Snakefile").is_file()
    yield Found(OK if there else NOT_OK, "workflow", f"{root}{'' if there else ': no Snakefile; install anew'}")
    cores, memory = cores_here(), memory_gb()
    yield Found(OK, "cores", f"{cores}")
    if memory is not None:
        jobs = int(memory // MEMORY_PER_JOB_GB)
        size = f"{memory:.0f} GB"
        few = f"{size}: a job may take {MEMORY_PER_JOB_GB:.0f} GB; use --cores {max(jobs, 1)}, or more memory"
        yield Found(OK if jobs >= cores else NOT_OK, "memory", size if jobs >= cores else few)
    place = existing(output_dir)
    free = shutil.disk_usage(place).free / 1e9
    enough = free >= DISK_GB
    remedy = "" if enough else ": free some, or give another OUTPUT_DIR"
    yield Found(OK if enough else NOT_OK, "disk", f"{free:.0f} GB free in {place}{remedy}")


def memory_gb() -> float | None:
    """Memory of the machine, or of the container if that has less; None where it is not known."""
    import os

    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return None
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text(encoding="utf-8").strip() if limit.is_file() else "max"
    return min(total, int(text) if text.isdigit() else total) / 1e9


def libraries() -> Iterator[Found]:
    """Run-time libraries that are missing, or are not in the version that the lock has."""
    from importlib import metadata

    from angiolith.runtime.paths import workflow_root

    lock = workflow_root() / "envs" / "requirements.lock"
    locked = locked_versions(lock.read_text(encoding="utf-8")) if lock.is_file() else {}
    asked = [re.split(r"[<>=!~ ;\[]", line)[0] for line in metadata.requires("angiolith") or ()]
    other = []
    for name in asked:
        try:
            here = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield Found(NOT_OK, name, f"is not installed: {sys.executable} -m pip install {name}")
            continue
        if locked.get(normal(name), here) != here:
            other.append(f"{name} {here} (lock: {locked[normal(name)]})")
    if other:
        yield Found(OPTIONAL, "libraries", f"other versions than tested, last digits may differ: {', '.join(other)}")
    else:
        yield Found(OK, "libraries", f"{len(asked)} in the versions of the lock")


def locked_versions(text: str) -> dict[str, str]:
    """Distribution -> version of a lock (`name==version ...` lines)."""
    return {normal(found[1]): found[2] for line in text.splitlines() if (found := DISTRIBUTION.match(line))}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def programs() -> Iterator[Found]:
    """Programs that some uses need."""
    beside = Path(sys.executable).parent
    for name, advice in PROGRAMS:
        path = shutil.which(name) or shutil.which(name, path=str(beside))
        yield Found(OK if path else OPTIONAL, name, path or f"not found: {advice}")
