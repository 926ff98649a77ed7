"""A clinical table that cannot be used: it is left out with its line, what needs it is not made, and all else is."""

from types import SimpleNamespace

import pytest

from angiolith.cohort.attrition import why_not_made
from angiolith.cohort.external import MissingColumnError
from angiolith.core.config import Analysis, plain
from angiolith.core.manifest import Row, manifest_text
from angiolith.core.settings.burden import BurdenSettings
from angiolith.core.tables import read_tsv, was_made, write_json
from angiolith.report.analyses import analysis_view, unused_tables
from angiolith.report.texts import read_texts
from scripts.build_attrition import main as build_attrition
from scripts.collect_metrics import main as collect_metrics
from scripts.describe_cohort import main as describe_cohort
from scripts.seal_subject import bundle
from tests.hostile.case import Given

READERS = "participant_id\tsession_id\treader\tfazekas\nsub-01\tses-01\tA\t2\nsub-02\tses-01\tA\t3\n"
AGES = "participant_id\tage\nsub-01\t60\nsub-02\t61\n"
CRITERIA = {"culprit_stenosis_percent_min": 50.0, "ct_mri_days_max": 28.0}


@pytest.fixture
def cohort(tmp_path):
    """collect(participants, readers) -> the folder with the cohort's tables of two subjects."""
    rows = [Row(subject, "01", {"FLAIR": "x.nii.gz"}) for subject in ("01", "02")]
    (tmp_path / "manifest.tsv").write_text(manifest_text(rows))
    wmh = tmp_path / "wmh.tsv"
    line = "{}\t01\t{}\tok\tn/a\n"
    wmh.write_text("subject\tsession\twmh_volume_cm3\tstatus\treason\n" + line.format("01", 4) + line.format("02", 7))
    write_json(bundle({"small_vessel": [wmh]}), tmp_path / "measures.json")

    def collect(participants, readers=READERS):
        (tmp_path / "participants.tsv").write_text(participants)
        (tmp_path / "readers.tsv").write_text(readers)
        given = {name: tmp_path / f"{name}.tsv" for name in ("manifest", "participants")}
        given |= {"phenotype": [tmp_path / "readers.tsv"], "measures": [tmp_path / "measures.json"]}
        names = ("patients", "lesions", "change", "ratings", "marks", "clinical", "burden")
        output = Given({name: tmp_path / f"cohort_{name}.tsv" for name in names})
        settings = {"subjects": None, "vessel_wall": {"culprit": CRITERIA}, "burden": plain(BurdenSettings())}
        params = Given(settings=settings, pairs={})
        collect_metrics(SimpleNamespace(input=Given(given), output=output, params=params))
        return tmp_path

    return collect


def account(folder, **analyses):
    """Run build_attrition: the attrition table, and the files of each analysis."""
    files = {
        name: {
            "table": str(folder / "cohort_patients.tsv") if analysis.table == "patients" else analysis.table,
            "data": folder / f"{name}_data.tsv",
            "flow": folder / f"{name}_flow.svg",
        }
        for name, analysis in analyses.items()
    }
    output = Given(attrition=folder / "attrition.tsv", doubts=folder / "doubts.tsv", missing=folder / "missing.tsv")
    params = Given(settings={"analyses": {name: plain(each) for name, each in analyses.items()}}, files=files)
    given = Given(clinical=folder / "cohort_clinical.tsv")
    build_attrition(SimpleNamespace(input=given, output=output, params=params))
    return read_tsv(output.attrition, dtype={"excluded_subjects": str}), files


def about(*columns, **given):
    return Analysis(
        **{"kind": "severity", "table": "patients", "markers": list(columns), "severity": columns[0], **given}
    )


COMMA = AGES.replace("61", "61,5")


def test_a_bad_table_is_left_out_and_the_others_stay(cohort):
    folder = cohort(COMMA)
    patients = read_tsv(folder / "cohort_patients.tsv")
    assert "age" not in patients
    assert patients["wmh_volume_cm3"].tolist() == [4, 7]
    assert patients["fazekas_A"].tolist() == [2, 3]
    bad, good = read_tsv(folder / "cohort_clinical.tsv").to_dict("records")
    line = f"{folder}/participants.tsv, row 3, age: '61,5' is not a number; write 61.5"
    assert (bad["status"], bad["reason"]) == ("failed", line)
    assert (good["status"], good["rows"], good["columns"]) == ("ok", 2, 4)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (AGES.replace("age", "wmh_volume_cm3"), "the column 'wmh_volume_cm3' is already taken"),
        (AGES.replace("age", "interval_ct_mri_days"), "already taken"),
        ("", "is empty"),
    ],
)
def test_a_table_that_does_not_fit_the_measures_is_left_out_too(cohort, table, message):
    folder = cohort(table)
    bad, good = read_tsv(folder / "cohort_clinical.tsv").to_dict("records")
    assert message in bad["reason"]
    assert good["status"] == "ok"
    assert read_tsv(folder / "cohort_patients.tsv")["wmh_volume_cm3"].tolist() == [4, 7]


