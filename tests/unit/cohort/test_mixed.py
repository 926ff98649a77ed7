"""Mixed models with a random slope: as R's lme4 has them, planted slopes recovered, and refused where not known."""

import numpy as np
import pandas as pd
import pytest

from angiolith.cohort.bland_altman import bland_altman_repeated
from angiolith.cohort.change import MIXED, MIXED_SLOPE, change_table
from angiolith.cohort.mixed import fit_random_slope
from angiolith.cohort.mixed_logistic import fit_logistic_intercept
from angiolith.core.settings.analyses import ChangeColumns
from tests.unit.cohort.modelled import TABLE, numbers
from tests.unit.cohort.r import agree

pytestmark = pytest.mark.xdist_group("r-models")
COLUMNS = ChangeColumns(baseline="v1", followup="v2", visits={"v3": "days3", "v4": "days4"})


def test_a_public_data_set_gives_what_lme4_gives():
    """Sleep deprivation of 18 drivers over 10 days (Belenky 2003), which R's lme4 carries."""
    r = numbers()
    sleep = pd.DataFrame(np.reshape(r["sleep"], (-1, 3)), columns=["subject", "days", "reaction"])
    found = fit_random_slope(
        sleep["reaction"].to_numpy(), sleep[["days"]], sleep["subject"].to_numpy(), sleep["days"].to_numpy()
    )
    names = ("estimate", "se", "sd_intercept", "sd_slope", "correlation", "sd_noise")
    # both search the likelihood without its gradient: the place of its maximum is known to the root of its rounding
    agree(r, "slopes", [found[name] for name in names], rel=2e-5)


def test_limits_of_agreement_with_several_rows_of_a_subject_are_those_of_lme4s_variances():
    rows = bland_altman_repeated(TABLE["x"], TABLE["y"], TABLE["subject"])
    agree(numbers(), "limits", [row["estimate"] for row in rows], rel=2e-5)


def test_a_logistic_mixed_model_on_a_public_data_set_is_that_of_lme4():
    """Contagious pleuropneumonia of cattle in 15 herds (Lesnoff 2004), which R's lme4 carries."""
    r = numbers()
    cattle = pd.DataFrame(np.reshape(r["cbpp"], (-1, 5)), columns=["herd", "sick", "p2", "p3", "p4"])
    found = []
    for first, *rest in (("p2", "p3", "p4"), ("p3", "p2", "p4"), ("p4", "p2", "p3")):
        row = fit_logistic_intercept(cattle["sick"].to_numpy(), cattle[[first, *rest]], cattle["herd"].to_numpy())
        found += [row["estimate"], row["se"]]
    agree(r, "cbpp_fit", [*found, row["sd_intercept"]], rel=2e-4)  # lme4 stops earlier, and takes errors by differences


def test_a_logistic_mixed_model_without_variance_is_an_ordinary_one():
    rng = np.random.default_rng(3)
    x, group = rng.normal(size=400), np.tile(np.arange(8), 50)
    row = fit_logistic_intercept((x + rng.logistic(0, 1, 400) > 0) * 1.0, pd.DataFrame({"x": x}), group)
    assert row["estimate"] == pytest.approx(1, abs=0.3)
    assert "too few" in fit_logistic_intercept((x > np.sort(x)[-4]) * 1.0, pd.DataFrame({"x": x}), group)["note"]
    assert "separated" in fit_logistic_intercept((x > 0) * 1.0, pd.DataFrame({"x": x}), group)["note"]


def cohort(n=120, seed=2):
    """A marker that rises by 1 + 0.5 severity per year, by subjects differently (SD 0.8), at four visits."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"subject": [f"s{at}" for at in range(n)], "severity": rng.integers(0, 3, n) * 1.0})
    level, slope = rng.normal(10, 2, n), 1 + 0.5 * table["severity"] + rng.normal(0, 0.8, n)
    days = {
        "v1": np.zeros(n),
        **{name: at * 365.25 + rng.normal(0, 20, n) for at, name in enumerate(("v2", "v3", "v4"), 1)},
    }
    for name, when in days.items():
        table[name] = level + slope * when / 365.25 + rng.normal(0, 0.5, n)
    table["interval_days"], table["days3"], table["days4"] = days["v2"], days["v3"], days["v4"]
    table["x_change"] = table["v2"] - table["v1"]
    table["x_change_per_year"] = table["x_change"] / table["interval_days"] * 365.25
    return table


def mixed_of(table, columns=COLUMNS):
    made = change_table(table, {"x": columns}, table["severity"], None, [], [], {})
    return made[made["part"].isin([MIXED, MIXED_SLOPE])].set_index("part")


def test_planted_slopes_are_recovered_and_the_interval_is_wider_than_without_them():
    found = mixed_of(cohort())
    slope, plain = found.loc[MIXED_SLOPE], found.loc[MIXED]
    assert slope["ci_low"] < 0.5 < slope["ci_high"]
    assert slope["se"] > 1.3 * plain["se"]  # a random intercept alone takes each visit for news on the slope
    assert slope["n"] == plain["n"] == 480
    spread = float(slope["note"].split("per year ")[1].split(",")[0])
    assert spread == pytest.approx(0.8, rel=0.2)


def test_a_slope_that_cannot_be_told_from_noise_is_refused_with_the_reason():
    table = cohort()
    table.loc[9:, ["v3", "v4"]] = np.nan
    row = mixed_of(table).loc[MIXED_SLOPE]
    assert "9 subject(s) with 3 visits or more are too few" in row["note"]
    assert np.isnan(row["estimate"])
    assert MIXED_SLOPE not in mixed_of(table, ChangeColumns(baseline="v1", followup="v2")).index
    with pytest.raises(ValueError, match="visits need a baseline"):
        ChangeColumns(change="x", visits={"v3": "days3"})


def test_slopes_that_do_not_differ_are_noted():
    rng = np.random.default_rng(1)
    subject, time = np.repeat(np.arange(60), 4), np.tile(np.arange(4.0), 60)
    values = rng.normal(0, 2, 60)[subject] + 0.3 * time + np.tile([0.1, -0.1, -0.1, 0.1], 60)
    found = fit_random_slope(values, pd.DataFrame({"time": time}), subject, time)
    assert "no variance between slopes" in found["note"]
    assert found["estimate"] == pytest.approx(0.3, abs=0.01)
