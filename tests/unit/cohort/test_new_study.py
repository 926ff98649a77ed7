"""A new study: its configuration and tables, data dictionaries, and what REDCap gives."""

import json

import pandas as pd
import pytest
import yaml

from angiolith.cohort.clinical import ClinicalTables
from angiolith.cohort.new_study import STUDIES, columns_of, study_columns, write_study
from angiolith.cohort.redcap import RedcapError, phenotype_of, read_dictionary
from angiolith.core.config import validate
from angiolith.core.settings.presets import presets
from angiolith.core.tables import read_tsv
from angiolith.small_vessel.perivascular.detect import REGIONS
from tests.unit.cli.command import angiolith

HEADER = ("Variable / Field Name", "Form Name", "Section Header", "Field Type", "Field Label")
HEADER = ",".join([*HEADER, '"Choices, Calculations, OR Slider Labels"', "Field Note", "Identifier?"])
DICTIONARY = f"""{HEADER}
record_id,base,,text,Record,,,
mri_id,base,,text,MRI label,,,
birth_name,base,,text,Name,,,y
hypertension,base,,yesno,"<b>Arterial</b> hypertension",,,
nihss_band,base,,radio,NIHSS,"1, minor | 2, moderate, severe",band,
drugs,base,,checkbox,Drugs,"1, statin | 2, antiplatelet",,
remarks,base,,notes,Remarks,,,
ldl_mg_dl,labs,,text,LDL,,mg/dL,
"""
FIELDS = "record_id,redcap_event_name,mri_id,birth_name,hypertension,nihss_band,drugs___1,drugs___2,remarks"
RECORDS = f"""{FIELDS},base_complete,ldl_mg_dl,labs_complete
1,baseline_arm_1,MR-01,Jo,Yes,2,Checked,0,"a, b",2,120,2
1,year_1_arm_1,,,,,,,,,99,2
2,baseline_arm_1,MR-02,Al,0,,0,1,,2,,0
"""


@pytest.fixture
def bids(tmp_path):
    for subject in ("sub-01", "sub-02"):
        (tmp_path / "bids" / subject / "anat").mkdir(parents=True)
    return tmp_path / "bids"


def test_a_new_study_has_a_short_configuration_that_is_valid(bids, tmp_path):
    written = write_study(bids, tmp_path / "out", tmp_path / "study.yaml", ["vba", "csvd"])
    text = (tmp_path / "study.yaml").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 10
    config = validate(yaml.safe_load(text), [])
    assert {name: each.preset for name, each in config.analyses.items()} == STUDIES
    assert all(each.new for each in written)
    assert not any(each.new for each in write_study(bids, tmp_path / "out", tmp_path / "study.yaml", ["vba", "csvd"]))
    clinical = read_tsv(bids / "phenotype" / "clinical.tsv", dtype=str)
    assert clinical["participant_id"].tolist() == ["sub-01", "sub-02"]
    said = json.loads((bids / "phenotype" / "clinical.json").read_text(encoding="utf-8"))
    assert set(said) == set(clinical.columns)
    assert said["ldl_mg_dl"]["Units"] == "mg/dL"
    assert said["diabetes"]["Levels"] == {"0": "no", "1": "yes"}


def test_the_tables_hold_what_the_presets_ask_of_the_clinic():
    models = [preset.get("models", {}).get("model1", []) for preset in presets().values()]
    asked = {name for names in [*models, *(preset["describe"] for preset in presets().values())] for name in names}
    held = {name for table in study_columns() for name in columns_of(table, STUDIES)} | {"age_years", "male"}
    images = {"artery", "stenosis_percent", "any_calcification", "plaque_class", "calcification_volume_mm3"}
    of_wall = ("lumen_", "outer_", "max_", "min_", "plaque_", "calcium_")
    measured = {name for name in asked - held if name.startswith(of_wall)}
    measured |= {"eccentricity_index", "remodeling_index", "enhancement_grade", "n_spotty_calcium"}
    measured |= {"wmh_volume_cm3", "fazekas_total", "svd_score", *(f"pvs_{name}_count" for name in REGIONS)}
    assert asked - held <= images | measured


def test_empty_tables_of_a_new_study_are_read(bids, tmp_path):
    write_study(bids, tmp_path / "out", tmp_path / "study.yaml", ["csvd"])
    tables = sorted((bids / "phenotype").glob("*.tsv"))
    clinical = ClinicalTables(bids / "participants.tsv", tables, [("01", "01"), ("02", "01")])
    assert clinical.account()["status"].tolist() == ["ok"] * (1 + len(tables))


