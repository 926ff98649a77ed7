"""Krippendorff's alpha on his own printed example, and what it does with ratings that are missing."""

import numpy as np
import pandas as pd
import pytest

from angiolith.cohort.agreement import agreement, krippendorff_alpha
from angiolith.cohort.krippendorff import alpha

# Krippendorff, Computing Krippendorff's Alpha-Reliability (2011): four observers, twelve units, gaps.
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]
TABLE = pd.DataFrame(np.array(OBSERVERS, float).T, columns=list("ABCD"))
CODES = TABLE.fillna(0).to_numpy(int) - 1


@pytest.mark.parametrize(("level", "printed"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_the_printed_example(level, printed):
    assert alpha(CODES, np.arange(1.0, 6.0), level) == pytest.approx(printed, abs=0.0006)


def test_it_stands_beside_the_other_measures_of_more_than_two_readers():
    table = agreement("readers", {"fazekas": TABLE})
    (row,) = table[table["method"] == "Krippendorff's alpha, ordinal"].to_dict("records")
    assert row["n"] == 11  # one unit was rated by one observer alone
    assert row["ci_low"] < row["estimate"] < row["ci_high"]
    assert agreement("readers", {"fazekas": TABLE[["A", "B"]]})["method"].str.contains("Krippendorff").sum() == 0


def test_perfect_and_no_agreement():
    same = pd.DataFrame({name: [1.0, 2.0, 3.0, 1.0] for name in "abc"})
    assert krippendorff_alpha(same, True)["estimate"] == pytest.approx(1.0)
    rng = np.random.default_rng(0)
    assert abs(alpha(rng.integers(0, 3, (3000, 3)), np.arange(3.0), "nominal")) < 0.03
    assert "all ratings are the same" in str(krippendorff_alpha(same * 0 + 1, True))
