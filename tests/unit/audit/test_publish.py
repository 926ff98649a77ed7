"""The reviewer's folder: every item of the checklists has an answer with a trace that leads somewhere, or an author."""

import json
from pathlib import Path

import pytest
import yaml

from angiolith.audit.inventory import Entry, inventory_text
from angiolith.audit.publish import AUTHOR, CHECKLISTS, PublishError, publish
from angiolith.audit.trace import find_cell
from angiolith.core.delimited import tsv_lines

SETTINGS = {
    "bids_dir": "/home/ida/stroke",
    "subjects": ["AB123"],
    "analyses.vba.include": [
        {"column": "stenosis_percent", "minimum": 50.0, "maximum": None, "values": None, "reason": "no stenosis"}
    ],
    "analyses.vba.outcome": "culprit",
    "analyses.vba.event": "yes",
    "analyses.vba.predictors": ["calcium"],
    "analyses.vba.models.model1": ["age_years"],
    "analyses.vba.per.calcium": 10.0,
    "analyses.vba.imputations": 20,
    "analyses.vba.formulas.site": "calcium * site / age_years",
}
COHORT = {
    "attrition": "analysis\tstep\treason\tn_in\tn_excluded\tn_left\trows_left\texcluded_subjects\n"
    "vba\t0\tall\t9\t0\t9\t9\t\nvba\t1\tno stenosis\t9\t2\t7\t7\tAB123, AB124\n",
    "vba_associations": "model\tterm\tdata\tn\tevents\tevent\testimate\tmethod\n"
    "univariable\tcalcium\tcomplete cases\t7\t3\tyes\t0.5\tlogistic regression\n",
    "vba_table1": "variable\tgroup\tn\tmissing\nage_years\tall\t6\t1\nage_years\tyes\t3\t0\nage_years\tno\t3\t1\n",
    "vba_table1_printed": "variable\tyes\tno\nage\t60\t61\n",
    "agreement": "source\tmeasure\tmethod\testimate\nvba\tlumen_area_mm2\tICC(2,1), single rating\t0.91\n",
    "patients": "subject\tage_years\nAB123\t61\n",
    "vba_data": "subject\tage_years\nAB123\t61\n",
    "doubtful_values": "subject\tvalue\nAB123\t-5\n",
}
PAGE = '<div class="prose"><h2>Statistics</h2><p>Firth&#39;s <b>method</b></p><ol><li>Firth 1993</li></ol></div>'


@pytest.fixture
def root(tmp_path):
    """A finished run of one analysis, as small as it gets."""
    out = tmp_path / "out"
    for folder in ("cohort", "audit", "report"):
        (out / folder).mkdir(parents=True)
    (out / "manifest.tsv").write_text("subject\tsession\nAB123\t01\n")
    entries = [Entry("setting", name, value=json.dumps(value)) for name, value in SETTINGS.items()]
    entries += [
        Entry("version", "numpy", value="2.0"),
        Entry("runtime", "angiolith.runtime", value="0.2.0"),
        Entry("input", "../bids/sub-AB123/ct/sub-AB123_ct.nii.gz", "ab" * 32, "7"),
        Entry("input", "../resources/brain_model/whole.onnx", "cd" * 32, "8"),
    ]
    (out / "audit/inventory.tsv").write_text(inventory_text(entries))
    (tmp_path / "resources/brain_model").mkdir(parents=True)
    (tmp_path / "resources/brain_model/README.md").write_text("# A model card\n")
    (out / "audit/methods.md").write_text("# Formulas\n")
    (out / "audit/Snakefile").write_text("rule all:\n")
    (out / "report/methods.html").write_text(PAGE)
    for name, text in COHORT.items():
        (out / f"cohort/{name}.tsv").write_text(text)
    (out / "cohort/vba_flow.svg").write_text("<svg/>")
    return out


