"""Planning time and memory over cohorts of thousands of subjects, with seals and by Snakemake alone.

    python -m benchmarks.scale FOLDER --sizes 100 1000 5000 20000 --stock-max 5000 --out TABLE.tsv
    python -m benchmarks.scale FOLDER --new 500 2000 --out TABLE.tsv

The cohort grows from one subject of two visits (placeholder files, as in tests/workflow/planning.py) that Snakemake has
finished: its files, Snakemake's records of its jobs and its seal are copied under other labels. Every figure is a dry
run in a process of its own: its processor time (which other work on the machine does not lengthen), wall time, and the
peak of its resident memory; `started` is a real run, up to the first
job of the added subject. `Snakemake alone` is the same workflow told to ignore the seals: every job is in the graph.
"""

from __future__ import annotations

import argparse
import base64
import csv
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from angiolith.core.tables import read_json
from angiolith.runtime.seals import SEALS, Seal, seal_path, seen_path, states_of
from tests.workflow.planning import BASELINE, FOLLOWUP, SNAKEMAKE, Workbench

FIRST, ADDED = "00000", "99999"
PLANS = """include: "Snakefile"
import json
Path("plans.json").write_text(json.dumps(subject_plans()))
"""


class Figure(NamedTuple):
    """A row of the table."""

    subjects: int
    case: str
    planner: str
    jobs_to_run: str
    cpu_s: float
    wall_s: float
    peak_memory_mb: int


