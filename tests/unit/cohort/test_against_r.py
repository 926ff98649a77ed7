"""Every statistic against R's own functions (reference.R), on three data sets of different size and missingness.

Where R's method is the same, the numbers agree to 1e-6; where a tolerance is wider, a comment says why.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from angiolith.cohort.agreement import icc, kappa
from angiolith.cohort.associations import Plan, associations
from angiolith.cohort.correlations import correlate, false_discovery_rate
from angiolith.cohort.describe import compare_counts, compare_numbers
from angiolith.cohort.diagnostics import cooks_distance
from angiolith.cohort.imputation import chained_draws, pool
from angiolith.cohort.marker_models import fit_negative_binomial
from angiolith.cohort.mixed import fit_random_intercept
from angiolith.cohort.ordinal import fit_ordinal
from angiolith.cohort.power import size_for_correlation, size_per_arm
from angiolith.cohort.regression import fit_linear, fit_logistic
from tests.unit.cohort.r import agree as compared
from tests.unit.cohort.r import numbers_of_sets

pytestmark = pytest.mark.xdist_group("r")
DATASETS = {"small, few gaps": (70, 0.02, 1), "as the lesion study": (244, 0.05, 2), "large, many gaps": (1500, 0.2, 3)}


def drawn(n, gaps, seed):
    """Patients, their lesions, and their visits, with a share of missing values."""
    rng = np.random.default_rng(seed)
    wide = pd.DataFrame({"x": rng.normal(size=n), "age": rng.normal(63, 9, n), "male": rng.integers(0, 2, n)})
    wide["site"] = rng.choice(list("abc"), n)
    wide["group3"] = rng.integers(0, 3, n)
    logit = 0.7 * wide["x"] + 0.03 * (wide["age"] - 63) + 0.5 * (wide["site"] == "b")
    wide["event"] = (rng.random(n) < stats.logistic.cdf(logit)).astype(int)
    wide["never"] = (rng.random(n) < 0.15).astype(int)
    wide["wmh"] = rng.gamma(2.0, 3 + wide["group3"])
    wide["count"] = rng.poisson(rng.gamma(1.5, (1 + wide["group3"]) / 1.5))
    wide["fazekas"] = np.clip(np.round(rng.normal(2 + 0.7 * wide["group3"], 1.3)), 0, 6)
    wide["rater1"] = rng.normal(10, 3, n)
    wide["rater2"] = wide["rater1"] + rng.normal(0.4, 1.2, n)
    wide["grade1"] = rng.integers(0, 3, n)
    wide["grade2"] = np.where(rng.random(n) < 0.7, wide["grade1"], rng.integers(0, 3, n))
    for name in ("x", "age", "wmh", "rater2"):
        wide.loc[rng.random(n) < gaps, name] = np.nan
    lesions = wide.loc[wide.index.repeat(rng.integers(1, 4, n)), ["x", "male"]].dropna()
    lesions["patient"] = lesions.index
    lesions["x"] += rng.normal(0, 0.5, len(lesions))
    shared = rng.normal(0, 1, n)[lesions.index]
    lesions["event"] = (rng.random(len(lesions)) < stats.logistic.cdf(0.5 * lesions["x"] + shared)).astype(int)
    visits = []
    for time in (0, 1):
        value = 8 + shared_of(seed, n) + time * (1 + 0.5 * wide["group3"]) + rng.normal(0, 1, n)
        visits.append(pd.DataFrame({"subject": wide.index, "time": time * rng.uniform(0.9, 1.2, n), "value": value,
                                    "severity": wide["group3"], "age": wide["age"]}))  # fmt: skip
    visits[1].loc[rng.random(n) < gaps, "value"] = np.nan
    return {"wide": wide, "lesions": lesions, "visits": pd.concat(visits).dropna().sort_values(["subject", "time"])}


def shared_of(seed, n):
    return np.random.default_rng([seed, 9]).normal(0, 2, n)


@pytest.fixture(scope="module")
def every(tmp_path_factory):
    """The tables of every data set as R reads them, and R's numbers of each."""
    folder = tmp_path_factory.mktemp("r")
    sets = {name: drawn(*settings) for name, settings in DATASETS.items()}
    numbers = numbers_of_sets("reference.R", sets, folder)
    read = {
        name: {table: pd.read_csv(folder / str(at) / f"{table}.csv") for table in tables}
        for at, (name, tables) in enumerate(sets.items())
    }
    return {name: (read[name], numbers[name]) for name in sets}


@pytest.fixture(params=DATASETS)
def both(request, every):
    """The tables of one data set and R's numbers of them."""
    return every[request.param]


def agree(r, name, found, rel=1e-6):
    compared(r, name, found, rel, atol=0)