def rows_of(folder: Path, name: str):
    header, *rows = tsv_lines((folder / f"checklists/{name}.tsv").read_text())
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_every_item_is_answered_from_the_run_or_is_the_authors(root, tmp_path):
    folder = tmp_path / "reviewers"
    assert publish(root, folder) == []
    lists = yaml.safe_load(CHECKLISTS.read_text())
    assert {name: len(one["items"]) for name, one in lists.items()} == {"STROBE": 34, "CLAIM": 42}
    for name, one in lists.items():
        rows = rows_of(folder, name)
        assert list(dict.fromkeys(row["item"] for row in rows)) == [item["item"] for item in one["items"]]
        for row in rows:
            assert bool(row["trace"]) == (row["answered_by"] == "run"), row
            assert row["answer"].startswith(AUTHOR) == (row["answered_by"] == "author"), row
    said = {(row["item"], row["answer"]) for row in rows_of(folder, "STROBE")}
    assert ("13a", "vba: 9 subjects, 7 of them analysed in 7 rows") in said
    assert ("13b", "vba: 2 left out: no stenosis") in said
    assert ("15", "vba: 3 of 7 rows have the event (yes)") in said
    assert ("14b", "vba: age_years: 1 missing") in said
    claim = {(row["item"], row["answer"]) for row in rows_of(folder, "CLAIM")}
    assert ("12", "no row of a person is in this folder; deidentify-check found 0 in it") in claim
    assert ("6a", "vba: kept if stenosis_percent >= 50 (else: no stenosis)") in said


def test_every_trace_leads_somewhere(root, tmp_path):
    folder = tmp_path / "reviewers"
    publish(root, folder)
    settings = {line[0] for line in tsv_lines((folder / "settings.tsv").read_text())}
    for row in (*rows_of(folder, "STROBE"), *rows_of(folder, "CLAIM")):
        trace = row["trace"]
        if trace.startswith("settings.tsv: "):
            assert trace.removeprefix("settings.tsv: ") in settings
        elif trace and not trace.startswith("angiolith "):
            file = folder / trace.split(": ")[0]
            assert file.is_file() or find_cell(root, trace).value, trace


def test_no_person_is_in_it(root, tmp_path):
    folder = tmp_path / "reviewers"
    publish(root, folder)
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert not {name for name in names if any(word in name for word in ("patients", "_data", "doubtful"))}
    content = b"".join((folder / name).read_bytes() for name in names)
    assert b"AB123" not in content
    assert b"/home/ida" not in content
    assert "excluded_subjects" not in (folder / "tables/attrition.tsv").read_text()
    assert (folder / "methods.md").read_text().splitlines()[2:] == [
        "## Statistics",
        "",
        "Firth's method",
        "",
        "- Firth 1993",
    ]
    data = {tuple(line) for line in tsv_lines((folder / "data.tsv").read_text())}
    assert ("ab" * 32, "7", "ct.nii.gz") in data
    assert (folder / "models/brain_model.md").read_text() == "# A model card\n"


@pytest.mark.parametrize(
    ("where", "text", "kind"),
    [
        ("cohort/vba_markers.tsv", "note\tr\nwithout AB123\t0.5\n", "label"),
        ("audit/methods.md", "ask ida@clinic.org\n", "text"),
        ("cohort/vba_change.tsv", "seen\n2024-01-31\n", "date"),
    ],
)
def test_where_a_person_is_found_nothing_is_made(root, tmp_path, where, text, kind):
    (root / where).write_text(text)
    found = publish(root, tmp_path / "reviewers")
    assert {one.kind for one in found} == {kind}
    assert {path.name for path in tmp_path.iterdir()} == {"out", "resources"}


def test_a_number_of_a_table_is_no_label(root, tmp_path):
    (root / "manifest.tsv").write_text("subject\tsession\n0001\t01\n123456\t01\n")
    (root / "cohort/vba_markers.tsv").write_text("n\tp\n0001\t0.0001\n7\t0.123456\n")
    assert publish(root, tmp_path / "reviewers") == []
    (root / "cohort/vba_markers.tsv").write_text("note\nwithout 123456\n")
    assert {one.kind for one in publish(root, tmp_path / "again")} == {"label"}


def test_two_runs_give_the_same_bytes_and_no_folder_is_written_over(root, tmp_path):
    for name in ("a", "b"):
        publish(root, tmp_path / name)
    first, second = (
        {
            path.relative_to(tmp_path / name): path.read_bytes()
            for path in (tmp_path / name).rglob("*")
            if path.is_file()
        }
        for name in ("a", "b")
    )
    assert first == second
    with pytest.raises(PublishError, match="exists"):
        publish(root, tmp_path / "a")


def test_a_run_that_is_not_finished_is_refused(root, tmp_path):
    (root / "audit/inventory.tsv").unlink()
    with pytest.raises(PublishError, match="not finished"):
        publish(root, tmp_path / "reviewers")
