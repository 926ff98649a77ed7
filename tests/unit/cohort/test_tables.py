"""Tables of the user's own: what is read, and the line that a mistake gives."""

import numpy as np
import pandas as pd
import pytest

from angiolith.cohort.dataset import read_dataset
from angiolith.cohort.external import StudyTableError, read_study_table, to_numbers
from angiolith.cohort.plausibility import implausible
from angiolith.cohort.variables import expand_models
from angiolith.core.config import Analysis


def analysis(**given):
    return Analysis(**{"kind": "severity", "table": "t.tsv", **given})


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_the_same_table_reads_the_same_from_tsv_csv_semicolons_and_excel(tmp_path):
    rows = [["id", "wmh", "sex"], ["01", "7.25", "F"], ["02", "", "M"], ["03", "0", "n/a"]]
    tables = [
        read_study_table(write(tmp_path / name, "\n".join(mark.join(row) for row in rows)), {"subject": "id"})
        for name, mark in (("a.tsv", "\t"), ("a.csv", ","), ("b.csv", ";"))
    ]
    frame = pd.DataFrame({"id": ["01", "02", "03"], "wmh": [7.25, None, 0.0], "sex": ["F", "M", "n/a"]})
    frame.to_excel(tmp_path / "a.xlsx", index=False)
    tables.append(read_study_table(tmp_path / "a.xlsx", {"subject": "id"}))
    for table in tables:
        assert list(table["subject"]) == ["01", "02", "03"]
        assert list(table.index) == [2, 3, 4]
        assert table["sex"].isna().tolist() == [False, False, True]
        np.testing.assert_array_equal(to_numbers(table["wmh"], "a"), [7.25, np.nan, 0.0])


def test_empty_lines_keep_the_row_numbers_of_the_file(tmp_path):
    path = write(tmp_path / "t.tsv", "subject\tx\nA\t1\n\nB\tlots\n")
    with pytest.raises(StudyTableError, match=r"t\.tsv, row 4, x: 'lots' is not a number"):
        read_dataset(path, analysis(markers=["x"], severity="x"))


@pytest.mark.parametrize(
    ("text", "given", "message"),
    [
        ("subject\tx\nA\t1\nA\t2\n", {}, "row 3, subject: subject A stands in row 2 already"),
        ("subject\tx\nA\t1\n\t2\n", {}, "row 3, subject: is missing"),
        ("subject\tx\nA\t12,5\n", {}, "row 2, x: '12,5' is not a number; write 12.5"),
        ("subject\tx\nA\t<0.3\n", {}, "row 2, x: '<0.3' is not a number; a value beyond a detection limit"),
        ("subject\twmh_volume\nA\t1\n", {}, "no column 'x'; known: subject, wmh_volume"),
        ("subject\txx\nA\t1\n", {}, "no column 'x'; did you mean 'xx'?"),
        ("patient\tx\nA\t1\n", {"columns": {"subject": "patients"}}, "no column 'patients'; did you mean 'patient'?"),
        ("subject\tx\tid\nA\t1\t1\n", {"columns": {"subject": "id"}}, "'id' is to be called 'subject'"),
        ("subject\tx\tx\nA\t1\t1\n", {}, "row 1: the column 'x' stands twice"),
        ("subject\tx\nA\t1\t9\n", {}, "row 2: 3 cells for 2 columns"),
        ("", {}, "the table is empty"),
    ],
)
def test_a_mistake_gives_one_line_with_file_row_and_column(tmp_path, text, given, message):
    path = write(tmp_path / "t.tsv", text)
    with pytest.raises(StudyTableError) as error:
        read_dataset(path, analysis(markers=["x"], severity="x", **given))
    assert str(error.value).startswith(f"{path}")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_all_mistakes_of_a_column_are_named_and_a_long_list_is_cut(tmp_path):
    path = write(tmp_path / "t.tsv", "subject\tx\n" + "".join(f"S{n}\tbad\n" for n in range(14)))
    with pytest.raises(StudyTableError) as error:
        read_dataset(path, analysis(markers=["x"], severity="x"))
    lines = str(error.value).split("\n")
    assert len(lines) == 11
    assert lines[-1] == "... and 4 more"


def test_a_subject_may_have_several_lesions_but_not_one_twice(tmp_path):
    lesions = analysis(kind="lesion", markers=["x"], severity="x")
    path = write(tmp_path / "t.tsv", "subject\tlesion\tx\nA\t1\t5\nA\t2\t6\nB\tn/a\tn/a\n")
    assert len(read_dataset(path, lesions)) == 3
    write(path, "subject\tlesion\tx\nA\t1\t5\nA\t1\t6\n")
    with pytest.raises(StudyTableError, match="subject A lesion 1 stands in row 2 already"):
        read_dataset(path, lesions)


