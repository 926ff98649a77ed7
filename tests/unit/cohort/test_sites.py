"""Sites pooled: against R's metafor, against the fit of all rows, and what a bundle may not say."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from typer.testing import CliRunner

from angiolith.cli import app
from angiolith.cohort.associations import Plan
from angiolith.cohort.federation import BundleError, bundle_of, check_bundles, pooled_table
from angiolith.cohort.pooling import pool_sites
from angiolith.cohort.sites import AT_SITE, POOLED, RANDOM, TOGETHER, WITHOUT, compare_sites
from tests.unit.cohort.r import agree, numbers_of_r

SITES = pd.DataFrame({"yi": [0.3, 0.9, -0.1, 0.55, 1.4], "sei": [0.2, 0.25, 0.3, 0.15, 0.4]})
EFFECT, SHIFT = 0.5, 3.0


@pytest.fixture(scope="module")
def r(tmp_path_factory):
    return numbers_of_r("reference_pooling.R", {"sites": SITES}, tmp_path_factory.mktemp("r"))


def numbers(pooled):
    return [getattr(pooled, name) for name in ("estimate", "se", "tau2", "q", "q_p", "i2_percent")]


@pytest.mark.parametrize(("method", "name"), [("common effect", "EE"), ("DerSimonian-Laird", "DL"), ("REML", "REML")])
def test_pooling_is_that_of_metafor(r, method, name):
    found = numbers(pool_sites(SITES["yi"].to_numpy(), SITES["sei"].to_numpy(), method))
    agree(r, name, found)


def test_pooling_of_a_public_data_set(r):
    """Thirteen trials of the BCG vaccine (Colditz 1994), which R's metafor carries."""
    estimates, errors = np.reshape(r["bcg"], (-1, 2)).T
    agree(r, "bcg_reml", numbers(pool_sites(estimates, errors)))


def cohort(n=900, seed=4):
    """wmh rises by 0.5 per unit of x everywhere; site c measures 3 more; x is larger there, too."""
    rng = np.random.default_rng(seed)
    site = rng.choice(["a", "b", "c"], n)
    table = pd.DataFrame({"site": site, "x": rng.normal(size=n) + 2.0 * (site == "c"), "age": rng.normal(65, 8, n)})
    table["sex"] = rng.choice(["F", "M"], n)
    table["wmh"] = EFFECT * table["x"] + SHIFT * (site == "c") + 0.02 * table["age"] + rng.normal(size=n)
    table["high"] = (rng.random(n) < stats.logistic.cdf(EFFECT * table["x"] - 1)).astype(int).astype(str)
    return table.astype({"site": object, "sex": object, "high": object})


TABLE = cohort()
LINEAR = Plan("wmh", predictors=["x"], models={"m": ["age", "sex"]}, regression="linear", references={"sex": "F"})
LOGISTIC = Plan("high", "1", ["x"], {"m": ["age", "sex"]}, references={"sex": "F"})


def bundles(plan):
    return [bundle_of(part, plan, name, 10) for name, part in TABLE.groupby("site")]


def test_the_pooled_linear_fit_is_that_of_all_rows():
    pooled = pooled_table(bundles(LINEAR)).set_index(["model", "method"])
    columns = np.column_stack([np.ones(len(TABLE)), TABLE["x"], TABLE["age"], TABLE["sex"] == "M"]).astype(float)
    for name, extra in (
        ("one intercept", []),
        ("an intercept for each site", [TABLE["site"] == "b", TABLE["site"] == "c"]),
    ):
        x = np.column_stack([columns, *extra]).astype(float)
        beta, squares = np.linalg.lstsq(x, TABLE["wmh"], rcond=None)[:2]
        error = np.sqrt(squares[0] / (len(x) - x.shape[1]) * np.linalg.inv(x.T @ x)[1, 1])
        row = pooled.loc[("m", f"least squares of all rows, {name}")]
        np.testing.assert_allclose([row["estimate"], row["se"]], [beta[1], error], rtol=1e-8)
        assert row["n"] == len(TABLE)


def test_a_planted_site_effect_is_removed_and_the_biological_one_kept():
    found = compare_sites(TABLE, LINEAR, "site").query("model == 'm'")
    together = found[found["what"] == TOGETHER].iloc[0]
    pooled = found[(found["what"] == POOLED) & (found["method"] == "REML")].iloc[0]
    for row in (together, pooled):
        assert row["ci_low"] < EFFECT < row["ci_high"]
        assert row["se"] < 0.06
    crude = (
        pooled_table(bundles(LINEAR))
        .set_index(["model", "method"])
        .loc[("m", "least squares of all rows, one intercept")]
    )
    assert crude["ci_low"] > EFFECT + 0.3  # what ignoring the sites would have said
    assert found[found["what"] == AT_SITE]["site"].tolist() == ["a", "b", "c"]
    assert len(found[found["what"] == WITHOUT]) == 3


def test_a_random_intercept_of_the_site_removes_the_site_effect():
    found = compare_sites(TABLE, LINEAR, "site").query("model == 'm'")
    row = found[found["what"] == RANDOM].iloc[0]
    assert row["ci_low"] < EFFECT < row["ci_high"]
    assert "3 sites: the variance between them is hardly known" in row["note"]
    logistic = compare_sites(TABLE, LOGISTIC, "site").query("model == 'm'")
    of_odds = logistic[logistic["what"] == RANDOM].iloc[0]
    assert abs(of_odds["estimate"] - EFFECT) < 3 * of_odds["se"]
    together = logistic[logistic["what"] == TOGETHER].iloc[0]
    assert abs(of_odds["estimate"] - together["estimate"]) < of_odds["se"] / 2  # three sites: their effects are shrunk
    assert of_odds["odds_ratio"] == pytest.approx(np.exp(of_odds["estimate"]))
    repeated = TABLE.assign(subject="s")
    assert RANDOM not in set(compare_sites(repeated, LINEAR, "site")["what"])


