"""ICC and kappa against R: values computed once with R 4.2.2 and psych 2.2.9 (psych::ICC, lmer=FALSE; cohen.kappa)."""

import pandas as pd
import pytest

from angiolith.cohort.agreement import icc, kappa

LUMEN_MM2 = pd.DataFrame(  # made here: 24 lumen areas as two readers might measure them
    {
        "reader1": [
            *(2.69, 4.47, 2.4, 3.53, 3.8, 5.35, 3.73, 1.89, 3.93, 2.46, 1.3, 3.19),
            *(0.72, 2.11, 0.98, 3.96, 1.74, 3.52, 3.46, 2.28, 3.14, 4.26, 1.94, 0.96),
        ],
        "reader2": [
            *(2.68, 4.81, 2.54, 3.87, 3.49, 5.57, 3.78, 2.17, 3.74, 2.72, 1.42, 3.35),
            *(1.12, 1.77, 1.08, 3.81, 1.84, 4.06, 3.87, 2.04, 3.05, 4.58, 2.19, 1.06),
        ],
    }
)
GRADES = (
    [1, 2, 1, 0, 1, 1, 0, 0, 1, 1, 1, 2, 2, 2, 0, 2, 1, 0, 0, 1, 1, 0, 1, 2, 0, 0, 2, 0, 2, 1],
    [1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 2, 2, 0, 2, 0, 0, 0, 0, 2, 0, 1, 2, 0, 0, 2, 0, 1, 1],
)


def test_icc_has_the_digits_of_psych():
    found = icc(LUMEN_MM2)
    assert found["estimate"] == pytest.approx(0.977890923974, abs=1e-9)
    assert found["ci_low"] == pytest.approx(0.941184852365, abs=1e-9)
    assert found["ci_high"] == pytest.approx(0.990974950852, abs=1e-9)
    assert found["p"] == pytest.approx(2.63542385271e-18, rel=1e-6)


def test_icc_of_three_readers_has_the_digits_of_psych():
    third = [
        *(2.41, 4.66, 2.12, 3.31, 3.95, 5.02, 3.44, 1.71, 4.11, 2.18, 1.51, 2.88),
        *(0.85, 1.93, 1.22, 3.62, 1.49, 3.77, 3.18, 2.45, 2.79, 4.37, 1.66, 0.83),
    ]
    found = icc(LUMEN_MM2.assign(reader3=third))
    assert found["estimate"] == pytest.approx(0.9700548974472, abs=1e-9)
    assert found["ci_low"] == pytest.approx(0.9327452140162, abs=1e-9)
    assert found["ci_high"] == pytest.approx(0.9868799260837, abs=1e-9)
    assert found["p"] == pytest.approx(4.400262854087e-34, rel=1e-6)


def test_kappas_have_the_digits_of_psych():
    first, second = (pd.Series(values, dtype=float) for values in GRADES)
    plain = kappa(first.map(str), second.map(str), weighted=False)
    assert plain["estimate"] == pytest.approx(0.5918367347, abs=1e-9)
    assert (plain["ci_low"], plain["ci_high"]) == pytest.approx((0.3495833079, 0.8340901615), abs=1e-6)
    assert kappa(first, second, weighted=True)["estimate"] == pytest.approx(0.7727272727, abs=1e-9)
