"""From a cell to what it came from; and a subject out of everything."""

import pandas as pd
import pytest

from angiolith.audit.lineage import TraceError, lineage
from angiolith.audit.rerun import differences
from angiolith.audit.trace import find_cell
from angiolith.audit.trace_picture import boxes_and_arrows, draw_trace
from angiolith.audit.trace_text import trace_text
from angiolith.audit.verify import verify
from angiolith.audit.withdraw import files_naming, purge, subject_label
from angiolith.core.cells import cell_address, row_addresses
from angiolith.core.tables import read_tsv, write_tsv
from angiolith.runtime.records import read_records
from tests.unit.audit.made_run import MadeRun


def traced(made, text):
    cell = find_cell(made.root, text)
    return cell, lineage(made.root, read_records(made.root), cell)


def test_a_covariate_comes_from_the_clinical_table_alone(made):
    cell, found = traced(made, "cohort/patients.tsv:sub-01:age")
    assert (cell.value, cell.subject) == ("601", "01")
    assert {step.name for step in found.steps} == {"cohort/patients.tsv", "manifest.tsv", "../bids/participants.tsv"}
    text = trace_text(found)
    assert "made cohort/patients.tsv" in text
    assert f"code {made.params('collect_metrics', {})['code']}" in text


def test_the_address_of_a_cell_leads_to_it(made):
    table = read_tsv(made.root / "cohort/patients.tsv", dtype=str)
    for address, row in zip(row_addresses("cohort/patients.tsv", table), table.to_dict("records"), strict=True):
        assert address == f"cohort/patients.tsv:subject={row['subject']}:session=01"
        assert find_cell(made.root, f"{address}:age").value == row["age"]


def test_every_row_has_an_address_of_its_own_or_none(tmp_path):
    table = pd.DataFrame(
        {
            "model": ["model1", "model1", "model2", "model2", "model2"],
            "term": ["age:male", "C(site)[x='y']", "age:male", None, None],
            "data": ["complete cases"] * 3 + ["imputed"] * 2,
            "p: both": ["0.1", "0.2", "0.3", "0.4", "0.4"],
        }
    )
    (tmp_path / "cohort").mkdir()
    write_tsv(table, tmp_path / "cohort/a.tsv")
    addresses = row_addresses("cohort/a.tsv", read_tsv(tmp_path / "cohort/a.tsv", dtype=str))
    assert addresses[0] == r"cohort/a.tsv:model=model1:term=age\:male"
    assert addresses[3:] == ["", ""]  # two rows of the same cells
    for row in range(3):
        assert find_cell(tmp_path, f"{addresses[row]}:{cell_address('p: both')}").value == table.loc[row, "p: both"]
    assert find_cell(tmp_path, "a:model1:site:data").value == "complete cases"  # cohort/ and .tsv left out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cohort/patient.tsv:01:age", "did you mean 'cohort/patients.tsv'"),
        ("cohort/patients.tsv:subject=01:agee", "did you mean 'age'"),
        ("cohort/patients.tsv:09:age", "no row with '09'"),
        ("", "is no cell; give table, row and column"),
        ("patients", "is no cell; give table, row and column"),
        ("cohort/patients.tsv:age", "2 rows fit.*subject=01.*subject=02"),
    ],
)
def test_a_cell_that_is_not_there(made, text, message):
    with pytest.raises(TraceError, match=message):
        find_cell(made.root, text)


def test_the_picture_has_each_rule_once_and_is_the_same_on_every_run(made, tmp_path):
    _, found = traced(made, "cohort/patients.tsv:sub-01:age")
    boxes, arrows = boxes_and_arrows(found)
    assert boxes == {"age = 601": 0, "collect_metrics": 1, "participants.tsv": 2, "manifest.tsv": 2}
    assert ("participants.tsv", "collect_metrics") in arrows
    for name in ("one.svg", "another.svg"):
        draw_trace(found, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "another.svg").read_bytes()


def test_a_subject_is_purged_everywhere(made):
    made.make()
    assert files_naming(made.root, "02")
    with pytest.raises(FileExistsError, match="still among the images"):
        purge(made.root, "02")
    assert (made.root / made.measure("02")).is_file()
    purge(made.root, "02", images=True)
    made.make()
    assert files_naming(made.root, "02") == []
    assert verify(made.root) == []
    assert "sub-02" not in (made.bids / "participants.tsv").read_text()
    assert "sub-01" in (made.bids / "participants.tsv").read_text()
    assert (made.bids / "sub-01").is_dir()
    assert not (made.bids / "sub-02").exists()


def test_a_subject_leaves_clinical_tables_that_the_run_could_not_use_too(made):
    (made.bids / "phenotype").mkdir()
    wrong = made.bids / "phenotype/wrong.tsv"
    wrong.write_text('participant_id;age\n"sub-01";60\n"sub-02";61\n')
    purge(made.root, "02", images=True)
    assert wrong.read_text() == 'participant_id;age\n"sub-01";60\n'


def test_a_clinical_table_that_is_no_text_is_named_before_anything_is_purged(made):
    (made.bids / "participants.tsv").write_bytes("participant_id\nsub-02\n".encode("utf-16"))
    with pytest.raises(ValueError, match=r"participants.tsv: is not UTF-8; save it with that encoding"):
        purge(made.root, "02", images=True)
    assert (made.bids / "sub-02").is_dir()


def test_what_the_report_shows_of_a_subject_is_purged(made):
    names = ("sub-02.html", "pictures/sub-02_desc-change_qc.png", "volumes/sub-02_ses-01_ct.js", "sub-021.html")
    for name in names:
        path = made.root / "report" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("shown")
    purge(made.root, "02", images=True)
    assert [path.name for path in sorted((made.root / "report").rglob("sub-*"))] == ["sub-021.html"]


@pytest.mark.parametrize(
    ("name", "text", "names"),
    [
        ("cohort/a.tsv", "subject\tage\n02\t50\n", True),
        ("cohort/a.tsv", "subject\tage\n01\t02\n", False),
        ("cohort/a.tsv", "reason\texcluded_subjects\nno CT\t01, 02\n", True),
        ("cohort/a.md", "seen in sub-02 alone", True),
        ("cohort/a.md", "seen in sub-021", False),
        ("logs/check_images/02_01.log", "1.0 s", True),
        ("logs/check_images/01_02.log", "1.0 s", False),
        ("logs/check_images/09.json", '{"wildcards": {"subject": "02"}}', True),
        ("sub-02_x.nii.gz", "", True),
    ],
)
def test_what_names_a_subject(tmp_path, name, text, names):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(text)
    assert files_naming(tmp_path, "02") == ([name] if names else [])


@pytest.mark.parametrize("text", ["..", "sub-../x", "", "0 1"])
def test_nothing_but_a_label_can_be_purged(text):
    with pytest.raises(ValueError, match="letters and digits"):
        subject_label(text)


def test_what_differs_between_two_runs(tmp_path):
    for name in ("one", "another"):
        (tmp_path / name).mkdir()
    one, another = (MadeRun(tmp_path / name) for name in ("one", "another"))
    names = [one.measure("01"), one.measure("02")]
    assert list(differences(one.root, another.root, names)) == []
    another.make_session("01", text="review")
    (another.root / names[1]).unlink()
    found = dict(differences(one.root, another.root, names))
    assert found[names[0]] == "17 and 21 bytes, line 1"
    assert found[names[1]].startswith("only in")