@pytest.mark.parametrize("plan", [LINEAR, LOGISTIC])
def test_rows_that_stand_twice_make_no_site_surer(plan):
    once = TABLE.assign(subject=[f"{at:03d}" for at in range(len(TABLE))])
    twice = pd.concat([once, once], ignore_index=True)
    asked = "model == 'm' and what != @RANDOM"  # which is not made of rows that repeat
    single, doubled = (compare_sites(table, plan, "site").query(asked) for table in (once, twice))
    np.testing.assert_allclose(doubled["se"].astype(float), single["se"].astype(float), rtol=0.05)
    if plan is LOGISTIC:
        errors = [bundle_of(table, plan, "a", 10)["models"][1]["estimates"]["x"][1] for table in (once, twice)]
        assert errors[1] == pytest.approx(errors[0], rel=0.05)


def test_subjects_that_repeat_are_no_independent_rows_of_a_linear_bundle():
    once = TABLE.assign(subject=[f"{at:03d}" for at in range(len(TABLE))])
    twice = pd.concat([once, once], ignore_index=True)

    def pooled(doubled):
        parts = [
            bundle_of((twice if name in doubled else once).query("site == @name"), LINEAR, name, 10) for name in "abc"
        ]
        return parts, pooled_table(json.loads(json.dumps(parts, allow_nan=False)))

    parts, found = pooled("abc")
    assert all("xx" not in model for model in parts[0]["models"])
    row = found[(found["model"] == "m") & (found["method"] == "two-stage, REML")].iloc[0]
    single = compare_sites(once, LINEAR, "site")
    single = single[(single["model"] == "m") & (single["what"] == POOLED) & (single["method"] == "REML")].iloc[0]
    assert row["estimate"] == pytest.approx(single["estimate"], rel=0.02)
    assert row["se"] == pytest.approx(single["se"], rel=0.05)  # and not smaller by the root of two
    _, mixed = pooled("a")  # the others hand over sums, from which their estimates are taken
    row = mixed[(mixed["model"] == "m") & (mixed["method"] == "two-stage, REML")].iloc[0]
    assert row["se"] == pytest.approx(single["se"], rel=0.05)
    assert row["n_sites"] == 3


def test_a_small_cell_is_counted_in_subjects():
    few = TABLE[TABLE["site"] == "a"].assign(subject=np.arange((TABLE["site"] == "a").sum()))
    few["sex"] = ["M"] * 6 + ["F"] * (len(few) - 6)
    thrice = pd.concat([few] * 3, ignore_index=True)  # 18 rows of men, and 6 men
    assert "fewer than 10 subjects" in bundle_of(thrice, LINEAR, "a", 10)["models"][1]["refused"]


def test_logistic_bundles_pool_as_their_own_sites_do():
    pooled = pooled_table(bundles(LOGISTIC)).set_index(["model", "method"])
    own = compare_sites(TABLE, LOGISTIC, "site")
    own = own[own["what"] == POOLED].set_index(["model", "method"])
    for method in ("common effect", "REML"):
        first, second = pooled.loc[("m", f"two-stage, {method}")], own.loc[("m", method)]
        np.testing.assert_allclose(
            first[["estimate", "se", "ci_low"]].astype(float), second[["estimate", "se", "ci_low"]].astype(float)
        )


def test_a_bundle_holds_no_small_cell_and_no_category_without_a_reference():
    few = TABLE[TABLE["site"] == "a"].copy()
    few["sex"] = ["M"] * 4 + ["F"] * (len(few) - 4)
    (alone, adjusted) = bundle_of(few, LINEAR, "a", 10)["models"]
    assert "refused" not in alone
    assert "fewer than 10 rows" in adjusted["refused"]
    assert "xx" not in adjusted
    loose = Plan("wmh", predictors=["x"], models={"m": ["sex"]}, regression="linear")
    assert "name the reference of sex" in bundle_of(TABLE, loose, "a", 10)["models"][1]["refused"]
    tiny = bundle_of(TABLE.iloc[:9], LINEAR, "a", 10)["models"]
    assert all("too few" in model["refused"] for model in tiny)


def test_a_changed_bundle_and_another_question_are_refused():
    first, second, _ = bundles(LINEAR)
    check_bundles({"a.json": first, "b.json": second})
    changed = json.loads(json.dumps(second))
    changed["models"][0]["yy"] += 1
    for other, why in ((changed, "was changed"), (bundles(LOGISTIC)[1], "pool one plan only"), (first, "is also in")):
        with pytest.raises(BundleError, match=why):
            check_bundles({"a.json": first, "b.json": other})


def test_one_command_pools_the_files(tmp_path):
    for bundle in bundles(LINEAR):
        (tmp_path / f"{bundle['site']}.json").write_text(json.dumps(bundle))
    files = [str(path) for path in sorted(tmp_path.glob("*.json"))]
    done = CliRunner().invoke(app, ["pool", *files, "--table", str(tmp_path / "pooled.tsv")])
    assert done.exit_code == 0, done.output
    assert len(pd.read_csv(tmp_path / "pooled.tsv", sep="\t")) == 4
