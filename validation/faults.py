"""Write docs/faults.md: faults made on purpose in real runs of the whole workflow, and what becomes of them.

    python -m validation.faults --out docs/faults.md

The cohort is small (two subjects, one with two visits) and its images are no heads, so that every rule runs and each
job takes about a second. A module that Python imports at its start (`sitecustomize`) ends the job at the place that is
named, without any hook in the project: a kill is SIGKILL to the job and to Snakemake at once, as in a power cut.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from angiolith.runtime.records import read_records, sha256
from tests.hostile.images import head, save
from tests.workflow.planning import BASELINE, FOLLOWUP, SNAKEMAKE, Workbench

HOOK = """
import os, signal, sys
DONE = os.environ.get("FAULTS_DONE")


def hook(event, args):
    if event not in ("open", "os.rename") or not sys.argv or ".snakemake/scripts/" not in sys.argv[0]:
        return
    if event == "open" and ".writing-" not in str(args[0]):
        return
    line = sys.argv[0].split(".")[-2] + (" write" if event == "open" else " rename")
    file = os.open(DONE, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    if line not in os.read(file, 100000).decode().splitlines():
        os.write(file, (line + chr(10)).encode())
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os.close(file)


if DONE:
    sys.addaudithook(hook)
"""
UNSURE = ("logs", "benchmarks")  # times
DATED = ("ro-crate-metadata.json", "audit/.hashes.json")
ANALYSES = """
printed_tables: {theirs: printed.yaml}
vessel_wall: {trace: {trace_wall: true}}
analyses:
  mine:
    kind: severity
    table: mine.tsv
    group: group
    group_levels: [a, b]
    outcome: group
    event: b
    describe: [age]
    predictors: [age]
    markers: [age]
    changes: {age: {baseline: age, followup: later}}
"""


def cohort(folder: Path) -> Workbench:
    """The cohort, with what every rule needs."""
    bench = Workbench(folder)
    bench.add_session("01", "01", BASELINE)
    bench.add_session("01", "02", FOLLOWUP)
    bench.add_session("02", "01", ("ct/{}_ct", "anat/{}_T1w"))
    save(bench.bids / "sub-02/ses-01/ct/sub-02_ses-01_ct.nii.gz", head() + 1024)
    drawn = bench.bids / "derivatives/readers/sub-01/ses-01/vwi"
    drawn.mkdir(parents=True)
    (drawn / "sub-01_ses-01_desc-vessel_points.csv").write_text("segment,x_mm,y_mm,z_mm\nlesion,0,0,0\n")
    (drawn / "sub-01_ses-01_desc-reader1_dseg.nii.gz").write_text("no drawing")
    rows = (f"{n}\t{'ab'[n % 2]}\t{50 + (7 * n) % 23}\t{52 + (5 * n) % 23}\n" for n in range(24))
    (folder / "mine.tsv").write_text("subject\tgroup\tage\tlater\n" + "".join(rows))
    (folder / "printed.yaml").write_text("groups: {a: 10}\ntables: {}\n")
    bench.configure(ANALYSES)
    (folder / "hook").mkdir()
    (folder / "hook/sitecustomize.py").write_text(HOOK)
    return bench


def content(root: Path) -> dict[str, str]:
    """SHA-256 of every file of a run by name, but for what holds times."""
    names = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    kept = {name: path for name, path in names.items() if name.split("/")[0] not in UNSURE and name not in DATED}
    return {name: sha256(path) for name, path in kept.items()}


def run(bench: Workbench, *arguments: str, **variables: str) -> tuple[int, str]:
    """Snakemake in a process group of its own: its exit status and what it printed."""
    command = [SNAKEMAKE, "-s", str(bench.project / "Snakefile"), "--cores", "1", "--configfile", "my.yaml", *arguments]
    environment = bench.environment | variables
    if variables:
        environment["PYTHONPATH"] = f"{bench.folder / 'hook'}{os.pathsep}{bench.project}"
    done = subprocess.run(
        command, cwd=bench.folder, env=environment, capture_output=True, text=True, check=False, start_new_session=True
    )
    return done.returncode, done.stdout + done.stderr


def verified(bench: Workbench) -> list[str]:
    command = [sys.executable, "-m", "angiolith.cli", "verify", str(bench.folder / "out")]
    done = subprocess.run(
        command, cwd=bench.project, env=bench.environment, capture_output=True, text=True, check=False
    )
    return done.stdout.splitlines() if done.returncode < 2 else [done.stderr.strip()]


def forget(bench: Workbench, rule: str) -> None:
    """Take away one job of the rule: its record and what it made, so that it runs again."""
    record = next(record for record in read_records(bench.folder / "out") if record.rule == rule)
    for name in (record.name, *record.outputs):
        (bench.folder / "out" / name).unlink()


def kill_everywhere(bench: Workbench) -> tuple[list[str], str]:
    """A run from nothing, killed twice in each rule: (rule and place of every kill, what went wrong or "")."""
    done = bench.folder / "killed.txt"
    for attempt in range(200):
        status, printed = run(bench, FAULTS_DONE=str(done))
        if status == 0:
            return done.read_text().splitlines(), ""
        if status != -9:
            return done.read_text().splitlines(), f"a run failed: {printed[-500:]}"
        print(done.read_text().splitlines()[-1], flush=True)
        if attempt == 0:
            if "--unlock" not in run(bench)[1]:
                return [], "the message does not name --unlock"
            run(bench, "--unlock")
        else:  # what --unlock does, without waiting for the plan
            shutil.rmtree(bench.folder / ".snakemake/locks")
    return [], "never ended"


def compared(bench: Workbench, before: dict[str, str]) -> str:
    after = content(bench.folder / "out")
    other = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    if other:
        return f"{len(other)} files differ: {', '.join(other[:3])}"
    return "; ".join(verified(bench)[:3])


def full_disk(bench: Workbench, before: dict[str, str]) -> tuple[str, str]:
    """The output folder on a file system that is full but for 4 kB when the cohort's tables are to be made again."""
    out, aside = bench.folder / "out", bench.folder / "aside"
    forget(bench, "collect_metrics")
    out.rename(aside)
    out.mkdir()
    if not mounted("-t", "tmpfs", "-o", "size=200m", "tmpfs", str(out)):
        return "", NOT_TRIED
    try:
        shutil.copytree(aside, out, symlinks=True, dirs_exist_ok=True)
        with (out / "ballast").open("wb") as ballast:
            ballast.write(bytes(shutil.disk_usage(out).free - 4096))
        status, printed = run(bench)
        (out / "ballast").unlink()
        return line_with("No space left", printed), after_repair(bench, before, status)
    finally:
        subprocess.run(["umount", str(out)], check=True)


def read_only(bench: Workbench, before: dict[str, str]) -> tuple[str, str]:
    """The output folder mounted read-only when the cohort's tables are to be made again."""
    out = bench.folder / "out"
    forget(bench, "collect_metrics")
    if not mounted("--bind", str(out), str(out)) or not mounted("-o", "remount,bind,ro", str(out)):
        return "", NOT_TRIED
    try:
        status, printed = run(bench)
    finally:
        subprocess.run(["umount", str(out)], check=True)
    return line_with("Write-protected output", printed), after_repair(bench, before, status)


def mounted(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], check=False, capture_output=True).returncode == 0


