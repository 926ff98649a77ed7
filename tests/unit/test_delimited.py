"""Text tables: rows never run into one another, and what is no table is refused with its row."""

import pandas as pd
import pytest

from angiolith.core.delimited import DelimitedError, read_cells, tsv_line
from angiolith.core.manifest_checks import ManifestError, table_rows
from angiolith.core.tables import read_tsv, write_tsv

QUOTED = 'a\tb\n1\t"left\n2\tx\n3\tright"\n'


def test_a_quotation_mark_in_a_tsv_is_a_character(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text(QUOTED)
    assert read_cells(path) == [["a", "b"], ["1", '"left'], ["2", "x"], ["3", 'right"']]
    assert read_tsv(path)["b"].tolist() == ['"left', "x", 'right"']
    assert [cells["b"] for _, cells in table_rows(path, "a")] == ['"left', "x", 'right"']


def test_texts_come_back_from_a_tsv_as_they_were_but_for_tabs_and_line_breaks(tmp_path):
    texts = ['"', "it's", 'a "b" c', "tab\there", "two\r\nlines", None]
    write_tsv(pd.DataFrame({"n": range(6), "text": texts}), tmp_path / "t.tsv")
    again = read_tsv(tmp_path / "t.tsv")
    assert again["text"].tolist()[:5] == ['"', "it's", 'a "b" c', "tab here", "two lines"]
    assert again["text"].isna().tolist() == [False] * 5 + [True]
    assert tsv_line(['say "x"', "a\nb", 1]) == 'say "x"\ta b\t1\n'


@pytest.mark.parametrize("text", ['a,b\n1,"x\n2,y\n', 'a,b\n1,"x\n2,"y"\n', 'a,b\n1,"x\ny"\n2,z\n', 'a,b\n1,"x"y\n'])
def test_a_quotation_mark_of_a_csv_ends_in_its_row(tmp_path, text):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(DelimitedError, match=r"t\.csv, row 2: a quotation mark"):
        read_cells(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\tb\nü\t1\n".encode("utf-16"), "is not UTF-8 but UTF-16"),
        ("a\tb\n\u00fc\t1\n".encode("utf-16-le"), "row 1: holds a NUL byte"),
        (
            "a\tb\n1\tM\u00fcller\n".encode("cp1252"),
            "row 2: is not UTF-8 .as Windows-1252 the row reads '1.tM\u00fcller'",
        ),
    ],
)
def test_another_encoding_is_named(tmp_path, content, message):
    path = tmp_path / "t.tsv"
    path.write_bytes(content)
    with pytest.raises(DelimitedError, match=message):
        read_cells(path)
    with pytest.raises(ManifestError, match=message):
        table_rows(path, "a")


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("id;x\n1;2,5\n2;3,5\n", [["id", "x"], ["1", "2,5"], ["2", "3,5"]]),
        ("id;wmh (a,b,c)\n1;2\n2;3\n", [["id", "wmh (a,b,c)"], ["1", "2"], ["2", "3"]]),
        ("id,x\r\n1,2\r\n", [["id", "x"], ["1", "2"]]),
        ('id,x\n1,"2,5"\n', [["id", "x"], ["1", "2,5"]]),
        ("id\tx\r1\t2\r", [["id", "x"], ["1", "2"]]),
    ],
)
def test_the_separator_is_the_one_that_cuts_the_rows_alike(tmp_path, text, cells):
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode())
    assert read_cells(path) == cells


@pytest.mark.parametrize(
    ("row", "message"), [("1\t2\t3", "row 3: more cells"), ("1", "row 3: fewer cells"), ("1\t2\t", None)]
)
def test_a_row_of_a_bids_table_has_the_headers_cells(tmp_path, row, message):
    path = tmp_path / "t.tsv"
    path.write_text(f"a\tb\n\n{row}\n")
    if message is None:
        assert table_rows(path, "a") == [(3, {"a": "1", "b": "2"})]
        return
    with pytest.raises(ManifestError, match=message):
        table_rows(path, "a")
