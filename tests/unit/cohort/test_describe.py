"""Characteristics by group against printed tables, raw library calls and hand calculation."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from angiolith.cohort.attrition import independent_rows
from angiolith.cohort.dataset import applies_of
from angiolith.cohort.describe import compare_counts, compare_numbers, counts_difference, describe, numbers_difference
from angiolith.cohort.layout import number_text, p_text, printed_characteristics
from angiolith.core.config import Analysis

# Vertebrobasilar calcification, vessel-wall MRI and CT, 124 culprit and 120 non-culprit lesions (Chinese J CT and MRI):
# number with the feature among culprit and non-culprit, printed p.
VBA_COUNTS = {
    "male": (87, 83, 0.89),
    "hypertension": (115, 108, 0.50),
    "hyperlipidemia": (50, 45, 0.70),
    "coronary_heart_disease": (34, 31, 0.89),
    "cholesterol_lowering_drug": (71, 63, 0.52),
    "antiplatelet_drug": (63, 53, 0.31),
    "basilar_artery": (62, 66, 0.45),
    "any_calcification": (55, 61, 0.37),
}
# The same table: mean and SD of culprit and non-culprit, printed p.
VBA_MEANS = {
    "age_years": ((61.65, 8.09), (62.17, 8.14), 0.62),
    "bmi_kg_m2": ((26.48, 2.42), (25.99, 2.59), 0.12),
    "ldl_mg_dl": ((40.68, 12.96), (42.23, 13.12), 0.34),
    "hdl_mg_dl": ((19.71, 4.78), (20.69, 5.09), 0.12),
    "total_cholesterol_mg_dl": ((68.94, 17.12), (71.15, 18.90), 0.32),
    "triglyceride_mg_dl": ((26.29, 11.60), (25.89, 10.49), 0.78),
}
# Intracranial artery calcification and small vessel disease, 126 patients (Chinese J CT and MRI 2025;23(2)):
# yes and no by severity group, printed chi-square and p.
CSVD_COUNTS = {
    "sex": ([[32, 28], [20, 15], [19, 12]], 0.539, 0.764),
    "hypertension": ([[25, 35], [18, 17], [20, 11]], 4.308, 0.116),
    "hyperlipidemia": ([[18, 42], [10, 25], [13, 18]], 1.674, 0.433),
}


def sample_with(mean, sd, n):
    """n values whose mean and SD are exactly these."""
    values = stats.norm.ppf((np.arange(n) + 0.5) / n)
    return mean + sd * (values - values.mean()) / values.std(ddof=1)


@pytest.mark.parametrize("name", VBA_COUNTS)
def test_fisher_gives_the_printed_p_of_the_lesion_study(name):
    culprit, other, p = VBA_COUNTS[name]
    found = compare_counts(np.array([[culprit, 124 - culprit], [other, 120 - other]]), "fisher")
    assert found.name == "Fisher's exact"
    assert round(found.p, 2) == pytest.approx(p, abs=0.0101)


@pytest.mark.parametrize("name", VBA_MEANS)
def test_student_gives_the_printed_p_of_the_lesion_study(name):
    first, second, p = VBA_MEANS[name]
    found = compare_numbers([sample_with(*first, 124), sample_with(*second, 120)], "student")
    assert found.name == "Student's t"
    assert found.p == pytest.approx(stats.ttest_ind_from_stats(*first, 124, *second, 120).pvalue)
    # the printed p of LDL and of total cholesterol lie up to 0.02 from what their printed means and SDs give
    assert found.p == pytest.approx(p, abs=0.02)


@pytest.mark.parametrize("name", CSVD_COUNTS)
def test_chi_square_without_correction_gives_the_printed_values_of_the_patient_study(name):
    counts, statistic, p = CSVD_COUNTS[name]
    found = compare_counts(np.array(counts))
    assert found.name == "chi-square"
    assert found.statistic == pytest.approx(statistic, abs=6e-4)
    assert found.p == pytest.approx(p, abs=6e-4)


def test_anova_gives_the_printed_values_of_the_patient_study():
    samples = [sample_with(62.5, 8.3, 60), sample_with(64.2, 8.7, 35), sample_with(66.1, 9.0, 31)]
    found = compare_numbers(samples)
    assert found.name == "one-way ANOVA"
    assert found.statistic == pytest.approx(1.835, abs=0.02)  # the print rounds means and SDs to one digit
    assert found.p == pytest.approx(0.164, abs=0.003)


def test_the_rule_for_numbers_follows_normality_and_then_variance():
    rng = np.random.default_rng(5)
    normal, shifted, wide = rng.normal(0, 1, 40), rng.normal(0.5, 1, 40), rng.normal(0, 5, 40)
    skewed = rng.lognormal(0, 1, 40)
    expected = {
        "Student's t": ([normal, shifted], stats.ttest_ind(normal, shifted).pvalue),
        "Welch's t": ([normal, wide], stats.ttest_ind(normal, wide, equal_var=False).pvalue),
        "Mann-Whitney U": ([normal, skewed], stats.mannwhitneyu(normal, skewed).pvalue),
        "Kruskal-Wallis": ([normal, shifted, skewed], stats.kruskal(normal, shifted, skewed).pvalue),
    }
    for name, (samples, p) in expected.items():
        found = compare_numbers(samples)
        assert (found.name, found.p) == (name, pytest.approx(p))


def test_welch_anova_of_two_groups_is_welch_t_squared():
    rng = np.random.default_rng(6)
    samples = [rng.normal(0, 1, 30), rng.normal(1, 4, 20), rng.normal(0, 2, 25)]
    assert compare_numbers(samples).name == "Welch's ANOVA"
    # independent formula: Welch, Biometrika 1951;38:330
    n, m, v = (np.array([f(s) for s in samples]) for f in (len, np.mean, lambda s: np.var(s, ddof=1)))
    w, k = n / v, 3
    centre = (w * m).sum() / w.sum()
    spread = ((1 - w / w.sum()) ** 2 / (n - 1)).sum()
    f = ((w * (m - centre) ** 2).sum() / (k - 1)) / (1 + 2 * (k - 2) / (k**2 - 1) * spread)
    p = stats.f.sf(f, k - 1, (k**2 - 1) / (3 * spread))
    assert compare_numbers(samples, "welch").statistic == pytest.approx(f)
    assert compare_numbers(samples, "welch").p == pytest.approx(p)


def test_sparse_counts_go_to_fisher_and_its_extension_agrees_with_full_enumeration():
    assert compare_counts(np.array([[3, 1], [1, 9]])).name == "Fisher's exact"
    # 2 x 3 table enumerated: rows sum to 6, columns to 4, 4, 4
    counts = np.array([[4, 1, 1], [0, 3, 3]])
    total, tail = 0.0, 0.0
    weight_seen = np.prod([stats.binom(4, 0.5).pmf(x) for x in counts[0]])
    for a in range(5):
        for b in range(5):
            c = 6 - a - b
            if 0 <= c <= 4:
                weight = np.prod([stats.binom(4, 0.5).pmf(x) for x in (a, b, c)])
                total += weight
                tail += weight * (weight <= weight_seen * (1 + 1e-9))
    found = compare_counts(counts)
    assert found.name.startswith("Fisher-Freeman-Halton")
    assert found.p == pytest.approx(tail / total, abs=0.01)


@pytest.mark.parametrize(
    ("samples", "note"),
    [
        ([np.arange(4.0), np.arange(9.0)], "fewer than 5"),
        ([np.ones(5), np.ones(5)], "all values are the same"),
        ([np.arange(5.0)], "one group only"),
    ],
)
def test_no_p_without_data_for_one(samples, note):
    found = compare_numbers(samples)
    assert np.isnan(found.p)
    assert note in found.note
    assert np.isnan(compare_counts(np.array([[3, 0], [4, 0]])).p)
    assert np.isnan(compare_counts(np.array([[3, 1], [0, 0]])).p)


def test_standardised_differences_by_hand():
    first, second = np.array([1.0, 2, 3, 4]), np.array([3.0, 5, 7])
    by_hand = abs(2.5 - 5) / np.sqrt((5 / 3 + 4) / 2)
    assert numbers_difference([first, second]) == pytest.approx(by_hand)
    assert numbers_difference([first, second, second]) == pytest.approx(by_hand)  # the largest pair
    p, q = 0.25, 0.6
    two_levels = abs(p - q) / np.sqrt((p * (1 - p) + q * (1 - q)) / 2)
    assert counts_difference(np.array([[5, 15], [12, 8]])) == pytest.approx(two_levels)
    assert counts_difference(np.array([[5, 15, 0], [12, 8, 0]])) == pytest.approx(two_levels)
    assert np.isnan(counts_difference(np.array([[5, 15], [0, 0]])))


@pytest.fixture
def cohort():
    return pd.DataFrame(
        {
            "group": ["b", "a", "a", "b", "a", "b", None],
            "wmh": [1.0, 2.0, 4.0, np.nan, 6.0, 8.0, 9.0],
            "smoker": [1.0, 0.0, 1.0, 1.0, np.nan, 0.0, 1.0],
            "site": ["x", "y", "x", "z", "y", None, "x"],
        }
    )


def test_rows_hold_what_was_counted(cohort):
    table = describe(cohort, ["wmh", "smoker", "site"], "group", ["b", "a"])
    assert list(dict.fromkeys(table["group"])) == ["all", "b", "a"]
    wmh = table[(table["variable"] == "wmh")].set_index("group")
    assert wmh.loc["a", ["n", "missing", "mean", "sd", "median"]].tolist() == [3, 0, 4.0, 2.0, 4.0]
    assert wmh.loc["b", ["n", "missing", "mean"]].tolist() == [2, 1, 4.5]
    assert wmh.loc["all", "n"] == 6
    smoker = table[table["variable"] == "smoker"]
    assert smoker["level"].unique().tolist() == ["1"]
    assert smoker.set_index("group").loc["a", ["n", "count", "percent", "missing"]].tolist() == [2, 1, 50.0, 1]
    site = table[table["variable"] == "site"]
    assert site["level"].unique().tolist() == ["x", "y", "z"]
    assert site[site["group"] == "all"]["count"].sum() == 6


def test_printed_layout(cohort):
    printed = printed_characteristics(describe(cohort, ["wmh", "smoker", "site"], "group"))
    assert list(printed.columns[:4]) == ["variable", "all (N = 7)", "a (N = 3)", "b (N = 3)"]
    assert printed["variable"].tolist() == [
        "wmh, mean (SD)", "smoker, n (%)", "site: x, n (%)", "site: y, n (%)", "site: z, n (%)",
    ]  # fmt: skip
    assert printed.loc[0, "a (N = 3)"] == "4.00 (2.00)"
    assert printed.loc[1, "b (N = 3)"] == "2 (66.7)"


def test_numbers_in_print():
    assert [p_text(p) for p in (0.0004, 0.0123, 0.0996, 0.31, np.nan)] == ["<0.001", "0.012", "0.10", "0.31", ""]
    assert [number_text(x) for x in (1234.5, 61.65, 3.456, 0.0123, 0)] == ["1234", "61.6", "3.46", "0.012", "0.00"]


def test_an_analysis_that_nobody_is_left_in_has_a_table_without_tests():
    nobody = pd.DataFrame({"group": pd.Series(dtype=str), "sex": pd.Series(dtype=str), "age": pd.Series(dtype=float)})
    table = describe(nobody, ["sex", "age"], "group", [])
    assert table["p"].isna().all()
    assert not (table["n"] > 0).any()


def test_a_variable_has_one_p_and_its_levels_follow(cohort):
    five = pd.concat([cohort] * 5, ignore_index=True)
    printed = printed_characteristics(describe(five, ["site"], "group"))
    assert (printed["p"] != "").tolist() == [True, False, False]
    assert printed["missing"].tolist() == ["5", "", ""]


def test_what_does_not_apply_is_not_missing(cohort):
    calcified = pd.Series([1, 1, 1, 0, 1, 1, 1]) > 0
    table = describe(cohort, ["wmh"], "group", applies={"wmh": calcified}).set_index("group")
    assert table.loc["b", ["n", "missing", "does_not_apply"]].tolist() == [2, 0, 1]
    plain = describe(cohort, ["wmh"], "group").set_index("group")
    assert plain.loc["b", ["n", "missing", "does_not_apply"]].tolist() == [2, 1, 0]
    assert "does not apply" in printed_characteristics(table.reset_index()).columns
    assert "does not apply" not in printed_characteristics(plain.reset_index()).columns


def test_density_applies_where_there_is_calcium_without_being_told():
    rows = pd.DataFrame({"calcification_volume_mm3": [0.0, 5.0, np.nan], "calcification_mean_hu": [np.nan, 3, np.nan]})
    analysis = Analysis(kind="severity", table="t.tsv")
    assert applies_of(rows, analysis)["calcification_mean_hu"].tolist() == [False, True, True]


def test_labels_and_doubtful_values_stand_in_the_printed_table(cohort):
    doubted = cohort.assign(doubtful_columns=["wmh", None, None, "site, wmh", None, None, None])
    table = describe(doubted, ["wmh", "site"], "group")
    assert table.set_index(["variable", "group"]).loc[("wmh", "b"), "doubtful"].max() == 1  # none where missing
    printed = printed_characteristics(table, {"wmh": "WMH, cm³", "b": "Culprit", "x": "basilar"})
    assert printed["variable"].tolist()[:2] == ["WMH, cm³†, mean (SD)", "site†: basilar, n (%)"]
    assert "Culprit (N = 3)" in printed.columns


def test_visits_of_one_subject_are_not_pooled():
    rows = pd.DataFrame({"subject": ["A", "A", "B"], "session": ["1", "2", "1"], "x": [1.0, 2.0, 3.0]})
    kept, note = independent_rows(rows, "severity")
    assert kept["x"].tolist() == [1.0, 3.0]
    assert note.startswith("1 row(s)")
    lesions = pd.DataFrame({"subject": ["A", "A", "A"], "session": ["1", "1", "2"], "lesion": [1, 2, 1]})
    assert independent_rows(lesions, "lesion")[0]["session"].tolist() == ["1", "1"]
    assert independent_rows(kept, "severity")[1] == ""


def test_the_visit_that_stays_is_the_first_by_number_or_date_and_not_by_its_place():
    rows = pd.DataFrame({"subject": ["A", "A"], "session": ["fu", "init"], "x": [2.0, 1.0]})
    for given in ({"visit_number": [2, 1]}, {"acq_time": ["2021-05-01", "2020-05-01"]}, {"session": ["fu", "bl"]}):
        assert independent_rows(rows.assign(**given), "severity")[0]["x"].tolist() == [1.0], given
    lesions = pd.concat([rows, rows]).assign(lesion=[1, 1, 2, 2], visit_number=[2, 1, 2, 1]).reset_index(drop=True)
    assert independent_rows(lesions, "lesion")[0]["session"].tolist() == ["init", "init"]