def line_with(text: str, printed: str) -> str:
    """The last printed line that holds the text: the project's own, where it says anything."""
    return next((line.strip() for line in reversed(printed.splitlines()) if text in line), "no message")


def after_repair(bench: Workbench, before: dict[str, str], status: int) -> str:
    if not status:
        return "the run did not fail"
    again, printed = run(bench)
    return f"the next run failed: {printed[-200:]}" if again else compared(bench, before)


def clock(bench: Workbench, before: dict[str, str], days: int) -> tuple[str, str]:
    """All inputs, then all outputs, with time stamps that lie days from now."""
    stamp = time.time() + days * 86400
    for folder in (bench.bids, bench.folder / "out"):
        for path in folder.rglob("*"):
            os.utime(path, (stamp, stamp))
        status, printed = run(bench)
        if status or compared(bench, before):
            return "", compared(bench, before) or printed[-200:]
        if "Nothing to be done" not in printed:
            return "jobs ran again, with the same bytes", ""
    return "nothing is run again", ""


def replaced_under_an_old_stamp(bench: Workbench, before: dict[str, str]) -> tuple[str, str]:
    """An image replaced by one whose time stamp is older than all results (a clock that was set back, cp -p)."""
    image = bench.bids / "sub-01/ses-01/anat/sub-01_ses-01_T1w.nii.gz"
    image.write_text("another scan")
    os.utime(image, (1e9, 1e9))
    _, printed = run(bench)
    lines = [line for line in verified(bench) if "check_images" in line or "T1w.nii.gz" in line]
    seen = "the run sees it" if "Nothing to be done" not in printed else "the run does not see it; verify says: "
    os.utime(image)
    again, _ = run(bench)
    if not lines or again or verified(bench):
        return seen, "not named, or not made again after `touch`"
    return seen + lines[0].replace("\t", " "), "named by verify; made again after `touch`"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/faults.md"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="angiolith-faults-") as folder:
        bench = cohort(Path(folder) / "bench")
        status, printed = run(bench)
        if status:
            raise SystemExit(printed[-3000:])
        before = content(bench.folder / "out")
        bench.keep()
        every = sorted({record.rule for record in read_records(bench.folder / "out")})
        written = {path.stem for path in (bench.project / "scripts").glob("*.py")} - {"__init__"}
        for name in ("out", ".snakemake"):
            shutil.rmtree(bench.folder / name)
        kills, found = kill_everywhere(bench)
        found = found or compared(bench, before) or SAME
        lines = [KILLED.format(rules=len(every), unreached=", ".join(sorted(written - set(every))) or "none")]
        for rule in every:
            times = [str(kills.count(f"{rule} {place}")) for place in ("write", "rename")]
            lines.append(f"| {rule} | {' | '.join(times)} |\n")
        lines.append(f"\n{len(kills)} kills in one run; its end: {found}.\n")
        print("".join(lines), flush=True)
        lines.append(OTHERS)
        faults: list[tuple[str, Callable[[], tuple[str, str]]]] = [
            ("disk full when the cohort's tables are made", lambda: full_disk(bench, before)),
            ("output folder read-only when they are made", lambda: read_only(bench, before)),
            ("clock a year ahead", lambda: clock(bench, before, 365)),
            ("clock ten years back", lambda: clock(bench, before, -3650)),
            ("an image replaced under an old time stamp", lambda: replaced_under_an_old_stamp(bench, before)),
        ]
        for name, make in faults:
            bench.put_back()
            said, found = make()
            lines.append(f"| {name} | `{said}` | {found or SAME} |\n")
            print(lines[-1], end="", flush=True)
        shutil.rmtree(bench.snapshot)
    given.out.write_text("".join(lines).replace(folder, "..."), encoding="utf-8")


NOT_TRIED = "not tried: no right to mount"
SAME = "same bytes as an undisturbed run, verify finds nothing"
KILLED = """# Faults in real runs

Written by `make validate-faults`. A small cohort in which every rule has a job ({rules} rules; images that are no
heads, so that a job takes about a second) is run to its end. Then the same folder is run from nothing with faults.
Compared are all files but logs, benchmarks, the RO-Crate and the audit's memory of time stamps. Scripts without a job
here: {unreached}.

Killed: SIGKILL to the job and to Snakemake at once, as in a power cut: once in each rule as it begins to write its
first file, and once in each between writing a file and renaming it. The next run says that the folder is locked and
names `--unlock`; after that it is run on, until it is killed in the next rule.

| rule | killed as it begins to write | killed between write and rename |
|---|---|---|
"""
OTHERS = """
Other faults, each made once in the finished run:

| fault | what is reported | outcome of the next run |
|---|---|---|
"""

if __name__ == "__main__":
    main()
