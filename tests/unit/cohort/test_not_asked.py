"""Scripts of tables on request: what a table cannot answer leaves an empty file, and what it can makes all of them."""

import importlib
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from angiolith.core.config import plain
from angiolith.core.settings.analyses import Analysis
from angiolith.core.tables import was_made, write_tsv
from tests.unit.cohort.modelled import TABLE

ASKED = {
    "kind": "severity",
    "table": "t.tsv",
    "missing_columns": "leave out",
    "outcome": "event",
    "predictors": ["x", "volume"],
    "models": {"m": ["age"]},
    "severity": "calcified",
    "marker_models": {"count": "negative-binomial"},
    "splines": {"x": 4},
    "interactions": {"x": "calcified"},
    "effect_sizes": True,
    "zero_inflation": True,
    "next_study": {},
    "harmonise": {"measures": ["volume", "y"], "site": "place"},
    "drift": {"measures": ["volume"], "date": "day"},
    "mediation": {"m": {"exposure": "x", "mediator": "volume", "resamples": 20}},
}
SCRIPTS = {
    "fit_splines": ["tests", "curves", "figure"],
    "fit_interactions": ["interactions", "figure"],
    "harmonise_sites": ["sites", "harmonised"],
    "chart_drift": ["summary", "points", "figure"],
    "estimate_mediation": ["mediation"],
    "size_effects": ["effect_sizes"],
    "check_zeros": ["zeros"],
    "plan_next_study": ["sizes"],
}


class Given(dict):
    def __getattr__(self, name):
        return self[name]

    def __iter__(self):
        return iter(self.values())


def outputs(script, table, folder):
    """Runs a script on a table; its outputs by name."""
    analysis = Analysis.model_validate(ASKED)
    write_tsv(table, folder / "data.tsv")
    output = Given({name: folder / f"{name}.svg" if name == "figure" else folder / name for name in SCRIPTS[script]})
    job = SimpleNamespace(
        input=Given(data=folder / "data.tsv"), output=output, params=Given(settings={"analysis": plain(analysis)})
    )
    importlib.import_module(f"scripts.{script}").main(job)
    return dict(output.items())


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_makes_its_tables(script, tmp_path):
    days = pd.date_range("2024-01-01", periods=len(TABLE)).strftime("%Y-%m-%d")
    whole = TABLE.assign(
        subject=[f"s{at}" for at in range(len(TABLE))], day=days, place=np.where(TABLE["x"] > 0, "a", "b")
    )
    made = outputs(script, whole, tmp_path)
    assert all(was_made(path) for path in made.values())
    assert len(pd.read_csv(next(iter(made.values())), sep="\t")) > 0


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_table_that_lacks_the_columns_stops_no_script(script, tmp_path):
    bare = pd.DataFrame({"subject": [f"s{at}" for at in range(40)], "event": np.arange(40) % 2})
    assert all(path.exists() for path in outputs(script, bare, tmp_path).values())
