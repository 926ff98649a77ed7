"""Labels of clinical tables: how many find images, and no near label is ever joined silently."""

import pandas as pd
import pytest

from angiolith.cohort.clinical import ClinicalTables, read_clinical
from angiolith.cohort.external import StudyTableError
from angiolith.cohort.labels import found_rows

VISITS = {("01", "01"), ("01", "02"), ("02", "01"), ("A10", "1")}


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["sub-1", "sub-02"], "row 2, participant_id: '1' is no subject of the images; write '01'"),
        (["SUB-01", "sub-02"], "row 2, participant_id: 'SUB-01' is no subject of the images; write '01'"),
        (["01", "a10"], "row 3, participant_id: 'a10' is no subject of the images; write 'A10'"),
        (["P1", "P2"], "none of its 2 rows has a subject of the images ('P1' is none); is '01' meant by 'P1'?"),
        (["XYZ"], "none of its 1 rows has a subject of the images"),
    ],
)
def test_subjects_that_are_none_of_the_images(tmp_path, labels, message):
    path = tmp_path / "participants.tsv"
    path.write_text("participant_id\tage\n" + "".join(f"{label}\t60\n" for label in labels))
    with pytest.raises(StudyTableError) as error:
        read_clinical(path, VISITS, one_each=True)
    assert message in str(error.value)


@pytest.mark.parametrize("column", ["session_id", "session"])
@pytest.mark.parametrize(
    ("visits", "message"),
    [
        (["01 1"], "'1' is no session of sub-01 of the images; write '01'"),
        (["A10 ses-01"], "'01' is no session of sub-A10 of the images; write '1'"),
        (["01 baseline", "02 baseline"], "none of its 2 rows has a session of the images ('baseline' is none)"),
    ],
)
def test_sessions_that_are_none_of_the_images(tmp_path, column, visits, message):
    path = tmp_path / "readers.tsv"
    rows = "".join("\t".join([*visit.split(), "A", "2"]) + "\n" for visit in visits)
    path.write_text(f"participant_id\t{column}\treader\tfazekas\n{rows}")
    with pytest.raises(StudyTableError) as error:
        read_clinical(path, VISITS)
    assert message in str(error.value)


def test_the_account_says_how_many_rows_found_a_subject_and_a_session(tmp_path):
    people, readers = tmp_path / "participants.tsv", tmp_path / "readers.tsv"
    people.write_text("participant_id\tage\nsub-01\t60\nsub-02\t61\nsub-77\t62\n")
    readers.write_text("participant_id\tsession_id\tx\nsub-01\tses-01\t2\nsub-01\tses-03\t2\nsub-77\tses-01\t1\n")
    account = ClinicalTables(people, [readers], VISITS).account()
    assert account["rows"].tolist() == [3, 3]
    assert account["found_subject"].tolist() == [2, 2]
    assert account["found_session"].iloc[1] == 1
    assert pd.isna(account["found_session"].iloc[0])
    assert account["status"].tolist() == ["ok", "ok"]


def test_a_subject_of_its_own_beside_a_like_one_is_not_taken_for_it():
    table = pd.DataFrame({"participant_id": ["01", "1"]})
    assert found_rows(table, VISITS) == (1, None)
