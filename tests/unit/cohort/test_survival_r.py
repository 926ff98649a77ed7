"""Outcomes over time against R's survival and cmprsk, to 1e-6 where the method is the same."""

import numpy as np
import pandas as pd
import pytest

from angiolith.cohort.associations import Plan
from angiolith.cohort.interactions import interaction_table
from angiolith.cohort.outcome_models import model_of_follow_up, model_of_plan
from angiolith.cohort.splines import curve_of, knots_of, spline_columns, spline_tables
from angiolith.cohort.survival import cox
from angiolith.cohort.survival.competing import subdistribution_rows
from angiolith.cohort.survival.cox import Episodes, NoFitError, firth_profile, fit_cox, proportional_hazards
from angiolith.cohort.survival.curves import at_times, cumulative_incidence, kaplan_meier, log_rank, median_time
from angiolith.core.settings.analyses import FollowUp
from tests.unit.cohort.r import agree, numbers_of_r

pytestmark = pytest.mark.xdist_group("r-survival")
N = 300


def drawn():
    """Times in whole months, so that many are tied; a competing cause; late entry; few of a second event."""
    rng = np.random.default_rng(11)
    table = pd.DataFrame({"x": rng.normal(size=N), "age": rng.normal(63, 9, N), "male": rng.integers(0, 2, N)})
    hazard = np.exp(0.6 * table["x"] + 0.02 * (table["age"] - 63))
    one, two = rng.exponential(30 / hazard), rng.exponential(50, N)
    lost = rng.uniform(5, 60, N)
    end = np.minimum(np.minimum(one, two), lost)
    table["exact"] = end
    table["time"] = np.ceil(end).clip(1)
    table["state"] = np.select([end == one, end == two], [1, 2], 0)
    table["event"] = (table["state"] == 1).astype(int)
    table["entry"] = np.floor(rng.uniform(0, table["time"]))
    table["site"] = rng.integers(0, 3, N)
    table["cluster"] = rng.integers(0, 60, N)
    table["weight"] = rng.uniform(0.5, 2, N)
    table["few"] = ((table["event"] == 1) & (rng.random(N) < 0.1)).astype(int)
    table["subject"] = range(N)
    return table


TABLE = drawn()


@pytest.fixture(scope="module")
def r(tmp_path_factory):
    return numbers_of_r("reference_outcomes.R", {"outcomes": TABLE}, tmp_path_factory.mktemp("r"))


def rows_of(table, names=("x", "age", "male"), event="event", start=None, weight=None, stratum=None):
    n = len(table)
    return Episodes(
        np.full(n, -1.0) if start is None else table[start].to_numpy(float),
        table["time"].to_numpy(float),
        table[event].to_numpy() == 1,
        table[list(names)].to_numpy(float),
        np.ones(n) if weight is None else table[weight].to_numpy(float),
        np.zeros(n, int) if stratum is None else table[stratum].to_numpy(int),
    )


def both(fit, robust=False):
    return [*fit.beta, *np.sqrt(np.diag(fit.robust if robust else fit.covariance))]


def test_kaplan_meier_with_greenwoods_errors(r):
    time, event = TABLE["time"].to_numpy(float), TABLE["event"].to_numpy() == 1
    curve = kaplan_meier(time, event)
    agree(r, "km", curve[["estimate", "se", "ci_low", "ci_high"]].iloc[:20].to_numpy().T.ravel())
    agree(r, "median", median_time(curve)[0])
    agree(r, "entered", kaplan_meier(time, event, TABLE["entry"].to_numpy(float))["estimate"])
    agree(r, "log_rank", log_rank(time, event, TABLE["site"].to_numpy())[0])


def test_cox_with_efrons_and_breslows_ties(r):
    fit = fit_cox(rows_of(TABLE))
    agree(r, "cox", [*both(fit), fit.log_likelihood_null, fit.log_likelihood])
    agree(r, "breslow", both(fit_cox(rows_of(TABLE), "breslow")))


def test_strata_and_late_entry(r):
    agree(r, "stratified", both(fit_cox(rows_of(TABLE, start="entry", stratum="site"))))


def test_weights_and_robust_errors_of_clusters(r):
    fit = fit_cox(rows_of(TABLE, weight="weight"), clusters=TABLE["cluster"].to_numpy())
    agree(r, "robust", both(fit, robust=True))


def test_proportional_hazards(r):
    rows = rows_of(TABLE)
    found = proportional_hazards(rows, fit_cox(rows).beta, [[0], [1], [2]])
    agree(r, "zph", [*(one[0] for one in found), *(one[1] for one in found)])


def test_firths_penalty_maximises_the_penalised_likelihood(r):
    """R's survival gives likelihood and information at fixed coefficients; its own optimiser finds the maximum."""
    rows = rows_of(TABLE, ("x", "male"), "few")
    fit = fit_cox(rows, firth=True)
    agree(r, "firth", fit.beta, rel=1e-5)  # a search without a gradient stops earlier
    low, high, p = firth_profile(rows, fit, 0)
    assert low < fit.beta[0] < high
    assert 0 < p < 1


