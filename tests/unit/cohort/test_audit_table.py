"""The auditor on both studies' prints, on prints made from known data, and on prints with one fault put in."""

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats

from angiolith.cohort.audit_table import CONSISTENT, INCONSISTENT, UNCHECKED, audit, read_printed
from angiolith.cohort.printed import PrintedError, printed_number
from angiolith.cohort.summaries import grouped_pearson
from angiolith.core.config import validate
from angiolith.core.tables import read_tsv
from scripts.audit_table import main
from validation.reproduce import PUBLISHED, TESTS, made_again, rows_of


def audited(study):
    return audit(read_printed(PUBLISHED / f"{study}.yaml"))


def verdicts(table, row, cell):
    return table[(table["row"] == row) & (table["cell"] == cell)]


def test_fisher_is_found_behind_the_counts_of_the_lesion_study():
    found = verdicts(audited("vba"), "counts", "test").iloc[0]
    assert found["test"] == "Fisher's exact"
    assert found["recomputed"].startswith("Fisher's exact 5 (8) of 8")
    twice = audited("vba")["explanation"].str.contains("Fisher's exact, rounded twice")
    assert set(audited("vba")[twice]["row"]) == {"hyperlipidemia", "basilar_artery"}


def test_the_odds_ratio_of_the_lesion_study_is_a_wald_one():
    table = audited("vba")
    cells = table[table["table"] == "Table 3"]
    assert cells["verdict"].eq(CONSISTENT).all()
    assert "Wald test of the odds ratio" in verdicts(cells, "any_calcification", "p")["test"].iloc[0]


def test_the_lipids_of_the_lesion_study_are_not_in_their_unit():
    table = audited("vba")
    for row in ("ldl_mg_dl", "hdl_mg_dl", "total_cholesterol_mg_dl", "triglyceride_mg_dl"):
        found = verdicts(table, row, "unit").iloc[0]
        assert found["verdict"] == INCONSISTENT
        assert "looks like mmol/l times 18 (the factor of glucose)" in found["explanation"]


def test_chi_square_is_found_behind_the_counts_of_the_patient_study():
    table = audited("csvd")
    assert verdicts(table, "counts", "test").iloc[0]["test"] == "chi-square"
    assert verdicts(table, "counts", "test").iloc[0]["recomputed"] == "chi-square 3 (3) of 3"
    assert verdicts(table, "age_years", "statistic").iloc[0]["verdict"] == CONSISTENT


def test_the_impossible_p_values_of_the_patient_study_are_named():
    table = audited("csvd")
    for row, r in (("fazekas_change", "0.33"), ("wmh_volume_change_cm3", "0.21")):
        found = verdicts(table, row, "p").iloc[0]
        assert found["verdict"] == INCONSISTENT
        assert found["explanation"] == f"r = {r} at n = 126 cannot have this p"
        assert verdicts(table, row, "r").iloc[0]["verdict"] == UNCHECKED
    assert verdicts(table, "wmh_volume_cm3", "p").iloc[0]["verdict"] == CONSISTENT
    means = verdicts(table, "n_microbleeds", "mean")
    assert means["verdict"].tolist() == [CONSISTENT, CONSISTENT, INCONSISTENT]
    assert means["recomputed"].iloc[2] == "6.194 or 6.226"
    assert verdicts(table, "fazekas_change", "sd")["verdict"].tolist() == [INCONSISTENT, CONSISTENT, CONSISTENT]


@pytest.mark.parametrize("seed", range(12))
def test_a_true_print_of_drawn_data_is_consistent_throughout(seed):
    rng = np.random.default_rng(seed)
    first, second = rng.normal(50, 9, 40), rng.normal(53, 9, 35)
    yes = [int(rng.integers(8, 30)), int(rng.integers(8, 30))]
    counts = np.array([[yes[0], 40 - yes[0]], [yes[1], 35 - yes[1]]])
    x, y = np.repeat([0, 1], [40, 35]), np.concatenate([first, second])
    r, p_r = stats.pearsonr(x, y)
    p_means = stats.ttest_ind(first, second).pvalue
    p_counts = stats.chi2_contingency(counts, correction=False).pvalue
    summary = [[f"{part.mean():.2f}", f"{part.std(ddof=1):.2f}"] for part in (first, second)]
    rows = [
        {"row": "a", "mean_sd": summary, "p": f"{p_means:.3f}"},
        {"row": "b", "counts": list(map(str, yes)), "p": f"{p_counts:.3f}",
         "percent": [f"{100 * yes[0] / 40:.1f}", f"{100 * yes[1] / 35:.1f}"]},
        {"row": "c", "mean_sd": summary, "r": f"{r:.3f}", "p": f"{p_r:.3f}"},
    ]  # fmt: skip
    content = {"groups": {"one": "40", "two": "35"}, "tables": {"t": rows}}
    table = audit(content)
    assert table["verdict"].eq(CONSISTENT).all(), table[table["verdict"] != CONSISTENT].to_string()
    wrong = [{**rows[0], "p": f"{min(p_means + 0.05, 1) if p_means < 0.5 else p_means - 0.05:.3f}"}]
    assert audit({**content, "tables": {"t": wrong}})["verdict"].eq(INCONSISTENT).any()


