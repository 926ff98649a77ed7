"""ComBat as R computes it, a planted site effect removed and a planted biological one kept, and why it is refused."""

import numpy as np
import pandas as pd
import pytest

from angiolith.cohort.harmonisation import harmonised_tables
from angiolith.core.settings.analyses import Harmonisation
from tests.unit.cohort.modelled import SCANS, numbers
from tests.unit.cohort.r import agree

pytestmark = pytest.mark.xdist_group("r-models")
MEASURES = [f"m{at}" for at in range(6)]
ASKED = Harmonisation(measures=MEASURES, site="site", keep=["age", "group"])


def test_first_visits_are_harmonised_as_by_lm():
    first = SCANS.iloc[::3].astype({"site": str})
    made, sites = harmonised_tables(first, ASKED)
    agree(numbers(), "combat", made[MEASURES].to_numpy().T.ravel())
    assert sites["method"].eq("ComBat, empirical Bayes").all()


def test_several_visits_are_harmonised_as_by_lmer():
    made, sites = harmonised_tables(SCANS.astype({"site": str}), ASKED)
    agree(
        numbers(), "combat_long", made[MEASURES].to_numpy().T.ravel(), rel=1e-5
    )  # lme4 stops at 1e-5 of the variances
    assert sites["method"].eq("longitudinal ComBat, empirical Bayes").all()


def cohort(n=600, seed=3):
    """Group raises every measure by 1; scanner b adds 2 and doubles the noise, and has more of the group."""
    rng = np.random.default_rng(seed)
    site = rng.choice(["a", "b"], n)
    group = (rng.random(n) < np.where(site == "a", 0.3, 0.6)).astype(int)
    table = pd.DataFrame({"subject": range(n), "site": site, "group": group})
    for name in MEASURES:
        table[name] = group + 2.0 * (site == "b") + rng.normal(0, 1, n) * np.where(site == "b", 2, 1)
    return table


def test_a_planted_site_effect_is_removed_and_the_group_kept():
    table = cohort()
    made, sites = harmonised_tables(table, Harmonisation(measures=MEASURES, site="site", keep=["group"]))
    for name in MEASURES:
        means = made[name].groupby([table["group"], table["site"]]).mean().unstack()
        assert (means["b"] - means["a"]).abs().max() < 0.4  # 2 before
        assert np.mean(means.loc[1] - means.loc[0]) == pytest.approx(1, abs=0.3)
        spread = made[name].groupby(table["site"]).std()
        assert spread["b"] / spread["a"] == pytest.approx(1, abs=0.12)  # 2 before
    assert sites["percent_site_before"].min() > 15
    assert sites["percent_site_after"].max() < 1
    apart = sites.pivot(index="measure", columns="site", values="shift")
    assert (apart["b"] - apart["a"]).tolist() == pytest.approx([2] * 6, abs=0.35)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"site": "a"}, "1 site"),
        ({"site": lambda table: np.where(table["subject"] < 12, "c", table["site"])}, "site c has 12 subject"),
        ({"group": lambda table: (table["site"] == "b") * 1}, "group is confounded with the site: site a has 0 row"),
        (
            {"age": lambda table: np.where(table["site"] == "b", 70.0, 50) + table["m0"]},
            "age is confounded with the site",
        ),
        ({"m1": lambda table: np.where(table["site"] == "b", 0.0, table["m1"])}, "m1 does not vary at a site"),
    ],
)
def test_a_site_that_cannot_be_told_from_biology_is_refused_with_the_reason(change, reason):
    table = cohort().assign(age=lambda table: table["m5"]).assign(**change)
    asked = Harmonisation(measures=MEASURES[:5], site="site", keep=["group", "age"])
    made, sites = harmonised_tables(table, asked)
    assert made[MEASURES[:5]].isna().all(axis=None)
    assert sites["note"].str.contains(reason, regex=False).all()
    assert sites["shift"].isna().all()


def test_few_measures_stand_for_themselves_and_rows_with_gaps_are_counted():
    table = cohort()
    table.loc[:4, "m0"] = np.nan
    made, sites = harmonised_tables(table, Harmonisation(measures=["m0", "m1"], site="site", keep=["group"]))
    assert made["m0"].isna().sum() == 5
    assert sites["method"].eq("ComBat, each measure by itself").all()
    assert sites["note"].str.contains("no common distribution").all()
    assert sites["note"].str.contains("5 row(s)", regex=False).all()
    with pytest.raises(ValueError, match="different columns"):
        Harmonisation(measures=["m0"], site="site", keep=["m0"])