def test_all_that_is_wrong_with_a_table_is_told_at_once(cohort):
    rows = "".join(f"{label}\t{age}\t{ldl}\n" for label, age, ldl in (("sub-01", "60,5", 3), ("1", "61,5", "3,1")))
    folder = cohort(f"participant_id\tage\tldl\n{rows}sub-2\t62,5\t3,2\nsub-01\t63,5\t3,3\n")
    assert read_tsv(folder / "cohort_clinical.tsv")["reason"].iloc[0] == (
        f"{folder}/participants.tsv, row 5, participant_id: participant_id 01 stands in row 2 already; delete one; "
        "row 4, participant_id: '2' is no subject of the images; write '02'; "
        "row 2, age: '60,5' is not a number; write 60.5; row 3, age: '61,5' is not a number; write 61.5; "
        "row 4, age: '62,5' is not a number; write 62.5; and 4 more"
    )
    folder = cohort("participant_id\tage\nsub-01\t60\t1\nsub-02\t61\t2\n")
    assert read_tsv(folder / "cohort_clinical.tsv")["reason"].iloc[0] == (
        f"{folder}/participants.tsv, row 2: 3 cells for 2 columns; correct the separators; "
        "row 3: 3 cells for 2 columns; correct the separators"
    )
    folder = cohort("participant_id\tn_lacunes\tage\twmh_volume_cm3\nsub-01\t1\t60\t2\n")
    assert read_tsv(folder / "cohort_clinical.tsv")["reason"].iloc[0] == (
        f"{folder}/participants.tsv: the column 'wmh_volume_cm3' is already taken; give it another name"
    )
    folder = cohort("participant_id\timages_status\tage\twmh_volume_cm3\nsub-01\t1\t60\t2\n")
    assert (
        "the columns 'images_status', 'wmh_volume_cm3' are already taken; give them other names"
        in (read_tsv(folder / "cohort_clinical.tsv")["reason"].iloc[0])
    )


def test_mended_the_tables_are_those_of_a_cohort_that_was_never_broken(cohort):
    names = ("patients", "lesions", "clinical")
    first = [(cohort(AGES) / f"cohort_{name}.tsv").read_bytes() for name in names]
    cohort(COMMA)
    assert [(cohort(AGES) / f"cohort_{name}.tsv").read_bytes() for name in names] == first
    order = list(read_tsv(cohort(AGES) / "cohort_patients.tsv").columns)
    assert order.index("age") < order.index("fazekas_A") < order.index("calcification_status")


def test_an_analysis_that_needs_the_table_is_not_made_and_the_others_are(cohort):
    folder = cohort(COMMA)
    attrition, files = account(folder, images=about("wmh_volume_cm3"), ages=about("age", "wmh_volume_cm3"))
    assert {name: was_made(entry["data"]) for name, entry in files.items()} == {"images": True, "ages": False}
    ages = attrition[attrition["analysis"] == "ages"]
    assert ages["n_left"].tolist() == [2, 0, 0]  # everybody is accounted for
    assert ages["excluded_subjects"].iloc[1] == "01,02"
    reason = why_not_made(ages)
    assert "no column 'age'" in reason
    assert "participants.tsv, row 3, age: '61,5' is not a number; write 61.5" in reason
    assert why_not_made(attrition[attrition["analysis"] == "images"]) is None
    settings = about("age", "wmh_volume_cm3")
    view = analysis_view("ages", settings, attrition, {}, read_texts()["cohort"])
    clinical = read_tsv(folder / "cohort_clinical.tsv")
    assert [(what, name) for what, name, _ in unused_tables(clinical, [view])] == [
        ("table", f"{folder}/participants.tsv"),
        ("analysis", "ages"),
    ]


def test_jobs_of_an_analysis_that_was_not_made_leave_empty_files(cohort):
    folder = cohort(COMMA)
    asked = about("age", group="age", describe=["age"])
    _, files = account(folder, ages=asked)
    output = Given(table1=folder / "table1.tsv", printed=[folder / f"table1.{kind}" for kind in ("md", "docx")])
    describe_cohort(
        SimpleNamespace(
            input=Given(data=files["ages"]["data"]), output=output, params=Given(settings={"analysis": plain(asked)})
        )
    )
    assert [path.stat().st_size for path in (output.table1, *output.printed)] == [0, 0, 0]


def test_text_in_one_column_stops_the_analyses_of_this_column_alone(cohort):
    folder = cohort(AGES.replace("61", "old"))
    attrition, files = account(folder, images=about("fazekas_A"), ages=about("age"))
    assert [was_made(entry["data"]) for entry in files.values()] == [True, False]
    assert "age: 'old' is not a number" in why_not_made(attrition[attrition["analysis"] == "ages"])


def test_a_column_that_no_table_could_have_had_is_a_mistake_of_the_configuration(cohort):
    folder = cohort(AGES)
    with pytest.raises(MissingColumnError, match="no column 'agee'; did you mean 'age'"):
        account(folder, images=about("wmh_volume_cm3"), ages=about("agee"))


def test_a_table_of_ones_own_that_cannot_be_used_stops_its_analysis_alone(cohort):
    folder = cohort(AGES)
    (folder / "mine.csv").write_text("subject,age\n1,sixty\n")
    attrition, files = account(folder, images=about("age"), mine=about("age", table=str(folder / "mine.csv")))
    assert [was_made(entry["data"]) for entry in files.values()] == [True, False]
    assert why_not_made(attrition[attrition["analysis"] == "mine"]).startswith(
        f"{folder}/mine.csv, row 2, age: 'sixty'"
    )