def test_logistic_regression(both):
    tables, r = both
    wide = tables["wide"].assign(subject=range(len(tables["wide"])))
    plan = Plan("event", 1, ["x", "site"], {"m": ["age", "male", "site"], "n": ["x", "age", "male"]})
    table, checks = associations(wide, plan)
    row = table[(table["model"] == "m") & (table["predictor"] == "x")].iloc[0]
    error = (np.log(row["ci_high"]) - np.log(row["ci_low"])) / (2 * stats.norm.ppf(0.975))
    agree(r, "logistic", [row["estimate"], error, row["p"]])
    agree(r, "logistic_wald", np.log([row["ci_low"], row["ci_high"]]))
    agree(r, "logistic_profile", np.log([row["profile_low"], row["profile_high"]]))
    agree(r, "logistic_lr_p", row["p_lr"])
    agree(r, "logistic_site", table[(table["model"] == "n") & (table["predictor"] == "site")]["estimate"])
    checked = checks[(checks["model"] == "m") & (checks["predictor"] == "x")].iloc[0]
    agree(r, "auc", checked[["auc", "auc_low", "auc_high"]])
    agree(r, "brier", checked["brier"])
    assert checked["cook_max"] == pytest.approx(r["cook"][1], rel=1e-6)


def test_a_formula(both):
    tables, r = both
    complete = tables["wide"].dropna(subset=["x", "age"])  # poly() is orthogonal over the rows it is given
    table, _ = associations(complete, Plan("event", 1, formulas={"f": "x * male + poly(age, 2)"}))
    found = table.set_index("term")["estimate"]
    agree(r, "formula", [found["x"], found["x:male"], found["poly(age, 2)[1]"]])


def test_firth_where_the_outcome_is_separated(both):
    tables, r = both
    wide = tables["wide"].dropna(subset=["x", "age"])
    separated = wide[(wide["never"] == 0) | (wide["event"] == 1)]
    fit = fit_logistic(separated["event"].to_numpy(float), separated[["never", "x", "male"]].astype(float))
    assert fit.method.startswith("Firth")
    assert "separation by never" in fit.note
    agree(r, "firth", fit.table["estimate"])


def test_firth_on_a_published_example(both):
    """The endometrial cancer data of Heinze and Schemper (2002; in R's brglm2), whose NV separates the grades.

    Estimates and profile intervals as R's logistf prints them; it stops its iterations at 1e-5.
    """
    _, r = both
    data = pd.DataFrame(np.reshape(r["endometrial"], (-1, 4)), columns=["HG", "NV", "PI", "EH"])
    fit = fit_logistic(data["HG"].to_numpy(), data[["NV", "PI", "EH"]])
    assert "separation by NV" in fit.note
    table = fit.table
    assert table["estimate"].tolist() == pytest.approx([2.92927330, -0.03475175, -2.60416387], rel=1e-6)
    assert table["ci_low"].tolist() == pytest.approx([0.6097244, -0.1244587, -4.3651832], rel=2e-5)
    assert table["ci_high"].tolist() == pytest.approx([7.85463171, 0.04045547, -1.23272106], rel=2e-5)


def test_linear_regression(both):
    tables, r = both
    wide = tables["wide"].dropna(subset=["wmh", "x", "age"])
    design = wide[["x", "age", "male"]].astype(float)
    fit = fit_linear(wide["wmh"].to_numpy(), design)
    agree(r, "linear", fit.table.loc["x", ["estimate", "se"]])
    distance = cooks_distance(wide["wmh"].to_numpy(), design, fit.fitted, logistic=False)
    agree(r, "linear_cook", [distance.min(), distance.max()])


def test_variance_inflation(both):
    tables, r = both
    wide = tables["wide"].dropna(subset=["x", "age"])
    from angiolith.cohort.diagnostics import variance_inflation

    sites = pd.get_dummies(wide["site"]).astype(float)[["b", "c"]]
    found = variance_inflation(pd.concat([wide[["x", "age", "male"]].astype(float), sites], axis=1))
    agree(r, "vif", found["x"])


def test_several_lesions_of_a_patient(both):
    tables, r = both
    lesions = tables["lesions"].rename(columns={"patient": "subject"})
    table, _ = associations(lesions, Plan("event", 1, ["x"], {"m": ["male"]}))
    row = table[table["model"] == "m"].iloc[0]
    assert row["method"].startswith("logistic GEE")
    error = (np.log(row["ci_high"]) - np.log(row["ci_low"])) / (2 * stats.norm.ppf(0.975))
    agree(r, "gee", [row["estimate"], error])
    table, _ = associations(lesions, Plan("event", 1, ["x"], {"m": ["male"]}, correlation="exchangeable"))
    row = table[table["model"] == "m"].iloc[0]
    error = (np.log(row["ci_high"]) - np.log(row["ci_low"])) / (2 * stats.norm.ppf(0.975))
    # the correlation within clusters is a moment estimate in statsmodels, a second estimating equation in geepack
    agree(r, "gee_exchangeable", [row["estimate"], error], rel=3e-4)


@pytest.mark.parametrize("method", ["pearson", "spearman", "kendall"])
def test_correlation(both, method):
    tables, r = both
    wide = tables["wide"]
    found = correlate(wide["group3"], wide["wmh"], method)
    agree(r, method, [found["r"], found["p"]])
    if method == "pearson":
        agree(r, "pearson_interval", [found["ci_low"], found["ci_high"]])


def test_trend_is_kendalls_z(both):
    tables, r = both
    found = correlate(tables["wide"]["group3"], tables["wide"]["count"], "jonckheere-terpstra")
    agree(r, "jonckheere", found["statistic"])


