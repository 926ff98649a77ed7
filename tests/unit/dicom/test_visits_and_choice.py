"""Which studies are one visit, which of several series is taken, and who is one person."""

import numpy as np
import pytest

from angiolith.core.bids.dates import days_apart
from angiolith.dicom.classify import Decision, classify
from angiolith.dicom.head import has_ring
from angiolith.dicom.headers import read_headers
from angiolith.dicom.importing import Order, import_dicom
from angiolith.dicom.people import KeyProblem, read_key
from angiolith.dicom.series import volumes_of
from angiolith.dicom.targets import Candidate, settle
from angiolith.dicom.visits import sessions_of
from phantoms.pacs_export import SOFT, Study, mr, write_series
from tests.unit.dicom.made_export import small_head


@pytest.mark.parametrize(
    ("studies", "known", "expected"),
    [
        ({"a": "2020-01-01", "b": "2020-01-20", "c": "2021-01-01"}, {}, {"a": "01", "b": "01", "c": "02"}),
        ({"a": "2020-01-01", "b": None}, {}, {"a": "01", "b": "02"}),
        ({"a": "2019-01-01", "b": "2020-01-01"}, {"b": "01"}, {"a": "02", "b": "01"}),
        ({"a": "2020-01-15", "b": "2020-01-01"}, {"b": "base"}, {"a": "base", "b": "base"}),
    ],
)
def test_studies_of_a_few_days_are_one_visit(studies, known, expected):
    assert sessions_of(studies, 30, known, {}) == expected


def candidates(folder, *series):
    """Verdicts of head CT or MR series (description, attributes, slice step in mm)."""
    study = Study(folder, "A^B", "1", "19500101", "20200101", "HEAD")
    for description, given, step in series:
        data, affine = small_head(step_mm=step, slices=int(100 / step))
        write_series(study, data - (0 if "SOPClassUID" in given else 1000), affine, description, **given)
    return [Candidate(volume, classify(volume)) for volume in volumes_of(read_headers(folder)[0])]


def taken(settled):
    return [c.volume.text("SeriesDescription") for c in settled if c.verdict.decision is Decision.TAKE]


BONE = SOFT | {"ConvolutionKernel": "BONE"}
WITHOUT = SOFT | {"ConvolutionKernel": ""}
UNKNOWN, OTHER = SOFT | {"ConvolutionKernel": "X1"}, SOFT | {"ConvolutionKernel": "X2"}


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        ([("bone thin", BONE, 2.5), ("soft thick", SOFT, 5)], ["soft thick"]),
        ([("soft thick", SOFT, 5), ("soft thin", SOFT, 2.5)], ["soft thin"]),
        ([("bone alone", BONE, 5)], ["bone alone"]),
        ([("same", SOFT, 5), ("same", SOFT, 5)], ["same"]),
        ([("one", UNKNOWN, 5), ("two", OTHER, 2.5)], []),
        ([("one", SOFT, 5), ("two", SOFT, 5)], []),
        ([("AX BONE", WITHOUT, 2.5), ("AX ST", WITHOUT, 5)], ["AX ST"]),
        ([("t2 tra", mr("SE", 100, 4000, True), 5), ("t2 3d", mr("SE", 100, 3000), 5)], ["t2 3d"]),
        ([("SAG T1 FLAIR", mr("SE", 10, 2000, True), 5), ("T1 MPRAGE", mr("GR", 3, 2000), 5)], ["T1 MPRAGE"]),
    ],
)
def test_one_series_is_taken_or_all_are_asked(tmp_path, series, expected):
    settled = settle(candidates(tmp_path, *series))
    assert taken(settled) == expected
    if not expected:
        assert all(c.verdict.decision is Decision.ASK for c in settled)


def test_echoes_of_one_series_are_all_taken(tmp_path):
    study = Study(tmp_path, "A^B", "1", "19500101", "20200101", "HEAD")
    for echo in (8, 20):
        study.series = 0
        data, affine = small_head()
        affine[2, 3] += echo / 1000  # a place of its own: the writer's UIDs of both echoes are the same
        write_series(study, data, affine, "t2* gre", **mr("GR", echo, 600, True))
    settled = settle([Candidate(volume, classify(volume)) for volume in volumes_of(read_headers(tmp_path)[0])])
    assert [c.echo for c in settled] == [1, 2]


