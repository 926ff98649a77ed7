"""Effect sizes and zero inflation: published examples, R, and planted truths."""

import numpy as np
import pandas as pd
import pytest

from angiolith.cohort.associations import Plan, associations
from angiolith.cohort.effect_sizes import e_value, effect_sizes
from angiolith.cohort.zeros import zero_inflation, zeros_table
from angiolith.core.settings.analyses import Analysis
from tests.unit.cohort.modelled import TABLE, numbers
from tests.unit.cohort.r import agree

pytestmark = pytest.mark.xdist_group("r-models")
SINGLE = TABLE.drop(columns="subject")


@pytest.fixture
def r_models():
    return numbers()


def test_e_values_are_the_published_ones():
    # VanderWeele and Ding 2017: a risk ratio of 3.9 (1.8 to 8.7) has the E-value 7.26, its limit 3.0
    assert e_value(3.9) == pytest.approx(7.26, abs=0.005)
    assert e_value(1.8) == pytest.approx(3.0)
    assert e_value(1 / 3.9) == pytest.approx(e_value(3.9))
    assert e_value(1.0) == 1.0


def test_a_number_counts_per_sd_and_yes_no_as_it_is():
    plan = Plan("event", 1, ["volume", "calcified"], {"m": ["age"]}, per={"volume": 10.0})
    found = effect_sizes(SINGLE, plan).set_index(["model", "predictor"])
    plain = associations(SINGLE, plan)[0].set_index(["model", "predictor"])
    key = ("m", "volume")
    step = SINGLE["volume"].std() / 10
    assert found.loc[key, "estimate"] == pytest.approx(plain.loc[key, "estimate"] * step)
    assert found.loc[key, "ci_low"] == pytest.approx(plain.loc[key, "ci_low"] ** step)
    assert found.loc[("m", "calcified"), "odds_ratio"] == pytest.approx(plain.loc[("m", "calcified"), "odds_ratio"])
    ratio = np.sqrt(found.loc[key, "odds_ratio"])  # the outcome is frequent
    assert found.loc[key, "e_value"] == pytest.approx(e_value(ratio))
    assert "approximate" in found.loc[key, "note"]


def test_a_linear_outcome_counts_in_its_sd():
    plan = Plan("y", None, ["x"], regression="linear")
    row = effect_sizes(SINGLE, plan).iloc[0]
    assert row["estimate"] == pytest.approx(np.corrcoef(SINGLE["x"], SINGLE["y"])[0, 1])  # of one predictor
    assert row["e_value_limit"] == 1.0 or row["ci_low"] * row["ci_high"] > 0


def test_zero_inflation_is_that_of_r(r_models):
    found = zero_inflation(TABLE["count"].to_numpy(float), TABLE[["x", "age"]])
    agree(r_models, "zero_inflation", found["statistic"])
    agree(r_models, "zeros_expected", found["zeros_expected"])
    agree(r_models, "zero_part", found["inflated_part"], rel=1e-5)  # R's search without a gradient stops earlier
    assert found["p"] < 0.05
    assert 0.2 < found["inflated_part"] < 0.4


def test_counts_without_more_zeros_are_not_inflated():
    rng = np.random.default_rng(1)
    x = rng.normal(size=600)
    counts = rng.poisson(np.exp(0.2 + 0.4 * x) * rng.gamma(1.5, 1 / 1.5, 600)).astype(float)
    found = zero_inflation(counts, pd.DataFrame({"x": x}))
    assert found["p"] > 0.05
    assert found["zeros_expected"] == pytest.approx((counts == 0).sum(), rel=0.1)


def test_what_is_no_count_says_why():
    table = pd.DataFrame({"half": np.arange(40) / 2, "few": np.r_[np.zeros(2), np.arange(38) + 1.0]})
    made = zeros_table(table, {"overall": pd.Series(np.arange(40.0) % 3)}, ["half", "few"], [], {}).set_index("measure")
    assert "no counts" in made.loc["half", "note"]
    assert "tell nothing of zeros" in made.loc["few", "note"]


def test_the_configuration_names_what_is_lacking():
    with pytest.raises(ValueError, match="effect_sizes needs predictors"):
        Analysis(kind="severity", table="t.tsv", effect_sizes=True)
    with pytest.raises(ValueError, match="zero_inflation needs a marker"):
        Analysis(kind="severity", table="t.tsv", zero_inflation=True)
