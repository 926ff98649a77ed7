"""What the jobs of a finished run needed, beside what their rules ask for.

    python -m benchmarks.resources OUTPUT_DIR              a table, a line a rule
    python -m benchmarks.resources OUTPUT_DIR --profile    `set-resources` for a cluster's profile

Measured by Snakemake's benchmark files: memory is the peak of resident memory of the job's processes, time is wall time
on the machine of the run. Proposed are 1.3 times the largest peak and 300 MB for the Snakemake around a cluster job,
in steps of 250 MB, and four times the longest time, at least five minutes. Images of another resolution need another
run: `--profile` never proposes less than the rule asks for.
"""

from __future__ import annotations

import argparse
import csv
import math
import re
import statistics
import sys
from pathlib import Path
from typing import NamedTuple

RULES = Path(__file__).parents[1] / "rules"
HEADROOM, SNAKEMAKE_MB, STEP_MB = 1.3, 300, 250
SLOWER, MINUTES_MIN = 4, 5
RULE = re.compile(r"^rule (\w+):\n(.*?)(?=^\S|\Z)", flags=re.MULTILINE | re.DOTALL)


class Asked(NamedTuple):
    """Memory (MB; more where the images are large, if it grows) and minutes."""

    mem_mb: int
    runtime: int
    grows: bool = False


class Measured(NamedTuple):
    """The jobs of one rule: how many, peak memory, median and longest wall time, share of it spent computing."""

    jobs: int
    peak_mb: float
    median_s: float
    longest_s: float
    busy_percent: float

    @property
    def proposed(self) -> Asked:
        mb = math.ceil((HEADROOM * self.peak_mb + SNAKEMAKE_MB) / STEP_MB) * STEP_MB
        return Asked(mb, max(MINUTES_MIN, math.ceil(SLOWER * self.longest_s / 60)))


def asked() -> dict[str, Asked]:
    """Rule -> memory in MB and time in minutes, as the rules say."""
    found = {}
    for name, body in RULE.findall("\n".join(path.read_text(encoding="utf-8") for path in sorted(RULES.glob("*.smk")))):
        values = dict(re.findall(r"^ {8}(mem_mb|runtime)=((?:memory\()?\d+)", body, flags=re.MULTILINE))
        grows = values["mem_mb"].startswith("memory")
        found[name] = Asked(int(values["mem_mb"].removeprefix("memory(")), int(values["runtime"]), grows)
    return found


def measured(benchmarks: Path) -> dict[str, Measured]:
    """Rule -> what its jobs needed. Raises FileNotFoundError where there are no benchmark files."""
    found = {}
    for folder in sorted(path for path in benchmarks.iterdir() if path.is_dir()):
        rows = []
        for path in sorted(folder.glob("*.tsv")):
            with path.open(encoding="utf-8", newline="") as file:
                rows += list(csv.DictReader(file, delimiter="\t"))
        seconds = [float(row["s"]) for row in rows]
        busy = [float(row["cpu_time"]) for row in rows if row["cpu_time"] not in ("NA", "-")]
        peaks = [float(row["max_rss"]) for row in rows if row["max_rss"] not in ("NA", "-")]  # too short to be seen
        if rows:
            share = 100 * sum(busy) / max(sum(seconds), 1e-9)
            found[folder.name] = Measured(
                len(rows), max(peaks, default=0), statistics.median(seconds), max(seconds), share
            )
    return found


def table(needed: dict[str, Measured]) -> str:
    columns = (
        "rule",
        "jobs",
        "peak_mb",
        "mem_mb",
        "proposed_mb",
        "median_s",
        "longest_s",
        "busy_%",
        "runtime",
        "proposed",
    )
    lines = ["{:26s}{:>6s}{:>9s}{:>8s}{:>13s}{:>10s}{:>11s}{:>8s}{:>9s}{:>10s}".format(*columns)]
    for rule, wanted in sorted(asked().items()):
        if rule not in needed:
            lines.append(f"{rule:26s}{0:6d}{'':9s}{wanted.mem_mb:8d}{'':42s}{wanted.runtime:9d}")
            continue
        got = needed[rule]
        flag = "  asks for too little" if wanted.mem_mb < got.peak_mb or 60 * wanted.runtime < got.longest_s else ""
        lines.append(
            f"{rule:26s}{got.jobs:6d}{got.peak_mb:9.0f}{wanted.mem_mb:8d}{got.proposed.mem_mb:13d}{got.median_s:10.1f}"
            f"{got.longest_s:11.1f}{got.busy_percent:8.0f}{wanted.runtime:9d}{got.proposed.runtime:10d}{flag}"
        )
    return "\n".join(lines)


def profile(needed: dict[str, Measured]) -> str:
    """`set-resources` of a profile: what a rule asks for, or what its jobs needed where that is more, by attempt.

    The memory of a rule that asks for more where its images are large is left to it, unless its jobs needed more.
    """
    lines = ["set-resources:"]
    for rule, wanted in sorted(asked().items()):
        got = needed[rule].proposed if rule in needed else wanted
        lines.append(f"  {rule}:")
        if not wanted.grows or got.mem_mb > wanted.mem_mb:
            lines.append(f"    mem_mb: {max(wanted.mem_mb, got.mem_mb)} * attempt")
        lines += [f"    runtime: {max(wanted.runtime, got.runtime)} * attempt"]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output_dir", type=Path)
    parser.add_argument("--profile", action="store_true", help="print a profile's set-resources")
    given = parser.parse_args()
    folder = given.output_dir / "benchmarks"
    if not folder.is_dir():
        print(f"{folder}: no benchmark files; run the workflow first", file=sys.stderr)
        return 2
    print((profile if given.profile else table)(measured(folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
