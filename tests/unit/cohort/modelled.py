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


def scanned():
    """Three scanners with shifts and spreads of their own, six measures, three visits of each subject."""
    rng = np.random.default_rng(8)
    subject = np.repeat(np.arange(120), 3)
    table = pd.DataFrame({"subject": subject, "site": rng.integers(0, 3, 360)})
    table["age"], table["group"] = rng.normal(63, 9, 120)[subject].round(2), rng.integers(0, 2, 120)[subject]
    for at in range(6):
        own = rng.normal(0, 1, 120)[subject] + 0.05 * (table["age"] - 63) + 0.8 * table["group"]
        shift, spread = rng.normal(0, 1, 3), rng.uniform(0.6, 1.6, 3)
        noise = rng.normal(0, 1, 360) * spread[table["site"]]
        table[f"m{at}"] = (10 + own + shift[table["site"]] + noise).round(4)
    return table


TABLE = drawn()
SCANS = scanned()


@functools.cache
def numbers():
    """name -> R's numbers of the cohort; R starts once for all files of tests."""
    with tempfile.TemporaryDirectory() as folder:
        return numbers_of_r("reference_models.R", {"rows": TABLE, "scans": SCANS}, Path(folder))
