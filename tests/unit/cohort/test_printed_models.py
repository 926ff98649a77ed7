"""The models side by side, in print, and the files that a printed table is written as."""

import json

import numpy as np
import pandas as pd

from angiolith.cohort.associations import Plan, associations
from angiolith.cohort.layout import models_cells, number_text, p_text, printed_models
from angiolith.cohort.printed_cells import PrintedCell, texts_of
from angiolith.cohort.printed_labels import printed_labels
from angiolith.cohort.publish import html_table, latex, models_notes, with_addresses, write_printed
from angiolith.core.cells import address_parts
from angiolith.core.identifiers import is_identifying_column
from angiolith.core.tables import read_tsv, write_tsv

RNG = np.random.default_rng(3)
ROWS = pd.DataFrame({"x": RNG.normal(size=120), "z": RNG.normal(size=120)}).assign(
    y=lambda rows: (RNG.random(120) < 1 / (1 + np.exp(-rows["x"]))).astype(float)
)
TABLE = associations(ROWS, Plan("y", predictors=["x", "z"], models={"m1": ["z"]}, per={"x": 10}))[0]


def test_each_model_is_a_column_with_its_size_and_the_primary_one_is_marked():
    printed = printed_models(TABLE, "m1", {"x": "Stenosis"})
    assert list(printed.columns) == [
        "term", "univariable (n = 120)", "univariable: p", "m1* (n = 120)", "m1*: p",
    ]  # fmt: skip
    assert printed["term"].tolist() == ["Stenosis, per 10", "z"]
    row = TABLE[(TABLE["model"] == "m1") & (TABLE["term"] == "x")].iloc[0]
    assert printed["m1* (n = 120)"].iloc[0].startswith(f"{row['odds_ratio']:.0f} (")
    assert any("primary" in note for note in models_notes(TABLE, "m1"))


def test_q_is_adjusted_over_the_terms_of_one_model():
    for _, part in TABLE.groupby("model"):
        low, high = sorted(part["p"])
        np.testing.assert_allclose(sorted(part["q"]), [min(2 * low, high), high])


def test_a_handful_of_rows_gives_no_odds_ratio_and_says_why():
    few = ROWS.iloc[:12].assign(y=[1.0] * 4 + [0.0] * 8)
    table, checks = associations(few, Plan("y", predictors=["x"]))
    assert table["estimate"].isna().all()
    assert "4 row(s) of the rarer outcome are too few" in table["note"].iloc[0]
    assert checks[["auc", "hosmer_lemeshow_p"]].isna().all(axis=None)


def test_every_form_of_a_printed_table_has_every_cell(tmp_path):
    printed = pd.DataFrame({"term": ["a_b & <c>"], "m (n = 5)": ["1.2 (50 %)"]})
    files = [tmp_path / f"t{ending}" for ending in ("_printed.tsv", "_sources.tsv", ".md", ".docx", ".tex", ".html")]
    write_printed(printed.map(PrintedCell), "Models: 1_2", ["a note"], files)
    assert all(path.stat().st_size for path in files)
    assert r"a\_b \& \textless{}c\textgreater{} & 1.2 (50 \%) \\" in latex(printed, "t")
    assert "<td>a_b &amp; &lt;c&gt;</td>" in html_table(printed, "t")


def test_every_number_of_a_printed_table_has_its_source(tmp_path):
    """What the address names in the statistics' table is what is printed."""
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"subject": range(60), "x": rng.normal(5, 2, 60), "site": rng.choice(["a:1", "b"], 60)})
    data["event"] = (rng.random(60) < 0.5).astype(int)
    table, _ = associations(data, Plan("event", 1, ["x", "site"], {"m": ["site"]}))
    (tmp_path / "cohort").mkdir()
    path = tmp_path / "cohort" / "study_associations.tsv"
    write_tsv(table, path)
    cells = models_cells(with_addresses(table, path), "m", {"x": "X, mm"})
    write_printed(cells, "Models", [], [tmp_path / "t_sources.tsv"])
    sources = read_tsv(tmp_path / "t_sources.tsv", dtype=str)
    assert not any(map(is_identifying_column, sources))  # else it could not be published
    assert texts_of(cells).equals(printed_models(table, "m", {"x": "X, mm"}))
    written = read_tsv(path, dtype=str)
    for source in sources.to_dict("records"):
        file, *keys, column = address_parts(source["cell"])
        assert file == "cohort/study_associations.tsv"
        row = written[np.logical_and.reduce([written[key.split("=")[0]] == key.split("=", 1)[1] for key in keys])]
        assert len(row) == 1
        text = p_text(float(row[column].iloc[0])) if column == "p" else number_text(float(row[column].iloc[0]))
        assert text in source["text"]
    filled = texts_of(cells).iloc[:, 1:].ne("").sum().sum()
    assert len(sources.drop_duplicates(["row", "column"])) == filled


def test_labels_come_from_the_configuration_and_else_from_the_data_dictionary(tmp_path):
    path = tmp_path / "participants.json"
    path.write_text(json.dumps({"age": {"Description": "Age", "Units": "years"}, "bmi": {"LongName": "Body mass"}}))
    labels = printed_labels({"bmi": "BMI"}, {"age_years": "age"}, [path, tmp_path / "none.json"])
    assert labels == {"age": "Age, years", "bmi": "BMI", "age_years": "Age, years"}