def test_pearson_from_group_summaries_is_that_of_the_rows():
    rng = np.random.default_rng(1)
    groups = [rng.gamma(2, 2 + rank, n) for rank, n in enumerate((20, 12, 9))]
    summaries = [(part.mean(), part.std(ddof=1)) for part in groups]
    x = np.repeat([0.0, 1.0, 2.0], [20, 12, 9])
    found = grouped_pearson(summaries, [20, 12, 9], np.arange(3.0))
    assert found == pytest.approx(np.corrcoef(x, np.concatenate(groups))[0, 1])


@pytest.mark.parametrize(
    ("row", "cell", "verdict"),
    [
        ({"counts": ["12", "9"], "percent": ["60.0", "45.0"]}, "percent", [CONSISTENT, CONSISTENT]),
        ({"counts": ["12", "9"], "percent": ["61.0", "45.0"]}, "percent", [INCONSISTENT, CONSISTENT]),
        ({"counts": [["12", "7"], ["9", "11"]]}, "counts", [INCONSISTENT]),
        ({"or": "2.00", "ci": ["1.00", "4.00"], "p": "0.05"}, "or", [CONSISTENT]),
        ({"or": "2.50", "ci": ["1.00", "4.00"], "p": "0.05"}, "or", [INCONSISTENT]),
        ({"or": "2.00", "ci": ["1.00", "4.00"], "p": "0.05"}, "p", [CONSISTENT]),
        ({"or": "2.00", "ci": ["1.00", "4.00"], "p": "0.20"}, "p", [INCONSISTENT]),
        ({"p": "0.20"}, "p", [UNCHECKED]),
    ],
)
def test_each_cell_has_its_verdict(row, cell, verdict):
    table = audit({"groups": {"a": "20", "b": "20"}, "tables": {"t": [{"row": "x", **row}]}})
    assert table[table["cell"] == cell]["verdict"].tolist() == verdict


def test_printed_numbers_and_files_that_are_none(tmp_path):
    assert (printed_number("0.50").low, printed_number("0.50").high) == pytest.approx((0.495, 0.505))
    assert printed_number("<0.001").covers(0.0004)
    assert not printed_number("<0.001").covers(0.02)
    with pytest.raises(PrintedError, match="'NS' is not a printed number"):
        printed_number("NS")
    path = tmp_path / "t.yaml"
    path.write_text("groups: {a: 3}\ntables: {T: [{row: x, mean: 3}]}\n")
    with pytest.raises(PrintedError, match="T: x: 'mean' is no key; did you mean 'mean_sd'"):
        read_printed(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("groups: {a: 3}\ntables: {T: [{row: x, mean: 3}]}\n", "t.yaml: T: x: 'mean' is no key"),
        (
            "groups: {a: 3, b: 4}\ntables: {T: [{row: x, mean_sd: [[NS, 1], [2, 1]]}]}\n",
            "t.yaml: 'NS' is not a printed",
        ),
        ("groups: [", "t.yaml: cannot be read as YAML"),
    ],
)
def test_a_printed_table_that_cannot_be_read_says_so_and_stops_no_other_job(tmp_path, text, said):
    (tmp_path / "t.yaml").write_text(text)
    given = SimpleNamespace(printed=tmp_path / "t.yaml")
    main(SimpleNamespace(input=given, output=SimpleNamespace(audit=tmp_path / "a.tsv")))
    (line,) = read_tsv(tmp_path / "a.tsv").to_dict("records")
    assert line["verdict"] == "cannot be read"
    assert said in line["explanation"]


@pytest.mark.parametrize("study", TESTS)
def test_the_reconstructed_rows_hold_every_printed_summary(study):
    content = read_printed(PUBLISHED / f"{study}.yaml")
    table = rows_of(content)
    for row in (row for rows in content["tables"].values() for row in rows):
        for at, (name, _) in enumerate(content["groups"].items()):
            values = table.loc[table["group"] == name, row["row"]]
            if "counts" in row:
                given = row["counts"][at]
                assert values.sum() == int(given if isinstance(given, str) else given[0])
            else:
                assert [values.mean(), values.std()] == pytest.approx([float(text) for text in row["mean_sd"][at]])
    compared = made_again(study, content, table)
    assert len(compared) > 10
    assert not compared["difference"].isna().any()
    assert pd.Series(compared["difference"]).ne("").all()


def test_the_examples_of_the_reference_are_what_the_project_reads(tmp_path):
    text = (PUBLISHED.parents[1] / "config/README.md").read_text(encoding="utf-8")
    analyses, printed = re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL)
    assert "mine" in validate(yaml.safe_load(analyses)).analyses
    (tmp_path / "t.yaml").write_text(printed)
    assert len(audit(read_printed(tmp_path / "t.yaml"))) > 8
