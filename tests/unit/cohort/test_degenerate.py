"""An analysis that the data do not allow is rows with notes: no table of it, and no other analysis, is lost."""

import numpy as np
import pandas as pd
import pytest

from angiolith.cohort.associations import associations, plan_of
from angiolith.cohort.attrition import attrition_table, exclusions
from angiolith.cohort.change import change_table
from angiolith.cohort.correlations import correlations
from angiolith.cohort.dataset import add_changes, measures_of, overall_severity, severities_of
from angiolith.cohort.describe import describe
from angiolith.cohort.layout import printed_characteristics
from angiolith.cohort.marker_models import marker_tables
from angiolith.cohort.power import power_table
from angiolith.core.settings.analyses import Analysis
from angiolith.core.tables import read_tsv, write_tsv
from angiolith.report.analyses import analysis_view
from angiolith.report.texts import read_texts

ASKED = Analysis(
    kind="severity",
    table="mine",
    outcome="y",
    predictors=["x", "site"],
    models={"m1": ["z"], "m2": ["m1", "site"]},
    formulas={"f": "x * z + site"},
    imputations=2,
    group="site",
    describe=["x", "y"],
    categorical=["site", "y"],
    severity="severity",
    markers=["marker"],
    marker_models={"marker": "negative-binomial", "severity": "ordinal"},
    marker_covariates=["z", "site"],
    partial_for=["z"],
    changes={"k": {"baseline": "before", "followup": "after", "repeats": ["before", "again"]}},
    change_covariates=["z"],
)


def table(n):
    rng = np.random.default_rng(n)
    numbers = {name: rng.normal(size=n) for name in ("x", "z", "before", "after", "again")}
    words = {"y": [str(at % 2) for at in range(n)], "site": ["abc"[at % 3] for at in range(n)]}
    counts = {"severity": rng.integers(0, 4, n).astype(float), "marker": rng.poisson(2, n).astype(float)}
    given = pd.DataFrame({"subject": [f"{at:02d}" for at in range(n)], **numbers, **words, **counts})
    return given.astype({"y": object, "site": object})


DEGENERATE = {
    "no row": table(0),
    "one row": table(1),
    "two rows": table(2),
    "no event": table(30).assign(y="0"),
    "all with the event": table(30).assign(y="1"),
    "one level": table(30).assign(site="a"),
    "one level, all missing": table(30).assign(site=pd.Series(np.nan, range(30), dtype=object)),
    "a predictor that is constant": table(30).assign(x=1.0),
    "a predictor that is missing": table(30).assign(x=np.nan),
    "a covariate that is missing": table(30).assign(z=np.nan),
    "a covariate that is the predictor": table(30).assign(z=lambda given: 2 * given["x"]),
    "a predictor that is the outcome": table(30).assign(x=lambda given: given["y"].astype(float)),
    "markers that are constant": table(30).assign(marker=0.0, severity=1.0, before=1.0, after=1.0, again=1.0),
    "a change that is nearly the same for all": table(30).assign(before=lambda given: given["after"] - 1.0),
    "all rows of one subject": table(30).assign(subject="01"),
}


@pytest.mark.parametrize("given", DEGENERATE.values(), ids=DEGENERATE.keys())
def test_every_table_is_made_and_the_report_shows_it(tmp_path, given):
    data = add_changes(given, ASKED.changes, pd.Series(400.0, index=given.index))
    severity = overall_severity(data, ASKED)
    models, diagnostics = associations(data, plan_of(ASKED))
    described = describe(data, ASKED.describe, "site")
    made = {
        "data": data,
        "table1_printed": printed_characteristics(described),
        "associations": models,
        "diagnostics": diagnostics,
        "correlations": correlations(data, severities_of(data, ASKED), measures_of(ASKED)),
        "markers": marker_tables(
            data, severities_of(data, ASKED), ASKED.marker_models, ASKED.marker_covariates, ASKED.references
        )[0],
        "change": change_table(data, ASKED.changes, severity, "site", [], ASKED.change_covariates, {}),
        "power": power_table(data, ASKED.changes, severity, ASKED.power),
    }
    assert {*models["predictor"]} == {"x", "site", "x * z + site"}
    silent = models[models["estimate"].isna() & (models["note"] == "")]
    assert silent.empty, silent
    account = attrition_table("mine", data["subject"], exclusions(data, [], [], "all"))
    read = {}
    for name, each in made.items():
        write_tsv(each, tmp_path / f"{name}.tsv")
        kind = {"dtype": str} if name == "table1_printed" else {}
        read[name] = read_tsv(tmp_path / f"{name}.tsv", **kind)
        read[name] = read[name].fillna("") if name == "table1_printed" else read[name]
    assert analysis_view("mine", ASKED, account, read, read_texts()["cohort"]).forest is not None


def test_a_note_says_why_there_is_no_estimate():
    def notes(name, model="univariable", predictor="x"):
        found = associations(DEGENERATE[name], plan_of(ASKED))[0]
        return found[(found["model"] == model) & (found["predictor"] == predictor)]["note"].iloc[0]

    assert notes("no event") == "the outcome does not vary"
    assert notes("one level", predictor="site") == "site has one level only"
    assert notes("one level", "m2").startswith("not adjusted for site, which has one level only")
    assert "x does not vary" in notes("a predictor that is constant")
    assert "collinear" in notes("a covariate that is the predictor", "m1")
    assert "separation by x" in notes("a predictor that is the outcome")
