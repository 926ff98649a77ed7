"""Forty models of 10,000 patients: the project's table of associations beside statsmodels called in a plain loop.

    python -m benchmarks.statistics [--patients N] [--processes P]

The project's time holds everything it gives: Wald and profile-likelihood intervals, likelihood-ratio tests, and the
diagnostics of each model (area under the curve, ten-fold calibration, collinearity, influence). The plain loop fits the
same designs and reads coefficients, Wald intervals and p, nothing else. Estimates are compared.
"""

from __future__ import annotations

import argparse
import os
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # one thread per process: what a rule's job has
    os.environ.setdefault(name, "1")

from concurrent.futures import ProcessPoolExecutor  # noqa: E402

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from angiolith.cohort.associations import Plan, associations  # noqa: E402

COVARIATES = [f"covariate{number:02d}" for number in range(14)]
PREDICTORS = [f"predictor{number:02d}" for number in range(13)]


def cohort(patients: int, seed: int = 1) -> pd.DataFrame:
    """Patients with 14 covariates and 13 predictors, a third of them yes/no, and an outcome that some go with."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(patients, len(COVARIATES) + len(PREDICTORS)))
    values[:, ::3] = values[:, ::3] > 0.4
    table = pd.DataFrame(values, columns=COVARIATES + PREDICTORS)
    logit = 0.4 * table[PREDICTORS[0]] + 0.2 * table[COVARIATES[1]] - 0.3 * table[COVARIATES[3]] - 0.5
    table["event"] = (rng.random(patients) < 1 / (1 + np.exp(-logit))).astype(float)
    return table.assign(subject=np.arange(patients))


def plan_of(predictors: list[str], formula: bool) -> Plan:
    """Three models per predictor, and one by formula: 40 for 13 predictors."""
    models = {"model1": COVARIATES[:-1], "model2": ["model1", COVARIATES[-1]]}
    formulas = {"interaction": f"{PREDICTORS[0]} * {COVARIATES[0]}"} if formula else {}
    return Plan("event", 1, predictors, models, formulas)


def fitted(arguments: tuple[pd.DataFrame, list[str], bool]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The project's tables for some of the predictors."""
    table, predictors, formula = arguments
    return associations(table, plan_of(predictors, formula))


def plain_loop(table: pd.DataFrame) -> dict[tuple[str, str], float]:
    """statsmodels' Logit in a loop over the same models; (model, predictor) -> estimate."""
    from statsmodels.discrete.discrete_model import Logit
    from statsmodels.tools import add_constant

    found = {}
    for predictor in PREDICTORS:
        for model, others in (("univariable", []), ("model1", COVARIATES[:-1]), ("model2", COVARIATES)):
            result = Logit(table["event"], add_constant(table[[predictor, *others]])).fit(disp=False)
            wald = pd.concat([result.params, result.conf_int(), result.pvalues], axis=1)
            found[model, predictor] = wald.loc[predictor].iloc[0]
    product = table[PREDICTORS[0]] * table[COVARIATES[0]]
    design = table[[PREDICTORS[0], COVARIATES[0]]].assign(product=product)
    Logit(table["event"], add_constant(design)).fit(disp=False)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Time forty models of 10,000 patients.")
    parser.add_argument("--patients", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    table = cohort(arguments.patients)
    start = time.perf_counter()
    loop = plain_loop(table)
    plain_s = time.perf_counter() - start
    parts = [PREDICTORS[at :: arguments.processes] for at in range(arguments.processes)]
    start = time.perf_counter()
    jobs = [(table, part, at == 0) for at, part in enumerate(parts)]
    if arguments.processes == 1:
        results = [fitted(job) for job in jobs]
    else:
        with ProcessPoolExecutor(arguments.processes) as pool:
            results = list(pool.map(fitted, jobs))
    own_s = time.perf_counter() - start
    rows = pd.concat([part for part, _ in results])
    models = sum(len(checks) for _, checks in results)
    ours = {(row.model, row.predictor): row.estimate for row in rows.itertuples() if (row.model, row.predictor) in loop}
    gap = max(abs(ours[key] / loop[key] - 1) for key in loop)
    print(f"{models} models of {arguments.patients} patients, {arguments.processes} process(es)")
    print(f"angiolith   {own_s:6.1f} s  with profile intervals, likelihood-ratio tests and diagnostics")
    print(f"plain loop  {plain_s:6.1f} s  statsmodels Logit: Wald alone, one process")
    print(f"largest relative difference of an estimate: {gap:.1e}")


if __name__ == "__main__":
    main()