def test_partial_correlation(both):
    tables, r = both
    wide = tables["wide"]
    found = correlate(wide["group3"], wide["wmh"], "pearson", wide[["age", "male"]])
    agree(r, "partial", [found["r"], found["p"]])
    agree(r, "partial_ranks", correlate(wide["group3"], wide["wmh"], "spearman", wide[["age", "male"]])["r"])


def test_false_discovery_rate(both):
    agree(both[1], "q", false_discovery_rate(pd.Series([0.001, 0.02, 0.03, 0.04, 0.5, 0.012])))


def test_grades(both):
    tables, r = both
    wide = tables["wide"].dropna(subset=["age"])
    found = fit_ordinal(wide["fazekas"].to_numpy(), wide[["group3", "age", "male"]].astype(float))
    agree(r, "ordinal", [found["estimate"], found["se"]])
    agree(r, "ordinal_polr", found["estimate"])
    if min(r["brant"]) >= 0:  # every cut has a finite fit
        agree(r, "brant", [found["proportional_odds_p"], found["proportional_odds_p_all"]])
    else:
        assert len(wide) < 100


def test_counts(both):
    tables, r = both
    wide = tables["wide"].dropna(subset=["age"])
    found = fit_negative_binomial(wide["count"].to_numpy(float), wide[["group3", "age", "male"]].astype(float))
    agree(r, "negative_binomial", [found["estimate"], found["se"]])


def test_mixed_model(both):
    tables, r = both
    visits = tables["visits"]
    design = pd.DataFrame({"interaction": visits["time"] * visits["severity"], "time": visits["time"],
                           "severity": visits["severity"] * 1.0, "age": visits["age"]})  # fmt: skip
    found = fit_random_intercept(visits["value"].to_numpy(), design, visits["subject"].to_numpy())
    agree(r, "mixed", [found["estimate"], found["se"]])


def test_the_tests_of_the_table_of_characteristics(both):
    tables, r = both
    wide = tables["wide"]
    groups = [part["wmh"].dropna().to_numpy() for _, part in wide.groupby("group3")]
    agree(r, "student", compare_numbers(groups[:2], "student").p)
    agree(r, "welch", compare_numbers(groups[:2], "welch").p)
    agree(r, "mann_whitney", compare_numbers(groups[:2], "rank").p)
    anova = compare_numbers(groups, "student")
    agree(r, "anova", [anova.statistic, anova.p])
    agree(r, "welch_anova", compare_numbers(groups, "welch").p)
    agree(r, "kruskal", compare_numbers(groups, "rank").p)
    agree(r, "shapiro", stats.shapiro(wide["wmh"].dropna()).pvalue, rel=1e-4)  # both round Royston's constants
    counts = pd.crosstab(wide["group3"], wide["male"]).to_numpy()
    agree(r, "chi_square", compare_counts(counts, "chi-square").p)
    agree(r, "fisher", compare_counts(counts[:2], "fisher").p)


def test_agreement(both):
    tables, r = both
    wide = tables["wide"]
    found = icc(wide[["rater1", "rater2"]])
    agree(r, "icc", [found["estimate"], found["ci_low"], found["ci_high"]])
    forms = [("nested", False), ("nested", True), ("random", True), ("fixed", False), ("fixed", True)]
    every = [icc(wide[["rater1", "rater2"]], readers, mean) for readers, mean in forms]
    agree(r, "icc_forms", [form[name] for form in every for name in ("estimate", "ci_low", "ci_high")])
    numbers = [kappa(wide["grade1"], wide["grade2"], weighted)["estimate"] for weighted in (False, True)]
    agree(r, "kappa", numbers)


def test_imputation_gives_what_mice_gives(both):
    # draws are random: their means over 100 imputations are compared, in standard deviations of what is imputed
    tables, r = both
    wide = tables["wide"]
    frame = wide[["wmh", "x", "age", "group3"]].to_numpy(float)
    gaps = np.isnan(frame)
    draws = np.stack(chained_draws(frame, 100, np.random.default_rng(1)))
    for at, name in enumerate(("wmh", "x", "age")):
        if gaps[:, at].sum() > 10:
            mean, spread = r[f"mice_{name}"]
            found = draws[:, gaps[:, at], at]
            assert found.mean() == pytest.approx(mean, abs=0.15 * spread), name
            assert found.std() == pytest.approx(spread, rel=0.15), name


def test_pooling_and_sizes(both):
    _, r = both
    found = pool(np.array([0.31, 0.35, 0.28, 0.40, 0.33]), np.sqrt([0.010, 0.012, 0.011, 0.010, 0.013]), 116)
    agree(r, "pooled", [found.estimate, found.se**2, found.df, found.missing_information])
    agree(r, "arms", size_per_arm(0.6, 1.7, 0.05, 0.8))
    # pwr.r.test adds a bias correction of z, r / (2 (n - 1)); the formula without it is a patient or two above
    assert size_for_correlation(0.3, 0.05, 0.9) == pytest.approx(r["correlation_size"][0], abs=2)
