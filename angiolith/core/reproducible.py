"""What every job's results depend on besides its own code: seed, threads, drawing backend.

The job wrapper calls `pin` before the work. It stands apart from the wrapper, and every code digest covers it
(`angiolith.runtime.code_digest`), so that a change here makes every job run again.
"""

from __future__ import annotations

import os
import random
import sys

# [seed] Seed of every job. Source: definition.
SEED = 0


def pin(threads: int) -> None:
    """Fix what could differ between two runs of equal code: ITK's threads, Python's random seed, no display.

    Functions that draw numbers take a generator or a seed of their own; this is for libraries that draw from `random`.
    Snakemake itself limits the threads of OpenMP and BLAS to those of the job. A user's MPLBACKEND is kept.

    Parameters
    ----------
    threads : int
        Number of threads of the job.
    """
    os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = str(threads)
    if "SimpleITK" in sys.modules:  # imported before the variable was set
        sys.modules["SimpleITK"].ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
    os.environ.setdefault("MPLBACKEND", "Agg")
    random.seed(SEED)