class Cohort:
    """A finished cohort that grows, in the folder of `bench`."""

    def __init__(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self.bench, self.size = Workbench(folder), 1
        self.out = folder / "out"
        self.bench.add_session(FIRST, "01", BASELINE)
        self.bench.add_session(FIRST, "02", FOLLOWUP)
        self.bench.finish()
        self.bench.seal()
        files = (path for part in ("bids", "out") for path in (folder / part).rglob("*") if path.is_file())
        found = [path for path in files if f"sub-{FIRST}" in path.relative_to(folder).as_posix()]
        found.remove(seal_path(self.out, FIRST))
        self.files: dict[str, str] = {path.relative_to(folder).as_posix(): path.read_text() for path in found}
        made = [*(name for name in self.files if name.startswith("out")), f"out/{SEALS}/sub-{FIRST}/seal.sha256"]
        self.books = {name: self._book(name).read_text() for name in made}
        (self.bench.project / "plans.smk").write_text(PLANS)

    def _book(self, name: str) -> Path:
        """Snakemake's record of an output."""
        return self.bench.folder / ".snakemake/metadata" / base64.b64encode(name.encode(), altchars=b"-_").decode()

    def grow(self, size: int, with_books: bool) -> None:
        """Add finished subjects up to `size`; `with_books` with Snakemake's records, which it needs on its own."""
        folder, written = f"{self.bench.folder}/", time.time() - 60
        labels = [f"{number:05d}" for number in range(self.size, size)]
        seal = seal_path(self.out, FIRST).read_text()
        folders = sorted({os.path.dirname(name) for name in self.files})
        for label in labels:
            for name in folders:
                os.makedirs(folder + renamed(name, label), exist_ok=True)
            for name, text in self.files.items():  # one content under all labels: one hash
                write_at(folder + renamed(name, label), text, written)
            write_at(f"{folder}out/{SEALS}/sub-{label}/seal.sha256", renamed(seal, label), written)
            if with_books:
                for name, text in self.books.items():
                    write_at(str(self._book(renamed(name, label))), renamed(text, label), written)
        self.size = size
        self.bench.write_participants()
        self.bench.snakemake("-s", "project/plans.smk", "--list-rules")
        plans = read_json(self.bench.folder / "plans.json")
        time.sleep(2)  # the files settle: their seals need no second look
        for label in labels:
            text = renamed(seal, label)
            states = states_of(self.out, [line[66:] for line in text.splitlines()])
            Seal(seen_path(self.out, label), text, plans[label], states).save()
        self.bench.snakemake("--touch")  # the cohort's files and Snakemake's records of them

    def measure(self, case: str, planner: str, *arguments: str) -> Figure:
        """A dry run by `planner`: "seals" or "Snakemake alone"."""
        return dry_run(self.bench, self.size, case, planner, *arguments)

    def start(self) -> Figure:
        """A real run until the first job of the added subject has begun."""
        log = self.out / f"logs/check_images/{ADDED}_01.log"
        log.unlink(missing_ok=True)
        return started(self.bench, self.size, "one subject added, started", log.exists)

    def figures(self, planners: Sequence[str], edited_code: bool) -> Iterable[Figure]:
        bench = self.bench
        for planner in planners:
            yield self.measure("all done", planner)
        bench.add_session(ADDED, "01", BASELINE)
        bench.add_session(ADDED, "02", FOLLOWUP)
        for planner in planners:
            yield self.measure("one subject added", planner)
        yield self.start()
        shutil.rmtree(bench.bids / f"sub-{ADDED}")
        shutil.rmtree(self.out / f"sub-{ADDED}", ignore_errors=True)
        table = bench.bids / "participants.tsv"
        bench.write_participants()
        before = table.read_text()
        table.write_text(before.replace(f"sub-{FIRST}\t60", f"sub-{FIRST}\t61"))
        for planner in planners[:1] if self.size > 1000 else planners:
            yield self.measure("one clinical value changed", planner)
        table.write_text(before)
        if edited_code:
            scoring = bench.project / "angiolith/calcification/scoring.py"
            code = scoring.read_text()
            scoring.write_text(code + "\n\ndef edited() -> None:\n    return None\n")
            yield self.measure("one library function edited", "seals")
            scoring.write_text(code)
            yield self.measure("nothing done", "seals", "--config", "output_dir=empty")


def dry_run(bench: Workbench, size: int, case: str, planner: str, *arguments: str) -> Figure:
    """A dry run by `planner`: "seals" or "Snakemake alone", in a process of its own."""
    command = [SNAKEMAKE, "-s", "project/Snakefile", "--cores", "1", "--configfile", "my.yaml"]
    command += ["--dry-run", "--quiet", "rules", *arguments]
    environment = bench.environment | ({} if planner == "seals" else {"ANGIOLITH_IGNORE_SEALS": "1"})
    with open(bench.folder / "printed.txt", "w+") as printed:
        start = time.perf_counter()
        run = subprocess.Popen(command, cwd=bench.folder, env=environment, stdout=printed, stderr=printed)
        _, status, usage = os.wait4(run.pid, 0)
        wall = time.perf_counter() - start
        printed.seek(0)
        text = printed.read()
    if status:
        raise RuntimeError(text[-2000:])
    total = re.search(r"^total +(\d+)", text, flags=re.MULTILINE)
    cpu = usage.ru_utime + usage.ru_stime
    jobs = total[1] if total else "0"
    figure = Figure(size, case, planner, jobs, round(cpu, 1), round(wall, 1), usage.ru_maxrss // 1024)
    print(*figure, sep="\t", flush=True)
    return figure


def started(bench: Workbench, size: int, case: str, has_begun: Callable[[], bool]) -> Figure:
    """A real run until its first job has begun: what a user waits for. Nothing is printed of the jobs before."""
    command = [SNAKEMAKE, "-s", "project/Snakefile", "--cores", "1", "--configfile", "my.yaml", "--quiet", "all"]
    start = time.perf_counter()
    with subprocess.Popen(
        command, cwd=bench.folder, env=bench.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as run:
        while not has_begun() and run.poll() is None:
            time.sleep(0.05)
        wall = time.perf_counter() - start
        ticks = Path(f"/proc/{run.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
        cpu = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
        peak = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{run.pid}/status").read_text())
        memory = int(peak[1]) // 1024 if peak else 0
        run.terminate()
    bench.snakemake("--unlock")
    figure = Figure(size, case, "seals", "", round(cpu, 1), round(wall, 1), memory)
    print(*figure, sep="\t", flush=True)
    return figure


def first_plans(folder: Path, sizes: Sequence[int]) -> Iterable[Figure]:
    """The first plan of cohorts that were never run: every job of every subject is in the graph."""
    shutil.rmtree(folder, ignore_errors=True)
    bench, made = Workbench(folder), 0
    out = bench.folder / bench.output_dir
    logs = out / "logs"
    for size in sorted(sizes):
        for number in range(made, size):
            for session, images in (("01", BASELINE), ("02", FOLLOWUP)):
                bench.add_images(f"{number:05d}", session, images)
        made = size
        bench.write_participants()
        yield started(bench, size, "new cohort, started", lambda: any(logs.rglob("*.log")))
        shutil.rmtree(out)
        yield dry_run(bench, size, "new cohort, dry run", "seals")


def write_at(path: str, text: str, written: float) -> None:
    with open(path, "w") as file:
        file.write(text)
    os.utime(path, (written, written))


def renamed(text: str, label: str) -> str:
    return text.replace(FIRST, label)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="scratch folder: 75 small files a subject")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000, 5000, 20000])
    parser.add_argument("--stock-max", type=int, default=5000, help="up to this size, Snakemake alone too")
    parser.add_argument("--full-max", type=int, default=1000, help="up to this size, the cases in which all has to run")
    parser.add_argument("--new", type=int, nargs="+", help="only first plans, of new cohorts of these sizes")
    parser.add_argument("--out", type=Path, required=True, help="table (TSV)")
    given = parser.parse_args()
    with given.out.open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(Figure._fields)
        if given.new:
            writer.writerows(first_plans(given.folder.absolute(), given.new))
            return
        cohort = Cohort(given.folder.absolute())
        for size in sorted(given.sizes):
            alone = size <= given.stock_max
            cohort.grow(size, with_books=alone)
            planners = ("seals", "Snakemake alone") if alone else ("seals",)
            for figure in cohort.figures(planners, size <= given.full_max):
                writer.writerow(figure)
                file.flush()


if __name__ == "__main__":
    main()
