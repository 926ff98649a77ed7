"""A PACS export becomes a BIDS folder: every series is accounted for, nothing names a person, nothing is done twice."""

import csv
import gzip
import json
import shutil

import nibabel as nib
import numpy as np
import pytest
import yaml

from angiolith.audit.deidentify import findings
from angiolith.core.manifest import index_bids
from tests.unit.cli.command import angiolith
from tests.unit.dicom.made_export import NAMES, TAKEN, small_head, write_ct_visits, write_export


def table(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pacs")
    n_files = write_export(folder / "export")
    done = angiolith("import-dicom", folder / "export", folder / "bids")
    assert done.exit_code == 0, done.stderr
    return folder, n_files, done


def test_a_small_export_is_listed_series_by_series(tmp_path):
    write_ct_visits(tmp_path / "export")
    shutil.rmtree(sorted((tmp_path / "export").iterdir())[0])
    done = angiolith("import-dicom", tmp_path / "export", tmp_path / "bids", "--list")
    assert "series:   1 taken, 0 to be asked, 0 refused, 14 left" in done.stdout
    assert "series 2, HEAD W/O 1.25 STD: take ct: axial head CT without contrast" in done.stdout
    assert not (tmp_path / "bids").exists()


def test_every_file_and_every_series_is_accounted_for(imported):
    folder, n_files, done = imported
    rows = table(folder / "bids_series.tsv")
    assert f"files:    {n_files}: {n_files - 1} in {len(rows)} series, 1 other\n" in done.stdout
    assert sum(int(row["files"]) for row in rows) == n_files - 1
    assert all(row["reason"] not in ("", "n/a") for row in rows)
    assert {row["decision"] for row in rows} == {"take", "leave", "ask"}


def test_each_visit_has_the_images_that_the_workflow_reads(imported):
    folder = imported[0]
    rows = table(folder / "bids_series.tsv")
    for subject in ("001", "002"):
        for session in ("01", "02"):
            theirs = [row for row in rows if (row["subject"], row["session"]) == (subject, session)]
            assert {row["target"] for row in theirs if row["decision"] == "take"} == TAKEN
    assert len([row for row in rows if row["decision"] == "ask"]) == 4
    assert {row["description"] for row in rows if row["decision"] == "ask"} == {"3D brain"}


@pytest.mark.parametrize(
    ("description", "words"),
    [
        ("SCOUT", "scout"),
        ("HEAD W/O 1.25 BONE", "the softer kernel"),
        ("HEAD W/O 5mm", "thinner slices"),
        ("SAG REFORMAT", "sagittal reformat"),
        ("COR REFORMAT", "coronal reformat"),
        ("SAG KEY IMAGES", "secondary capture"),
        ("KEY IMAGES", "key images"),
        ("CTA COW", "CT angiogram"),
        ("CTP 5.0", "perfusion"),
        ("Dose Report", "dose report"),
        ("Radiation dose", "dose report"),
        ("Key objects", "key object"),
        ("Presentation", "presentation state"),
        ("AAHead_Scout", "scout"),
        ("mIP_Images(SW)", "minimum-intensity"),
        ("TOF_MIP_TRA", "projection"),
        ("C-SPINE sag", "another region"),
    ],
)
def test_what_is_left_says_why(imported, description, words):
    rows = [row for row in table(imported[0] / "bids_series.tsv") if row["description"] == description]
    assert len(rows) == 4
    assert all(row["decision"] == "leave" and words in row["reason"] for row in rows), rows[0]["reason"]


def test_images_have_the_values_and_places_of_the_scans(imported):
    bids = imported[0] / "bids"
    for name, (data, affine), offset in (
        ("ct/sub-001_ses-01_ct", small_head(), -1000),
        ("anat/sub-001_ses-01_FLAIR", small_head(turned_deg=8), 0),
    ):
        image = nib.load(bids / f"sub-001/ses-01/{name}.nii.gz")
        spot = np.argwhere(image.get_fdata() > 800 + offset).mean(axis=0)
        wanted = np.argwhere(data > 800).mean(axis=0)
        assert np.allclose(image.affine @ [*spot, 1], affine @ [*wanted, 1], atol=0.01)
        assert sorted(image.get_fdata().ravel()) == sorted((data + offset).ravel())


def test_nothing_names_a_person(imported):
    folder = imported[0]
    words = [
        *NAMES,
        "77001234",
        "77005678",
        "Healer",
        "Invented",
        "CT7",
        "19500203",
        "2020-01",
        "20200110",
        "Clara",
        "Otto",
    ]
    found = findings(folder / "bids", words)
    assert [one for one in found if one.kind != "face"] == []
    for path in (folder / "bids_series.tsv",):
        assert not any(name in path.read_text() for name in ("Sonnenschein", "Mustermann", "77001234"))


def test_intervals_between_dates_are_kept(imported):
    from datetime import date

    folder = imported[0]
    for subject in ("001", "002"):
        first, second = (
            date.fromisoformat(row["acq_time"][:10])
            for row in table(folder / f"bids/sub-{subject}/sub-{subject}_sessions.tsv")
        )
        assert (second - first).days == (date(2023, 4, 20) - date(2020, 1, 14)).days
        assert second.year < 1925
    people = {row["participant_id"]: row for row in table(folder / "bids/participants.tsv")}
    assert sorted(row["age"] for row in people.values()) == ["69", "88"]


def test_sidecars_say_how_a_ct_was_made(imported):
    facts = json.loads((imported[0] / "bids/sub-001/ses-01/ct/sub-001_ses-01_ct.json").read_text())
    assert facts["KVP"] == 120
    assert facts["ConvolutionKernel"] == "STANDARD"
    assert facts["ContrastBolusAgent"] == "none"
    assert facts["GantryDetectorTilt"] == 0
    after = json.loads((imported[0] / "bids/sub-001/ses-01/vwi/sub-001_ses-01_ce-contrast_vwi.json").read_text())
    assert after["ContrastBolusAgent"] == "given"
    assert after["EchoTime"] == pytest.approx(0.016)


def test_the_workflow_reads_what_was_imported(imported):
    index = index_bids(imported[0] / "bids")
    assert len(index.rows) == 4
    for row in index.rows:
        assert {"ct", "T1w", "T2w", "FLAIR", "swi", "vwi", "vwi_ce", "angio"} <= set(row.values)


def test_with_studies_the_line_that_is_printed_last_leads_to_their_tables(imported, tmp_path):
    folder = tmp_path / "again"
    shutil.copytree(imported[0], folder)
    done = angiolith("import-dicom", folder / "export", folder / "bids", "--studies", "both")
    line = done.stdout.splitlines()[-1].removeprefix("then:").split()
    assert line[:2] == ["angiolith", "run"]
    config = folder / "bids_study.yaml"
    assert {name: one["preset"] for name, one in yaml.safe_load(config.read_text())["analyses"].items()} == {
        "vba": "vertebrobasilar-culprit",
        "csvd": "calcification-csvd",
    }
    assert len((folder / "bids/phenotype/clinical.tsv").read_text().splitlines()) == 3
    planned = angiolith("plan", *line[2:])
    assert planned.exit_code == 0, planned.stderr
    assert {"build attrition", "build report"} <= {row.split("  ")[0] for row in planned.stdout.splitlines()}
    assert angiolith("import-dicom", folder / "export", folder / "bids", "--studies", "all").exit_code == 2


def test_a_second_import_changes_no_byte_and_an_answer_adds_one_image(imported, tmp_path):
    folder = tmp_path / "again"
    shutil.copytree(imported[0], folder)
    before = contents(folder)
    done = angiolith("import-dicom", folder / "export", folder / "bids")
    assert "of which 0 were written now" in done.stdout
    assert contents(folder) == before
    listing = folder / "bids_series.tsv"
    rows = listing.read_text().splitlines()
    header = rows[0].split("\t")
    asked = next(number for number, row in enumerate(rows) if "\task\t" in row)
    cells = rows[asked].split("\t")
    cells[header.index("answer")] = "T2starw"
    listing.write_text("\n".join([*rows[:asked], "\t".join(cells), *rows[asked + 1 :]]) + "\n")
    done = angiolith("import-dicom", folder / "export", folder / "bids")
    assert "of which 1 were written now" in done.stdout
    new = set(contents(folder)) - set(before)
    assert {name.rsplit("_", 1)[1] for name in new} == {"T2starw.nii.gz", "T2starw.json"}


def test_a_grown_export_keeps_labels_and_an_import_made_anew_has_the_same_bytes(tmp_path):
    export, bids, other = tmp_path / "export", tmp_path / "bids", tmp_path / "other"
    early, _ = write_ct_visits(export)
    early.rename(tmp_path / "early")
    angiolith("import-dicom", export, bids)
    before = contents(bids)
    (tmp_path / "early").rename(early)
    done = angiolith("import-dicom", export, bids)
    assert "of which 1 were written now" in done.stdout
    kept = {name: content for name, content in before.items() if name.endswith((".nii.gz", ".json"))}
    assert kept.items() <= contents(bids).items()
    days = {row["session_id"]: row["acq_time"] for row in table(bids / "sub-001/sub-001_sessions.tsv")}
    assert days["ses-02"] < days["ses-01"]  # the label of the first import stays; the dates tell the order
    shutil.copy(tmp_path / "bids_key.tsv", tmp_path / "other_key.tsv")
    angiolith("import-dicom", export, other)
    anew = contents(other)
    assert anew["sub-001/ses-02/ct/sub-001_ses-02_ct.nii.gz"] == before["sub-001/ses-01/ct/sub-001_ses-01_ct.nii.gz"]
    assert {"sub-001/ses-01/ct/sub-001_ses-01_ct.nii.gz", "participants.tsv"} <= set(anew)


def test_a_run_that_was_cut_short_leaves_nothing_half(tmp_path, monkeypatch):
    from angiolith.dicom import importing

    export = tmp_path / "export"
    write_ct_visits(export)
    angiolith("import-dicom", export, tmp_path / "whole")
    shutil.copy(tmp_path / "whole_key.tsv", tmp_path / "cut_key.tsv")
    done, real = [], importing.convert

    def once(volume, day):
        if done:
            raise KeyboardInterrupt
        done.append(volume)
        return real(volume, day)

    monkeypatch.setattr(importing, "convert", once)
    with pytest.raises(KeyboardInterrupt):
        importing.import_dicom(
            importing.Order(export, tmp_path / "cut", *importing.private_files(tmp_path / "cut")), print
        )
    assert len([name for name in contents(tmp_path / "cut") if name.endswith(".nii.gz")]) == 1
    monkeypatch.undo()
    angiolith("import-dicom", export, tmp_path / "cut")
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


@pytest.mark.parametrize("private", ["--key", "--series"])
def test_private_files_may_not_lie_in_the_shared_folder(tmp_path, private):
    (tmp_path / "export").mkdir()
    done = angiolith("import-dicom", tmp_path / "export", tmp_path / "bids", private, tmp_path / "bids/code/key.tsv")
    assert done.exit_code == 2
    assert "must lie outside" in done.stderr


def test_a_wrong_answer_is_refused_with_the_nearest_word(imported, tmp_path):
    text = (imported[0] / "bids_series.tsv").read_text().splitlines()
    cells = text[1].split("\t")
    cells[text[0].split("\t").index("answer")] = "FLAR"
    (tmp_path / "bids_series.tsv").write_text("\n".join([text[0], "\t".join(cells)]) + "\n")
    done = angiolith("import-dicom", imported[0] / "export", tmp_path / "bids")
    assert done.exit_code == 2
    assert "row 2: answer 'FLAR'" in done.stderr
    assert "FLAIR" in done.stderr


def test_images_hold_no_time_of_day(imported):
    for path in (imported[0] / "bids").rglob("*.nii.gz"):
        header = gzip.decompress(path.read_bytes())[:352]
        assert header[148:252] == b"\0" * 104
