"""Interactions: effects at the modifier's levels and their test as R has them, and what has none says why."""

import numpy as np
import pandas as pd
import pytest

from angiolith.cohort.associations import Plan
from angiolith.cohort.interactions import interaction_table
from angiolith.cohort.interactions_picture import draw_interactions
from angiolith.cohort.outcome_models import model_of_plan
from angiolith.core.settings.analyses import Analysis
from tests.unit.cohort.modelled import TABLE, numbers
from tests.unit.cohort.r import agree

pytestmark = pytest.mark.xdist_group("r-models")
SINGLE = TABLE.drop(columns="subject")


def effects(table, plan, asked):
    return interaction_table([(model_of_plan(table, plan), asked)])


@pytest.fixture
def r_models():
    return numbers()


def test_effects_at_the_levels_of_a_yes_no_modifier_are_those_of_r(r_models):
    found = effects(SINGLE, Plan("event", 1, ["x"], {"m": ["volume"]}), {"x": "calcified"})
    own = found[found["model"] == "m"]
    assert own["at"].tolist() == ["0", "1"]
    agree(r_models, "interaction_yes_no", own[["estimate", "se"]].to_numpy().ravel())
    agree(r_models, "interaction_p", own["p_interaction"].iloc[0])
    assert own["odds_ratio"].tolist() == pytest.approx(np.exp(own["estimate"]).tolist())


def test_effects_along_a_number_are_those_of_r(r_models):
    found = effects(SINGLE, Plan("y", None, ["x"], regression="linear"), {"x": "age"})
    agree(r_models, "interaction_number", found[["estimate", "se"]].to_numpy().ravel())
    agree(r_models, "interaction_number_p", found["p_interaction"].iloc[0])
    assert [at.split(" ", 1)[1] for at in found["at"]] == ["(mean - SD)", "(mean)", "(mean + SD)"]


def test_a_planted_interaction_is_found_at_every_level_of_a_category():
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"x": rng.normal(size=900), "site": rng.choice(list("abc"), 900)})
    slope = table["site"].map({"a": 0.0, "b": 1.0, "c": 2.0})
    table["y"] = slope * table["x"] + rng.normal(0, 1, 900)
    found = effects(table, Plan("y", None, ["x"], regression="linear"), {"x": "site"}).set_index("at")
    assert found.loc[["a", "b", "c"], "estimate"].tolist() == pytest.approx([0, 1, 2], abs=0.2)
    assert found["df"].iloc[0] == 2
    assert found["p_interaction"].iloc[0] < 1e-6


def test_what_has_no_interaction_says_why():
    table = SINGLE.assign(one="a", site=np.where(SINGLE["x"] > 0, "a", np.where(SINGLE["age"] > 60, "b", "c")))
    made = effects(table, Plan("event", 1, ["x", "site"]), {"x": "one", "site": "age"})
    notes = made.set_index("predictor")["note"]
    assert "one has one level" in notes["x"]
    assert "site has more than one term" in notes["site"]
    separated = table.assign(event=(table["x"] > 0.5).astype(int))
    assert "separated" in effects(separated, Plan("event", 1, ["x"]), {"x": "calcified"})["note"].iloc[0]


def test_the_figure_is_the_same_on_every_run(tmp_path):
    made = effects(SINGLE, Plan("event", 1, ["x"], {"m": ["age"]}), {"x": "calcified"})
    for name in ("a.svg", "b.svg"):
        draw_interactions(made, {"calcified": "Any calcium"}, tmp_path / name)
    text = (tmp_path / "a.svg").read_text()
    assert text == (tmp_path / "b.svg").read_text()
    assert "Any calcium" in text


def test_the_configuration_refuses_what_makes_no_sense():
    asked = {"kind": "severity", "table": "t.tsv", "outcome": "event", "predictors": ["x"]}
    with pytest.raises(ValueError, match="not among the predictors"):
        Analysis(**asked, interactions={"age": "x"})
    with pytest.raises(ValueError, match="does not modify itself"):
        Analysis(**asked, interactions={"x": "x"})
