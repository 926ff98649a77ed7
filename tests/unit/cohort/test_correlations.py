"""Correlations and change between visits against hand calculation and other implementations."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from angiolith.cohort.change import change_table
from angiolith.cohort.correlations import correlate, correlation_interval, correlations
from angiolith.cohort.dataset import add_changes, measures_of, severities_of
from angiolith.core.settings.analyses import Analysis, ChangeColumns


@pytest.fixture
def patients():
    rng = np.random.default_rng(8)
    n = 90
    score = rng.integers(0, 3, n).astype(float)
    table = pd.DataFrame({"woodcock_ICA": rng.integers(0, 4, n) * 1.0, "wmh": rng.gamma(3, 2 + score), "score": score})
    table["wmh_later"] = 1.1 * table["wmh"] + 0.8 * score + rng.normal(0, 1, n)
    table["group"] = np.array(["none", "moderate", "severe"])[score.astype(int)]
    table["age"] = rng.normal(64, 8, n)
    table.loc[3, "wmh"] = np.nan
    table["subject"] = [f"S{number}" for number in range(n)]
    return table


def test_pearson_and_spearman_by_hand(patients):
    known = patients.dropna()
    x, y = known["score"], known["wmh"]
    r = ((x - x.mean()) * (y - y.mean())).sum() / np.sqrt(((x - x.mean()) ** 2).sum() * ((y - y.mean()) ** 2).sum())
    found = correlate(patients["score"], patients["wmh"], "pearson")
    assert (found["n"], found["r"]) == (89, pytest.approx(r))
    t = r * np.sqrt(87 / (1 - r**2))
    assert found["p"] == pytest.approx(2 * stats.t.sf(abs(t), 87))
    ranked = np.corrcoef(stats.rankdata(x), stats.rankdata(y))[0, 1]
    assert correlate(patients["score"], patients["wmh"], "spearman")["r"] == pytest.approx(ranked)


def test_the_p_that_a_printed_correlation_should_have_had():
    # the patient study prints r = 0.33 at n = 126 with p = 0.032
    x = np.linspace(-1, 1, 126)
    noise = stats.norm.ppf((np.arange(126) + 0.5) / 126)[np.random.default_rng(0).permutation(126)]
    noise -= x * (noise @ x) / (x @ x)
    noise -= noise.mean()
    y = 0.33 * x / np.linalg.norm(x) + np.sqrt(1 - 0.33**2) * noise / np.linalg.norm(noise)
    found = correlate(pd.Series(x), pd.Series(y), "pearson")
    assert found["r"] == pytest.approx(0.33, abs=1e-9)
    assert found["p"] == pytest.approx(0.00016, abs=0.00002)


def test_the_interval_covers_the_true_correlation_as_often_as_it_says():
    rng = np.random.default_rng(4)
    hits = {"pearson": 0, "spearman": 0}
    truth = {"pearson": 0.5, "spearman": 6 / np.pi * np.arcsin(0.25)}  # of a bivariate normal
    for _ in range(400):
        x, y = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 60).T
        for method in hits:
            found = correlate(pd.Series(x), pd.Series(y), method)
            hits[method] += found["ci_low"] <= truth[method] <= found["ci_high"]
    assert 0.925 <= hits["pearson"] / 400 <= 0.975
    assert 0.925 <= hits["spearman"] / 400 <= 0.975
    assert correlation_interval(1.0, 10, "pearson") == (1.0, 1.0)


def test_a_side_that_does_not_vary_gives_a_note_and_no_number():
    x = pd.Series([1.0, 2, 3, 4, 5])
    assert correlate(x * 0, x, "spearman")["note"] == "severity does not vary"
    found = correlate(x, x * 0, "pearson")
    assert found["note"] == "the marker does not vary"
    assert np.isnan(found["r"])
    assert correlate(x[:3], x[:3], "pearson")["note"] == "3 pairs are too few"


def test_q_is_benjamini_hochberg_over_the_tests_of_a_method(patients):
    measures = {"wmh": "wmh", "age": "age", "wmh_later": "wmh_later", "flat": "flat"}
    severities = {"overall": patients["score"], "ICA": patients["woodcock_ICA"]}
    table = correlations(patients.assign(flat=1.0), severities, measures)
    assert len(table) == 2 * 4 * 4
    for _, part in table.groupby("method"):
        made = part.dropna(subset=["p"])
        assert len(made) == 6
        assert made["q"].to_numpy() == pytest.approx(multipletests(made["p"], method="fdr_bh")[1])
        assert part[part["p"].isna()]["q"].isna().all()


def test_severity_is_the_column_or_the_rank_of_the_group(patients):
    ranked = Analysis(kind="severity", table="t", group="group", group_levels=["none", "moderate", "severe"],
                            artery_severity={"ICA": "woodcock_ICA"}, markers=["wmh"])  # fmt: skip
    found = severities_of(patients, ranked)
    assert list(found) == ["overall", "ICA"]
    assert found["overall"].tolist() == patients["score"].tolist()
    column = Analysis(kind="severity", table="t", severity="score", markers=["wmh"],
                            changes={"wmh": {"baseline": "wmh", "followup": "wmh_later"}})  # fmt: skip
    assert severities_of(patients, column)["overall"].equals(patients["score"])
    assert measures_of(column) == {"wmh": "wmh", "wmh_change": "wmh_change"}


def change_of(patients, covariates=(), days=365.25):
    changes = {"wmh": ChangeColumns(baseline="wmh", followup="wmh_later")}
    table = add_changes(patients, changes, pd.Series(days, index=patients.index))
    return table, change_table(table, changes, table["score"], "group", ["none", "moderate", "severe"], covariates, {})


def test_change_by_group_and_across_groups(patients):
    table, found = change_of(patients, days=730.5)
    by_group = found[found["part"] == "by group"].set_index("group")
    assert set(found["measure"]) == {"wmh_change_per_year", "wmh_followup", "wmh"}
    for name, part in table.groupby("group"):
        assert by_group.loc[name, "mean"] == pytest.approx((part["wmh_later"] - part["wmh"]).mean() / 2)
    across = found[found["part"] == "across groups"].iloc[0]
    samples = [part["wmh_change_per_year"].dropna() for _, part in table.groupby("group")]
    tests = {"one-way ANOVA": stats.f_oneway, "Kruskal-Wallis": stats.kruskal}
    assert across["p"] == pytest.approx(tests[across["method"]](*samples).pvalue)
    assert across["n"] == 89


def test_without_the_days_between_the_visits_the_change_itself_is_analysed(patients):
    _, found = change_of(patients, days=np.nan)
    assert set(found["measure"]) == {"wmh_change", "wmh_followup", "wmh"}


def test_the_follow_up_model_is_a_partial_regression(patients):
    _, found = change_of(patients, covariates=["age"])
    row = found[found["part"] == "follow-up model"].iloc[0]
    known = patients.dropna()
    others = np.column_stack([np.ones(len(known)), known["wmh"], known["age"]])

    def without_others(values):  # Frisch-Waugh-Lovell
        return values - others @ np.linalg.lstsq(others, values, rcond=None)[0]

    x, y = without_others(known["score"].to_numpy()), without_others(known["wmh_later"].to_numpy())
    assert row["estimate"] == pytest.approx(x @ y / (x @ x))
    assert row["n"] == 89
    assert "adjusted for baseline, age" in row["note"]