def test_categories_are_text_and_everything_else_is_numbers(tmp_path):
    path = write(tmp_path / "t.tsv", "subject\tsite\tcode\tflag\nA\tbasilar\t1.0\tTrue\nB\tvertebral\t2\tFalse\n")
    table = read_dataset(path, analysis(group="code", categorical=["site"], describe=["site", "flag"]))
    assert list(table["code"]) == ["1", "2"]
    assert list(table["site"]) == ["basilar", "vertebral"]
    assert list(table["flag"]) == [1.0, 0.0]


def changing(**given):
    return analysis(severity="s", changes={"wmh": {"baseline": "before", "followup": "after"}}, **given)


def test_change_per_year_uses_the_real_days(tmp_path):
    text = "subject\ts\tbefore\tafter\tfirst\tlast\nA\t1\t10\t12\t2020-01-01\t2021-01-01\nB\t0\t5\tn/a\tn/a\tn/a\n"
    path = write(tmp_path / "t.tsv", text)
    table = read_dataset(path, changing(baseline_date="first", followup_date="last"))
    assert table["interval_days"].iloc[0] == 366  # 2020 had a leap day
    assert table["wmh_change_per_year"].iloc[0] == pytest.approx(2 * 365.25 / 366)
    assert table["wmh_change"].iloc[0] == 2
    assert table[["wmh_change", "wmh_change_per_year"]].iloc[1].isna().all()


def test_a_change_that_was_measured_as_such_is_taken_as_it_is(tmp_path):
    path = write(tmp_path / "t.tsv", "subject\ts\tgrown\tinterval_days\nA\t1\t3\t730.5\n")
    table = read_dataset(path, analysis(severity="s", changes={"wmh": {"change": "grown"}}))
    assert table["wmh_change"].iloc[0] == 3
    assert table["wmh_change_per_year"].iloc[0] == pytest.approx(1.5)


def test_a_follow_up_before_its_baseline_is_refused(tmp_path):
    head = "subject\ts\tbefore\tafter"
    path = write(tmp_path / "t.tsv", f"{head}\tfirst\tlast\nA\t1\t1\t2\t2021-03-01\t2020-03-01\n")
    with pytest.raises(StudyTableError, match=r"row 2, last: -365 days from baseline to follow-up"):
        read_dataset(path, changing(baseline_date="first", followup_date="last"))
    write(path, f"{head}\tinterval_days\nA\t1\t1\t2\t0\n")
    with pytest.raises(StudyTableError, match="row 2, interval_days"):
        read_dataset(path, changing())
    write(path, f"{head}\tfirst\tlast\nA\t1\t1\t2\t01.03.2020\t2020-03-01\n")
    with pytest.raises(StudyTableError, match=r"row 2, first: '01\.03\.2020' is not a date; write YYYY-MM-DD"):
        read_dataset(path, changing(baseline_date="first", followup_date="last"))


def test_the_name_of_an_earlier_model_stands_for_its_covariates():
    models = {"model1": ["age", "sex"], "model2": ["model1", "stenosis", "age"], "model3": ["model2", "ldl"]}
    assert expand_models(models)["model3"] == ["age", "sex", "stenosis", "ldl"]


def long_analysis(**given):
    return analysis(markers=["wmh"], severity="wmh", **given)


def test_a_long_table_becomes_wide(tmp_path):
    rows = ["A 60 wmh base 5", "A 60 wmh later 6", "B 70 wmh base 1", "A 60 cmb base 2"]
    text = "\n".join(["id age measure visit value", *rows, ""]).replace(" ", "\t")
    path = write(tmp_path / "t.tsv", text)
    given = long_analysis(
        columns={"subject": "id", "wmh": "wmh_base"}, long={"names": ["measure", "visit"], "values": ["value"]}
    )
    table = read_dataset(path, given)
    assert list(table["subject"]) == ["A", "B"]
    assert list(table.index) == [2, 4]
    assert list(table["wmh"]) == [5.0, 1.0]
    assert table.loc[2, ["wmh_later", "cmb_base"]].tolist() == ["6", "2"]
    assert table.loc[4, ["wmh_later", "cmb_base"]].isna().all()
    assert list(table["age"]) == ["60", "70"]


