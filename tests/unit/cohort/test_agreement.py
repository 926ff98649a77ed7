"""Agreement between raters against a published example and hand calculation."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from angiolith.cohort.agreement import agreement, fleiss_kappa, grade, icc, kappa
from angiolith.cohort.bland_altman import bland_altman, bland_altman_repeated, learning
from angiolith.cohort.ratings import rated_things, ratings_table
from angiolith.core.settings.analyses import AgreementDesign
from angiolith.marks.verdicts import readings

# Shrout and Fleiss, Psychol Bull 1979;86:420, table 2: six targets, four judges; ICC(2,1) = 0.29
JUDGES = pd.DataFrame(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]],
    columns=list("abcd"),
    dtype=float,
)


def icc_by_anova(values):
    """ICC(2,1) from the mean squares of the two-way table."""
    n, k = values.shape
    total = values.mean()
    rows = k * ((values.mean(axis=1) - total) ** 2).sum() / (n - 1)
    columns = n * ((values.mean(axis=0) - total) ** 2).sum() / (k - 1)
    rest = values - values.mean(axis=1, keepdims=True) - values.mean(axis=0, keepdims=True) + total
    error = (rest**2).sum() / ((n - 1) * (k - 1))
    return (rows - error) / (rows + (k - 1) * error + k * (columns - error) / n)


def test_icc_of_the_published_example():
    found = icc(JUDGES)
    assert round(found["estimate"], 2) == 0.29
    assert found["estimate"] == pytest.approx(icc_by_anova(JUDGES.to_numpy()))
    assert (round(found["ci_low"], 3), round(found["ci_high"], 3)) == (0.019, 0.761)  # as psych in R prints it
    assert found["grade"] == "poor"


def test_icc_sees_a_bias_between_readers_and_leaves_incomplete_things_out():
    rng = np.random.default_rng(0)
    true = rng.normal(3, 1, 200)
    readers = pd.DataFrame({"reader1": true + rng.normal(0, 0.3, 200), "reader2": true + 1 + rng.normal(0, 0.3, 200)})
    gaps = pd.concat([readers, pd.DataFrame({"reader1": [1.0, np.nan], "reader2": [np.nan, 2.0]})])
    found = icc(gaps)
    assert found["n"] == 200
    assert found["estimate"] == pytest.approx(icc_by_anova(readers.to_numpy()))
    assert found["estimate"] == pytest.approx(1 / (1 + 0.09 + 0.5), abs=0.06)  # variances: things, error, readers


def test_bias_and_limits_by_hand():
    first, second = pd.Series([1.0, 2, 3, 4, np.nan]), pd.Series([2.0, 4, 3, 7, 9])
    difference = np.array([1.0, 2, 0, 3])
    rows = {row["method"]: row for row in bland_altman(first, second)}
    s, t = difference.std(ddof=1), stats.t.ppf(0.975, 3)
    assert rows["Bland-Altman bias"]["estimate"] == 1.5
    assert rows["Bland-Altman bias"]["ci_low"] == pytest.approx(1.5 - t * s / 2)
    assert rows["Bland-Altman bias"]["p"] == pytest.approx(stats.ttest_1samp(difference, 0).pvalue)
    assert rows["Bland-Altman upper limit"]["estimate"] == pytest.approx(1.5 + 1.96 * s, rel=1e-4)
    assert rows["smallest detectable change"]["estimate"] == pytest.approx(1.96 * np.sqrt(2) * s / np.sqrt(2), rel=1e-4)
    assert {row["n"] for row in rows.values()} == {4}


def test_cohens_kappa_by_hand():
    first = pd.Series(["yes"] * 25 + ["no"] * 25)
    second = pd.Series(["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15)
    found = kappa(first, second, weighted=False)
    assert found["estimate"] == pytest.approx((0.7 - 0.5) / (1 - 0.5))  # chance: 0.5 * 0.6 + 0.5 * 0.4
    assert (found["method"], found["grade"]) == ("Cohen's kappa", "fair")


def test_weighted_kappa_by_hand_with_a_grade_that_nobody_gave():
    first, second = pd.Series([0.0, 0, 1, 1, 3, 3, 3, 0]), pd.Series([0.0, 1, 1, 1, 3, 3, 1, 0])
    weights = (first.to_numpy()[:, None] - second.to_numpy()[None, :]) ** 2
    expected = 1 - np.diag(weights).mean() / weights.mean()
    assert kappa(first, second, weighted=True)["estimate"] == pytest.approx(expected)


# Fleiss, Psychol Bull 1971;76:378, table 1: how many of six psychiatrists gave a patient each of five diagnoses
DIAGNOSES = (
    "00060 03003 01401 00006 03030 20400 00402 20310 20040 00006 10050 11040 03300 10050 02031 "
    "00501 30012 51000 02040 10203 00006 01050 02013 20040 10041 05010 40002 02040 10500 00006"
)


def test_fleiss_kappa_of_the_published_example():
    rows = [
        [name for name, count in zip("dpsno", text, strict=True) for _ in range(int(count))]
        for text in DIAGNOSES.split()
    ]
    psychiatrists = pd.DataFrame(rows)
    found = fleiss_kappa(psychiatrists)
    assert (found["n"], round(found["estimate"], 3), found["grade"]) == (30, 0.430, "fair")
    assert stats.norm.isf(found["p"] / 2) == pytest.approx(17.65, abs=0.01)  # irr::kappam.fleiss prints z = 17.7
    assert found["ci_low"] < 0.430 < found["ci_high"]
    assert found == fleiss_kappa(psychiatrists)
    assert "too few" in fleiss_kappa(psychiatrists[:2])["note"]


def test_three_readers_have_one_icc_one_kappa_and_every_pair():
    classes = pd.DataFrame({name: list("abcabcabcb") for name in ("reader1", "reader2", "reader3", "tool")})
    classes.loc[[0, 4], "reader3"] = "c"
    numbers = pd.DataFrame(dict.fromkeys(classes, JUDGES["a"])) + JUDGES.to_numpy() / 10
    table = agreement("plaque", {"class": classes, "area": numbers})
    readers = "reader1, reader2, reader3"
    assert table.query('method == "Fleiss\' kappa"')["raters"].tolist() == [readers]
    assert (table["method"] == "Cohen's kappa").sum() == 6
    (over_all,) = table[(table["raters"] == readers) & table["method"].str.startswith("ICC")]["estimate"]
    assert over_all == pytest.approx(icc_by_anova(numbers.iloc[:, :3].to_numpy()))
    assert (table["method"] == "Bland-Altman bias").sum() == 6


def test_what_cannot_be_had_is_a_note():
    same = pd.DataFrame({"a": [2.0] * 5, "b": [2.0] * 5})
    assert icc(same)["note"] == "all ratings are the same"
    assert kappa(same["a"], same["b"], weighted=True)["note"] == "all ratings are the same"
    assert "too few" in icc(JUDGES[:2])["note"]
    table = agreement("plaque", {"grade": same, "area": JUDGES[["a", "b"]][:2]})
    assert table.loc[table["method"].str.startswith("ICC"), "estimate"].isna().all()


def test_words_for_agreement():
    assert [grade(value) for value in (0.39, 0.40, 0.75, 0.76)] == ["poor", "fair", "fair", "good"]


def test_readers_and_tool_are_matched_by_keys_whatever_the_order():
    plaques = pd.DataFrame(
        {
            "subject": ["A", "B", "A", "B", "C"],
            "session": ["1"] * 5,
            "lesion": [1, 1, 1, 1, None],
            "reader": ["reader2", "reader1", "reader1", "reader2", None],
            "status": ["ok", "ok", "ok", "review", "missing"],
            "lumen_area_mm2": [3.1, 5.0, 3.0, 5.2, np.nan],
            "plaque_class": ["calcified", "none", "calcified", "calcified", None],
        }
    )
    ratings = pd.DataFrame(
        {
            "participant_id": ["sub-B", "sub-A", "sub-A", "sub-B"],
            "session_id": ["ses-1"] * 4,
            "reader": ["r2", "r1", "r2", "r1"],
            "fazekas_deep": [2, 1, 1, 3],
        }
    )
    patients = pd.DataFrame({"subject": ["C", "B", "A"], "session": ["1"] * 3, "fazekas_deep": [0, 3, 1]})
    things = rated_things(ratings_table(plaques, {"readers": ratings}, patients, readings({})))
    area = things["plaque"]["lumen_area_mm2"].reset_index()
    assert area[["subject", "reader1", "reader2"]].values.tolist() == [["A", 3.0, 3.1], ["B", 5.0, 5.2]]
    fazekas = things["readers"]["fazekas_deep"].reset_index()
    assert fazekas[["subject", "r1", "r2", "tool"]].values.tolist() == [["A", 1, 1, 1], ["B", 3, 2, 3]]
    table = agreement("plaque", things["plaque"])
    assert set(table[table["measure"] == "plaque_class"]["method"]) == {"Cohen's kappa"}
    assert len(agreement("readers", things["readers"]).query("method.str.contains('kappa')")) == 3


def test_two_readers_of_marks_have_a_kappa():
    """Cohen by hand: 4 of 6 alike, both say yes of half: expected 0.5, kappa 1 / 3."""
    said = {"AB": ["keep", "keep", "keep", "reject", "reject", "reject"]}
    said["CD"] = ["keep", "move", "reject", "reject", "reject", "keep"]
    rows = [
        {
            "mark": f"{at}-{at:08x}",
            "decision": what,
            "reader": reader,
            "role": "reader",
            "kind": "calcification",
            "artery": "R-ICA",
        }
        for reader, answers in said.items()
        for at, what in enumerate(answers, start=1)
    ]
    none = pd.DataFrame(columns=["subject", "session", "lesion", "reader", "status"])
    things = rated_things(ratings_table(none, {}, pd.DataFrame(), readings({("A", "1"): rows})))
    found = agreement("calcification_marks", things["calcification_marks"]).iloc[0]
    assert (found["raters"], found["n"], found["method"]) == ("AB, CD", 6, "Cohen's kappa")
    assert found["estimate"] == pytest.approx(1 / 3)


@pytest.mark.parametrize("readers", ["random", "fixed", "nested"])
def test_the_icc_has_the_form_of_the_design(readers):
    """Shrout and Fleiss 1979, table 4: six targets and four judges."""
    expected = {"random": (0.29, 0.62), "fixed": (0.71, 0.91), "nested": (0.17, 0.44)}[readers]
    table = agreement("study", {"score": JUDGES}, AgreementDesign(readers=readers, mean_is_used=True))
    forms = table[table["method"].str.startswith("ICC")]
    assert forms["estimate"].round(2).tolist() == list(expected)
    assert forms["method"].str.slice(0, 8).tolist() == [f"ICC({'nrf'.index(readers[0]) + 1},{k})" for k in "1k"]


def repeated(sizes, between=2.0, within=1.0, seed=1):
    rng = np.random.default_rng(seed)
    subject = np.repeat(np.arange(len(sizes)), sizes)
    true = rng.normal(10, 3, len(subject))
    apart = 0.5 + rng.normal(0, between, len(sizes))[subject] + rng.normal(0, within, len(subject))
    return pd.Series(true), pd.Series(true + apart), pd.Series(subject)


def test_limits_with_several_rows_of_a_subject_hold_both_variances():
    first, second, subject = repeated(np.tile([2, 5], 300))
    found = {row["method"].split(", ")[0]: row for row in bland_altman_repeated(first, second, subject)}
    total = np.sqrt(2.0**2 + 1)
    low, high = found["Bland-Altman lower limit"], found["Bland-Altman upper limit"]
    assert low["ci_low"] < 0.5 - 1.96 * total < low["ci_high"]
    assert high["ci_low"] < 0.5 + 1.96 * total < high["ci_high"]
    assert found["Bland-Altman bias"]["ci_low"] < 0.5 < found["Bland-Altman bias"]["ci_high"]


def test_the_interval_of_repeated_limits_holds_what_it_says():
    inside = 0
    for seed in range(200):
        rows = bland_altman_repeated(*repeated(np.tile([2, 3], 15), seed=seed))
        inside += rows[2]["ci_low"] < 0.5 + 1.96 * np.sqrt(5) < rows[2]["ci_high"]
    assert inside / 200 == pytest.approx(0.95, abs=0.04)


def test_one_row_of_each_subject_has_no_repeated_limits_and_few_subjects_a_note():
    first, second, subject = repeated([1] * 20)
    assert bland_altman_repeated(first, second, subject) == []
    first, second, subject = repeated([2] * 4)
    assert "4 subjects are too few" in bland_altman_repeated(first, second, subject)[0]["note"]


def test_readers_who_learn_are_told_from_those_who_do_not():
    rng = np.random.default_rng(2)
    order = pd.Series(rng.permutation(150) + 1.0)
    first = pd.Series(rng.normal(0, 3, 150))
    learned = first + rng.normal(0, 1, 150) * np.where(order < 60, 3, 1)
    rows = learning(first, learned, order)
    assert rows[0]["estimate"] < 0
    assert rows[0]["p"] < 0.001
    assert rows[1]["estimate"] > 2 * rows[5]["estimate"]
    assert rows[5]["ci_low"] < 1 / np.sqrt(2) < rows[5]["ci_high"]
    still = learning(first, first + rng.normal(0, 1, 150), order)
    assert still[0]["p"] > 0.05
    things = pd.DataFrame({"subject": range(150), "read": order})
    table = agreement("s", {"m": pd.DataFrame({"a": first, "b": learned})}, AgreementDesign(order="read"), things)
    assert table["method"].str.startswith("learning").sum() == 6