def test_firths_penalty_on_a_public_data_set(r):
    """Ovarian cancer (Edmunson 1979): 12 events of 26 patients. R's coxphf, which Debian lacks, stops at 1e-6."""
    ovarian = pd.DataFrame(np.reshape(r["ovarian"], (-1, 4)), columns=["time", "event", "rx", "residual"])
    fit = fit_cox(rows_of(ovarian, ("rx", "residual")), firth=True)
    agree(r, "ovarian_firth", fit.beta)


def test_firths_estimate_is_finite_where_the_likelihoods_is_not():
    rng = np.random.default_rng(1)
    x = np.r_[np.ones(20), np.zeros(20)]
    time = rng.exponential(10, 40)
    rows = Episodes(np.full(40, -1.0), time, x == 1, x[:, None], np.ones(40), np.zeros(40, int))
    with pytest.raises(NoFitError):
        fit_cox(rows)
    fit = fit_cox(rows, firth=True)
    low, _, p = firth_profile(rows, fit, 0)
    assert np.isfinite([fit.beta[0], low]).all()
    assert p < 0.001


def test_cumulative_incidence_with_a_competing_cause(r):
    curve = cumulative_incidence(TABLE["time"].to_numpy(float), TABLE["state"].to_numpy(), 1)
    found = at_times(curve, np.quantile(TABLE["time"], [0.2, 0.4, 0.6]), 0.0)
    agree(r, "incidence", [*found["estimate"], *found["se"] ** 2])


def test_fine_and_gray(r):
    time, state = TABLE["time"].to_numpy(float), TABLE["state"].to_numpy()
    rows, who = subdistribution_rows(time, state, TABLE[["x", "age", "male"]].to_numpy(float), np.zeros(N, int), 1)
    agree(r, "fine_gray", both(fit_cox(rows, clusters=who), robust=True))
    exact, _ = subdistribution_rows(  # without ties: cmprsk takes a censoring that is tied with an event otherwise
        TABLE["exact"].to_numpy(float), state, TABLE[["x", "age", "male"]].to_numpy(float), np.zeros(N, int), 1
    )
    agree(r, "crr", fit_cox(exact, "breslow").beta, rel=1e-5)  # cmprsk stops its iterations earlier


def test_cox_on_a_public_data_set(r):
    """Survival in advanced lung cancer (Loprinzi 1994), which R's survival carries."""
    agree(r, "lung_cox", fit_cox(rows_of(lung_of(r), ("age", "sex", "ecog"))).beta)


def lung_of(r):
    lung = pd.DataFrame(np.reshape(r["lung"], (-1, 5)), columns=["time", "status", "age", "sex", "ecog"])
    return lung.assign(event=lung["status"] - 1)


FOLLOW_UP = FollowUp(time="time", event="status", event_values=[2], predictors=["age"], models={"m": ["ecog"]})


@pytest.mark.parametrize("name", ["rms_cox", "rms_logistic"])
def test_splines_on_a_public_data_set_are_those_of_rms(r, name):
    lung = lung_of(r)
    over_time = model_of_follow_up(lung, "death", FOLLOW_UP, {}, {})
    outcome = over_time if name == "rms_cox" else model_of_plan(lung, Plan("event", 1, ["age"], {"m": ["ecog"]}))
    tests, _ = spline_tables([(outcome, {"age": 4})])
    test = tests[tests["model"] == "m"].iloc[0]
    knots = knots_of(lung["age"].to_numpy(float), 4)
    columns = spline_columns(lung["age"].to_numpy(float), knots)
    fit = outcome.fit(pd.DataFrame(columns, lung.index, ["a", "b", "c"]).assign(ecog=lung["ecog"]))
    curve = curve_of(fit, knots, test["reference"], np.array([45.0, 55, 70, 75]), linear=False)
    found = [*knots, *fit.table["estimate"][:3], test["statistic"], test["statistic_nonlinear"]]
    agree(r, name, [*found, *curve.estimate, *curve.se])


def test_an_interaction_on_a_public_data_set_is_that_of_rms(r):
    modified = FOLLOW_UP.model_copy(update={"interactions": {"age": "sex"}})
    outcome = model_of_follow_up(lung_of(r).astype({"sex": str}), "death", modified, {}, {})
    made = interaction_table([(outcome, modified.interactions)])
    made = made[made["model"] == "m"]
    agree(r, "rms_interaction", [*made[["estimate", "se"]].to_numpy().ravel(), made["statistic"].iloc[0]])
    assert made["hazard_ratio"].tolist() == pytest.approx(np.exp(made["estimate"]).tolist())
    assert made["at"].tolist() == ["1", "2"]


def test_an_end_of_the_interval_without_a_fit_is_missing(monkeypatch):
    rows = rows_of(TABLE)
    fit = fit_cox(rows, firth=True)
    maximum, beyond = cox._maximum, 1.01 * fit.beta[0] * rows.x.std(axis=0)[0]

    def fails_above(risk, start, firth, fixed=None):
        if start[fixed] > beyond:
            raise NoFitError("the fit did not converge")
        return maximum(risk, start, firth, fixed)

    monkeypatch.setattr(cox, "_maximum", fails_above)
    low, high, p = firth_profile(rows, fit, 0)
    assert np.isfinite([low, p]).all()
    assert np.isnan(high)