@pytest.mark.parametrize(
    ("description", "given", "target"),
    [
        ("AX T2 FLAIR", mr("SE", 120, 9000, True, InversionTime=2500), "FLAIR"),
        ("FILT_PHA: AX SWAN", mr("GR", 25, 40, ImageType=["ORIGINAL", "PRIMARY", "OTHER"]), "swi_phase"),
        ("AX SWAN", mr("GR", 25, 40), "swi"),
        ("AX T2* GRE", mr("GR", 20, 600, True), "T2starw"),
        ("Sag T1 MPRAGE +C", mr("GR", 3, 2000), "T1w_ce"),
        ("T1 MPRAGE w/o contrast", mr("GR", 3, 2000), "T1w"),
        ("HR VWI T1 post", mr("SE", 16, 900), "vwi_ce"),
        ("BRAIN 3D TOF", mr("GR", 3.6, 20), "angio"),
        ("Apparent Diffusion Coefficient (mm2/s)", mr("EP", 80, 5000, True), "adc"),
    ],
)
def test_mr_series_are_told_by_the_words_of_scanners(tmp_path, description, given, target):
    (one,) = candidates(tmp_path, (description, given, 5))
    assert (one.verdict.decision, one.verdict.target) == (Decision.TAKE, target), one.verdict


@pytest.mark.parametrize(
    ("description", "given", "words"),
    [
        ("T1 3D", mr("SE", 16, 900), "3D spin echo T1"),
        ("FLAIR", mr("SE", 120, 9000, True, InversionTime=200), "inversion time"),
        ("T2", mr("SE", 10, 4000, True), "echo time"),
        ("series 4", mr("SE", 100, 4000, True), "times are those of a T2w"),
        ("T1 MPRAGE", mr("GR", 3, 2000, BodyPartExamined=""), "nothing names the region"),
    ],
)
def test_what_words_and_physics_tell_differently_is_asked(tmp_path, description, given, words):
    study = Study(tmp_path, "A^B", "1", "19500101", "20200101", "")
    write_series(study, *small_head(), description, **given)
    (volume,) = volumes_of(read_headers(tmp_path)[0])
    verdict = classify(volume)
    assert verdict.decision is Decision.ASK
    assert words in verdict.reason


def test_two_numbers_of_one_person_are_one_subject(tmp_path):
    data, affine = small_head()
    for number, day in (("77", "20200101"), ("88", "20220101")):
        study = Study(tmp_path / "export", "Known^Person", number, "19500101", day, "CT HEAD")
        write_series(study, data - 1000, affine, "HEAD", **SOFT)
    chest = Study(tmp_path / "export", "Known^Person", "77", "19500101", "20180101", "CT CHEST")
    write_series(chest, data - 1000, affine, "CHEST", **SOFT | {"BodyPartExamined": "CHEST"})
    key = tmp_path / "key.tsv"
    key.write_text("patient_id\tsubject\tshift_days\n77\tP1\t-50000\n88\tP1\t-50000\n")
    order = Order(tmp_path / "export", tmp_path / "bids", key, tmp_path / "series.tsv")
    outcome = import_dicom(order, lambda text: None)
    assert sorted((row.get("subject"), row.get("session")) for row in outcome.rows) == [
        ("P1", ""),  # of the chest: no session is spent on it
        ("P1", "01"),
        ("P1", "02"),
    ]
    rows = (tmp_path / "bids/sub-P1/sub-P1_sessions.tsv").read_text().splitlines()[1:]
    assert days_apart(*(row.split("\t")[1] for row in rows)) == 731


def test_a_table_that_a_spreadsheet_program_saved_is_read_as_it_was(tmp_path):
    data, affine = small_head()
    study = Study(tmp_path / "export", "Known^Person", "77", "19500101", "20200101", "CT HEAD")
    write_series(study, data - 1000, affine, "HEAD", **SOFT)
    order = Order(tmp_path / "export", tmp_path / "bids", tmp_path / "key.tsv", tmp_path / "series.tsv")
    import_dicom(order, lambda text: None)
    text = order.series.read_text()
    saved = text.replace("001\t01\t2020-01-01", "1\t1\t01.01.2020").replace("\n", "\r\n")
    order.series.write_bytes(saved.encode())
    outcome = import_dicom(order, lambda text: None)
    assert outcome.n_new == 0
    assert order.series.read_text() == text


def test_numbers_of_one_person_have_one_shift(tmp_path):
    key = tmp_path / "key.tsv"
    key.write_text("patient_id\tsubject\tshift_days\n77\tP1\t-50000\n88\tP1\t-4\n")
    with pytest.raises(KeyProblem, match="the same shift_days"):
        read_key(key, tmp_path / "bids")


def test_a_ring_of_bone_under_the_skin_is_a_head():
    rows, columns = np.mgrid[:128, :128] - 63.5
    radius_mm = 2 * np.hypot(rows, columns / 0.8)
    head = np.select([radius_mm < 75, radius_mm < 82, radius_mm < 90], [35.0, 900.0, 40.0], -1000.0)
    assert has_ring(head, (2.0, 2.0))
    spine = np.where(radius_mm < 90, 40.0, -1000.0)
    spine[90:100, 58:70] = 600
    assert not has_ring(spine, (2.0, 2.0))
    assert not has_ring(np.where(head == 900, 40.0, head), (2.0, 2.0))
