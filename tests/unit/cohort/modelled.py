"""One cohort for the tests of models against `reference_models.R`."""

import functools
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from tests.unit.cohort.r import numbers_of_r

N = 400


def drawn():
    """A bent association, a volume that is zero in many, and two rows of each subject."""
    rng = np.random.default_rng(4)
    table = pd.DataFrame({"subject": np.repeat(np.arange(N // 2), 2), "x": rng.normal(size=N).round(3)})
    table["age"] = rng.normal(63, 9, N).round(2)
    table["volume"] = np.where(rng.random(N) < 0.3, 0.0, rng.gamma(1.5, 40, N).round(3))
    table["calcified"] = (table["volume"] > 0).astype(int)
    bent = 0.6 * table["x"] ** 2 - 0.4
    table["event"] = (rng.random(N) < stats.logistic.cdf(bent + rng.normal(0, 0.7, N // 2).repeat(2))).astype(int)
    table["y"] = (bent + 0.02 * table["age"] + rng.normal(0, 1, N)).round(4)
    table["count"] = rng.poisson(np.exp(0.6 + 0.3 * table["x"]) * rng.gamma(2, 0.5, N)) * (rng.random(N) > 0.3)
    return table


TABLE = drawn()


@functools.cache
def numbers():
    """name -> R's numbers of the cohort; R starts once for all files of tests."""
    with tempfile.TemporaryDirectory() as folder:
        return numbers_of_r("reference_models.R", {"rows": TABLE}, Path(folder))