def test_a_column_that_the_folder_has_is_in_no_other_table(bids, tmp_path):
    (bids / "participants.tsv").write_text("participant_id\tage\tsex\tdiabetes\nsub-01\t60\tF\t1\n")
    write_study(bids, tmp_path / "out", tmp_path / "study.yaml", ["vba"])
    assert "diabetes" not in read_tsv(bids / "phenotype" / "clinical.tsv").columns
    assert "smoking" in read_tsv(bids / "phenotype" / "clinical.tsv").columns


def test_the_json_beside_a_table_gives_units_and_levels(tmp_path):
    path = tmp_path / "labs.tsv"
    path.write_text("participant_id\tldl_mg_dl\tsmoking\nsub-01\t3.0\t1\nsub-02\tn/a\t0\n")
    path.with_suffix(".json").write_text(
        json.dumps({"ldl_mg_dl": {"Units": "mmol/L"}, "smoking": {"Levels": {"0": "no", "1": "yes"}}})
    )
    visits = [("01", "01"), ("02", "01")]
    table = ClinicalTables(None, [path], visits).ratings["labs"]
    assert table["ldl_mg_dl"].iloc[0] == pytest.approx(3.0 * 38.67)
    path.write_text("participant_id\tldl_mg_dl\tsmoking\nsub-01\t3.0\t7\nsub-02\tn/a\t0\n")
    account = ClinicalTables(None, [path], visits).account()
    assert "row 2, smoking" in account["reason"].iloc[0]
    assert "its levels (0, 1)" in account["reason"].iloc[0]


def test_redcap_gives_a_table_for_each_instrument(tmp_path):
    dictionary, export = tmp_path / "d.csv", tmp_path / "r.csv"
    dictionary.write_text(DICTIONARY, encoding="utf-8")
    export.write_text(RECORDS, encoding="utf-8")
    found = phenotype_of(read_dictionary(dictionary), export, "mri_id")
    base = found["base"].table
    assert base["participant_id"].tolist() == ["sub-MR01", "sub-MR02"]
    assert base["session_id"].tolist() == ["ses-baseline", "ses-baseline"]
    assert base["hypertension"].tolist() == ["1", "0"]
    assert base["nihss_band"].tolist() == ["2", "n/a"]
    assert base["drugs___1"].tolist() == ["1", "0"]
    assert not {"birth_name", "remarks", "base_complete"} & set(base.columns)
    assert found["base"].dictionary["nihss_band"]["Levels"] == {"1": "minor", "2": "moderate, severe"}
    assert found["base"].dictionary["hypertension"]["LongName"] == "Arterial hypertension"
    labs = found["labs"].table
    assert labs[["session_id", "ldl_mg_dl"]].values.tolist() == [["ses-baseline", "120"], ["ses-year1", "99"]]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (",Yes,2,", ",maybe,2,", "row 2, hypertension: 'maybe' is no choice; its codes are 0, 1"),
        ("MR-01", "", "row 2, mri_id: is missing"),
        ("mri_id", "other", "no column 'mri_id'"),
    ],
)
def test_what_redcap_says_wrong_is_refused_by_row(tmp_path, old, new, problem):
    (tmp_path / "d.csv").write_text(DICTIONARY, encoding="utf-8")
    (tmp_path / "r.csv").write_text(RECORDS.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(RedcapError, match=problem):
        phenotype_of(read_dictionary(tmp_path / "d.csv"), tmp_path / "r.csv", "mri_id")


def test_the_commands_write_what_they_say(bids, tmp_path):
    (tmp_path / "d.csv").write_text(DICTIONARY, encoding="utf-8")
    (tmp_path / "r.csv").write_text(RECORDS, encoding="utf-8")
    done = angiolith("import-redcap", tmp_path / "d.csv", tmp_path / "r.csv", bids, "--participant-field", "mri_id")
    assert done.exit_code == 0
    assert "left out: birth_name, remarks" in done.stdout
    assert pd.read_csv(bids / "phenotype" / "labs.tsv", sep="\t")["ldl_mg_dl"].tolist() == [120, 99]
    done = angiolith("new-study", bids, "--studies", "vba", "--config", tmp_path / "s.yaml")
    assert done.exit_code == 0
    assert "ldl_mg_dl" not in read_tsv(bids / "phenotype" / "clinical.tsv").columns
    assert angiolith("new-study", bids, "--studies", "what").exit_code == 2
    assert angiolith("new-study", tmp_path / "no").exit_code == 2
