"""The tables of outcomes over time: a planted hazard ratio, numbers at risk, and what the data do not allow."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from angiolith.cohort.dataset import read_dataset
from angiolith.cohort.survival.curves_picture import draw_curves
from angiolith.cohort.survival.outcomes import KAPLAN_MEIER, outcome_tables
from angiolith.core.config import Analysis, plain
from angiolith.core.settings.analyses import FollowUp
from angiolith.core.tables import write_tsv
from scripts.fit_outcomes import main as fit_outcomes
from tests.hostile.case import Given

N = 4000


def cohort(n=N, seed=5):
    """A hazard that doubles with calcification and depends on age; death competes; both depend on nothing else."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"calcified": rng.integers(0, 2, n).astype(float), "age": rng.normal(65, 8, n)})
    stroke = rng.exponential(20 / np.exp(np.log(2) * table["calcified"] + 0.04 * (table["age"] - 65)))
    death, lost = rng.exponential(30, n), rng.uniform(1, 10, n)
    table["years"] = np.minimum(np.minimum(stroke, death), lost)
    table["what"] = np.select([table["years"] == stroke, table["years"] == death], ["stroke", "death"], "none")
    table["subject"] = [f"{at:04d}" for at in range(n)]
    table["group"] = np.where(table["calcified"] == 1, "calcified", "clear")
    return table


def settings(**given):
    wanted = {"time": "years", "event": "what", "event_values": ["stroke"], "predictors": ["calcified"]}
    return FollowUp(**(wanted | {"models": {"m1": ["age"]}, "times": [1, 5, 20]} | given))


def tables(table, follow_up):
    return outcome_tables(table, {"stroke": follow_up}, table["group"], ["clear", "calcified"], {}, {})


def test_a_planted_hazard_ratio_is_recovered():
    _, _, hazards = tables(cohort(), settings(competing_values=["death"], competing_model="cause-specific"))
    adjusted = hazards[hazards["model"] == "m1"].iloc[0]
    assert adjusted["ci_low"] < 2 < adjusted["ci_high"]
    assert adjusted["hazard_ratio"] == pytest.approx(2, rel=0.12)
    assert adjusted["ph_p"] > 0.001
    assert adjusted["adjusted_for"] == "age"


def test_risks_are_those_of_the_model_that_drew_the_cohort():
    """Of the clear at age 65 without competing death: 1 - exp(-t / 20), here over the ages by a plain sum."""
    table = cohort()
    _, risks, _ = tables(table, settings(competing_values=["death"]))
    rate = np.exp(0.04 * (table["age"] - 65))[table["group"] == "clear"] / 20
    total = rate + 1 / 30
    expected = (rate / total * (1 - np.exp(-total * 5))).mean()
    row = risks[(risks["group"] == "clear") & (risks["time"] == 5)].iloc[0]
    assert row["ci_low"] < expected < row["ci_high"]
    assert row["at_risk"] == ((table["group"] == "clear") & (table["years"] >= 5)).sum()
    assert risks.loc[risks["time"] == 20, "estimate"].isna().all()  # nobody was watched for so long
    assert risks["log_rank_p"].iloc[0] < 1e-6


def test_hazards_that_are_not_proportional_are_said():
    rng = np.random.default_rng(0)
    table = cohort(2000)
    shape = np.where(table["calcified"] == 1, 3.0, 0.6)
    table["years"], table["what"] = rng.weibull(shape) * 4, "stroke"
    found = tables(table, settings())[2].iloc[0]
    assert found["ph_p"] < 1e-6
    assert "not proportional" in found["note"]


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({"what": "none"}, "0 event(s) are too few"),
        ({"calcified": 1.0}, "calcified does not vary"),
        ({"what": ["stroke"] * 4 + ["none"] * 36}, "4 event(s) are too few"),
        ({"age": np.nan}, "40 row(s) without all values left out"),
    ],
)
def test_what_the_data_do_not_allow_is_a_note(change, note, tmp_path):
    table = cohort(40).assign(**change)
    curves, risks, hazards = tables(table, settings())
    assert note in hazards.iloc[-1]["note"]
    assert np.isnan(hazards.iloc[-1]["hazard_ratio"])
    draw_curves(curves, risks, {"stroke": settings()}, {}, tmp_path / "c.svg")


def test_rows_without_a_time_after_the_entry_are_counted():
    table = cohort(200)
    table.loc[:2, "years"] = [np.nan, 0.0, -1.0]
    _, risks, hazards = tables(table, settings())
    assert risks["n"].iloc[0] == 197
    assert "3 row(s) without event or a time after the entry left out" in hazards["note"].iloc[0]


def test_rows_of_one_subject_get_robust_errors():
    table = cohort(200)
    twice = pd.concat([table, table], ignore_index=True)
    once, doubled = (tables(rows, settings())[2].iloc[0] for rows in (table, twice))
    assert "robust" in doubled["method"]
    assert doubled["estimate"] == pytest.approx(once["estimate"], rel=0.02)  # ties differ
    assert doubled["se"] > 0.8 * once["se"]  # and not smaller by the root of two


def test_the_figure_is_the_same_on_every_run_and_has_the_numbers_at_risk(tmp_path):
    curves, risks, _ = tables(cohort(300), settings())
    for name in ("a.svg", "b.svg"):
        draw_curves(curves, risks, {"stroke": settings()}, {"clear": "No calcium"}, tmp_path / name)
    text = (tmp_path / "a.svg").read_text()
    assert text == (tmp_path / "b.svg").read_text()
    assert "No calcium" in text
    assert "At risk at 1, 5, 20" in text
    assert set(curves["kind"]) == {KAPLAN_MEIER}


def test_the_configuration_names_columns_and_refuses_what_cannot_be(tmp_path):
    analysis = Analysis(kind="severity", table="t.tsv", follow_up={"stroke": settings()})
    path = tmp_path / "t.tsv"
    cohort(30).to_csv(path, sep="\t", index=False)
    read = read_dataset(path, analysis)
    assert set(read["what"]) <= {"stroke", "death", "none"}
    with pytest.raises(ValueError, match="not supported"):
        settings(entry="age", competing_values=["death"])
    with pytest.raises(ValueError, match="either the event or a competing"):
        settings(competing_values=["stroke"])


def test_outcomes_whose_columns_are_missing_are_not_made(tmp_path):
    analysis = Analysis(kind="severity", table="t.tsv", missing_columns="leave out", follow_up={"stroke": settings()})
    write_tsv(pd.DataFrame({"subject": ["a", "b"]}), tmp_path / "data.tsv")
    output = [tmp_path / name for name in ("curves.tsv", "risks.tsv", "hazards.tsv", "curves.svg")]
    given, params = Given(data=tmp_path / "data.tsv"), Given(settings={"analysis": plain(analysis)})
    fit_outcomes(SimpleNamespace(input=given, output=output, params=params))
    assert [path.stat().st_size for path in output] == [0] * 4
