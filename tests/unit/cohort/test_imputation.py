"""Multiple imputation: what stays as it was, repeatability, and estimates that missing values would otherwise bias."""

import numpy as np
import pandas as pd
import pytest

from angiolith.cohort.associations import COMPLETE, IMPUTED, Plan, associations
from angiolith.cohort.imputation import imputable, imputed_tables, pool
from tests.unit.cohort.modelled import numbers

pytestmark = pytest.mark.xdist_group("r-models")


def cohort(seed, n=400):
    """x matters little once z is known; z is missing where x is high and the outcome is there (missing at random)."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n)
    x = 0.7 * z + rng.normal(size=n)
    table = pd.DataFrame({"subject": range(n), "x": x, "z": z, "sex": rng.choice(["f", "m"], n)})
    table["y"] = 1.0 * z + 0.5 * x + rng.normal(size=n)
    lost = rng.random(n) < 1 / (1 + np.exp(1.5 - 1.5 * table["y"]))
    table.loc[lost, "z"] = np.nan
    return table


def test_known_values_stay_and_missing_ones_come_from_known_ones():
    table = cohort(0)
    table.loc[::9, "sex"] = None
    table["site"] = np.where(np.arange(400) % 7 == 0, None, np.array(["a", "b", "c"])[np.arange(400) % 3])
    assert imputable(table, ["z", "sex", "site", "x"]) == ["z", "sex", "site"]
    filled = imputed_tables(table, table[["x", "y"]], ["z", "sex", "site"], 3, seed=1)
    for part in filled:
        known = table["z"].notna()
        assert part.loc[known, "z"].equals(table.loc[known, "z"])
        assert set(part["z"]) <= set(table["z"].dropna())
        assert set(part["sex"]) == {"f", "m"}
        assert set(part["site"]) == {"a", "b", "c"}
        assert part.loc[table["site"].notna(), "site"].equals(table.loc[table["site"].notna(), "site"])
    assert not filled[0]["z"].equals(filled[1]["z"])


def test_the_same_seed_gives_the_same_tables():
    table = cohort(0)
    first, second, other = (imputed_tables(table, table[["x", "y"]], ["z"], 2, seed=seed) for seed in (1, 1, 2))
    assert all(a.equals(b) for a, b in zip(first, second, strict=True))
    assert not first[0].equals(other[0])


def test_imputation_takes_away_the_bias_of_complete_cases():
    plan = Plan("y", predictors=["x"], models={"m": ["z"]}, regression="linear", imputations=5, seed=3)
    found = {COMPLETE: [], IMPUTED: []}
    for seed in range(6):
        table, _ = associations(cohort(seed), plan)
        for row in table[table["model"] == "m"].to_dict("records"):
            found[row["data"]].append(row["estimate"])
    assert np.mean(found[IMPUTED]) == pytest.approx(0.5, abs=0.06)
    assert abs(np.mean(found[COMPLETE]) - 0.5) > abs(np.mean(found[IMPUTED]) - 0.5)


def test_both_answers_stand_side_by_side_and_a_missing_predictor_is_never_imputed():
    table = cohort(1)
    table["event"] = (table["y"] > 0).astype(float)
    table.loc[:29, "x"] = np.nan
    plan = Plan("event", predictors=["x"], models={"m": ["z"], "n": ["sex"]}, imputations=4, seed=3)
    rows = associations(table, plan)[0].set_index(["model", "data"])
    assert set(rows.index) == {("univariable", COMPLETE), ("m", COMPLETE), ("m", IMPUTED), ("n", COMPLETE)}
    assert rows.loc[("m", IMPUTED), "n"] == 370
    assert rows.loc[("m", COMPLETE), "n"] == (table["x"].notna() & table["z"].notna()).sum()
    assert "4 imputations" in rows.loc[("m", IMPUTED), "method"]
    assert "fraction of missing information" in rows.loc[("m", IMPUTED), "note"]
    assert "30 row(s)" in rows.loc[("m", IMPUTED), "note"]
    none = associations(table, Plan("event", predictors=["x"], models={"m": ["z"]}))[0]
    assert set(none["data"]) == {COMPLETE}


def test_a_missing_category_follows_what_is_known_of_it():
    """Boys' Tanner stage (5 levels, two thirds missing) by age, which R's mice carries; its polyreg draws otherwise."""
    r = numbers()
    boys = pd.DataFrame(np.reshape(r["boys"], (-1, 2)), columns=["age", "stage"])
    stage = boys["stage"].map(lambda level: f"G{level:.0f}").where(boys["stage"] > 0)
    filled = imputed_tables(boys.assign(stage=stage), boys[["age"]], ["stage"], 40, seed=1)
    drawn = pd.concat([part.loc[stage.isna(), ["age", "stage"]] for part in filled])
    by_stage = drawn.groupby("stage")["age"]
    assert (by_stage.size() / len(drawn)).tolist() == pytest.approx(r["boys_part"], abs=0.02)
    assert by_stage.mean().tolist() == pytest.approx(r["boys_age"], abs=0.6)  # years, of 0 to 21


def test_imputing_a_category_takes_away_the_bias_of_complete_cases():
    """The site of every second row with a high outcome is lost; b adds 1 to it, c 2."""
    found = {COMPLETE: [], IMPUTED: []}
    for seed in range(4):
        rng = np.random.default_rng(seed)
        site = rng.choice(list("abc"), 500)
        x = rng.normal(size=500) + (site == "c")
        y = 0.5 * x + 1.0 * (site == "b") + 2.0 * (site == "c") + rng.normal(0, 0.7, 500)
        lost = (y > 1) & (rng.random(500) < 0.7)
        table = pd.DataFrame({"subject": range(500), "x": x, "y": y, "site": np.where(lost, None, site)})
        plan = Plan("y", predictors=["x"], models={"m": ["site"]}, regression="linear", imputations=5, seed=1)
        rows = associations(table, plan)[0]
        for row in rows[rows["model"] == "m"].to_dict("records"):
            found[row["data"]].append(row["estimate"])
            assert row["n"] == (500 if row["data"] == IMPUTED else (~lost).sum())
    assert np.mean(found[IMPUTED]) == pytest.approx(0.5, abs=0.06)
    assert abs(np.mean(found[COMPLETE]) - 0.5) > abs(np.mean(found[IMPUTED]) - 0.5)


def test_without_variance_between_imputations_pooling_changes_nothing():
    found = pool(np.array([0.4, 0.4, 0.4]), np.array([0.1, 0.1, 0.1]), 200)
    assert (found.estimate, found.se) == pytest.approx((0.4, 0.1))
    assert found.df == pytest.approx(200 * 201 / 203)  # Barnard and Rubin's, without missing information
    assert found.missing_information < 0.01