def test_a_long_table_with_several_values_by_visit(tmp_path):
    path = write(tmp_path / "t.tsv", "subject\tvisit\twmh\tcmb\nA\tb\t5\t1\nA\tf\t7\t2\nB\tb\t3\tn/a\n")
    given = long_analysis(columns={"wmh": "wmh_b"}, long={"names": ["visit"], "values": ["wmh", "cmb"]})
    table = read_dataset(path, given)
    assert {"wmh", "wmh_f", "cmb_b", "cmb_f"} <= set(table.columns)
    assert table.loc[2, "cmb_f"] == "2"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("subject\tvisit\tage\twmh\nA\tb\t60\t5\nA\tb\t60\t6\n", "row 3, subject: subject A visit b stands in row 2"),
        ("subject\tvisit\tage\twmh\nA\tb\t60\t5\nA\tf\t61\t6\n", "row 3, age: '61' differs from '60'"),
        ("subject\tvisit\tage\twmh\nA\t\t60\t5\n", "row 2, visit: is missing"),
        ("subject\tvisits\tage\twmh\nA\tb\t60\t5\n", "no column 'visit'; did you mean 'visits'"),
    ],
)
def test_a_mistake_in_a_long_table_is_a_line(tmp_path, text, message):
    path = write(tmp_path / "t.tsv", text)
    given = long_analysis(columns={"wmh": "b"}, long={"names": ["visit"], "values": ["wmh"]})
    with pytest.raises(StudyTableError) as error:
        read_dataset(path, given)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_mistakes_of_all_columns_are_named_at_once(tmp_path):
    head = "subject\ts\tbefore\tafter\tfirst\tlast\n"
    rows = "A\t1\tx\t2\t2020-01-01\t2021-01-01\nA\tlow\t3\t4\t1.1.2020\t2021-01-01\n"
    path = write(tmp_path / "t.tsv", head + rows)
    with pytest.raises(StudyTableError) as error:
        read_dataset(path, changing(baseline_date="first", followup_date="last"))
    lines = str(error.value).split("\n")
    assert [line.split(", ", 1)[1].split(":")[0] for line in lines] == [
        "row 3, subject", "row 2, before", "row 3, s", "row 3, first",
    ]  # fmt: skip


def test_a_unit_is_converted_and_an_unknown_one_refused(tmp_path):
    path = write(tmp_path / "t.tsv", "subject\tldl_mg_dl\tsite\nA\t3.0\tx\n")
    table = read_dataset(path, analysis(markers=["ldl_mg_dl"], severity="ldl_mg_dl", units={"ldl_mg_dl": "mmol/l"}))
    assert table["ldl_mg_dl"].iloc[0] == pytest.approx(116.01)  # 38.67 mg/dl per mmol/l
    for units, message in (
        ({"ldl_mg_dl": "mmol"}, "column ldl_mg_dl: units: ldl_mg_dl is not given in 'mmol'; did you mean 'mmol/l'"),
        ({"site": "mmol/l"}, "units: site names no quantity with a unit"),
    ):
        with pytest.raises(StudyTableError, match=message):
            read_dataset(path, analysis(markers=["ldl_mg_dl"], severity="ldl_mg_dl", units=units))


def doubts(columns, given=None):
    plain_analysis = analysis(markers=["x"], severity="x", columns=given or {})
    table = pd.DataFrame(columns, index=range(2, 2 + len(next(iter(columns.values())))))
    return implausible(table, plain_analysis, "mine", "t.tsv")


def test_doubtful_values_are_lines_with_row_and_column():
    found = doubts({"age_years": [61.0, 640, 70, 58, 66], "bmi_kg_m2": [25.0, 26, 27, 24, 23]}, {"age_years": "Alter"})
    assert found[["file", "row", "column", "value"]].to_numpy().tolist() == [["t.tsv", 3, "Alter", "640"]]
    assert "0 to 115 years" in found["problem"].iloc[0]


def test_a_column_in_another_unit_is_one_line():
    found = doubts({"ldl_mg_dl": [3.1, 2.4, 2.9, 4.0, 3.3], "total_cholesterol_mmol_l": [190.0, 210, 180, 175, 220]})
    assert found["problem"].str.contains("looks like").all()
    assert "looks like mmol/l, not mg/dl" in found["problem"].iloc[0]
    assert "looks like mg/dl, not mmol/l" in found["problem"].iloc[1]
    assert found["row"].isna().all()
    by_18 = doubts({"ldl_mg_dl": [41.0, 40, 45, 38, 42]})["problem"].iloc[0]
    assert "mmol/l times 18 (the factor of glucose): 38.67 is this quantity's" in by_18
    assert doubts({"ldl_mg_dl": [120.0, 130, 99, 140, 101], "note": [1.0, 2, 3, 4, 5]}).empty
