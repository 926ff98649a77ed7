"""A specification curve of 100 variants: processor time and memory by number of patients, and what 40 of them take.

    python -m benchmarks.specifications [--patients N ...] [--models M] [--whole]

Every variant is a logistic model with up to 14 covariates, with its Wald and profile-likelihood interval. Curves of
several associations are made one after the other (a job each), so that the time of M is M times that of one and the
memory is that of one; with --whole all M are made, each of an outcome of its own, in one process, instead of one curve
by size. Processor time is given, since it does not depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import os
import resource
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # one thread per process: what a rule's job has
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402

from angiolith.cohort.robustness.specifications import specifications  # noqa: E402
from angiolith.core.settings.analyses import Analysis, Criterion, Specifications  # noqa: E402
from benchmarks.statistics import COVARIATES, PREDICTORS, cohort  # noqa: E402


def grid() -> Specifications:
    """5 measures of the predictor x 5 covariate sets x 4 subsets: 100 variants."""
    bounds = {"all": None, "without the lowest": -1.0, "without the low": -0.5, "upper half": 0.0}
    subsets = {
        name: [] if low is None else [Criterion(column=COVARIATES[1], minimum=low, reason=name)]
        for name, low in bounds.items()
    }
    return Specifications(
        predictors={name: name for name in PREDICTORS[:5]},
        covariates={f"{count} covariates": COVARIATES[:count] for count in (0, 3, 7, 11, 14)},
        subsets=subsets,
    )


def every_curve(patients: int, models: int) -> None:
    """Make every curve of `models` associations, each of an outcome that goes with another predictor, and print."""
    table, rng = cohort(patients), np.random.default_rng(2)
    analysis = Analysis(kind="severity", table="t.tsv", outcome="event", event=1, specifications=grid())
    start, variants = time.process_time(), 0
    for number in range(models):
        logit = 0.4 * table[PREDICTORS[number % len(PREDICTORS)]] + 0.2 * table[COVARIATES[1]] - 0.5
        outcome = (rng.random(patients) < 1 / (1 + np.exp(-logit))).astype(float)
        made = specifications(table.assign(event=outcome), analysis, grid())
        assert made["estimate"].notna().all()
        variants += len(made)
    minutes = (time.process_time() - start) / 60
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{patients} patients, {models} models, {variants} variants: {minutes:.2f} min, {memory_mb:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description="Time specification curves of 100 variants.")
    parser.add_argument("--patients", type=int, nargs="+", default=[2500, 5000, 10_000, 20_000])
    parser.add_argument("--models", type=int, default=40)
    parser.add_argument("--whole", action="store_true")
    arguments = parser.parse_args()
    if arguments.whole:
        every_curve(max(arguments.patients), arguments.models)
        return
    analysis = Analysis(kind="severity", table="t.tsv", outcome="event", event=1, specifications=grid())
    print("| patients | variants | processor time, s | peak memory, MB | time of all models, min |")
    print("|---|---|---|---|---|")
    sizes, seconds = np.array(arguments.patients, float), []
    for patients in arguments.patients:
        table = cohort(patients)
        start = time.process_time()
        made = specifications(table, analysis, grid())
        seconds.append(time.process_time() - start)
        memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        whole = arguments.models * seconds[-1] / 60
        assert made["estimate"].notna().all()
        print(f"| {patients} | {len(made)} | {seconds[-1]:.1f} | {memory_mb:.0f} | {whole:.1f} |", flush=True)
    if len(sizes) > 1:
        slope, start_s = np.polyfit(sizes, seconds, 1)
        print(f"one curve: {start_s:.1f} s + {1000 * slope:.2f} s per 1,000 patients")


if __name__ == "__main__":
    main()
